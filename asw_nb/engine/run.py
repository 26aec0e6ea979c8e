"""What the loop works with: executions that are driven, the orders that they give, and what comes back.

::

    Run --Order--> Backend --Outcome--> Runner --Write--> Journal
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from asw_nb.engine.clock import Clock
from asw_nb.engine.events import Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import TASK, Frame
from asw_nb.engine.payload import decode, encode
from asw_nb.engine.signal import Signal

if TYPE_CHECKING:
    from asw_nb.engine.runner import Runner
    from asw_nb.engine.sprint import Sprint
    from asw_nb.language.plan import StatePlan

Message = tuple[Any, ...]
"""What is brought to the loop: its kind, the run or the order that it is about, and more."""

Timer = tuple[int, int, "Run", int, int, str]
"""When it is due in microseconds, its number, and what it belongs to: the execution, the frame and the order; what for."""


@dataclass(slots=True)
class Outcome:
    """What a backend answers for one order. Times in microseconds since 1970.

    `submitted` means: the call was accepted, the result comes later as another answer; `final` that this is the result, also where one would
    come later. `parked` means: there is no answer, the order was put aside and will be given out again; `unwanted`: nobody waited for it any more,
    so it was not done.
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
    unwanted: bool = False


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

    @classmethod
    def first(cls, run: Run, state: StatePlan, input: Any, token: int) -> Order:
        """That of an execution which has no frame (see `sprint`): a first attempt, of the root."""
        order = cls.__new__(cls)
        order.run, order.frame, order.token = run, 0, token
        order.state, order.input, order.attempt = state, input, 1
        order.results = order.timeout_s = None
        return order

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
        if self.run.sprint is not None:
            return True
        frame = self.run.state.frames.get(self.frame)
        return frame is not None and frame.phase == TASK and frame.token == self.token


class Backend(Protocol):
    """A place where tasks run: takes orders, posts exactly one `Outcome` for each through `Runner.answer`."""

    name: str

    def submit(self, orders: list[Order], from_worker: bool) -> None: ...

    def sprint(self, runs: list[Run], from_worker: bool) -> None:
        """Run executions at one go (`sprint.go`), and hand on what that tells."""
        ...

    def is_short(self, kind: str) -> bool:
        """Whether orders of this kind are known to take less time than it takes to write their result down."""
        ...

    def relieve(self) -> bool:
        """Called every few milliseconds while orders wait; whether any still do."""
        ...

    def close(self) -> None: ...


class Origin(Protocol):
    """How executions were started.

    Attributes
    ----------
    waiting : ExecutionState
        That of all that have no event yet.
    """

    waiting: ExecutionState

    def state(self, row: Any) -> ExecutionState:
        """Its state before its first event."""
        ...


class Journal(Protocol):
    """Where the events go. One call is one transaction."""

    def commit(self, writes: list[Write]) -> None:
        """Keep all of it, or nothing and raise: a `StoreError` when nothing can be written at all, any other error for what is written."""
        ...


class Write:
    """What one turn adds to one execution.

    Attributes
    ----------
    record : Record or None
        The execution's own row, when it is not written yet.
    body : bytes
        The events as they are written.
    """

    __slots__ = ("_body", "_events", "count", "finished", "outputs", "record", "run")

    def __init__(
        self, run: Run, events: list[Event] | None, outputs: list[tuple[int, int, Outcome]], finished: bool, record: Any = None, body: bytes = b"", count: int = 0
    ) -> None:
        self.run, self.outputs, self.finished, self.record = run, outputs, finished, record
        self._events, self._body = events, body
        self.count = count if events is None else len(events)

    @property
    def events(self) -> list[Event]:
        if self._events is None:
            self._events = decode(self._body)
        return self._events

    @property
    def body(self) -> bytes:
        return self._body or encode(self._events)


# shared by all that have none: replaced, never changed
_NOTHING: dict[str, Any] = {}
NO_OUTPUTS: list[tuple[int, int, Outcome]] = []
NO_TIMERS: list[Timer] = []


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
    state : ExecutionState or Sprinted
        Before its first event that of its `origin`, which is shared and never changed.
    row : Record or None
        What is known of it from its start; with `origin`, of those that this process has started.
    sprint : Sprint or None
        Set while it is done at one go: nobody but its worker may change its state then.
    """

    # thousands are alive at once: what is rarely there is made when it is asked for, and there is no dict
    __slots__ = (
        "__weakref__", "_listeners", "_on_end", "artifacts", "backend", "broken", "clock", "committed", "finished_us", "in_flight", "kept_outputs", "key",
        "log", "origin", "outputs", "perform", "record", "row", "runner", "special", "sprint", "state", "timeout_s", "timers",
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
        origin: Origin | None = None,
        row: Any = None,
    ) -> None:
        self.key, self.clock, self.backend, self.perform, self.origin, self.row = key, clock, backend, perform, origin, row
        self.state: Any = state
        self.log: list[Event] | None = [] if in_memory else None
        self.timeout_s = timeout_s
        self._is_set, self._lock = False, None
        self.committed = 0
        self.finished_us: int | None = None
        self.outputs = NO_OUTPUTS
        self.kept_outputs = [] if in_memory else NO_OUTPUTS
        self.in_flight = 0
        self.timers = [] if clock.virtual else NO_TIMERS  # others are the runner's
        self._on_end: list[Callable[[Run], None]] | None = None
        self._listeners: list[Callable[[Run, list[Event]], None]] | None = None
        self.broken: BaseException | None = None
        self.runner: Runner
        # places for tasks that no function does: resource kind -> backend
        self.special: dict[str, Backend] = _NOTHING
        self.artifacts = ""
        self.record: Any = None
        self.sprint: Sprint | None = None

    def now(self) -> int:
        """Microseconds since the start, by the execution's own clock."""
        return self.clock.time_us() - self.state.start_us

    @property
    def name(self) -> str:
        """The execution's name, as its context object has it."""
        return self.row.name if self.row is not None else self.state.context_execution["Name"]

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


__all__ = ["NO_OUTPUTS", "NO_TIMERS", "Backend", "Journal", "Message", "Order", "Origin", "Outcome", "Run", "Timer", "Write"]
