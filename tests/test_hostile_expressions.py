"""A hostile expression ends its own execution, within bounds of time and memory, and no other.

Each case runs while a second execution waits in its function; that one is then let go and finishes. What the cases cost in memory is
measured in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine.clock import LAST_MOMENT_US
from asw_nb.language.choices import wildcard

HANG_S = 60  # no bound, but the end of all patience


def passing(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **fields}}}


def jsonata(expression: str) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", **passing(Output=f"{{% {expression} %}}")}


def looping(**fields: Any) -> dict[str, Any]:
    """Pass, for ever: the Choice never finds the way out."""
    way_out = {"Variable": "$.way_out", "IsPresent": True, "Next": "C"}
    return {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B", **fields},
            "B": {"Type": "Choice", "Choices": [way_out], "Default": "A"},
            "C": {"Type": "Succeed"},
        },
    }


def deep(levels: int) -> Any:
    value: Any = {"a": 1}
    for _ in range(levels):
        value = {"a": value}
    return value


# D1011 depth, D1012 time, D1014 size: which of its bounds an evaluation meets first depends on the machine.
BOUND = "D101"
VALUES = "The query visits too many values."
REPEATS = "The data repeats itself so often that it would be larger than 16 MiB."
DEEP = "The data or an expression is nested too deeply."

QUERY, RUNTIME, LIMIT, INTRINSIC = (
    "States.QueryEvaluationError",
    "States.Runtime",
    "States.DataLimitExceeded",
    "States.IntrinsicFailure",
)

FAILING: dict[str, tuple[dict[str, Any], Any, str, str]] = {
    # JSONata: name -> definition, input, error, part of the cause
    "endless recursion": (jsonata("($f := function($n) {1 + $f($n + 1)}; $f(0))"), {}, QUERY, BOUND),
    "endless tail recursion": (jsonata("($f := function($n) {$f($n + 1)}; $f(0))"), {}, QUERY, BOUND),
    "alternatives in a star": (jsonata("$match($states.input.s, /^(a|a|aa)+$/)"), {"s": "a" * 60 + "b"}, QUERY, BOUND),
    "plus in a plus": (jsonata("$contains($states.input.s, /(x+x+)+y/)"), {"s": "x" * 5000}, QUERY, BOUND),
    "giant range": (jsonata("[1..1000000000]"), {}, QUERY, "D2014"),
    "ranges in ranges": (jsonata("[1..9000].([1..9000])"), {}, QUERY, BOUND),
    "descendants of descendants": (jsonata("$states.input.**.**.**.**"), deep(200), QUERY, BOUND),
    "a giant text": (jsonata("$pad('', 1000000000)"), {}, QUERY, BOUND),
    "a text put to itself": (
        jsonata("($f := function($s, $n) {$n = 0 ? $s : $f($s & $s, $n - 1)}; $f('x', 60))"), {}, QUERY, BOUND,
    ),
    "an array put to itself": (
        jsonata("($f := function($s, $n) {$n = 0 ? $s : $f($append($s, $s), $n - 1)}; $f([1], 60))"), {}, QUERY, BOUND,
    ),
    "a slow sort": (jsonata("$sort([1..900000], function($a, $b) {$a < $b})"), {}, QUERY, BOUND),
    "an array of itself": (
        jsonata("($f := function($s, $n) {$n = 0 ? $s : $f([$s, [$s]], $n - 1)}; $f([1], 60))"), {}, QUERY, BOUND,
    ),
    # JSONPath
    "descendants in JSONPath": (passing(InputPath="$..*..*..*..*"), deep(200), RUNTIME, VALUES),
    "descendants in a filter": (passing(InputPath="$..[?(@..*..*..*)]"), deep(200), RUNTIME, VALUES),
    "selectors that multiply": (passing(InputPath="$" + "[*,*,*,*]" * 14), deep(20), RUNTIME, VALUES),
    "a regular expression in a filter": (
        passing(InputPath="$.s[?(@ =~ /(a|a|aa)+$/)]"), {"s": ["a" * 60 + "b"]}, RUNTIME,
        "The search for /(a|a|aa)+$/ takes more than 1 s.",
    ),
    "search() in a filter": (
        passing(InputPath="$.s[?search(@, '(x+x+)+y')]"), {"s": ["x" * 5000]}, RUNTIME,
        "The search for /(x+x+)+y/ takes more than 1 s.",
    ),
    "match() in a filter": (
        passing(InputPath="$.s[?match(@, '(a|a|aa)+')]"), {"s": ["a" * 60 + "b"]}, RUNTIME,
        "The search for /(a|a|aa)+/ takes more than 1 s.",
    ),
    # intrinsic functions
    "a giant ArrayRange": (
        passing(Parameters={"a.$": "States.ArrayRange(0, 1000000000, 1)"}), {}, INTRINSIC,
        "The array must not have more than 1000 elements, it would have 1000000001",
    ),
    "a giant Format": (
        passing(Parameters={"a.$": f"States.Format('{'{}' * 900}'{', $.s' * 900})"}), {"s": "x" * 100_000}, INTRINSIC,
        "The string must not be longer than 8388608 characters",
    ),
    # loops that let the data grow
    "data put twice into itself": (looping(Parameters={"a.$": "$", "b.$": "$"}), {}, LIMIT, REPEATS),
    "data put into itself": (looping(ResultPath="$.r"), {"q": 1}, RUNTIME, DEEP),
    "variables put into themselves": (
        looping(Assign={"v.$": "States.Array($, $)"}, Parameters={"a.$": "States.Array($, $)"}), {}, LIMIT,
        "exceeds the limit of 262144 bytes.",
    ),
    "a text doubled in a loop": (
        looping(Parameters={"s.$": "States.Format('{}{}', $.s, $.s)"}), {"s": "x"}, INTRINSIC,
        "The string must not be longer than 8388608 characters",
    ),
    "quotes in quotes in quotes": (
        looping(Parameters={"s.$": "States.JsonToString($)"}), {"s": '"'}, INTRINSIC,
        "The string must not be longer than 8388608 characters",
    ),
    "a number doubled in a loop": (
        looping(Parameters={"s.$": "States.MathAdd($.s, $.s)"}), {"s": 1}, INTRINSIC, "The sum is too large",
    ),
}  # fmt: skip


def parallel_doubling() -> dict[str, Any]:
    branches = [{"StartAt": f"P{i}", "States": {f"P{i}": {"Type": "Pass", "End": True}}} for i in range(10)]
    machine = looping()
    machine["States"]["A"] = {"Type": "Parallel", "Branches": branches, "Next": "B"}
    machine["States"]["B"]["Choices"][0]["Variable"] = "$[0].way_out"
    return machine


def map_doubling() -> dict[str, Any]:
    processor = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": [1, 2], "ResultPath": "$.q", "End": True}}}
    machine = looping()
    machine["States"]["A"] = {
        "Type": "Map", "ItemSelector": {"a.$": "$", "b.$": "$"}, "ItemProcessor": processor, "Next": "B",
    }  # fmt: skip
    return machine


FAILING["branches that double"] = (parallel_doubling(), {"x": 1}, LIMIT, REPEATS)
FAILING["items that double"] = (map_doubling(), [1, 2], LIMIT, REPEATS)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[asw.Workspace]:
    with asw.Workspace(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.mark.parametrize("name", FAILING)
def test_a_hostile_expression_fails_its_state_while_others_go_on(name: str, workspace: asw.Workspace) -> None:
    definition, data, error, cause = FAILING[name]
    started, go = threading.Event(), threading.Event()

    def wait_for_it(event: Any) -> str:
        started.set()
        go.wait(HANG_S)
        return "done"

    task = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "wait_for_it", "Next": "P"}, "P": {"Type": "Succeed"}}}
    other = asw.workflow(task, "other", workspace=workspace).start(functions={"wait_for_it": wait_for_it})
    assert started.wait(HANG_S)
    hostile = asw.workflow(definition, "hostile", workspace=workspace).start(data, type="EXPRESS")
    go.set()
    assert (other.wait(HANG_S).status, other.output) == ("SUCCEEDED", "done")
    hostile.wait(HANG_S)
    assert (hostile.status, hostile.error) == ("FAILED", error)
    assert cause in (hostile.cause or "")
    assert [e["type"] for e in hostile.history()][-1] == "ExecutionFailed"


def test_all_cases_together_stay_below_300_megabytes() -> None:
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["errors"] == {name: error for name, (_, _, error, _) in FAILING.items()}
    assert told["mib"] < 300


def test_many_stars_are_matched_without_going_back() -> None:
    pattern = "*a" * 40 + "*b"
    assert wildcard(pattern).fullmatch("a" * 20_000) is None
    assert wildcard(pattern).fullmatch("a" * 20_000 + "b") is not None


def test_an_endless_loop_can_be_stopped(workspace: asw.Workspace) -> None:
    run = asw.workflow(looping(), "loop", workspace=workspace).start(type="EXPRESS")
    run.stop("Enough", "it loops")
    assert (run.wait(HANG_S).status, run.error, run.cause) == ("ABORTED", "Enough", "it loops")


def test_a_virtual_clock_stays_within_the_years_that_can_be_written() -> None:
    clock = asw.VirtualClock()
    waiting = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 99_999_999, "Next": "B"}, "B": looping()["States"]["B"]}}
    waiting["States"]["B"]["Choices"][0]["Next"] = "C"
    waiting["States"]["C"] = {"Type": "Succeed"}
    run = asw.run(waiting, type="EXPRESS", clock=clock, timeout_s=10**400)
    assert (run.status, clock.time_us()) == ("TIMED_OUT", run._record.started_us + 10**16)
    clock.jump_us(10**30)
    assert clock.time_us() == LAST_MOMENT_US


def measured() -> dict[str, Any]:
    """How each case ends as a STANDARD execution, and how far the peak of this process's memory rises."""
    import resource
    import tempfile

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    errors = {}
    with tempfile.TemporaryDirectory() as folder, asw.Workspace(folder) as workspace:
        for name, (definition, data, _, _) in FAILING.items():
            errors[name] = asw.workflow(definition, "hostile", workspace=workspace).start(data).wait(HANG_S).error
    return {"errors": errors, "mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // unit}


if __name__ == "__main__":
    print(json.dumps(measured()))
