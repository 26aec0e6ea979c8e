"""The workloads, W1 to W9: definition, input, functions, the answer that must come out, and what is counted.

They isolate one cost each: transitions (W1), a loop with an expression (W2), a Map of trivial tasks (W3), Parallel (W4), tasks one after the
other (W5), many executions at once (W6), tasks that only wait (W7), a fresh process (W8), a Map that does not fit a table on the screen (W9).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RESOURCE = "arn:aws:lambda:us-east-1:000000000000:function:"


def inc(n: int) -> int:
    return n + 1


def sleep50(n: int) -> int:
    time.sleep(0.05)
    return n


def add(event: dict[str, int]) -> int:
    return event["a"] + event["b"]


FUNCTIONS: dict[str, Callable[[Any], Any]] = {"inc": inc, "sleep50": sleep50, "add": add}


@dataclass(frozen=True)
class Workload:
    """One of them.

    Attributes
    ----------
    count : int
        Operations of one run: transitions, items, tasks or executions.
    unit : str
    at_once : int
        Executions that are started together; 1 for most.
    """

    name: str
    what: str
    unit: str
    count: int
    definition: dict[str, Any]
    input: Any
    output: Any
    at_once: int = 1


def chain(count: int, state: dict[str, Any], prefix: str = "S") -> dict[str, Any]:
    """States one after the other."""
    states = {
        f"{prefix}{n}": {**state, **({"Next": f"{prefix}{n + 1}"} if n < count - 1 else {"End": True})}
        for n in range(count)
    }
    return {"StartAt": f"{prefix}0", "States": states}


def mapped(function: str, concurrency: int) -> dict[str, Any]:
    """A Map over ``$.items``."""
    each = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": RESOURCE + function, "End": True}}}
    state = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": concurrency, "ItemProcessor": each, "End": True}
    return {"StartAt": "M", "States": {"M": state}}


def loop() -> dict[str, Any]:
    """Choice and a counting Pass."""
    check = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.i", "NumericLessThanPath": "$.n", "Next": "Inc"}],
        "Default": "Done",
    }
    inc = {"Type": "Pass", "Parameters": {"i.$": "States.MathAdd($.i, 1)", "n.$": "$.n"}, "Next": "Check"}
    return {"StartAt": "Check", "States": {"Check": check, "Inc": inc, "Done": {"Type": "Succeed"}}}


def parallel(branches: int, length: int) -> dict[str, Any]:
    """Branches of Pass states."""
    made = [chain(length, {"Type": "Pass"}, f"B{n}S") for n in range(branches)]
    return {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": made, "End": True}}}


SHORT = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Task", "Resource": RESOURCE + "inc", "Next": "C"},
        "C": {"Type": "Succeed"},
    },
}
SUM = {
    "StartAt": "Numbers",
    "States": {
        "Numbers": {"Type": "Pass", "Result": {"a": 1, "b": 2}, "Next": "Sum"},
        "Sum": {"Type": "Task", "Resource": RESOURCE + "add", "End": True},
    },
}


def _items(name: str, what: str, count: int, concurrency: int, function: str = "inc") -> Workload:
    out = list(range(1, count + 1)) if function == "inc" else list(range(count))
    return Workload(name, what, "items", count, mapped(function, concurrency), {"items": list(range(count))}, out)


def make(name: str, count: int | None = None) -> Workload:
    """The workload of that name; `count` makes it larger or smaller.

    Raises
    ------
    KeyError
    """
    return _MAKE[name](count)


_MAKE: dict[str, Callable[[int | None], Workload]] = {
    "W1": lambda n: Workload("W1", "chain of Pass", "transitions", n or 1000, chain(n or 1000, {"Type": "Pass"}), {"x": 1}, {"x": 1}),
    "W2": lambda n: Workload(
        "W2", "Choice loop with an intrinsic", "transitions", 2 * (n or 10_000), loop(), {"i": 0, "n": n or 10_000}, {"i": n or 10_000, "n": n or 10_000},
    ),
    "W3": lambda n: _items("W3", "Map of trivial tasks, 64 at once", n or 10_000, 64),
    "W3c0": lambda n: _items("W3c0", "Map of trivial tasks, no limit", n or 10_000, 0),
    "W4": lambda n: Workload("W4", "Parallel, 100 branches of 10", "transitions", 1000, parallel(100, 10), {"x": 1}, [{"x": 1}] * 100),
    "W5": lambda n: Workload("W5", "chain of trivial tasks", "tasks", n or 1000, chain(n or 1000, {"Type": "Task", "Resource": RESOURCE + "inc"}), 0, n or 1000),
    "W6": lambda n: Workload("W6", "short executions at once", "executions", n or 1000, SHORT, 1, 2, n or 1000),
    "W7": lambda n: _items("W7", "tasks that sleep 50 ms, 100 at once", n or 1000, 100, "sleep50"),
    "W8": lambda n: Workload("W8", "fresh process to first result", "seconds", 1, SUM, {}, 3),
    "W9": lambda n: _items("W9", "Map of a million items", n or 1_000_000, 64),
}  # fmt: skip

NAMES = tuple(_MAKE)

__all__ = ["FUNCTIONS", "NAMES", "Workload", "add", "chain", "inc", "loop", "make", "mapped", "parallel", "sleep50"]
