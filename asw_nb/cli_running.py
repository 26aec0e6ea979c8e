"""The commands of ``asw-nb`` that run something: `run`, `publish`, `resume`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asw_nb.analysis.words import cut
from asw_nb.cli import DONE, FAILED, INTERRUPTED
from asw_nb.cli_parts import (
    code_of,
    data_of,
    dump,
    facts,
    file_of,
    found,
    functions_of,
    opened,
    positive,
    say,
    say_end,
    waited,
    writable,
)
from asw_nb.errors import UnknownExecution, UsageError, did_you_mean
from asw_nb.handle import Execution
from asw_nb.history.redact import redact, redact_text
from asw_nb.reports.execute import value_of
from asw_nb.workspace import Workspace


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


__all__ = ["publish", "resume", "run"]
