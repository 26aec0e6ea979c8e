"""What several commands of ``asw-nb`` need: files, functions and executions of the line, and telling how it went."""

from __future__ import annotations

import contextlib
import errno
import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from asw_nb.analysis.words import cut, duration_text, readable_cause
from asw_nb.cli import DONE, FAILED, colours, worded
from asw_nb.cli_progress import LOOK_S, Progress
from asw_nb.errors import StoreError, UsageError
from asw_nb.handle import Execution
from asw_nb.history.redact import redact, redact_text
from asw_nb.workspace import Workspace, default_path


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
    frames = [f for f in traceback.extract_tb(raised.__traceback__) if "importlib" not in f.filename and f.filename != __file__]
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


def positive(options: Any) -> None:
    """Refuse a time limit that is none."""
    if options.timeout is not None and not 0 < options.timeout < float("inf"):
        raise UsageError(f"--timeout {options.timeout:g} must be a positive number of seconds.")


__all__ = [
    "code_of", "data_of", "dump", "facts", "file_of", "found", "functions_of", "opened", "positive", "say", "say_end", "summary", "waited", "writable",
]  # fmt: skip
