"""The commands of ``asw-nb``, a function each: options in, exit code out."""

from __future__ import annotations

import contextlib
import errno
import importlib
import importlib.util
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from asw_nb.analysis.words import cut, duration_text, readable_cause
from asw_nb.cli import DONE, FAILED, INTERRUPTED, NO_HISTORY, WRONG_DEFINITION, colours, worded
from asw_nb.cli_progress import LOOK_S, Progress
from asw_nb.errors import StoreError, UnknownExecution, UsageError, did_you_mean
from asw_nb.handle import Execution
from asw_nb.history.redact import redact, redact_text
from asw_nb.reports.execute import value_of
from asw_nb.workspace import Workspace, default_path

Command = Callable[[Any], int]


# --------------------------------------------------------------------------- what several commands need


@contextlib.contextmanager
def opened(options: Any, make: bool = False) -> Iterator[Workspace]:
    """The workspace that is meant; only a command that runs something makes a new file."""
    path = Path(options.history) if options.history else default_path()
    if path.is_dir():
        path = path / "history.db"
    if not make and not path.exists():
        raise StoreError(f"there is no history at {path}. Run something first, or name the file with --history.")
    with Workspace(path) as workspace:
        yield workspace


def file_of(word: str) -> Path:
    """A file that is there.

    Raises
    ------
    UsageError
        It is not, or it is a folder.
    """
    path = Path(word)
    if not path.is_file():
        raise UsageError(f'"{word}" is a folder, no file.' if path.is_dir() else f'there is no file "{word}".')
    return path


def writable(word: str, what: str) -> Path:
    """A path that can be written to, its folder made: whoever waits for hours must not hear then that it cannot.

    Raises
    ------
    UsageError
        It cannot.
    """
    path = Path(word)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as problem:
        raise UsageError(f'the {what} "{word}" cannot be written: {problem.strerror}.') from None
    return path


def found(workspace: Workspace, word: str, workflow: str | None) -> Execution:
    """An execution by name, id, or "latest"."""
    return workspace.execution(word, workflow)


def functions_of(words: list[str]) -> dict[str, Callable[..., Any]]:
    """The public callables of Python files and modules; what they register with `asw_nb.function` is known besides."""
    out: dict[str, Callable[..., Any]] = {}
    for number, word in enumerate(words):
        path = Path(word)
        try:
            if path.suffix == ".py" or path.exists():
                if not path.is_file():
                    raise UsageError(f'--functions: there is no file "{word}".')
                sys.path.insert(0, str(path.absolute().parent))
                spec = importlib.util.spec_from_file_location(f"asw_functions_{number}_{path.stem}", path)
                assert spec is not None and spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                sys.modules[spec.name] = module
                spec.loader.exec_module(module)
            else:
                sys.path.insert(0, str(Path.cwd()))
                module = importlib.import_module(word)
        except UsageError:
            raise
        except (Exception, SystemExit) as raised:
            raise UsageError(f"--functions {word}: {_where(raised)}{type(raised).__name__}: {raised}") from None
        own = {k: v for k, v in vars(module).items() if callable(v) and not k.startswith("_") and getattr(v, "__module__", None) == module.__name__}
        out |= {k: v for k, v in own.items() if not isinstance(v, type)}
    return out


def _where(raised: BaseException) -> str:
    """The line of a user's file in which an exception was raised."""
    frames = [f for f in traceback.extract_tb(raised.__traceback__) if "importlib" not in f.filename and Path(f.filename).name != "cli_commands.py"]
    return f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""


def data_of(word: str | None, what: str) -> Any:
    """JSON, ``@file``, or ``-``."""
    if word is None:
        return None
    try:
        if word == "-":
            return json.loads(sys.stdin.read())
        if word.startswith("@"):
            return json.loads(Path(word[1:]).read_text(encoding="utf-8-sig"))
        return json.loads(word)
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{what} {word}: the file cannot be read: {getattr(problem, 'strerror', None) or problem}.") from None
    except ValueError as problem:
        raise UsageError(f"{what} {cut(word, 60)} is no JSON: {problem}. Write JSON, @file.json, or - for standard input.") from None


def facts(execution: Execution, secrets: bool = False) -> dict[str, Any]:
    """An execution as JSON."""
    record = execution._latest()
    mask: Callable[[Any], Any] = (lambda value: value) if secrets else redact
    words: Callable[[str | None], str | None] = (lambda text: text) if secrets else (lambda text: None if text is None else redact_text(text))
    return {
        "execution": record.id, "workflow": record.workflow, "name": record.name, "type": record.type, "status": record.status,
        "started": _time(record.started_us), "finished": _time(record.finished_us), "duration_s": round(execution.duration_s, 6),
        "input": mask(record.input), "output": mask(record.output), "error": words(record.error), "cause": words(record.cause), "failed_at": record.failed_path,
        "redrives": record.redrives, "tags": mask(record.tags),
    }  # fmt: skip


def _time(us: int | None) -> str | None:
    from datetime import UTC, datetime

    return None if us is None else datetime.fromtimestamp(us / 1e6, UTC).isoformat().replace("+00:00", "Z")


def dump(value: Any) -> None:
    """JSON on standard output."""
    letters = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
    print(json.dumps(value, ensure_ascii=not letters, indent=2, default=str))


def say(text: str) -> None:
    print(text, file=sys.stderr)


def say_end(execution: Execution) -> None:
    """How it ended, its status in colour in a terminal."""
    codes, status = colours(sys.stderr), execution.status
    told = summary(execution)
    if codes:
        told = told.replace(f": {status} in ", f": {codes['green' if status == 'SUCCEEDED' else 'red']}{status}{codes['end']} in ", 1)
    say(told)


def code_of(executions: list[Execution]) -> int:
    return DONE if all(e.status == "SUCCEEDED" for e in executions) else FAILED


def waited(execution: Execution, quiet: bool) -> bool:
    """Wait, telling how it goes; whether it was interrupted, which stops the execution.

    Raises
    ------
    UsageError
        It is resumed without a function that it needs, which nobody can define here any more.
    """
    progress = None if quiet or execution._run is None else Progress(execution)
    try:
        while execution.wait(LOOK_S).status == "RUNNING":
            if missing := execution.waiting_for:
                raise UsageError(f'execution "{execution.name}" waits for functions that are not known here: {", ".join(missing)}. Give them with --functions FILE.')
        return False
    except KeyboardInterrupt:
        if execution._run is None:
            say(f'"{execution.name}" goes on in {execution._workspace.driver(execution.key)[1]}, which drives it')
        else:
            execution.stop(cause="interrupted")
        return True
    finally:
        if progress is not None:
            progress.close()


def summary(execution: Execution) -> str:
    """How it ended, in a line, and why in a second one."""
    record = execution._latest()
    line = f"{record.workflow}/{record.name}: {record.status} in {duration_text(execution.duration_s)}"
    if record.failed_path:
        line += f", at {cut(record.failed_path, 160)}"
    if record.error or record.cause:
        message = worded(readable_cause(record.cause))
        error = redact_text(record.error or "")
        line += "\n  " + cut(": ".join(filter(None, (error, message.removeprefix(f"{error}: ")))), 600)
    return line


# --------------------------------------------------------------------------- run, resume


def run(options: Any) -> int:
    """Run a definition or a notebook."""
    if Path(options.file).suffix == ".ipynb":
        return _run_notebook(Path(options.file), options)
    path = file_of(options.file)
    if path.suffix == ".py":
        raise UsageError(f'"{path}" is Python: run it with python, or give it as --functions beside a definition (.json, .yaml).')
    if options.notebook:
        raise UsageError("--notebook is for notebooks.")
    if options.once and not options.name:
        raise UsageError("--once needs --name: which execution is to be run once?")
    from asw_nb.reports.make import form_of
    from asw_nb.workflows import Workflow

    if options.report:
        form_of(Path(options.report))
        writable(options.report, "report")
    positive(options)
    given = data_of(options.input, "--input")
    values = {name: value_of(text) for name, text in options.parameter}
    written = _text(path)
    known = set(re.findall(r"\$\{\s*(\w+)", written))
    for name in values:
        if name not in known:
            raise UsageError(f"-p {name}: {path.name} has no ${{{name}}}.{did_you_mean(name, known)}")
    functions = functions_of(options.functions)
    with opened(options, make=True) as workspace:
        flow = Workflow(path, options.workflow, options.dialect, options.type, workspace, value_of=_look_up(values) if values or "${" in written else None)
        execution = _again(workspace, flow.name, options, functions) if options.once else None
        if execution is None:
            execution = flow.start(given, **_start_options(options, functions))
        interrupted = waited(execution, options.quiet)
        if options.json:
            dump(facts(execution, options.show_secrets))
        elif execution.status == "SUCCEEDED":
            dump(execution.output if options.show_secrets else redact(execution.output))
        if not options.quiet or execution.status != "SUCCEEDED":
            say_end(execution)
        if options.report:
            say(f"report: {execution.report(options.report)}")
        return INTERRUPTED if interrupted else code_of([execution])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):  # which the reader says better
        return ""


def _start_options(options: Any, functions: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    from asw_nb.engine.clock import VirtualClock

    more: dict[str, Any] = {"functions": functions or None, "name": options.name, "executor": options.executor, "timeout_s": options.timeout}
    more["tags"] = {name: value_of(text) for name, text in options.tag} or None
    if options.time == "virtual":
        more["clock"] = VirtualClock()
    return more


def _again(workspace: Workspace, workflow: str, options: Any, functions: dict[str, Callable[..., Any]]) -> Execution | None:
    """The execution of that name, going on where its process died; None when there is none yet."""
    try:
        execution = workspace.execution(options.name, workflow)
    except UnknownExecution:
        return None
    if execution.status == "RUNNING" and workspace.driver(execution.key)[0] == "dead":
        (execution,) = workspace.resume(execution.key, functions=functions or None, executor=options.executor)
    return execution


def _look_up(values: dict[str, Any]) -> Callable[[str], Any]:
    from asw_nb.language.substitute import resolve

    return lambda reference: resolve(reference, values.__getitem__, lambda: values)


def _run_notebook(path: Path, options: Any) -> int:
    from asw_nb.reports import execute

    for flag, unset in ONLY_DEFINITIONS.items():
        if getattr(options, flag) != unset:
            raise UsageError(f"--{flag.replace('_', '-')} is for definitions; a notebook takes parameters with -p, and asw-nb publish makes a page of it.")
    positive(options)
    notebook = execute.read(path)
    if options.notebook:
        writable(options.notebook, "notebook")
    values = {name: value_of(text) for name, text in options.parameter}
    if options.input is not None:
        values["input"] = data_of(options.input, "--input")
    _set(notebook, path, values)
    done = _executed(notebook, path, options)
    if options.notebook:
        _save(notebook, Path(options.notebook))
    return _told(done, path, options, {})


ONLY_DEFINITIONS: dict[str, Any] = {
    "report": None, "workflow": None, "name": None, "once": False, "functions": [], "tag": [], "type": "STANDARD", "dialect": "auto", "executor": None, "time": "real",
    "history": None, "show_secrets": False,
}  # fmt: skip
"""Options of `run` that say nothing to a notebook, with what they are when they are not given."""


def positive(options: Any) -> None:
    """Refuse a time limit that is none."""
    if options.timeout is not None and not 0 < options.timeout < float("inf"):
        raise UsageError(f"--timeout {options.timeout:g} must be a positive number of seconds.")


def _set(notebook: Any, path: Path, values: dict[str, Any]) -> None:
    """Put the parameters in; a name that nothing in the notebook expects is said, as papermill does."""
    from asw_nb.reports import execute

    unknown = execute.unknown_parameters(notebook, values)
    execute.set_parameters(notebook, values)
    if unknown:
        say(f"{path.name}: no cell tagged parameters sets {', '.join(unknown)}")


def _executed(notebook: Any, path: Path, options: Any) -> Any:
    from asw_nb.reports import execute

    def progress(number: int, of: int) -> None:
        if not options.quiet:
            say(f"{path.name}: cell {number} of {of}")

    return execute.execute(notebook, path.absolute().parent, kernel=getattr(options, "kernel", None), timeout_s=options.timeout, progress=progress)


def _save(notebook: Any, path: Path) -> None:
    import nbformat

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
    except OSError as problem:
        raise UsageError(f'the notebook "{path}" cannot be written: {problem.strerror}.') from None


def _told(done: Any, path: Path, options: Any, more: dict[str, Any]) -> int:
    """Say what became of a notebook."""
    from asw_nb.reports.execute import NOT_WELL

    error = redact_text(done.error)
    if options.json:
        dump({"notebook": str(path), "ok": done.ok, "failed_cell": done.failed_cell, "error": error or None, "executions": done.executions, **more})
    if done.interrupted:
        say(f"{path.name}: interrupted" + (f" in cell {done.failed_cell}" if done.failed_cell is not None else ""))
    elif done.failed_cell is not None:
        say(f"{path.name}: cell {done.failed_cell}: {cut(error, 400)}")
    for execution in done.executions:
        if not options.quiet or execution["status"] in NOT_WELL:
            where = f", at {execution['failed_at']}" if execution["failed_at"] else ""
            say(f"{execution['workflow']}/{execution['name']}: {execution['status']}{where}" + (f": {execution['error']}" if execution["error"] else ""))
    if done.interrupted:
        return INTERRUPTED
    if done.failed_cell is not None:
        return FAILED
    return DONE if done.ok or getattr(options, "no_fail", False) else FAILED


def publish(options: Any) -> int:
    """Execute a notebook, or not, and write it as a page."""
    from asw_nb.reports import execute
    from asw_nb.reports.publish import page

    path = Path(options.notebook)
    target = Path(options.output) if options.output else path.with_suffix(".html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f'the page "{target}" must end in .html.')
    if options.no_run and (options.parameter or options.executed):
        raise UsageError("--no-run takes what is stored: parameters and --notebook need a run.")
    positive(options)
    notebook = execute.read(path)
    writable(str(target), "page")
    if options.executed:
        writable(options.executed, "notebook")
    if options.no_run:
        done = execute.stored(notebook)
    else:
        _set(notebook, path, {name: value_of(text) for name, text in options.parameter})
        done = _executed(notebook, path, options)
        if options.executed:
            _save(notebook, Path(options.executed))
    title = notebook.metadata.get("title") or path.stem
    text = page(notebook, title, path.absolute().parent, code=not options.no_code, scripts=options.scripts, redact=not options.no_redact)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    except OSError as problem:
        raise UsageError(f'the page "{target}" cannot be written: {problem.strerror}.') from None
    if not options.quiet:
        say(f"page: {target}")
    return _told(done, path, options, {"page": str(target)})


def resume(options: Any) -> int:
    """Go on with what is left."""
    functions = functions_of(options.functions)
    with opened(options) as workspace:
        key = found(workspace, options.execution, None).key if options.execution else None
        going = workspace.resume(key, functions=functions or None, force=options.force)
        if not going and not options.quiet:
            say("nothing is left to go on with")
        interrupted = False
        for execution in going:
            if interrupted and execution.status == "RUNNING":
                execution.stop(cause="interrupted")
            interrupted = waited(execution, options.quiet) or interrupted
            if not options.quiet or execution.status != "SUCCEEDED":
                say_end(execution)
        if options.json:
            dump([facts(e) for e in going])
        return INTERRUPTED if interrupted else code_of(going)


# --------------------------------------------------------------------------- looking


def list_(options: Any) -> int:
    """List executions."""
    with opened(options) as workspace:
        views = workspace.select(workflow=options.workflow, status=options.status, since=options.since, limit=options.limit)
        rows = [facts(view, options.show_secrets) for view in views]
    if options.json:
        dump(rows)
        return DONE
    heads = ("workflow", "name", "status", "started", "duration", "error")
    table([heads, *((r["workflow"], r["name"], r["status"], (r["started"] or "")[:19], duration_text(r["duration_s"]), r["error"] or "") for r in rows)])
    return DONE


def table(rows: list[tuple[str, ...]], widest: int = 60) -> None:
    """Rows as columns of text; the last one is not cut."""
    cells = [[_plain(c) if i == len(row) - 1 else cut_cell(_plain(c), widest) for i, c in enumerate(row)] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def cut_cell(text: str, widest: int) -> str:
    """A text that fits a column, its end kept: paths differ there."""
    return text if len(text) <= widest else "…" + text[1 - widest :]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def show(options: Any) -> int:
    """Show one execution."""
    with opened(options) as workspace:
        execution = found(workspace, options.execution, options.workflow)
        told = facts(execution, options.show_secrets)
    if options.json:
        dump(told)
        return DONE
    print(summary(execution))
    for key in ("started", "finished", "failed_at"):
        if told[key]:
            print(f"{key}: {told[key]}")
    for key in ("input", "output"):
        if key == "input" or told["status"] == "SUCCEEDED":
            print(f"{key}: {cut(json.dumps(told[key], ensure_ascii=False, default=str), 4_000)}")
    return DONE


def states(options: Any) -> int:
    """Show the visits to states."""
    with opened(options) as workspace:
        frame = found(workspace, options.execution, options.workflow).states(redact=not options.show_secrets)
    if options.json:
        columns = frame.astype(object).where(frame.notna(), None)
        dump([{k: v.isoformat().replace("+00:00", "Z") if hasattr(v, "isoformat") else v for k, v in row.items()} for row in columns.to_dict("records")])
        return DONE
    visits: Any = frame.itertuples(index=False)
    rows = [(r.path, r.type, r.status, duration_text(r.duration_s), str(r.attempts) if r.attempts else "", r.error or "") for r in visits]
    table([("path", "type", "status", "duration", "attempts", "error"), *rows])
    return DONE


def validate(options: Any) -> int:
    """Check definitions."""
    from asw_nb.workflows import validate as check

    worst, out = DONE, []
    for word in options.files:
        source: Any = sys.stdin.read() if word == "-" else file_of(word)
        problems = check(source, options.dialect, options.type)
        bad = [p for p in problems if p.severity == "ERROR" or options.strict]
        worst = WRONG_DEFINITION if bad else worst
        if options.json:
            listed = [{k: getattr(p, k) for k in ("severity", "code", "message", "location", "line", "column", "fix")} for p in problems]
            out.append({"file": word, "ok": not bad, "problems": listed})
            continue
        for problem in problems:
            place = ":".join(str(x) for x in (word, problem.line, problem.column) if x is not None)
            print(f"{place}: {problem.severity.lower()}: {problem}")
        if not problems:
            print(f"{word}: no problems")
    if options.json:
        dump(out)
    return worst


def report(options: Any) -> int:
    """Write a report."""
    from asw_nb.reports.make import MAX_BYTES, SUFFIXES
    from asw_nb.reports.make import report as write

    words, target = list(options.executions), options.output
    if target is None and words and Path(words[-1]).suffix.lower() in SUFFIXES:
        target = words.pop()
    from asw_nb.names import registry

    for name, call in functions_of(options.functions).items():
        if name not in registry.names():
            registry.add(name, call)
    if options.last < 0:
        raise UsageError(f"--last {options.last} must be 0 or more.")
    with opened(options) as workspace:
        runs = [_reported(workspace, word, options.workflow, last=word is words[-1]) for word in words] if words else [found(workspace, "latest", options.workflow)]
        target = target or f"{runs[0].workflow}-{runs[0].name}.html"
        path = write(
            runs if len(runs) > 1 else runs[0], target, title=options.title, code=options.code, sections=options.section, last=options.last,
            max_bytes=MAX_BYTES if options.max_bytes is None else options.max_bytes, workspace=workspace,
        )  # fmt: skip
    if options.json:
        dump({"report": str(path), "bytes": path.stat().st_size, "executions": [r.name for r in runs]})
    else:
        print(path)
    return DONE


def _reported(workspace: Workspace, word: str, workflow: str | None, last: bool) -> Execution:
    """An execution to report on; the last word may have been meant as a path."""
    try:
        return found(workspace, word, workflow)
    except UnknownExecution as unknown:
        if last and re.fullmatch(r"\.[A-Za-z]\w{0,7}", Path(word).suffix):
            raise UsageError(f"{unknown} A report's path must end in .html, .md or .ipynb.") from None
        raise


def doctor(options: Any) -> int:
    """Check a history file."""
    from asw_nb.workspace import examine

    if options.path is not None and not Path(options.path).exists():
        raise StoreError(f"there is no history at {options.path}.")
    found = examine(options.path, options.repair)
    if options.json:
        dump({"path": str(found.path), "ok": found.ok, "findings": [{k: getattr(f, k) for k in ("check", "status", "detail", "fix")} for f in found.findings]})
    else:
        print(worded(str(found)))
    return DONE if found.ok else NO_HISTORY


COMMANDS: dict[str, Command] = {
    "run": run, "list": list_, "show": show, "states": states, "validate": validate, "report": report, "resume": resume, "doctor": doctor, "publish": publish,
}  # fmt: skip

__all__ = ["COMMANDS"]
