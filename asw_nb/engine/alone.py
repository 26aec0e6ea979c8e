"""One state alone: the engine's own execution, begun at that state and ended when the state ends.

Nothing of the language is decided here. The state is entered, retried (by one decision, which is then not acted on), caught and left by
`states.advance` like in any execution; this subclass begins elsewhere, ends earlier, and notes what it sees go by as *stages*::

    Input --InputPath--> --Parameters--> | work | Result --ResultSelector--> --ResultPath--> --OutputPath--> output

What the log does not hold (the value between two fields) is made with the functions that the compiler itself composes, with the random
numbers that the engine is about to draw, so that ``States.UUID()`` is the same in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.events import END, Event
from asw_nb.engine.execution import About, ExecutionState
from asw_nb.engine.frames import Frame
from asw_nb.engine.retry import matches
from asw_nb.errors import StateError
from asw_nb.language import fields
from asw_nb.language.paths import NoMatch
from asw_nb.language.plan import CHOICE, FAIL, MAP, PARALLEL, PASS, TASK, Plan, ScopePlan, StatePlan

RETRIABLE, CAUGHT = "RETRIABLE", "CAUGHT_ERROR"
"""How a state may end besides SUCCEEDED and FAILED: the words of the cloud's TestState."""

FAILURES = frozenset((ev.FAILED, ev.TIMED_OUT, ev.ERRED, ev.BROKE))


@dataclass(frozen=True, slots=True)
class Stage:
    """The data at one place of the state's data flow.

    Attributes
    ----------
    name : str
        ``Input``, or the field that made the value: ``Parameters``, ``ResultPath``, ``Output``...
    field : JSON value or None
        What the definition says there; None when it says nothing.
    value : JSON value
    """

    name: str
    field: Any
    value: Any


class GivenFrame(Frame):
    """A frame whose context object says what it was told to say."""

    __slots__ = ()

    def context(self) -> dict[str, Any]:
        out = super().context()
        run = self.run
        assert isinstance(run, AloneState)
        for part, values in run.given.items():
            if part == "Map":
                out.setdefault("Map", values)
            elif part in ("State", "Task") and self.id == 0:
                out[part] = {**out.get(part, {}), **values}
        return out


class AloneState(ExecutionState):
    """The execution of one state of a plan, nested ones included.

    Parameters
    ----------
    state : StatePlan
    given : mapping
        Parts of the context object in place of the execution's own: Execution, StateMachine, State, Map, Task.
    variables : dict
        Those that are set when the state is entered.
    retries : int
        How many retries it has behind it.

    Attributes
    ----------
    stages : list of Stage
    went_on_to : StatePlan or None
        What would be entered next.
    retry : (int, float) or None
        Which retrier takes the error, and after how many seconds.
    catcher : int or None
        Which catcher took the error.
    assigned : dict
    """

    __slots__ = (
        "_given_items", "_items", "_parts", "assigned", "begun_with", "catcher", "failure", "given", "retries", "retry", "stages", "tested", "went_on_to",
    )  # fmt: skip

    frame_type = GivenFrame

    def __init__(
        self, plan: Plan, state: StatePlan, input: Any, start_us: int, given: Mapping[str, Any], variables: dict[str, Any], retries: int = 0,
        seed: int | None = None, about: About | None = None,
    ) -> None:  # fmt: skip
        super().__init__(plan, input, start_us, seed=seed, about=about, sign=lambda *order: "the-task-token-of-a-test")
        self.tested, self.given, self.begun_with, self.retries = state, given, variables, retries
        self._execution = {**self.context_execution, **given.get("Execution", {})}
        self._machine = {**self.context_machine, **given.get("StateMachine", {})}
        self.stages: list[Stage] = []
        self.went_on_to: StatePlan | None = None
        self.retry: tuple[int, float] | None = None
        self.catcher: int | None = None
        self.failure: tuple[str | None, str | None] | None = None
        self.assigned: dict[str, Any] = {}
        # of a Map: what it goes through, and what each item was given
        self._items: Any = None
        self._given_items: list[Any] = []
        self._parts: dict[str, Any] = {}  # the rule that was chosen, or the catcher, as the definition has it

    # where it begins, and where it ends -----------------------------------------------------------

    def _spawn(self, parent: Frame | None, scope: ScopePlan, index: int, data: Any, at: int) -> Frame:
        if parent is None:
            tested = self.tested.scope
            scope = ScopePlan(tested.owner, tested.number, tested.prefix)
            scope.states, scope.by_name, scope.start = tested.states, tested.by_name, self.tested
        frame = super()._spawn(parent, scope, index, data, at)
        if parent is None:
            frame.variables = self.begun_with
            frame.attempt = self.retries
            if self.tested.retriers:
                frame.retries = [self.retries, *[0] * (len(self.tested.retriers) - 1)]
        return frame

    def _move(self, frame: Frame, at: int, target: int, output: Any) -> None:
        if frame.id == 0:
            self.went_on_to = None if target == END else self.plan.states[target]
            if frame.error is not None:
                self.failure = frame.error
            target = END
        super()._move(frame, at, target, output)
        if frame.id == 0 and self.failure is not None:
            self.status = CAUGHT
            self.error, self.cause = self.failure

    def record(self, event: Event) -> None:
        """Apply an event, note what it shows, and end with the state."""
        frame = self.frames.get(0)
        if frame is not None and frame.children is not None and self.tested.map is not None:
            self._items = frame.children.items
        super().record(event)
        kind, number = event[0], event[2]
        if kind == ev.ITEM_STARTED and event[3] == 0:
            self._given_items.append(event[5])
        elif number == 0 and (frame is not None or kind == ev.STARTED):
            self._look(event, frame or self.frames[0])

    # what goes by ----------------------------------------------------------------------------------

    def _look(self, event: Event, frame: Frame) -> None:
        kind, document = event[0], self.tested.document
        if kind == ev.STARTED:
            self._note("Input", None, frame.data)
            self._foreseen(self._entering, frame)
        elif kind in (ev.SCHEDULED, ev.FORKED):
            name = _template(self.tested)
            self._note(name, document.get(name), frame.effective)
        elif kind == ev.WAITING:
            name = next((n for n in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if n in document), "Seconds")
            self._note(name, document.get(name), {"seconds": (event[3] - event[1]) / 1e6})
        elif kind in (ev.SUCCEEDED, ev.JOINED):
            self._end_of_map()
            self._note("Result", None, frame.result)
            self._foreseen(self._leaving, frame)
        elif kind == ev.ASSIGNED:
            self.assigned = {**self.assigned, **event[3]}
            self._note("Assign", (self._parts or document).get("Assign"), event[3])
        elif kind in FAILURES:
            self._end_of_map()
            self._note_failure(event, frame)
        elif kind == ev.RETRYING:
            self.retry = event[4], (event[3] - event[1]) / 1e6
            self.status, self.error, self.cause = RETRIABLE, event[5], event[6]
            self.ready.clear()
            self.opened.clear()
        elif kind in (ev.MOVED, ev.MOVED_RESULT, ev.MOVED_WITH):
            self._left()
        elif kind == ev.ENDED:  # a catcher whose own expression fails takes nothing
            self.catcher = None

    def _left(self) -> None:
        said = self._parts or self.tested.document
        if self.failure is not None:
            name = "Output" if self.tested.jsonata else "ResultPath"
            self._note(f"Catch {name}", said.get(name), self.output)
        elif self.tested.jsonata:
            self._note("Output", said.get("Output"), self.output)
        else:
            self._note("OutputPath", self.tested.document.get("OutputPath"), self.output)

    def _note_failure(self, event: Event, frame: Frame) -> None:
        error, cause = event[3], event[4]
        self._note("Error", None, {"Error": error, "Cause": cause})
        if self.retries and self.tested.retriers:  # whichever retrier takes it has them behind it
            frame.retries = [self.retries] * len(self.tested.retriers)
        for number, catcher in enumerate(self.tested.catchers):
            if matches(catcher.errors, error, frame.lapsed):
                self.catcher, self._parts = number, self.tested.document["Catch"][number]
                break

    def _note(self, name: str, field: Any, value: Any) -> None:
        self.stages.append(Stage(name, field, value))

    def _foreseen(self, look: Callable[[Frame], None], frame: Frame) -> None:
        """Make the stages that the engine will go through next; where it will fail, they end."""
        drawn = self.rng.getstate()
        try:
            look(frame)
        except (StateError, NoMatch, RecursionError):
            pass  # the engine meets the same, and says so
        finally:
            self.rng.setstate(drawn)

    def _entering(self, frame: Frame) -> None:
        state, document, error = self.tested, self.tested.document, self._parameter_error
        if state.kind == CHOICE:
            self._choosing(frame)
            return
        if state.jsonata or state.kind == FAIL:
            return
        look = fields.compile_input_path(document.get("InputPath", "$"))
        self._note("InputPath", document.get("InputPath"), _part(look, frame))
        if state.kind == PASS:
            effective = _part(fields.compile_prepare(document, "Parameters", error), frame)
            self._note("Parameters", document.get("Parameters"), effective)
            result = document.get("Result", effective)
            self._note("Result", document.get("Result"), result)
            self._placing(frame, result)

    def _choosing(self, frame: Frame) -> None:
        state, document = self.tested, self.tested.document
        data = frame.data if state.prepare is None else state.prepare(frame.data, frame)
        if not state.jsonata:
            self._note("InputPath", document.get("InputPath"), data)
        for number, rule in enumerate(state.choices):
            if rule.test(data, frame):
                self._parts = document["Choices"][number]
                self._note("Choices", self._parts, f"rule {number}: next is {rule.next.name}")
                return
        if state.default is not None:
            self._note("Choices", document.get("Default"), f"no rule: next is {state.default.name}")

    def _leaving(self, frame: Frame) -> None:
        if not self.tested.jsonata and self.tested.kind in (TASK, PARALLEL, MAP):
            self._placing(frame, frame.result)

    def _placing(self, frame: Frame, result: Any) -> None:
        document, error = self.tested.document, self._parameter_error
        for name in ("ResultSelector", "ResultPath"):
            finish = fields.compile_finish(_only(document, name), error)
            result = result if finish is None else finish(frame.data, result, frame)
            self._note(name, document.get(name), result)

    def _end_of_map(self) -> None:
        """What the items were, once they are all known."""
        state, document = self.tested, self.tested.document
        if state.map is None or self._items is None:
            return
        name = "ItemReader" if state.map.reader is not None else "Items" if state.jsonata else "ItemsPath"
        self._note(name, document.get(name), self._items)
        name = "ItemBatcher" if state.map.batcher is not None else "ItemSelector"
        name = "Parameters" if name not in document and "Parameters" in document else name
        self._note(name, document.get(name), list(self._given_items))
        self._items = None

    @property
    def _parameter_error(self) -> str:
        return "States.ParameterPathFailure" if self.plan.dialect == "tcsl" else "States.Runtime"


def _template(state: StatePlan) -> str:
    document = state.document
    return "Arguments" if state.jsonata or ("Arguments" in document and "Parameters" not in document) else "Parameters"


def _only(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A state that has one field, so that what it does alone can be compiled; a result stays where it is."""
    return {name: document[name]} if name in document else {}


def _part(prepare: fields.Prepare | None, frame: Frame) -> Any:
    return frame.data if prepare is None else prepare(frame.data, frame)


__all__ = ["CAUGHT", "RETRIABLE", "AloneState", "GivenFrame", "Stage"]
