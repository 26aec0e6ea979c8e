"""Mocks: answers in place of calls, for tests of workflows."""

from __future__ import annotations

from typing import Any

import pytest

import asw_nb as asw
from asw_nb.testing import Mocks

RETRY = [{"ErrorEquals": ["Busy"], "MaxAttempts": 5}]
TASK = {"Type": "Task", "Resource": "py:load", "Retry": RETRY, "End": True}
FLOW = {"StartAt": "Load", "States": {"Load": TASK}}


def run(mocks: Any, input: Any = None, definition: Any = FLOW) -> asw.Execution:
    return asw.run(definition, input, mocks=mocks, clock=asw.VirtualClock())


def test_answers_of_a_list_are_used_one_by_one() -> None:
    made = run({"Load": [asw.TaskError("Busy"), asw.TaskError("Busy", "still"), {"rows": 3}]})
    assert (made.output, made.attempts()["error"].tolist()) == ({"rows": 3}, ["Busy", "Busy", None])


def test_the_last_answer_of_a_list_stays() -> None:
    mocks = Mocks({"Load": [1, 2]})
    assert [run(mocks).output for _ in range(4)] == [1, 2, 2, 2]
    assert run({"Load": []}).output is None


def test_a_class_of_exceptions_is_raised_and_a_function_is_called() -> None:
    assert run({"Load": KeyError}).error == "KeyError"
    assert run({"Load": lambda event: {"got": event}}, 5).output == {"got": 5}
    assert run({"Load": [lambda event: event + 1]}, 5).output == 6


def test_a_state_is_named_by_path_before_name_before_resource() -> None:
    inner = {"StartAt": "Load", "States": {"Load": TASK}}
    mapped = {"Type": "Map", "ItemProcessor": inner, "End": True}
    definition = {"StartAt": "Each", "States": {"Each": mapped}}
    mocks = {"py:load": "resource"}
    assert run(mocks, [1], definition).output == ["resource"]
    assert run({**mocks, "Load": "name"}, [1], definition).output == ["name"]
    assert run({**mocks, "Load": "name", "Each/Load": "path"}, [1], definition).output == ["path"]


def test_what_is_not_mocked_is_called() -> None:
    definition = {
        "StartAt": "Load",
        "States": {"Load": {**TASK, "End": False, "Next": "Store"}, "Store": {"Type": "Task", "Resource": "store", "End": True}},
    }  # fmt: skip
    del definition["States"]["Load"]["End"]  # type: ignore[index]
    made = asw.run(definition, mocks={"Load": [1, 2]}, functions={"store": lambda event: ["stored", event]})
    assert made.output == ["stored", 1]


def one(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "End": True, **fields}}}


WAITING = {
    "a task token": one(Resource="arn:aws:states:::lambda:invoke.waitForTaskToken", Parameters={"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}),
    "an activity": one(Resource="arn:aws:states:us-east-1:000000000000:activity:nobody"),
    "a nested execution": one(Resource="arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": "nobody"}),
}


@pytest.mark.parametrize("what", WAITING)
def test_what_waits_for_somebody_else_is_answered_by_its_mock(what: str) -> None:
    made = run({"A": [asw.TaskError("Late"), {"ok": True}]}, definition=WAITING[what])
    assert (made.status, made.error) == ("FAILED", "Late")
    retried = WAITING[what] | {"States": {"A": WAITING[what]["States"]["A"] | {"Retry": [{"ErrorEquals": ["Late"], "IntervalSeconds": 60}]}}}
    made = run({"A": [asw.TaskError("Late"), {"ok": True}]}, definition=retried)
    assert (made.status, made.output, made.duration_s) == ("SUCCEEDED", {"ok": True}, 60.0)
    history = made.history("aws")
    assert [e["id"] for e in history] == [*range(1, len(history) + 1)] and history[-1]["type"] == "ExecutionSucceeded"
    assert made.attempts()["status"].tolist() == ["FAILED", "SUCCEEDED"]


def test_of_two_that_wait_the_one_without_a_mock_goes_to_its_own_place() -> None:
    first = one(Resource="arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": "child"})
    both = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [first, {"StartAt": "B", "States": {"B": first["States"]["A"]}}], "End": True}}}
    child = {"StartAt": "C", "States": {"C": {"Type": "Pass", "Result": "real", "End": True}}}
    made = asw.run(both, mocks={"A": "mocked"}, workflows={"child": child}, workflow="parent")
    assert (made.output[0], made.output[1]["Output"]) == ("mocked", "real")


def test_a_mock_of_what_calls_nothing_is_refused() -> None:
    inner = {"StartAt": "Load", "States": {"Load": {"Type": "Task", "Resource": "load", "Next": "Tidy"}, "Tidy": {"Type": "Pass", "End": True}}}
    definition = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    with pytest.raises(asw.UsageError) as refused:
        run({"Each": []}, [1], definition)
    assert str(refused.value) == 'mocks: "Each" is of type Map, which calls nothing and runs as it is. Mock the tasks in it: Load.'
    with pytest.raises(asw.UsageError) as refused:
        run({"Tidy": 1}, [1], definition)
    assert str(refused.value) == 'mocks: "Tidy" is of type Pass, which calls nothing and runs as it is. Only tasks have answers.'
