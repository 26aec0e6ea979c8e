"""What a call becomes: a result, or an error with the cause that a function runtime reports."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import pandas
import pytest

import asw_nb as asw
from asw_nb.backends.calls import PAYLOAD_LIMIT

DEFINITION = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


def call(function: Any, event: Any = None, **options: Any) -> asw.Execution:
    options = {"type": "EXPRESS", "executor": "inline", **options}
    return asw.run(DEFINITION, event, functions={"f": function}, **options)


def cause(run: asw.Execution) -> dict[str, Any]:
    assert run.status == "FAILED"
    return json.loads(str(run.cause))


# ---------------------------------------------------------------------------------------- exceptions


def test_an_exception_is_the_error_and_its_cause_is_the_runtimes_object() -> None:
    def helper(n: int) -> None:
        raise LookupError(f"no row {n}")

    def load(event: Any) -> None:
        helper(3)

    run = call(load)
    told = cause(run)
    assert (run.error, run.failed_at) == ("LookupError", "A")
    assert list(told) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (told["errorMessage"], told["errorType"]) == ("no row 3", "LookupError")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["requestId"])
    places = [re.search(r"in (\w+)\n", frame) for frame in told["stackTrace"]]
    assert [place[1] for place in places if place] == ["load", "helper"]


def test_the_traceback_shows_the_functions_own_frames() -> None:
    def load(event: Any) -> None:
        raise LookupError("no row")

    text = call(load)["A"].traceback
    assert text is not None
    head, place, line, *rest = text.splitlines()
    assert head == "Traceback (most recent call last):"
    assert re.fullmatch(rf'  File ".*{re.escape(__name__.rpartition(".")[2])}.py", line \d+, in load', place)
    assert (line, rest[-1]) == ('    raise LookupError("no row")', "LookupError: no row")


def test_a_task_error_chooses_name_and_cause() -> None:
    def busy(event: Any) -> None:
        raise asw.TaskError("Warehouse.Busy", "lock timeout")

    run = call(busy)
    assert run.error == "Warehouse.Busy"
    assert (cause(run)["errorMessage"], cause(run)["errorType"]) == ("lock timeout", "Warehouse.Busy")


def test_the_request_id_of_the_cause_is_the_contexts() -> None:
    seen = []

    def fails(event: Any, context: Any) -> None:
        seen.append(context["request_id"])
        raise ValueError

    assert cause(call(fails))["requestId"] == seen[0]


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("problem", "error", "text"),
    [
        (Frozen(7), "Frozen", "7"),
        (Unprintable(), "Unprintable", "<the text of this Unprintable cannot be made: its __str__ raises>"),
        (asw.TaskError(404, {"row": 3}), "404", "{'row': 3}"),  # type: ignore[arg-type]
        (asw.TaskError("Plain"), "Plain", ""),
        (SystemExit("bye"), "SystemExit", "bye"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (GeneratorExit("x"), "GeneratorExit", "x"),
        (StopIteration(3), "StopIteration", "3"),
        (ExceptionGroup("two", [ValueError(), TypeError()]), "ExceptionGroup", "two (2 sub-exceptions)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), "UnicodeDecodeError", None),
        (ValueError("half \ud800"), "ValueError", "half \\ud800"),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, BaseException) else "",
)
@pytest.mark.parametrize("executor", ["threads", "inline"])
@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_whatever_is_raised_is_an_answer(
    problem: BaseException, error: str, text: str | None, executor: str, kind: str
) -> None:
    def fails(event: Any, context: Any) -> None:
        context.metric(loss=1)
        raise problem

    run = call(fails, executor=executor, type=kind)
    assert run.error == error
    assert cause(run)["errorMessage"] == (str(problem) if text is None else text)
    assert run.metrics()["value"].tolist() == [1.0]
    assert call(lambda event: "still here", executor=executor).output == "still here"


# ---------------------------------------------------------------------------------------- results


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (math.nan, "$ is nan, which JSON cannot hold: use None instead"),
        ({"ids": {1, 2}}, "$.ids is a set, which is no JSON value: use numbers, strings, lists and dicts"),
        ([object()], "$[0] is a object, which is no JSON value: use numbers, strings, lists and dicts"),
        (
            pandas.DataFrame({"a": [1]}),
            '$ is a pandas DataFrame: return its .to_dict("records"), or write it to a file and return the file\'s name',
        ),
    ],
    ids=["NaN", "set", "object", "DataFrame"],
)
def test_a_result_that_is_no_json_fails_the_state(result: Any, message: str) -> None:
    run = call(lambda event: result)
    assert run.error == "Runtime.MarshalError"
    told = cause(run)
    assert (told["errorMessage"], told["errorType"]) == (
        f"Unable to marshal response: {message}",
        "Runtime.MarshalError",
    )
    assert told["stackTrace"] == []


def test_a_function_that_changes_its_event_changes_nothing() -> None:
    def spoils(event: Any) -> Any:
        event["list"].append("spoilt")
        event["new"] = True
        return event["list"]

    states = {
        "A": {"Type": "Task", "Resource": "f", "ResultPath": "$.a", "Next": "B"},
        "B": {"Type": "Task", "Resource": "f", "ResultPath": "$.b", "End": True},
    }
    given = {"list": [1], "kept": {"x": []}}
    run = asw.run({"StartAt": "A", "States": states}, given, functions={"f": spoils})
    assert run.output == {"list": [1], "kept": {"x": []}, "a": [1, "spoilt"], "b": [1, "spoilt"]}
    assert (given, run.input) == ({"list": [1], "kept": {"x": []}}, {"list": [1], "kept": {"x": []}})


def test_a_result_that_the_function_changes_later_stays_as_it_was() -> None:
    kept: list[Any] = [1]

    def first(event: Any) -> Any:
        return kept

    def second(event: Any) -> Any:
        kept.append(2)
        return event

    states = {
        "A": {"Type": "Task", "Resource": "first", "Next": "B"},
        "B": {"Type": "Task", "Resource": "second", "End": True},
    }
    assert asw.run({"StartAt": "A", "States": states}, functions={"first": first, "second": second}).output == [1]


def test_a_result_that_is_too_large_for_the_cloud_fails_the_state_in_asl_only() -> None:
    fits, too_large = "x" * (PAYLOAD_LIMIT - 2), "x" * (PAYLOAD_LIMIT - 1)
    assert call(lambda event: fits).output == fits
    run = call(lambda event: too_large)
    assert (run.error, run.cause) == (
        "States.DataLimitExceeded",
        "The state/task 'f' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
    assert call(lambda event: too_large, dialect="tcsl").output == too_large


# ------------------------------------------------------------------------------------------ mocks


def test_a_mocked_state_calls_nothing() -> None:
    def never(event: Any) -> None:
        raise AssertionError("called")

    assert call(never, mocks={"A": {"rows": 3}}).output == {"rows": 3}
    assert call(never, mocks={"f": "by resource"}).output == "by resource"
    assert call(never, {"n": 2}, mocks={"A": lambda event: event["n"] * 2}).output == 4
    assert call(never, mocks={"A": asw.TaskError("Busy", "why")}).error == "Busy"
    assert call(never, mocks={"A": {1, 2}}).error == "Runtime.MarshalError"


def test_a_mock_that_changes_its_event_changes_nothing() -> None:
    definition = {"StartAt": "A", "States": {"A": {**DEFINITION["States"]["A"], "ResultPath": "$.r"}}}  # type: ignore[index]
    run = asw.run(definition, {"x": 1}, mocks={"A": lambda event: event.pop("x")})
    assert run.output == {"x": 1, "r": 1}
