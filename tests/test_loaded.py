"""Histories that were exported from a cloud: the same tables as those of the execution itself."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

import asw_nb as asw
from asw_nb.errors import UsageError
from tests.analysis.executions import executions

TRIP: dict[str, Any] = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "ResultPath": "$.both",
            "Branches": [
                {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 3, "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "ItemsPath": "$.rows",
                            "MaxConcurrency": 1,
                            "ItemProcessor": {
                                "StartAt": "Load",
                                "States": {
                                    "Load": {"Type": "Task", "Resource": "load", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2}], "Next": "Note"},
                                    "Note": {"Type": "Pass", "End": True},
                                },
                            },
                            "End": True,
                        }
                    },
                },
            ],
            "Next": "Check",
        },
        "Check": {"Type": "Task", "Resource": "check", "Catch": [{"ErrorEquals": ["Bad"], "ResultPath": "$.error", "Next": "Give up"}], "End": True},
        "Give up": {"Type": "Fail", "Error": "GaveUp", "Cause": "no luck"},
    },
}  # fmt: skip


@pytest.fixture
def trip() -> asw.Execution:
    clock = asw.VirtualClock(1_700_000_000)

    def load(event: int, context: Any) -> int:
        clock.advance(1)
        if event == 2 and context.attempt == 1:
            raise asw.TaskError("Busy", "locked")
        return event

    def check(event: Any) -> None:
        clock.advance(1)
        raise asw.TaskError("Bad", "wrong sum")

    return asw.run(TRIP, {"rows": [1, 2]}, functions={"load": load, "check": check}, workflow="trip", name="t1", clock=clock, executor="inline")


def same(own: pd.DataFrame, loaded: pd.DataFrame) -> None:
    """Equal but for what no history tells: the worker."""
    drop = [c for c in ("worker",) if c in own]
    pd.testing.assert_frame_equal(own.drop(columns=drop).astype(object), loaded.drop(columns=drop).astype(object))


def exported(run: asw.Execution) -> str:
    return json.dumps({"events": run.history("aws"), "executionArn": run.id}, default=lambda moment: moment.isoformat())


def test_an_exported_history_of_aws_gives_the_tables_of_the_execution(trip: asw.Execution) -> None:
    loaded = asw.load_history(exported(trip), definition=TRIP)
    for name in ("states", "attempts", "map_items", "events"):
        same(getattr(trip, name)(), getattr(loaded, name)())
    assert (loaded.id, loaded.name, loaded.workflow, loaded.status) == (trip.id, "t1", "trip", "FAILED")
    assert (loaded.input, loaded.output, loaded.error, loaded.cause) == ({"rows": [1, 2]}, None, "GaveUp", "no luck")
    assert repr(loaded) == "asw run trip/t1 | FAILED | GaveUp | 6.0 s | loaded from aws"
    assert loaded.metrics().empty and loaded.logs().empty
    assert repr(loaded.summary()) == repr(trip.summary())
    assert repr(loaded.timeline()) == repr(trip.timeline())
    assert 'alt="graph of trip, FAILED"' in loaded.graph().html


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(executions())
def test_every_exported_history_gives_the_same_attempts_and_visits(run: asw.Execution) -> None:
    assume(run._latest().redrives == 0)
    loaded = asw.load_history(exported(run))
    same(run.attempts(), loaded.attempts())
    own, other = run.states(), loaded.states()
    # a task that failed inside a Parallel which waited to be tried again when the execution was ended, and one that waited itself: the
    # cloud's history has the same events for both
    for table in (own, other):
        badly = table["status"].isin(("FAILED", "ABORTED", "TIMED_OUT")) & table["path"].str.contains("[", regex=False)
        table["status"] = table["status"].mask(badly, "ended badly")
        # what was ended before it was scheduled has no event that names its resource
        table["resource"] = table["resource"].mask(table["attempts"] == 0, None)
    told = ["visit", "path", "type", "status", "entered", "attempts", "resource", "input"]
    pd.testing.assert_frame_equal(own[told].astype(object), other[told].astype(object))
    # the cloud's history has no event for the end of what failed or was ended with it
    left = own["status"].isin(("SUCCEEDED", "CAUGHT"))
    assert own["exited"][left].tolist() == other["exited"][left].tolist()
    assert loaded.status == run.status
    summary, again = run.summary(), loaded.summary()
    assert (summary.duration_s, summary.busy_s, summary.attempts, summary.retries) == (again.duration_s, again.busy_s, again.attempts, again.retries)


def test_a_runtime_error_in_a_branch_fails_what_it_stands_in() -> None:
    gone = {"StartAt": "Gone", "States": {"Gone": {"Type": "Pass", "Parameters": {"x.$": "$.gone"}, "End": True}}}
    rest = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 9, "End": True}}}
    flow = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [rest, gone], "End": True}}}
    run = asw.run(flow, clock=asw.VirtualClock(1_700_000_000), executor="inline", workflow="w", name="r")
    own, loaded = run.states(), asw.load_history(exported(run)).states()
    for table in (own, loaded):
        assert table["path"].tolist() == ["Both", "Both[0]/Rest", "Both[1]/Gone"]
        assert table["status"].tolist() == ["FAILED", "ABORTED", "FAILED"]
        assert table["error"].tolist()[::2] == ["States.Runtime", "States.Runtime"]


def test_a_parallel_inside_one_that_is_tried_again_ends_when_it_failed() -> None:
    clock = asw.VirtualClock(1_700_000_000)

    def work(event: Any) -> None:
        clock.advance(1)
        raise asw.TaskError("Busy")

    def around(name: str, state: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"Type": "Parallel", "Branches": [{"StartAt": name, "States": {name: state}}], **more, "End": True}

    inner = around("Work", {"Type": "Task", "Resource": "work", "End": True})
    outer = around("Inner", inner, Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1}])
    flow = {"StartAt": "Outer", "States": {"Outer": outer}}
    run = asw.run(flow, functions={"work": work}, clock=clock, executor="inline", workflow="w", name="r")
    loaded = asw.load_history(exported(run), definition=flow).states()
    same(run.states(), loaded)
    assert loaded["path"].tolist() == ["Outer", "Outer[0]/Inner", "Outer[0]/Inner[0]/Work", "Outer[0]/Inner", "Outer[0]/Inner[0]/Work"]
    assert loaded["duration_s"].tolist() == [5.0, 1.0, 1.0, 1.0, 1.0]


def test_a_redriven_history_of_aws_has_both_lives() -> None:
    clock, broken = asw.VirtualClock(1_700_000_000), [True]

    def work(event: Any) -> str:
        clock.advance(1)
        if broken[0]:
            raise asw.TaskError("Down")
        return "up"

    flow = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "work", "End": True}}}
    run = asw.run(flow, functions={"work": work}, clock=clock, executor="inline", workflow="w", name="r")
    broken[0] = False
    run.redrive(functions={"work": work}, clock=clock, executor="inline").wait()
    loaded = asw.load_history(exported(run))
    same(run.states(), loaded.states())
    same(run.attempts(), loaded.attempts())
    assert loaded._latest().redrives == 1


def test_a_history_of_tencent_gives_visits_and_one_attempt_each(trip: asw.Execution) -> None:
    loaded = asw.load_history({"Response": {"Events": trip.history("tencent")}})
    columns = ["path", "state", "type", "entered", "exited", "input"]
    own = trip.states()
    pd.testing.assert_frame_equal(own[columns].astype(object), loaded.states()[columns].astype(object))
    assert loaded.attempts()[["path", "attempt", "duration_s"]].to_numpy().tolist() == [
        ["Both[1]/Each[0]/Load", 1, 1.0], ["Both[1]/Each[1]/Load", 1, 4.0], ["Check", 1, 1.0],
    ]  # fmt: skip
    assert repr(loaded) == "asw run trip/t1 | FAILED | GaveUp | 6.0 s | loaded from tencent"


def test_contents_that_are_no_json_stay_text() -> None:
    events = [
        {"EventId": 1, "EventCategory": "ExecutionStart", "StepName": "START", "Timestamp": "1619597000000", "Content": "{'input': 1}", "Exception": ""},
        {"EventId": 2, "EventCategory": "TaskNodeEnter", "StepName": "sum", "ResourceName": "qrn:sum", "Timestamp": "1619597000100", "Content": "{values=[1]}", "Exception": ""},
        {"EventId": 3, "EventCategory": "TaskNodeExit", "StepName": "sum", "ResourceName": "qrn:sum", "Timestamp": "1619597001100", "Content": '{"output": 15, "next": "[\'END\']"}', "Exception": ""},
        {"EventId": 4, "EventCategory": "Unknown", "StepName": "END", "Timestamp": "1619597001100", "Content": "null", "Exception": ""},
    ]  # fmt: skip
    loaded = asw.load_history(events, workflow="first", name="one")
    assert loaded.states()[["path", "status", "duration_s", "resource", "input", "output"]].to_numpy().tolist() == [["sum", "SUCCEEDED", 1.0, "qrn:sum", "{values=[1]}", 15]]
    assert (loaded.status, loaded.output) == ("SUCCEEDED", 15)


def test_a_file_is_read_and_named_after(tmp_path: Any, trip: asw.Execution) -> None:
    path = tmp_path / "monday.json"
    path.write_text(json.dumps(json.loads(exported(trip))["events"]), encoding="utf-8")
    assert (asw.load_history(path).name, asw.load_history(path).workflow) == ("monday", "loaded")
    assert len(asw.states([trip, asw.load_history(path)])) == 2 * len(trip.states())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("[1, 2]", r'^history holds no history: it must be a list of events, or an answer that has one under "events" or "Events".$'),
        ("{not json", r"^history is no JSON: Expecting property name"),
        ("nowhere.json", r'^the history "nowhere.json" cannot be read: No such file or directory.$'),
        ([{"type": "X", "id": 1}], r"^an event's timestamp None cannot be read: it must be a date such as 2026-11-02T12:00:00Z, or seconds since 1970.$"),
        ([{"hello": 1}], r"^this is no history of AWS Step Functions: every event must have an id and a type.$"),
        ([{"EventCategory": "X"}], r"^this is no history of Tencent ASW: every event must have an EventCategory and a Timestamp.$"),
    ],
)
def test_what_is_no_history_is_refused(source: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        asw.load_history(source)


def test_without_a_definition_there_is_no_graph(trip: asw.Execution) -> None:
    with pytest.raises(UsageError, match=r"^a history says nothing of how states are connected: load it with definition= to see the graph.$"):
        asw.load_history(exported(trip)).graph()
