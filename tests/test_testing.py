"""Mocks: answers in place of calls, for tests of workflows."""

from __future__ import annotations

from typing import Any

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
