"""`Workflow.test`: one state run alone, with every stage of its data flow; nothing of it is written anywhere.

It is the engine that runs it, on a journal that keeps nothing: see `asw_nb.engine.alone`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from asw_nb.backends.calls import FunctionCalls
from asw_nb.backends.functions import Resolver
from asw_nb.backends.local import ThreadBackend
from asw_nb.engine.alone import CAUGHT, RETRIABLE, AloneState
from asw_nb.engine.clock import Clock, RealClock, VirtualClock
from asw_nb.engine.ids import ordered_id
from asw_nb.engine.payload import argument
from asw_nb.engine.run import Run, Write
from asw_nb.engine.runner import Runner
from asw_nb.errors import UsageError, did_you_mean
from asw_nb.history.store import Record
from asw_nb.language.plan import MAP, PARALLEL, Plan, ScopePlan, StatePlan
from asw_nb.language.plan import TASK as TASK_STATE
from asw_nb.launch import given_input, payload_limit
from asw_nb.names import main_namespace, registry
from asw_nb.testing import Mocks

if TYPE_CHECKING:
    import pandas

CONTEXT = {"Execution": None, "StateMachine": None, "State": None, "Map": None, "Task": None}

MAX_WORKERS = 32


class StateTest:
    """What one state did with one input.

    Attributes
    ----------
    path : str
        The state, such as ``"EachTable/Load"``.
    type : str
    status : str
        As the cloud's TestState says it: ``SUCCEEDED``; ``FAILED``; ``RETRIABLE``, when a retrier would try the state again; ``CAUGHT_ERROR``, when a
        catcher took the error.
    input, output : JSON value
        `output` is what the next state would get; None when there is none.
    next : str or None
        The state that would be entered next; None at the end of the workflow (or of the branch or item), and when the state failed.
    error, cause : str or None
    retry : dict or None
        Of a RETRIABLE one: ``retrier`` (its number in Retry), ``delay_s`` until the next attempt, and ``left``, the retries after that.
    catcher : int or None
        The number in Catch of what took the error, or would take it when no retry is left.
    variables : dict
        Those that the state assigned.
    logs : list of str
        The lines that its functions printed.
    traceback : str or None
        Of the function that failed last.
    """

    def __init__(self, state: AloneState, run: Run) -> None:
        tested = state.tested
        self.path, self.type = tested.path, tested.type
        self.status, self.input = state.status, state.input
        self.output = state.output if state.status in ("SUCCEEDED", CAUGHT) else None
        self.next = state.went_on_to.name if state.went_on_to is not None else None
        self.error, self.cause = state.error, state.cause
        self.catcher = state.catcher
        self.variables = state.assigned
        self.retry: dict[str, Any] | None = None
        if state.status == RETRIABLE and state.retry is not None:
            number, delay_s = state.retry
            left = tested.retriers[number].max_attempts - state.retries - 1
            self.retry = {"retrier": number, "delay_s": delay_s, "left": left}
        outcomes = [outcome for _, _, outcome in run.kept_outputs]
        self.logs = [line for outcome in outcomes for _, _, line in outcome.lines or ()]
        self.traceback = next((o.traceback for o in reversed(outcomes) if o.traceback), None)
        self._stages = tuple(state.stages)

    def __getitem__(self, stage: str) -> Any:
        """The data at one stage, such as ``test["Parameters"]``.

        Raises
        ------
        UsageError
            The state has no such stage, or did not come so far.
        """
        for made in reversed(self._stages):
            if made.name == stage:
                return made.value
        names = [made.name for made in self._stages]
        raise UsageError(f'the test of "{self.path}" has no stage "{stage}".{did_you_mean(stage, names)} Stages: {", ".join(names)}.')

    def stages(self, redact: bool = True) -> pandas.DataFrame:
        """The data flow as a table, one row per stage that was reached.

        Parameters
        ----------
        redact : bool
            Mask the secrets.

        Returns
        -------
        DataFrame
            Columns stage, field (what the definition says there; None when it says nothing) and value.
        """
        from asw_nb.analysis.stages import stages_table

        return stages_table(self._stages, redact)

    def __repr__(self) -> str:
        from asw_nb.analysis.stages import state_line

        return state_line(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from asw_nb.analysis.stages import state_card

        return {"text/plain": repr(self), "text/html": state_card(self, self._stages)}


class _Nowhere:
    """A journal that keeps nothing."""

    def commit(self, writes: list[Write]) -> None:
        pass


def run_state(
    plan: Plan, workflow: str, state: str, input: Any, *, functions: Mapping[str, Callable[..., Any]] | None = None, mocks: Mapping[str, Any] | Mocks | None = None,
    context: Mapping[str, Any] | None = None, variables: Mapping[str, Any] | None = None, retries: int = 0, clock: Clock | None = None, seed: int | None = None,
) -> StateTest:  # fmt: skip
    """Run one state of a plan; see `Workflow.test`."""
    tested = find_state(plan, workflow, state)
    data = given_input(input)
    answers = mocks if mocks is None or isinstance(mocks, Mocks) else Mocks(mocks)
    if answers is not None:
        answers.check(plan)
    _must_be_answered(tested, answers)
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise UsageError(f"retries={retries!r} must be how many retries the state has behind it: 0 or more.")
    if clock is None:
        # a task's own timeout takes real time; nothing else is worth waiting for
        clock = RealClock() if tested.kind == TASK_STATE else VirtualClock(RealClock().time_us() / 1e6)
    record = Record(0, workflow, "test", "EXPRESS", clock.time_us(), data, 0, plan.dialect, plan.digest)
    given = _context(context, tested, data)
    alone = AloneState(plan, tested, data, record.started_us, given, _variables(variables), retries, seed, record)
    limit = payload_limit("auto", plan.dialect)
    alone.variables_limit = limit
    runner = Runner(_Nowhere(), RealClock())
    backend = ThreadBackend(runner, MAX_WORKERS)
    run = Run(record.key, alone, clock, backend, FunctionCalls(Resolver(registry, functions, main_namespace), answers, limit), in_memory=True)
    run.artifacts = os.path.join(tempfile.gettempdir(), f"asw-test-{ordered_id()}")
    try:
        runner.start(run)
        run.done.wait()
    finally:  # an interrupt too: a function that still runs sees context.cancelled
        runner.close()
        backend.close()
    if run.broken is not None:
        raise run.broken
    return StateTest(alone, run)


# --------------------------------------------------------------------------- what was asked for


def find_state(plan: Plan, workflow: str, name: str) -> StatePlan:
    """A state by its name or path (names are unique in a definition); a path of a table, ``EachTable[3]/Load``, is taken too.

    Raises
    ------
    UsageError
        No state is called so.
    """
    if not isinstance(name, str):
        raise UsageError(f"the state to test is given by its name or path, not by {name!r:.60}.")
    for state in plan.states:
        if name in (state.name, state.path) or _pattern(state).fullmatch(name):
            return state
    words = list(dict.fromkeys(word for s in plan.states for word in (s.name, s.path)))
    names = ", ".join(f'"{s.path}"' for s in plan.states[:20]) + (", ..." if len(plan.states) > 20 else "")
    raise UsageError(f'workflow "{workflow}" has no state "{name}".{did_you_mean(name, words)} Its states: {names}.')


def _pattern(state: StatePlan) -> re.Pattern[str]:
    """Every path that a visit to the state may have."""
    text, scope = re.escape(state.name), state.scope
    while scope.owner is not None:
        number = r"(\[\d+\])?" if scope.owner.kind == MAP else rf"\[{scope.number}\]"
        text = f"{re.escape(scope.owner.name)}{number}/{text}"
        scope = scope.owner.scope
    return re.compile(text)


def _inside(state: StatePlan) -> list[StatePlan]:
    """The state and all that it holds."""
    scopes: list[ScopePlan] = list(state.branches)
    if state.map is not None:
        scopes.append(state.map.processor)
    return [state, *(inner for scope in scopes for child in scope.states for inner in _inside(child))]


def _must_be_answered(tested: StatePlan, answers: Mocks | None) -> None:
    """Refuse to wait for what cannot come: a token's answer, an activity's worker, a nested execution that would be in the history."""
    for state in _inside(tested):
        resource = state.resource
        if resource is None:
            continue
        if answers is not None and {state.name, state.path, resource.text} & answers.answers.keys():
            continue
        if resource.pattern == "waitForTaskToken":
            what = "waits for its task token"
        elif resource.kind == "activity":
            what = f'waits for a worker of the activity "{resource.name}"'
        elif resource.kind == "workflow":
            what = "starts another execution"
        else:
            continue
        raise UsageError(f'state "{state.path}" {what}, which a test does not do: give its answer with mocks={{"{state.name}": ...}}.')


def _variables(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f'variables={given!r:.60} must be a dict, such as {{"day": "2026-11-01"}}.')
    return argument(dict(given), "variables")


def _context(given: Mapping[str, Any] | None, tested: StatePlan, data: Any) -> dict[str, Any]:
    """The parts of the context object that were given; an item's place in its Map where that is plain."""
    if given is not None and not isinstance(given, Mapping):
        raise UsageError(f'context={given!r:.60} must be a dict, such as {{"Map": {{"Item": {{"Index": 0, "Value": 1}}}}}}.')
    out = argument(dict(given or {}), "context")
    for part, value in out.items():
        if part not in CONTEXT:
            raise UsageError(f'context: there is no "{part}" in the context object.{did_you_mean(part, CONTEXT)} Parts: {", ".join(CONTEXT)}.')
        if not isinstance(value, dict):
            raise UsageError(f'context: "{part}" must be an object.')
    around = _map_around(tested)
    if around is not None and "Map" not in out:
        item: dict[str, Any] = {"Index": 0}
        if around.map is not None and around.map.select is None and around.map.batcher is None:
            item["Value"] = data
        elif "Map.Item.Value" in str(tested.document):
            raise UsageError(
                f'state "{tested.path}" reads the item of the Map "{around.path}": say what it is with context={{"Map": {{"Item": {{"Index": 0, "Value": ...}}}}}}.'
            )
        out["Map"] = {"Item": item}
    return out


def _map_around(state: StatePlan) -> StatePlan | None:
    owner = state.scope.owner
    while owner is not None and owner.kind == PARALLEL:
        owner = owner.scope.owner
    return owner


__all__ = ["StateTest", "find_state", "run_state"]
