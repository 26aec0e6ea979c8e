"""The history in Tencent's words, whole."""

from __future__ import annotations

import json
from typing import Any

import asw_nb as asw

INVOKE = "qrn:qcs:asw:ap-guangzhou:1300000000:sdk:json:qcloud:scf:Invoke/sum"
RUN = "qrn:qcs:asw:local:0:execution:flow:run"
ROLE = "qcs::cam::uin/0:roleName/local"


def history(definition: dict[str, Any], input: Any, functions: Any, clock: asw.VirtualClock) -> list[dict[str, Any]]:
    run = asw.run(
        definition,
        input,
        workflow="flow",
        name="run",
        dialect="tcsl",
        functions=functions,
        clock=clock,
        executor="inline",
    )
    return run.history(form="tencent")


def row(
    number: int, at_ms: int, category: str, step: str, content: Any, resource: str = "", exception: str = ""
) -> dict[str, Any]:
    return {
        "ExecutionResourceName": RUN,
        "EventId": number,
        "EventCategory": category,
        "StepName": step,
        "ResourceName": resource,
        "Timestamp": str(1_700_000_000_000 + at_ms),
        "Content": json.dumps(content, separators=(",", ":"), ensure_ascii=False),
        "Exception": exception,
    }


def entered(value: Any) -> dict[str, Any]:
    return {"input": value, "local_variables": value}


def left(output: Any, value: Any, onward: str, exception: Any = None) -> dict[str, Any]:
    return {"output": output, "exception": exception or {}, "local_variables": value, "next": f'["{onward}"]'}


def test_a_small_execution_event_by_event() -> None:
    clock = asw.VirtualClock(1_700_000_000)

    def add(event: Any) -> int:
        clock.advance(0.25)
        return sum(event["values"])

    definition = {
        "StartAt": "求和",
        "States": {
            "求和": {"Type": "Task", "Resource": INVOKE, "Next": "Shown"},
            "Shown": {"Type": "Pass", "End": True},
        },
    }
    given = {"values": [1, 2]}
    assert history(definition, given, {"sum": add}, clock) == [
        row(1, 0, "ExecutionStart", "START", {"input": given, "role": ROLE}),
        row(2, 0, "Unknown", "START", None),
        row(3, 0, "TaskNodeEnter", "求和", entered(given), INVOKE),
        row(4, 250, "TaskNodeExit", "求和", left(3, given, "Shown"), INVOKE),
        row(5, 250, "PassNodeEnter", "Shown", entered(3)),
        row(6, 250, "PassNodeExit", "Shown", left(3, 3, "END")),
        row(7, 250, "Unknown", "END", None),
    ]


def test_what_happens_at_one_moment_keeps_its_order() -> None:
    """On a virtual clock everything here happens at once: the branches still lie inside of the Parallel."""
    inner = {
        "Type": "Parallel",
        "End": True,
        "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}],
    }
    branches = [
        {"StartAt": "P", "States": {"P": inner}},
        {"StartAt": "Y", "States": {"Y": {"Type": "Pass", "End": True}}},
    ]
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Parallel", "Branches": branches, "Next": "Z"}, "Z": {"Type": "Succeed"}},
    }
    events = history(definition, {}, {}, asw.VirtualClock(1_700_000_000))
    assert [(e["EventCategory"], e["StepName"]) for e in events[2:-1]] == [
        ("ParallelNodeEnter", "A"),
        ("ParallelNodeEnter", "P"),
        ("PassNodeEnter", "Y"),
        ("PassNodeEnter", "X"),
        ("PassNodeExit", "Y"),
        ("PassNodeExit", "X"),
        ("ParallelNodeExit", "P"),
        ("ParallelNodeExit", "A"),
        ("SucceedNodeEnter", "Z"),
        ("SucceedNodeExit", "Z"),
    ]


def test_a_failure_is_told_by_the_last_node_and_inner_nodes_are_left_first() -> None:
    branches = [
        {"StartAt": "X", "States": {"X": {"Type": "Wait", "Seconds": 9, "End": True}}},
        {"StartAt": "Y", "States": {"Y": {"Type": "Fail", "Error": "E", "Cause": "why"}}},
    ]
    definition = {"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": branches, "End": True}}}
    events = history(definition, 1, {}, asw.VirtualClock(1_700_000_000))
    problem = {"Error": "E", "Cause": "why"}
    assert events[2:] == [
        row(3, 0, "ParallelNodeEnter", "A", entered(1)),
        row(4, 0, "WaitNodeEnter", "X", entered(1)),
        row(5, 0, "FailNodeEnter", "Y", entered(1)),
        row(6, 0, "FailNodeExit", "Y", left(None, 1, "END", problem), exception="E"),
        row(7, 0, "WaitNodeExit", "X", left(None, 1, "END")),
        row(8, 0, "ParallelNodeExit", "A", left(None, 1, "END", problem), exception="E"),
        row(9, 0, "Unknown", "END", None),
    ]


def test_a_running_execution_has_no_end() -> None:
    run = asw.workflow({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 99, "End": True}}}).start({})
    while not list(run._events()):
        pass
    assert [e["EventCategory"] for e in run.history(form="tencent")] == ["ExecutionStart", "Unknown", "WaitNodeEnter"]
    run.stop()
    assert [e["StepName"] for e in run.history(form="tencent")][-2:] == ["A", "END"]
