"""Visits and attempts, folded from a log: what began, what ended, and in which order."""

from __future__ import annotations

import itertools
from typing import Any

import asw_nb as asw
from asw_nb.history.fold import Fold, Visit, map_items


def fold(definition: dict[str, Any], input: Any = None, **options: Any) -> Fold:
    options = {"clock": asw.VirtualClock(0), "executor": "inline", **options}
    return asw.run(definition, input, **options).fold()


def shown(visits: list[Visit], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(v, f) for f in fields) for v in visits]


def chain(**states: dict[str, Any]) -> dict[str, Any]:
    names = list(states)
    for name, onward in itertools.pairwise(names):
        if states[name]["Type"] not in ("Choice", "Fail", "Succeed"):
            states[name].setdefault("Next", onward)
    if states[names[-1]]["Type"] not in ("Choice", "Fail", "Succeed"):
        states[names[-1]]["End"] = True
    return {"StartAt": names[0], "States": states}


def mapped(inner: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": inner, **fields}


def test_visits_are_numbered_as_they_begin_and_know_their_events() -> None:
    """Events: 1 started, 2 forked (both branches begin), 3 and 4 the branches end, 5 joined, 6 the Parallel ends."""
    branches = [chain(X={"Type": "Pass"}), chain(Y={"Type": "Pass"})]
    visits = fold(chain(P={"Type": "Parallel", "Branches": branches}, Z={"Type": "Succeed"})).visits
    assert shown(visits, "number", "path", "status", "began", "ended", "next_name") == [
        (1, "P", "SUCCEEDED", 1, 6, "Z"),
        (2, "P[0]/X", "SUCCEEDED", 2, 3, None),
        (3, "P[1]/Y", "SUCCEEDED", 2, 4, None),
        (4, "Z", "SUCCEEDED", 6, 7, None),
    ]
    assert [v.parent.path if v.parent else None for v in visits] == [None, "P", "P", None]


def test_a_visit_knows_its_parent_and_its_item() -> None:
    inner = chain(X={"Type": "Pass"}, Y={"Type": "Pass"})
    made = fold(chain(M=mapped(inner, MaxConcurrency=1)), ["a", "b"])
    assert shown(made.visits, "path", "index", "input", "output") == [
        ("M", 0, ["a", "b"], ["a", "b"]),
        ("M[0]/X", 0, "a", "a"),
        ("M[0]/Y", 0, "a", "a"),
        ("M[1]/X", 1, "b", "b"),
        ("M[1]/Y", 1, "b", "b"),
    ]
    assert [(m.path, index, shown(visits, "path")) for m, index, visits in map_items(made)] == [
        ("M", 0, [("M[0]/X",), ("M[0]/Y",)]),
        ("M", 1, [("M[1]/X",), ("M[1]/Y",)]),
    ]


def test_nested_items_are_those_of_their_own_map() -> None:
    inner = chain(N=mapped(chain(X={"Type": "Pass"})))
    made = fold(chain(M=mapped(inner, MaxConcurrency=1)), [[1], [2, 3]])
    assert [(m.path, index) for m, index, _ in map_items(made)] == [
        ("M", 0), ("M[0]/N", 0), ("M", 1), ("M[1]/N", 0), ("M[1]/N", 1),
    ]  # fmt: skip


def test_waiting_and_backoff_are_told_apart_from_work() -> None:
    clock = asw.VirtualClock(0)

    def flaky(event: Any, context: Any) -> None:
        clock.advance(1)
        if context.attempt < 3:
            raise ValueError

    task = {"Type": "Task", "Resource": "f", "Retry": [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 4}]}
    made = fold(chain(A=task, B={"Type": "Wait", "Seconds": 10}), functions={"f": flaky}, clock=clock)
    assert shown(made.visits, "path", "entered", "exited", "wait_us", "tries") == [
        ("A", 0, 15_000_000, 12_000_000, 3),
        ("B", 15_000_000, 25_000_000, 10_000_000, 0),
    ]
    first, second, third = made.visits[0].attempts
    assert [(a.number, a.token, a.status, a.scheduled, a.finished) for a in (first, second, third)] == [
        (1, 1, "FAILED", 0, 1_000_000),
        (2, 3, "FAILED", 5_000_000, 6_000_000),
        (3, 5, "SUCCEEDED", 14_000_000, 15_000_000),
    ]


def test_a_parallel_that_is_retried_is_one_visit_with_new_ones_inside() -> None:
    fails = chain(X={"Type": "Fail", "Error": "E"})
    state = {"Type": "Parallel", "Branches": [fails], "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]}
    made = fold(chain(P=state))
    assert shown(made.visits, "path", "status", "tries", "error") == [
        ("P", "FAILED", 2, "E"),
        ("P[0]/X", "FAILED", 0, "E"),
        ("P[0]/X", "FAILED", 0, "E"),
    ]


def test_more_events_can_be_fed_later() -> None:
    definition = chain(A={"Type": "Wait", "Seconds": 5}, B={"Type": "Pass", "Result": 1})
    run = asw.run(definition, clock=asw.VirtualClock(0))
    events = list(run._events())
    piecewise = Fold(run.plan, run.input, 0)
    statuses = []
    for event in events:
        piecewise.feed([event])
        statuses.append([v.status for v in piecewise.visits])
    assert statuses == [["RUNNING"], ["WAITING"], ["RUNNING"], ["SUCCEEDED", "RUNNING"], ["SUCCEEDED", "SUCCEEDED"]]
    whole = run.fold()
    fields = ("number", "path", "status", "entered", "exited", "began", "ended", "input", "output")
    assert shown(piecewise.visits, *fields) == shown(whole.visits, *fields)
    assert (piecewise.last_at, piecewise.state.status) == (5_000_000, "SUCCEEDED")


def test_what_a_stop_ends_is_aborted_with_its_attempt() -> None:
    branches = [chain(X={"Type": "Wait", "Seconds": 9}), chain(Y={"Type": "Fail", "Error": "E"})]
    made = fold(chain(P={"Type": "Parallel", "Branches": branches}))
    assert shown(made.visits, "path", "status", "error", "exited") == [
        ("P", "FAILED", "E", 0),
        ("P[0]/X", "ABORTED", None, 0),
        ("P[1]/Y", "FAILED", "E", 0),
    ]
