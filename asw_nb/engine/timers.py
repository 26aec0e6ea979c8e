"""Timers: when waits are over, and when tasks and executions have taken too long.

Those of executions on the wall clock are in one heap, which the engine's thread sleeps by. An execution with a virtual clock has a heap of its own: when nothing
else is left to do, its clock jumps to the next of them. A timer is never taken back: what it was for is gone when it comes, or has another token."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from asw_nb.engine import events as ev
from asw_nb.engine.clock import Clock, VirtualClock
from asw_nb.engine.frames import TASK, TIMER, Frame
from asw_nb.engine.run import Order, Run, Timer

LONGEST_SLEEP_S = 86_400.0


class Timers:
    """The timers of all executions.

    Parameters
    ----------
    clock : Clock
        The wall clock.
    wake : callable
        Called when one is set that is due before the engine's thread would look again.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock, self._wake = clock, wake
        self._heap: list[Timer] = []
        self._count = itertools.count()
        self._deadline: int | None = None

    def set(self, run: Run, due_us: int, frame: int, token: int, what: str) -> None:
        """Set one: for an ``execution``, a ``timeout`` or ``heartbeat`` of a task, or a wait's end (``timer``)."""
        entry = (due_us, next(self._count), run, frame, token, what)
        if run.clock.virtual:
            heapq.heappush(run.timers, entry)
            return
        heapq.heappush(self._heap, entry)
        if self._deadline is None or due_us < self._deadline:
            self._wake()

    def limit_execution(self, run: Run, since_us: int) -> None:
        """What the execution may take, counted from then."""
        if run.timeout_s is not None:
            self.set(run, since_us + round(run.timeout_s * 1e6), 0, 0, "execution")

    def limit_task(self, run: Run, frame: Frame, since_us: int) -> None:
        """What the task of a frame may take, and how long it may be silent, counted from then."""
        if frame.timeout_s is not None:
            self.set(run, since_us + round(frame.timeout_s * 1e6), frame.id, frame.token, "timeout")
        if frame.heartbeat_s is not None:
            self.set(run, since_us + round(frame.heartbeat_s * 1e6), frame.id, frame.token, "heartbeat")

    def beat(self, order: Order) -> None:
        """The task lives: its heartbeat timer starts anew."""
        run = order.run
        frame = run.state.frames.get(order.frame)
        if frame is None or not order.open or frame.heartbeat_s is None:
            return
        timers = run.timers if run.clock.virtual else self._heap
        timers[:] = [t for t in timers if not (t[2] is run and t[3] == order.frame and t[5] == "heartbeat")]
        heapq.heapify(timers)
        self.set(run, run.clock.time_us() + round(frame.heartbeat_s * 1e6), order.frame, order.token, "heartbeat")

    def sleep_s(self) -> float | None:
        """How long there is nothing to do; None for ever. One that is set from here on for a moment before that wakes."""
        self._deadline = None
        first = self._heap[:1]
        self._deadline = first[0][0] if first else None
        if self._deadline is None:
            return None
        return min(max(0.0, (self._deadline - self._clock.time_us()) / 1e6), LONGEST_SLEEP_S)

    def is_due(self) -> bool:
        """Whether one is due; asked without the baton."""
        first = self._heap[:1]  # one step: the timer may be gone in the next
        return bool(first) and first[0][0] <= self._clock.time_us()

    def fire(self, dirty: dict[int, Run]) -> None:
        """Record what is due; the executions that have more to do afterwards are `dirty`."""
        timers = self._heap
        if not timers:
            return
        now = self._clock.time_us()
        while timers and timers[0][0] <= now:
            entry = heapq.heappop(timers)
            if _fire(entry):
                dirty[entry[2].key] = entry[2]

    def jump(self, run: Run) -> bool:
        """Nothing is left to do before the next timer of a virtual clock: go there; whether there was one."""
        while run.timers:
            entry = heapq.heappop(run.timers)
            assert isinstance(run.clock, VirtualClock) or run.clock.virtual
            if _is_open(entry):
                run.clock.jump_us(entry[0])  # type: ignore[attr-defined]
                return _fire(entry)
        return False


def _is_open(entry: Timer) -> bool:
    _, _, run, number, token, what = entry
    if run.state.status != "RUNNING" or run.broken is not None:
        return False
    if what == "execution":
        return True
    frame = run.state.frames.get(number)
    wanted = TIMER if what == "timer" else TASK
    return frame is not None and frame.phase == wanted and frame.token == token


def _fire(entry: Timer) -> bool:
    if not _is_open(entry):
        return False
    _, _, run, number, _, what = entry
    if what == "execution":
        run.state.record((ev.ENDED, run.now(), 0, "TIMED_OUT", "States.Timeout", None))
    elif what == "timer":
        run.state.record((ev.FIRED, run.now(), number))
    else:
        lapsed = what == "heartbeat"
        # the cloud's history says States.Timeout for both, while its Retry and Catch answer to either name
        cloud = run.state.plan.dialect == "asl"
        error = "States.HeartbeatTimeout" if lapsed and not cloud else "States.Timeout"
        run.state.record((ev.TIMED_OUT, run.now(), number, error, None, lapsed))
    return True


__all__ = ["Timers"]
