"""Where the time went: sums that always add up, and one execution worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis.critical_path import critical_path
from asw_nb.analysis.pieces import filled, length, spent, union, uses
from asw_nb.engine import events as ev
from tests.analysis.executions import executions

# ---------------------------------------------------------------------------------------- what always holds


def duration_us(run: asw.Execution) -> int:
    record = run._latest()
    assert record.finished_us is not None
    return record.finished_us - record.started_us


@settings(max_examples=60)
@given(executions())
def test_busy_waiting_and_idle_time_add_up_to_the_duration(run: asw.Execution) -> None:
    summary = run.summary()
    assert summary.duration_s == pytest.approx(run.duration_s, abs=1e-9)
    assert summary.busy_s + summary.waiting_s + summary.idle_s == pytest.approx(summary.duration_s, abs=1e-6)
    states = summary.states
    assert (states["busy_s"] + states["waiting_s"] + states["idle_s"]).tolist() == pytest.approx(states["duration_s"].tolist(), abs=1e-6)
    assert (states[["busy_s", "waiting_s", "idle_s"]] >= 0).all(axis=None)
    assert states["duration_s"].sum() == pytest.approx(run.states()["duration_s"].sum(), abs=1e-6)
    each, _ = uses(run.fold().visits, duration_us(run))
    assert all(use.busy + use.waiting + use.idle == use.duration and use.idle >= 0 for use in each)


@settings(max_examples=60)
@given(executions())
def test_the_critical_path_is_as_long_as_the_execution(run: asw.Execution) -> None:
    visits, end = run.fold().visits, duration_us(run)
    steps = critical_path(visits, end)
    at = 0
    for step in steps:
        assert step.begin == at < step.end
        at = step.end
        if step.visit is not None:
            assert step.visit.entered <= step.begin
            assert step.end <= (end if step.visit.exited is None else step.visit.exited)
            if step.visit.attempts:
                assert (step.begin, step.end, step.kind) in [
                    (max(a, step.begin), min(b, step.end), kind) for a, b, kind in spent(step.visit, end)
                ]
    assert at == end or not end
    assert run.summary().critical_path["duration_s"].sum() == pytest.approx(run.duration_s, abs=1e-6)


@settings(max_examples=60)
@given(executions())
def test_attempts_counted_are_tasks_scheduled(run: asw.Execution) -> None:
    summary, attempts = run.summary(), run.attempts()
    scheduled = sum(event[0] == ev.SCHEDULED for event in run._events())
    cloud = sum(event["type"] == "LambdaFunctionScheduled" for event in run.history())
    assert summary.attempts == scheduled == cloud == len(attempts) == summary.states["attempts"].sum()
    assert summary.retries == (attempts.groupby("visit").size() - 1).sum()
    assert summary.work_s == pytest.approx(attempts["duration_s"].sum(), abs=1e-6)


@settings(max_examples=40)
@given(executions())
def test_concurrency_is_the_attempts_that_run(run: asw.Execution) -> None:
    summary, attempts = run.summary(), run.attempts()
    steps = summary.concurrency
    for at, running in zip(steps["at_s"], steps["running"], strict=True):
        moment = run.states()["entered"].min() + pd.Timedelta(seconds=at)
        assert running == ((attempts["started"] <= moment) & (attempts["finished"] > moment)).sum()
    assert summary.peak == (steps["running"].max() if len(steps) else 0)
    assert math.isnan(summary.efficiency) or 0 <= summary.efficiency <= 1 + 1e-9
    if len(steps):
        assert steps[["running", "waiting"]].iloc[-1].tolist() == [0, 0]


intervals = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)).map(lambda p: (p[0], p[0] + p[1])))


@given(intervals)
def test_a_union_covers_the_same_moments(some: list[tuple[int, int]]) -> None:
    covered = {t for a, b in some for t in range(a, b)}
    joined = union(list(some))
    assert {t for a, b in joined for t in range(a, b)} == covered
    assert length(joined) == len(covered)


@given(intervals, st.integers(0, 30), st.integers(0, 40))
def test_filled_pieces_follow_each_other_without_a_hole(some: list[tuple[int, int]], begin: int, more: int) -> None:
    pieces = filled(sorted((a, b, "run") for a, b in some), begin, begin + more)
    assert [p[0] for p in pieces] == [begin, *(p[1] for p in pieces[:-1])][: len(pieces)]
    assert sum(b - a for a, b, _ in pieces) == more
    running = {t for a, b, kind in pieces if kind == "run" for t in range(a, b)}
    assert running == {t for a, b in some for t in range(a, b) if begin <= t < begin + more}


# ------------------------------------------------------------------------------------------ worked out by hand

NIGHTLY: dict[str, Any] = {
    "StartAt": "Load",
    "States": {
        "Load": {"Type": "Task", "Resource": "load", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3}], "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Short", "States": {"Short": {"Type": "Wait", "Seconds": 4, "End": True}}},
                {"StartAt": "Long", "States": {"Long": {"Type": "Wait", "Seconds": 10, "Next": "Write"}, "Write": {"Type": "Task", "Resource": "write", "End": True}}},
            ],
            "End": True,
        },
    },
}  # fmt: skip


@pytest.fixture
def nightly() -> asw.Execution:
    """Load fails after 2 s, waits 3 s, works 5 s; two branches: 4 s of waiting, and 10 s of waiting before 6 s of work."""
    clock = asw.VirtualClock(1_700_000_000)

    def load(event: Any, context: Any) -> None:
        clock.advance(2 if context.attempt == 1 else 5)
        if context.attempt == 1:
            raise asw.TaskError("Busy", "locked")

    def write(event: Any) -> None:
        clock.advance(6)

    return asw.run(NIGHTLY, functions={"load": load, "write": write}, workflow="nightly", name="n1", clock=clock, executor="inline")


def test_the_summary_of_an_execution_worked_out_by_hand(nightly: asw.Execution) -> None:
    s = nightly.summary()
    assert (s.duration_s, s.busy_s, s.waiting_s, s.idle_s) == (26.0, 13.0, 13.0, 0.0)
    assert (s.work_s, s.attempts, s.retries, s.peak, s.efficiency) == (13.0, 3, 1, 1, 0.5)
    columns = ["state", "type", "visits", "attempts", "retries", "failures", "duration_s", "busy_s", "waiting_s", "idle_s", "critical_s", "slowest"]
    assert s.states[columns].to_numpy().tolist() == [
        ["Both", "Parallel", 1, 0, 0, 0, 16.0, 6.0, 10.0, 0.0, 0.0, "Both"],
        ["Load", "Task", 1, 2, 1, 0, 10.0, 7.0, 3.0, 0.0, 10.0, "Load"],
        ["Long", "Wait", 1, 0, 0, 0, 10.0, 0.0, 10.0, 0.0, 10.0, "Both[1]/Long"],
        ["Write", "Task", 1, 1, 0, 0, 6.0, 6.0, 0.0, 0.0, 6.0, "Both[1]/Write"],
        ["Short", "Wait", 1, 0, 0, 0, 4.0, 0.0, 4.0, 0.0, 0.0, "Both[0]/Short"],
    ]
    path = s.critical_path.astype(object).where(s.critical_path.notna(), None)
    assert path.to_numpy().tolist() == [
        [0.0, 2.0, 2.0, "run", "Load", "Load", 1],
        [2.0, 5.0, 3.0, "backoff", "Load", "Load", 2],
        [5.0, 10.0, 5.0, "run", "Load", "Load", 2],
        [10.0, 20.0, 10.0, "wait", "Both[1]/Long", "Long", None],
        [20.0, 26.0, 6.0, "run", "Both[1]/Write", "Write", 1],
    ]
    # from 10 s on both branches wait, from 14 s one
    assert s.concurrency.to_numpy().tolist() == [[0, 1, 0], [2, 0, 1], [5, 1, 0], [10, 0, 2], [14, 0, 1], [20, 1, 0], [26, 0, 0]]
    assert s.slowest(2)["state"].tolist() == ["Both", "Load"]
    assert s.most_retried()["state"].tolist() == ["Load"]


def test_the_summary_shows_itself_in_every_front_end(nightly: asw.Execution) -> None:
    s = nightly.summary()
    assert repr(s) == "asw summary nightly/n1 | 26.0 s = busy 13.0 s, waiting 13.0 s, idle 0 µs | 3 attempts, 1 retry"
    bundle = s._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    for words in ("Critical path", "Both[1]/Write", "parallel efficiency <b>50%</b> of 1", "busy <b>13.0 s</b> (50%)"):
        assert words in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert repr(s.figure()) == "concurrency: 1 at most, 0.50 on average, over 26.0 s"


def test_an_execution_without_tasks_has_a_summary() -> None:
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, clock=asw.VirtualClock(), name="p", workflow="w")
    s = run.summary()
    assert (s.duration_s, s.peak, s.attempts) == (0.0, 0, 0)
    assert math.isnan(s.efficiency)
    assert repr(s.figure()) == "no task was run"
    assert repr(s) == "asw summary w/p | 0 µs = busy 0 µs, waiting 0 µs, idle 0 µs | 0 attempts, 0 retries"


def test_an_item_that_had_to_wait_for_a_free_place_hangs_on_the_one_that_freed_it() -> None:
    definition = {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map", "MaxConcurrency": 2, "End": True,
                "ItemProcessor": {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "SecondsPath": "$", "End": True}}},
            }
        },
    }  # fmt: skip
    run = asw.run(definition, [5, 2, 4, 3], clock=asw.VirtualClock())
    path = run.summary().critical_path
    # 5 and 2 start together; 4 takes the place of 2 at 2 s, 3 that of 5 at 5 s
    assert path[["path", "begin_s", "end_s"]].to_numpy().tolist() == [["Each[0]/Rest", 0.0, 5.0], ["Each[3]/Rest", 5.0, 8.0]]


def test_the_time_between_two_lives_belongs_to_no_state() -> None:
    clock = asw.VirtualClock(1_700_000_000)
    broken = [True]

    def work(event: Any) -> str:
        clock.advance(1)
        if broken[0]:
            raise asw.TaskError("Down")
        return "up"

    flow = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "work", "End": True}}}
    run = asw.run(flow, functions={"work": work}, clock=clock, executor="inline")
    clock.advance(50)
    broken[0] = False
    run.redrive(functions={"work": work}, clock=clock, executor="inline").wait()
    path = run.summary().critical_path
    rows = path[["begin_s", "end_s", "kind", "path"]].astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [[0.0, 1.0, "run", "Work"], [1.0, 51.0, "idle", None], [51.0, 52.0, "run", "Work"]]
