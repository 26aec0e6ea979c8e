"""An execution is its list of events: whatever happened, folding the log again gives the same state, at every prefix."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.engine import events as ev
from asw_nb.engine.events import Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import isoformat
from asw_nb.engine.payload import decode, encode
from asw_nb.engine.states import advance
from asw_nb.language.plan import compile_plan

# ------------------------------------------------------------------------------------- random workflows
#
# Data always is {"items": [...], "n": int, ...}: every state puts what it makes beside that, so that any chain of any
# states makes sense. `n` falls by one in loops, which therefore end.

RETRY = st.fixed_dictionaries(
    {
        "ErrorEquals": st.sampled_from([["Flaky"], ["ValueError", "Odd.Name"], ["States.TaskFailed"], ["States.ALL"]]),
        "IntervalSeconds": st.integers(1, 3),
        "MaxAttempts": st.integers(0, 3),
        "BackoffRate": st.sampled_from([1.0, 2.5]),
    },
    optional={"JitterStrategy": st.just("FULL"), "MaxDelaySeconds": st.integers(4, 5)},
)
CATCH = st.sampled_from([["Flaky"], ["States.TaskFailed"], ["States.ALL"]])


@st.composite
def machines(draw: st.DrawFn, depth: int = 2, prefix: str = "") -> dict[str, Any]:
    """A chain of states; a Choice may skip ahead, a catcher may too."""
    count = draw(st.integers(1, 4))
    names = [f"{prefix}S{i}" for i in range(count)]
    states: dict[str, Any] = {}
    kinds = ["Task", "Task", "Pass", "Wait", "Choice", "Loop"] + ["Parallel", "Map"] * (depth > 0)
    for i, name in enumerate(names):
        last = i == count - 1
        onward = {"End": True} if last else {"Next": names[i + 1]}
        kind = draw(st.sampled_from(["Task", "Pass", "Fail", "Succeed", *kinds[6:]] if last else kinds))
        state: dict[str, Any] = {"Type": kind}
        if kind == "Task":
            state |= {"Resource": "work", "ResultPath": f"$.{name}", **onward}
            if draw(st.booleans()):
                state["Parameters"] = {"n.$": "$.n", "state": name}
        elif kind == "Pass":
            state |= {
                "Result": draw(st.sampled_from([None, "é", [1, {"a": 0.5}]])),
                "ResultPath": f"$.{name}",
                **onward,
            }
        elif kind == "Wait":
            state |= {"Seconds": draw(st.integers(0, 5)), **onward}
        elif kind == "Choice":
            target = names[draw(st.integers(i + 1, count - 1))]
            state |= {"Choices": [{"Variable": "$.n", "NumericLessThan": 2, "Next": target}], "Default": names[i + 1]}
        elif kind == "Loop":
            again = f"{name}Again"
            fewer = {"n.$": "States.MathAdd($.n, -1)", "items.$": "$.items"}
            state = {"Type": "Pass", "Parameters": fewer, "Next": again}
            rule = {"Variable": "$.n", "NumericGreaterThan": 0, "Next": name}
            states[again] = {"Type": "Choice", "Choices": [rule], "Default": names[i + 1]}
        elif kind == "Fail":
            state |= {"Error": "Flaky", "Cause": "by definition"}
        elif kind == "Parallel":
            branches = [draw(machines(depth - 1, f"{name}b{b}")) for b in range(draw(st.integers(1, 3)))]
            state |= {"Branches": branches, "ResultPath": f"$.{name}", **onward}
        elif kind == "Map":
            processor = draw(machines(depth - 1, f"{name}i"))
            select = {"items": [7], "n.$": "$$.Map.Item.Index"}
            state |= {"ItemsPath": "$.items", "ItemSelector": select, "ItemProcessor": processor, **onward}
            state |= {"MaxConcurrency": draw(st.integers(0, 2)), "ResultPath": f"$.{name}"}
            if draw(st.booleans()):
                state["ToleratedFailureCount"] = 1
        if kind in ("Task", "Parallel", "Map"):
            if draw(st.booleans()):
                state["Retry"] = [draw(RETRY)]
            if draw(st.booleans()) and not last:
                target = names[draw(st.integers(i + 1, count - 1))]
                state["Catch"] = [{"ErrorEquals": draw(CATCH), "Next": target, "ResultPath": "$.caught"}]
        states[name] = state
    return {"StartAt": names[0], "States": states}


class Flaky(Exception):
    """What tasks of random workflows raise now and then."""


def work_of(seed: int, clock: asw.VirtualClock) -> Any:
    dice = random.Random(seed)
    lock = threading.Lock()

    def work(event: Any, context: Any) -> Any:
        with lock:
            roll = dice.randrange(8)
            clock.advance(dice.choice([0, 0.25]))
        event["n"] = "changed in here, and nowhere else"
        if roll == 0:
            raise Flaky("now and then")
        if roll == 1:
            raise asw.TaskError("Odd.Name", "chosen")
        if roll == 2:
            raise ValueError
        print(context.attempt)
        return [roll, {"s": "漢 \ud800", "big": 2**70}]

    return work


# --------------------------------------------------------------------------------------------- comparing


def snapshot(state: ExecutionState) -> dict[str, Any]:
    """Everything about a folded execution that a later event may depend on."""
    frames = {}
    for frame in state.frames.values():
        children = frame.children
        inside = None
        if children is not None:
            results = [
                r if isinstance(r, (dict, list, str, int, float, type(None))) else "missing" for r in children.results
            ]
            inside = (children.length, children.next, children.running, children.done, children.failed, results)
        frames[frame.id] = (
            *(frame.path, frame.phase, frame.data, frame.effective, frame.result, frame.error, frame.culprit),
            *(
                frame.variables,
                frame.token,
                frame.attempt,
                frame.retries,
                frame.due,
                frame.entered_at,
                frame.entered_id,
            ),
            *(frame.counts, inside),
        )
    tallies = (state.entered, state.exited, state.failed, state.event_id, state.next_frame, state.count)
    end = (state.status, state.output, state.error, state.cause, state.failed_path)
    return {"frames": frames, "tallies": [list(t) if isinstance(t, list) else t for t in tallies], "end": end}


def fresh(live: ExecutionState) -> ExecutionState:
    return ExecutionState(live.plan, live.input, live.start_us, live.context_execution, live.context_machine)


def normal(value: Any) -> Any:
    """Tuples as lists: a log that went through JSON has no tuples inside."""
    return decode(encode(value))


SMALL = {
    "StartAt": "S0",
    "States": {"S0": {"Type": "Task", "Resource": "work", "ResultPath": "$.S0", "Retry": [{"ErrorEquals": ["States.ALL"]}], "End": True}},
}  # fmt: skip


@given(
    machine=machines(),
    seed=st.integers(0, 2**16),
    kind=st.sampled_from(["STANDARD", "EXPRESS"]),
    executor=st.sampled_from(["threads", "inline"]),
    n=st.integers(0, 3),
)
@example(machine=SMALL, seed=0, kind="STANDARD", executor="threads", n=1)
def test_whatever_runs_the_log_says_it_all(
    machine: dict[str, Any], seed: int, kind: str, executor: str, n: int
) -> None:
    clock = asw.VirtualClock(1_700_000_000)
    definition = {"StartAt": "Gate", "States": {**machine["States"]}}
    definition["States"]["Gate"] = {"Type": "Task", "Resource": "gate", "ResultPath": None, "Next": machine["StartAt"]}
    gate = threading.Event()
    functions = {"work": work_of(seed, clock), "gate": lambda event: gate.wait(30)}
    flow = asw.workflow(definition, "random", type=kind)
    run = flow.start({"items": [1, 2, 3], "n": n}, functions=functions, executor=executor, clock=clock, seed=seed)
    committed: list[Event] = []
    while_it_ran: list[tuple[int, dict[str, Any]]] = []

    def watch(live: Any, events: list[Event]) -> None:
        committed.extend(events)
        if not live.state.batch:
            while_it_ran.append((live.committed, normal(snapshot(live.state))))

    assert run._run is not None
    run._run.listeners.append(watch)
    gate.set()
    assert run.wait(60).status in ("SUCCEEDED", "FAILED")

    # the log, as it was made and as JSON, folds to the same at every prefix, and to what the live state was
    live = run._run.state
    log = list(run._events())
    end = time.monotonic() + 30
    while (not committed or normal(committed[-1]) != normal(log[-1])) and time.monotonic() < end:
        time.sleep(0.001)  # who listens is told after who waits
    assert normal(log[-len(committed) :]) == normal(committed)
    one, other, prefixes = fresh(live), fresh(live), []
    for made, read in zip(log, decode(encode(log)), strict=True):
        one.apply(made)
        other.apply(tuple(read))
        prefixes.append(normal(snapshot(one)))
        assert prefixes[-1] == normal(snapshot(other))
    assert [(k, prefixes[k - 1]) for k, _ in while_it_ran] == while_it_ran
    assert prefixes[-1] == normal(snapshot(live))
    assert (run.status, run.output, run.error, run.cause) == (one.status, one.output, one.error, one.cause)
    assert (one.frames, sum(one.entered)) == ({}, sum(one.exited) + sum(one.failed))

    # a handle that was found in the file says the same
    found = asw.execution(run.id)
    if kind == "STANDARD":
        assert [tuple(e) for e in found._events()] == [tuple(decode(encode(e))) for e in log]
    assert (found.status, found.output, found.error, found.cause, found.failed_at) == (
        *(run.status, run.output, run.error, run.cause, run.failed_at),
    )

    # the cloud's events: numbered without gaps, each hanging on an earlier one
    history = run.history()
    assert [e["id"] for e in history] == list(range(1, live.event_id + 1))
    assert all(0 <= e["previousEventId"] < e["id"] for e in history)
    assert [e["id"] for e in history if e["previousEventId"] == 0] == [1, 2]
    entered = sum(e["type"].endswith("StateEntered") for e in history)
    assert entered == sum(live.entered)

    # visits and attempts: as many as were begun, and every one has an end
    visits = run.fold().visits
    assert len(visits) == sum(live.entered)
    assert [v for v in visits if v.exited is None or v.exited < v.entered or v.ended is None] == []
    tries = [a for v in visits for a in v.attempts]
    assert len(tries) == sum(event[0] == ev.SCHEDULED for event in log)
    assert [a for a in tries if a.finished is None or a.status == "RUNNING"] == []
    assert len(run.attempts()) == len(tries)
    assert len(run.states()) == len(visits)
    assert len(run.events()) == len(history)

    # Tencent's: every state that was entered is left, and nothing is entered outside of what it stands in
    tencent = run.history(form="tencent")
    assert [e["EventId"] for e in tencent] == list(range(1, len(tencent) + 1))
    assert [e["EventCategory"] for e in tencent[:2]] == ["ExecutionStart", "Unknown"]
    assert tencent[-1]["StepName"] == "END"
    assert len(tencent) == 2 * len(visits) + 3


# ------------------------------------------------------------------------------- the fold, by hand


def begun(definition: dict[str, Any], input: Any) -> ExecutionState:
    plan = compile_plan(definition, "asl")
    execution = {"Id": "arn:run", "Input": input, "Name": "run", "StartTime": isoformat(1_700_000_000_000_000)}
    state = ExecutionState(plan, input, 1_700_000_000_000_000, execution, {"Id": "arn:flow", "Name": "flow"}, seed=0)
    state.record((ev.STARTED, 0, 0))
    while advance(state, lambda: 0):
        pass
    return state


TASK = {"Type": "Task", "Resource": "f", "Retry": [{"ErrorEquals": ["States.ALL"]}], "End": True}


def test_the_context_object_has_the_clouds_shape() -> None:
    inner = {"Type": "Map", "ItemProcessor": {"StartAt": "X", "States": {"X": TASK}}, "End": True}
    state = begun({"StartAt": "M", "States": {"M": inner}}, ["a", "b"])
    assert state.frames[2].context() == {
        "Execution": {"Id": "arn:run", "Input": ["a", "b"], "Name": "run", "StartTime": "2023-11-14T22:13:20.000Z"},
        "StateMachine": {"Id": "arn:flow", "Name": "flow"},
        "State": {"Name": "X", "EnteredTime": "2023-11-14T22:13:20.000Z", "RetryCount": 0},
        "Map": {"Item": {"Index": 1, "Value": "b"}},
    }
    assert state.frames[2].path == "M[1]/X"


def test_an_attempt_counts_up_and_its_token_is_new() -> None:
    state = begun({"StartAt": "X", "States": {"X": TASK}}, {})
    frame = state.frames[0]
    assert (frame.attempt, frame.token, state.take_opened()) == (1, 1, [frame])
    state.record((ev.FAILED, 5, 0, "E", None, 1, "w"))
    advance(state, lambda: 5)
    assert (frame.attempt, frame.token, frame.due, state.open_orders()) == (1, 2, 1_000_005, [frame])
    assert frame.context()["State"]["RetryCount"] == 1
    state.record((ev.FIRED, 1_000_005, 0))
    advance(state, lambda: 1_000_005)
    assert (frame.attempt, frame.token, frame.retries) == (2, 3, [1])
    assert frame.context()["State"]["RetryCount"] == 1


def test_orders_that_were_closed_in_the_same_turn_are_not_dispatched() -> None:
    branches = [{"StartAt": "X", "States": {"X": TASK}}, {"StartAt": "Y", "States": {"Y": {"Type": "Fail"}}}]
    state = begun({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}, {})
    assert [ev.NAMES[e[0]] for e in state.take_batch()] == [
        *("STARTED", "FORKED", "SCHEDULED", "ERRED", "CHILD_FAILED", "BROKE", "GAVE_UP", "ENDED"),
    ]
    assert (state.take_opened(), state.open_orders(), state.failed) == ([], [], [1, 1, 1])


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_an_end_from_outside_ends_every_frame(status: str) -> None:
    branches = [{"StartAt": s, "States": {s: TASK}} for s in ("X", "Y")]
    state = begun({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}, {})
    state.record((ev.ENDED, 9, 0, status, "E", "why"))
    assert (state.status, state.error, state.cause, state.failed_path) == (status, "E", "why", "P")
    assert (state.frames, state.entered, state.failed) == ({}, [1, 1, 1], [1, 1, 1])
    assert advance(state, lambda: 9) is False
