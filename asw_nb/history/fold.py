"""Folding events into visits and attempts: the one reading of the log that tables, handles and charts share.

A visit is one stay of a frame on a state; an attempt is one try of its task. The fold applies each event to an
`ExecutionState`, which knows where every frame stands, and writes down when visits begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.events import END, Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import Frame
from asw_nb.language.plan import CHOICE, FAIL, MAP, Plan, StatePlan


class Attempt:
    """One try of a task. Times in microseconds since the execution's start; None when not known (yet)."""

    __slots__ = ("cause", "error", "finished", "number", "scheduled", "started", "status", "token", "worker")

    def __init__(self, number: int, token: int, scheduled: int) -> None:
        self.number, self.token, self.scheduled = number, token, scheduled
        self.status = "RUNNING"
        self.started: int | None = None
        self.finished: int | None = None
        self.worker: str | None = None
        self.error: str | None = None
        self.cause: str | None = None


class Visit:
    """One stay on a state. Times in microseconds since the execution's start.

    `began` and `ended` are the numbers of the events that began and ended it: the order of what happened at the same
    time. `waits` are the times in a Wait's timer or a backoff, (from, to), and `wait_us` is their sum."""

    __slots__ = (
        "attempts", "began", "cause", "ended", "entered", "error", "exited", "frame", "index", "input", "next_name", "number", "output", "parent", "path", "state", "status",
        "task_input", "tries", "variables", "wait_us", "waits",
    )  # fmt: skip

    def __init__(self, number: int, frame: Frame, path: str, at: int, parent: Visit | None) -> None:
        self.number, self.frame, self.path, self.entered, self.parent = number, frame.id, path, at, parent
        self.state: StatePlan = frame.state
        self.index = frame.index
        self.input = frame.data
        self.variables = frame.variables
        self.task_input: Any = None
        self.status = "RUNNING"
        self.exited: int | None = None
        self.began = 0
        self.ended: int | None = None
        self.next_name: str | None = None
        self.output: Any = None
        self.error: str | None = None
        self.cause: str | None = None
        self.attempts: list[Attempt] = []
        self.tries = 0
        self.wait_us = 0
        self.waits: list[tuple[int, int | None]] | None = None

    def wait(self, at: int) -> None:
        """A timer begins."""
        if self.waits is None:
            self.waits = []
        self.waits.append((at, None))

    def woken(self, at: int) -> None:
        """The timer that began last is over."""
        if self.waits is not None and self.waits[-1][1] is None:
            since = self.waits[-1][0]
            self.waits[-1] = (since, at)
            self.wait_us += at - since

    def close(self, status: str, at: int, event: int) -> None:
        """End the visit, and whatever attempt or timer was still out."""
        if self.waits is not None:
            self.woken(at)
        self.status, self.exited, self.ended = status, at, event
        if self.attempts and self.attempts[-1].status == "RUNNING":
            self.attempts[-1].status = "ABORTED" if status != "TIMED_OUT" else status
            self.attempts[-1].finished = at


class Fold:
    """Visits of one execution, in the order in which they began.

    Attributes
    ----------
    visits : list of Visit
    state : ExecutionState
        What the events seen so far add up to.
    begun : int
        How many visits have begun; `visits` may hold fewer, when its reader takes them out.
    last_at : int
        Time of the newest event.
    """

    def __init__(self, plan: Plan, input: Any, start_us: int) -> None:
        self.state = ExecutionState(plan, input, start_us, {}, {})
        self.visits: list[Visit] = []
        self.begun = 0
        self.last_at = 0
        self.open_visits: dict[int, Visit] = {}
        self.prefixes: dict[int, str] = {}

    def feed(self, events: Iterable[Event]) -> Fold:
        """Fold more events in."""
        apply, state, handlers = self.state.apply, self.state, HANDLERS
        for event in events:
            before = BEFORE.get(event[0])
            if before is not None:
                before(self, event)
            apply(event)
            after = handlers.get(event[0])
            if after is not None:
                after(self, event)
            self.last_at = max(self.last_at, event[1])
        state.doze()
        return self

    def _begin(self, frame: Frame, at: int) -> None:
        prefix = self.prefixes.get(frame.id)
        parent = self.open_visits.get(frame.parent.id) if frame.parent is not None else None
        if prefix is None:
            prefix = "" if parent is None else f"{parent.path}[{frame.index}]/"
            self.prefixes[frame.id] = prefix
        self.begun += 1
        visit = Visit(self.begun, frame, prefix + frame.state.name, at, parent)
        visit.began = self.state.count
        self.visits.append(visit)
        self.open_visits[frame.id] = visit

    def _end(self, number: int, status: str, at: int) -> None:
        visit = self.open_visits.pop(number, None)
        if visit is not None:
            visit.close(status, at, self.state.count + 1)

    # before the event is applied: what ends -----------------------------------------------------------

    def _leaving(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        visit = self.open_visits.pop(frame.id)
        kind = event[0]
        visit.output = frame.data if kind == ev.MOVED else frame.result if kind == ev.MOVED_RESULT else event[4]
        if frame.error is not None:
            visit.error, visit.cause = frame.error
            visit.close("CAUGHT", event[1], self.state.count + 1)
        else:
            visit.close("SUCCEEDED", event[1], self.state.count + 1)
        if event[3] != END:
            visit.next_name = self.state.plan.states[event[3]].name
        else:
            self.prefixes.pop(frame.id, None)

    def _child_failed(self, event: Event) -> None:
        frame = self.state.frames[event[2]]
        visit = self.open_visits.get(frame.id)
        if visit is not None and frame.error is not None:
            visit.error, visit.cause = frame.error
        self._end(frame.id, "FAILED", event[1])

    def _ending_children(self, event: Event) -> None:
        gone = {event[2]}
        for number, frame in self.state.frames.items():
            if frame.parent is not None and frame.parent.id in gone:
                gone.add(number)
                self._end(number, "ABORTED", event[1])

    def _ending(self, event: Event) -> None:
        status = event[3]
        for number in list(self.open_visits):
            visit = self.open_visits[number]
            if number == 0:
                visit.error, visit.cause = event[4], event[5]
            self._end(number, status if number == 0 or status != "FAILED" else "ABORTED", event[1])

    # after it: what begins ----------------------------------------------------------------------------

    def _entered(self, event: Event) -> None:
        if event[3] != END:
            self._begin(self.state.frames[event[2]], event[1])

    def _redriven(self, event: Event) -> None:
        self.open_visits.clear()
        for frame in self.state.revived:
            self._begin(frame, event[1])

    def _root(self, event: Event) -> None:
        self._begin(self.state.frames[0], event[1])

    def _forked(self, event: Event) -> None:
        visit = self.open_visits[event[2]]
        visit.tries += 1
        first = self.state.next_frame - len(visit.state.branches)
        for number in range(first, self.state.next_frame):
            self._begin(self.state.frames[number], event[1])

    def _map_started(self, event: Event) -> None:
        self.open_visits[event[2]].tries += 1

    def _item(self, event: Event) -> None:
        self._begin(self.state.frames[event[2]], event[1])

    def _scheduled(self, event: Event) -> None:
        frame, visit = self.state.frames[event[2]], self.open_visits[event[2]]
        visit.task_input = frame.input
        visit.tries += 1
        visit.attempts.append(Attempt(frame.attempt, frame.token, event[1]))

    def _answered(self, event: Event) -> None:
        visit = self.open_visits[event[2]]
        attempt = visit.attempts[-1]
        attempt.finished = event[1]
        if event[0] == ev.SUCCEEDED:
            attempt.status = "SUCCEEDED"
            self._begun(attempt, event[4], event[5])
        else:
            attempt.error, attempt.cause = event[3], event[4]
            attempt.status = "TIMED_OUT" if event[0] == ev.TIMED_OUT else "FAILED"
            if event[0] == ev.FAILED:
                self._begun(attempt, event[5], event[6])

    @staticmethod
    def _begun(attempt: Attempt, started: int | None, worker: str | None) -> None:
        attempt.started = started if started is not None else attempt.started
        attempt.worker = worker if worker is not None else attempt.worker

    def _picked_up(self, event: Event) -> None:
        attempt = self.open_visits[event[2]].attempts[-1]
        attempt.started, attempt.worker = event[1], event[3]

    def _waiting(self, event: Event) -> None:
        visit = self.open_visits[event[2]]
        visit.status = "WAITING" if event[0] == ev.WAITING else "RETRYING"
        visit.wait(event[1])

    def _fired(self, event: Event) -> None:
        visit = self.open_visits[event[2]]
        visit.status = "RUNNING"
        visit.woken(event[1])


BEFORE = {
    ev.MOVED: Fold._leaving,
    ev.MOVED_RESULT: Fold._leaving,
    ev.MOVED_WITH: Fold._leaving,
    ev.CHILD_FAILED: Fold._child_failed,
    ev.BROKE: Fold._ending_children,
    ev.ENDED: Fold._ending,
}
HANDLERS = {
    ev.STARTED: Fold._root,
    ev.REDRIVEN: Fold._redriven,
    ev.MOVED: Fold._entered,
    ev.MOVED_RESULT: Fold._entered,
    ev.MOVED_WITH: Fold._entered,
    ev.FORKED: Fold._forked,
    ev.MAP_STARTED: Fold._map_started,
    ev.ITEM_STARTED: Fold._item,
    ev.SCHEDULED: Fold._scheduled,
    ev.SUCCEEDED: Fold._answered,
    ev.FAILED: Fold._answered,
    ev.TIMED_OUT: Fold._answered,
    ev.PICKED_UP: Fold._picked_up,
    ev.RETRYING: Fold._waiting,
    ev.WAITING: Fold._waiting,
    ev.FIRED: Fold._fired,
}


def map_items(fold: Any) -> Iterator[tuple[Visit, int, list[Visit]]]:
    """(the Map's visit, index, visits inside that item) for every item that began."""
    groups: dict[tuple[int, int], tuple[Visit, int, list[Visit]]] = {}
    for visit in fold.visits:
        if visit.parent is not None and visit.parent.state.kind == MAP:
            group = groups.setdefault((visit.parent.number, visit.frame), (visit.parent, visit.index, []))
            group[2].append(visit)
    yield from groups.values()


__all__ = ["CHOICE", "FAIL", "Attempt", "Fold", "Visit", "map_items"]
