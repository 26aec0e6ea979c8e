"""Executions that are done at one go: nobody can tell from what they leave behind."""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.backends import calls as backend_calls
from asw_nb.engine import events as ev
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.sprint import Sprint, Sprinted
from asw_nb.language.plan import compile_plan

TASK = {"Type": "Task", "Resource": "f"}
ONE = {"StartAt": "T", "States": {"T": {**TASK, "End": True}}}
TWO = {"StartAt": "T", "States": {"T": {**TASK, "ResultPath": "$.t", "Next": "U"}, "U": {"Type": "Task", "Resource": "g", "End": True}}}


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[asw.Workspace]:
    with asw.Workspace(tmp_path) as made:
        yield made


def burst(flow: asw.Workflow, inputs: list[Any], functions: dict[str, Callable[..., Any]], executor: str = "threads") -> list[asw.Execution]:
    """Executions that have all arrived before anybody drives, of functions that are known to be short."""
    ws = flow._workspace
    assert ws is not None
    backend: Any = ws.backend(executor)
    backend._costs.update(dict.fromkeys(functions, 0.0))
    with ws.runner._baton:
        return [flow.start(one, functions=functions, executor=executor) for one in inputs]


def sprinted(run: asw.Execution) -> bool:
    assert run._run is not None
    return isinstance(run._run.state, Sprinted)


def told(ws: asw.Workspace, run: asw.Execution) -> list[tuple[Any, ...]]:
    """Its events without times and names of workers."""
    out = []
    for event in ws.store.events(run.key):
        kind, _, *rest = event
        out.append((kind, *(rest[:2] if kind == ev.SUCCEEDED else rest[:3] if kind == ev.FAILED else rest)))
    return out


# ------------------------------------------------------------------------------------ as in the loop


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    """A chain of states that work on {"n": int, "s": text, ...}; a Choice skips ahead, a catcher too, and a loop counts down."""
    count = draw(st.integers(1, 5))
    names = [f"S{i}" for i in range(count)]
    states: dict[str, Any] = {}
    for i, name in enumerate(names):
        last = i == count - 1
        onward = {"End": True} if last else {"Next": names[i + 1]}
        kind = draw(st.sampled_from(["Task", "Task", "Pass", "Succeed", "Fail"] if last else ["Task", "Task", "Pass", "Choice", "Loop"]))
        state: dict[str, Any] = {"Type": kind}
        if kind == "Task":
            state |= {"Resource": draw(st.sampled_from(["f", "g", "picky"])), **onward}
            state |= draw(st.sampled_from([{"ResultPath": "$.r"}, {"ResultPath": None}, {"ResultSelector": {"n.$": "$.n", "s": "x"}}, {}]))
            state |= draw(st.sampled_from([{}, {"Parameters": {"n.$": "$.n", "s": name}}, {"Parameters": {"n.$": "$.n", "id.$": "$$.Execution.Input.n"}}]))
            if draw(st.booleans()) and not last:
                state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": names[-1], "ResultPath": "$.caught"}]
        elif kind == "Pass":
            state |= draw(st.sampled_from([{"Result": 1, "ResultPath": "$.p"}, {"Parameters": {"n.$": "$.n", "q.$": "States.MathAdd($.n, 1)"}}, {"InputPath": "$.s"}, {}]))
            state |= onward
        elif kind == "Choice":
            default = draw(st.sampled_from([{"Default": names[i + 1]}, {}]))
            target = names[draw(st.integers(i + 1, count - 1))] if default else names[i + 1]
            state |= {"Choices": [{"Variable": "$.n", "NumericLessThan": 2, "Next": target}], **default}
        elif kind == "Loop":
            state = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, -1)", "s": "less"}, "Next": f"{name}?"}
            states[f"{name}?"] = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 0, "Next": name}], "Default": names[i + 1]}
        elif kind == "Fail":
            state |= {"Error": "Wanted"}
        states[name] = state
    return {"StartAt": names[0], "States": states}


def picky(event: Any) -> Any:
    if not isinstance(event, dict) or event["n"] % 2:
        raise asw.TaskError("Odd", "no odd ones")
    return event


FUNCTIONS: dict[str, Callable[..., Any]] = {"f": lambda e: e, "g": lambda e: {"n": 0, "s": "g"}, "picky": picky}


def noted(calls: list[str]) -> dict[str, Callable[..., Any]]:
    """The functions, each of whose calls is noted."""

    def one(name: str) -> Callable[..., Any]:
        def call(event: Any) -> Any:
            calls.append(name)
            return FUNCTIONS[name](event)

        return call

    return {name: one(name) for name in FUNCTIONS}


@given(machines(), st.lists(st.integers(-1, 120), min_size=1, max_size=3), st.sampled_from(["threads", "inline"]))
def test_what_is_done_at_one_go_leaves_the_events_of_the_loop(machine: dict[str, Any], numbers: list[int], executor: str) -> None:
    with tempfile.TemporaryDirectory() as folder, asw.Workspace(folder) as ws, pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend_calls, "random_id", lambda: "the same")  # which stands in the cause of a failure
        flow = asw.workflow(machine, "any", workspace=ws)
        inputs = [{"n": n, "s": "漢 \ud800"} for n in numbers]
        expected_calls: list[str] = []
        alone = [flow.run(one, functions=noted(expected_calls)) for one in inputs]
        calls: list[str] = []
        many = [run.wait() for run in burst(flow, inputs * 5, noted(calls), executor)]
        assert sorted(calls) == sorted(expected_calls * 5)
        for i, run in enumerate(many):
            expected = alone[i % len(alone)]
            assert (run.status, run.output, run.error, run.failed_at) == (expected.status, expected.output, expected.error, expected.failed_at)
            assert told(ws, run) == told(ws, expected)


@pytest.mark.parametrize(
    ("machine", "yes"),
    [
        (ONE, True),
        (TWO, True),
        ({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 0, "Next": "T"}, "T": {**TASK, "End": True}}}, False),
        ({"StartAt": "T", "States": {"T": {**TASK, "TimeoutSeconds": 9, "End": True}}}, False),
        ({"StartAt": "T", "States": {"T": {**TASK, "Assign": {"x": 1}, "End": True}}}, False),
        ({"StartAt": "T", "States": {"T": {**TASK, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": True}}}, False),
        ({"StartAt": "T", "States": {"T": {**TASK, "Resource": "arn:aws:states:eu-west-1:123456789012:activity:a", "End": True}}}, False),
        ({"StartAt": "T", "QueryLanguage": "JSONata", "States": {"T": {**TASK, "End": True}}}, False),
        ({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [ONE], "End": True}}}, False),
    ],
)
def test_which_plans_are_done_at_one_go(machine: dict[str, Any], yes: bool) -> None:
    assert (Sprint.of(compile_plan(machine, "asl"), {"activity": None, "workflow": None}) is not None) is yes


def test_what_is_seen_of_it_is_what_is_seen_of_any_other(ws: asw.Workspace) -> None:
    def f(event: Any) -> str:
        print("seen", event["n"])
        return "漢"

    flow = asw.workflow(TWO, "two", workspace=ws)
    functions = {"f": f, "g": lambda e: [e["t"]]}
    alone = flow.run({"n": 1}, functions=functions)
    run = burst(flow, [{"n": 1}] * 20, functions)[-1].wait()
    assert sprinted(run) and run.output == ["漢"]
    state: Any = run._run.state  # type: ignore[union-attr]
    assert isinstance(state.whole(), ExecutionState)
    assert (state.entered, state.exited, state.event_id) == ([1, 1], [1, 1], 12)
    for view in ("states", "attempts", "logs"):
        columns = [c for c in getattr(run, view)() if c in ("state", "status", "attempt", "line", "visit", "input", "output", "resource")]
        assert getattr(run, view)()[columns].to_dict("list") == getattr(alone, view)()[columns].to_dict("list")
    assert [e["type"] for e in run.history(form="aws")] == [e["type"] for e in alone.history(form="aws")]
    again = run.redrive(from_state="U", functions={"g": lambda e: e["t"] * 2}).wait()
    assert (again.output, again.states()["state"].tolist()) == ("漢漢", ["T", "U", "U"])


# ---------------------------------------------------------------------------- what is out of the ordinary


def test_a_function_with_a_context_has_all_of_it(ws: asw.Workspace) -> None:
    seen = []

    def f(event: Any, context: Any) -> Any:
        context.metric(1, loss=0.5)
        seen.append((context.execution, context.state, context.attempt, context.cancelled))
        return event

    runs = burst(asw.workflow(ONE, "one", workspace=ws), [*range(20)], {"f": f})
    assert [run.result() for run in runs] == [*range(20)]
    assert sprinted(runs[-1])
    assert sorted(s for s in seen if s[0] in {run.name for run in runs}) == sorted((run.name, "T", 1, False) for run in runs)
    assert runs[-1].metrics()["value"].tolist() == [0.5]


def test_an_execution_that_has_begun_to_fail_is_retried_in_the_loop(ws: asw.Workspace) -> None:
    retry = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    flow = asw.workflow({"StartAt": "T", "States": {"T": {**TASK, "Retry": retry, "End": True}}}, "flaky", workspace=ws)
    failed = set()

    def f(n: int) -> int:
        if n == 7 and n not in failed:
            failed.add(n)
            raise asw.TaskError("Flaky", "once")
        return n

    runs = burst(flow, [*range(12)], {"f": f})
    assert [run.result() for run in runs] == [*range(12)]
    assert [sprinted(run) for run in runs] == [n != 7 for n in range(12)]
    assert runs[7].attempts()["status"].tolist() == ["FAILED", "SUCCEEDED"]


def test_a_plan_that_asks_for_the_context_object_is_tried_once(ws: asw.Workspace) -> None:
    machine = {"StartAt": "T", "States": {"T": {**TASK, "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}}}
    flow = asw.workflow(machine, "who", workspace=ws)
    runs = burst(flow, [{}] * 20, {"f": lambda e: e["name"]})
    assert [run.result() for run in runs] == [run.name for run in runs]
    assert not any(map(sprinted, runs))
    assert flow._launched[0].sprint.off  # type: ignore[index]


def held(ws: asw.Workspace, blocked_at: int, count: int = 40) -> tuple[list[asw.Execution], threading.Event, threading.Event]:
    """A burst with a function that blocks for one of them."""
    blocked, go = threading.Event(), threading.Event()

    def f(n: int) -> int:
        if n == blocked_at:
            blocked.set()
            assert go.wait(60)
        return n

    flow = asw.workflow(ONE, "held", workspace=ws)
    return burst(flow, [*range(count)], {"f": f}), blocked, go


def test_the_one_that_blocks_holds_up_no_other_and_is_stopped_at_once(ws: asw.Workspace) -> None:
    runs, blocked, go = held(ws, 5)
    assert blocked.wait(30)
    assert [run.result() for run in runs if run.input != 5] == [n for n in range(40) if n != 5]
    assert runs[5].status == "RUNNING"
    runs[5].stop(cause="enough")
    assert (runs[5].status, runs[5].cause) == ("ABORTED", "enough")
    go.set()
    assert [event[0] for event in ws.store.events(runs[5].key)] == [ev.STARTED, ev.SCHEDULED, ev.ENDED]


def test_the_answer_of_one_that_the_loop_took_back_counts(ws: asw.Workspace) -> None:
    runs, blocked, go = held(ws, 5)
    assert blocked.wait(30)
    end = time.monotonic() + 30
    while not list(ws.store.events(runs[5].key)):
        assert time.monotonic() < end
        time.sleep(0.005)
    go.set()
    assert runs[5].result() == 5
    assert not sprinted(runs[5])
    assert [event[0] for event in ws.store.events(runs[5].key)] == [ev.STARTED, ev.SCHEDULED, ev.SUCCEEDED, ev.MOVED]


def test_what_had_not_begun_when_the_workspace_was_closed_is_in_the_file(tmp_path: Path) -> None:
    blocked, go = threading.Event(), threading.Event()

    def f(n: int) -> int:
        blocked.set()
        assert go.wait(60)
        return n

    ws = asw.Workspace(tmp_path)
    ws.backend("threads").max_workers = 2  # type: ignore[attr-defined]
    runs = burst(asw.workflow(ONE, "late", workspace=ws), [*range(600)], {"f": f})
    assert blocked.wait(30)
    ws.close()
    go.set()
    with asw.Workspace(tmp_path) as again:
        assert {r.name for r in again.store.rows("late", "RUNNING")} >= {run.name for run in runs}
        resumed = again.resume(functions={"f": lambda n: n})
        assert sorted(run.result() for run in resumed) == [*range(600)]


@pytest.mark.parametrize(
    ("machine", "calls_each"),
    [
        ({"T": {**TASK, "Next": "U"}, "U": {"Type": "Task", "Resource": "g", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}}, {"f": 1, "g": 1}),
        (
            {
                "T": {**TASK, "Next": "P"},
                "P": {"Type": "Task", "Resource": "f", "Parameters": {"x.$": "States.MathAdd($.text, 1)"}, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "U"}], "End": True},
                "U": {"Type": "Task", "Resource": "g", "End": True},
            },
            {"f": 1, "g": 1},
        ),
        (
            {
                "T": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, -1)"}, "Next": "F"},
                "F": {**TASK, "Next": "C"},
                "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 0, "Next": "T"}], "Default": "U"},
                "U": {"Type": "Task", "Resource": "g", "End": True},
            },
            {"f": 90, "g": 1},
        ),
    ],
    ids=["context object", "an error that is caught", "many turns"],
)
def test_what_goes_on_in_the_loop_calls_each_function_once(ws: asw.Workspace, machine: dict[str, Any], calls_each: dict[str, int]) -> None:
    calls: list[str] = []
    functions = {"f": lambda e: calls.append("f") or e, "g": lambda e: calls.append("g")}
    flow = asw.workflow({"StartAt": "T", "States": machine}, "leaves", workspace=ws)
    runs = burst(flow, [{"n": 90, "text": "t"}] * 10, functions)
    assert [run.wait().status for run in runs] == ["SUCCEEDED"] * 10
    with ws.runner._baton:  # whoever has called one has brought its answer
        assert Counter(calls) == {name: 10 * count for name, count in calls_each.items()}


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_a_result_that_cannot_be_written_breaks_this_execution_and_no_other(ws: asw.Workspace, executor: str) -> None:
    flow = asw.workflow(ONE, "big", workspace=ws)
    runs = burst(flow, [*range(12)], {"f": lambda n: 10**5000 if n == 5 else n}, executor)
    assert [run.result() for run in runs if run.input != 5] == [n for n in range(12) if n != 5]
    with pytest.raises(asw.StoreError):
        runs[5].wait()
    assert flow.run(7, functions={"f": lambda n: n}, executor=executor).output == 7


def test_nobody_is_told_that_he_is_cancelled_who_is_not(ws: asw.Workspace) -> None:
    told_so = []

    def f(n: int, context: Any) -> int:
        end = time.perf_counter() + 0.06 * (n == 3)
        while time.perf_counter() < end:
            if context.cancelled:
                told_so.append(n)
        return n

    flow = asw.workflow(ONE, "patient", workspace=ws)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(12):
            assert [run.result() for run in burst(flow, [*range(40)], {"f": f})] == [*range(40)]
    finally:
        sys.setswitchinterval(interval)
    assert told_so == []


def test_a_start_is_in_the_file_after_twice_the_time_also_when_its_turn_does_not_come(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path, max_workers=1) as ws:
        flow = asw.workflow(ONE, "slow", workspace=ws)
        ended: list[int] = []

        def f(n: int) -> int:
            time.sleep(0.01)
            ended.append(n)
            return n

        runs = burst(flow, [*range(150)], {"f": f})
        written = 0
        while written < 150 and len(ended) < 100:
            ((written,),) = ws.store.query("SELECT count(*) FROM executions")
            time.sleep(0.002)
        assert written == 150
        for run in runs:
            run.stop()


def test_a_workspace_that_closes_in_a_burst_loses_and_makes_up_nothing(tmp_path: Path) -> None:
    machine = {"StartAt": "A", "States": {"A": {**TASK, "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Task", "Resource": "g", "End": True}}}
    dice = random.Random(7)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        for turn in range(25):
            calls: list[tuple[str, int]] = []

            def f(n: int, calls: list[tuple[str, int]] = calls) -> int:
                calls.append(("f", n))
                time.sleep(0.02 * (n % 37 == 5))
                return n

            def g(n: int, calls: list[tuple[str, int]] = calls) -> int:
                calls.append(("g", n))
                return n

            ws = asw.Workspace(tmp_path / str(turn))
            runs = burst(asw.workflow(machine, "closing", workspace=ws), [*range(300)], {"f": f, "g": g})
            time.sleep(dice.random() * 0.03)
            ws.close()
            for run in runs:
                if run._run.state.status == "RUNNING":  # type: ignore[union-attr]
                    with pytest.raises(asw.UsageError, match="was running when its workspace was closed"):
                        run.result()
            with asw.Workspace(tmp_path / str(turn)) as again:
                results = {run.key: [e[0] for e in again.store.events(run.key)].count(ev.SUCCEEDED) for run in runs}
                before = Counter(calls)
                assert {r.key for r in again.store.rows()} == {run.key for run in runs}
                for one in again.resume(functions={"f": f, "g": g}):
                    one.wait()
                after = Counter(calls)
                assert {r.key: (r.status, r.output) for r in again.store.rows()} == {run.key: ("SUCCEEDED", run.input) for run in runs}
                for run in runs:  # what was recorded did not run again
                    recorded = [("f", run.input), ("g", run.input)][: results[run.key]]
                    assert [name for name in recorded if after[name] != before[name]] == []
    finally:
        sys.setswitchinterval(interval)


def test_one_whose_secrets_are_not_in_the_file_is_redriven_with_them(tmp_path: Path) -> None:
    machine = {"StartAt": "T", "States": {"T": {**TASK, "Next": "U"}, "U": {"Type": "Task", "Resource": "g", "End": True}}}
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        flow = asw.workflow(machine, "secret", workspace=ws)
        run = burst(flow, [{"password": "hunter2xyz", "n": n} for n in range(12)], {"f": lambda e: {"n": e["n"]}, "g": lambda e: e["n"]})[-1].wait()
        assert sprinted(run) and run.output == 11
        assert run.redrive(from_state="U", functions={"g": lambda e: 10 * e["n"]}).wait().output == 110


def test_secrets_are_kept_out_of_the_file(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path, redact_store=True) as ws:
        flow = asw.workflow(ONE, "secret", workspace=ws)
        runs = burst(flow, [{"password": f"hunter{n}xyz", "n": n} for n in range(20)], {"f": lambda e: {**e, "copy": e["password"]}})
        assert runs[-1].result()["copy"] == "hunter19xyz"
        assert sprinted(runs[-1])
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"hunter" not in kept and b'"n":19' in kept


def test_who_listens_is_told_all_events(ws: asw.Workspace) -> None:
    heard: dict[int, list[int]] = {}
    flow = asw.workflow(ONE, "heard", workspace=ws)
    backend: Any = ws.backend("threads")
    flow.run(0, functions={"f": lambda n: n})
    backend._costs["f"] = 0.0
    with ws.runner._baton:
        runs = [flow.start(n, functions={"f": lambda n: n}) for n in range(20)]
        for run in runs:
            assert run._run is not None
            run._run.listeners.append(lambda run, events: heard.setdefault(run.key, []).extend(e[0] for e in events))
    assert [run.result() for run in runs] == [*range(20)]
    end = time.monotonic() + 30
    while len(heard) < 20 and time.monotonic() < end:  # told after the end is
        time.sleep(0.001)
    assert [heard[run.key] for run in runs] == [[ev.STARTED, ev.SCHEDULED, ev.SUCCEEDED, ev.MOVED]] * 20
