"""The tables: folded history -> pandas DataFrames with fixed columns and dtypes, the same for every backend.

Times are ``datetime64[us, UTC]``, durations float seconds (NaN while something runs), counts ``Int64``, texts
``object`` (None where there is none) and payloads (input, output, details) the parsed JSON values. Secrets are masked unless the caller says
``redact=False``: a table is what people look at, save and send; what they compute with is `run.output` and `run["Load"].input`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from asw_nb.history.fold import Fold, Visit
from asw_nb.history.fold import map_items as items_of
from asw_nb.history.redact import current
from asw_nb.history.store import Record

if TYPE_CHECKING:
    import pandas

TIME, SECONDS, COUNT, TEXT, JSON = "datetime64[us, UTC]", "float64", "Int64", "text", "json"

EXECUTIONS: dict[str, str] = {
    "execution": TEXT, "name": TEXT, "workflow": TEXT, "type": TEXT, "status": TEXT, "started": TIME, "finished": TIME,
    "duration_s": SECONDS, "input": JSON, "output": JSON, "error": TEXT, "cause": TEXT, "redrives": COUNT, "backend": TEXT,
    "definition_hash": TEXT, "tags": JSON,
}  # fmt: skip
STATES: dict[str, str] = {
    "execution": TEXT, "visit": COUNT, "path": TEXT, "state": TEXT, "type": TEXT, "status": TEXT, "entered": TIME, "exited": TIME,
    "duration_s": SECONDS, "attempts": COUNT, "wait_s": SECONDS, "resource": TEXT, "input": JSON, "output": JSON, "error": TEXT,
    "cause": TEXT,
}  # fmt: skip
ATTEMPTS: dict[str, str] = {
    "execution": TEXT, "visit": COUNT, "path": TEXT, "state": TEXT, "attempt": COUNT, "status": TEXT, "scheduled": TIME, "started": TIME,
    "finished": TIME, "queue_s": SECONDS, "duration_s": SECONDS, "worker": TEXT, "error": TEXT, "cause": TEXT,
}  # fmt: skip
EVENTS: dict[str, str] = {
    "execution": TEXT, "id": COUNT, "previous_id": COUNT, "timestamp": TIME, "type": TEXT, "path": TEXT, "state": TEXT, "details": JSON,
}  # fmt: skip
MAP_ITEMS: dict[str, str] = {
    "execution": TEXT, "path": TEXT, "index": COUNT, "status": TEXT, "entered": TIME, "exited": TIME, "duration_s": SECONDS,
    "attempts": COUNT, "input": JSON, "output": JSON, "error": TEXT, "cause": TEXT,
}  # fmt: skip
METRICS: dict[str, str] = {
    "execution": TEXT, "path": TEXT, "state": TEXT, "attempt": COUNT, "step": COUNT, "name": TEXT, "value": SECONDS, "timestamp": TIME,
}  # fmt: skip
LOGS: dict[str, str] = {
    "execution": TEXT, "path": TEXT, "state": TEXT, "attempt": COUNT, "timestamp": TIME, "stream": TEXT, "line": TEXT,
}  # fmt: skip


Outputs = dict[tuple[int, int], tuple[list[Any], list[Any], str | None]]
"""By frame and token of an attempt: the lines that it printed, its metrics and its traceback."""


class Visits(Protocol):
    """What the tables are made from: a fold, or a history that was loaded from elsewhere."""

    visits: list[Visit]


Rows = list[tuple[Any, ...]]


FREE_TEXT = frozenset(("error", "cause", "why"))
"""Columns of what people and programs wrote, where secrets may stand."""


def frame(columns: dict[str, str], rows: Sequence[tuple[Any, ...]], redact: bool = True) -> pandas.DataFrame:
    """Rows -> a DataFrame with exactly these columns and dtypes; times come as microseconds since 1970.

    Parameters
    ----------
    redact : bool
        Mask the secrets in payloads, errors, causes and lines.
    """
    import numpy
    import pandas

    data: dict[str, Any] = {}
    for position, (name, kind) in enumerate(columns.items()):
        values = [row[position] for row in rows]
        if redact and (kind == JSON or name in FREE_TEXT):
            values = _masked(values)
        elif redact and name == "line":
            values = _masked_lines(values, [row[:position - 2] for row in rows])
        if kind == TIME:
            micros = numpy.array([-(2**63) if v is None else v for v in values], dtype="int64")
            data[name] = pandas.Series(pandas.DatetimeIndex(micros.view("datetime64[us]"), tz="UTC"))
        elif kind == SECONDS:
            data[name] = pandas.Series(numpy.array([numpy.nan if v is None else v for v in values], dtype="float64"))
        elif kind == COUNT:
            data[name] = pandas.array(values, dtype="Int64")
        else:
            column = numpy.empty(len(values), dtype=object)
            column[:] = values
            data[name] = pandas.Series(column, dtype=object)
    return pandas.DataFrame(data, columns=list(columns))


def _masked(values: list[Any]) -> list[Any]:
    """Payloads and texts without their secrets; each is looked at once, however many rows share it."""
    redactor, done = current(), {}
    out = []
    for value in values:
        kind = type(value)
        if kind is str or kind is dict or kind is list:
            mark = value if kind is str else id(value)
            if mark not in done:
                done[mark] = redactor.value(value)
            value = done[mark]
        out.append(value)
    return out


def _masked_lines(lines: list[str], places: list[tuple[Any, ...]]) -> list[str]:
    """Lines without their secrets; those of one attempt are one text."""
    together: dict[tuple[Any, ...], list[int]] = {}
    for row, place in enumerate(places):
        together.setdefault(place, []).append(row)
    out, redactor = list(lines), current()
    for numbers in together.values():
        for row, line in zip(numbers, redactor.lines([lines[row] for row in numbers]), strict=True):
            out[row] = line
    return out


def _seconds(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else (end - start) / 1e6


def executions(records: Iterable[Record], redact: bool = True) -> pandas.DataFrame:
    """One row per execution.

    Returns
    -------
    DataFrame
        Columns `EXECUTIONS`.
    """
    rows = [
        (
            r.id, r.name, r.workflow, r.type, r.status, r.started_us, r.finished_us, _seconds(r.started_us, r.finished_us),
            r.input, r.output, r.error, r.cause, r.redrives, r.backend, r.digest, r.tags,
        )
        for r in records
    ]  # fmt: skip
    return frame(EXECUTIONS, rows, redact)


def state_rows(record: Record, fold: Visits) -> Rows:
    """Rows of `STATES`: one per visit to a state, in the order of entry.

    `wait_s` is the time spent in Wait timers and retry backoff; `attempts` counts a task's tries, or how often a Parallel or Map
    began.
    """
    base = record.started_us
    return [
        (
            record.id, v.number, v.path, v.state.name, v.state.type, v.status, base + v.entered, None if v.exited is None else base + v.exited,
            _seconds(v.entered, v.exited), v.tries, v.wait_us / 1e6, v.state.resource.text if v.state.resource else None,
            v.input, v.output, v.error, v.cause,
        )
        for v in fold.visits
    ]  # fmt: skip


def attempt_rows(record: Record, fold: Visits) -> Rows:
    """Rows of `ATTEMPTS`: one per try of a task.

    `queue_s` runs from scheduled to started, `duration_s` from started to finished.
    """
    base = record.started_us
    rows = []
    for v in fold.visits:
        for a in v.attempts:
            started = a.started if a.started is not None else (a.scheduled if a.finished is not None else None)
            rows.append(
                (
                    record.id, v.number, v.path, v.state.name, a.number, a.status, base + a.scheduled, _moment(base, started),
                    _moment(base, a.finished), _seconds(a.scheduled, started), _seconds(started, a.finished), a.worker, a.error, a.cause,
                )
            )  # fmt: skip
    return rows


def _moment(base: int, at: int | None) -> int | None:
    return None if at is None else base + at


def event_rows(record: Record, history: Iterable[dict[str, Any]]) -> Rows:
    """Rows of `EVENTS`: one per history event, in the cloud's words; `details` is the event's own details object."""
    rows = []
    for event in history:
        details = next((v for k, v in event.items() if k.endswith("EventDetails")), None)
        micros = round(event["timestamp"].timestamp() * 1e6)
        rows.append(
            (
                record.id, event["id"], event["previousEventId"], micros, event["type"], event.get("path"), event.get("state"),
                details,
            )
        )  # fmt: skip
    return rows


def map_item_rows(record: Record, fold: Visits) -> Rows:
    """Rows of `MAP_ITEMS`: one per item of each Map that has begun.

    `path` is the Map's own, `attempts` the tries of all tasks inside the item.
    """
    base = record.started_us
    rows = []
    for owner, index, visits in items_of(fold):
        first, last = visits[0], visits[-1]
        status, failed = _item_status(visits)
        ended = last.exited if status != "RUNNING" else None
        rows.append(
            (
                record.id, owner.path, index, status, base + first.entered, _moment(base, ended), _seconds(first.entered, ended),
                sum(v.tries for v in visits if v.attempts), first.input, last.output if status == "SUCCEEDED" else None,
                failed.error if failed else None, failed.cause if failed else None,
            )
        )  # fmt: skip
    return rows


def _item_status(visits: list[Visit]) -> tuple[str, Visit | None]:
    last = visits[-1]
    if last.status in ("FAILED", "ABORTED", "TIMED_OUT"):
        return last.status, last
    if last.exited is None or last.next_name is not None:
        return "RUNNING", None
    return "SUCCEEDED", None


REDRIVE: dict[str, str] = {"path": TEXT, "state": TEXT, "action": TEXT, "why": TEXT}


def redrive_plan(fold: Fold, from_state: str | None = None) -> pandas.DataFrame:
    """What a redrive keeps and what it runs again: the newest visit of each path.

    Returns
    -------
    DataFrame
        Columns path, state, action, why.
    """
    newest = {v.path: v for v in fold.visits}
    begun = next((v.number for v in reversed(fold.visits) if v.parent is None and v.state.name == from_state), None)
    rows = []
    for v in newest.values():
        top = v
        while top.parent is not None:
            top = top.parent
        if begun is not None:
            again = top.number >= begun
            why = f"redrive from {from_state}" if again else "before that state"
        elif v.status in ("SUCCEEDED", "CAUGHT"):
            again, why = False, "ended well" if v.status == "SUCCEEDED" else "its error was caught"
        else:
            again, why = True, f"{v.status}: {v.error}" if v.error else f"{v.status} with what it stood in"
        rows.append((v.path, v.state.name, "run again" if again else "keep", why))
    reached = {v.state.path for v in fold.visits}
    rows += [
        (s.path, s.name, "run again", "not reached yet") for s in fold.state.plan.root.states if s.path not in reached
    ]
    return frame(REDRIVE, rows)


def metric_rows(record: Record, fold: Visits, outputs: Outputs) -> Rows:
    """Rows of `METRICS`: one per recorded value, oldest first within an attempt."""
    return [
        (record.id, v.path, v.state.name, a.number, step, name, number(value), at)
        for v in fold.visits
        for a in v.attempts
        for at, step, name, value in outputs.get((v.frame, a.token), ((), (), None))[1]
    ]


def number(value: Any) -> float | None:
    """A metric's value as it was recorded: the log has no NaN and no infinity, so that they stand there as words."""
    return None if value is None else float(value)


def log_rows(record: Record, fold: Visits, outputs: Outputs) -> Rows:
    """Rows of `LOGS`: one per printed or logged line; `stream` is stdout, stderr, logging or log."""
    return [
        (record.id, v.path, v.state.name, a.number, at, stream, line)
        for v in fold.visits
        for a in v.attempts
        for at, stream, line in outputs.get((v.frame, a.token), ((), (), None))[0]
    ]


COLUMNS = {
    "states": STATES, "attempts": ATTEMPTS, "events": EVENTS, "map_items": MAP_ITEMS, "metrics": METRICS, "logs": LOGS,
}  # fmt: skip

__all__ = [
    "ATTEMPTS", "COLUMNS", "EVENTS", "EXECUTIONS", "LOGS", "MAP_ITEMS", "METRICS", "REDRIVE", "STATES", "Outputs", "Visits", "attempt_rows", "event_rows", "executions",
    "frame", "log_rows", "map_item_rows", "metric_rows", "redrive_plan", "state_rows",
]  # fmt: skip
