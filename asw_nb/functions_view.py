"""The function behind a state: its text, where it was defined, and how it has done lately, as the cloud console's link shows it."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import cut, duration_text
from asw_nb.analysis.figure import Html, html_text
from asw_nb.analysis.inspector import function_html, nothing_html, table_html
from asw_nb.errors import UnknownFunction, UsageError
from asw_nb.history.fold import Fold, Visit
from asw_nb.history.redact import redact_text
from asw_nb.history.store import Record
from asw_nb.language.plan import Plan, StatePlan
from asw_nb.language.resources import parse_resource
from asw_nb.workspace import Workspace

if TYPE_CHECKING:
    from asw_nb.backends.functions import Resolver
    from asw_nb.handle import Execution

MOST_EXECUTIONS = 20
MOST_RUNS = 12


def where_of(call: Any) -> str:
    """Where a function was defined: a cell, or a file, with the line.

    Examples
    --------
    >>> where_of(where_of).rpartition(":")[0]
    'functions_view.py'
    """
    code = getattr(inspect.unwrap(call) if callable(call) else call, "__code__", None)
    if code is None:
        return ""
    ipython = sys.modules.get("IPython")  # its cells have names of their own; it is never imported for that
    shell = ipython.get_ipython() if ipython is not None else None
    named = shell.compile.format_code_name(code.co_filename) if shell is not None else None
    if named is not None:
        return f"{' '.join(named)}, line {code.co_firstlineno}"
    if code.co_filename.startswith("<asw function "):
        return f"%%asw_function cell, line {code.co_firstlineno}"
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def source_of(call: Any) -> str | None:
    """A function's text, where Python knows it."""
    try:
        return inspect.getsource(call)
    except (OSError, TypeError):
        return None


def function_of(execution: Execution, state: StatePlan) -> str:
    """The pane of the function behind a state of an execution."""
    resource = state.resource
    if resource is None:
        return nothing_html(f"No function stands behind a {state.type} state.")
    if resource.kind not in ("function", "service"):
        return nothing_html(f"This state calls {cut(resource.text, 200)}: no Python function stands behind it.")
    try:
        call = execution._resolver.find(resource).call
    except UnknownFunction as missing:
        return nothing_html(str(missing))
    more = f'<div style="color:#57606a;margin-top:6px">Its last runs: %asw functions {html_text(resource.name)}</div>'
    return function_html(resource.name, where_of(call), source_of(call), more)


def function_card(name: str, workspace: Workspace, resolver: Resolver) -> Html:
    """A function's text and its last runs in the newest executions of a workspace.

    Raises
    ------
    UnknownFunction
        With the nearest name.
    """
    if not isinstance(name, str) or not name:
        raise UsageError(f"functions({name!r}): give a function's name.")
    call = resolver.find(parse_resource(name)).call
    runs, tally = _last_runs(name, workspace)
    words = ", ".join(f"{count} {status}" for status, count in tally.most_common()) or "no runs yet"
    where = where_of(call)
    rows = (
        (html_text(cut(e, 60)), html_text(cut(path, 80)), str(number), status, duration_text(seconds), html_text(cut(error, 120)))
        for e, path, number, status, seconds, error in runs
    )  # fmt: skip
    heads = ("execution", "path", "attempt", "status", "duration", "error")
    table = f'<div style="margin-top:10px;font-weight:600">Last runs: {words}</div>'
    table += table_html(heads, rows) if runs else ""
    return Html(function_html(name, where, source_of(call), table), f"asw function {name} | {where} | {words}")


Row = tuple[str, str, int, str, float | None, str]


def _last_runs(name: str, workspace: Workspace) -> tuple[list[Row], Counter[str]]:
    """The newest attempts of a function, by a look at the newest executions."""
    rows: list[Row] = []
    tally: Counter[str] = Counter()
    for record in workspace.store.rows(limit=MOST_EXECUTIONS):
        if record.type == "EXPRESS":
            continue
        plan = workspace.plan_of(record)
        if not any(s.resource is not None and s.resource.name == name for s in plan.states):
            continue
        for visit in _late_visits(plan, record, workspace):
            if visit.state.resource is None or visit.state.resource.name != name:
                continue
            for attempt in reversed(visit.attempts):
                tally[attempt.status] += 1
                if len(rows) < MOST_RUNS:
                    begun = attempt.started if attempt.started is not None else attempt.scheduled
                    seconds = None if attempt.finished is None else (attempt.finished - begun) / 1e6
                    error = redact_text(attempt.error or "")
                    rows.append((record.name, visit.path, attempt.number, attempt.status, seconds, error))
    return rows, tally


LONGEST_HISTORY = 20_000


def _late_visits(plan: Plan, record: Record, workspace: Workspace) -> list[Visit]:
    """The visits of an execution, newest first; none of one whose history takes long to read."""
    events = list(itertools.islice(workspace.store.events(record.key), LONGEST_HISTORY + 1))
    if len(events) > LONGEST_HISTORY:
        return []
    return Fold(plan, record.input, record.started_us).feed(events).visits[::-1]


__all__ = ["function_card", "function_of", "source_of", "where_of"]
