"""``asw-nb``: what it prints where, and what its exit codes say."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbformat import v4, write

import asw_nb as asw
from asw_nb.cli import main, parser

FLOW = """\
StartAt: Load
States:
  Load:
    Type: Task
    Resource: load
    Parameters: {table.$: $.table, rows: "${rows}"}
    End: true
"""
TASKS = """\
def load(event, context):
    if event["table"] == "bad":
        raise LookupError("no such table, password=hunter2xyz")
    return {"table": event["table"], "rows": event["rows"], "token": "hunter2xyz"}
"""


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder with a definition and its functions: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    Path("etl.yaml").write_text(FLOW)
    Path("tasks.py").write_text(TASKS)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(words))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


RUN = ("run", "etl.yaml", "-p", "rows", "7", "--functions", "tasks.py")


def test_a_run_that_succeeds_prints_its_output(shell):
    code, out, err = shell(*RUN, "-i", '{"table": "orders"}', "--name", "one")
    assert (code, json.loads(out)) == (0, {"table": "orders", "rows": 7, "token": "•••"})
    lines = err.splitlines()
    assert lines[0].endswith(" s  Load") and lines[-1].startswith("etl/one: SUCCEEDED in ")
    code, out, err = shell(*RUN, "-i", '{"table": "orders"}', "-q", "--show-secrets")
    assert (code, json.loads(out)["token"], err) == (0, "hunter2xyz", "")


def test_a_run_that_fails_says_where_and_why(shell):
    code, out, err = shell(*RUN, "-i", '{"table": "bad"}', "-q", "--name", "two")
    assert (code, out) == (1, "")
    first, second = err.splitlines()
    assert first.startswith("etl/two: FAILED in ") and first.endswith(", at Load")
    assert second == "  LookupError: no such table, password=•••"
    code, out, _ = shell(*RUN, "-i", '{"table": "bad"}', "-q", "--json", "--name", "three")
    told = json.loads(out)
    assert (code, told["name"], told["status"], told["error"], told["failed_at"]) == (1, "three", "FAILED", "LookupError", "Load")
    assert "hunter2xyz" not in out


def test_input_from_a_file_and_from_standard_input(shell, monkeypatch):
    Path("input.json").write_text('{"table": "filed"}')
    assert json.loads(shell(*RUN, "-i", "@input.json")[1])["table"] == "filed"
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"table": "piped"}'))
    assert json.loads(shell(*RUN, "-i", "-")[1])["table"] == "piped"


def test_a_report_is_written_whether_it_succeeds_or_not(shell):
    code, _, err = shell(*RUN, "-i", '{"table": "bad"}', "--report", "out/run.html")
    assert code == 1 and "report: out/run.html" in err
    assert "LookupError" in Path("out/run.html").read_text()


def test_an_execution_that_is_to_run_once_is_shown_the_next_time(shell):
    words = (*RUN, "-i", '{"table": "orders"}', "--name", "today", "-q")
    assert shell(*words)[0] == 0
    assert shell(*words) == (2, "", 'asw-nb: workflow "etl" already has an execution named "today". Names are unique per workflow: leave name= out, or choose another.\n')
    code, out, _ = shell(*words, "--once")
    assert (code, json.loads(out)["table"], len(json.loads(shell("list", "--json")[1]))) == (0, "orders", 1)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("lits",), 2, 'there is no command "lits". Did you mean "list"? Commands: run, list, show, states, validate, report, resume, doctor, publish.'),
        (("list", "--staus", "x"), 2, 'there is no option "--staus". Did you mean "--status"? asw-nb list -h lists the options.'),
        (("list", "a", "b"), 2, '"b" is one word too many. asw-nb list -h lists the options.'),
        (("run",), 2, "the following arguments are required: FILE|NOTEBOOK. asw-nb run -h lists the options."),
        (("run", "none.yaml"), 2, 'there is no file "none.yaml".'),
        (("run", "tasks.py"), 2, '"tasks.py" is Python: run it with python, or give it as --functions beside a definition (.json, .yaml).'),
        (("run", "etl.yaml", "-i", "{x"), 2, "--input {x is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1). Write JSON, @file.json, or - for standard input."),
        (("run", "etl.yaml", "-i", "@none"), 2, "--input @none: the file cannot be read: No such file or directory."),
        (("run", "etl.yaml", "--once"), 2, "--once needs --name: which execution is to be run once?"),
        (("run", "etl.yaml", "--report", "x.pdf"), 2, 'the report "x.pdf" must end in .html, .md or .ipynb. Did you mean ".md"?'),
        (("run", "x.ipynb", "--report", "x.html"), 2, "--report is for definitions; a notebook takes parameters with -p, and asw-nb publish makes a page of it."),
        (("run", "etl.yaml"), 3, '1 problem in workflow "etl"\n  States.Load.Parameters.rows (line 6, column 42): there is no "rows" for "${rows}". Define it, or give it with -p rows=VALUE.'),
        (("publish", "x.ipynb", "-o", "x.pdf"), 2, 'the page "x.pdf" must end in .html.'),
        (("publish", "x.ipynb", "--no-run", "-p", "n", "1"), 2, "--no-run takes what is stored: parameters and --notebook need a run."),
        (("show",), 4, "there is no history at {home}/history.db. Run something first, or name the file with --history."),
    ],
)  # fmt: skip
def test_wrong_calls_are_short_and_say_what_is_right(shell, asw_home, words, code, message):
    if message.endswith('Did you mean ".md"?'):
        message = message.removesuffix(' Did you mean ".md"?')
    assert shell(*words) == (code, "", f"asw-nb: {message.replace('{home}', str(asw_home))}\n")


def test_functions_that_cannot_be_loaded_are_named_with_their_line(shell):
    Path("broken.py").write_text("x = 1\nraise KeyError('x')\n")
    code, _, err = shell("run", "etl.yaml", "--functions", "broken.py")
    assert (code, err) == (2, f"asw-nb: --functions broken.py: {Path('broken.py').absolute()}:2: KeyError: 'x'\n".replace(str(Path.cwd()) + "/", err.split("broken.py: ")[1].split("broken.py:2")[0]))
    assert shell("run", "etl.yaml", "--functions", "none.py")[2] == 'asw-nb: --functions: there is no file "none.py".\n'


def test_what_was_run_is_listed_and_shown(shell):
    shell(*RUN, "-i", '{"table": "orders"}', "--name", "one", "-q")
    shell(*RUN, "-i", '{"table": "bad"}', "--name", "two", "-q")
    code, out, _ = shell("list")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()] == [["workflow", "name", "status"], ["etl", "two", "FAILED"], ["etl", "one", "SUCCEEDED"]]
    assert [row["name"] for row in json.loads(shell("list", "etl", "--status", "FAILED", "--json")[1])] == ["two"]
    code, out, _ = shell("show", "one")
    assert out.splitlines()[-2:] == ['input: {"table": "orders"}', 'output: {"table": "orders", "rows": 7, "token": "•••"}']
    told = json.loads(shell("show", "latest", "--json")[1])
    assert (told["name"], told["status"]) == ("two", "FAILED")
    assert shell("states", "two")[1].splitlines()[1].split() == ["Load", "Task", "FAILED", *shell("states", "two")[1].splitlines()[1].split()[3:5], "1", "LookupError"]
    (row,) = json.loads(shell("states", "one", "--json")[1])
    assert (row["path"], row["status"], row["output"]["token"]) == ("Load", "SUCCEEDED", "•••")
    assert shell("show", "three")[0] == 2


def test_reports_of_one_and_of_several(shell):
    for name in ("one", "two"):
        shell(*RUN, "-i", '{"table": "orders"}', "--name", name, "-q")
    assert shell("report", "one", "one.md")[:2] == (0, "one.md\n")
    assert shell("report")[:2] == (0, "etl-two.html\n")
    assert shell("report", "one", "two", "--title", "both", "both.md", "--json")[1] == json.dumps(
        {"report": "both.md", "bytes": Path("both.md").stat().st_size, "executions": ["one", "two"]}, indent=2
    ) + "\n"  # fmt: skip
    assert Path("both.md").read_text().startswith("# both\n")
    assert shell("report", "one", "-o", "code.md", "--code", "--functions", "tasks.py")[0] == 0
    assert "def load(event, context):" in Path("code.md").read_text()


def test_definitions_are_validated(shell):
    Path("bad.json").write_text('{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}')
    assert shell("validate", "etl.yaml") == (0, "etl.yaml: no problems\n", "")
    code, out, _ = shell("validate", "etl.yaml", "bad.json")
    assert (code, out.splitlines()[1]) == (3, "bad.json:1:13: error: StartAt (line 1, column 13): Missing 'Next' target: B. The states here are \"A\".")
    code, out, _ = shell("validate", "bad.json", "--json")
    assert [(f["file"], f["ok"], len(f["problems"])) for f in json.loads(out)] == [("bad.json", False, 1)]


def test_the_doctor_answers_with_its_exit_code(shell):
    shell(*RUN, "-i", '{"table": "orders"}', "-q")
    assert shell("doctor")[0] == 0
    Path("not.db").write_text("no database" * 1000)
    assert shell("doctor", "not.db", "--json")[0] == 4


def test_help_and_version(shell):
    assert shell("--version") == (0, f"asw_nb {asw.__version__}\n", "")
    for words in ((), ("-h",), ("run", "-h")):
        code, out, err = shell(*words)
        assert (code, err) == (0, "") and out.startswith("usage: asw-nb")
    assert "exit codes:" in shell("-h")[1]


def test_a_mistake_of_ours_has_no_traceback(shell, monkeypatch):
    from asw_nb import cli_commands

    monkeypatch.setitem(cli_commands.COMMANDS, "doctor", lambda options: 1 / 0)
    assert shell("doctor") == (70, "", "asw-nb: a mistake of asw_nb itself, ZeroDivisionError: division by zero. ASW_NB_DEBUG=1 shows where.\n")


def test_every_option_has_a_help_text():
    for action in parser()._subparsers._group_actions[0].choices.values():
        assert [a.option_strings for a in action._actions if not a.help] == []


# --------------------------------------------------------------------------- processes, and notebooks


def process(*words: str) -> list[str]:
    return [sys.executable, "-m", "asw_nb", *words]


@pytest.mark.slow
def test_a_killed_run_is_resumed(tmp_path, asw_home):
    (tmp_path / "flow.yaml").write_text("{StartAt: T, States: {T: {Type: Task, Resource: t, End: true}}}")
    (tmp_path / "tasks.py").write_text(
        "import pathlib, time\ndef t(event):\n    if pathlib.Path('go').exists():\n        return 'done'\n    pathlib.Path('begun').touch()\n    time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1])}
    first = subprocess.Popen(process("run", "flow.yaml", "--functions", "tasks.py", "--name", "n", "-q"), cwd=tmp_path, env=environment)
    for _ in range(600):
        if (tmp_path / "begun").exists():
            break
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (tmp_path / "go").touch()
    done = subprocess.run(process("resume", "--functions", "tasks.py", "--json", "-q"), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [(e["name"], e["status"], e["output"]) for e in json.loads(done.stdout)] == [("n", "SUCCEEDED", "done")]


@pytest.mark.slow
def test_an_interrupt_stops_the_execution(tmp_path, asw_home):
    (tmp_path / "flow.yaml").write_text("{StartAt: W, States: {W: {Type: Wait, Seconds: 600, End: true}}}")
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1])}
    running = subprocess.Popen(process("run", "flow.yaml", "--name", "n"), cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    assert running.stderr.readline().endswith("W\n")
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    assert asw.execution("n").status == "ABORTED"


@pytest.mark.slow
def test_notebooks_are_run_and_published(shell):
    cells = [
        v4.new_code_cell("fail = False", metadata={"tags": ["parameters"]}),
        v4.new_code_cell("import asw_nb as asw\nasw.run({'StartAt': 'C', 'States': {'C': {'Type': 'Choice', 'Choices': [{'Variable': '$.f', 'BooleanEquals': True, 'Next': 'No'}],"
                         " 'Default': 'Yes'}, 'No': {'Type': 'Fail', 'Error': 'Wanted'}, 'Yes': {'Type': 'Succeed'}}}, {'f': fail}, workflow='choice')"),
    ]  # fmt: skip
    write(v4.new_notebook(cells=cells), "book.ipynb")
    code, _, err = shell("publish", "book.ipynb", "-p", "fail", "true", "-o", "out/page.html", "--notebook", "out/book.ipynb")
    assert code == 1
    assert err.splitlines()[:3] == ["book.ipynb: cell 1 of 3", "book.ipynb: cell 2 of 3", "book.ipynb: cell 3 of 3"]
    assert err.splitlines()[-1].endswith(": FAILED, at No: Wanted")
    assert "Wanted" in Path("out/page.html").read_text()
    assert shell("publish", "out/book.ipynb", "--no-run", "-q")[0] == 1
    assert shell("publish", "out/book.ipynb", "--no-run", "-q", "--no-fail")[0] == 0
    assert Path("out/book.html").exists()
    code, out, _ = shell("run", "book.ipynb", "--json", "-q")
    told = json.loads(out)
    assert (code, told["ok"], [e["status"] for e in told["executions"]]) == (0, True, ["SUCCEEDED"])
