"""Workflows: what can be one, under which name, and what it tells before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.names import registry

YAML = """
StartAt: Add
States:
  Add: {Type: Task, Resource: add, End: true}
"""
JSON = '{"StartAt": "Add", "States": {"Add": {"Type": "Task", "Resource": "add", "End": true}}}'
OBJECT = {"StartAt": "Add", "States": {"Add": {"Type": "Task", "Resource": "add", "End": True}}}


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_functions", {})
    monkeypatch.setattr(registry, "services", {})


@pytest.mark.parametrize("definition", [OBJECT, JSON, YAML], ids=["object", "json", "yaml"])
def test_an_object_json_and_yaml_are_one_workflow(definition: Any) -> None:
    flow = asw.workflow(definition)
    assert (flow.definition, flow.name, flow.dialect, flow.problems) == (OBJECT, "workflow", "asl", [])
    assert repr(flow) == "asw workflow workflow | 1 state | asl"
    assert flow.run([1, 2], functions={"add": sum}).output == 3


@pytest.mark.parametrize(("file", "text"), [("sums.asl.json", JSON), ("sums.yaml", YAML)])
def test_a_file_is_called_by_its_own_name(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.write_text(text)
    assert (asw.workflow(path).name, asw.workflow(path, "other").name) == ("sums", "other")
    assert asw.workflow(path).definition == OBJECT


def test_the_dialect_follows_the_resources() -> None:
    resource = "qrn:qcs:asw:gz:1:sdk:json:qcloud:scf:Invoke/add"
    tencent = {"StartAt": "Add", "States": {"Add": {"Type": "Task", "Resource": resource, "End": True}}}
    assert [asw.workflow(tencent, dialect=d).dialect for d in ("auto", "tcsl", "asl")] == ["tcsl", "tcsl", "asl"]
    assert asw.workflow(OBJECT, dialect="tcsl").run([1], functions={"add": sum}).id.startswith("qrn:")


def test_a_definition_with_problems_names_them_all() -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Pass", "Next": "D"}}
    with pytest.raises(asw.DefinitionError) as refused:
        asw.workflow({"StartAt": "A", "States": states}, "broken")
    messages = [p.message for p in refused.value.problems if p.severity == "ERROR"]
    assert "Missing 'Next' target: B" in messages
    assert "Missing 'Next' target: D" in messages
    assert str(refused.value).startswith(f'{len(messages)} problems in workflow "broken"\n')
    assert refused.value.problems == asw.validate({"StartAt": "A", "States": states})
    with pytest.raises(asw.DefinitionError):
        asw.run({"StartAt": "A", "States": states})
    assert len(asw.executions()) == 0


def test_validate_gives_the_place_of_each_problem_and_raises_nothing() -> None:
    text = '{"StartAt": "A",\n "States": {"A": {"Type": "Pass",\n  "Next": "B"}}}'
    problem = next(p for p in asw.validate(text) if p.code == "MISSING_TRANSITION_TARGET")
    assert (problem.severity, problem.message) == ("ERROR", "Missing 'Next' target: B")
    assert (problem.location, problem.line, problem.column) == ("/States/A/Next", 3, 11)
    assert asw.validate(OBJECT) == []
    assert [p.severity for p in asw.validate("{not: [json")] == ["ERROR"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "a workflow's name must be a text of 1 to 80 characters, not ''."),
        (3, "a workflow's name must be a text of 1 to 80 characters, not 3."),
        ("a:b c", "the workflow's name \"a:b c\" has characters that a name must not have: ' ' ':'."),
    ],
)
def test_a_bad_name(name: Any, text: str) -> None:
    with pytest.raises(asw.UsageError) as refused:
        asw.workflow(OBJECT, name)
    assert str(refused.value) == text


def test_a_workflow_lists_its_own_executions() -> None:
    flow, other = asw.workflow(OBJECT, "mine"), asw.workflow(OBJECT, "other")
    runs = [flow.run([n], functions={"add": sum}) for n in range(2)]
    other.run([], functions={"add": sum})
    assert flow.executions()["name"].tolist() == [run.name for run in reversed(runs)]


def test_functions_that_nobody_registered_are_warnings_with_their_place() -> None:
    text = '{"StartAt": "Add",\n "States": {"Add": {"Type": "Task",\n  "Resource": "add", "End": true}}}'
    flow = asw.workflow(text)
    (problem,) = flow.missing_functions()
    assert (problem.severity, problem.code, problem.location, problem.line) == (
        *("WARNING", "UNKNOWN_FUNCTION", "/States/Add/Resource", 3),
    )
    assert flow.missing_functions({"add": sum}) == []
    asw.function("add")(sum)
    assert flow.missing_functions() == []


def test_the_type_of_the_call_wins_over_the_workflows() -> None:
    flow = asw.workflow(OBJECT, "quick", type="EXPRESS")
    assert flow.run([], functions={"add": sum}).type == "EXPRESS"
    assert flow.run([], functions={"add": sum}, type="STANDARD").type == "STANDARD"
    assert asw.run(flow, [], functions={"add": sum}).type == "EXPRESS"
    assert asw.run(flow, [], functions={"add": sum}, type="STANDARD").type == "STANDARD"


def test_a_workflow_that_is_run_keeps_its_name() -> None:
    flow = asw.workflow(OBJECT, "named")
    assert asw.run(flow, [], functions={"add": sum}).workflow == "named"
    assert asw.run(flow, [], functions={"add": sum}, workflow="named").workflow == "named"
    with pytest.raises(asw.UsageError) as refused:
        asw.run(flow, [], functions={"add": sum}, workflow="other")
    assert str(refused.value) == 'the workflow is called "named" already: leave workflow="other" out.'


def test_a_workflow_shows_itself_as_a_picture() -> None:
    flow = asw.workflow(OBJECT, "drawn")
    bundle = flow._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "asw workflow drawn | 1 state | asl"
    assert "Add" in flow.to_svg()
    assert "Add" in flow.to_mermaid()


def test_functions_that_are_exchanged_between_two_starts_are_the_ones_that_run() -> None:
    flow = asw.workflow({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}, "exchanged")
    functions = {"f": lambda event: 1}
    assert flow.run(functions=functions).output == 1
    functions["f"] = lambda event: 2
    assert flow.run(functions=functions).output == 2
    functions["g"] = functions.pop("f")
    assert flow.run(functions=functions).error == "Lambda.ResourceNotFoundException"
    assert flow.run(functions={"f": lambda event: 3}).output == 3


def test_options_count_for_their_own_start_only() -> None:
    flow = asw.workflow({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "options")
    first = flow.run(1, tags={"team": "etl"}, timeout_s=60)
    second = flow.run(2)
    tagged = flow.executions().set_index("name")["tags"]
    assert (tagged[first.name], tagged[second.name]) == ({"team": "etl"}, {})
    with pytest.raises(asw.UsageError, match='"timeout" is no option of an execution'):
        flow.run(3, timeout=1)
    assert flow.run(4, type="EXPRESS").type == "EXPRESS"
    assert flow.run(5).type == "STANDARD"
