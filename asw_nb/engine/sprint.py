"""Short executions at one go: from the first state to the last on one worker, without a frame, an order or a turn in between.

Of many executions that are started together, most are a few steps and a function of microseconds. What the loop does between two steps of an
execution (find its frame, give an order, take the answer) then costs more than the steps. So while many wait to begin, those whose functions
are known to be short are handed to a worker whole, and come back with all their events.

The log is the same as the loop's, and so is what happens when anything is out of the ordinary: a function that fails, an expression that asks
for the context object, an error. The execution then goes on in the loop, from the events that there are. The loop may also take it back while
its function runs: when it is to be stopped, or when the function takes long after all and its start has to be written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from asw_nb.engine.events import END, MOVED, MOVED_RESULT, MOVED_WITH, SAME, SCHEDULED, STARTED, SUCCEEDED, Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.payload import decode, encode
from asw_nb.engine.run import NO_OUTPUTS, Backend, Message, Order, Origin, Outcome, Run, Write
from asw_nb.language.nesting import check_growth
from asw_nb.language.plan import CHOICE, PASS, SUCCEED, TASK, Plan, StatePlan

MOST_EVENTS = 200
"""A loop of many turns is no short execution."""

NOTEWORTHY_US = 50
"""Of functions that are known to take less than this, only one that takes more is news."""


class Sprint:
    """What executions of one plan have in common that are done at one go.

    Attributes
    ----------
    tasks : tuple of str
        The resources of its tasks: all have to be known to be short.
    off : bool
        It has been tried, and something in it needs the loop each time.
    """

    __slots__ = ("off", "plan", "tasks")

    def __init__(self, plan: Plan, tasks: tuple[str, ...]) -> None:
        self.plan, self.tasks, self.off = plan, tasks, False

    @classmethod
    def of(cls, plan: Plan, elsewhere: dict[str, Any]) -> Sprint | None:
        """Of a plan without branches, waits, variables and limits of time; None of any other.

        Parameters
        ----------
        elsewhere : dict
            Kinds of resources that no function does.
        """
        tasks = []
        for state in plan.states:
            if state.kind not in (TASK, PASS, CHOICE, SUCCEED) or state.assign is not None or state.jsonata:
                return None
            if any(rule.assign is not None for rule in state.choices):
                return None
            if state.kind == TASK:
                resource = state.resource
                if resource is None or resource.kind in elsewhere or resource.pattern or state.timeout is not None or state.heartbeat is not None:
                    return None
                tasks.append(resource.text)
        return cls(plan, tuple(dict.fromkeys(tasks)))

    def suits(self, backend: Backend) -> bool:
        """Whether they may be done at one go there, now."""
        return not self.off and all(map(backend.is_short, self.tasks))


class Sprinted:
    """The state of an execution that ended well at one go: an `ExecutionState` that is folded from its events when somebody asks for more than
    how it ended.

    Attributes
    ----------
    body : bytes
        Its events as they are written. Only these are kept: the garbage collector would look at each event of each of thousands.
    count : int
        How many they are.
    """

    __slots__ = ("_origin", "_row", "_whole", "body", "count", "output")

    status = "SUCCEEDED"
    error = cause = failed_path = None
    redrives = 0

    def __init__(self, origin: Origin, row: Any, events: list[Event], output: Any) -> None:
        self._origin, self._row, self.output = origin, row, output
        self.body, self.count = encode(events), len(events)
        self._whole: ExecutionState | None = None

    @property
    def plan(self) -> Plan:
        return self._origin.waiting.plan

    def settle(self) -> None:
        """As of an `ExecutionState`: there is nothing to let go of."""

    def abandon(self) -> None:
        """As of an `ExecutionState`: what is not written counts for nothing."""

    def whole(self) -> ExecutionState:
        """All that can be known of it."""
        if self._whole is None:
            state = self._origin.state(self._row)
            for event in decode(self.body):
                state.apply(event)
            state.settle()
            self._whole = state
        return self._whole


def _of_the_whole(name: str) -> property:
    return property(lambda self: getattr(self.whole(), name))


# each by its name, since __getattr__ would make every attribute three times as slow
for _name in dir(ExecutionState):
    if not hasattr(Sprinted, _name):
        setattr(Sprinted, _name, _of_the_whole(_name))


class _NeedsFrame(Exception):
    """An expression asks for what only a frame has: the context object, randomness."""


class _NoFrame:
    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name) if name.startswith("__") else _NeedsFrame(name)


NO_FRAME: Any = _NoFrame()

Learn = Callable[[str, float], None]


def go(run: Run, in_hand: dict[int, list[Event]], learn: Learn, worker: str) -> Sprinted | Message | None:
    """Run an execution from its first state; what to tell the loop, if anything.

    Decides as `states.advance` does, and records what `ExecutionState` would make of it, without either.

    Parameters
    ----------
    in_hand : dict
        Where its events lie while its function runs: who takes them out first, the loop or the worker, goes on with it.
    learn : callable
        Told the resource and the seconds of a task that took longer than it was thought to.
    """
    sprint, origin, row, perform, key = run.sprint, run.origin, run.row, run.perform, run.key
    if sprint is None or origin is None:  # it has been broken off
        return None
    base = row.started_us
    at = run.clock.time_us() - base
    data = row.input
    events: list[Event] = [(STARTED, 0, 0)]
    record = events.append
    state: StatePlan | None = sprint.plan.root.start
    token = 0
    try:
        while state is not None:
            kind = state.kind
            result = data
            if kind == TASK:
                effective = data if state.prepare is None else state.prepare(data, NO_FRAME)
                if effective is not data:
                    check_growth(effective)
                record((SCHEDULED, at, 0, SAME if effective is data else effective, None, None))
                token += 1
                order = Order.first(run, state, effective, token)
                in_hand[key] = events
                outcome: Outcome = perform(order)
                outcome.worker = worker
                if in_hand.pop(key, None) is None:  # the loop has it
                    return None if outcome.parked else ("answer", order, outcome)
                if outcome.failed or outcome.parked:
                    return "over", run, events, order, outcome
                if outcome.lines or outcome.metrics:
                    if run.outputs is NO_OUTPUTS:
                        run.outputs = []
                    run.outputs.append((0, token, outcome))
                begun, ended = outcome.started_us or base, outcome.finished_us or base
                if ended - begun > NOTEWORTHY_US:
                    learn(order.kind, (ended - begun) / 1e6)
                at = ended - base
                result = outcome.value
                record((SUCCEEDED, at, 0, result, begun - base, worker))
                output = result if state.finish is None else state.finish(data, result, NO_FRAME)
                target = state.next
            elif kind == CHOICE:
                chosen = data if state.prepare is None else state.prepare(data, NO_FRAME)
                step = state.step
                target = state.default
                for rule in state.choices:
                    if rule.test(chosen, NO_FRAME):
                        step, target = rule.output if rule.output is not None else step, rule.next
                        break
                if target is None:
                    return "over", run, events, None, None
                output = chosen if step is None else step(chosen, NO_FRAME)
            else:
                output = data if state.step is None else state.step(data, NO_FRAME)
                target = state.next if kind == PASS else None
            number = END if target is None else target.index
            if output is data:
                moved: Event = (MOVED, at, 0, number)
            elif output is result:
                moved = (MOVED_RESULT, at, 0, number)
            else:
                check_growth(output)
                moved = (MOVED_WITH, at, 0, number, output)
            record(moved)
            data, state = output, target
            if len(events) > MOST_EVENTS:
                sprint.off = True
                return "over", run, events, None, None
        return Sprinted(origin, row, events, data)
    except Exception as problem:  # the loop comes to the same, and says so
        in_hand.pop(key, None)
        sprint.off = sprint.off or isinstance(problem, _NeedsFrame)
        return "over", run, events, None, None


class Sprints:
    """The executions that are done at one go just now, as the loop sees them; all but `in_hand` and `ended` is for who holds the baton.

    Attributes
    ----------
    in_hand : dict
        By key: the events so far of those whose function runs, none of those that wait for their turn. One that is not here, and has not come to
        its end, is just between two steps, for microseconds: then only its worker may touch it.
    ended : deque
        Those that have come to their end.
    later : list
        Messages to executions that were between two steps.
    """

    def __init__(self) -> None:
        self.in_hand: dict[int, list[Event]] = {}
        self.ended: deque[tuple[Run, Sprinted]] = deque()
        self.later: list[Any] = []
        self._moves = False  # one has ended since somebody looked
        self._put_off: set[int] = set()

    def hand_out(self, runs: list[Run], from_worker: bool) -> set[Backend]:
        """Have these done; gives where."""
        given: dict[Backend, list[Run]] = {}
        for run in runs:
            self.in_hand[run.key] = _NO_EVENTS
            given.setdefault(run.backend, []).append(run)
        for backend, some in given.items():
            backend.sprint(some, from_worker)
        return set(given)

    def put_off(self, unwritten: dict[int, Run]) -> set[int]:
        """Those of them that need not be written yet, though their time is over: their turn has not come and will soon, since others have ended
        meanwhile. Each is put off once."""
        before, self._put_off = self._put_off, set()
        if self._moves:
            self._moves = False
            in_hand = self.in_hand
            self._put_off = {key for key in unwritten if in_hand.get(key) is _NO_EVENTS} - before
        return self._put_off

    def take_ended(self, unwritten: dict[int, Run]) -> list[Write]:
        """What there is to write of those that have come to their end, and have nothing left to do."""
        self._moves = True
        ended, writes = self.ended, []
        for _ in range(len(ended)):
            run, state = ended.popleft()
            if run.broken is None:
                unwritten.pop(run.key, None)
                run.sprint, run.state, run.finished_us = None, state, run.clock.time_us()
                writes.append(Write(run, None, run.outputs, True, run.record, state.body, state.count))
                run.outputs, run.record = NO_OUTPUTS, None
        return writes

    def take_back(self, run: Run) -> bool:
        """From here on the loop drives an execution that was to be done at one go; False while it is between two steps."""
        events = self.in_hand.pop(run.key, None)
        if events is None:
            return False
        self.go_on(run, events or [(STARTED, 0, 0)], bool(events))
        return True

    def go_on(self, run: Run, events: list[Event], task_is_out: bool) -> None:
        """Make an execution that was done at one go, until after these events, one like any other."""
        assert run.origin is not None
        state = run.origin.state(run.row)
        for event in events:
            state.record(event)
        state.opened = []  # all has been answered, or its answer comes from the worker
        if task_is_out:
            run.in_flight = 1
        # in this order, and not before: its function may look at it any time
        run.state = state
        run.sprint = None


_NO_EVENTS: list[Event] = []

__all__ = ["NOTEWORTHY_US", "Sprint", "Sprinted", "Sprints", "go"]
