"""Histories of AWS Step Functions: what GetExecutionHistory gives -> visits and attempts.

Its events name no place. Each says which event it follows (`previousEventId`), so that a cursor is handed from event to event; a Parallel
that starts, and a Map's iteration, make new ones. An event about something further out than its predecessor (a Map that has succeeded,
told after the last event of an item) is found by walking outwards. Source: API reference, "HistoryEvent"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from asw_nb.errors import UsageError
from asw_nb.history.fold import Visit
from asw_nb.history.imported import Imported, LoadedFrame, LoadedRecord, Text, parsed

ENDS = {"ExecutionSucceeded": "SUCCEEDED", "ExecutionFailed": "FAILED", "ExecutionAborted": "ABORTED", "ExecutionTimedOut": "TIMED_OUT"}
_TASK = re.compile(r"(LambdaFunction|Task|Activity)(Scheduled|Started|Succeeded|Failed|TimedOut|ScheduleFailed|StartFailed|SubmitFailed|Submitted)$")
_STATE = re.compile(r"(Task|Pass|Choice|Wait|Succeed|Fail|Parallel|Map)State(Entered|Exited|Started|Succeeded|Failed|Aborted)$")


class AwsHistory(Imported):
    """The visits of one execution, from its events.

    Attributes
    ----------
    record : LoadedRecord
    events : list of dict
        The events, oldest first, with aware datetimes, and with ``path`` and ``state``: where each one happened.
    """

    def __init__(self, events: Iterable[dict[str, Any]], workflow: str, name: str, arn: str = "") -> None:
        super().__init__()
        self.events = sorted((dict(e) for e in events), key=lambda e: e.get("id", 0))
        if not self.events or any("type" not in e or "id" not in e for e in self.events):
            raise UsageError("this is no history of AWS Step Functions: every event must have an id and a type.")
        for event in self.events:
            event["timestamp"] = moment(event.get("timestamp"))
            event.setdefault("previousEventId", 0)
        first = self.events[0]["timestamp"]
        self.start_us = round(first.timestamp() * 1e6)
        self.record = LoadedRecord(0, workflow, name, "STANDARD", self.start_us, None, 0, backend="aws", arn=arn)
        self.root = self.new_frame()
        self.at: dict[int, LoadedFrame] = {0: self.root}
        self.forks: dict[int, int] = {}
        # containers that failed, whether or not the history says with which error
        self.failed: set[int] = set()
        # when something inside a frame was last cut short
        self.aborted: dict[int, int] = {}
        # frames that stand on a state when the execution ends, for a redrive
        self.stopped: list[LoadedFrame] = []
        for event in self.events:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind, number = event["type"], event["id"]
        micros = round(event["timestamp"].timestamp() * 1e6) - self.start_us
        self.last_at = max(self.last_at, micros)
        details = next((v for k, v in event.items() if k.endswith("EventDetails") and isinstance(v, dict)), {})
        frame = self.at.get(event["previousEventId"], self.root)
        place: Visit | None = None
        state, task = _STATE.match(kind), _TASK.match(kind)
        if state is not None:
            frame, place = self._state(event, state[1], state[2], frame, micros, details)
        elif task is not None:
            frame, place = self._task(task[1], task[2], frame, micros, details)
        elif kind.startswith("MapIteration"):
            frame, owner = self._iteration(kind.removeprefix("MapIteration"), frame, micros, details)
            if owner is not None:  # about the item, not the state it stands on
                event.setdefault("path", f"{owner.path}[{details.get('index', 0)}]")
                event.setdefault("state", owner.state.name)
        elif kind.startswith("MapRun"):
            frame = next((f for f in frame.up() if f.visit is not None and f.visit.state.type == "Map"), frame)
            place = frame.visit
        elif kind == "EvaluationFailed":
            frame = next((f for f in frame.up() if f.visit is not None and f.visit.state.name == details.get("state")), frame)
            place = frame.visit
            if place is not None:
                place.error, place.cause = details.get("error"), text_of(details.get("cause"))
        elif kind == "ExecutionStarted":
            self.record.input = parsed(details.get("input"))
        elif kind == "ExecutionRedriven":
            self._redriven(micros)
        elif kind in ENDS:
            self._end(ENDS[kind], frame, micros, details)
        self.at[number] = frame
        if place is not None:
            event.setdefault("path", place.path)
            event.setdefault("state", place.state.name)

    # states -----------------------------------------------------------------------------------------

    def _state(
        self, event: dict[str, Any], type: str, what: str, frame: LoadedFrame, at: int, details: dict[str, Any]
    ) -> tuple[LoadedFrame, Visit | None]:
        if what == "Entered":
            branch = self.forks.get(event["previousEventId"])
            if branch is not None:
                self.forks[event["previousEventId"]] = branch + 1
                frame = self.new_frame(frame, branch)
            visit = self.enter(frame, details.get("name", ""), type, at, parsed(details.get("input")))
            if type == "Wait":
                visit.wait(at)
                visit.status = "WAITING"
            return frame, visit
        if what == "Aborted":  # when what is around it failed, if that is tried again and has no event of its own
            self.aborted.update((outer.id, at) for outer in frame.up())
        name = details.get("name")
        inner = frame
        standing = [f for f in frame.up() if f.visit is not None and f.visit.state.type == type and name in (None, f.visit.state.name)]
        if what in ("Failed", "Started"):
            # what has failed for good neither fails again nor starts again: it is about the next one further out
            standing = [f for f in standing if f.visit is not None and f.visit.number not in self.failed] or standing
        frame = standing[0] if standing else frame
        visit_or_none = frame.visit
        if visit_or_none is None:
            return frame, None
        visit = visit_or_none
        if what == "Started":
            if visit.tries and inner is not frame and (visit.waits is None or visit.waits[-1][1] is not None):
                # it is tried again, and only its children's events tell when it failed
                failed_at = max(_newest(inner), self.aborted.pop(frame.id, 0))
                self._close_children(frame, inner, failed_at)
                visit.wait(failed_at)
            visit.tries += 1
            visit.error = visit.cause = None
            self.failed.discard(visit.number)
            if visit.waits is not None:
                visit.woken(at)
                visit.status = "RUNNING"
            if type == "Parallel":
                self.forks[event["id"]] = 0
        elif what in ("Failed", "Aborted") and type in ("Parallel", "Map"):
            if what == "Failed":
                error = self._close_children(frame, inner, at)
                visit.error, visit.cause = details.get("error") or error[0], text_of(details.get("cause")) or error[1]
                self.failed.add(visit.number)
                visit.wait(at)  # for what comes next: its backoff, or its end at the same moment
                visit.status = "RETRYING"
        elif what == "Exited":
            self._exit(frame, visit, at, details)
        return frame, visit

    def _exit(self, frame: LoadedFrame, visit: Visit, at: int, details: dict[str, Any]) -> None:
        visit.output = parsed(details.get("output"))
        if visit.waits is not None and visit.waits[-1][1] is None and visit.state.type in ("Parallel", "Map"):
            visit.waits.pop()  # it failed and was caught: there was no backoff
            visit.waits = visit.waits or None
        elif visit.attempts and visit.attempts[-1].status != "SUCCEEDED" and visit.waits is not None and visit.waits[-1][1] is None:
            visit.waits.pop()
            visit.waits = visit.waits or None
        if visit.attempts and visit.attempts[-1].status in ("FAILED", "TIMED_OUT"):
            visit.error, visit.cause = visit.attempts[-1].error, visit.attempts[-1].cause
        self.leave(frame, "CAUGHT" if visit.error is not None or visit.number in self.failed else "SUCCEEDED", at)

    def _close_children(self, owner: LoadedFrame, culprit: LoadedFrame, at: int) -> tuple[str | None, str | None]:
        """End what still runs inside a container that fails; its error is that of the frame which the event follows."""
        error: tuple[str | None, str | None] = (None, None)
        inside = [f for f in self._open() if any(a is owner for a in f.up()) and f is not owner]
        blamed = set(map(id, culprit.up()))
        for frame in reversed(inside):
            visit = frame.visit
            assert visit is not None
            failed = id(frame) in blamed
            if failed:
                self._settle(visit)
            if failed and visit.error is not None:
                error = visit.error, visit.cause
            self.leave(frame, "FAILED" if failed else "ABORTED", at)
        if error == (None, None) and culprit.last is not None and culprit is not owner:
            error = culprit.last.error, culprit.last.cause
        return error

    def _settle(self, visit: Visit) -> None:
        """The error of a visit that ends now is that of its last try; there was no backoff after it."""
        if visit.attempts and visit.attempts[-1].status in ("FAILED", "TIMED_OUT"):
            visit.error, visit.cause = visit.attempts[-1].error, visit.attempts[-1].cause
            if visit.waits is not None and visit.waits[-1][1] is None:
                visit.waits = visit.waits[:-1] or None

    def _open(self) -> list[LoadedFrame]:
        """Frames that stand on a state, in the order in which they were made."""
        return sorted({id(f): f for f in self.at.values() if f.visit is not None}.values(), key=lambda f: f.id)

    def _iteration(self, what: str, frame: LoadedFrame, at: int, details: dict[str, Any]) -> tuple[LoadedFrame, Visit | None]:
        name, index = details.get("name"), details.get("index", 0)
        owner = next((f for f in frame.up() if f.visit is not None and f.visit.state.type == "Map" and name in (None, f.visit.state.name)), None)
        if owner is None or owner.visit is None:
            return frame, None
        if what == "Started":
            return self.new_frame(owner, index), owner.visit
        item = next((f for f in frame.up() if f.parent is owner and f.index == index), None)
        if item is not None and item.visit is not None:
            visit = item.visit
            self._settle(visit)
            self.leave(item, {"Failed": "FAILED", "Aborted": "ABORTED"}.get(what, "SUCCEEDED"), at)
        return (item or owner) if what == "Failed" else owner, owner.visit

    # tasks -------------------------------------------------------------------------------------------

    def _task(self, service: str, what: str, frame: LoadedFrame, at: int, details: dict[str, Any]) -> tuple[LoadedFrame, Visit | None]:
        if what == "Scheduled" and frame.visit is None:
            frame = self._revived(details) or frame
        visit = frame.visit
        if visit is None:
            return frame, None
        if what == "Scheduled":
            if visit.state.resource is None:
                text = details.get("resource", "")
                if service == "Task":
                    text = f"arn:aws:states:::{details.get('resourceType', '')}:{text}"
                visit.state.resource = Text(text)  # type: ignore[assignment]
            visit.task_input = parsed(details.get("input", details.get("parameters")))
            visit.status = "RUNNING"
            self.order(visit, at)
            return frame, visit
        if not visit.attempts:
            return frame, visit
        attempt = visit.attempts[-1]
        if what == "Started":
            attempt.started = at
            attempt.worker = details.get("workerName")
        elif what == "Succeeded":
            attempt.status, attempt.finished = "SUCCEEDED", at
        elif what != "Submitted":
            attempt.status, attempt.finished = "TIMED_OUT" if what == "TimedOut" else "FAILED", at
            attempt.error, attempt.cause = details.get("error"), text_of(details.get("cause"))
            if what == "TimedOut" and attempt.error is None:
                attempt.error = "States.Timeout"
            visit.wait(at)  # a backoff, unless nothing is tried again
            visit.status = "RETRYING"
        return frame, visit

    # the whole ----------------------------------------------------------------------------------------

    def _end(self, status: str, frame: LoadedFrame, at: int, details: dict[str, Any]) -> None:
        record = self.record
        record.status, record.finished_us = status, self.start_us + at
        record.output = parsed(details.get("output"))
        record.error, record.cause = details.get("error"), text_of(details.get("cause"))
        self.stopped = []
        # others were in a backoff, which their end cut short
        blamed = set(map(id, frame.up())) if status == "FAILED" else set()
        for each in reversed(self._open()):
            visit = each.visit
            assert visit is not None
            if id(each) in blamed:
                self._settle(visit)
            failed = id(each) in blamed  # a run-time error, which ends the execution from where it happened
            if each is self.root or (failed and visit.error is None):
                visit.error, visit.cause = record.error, record.cause
            if each is frame and status == "FAILED":
                record.failed_path = visit.path
            self.stopped.append(each)
            self.leave(each, status if each is self.root or failed or status != "FAILED" else "ABORTED", at)
        self.stopped.reverse()

    def _redriven(self, at: int) -> None:
        record = self.record
        record.status, record.finished_us, record.output, record.error, record.cause, record.failed_path = "RUNNING", None, None, None, None, None
        record.redrives += 1
        for frame in self.stopped:
            last = frame.last
            assert last is not None
            owner = frame.parent
            if owner is not None:
                frame.owner = owner.visit
            self.enter(frame, last.state.name, last.state.type, at, last.input)
            last.next_name = None
        self.stopped = []

    def _revived(self, details: dict[str, Any]) -> LoadedFrame | None:
        """After a redrive tasks are scheduled again without being entered: the first one that waits for this resource."""
        resource = details.get("resource", "")
        for frame in self._open():
            visit = frame.visit
            if visit is not None and visit.state.type == "Task" and not visit.attempts and visit.state.resource is not None:
                if visit.state.resource.text.endswith(resource):
                    return frame
        return None


def _newest(frame: LoadedFrame) -> int:
    """The newest moment that the history tells of the state on which a frame stands, or stood last."""
    visit = frame.visit or frame.last
    if visit is None:
        return 0
    ended = [a.finished for a in visit.attempts if a.finished is not None]
    begun = [since for since, _ in visit.waits or ()]  # a Parallel or Map waits from the event on that says that it failed
    return max([visit.entered, *ended, *begun, *([visit.exited] if visit.exited is not None else [])])


def text_of(value: Any) -> str | None:
    """A cause: text as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def moment(value: Any) -> datetime:
    """A timestamp as an aware datetime: the SDK's datetime, the console's text, or the seconds or milliseconds of a JSON file.

    Raises
    ------
    UsageError
        It is none of these.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1e3 if value > 1e11 else value, UTC)
    if isinstance(value, str):
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return moment(float(value))
        try:
            return moment(datetime.fromisoformat(value))
        except ValueError:
            pass
    raise UsageError(f"an event's timestamp {value!r} cannot be read: it must be a date such as 2026-11-02T12:00:00Z, or seconds since 1970.")


__all__ = ["AwsHistory", "moment"]
