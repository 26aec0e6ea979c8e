"""The module-level calls: the default workspace, said shortly."""

from __future__ import annotations

from typing import Any

import pytest

import asw_nb as asw
from asw_nb.names import registry
from asw_nb.workspace import default_workspace

FLOW = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_functions", {})
    monkeypatch.setattr(registry, "services", {})


def test_a_decorated_function_stays_a_function_and_answers_by_its_name() -> None:
    @asw.function
    def f(event: Any) -> Any:
        return ["f", event]

    @asw.function("g", namespace="prod", version="2")
    def other(event: Any) -> Any:
        return ["g", event]

    @asw.function()
    def h(event: Any) -> Any:
        return ["h", event]

    assert (f(1), other(1), h(1)) == (["f", 1], ["g", 1], ["h", 1])
    assert asw.functions() == ["f", "g", "h"]
    assert asw.run(FLOW, {"x": 1}).output == ["f", {"x": 1}]


def test_a_function_that_is_registered_again_is_replaced() -> None:
    asw.function("f")(lambda event: 1)
    asw.function("f")(lambda event: 2)
    assert asw.run(FLOW).output == 2


def test_run_defines_runs_and_waits() -> None:
    run = asw.run(FLOW, {"x": 1}, functions={"f": dict}, workflow="w", name="n", tags={"t": 1})
    assert (run.status, run.output, run.workflow, run.name, run.type) == ("SUCCEEDED", {"x": 1}, "w", "n", "STANDARD")
    assert repr(run) == f"asw run w/n | SUCCEEDED | {run.duration_s:.1f} s"


def test_run_raises_nothing_for_a_workflow_that_fails() -> None:
    def broken(event: Any) -> None:
        raise LookupError("no row")

    run = asw.run(FLOW, functions={"f": broken}, name="n")
    assert (run.status, run.output, run.error, run.failed_at) == ("FAILED", None, "LookupError", "A")
    assert repr(run) == f"asw run workflow/n | FAILED at A | LookupError | {run.duration_s:.1f} s"


def test_an_input_that_is_left_out_is_an_empty_object() -> None:
    assert asw.run(FLOW, functions={"f": lambda event: event}).output == {}


@pytest.mark.parametrize("given", [0, False, "", [], "text", [1, None]])
def test_any_other_input_is_taken_as_it_is(given: Any) -> None:
    assert asw.run(FLOW, given, functions={"f": lambda event: event}).output == given


def test_a_seed_repeats_what_is_random() -> None:
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Parameters": {"n.$": "States.MathRandom(1, 999999999)"}, "End": True}},
    }
    first, again, other = (asw.run(definition, seed=seed).output for seed in (7, 7, 8))
    assert first == again != other


def test_executions_and_execution_look_into_the_default_workspace() -> None:
    run = asw.run(FLOW, functions={"f": dict}, workflow="w")
    asw.run(FLOW, functions={"f": len}, workflow="v")
    assert asw.executions()["workflow"].tolist() == ["v", "w"]
    assert asw.executions(workflow="w", status="SUCCEEDED", limit=1)["name"].tolist() == [run.name]
    assert asw.execution(run.name)._workspace is default_workspace()


def test_a_call_after_the_default_workspace_was_closed_opens_it_again() -> None:
    run = asw.run(FLOW, functions={"f": dict})
    default_workspace().close()
    assert asw.executions()["name"].tolist() == [run.name]
