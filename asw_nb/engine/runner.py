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

import contextlib
import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from asw_nb.engine import events as ev
from asw_nb.engine import map_run
from asw_nb.engine.clock import Clock, VirtualClock
from asw_nb.engine.events import Event
from asw_nb.engine.execution import TASK, TIMER, ExecutionState, Frame
from asw_nb.engine.signal import Signal
from asw_nb.engine.states import advance
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


@dataclass(slots=True)
class Outcome:
    """What a backend answers for one order. Times in microseconds since 1970.

    `submitted` means: the call was accepted, the result comes later as another answer; `final` that this is the result, also where one would
    come later. `parked` means: there is no answer, the order was put aside and will be given out again.
    """

    value: Any = None
    error: str | None = None
    cause: str | None = None
    failed: bool = False
    started_us: int | None = None
    finished_us: int | None = None
    worker: str | None = None
    lines: list[tuple[int, str, str]] | None = None
    metrics: list[tuple[int, int | None, str, float]] | None = None
    traceback: str | None = None
    submitted: bool = False
    final: bool = False
    parked: bool = False


class Order:
    """A task to run: which attempt of which frame, on what input."""

    __slots__ = (
        "attempt",
        "frame",
        "input",
        "results",
        "run",
        "state",
        "timeout_s",
        "token",
    )

    def __init__(self, run: Run, frame: Frame) -> None:
        self.run, self.frame, self.token = run, frame.id, frame.token
        self.state, self.input, self.attempt = frame.state, frame.input, frame.attempt
        self.results: list[Any] | None = None
        if frame.children is not None:  # a Map's items to be read, or its results to be written
            self.input = frame.children.request
            self.results = frame.children.collected() if frame.children.pending == "write" else None
        self.timeout_s: float | None = None

    @property
    def kind(self) -> str:
        """What the order costs is learnt by this: its resource."""
        resource = self.state.resource
        return resource.text if resource is not None else self.state.path

    @property
    def open(self) -> bool:
        """Whether the answer is still wanted."""
        if self.run.runner.closed or self.run.broken is not None:
            return False
        frame = self.run.state.frames.get(self.frame)
        return frame is not None and frame.phase == TASK and frame.token == self.token


class Backend(Protocol):
    """A place where tasks run: takes orders, posts exactly one `Outcome` for each through `Runner.answer`."""

    name: str

    def submit(self, orders: list[Order], from_worker: bool) -> None: ...

    def is_short(self, kind: str) -> bool:
        """Whether orders of this kind are known to take less time than it takes to write their result down."""
        ...

    def relieve(self) -> bool:
        """Called every few milliseconds while orders wait; whether any still do."""
        ...

    def close(self) -> None: ...


class Journal(Protocol):
    """Where the events go. One call is one transaction."""

    def commit(self, writes: list[Write]) -> None:
        """Keep all of it, or nothing and raise: a `StoreError` when nothing can be written at all, any other error for what is written."""
        ...


@dataclass(slots=True)
class Write:
    """What one turn adds to one execution; `record` is the execution's own row, when it is not written yet."""

    run: Run
    events: list[Event]
    outputs: list[tuple[int, int, Outcome]]
    finished: bool
    record: Any = None


# shared by all that have none: replaced, never changed
_NOTHING: dict[str, Any] = {}
_NO_OUTPUTS: list[tuple[int, int, Outcome]] = []
_NO_TIMERS: list[tuple[int, int, Run, int, int, str]] = []


class Run(Signal):
    """One execution while it is driven; also the signal that its end is recorded.

    Attributes
    ----------
    key : int
        The execution's row in the history.
    log : list of Event or None
        All events, when the history is kept in memory only (EXPRESS).
    listeners : list of callable
        Called with the run and the events of each turn, after the commit, on the thread that drives: they must be
        quick.
    done : Signal
        Set when the end is recorded: the run itself, since thousands are alive at once.
    on_end : list of callable
        Called once, after the end is recorded, on the thread that drives; also when the run is broken.
    broken : Exception or None
        Why it cannot be driven on: what it holds beyond its last recorded event counts for nothing.
    """

    # thousands are alive at once: what is rarely there is made when it is asked for, and there is no dict
    __slots__ = (
        "__weakref__", "_listeners", "_on_end", "artifacts", "backend", "broken", "clock", "committed", "finished_us", "in_flight", "kept_outputs", "key",
        "log", "outputs", "perform", "record", "runner", "special", "state", "timeout_s", "timers",
    )  # fmt: skip

    def __init__(
        self,
        key: int,
        state: ExecutionState,
        clock: Clock,
        backend: Backend,
        perform: Callable[[Order], Outcome],
        in_memory: bool = False,
        timeout_s: float | None = None,
    ) -> None:
        self.key, self.state, self.clock, self.backend, self.perform = key, state, clock, backend, perform
        self.log: list[Event] | None = [] if in_memory else None
        self.timeout_s = timeout_s
        self._is_set, self._lock = False, None
        self.committed = 0
        self.finished_us: int | None = None
        self.outputs = _NO_OUTPUTS
        self.kept_outputs = [] if in_memory else _NO_OUTPUTS
        self.in_flight = 0
        self.timers = [] if clock.virtual else _NO_TIMERS  # others are the runner's
        self._on_end: list[Callable[[Run], None]] | None = None
        self._listeners: list[Callable[[Run, list[Event]], None]] | None = None
        self.broken: BaseException | None = None
        self.runner: Runner
        # places for tasks that no function does: resource kind -> backend
        self.special: dict[str, Backend] = _NOTHING
        self.artifacts = ""
        self.record: Any = None

    def now(self) -> int:
        """Microseconds since the start, by the execution's own clock."""
        return self.clock.time_us() - self.state.start_us

    @property
    def done(self) -> Signal:
        return self

    @property
    def on_end(self) -> list[Callable[[Run], None]]:
        if self._on_end is None:
            self._on_end = []
        return self._on_end

    @property
    def listeners(self) -> list[Callable[[Run, list[Event]], None]]:
        if self._listeners is None:
            self._listeners = []
        return self._listeners

    def forget_listener(self, listener: Callable[[Run, list[Event]], None]) -> None:
        """Tell this listener nothing more."""
        with contextlib.suppress(ValueError):
            self.listeners.remove(listener)


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
        self._timers: list[tuple[int, int, Run, int, int, str]] = []
        self._count = itertools.count()
        self._deadline: int | None = None
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
        while not self.closed and (self._news_waits() or self._dirty or self._writing_due() or self._timer_due()):
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
            self._deadline = None  # a timer that is set from here on rings
            first = self._timers[:1]
            due = first[0][0] if first else None
            self._deadline = due
            if due is None:
                self._bell.acquire()
            else:
                self._bell.acquire(timeout=min(max(0.0, (due - self.clock.time_us()) / 1e6), 86_400.0))
            self._resting = False

    def _timer_due(self) -> bool:
        first = self._timers[:1]  # one step: without the baton, the timer may be gone in the next
        return bool(first) and first[0][0] <= self.clock.time_us()

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
        if self._timers:
            self._fire_timers(dirty)
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
                if run.broken is None and self._jump(run):
                    again[key] = run

    def _dispatch(self, run: Run, given: dict[Backend, list[Order]]) -> None:
        """Sort the orders of one execution that are safely in the log: timers, special places, and what its backend is `given`."""
        state = run.state
        if state.status != "RUNNING" or run.broken is not None:
            state.take_opened()
            return
        waiting, state.opened = state.opened, []
        orders: list[Order] = []
        for frame in waiting:
            phase = frame.phase
            if phase == TASK:
                order = Order(run, frame)
                if frame.children is None and (frame.timeout_s is not None or frame.heartbeat_s is not None):
                    order.timeout_s = frame.timeout_s
                    self._limit_task(run, frame, run.clock.time_us())
                run.in_flight += 1
                resource = frame.state.resource
                place = run.special.get(resource.kind) if resource is not None else None
                if place is None:
                    orders.append(order)
                else:
                    place.submit([order], False)
            elif phase == TIMER:
                self._set_timer(run, state.start_us + frame.due, frame.id, frame.token, "timer")
        if orders:
            known = given.get(run.backend)
            if known is None:
                given[run.backend] = orders
            else:
                known += orders

    def _limit_task(self, run: Run, frame: Frame, now: int) -> None:
        if frame.timeout_s is not None:
            self._set_timer(run, now + round(frame.timeout_s * 1e6), frame.id, frame.token, "timeout")
        if frame.heartbeat_s is not None:
            self._set_timer(run, now + round(frame.heartbeat_s * 1e6), frame.id, frame.token, "heartbeat")

    def _set_timer(self, run: Run, due_us: int, frame: int, token: int, what: str) -> None:
        entry = (due_us, next(self._count), run, frame, token, what)
        if run.clock.virtual:
            heapq.heappush(run.timers, entry)
            return
        heapq.heappush(self._timers, entry)
        if self._deadline is None or due_us < self._deadline:
            self.ring()

    def _fire_timers(self, dirty: dict[int, Run]) -> None:
        timers = self._timers
        now = self.clock.time_us()
        while timers and timers[0][0] <= now:
            entry = heapq.heappop(timers)
            if self._fire(entry):
                dirty[entry[2].key] = entry[2]

    def _jump(self, run: Run) -> bool:
        """Nothing is left to do before the next timer of a virtual clock: go there."""
        while run.timers:
            entry = heapq.heappop(run.timers)
            assert isinstance(run.clock, VirtualClock) or run.clock.virtual
            if self._still_open(entry):
                run.clock.jump_us(entry[0])  # type: ignore[attr-defined]
                return self._fire(entry)
        return False

    def _still_open(self, entry: tuple[int, int, Run, int, int, str]) -> bool:
        _, _, run, number, token, what = entry
        if run.state.status != "RUNNING" or run.broken is not None:
            return False
        if what == "execution":
            return True
        frame = run.state.frames.get(number)
        wanted = TIMER if what == "timer" else TASK
        return frame is not None and frame.phase == wanted and frame.token == token

    def _fire(self, entry: tuple[int, int, Run, int, int, str]) -> bool:
        if not self._still_open(entry):
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
        run.outputs = _NO_OUTPUTS
        run.timers = _NO_TIMERS
        self._unwritten.pop(run.key, None)
        self.runs.pop(run.key, None)
        run.done.set()
        for tell in run._on_end or ():
            tell(run)

    # messages ------------------------------------------------------------------------------------------

    def _begin(self, run: Run) -> Run:
        self.runs[run.key] = run
        run.state.record((ev.STARTED, 0, 0))
        self._limit_execution(run)
        return run

    def _on_resume(self, message: tuple[Any, ...]) -> Run:
        run: Run = message[1]
        self.runs[run.key] = run
        run.state.wake()
        taken = [f for f in run.state.opened if f.submitted and f.state.resource is not None]
        waiting = [f for f in taken if f.state.resource is not None and f.state.resource.kind != "workflow"]
        for frame in waiting:  # whoever took it will answer with its task token
            self._limit_task(run, frame, run.clock.time_us())
        run.state.opened = [f for f in run.state.opened if f not in waiting]
        self._limit_execution(run)
        return run

    def _on_redrive(self, message: tuple[Any, ...]) -> Run:
        _, run, event = message
        self.runs[run.key] = run
        run.state.doze()
        run.state.record((event[0], run.now(), *event[2:]))
        if run.timeout_s is not None:  # the second life gets the whole time again
            self._set_timer(run, run.clock.time_us() + round(run.timeout_s * 1e6), 0, 0, "execution")
        return run

    def _limit_execution(self, run: Run) -> None:
        if run.timeout_s is not None:
            self._set_timer(run, run.state.start_us + round(run.timeout_s * 1e6), 0, 0, "execution")

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
            if run.outputs is _NO_OUTPUTS:
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
        order: Order = message[1]
        frame = order.run.state.frames.get(order.frame)
        if frame is None or not order.open or frame.heartbeat_s is None:
            return
        seconds = frame.heartbeat_s
        timers = order.run.timers if order.run.clock.virtual else self._timers
        kept = [t for t in timers if not (t[2] is order.run and t[3] == order.frame and t[5] == "heartbeat")]
        timers[:] = kept
        heapq.heapify(timers)
        due = order.run.clock.time_us() + round(seconds * 1e6)
        self._set_timer(order.run, due, order.frame, order.token, "heartbeat")


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
    outputs, run.outputs = run.outputs, _NO_OUTPUTS
    if finished:
        run.finished_us = run.clock.time_us()
    record, run.record = run.record, None
    return Write(run, batch, outputs, finished, record)


def wait_all(runs: Iterable[Run], timeout_s: float | None = None) -> bool:
    """Wait until every run has ended."""
    return all(run.done.wait(timeout_s) for run in runs)


__all__ = ["Backend", "Journal", "Order", "Outcome", "Run", "Runner", "Write", "wait_all"]
