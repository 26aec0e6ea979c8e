"""No secret is shown or exported unasked, and none reaches the file of a workspace that keeps none."""

from __future__ import annotations

import base64
import json
import re
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from ipywidgets.widgets.widget import _instances as widgets

import asw_nb as asw
from asw_nb.analysis.card import describe, execution_card, live_card
from asw_nb.backends.activities import ActivityTask
from asw_nb.history.doctor import Finding, Report
from asw_nb.history.redact_store import REMOVED, first_removed
from asw_nb.notebook import monitor as monitor_module
from asw_nb.notebook.live import TextView
from tests.notebook.shell import Notebook

SIGN = "zq9-"
"""Stands in every secret of these tests, and nowhere else."""


def s(name: str) -> str:
    return f"{SIGN}{name}-secret"


GIVEN = {
    "user": "lucy", "password": s("password"), "db": {"url": f"postgres://lucy:{s('url')}@host/db", "options": [{"name": "SSL_PASSWORD", "value": s("pair")}]},
    "headers": {"Authorization": f"Bearer {s('header')}", "Cookie": f"a={s('cookie')}; b=1"}, "api_keys": [s("key1"), s("key2")], "credentials": {"id": s("id"), "n": {"m": s("deep")}},
    "body": json.dumps({"token": s("body")}), "note": f"login with --token {s('option')}", "tables": [{"name": "orders", "secret": s("item1")}, {"name": "users", "secret": s("item2")}],
}  # fmt: skip


def connect(event: Any, context: Any) -> Any:
    local_password = "zq9-source-secret"
    print(f"password={event['password']}")
    print(json.dumps({"credentials": event["credentials"]}, indent=1))
    context.log(f"api_key: {s('log')}")
    if context.attempt == 1:
        raise ValueError(f"cannot log in: password='{s('message')} {local_password}' at {event['db']['url']}, Authorization: Bearer {s('scheme')}")
    return {"rows": 3, "session": {"token": s("result")}, "password": event["password"]}


def load(event: Any) -> Any:
    return {"table": event["name"], "connectionSecret": s("output")}


def give_up(event: Any) -> None:
    raise asw.TaskError(f"Login.Failed secret={s('error')}", f"token: {s('cause')} was refused")


FUNCTIONS = {"connect": connect, "load": load, "give_up": give_up}
FLOW: dict[str, Any] = {
    "StartAt": "Connect",
    "States": {
        "Connect": {
            "Type": "Task", "Resource": "connect", "Assign": {"apiToken.$": "$.password"}, "ResultPath": "$.connection",
            "Retry": [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1, "MaxAttempts": 2}], "Next": "Known",
        },
        "Known": {
            "Type": "Choice", "Default": "GiveUp",
            "Choices": [{"Variable": "$.password", "StringEquals": s("compared"), "Next": "GiveUp"}, {"Variable": "$.user", "StringEquals": "lucy", "Next": "Each"}],
        },
        "Each": {
            "Type": "Map", "ItemsPath": "$.tables", "ResultPath": "$.loaded", "Next": "GiveUp",
            "ItemProcessor": {"StartAt": "Load", "States": {"Load": {"Type": "Task", "Resource": "load", "End": True}}},
        },
        "GiveUp": {"Type": "Task", "Resource": "give_up", "Catch": [{"ErrorEquals": ["Other"], "Next": "Done"}], "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}  # fmt: skip


def clear(text: Any) -> str:
    """A text with everything readable that it carries: the pictures in it, and what is escaped."""
    text = text if isinstance(text, str) else json.dumps(text, default=str, ensure_ascii=False)
    pictures = [base64.b64decode(data).decode() for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", text)]
    return "\n".join([text, *pictures])


def leaks(shown: Any) -> list[str]:
    """Every secret that can be read in it."""
    return sorted(set(re.findall(rf"{SIGN}\S{{0,20}}", clear(shown))))


def forms(thing: Any) -> dict[str, Any]:
    """What a front end gets of an object."""
    bundle = getattr(thing, "_repr_mimebundle_", lambda *_: {})() or {}
    html = getattr(thing, "_repr_html_", lambda: None)()
    return {**bundle, "repr": repr(thing), "str": str(thing), **({"html": html} if html else {})}


@pytest.fixture
def failed(asw_home: Path) -> asw.Execution:
    run = asw.run(FLOW, GIVEN, functions=FUNCTIONS, clock=asw.VirtualClock(), name="first", workflow="etl")
    assert (run.status, run.failed_at) == ("FAILED", "GiveUp")
    return run


TABLES = ("states", "attempts", "events", "map_items", "logs")


# --------------------------------------------------------------------------- what is shown


def test_nothing_that_shows_itself_shows_a_secret(failed: asw.Execution) -> None:
    again = asw.run(FLOW, GIVEN, functions=FUNCTIONS, clock=asw.VirtualClock(), workflow="etl")
    flow = asw.workflow(FLOW, "etl")
    things = {
        "run": failed, "state": failed["GiveUp"], "item": failed["Each[0]/Load"], "timeline": failed.timeline(), "by state": failed.timeline(axis="absolute", rows="state"), "graph": failed.graph(),
        "summary": failed.summary(), "compare": asw.compare([failed, again]), "flow": flow, "doctor": asw.doctor(), "plan": failed.redrive(dry_run=True), "failures": asw.failures(),
        "executions": asw.executions(), "metrics": failed.metrics(), **{name: getattr(failed, name)() for name in TABLES}, "all states": asw.states(), "all logs": asw.logs([failed]),
    }  # fmt: skip
    shown = {f"{name} {form}": text for name, thing in things.items() for form, text in forms(thing).items()}
    shown |= {"svg": failed.to_svg(), "mermaid": flow.to_mermaid(), "flow svg": flow.to_svg(), "card": execution_card(failed)}
    assert {name: found for name, text in shown.items() if (found := leaks(text))} == {}
    assert all("•••" in shown[name] for name in ("run repr", "run text/html", "state repr", "executions html", "failures repr"))


def test_tables_have_no_secret_in_any_export(failed: asw.Execution, tmp_path: Path) -> None:
    for name in (*TABLES, "executions"):
        table = asw.executions() if name == "executions" else getattr(failed, name)()
        exports = [table.to_csv(), table.to_json(default_handler=str, date_format="iso"), table.to_html(), table.to_string(), str(table.to_dict("records"))]
        assert (name, [leaks(text) for text in exports]) == (name, [[]] * 5)
    failed.trace(tmp_path / "trace.json")
    files = [tmp_path / "trace.json", *(tmp_path / f"report.{kind}" for kind in ("html", "md", "ipynb"))]
    for file in files[1:]:
        failed.report(file, code=True)
    assert {file.name: leaks(file.read_text()) for file in files} == {file.name: [] for file in files}


def test_a_table_differs_in_nothing_but_its_secrets(failed: asw.Execution) -> None:
    for name in TABLES:
        shown, real = getattr(failed, name)(), getattr(failed, name)(redact=False)
        assert (list(shown.columns), list(shown.dtypes), len(shown)) == (list(real.columns), list(real.dtypes), len(real))
        assert leaks(real.to_csv()) != []
        rest = [c for c in shown.columns if c not in ("input", "output", "details", "error", "cause", "line")]
        assert shown[rest].equals(real[rest])
    assert asw.executions(redact=False)["input"].tolist() == [GIVEN]
    assert asw.executions()["input"][0]["tables"] == [{"name": "orders", "secret": "•••"}, {"name": "users", "secret": "•••"}]
    assert asw.states([failed], redact=False)["input"][0] == GIVEN
    assert failed.map_items()["output"].tolist() == [{"table": "orders", "connectionSecret": "•••"}, {"table": "users", "connectionSecret": "•••"}]
    assert failed.logs()["line"].tolist()[:6] == ["password=•••", "{", ' "credentials": •••', "•••", "•••", "•••"]


def test_programs_get_the_real_values(failed: asw.Execution) -> None:
    assert (failed.input, failed.error, failed.cause[-13:]) == (GIVEN, f"Login.Failed secret={s('error')}", "Failed\"]}"[-13:]) or failed.input == GIVEN
    assert failed["Connect"].input == GIVEN
    assert failed["Each[0]/Load"].output == {"table": "orders", "connectionSecret": s("output")}
    assert failed["Connect"].logs[0] == f"password={s('password')}"
    assert s("message") in (failed["Connect"].traceback or "")
    with pytest.raises(asw.ExecutionFailed) as problem:
        failed.result()
    assert problem.value.error == f"Login.Failed secret={s('error')}"
    assert s("cause") in (problem.value.cause or "")


def test_the_message_of_a_failed_execution_has_no_secret(failed: asw.Execution) -> None:
    with pytest.raises(asw.ExecutionFailed) as problem:
        failed.result()
    text = str(problem.value)
    assert text == 'execution "first" FAILED at state "GiveUp": Login.Failed secret=•••: token: ••• was refused'
    assert leaks("".join([text, repr(problem.value), *problem.value._render_traceback_()])) == []


def test_a_history_is_exact_unless_it_is_to_be_given_away(failed: asw.Execution) -> None:
    for form in ("aws", "tencent"):
        exact, given_away = failed.history(form), failed.history(form, redact=True)
        assert leaks(exact) != []
        assert leaks(given_away) == []
        assert [list(event) for event in given_away] == [list(event) for event in exact]
    entered = failed.history(redact=True)[1]["stateEnteredEventDetails"]
    assert json.loads(entered["input"])["db"] == {"url": "postgres://lucy:•••@host/db", "options": [{"name": "SSL_PASSWORD", "value": "•••"}]}


def test_the_live_view_shows_no_secret(asw_home: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(event: Any) -> None:
        begun.set()
        assert go_on.wait(30)

    slow = {"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "wait", "ResultPath": None, "Next": "Connect"}, **FLOW["States"]}}
    run = asw.workflow(slow, "etl").start(GIVEN, functions={**FUNCTIONS, "wait": wait, "connect": lambda e: give_up(e)})
    heard: list[Any] = []
    assert run._run is not None and begun.wait(30)
    run._run.listeners.append(lambda live, events: heard.extend(filter(None, (describe(live, event) for event in events))))
    shown = [live_card(run._run, run._record, ["1.00 s  W"]), repr(run)]
    view = TextView(run)
    go_on.set()
    with capture_output() as captured:
        view.wait()
    run.wait()
    shown += [live_card(run._run, run._record, heard), captured.stdout, *heard]
    assert [leaks(text) for text in shown] == [[]] * len(shown)
    assert any("failed, Login.Failed secret=•••" in line for line in heard)
    assert "Connect: failed, Login.Failed secret=•••" in captured.stdout


def test_the_monitor_shows_no_secret(failed: asw.Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_module, "display", lambda *_, **__: None)
    monitor = monitor_module.Monitor(failed)
    seen: list[Any] = []
    for box in list(monitor.graph._buttons.values()):
        box.click()
        for number in range(len(monitor.details.tab.children)):
            monitor.details.tab.selected_index = number
            seen += [widget.get_state() for widget in list(widgets.values()) if getattr(widget, "comm", None) is not None]
    monitor.close()
    assert "•••" in clear(seen)
    assert [found for state in seen if (found := leaks(state))] == []


def test_things_of_the_program_do_not_print_what_they_hold() -> None:
    assert repr(ActivityTask(s("token"), {"password": s("input")})) == "ActivityTask()"
    report = Report(Path("history.db"), [Finding("x", "OK", f"password={s('detail')}", f"token: {s('fix')}")])
    assert [leaks(text) for text in forms(report).values()] == [[]] * len(forms(report))


# --------------------------------------------------------------------------- the magics


@pytest.fixture
def shell(notebook: Notebook) -> InteractiveShell:
    """A shell that knows the functions and their secrets."""
    notebook.shell.user_ns |= {"given": GIVEN, **FUNCTIONS, "clock": asw.VirtualClock()}
    return notebook.shell


CELLS = [
    f"%%asw etl --time virtual -r -i given -o run --wait --view text\n{json.dumps(FLOW)}", f"%%asw etl --time virtual -r -i given -o run --wait --view html\n{json.dumps(FLOW)}",
    f"%%asw etl --time virtual -r -i given -o run --wait --view html --no-fail\n{json.dumps(FLOW)}", f"%%asw etl\n{json.dumps(FLOW)}", "%asw show run", "%asw states run", "%asw list",
    "%asw timeline run", "%asw graph run", "%asw redrive run --dry-run", "%asw doctor", "run", "run['Connect']", "run.result()", f"%asw run etl -i '{{\"password\": \"{s('typed')}\"'",
]  # fmt: skip


def test_no_cell_puts_a_secret_into_the_notebook(shell: InteractiveShell) -> None:
    shell.run_cell("import asw_nb")
    shell.run_cell(f"run = asw_nb.run({FLOW!r}, given, clock=clock)")
    for cell in CELLS:
        with capture_output() as captured:
            result = shell.run_cell(cell)
            if result.result is not None:
                data, _ = shell.display_formatter.format(result.result)
                print(json.dumps(data, default=str))
        shown = [captured.stdout, captured.stderr, *(output.data for output in captured.outputs)]
        assert (cell[:40], [leaks(text) for text in shown if leaks(text)]) == (cell[:40], [])
        assert "".join(map(clear, shown)).strip() != "" or cell.startswith("%%asw etl\n")


# --------------------------------------------------------------------------- the store


def written(folder: Path) -> list[str]:
    """Every secret that stands in a file of the history, its log included."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.name.endswith("-wal") for file in files)
    return sorted({found.decode() for file in files for found in re.findall(rf"{SIGN}[\w-]{{0,20}}".encode(), file.read_bytes())})


def without_literals(flow: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(flow).replace(s("compared"), "x"))


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with asw.Workspace(folder / "history.db", redact_store=True) as ws:
        options: dict[str, Any] = {"functions": FUNCTIONS, "clock": asw.VirtualClock(), "workspace": ws, "tags": {"token": s("tag")}}
        run = asw.run(without_literals(FLOW), GIVEN, **options)
        express = asw.run(without_literals(FLOW), GIVEN, type="EXPRESS", **options)
        assert (run.status, express.status, run.input, express.input) == ("FAILED", "FAILED", GIVEN, GIVEN)
        assert s("error") in run.error and s("cause") in run.cause
        assert written(folder) == []
        kept = ws.execution(run.name)
        assert (kept.error, kept.input["user"], kept.input["password"]) == (f"Login.Failed secret={REMOVED}", "lucy", REMOVED)
        assert kept.input["db"] == {"url": f"postgres://lucy:{REMOVED}@host/db", "options": [{"name": "SSL_PASSWORD", "value": REMOVED}]}
        assert [v.status for v in kept.fold().visits] == [v.status for v in run.fold().visits]
        assert kept["Connect"].logs[0] == f"password={REMOVED}"
    assert written_at_rest(folder) == []


def written_at_rest(folder: Path) -> list[bytes]:
    return [found for file in folder.rglob("*") if file.is_file() for found in re.findall(SIGN.encode(), file.read_bytes())]


def test_without_it_the_file_has_them(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path / "kept" / "history.db") as ws:
        asw.run(FLOW, GIVEN, functions=FUNCTIONS, clock=asw.VirtualClock(), workspace=ws)
        assert s("password") in written(tmp_path / "kept")


MOVING: dict[str, Any] = {
    "StartAt": "Login",
    "States": {
        "Login": {"Type": "Task", "Resource": "login", "InputPath": "$.password", "ResultPath": "$.session.token", "Next": "Rename"},
        "Rename": {"Type": "Pass", "Parameters": {"p.$": "$.password", "list.$": "$.tokens"}, "ResultPath": "$.moved", "Next": "Each"},
        "Each": {
            "Type": "Map", "ItemsPath": "$.tokens", "ResultPath": None, "Next": "Use",
            "ItemProcessor": {"StartAt": "Item", "States": {"Item": {"Type": "Task", "Resource": "login", "End": True}}},
        },
        "Use": {"Type": "Task", "Resource": "use", "End": True},
    },
}  # fmt: skip


def test_a_secret_that_a_state_moves_is_still_one(tmp_path: Path) -> None:
    seen: list[Any] = []

    def login(event: Any) -> str:
        seen.append(event)
        print(f"logged in with {event}")
        return s("bare")

    def use(event: Any) -> Any:
        seen.append(event["moved"])
        return f"used {event['moved']['p']}"

    with asw.Workspace(tmp_path / "kept" / "history.db", redact_store=True) as ws:
        given = {"password": s("moved"), "tokens": [s("one"), s("two")]}
        run = asw.run(MOVING, given, functions={"login": login, "use": use}, workspace=ws)
        assert run.output == f"used {s('moved')}"
        assert (seen[0], sorted(seen[1:3]), seen[3]) == (s("moved"), [s("one"), s("two")], {"p": s("moved"), "list": [s("one"), s("two")]})
        assert written(tmp_path / "kept") == []
        assert ws.execution(run.name).output == f"used {REMOVED}"


@pytest.mark.parametrize("word", ["FAILED", "ABORTED", "States.TaskFailed", "Gate", "ValueError", "gate", "RUNNING", "STANDARD"])
def test_a_secret_that_is_a_word_of_ours_does_no_harm(word: str, tmp_path: Path) -> None:
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        run = asw.run(task(), {"password": word}, functions={"gate": Once()}, workspace=ws, name="r")
        assert (run.status, run.error, run.failed_at) == ("FAILED", "ValueError", "Gate")
    with asw.Workspace(tmp_path) as ws:
        kept = ws.execution("r")
        assert (kept.status, kept.failed_at, [v.status for v in kept.fold().visits]) == ("FAILED", "Gate", ["FAILED"])


def test_the_environment_keeps_secrets_out_of_the_default_file(asw_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASW_NB_REDACT_STORE", "1")
    asw.run(without_literals(FLOW), GIVEN, functions=FUNCTIONS, clock=asw.VirtualClock())
    assert written(asw_home) == []
    with asw.Workspace(asw_home / "other" / "history.db", redact_store=False) as ws:
        asw.run(FLOW, GIVEN, functions=FUNCTIONS, clock=asw.VirtualClock(), workspace=ws)
        assert s("password") in written(asw_home / "other")


def test_a_secret_in_a_definition_is_kept_and_said(tmp_path: Path) -> None:
    states = {"GetToken": {"Type": "Pass", "Parameters": {"user": "lucy", "token.$": "$.token", "db": {"password": "x"}}, "End": True}}
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        with pytest.warns(UserWarning) as told:
            asw.run({"StartAt": "GetToken", "States": states}, {"token": "t"}, workspace=ws)
        assert [str(w.message) for w in told] == [
            "the definition has a value under a secret's name (/States/GetToken/Parameters/db/password), and definitions are kept as they are, with "
            "redact_store=True too: give it with the input, or let the function fetch it."
        ]
        del states["GetToken"]["Parameters"]["db"]  # type: ignore[attr-defined]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asw.run({"StartAt": "GetToken", "States": states}, {"token": "t"}, workspace=ws)


# --------------------------------------------------------------------------- going on without them


class Gate:
    """A function that waits until the test lets it go, or is left behind."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, event: Any) -> Any:
        self.begun.set()
        self.open.wait(30)
        return {"done": True}


def left_behind(path: Path, flow: dict[str, Any], given: Any, **options: Any) -> None:
    """An execution named "left" whose kernel went away while its function "gate" ran."""
    gate = Gate()
    with asw.Workspace(path, redact_store=True) as ws:
        asw.workflow(flow, "w").start(given, name="left", workspace=ws, functions={"gate": gate}, **options)
        assert gate.begun.wait(30)
        threading.Timer(0.1, gate.open.set).start()
    assert gate.open.wait(30)


def task(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "Gate", "States": {"Gate": {"Type": "Task", "Resource": "gate", "End": True, **fields}}}


def go_on(event: Any) -> Any:
    return {"went on": event}


@pytest.mark.parametrize(
    ("flow", "given", "gone"),
    [
        (task(), {"user": "u", "login": [{"password": "secret1"}]}, '$.login[0].password in "Gate"'),
        (task(Parameters={"n": 1}), {"url": "postgres://u:secret1@h"}, '$.url in "Gate"'),
        (task(InputPath="$.n", ResultSelector={"r.$": "$$.Execution.Input.token"}, ResultPath="$", OutputPath="$.r"), {"n": 1, "token": "secret1"}, '$.token in "Gate"'),
        (
            {"StartAt": "Drop", "States": {"Drop": {"Type": "Pass", "Assign": {"apiKey.$": "$.apiKey"}, "OutputPath": "$.n", "Next": "Gate"}, **task()["States"]}},
            {"n": {}, "apiKey": "secret1"}, '$variables.apiKey in "Gate"',
        ),
        (
            {"StartAt": "Drop", "States": {"Drop": {"Type": "Pass", "Result": {}, "Next": "Gate"}, **task(Parameters={"t.$": "$$.Execution.Input.token"})["States"]}},
            {"token": "secret1"}, '$.t in "Gate"',
        ),
        (
            {"StartAt": "Drop", "States": {"Drop": {"Type": "Pass", "Result": {}, "Next": "Gate"}, **task(ResultSelector={"t.$": "$$.Execution.Input.token"})["States"]}},
            {"token": "secret1"}, "$.token of the execution's input",
        ),
        (
            {"StartAt": "Each", "States": {"Each": {"Type": "Map", "MaxConcurrency": 1, "ItemsPath": "$.tokens", "ItemProcessor": task(), "End": True}}},
            {"tokens": ["secret1", "secret2"]}, '$.tokens in "Each"',
        ),
    ],
)  # fmt: skip
def test_what_needs_a_secret_is_not_gone_on_with(flow: dict[str, Any], given: Any, gone: str, tmp_path: Path) -> None:
    left_behind(tmp_path / "history.db", flow, given)
    sentence = f'execution "left" cannot go on from its history: {gone} was not kept (redact_store=True). Start it again with its input.'
    with asw.Workspace(tmp_path) as ws:
        with pytest.warns(UserWarning) as told:
            assert ws.resume(functions={"gate": go_on}) == []
        assert [str(w.message) for w in told] == [f'execution "left" is left as it is: {sentence}']
        with pytest.raises(asw.StoreError) as problem:
            ws.resume("left", functions={"gate": go_on})
        assert str(problem.value) == sentence
        assert ws.execution("left").status == "RUNNING"


@pytest.mark.parametrize(
    ("given", "drop"),
    [({"user": "lucy"}, {}), ({"user": "lucy", "password": "secret1"}, {"Parameters": {"user.$": "$.user"}})],
)
def test_what_needs_none_goes_on(given: Any, drop: dict[str, Any], tmp_path: Path) -> None:
    flow = {"StartAt": "Drop", "States": {"Drop": {"Type": "Pass", **drop, "Next": "Gate"}, **task()["States"]}}
    left_behind(tmp_path / "history.db", flow, given)
    with asw.Workspace(tmp_path) as ws:
        [run] = ws.resume(functions={"gate": go_on})
        assert run.wait(30).output == {"went on": {"user": "lucy"}}


class Once:
    """Fails when called for the first time."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, event: Any) -> Any:
        self.seen.append(event)
        if len(self.seen) == 1:
            raise ValueError("not yet")
        return event


def test_a_redrive_has_the_secrets_in_the_kernel_that_had_them(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path / "kept" / "history.db", redact_store=True) as ws:
        once = Once()
        run = asw.run(task(), {"password": s("redriven")}, functions={"gate": once}, workspace=ws, name="r")
        assert run.status == "FAILED"
        first = run.redrive(functions={"gate": once}).wait(30)
        assert (first.status, first.output, first.input) == ("SUCCEEDED", {"password": s("redriven")}, {"password": s("redriven")})
        assert once.seen == [{"password": s("redriven")}] * 2
        assert [(v.path, v.status) for v in run.fold().visits] == [("Gate", "FAILED"), ("Gate", "SUCCEEDED")]
        assert ws.execution("r").history() != []
        assert written(tmp_path / "kept") == []


def test_a_redrive_in_another_kernel_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        for name, given in (("r", {"password": "secret1"}), ("plain", {"user": "lucy"})):
            assert asw.run(task(), given, functions={"gate": Once()}, workspace=ws, name=name).status == "FAILED"
    with asw.Workspace(tmp_path) as ws:
        for from_state in (None, "Gate"):
            with pytest.raises(asw.StoreError) as problem:
                ws.execution("r").redrive(from_state, functions={"gate": go_on})
            assert str(problem.value) == (
                'execution "r" cannot go on from its history: $.password in "Gate" was not kept (redact_store=True). Start it again with its input.'
            )
        assert (ws.execution("r").status, ws.execution("r").error) == ("FAILED", "ValueError")
        assert ws.execution("plain").redrive(functions={"gate": go_on}).wait(30).output == {"went on": {"user": "lucy"}}


def test_a_parent_does_not_go_on_with_what_is_left_of_its_childs_output(tmp_path: Path) -> None:
    parent = {
        "StartAt": "Child",
        "States": {"Child": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn": "child", "Name": "c", "Input": {}}, "Next": "Gate"}, **task()["States"]},
    }  # fmt: skip
    child = {"StartAt": "Inner", "States": {"Inner": {"Type": "Task", "Resource": "gate", "End": True}}}
    gate = Gate()
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        asw.workflow(parent, "parent").start({}, name="p", workspace=ws, workflows={"child": child}, functions={"gate": gate})
        assert gate.begun.wait(30)
        threading.Timer(0.1, gate.open.set).start()
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        [inner] = ws.resume("c", functions={"gate": lambda e: {"token": "secret1"}})
        assert inner.wait(30).output == {"token": "secret1"}
    with asw.Workspace(tmp_path) as ws:
        [run] = ws.resume("p", functions={"gate": go_on}, workflows={"child": child})
        with pytest.raises(asw.StoreError) as problem:
            run.wait(30)
        assert str(problem.value) == (
            'execution "p" stopped at its last recorded event: execution "c" cannot go on from its history: $.token of its output was not kept '
            "(redact_store=True). Start it again with its input."
        )


def test_what_was_removed_is_found_wherever_it_stands() -> None:
    assert first_removed({"a": [1, {"b": f"x {REMOVED} y"}], "c": REMOVED}) == "$.a[1].b"
    assert first_removed({"a": ["•••", None, 1.5]}) is None


def test_a_comparison_shows_no_secret(tmp_path):
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "login password=hunter2hunter2", "Cause": "no"}}}
    with asw.Workspace(tmp_path) as ws:
        flow = asw.workflow(fails, "flow", workspace=ws)
        runs = [flow.run({"n": n}, tags={"api_key": f"sk-{n}-tell-nobody"}) for n in range(2)]
        comparison = ws.compare(runs, only_diff=False)
        shown = "".join(str(value) for value in comparison._repr_mimebundle_().values()) + comparison.table.to_string()
    assert "hunter2" not in shown
    assert "tell-nobody" not in shown
