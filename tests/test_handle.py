"""The handle: what it answers while an execution runs, when it has ended, and when it failed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import asw_nb as asw

ONE = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


def two(**fields: Any) -> dict[str, Any]:
    first = {"Type": "Task", "Resource": "load", "Next": "Store", **fields}
    return {"StartAt": "Load", "States": {"Load": first, "Store": {"Type": "Task", "Resource": "store", "End": True}}}


def fails(event: Any) -> None:
    print("about to fail")
    raise LookupError(f"no row {event}")


# ------------------------------------------------------------------------------------------- the result


def test_a_result_is_the_output() -> None:
    assert asw.run(ONE, {"x": 1}, functions={"f": dict}).result() == {"x": 1}


def test_a_result_that_failed_is_raised_with_state_error_and_cause() -> None:
    run = asw.run(two(), functions={"load": lambda event: 3, "store": fails}, name="nightly")
    with pytest.raises(asw.ExecutionFailed) as failed:
        run.result()
    problem = failed.value
    assert (problem.execution, problem.status, problem.state, problem.error) == (
        *("nightly", "FAILED", "Store", "LookupError"),
    )
    assert (problem.name, problem.cause) == ("LookupError", run.cause)
    assert str(problem) == 'execution "nightly" FAILED at state "Store": LookupError: no row 3'


@pytest.mark.parametrize(
    ("error", "cause", "text"),
    [
        (None, None, 'execution "n" ABORTED at state "A"'),
        ("E", None, 'execution "n" ABORTED at state "A": E'),
        ("E", "why", 'execution "n" ABORTED at state "A": E: why'),
    ],
)
def test_a_result_that_was_stopped(error: str | None, cause: str | None, text: str) -> None:
    run = asw.workflow({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 99, "End": True}}}).start(name="n")
    run.stop(error, cause)
    with pytest.raises(asw.ExecutionFailed) as failed:
        run.result()
    assert str(failed.value) == text


def test_a_result_that_is_not_there_in_time() -> None:
    go = threading.Event()
    run = asw.workflow(ONE).start(functions={"f": lambda event: go.wait(30)}, name="slow")
    with pytest.raises(asw.UsageError) as late:
        run.result(timeout=0.01)
    assert str(late.value) == 'execution "slow" still runs after 0.01 s: wait longer, or stop() it.'
    go.set()
    assert run.result(30) is True


def test_status_output_error_and_cause_never_raise() -> None:
    go = threading.Event()
    run = asw.workflow(ONE).start({"x": 1}, functions={"f": lambda event: go.wait(30)}, name="slow")
    assert (run.status, run.output, run.error, run.cause, run.failed_at) == ("RUNNING", None, None, None, None)
    assert repr(run).startswith("asw run workflow/slow | RUNNING | ")
    assert run.wait(0) is run
    go.set()
    assert (run.wait(30).status, run.output) == ("SUCCEEDED", True)


def test_an_interrupt_while_a_cell_waits_stops_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    run = asw.workflow({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 99, "End": True}}}).start()

    def interrupted(timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.wait_or_stop()
    assert (run.status, run.cause) == ("ABORTED", "interrupted")


# -------------------------------------------------------------------------------------------- one state


def test_a_state_tells_what_went_in_and_out() -> None:
    run = asw.run(two(), {"n": 1}, functions={"load": lambda e: [1, 2], "store": sum})
    state = run["Store"]
    assert (state.input, state.output, state.status, state.path) == ([1, 2], 3, "SUCCEEDED", "Store")
    assert (state.error, state.cause, state.traceback, state.logs) == (None, None, None, [])
    assert (state.function, repr(state)) == (sum, "asw state Store | SUCCEEDED")


def test_a_state_that_failed_tells_why() -> None:
    state = asw.run(ONE, 7, functions={"f": fails})["A"]
    assert (state.status, state.error, state.logs) == ("FAILED", "LookupError", ["about to fail"])
    assert state.traceback is not None
    assert state.traceback.splitlines()[-1] == "LookupError: no row 7"
    assert state.attempts["status"].tolist() == ["FAILED"]
    assert state.source is not None
    assert state.source.startswith("def fails(event: Any)")
    assert repr(state) == "asw state A | FAILED | LookupError"


def test_a_state_that_was_retried_keeps_its_last_error_in_view() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]
    mocks = {"Load": [asw.TaskError("Busy"), 5], "Store": 1}
    state = asw.run(two(Retry=retry), mocks=mocks, clock=asw.VirtualClock())["Load"]
    assert state.attempts[["attempt", "status"]].values.tolist() == [[1, "FAILED"], [2, "SUCCEEDED"]]
    assert state.traceback is not None
    assert repr(state) == "asw state Load | SUCCEEDED | attempt 2"


def test_a_state_of_a_map_is_found_by_name_by_path_and_by_item() -> None:
    inner = {"StartAt": "X", "States": {"X": {"Type": "Task", "Resource": "f", "End": True}}}
    definition = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    run = asw.run(definition, [1, 2, 3], functions={"f": lambda n: print("item", n) or -n})
    assert [v.output for v in run["X"].visits] == [v.output for v in run["M/X"].visits] == [-1, -2, -3]
    assert (run["M[1]/X"].input, run["M[1]/X"].output, run["M[1]/X"].logs) == (2, -2, ["item 2"])
    assert repr(run["X"]) == "asw state M[2]/X | SUCCEEDED | 3 visits"
    assert len(run["X"].attempts) == 3


def test_a_state_that_there_is_not() -> None:
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "Rare"}], "Default": "Often"},
                   "Rare": {"Type": "Succeed"}, "Often": {"Type": "Succeed"}},
    }  # fmt: skip
    run = asw.run(definition, name="n")
    with pytest.raises(asw.UsageError) as refused:
        run["Rare"]
    assert str(refused.value) == 'execution "n" has not entered the state "Rare".'
    with pytest.raises(asw.UsageError) as refused:
        run["Oftne"]
    assert str(refused.value) == 'workflow "workflow" has no state "Oftne". Did you mean "Often"?'
    with pytest.raises(asw.UsageError) as refused:
        run["Often"].function  # noqa: B018
    assert str(refused.value) == '"Often" is a Succeed state: no function stands behind it.'


# --------------------------------------------------------------------------------------------- its views


def test_a_form_that_there_is_not() -> None:
    run = asw.run(ONE, functions={"f": dict})
    with pytest.raises(asw.UsageError) as refused:
        run.history(form="was")
    assert str(refused.value) == 'form="was" is not known. Did you mean "aws"? Use one of: aws, tencent.'


def test_the_fold_of_an_ended_execution_is_made_once() -> None:
    run = asw.run(ONE, functions={"f": dict})
    assert run.fold() is run.fold()


def test_a_picture_has_the_colours_of_what_happened() -> None:
    run = asw.run(two(), functions={"load": dict, "store": fails})
    assert "Store" in run.to_svg()
    assert run.to_svg() != asw.workflow(two()).to_svg()
    assert "<img" in run.graph()._repr_mimebundle_()["text/html"]


def test_it_shows_itself_as_text_and_as_a_card() -> None:
    run = asw.run(ONE, {"<b>": 1}, functions={"f": lambda event: "<script>"}, name="shown")
    bundle = run._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == repr(run)
    assert "<script>" not in bundle["text/html"]
    assert "&lt;script&gt;" in bundle["text/html"]
