"""What happens next: `advance` looks at the frames that are ready and records decisions, one function per state type
and phase.

It reads no clock, thread, file or network: `now` is handed in, and what a decision needs from outside (a task, a
timer) is an order in the log that the runner dispatches after the commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.events import END, SAME
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import CHILDREN, ENTER, ERROR, RESULT, Frame
from asw_nb.engine.map_run import enter_map, on_items
from asw_nb.engine.payload import STORED_ASSIGNS, TooLarge, check_all_variables, check_variables
from asw_nb.engine.retry import matches, next_retry
from asw_nb.errors import StateError
from asw_nb.language.choices import timestamp
from asw_nb.language.intrinsics import compact
from asw_nb.language.nesting import check_growth
from asw_nb.language.paths import NoMatch
from asw_nb.language.plan import CHOICE, MAP, PASS, TASK, Rule, StatePlan
from asw_nb.language.templates import EvaluationError

Now = Callable[[], int]

MAX_CAUSE = 32_768
"""Characters of a cause that the engine writes, as in the cloud: a cause may hold the data, and the data earlier causes."""


def advance(run: ExecutionState, now: Now, limit: int = 1000) -> bool:
    """Record decisions until nothing is ready or about `limit` events were made.

    Returns
    -------
    bool
        Whether something is still ready: a workflow that loops for ever can be stopped between two calls.
    """
    ready, batch = run.ready, run.batch
    full = len(batch) + limit
    at = 0  # those before it have been looked at; taken out together, which costs less than one by one
    while at < len(ready) and len(batch) < full:
        frame = ready[at]
        at += 1
        phase = frame.phase
        try:
            if phase == ENTER:
                ON_ENTER[frame.state.kind](run, frame, now)
            elif phase == RESULT:
                finish(run, frame, frame.result, now)
            elif phase == ERROR:
                on_error(run, frame, now)
            elif phase == CHILDREN:
                on_items(run, frame, now) if frame.state.kind == MAP else on_branches(run, frame, now)
        except StateError as problem:
            err(run, frame, problem, now)
        except NoMatch as miss:
            err(run, frame, EvaluationError("States.Runtime", miss.why), now)
        except RecursionError:
            err(run, frame, EvaluationError("States.Runtime", "The data or an expression is nested too deeply."), now)
        else:
            continue
        if phase == ERROR:  # a catcher's own expression failed: no catcher of the same state may take that again
            if not frame.fatal and not frame.map_run:
                _say_that_it_failed(run, frame, now)
            give_up(run, frame, now)
    if at:
        del ready[:at]
    return bool(ready)


def err(run: ExecutionState, frame: Frame, problem: StateError, now: Now) -> None:
    """A state failed from inside; the cloud's sentence says which, and at which event it was entered."""
    cause = (
        f"An error occurred while executing the state '{frame.state.name}' "
        f"(entered at the event id #{frame.entered_id}). {problem.cause}"
    )
    cause = cause if len(cause) <= MAX_CAUSE else cause[: MAX_CAUSE - 3] + "..."
    field: Any = problem.field if isinstance(problem, EvaluationError) else None
    if field is None and problem.name == "States.Runtime":
        field = ev.FATAL
    run.record((ev.ERRED, now(), frame.id, problem.name, cause, field))


def leave(run: ExecutionState, frame: Frame, output: Any, target: StatePlan | None, now: Now) -> None:
    """End the state; the output goes into the log only when it is not there yet."""
    number = END if target is None else target.index
    if output is frame.data:
        run.record((ev.MOVED, now(), frame.id, number))
    elif output is frame.result and frame.phase == RESULT:
        run.record((ev.MOVED_RESULT, now(), frame.id, number))
    else:
        check_growth(output)
        run.record((ev.MOVED_WITH, now(), frame.id, number, output))


def assign(run: ExecutionState, frame: Frame, values: Any, now: Now) -> None:
    """Set workflow variables, which the cloud limits: each, those of one Assign, and all that an execution has."""
    check_growth(values)
    if run.variables_limit is not None:
        _limit(run, frame, values, run.variables_limit)
    run.record((ev.ASSIGNED, now(), frame.id, values))


def _limit(run: ExecutionState, frame: Frame, values: dict[str, Any], limit: int) -> None:
    try:
        size = check_variables(values, limit)
        if not size:
            return
        # Not taken away again when a variable gets another value, or its branch ends: only when this much has come
        # together is it counted what there is.
        if run.variables_bytes >= 0:
            run.variables_bytes += size
        if not 0 <= run.variables_bytes <= STORED_ASSIGNS * limit:
            others = (f.variables for f in run.frames.values() if f is not frame)
            run.variables_bytes = check_all_variables([{**frame.variables, **values}, *others], limit)
    except TooLarge as problem:
        raise EvaluationError("States.DataLimitExceeded", str(problem)) from None


def finish(run: ExecutionState, frame: Frame, result: Any, now: Now) -> None:
    """The state's work is done: ResultSelector, ResultPath, OutputPath, Assign; then on."""
    state = frame.state
    output = result if state.finish is None else state.finish(frame.data, result, frame)
    if state.assign is not None:
        assign(run, frame, state.assign(frame.data, result, frame), now)
    leave(run, frame, output, state.next, now)


# --------------------------------------------------------------------------- entering


def enter_task(run: ExecutionState, frame: Frame, now: Now) -> None:
    state = frame.state
    data = frame.data
    resource = state.resource
    if resource is not None and resource.kind == "activity" and not run.activity_exists(resource):
        raise EvaluationError("States.Runtime", f"The activity {resource.text} does not exist.")
    effective = data if state.prepare is None else state.prepare(data, frame)
    timeout = _seconds(state.timeout, frame) if state.timeout is not None else None
    heartbeat = _seconds(state.heartbeat, frame) if state.heartbeat is not None else None
    if effective is not data:
        check_growth(effective)
    run.record((ev.SCHEDULED, now(), frame.id, SAME if effective is data else effective, timeout, heartbeat))


def _seconds(spec: tuple[Any, Any, str], frame: Frame) -> float:
    literal, get, field = spec
    if get is None:
        return literal
    value = get(frame.data, frame)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 99_999_999:
        raise EvaluationError(
            "States.Runtime", f"The {field} parameter must be a positive integer, but was: {compact(value)}"
        )
    return value


def enter_pass(run: ExecutionState, frame: Frame, now: Now) -> None:
    """Pass: the step is InputPath to OutputPath in one function, or nothing at all."""
    state = frame.state
    step = state.step
    output = frame.data if step is None else step(frame.data, frame)
    if state.assign is not None:
        assign(run, frame, state.assign(frame.data, frame.data, frame), now)
    leave(run, frame, output, state.next, now)


def enter_choice(run: ExecutionState, frame: Frame, now: Now) -> None:
    state = frame.state
    data = frame.data if state.prepare is None else state.prepare(frame.data, frame)
    for rule in state.choices:
        if rule.test(data, frame):
            return _choose(run, frame, data, rule, now)
    if state.default is None:
        raise _no_choice(run)
    output = data if state.step is None else state.step(data, frame)
    if state.assign is not None:
        assign(run, frame, state.assign(frame.data, data, frame), now)
    leave(run, frame, output, state.default, now)


def _no_choice(run: ExecutionState) -> EvaluationError:
    """The specification names States.NoChoiceMatched; the cloud tells a run-time error, which no ``States.ALL`` catches."""
    if run.plan.dialect == "tcsl":
        return EvaluationError("States.NoChoiceMatched", "No choice rule matched and the state has no Default.")
    text = "Failed to transition out of the state. The state does not point to a next state."
    return EvaluationError("States.Runtime", text)


def _choose(run: ExecutionState, frame: Frame, data: Any, rule: Rule, now: Now) -> None:
    step = rule.output if rule.output is not None else frame.state.step if not frame.state.jsonata else None
    output = data if step is None else step(data, frame)
    if rule.assign is not None:
        assign(run, frame, rule.assign(frame.data, data, frame), now)
    leave(run, frame, output, rule.next, now)


def enter_wait(run: ExecutionState, frame: Frame, now: Now) -> None:
    state = frame.state
    assert state.wait is not None
    name, literal, get, field = state.wait
    data = frame.data if state.prepare is None else state.prepare(frame.data, frame)
    value = literal if get is None else get(data, frame)
    at = now()
    if name == "Seconds":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 99_999_999:
            raise _bad_wait(state, field, value)
        if value != int(value) and field == "SecondsPath":
            raise _bad_wait(state, field, value)
        due = at + round(value * 1e6)
    else:
        moment = timestamp(value) if isinstance(value, str) else None
        if moment is None:
            raise _bad_wait(state, field, value)
        due = max(at, round(moment.timestamp() * 1e6) - run.start_us)
    run.record((ev.WAITING, at, frame.id, due))


def _bad_wait(state: StatePlan, field: str, value: Any) -> EvaluationError:
    """What is no time to wait for; the cloud tells the path and what it found there."""
    shown = value if isinstance(value, str) else compact(value)
    path = state.document.get(field)
    found = f"{path} == {shown}" if field.endswith("Path") else shown
    if "Timestamp" in field:
        text = f"The {field} parameter does not reference a valid ISO-8601 extended offset date-time format string: {found}"
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or (0 < value < 99_999_999):
        text = f"The {field} parameter cannot be parsed as a long value: {found}"
    elif value < 0:
        text = f"The {field} parameter references a negative value: {found}"
    else:
        text = f"The {field} parameter references a value that is greater than 99999999: {found}"
    return EvaluationError("States.Runtime", text)


def enter_succeed(run: ExecutionState, frame: Frame, now: Now) -> None:
    step = frame.state.step
    leave(run, frame, frame.data if step is None else step(frame.data, frame), None, now)


def enter_fail(run: ExecutionState, frame: Frame, now: Now) -> None:
    assert frame.state.fail is not None
    error, cause = (_text(spec, frame) for spec in frame.state.fail)
    run.record((ev.ERRED, now(), frame.id, error, cause, None))


def _text(spec: tuple[Any, Any, str], frame: Frame) -> str | None:
    literal, get, field = spec
    if get is None:
        return literal
    value = get(frame.data, frame)
    if not isinstance(value, str):
        raise EvaluationError("States.Runtime", f"The {field} must refer to a string, but was: {compact(value)}")
    return value


def enter_parallel(run: ExecutionState, frame: Frame, now: Now) -> None:
    state, data = frame.state, frame.data
    effective = data if state.prepare is None else state.prepare(data, frame)
    if effective is not data:
        check_growth(effective)
    run.record((ev.FORKED, now(), frame.id, SAME if effective is data else effective))


def on_branches(run: ExecutionState, frame: Frame, now: Now) -> None:
    """A branch ended: join when it was the last, break when it failed."""
    children = frame.children
    assert children is not None
    if children.failed:
        run.record((ev.BROKE, now(), frame.id, *(children.error or (None, None))))
    elif not children.running:
        check_growth(children.collected())
        run.record((ev.JOINED, now(), frame.id))


# --------------------------------------------------------------------------- failing


def on_error(run: ExecutionState, frame: Frame, now: Now) -> None:
    """A state failed: retry it, catch it, or fail what it stands in."""
    state = frame.state
    assert frame.error is not None
    error, cause = frame.error
    if frame.fatal:
        give_up(run, frame, now)
        return
    if state.retriers:
        retry = next_retry(state.retriers, frame.retries, error, run.rng, frame.lapsed)
        if retry is not None:
            number, delay = retry
            at = now()
            run.record((ev.RETRYING, at, frame.id, at + round(delay * 1e6), number, error, cause))
            return
    _say_that_it_failed(run, frame, now)
    for catcher in state.catchers:
        if matches(catcher.errors, error, frame.lapsed):
            shown = {"Error": error, "Cause": cause}
            output = shown if catcher.output is None else catcher.output(frame.data, shown, frame)
            if catcher.assign is not None:
                assign(run, frame, catcher.assign(frame.data, shown, frame), now)
            check_growth(output)
            run.record((ev.MOVED_WITH, now(), frame.id, catcher.next.index, output))
            return
    give_up(run, frame, now)


def _say_that_it_failed(run: ExecutionState, frame: Frame, now: Now) -> None:
    """A Parallel or Map that is not retried any more has an event of its own for that."""
    state = frame.state
    if (state.branches or state.map is not None) and (frame.broke or state.jsonata):
        run.record((ev.GAVE_UP, now(), frame.id))


def give_up(run: ExecutionState, frame: Frame, now: Now) -> None:
    """The error leaves the frame: it fails the Parallel or Map around it, or the execution."""
    assert frame.error is not None
    if frame.parent is None:
        run.record((ev.ENDED, now(), 0, "FAILED", *frame.error))
    else:
        run.record((ev.CHILD_FAILED, now(), frame.id))


ON_ENTER: tuple[Callable[[ExecutionState, Frame, Now], None], ...] = (
    enter_task, enter_pass, enter_choice, enter_wait, enter_succeed, enter_fail, enter_parallel, enter_map,
)  # fmt: skip

assert (TASK, PASS, CHOICE) == (0, 1, 2)

__all__ = ["advance"]
