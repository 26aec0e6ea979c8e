"""The magics in a real IPython shell: what they bind, run, show and refuse."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import asw_nb as asw
from asw_nb.errors import DefinitionError, ExecutionFailed, UnknownExecution, UsageError
from asw_nb.handle import Execution
from asw_nb.names import known_workflows, registry
from asw_nb.notebook.magics import Interrupted
from asw_nb.notebook.options import COMMANDS, FUNCTION_CELL, overview
from asw_nb.workflows import Workflow

COLOURS = re.compile(r"\x1b\[[\d;]*m")


@dataclass
class Cell:
    """What one cell printed, displayed and raised."""

    printed: str
    displayed: list[dict[str, str]]
    value: Any
    error: BaseException | None

    @property
    def shown(self) -> str:
        """What the reader sees of an error, without colours."""
        return COLOURS.sub("", self.printed).rstrip("\n")


class Notebook:
    """An IPython shell with the extension loaded; its cells run one after the other."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, source: str) -> Cell:
        with capture_output() as captured:
            result = self.shell.run_cell(source)
        displayed = [output.data for output in captured.outputs]
        return Cell(captured.stdout, displayed, result.result, result.error_in_exec or result.error_before_exec)

    def fails(self, source: str, kind: type[BaseException]) -> str:
        """The text that is shown of the error."""
        cell = self.run(source)
        assert type(cell.error) is kind, cell
        return cell.shown

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.shell.user_ns


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook in an empty directory; functions and workflows that its cells register are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # the shell makes its own namespace the main module
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(registry, "_functions", {})
    monkeypatch.setattr(registry, "services", {})
    known = dict(known_workflows)
    hooks, streams = (sys.excepthook, sys.displayhook), (sys.stdout, sys.stderr)
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    try:
        made = Notebook(shell)
        assert made.run("%load_ext asw_nb").error is None
        yield made
    finally:
        InteractiveShell.clear_instance()
        known_workflows.clear()
        known_workflows.update(known)
        sys.excepthook, sys.displayhook = hooks
        sys.stdout, sys.stderr = streams


SUM = """{"StartAt": "sum", "States": {"sum": {"Type": "Task", "Resource": "sum", "End": true}}}"""
SUM_FUNCTION = """%%asw_function sum -q
def main_handler(event, context):
    total = 0
    for value in event["values"]:
        total += value
    return total
"""
LINES = """
StartAt: First
States:
  First: {Type: Pass, Next: Each}
  Each:
    Type: Map
    ItemsPath: $.items
    MaxConcurrency: 1
    ItemProcessor:
      StartAt: Echo
      States:
        Echo: {Type: Pass, End: true}
    Next: Pause
  Pause: {Type: Wait, Seconds: 3600, Next: Done}
  Done: {Type: Succeed}
"""


# --------------------------------------------------------------------------- defining


def test_a_cell_defines_draws_and_runs_nothing(notebook):
    cell = notebook.run(f"%%asw sum\n{SUM}")
    flow = notebook["sum"]
    assert isinstance(flow, Workflow)
    assert (flow.name, flow.definition) == ("sum", json.loads(SUM))
    assert cell.printed == ""
    [output] = cell.displayed
    assert output["text/html"].startswith('<img alt="graph of sum"')
    assert output["text/plain"].splitlines()[0] == "asw workflow sum | 1 state | asl"
    assert len(asw.executions()) == 0


def test_a_missing_function_is_a_warning_with_its_place(notebook):
    [output] = notebook.run(
        '%%asw total\n{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "totl", "End": true}}}'
    ).displayed
    assert output["text/plain"] == (
        "asw workflow total | 1 state | asl\n"
        'WARNING: States.A.Resource (line 2, column 63): no function "totl" answers to the resource "totl". None is registered. '
        "Register one with @asw_nb.function or %%asw_function, or pass functions={...}."
    )
    assert "<b>WARNING</b> States.A.Resource" in output["text/html"]


@pytest.mark.parametrize(("option", "variable"), [("--as flow", "flow"), ("", "nightly_load"), ("--as=flow", "flow")])
def test_the_variable_that_is_bound(notebook, option, variable):
    assert notebook.run(f"%%asw nightly-load {option}\n{SUM}").error is None
    assert notebook[variable].name == "nightly-load"
    assert ("nightly_load" in notebook) == (variable == "nightly_load")


def test_quiet_shows_nothing(notebook):
    notebook.run(SUM_FUNCTION)
    cell = notebook.run(f'%%asw sum -q -i {{"values": [1]}} -o run\n{SUM}')
    assert (cell.printed, cell.displayed, notebook["run"].output) == ("", [], 1)


def test_a_definition_is_written_to_a_file_and_read_from_one(notebook, tmp_path):
    notebook.run(f"%%asw sum -w sum.json\n{SUM}")
    assert (tmp_path / "sum.json").read_text() == SUM + "\n"
    assert notebook.run("%%asw again -f sum.json\n ").error is None
    assert notebook["again"].definition == json.loads(SUM)


def test_a_mistake_in_a_file_has_the_files_own_line(notebook, tmp_path):
    (tmp_path / "bad.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Pass, Next: B}\n  B: {Type: Sucseed}\n")
    shown = notebook.fails("%%asw bad -f bad.yaml\n ", DefinitionError)
    assert "States.B.Type (line 4, column 13)" in shown


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("%%asw sum\n  ", "%%asw: the cell has no definition. Write it, as JSON or YAML, below the first line; or give a file with -f."),
        (f"%%asw sum -f sum.json\n{SUM}", "%%asw: with -f the definition comes from the file, so the cell's body must be empty."),
        ("%%asw sum -f none.json\n ", 'Cannot read "none.json": No such file or directory.'),
        (f"%%asw sum -w none/sum.json\n{SUM}", '-w: the file "none/sum.json" cannot be written: No such file or directory.'),
        (f"%%asw sum -r -o 1st\n{SUM}", '-o 1st: "1st" is no variable name.'),
        (f"%%asw 'my sum'\n{SUM}", """the workflow's name "my sum" has characters that a name must not have: ' '."""),
        (f"%%asw sum -p n\n{SUM}", '-p n: write NAME=VALUE, such as -p table="orders" or -p n=3.'),
        (f"%%asw sum -i vales\n{SUM}", '-i: there is no variable "vales". Did you mean "values"? Give a variable, JSON, or @file.json.'),
        (f"%%asw sum -i {{1}}\n{SUM}", "-i: {1} is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)). Give a variable, JSON, or @file.json."),
        (f"%%asw sum -i @none.json\n{SUM}", '-i: the file "none.json" cannot be read: No such file or directory.'),
        (f"%%asw sum -i @bad.json\n{SUM}", '-i: the file "bad.json" holds no JSON: Expecting value: line 1 column 1 (char 0).'),
        (f"%%asw sum --on mars -r\n{SUM}", 'on="mars" is not known. Executions run on "local".'),
        ("%asw run summ", 'there is no workflow "summ". Did you mean "sum"? Define one with %%asw summ.'),
        ("%asw show sum", 'workflow "sum" has not been run yet: %asw run sum'),
        ("%asw help staes", '%asw help: there is no command "staes". Did you mean "states"?'),
        ("%%asw_function f\n ", "%%asw_function: the cell has no code. Write main_handler(event, context) below the first line."),
        ("%%asw_function f\ndef a(e): ...\ndef b(e): ...", "%%asw_function f: which function is called? Name it main_handler(event, context), or say --handler NAME. Functions in the cell: a, b."),
        ("%%asw_function f --handler index.mainhandler\ndef main_handler(e): ...", '%%asw_function f: the cell defines no "mainhandler". Did you mean "main_handler"?'),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_red_line(notebook, tmp_path, source, message):
    (tmp_path / "bad.json").write_text("no json")
    notebook.run(f"%%asw sum -q\n{SUM}")
    notebook.run("values = {}")
    cell = notebook.run(source)
    assert type(cell.error) is UsageError
    assert cell.printed == f"\x1b[31mUsageError\x1b[0m: {message}\n"
    assert len(asw.executions()) == 0


def test_an_unknown_execution_is_refused(notebook, asw_home):
    assert notebook.fails("%asw show nope", UnknownExecution) == (
        f'UnknownExecution: there is no execution "nope" in "{asw_home / "history.db"}". asw_nb.executions() lists them.'
    )


def test_all_mistakes_of_a_definition_are_shown_with_their_lines(notebook):
    shown = notebook.fails(
        "%%asw bad\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Nxt: B\n    Next: C\n  B: {Type: Succeed}\n  C: {Type: Succeed, End: true}\n",
        DefinitionError,
    )
    assert shown == "\n".join([
        'DefinitionError: 3 problems in workflow "bad"',
        """  States.A (line 6, column 5): Field 'Nxt' is not supported. Did you mean "Next"?""",
        "       6 |     Nxt: B",
        "         |     ^",
        '  States.B (line 8, column 3): State "B" is not reachable. Name it in the Next of a state, or remove it.',
        "       8 |   B: {Type: Succeed}",
        "         |   ^",
        "  States.C (line 9, column 22): Field 'End' is not supported. Remove it: nothing comes after it.",
        "       9 |   C: {Type: Succeed, End: true}",
        "         |                      ^",
    ])  # fmt: skip
    assert "bad" not in notebook


# --------------------------------------------------------------------------- ${name}


def filled(notebook: Notebook, options: str, text: str) -> Any:
    """The Result of a Pass state whose Result is `text`."""
    source = (
        f"%%asw filled -q {options}\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Result: {text}\n    End: true\n"
    )
    cell = notebook.run(source)
    assert cell.error is None, cell.shown
    return notebook["filled"].definition["States"]["A"]["Result"]


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ("-p n=3", '"${n}"', 3),
        ("-p n=3", '"no. ${n} of ${n}"', "no. 3 of 3"),
        ("-p table=orders", '"${table}"', "orders"),
        ("-p 'table=\"3\"'", '"${table}"', "3"),
        ("-p t=[1,2]", '"${t[1]}"', 2),
        ("-p t={\"a\":[1]}", '"${t.a}"', [1]),
        ("-p first=1 -p second=2", '["${first}", "${second}"]', [1, 2]),
        ("", '"${config.rows[0]}"', 7),
        ("-p config=mine", '"${config}"', "mine"),
        ("", '"$${config}"', "${config}"),
    ],
)  # fmt: skip
def test_names_are_filled_typed_and_options_come_first(notebook, options, text, value):
    notebook.run('config = {"rows": [7, 8]}')
    assert filled(notebook, options, text) == value


def test_a_name_that_nothing_fills_is_a_problem_with_line_and_column(notebook):
    notebook.run("table = 'orders'")
    shown = notebook.fails(
        "%%asw filled -r\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Comment: x ${tabel}\n    Result: ${table.upper()}\n    End: true\n",
        DefinitionError,
    )
    assert shown == "\n".join([
        'DefinitionError: 2 problems in workflow "filled"',
        """  States.A.Comment (line 6, column 14): there is no "tabel" for "${tabel}". Did you mean "table"?""",
        "       6 |     Comment: x ${tabel}",
        "         |              ^",
        '  States.A.Result (line 7, column 13): "table.upper" has no value. Check what "table" holds.',
        "       7 |     Result: ${table.upper()}",
        "         |             ^",
    ])  # fmt: skip


SWEEP = """%%asw sweep OPTIONS
StartAt: Train
States:
  Train:
    Type: Map
    MaxConcurrency: ${gpus}
    ItemProcessor:
      StartAt: Fit
      States:
        Fit: {Type: Pass, Parameters: {"data": "${data}", "of.$": $, "literal": "$${data}", "share": "${share}"}, End: true}
    End: true
"""


def test_a_name_may_stay_open_until_the_run(notebook):
    notebook.run("share = 5")
    cell = notebook.run(SWEEP.replace("OPTIONS", ""))
    assert cell.error is None
    assert cell.displayed[0]["text/plain"].splitlines() == [
        "asw workflow sweep | asl | open: gpus, data",
        'WARNING: States.Train.MaxConcurrency (line 6, column 21): "${gpus}" is open: there is no "gpus" so far. Give it to the run with -p gpus=VALUE.',
        'WARNING: States.Train.ItemProcessor.States.Fit.Parameters.data (line 10, column 48): "${data}" is open: there is no "data" so far. '
        "Give it to the run with -p data=VALUE.",
    ]
    assert 'alt="graph of sweep"' in cell.displayed[0]["text/html"]
    notebook.run("share = 7\ndata = {'path': 'x'}")  # what was found is kept; what was open is looked for again
    assert notebook.run("%asw run sweep -i [1] -p gpus=2 -o run -q").error is None
    assert notebook["run"].output == [{"data": {"path": "x"}, "of": 1, "literal": "${data}", "share": 5}]
    assert notebook["run"].definition["States"]["Train"]["MaxConcurrency"] == 2
    assert notebook["sweep"].open == ("gpus", "data")
    tested = notebook.run("%asw test sweep Fit -i 3 -p gpus=2 -p data=4").value
    assert tested.output == {"data": 4, "of": 3, "literal": "${data}", "share": 5}
    filled = notebook["sweep"].fill(gpus=1, data=None)
    assert filled.run([2]).output == [{"data": None, "of": 2, "literal": "${data}", "share": 5}]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("%asw run sweep -i []", UsageError, 'workflow "sweep" leaves "${gpus}", "${data}" open. Run it with -p gpus=VALUE -p data=VALUE, or fill(gpus=..., data=...) it first.'),
        ("%asw run sweep -p gpus=1", UsageError, 'workflow "sweep" leaves "${data}" open. Run it with -p data=VALUE, or fill(data=...) it first.'),
        ("sweep.start()", UsageError, 'workflow "sweep" leaves "${gpus}", "${data}" open. Run it with -p gpus=VALUE -p data=VALUE, or fill(gpus=..., data=...) it first.'),
        ("%asw run sweep -p gpsu=1", UsageError, 'workflow "sweep" has no open "${gpsu}". Did you mean "gpus"? Open: gpus, data.'),
        ("%asw run other -p gpus=1", UsageError, 'workflow "other" has no open "${gpus}". Nothing is.'),
        (
            "%asw run sweep -p gpus=many -p data=1", DefinitionError,
            """1 problem in workflow "sweep"
  States.Train.MaxConcurrency (line 6, column 21): Expected value of type Integer. Write a whole number, without quotes.
       6 |     MaxConcurrency: ${gpus}
         |                     ^""",
        ),
    ],
)  # fmt: skip
def test_what_stays_open_does_not_run(notebook, source, kind, message):
    notebook.run("share = 5")
    notebook.run(SWEEP.replace("OPTIONS", "-q"))
    notebook.run("""%%asw other -q\n{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}""")
    assert notebook.fails(source, kind) == f"{kind.__name__}: {message}"


def test_a_cell_that_runs_leaves_nothing_open(notebook):
    shown = notebook.fails(SWEEP.replace("OPTIONS", "-r -p share=5"), DefinitionError)
    assert 'there is no "gpus" for "${gpus}". Define it, or give it with -p gpus=VALUE.' in shown
    assert "sweep" not in notebook


# --------------------------------------------------------------------------- running


@pytest.mark.parametrize(
    "given", ["'{\"values\": [1, 2, 3, 4, 5]}'", '{"values": [1, 2, 3, 4, 5]}', "payload", "@input.json"]
)
def test_an_input_runs_the_workflow_and_binds_the_execution(notebook, tmp_path, given):
    (tmp_path / "input.json").write_text('{"values": [1, 2, 3, 4, 5]}')
    notebook.run('payload = {"values": [1, 2, 3, 4, 5]}')
    notebook.run(SUM_FUNCTION)
    cell = notebook.run(f"%%asw sum -i {given} -o run --name first\n{SUM}")
    run = notebook["run"]
    assert isinstance(run, Execution)
    assert (run.status, run.output, run.name) == ("SUCCEEDED", 15, "first")
    assert cell.displayed == []
    assert re.fullmatch(r"  0\.0\d s  sum\nasw run sum/first \| SUCCEEDED \| [\d.]+ s\n", cell.printed)


def test_run_alone_gives_an_empty_input(notebook):
    notebook.run('%%asw same -r -o run -q\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert notebook["run"].output == {}


def transitions(lines: list[str]) -> list[str]:
    """Lines of the text view without their times."""
    return [re.sub(r"^ *[\d.]+ s  ", "", line) for line in lines]


def test_the_text_view_has_one_line_per_transition(notebook):
    cell = notebook.run(f'%%asw lines -i {{"items": [1, 2]}} -o run --time virtual --view text\n{LINES}')
    *lines, verdict = cell.printed.splitlines()
    assert transitions(lines) == [
        "First", "Each", "Each[0]/Echo", "Each[1]/Echo", "Pause", "Pause: waiting for 1 h 0 min", "Done",
    ]  # fmt: skip
    assert lines[-1].startswith("3600.")
    assert verdict.startswith(f"asw run lines/{notebook['run'].name} | SUCCEEDED | 3600.")


def test_the_text_view_tells_failures_and_retries(notebook):
    notebook.run("""%%asw_function flaky -q
def main_handler(event, context):
    if context.attempt < 3:
        raise ConnectionError("busy")
    return "done"
""")
    cell = notebook.run("""%%asw flaky -r --time virtual --view text
StartAt: A
States:
  A: {Type: Task, Resource: flaky, Retry: [{ErrorEquals: [ConnectionError], IntervalSeconds: 10}], End: true}
""")
    assert transitions(cell.printed.splitlines()[:-1]) == [
        "A",
        "A: failed, ConnectionError", "A: ConnectionError, next attempt in 10.0 s",
        "A: failed, ConnectionError", "A: ConnectionError, next attempt in 20.0 s",
    ]  # fmt: skip


def test_virtual_time_makes_waits_take_none(notebook):
    notebook.run(f'%%asw lines -i {{"items": []}} -o run --time virtual -q\n{LINES}')
    assert notebook["run"].duration_s == pytest.approx(3600, abs=1)


@pytest.mark.parametrize("given", ['{"sum": 7}', "answers"])
def test_mocks_answer_in_place_of_functions(notebook, given):
    notebook.run('answers = {"sum": 7}')
    notebook.run(f"%%asw sum -r -o run -q --mock {given}\n{SUM}")
    assert notebook["run"].output == 7


def test_a_failing_run_fails_the_cell_that_waits(notebook):
    notebook.run(SUM_FUNCTION)
    cell = notebook.run(f'%%asw sum -i {{"values": [1, "a"]}} -o run --name bad -q\n{SUM}')
    assert type(cell.error) is ExecutionFailed
    assert cell.shown == (
        """ExecutionFailed: execution "bad" FAILED at state "sum": TypeError: unsupported operand type(s) for +=: 'int' and 'str'"""
    )
    assert cell.error.error == "TypeError"
    assert json.loads(cell.error.cause)["errorType"] == "TypeError"
    assert notebook["run"].status == "FAILED"


@pytest.mark.parametrize("option", ["--no-fail", "--background"])
def test_a_failing_run_does_not_fail_a_cell_that_does_not_care(notebook, option):
    notebook.run(SUM_FUNCTION)
    cell = notebook.run(f'%%asw sum -i {{"values": ["a"]}} -o run {option}\n{SUM}')
    assert cell.error is None
    assert notebook["run"].wait().status == "FAILED"


def test_a_machine_that_fails_has_no_cause_to_show(notebook):
    shown = notebook.fails(
        '%%asw no -r --name bad -q\n{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Stop", "Cause": "no more"}}}',
        ExecutionFailed,
    )
    assert shown == 'ExecutionFailed: execution "bad" FAILED at state "A": Stop: no more'


def test_in_the_background_the_cell_returns_at_once(notebook):
    notebook.run(
        "import threading\ngate = threading.Event()\ndef held(event):\n    gate.wait(30)\n    return 'through'\n"
    )
    cell = notebook.run(
        '%%asw held-back -r -o run --bg --name one\n{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "held", "End": true}}}'
    )
    assert re.fullmatch(r"asw run held-back/one \| RUNNING \| 0\.\d s\n", cell.printed)
    assert notebook["run"].status == "RUNNING"
    notebook["gate"].set()
    assert notebook["run"].result() == "through"


HANG = """
import asw_nb as asw, signal, threading

@asw.function
def hang(event, context):
    if event.get("interrupt"):
        # what the kernel's interrupt button does, while the cell waits
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    while not context.cancelled:
        threading.Event().wait(0.005)
"""
HANGS = '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "hang", "End": true}}}'


@pytest.mark.parametrize("view", ["text", "none"])
def test_an_interrupt_stops_the_execution_and_says_so_shortly(notebook, view):
    notebook.run(HANG)
    cell = notebook.run(f'%%asw hang -i {{"interrupt": true}} -o run --name long --view {view}\n{HANGS}')
    assert type(cell.error) is Interrupted
    assert cell.printed.splitlines()[-1] == (
        '\x1b[31mKeyboardInterrupt\x1b[0m: interrupted: execution "long" is ABORTED'
    )
    assert (notebook["run"].status, notebook["run"].cause) == ("ABORTED", "interrupted")


# --------------------------------------------------------------------------- %asw


@pytest.fixture
def summed(notebook) -> Notebook:
    """A notebook in which "sum" has run twice: "first" gave 3, "second" failed."""
    notebook.run(SUM_FUNCTION)
    notebook.run(f'%%asw sum -q -i {{"values": [1, 2]}} -o run --name first\n{SUM}')
    notebook.run('%asw run sum -q -i {"values": ["a"]} --name second --no-fail')
    return notebook


def test_asw_run_starts_a_defined_workflow(summed):
    summed.run('%asw run sum -i {"values": [4]} -o third -q')
    assert summed["third"].output == 4


def test_asw_run_finds_a_workflow_by_name_too(notebook):
    notebook.run(f"%%asw nightly-load --as flow -q\n{SUM}")
    notebook.run('%asw run nightly-load -o run -q --mock {"sum": 1}')
    assert notebook["run"].workflow == "nightly-load"


def test_asw_list_is_a_table_newest_first(summed):
    frame = summed.run("%asw list").value
    assert list(frame.columns) == ["name", "workflow", "status", "started", "duration_s", "error", "type"]
    assert frame[["name", "status"]].values.tolist() == [["second", "FAILED"], ["first", "SUCCEEDED"]]
    assert summed.run("%asw list sum --status SUCCEEDED").value["name"].tolist() == ["first"]
    assert summed.run("%asw list -n 1").value["name"].tolist() == ["second"]


def test_asw_functions_is_a_table(notebook):
    notebook.run(SUM_FUNCTION.replace("sum -q", "sum -q --namespace etl --version v2"))
    frame = notebook.run("%asw functions").value
    assert frame.to_dict("records") == [
        {"function": "sum", "namespace": "etl", "version": "v2", "defined": "%%asw_function cell, line 2", "context": True}
    ]


@pytest.mark.parametrize(
    ("word", "name"), [("run", "first"), ("first", "first"), ("latest", "second"), ("", "second"), ("sum", "second")]
)
def test_asw_show_finds_an_execution_by_variable_name_or_workflow(summed, word, name):
    shown = summed.run(f"%asw show {word}").value
    assert isinstance(shown, Execution)
    assert shown.name == name


def test_asw_states_timeline_and_graph(summed):
    assert summed.run("%asw states run").value["output"].tolist() == [3]
    assert summed.run("%asw timeline run").value.text.startswith("timeline: 1 row, 1 attempt, ")
    assert 'alt="graph of sum, SUCCEEDED"' in summed.run("%asw graph run").value.html
    assert 'alt="graph of sum"' in summed.run("%asw graph sum").value.html


def test_asw_stop_ends_one_execution_or_all_that_run(notebook):
    notebook.run(HANG)
    notebook.run(f"%%asw hang -r --bg -o a --name a\n{HANGS}")
    notebook.run("%asw run hang --bg -o b --name b")
    notebook.run("%asw run hang --bg -o c --name c")
    first = notebook.run("%asw stop a --error Enough --cause 'seen all'")
    assert re.fullmatch(r"asw run hang/a \| ABORTED at A \| Enough \| [\d.]+ s\n", first.printed)
    assert (notebook["a"].error, notebook["a"].cause, notebook["b"].status) == ("Enough", "seen all", "RUNNING")
    rest = notebook.run("%asw stop").printed
    assert re.sub(r"[\d.]+ s", "T", rest) == "asw run hang/b | ABORTED at A | T\nasw run hang/c | ABORTED at A | T\n"
    assert notebook.run("%asw stop").printed == "nothing runs here\n"


def test_help(notebook):
    assert notebook.run("%asw").printed == overview() + "\n"
    assert notebook.run("%asw help").printed == overview() + "\n"
    assert notebook.run("%asw help stop").printed == COMMANDS["stop"].help() + "\n"
    assert notebook.run("%asw stop -h").printed == COMMANDS["stop"].help() + "\n"
    assert notebook.run("%asw help asw_function").printed == FUNCTION_CELL.help() + "\n"
    assert notebook.run("%%asw_function -h\n ").printed == FUNCTION_CELL.help() + "\n"


def test_every_command_of_the_table_is_there(notebook):
    magics = notebook.shell.magics_manager.magics["line"]["asw"].__self__
    assert [name for name in COMMANDS if not hasattr(magics, f"_command_{name}")] == []


def test_completion_in_the_shell(summed):
    def complete(line: str) -> list[str]:
        with provisionalcompleter():
            return [found.text for found in summed.shell.Completer.completions(line, len(line))]

    assert complete("%asw ti") == ["timeline"]
    assert complete("%asw run sum --vi") == ["--view"]
    assert complete("%%asw sum --dia") == ["--dialect"]
    assert complete("%asw show ru") == ["run"]
    assert complete("%asw test sum su") == ["sum"]
    assert "sum" in complete("%asw redrive run --from su")


# --------------------------------------------------------------------------- %asw test


LOADING = """%%asw loading -q
StartAt: Each
States:
  Each:
    Type: Map
    ItemSelector: {"n.$": $$.Map.Item.Value}
    ItemProcessor:
      StartAt: Load
      States:
        Load: {Type: Task, Resource: load, Parameters: {"n.$": $.n, "i.$": $$.Map.Item.Index, "day.$": $day}, Retry: [{ErrorEquals: [Busy]}], End: true}
    End: true
"""


def test_one_state_is_tested_alone(notebook):
    notebook.run(LOADING)
    cell = notebook.run(
        """%asw test loading Load -i {"n": 3} --mock {"Load": 7} --context {"Map": {"Item": {"Index": 2}}} --variables '{"day": "monday"}' -o test"""
    )
    assert cell.error is None
    assert repr(cell.value) == "asw test Each/Load | SUCCEEDED | end"
    assert cell.value is notebook["test"]
    assert cell.value["Parameters"] == {"n": 3, "i": 2, "day": "monday"}
    assert notebook.run("%asw list").value.empty


def test_what_a_test_is_given_may_be_variables(notebook):
    notebook.run(LOADING)
    notebook.run("import asw_nb as asw\nitem, answers, day = {'n': 1}, {'Load': asw.TaskError('Busy')}, {'day': 'monday'}")
    cell = notebook.run("%asw test loading Each/Load -i item --mock answers --variables day --retries 2 -q -o test")
    assert (cell.value, cell.displayed) == (None, [])
    assert repr(notebook["test"]) == "asw test Each/Load | RETRIABLE | Busy | tried again after 4.0 s, the last one"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("test loading Laod", 'workflow "loading" has no state "Laod". Did you mean "Load"? Its states: "Each", "Each/Load".'),
        ("test loadin Load", 'there is no workflow "loadin". Did you mean "loading"? Define one with %%asw loadin.'),
        ("test loading", "%asw test: the following arguments are required: state. %asw test -h lists the options."),
        ("test loading Load -o a.b", '-o a.b: "a.b" is no variable name.'),
        ("test loading Load --contxt {}", '%asw test: there is no option "--contxt". Did you mean "--context"? Options: --context, --help, --input, --mock, --out, --parameter, --quiet, --retries, --seed, --variables, -h, -i, -o, -p, -q.'),
        ("test loading Load -i nothing", "-i: there is no variable \"nothing\". Give a variable, JSON, or @file.json."),
    ],
)
def test_a_test_that_cannot_be_is_refused(notebook, line, message):
    notebook.run(LOADING)
    assert notebook.fails(f"%asw {line}", UsageError) == f"UsageError: {message}"


# --------------------------------------------------------------------------- %asw config


def settings_of(cell: Cell) -> dict[str, Any]:
    return dict(zip(cell.value["setting"], cell.value["value"], strict=True))


@pytest.fixture
def no_names_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asw_nb.history.redact._added", ())
    monkeypatch.delenv("ASW_NB_REDACT", raising=False)


def test_the_settings_are_shown_and_set(notebook, tmp_path, monkeypatch, no_names_learned):
    monkeypatch.setenv("ASW_NB_HOME", str(tmp_path / "home"))
    cell = notebook.run("%asw config")
    assert list(cell.value.columns) == ["setting", "value", "may_be", "meaning"]
    assert settings_of(cell) == {
        "view": "auto", "executor": "threads", "wait": "auto", "workspace": str(tmp_path / "home" / "history.db"), "redact": "",
    }  # fmt: skip
    cell = notebook.run(f"%asw config view=none executor=inline wait=wait workspace={tmp_path / 'other'} redact=iban")
    changed = {"view": "none", "executor": "inline", "wait": "wait", "workspace": str(tmp_path / "other" / "history.db"), "redact": "iban"}
    assert settings_of(cell) == changed
    cell = notebook.run('%%asw set -i {"iban": "DE1"} -o run\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert (cell.printed, cell.displayed) == ("", [])
    assert notebook["run"].status == "SUCCEEDED"
    assert (tmp_path / "other" / "history.db").exists()
    table = notebook.run("%asw list").value
    assert table["name"].tolist() == [notebook["run"].name]
    assert notebook["run"].states()["input"][0] == {"iban": "•••"}
    assert asw.executions()["backend"].tolist() == ["inline"]
    notebook.run("%config AswMagics.view = 'text'")
    assert settings_of(notebook.run("%asw config"))["view"] == "text"
    assert notebook.run("%asw run set").printed.startswith("  0.")


def test_what_a_line_says_counts_more(notebook):
    notebook.run("%asw config view=none wait=background")
    cell = notebook.run('%%asw set -r --wait --view text -o run\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert "asw run set/" in cell.printed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vew=html", '%asw config: there is no setting "vew". Did you mean "view"? Settings: view, executor, wait, workspace, redact.'),
        ("view", "%asw config: write view=VALUE. It may be: auto, widget, html, text, none."),
        ("wait=wait view=htm", '%asw config: view="htm" is not known. Did you mean "html"? Use one of: auto, widget, html, text, none.'),
        ("workspace=file.db", '%asw config: workspace=file.db is a file: name the folder of a history file called "history.db".'),
        ("redact=(", 'redact="(" is no regular expression: missing ), unterminated subpattern at position 0.'),
    ],
)
def test_a_setting_that_cannot_be_is_refused(notebook, tmp_path, line, message):
    (tmp_path / "file.db").touch()
    assert notebook.fails(f"%asw config {line}", UsageError) == f"UsageError: {message}"
    assert settings_of(notebook.run("%asw config"))["wait"] == "auto"


# --------------------------------------------------------------------------- %asw schedule


@pytest.fixture
def no_schedules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This test's schedules are the only ones, and end with it."""
    from asw_nb import scheduling

    monkeypatch.setattr(scheduling, "_all", {})
    yield
    for one in scheduling.find("all"):
        one.cancel()


def test_a_schedule_is_made_listed_and_cancelled(notebook, no_schedules):
    assert notebook.run("%asw schedule").value.empty
    notebook.run('%%asw nightly -q\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${day}", "End": true}}}')
    made = notebook.run("%asw schedule nightly --every 15m -i {\"n\": 1} -p day=monday").printed
    assert re.fullmatch(r"asw schedule 1 of nightly \| every 15m \| next [-\d]+ [:\d]+ UTC \| 0 started\n", made)
    made = notebook.run('%asw schedule nightly --cron "0 2 * * *" --tz Europe/Paris -p day=monday').printed
    assert made.startswith("asw schedule 2 of nightly | cron 0 2 * * * (Europe/Paris) | next ")
    made = notebook.run("%asw schedule nightly --at 2999-01-01T02:00 -p day=monday").printed
    assert made == "asw schedule 3 of nightly | at 2999-01-01 02:00:00 UTC | next 2999-01-01 02:00:00 UTC | 0 started\n"
    assert notebook.run("%asw schedule").value["number"].tolist() == [1, 2, 3]
    assert notebook.run("%asw schedule --cancel 1").printed == "asw schedule 1 of nightly | every 15m | nothing more | 0 started\n"
    assert len(notebook.run("%asw schedule --cancel all").printed.splitlines()) == 2
    assert notebook.run("%asw schedule").value["next"].isna().all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nightly", 'say when, with one of every="15m", cron="0 2 * * *" and at="2026-12-01T02:00": none was given.'),
        ("nigthly --every 15m", 'there is no workflow "nigthly". Did you mean "nightly"? Define one with %%asw nigthly.'),
        ("--every 15m", "%asw schedule: --every needs a workflow, such as %asw schedule nightly --every ..."),
        ("nightly --cancel 1", "%asw schedule: --cancel NUMBER stands alone."),
        ("--cancel 7", 'there is no schedule "7". Schedules of this kernel: none; or all.'),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(notebook, no_schedules, line, message):
    notebook.run('%%asw nightly -q\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert notebook.fails(f"%asw schedule {line}", UsageError) == f"UsageError: {message}"


# --------------------------------------------------------------------------- %%asw_function


def call(notebook: Notebook, name: str, event: Any) -> Any:
    """The result of a registered function, called by a workflow."""
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": name, "End": True}}}
    return asw.run(definition, event).result()


def test_names_of_the_cell_stay_in_the_cell(notebook):
    notebook.run(
        "%%asw_function area -q\nimport math\nunit = 'm2'\ndef helper(r):\n    return math.floor(math.pi * r * r)\ndef main_handler(event, context):\n    return [helper(event), unit]\n"
    )
    assert call(notebook, "area", 2) == [12, "m2"]
    assert [name for name in ("math", "unit", "helper", "main_handler") if name in notebook] == []


def test_names_of_the_notebook_are_seen_as_they_are_when_it_runs(notebook):
    notebook.run("rate = 2\ndef scaled(x):\n    return x * rate\n")
    notebook.run("%%asw_function price -q\ndef main_handler(event, context):\n    return scaled(event) + rate\n")
    assert call(notebook, "price", 10) == 22
    notebook.run("rate = 3")
    assert call(notebook, "price", 10) == 33


def test_two_cells_with_a_helper_of_one_name_do_not_disturb_each_other(notebook):
    for name in ("one", "two"):
        notebook.run(
            f"%%asw_function {name} -q\ndef helper():\n    return '{name}'\ndef main_handler(event, context):\n    return helper()\n"
        )
    assert (call(notebook, "one", {}), call(notebook, "two", {})) == ("one", "two")


@pytest.mark.parametrize("handler", ["second", "index.second"])
def test_a_handler_is_chosen(notebook, handler):
    notebook.run(
        f"%%asw_function f -q --handler {handler}\ndef main_handler(event):\n    return 1\ndef second(event):\n    return 2\n"
    )
    assert call(notebook, "f", {}) == 2


def test_without_a_handlers_name_the_only_function_is_taken(notebook):
    notebook.run(
        "%%asw_function f -q\nimport json\nclass Box: pass\ndef anything(event):\n    return json.dumps(event)\n"
    )
    assert call(notebook, "f", [1]) == "[1]"


def test_unpack_gives_the_fields_as_arguments(notebook):
    notebook.run("%%asw_function f -q --unpack\ndef main_handler(a, b=2):\n    return a * b\n")
    assert call(notebook, "f", {"a": 21}) == 42


def test_registering_says_so(notebook):
    [output] = notebook.run("%%asw_function f\ndef f(event): ...\n").displayed
    assert output == {"text/html": "<div>function <b>f</b> registered</div>", "text/plain": "asw function f registered"}


def test_a_traceback_shows_the_cells_own_line(notebook):
    notebook.run(
        "%%asw_function f -q\n\ndef helper(event):\n    return event['missing']  # here\ndef main_handler(event, context):\n    return helper(event)\n"
    )
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}, {})
    assert re.sub(r"\n +[~^]+", "", run["A"].traceback) == (
        "Traceback (most recent call last):\n"
        '  File "<asw function f>", line 6, in main_handler\n'
        "    return helper(event)\n"
        '  File "<asw function f>", line 4, in helper\n'
        "    return event['missing']  # here\n"
        "KeyError: 'missing'\n"
    )
    assert run["A"].source == "def main_handler(event, context):\n    return helper(event)\n"


def test_an_error_of_the_cells_code_is_shown_from_its_own_line_on(notebook):
    shown = notebook.fails("%%asw_function f\ndef ratio(n):\n    return 1 / n\nratio(0)\n", ZeroDivisionError)
    assert re.sub(r"\n +[~^]+", "", shown) == (
        "Traceback (most recent call last):\n"
        '  File "<asw function f>", line 4, in <module>\n'
        "    ratio(0)\n"
        '  File "<asw function f>", line 3, in ratio\n'
        "    return 1 / n\n"
        "ZeroDivisionError: division by zero"
    )


def test_a_mistake_in_the_cells_grammar_is_shown_at_its_line(notebook):
    shown = notebook.fails("%%asw_function f\n\ndef main_handler(event:\n    pass\n", UsageError)
    assert shown == (
        "UsageError: %%asw_function f, line 3, column 17: '(' was never closed\n"
        "    def main_handler(event:\n"
        "                    ^"
    )


def test_summary_and_compare_of_executions(notebook):
    notebook.run('%%asw flow\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    for day in (1, 2):
        notebook.run(f"%asw run flow -i '{{\"day\": {day}}}' -o run{day} --name d{day} --wait -q")
    assert repr(notebook.run("%asw summary run1").value).startswith("asw summary flow/d1 | ")
    assert repr(notebook.run("%asw compare").value).startswith("asw comparison of d1, d2 | ")
    assert notebook.run("%asw compare run2 d1").value.names == ["d2", "d1"]
    assert len(notebook.run("%asw compare --workflow flow --all").value.table) > 5
    assert repr(notebook.run("%asw timeline run1 --rows state --unfold A").value).startswith("timeline: 1 row")
