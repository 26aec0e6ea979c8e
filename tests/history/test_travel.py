"""Going back in time: every moment is what folding the log up to it gives, whatever copies lie in between."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis.status import live_statuses
from asw_nb.handle import Execution
from asw_nb.history import travel as module
from asw_nb.history.fold import Fold, Visit
from asw_nb.history.travel import Travel, read_of
from asw_nb.language.plan import compile_plan

FLAKY = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ToleratedFailurePercentage": 90, "ResultPath": "$.out",
            "ItemProcessor": {
                "StartAt": "Work",
                "States": {
                    "Work": {
                        "Type": "Task", "Resource": "work", "Next": "Split",
                        "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                        "Catch": [{"ErrorEquals": ["Odd"], "Next": "Rest"}],
                    },
                    "Split": {
                        "Type": "Parallel", "End": True,
                        "Branches": [
                            {"StartAt": "Left", "States": {"Left": {"Type": "Wait", "Seconds": 2, "End": True}}},
                            {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
                        ],
                    },
                    "Rest": {"Type": "Pass", "End": True},
                },
            },
            "Next": "Count",
        },
        "Count": {"Type": "Pass", "Parameters": {"items.$": "$.items", "round.$": "States.MathAdd($.round, 1)"}, "Next": "More"},
        "More": {"Type": "Choice", "Choices": [{"Variable": "$.round", "NumericLessThan": 2, "Next": "Each"}], "Default": "Last"},
        "Last": {"Type": "Task", "Resource": "last", "End": True},
    },
}  # fmt: skip


def flaky_run(items: list[int], last: Any = None, type: str = "STANDARD", executor: str = "threads") -> Execution:
    """Items fail by what they are: 3 is caught, 4 is tried again, 5 fails for good."""
    tried: dict[int, int] = {}

    def work(item: int) -> int:
        tried[item] = tried.get(item, 0) + 1
        if item == 3:
            raise asw.TaskError("Odd", "three")
        if item == 4 and tried[item] % 2:
            raise asw.TaskError("Again", "four")
        if item == 5:
            raise asw.TaskError("Bad", "five")
        return item

    flow = asw.workflow(FLAKY, name="flaky")
    given_input = {"items": items, "round": 0}
    functions = {"work": work, "last": last or (lambda event: "done")}
    return flow.run(given_input, functions=functions, clock=asw.VirtualClock(), type=type, executor=executor)


def travel_of(run: Execution, monkeypatch: pytest.MonkeyPatch, interval: int, chunk: int | None = None) -> Travel:
    monkeypatch.setattr(module, "INTERVAL", interval)
    monkeypatch.setattr(module, "CHUNK", chunk or max(1, interval // 2))
    monkeypatch.setattr(module, "EVENTS_PER_FRAME", 1)
    log = run._run.log if run.type == "EXPRESS" else None
    return Travel(run.plan, run.input, run._record.started_us, read_of(run._workspace.store, run.key, log))


def told(visit: Visit) -> tuple[Any, ...]:
    return (
        visit.number, visit.path, visit.status, visit.entered, visit.exited, visit.input, visit.output, visit.error, visit.tries, visit.wait_us,
        [(a.number, a.status, a.scheduled, a.started, a.finished, a.error) for a in visit.attempts],
    )  # fmt: skip


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_every_moment_is_the_fold_of_the_log_up_to_it(monkeypatch, type):
    run = flaky_run([1, 3, 4, 5, 2], type=type)
    travel = travel_of(run, monkeypatch, 7)
    events = list(run._events())
    assert travel.follow() == len(events) == travel.count
    for count in [*range(len(events), -1, -3), *range(0, len(events) + 1, 5)]:
        expected = Fold(run.plan, run.input, run._record.started_us).feed(events[:count])
        moment = travel.at(count)
        assert live_statuses(moment.state) == live_statuses(expected.state)
        assert (moment.state.event_id, moment.begun, moment.last_at) == (
            expected.state.event_id, expected.begun, expected.last_at,
        )  # fmt: skip
        assert {n: told(v) for n, v in moment.open_visits.items()} == {
            n: told(v) for n, v in expected.open_visits.items()
        }
        for visit in expected.visits[:: max(1, len(expected.visits) // 4)]:
            found = travel.visit_by_number(visit.number, count)
            assert found is not None
            assert told(found) == told(visit)
        for state in run.plan.states:
            visits = [v for v in expected.visits if v.state.index == state.index]
            assert travel.visits_of(state.index, count) == len(visits)
            if visits:
                found = travel.visit(state.index, len(visits), count)
                assert found is not None
                assert told(found) == told(visits[-1])
            assert travel.visit(state.index, len(visits) + 1, count) is None


def test_a_redriven_execution_can_be_travelled_through(monkeypatch):
    broken = [True]

    def last(event: Any) -> str:
        if broken:
            raise asw.TaskError("NotYet", "wait")
        return "done"

    run = flaky_run([1, 3], last)
    broken.clear()
    assert run.redrive(functions={"last": last}).wait().status == "SUCCEEDED"
    travel = travel_of(run, monkeypatch, 5)
    travel.follow()
    events = list(run._events())
    for count in range(len(events), -1, -2):
        expected = Fold(run.plan, run.input, run._record.started_us).feed(events[:count])
        assert live_statuses(travel.at(count).state) == live_statuses(expected.state)
        assert [told(v) for v in travel.at(count).open_visits.values()] == [
            told(v) for v in expected.open_visits.values()
        ]


def test_failures_are_remembered_with_their_places(monkeypatch):
    run = flaky_run([1, 3, 5, 2], executor="inline")  # one item after the other
    travel = travel_of(run, monkeypatch, 7)
    travel.follow()
    assert travel.failed == 4
    assert [(path, status, error) for _, path, status, error in travel.failures] == [
        ("Each[1]/Work", "CAUGHT", "Odd"), ("Each[2]/Work", "FAILED", "Bad"),
        ("Each[1]/Work", "CAUGHT", "Odd"), ("Each[2]/Work", "FAILED", "Bad"),
    ]  # fmt: skip
    number = travel.failures[2][0]
    visit = travel.visit_by_number(number, travel.count)
    assert (visit.path, visit.error, visit.input) == ("Each[1]/Work", "Odd", 3)


@given(chunk=st.integers(1, 40), interval=st.integers(1, 80), count=st.integers(0, 200))
def test_events_in_the_cloud_s_words_are_those_of_the_whole_history(chunk, interval, count):
    with pytest.MonkeyPatch.context() as patch:
        run = flaky_run([1, 3, 4], type="EXPRESS")
        travel = travel_of(run, patch, interval, chunk)
        travel.follow()
        count = min(count, travel.count)
        got, start = travel.cloud_events(count)
    whole = [(e["id"], e["type"], e.get("path")) for e in run._cloud_history(located=True)]
    before = travel.at(start).state.event_id
    after = travel.at(count).state.event_id
    assert [(e["id"], e["type"], e.get("path")) for e in got] == whole[before:after]


def test_following_sees_what_has_been_added(monkeypatch):
    run = flaky_run([1, 2])
    travel = travel_of(run, monkeypatch, 4)
    seen = []
    while step := travel.follow(10):
        seen.append(step)
    assert sum(seen) == run._run.state.count
    assert max(seen) <= 10 + 4 * 4
    assert travel.follow() == 0


def test_the_number_of_copies_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_COPIES", 8)
    run = flaky_run(list(range(10, 60)), type="EXPRESS")
    travel = travel_of(run, monkeypatch, 2)
    travel.follow()
    assert 4 <= len(travel._copies) <= 8
    half = travel.count // 2
    expected = Fold(run.plan, run.input, 0).feed(run._run.log[:half])
    assert travel.at(half).state.entered == expected.state.entered


LOOP = {
    "StartAt": "Again",
    "States": {
        "Again": {"Type": "Pass", "Next": "Enough"},
        "Enough": {"Type": "Choice", "Choices": [{"Variable": "$.enough", "IsPresent": True, "Next": "Done"}], "Default": "Again"},
        "Done": {"Type": "Succeed"},
    },
}  # fmt: skip


@pytest.mark.slow
def test_any_of_a_million_events_is_a_moment_away():
    log = [(0, 0, 0), *((1, n, 0, 1 if n % 2 else 0) for n in range(1, 1_000_000))]
    travel = Travel(compile_plan(LOOP, "asl"), {}, 0, lambda after, about: log[after : after + about])
    assert travel.follow() == 1_000_000
    took = []
    for count in (999_999, 3, 500_000, 123_456, 750_001):
        begun = time.perf_counter()
        assert travel.at(count).state.count == count
        visit = travel.visit(0, travel.visits_of(0, count) // 2, count)
        assert visit is not None
        took.append(time.perf_counter() - begun)
    assert max(took) < 1
