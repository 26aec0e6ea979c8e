"""The history in the cloud's words, whole: every key of every event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.history.cloud import moment, text

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::000000000000:role/local"
FULL = {"truncated": False}


def history(definition: dict[str, Any], input: Any = None, **options: Any) -> list[dict[str, Any]]:
    options = {"clock": asw.VirtualClock(START.timestamp()), "executor": "inline", "name": "run", **options}
    return asw.run(definition, input, workflow="flow", **options).history()


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_small_execution_event_by_event() -> None:
    definition = {
        "StartAt": "Add",
        "States": {
            "Add": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:1:function:add", "Next": "Rest"},
            "Rest": {"Type": "Wait", "Seconds": 2, "End": True},
        },
    }
    clock = asw.VirtualClock(START.timestamp())

    def add(event: Any) -> int:
        clock.advance(0.5)
        return sum(event)

    assert history(definition, [1, 2], functions={"add": add}, clock=clock) == [
        {
            "timestamp": after(0),
            "type": "ExecutionStarted",
            "id": 1,
            "previousEventId": 0,
            "executionStartedEventDetails": {"input": "[1,2]", "inputDetails": FULL, "roleArn": ROLE},
        },
        {
            "timestamp": after(0),
            "type": "TaskStateEntered",
            "id": 2,
            "previousEventId": 0,
            "stateEnteredEventDetails": {"name": "Add", "input": "[1,2]", "inputDetails": FULL},
        },
        {
            "timestamp": after(0),
            "type": "LambdaFunctionScheduled",
            "id": 3,
            "previousEventId": 2,
            "lambdaFunctionScheduledEventDetails": {
                "resource": "arn:aws:lambda:eu-west-1:1:function:add",
                "input": "[1,2]",
                "inputDetails": FULL,
            },
        },
        {"timestamp": after(0), "type": "LambdaFunctionStarted", "id": 4, "previousEventId": 3},
        {
            "timestamp": after(0.5),
            "type": "LambdaFunctionSucceeded",
            "id": 5,
            "previousEventId": 4,
            "lambdaFunctionSucceededEventDetails": {"output": "3", "outputDetails": FULL},
        },
        {
            "timestamp": after(0.5),
            "type": "TaskStateExited",
            "id": 6,
            "previousEventId": 5,
            "stateExitedEventDetails": {"name": "Add", "output": "3", "outputDetails": FULL},
        },
        {
            "timestamp": after(0.5),
            "type": "WaitStateEntered",
            "id": 7,
            "previousEventId": 6,
            "stateEnteredEventDetails": {"name": "Rest", "input": "3", "inputDetails": FULL},
        },
        {
            "timestamp": after(2.5),
            "type": "WaitStateExited",
            "id": 8,
            "previousEventId": 7,
            "stateExitedEventDetails": {"name": "Rest", "output": "3", "outputDetails": FULL},
        },
        {
            "timestamp": after(2.5),
            "type": "ExecutionSucceeded",
            "id": 9,
            "previousEventId": 8,
            "executionSucceededEventDetails": {"output": "3", "outputDetails": FULL},
        },
    ]


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_a_service_integration_has_events_of_its_own_kind() -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "TimeoutSeconds": 9, "End": True}
    resource = {state["Resource"]: lambda event: {"MessageId": "m"}}
    events = history({"StartAt": "A", "States": {"A": state}}, {"q": 1}, functions=resource)
    assert types(events)[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    names = {"resourceType": "sqs", "resource": "sendMessage"}
    assert events[2]["taskScheduledEventDetails"] == {
        **names,
        "region": "local",
        "parameters": '{"q":1}',
        "timeoutInSeconds": 9,
    }
    assert events[3]["taskStartedEventDetails"] == names
    assert events[4]["taskSucceededEventDetails"] == {**names, "output": '{"MessageId":"m"}', "outputDetails": FULL}


def test_what_a_state_assigned_is_told_when_it_is_left() -> None:
    states = {"A": {"Type": "Pass", "Assign": {"n.$": "$.n", "k": "v"}, "End": True}}
    events = history({"StartAt": "A", "States": states}, {"n": 1})
    assert events[2]["stateExitedEventDetails"] == {
        "name": "A",
        "output": '{"n":1}',
        "outputDetails": FULL,
        "assignedVariables": {"n": "1", "k": '"v"'},
        "assignedVariablesDetails": FULL,
    }


@pytest.mark.parametrize(
    ("status", "kind", "details"),
    [
        ("ABORTED", "ExecutionAborted", {"error": "E", "cause": "why"}),
        ("TIMED_OUT", "ExecutionTimedOut", {"error": "States.Timeout"}),
    ],
)
def test_an_end_from_outside(status: str, kind: str, details: dict[str, str]) -> None:
    states = {"A": {"Type": "Wait", "Seconds": 9, "End": True}}
    if status == "TIMED_OUT":
        events = history({"StartAt": "A", "States": states, "TimeoutSeconds": 5})
    else:
        run = asw.workflow({"StartAt": "A", "States": states}).start({})
        run.stop("E", "why")
        events = run.history()
    assert types(events) == ["ExecutionStarted", "WaitStateEntered", kind]
    key = kind[0].lower() + kind[1:] + "EventDetails"
    assert (events[-1]["previousEventId"], events[-1][key]) == (0 if status == "TIMED_OUT" else 2, details)


def test_a_history_is_written_without_the_places_that_tables_add() -> None:
    events = history({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    assert {key for event in events for key in event if key in ("path", "state")} == set()


def test_payloads_are_json_text_and_times_are_aware() -> None:
    assert text({"城": ["é", 0.5, None]}) == '{"城":["é",0.5,null]}'
    assert moment(1_714_564_800_000_001) == datetime(2024, 5, 1, 12, 0, 0, 1, tzinfo=UTC)


def test_each_round_of_a_loop_is_a_visit_of_its_own() -> None:
    states = {
        "A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "B"},
        "B": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 2, "Next": "A"}],
            "Default": "C",
        },
        "C": {"Type": "Succeed"},
    }
    events = history({"StartAt": "A", "States": states}, {"n": 0})
    round_ = ["PassStateEntered", "PassStateExited", "ChoiceStateEntered", "ChoiceStateExited"]
    end = ["SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]
    assert types(events) == ["ExecutionStarted", *round_, *round_, *end]
    assert [event["previousEventId"] for event in events] == [0, 0, *range(2, 12)]


# --------------------------------------------------------------------------- what fails inside of something


def machine(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": state, **more}}


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return machine({"Type": "Parallel", "Branches": [*branches], **fields, "End": True}, Z=PASS)


def scope(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: state}}


def told(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Types and what each event hangs on."""
    return [(event["type"], event["previousEventId"]) for event in events]


def boom(event: Any) -> None:
    raise ValueError("no")


PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": "boom", "End": True}
WAIT = {"Type": "Wait", "Seconds": 9, "End": True}
GONE = {"Type": "Pass", "Parameters": {"x.$": "$.gone"}, "End": True}
UNDEFINED = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.gone %}", "End": True}
CATCH_ALL = [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]


def caught_in_a_parallel(*inside: tuple[str, int], from_: int) -> list[tuple[str, int]]:
    last = 3 + len(inside)
    return [
        ("ExecutionStarted", 0), ("ParallelStateEntered", 0), ("ParallelStateStarted", 2), *inside,
        ("ParallelStateFailed", from_), ("ParallelStateExited", last + 1), ("PassStateEntered", last + 2),
        ("PassStateExited", last + 3), ("ExecutionSucceeded", last + 4),
    ]  # fmt: skip


def test_a_task_that_ends_its_branch_is_aborted() -> None:
    events = history(parallel(scope("B", TASK), Catch=CATCH_ALL), {}, functions={"boom": boom})
    inside = [("TaskStateEntered", 3), ("LambdaFunctionScheduled", 4), ("LambdaFunctionStarted", 5), ("LambdaFunctionFailed", 6)]
    assert told(events) == caught_in_a_parallel(*inside, ("TaskStateAborted", 7), from_=7)
    assert "taskStateAbortedEventDetails" not in events[7]


def test_what_a_failed_branch_cuts_short_is_aborted() -> None:
    fail = {"Type": "Fail", "Error": "E"}
    inner = {"Type": "Map", "ItemProcessor": scope("I", WAIT), "MaxConcurrency": 1, "End": True}
    events = history(parallel(scope("B", inner), scope("C", fail), Catch=CATCH_ALL), [1, 2])
    assert types(events)[3:-5] == [
        "MapStateEntered", "FailStateEntered", "MapStateStarted", "MapIterationStarted", "WaitStateEntered",
        "WaitStateAborted", "MapIterationAborted", "MapStateAborted",
    ]  # fmt: skip
    assert told(events)[8:12] == [
        ("WaitStateAborted", 8),
        ("MapIterationAborted", 8),
        ("MapStateAborted", 6),
        ("ParallelStateFailed", 5),
    ]
    assert events[9]["mapIterationAbortedEventDetails"] == {"name": "B", "index": 0}


def test_a_task_that_ends_its_iteration_is_aborted_too() -> None:
    each = {"Type": "Map", "ItemProcessor": scope("I", TASK), "End": True}
    assert told(history(machine(each), [1], functions={"boom": boom}))[-5:] == [
        ("LambdaFunctionFailed", 7), ("TaskStateAborted", 8), ("MapIterationFailed", 8), ("MapStateFailed", 8), ("ExecutionFailed", 11),
    ]  # fmt: skip


def test_a_runtime_error_ends_the_execution_from_where_it_happened() -> None:
    assert told(history(parallel(scope("B", GONE), Catch=CATCH_ALL), {})) == [
        ("ExecutionStarted", 0), ("ParallelStateEntered", 0), ("ParallelStateStarted", 2), ("PassStateEntered", 3), ("ExecutionFailed", 4),
    ]  # fmt: skip
    each = {"Type": "Map", "ItemProcessor": scope("I", GONE), "MaxConcurrency": 1, "Catch": CATCH_ALL, "End": True}
    assert told(history(machine(each, Z=PASS), [1], name="other")) == [
        ("ExecutionStarted", 0), ("MapStateEntered", 0), ("MapStateStarted", 2), ("MapIterationStarted", 3), ("PassStateEntered", 4),
        ("ExecutionFailed", 5),
    ]  # fmt: skip


def test_an_expression_that_fails_in_a_branch() -> None:
    events = history(parallel(scope("B", UNDEFINED), Catch=CATCH_ALL), {})
    assert told(events) == caught_in_a_parallel(("PassStateEntered", 3), ("EvaluationFailed", 4), from_=5)
    assert events[4]["evaluationFailedEventDetails"]["location"] == "Output"


def test_an_expression_that_fails_again() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    task = TASK | {"Arguments": "{% $states.input.gone %}", "Retry": retry}
    assert told(history({"QueryLanguage": "JSONata", **machine(task)}, {}, functions={"boom": boom})) == [
        ("ExecutionStarted", 0), ("TaskStateEntered", 0), ("EvaluationFailed", 2), ("EvaluationFailed", 3), ("ExecutionFailed", 4),
    ]  # fmt: skip


def test_a_catcher_that_fails_fails_the_state_a_second_time() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input.gone %}", "Next": "Z"}]
    definition = parallel(scope("B", {"Type": "Fail", "Error": "E"}), Catch=catch)
    assert told(history({"QueryLanguage": "JSONata", **definition}, {}))[3:] == [
        ("FailStateEntered", 3), ("ParallelStateFailed", 4), ("EvaluationFailed", 4), ("ParallelStateFailed", 6), ("ExecutionFailed", 7),
    ]  # fmt: skip


def test_every_attempt_of_a_distributed_map_is_a_map_run() -> None:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    each = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **scope("I", {"Type": "Fail"})}, "End": True}
    events = history(machine(each | {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]}), [1])
    assert types(events)[2:] == [
        "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed",
    ]  # fmt: skip


def test_the_numbers_in_causes_are_those_of_the_history() -> None:
    each = {"Type": "Map", "ItemProcessor": scope("I", TASK), "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "End": True}
    events = history(machine(each, Z=GONE), [1, 2], functions={"boom": boom})
    last = events[-1]["executionFailedEventDetails"]["cause"]
    (entered,) = [event["id"] for event in events if event["type"] == "PassStateEntered"]
    assert last.startswith(f"An error occurred while executing the state 'Z' (entered at the event id #{entered}).")
