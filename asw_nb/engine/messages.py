"""What each message to the loop means: which event it becomes, if the execution still waits for it.

A message is a tuple, its kind first. Whoever has a part in an execution (workers, timers of others, the handle, an activity's worker) puts
messages into the loop's inbox; the holder of the baton takes them out and calls what stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from asw_nb.engine import events as ev
from asw_nb.engine import map_run
from asw_nb.engine.frames import TASK
from asw_nb.engine.run import NO_OUTPUTS, Message, Order, Run

if TYPE_CHECKING:
    from asw_nb.engine.runner import Runner

def take(runner: Runner, message: Message) -> Run | None:
    """Do what a message says; the execution, when it has more to do afterwards."""
    try:
        return ON_MESSAGE[message[0]](runner, message)
    except Exception as bug:  # it may end this execution, never the engine
        about = message[1]
        runner.break_off(about.run if isinstance(about, Order) else about, bug)
        return None


def _on_over(runner: Runner, message: Message) -> Run | None:
    """An execution has left the straight path; an order that was answered may be among its events."""
    _, run, events, order, outcome = message
    if run.broken is not None:
        return None
    runner.sprints.go_on(run, events, order is not None)
    if order is not None and not outcome.parked:
        _on_answer(runner, ("answer", order, outcome))
    return run


def _on_resume(runner: Runner, message: Message) -> Run:
    run: Run = message[1]
    runner.runs[run.key] = run
    run.state.wake()
    taken = [f for f in run.state.opened if f.submitted and f.state.resource is not None]
    waiting = [f for f in taken if f.state.resource is not None and f.state.resource.kind != "workflow"]
    for frame in waiting:  # whoever took it will answer with its task token
        runner.timers.limit_task(run, frame, run.clock.time_us())
    run.state.opened = [f for f in run.state.opened if f not in waiting]
    runner.timers.limit_execution(run, run.state.start_us)
    return run


def _on_redrive(runner: Runner, message: Message) -> Run:
    _, run, event = message
    runner.runs[run.key] = run
    run.state.doze()
    run.state.record((event[0], run.now(), *event[2:]))
    runner.timers.limit_execution(run, run.clock.time_us())  # the second life gets the whole time again
    return run


def _on_stop(runner: Runner, message: Message) -> Run | None:
    _, run, error, cause = message
    if _is_between_steps(runner, run, message) or run.state.status != "RUNNING" or run.broken is not None:
        return None
    run.state.record((ev.ENDED, run.now(), 0, "ABORTED", error, cause))
    return run


def _is_between_steps(runner: Runner, run: Run, message: Message) -> bool:
    """Whether an execution is where the loop cannot take it back: it will be given the message later, which is soon."""
    if run.sprint is None or runner.sprints.take_back(run):
        return False
    runner.sprints.later.append(message)
    return True


def _on_give_up(runner: Runner, message: Message) -> None:
    _, run, problem = message
    if not _is_between_steps(runner, run, message) and run.state.status == "RUNNING":
        runner.break_off(run, problem)


def _on_answer(runner: Runner, message: Message) -> Run | None:
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
    if outcome.unwanted or frame is None or frame.phase != TASK or frame.token != order.token or run.broken is not None:
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


def _on_callback(runner: Runner, message: Message) -> Run | None:
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


def _on_picked_up(runner: Runner, message: Message) -> Run | None:
    _, order, worker = message
    if not order.open:
        return None
    order.run.state.record((ev.PICKED_UP, order.run.now(), order.frame, worker))
    return order.run


def _on_heartbeat(runner: Runner, message: Message) -> None:
    runner.timers.beat(message[1])


ON_MESSAGE: dict[str, Callable[[Runner, Message], Run | None]] = {
    "over": _on_over,
    "resume": _on_resume,
    "redrive": _on_redrive,
    "stop": _on_stop,
    "give_up": _on_give_up,
    "answer": _on_answer,
    "callback": _on_callback,
    "picked_up": _on_picked_up,
    "heartbeat": _on_heartbeat,
}


__all__ = ["take"]
