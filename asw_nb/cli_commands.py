"""The commands of ``asw-nb``, a function each: options in, exit code out. Here are those that look at what there is."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asw_nb.analysis.words import cut, duration_text
from asw_nb.cli import DONE, NO_HISTORY, WRONG_DEFINITION, worded
from asw_nb.cli_parts import dump, facts, file_of, found, functions_of, opened, summary
from asw_nb.cli_running import publish, resume, run
from asw_nb.errors import StoreError, UnknownExecution, UsageError
from asw_nb.handle import Execution
from asw_nb.workspace import Workspace

Command = Callable[[Any], int]



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
