"""Two histories worked out by hand, and every table of them: all values, columns and dtypes.

Both run on a virtual clock that only the functions and the timers move, so every time is exact.
"""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import UUID

import pandas
import pytest

import asw_nb as asw
from asw_nb.analysis import tables
from tests.analysis.worked_out import START, TYPES, check, rows

CELL = """
def load(event, context):
    clock.advance(0.25)
    print("attempt", context.attempt)
    if context.attempt == 1:
        raise TaskError("Busy", "locked")
    context.metric(step=0, rows=3)
    return [4, 0, 5]

def invert(event, context):
    clock.advance(0.5)
    context.log(f"1/{event}")
    return 1 / event

def fetch(event):
    clock.advance(1)
    return {"got": event["city"]}
"""
"""Functions of a notebook's cell: a traceback names the cell and a line of it."""


def start(definition: dict[str, Any], input: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> asw.Execution:
    clock = asw.VirtualClock(START)
    cell = {"clock": clock, "TaskError": asw.TaskError}
    exec(compile(CELL, "cell", "exec"), cell)
    functions = {name: cell[name] for name in ("load", "invert", "fetch")}
    monkeypatch.setattr("asw_nb.backends.context.random_id", lambda: str(UUID(int=7)))
    return asw.run(definition, input, functions=functions, workflow="etl", name=name, clock=clock, executor="inline")


def cause(error: str, message: str, line: int, function: str) -> str:
    told = {"errorMessage": message, "errorType": error, "requestId": str(UUID(int=7))}
    return json.dumps({**told, "stackTrace": [f'  File "cell", line {line}, in {function}\n']}, separators=(",", ":"))


# ------------------------------------------------------------------- a retry, a Map with a failing item, a catch

ETL = {
    "StartAt": "Load",
    "States": {
        "Load": {
            "Type": "Task",
            "Resource": "load",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2}],
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "MaxConcurrency": 2,
            "ItemProcessor": {
                "StartAt": "Invert",
                "States": {"Invert": {"Type": "Task", "Resource": "py:invert", "End": True}},
            },
            "Catch": [{"ErrorEquals": ["ZeroDivisionError"], "Next": "Saved", "ResultPath": None}],
            "End": True,
        },
        "Saved": {"Type": "Pass", "Result": "saved", "End": True},
    },
}
ETL_ID = "arn:aws:states:local:000000000000:execution:etl:retried"
BUSY, ZERO = cause("Busy", "locked", 6, "load"), cause("ZeroDivisionError", "division by zero", 13, "invert")


@pytest.fixture
def etl(monkeypatch: pytest.MonkeyPatch) -> asw.Execution:
    return start(ETL, {"day": 1}, "retried", monkeypatch)


def test_states_of_a_run_with_retry_map_and_catch(etl: asw.Execution) -> None:
    items, error = [4, 0, 5], "ZeroDivisionError"
    expected = [
        (1, "Load", "Load", "Task", "SUCCEEDED", 0, 2.5, 2.5, 2, 2.0, "load", {"day": 1}, items, None, None),
        (2, "Each", "Each", "Map", "CAUGHT", 2.5, 3.5, 1.0, 1, 0.0, None, items, items, error, ZERO),
        (3, "Each[0]/Invert", "Invert", "Task", "SUCCEEDED", 2.5, 3.5, 1.0, 1, 0.0, "py:invert", 4, 0.25, None, None),
        (4, "Each[1]/Invert", "Invert", "Task", "FAILED", 2.5, 3.5, 1.0, 1, 0.0, "py:invert", 0, None, error, ZERO),
        (5, "Saved", "Saved", "Pass", "SUCCEEDED", 3.5, 3.5, 0.0, 0, 0.0, None, items, "saved", None, None),
    ]
    check(etl.states(), tables.STATES, ETL_ID, expected)


def test_attempts_of_a_run_with_retry_map_and_catch(etl: asw.Execution) -> None:
    """Inline, the second item waits in the queue while the first one runs."""
    zero = "ZeroDivisionError"
    expected = [
        (1, "Load", "Load", 1, "FAILED", 0, 0, 0.25, 0.0, 0.25, "inline", "Busy", BUSY),
        (1, "Load", "Load", 2, "SUCCEEDED", 2.25, 2.25, 2.5, 0.0, 0.25, "inline", None, None),
        (3, "Each[0]/Invert", "Invert", 1, "SUCCEEDED", 2.5, 2.5, 3.0, 0.0, 0.5, "inline", None, None),
        (4, "Each[1]/Invert", "Invert", 1, "FAILED", 2.5, 3.0, 3.5, 0.5, 0.5, "inline", zero, ZERO),
    ]
    check(etl.attempts(), tables.ATTEMPTS, ETL_ID, expected)


def entered(name: str, input: str) -> dict[str, Any]:
    return {"name": name, "input": input, "inputDetails": {"truncated": False}}


def exited(name: str, output: str) -> dict[str, Any]:
    return {"name": name, "output": output, "outputDetails": {"truncated": False}}


def scheduled(resource: str, input: str) -> dict[str, Any]:
    return {"resource": resource, "input": input, "inputDetails": {"truncated": False}}


def gave(output: str) -> dict[str, Any]:
    return {"output": output, "outputDetails": {"truncated": False}}


def begun(input: str) -> dict[str, Any]:
    limits = {"inputDetails": {"truncated": False}, "roleArn": "arn:aws:iam::000000000000:role/local"}
    return {"input": input, **limits}


def test_events_of_a_run_with_retry_map_and_catch(etl: asw.Execution) -> None:
    day, items = '{"day":1}', "[4,0,5]"
    first, second = ("Each[0]/Invert", "Invert"), ("Each[1]/Invert", "Invert")
    load, each = ("Load", "Load"), ("Each", "Each")
    expected = [
        (1, 0, 0, "ExecutionStarted", None, None, begun(day)),
        (2, 0, 0, "TaskStateEntered", *load, entered("Load", day)),
        (3, 2, 0, "LambdaFunctionScheduled", *load, scheduled("load", day)),
        (4, 3, 0, "LambdaFunctionStarted", *load, None),
        (5, 4, 0.25, "LambdaFunctionFailed", *load, {"error": "Busy", "cause": BUSY}),
        (6, 5, 2.25, "LambdaFunctionScheduled", *load, scheduled("load", day)),
        (7, 6, 2.25, "LambdaFunctionStarted", *load, None),
        (8, 7, 2.5, "LambdaFunctionSucceeded", *load, gave(items)),
        (9, 8, 2.5, "TaskStateExited", *load, exited("Load", items)),
        (10, 9, 2.5, "MapStateEntered", *each, entered("Each", items)),
        (11, 10, 2.5, "MapStateStarted", *each, {"length": 3}),
        (12, 11, 2.5, "MapIterationStarted", "Each[0]", "Each", {"name": "Each", "index": 0}),
        (13, 12, 2.5, "TaskStateEntered", *first, entered("Invert", "4")),
        (14, 11, 2.5, "MapIterationStarted", "Each[1]", "Each", {"name": "Each", "index": 1}),
        (15, 14, 2.5, "TaskStateEntered", *second, entered("Invert", "0")),
        (16, 13, 2.5, "LambdaFunctionScheduled", *first, scheduled("py:invert", "4")),
        (17, 16, 2.5, "LambdaFunctionStarted", *first, None),
        (18, 15, 2.5, "LambdaFunctionScheduled", *second, scheduled("py:invert", "0")),
        (19, 18, 3.0, "LambdaFunctionStarted", *second, None),
        (20, 17, 3.0, "LambdaFunctionSucceeded", *first, gave("0.25")),
        (21, 19, 3.5, "LambdaFunctionFailed", *second, {"error": "ZeroDivisionError", "cause": ZERO}),
        (22, 20, 3.5, "TaskStateExited", *first, exited("Invert", "0.25")),
        (23, 22, 3.5, "MapIterationSucceeded", "Each[0]", "Each", {"name": "Each", "index": 0}),
        (24, 21, 3.5, "TaskStateAborted", *second, None),
        (25, 21, 3.5, "MapIterationFailed", "Each[1]", "Each", {"name": "Each", "index": 1}),
        (26, 21, 3.5, "MapStateFailed", *each, None),
        (27, 26, 3.5, "MapStateExited", *each, exited("Each", items)),
        (28, 27, 3.5, "PassStateEntered", "Saved", "Saved", entered("Saved", items)),
        (29, 28, 3.5, "PassStateExited", "Saved", "Saved", exited("Saved", '"saved"')),
        (30, 29, 3.5, "ExecutionSucceeded", None, None, gave('"saved"')),
    ]
    check(etl.events(), tables.EVENTS, ETL_ID, expected)


def test_map_items_metrics_and_logs_of_a_run_with_retry_map_and_catch(etl: asw.Execution) -> None:
    items = [
        ("Each", 0, "SUCCEEDED", 2.5, 3.5, 1.0, 1, 4, 0.25, None, None),
        ("Each", 1, "FAILED", 2.5, 3.5, 1.0, 1, 0, None, "ZeroDivisionError", ZERO),
    ]
    check(etl.map_items(), tables.MAP_ITEMS, ETL_ID, items)
    check(etl.metrics(), tables.METRICS, ETL_ID, [("Load", "Load", 2, 0, "rows", 3.0, 2.5)])
    logs = [
        ("Load", "Load", 1, 0.25, "stdout", "attempt 1"),
        ("Load", "Load", 2, 2.5, "stdout", "attempt 2"),
        ("Each[0]/Invert", "Invert", 1, 3.0, "log", "1/4"),
        ("Each[1]/Invert", "Invert", 1, 3.5, "log", "1/0"),
    ]
    check(etl.logs(), tables.LOGS, ETL_ID, logs)


# ------------------------------------------------------------------------------------- a Parallel and Waits

TRIP = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Rest",
                    "States": {
                        "Rest": {"Type": "Wait", "Seconds": 30, "Next": "Fetch"},
                        "Fetch": {"Type": "Task", "Resource": "fetch", "TimeoutSeconds": 60, "End": True},
                    },
                },
                {"StartAt": "Now", "States": {"Now": {"Type": "Task", "Resource": "fetch", "End": True}}},
            ],
            "ResultPath": "$.both",
            "Next": "Until",
        },
        "Until": {"Type": "Wait", "Timestamp": "2023-11-14T22:14:20Z", "Next": "Enough"},
        "Enough": {"Type": "Fail", "Error": "Enough", "Cause": "of it"},
    },
}
TRIP_ID = "arn:aws:states:local:000000000000:execution:etl:waited"
CITY, GOT = {"city": "Ulm"}, {"got": "Ulm"}
BOTH = {**CITY, "both": [GOT, GOT]}


@pytest.fixture
def trip(monkeypatch: pytest.MonkeyPatch) -> asw.Execution:
    return start(TRIP, CITY, "waited", monkeypatch)


def test_states_and_attempts_of_a_run_with_parallel_and_waits(trip: asw.Execution) -> None:
    now, fetch = ("Both[1]/Now", "Now"), ("Both[0]/Fetch", "Fetch")
    states = [
        (1, "Both", "Both", "Parallel", "SUCCEEDED", 0, 31, 31.0, 1, 0.0, None, CITY, BOTH, None, None),
        (2, "Both[0]/Rest", "Rest", "Wait", "SUCCEEDED", 0, 30, 30.0, 0, 30.0, None, CITY, CITY, None, None),
        (3, *now, "Task", "SUCCEEDED", 0, 1, 1.0, 1, 0.0, "fetch", CITY, GOT, None, None),
        (4, *fetch, "Task", "SUCCEEDED", 30, 31, 1.0, 1, 0.0, "fetch", CITY, GOT, None, None),
        (5, "Until", "Until", "Wait", "SUCCEEDED", 31, 60, 29.0, 0, 29.0, None, BOTH, BOTH, None, None),
        (6, "Enough", "Enough", "Fail", "FAILED", 60, 60, 0.0, 0, 0.0, None, BOTH, None, "Enough", "of it"),
    ]
    attempts = [
        (3, *now, 1, "SUCCEEDED", 0, 0, 1, 0.0, 1.0, "inline", None, None),
        (4, *fetch, 1, "SUCCEEDED", 30, 30, 31, 0.0, 1.0, "inline", None, None),
    ]
    check(trip.states(), tables.STATES, TRIP_ID, states)
    check(trip.attempts(), tables.ATTEMPTS, TRIP_ID, attempts)


def test_events_of_a_run_with_parallel_and_waits(trip: asw.Execution) -> None:
    city, got = '{"city":"Ulm"}', '{"got":"Ulm"}'
    both = f'{{"city":"Ulm","both":[{got},{got}]}}'
    par, rest, now, fetch = (
        ("Both", "Both"),
        ("Both[0]/Rest", "Rest"),
        ("Both[1]/Now", "Now"),
        ("Both[0]/Fetch", "Fetch"),
    )
    until, enough = ("Until", "Until"), ("Enough", "Enough")
    expected = [
        (1, 0, 0, "ExecutionStarted", None, None, begun(city)),
        (2, 0, 0, "ParallelStateEntered", *par, entered("Both", city)),
        (3, 2, 0, "ParallelStateStarted", *par, None),
        (4, 3, 0, "WaitStateEntered", *rest, entered("Rest", city)),
        (5, 3, 0, "TaskStateEntered", *now, entered("Now", city)),
        (6, 5, 0, "LambdaFunctionScheduled", *now, scheduled("fetch", city)),
        (7, 6, 0, "LambdaFunctionStarted", *now, None),
        (8, 7, 1, "LambdaFunctionSucceeded", *now, gave(got)),
        (9, 8, 1, "TaskStateExited", *now, exited("Now", got)),
        (10, 4, 30, "WaitStateExited", *rest, exited("Rest", city)),
        (11, 10, 30, "TaskStateEntered", *fetch, entered("Fetch", city)),
        (12, 11, 30, "LambdaFunctionScheduled", *fetch, {**scheduled("fetch", city), "timeoutInSeconds": 60}),
        (13, 12, 30, "LambdaFunctionStarted", *fetch, None),
        (14, 13, 31, "LambdaFunctionSucceeded", *fetch, gave(got)),
        (15, 14, 31, "TaskStateExited", *fetch, exited("Fetch", got)),
        (16, 15, 31, "ParallelStateSucceeded", *par, None),
        (17, 15, 31, "ParallelStateExited", *par, exited("Both", both)),
        (18, 17, 31, "WaitStateEntered", *until, entered("Until", both)),
        (19, 18, 60, "WaitStateExited", *until, exited("Until", both)),
        (20, 19, 60, "FailStateEntered", *enough, entered("Enough", both)),
        (21, 20, 60, "ExecutionFailed", None, None, {"error": "Enough", "cause": "of it"}),
    ]
    check(trip.events(), tables.EVENTS, TRIP_ID, expected)


def test_what_did_not_happen_is_an_empty_table_of_the_same_columns(trip: asw.Execution) -> None:
    check(trip.map_items(), tables.MAP_ITEMS, TRIP_ID, [])
    check(trip.metrics(), tables.METRICS, TRIP_ID, [])
    check(trip.logs(), tables.LOGS, TRIP_ID, [])


# ------------------------------------------------------------------------------------- all executions


def test_executions_are_listed_newest_first(etl: asw.Execution, trip: asw.Execution) -> None:
    running = asw.workflow(TRIP, "slow", type="EXPRESS").start(CITY, functions={"fetch": dict}, tags={"team": "a"})
    frame = asw.executions()
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        n: TYPES[k] for n, k in tables.EXECUTIONS.items()
    }
    slow, *others = rows(frame)
    digest = [run.plan.digest for run in (etl, trip)]
    # waited and retried began at the same moment of their virtual clocks: the one that was made later comes first
    assert others == [
        (TRIP_ID, "waited", "etl", "STANDARD", "FAILED", 0, 60, 60.0, CITY, None, "Enough", "of it", 0, "inline", digest[1], {}),
        (ETL_ID, "retried", "etl", "STANDARD", "SUCCEEDED", 0, 3.5, 3.5, {"day": 1}, "saved", None, None, 0, "inline", digest[0], {}),
    ]  # fmt: skip
    assert (*slow[1:5], *slow[6:]) == (
        *(running.name, "slow", "EXPRESS", "RUNNING", None, None, CITY, None, None, None, 0, "local"),
        *(running.plan.digest, {"team": "a"}),
    )
    running.stop()
    assert rows(asw.executions(workflow="etl")) == others
    assert asw.executions(status="FAILED")["name"].tolist() == ["waited"]
    assert asw.executions(limit=2)["name"].tolist() == [running.name, "waited"]


def test_a_running_execution_has_open_ends_in_its_tables() -> None:
    now = threading.Event()
    run = asw.workflow(TRIP, "slow").start(CITY, functions={"fetch": lambda event: now.wait(30)})
    answered = threading.Event()
    assert run._run is not None
    run._run.listeners.append(lambda live, events: answered.set() if live.state.exited[-1] else None)
    now.set()
    assert answered.wait(30)
    status = run.states().set_index("path")[["status", "exited", "duration_s", "output"]].astype(object)
    assert status.where(status.notna(), None).loc["Both[0]/Rest"].tolist() == ["WAITING", None, None, None]
    assert status.where(status.notna(), None).loc["Both"].tolist() == ["RUNNING", None, None, None]
    run.stop()
    assert set(run.states()["status"]) == {"ABORTED", "SUCCEEDED"}


def test_lists_of_one_length_stay_lists() -> None:
    frame = tables.frame({"a": tables.JSON}, [([1, 2],), ([3, 4],)])
    assert frame["a"].tolist() == [[1, 2], [3, 4]]
    assert tables.frame({"a": tables.JSON}, [([5],)])["a"].tolist() == [[5]]


def test_a_time_is_exact_to_the_microsecond() -> None:
    frame = tables.frame({"at": tables.TIME}, [(1_700_000_000_123_457,), (None,)])
    assert frame["at"].tolist() == [pandas.Timestamp("2023-11-14T22:13:20.123457Z"), pandas.NaT]
