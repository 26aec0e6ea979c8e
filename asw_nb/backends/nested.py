"""Nested executions: a Task that starts another workflow, and may wait for it.

``startExecution`` answers at once, ``.sync`` and ``.sync:2`` when the child has ended (its output as JSON text, or as
JSON). The child is an execution of its own in the same history. Its name, when none is given, follows from the
parent's order, so that a parent that is resumed finds the child that it started instead of starting another. Source:
the Step Functions developer guide, "Start a new state machine from a running execution"."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from asw_nb.engine.payload import encode
from asw_nb.engine.run import Order, Outcome, Run
from asw_nb.engine.runner import Runner
from asw_nb.errors import AswError, StoreError
from asw_nb.language.intrinsics import compact


class Child(Protocol):
    """What the backend needs of a started execution."""

    id: str
    machine_id: str
    name: str
    started_us: int


Start = Callable[[Order, str, Any, str | None], tuple[Any, Run]]
"""(order, machine, input, name) -> the child's record and run; raises AswError when it cannot be started."""


class NestedBackend:
    """Starts and awaits child executions.

    Parameters
    ----------
    runner : Runner
    start : Start
    """

    name = "nested"

    def __init__(self, runner: Runner, start: Start) -> None:
        self.runner, self._start = runner, start
        # those that are waited for, by frame and order of the task: for views, which look without a lock
        self.children: dict[tuple[int, int], tuple[Any, Run]] = {}

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        for order in orders:
            try:
                self._submit(order)
            except StoreError as problem:  # the child's history cannot be gone on with: nor can the parent's
                self.runner.give_up(order.run, problem)
            except AswError as problem:
                error = getattr(problem, "name", None) or "StepFunctions.ExecutionDoesNotExistException"
                resource = order.state.resource
                if resource is not None and resource.name.startswith("aws-sdk:"):  # which calls the service by its SDK's name
                    error = error.replace("StepFunctions.", "Sfn.", 1)
                self.runner.answer(
                    order,
                    Outcome(error=error, cause=getattr(problem, "cause", None) or str(problem), failed=True),
                    drive=False,
                )

    def _submit(self, order: Order) -> None:
        resource = order.state.resource
        assert resource is not None
        machine, given, name = _request(order)
        record, child = self._start(order, machine, given, name)
        accepted = {"ExecutionArn": record.id, "StartDate": record.started_us // 1000}
        if resource.pattern not in ("sync", "sync:2"):
            if resource.name.startswith("aws-sdk:"):
                moment = datetime.fromtimestamp(record.started_us / 1e6, UTC).isoformat(timespec="milliseconds")
                accepted["StartDate"] = moment.replace("+00:00", "Z")
            self.runner.answer(order, Outcome(accepted), drive=False)
            return
        self.runner.answer(order, Outcome(accepted, submitted=True), drive=False)
        as_text = resource.pattern == "sync"

        def ended(run: Run) -> None:
            self.children.pop((order.frame, order.token), None)
            if run.broken is not None:  # its history cannot be written: the parent goes on with it, after a resume
                self.runner.give_up(order.run, run.broken)
                return
            self.runner.answer(order, _outcome(record, run, given, as_text), drive=False)

        self.children[order.frame, order.token] = (record, child)
        if child.done.is_set():
            ended(child)
        else:
            child.on_end.append(ended)

    def is_short(self, kind: str) -> bool:
        return False

    def relieve(self) -> bool:
        return False

    def close(self) -> None:
        pass


def _request(order: Order) -> tuple[str, Any, str | None]:
    """StateMachineArn, Input and Name, in Amazon's or Tencent's spelling; a machine's own qrn or arn takes the whole
    input."""
    resource, event = order.state.resource, order.input
    assert resource is not None
    if resource.name not in ("states:startExecution", "aws-sdk:sfn:startExecution", "asw:StartExecution"):
        return resource.name, event, None
    request = event if isinstance(event, dict) else {}
    given = request.get("Input")
    if isinstance(given, str):  # the API's Input is JSON text
        with contextlib.suppress(ValueError):
            given = json.loads(given)
    machine = request.get("StateMachineArn") or request.get("StateMachineResourceName") or ""
    return str(machine), given, request.get("Name")


def _outcome(record: Any, run: Run, given: Any, as_text: bool) -> Outcome:
    state = run.state
    shown = (lambda value: encode(value).decode()) if as_text else (lambda value: value)
    answer: dict[str, Any] = {"ExecutionArn": record.id}
    if state.status != "SUCCEEDED":
        answer |= (
            {"Cause": state.cause, "Error": state.error} if state.error is not None or state.cause is not None else {}
        )
        answer = {k: v for k, v in answer.items() if v is not None}
    answer |= {"Input": shown(record.input), "InputDetails": {"Included": True}, "Name": record.name}
    if state.status == "SUCCEEDED":
        answer |= {"Output": shown(state.output), "OutputDetails": {"Included": True}, "RedriveCount": state.redrives}
        answer |= {
            "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        }
    else:
        answer |= {"RedriveCount": state.redrives, "RedriveStatus": "REDRIVABLE"}
    answer |= {
        "StartDate": record.started_us // 1000,
        "StateMachineArn": record.machine_id,
        "Status": state.status,
        "StopDate": (run.finished_us or record.started_us) // 1000,
    }
    if state.status == "SUCCEEDED":
        return Outcome(answer)
    return Outcome(error="States.TaskFailed", cause=compact(answer), failed=True)


__all__ = ["NestedBackend"]
