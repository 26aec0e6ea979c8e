"""The loop that drives executions: take what came in, apply, advance, commit, and only then act.

::

    answers, stops, timers --> inbox --> turn: apply, advance --> journal (one transaction) --> dispatch tasks, set
    timers

**Who drives.** There is one baton (a lock). Whoever brings something (a worker thread with a result, the engine's own
thread when a timer is due) puts it into the inbox and takes the baton if it is free; if not, its holder finds the
message before it lets go. So a worker that finishes a task drives the execution on by itself: waking a second thread
would cost more than most turns do (8,000 hand-overs a second were measured on two cores). The caller's thread never
drives: an interrupt there must not hit the engine.

**Stop.** `advance` returns after a bounded number of events, so a workflow that loops for ever is stopped between two
turns."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine import map_run
from asw_nb.engine.clock import Clock
from asw_nb.engine.events import Event
from asw_nb.engine.frames import TASK
from asw_nb.engine.run import NO_OUTPUTS, NO_TIMERS, Backend, Journal, Order, Outcome, Run, Write
from asw_nb.engine.states import advance
from asw_nb.engine.timers import Timers
from asw_nb.errors import StoreError

TURN_LIMIT = 1000

WRITE_EVERY_NS, WRITE_SELDOM_NS = 1_000_000, 10_000_000
"""While short tasks follow one another, their results are written together, this often; more seldom where writing takes long, so that a
fifth of the time goes into it, and never more seldom than the second."""

STARTS = 250
"""Executions of a burst that are begun in one turn, and no more while so many are not written: what is begun together also ends together, while
it is still in the processor's caches and before the garbage collector has looked at it twice."""

MANY, MANY_NS = 8, 20_000_000
"""Executions that bring something in one turn, from which on those that are still under way are written this much later: one that has ended by
then, as most of many short ones have, costs a single row. Those that end are written at once."""


class Runner:
    """Drives any number of executions; see the module's text.

    Parameters
    ----------
    journal : Journal
    clock : Clock
        For the timers of executions whose own clock is not virtual.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal, self.clock = journal, clock
        self.inbox: deque[tuple[Any, ...]] = deque()
        self.arrivals: deque[Any] = deque()  # executions to be started, and messages that must not overtake that
        self.runs: dict[int, Run] = {}
        self.closed = False
        self._baton = threading.Lock()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._dirty: dict[int, Run] = {}
        self.timers = Timers(clock, self.ring)
        self._busy_backends: set[Backend] = set()
        # runs whose newest events are not written yet, and until when that may stay so; see `_window_is_open`
        self._unwritten: dict[int, Run] = {}
        self._write_due_ns = 0
        self.write_every_ns = WRITE_EVERY_NS
        self.write_seldom_ns = WRITE_SELDOM_NS
        self.many_ns = MANY_NS
        self._written_ns = 0
        self._pause_ns = 0
        self._resting = False
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()

    # from any thread ---------------------------------------------------------------------------

    def start(self, run: Run, resumed: bool = False) -> None:
        """Begin to drive an execution, or to drive it on from its log."""
        run.runner = self
        self._ensure_thread()
        self.arrivals.append(("resume", run) if resumed else run)
        self.ring()

    def redrive(self, run: Run, event: Event) -> None:
        """Drive an ended execution on: the event says from where."""
        run.runner = self
        self._ensure_thread()
        self.inbox.append(("redrive", run, event))
        self.ring()

    def stop(self, run: Run, error: str | None = None, cause: str | None = None) -> None:
        """End an execution as ABORTED; returns at once."""
        (self.arrivals or self.inbox).append(("stop", run, error, cause))
        self.ring()

    def answer(self, order: Order, outcome: Outcome, drive: bool = True) -> None:
        """Bring the outcome of an order, from a backend's thread."""
        if outcome.parked:
            return
        self.inbox.append(("answer", order, outcome))
        if drive:
            self.drive(from_worker=True)

    def callback(self, run: Run, frame: int, token: int, outcome: Outcome) -> None:
        """Bring the result of a task that waited for its task token (or of an activity)."""
        self.inbox.append(("callback", run, frame, token, outcome))
        self.ring()

    def give_up(self, run: Run, problem: BaseException) -> None:
        """Stop driving an execution that waits for what cannot come; it stays as recorded."""
        (self.arrivals or self.inbox).append(("give_up", run, problem))
        self.ring()

    def picked_up(self, order: Order, worker: str | None) -> None:
        """Say that an activity's worker has taken the task."""
        self.inbox.append(("picked_up", order, worker))
        self.ring()

    def heartbeat(self, order: Order) -> None:
        """The task lives: its heartbeat timer starts anew."""
        self.inbox.append(("heartbeat", order))
        self.ring()

    def ring(self) -> None:
        """Wake the engine's thread."""
        if self._bell.locked():
            try:  # noqa: SIM105 - a context manager would cost more than the rest
                self._bell.release()
            except RuntimeError:  # somebody else was faster
                pass

    def _call_the_engine(self) -> None:
        """See to it that its thread looks again soon: it does so by itself while it is not resting."""
        if self._resting:
            self._resting = False
            self.ring()

    def drive(self, from_worker: bool = False) -> None:
        """Take turns until nothing is left to do, unless somebody else holds the baton: then they will."""
        while not self.closed and (self._news_waits() or self._dirty or self._writing_due() or self.timers.is_due()):
            if not self._baton.acquire(blocking=False):
                return
            try:
                while self._turn(from_worker):
                    pass
            finally:
                self._baton.release()

    @property
    def busy(self) -> bool:
        """Whether somebody drives right now: what is brought then joins a transaction that is under way."""
        return bool(self.arrivals or self.inbox) or self._baton.locked()

    def close(self) -> None:
        """Stop driving. What is recorded stays; what ran is gone on with after a resume."""
        self.closed = True
        self.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        with self._baton:
            unwritten, self._unwritten = self._unwritten, {}
            self._commit([w for w in map(_news, unwritten.values()) if w is not None])
            for backend in {id(r.backend): r.backend for r in self.runs.values()}.values():
                backend.close()

    # the engine's own thread --------------------------------------------------------------------

    def _ensure_thread(self) -> None:
        if self._thread is None:
            with self._start_lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._live, name="asw-engine", daemon=True)
                    self._thread.start()

    def _live(self) -> None:
        while not self.closed:
            self.drive()
            waiting = [b for b in list(self._busy_backends) if b.relieve()]
            self._busy_backends.intersection_update(waiting)
            if waiting:
                self._bell.acquire(timeout=0.002)
                continue
            # brought without driving, while its worker went on to the next short task; or the baton is away
            if self._news_waits():
                self._bell.acquire(timeout=0.001)
                continue
            if self._unwritten:
                self._bell.acquire(timeout=2e-9 * max(self._pause_ns, WRITE_EVERY_NS))
                continue
            self._resting = True  # what is brought from here on rings
            if self._unwritten or self._busy_backends:
                self._resting = False
                continue
            rest_s = self.timers.sleep_s()
            self._bell.acquire(timeout=-1 if rest_s is None else rest_s)
            self._resting = False

    # a turn, with the baton in hand -----------------------------------------------------------------

    def _turn(self, from_worker: bool) -> bool:
        """One turn; whether another one is needed at once."""
        if self.closed:
            return False
        dirty, self._dirty = self._dirty, {}
        unwritten = self._unwritten
        if self.inbox:
            self._take(self.inbox, TURN_LIMIT, dirty)
        if self.arrivals and len(unwritten) < STARTS:
            self._take(self.arrivals, STARTS, dirty)
        self.timers.fire(dirty)
        many = len(dirty) >= MANY
        may_wait = self._window_is_open(many)
        if unwritten and not may_wait:
            dirty.update(unwritten)
            unwritten.clear()
        again: dict[int, Run] = {}
        writes: list[Write] = []
        for key, run in dirty.items():
            state = run.state
            if run.broken is not None:
                continue
            try:
                if state.status == "RUNNING" and advance(state, run.now, TURN_LIMIT):
                    again[key] = run
            except Exception as bug:
                self._break(run, bug)
                continue
            if state.opened and may_wait and self._only_short(run, many, from_worker):
                unwritten[key] = run
                continue
            unwritten.pop(key, None)
            news = _news(run)
            if news is not None:
                writes.append(news)
        if writes:
            self._commit(writes)
        self._dispatch_all(dirty, again, from_worker)
        if unwritten:
            self._call_the_engine()
        for write in writes:
            if write.run.broken is not None:
                continue
            if write.finished:
                self._finish(write.run)
            if write.run._listeners:
                _tell(write)
        self._dirty.update(again)
        return bool(self._dirty or self._news_waits())

    def _take(self, messages: deque[Any], most: int, dirty: dict[int, Run]) -> None:
        """Do what the first of these messages say; whose execution has more to do afterwards is `dirty`."""
        for _ in range(min(len(messages), most)):
            message = messages.popleft()
            try:
                run = self._begin(message) if type(message) is Run else ON_MESSAGE[message[0]](self, message)
            except Exception as bug:  # it may end this execution, never the engine
                self._break(_run_of(message), bug)
                continue
            if run is not None:
                dirty[run.key] = run

    def _news_waits(self) -> bool:
        return bool(self.inbox) or (bool(self.arrivals) and len(self._unwritten) < STARTS)

    def _window_is_open(self, many: bool) -> bool:
        """Whether the newest events may be written together with those that follow at once.

        A transaction costs more than a function that adds two numbers. So in a chain of tasks that are known to be short, whoever drives goes
        on to the next one at once; after a millisecond all is written. A result that comes alone is written alone: the millisecond counts from
        the last transaction, unless many executions bring something at once. Should a task take long after all, the engine's thread writes.
        """
        now = time.monotonic_ns()
        if not self._unwritten:
            if many and self.write_every_ns:
                self._write_due_ns = now + self.many_ns
            else:
                self._write_due_ns = self._written_ns + (self._pause_ns or self.write_every_ns)
        return now < self._write_due_ns

    def _writing_due(self) -> bool:
        return bool(self._unwritten) and time.monotonic_ns() >= self._write_due_ns

    def _only_short(self, run: Run, many: bool, from_worker: bool) -> bool:
        """Whether all that an execution waits for are functions that are known to be short, and are called next: by whoever drives, or soon,
        as one of many. The start of one of many may wait with the rest."""
        backend = run.backend
        if not many and (run.record is not None or not (from_worker or backend.name == "inline")):
            return False
        if run.log is not None or run.state.status != "RUNNING":
            return False
        is_short, special = backend.is_short, run.special
        for frame in run.state.opened:
            resource = frame.state.resource
            if frame.phase != TASK or resource is None or resource.kind in special or not is_short(resource.text):
                return False
        return True

    def _commit(self, writes: list[Write]) -> None:
        durable = []
        for write in writes:
            run = write.run
            if run.log is not None:
                run.log += write.events
                run.kept_outputs += write.outputs
                if write.finished:
                    durable.append(Write(run, [], [], True, write.record))
                elif write.record is not None:
                    durable.append(Write(run, [], [], False, write.record))
            else:
                durable.append(write)
        if durable:
            begun = time.monotonic_ns()
            self._record(durable)
            self._written_ns = ended = time.monotonic_ns()
            self._pause_ns = min(max(self.write_every_ns, 4 * (ended - begun)), self.write_seldom_ns)
        for write in writes:
            if write.run.broken is None:
                write.run.committed += len(write.events)

    def _record(self, writes: list[Write]) -> None:
        """Write them; those that cannot be written break their executions, and no others."""
        try:
            self.journal.commit(writes)
        except Exception as problem:
            if len(writes) == 1 or isinstance(problem, StoreError):
                for write in writes:
                    self._break(write.run, problem)
                return
            for write in writes:
                self._record([write])

    def _dispatch_all(self, dirty: dict[int, Run], again: dict[int, Run], from_worker: bool) -> None:
        """Act on the orders of a turn. A backend gets those of all executions at once: how many workers they are worth is seen from all."""
        orders: dict[Backend, list[Order]] = {}
        for key, run in dirty.items():
            if not run.state.opened:
                continue
            try:
                self._dispatch(run, orders)
            except Exception as bug:
                again.pop(key, None)
                self._break(run, bug)
        for backend, given in orders.items():
            try:
                backend.submit(given, from_worker)
            except Exception as bug:
                for order in given:
                    self._break(order.run, bug)
            self._busy_backends.add(backend)
            self._call_the_engine()
        for key, run in dirty.items():
            if run.clock.virtual and not run.in_flight and run.state.status == "RUNNING" and not run.state.ready:
                if run.broken is None and self.timers.jump(run):
                    again[key] = run

    def _dispatch(self, run: Run, given: dict[Backend, list[Order]]) -> None:
        """Sort the orders of one execution that are safely in the log: timers, special places, and what its backend is `given`."""
        state, orders = run.state, []
        waiting = state.take_opened()
        if state.status != "RUNNING" or run.broken is not None:
            return
        for frame in waiting:
            if frame.phase == TASK:
                order = Order(run, frame)
                if frame.children is None and (frame.timeout_s is not None or frame.heartbeat_s is not None):
                    order.timeout_s = frame.timeout_s
                    self.timers.limit_task(run, frame, run.clock.time_us())
                run.in_flight += 1
                resource = frame.state.resource
                place = run.special.get(resource.kind) if resource is not None else None
                if place is None:
                    orders.append(order)
                else:
                    place.submit([order], False)
            else:
                self.timers.set(run, state.start_us + frame.due, frame.id, frame.token, "timer")
        if orders:
            known = given.get(run.backend)
            if known is None:
                given[run.backend] = orders
            else:
                known += orders

    def _finish(self, run: Run) -> None:
        self.runs.pop(run.key, None)
        run.state.settle()
        run.done.set()
        for tell in run._on_end or ():
            tell(run)

    def _break(self, run: Run, problem: BaseException) -> None:
        """The execution cannot be driven on: leave it as recorded, and tell whoever waits."""
        if run.broken is not None:
            return
        run.broken = problem
        run.state.abandon()
        run.outputs = NO_OUTPUTS
        run.timers = NO_TIMERS
        self._unwritten.pop(run.key, None)
        self.runs.pop(run.key, None)
        run.done.set()
        for tell in run._on_end or ():
            tell(run)

    # messages ------------------------------------------------------------------------------------------

    def _begin(self, run: Run) -> Run:
        self.runs[run.key] = run
        run.state.record((ev.STARTED, 0, 0))
        self.timers.limit_execution(run, run.state.start_us)
        return run

    def _on_resume(self, message: tuple[Any, ...]) -> Run:
        run: Run = message[1]
        self.runs[run.key] = run
        run.state.wake()
        taken = [f for f in run.state.opened if f.submitted and f.state.resource is not None]
        waiting = [f for f in taken if f.state.resource is not None and f.state.resource.kind != "workflow"]
        for frame in waiting:  # whoever took it will answer with its task token
            self.timers.limit_task(run, frame, run.clock.time_us())
        run.state.opened = [f for f in run.state.opened if f not in waiting]
        self.timers.limit_execution(run, run.state.start_us)
        return run

    def _on_redrive(self, message: tuple[Any, ...]) -> Run:
        _, run, event = message
        self.runs[run.key] = run
        run.state.doze()
        run.state.record((event[0], run.now(), *event[2:]))
        self.timers.limit_execution(run, run.clock.time_us())  # the second life gets the whole time again
        return run

    def _on_stop(self, message: tuple[Any, ...]) -> Run | None:
        _, run, error, cause = message
        if run.state.status != "RUNNING" or run.broken is not None:
            return None
        run.state.record((ev.ENDED, run.now(), 0, "ABORTED", error, cause))
        return run

    def _on_give_up(self, message: tuple[Any, ...]) -> None:
        _, run, problem = message
        if run.state.status == "RUNNING":
            self._break(run, problem)

    def _on_answer(self, message: tuple[Any, ...]) -> Run | None:
        order, outcome = message[1], message[2]
        run: Run = order.run
        if not outcome.submitted:
            run.in_flight -= 1
        state = run.state
        frame = state.frames.get(order.frame)
        if run.broken is None and (outcome.lines or outcome.traceback or outcome.metrics):
            if run.outputs is NO_OUTPUTS:
                run.outputs = []
            run.outputs.append((order.frame, order.token, outcome))  # kept also when the answer comes too late
        if frame is None or frame.phase != TASK or frame.token != order.token or run.broken is not None:
            return run if run.outputs or (run.clock.virtual and run.state.status == "RUNNING") else None
        base = state.start_us
        started = None if outcome.started_us is None else outcome.started_us - base
        at = run.now() if outcome.finished_us is None else outcome.finished_us - base
        resource = frame.state.resource
        if frame.children is not None:
            map_run.answered(state, frame, outcome.value, outcome.error if outcome.failed else None, outcome.cause, at)
        elif outcome.submitted or (
            resource is not None
            and resource.pattern == "waitForTaskToken"
            and not outcome.failed
            and not outcome.final
        ):
            if frame.submitted:  # a resumed execution has found the child that it started before
                return None
            state.record((ev.SUBMITTED, at, frame.id, outcome.value))
        elif outcome.failed:
            state.record((ev.FAILED, at, frame.id, outcome.error, outcome.cause, started, outcome.worker))
        else:
            state.record((ev.SUCCEEDED, at, frame.id, outcome.value, started, outcome.worker))
        return run

    def _on_callback(self, message: tuple[Any, ...]) -> Run | None:
        _, run, number, token, outcome = message
        frame = run.state.frames.get(number)
        if frame is None or frame.phase != TASK or frame.token != token or run.broken is not None:
            return None
        at = run.now()
        if outcome.failed:
            run.state.record((ev.FAILED, at, number, outcome.error, outcome.cause, None, outcome.worker))
        else:
            run.state.record((ev.SUCCEEDED, at, number, outcome.value, None, outcome.worker))
        return run

    def _on_picked_up(self, message: tuple[Any, ...]) -> Run | None:
        _, order, worker = message
        if not order.open:
            return None
        order.run.state.record((ev.PICKED_UP, order.run.now(), order.frame, worker))
        return order.run

    def _on_heartbeat(self, message: tuple[Any, ...]) -> None:
        self.timers.beat(message[1])


ON_MESSAGE: dict[str, Callable[[Runner, Any], Run | None]] = {
    "resume": Runner._on_resume,
    "redrive": Runner._on_redrive,
    "stop": Runner._on_stop,
    "give_up": Runner._on_give_up,
    "answer": Runner._on_answer,
    "callback": Runner._on_callback,
    "picked_up": Runner._on_picked_up,
    "heartbeat": Runner._on_heartbeat,
}


def _run_of(message: Any) -> Run:
    about = message if type(message) is Run else message[1]
    return about.run if isinstance(about, Order) else about


def _tell(write: Write) -> None:
    for listener in tuple(write.run.listeners):
        try:
            listener(write.run, write.events)
        except Exception:  # a view that fails (its page is gone) must not stop what it looks at
            write.run.forget_listener(listener)


def _news(run: Run) -> Write | None:
    """What the journal has not got yet."""
    batch = run.state.take_batch()
    finished = run.state.status != "RUNNING" and not run.done.is_set()
    if not (batch or run.outputs or finished):
        return None
    outputs, run.outputs = run.outputs, NO_OUTPUTS
    if finished:
        run.finished_us = run.clock.time_us()
    record, run.record = run.record, None
    return Write(run, batch, outputs, finished, record)


__all__ = ["Runner"]
