"""A third history worked out by hand, with all in one: a Map whose failures are tolerated, a Parallel, a Wait, a retry, a failure, a second life after a
redrive, and an error that is caught.

In seconds after the start::

    0    Each: items 0 and 1 begin; item 0 works 1 s              51    redrive: Both, and Write with it, begin again
    1    item 1 works 1 s and fails: tolerated                    51    Write works 2 s
    2    Both: Rest waits 3 s; Write works 2 s, fails, and        53    Both ends; Mail works 4 s and fails, which is caught
         after a backoff of 1 s works 2 s more and fails at 7     57    Done

The virtual clock only moves when a function works or everything waits, and one function works at a time.
"""

from __future__ import annotations

import json
from typing import Any

import pandas
import pytest

import asw_nb as asw
from asw_nb.analysis import tables
from tests.analysis.worked_out import START, check

FLOW: dict[str, Any] = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.rows",
            "ToleratedFailureCount": 1,
            "ItemProcessor": {"StartAt": "Clean", "States": {"Clean": {"Type": "Task", "Resource": "clean", "End": True}}},
            "ResultPath": "$.rows",
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 3, "End": True}}},
                {
                    "StartAt": "Write",
                    "States": {
                        "Write": {
                            "Type": "Task",
                            "Resource": "write",
                            "Retry": [{"ErrorEquals": ["Full"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                            "End": True,
                        }
                    },
                },
            ],
            "ResultPath": "$.both",
            "Next": "Mail",
        },
        "Mail": {
            "Type": "Task",
            "Resource": "mail",
            "Catch": [{"ErrorEquals": ["Offline"], "ResultPath": None, "Next": "Done"}],
            "End": True,
        },
        "Done": {"Type": "Succeed"},
    },
}
ID = "arn:aws:states:local:000000000000:execution:etl:twice"
INPUT, CLEANED, WRITTEN = {"rows": [1, 0]}, {"rows": [2]}, {"rows": [2], "both": [{"rows": [2]}, "written"]}


@pytest.fixture
def run() -> asw.Execution:
    clock = asw.VirtualClock(START)
    full = [True]

    def clean(event: int, context: Any) -> int:
        clock.advance(1)
        if event == 0:
            raise asw.TaskError("Empty", "no rows")
        context.metric(step=1, loss=float("nan"), rate=float("inf"))
        return 2 * event

    def write(event: Any, context: Any) -> str:
        clock.advance(2)
        if full[0]:
            raise asw.TaskError("Full", "the disk")
        context.log("ok")
        return "written"

    def mail(event: Any) -> None:
        clock.advance(4)
        raise asw.TaskError("Offline", "no line")

    functions = {"clean": clean, "write": write, "mail": mail}
    run = asw.run(FLOW, INPUT, functions=functions, workflow="etl", name="twice", clock=clock, executor="inline")
    assert run.status == "FAILED"
    clock.advance(44)
    full[0] = False
    return run.redrive(functions=functions, clock=clock, executor="inline").wait()


def brief(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The table with the message alone of each function's error object: its traceback names a line of this file."""
    causes = [None if cause is None else json.loads(cause)["errorMessage"] for cause in frame["cause"]]
    return frame.assign(cause=pandas.Series(causes, dtype=object))


def test_states_of_two_lives(run: asw.Execution) -> None:
    rest, write = ("Both[0]/Rest", "Rest", "Wait"), ("Both[1]/Write", "Write", "Task")
    expected = [
        (1, "Each", "Each", "Map", "SUCCEEDED", 0, 2, 2.0, 1, 0.0, None, INPUT, CLEANED, None, None),
        (2, "Each[0]/Clean", "Clean", "Task", "SUCCEEDED", 0, 2, 2.0, 1, 0.0, "clean", 1, 2, None, None),
        (3, "Each[1]/Clean", "Clean", "Task", "FAILED", 0, 2, 2.0, 1, 0.0, "clean", 0, None, "Empty", "no rows"),
        (4, "Both", "Both", "Parallel", "FAILED", 2, 7, 5.0, 1, 0.0, None, CLEANED, None, "Full", "the disk"),
        (5, *rest, "SUCCEEDED", 2, 5, 3.0, 0, 3.0, None, CLEANED, CLEANED, None, None),
        (6, *write, "FAILED", 2, 7, 5.0, 2, 1.0, "write", CLEANED, None, "Full", "the disk"),
        (7, "Both", "Both", "Parallel", "SUCCEEDED", 51, 53, 2.0, 0, 0.0, None, CLEANED, WRITTEN, None, None),
        (8, *write, "SUCCEEDED", 51, 53, 2.0, 1, 0.0, "write", CLEANED, "written", None, None),
        (9, "Mail", "Mail", "Task", "CAUGHT", 53, 57, 4.0, 1, 0.0, "mail", WRITTEN, WRITTEN, "Offline", "no line"),
        (10, "Done", "Done", "Succeed", "SUCCEEDED", 57, 57, 0.0, 0, 0.0, None, WRITTEN, WRITTEN, None, None),
    ]
    check(brief(run.states()), tables.STATES, ID, expected)


def test_attempts_of_two_lives(run: asw.Execution) -> None:
    first, second, write = ("Each[0]/Clean", "Clean"), ("Each[1]/Clean", "Clean"), ("Both[1]/Write", "Write")
    expected = [
        (2, *first, 1, "SUCCEEDED", 0, 0, 1, 0.0, 1.0, "inline", None, None),
        (3, *second, 1, "FAILED", 0, 1, 2, 1.0, 1.0, "inline", "Empty", "no rows"),
        (6, *write, 1, "FAILED", 2, 2, 4, 0.0, 2.0, "inline", "Full", "the disk"),
        (6, *write, 2, "FAILED", 5, 5, 7, 0.0, 2.0, "inline", "Full", "the disk"),
        (8, *write, 1, "SUCCEEDED", 51, 51, 53, 0.0, 2.0, "inline", None, None),
        (9, "Mail", "Mail", 1, "FAILED", 53, 53, 57, 0.0, 4.0, "inline", "Offline", "no line"),
    ]
    check(brief(run.attempts()), tables.ATTEMPTS, ID, expected)


def test_map_items_metrics_and_logs_of_two_lives(run: asw.Execution) -> None:
    check(brief(run.map_items()), tables.MAP_ITEMS, ID, [
        ("Each", 0, "SUCCEEDED", 0, 2, 2.0, 1, 1, 2, None, None),
        ("Each", 1, "FAILED", 0, 2, 2.0, 1, 0, None, "Empty", "no rows"),
    ])  # fmt: skip
    metrics = [("Each[0]/Clean", "Clean", 1, 1, "loss", None, 1), ("Each[0]/Clean", "Clean", 1, 1, "rate", float("inf"), 1)]
    check(run.metrics(), tables.METRICS, ID, metrics)
    check(run.logs(), tables.LOGS, ID, [("Both[1]/Write", "Write", 1, 53, "log", "ok")])


def test_events_of_two_lives(run: asw.Execution) -> None:
    each, first, second = ("Each", "Each"), ("Each[0]/Clean", "Clean"), ("Each[1]/Clean", "Clean")
    both, rest, write, top = ("Both", "Both"), ("Both[0]/Rest", "Rest"), ("Both[1]/Write", "Write"), (None, None)
    mail = "Mail", "Mail"
    frame = run.events().drop(columns="details")
    columns = {name: kind for name, kind in tables.EVENTS.items() if name != "details"}
    check(frame, columns, ID, [
        (1, 0, 0, "ExecutionStarted", *top),
        (2, 0, 0, "MapStateEntered", *each),
        (3, 2, 0, "MapStateStarted", *each),
        (4, 3, 0, "MapIterationStarted", "Each[0]", "Each"),
        (5, 4, 0, "TaskStateEntered", *first),
        (6, 3, 0, "MapIterationStarted", "Each[1]", "Each"),
        (7, 6, 0, "TaskStateEntered", *second),
        (8, 5, 0, "LambdaFunctionScheduled", *first),
        (9, 8, 0, "LambdaFunctionStarted", *first),
        (10, 7, 0, "LambdaFunctionScheduled", *second),
        (11, 10, 1, "LambdaFunctionStarted", *second),
        (12, 9, 1, "LambdaFunctionSucceeded", *first),
        (13, 11, 2, "LambdaFunctionFailed", *second),
        (14, 12, 2, "TaskStateExited", *first),
        (15, 14, 2, "MapIterationSucceeded", "Each[0]", "Each"),
        (16, 13, 2, "TaskStateAborted", *second),
        (17, 13, 2, "MapIterationFailed", "Each[1]", "Each"),
        (18, 15, 2, "MapStateSucceeded", *each),
        (19, 15, 2, "MapStateExited", *each),
        (20, 19, 2, "ParallelStateEntered", *both),
        (21, 20, 2, "ParallelStateStarted", *both),
        (22, 21, 2, "WaitStateEntered", *rest),
        (23, 21, 2, "TaskStateEntered", *write),
        (24, 23, 2, "LambdaFunctionScheduled", *write),
        (25, 24, 2, "LambdaFunctionStarted", *write),
        (26, 25, 4, "LambdaFunctionFailed", *write),
        (27, 22, 5, "WaitStateExited", *rest),
        (28, 26, 5, "LambdaFunctionScheduled", *write),
        (29, 28, 5, "LambdaFunctionStarted", *write),
        (30, 29, 7, "LambdaFunctionFailed", *write),
        (31, 30, 7, "TaskStateAborted", *write),
        (32, 30, 7, "ParallelStateFailed", *both),
        (33, 32, 7, "ExecutionFailed", *top),
        (34, 33, 51, "ExecutionRedriven", *top),
        (35, 34, 51, "LambdaFunctionScheduled", *write),
        (36, 35, 51, "LambdaFunctionStarted", *write),
        (37, 36, 53, "LambdaFunctionSucceeded", *write),
        (38, 37, 53, "TaskStateExited", *write),
        (39, 38, 53, "ParallelStateSucceeded", *both),
        (40, 38, 53, "ParallelStateExited", *both),
        (41, 40, 53, "TaskStateEntered", *mail),
        (42, 41, 53, "LambdaFunctionScheduled", *mail),
        (43, 42, 53, "LambdaFunctionStarted", *mail),
        (44, 43, 57, "LambdaFunctionFailed", *mail),
        (45, 44, 57, "TaskStateExited", *mail),
        (46, 45, 57, "SucceedStateEntered", "Done", "Done"),
        (47, 46, 57, "SucceedStateExited", "Done", "Done"),
        (48, 47, 57, "ExecutionSucceeded", *top),
    ])  # fmt: skip


def test_the_execution_of_two_lives(run: asw.Execution) -> None:
    expected = [
        ("twice", "etl", "STANDARD", "SUCCEEDED", 0, 57, 57.0, INPUT, WRITTEN, None, None, 1, "inline", run.plan.digest, {}),
    ]  # fmt: skip
    check(asw.executions(), tables.EXECUTIONS, ID, expected)


def test_the_same_is_read_from_the_file_in_another_handle(run: asw.Execution) -> None:
    other = asw.execution("twice")
    other._run = None
    for name in ("states", "attempts", "events", "map_items", "metrics", "logs"):
        assert getattr(other, name)().equals(getattr(run, name)()), name
