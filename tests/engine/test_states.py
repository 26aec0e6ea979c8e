"""What each state type decides, in the tables of `logs_by_hand` and where a table is not enough."""

from __future__ import annotations

from typing import Any

import pytest

from asw_nb.engine import events as ev
from asw_nb.engine.events import SAME, Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.states import advance
from asw_nb.language.plan import compile_plan
from tests.engine.logs_by_hand import CASES, Case, inside, mapping, task

FACTS = {ev.STARTED, ev.SUCCEEDED, ev.FAILED, ev.TIMED_OUT, ev.FIRED}


def begin(states: dict[str, Any], input: Any, dialect: str = "asl") -> ExecutionState:
    plan = compile_plan({"StartAt": next(iter(states)), "States": states}, dialect)
    return ExecutionState(plan, input, 0, {"Name": "run"}, {"Name": "flow"}, seed=0)


def feed(state: ExecutionState, *facts: Event) -> None:
    for fact in facts:
        state.record(fact)
        while advance(state, lambda at=fact[1]: at):
            pass


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_log_of(case: Case) -> None:
    state = begin(case.states, case.input)
    feed(state, *(event for event in case.log if event[0] in FACTS))
    assert state.batch == case.log
    assert {name: getattr(state, name) for name in case.end} == case.end
    assert (state.frames, list(state.ready)) == ({}, [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tallies_add_up_at_the_end_of(case: Case) -> None:
    state = begin(case.states, case.input)
    feed(state, *(event for event in case.log if event[0] in FACTS))
    assert state.entered == [a + b for a, b in zip(state.exited, state.failed, strict=True)]


def test_each_kind_of_event_is_in_the_tables() -> None:
    """Kinds of the distributed Map, of callbacks and of redrive have tests of their own."""
    seen = {event[0] for case in CASES for event in case.log}
    outside = {ev.ITEMS_ORDERED, ev.ITEMS_KNOWN, ev.RESULTS_ORDERED}  # test_map_run.py
    elsewhere = {ev.MAP_RUN_STARTED, ev.SUBMITTED, ev.PICKED_UP, ev.REDRIVEN} | outside
    assert {ev.NAMES[kind] for kind in seen | elsewhere} == set(ev.NAMES)


def test_a_tcsl_iterator_runs_one_item_at_a_time() -> None:
    states = {"A": {"Type": "Map", "Iterator": {"StartAt": "X", "States": {"X": task(End=True)}}, "End": True}}
    state = begin(states, [1, 2], dialect="tcsl")
    feed(state, (ev.STARTED, 0, 0))
    assert state.batch[1:] == [
        (ev.MAP_STARTED, 0, 0, 2, SAME),
        (ev.ITEM_STARTED, 0, 1, 0, 0, 1),
        (ev.SCHEDULED, 0, 1, SAME, None, None),
    ]


def test_an_endless_loop_comes_back_after_the_limit() -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    state = begin(states, {})
    state.record((ev.STARTED, 0, 0))
    assert advance(state, lambda: 0, limit=10) is True
    assert state.take_batch() == [(ev.STARTED, 0, 0), *[(ev.MOVED, 0, 0, 1), (ev.MOVED, 0, 0, 0)] * 5]
    assert advance(state, lambda: 0, limit=3) is True
    assert state.take_batch() == [(ev.MOVED, 0, 0, 1), (ev.MOVED, 0, 0, 0), (ev.MOVED, 0, 0, 1)]
    assert (state.event_id, state.status) == (28, "RUNNING")


def test_states_share_what_they_do_not_change_and_never_write_into_it() -> None:
    states = {
        "A": {"Type": "Pass", "Result": 1, "ResultPath": "$.new.deep", "Next": "B"},
        "B": {"Type": "Pass", "Result": 2, "ResultPath": "$.old.x", "End": True},
    }
    given = {"old": {"x": 0, "y": [1]}, "other": {"z": 1}}
    state = begin(states, given)
    feed(state, (ev.STARTED, 0, 0))
    assert state.output == {"old": {"x": 2, "y": [1]}, "other": {"z": 1}, "new": {"deep": 1}}
    assert given == {"old": {"x": 0, "y": [1]}, "other": {"z": 1}}
    assert state.output["other"] is given["other"]
    assert state.output["old"]["y"] is given["old"]["y"]


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        (
            "MaxConcurrencyPath",
            "x",
            'The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $.n',
        ),
        (
            "MaxConcurrencyPath",
            1.5,
            'The MaxConcurrencyPath field refers to value "1.5" which is not a valid integer: $.n',
        ),
        ("MaxConcurrencyPath", -1, "MaxConcurrency cannot be negative."),
        ("ToleratedFailureCountPath", -1, "ToleratedFailureCount cannot be negative."),
    ],
)
def test_a_number_of_a_map_that_is_none(field: str, value: Any, cause: str) -> None:
    states = {"A": mapping({"X": {"Type": "Succeed"}}, ItemsPath="$.l", **{field: "$.n"})}
    state = begin(states, {"l": [1], "n": value})
    feed(state, (ev.STARTED, 0, 0))
    assert (state.status, state.error, state.cause) == ("FAILED", "States.Runtime", inside("A", 2, cause))
