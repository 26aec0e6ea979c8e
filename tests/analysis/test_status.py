"""The colour of each state: from a fold, and the same from live tallies."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis.status import graph_statuses, live_statuses, tallies
from asw_nb.history.fold import Fold
from tools.fuzz_definitions import FUNCTIONS, definition

PASS = {"Type": "Pass", "End": True}


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def statuses(definition: dict[str, Any], input: Any = None, **options: Any) -> Any:
    run = asw.run(definition, input, clock=asw.VirtualClock(), executor="inline", **options)
    return graph_statuses(run.fold())


def odd(n: int) -> int:
    if n % 2 == 0:
        raise ValueError
    return n


def mapped(**fields: Any) -> dict[str, Any]:
    inner = machine(X={"Type": "Task", "Resource": "odd", "End": True})
    return {"Type": "Map", "ItemProcessor": inner, "End": True, **fields}


def test_a_state_that_was_not_entered_has_no_status() -> None:
    rule = [{"Variable": "$.x", "IsPresent": True, "Next": "Rare"}]
    definition = machine(A={"Type": "Choice", "Choices": rule, "Default": "Often"}, Rare=PASS, Often=PASS)
    assert statuses(definition) == ({"A": "SUCCEEDED", "Often": "SUCCEEDED"}, {})


def test_a_failure_and_what_it_aborts() -> None:
    branches = [machine(X={"Type": "Wait", "Seconds": 9, "End": True}), machine(Y={"Type": "Fail", "Error": "E"})]
    definition = machine(P={"Type": "Parallel", "Branches": branches, "End": True})
    assert statuses(definition) == ({"P": "FAILED", "P[0]/X": "ABORTED", "P[1]/Y": "FAILED"}, {})


def test_inside_a_map_the_worst_item_shows_with_counts() -> None:
    definition = machine(M=mapped(ToleratedFailureCount=2))
    assert statuses(definition, [1, 2, 3], functions={"odd": odd}) == (
        {"M": "SUCCEEDED", "M/X": "FAILED"},
        {"M": {"SUCCEEDED": 2, "FAILED": 1}, "M/X": {"SUCCEEDED": 2, "FAILED": 1}},
    )


def test_the_count_of_a_map_is_that_of_its_items_in_all_its_visits() -> None:
    again = {"Type": "Choice", "Choices": [{"Variable": "$[2]", "IsPresent": True, "Next": "Less"}], "Default": "Done"}
    less = {"Type": "Pass", "Result": [1, 2], "Next": "M"}
    definition = machine(M=mapped(Next="Again"), Again=again, Less=less, Done={"Type": "Succeed"})
    del definition["States"]["M"]["End"]
    assert statuses(definition, [1, 3, 5], functions={"odd": lambda event: event})[1] == {
        "M": {"SUCCEEDED": 5}, "M/X": {"SUCCEEDED": 5}, "Again": {"SUCCEEDED": 2},
    }  # fmt: skip


def test_in_a_loop_the_newest_visit_shows_with_counts() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "A", "ResultPath": None}]
    definition = machine(A={"Type": "Task", "Resource": "f", "Catch": catch, "End": True})
    assert statuses(definition, mocks={"A": [ValueError(), ValueError(), 1]}) == (
        {"A": "SUCCEEDED"},
        {"A": {"CAUGHT": 2, "SUCCEEDED": 1}},
    )


def test_the_tallies_of_an_ended_execution_say_nearly_the_same() -> None:
    """Tallies do not tell CAUGHT from FAILED visit by visit; the picture while it runs can do without."""
    run = asw.run(machine(M=mapped(ToleratedFailureCount=2)), [1, 2, 3], functions={"odd": odd})
    assert run._run is not None
    assert live_statuses(run._run.state) == (
        {"M": "SUCCEEDED", "M/X": "CAUGHT"},
        {"M/X": {"SUCCEEDED": 2, "FAILED": 1}},
    )


@given(seed=st.integers(0, 2**32))
def test_at_every_moment_the_tallies_count_the_frames_that_are_alive(seed: int) -> None:
    try:
        flow = asw.workflow(definition(Random(seed)), name="random")
        run = flow.start({"n": 1}, functions=FUNCTIONS, clock=asw.VirtualClock(), type="EXPRESS", timeout_s=100)
    except asw.AswError:
        return
    run.wait(1)
    run.stop()
    fold = Fold(run.plan, run.input, 0)
    for event in list(run._run.log)[:500]:
        state = fold.feed((event,)).state
        if state.status == "RUNNING":
            alive = Counter(frame.state.index for frame in state.frames.values())
            assert {n: t["RUNNING"] for n, t in enumerate(tallies(state)) if t.get("RUNNING")} == alive
            assert Counter(visit.state.index for visit in fold.open_visits.values()) == alive


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"Type": "Wait", "Seconds": 999, "End": True}, "WAITING"),
        ({"Type": "Task", "Resource": "busy", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 999}], "End": True}, "RETRYING"),
        ({"Type": "Task", "Resource": "slow", "End": True}, "RUNNING"),
    ],
    ids=["WAITING", "RETRYING", "RUNNING"],
)  # fmt: skip
def test_what_a_running_state_waits_for(state: dict[str, Any], status: str) -> None:
    go, begun, told = threading.Event(), threading.Event(), threading.Event()

    def busy(event: Any) -> None:
        raise asw.TaskError("Busy")

    def gate(event: Any) -> Any:
        begun.set()
        assert go.wait(30)
        return event

    def slow(event: Any) -> None:
        told.wait(30)

    branches = [machine(X=state), machine(Y={"Type": "Task", "Resource": "gate", "Next": "Z"}, Z=PASS)]
    definition = machine(P={"Type": "Parallel", "Branches": branches, "End": True})
    run = asw.workflow(definition).start(functions={"busy": busy, "gate": gate, "slow": slow})
    live = run._run
    assert live is not None
    arrived = threading.Event()

    def look(watched: Any, events: Any) -> None:
        if live_statuses(watched.state)[0].get("P[0]/X") == status and watched.state.exited[-1]:
            arrived.set()

    assert begun.wait(30)
    live.listeners.append(look)
    go.set()
    assert arrived.wait(30)
    expected = {"P": "RUNNING", "P[0]/X": status, "P[1]/Y": "SUCCEEDED", "P[1]/Z": "SUCCEEDED"}
    assert live_statuses(live.state) == (expected, {})
    assert graph_statuses(run.fold()) == (expected, {})
    run.stop()
    told.set()
    aborted = {"P": "ABORTED", "P[0]/X": "ABORTED", "P[1]/Y": "SUCCEEDED", "P[1]/Z": "SUCCEEDED"}
    assert graph_statuses(run.fold()) == (aborted, {})
