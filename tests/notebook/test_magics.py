"""The magics in a real IPython shell: what they bind, run, show and refuse."""

from __future__ import annotations

import json
import re

import pytest
from IPython.core.completer import provisionalcompleter

import asw_nb as asw
from asw_nb.errors import DefinitionError, ExecutionFailed, UnknownExecution, UsageError
from asw_nb.handle import Execution
from asw_nb.notebook.magics import Interrupted
from asw_nb.notebook.options import COMMANDS, FUNCTION_CELL, overview
from asw_nb.workflows import Workflow
from tests.notebook.shell import SUM, SUM_FUNCTION, Notebook

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


def test_summary_and_compare_of_executions(notebook):
    notebook.run('%%asw flow\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    for day in (1, 2):
        notebook.run(f"%asw run flow -i '{{\"day\": {day}}}' -o run{day} --name d{day} --wait -q")
    assert repr(notebook.run("%asw summary run1").value).startswith("asw summary flow/d1 | ")
    assert repr(notebook.run("%asw compare").value).startswith("asw comparison of d1, d2 | ")
    assert notebook.run("%asw compare run2 d1").value.names == ["d2", "d1"]
    assert len(notebook.run("%asw compare --workflow flow --all").value.table) > 5
    assert repr(notebook.run("%asw timeline run1 --rows state --unfold A").value).startswith("timeline: 1 row")
