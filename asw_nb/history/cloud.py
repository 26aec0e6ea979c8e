"""The history in the cloud's words: what GetExecutionHistory gives for the same run.

Each of our events becomes zero, one or two of the cloud's; ids count them, and `previousEventId` follows the frame
that the event happened to. The fold below asks `ExecutionState` where each frame stands, so inputs and outputs that
our log leaves out (because it has them already) appear here in full. Sources: API reference of GetExecutionHistory,
"HistoryEvent"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.events import END, Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import Frame, aborted
from asw_nb.engine.payload import encode
from asw_nb.language.plan import FAIL, MAP, TASK, Plan

FULL = {"truncated": False}


def text(value: Any) -> str:
    """A payload as history events carry it: JSON text."""
    return encode(value).decode("utf-8", "surrogatepass")


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(micros / 1e6, UTC)


class CloudHistory:
    """Turns events into the cloud's, one after the other.

    Parameters
    ----------
    plan : Plan
    input : JSON value
    start_us : int
        Start of the execution, microseconds since 1970.
    role : str
        What `roleArn` says.
    map_run : str
        Prefix of a Map Run's arn.
    located : bool
        Add two keys that the cloud does not have: ``path`` and ``state``, where each event happened.
    """

    def __init__(
        self, plan: Plan, input: Any, start_us: int, role: str = "", map_run: str = "", located: bool = False
    ) -> None:
        self.state = ExecutionState(plan, input, start_us, {}, {})
        self.role, self.map_run, self.located = role, map_run, located
        self.last: dict[int, int] = {}
        self.closing: dict[int, int] = {}
        self.assigned: dict[int, dict[str, Any]] = {}
        # by Map frame: events after which a place in its window became free, and the newest iteration that ended
        self.freed: dict[int, list[int]] = {}
        self.done: dict[int, int] = {}
        # by frame: the events before the one that entered the state, and before the one that said that it failed; some of
        # those that tell of a failed evaluation hang there
        self.before: dict[int, int] = {}
        self.before_failed: dict[int, int] = {}
        # by frame: the "started" event of the attempt that is out; its time comes with the answer
        self.begun: dict[int, dict[str, Any]] = {}
        self.count = 0
        self.out: list[dict[str, Any]] = []

    def feed(self, events: Iterable[Event]) -> Iterator[dict[str, Any]]:
        """The cloud's events for ours."""
        state = self.state
        for event in events:
            BEFORE.get(event[0], _nothing)(self, event)
            state.apply(event)
            AFTER.get(event[0], _nothing)(self, event)
            out, self.out = self.out, []
            yield from out
            state.doze()

    def _emit(self, event: Event, kind: str, frame: Frame | None, details: dict[str, Any] | None = None) -> int:
        if frame is not None and not frame.counts:
            return 0
        self.count += 1
        number = 0 if frame is None else frame.id
        out: dict[str, Any] = {
            "timestamp": moment(self.state.start_us + event[1]),
            "type": kind,
            "id": self.count,
            "previousEventId": self.last.get(number, 0),
        }
        if details is not None:
            out[DETAILS.get(kind) or kind[0].lower() + kind[1:] + "EventDetails"] = details
        if self.located and frame is not None and not kind.startswith("Execution"):
            if (
                kind.startswith("MapIteration") and frame.parent is not None
            ):  # about the item, not the state it stands on
                out["path"], out["state"] = frame.prefix[:-1], frame.parent.state.name
            else:
                out["path"], out["state"] = frame.path, frame.state.name
        self.out.append(out)
        self.last[number] = self.count
        return self.count

    # entering and leaving ---------------------------------------------------------------------------

    def _enter(self, event: Event, frame: Frame) -> None:
        state = frame.state
        self.before[frame.id] = self.last.get(frame.id, 0)
        self._emit(
            event,
            f"{state.type}StateEntered",
            frame,
            {"name": state.name, "input": text(frame.data), "inputDetails": FULL},
        )

    def _started(self, event: Event) -> None:
        details = {"input": text(self.state.input), "inputDetails": FULL, "roleArn": self.role}
        self._emit(event, "ExecutionStarted", None, details)
        self.last.clear()
        self._enter(event, self.state.frames[0])

    def _leave(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        kind, state = event[0], frame.state
        output = frame.data if kind == ev.MOVED else frame.result if kind == ev.MOVED_RESULT else event[4]
        if state.kind != FAIL:
            details: dict[str, Any] = {"name": state.name, "output": text(output), "outputDetails": FULL}
            assigned = self.assigned.pop(frame.id, None)
            if assigned:
                details["assignedVariables"] = {k: text(v) for k, v in assigned.items()}
                details["assignedVariablesDetails"] = FULL
            if frame.id in self.closing:
                self.last[frame.id] = self.closing.pop(frame.id)
            self._emit(event, f"{state.type}StateExited", frame, details)
        if event[3] != END:
            return
        parent = frame.parent
        if parent is None:
            self._emit(event, "ExecutionSucceeded", frame, {"output": text(output), "outputDetails": FULL})
        elif parent.state.kind == MAP:
            self._item_end(event, frame, "MapIterationSucceeded")
        else:
            self.last[parent.id] = self.last.get(frame.id, 0)

    def _item_end(self, event: Event, frame: Frame, kind: str) -> None:
        """An iteration's last event is a leaf: what follows hangs on the event before it."""
        parent = frame.parent
        assert parent is not None
        before = self.last.get(frame.id, 0)
        self._emit(event, kind, frame, {"name": parent.state.name, "index": frame.index})
        if kind == "MapIterationFailed":
            self.last[parent.id] = before
        else:
            self.freed.setdefault(parent.id, []).append(before)
            self.done[parent.id] = self.count
        self.last.pop(frame.id, None)

    def _entered_next(self, event: Event) -> None:
        if event[3] != END:
            self._enter(event, self.state.frames[event[2]])

    # containers -----------------------------------------------------------------------------------------

    def _forked(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        started = self._emit(event, "ParallelStateStarted", frame)
        first = self.state.next_frame - len(frame.state.branches)
        for number in range(first, self.state.next_frame):
            self.last[number] = started
            self._enter(event, self.state.frames[number])

    def _map_started(self, event: Event) -> None:
        self._emit(event, "MapStateStarted", self.state.frames[event[2]], {"length": event[3]})
        self.freed.pop(event[2], None)

    def _map_run_started(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        self._emit(
            event, "MapRunStarted", frame, {"mapRunArn": f"{self.map_run}/{frame.state.name}:{frame.entered_id}"}
        )

    def _item_started(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        parent = frame.parent
        assert parent is not None
        freed = self.freed.get(parent.id)
        self.last[frame.id] = freed.pop(0) if freed else self.last.get(parent.id, 0)
        self._emit(event, "MapIterationStarted", frame, {"name": parent.state.name, "index": frame.index})
        self._enter(event, frame)

    def _joined(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        if frame.state.map is not None and frame.state.map.distributed:
            if frame.map_run:
                self._emit(event, "MapRunSucceeded", frame)
            self.closing[frame.id] = self.last.get(frame.id, 0)
            self._emit(event, "MapStateSucceeded", frame)
            return
        if frame.state.kind == MAP and frame.id in self.done:
            self.last[frame.id] = self.done.pop(frame.id)
        self.closing[frame.id] = self.last.get(frame.id, 0)
        self._emit(event, f"{frame.state.type}StateSucceeded", frame)

    def _child_failed(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        parent = frame.parent
        assert parent is not None
        last = self.last.get(frame.id, 0)
        if not frame.fatal and frame.state.kind == TASK:
            self._emit(event, "TaskStateAborted", frame)
            self.last[frame.id] = last
        if parent.state.kind == MAP and not frame.fatal:
            self._item_end(event, frame, "MapIterationFailed")
        else:
            self.last[parent.id] = last

    def _broke(self, event: Event) -> None:
        """What the failure cuts short is aborted, the inner before the outer; nothing hangs on those events."""
        frame = self.state.frames[event[2]]
        if frame.children is None or frame.children.fatal:
            return
        below, gone = {frame.id}, []
        for number, other in self.state.frames.items():
            if other.parent is not None and other.parent.id in below:
                below.add(number)
                gone.append(other)
        for other in reversed(gone):
            last = self.last.get(other.id, 0)
            for kind in aborted(other):
                details = None
                if kind == "MapIterationAborted" and other.parent is not None:
                    details = {"name": other.parent.state.name, "index": other.index}
                self.last[other.id] = last
                self._emit(event, kind, other, details)
            self.last.pop(other.id, None)
        if frame.map_run:
            self._emit(event, "MapRunFailed", frame, _error(event[3], event[4]))

    def _gave_up(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        self.before_failed[frame.id] = self.last.get(frame.id, 0)
        if frame.map_run and frame.error is not None and not frame.broke:
            self._emit(event, "MapRunFailed", frame, _error(*frame.error))
        self._emit(event, f"{frame.state.type}StateFailed", frame)

    # tasks --------------------------------------------------------------------------------------------

    def _scheduled(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        resource = frame.state.resource
        assert resource is not None
        limits = {}
        if event[4] is not None:
            limits["timeoutInSeconds"] = event[4]
        if event[5] is not None:
            limits["heartbeatInSeconds"] = event[5]
        if resource.kind == "activity":
            details = {"resource": resource.text, "input": text(frame.input), "inputDetails": FULL, **limits}
            self._emit(event, "ActivityScheduled", frame, details)
            return
        integration = resource.integration
        if integration is None:
            details = {"resource": resource.text, "input": text(frame.input), "inputDetails": FULL, **limits}
            self._emit(event, "LambdaFunctionScheduled", frame, details)
            self._emit(event, "LambdaFunctionStarted", frame)
            self.begun[frame.id] = self.out[-1] if self.out else {}
            return
        service, action = integration
        names = {"resourceType": service, "resource": action}
        self._emit(
            event, "TaskScheduled", frame, {**names, "region": "local", "parameters": text(frame.input), **limits}
        )
        self._emit(event, "TaskStarted", frame, names)
        self.begun[frame.id] = self.out[-1] if self.out else {}

    def _answered(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        resource = frame.state.resource
        assert resource is not None
        begun = self.begun.pop(frame.id, None)
        started = None if event[0] == ev.TIMED_OUT else event[-2]
        if begun is not None and started is not None:
            begun["timestamp"] = moment(self.state.start_us + started)
        details: dict[str, Any]
        if event[0] == ev.SUCCEEDED:
            details, end = {"output": text(event[3]), "outputDetails": FULL}, "Succeeded"
        else:
            details, end = _error(event[3], event[4]), "TimedOut" if event[0] == ev.TIMED_OUT else "Failed"
        if resource.kind == "activity":
            self._emit(event, f"Activity{end}", frame, details)
        elif resource.integration is None:
            self._emit(event, f"LambdaFunction{end}", frame, details)
        else:
            service, action = resource.integration
            self._emit(event, f"Task{end}", frame, {"resourceType": service, "resource": action, **details})

    def _submitted(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        resource = frame.state.resource
        service, action = (resource.integration if resource is not None else None) or ("", "")
        details = {"resourceType": service, "resource": action, "output": text(event[3]), "outputDetails": FULL}
        self._emit(event, "TaskSubmitted", frame, details)

    def _picked_up(self, event: Event) -> None:
        details = {} if event[3] is None else {"workerName": event[3]}
        self._emit(event, "ActivityStarted", self.state.frames[event[2]], details)

    def _erred(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        field = event[5]
        if field is not None and field is not ev.FATAL:
            details = {**_error(event[3], event[4]), "state": frame.state.name}
            if field:
                details["location"] = field
            if not field:  # no expression failed, but what it gave is wrong for the state
                self.last[frame.id] = self.before.get(frame.id, 0)
            elif field.startswith("Catch[") and frame.id in self.before_failed:
                self.last[frame.id] = self.before_failed.pop(frame.id)
            self._emit(event, "EvaluationFailed", frame, details)

    def _assigned_variables(self, event: Event) -> None:
        self.assigned[event[2]] = event[3]

    def _redriven(self, event: Event) -> None:
        self._emit(event, "ExecutionRedriven", self.state.frames[0], {"redriveCount": self.state.redrives})
        for frame in self.state.revived:
            self.last[frame.id] = self.count

    def _ended(self, event: Event) -> None:
        kind = {"FAILED": "ExecutionFailed", "ABORTED": "ExecutionAborted", "TIMED_OUT": "ExecutionTimedOut"}[event[3]]
        root = self.state.frames.get(0)
        if event[3] == "TIMED_OUT":  # nothing that happened led to it
            self.last.pop(0, None)
        self._emit(event, kind, root, _error(event[4], event[5]))


def _error(error: str | None, cause: str | None) -> dict[str, str]:
    return {k: v for k, v in (("error", error), ("cause", cause)) if v is not None}


def _nothing(history: CloudHistory, event: Event) -> None:
    """Most kinds say all they have to say on one side of the change."""


DETAILS = {
    **{
        f"{t}StateEntered": "stateEnteredEventDetails"
        for t in ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
    },
    **{
        f"{t}StateExited": "stateExitedEventDetails"
        for t in ("Task", "Pass", "Choice", "Wait", "Succeed", "Parallel", "Map")
    },
}
BEFORE = {
    ev.MOVED: CloudHistory._leave,
    ev.MOVED_RESULT: CloudHistory._leave,
    ev.MOVED_WITH: CloudHistory._leave,
    ev.CHILD_FAILED: CloudHistory._child_failed,
    ev.BROKE: CloudHistory._broke,
    ev.GAVE_UP: CloudHistory._gave_up,
    ev.JOINED: CloudHistory._joined,
    ev.SUCCEEDED: CloudHistory._answered,
    ev.FAILED: CloudHistory._answered,
    ev.TIMED_OUT: CloudHistory._answered,
    ev.SUBMITTED: CloudHistory._submitted,
    ev.PICKED_UP: CloudHistory._picked_up,
    ev.ERRED: CloudHistory._erred,
    ev.ASSIGNED: CloudHistory._assigned_variables,
    ev.ENDED: CloudHistory._ended,
}
AFTER = {
    ev.STARTED: CloudHistory._started,
    ev.REDRIVEN: CloudHistory._redriven,
    ev.MOVED: CloudHistory._entered_next,
    ev.MOVED_RESULT: CloudHistory._entered_next,
    ev.MOVED_WITH: CloudHistory._entered_next,
    ev.FORKED: CloudHistory._forked,
    ev.MAP_STARTED: CloudHistory._map_started,
    ev.MAP_RUN_STARTED: CloudHistory._map_run_started,
    ev.ITEM_STARTED: CloudHistory._item_started,
    ev.SCHEDULED: CloudHistory._scheduled,
}

__all__ = ["CloudHistory", "moment", "text"]
