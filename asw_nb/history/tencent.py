"""The history in Tencent ASW's words: what DescribeExecutionHistory gives.

Tencent's list is flat: `{Type}NodeEnter` and `{Type}NodeExit` per state, a virtual START and END node, times as
strings of milliseconds, and `Content` as JSON text. The categories for Task and Pass, the START and END events and
the keys of Content are seen in published samples; `ExecutionSucceed`-like events are not, so a run that fails says so
in the last node's `Exception`, and the END event closes every run. `Content` is valid JSON here, which the samples'
is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from asw_nb.engine.events import Event
from asw_nb.history.cloud import text
from asw_nb.history.fold import Fold, Visit
from asw_nb.language.plan import Plan


def tencent_history(
    plan: Plan, input: Any, start_us: int, events: Iterable[Event], resource_name: str, role: str
) -> list[dict[str, Any]]:
    """Events in the shape of Tencent's ExecutionEvent.

    Returns
    -------
    list of dict
        Keys ExecutionResourceName, EventId, EventCategory, StepName, ResourceName, Timestamp (string, ms), Content,
        Exception.
    """
    fold = Fold(plan, input, start_us).feed(events)
    rows: list[Row] = [
        ((0, 0, 0), 0, "ExecutionStart", "START", "", text({"input": input, "role": role}), ""),
        ((0, 0, 1), 0, "Unknown", "START", "", "null", ""),
    ]
    for visit in fold.visits:
        rows += _rows(visit)
    rows.sort(key=lambda row: row[0])
    if fold.state.status != "RUNNING":
        rows.append(((fold.state.count, 2, 0), fold.last_at, "Unknown", "END", "", "null", ""))
    return [
        {
            "ExecutionResourceName": resource_name,
            "EventId": number,
            "EventCategory": category,
            "StepName": step,
            "ResourceName": resource,
            "Timestamp": str((start_us + at) // 1000),
            "Content": content,
            "Exception": exception,
        }
        for number, (_, at, category, step, resource, content, exception) in enumerate(rows, 1)
    ]


# (event, exits before entries, inner exits before outer ones), time, category, step, resource, content, exception
Row = tuple[tuple[int, int, int], int, str, str, str, str, str]


def _rows(visit: Visit) -> Iterator[Row]:
    state = visit.state
    resource = state.resource.text if state.resource is not None else ""
    effective = visit.task_input if visit.attempts else visit.input
    entered = text({"input": effective, "local_variables": effective})
    yield (visit.began, 1, visit.number), visit.entered, f"{state.type}NodeEnter", state.name, resource, entered, ""
    if visit.exited is None or visit.ended is None:
        return
    exception = {} if visit.error is None else {"Error": visit.error, "Cause": visit.cause}
    content = {
        "output": visit.output,
        "exception": exception,
        "local_variables": effective,
        "next": f'["{_next(visit)}"]',
    }
    yield (
        (visit.ended, 0, -visit.number),
        visit.exited,
        f"{state.type}NodeExit",
        state.name,
        resource,
        text(content),
        visit.error or "",
    )


def _next(visit: Visit) -> str:
    return visit.next_name or "END"


__all__ = ["tencent_history"]
