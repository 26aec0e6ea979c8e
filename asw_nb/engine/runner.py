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
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.clock import Clock
from asw_nb.engine.events import Event
from asw_nb.engine.frames import TASK
from asw_nb.engine.messages import take
from asw_nb.engine.run import NO_OUTPUTS, NO_TIMERS, Backend, Journal, Order, Outcome, Run, Write
from asw_nb.engine.sprint import Sprinted, Sprints
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


LAST_MOMENTS = 200
"""Milliseconds that an execution which is done at one go is waited for when the engine closes; a function that runs is not."""


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
        self.sprints = Sprints()
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

    def sprinted(self, run: Run, news: Sprinted | tuple[Any, ...] | None) -> None:
        """Bring what became of an execution that was done at one go; without driving."""
        if isinstance(news, Sprinted):
            self.sprints.ended.append((run, news))
        elif news is not None:
            self.inbox.append(news)

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
        return bool(self.arrivals or self.inbox or self.sprints.ended) or self._baton.locked()

    def close(self) -> None:
        """Stop driving. What is recorded stays; what ran is gone on with after a resume."""
        self.closed = True
        self.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        with self._baton:
            self._write_all()
            for backend in {id(r.backend): r.backend for r in self.runs.values()}.values():
                backend.close()

    def _write_all(self) -> None:
        """Write what is not written yet, and that has arrived what has not begun."""
        dirty: dict[int, Run] = {}
        writes: list[Write] = []
        self._close_window(dirty)
        for _ in range(LAST_MOMENTS):
            if not self._unwritten:
                break
            time.sleep(0.001)  # some were just between two steps
            self._take(self.inbox, len(self.inbox), dirty)
            self._close_window(dirty)
            for key in dirty:
                self._unwritten.pop(key, None)
            writes += self.sprints.take_ended(self._unwritten)
        for run in self.arrivals:
            if type(run) is Run:
                run.sprint = None
                self._begin(run, dirty)
        self.arrivals.clear()
        writes += [w for w in map(_news, dirty.values()) if w is not None]
        self._commit(writes)
        for write in writes:
            if write.finished and write.run.broken is None:
                self._finish(write.run)

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
        sprints = self.sprints
        if sprints.later:
            self.inbox.extend(sprints.later)
            sprints.later.clear()
        if self.inbox:
            self._take(self.inbox, TURN_LIMIT, dirty)
        writes = sprints.take_ended(unwritten) if sprints.ended else []
        short: list[Run] = []
        if self.arrivals and len(unwritten) < STARTS:
            short = self._let_in(dirty)
        self.timers.fire(dirty)
        many = len(dirty) + len(short) >= MANY
        may_wait = self._window_is_open(many)
        if unwritten and not may_wait:
            self._close_window(dirty)
        if short:
            self._sprint(short, many and may_wait, dirty, from_worker)
        again: dict[int, Run] = {}
        for key, run in dirty.items():
            state = run.state
            if run.broken is not None:
                continue
            try:
                if state.status == "RUNNING" and advance(state, run.now, TURN_LIMIT):
                    again[key] = run
            except Exception as bug:
                self.break_off(run, bug)
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
            run = take(self, messages.popleft())
            if run is not None:
                dirty[run.key] = run

    def _let_in(self, dirty: dict[int, Run]) -> list[Run]:
        """Begin with the first of those that have arrived; gives those that may be done at one go, which have not begun yet."""
        arrivals, known = self.arrivals, self.runs
        short: list[Run] = []
        last: Any = None
        for _ in range(min(len(arrivals), STARTS)):
            run = arrivals.popleft()
            if type(run) is not Run:
                arrivals.appendleft(run)
                self._take(arrivals, 1, dirty)
                continue
            known[run.key] = run
            sprint = run.sprint
            if sprint is not None:
                if sprint is not last:
                    last, is_short = sprint, self.write_every_ns > 0 and sprint.suits(run.backend)
                if is_short:
                    short.append(run)
                    continue
                run.sprint = None
            self._begin(run, dirty)
        return short

    def _sprint(self, runs: list[Run], together: bool, dirty: dict[int, Run], from_worker: bool) -> None:
        """Have these done at one go; one by one in the loop where there are few."""
        if not together:
            for run in runs:
                run.sprint = None
                self._begin(run, dirty)
            return
        self._unwritten.update((run.key, run) for run in runs)
        try:
            self._busy_backends |= self.sprints.hand_out(runs, from_worker)
        except Exception as bug:
            for run in runs:
                if run.sprint is not None:
                    self.break_off(run, bug)

    def _close_window(self, dirty: dict[int, Run]) -> None:
        """All that is not written yet will be now, but for executions that are done at one go: one whose turn comes soon, since others have ended
        meanwhile, and one that is just between two steps."""
        unwritten, late = self._unwritten, {}
        put_off = self.sprints.put_off(unwritten) if not self.closed else set()
        for key, run in unwritten.items():
            if run.sprint is None or (key not in put_off and self.sprints.take_back(run)):
                dirty[key] = run
            else:
                late[key] = run
        unwritten.clear()
        if late:
            unwritten.update(late)
            self._write_due_ns = time.monotonic_ns() + (self.many_ns if put_off else WRITE_EVERY_NS)

    def _news_waits(self) -> bool:
        return bool(self.inbox or self.sprints.ended) or (bool(self.arrivals) and len(self._unwritten) < STARTS)

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
                write.run.committed += write.count

    def _record(self, writes: list[Write]) -> None:
        """Write them; those that cannot be written break their executions, and no others."""
        try:
            self.journal.commit(writes)
        except Exception as problem:
            if len(writes) == 1 or isinstance(problem, StoreError):
                for write in writes:
                    self.break_off(write.run, problem)
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
                self.break_off(run, bug)
        for backend, given in orders.items():
            try:
                backend.submit(given, from_worker)
            except Exception as bug:
                for order in given:
                    self.break_off(order.run, bug)
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

    def break_off(self, run: Run, problem: BaseException) -> None:
        """The execution cannot be driven on: leave it as recorded, and tell whoever waits."""
        if run.broken is not None:
            return
        run.broken, run.sprint = problem, None
        run.state.abandon()
        run.outputs = NO_OUTPUTS
        run.timers = NO_TIMERS
        self._unwritten.pop(run.key, None)
        self.sprints.in_hand.pop(run.key, None)
        self.runs.pop(run.key, None)
        run.done.set()
        for tell in run._on_end or ():
            tell(run)

    def _begin(self, run: Run, dirty: dict[int, Run]) -> None:
        try:
            if run.origin is not None and run.state is run.origin.waiting:
                run.state = run.origin.state(run.row)
            run.state.record((ev.STARTED, 0, 0))
            self.timers.limit_execution(run, run.state.start_us)
            dirty[run.key] = run
        except Exception as bug:  # it may end this execution, never the engine
            self.break_off(run, bug)


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
