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
    assert shell(*words) == (2, "", 'asw-nb: workflow "etl" already has an execution named "today". Names are unique per workflow: leave --name out, choose another, or say --once.\n')
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
        (("run", "etl.yaml"), 3, '1 problem in workflow "etl"\n  States.Load.Parameters.rows (line 6, column 42): there is no "rows" for "${rows}". Define it, or give it with -p rows VALUE.'),
        (("run", "etl.yaml", "-p", "row", "7"), 2, '-p row: etl.yaml has no ${row}. Did you mean "rows"?'),
        (("run", "etl.yaml", "-p", "rows", "7", "--timeout", "-1"), 2, "--timeout -1 must be a positive number of seconds."),
        (("run", "etl.yaml", "--report", "etl.yaml/run.html"), 2, 'the report "etl.yaml/run.html" cannot be written: File exists.'),
        (("run", "etl.yaml", "--functions", "exits.py"), 2, "--functions exits.py: {cwd}/exits.py:1: SystemExit: 3"),
        (("run", "."), 2, '"." is a folder, no file.'),
        (("run", "x.ipynb", "--history", "x.db"), 2, "--history is for definitions; a notebook takes parameters with -p, and asw-nb publish makes a page of it."),
        (("run", "x.ipynb", "--show-secrets"), 2, "--show-secrets is for definitions; a notebook takes parameters with -p, and asw-nb publish makes a page of it."),
        (("run", "x.ipynb", "--timeout", "0"), 2, "--timeout 0 must be a positive number of seconds."),
        (("publish", "x.ipynb", "--timeout", "nan"), 2, "--timeout nan must be a positive number of seconds."),
        (("report", "--last", "-1"), 2, "--last -1 must be 0 or more."),
        (("doctor", "none.db"), 4, "there is no history at none.db."),
        (("publish", "x.ipynb", "-o", "x.pdf"), 2, 'the page "x.pdf" must end in .html.'),
        (("publish", "x.ipynb", "--no-run", "-p", "n", "1"), 2, "--no-run takes what is stored: parameters and --notebook need a run."),
        (("show",), 4, "there is no history at {home}/history.db. Run something first, or name the file with --history."),
    ],
)  # fmt: skip
def test_wrong_calls_are_short_and_say_what_is_right(shell, asw_home, words, code, message):
    if message.endswith('Did you mean ".md"?'):
        message = message.removesuffix(' Did you mean ".md"?')
    Path("exits.py").write_text("raise SystemExit(3)")
    assert shell(*words) == (code, "", f"asw-nb: {message.replace('{home}', str(asw_home)).replace('{cwd}', str(Path.cwd()))}\n")


def test_functions_that_cannot_be_loaded_are_named_with_their_line(shell):
    Path("broken.py").write_text("x = 1\nraise KeyError('x')\n")
    code, _, err = shell("run", "etl.yaml", "--functions", "broken.py")
    assert (code, err) == (2, f"asw-nb: --functions broken.py: {Path('broken.py').absolute()}:2: KeyError: 'x'\n".replace(str(Path.cwd()) + "/", err.split("broken.py: ")[1].split("broken.py:2")[0]))
    assert shell("run", "etl.yaml", "--functions", "none.py")[2] == 'asw-nb: --functions: there is no file "none.py".\n'


def test_what_was_run_is_listed_and_shown(shell, asw_home):
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
    assert shell("show", "three") == (2, "", f'asw-nb: there is no execution "three" in "{asw_home}/history.db". asw-nb list shows those that there are.\n')
    assert shell("report", "one", "one.txt")[2].endswith("asw-nb list shows those that there are. A report's path must end in .html, .md or .ipynb.\n")


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
def test_a_resumed_run_says_which_functions_it_lacks(tmp_path, asw_home):
    (tmp_path / "flow.yaml").write_text("{StartAt: T, States: {T: {Type: Task, Resource: t, End: true}}}")
    (tmp_path / "tasks.py").write_text("import os\ndef t(event):\n    os._exit(1)\n")
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1])}
    subprocess.run(process("run", "flow.yaml", "--functions", "tasks.py", "--name", "n", "-q"), cwd=tmp_path, env=environment, timeout=60)
    done = subprocess.run(process("resume", "-q"), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'asw-nb: execution "n" waits for functions that are not known here: t. Give them with --functions FILE.\n'


@pytest.mark.slow
@pytest.mark.parametrize("asked", [["run", "book.ipynb", "--json"], ["publish", "book.ipynb", "--json"]])
def test_an_interrupt_ends_a_notebook_without_a_traceback(tmp_path, asw_home, asked):
    write(v4.new_notebook(cells=[v4.new_code_cell("import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)"), v4.new_code_cell("1")]), tmp_path / "book.ipynb")
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1])}
    running = subprocess.Popen(process(*asked), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if (tmp_path / "begun").exists():
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    page = ["page: book.html"] if asked[0] == "publish" else []
    assert (running.returncode, err.splitlines()) == (130, ["book.ipynb: cell 1 of 2", *page, "book.ipynb: interrupted in cell 1"])
    assert json.loads(out)["failed_cell"] == 1


@pytest.mark.slow
def test_a_cell_that_takes_too_long_is_ended(tmp_path, asw_home):
    write(v4.new_notebook(cells=[v4.new_code_cell("import time\ntime.sleep(60)")]), tmp_path / "book.ipynb")
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1])}
    done = subprocess.run(process("run", "book.ipynb", "--timeout", "1", "-q"), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=40)
    assert (done.returncode, done.stderr) == (1, "book.ipynb: cell 1: it ran longer than 1 s\n")


@pytest.mark.slow
def test_an_interrupted_run_is_reported_like_any_other(tmp_path, asw_home):
    (tmp_path / "flow.yaml").write_text("{StartAt: W, States: {W: {Type: Wait, Seconds: 600, End: true}}}")
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1])}
    running = subprocess.Popen(
        process("run", "flow.yaml", "--name", "n", "--json", "--report", "n.md"), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    assert running.stderr.readline().endswith("W\n")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, json.loads(out)["status"]) == (130, "ABORTED")
    assert [line.partition(" in ")[0] for line in err.splitlines()[-3:]] == ["flow/n: ABORTED", "  interrupted", "report: n.md"]
    assert "Was stopped at W" in (tmp_path / "n.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("colours", [True, False])
def test_a_terminal_has_bars_and_colours(tmp_path, asw_home, colours):
    import pty

    inner = "{StartAt: T, States: {T: {Type: Task, Resource: t, End: true}}}"
    (tmp_path / "flow.yaml").write_text(f"{{StartAt: Each, States: {{Each: {{Type: Map, MaxConcurrency: 1, ItemProcessor: {inner}, End: true}}}}}}")
    (tmp_path / "tasks.py").write_text("import time\ndef t(event):\n    time.sleep(0.3)\n    if event == 3:\n        raise ValueError('no')\n")
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1]), "TERM": "xterm", **({} if colours else {"NO_COLOR": "1"})}
    words = process("run", "flow.yaml", "--functions", "tasks.py", "-i", "[1, 2, 3]", "--name", "n")
    done = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert done.wait(30) == 1
    text = seen.decode()
    assert "Each ████░" in text or "Each █████░" in text
    assert "1/3 · " in text and "2/3 · " in text
    assert ("\x1b[31mEach[2]/T: failed, ValueError\x1b[0m" in text) == colours
    assert ("flow/n: \x1b[31mFAILED\x1b[0m in " in text) == colours
    assert ("\x1b[31m" in text) == colours


@pytest.mark.slow
def test_closed_full_and_narrow_streams_make_no_tracebacks(tmp_path, asw_home):
    (tmp_path / "flow.yaml").write_text("{StartAt: P, States: {P: {Type: Pass, End: true}}}")
    environment = os.environ | {"PYTHONPATH": str(Path(asw.__file__).parents[1]), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    given = json.dumps({"n": "ü数😀"}, ensure_ascii=False)
    done = subprocess.run(process("run", "flow.yaml", "-i", given, "-q"), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"n": "ü数😀"}, "")
    command = " ".join(process("show", "latest"))
    closed = subprocess.run(["sh", "-c", f"{command} 2>&-"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (closed.returncode, closed.stdout.splitlines()[0][:5]) == (0, "flow/")
    if Path("/dev/full").exists():
        full = subprocess.run(["sh", "-c", f"{command} >/dev/full"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert (full.returncode, full.stderr) == (2, "asw-nb: the output cannot be written: No space left on device.\n")


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
