"""Going back in time: the execution as it was after any of its events, without folding all that came before.

An execution is its log, so a moment of its past is a shorter log. Folding a million events takes seconds, which is too long for a slider; so
the newest fold leaves copies of itself behind, and a moment is folded from the copy before it::

    0 ---- copy ---- copy ---- copy ---- head          at(n): the copy before n, and at most one interval of events
                           |--> n

A copy holds the frames that are alive and the visits that are open, and no payload of its own: data is never changed, so copies share it. Their
number is bounded: when there are too many, every second one is dropped and the interval doubles.
"""

from __future__ import annotations

import copy
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from asw_nb.engine.events import Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import Children, Frame
from asw_nb.engine.payload import decode
from asw_nb.history import faults
from asw_nb.history.cloud import CloudHistory
from asw_nb.history.fold import Fold, Visit
from asw_nb.history.redact import redact_text
from asw_nb.history.store import Store
from asw_nb.language.plan import Plan

INTERVAL = 500
"""Events between two copies, at first. Folding so many takes three milliseconds."""

MOST_COPIES = 256

EVENTS_PER_FRAME = 4
"""A copy of a wide execution costs as much as its frames: there are more events between two of them."""

CHUNK = 250
MOST_FAILURES = 200

Read = Callable[[int, int], list[Event]]
"""(after, about) -> the events from number `after` on, about so many of them; none when there are none yet."""


def read_of(store: Store, key: int, log: list[Event] | None = None) -> Read:
    """How to read the events of an execution by their numbers, from the file or from a history in memory."""
    if log is not None:
        kept = log
        return lambda after, about: kept[after : after + about]
    query = (
        "SELECT seq, body FROM events WHERE execution=? AND seq >= "
        "coalesce((SELECT max(seq) FROM events WHERE execution=? AND seq <= ?), 0) ORDER BY seq"
    )

    def read(after: int, about: int) -> list[Event]:
        out: list[Event] = []
        for seq, body in store.query(query, (key, key, after)):
            try:
                events = decode(body)
            except (msgspec.DecodeError, ValueError):
                damage = faults.Damaged(f"the events of execution {key} from number {seq} on are no JSON")
                raise faults.explain(damage, store.path, "read") from None
            out += events[after - seq :] if seq < after else events
            if len(out) >= about:
                break
        return out

    return read


def printed(store: Store, key: int, frame: int) -> dict[int, tuple[list[Any], str | None]]:
    """What the attempts of one frame left: by order, the lines and the traceback."""
    query = "SELECT token, lines, traceback FROM outputs WHERE execution=? AND frame=? ORDER BY rowid"
    return {
        token: (decode(lines) if lines else [], traceback)
        for token, lines, traceback in store.query(query, (key, frame))
    }


class Travel:
    """An execution's history, to look at any moment of it.

    Parameters
    ----------
    plan : Plan
    input : JSON value
    start_us : int
        Start, microseconds since 1970.
    read : callable
        See `read_of`.

    Attributes
    ----------
    count : int
        Events seen so far; `follow` sees more.
    failures : deque of (int, str, str, str or None)
        Number, path, status and error (as it may be shown) of visits that ended badly, the first ones; `failed` counts all.

    Examples
    --------
    >>> from asw_nb.language.plan import compile_plan
    >>> plan = compile_plan({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "asl")
    >>> log = [(0, 0, 0), (1, 5, 0, -1)]
    >>> travel = Travel(plan, {}, 0, lambda after, about: log[after : after + about])
    >>> travel.follow(), travel.at(1).state.status, travel.at(2).state.status
    (2, 'RUNNING', 'SUCCEEDED')
    """

    def __init__(self, plan: Plan, input: Any, start_us: int, read: Read) -> None:
        self.plan, self.input, self.start_us = plan, input, start_us
        self._read = read
        self._lock = threading.RLock()
        self._interval = INTERVAL
        self._head = Fold(plan, input, start_us)
        self._copies: list[Fold] = [copied(self._head)]
        # two more, close to the head: that is where one looks while something runs
        self._late: deque[Fold] = deque(maxlen=2)
        self._cursor: Fold | None = None
        self._open: list[Visit] = []
        self.failures: deque[tuple[int, str, str, str | None]] = deque()
        self.failed = 0

    @property
    def count(self) -> int:
        return self._head.state.count

    def follow(self, limit: int = 1_000_000_000) -> int:
        """See at most about `limit` more events; how many were seen."""
        with self._lock:
            before, head = self.count, self._head
            while self.count - before < limit:
                events = self._read(self.count, min(limit, 4 * CHUNK))
                if not events:
                    break
                for start in range(0, len(events), CHUNK):
                    head.feed(events[start : start + CHUNK])
                    self._note_ended()
                    wide = EVENTS_PER_FRAME * len(head.state.frames)
                    if self.count - self._copies[-1].state.count >= max(self._interval, wide):
                        self._keep()
                    elif self.count - self._newest().state.count >= max(CHUNK, wide):
                        self._late.append(copied(head))
            return self.count - before

    def _note_ended(self) -> None:
        still_open = []
        for visit in [*self._open, *self._head.visits]:
            if visit.exited is None:
                still_open.append(visit)
            elif visit.status in ("FAILED", "CAUGHT", "TIMED_OUT"):
                self.failed += 1
                if len(self.failures) < MOST_FAILURES:
                    error = None if visit.error is None else redact_text(visit.error)
                    self.failures.append((visit.number, visit.path, visit.status, error))
        self._open = still_open
        self._head.visits.clear()

    def _newest(self) -> Fold:
        return max(self._copies[-1], *self._late, key=_count) if self._late else self._copies[-1]

    def _keep(self) -> None:
        self._copies.append(copied(self._head))
        if len(self._copies) > MOST_COPIES:
            self._copies = self._copies[::2]
            self._interval *= 2

    # a moment --------------------------------------------------------------------------------------

    def at(self, count: int) -> Fold:
        """The fold of the first `count` events: `state` is complete, `visits` has those that began lately.

        It is good until the next call: the same fold goes on from there.
        """
        with self._lock:
            count = max(0, min(count, self.count))
            nearest = self._before(count)
            cursor = self._cursor
            if cursor is None or not nearest.state.count <= cursor.state.count <= count:
                cursor = self._cursor = copied(nearest)
            self._feed(cursor, count)
            return cursor

    def _before(self, count: int) -> Fold:
        """The last copy of `count` events or fewer."""
        kept = self._copies[bisect_right(self._copies, count, key=_count) - 1]
        return max((kept, *(late for late in self._late if _count(late) <= count)), key=_count)

    def _feed(self, fold: Fold, count: int) -> None:
        while fold.state.count < count:
            missing = count - fold.state.count
            events = self._read(fold.state.count, missing)[:missing]
            if not events:
                break
            fold.feed(events)

    def _feed_until(self, fold: Fold, count: int, done: Callable[[], bool]) -> None:
        while fold.state.count < count and not done():
            events = self._read(fold.state.count, CHUNK)[: count - fold.state.count]
            if not events:
                break
            for event in events:
                fold.feed((event,))
                if done():
                    break

    # a visit ------------------------------------------------------------------------------------------

    def visits_of(self, state: int, count: int) -> int:
        """How often the state with this number had been entered by then."""
        return self.at(count).state.entered[state]

    def visit(self, state: int, ordinal: int, count: int) -> Visit | None:
        """The visit number `ordinal` (from 1) to a state, as it stood after so many events."""
        with self._lock:
            return self._visit(lambda fold: fold.state.entered[state], lambda v: v.state.index == state, ordinal, count)

    def visit_by_number(self, number: int, count: int) -> Visit | None:
        """The same by the visit's number among all visits."""
        with self._lock:
            return self._visit(lambda fold: fold.begun, lambda v: True, number, count)

    def _visit(
        self, tally: Callable[[Fold], int], wanted: Callable[[Visit], bool], ordinal: int, count: int
    ) -> Visit | None:
        count = min(count, self.count)
        place = max(0, bisect_left(self._copies, ordinal, key=tally) - 1)
        fold = copied(self._copies[place])
        before = tally(fold)
        self._feed_until(fold, count, lambda: tally(fold) >= ordinal)
        found = [visit for visit in fold.visits if wanted(visit)][ordinal - before - 1 : ordinal - before]
        return self._to_its_end(found[0], fold, place, count) if found else None

    def _to_its_end(self, visit: Visit, fold: Fold, place: int, count: int) -> Visit:
        """Fold on until the visit has ended, skipping what the copies know: it is open from its begin to its end."""
        first, last = place + 1, bisect_right(self._copies, count, key=_count)
        while first < last:
            middle = (first + last) // 2
            inside = self._copies[middle]
            if inside.state.count <= fold.state.count or any(
                v.number == visit.number for v in inside.open_visits.values()
            ):
                first = middle + 1
            else:
                last = middle
        if self._copies[first - 1].state.count > fold.state.count:
            fold = copied(self._copies[first - 1])
            visit = next(v for v in fold.open_visits.values() if v.number == visit.number)
        self._feed_until(fold, count, lambda: visit.exited is not None)
        return visit

    # events ---------------------------------------------------------------------------------------------

    def cloud_events(self, count: int) -> tuple[list[dict[str, Any]], int]:
        """The last of the first `count` events, in the cloud's words, oldest first; and how many lie before them.

        They are those since the copy before: cost does not grow with the history.
        """
        with self._lock:
            count = max(0, min(count, self.count))
            start = self._before(max(0, count - 1))
            history = CloudHistory(self.plan, self.input, self.start_us, located=True)
            history.state = copied(start).state
            history.count = history.state.event_id
            out: list[dict[str, Any]] = []
            while history.state.count < count:
                missing = count - history.state.count
                events = self._read(history.state.count, missing)[:missing]
                if not events:
                    break
                out.extend(history.feed(events))
            return out, start.state.count


# --------------------------------------------------------------------------- copies


def _count(fold: Fold) -> int:
    return fold.state.count


def copied(fold: Fold) -> Fold:
    """A fold that goes on by itself from where this one stands, with the visits that are open but not those before."""
    made = copy.copy(fold)
    made.state = copied_state(fold.state)
    made.visits = []
    made.open_visits = open_visits = {}
    copies: dict[int, Visit] = {}
    for number, visit in fold.open_visits.items():
        open_visits[number] = copies[visit.number] = _copied_visit(visit)
    for visit in open_visits.values():
        if visit.parent is not None:
            visit.parent = copies.get(visit.parent.number, visit.parent)
    made.prefixes = dict(fold.prefixes)
    return made


def _copied_visit(visit: Visit) -> Visit:
    made = copy.copy(visit)
    made.waits = None if visit.waits is None else list(visit.waits)
    made.attempts = [*visit.attempts[:-1], *(copy.copy(attempt) for attempt in visit.attempts[-1:])]
    return made


def copied_state(state: ExecutionState) -> ExecutionState:
    """An execution's state that is changed by its own events only. Payloads are shared, as nobody changes them; so are a Map's results, which
    events of the same log fill in the same way."""
    made = copy.copy(state)
    frames: dict[int, Frame] = {}

    def frame(old: Frame) -> Frame:
        new = frames.get(id(old))
        if new is None:
            new = frames[id(old)] = copy.copy(old)
            new.run = made
            new.parent = None if old.parent is None else frame(old.parent)
            new.children = None if old.children is None else children(old.children)
            new.salvage = None if old.salvage is None else children(old.salvage)
        return new

    def children(old: Children) -> Children:
        new = copy.copy(old)
        new.fallen = [frame(one) for one in old.fallen]
        new.ended = [frame(one) for one in old.ended]
        return new

    made.frames = {number: frame(old) for number, old in state.frames.items()}
    made.salvage = {number: frame(old) for number, old in state.salvage.items()}
    made.revived = []
    made.ready, made.opened, made.batch = [], [], []
    made.entered, made.exited, made.failed = list(state.entered), list(state.exited), list(state.failed)
    return made


__all__ = ["Read", "Travel", "copied", "copied_state", "printed", "read_of"]
