"""The languages' rules as data: every case in conformance/*.json, run through the public functions.

A case is an object::

    name, rule          what it is called; the rule that it shows, as a sentence
    definition, input
    functions           name or whole resource -> "echo" | {"returns": value} | {"raises": [error, cause]}
                        | a list of these, used one after the other
    dialect             "tcsl", "asl" or "auto" (when left out)

and what must come out, where ``output`` or ``error`` decides whether the execution succeeds::

    output | error      error null: failed without a name
    cause               exactly; or ``message``: what the function said, inside the JSON of the cause
    status              when it is neither SUCCEEDED nor FAILED
    path                names of the states in the order of their entry
    calls               function -> the events that it was called with, in order
    gaps_s              state -> seconds between the end of one attempt and the start of the next
    waits_s             state -> seconds that it held (Wait, retries)
    elapsed_s           seconds from start to end

Time is virtual and begins at 2023-11-14T22:13:20Z. The workflow is named "conformance", the execution "run".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw

FILES = sorted((Path(__file__).parent / "conformance").glob("*.json"))
CASES = [(path.stem, case) for path in FILES for case in json.loads(path.read_text(encoding="utf-8"))]
FIELDS = {
    "name", "rule", "definition", "input", "functions", "dialect",
    "output", "error", "cause", "message", "status", "path", "calls", "gaps_s", "waits_s", "elapsed_s",
}  # fmt: skip


def function_of(script: Any, events: list[Any]) -> Callable[[Any], Any]:
    """The function that a case describes; it notes its events."""
    steps = script if isinstance(script, list) else [script]

    def call(event: Any) -> Any:
        step = steps[min(len(events), len(steps) - 1)]
        events.append(event)
        if step == "echo":
            return event
        if "raises" in step:
            raise asw.TaskError(*step["raises"])
        return step["returns"]

    return call


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    """What the case's own fields say, as the engine has it."""
    calls: dict[str, list[Any]] = {name: [] for name in case.get("functions", ())}
    run = asw.run(
        case["definition"],
        case["input"],
        functions={name: function_of(script, calls[name]) for name, script in case.get("functions", {}).items()},
        workflow="conformance",
        name="run",
        type="EXPRESS",
        dialect=case.get("dialect", "auto"),
        # on the engine's own thread, so that the functions of a Map are called in the order of its items
        executor="inline",
        clock=asw.VirtualClock(),
    )
    states, attempts = run.states(), run.attempts()
    seen: dict[str, Callable[[], Any]] = {
        "status": lambda: run.status,
        "output": lambda: run.output,
        "error": lambda: run.error,
        "cause": lambda: run.cause,
        "message": lambda: json.loads(run.cause or "{}").get("errorMessage"),
        "path": lambda: list(states["state"]),
        "calls": lambda: {name: calls[name] for name in case["calls"]},
        "gaps_s": lambda: {name: gaps_s(attempts[attempts["state"] == name]) for name in case["gaps_s"]},
        "waits_s": lambda: {name: states[states["state"] == name]["wait_s"].sum() for name in case["waits_s"]},
        "elapsed_s": lambda: run.duration_s,
    }
    return {field: look() for field, look in seen.items() if field in case or field == "status"}


def gaps_s(attempts: Any) -> list[float]:
    finished, scheduled = list(attempts["finished"]), list(attempts["scheduled"])
    return [(again - end).total_seconds() for end, again in zip(finished, scheduled[1:], strict=False)]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{topic}/{case['name']}") for topic, case in CASES])
def test_rule(case: dict[str, Any]) -> None:
    expected = {
        field: case[field]
        for field in FIELDS - {"name", "rule", "definition", "input", "functions", "dialect"}
        if field in case
    }
    expected.setdefault("status", "FAILED" if "error" in case else "SUCCEEDED")
    assert outcome(case) == expected, case["rule"]


@pytest.mark.parametrize("topic", sorted({topic for topic, _ in CASES}))
def test_the_cases_of_a_file_are_well_formed(topic: str) -> None:
    cases = [case for name, case in CASES if name == topic]
    names = [case["name"] for case in cases]
    assert sorted(names) == sorted(set(names))
    for case in cases:
        assert set(case) <= FIELDS, case["name"]
        assert case["rule"].endswith("."), case["name"]
        assert ("output" in case) != ("error" in case), case["name"]
