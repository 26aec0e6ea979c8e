"""Frames: where an execution stands, and what it has in its hands there. Data, without a word about what happens to it.

A frame is one cursor: the root, a branch, a Map item. Its `phase` says what it waits for::

    ENTER -> the state it stands on has not begun        TASK  -> an attempt is out          TIMER    -> Wait or backoff
    RESULT -> a result is in, the state can end          ERROR -> it failed, who catches?    CHILDREN -> branches or items run
    DEAD  -> ended, or ended by somebody else

Frames in ENTER, RESULT and ERROR, and containers whose children changed, stand in `ready`: `advance` has something to
say about them. Frames in TASK and TIMER hold an open order, told apart from older ones by `token`."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asw_nb.engine.events import SAME
from asw_nb.language.plan import MAP, PARALLEL, WAIT, ScopePlan, StatePlan
from asw_nb.language.plan import TASK as TASK_STATE

if TYPE_CHECKING:
    from asw_nb.engine.execution import ExecutionState

ENTER, TASK, TIMER, RESULT, ERROR, CHILDREN, DEAD = range(7)

MISSING = object()


def isoformat(micros: int) -> str:
    """A moment, given in microseconds since 1970, as the context object prints it."""
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Children:
    """The branches of a Parallel, or the items of a Map, while they run."""

    __slots__ = (
        "batches", "culprit", "done", "ended", "error", "failed", "fallen", "fatal", "items", "known", "length", "limit", "next", "pending", "request", "results", "running",
        "tolerated",
    )  # fmt: skip

    def __init__(self, length: int) -> None:
        self.length = length
        self.next = 0
        self.running = 0
        self.done = 0
        self.failed = 0
        self.results: list[Any] = [MISSING] * length
        # the first failure decides: its error, and the path where it came from
        self.error: tuple[str | None, str | None] | None = None
        self.culprit: str | None = None
        self.fatal = False
        # for a redrive: children that failed, and frames that were alive when the state broke
        self.fallen: list[Frame] = []
        self.ended: list[Frame] = []
        # decided again from the plan when the execution is resumed: they are pure functions of recorded data
        self.items: Any = None
        self.limit: int | None = None
        self.tolerated: tuple[int | None, float | None] | None = None
        self.batches: list[tuple[int, int]] | None = None
        # of a Map with an ItemReader, ItemBatcher or ResultWriter: whether its length is final, and which order is out
        self.known = False
        self.pending: str | None = None
        self.request: Any = None

    def collected(self) -> list[Any]:
        """The outputs, in order; items whose failure was tolerated are left out."""
        if self.failed:
            return [r for r in self.results if r is not MISSING]
        return self.results


_NO_VARIABLES: dict[str, Any] = {}
"""Shared by all frames that have none: variables are replaced, never changed."""


class Frame:
    """One cursor. It is also the `env` of the expressions of the state it stands on."""

    __slots__ = (
        "attempt", "broke", "children", "counts", "culprit", "data", "due", "entered_at", "entered_id", "error", "fatal", "heartbeat_s", "id", "index", "input", "lapsed", "map_run", "parent",
        "phase", "result", "retries", "run", "salvage", "scope", "state", "submitted", "timeout_s", "token", "variables", "was",
    )  # fmt: skip

    def __init__(self, run: ExecutionState, number: int, parent: Frame | None, scope: ScopePlan, index: int) -> None:
        self.run, self.id, self.parent, self.scope, self.index = run, number, parent, scope, index
        self.state: StatePlan = scope.start
        self.data: Any = None
        self.input: Any = SAME
        self.result: Any = None
        self.error: tuple[str | None, str | None] | None = None
        self.culprit: str | None = None
        self.variables: dict[str, Any] = parent.variables if parent is not None else _NO_VARIABLES
        self.phase = ENTER
        self.token = 0
        # the order that is out was taken by somebody who will answer: it must not be given out again
        self.submitted = False
        # for a redrive: what the frame stood in when it broke, and its phase when it ended
        self.salvage: Children | None = None
        self.was = ENTER
        self.lapsed = False  # the error is a heartbeat that did not come
        self.fatal = False  # the error ends the execution, whoever would catch it
        self.timeout_s: float | None = None
        self.heartbeat_s: float | None = None
        self.attempt = 0
        self.retries: list[int] | None = None
        self.due = 0
        self.entered_at = 0
        self.entered_id = 0
        self.children: Children | None = None
        # 1, or 0 inside a distributed Map, whose items are executions of their own: their events are not in this
        # history
        self.counts = 1
        self.map_run = False
        self.broke = False
        if parent is not None and (
            not parent.counts or (parent.state.map is not None and parent.state.map.distributed)
        ):
            self.counts = 0

    # what expressions see ----------------------------------------------------------------------

    @property
    def rng(self) -> random.Random:
        return self.run.rng

    @property
    def effective(self) -> Any:
        """The effective input of the state's work."""
        return self.data if self.input is SAME else self.input

    def context(self) -> dict[str, Any]:
        """The context object, in the cloud's shape."""
        run = self.run
        state: dict[str, Any] = {"Name": self.state.name, "EnteredTime": isoformat(run.start_us + self.entered_at)}
        if self.state.retriers or self.state.kind == 0:
            state["RetryCount"] = sum(self.retries or ())
        out = {"Execution": run.context_execution, "StateMachine": run.context_machine, "State": state}
        frame: Frame | None = self
        while frame is not None:
            owner = frame.scope.owner
            if owner is not None and owner.kind == MAP and frame.parent is not None:
                out["Map"] = {"Item": {"Index": frame.index, "Value": items_of(frame.parent)[frame.index]}}
                break
            frame = frame.parent
        resource = self.state.resource
        if resource is not None and resource.pattern == "waitForTaskToken":
            out["Task"] = {"Token": run.task_token(self.id, self.token + 1 if self.phase == ENTER else self.token)}
        return out

    @property
    def path(self) -> str:
        """Where the frame stands: ``EachTable[3]/Load``."""
        return self.prefix + self.state.name

    @property
    def prefix(self) -> str:
        if self.parent is None:
            return ""
        return f"{self.parent.path}[{self.index}]/"


def items_of(frame: Frame) -> Any:
    """The items of a running Map, evaluated from recorded data when they are not at hand."""
    children, state = frame.children, frame.state
    assert children is not None and state.map is not None
    if children.items is None:
        children.items = state.map.items(frame.effective, frame)
    return children.items


ABORTABLE = (TASK_STATE, WAIT, PARALLEL, MAP)
"""The types of state that the cloud says to be aborted; the others take no time."""


def aborted(frame: Frame) -> tuple[str, ...]:
    """The cloud's events for a frame that ends because another branch or item around it failed."""
    if not frame.counts:
        return ()
    state = frame.state
    own = (f"{state.type}StateAborted",) if state.kind in ABORTABLE else ()
    in_map = frame.parent is not None and frame.parent.state.kind == MAP
    return (*own, "MapIterationAborted") if in_map else own


__all__ = [
    "CHILDREN", "DEAD", "ENTER", "ERROR", "MISSING", "RESULT", "TASK", "TIMER", "Children", "Frame", "aborted", "isoformat", "items_of",
]  # fmt: skip
