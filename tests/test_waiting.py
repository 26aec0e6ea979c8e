"""States that wait for somebody else: nested executions, task tokens, activities."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

import asw_nb as asw

CHILD = {"StartAt": "X", "States": {"X": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
BROKEN = {"StartAt": "X", "States": {"X": {"Type": "Fail", "Error": "Sad", "Cause": "on purpose"}}}


def machine(resource: str, parameters: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    state: dict[str, Any] = {"Type": "Task", "Resource": resource, "End": True, **fields}
    if parameters is not None:
        state["Parameters"] = parameters
    return {"StartAt": "A", "States": {"A": state}}


def kinds(run: asw.Execution) -> list[str]:
    return [event["type"] for event in run.history()]


# --------------------------------------------------------------------------- nested executions


def nested(pattern: str, **request: Any) -> dict[str, Any]:
    return machine(f"arn:aws:states:::states:startExecution{pattern}", {"StateMachineArn": "child", **request})


def test_a_nested_execution_that_is_not_waited_for() -> None:
    run = asw.run(nested("", Input={"q": 1}, Name="mine"), workflows={"child": CHILD})
    assert run.output["ExecutionArn"] == "arn:aws:states:local:000000000000:execution:child:mine"
    child = asw.execution("mine").wait(30)
    assert (child.workflow, child.input, child.output) == ("child", {"q": 1}, {"a": 1})
    assert kinds(run) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


@pytest.mark.parametrize(("pattern", "text"), [(".sync", True), (".sync:2", False)])
def test_a_nested_execution_that_is_waited_for(pattern: str, text: bool) -> None:
    run = asw.run(nested(pattern, Input={"q": 1}, Name="mine"), workflows={"child": CHILD})
    answer = run.output
    assert (answer["Input"], answer["Output"]) == (('{"q":1}', '{"a":1}') if text else ({"q": 1}, {"a": 1}))
    assert (answer["Status"], answer["Name"]) == ("SUCCEEDED", "mine")
    assert answer["StateMachineArn"] == "arn:aws:states:local:000000000000:stateMachine:child"
    assert kinds(run)[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_nested_execution_that_fails_fails_the_state() -> None:
    run = asw.run(nested(".sync"), workflows={"child": BROKEN})
    assert (run.status, run.error) == ("FAILED", "States.TaskFailed")
    cause = json.loads(run.cause or "")
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("Sad", "on purpose", "FAILED")
    assert (cause["RedriveCount"], cause["RedriveStatus"]) == (0, "REDRIVABLE")


def test_a_workflow_of_this_process_is_found_by_name_and_shares_the_functions() -> None:
    asw.workflow(machine("double"), name="child")
    run = asw.run(nested(".sync:2", Input=21), functions={"double": lambda n: 2 * n})
    assert run.output["Output"] == 42


def test_a_machine_that_nobody_knows_is_named() -> None:
    run = asw.run(
        machine("arn:aws:states:::states:startExecution", {"StateMachineArn": "chld"}), workflows={"child": CHILD}
    )
    assert run.error == "StepFunctions.StateMachineDoesNotExistException"
    assert (run.cause or "").startswith("State Machine Does Not Exist: 'chld'. Did you mean \"child\"?")


def test_a_name_that_is_taken_fails_the_state() -> None:
    asw.run(CHILD, workflow="child", name="mine")
    run = asw.run(nested("", Name="mine"), workflows={"child": CHILD})
    assert run.error == "StepFunctions.ExecutionAlreadyExistsException"
    through_the_sdk = machine("arn:aws:states:::aws-sdk:sfn:startExecution", {"StateMachineArn": "child", "Name": "mine"})
    assert asw.run(through_the_sdk, workflows={"child": CHILD}).error == "Sfn.ExecutionAlreadyExistsException"


def test_tencents_own_workflow_resource() -> None:
    resource = "qrn:qcs:asw:ap-guangzhou:1:http:json:flowmachine:child"
    run = asw.run(machine(resource), {"q": 1}, workflows={"child": CHILD})
    assert (run.status, run.output["Output"]) == ("SUCCEEDED", '{"a":1}')


# --------------------------------------------------------------------------- task tokens

WAITS = machine(
    "arn:aws:states:::lambda:invoke.waitForTaskToken",
    {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}},
)


class Asked:
    """A function that notes the task token that it was given."""

    def __init__(self) -> None:
        self.token = ""
        self._called = threading.Event()

    def __call__(self, event: dict[str, str]) -> str:
        self.token = event["token"]
        self._called.set()
        return "noted"

    def wait(self) -> str:
        assert self._called.wait(30)
        return self.token


def waiting(document: dict[str, Any] = WAITS, **options: Any) -> tuple[asw.Execution, str]:
    asked = Asked()
    run = asw.workflow(document).start(functions={"ask": asked}, **options)
    return run, asked.wait()


def test_a_token_answers_the_task() -> None:
    run, token = waiting()
    assert run.task_tokens() == {"A": token}
    asw.send_task_success(token, {"ok": True})
    assert run.result(30) == {"ok": True}
    assert run.task_tokens() == {}
    assert kinds(run)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_token_fails_the_task_with_or_without_words() -> None:
    for error, cause in (("Rejected", "too expensive"), (None, None)):
        run, token = waiting()
        asw.send_task_failure(token, error, cause)
        run.wait(30)
        assert (run.status, run.error, run.cause) == ("FAILED", error, cause)


def test_a_heartbeat_through_the_token_is_accepted() -> None:
    document = json.loads(json.dumps(WAITS))
    document["States"]["A"]["HeartbeatSeconds"] = 600
    run, token = waiting(document)
    asw.send_task_heartbeat(token)
    asw.send_task_success(token)
    assert run.result(30) is None


def test_a_heartbeat_that_does_not_come_is_caught_by_either_name() -> None:
    for name in ("States.HeartbeatTimeout", "States.Timeout"):
        document = json.loads(json.dumps(WAITS))
        document["States"] |= {"B": {"Type": "Pass", "Result": "caught", "End": True}}
        document["States"]["A"] |= {"HeartbeatSeconds": 5, "Catch": [{"ErrorEquals": [name], "Next": "B"}]}
        run, _ = waiting(document, clock=asw.VirtualClock())
        assert run.result(30) == "caught"
        assert run["A"].error == "States.Timeout"


def test_tokens_that_answer_nothing_are_said() -> None:
    run, token = waiting()
    with pytest.raises(asw.UsageError) as wrong:
        asw.send_task_success(token[:-4] + "AAAA", 1)
    assert str(wrong.value) == (
        "this task token is not one of this history's. Take it from $$.Task.Token, or from run.task_tokens()."
    )
    with pytest.raises(asw.UsageError, match=r"^the output is no JSON value: output is a set, which is no JSON value"):
        asw.send_task_success(token, {1})
    asw.send_task_success(token, 1)
    run.wait(30)
    with pytest.raises(asw.UsageError) as late:
        asw.send_task_success(token, 2)
    assert str(late.value) == "the execution that this task token belongs to does not run here any more."
    assert run.output == 1


# --------------------------------------------------------------------------- activities


def test_an_activity_is_fetched_and_answered() -> None:
    asw.create_activity("paint")
    run = asw.workflow(machine("arn:aws:states:eu-west-1:1:activity:paint")).start({"colour": "red"})
    task = asw.get_activity_task("arn:aws:states:eu-west-1:1:activity:paint", "anna", timeout_s=30)
    assert task is not None
    assert task.input == {"colour": "red"}
    asw.send_task_success(task.task_token, "done")
    assert run.result(30) == "done"
    assert kinds(run)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert run.attempts()["worker"].tolist() == ["anna"]


def test_no_task_comes_in_time() -> None:
    assert asw.get_activity_task("idle", timeout_s=0.01) is None


def test_a_function_of_the_activitys_name_does_its_work() -> None:
    asw.function("polish")(lambda event: event + 1)
    assert asw.run(machine("arn:aws:states:eu-west-1:1:activity:polish"), 1).output == 2


def test_an_unknown_activity_fails_the_state_before_anything_is_scheduled() -> None:
    run = asw.run(machine("arn:aws:states:eu-west-1:1:activity:nobody"))
    assert (run.error, run.cause) == (
        "States.Runtime",
        "An error occurred while executing the state 'A' (entered at the event id #2). "
        "The activity arn:aws:states:eu-west-1:1:activity:nobody does not exist.",
    )
    assert kinds(run) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


# --------------------------------------------------------------------------- payload limit


@pytest.mark.parametrize(
    ("dialect", "limit", "error"),
    [
        ("asl", "auto", "States.DataLimitExceeded"),
        ("tcsl", "auto", None),
        ("asl", None, None),
        ("asl", 1_000_000, None),
        ("tcsl", 10, "States.DataLimitExceeded"),
    ],
)
def test_the_payload_limit(dialect: str, limit: int | str | None, error: str | None) -> None:
    run = asw.run(
        machine("big"), functions={"big": lambda e: "x" * 300_000}, dialect=dialect, payload_limit_bytes=limit
    )
    assert run.error == error
    if error is not None:
        assert run.cause == (
            "The state/task 'big' returned a result with a size exceeding the maximum number of bytes service limit."
        )


def test_a_service_is_named_by_its_name_where_its_result_is_too_large() -> None:
    definition = machine("arn:aws:states:::lambda:invoke", {"FunctionName": "big"})
    run = asw.run(definition, functions={"big": lambda e: "x" * 300_000})
    assert (run.error, (run.cause or "")[:40]) == ("States.DataLimitExceeded", "The state/task 'lambda' returned a resul")


def test_a_payload_limit_that_is_none() -> None:
    with pytest.raises(asw.UsageError) as refused:
        asw.run(machine("big"), payload_limit_bytes=-1)
    assert str(refused.value) == 'payload_limit_bytes=-1 must be a number of bytes, None for no limit, or "auto".'
