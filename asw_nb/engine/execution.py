"""One execution: `apply`, the only code that changes its frames.

An execution *is* its list of events. `ExecutionState.apply` folds one event in; folding the log again gives the same
state, and that is the whole of recovery. What happens next is decided elsewhere (`states.advance`), which records its
decisions as events.

Frames that `advance` has something to say about stand in `ready`; see `frames` for what each waits for."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from asw_nb.engine import events as ev
from asw_nb.engine.events import END, SAME, Event
from asw_nb.engine.frames import CHILDREN, DEAD, ENTER, ERROR, MISSING, RESULT, TASK, TIMER, Children, Frame, aborted
from asw_nb.engine.redrive import redriven
from asw_nb.language.plan import MAP, PARALLEL, Plan, ScopePlan, StatePlan
from asw_nb.language.plan import TASK as TASK_STATE
from asw_nb.language.resources import Resource


def _yes(resource: Resource) -> bool:
    return True


class About(Protocol):
    """What an execution is outside of its log; asked for by few, so made only then."""

    key: int

    def context_execution(self) -> dict[str, Any]: ...

    def context_machine(self) -> dict[str, Any]: ...


# shared by all that have none: replaced, never changed
_NO_FRAMES: dict[int, Frame] = {}
_NONE_REVIVED: list[Frame] = []
_NOTHING: Any = ()


class ExecutionState:
    """The folded log of one execution.

    Parameters
    ----------
    plan : Plan
    input : JSON value
    start_us : int
        Start, microseconds since 1970.
    context_execution, context_machine : dict or None
        The parts of the context object that never change.
    seed : int, optional
        For jitter and random intrinsics of what is decided from here on.
    about : About, optional
        What gives those parts when they are first asked for.
    sign : callable, optional
        Makes the secret of a task that waits for one, of the execution's key, the frame and the order.

    Attributes
    ----------
    status : str
        RUNNING until an event ends it.
    event_id : int
        Number of the newest event in the cloud's counting.
    variables_limit : int or None
        What one Assign may set, in bytes of JSON: a limit of `payload.check_variables`.
    variables_bytes : int
        What the variables have at most, as far as it was asked; -1 when it was not.
    entered, exited, failed : list of int
        Visits begun, ended well and ended badly, by state number: what a live view shows, at constant cost.
    """

    __slots__ = (
        "__weakref__", "_about", "_execution", "_machine", "_rng", "_seed", "_sign", "activity_exists", "batch", "cause", "count", "entered", "error", "event_id", "exited",
        "failed", "failed_path", "frames", "input", "next_frame", "opened", "output", "plan", "ready", "redrives", "revived", "salvage", "start_us", "status",
        "variables_bytes", "variables_limit",
    )  # fmt: skip

    frame_type: type[Frame] = Frame

    def __init__(
        self,
        plan: Plan,
        input: Any,
        start_us: int,
        context_execution: dict[str, Any] | None = None,
        context_machine: dict[str, Any] | None = None,
        seed: int | None = None,
        about: About | None = None,
        sign: Callable[[int, int, int], str] | None = None,
    ) -> None:
        # asked, like `rng`, while deciding; what follows from the answer is in the log
        self.activity_exists: Callable[[Resource], bool] = _yes
        self.variables_limit: int | None = None
        self.variables_bytes = -1
        self.plan, self.input, self.start_us = plan, input, start_us
        self._execution, self._machine, self._about, self._sign = context_execution, context_machine, about, sign
        self._seed = seed
        self._rng: random.Random | None = None
        # what it works with is made by its first event
        self.frames: dict[int, Frame] = _NO_FRAMES
        self.next_frame = 0
        self.ready: list[Frame] = _NOTHING
        self.opened: list[Frame] = _NOTHING
        self.batch: list[Event] = _NOTHING
        self.status = "RUNNING"
        self.output: Any = None
        self.error: str | None = None
        self.cause: str | None = None
        self.failed_path: str | None = None
        self.event_id = 0
        self.count = 0
        self.redrives = 0
        # for a redrive: the frames that were alive when the execution ended, and those that the newest redrive brought back
        self.salvage: dict[int, Frame] = _NO_FRAMES
        self.revived: list[Frame] = _NONE_REVIVED
        self.entered = self.exited = self.failed = plan.zeros  # replaced by lists of its own

    @property
    def rng(self) -> random.Random:
        """Randomness of what is decided here; made when first needed, since seeding costs more than a short execution's states."""
        if self._rng is None:
            self._rng = random.Random(self._seed)
        return self._rng

    @property
    def context_execution(self) -> dict[str, Any]:
        if self._execution is None:
            self._execution = self._about.context_execution() if self._about is not None else {}
        return self._execution

    @property
    def context_machine(self) -> dict[str, Any]:
        if self._machine is None:
            self._machine = self._about.context_machine() if self._about is not None else {}
        return self._machine

    def task_token(self, frame: int, order: int) -> str:
        """The callback secret of a task that waits for one."""
        return self._sign(self._about.key, frame, order) if self._about is not None and self._sign is not None else f"{frame}.{order}"

    def apply(self, event: Event) -> None:
        """Fold one event in."""
        self.count += 1
        APPLY[event[0]](self, event)

    def record(self, event: Event) -> None:
        """Apply an event and keep it for the journal."""
        self.count += 1
        APPLY[event[0]](self, event)
        self.batch.append(event)

    def take_batch(self) -> list[Event]:
        """The events that the journal has not got yet."""
        batch, self.batch = self.batch, []
        return batch

    def take_opened(self) -> list[Frame]:
        """Frames whose order was opened since the last call and is still open."""
        opened, self.opened = self.opened, []
        return [f for f in opened if f.phase in (TASK, TIMER)]

    def tallies(self) -> list[dict[str, int]]:
        """Visits by status for each state of the plan: SUCCEEDED, FAILED, RUNNING, and for those that the execution's end cut short, how
        it ended."""
        out = [
            {"SUCCEEDED": exited, "FAILED": failed, "RUNNING": entered - exited - failed}
            for entered, exited, failed in zip(self.entered, self.exited, self.failed, strict=True)
        ]
        if self.status not in ("RUNNING", "SUCCEEDED"):  # the root of one that succeeded is kept too, for a redrive
            for frame in self.salvage.values():
                tally = out[frame.state.index]
                cut_short = self.status if frame.id == 0 or self.status != "FAILED" else "ABORTED"
                tally[cut_short] = tally.get(cut_short, 0) + 1
                tally["FAILED"] -= 1
        return [{status: count for status, count in tally.items() if count > 0} for tally in out]

    def whole(self) -> ExecutionState:
        """Itself; what is left of an execution that was done at one go (`sprint`) gives here what it stands for."""
        return self

    def settle(self) -> None:
        """The execution has ended well, and is only looked at from here on: what it worked with goes, and its root frame, kept for a redrive, lets
        go of it, so that it is freed with its last handle and not by the collector."""
        if self.status == "SUCCEEDED":
            self.frames, self.ready, self.opened = _NO_FRAMES, _NOTHING, _NOTHING
            for frame in self.salvage.values():
                frame.run = None  # type: ignore[assignment]

    def abandon(self) -> None:
        """Nobody drives it on: what is not written counts for nothing."""
        self.ready = self.opened = self.batch = _NOTHING

    def doze(self) -> None:
        """It is only folded: what would come next is found anew by `wake`, and would until then keep every frame alive."""
        if self.ready:
            self.ready.clear()
        if self.opened:
            self.opened.clear()

    def wake(self) -> None:
        """Make ready whatever `advance` may have something to say about: the log has just been folded."""
        self.ready = [f for f in self.frames.values() if f.phase in (ENTER, RESULT, ERROR, CHILDREN)]
        self.opened = self.open_orders()

    def open_orders(self) -> list[Frame]:
        """Every frame that waits for a task or a timer: what a resumed execution must dispatch again."""
        return [f for f in self.frames.values() if f.phase in (TASK, TIMER)]

    # one method per kind -------------------------------------------------------------------------

    def _spawn(self, parent: Frame | None, scope: ScopePlan, index: int, data: Any, at: int) -> Frame:
        """A new frame, on the first state of its scope: `_enter` without what a frame that is new need not forget."""
        frame = self.frame_type(self, self.next_frame, parent, scope, index)
        self.frames[frame.id] = frame
        self.next_frame += 1
        self.event_id += frame.counts
        frame.data = data
        frame.entered_at = at
        frame.entered_id = self.event_id
        self.entered[frame.state.index] += 1
        self.ready.append(frame)
        return frame

    def _enter(self, frame: Frame, state: StatePlan, at: int) -> None:
        self.event_id += frame.counts
        frame.state = state
        frame.phase = ENTER
        frame.entered_at = at
        frame.entered_id = self.event_id
        if frame.attempt:
            frame.attempt = 0
            frame.retries = None
        frame.input = SAME
        frame.error = None
        frame.culprit = None
        frame.children = None
        frame.map_run = False
        frame.broke = False
        frame.salvage = None
        self.entered[state.index] += 1
        self.ready.append(frame)

    def _count_failed(self, frame: Frame) -> None:
        if self.failed is self.plan.zeros:
            self.failed = [*self.failed]
        self.failed[frame.state.index] += 1

    def _started(self, event: Event) -> None:
        self.frames, self.ready, self.opened, self.batch = {}, [], [], []
        self.entered, self.exited = [*self.plan.zeros], [*self.plan.zeros]
        self.event_id = 1
        self._spawn(None, self.plan.root, 0, self.input, event[1])

    def _moved(self, event: Event) -> None:
        frame = self.frames[event[2]]
        self._move(frame, event[1], event[3], frame.data)

    def _moved_result(self, event: Event) -> None:
        frame = self.frames[event[2]]
        self._move(frame, event[1], event[3], frame.result)

    def _moved_with(self, event: Event) -> None:
        self._move(self.frames[event[2]], event[1], event[3], event[4])

    def _move(self, frame: Frame, at: int, target: int, output: Any) -> None:
        self.event_id += frame.counts
        if frame.error is None:
            self.exited[frame.state.index] += 1
        else:
            self._count_failed(frame)
        frame.data = output
        frame.result = None
        if target != END:
            self._enter(frame, self.plan.states[target], at)
            return
        frame.phase = DEAD
        del self.frames[frame.id]
        parent = frame.parent
        if parent is None:
            self.event_id += 1
            self.status = "SUCCEEDED"
            self.output = output
            self.salvage = {0: frame}
            self.ready.clear()
            return
        children = parent.children
        assert children is not None
        children.results[frame.index] = output
        children.running -= 1
        children.done += 1
        if parent.state.kind == MAP:
            self.event_id += frame.counts
            if children.next < children.length or not children.running:
                self.ready.append(parent)
        elif not children.running:
            self.ready.append(parent)

    def _scheduled(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.input = frame.data if event[3] == SAME else event[3]
        frame.attempt += 1
        frame.token += 1
        frame.submitted = False
        frame.timeout_s, frame.heartbeat_s = event[4], event[5]
        frame.phase = TASK
        if frame.counts:
            self.event_id += 1 if frame.state.resource is not None and frame.state.resource.kind == "activity" else 2
        self.opened.append(frame)

    def _succeeded(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.result = event[3]
        frame.phase = RESULT
        self.event_id += frame.counts
        self.ready.append(frame)

    def _failed(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.error = (event[3], event[4])
        frame.lapsed = event[0] == ev.TIMED_OUT and len(event) > 5 and event[5]
        frame.phase = ERROR
        self.event_id += frame.counts
        self.ready.append(frame)

    def _retrying(self, event: Event) -> None:
        frame = self.frames[event[2]]
        retries = frame.retries = list(frame.retries or [0] * len(frame.state.retriers))
        retries[event[4]] += 1
        if not frame.attempt:
            frame.attempt = 1
        frame.due = event[3]
        frame.token += 1
        frame.phase = TIMER
        self.opened.append(frame)

    def _waiting(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.due = event[3]
        frame.token += 1
        frame.phase = TIMER
        self.opened.append(frame)

    def _fired(self, event: Event) -> None:
        frame = self.frames[event[2]]
        if frame.error is None:
            frame.result = frame.data
            frame.phase = RESULT
        else:  # the backoff is over: the state begins again, in the same visit
            frame.error = None
            frame.culprit = None
            frame.children = None
            frame.broke = False
            frame.map_run = False
            frame.salvage = None
            frame.phase = ENTER
            if frame.state.kind in (PARALLEL, MAP):
                frame.attempt += 1
        self.ready.append(frame)

    def _forked(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.input = frame.data if event[3] == SAME else event[3]
        branches = frame.state.branches
        children = frame.children = Children(len(branches))
        children.next = children.running = len(branches)
        frame.phase = CHILDREN
        self.event_id += frame.counts
        for i, branch in enumerate(branches):
            self._spawn(frame, branch, i, frame.input, event[1])

    def _map_started(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.input = frame.data if event[4] == SAME else event[4]
        frame.children = Children(event[3])
        if len(event) > 5:
            frame.children.items = event[5]
        frame.phase = CHILDREN
        self.event_id += frame.counts
        self.ready.append(frame)

    def _order_of_map(self, event: Event) -> None:
        """Reading or writing goes out like a task, but is no attempt."""
        frame = self.frames[event[2]]
        children = frame.children
        assert children is not None
        children.pending = "read" if event[0] == ev.ITEMS_ORDERED else "write"
        children.request = event[3]
        frame.token += 1
        frame.phase = TASK
        self.opened.append(frame)

    def _items_known(self, event: Event) -> None:
        frame = self.frames[event[2]]
        children = frame.children
        assert children is not None
        if not children.known:
            children.length = event[3]
            children.results = [MISSING] * event[3]
            children.known = True
        children.pending = None
        frame.phase = CHILDREN
        self.ready.append(frame)

    def _item_started(self, event: Event) -> None:
        parent = self.frames[event[3]]
        children, plan = parent.children, parent.state.map
        assert children is not None and plan is not None
        children.next = event[4] + 1
        children.running += 1
        if parent.counts and not plan.distributed:
            self.event_id += 1
        self._spawn(parent, plan.processor, event[4], event[5], event[1])

    def _joined(self, event: Event) -> None:
        frame = self.frames[event[2]]
        children = frame.children
        assert children is not None
        frame.result = event[3] if len(event) > 3 else children.collected()
        frame.children = None
        frame.phase = RESULT
        self.event_id += self._closing_ids(frame)
        self.ready.append(frame)

    def _child_failed(self, event: Event) -> None:
        frame = self.frames.pop(event[2])
        frame.was, frame.phase = frame.phase, DEAD
        parent = frame.parent
        assert parent is not None and parent.children is not None
        children = parent.children
        children.fallen.append(frame)
        self._count_failed(frame)
        distributed = parent.state.map is not None and parent.state.map.distributed
        fatal = frame.fatal and not distributed  # there it ends the item's own execution
        if children.error is None or (fatal and not children.fatal):
            children.error = frame.error
            children.culprit = frame.culprit or frame.path
            children.fatal = fatal
        children.running -= 1
        children.failed += 1
        if not frame.fatal:
            # a Task that ends its branch is said to be aborted; so is every other state that the failure cuts short
            self.event_id += frame.counts * ((parent.state.kind == MAP) + (frame.state.kind == TASK_STATE))
        self.ready.append(parent)

    def _broke(self, event: Event) -> None:
        frame = self.frames[event[2]]
        children = frame.children
        assert children is not None
        children.ended = self._end_children(frame)
        frame.fatal = children.fatal
        if not frame.fatal:
            self.event_id += sum(len(aborted(child)) for child in children.ended) + self._closing_ids(frame) - frame.counts
        frame.culprit = children.culprit
        frame.salvage, frame.children = children, None
        frame.error = (event[3], event[4])
        frame.broke = True
        frame.phase = ERROR
        self.ready.append(frame)

    def _end_children(self, frame: Frame) -> list[Frame]:
        """Frames below this one end with it. Children always have greater numbers than their parents."""
        gone = {frame.id}
        ended = []
        for number, other in list(self.frames.items()):
            if other.parent is not None and other.parent.id in gone:
                gone.add(number)
                other.was, other.phase = other.phase, DEAD
                self._count_failed(other)
                del self.frames[number]
                ended.append(other)
        return ended

    def _erred(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.lapsed = False
        frame.error = (event[3], event[4])
        frame.culprit = None
        frame.children = None
        frame.phase = ERROR
        frame.fatal = event[5] is ev.FATAL
        if event[5] is not None and not frame.fatal:
            self.event_id += frame.counts
        self.ready.append(frame)

    def _gave_up(self, event: Event) -> None:
        frame = self.frames[event[2]]
        # the Map Run of a Map that broke has failed then
        self.event_id += frame.counts if frame.broke else self._closing_ids(frame)

    def _closing_ids(self, frame: Frame) -> int:
        """A distributed Map closes with two events of the cloud: its Map Run's and the state's."""
        two = frame.state.map is not None and frame.state.map.distributed and frame.map_run
        return (2 if two else 1) * frame.counts

    def _submitted(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.submitted = True
        self.event_id += frame.counts

    def _map_run_started(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.map_run = True
        self.event_id += frame.counts

    def _assigned(self, event: Event) -> None:
        frame = self.frames[event[2]]
        frame.variables = {**frame.variables, **event[3]}

    def _ended(self, event: Event) -> None:
        self.event_id += 1
        root = self.frames.get(0)
        self.status, self.error, self.cause = event[3], event[4], event[5]
        if root is not None:
            self.failed_path = root.culprit or root.path
            for frame in self.frames.values():
                self._count_failed(frame)
                frame.was, frame.phase = frame.phase, DEAD
        self.salvage = dict(self.frames)
        self.frames.clear()
        self.ready.clear()


APPLY: tuple[Callable[[ExecutionState, Event], None], ...] = tuple(
    {
        ev.STARTED: ExecutionState._started,
        ev.MOVED: ExecutionState._moved,
        ev.MOVED_RESULT: ExecutionState._moved_result,
        ev.MOVED_WITH: ExecutionState._moved_with,
        ev.SCHEDULED: ExecutionState._scheduled,
        ev.SUCCEEDED: ExecutionState._succeeded,
        ev.FAILED: ExecutionState._failed,
        ev.TIMED_OUT: ExecutionState._failed,
        ev.RETRYING: ExecutionState._retrying,
        ev.WAITING: ExecutionState._waiting,
        ev.FIRED: ExecutionState._fired,
        ev.FORKED: ExecutionState._forked,
        ev.MAP_STARTED: ExecutionState._map_started,
        ev.ITEM_STARTED: ExecutionState._item_started,
        ev.JOINED: ExecutionState._joined,
        ev.CHILD_FAILED: ExecutionState._child_failed,
        ev.BROKE: ExecutionState._broke,
        ev.ERRED: ExecutionState._erred,
        ev.GAVE_UP: ExecutionState._gave_up,
        ev.ASSIGNED: ExecutionState._assigned,
        ev.ENDED: ExecutionState._ended,
        ev.MAP_RUN_STARTED: ExecutionState._map_run_started,
        ev.SUBMITTED: ExecutionState._submitted,
        ev.PICKED_UP: ExecutionState._submitted,
        ev.ITEMS_ORDERED: ExecutionState._order_of_map,
        ev.ITEMS_KNOWN: ExecutionState._items_known,
        ev.RESULTS_ORDERED: ExecutionState._order_of_map,
        ev.REDRIVEN: redriven,
    }[kind]
    for kind in range(len(ev.NAMES))
)

__all__ = ["About", "ExecutionState"]
