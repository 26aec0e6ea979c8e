"""What a function finds in its context."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy
import pytest

import asw_nb as asw

RESOURCE = "qrn:qcs:asw:gz:1300000000:sdk:json:qcloud:scf:Invoke/sum/3/prod"


def seen_by(look: Any, resource: str = "sum", **fields: Any) -> Any:
    """What `look(context)` gives inside of the function."""
    state = {"Type": "Task", "Resource": resource, "End": True, **fields}
    functions = {"sum": lambda event, context: look(context)}
    definition = {"StartAt": "Add", "States": {"Add": state}}
    return asw.run(definition, functions=functions, name="run-7", clock=asw.VirtualClock(5)).result()


def test_it_is_a_dict_with_the_keys_of_scf() -> None:
    context = seen_by(dict, TimeoutSeconds=7)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", context.pop("request_id"))
    assert json.loads(context.pop("environment")) == {"SCF_NAMESPACE": "default"}
    assert context == {
        "function_name": "sum",
        "function_version": "$LATEST",
        "namespace": "default",
        "time_limit_in_ms": 7000,
        "memory_limit_in_mb": 0,
        "environ": "SCF_NAMESPACE=default",
        "tencentcloud_region": "local",
        "tencentcloud_appid": "0",
        "tencentcloud_uin": "0",
    }


def test_without_a_timeout_it_tells_the_longest_that_scf_allows() -> None:
    assert seen_by(lambda context: context["time_limit_in_ms"]) == 900_000


def test_it_has_the_attributes_of_lambda_too() -> None:
    told = seen_by(
        lambda c: [
            *(c.aws_request_id == c["request_id"], c.function_name, c.function_version, c.memory_limit_in_mb),
            *(c.invoked_function_arn, c.attempt, c.execution, c.state, c.cancelled),
        ],
        RESOURCE,
    )
    assert told == [True, "sum", "$LATEST", 0, RESOURCE, 1, "run-7", "Add", False]


def test_the_remaining_time_falls_from_the_timeout() -> None:
    assert 0 < seen_by(lambda c: c.get_remaining_time_in_millis(), TimeoutSeconds=50) <= 50_000


def test_attempts_are_counted_from_one() -> None:
    seen = []

    def flaky(event: Any, context: Any) -> int:
        seen.append(context.attempt)
        if context.attempt < 3:
            raise ValueError
        return context.attempt

    state = {"Type": "Task", "Resource": "f", "Retry": [{"ErrorEquals": ["ValueError"]}], "End": True}
    definition = {"StartAt": "A", "States": {"A": state}}
    run = asw.run(definition, functions={"f": flaky}, clock=asw.VirtualClock())
    assert (run.output, seen) == (3, [1, 2, 3])


def table(run: asw.Execution, *columns: str) -> list[list[Any]]:
    frame = run.metrics()[list(columns)].astype(object)
    return frame.where(frame.notna(), None).values.tolist()


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_metrics_and_progress_are_kept_with_the_attempt(kind: str) -> None:
    def train(event: Any, context: Any) -> None:
        for epoch in range(2):
            context.metric(step=numpy.int64(epoch), loss=numpy.float32(0.5) / (epoch + 1), accuracy=epoch)
        context.metric(done=True)
        context.progress(1, 4)
        context.progress(1, 0)

    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "train", "End": True}}}
    run = asw.run(definition, functions={"train": train}, clock=asw.VirtualClock(), type=kind)
    assert table(run, "attempt", "step", "name", "value") == [
        [1, 0, "loss", 0.5],
        [1, 0, "accuracy", 0.0],
        [1, 1, "loss", 0.25],
        [1, 1, "accuracy", 1.0],
        [1, None, "done", 1.0],
        [1, None, "progress", 0.25],
        [1, None, "progress", 0.0],
    ]


def test_a_metric_that_is_no_number_is_the_functions_error() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
    run = asw.run(definition, functions={"f": lambda event, context: context.metric(loss="low")})
    assert (run.error, json.loads(str(run.cause))["errorMessage"]) == (
        "ValueError",
        "could not convert string to float: 'low'",
    )


def test_log_writes_lines_of_its_own_stream() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
    run = asw.run(definition, functions={"f": lambda event, context: context.log({"rows": 3})})
    assert run.logs()[["stream", "line"]].values.tolist() == [["log", "{'rows': 3}"]]


def test_an_artifact_is_a_path_in_a_folder_of_the_attempt(asw_home: Path) -> None:
    def save(event: Any, context: Any) -> list[str]:
        paths = [context.artifact("model.bin"), context.artifact("../../other/model.txt")]
        for path in paths:
            Path(path).write_text("weights")
        return paths

    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
    run = asw.run(definition, functions={"f": save})
    folder = asw_home / "artifacts" / str(run.key) / "0-1"
    assert run.output == [str(folder / "model.bin"), str(folder / "model.txt")]
    assert (folder / "model.txt").read_text() == "weights"
