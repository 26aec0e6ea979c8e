"""A workspace: where its file lies, what it finds in it, and which calls it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.workspace import default_path, default_workspace

FLOW = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


def run(**options: Any) -> asw.Execution:
    return asw.run(FLOW, **{"functions": {"f": dict}, **options})


def refused(call: Any, *values: Any, **options: Any) -> str:
    with pytest.raises(asw.UsageError) as problem:
        call(*values, **options)
    return str(problem.value)


# -------------------------------------------------------------------------------------------- the file


def test_the_default_file_lies_under_the_home_or_beside_the_notebook(
    asw_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_path() == asw_home / "history.db"
    monkeypatch.delenv("ASW_NB_HOME")
    monkeypatch.chdir(tmp_path)
    assert default_path() == tmp_path / ".asw" / "history.db"


def test_the_default_workspace_is_opened_once_per_home(asw_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = default_workspace()
    assert default_workspace() is first
    assert (first.path, first.path.exists(), repr(first)) == (
        asw_home / "history.db",
        True,
        f'Workspace("{asw_home / "history.db"}")',
    )
    monkeypatch.setenv("ASW_NB_HOME", str(asw_home / "other"))
    second = default_workspace()
    assert second.path == asw_home / "other" / "history.db"
    second.close()
    assert default_workspace() is not second
    first.close()


def test_a_folder_holds_a_file_of_the_usual_name(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        assert ws.path == tmp_path / "history.db"
    with asw.Workspace(str(tmp_path / "mine.db")) as ws:
        assert (ws.path, ws.closed) == (tmp_path / "mine.db", False)
    assert ws.closed


def test_sqlites_word_for_no_file_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(asw.UsageError) as refused:
        asw.Workspace(":memory:")
    assert str(refused.value) == (
        'a history is a file: give its path, such as Workspace("history.db"). Executions with type="EXPRESS" keep theirs in memory.'
    )
    assert [*tmp_path.iterdir()] == []


def test_what_ran_in_one_workspace_is_not_in_another(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path / "one.db") as one:
        run(workspace=one)
        asw.workflow(FLOW, workspace=one).run(functions={"f": dict})
        assert (len(one.executions()), len(asw.executions())) == (2, 0)


def test_the_history_outlives_the_workspace(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        made = run(workspace=ws, input={"a": [1]}, name="kept", tags={"k": 1})
        events, states = made.history(), made.states().values.tolist()
    with asw.Workspace(tmp_path) as ws:
        found = ws.execution("kept")
        assert (found.status, found.output, found.input, found.id) == ("SUCCEEDED", {"a": [1]}, {"a": [1]}, made.id)
        assert (found.history(), found.states().values.tolist()) == (events, states)
        assert ws.executions()["tags"].tolist() == [{"k": 1}]


def test_an_express_execution_leaves_its_row_only(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        made = run(workspace=ws, input={"a": 1}, name="quick", type="EXPRESS")
        assert len(made.events()) == 7
    with asw.Workspace(tmp_path) as ws:
        found = ws.execution("quick")
        assert (found.status, found.output, found.type, len(found.events())) == ("SUCCEEDED", {"a": 1}, "EXPRESS", 0)


# ---------------------------------------------------------------------------------------------- finding


def test_an_execution_is_found_by_name_id_key_and_as_the_latest() -> None:
    first, second = run(name="first"), run(name="second")
    ws = default_workspace()
    for spelling in ("first", first.id, first.key):
        assert ws.execution(spelling).id == first.id
    assert ws.execution("latest").id == second.id
    assert ws.execution("second", workflow="workflow").id == second.id
    assert ws.live(first.key) is first._run


def test_of_two_executions_of_one_name_the_newer_or_the_workflows_own() -> None:
    a = asw.run(FLOW, functions={"f": dict}, workflow="a", name="same")
    b = asw.run(FLOW, functions={"f": dict}, workflow="b", name="same")
    assert asw.execution("same").id == b.id
    assert asw.execution("same", workflow="a").id == a.id
    assert asw.execution("latest", workflow="a").id == a.id
    assert asw.execution(a.id).id == a.id


def test_a_tcsl_execution_is_found_by_its_qrn() -> None:
    made = run(dialect="tcsl", name="tencent")
    assert made.id == "qrn:qcs:asw:local:0:execution:workflow:tencent"
    assert asw.execution(made.id).key == made.key


def test_an_unknown_execution_is_told_with_the_nearest(asw_home: Path) -> None:
    file = asw_home / "history.db"
    assert refused(asw.execution, "latest") == (
        f'there is no execution "latest" in "{file}". asw_nb.executions() lists them.'
    )
    run(name="nightly-7")
    assert refused(asw.execution, "nightly7") == (
        f'there is no execution "nightly7" in "{file}". Did you mean "nightly-7"? asw_nb.executions() lists them.'
    )


# --------------------------------------------------------------------------------------- refused calls


def test_a_name_is_unique_per_workflow_and_the_first_is_left_alone() -> None:
    first = run(name="order-17", input={"a": 1})
    assert refused(run, name="order-17") == (
        'workflow "workflow" already has an execution named "order-17". '
        "Names are unique per workflow: leave name= out, or choose another."
    )
    assert asw.execution("order-17").output == first.output == {"a": 1}
    assert asw.run(FLOW, functions={"f": dict}, workflow="other", name="order-17").status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", 'the execution\'s name "" must be a text of 1 to 80 characters.'),
        ("x" * 81, f'the execution\'s name "{"x" * 81}" must be a text of 1 to 80 characters.'),
        (7, 'the execution\'s name "7" must be a text of 1 to 80 characters.'),
        ("a b", "the execution's name \"a b\" has characters that a name must not have: ' '."),
        ("a/b:c", "the execution's name \"a/b:c\" has characters that a name must not have: '/' ':'."),
        ("tab\t", "the execution's name \"tab\t\" has characters that a name must not have: '\\t'."),
        ("half\ud800", "the execution's name \"half\ud800\" has characters that a name must not have: '\\ud800'."),
    ],
)
def test_a_bad_name(name: Any, text: str) -> None:
    assert refused(run, name=name) == text
    assert len(asw.executions()) == 0


@pytest.mark.parametrize("name", ["x" * 80, "日报-2024.05.01_(1)", "a=b@c+d"])
def test_a_good_name(name: str) -> None:
    assert asw.execution(run(name=name).id).name == name


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"type": "EXPRES"}, 'type="EXPRES" is not known. Did you mean "EXPRESS"? Use one of: STANDARD, EXPRESS.'),
        ({"dialect": "TCSL"}, 'dialect="TCSL" is not known. Did you mean "tcsl"? Use one of: auto, tcsl, asl.'),
        ({"timeout_s": 0}, "timeout_s=0 must be a positive number of seconds."),
        ({"timeout_s": "5"}, "timeout_s='5' must be a positive number of seconds."),
        ({"timeout_s": True}, "timeout_s=True must be a positive number of seconds."),
        ({"timeout_s": math.nan}, "timeout_s=nan must be a positive number of seconds."),
        ({"timeout_s": math.inf}, "timeout_s=inf must be a positive number of seconds."),
        ({"input": {"a": {1}}}, "the input is no JSON value: input.a is a set, which is no JSON value: use numbers, strings, lists and dicts."),
        ({"input": math.nan}, "the input is no JSON value: input is nan, which JSON cannot hold: use None instead."),
        ({"tags": ["a"]}, "tags=['a'] must be a dict, such as {\"team\": \"etl\"}."),
        ({"tags": {"a": {1}}}, "the tags are no JSON value: tags.a is a set, which is no JSON value: use numbers, strings, lists and dicts."),
        ({"workspace": "here.db"}, "workspace='here.db' must be an asw_nb.Workspace."),
        ({"functions": 3}, 'functions=3 must be a dict of names and functions, such as {"sum": my_sum}.'),
        ({"functions": {"f": 3}}, '"f" is no function but a int: pass something that can be called as f(event)'),
    ],
    ids=lambda v: str(v)[:30],
)  # fmt: skip
def test_a_bad_argument_is_refused_before_anything_is_written(options: dict[str, Any], text: str) -> None:
    assert refused(run, **options) == text
    assert len(asw.executions()) == 0


def test_an_executor_that_there_is_not() -> None:
    text = refused(run, executor="treads")
    assert text.startswith('executor="treads" is not known. Did you mean "threads"? Use one of: ')
    assert len(asw.executions()) == 0


def test_an_option_that_there_is_not() -> None:
    text = refused(run, timeout=5)
    assert text.startswith('"timeout" is no option of an execution. Did you mean "timeout_s"? Options: ')


# ------------------------------------------------------------------------------- nobody else's to change


def test_what_a_user_does_to_an_output_changes_nobody_elses() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"list": [1]}, "End": True}}}
    first = asw.run(definition)
    first.output["list"].append("mine")
    assert asw.run(definition).output == {"list": [1]}
    assert asw.execution(first.id).output == {"list": [1]}


def test_what_a_user_does_to_a_definition_changes_no_workflow() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": [1], "End": True}}}
    flow = asw.workflow(definition, "fixed")
    flow.definition["States"]["A"]["Result"].append(2)
    flow.run().definition["States"]["A"]["Result"].append(3)
    definition["States"]["A"]["Result"].append(4)  # type: ignore[index]
    assert (flow.run().output, flow.definition["States"]["A"]["Result"]) == ([1], [1])
    assert asw.run(definition).output == [1, 4]
    assert asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": [1], "End": True}}}).output == [1]


def test_what_a_user_does_to_an_input_changes_no_execution() -> None:
    given = {"list": [1]}
    made = run(input=given)
    given["list"].append(2)
    assert (made.input, made.output, asw.execution(made.id).input) == ({"list": [1]}, {"list": [1]}, {"list": [1]})
