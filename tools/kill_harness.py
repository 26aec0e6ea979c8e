"""Kills a process that runs a workflow, with SIGKILL at random moments, lets another resume it, and compares with an undisturbed run.

    python tools/kill_harness.py --kills 200 --jobs 2 --seed 1
    python tools/kill_harness.py --kills 200 --short        functions that take microseconds, whose results are written together; a Map of 40,000

The workflow has a chain, a Choice loop, retries, a Parallel, a Map of 2,000 items and a Wait. Every call of a function is noted in a file before it does
anything, with the task's own key, so that a task whose result was recorded before the kill and that is called again after it is found. The table
that is printed says: equal outputs, recorded tasks that ran again, recorded results lost, histories not valid in form.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

ITEMS, SHORT_ITEMS = 2_000, 40_000
TASK = {"Type": "Task", "Resource": "work"}
RETRY = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 3}]
DEFINITION = {
    "StartAt": "One",
    "States": {
        "One": {**TASK, "Parameters": {"key": "one"}, "ResultPath": "$.one", "Next": "Two"},
        "Two": {
            **TASK,
            "Parameters": {"key": "two", "flaky": True},
            "Retry": RETRY,
            "ResultPath": "$.two",
            "Next": "Zero",
        },
        "Zero": {"Type": "Pass", "Result": 0, "ResultPath": "$.n", "Next": "More?"},
        "More?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 30, "Next": "Turn"}],
            "Default": "Each",
        },
        "Turn": {
            **TASK,
            "Parameters": {"key.$": "States.Format('turn {}', $.n)"},
            "ResultPath": "$.turn",
            "Next": "Count",
        },
        "Count": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)", "items.$": "$.items", "one.$": "$.one", "two.$": "$.two"},
            "Next": "More?",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 40,
            "ItemSelector": {"key.$": "States.Format('item {}', $$.Map.Item.Value)", "n.$": "$$.Map.Item.Value"},
            "ItemProcessor": {
                "StartAt": "Item",
                "States": {"Item": {**TASK, "Retry": RETRY, "End": True}},
            },
            "ResultPath": "$.done",
            "Next": "Rest",
        },
        "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Fork"},
        "Fork": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": f"B{i}", "States": {f"B{i}": {**TASK, "Parameters": {"key": f"branch {i}"}, "End": True}}}
                for i in range(4)
            ],
            "ResultPath": "$.fork",
            "Next": "End",
        },
        "End": {**TASK, "Parameters": {"key": "end"}, "ResultPath": "$.end", "End": True},
    },
}


def child(folder: Path, resume: bool, short: bool) -> None:
    """What is killed: starts the workflow, or goes on with it."""
    import asw_nb as asw

    calls = os.open(folder / "calls", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    class Flaky(Exception):
        pass

    def work(event: dict[str, Any], context: Any) -> str:
        os.write(calls, f"{event['key']}\n".encode())
        if not short:
            time.sleep(0.0005)
        often = 5000 if short else 500
        if (event.get("flaky") or event.get("n", 0) % often == often - 1) and context.attempt == 1:
            raise Flaky
        return event["key"].upper()

    asw.function("work")(work)
    ws = asw.Workspace(folder / "history.db")
    if resume:
        ws.resume()
        run = ws.execution("killed") if len(ws.executions()) else start(asw, ws, short)
    else:
        run = start(asw, ws, short)
    print("started", flush=True)
    run.wait()
    print(json.dumps([run.status, run.output]), flush=True)


def start(asw: Any, ws: Any, short: bool) -> Any:
    flow = asw.workflow(DEFINITION, name="harness", workspace=ws)
    return flow.start({"items": list(range(SHORT_ITEMS if short else ITEMS))}, name="killed")


def spawn(folder: Path, resume: bool, short: bool) -> subprocess.Popen[str]:
    options = [word for word, chosen in (("--resume", resume), ("--short", short)) if chosen]
    command = [sys.executable, str(Path(__file__)), "--child", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@dataclass
class Trial:
    """What one kill showed."""

    number: int
    delay_s: float
    events: int
    equal: bool
    twice: int
    lost: int
    valid: bool
    note: str = ""


def recorded(folder: Path) -> tuple[set[str], int]:
    """Keys of tasks whose result is in the history, and the number of events."""
    import asw_nb as asw
    from asw_nb.engine import events as ev

    if not (folder / "history.db").exists():
        return set(), 0
    keys: set[str] = set()
    count = 0
    with asw.Workspace(folder / "history.db") as ws:
        if not len(ws.executions()):
            return set(), 0
        for event in ws.store.events(ws.store.find("killed").key):
            count += 1
            if event[0] == ev.SUCCEEDED:
                keys.add(event[3].lower())
    return keys, count


def is_valid(folder: Path) -> bool:
    """Whether the history is one that the cloud could have given: ids without gaps, links backwards, an end."""
    import asw_nb as asw

    with asw.Workspace(folder / "history.db") as ws:
        history = ws.execution("killed").history("aws")
        states = ws.execution("killed").states()
    ids = [e["id"] for e in history]
    links = all(e["previousEventId"] < e["id"] for e in history)
    ends = history[-1]["type"] == "ExecutionSucceeded"
    return ids == list(range(1, len(ids) + 1)) and links and ends and bool(states["exited"].notna().all())


def trial(number: int, seed: int, span_s: float, expected: str, short: bool) -> Trial:
    """Start, kill, resume (and sometimes kill and resume again), compare."""
    rng = random.Random(f"{seed}/{number}")
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        folder = Path(name)
        delay = 0.0
        before: set[str] = set()
        called_again: set[str] = set()
        events = 0
        resume = False
        for _ in range(2 if rng.random() < 0.2 else 1):
            process = spawn(folder, resume, short)
            assert process.stdout is not None
            if rng.random() > 0.1:  # one in ten is killed while it starts
                process.stdout.readline()
            delay = rng.uniform(0, span_s)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
            found, events = recorded(folder)
            called_again |= _called_since(folder, before)
            before = found
            (folder / "calls").rename(folder / "calls.old") if (folder / "calls").exists() else None
            resume = True
        process = spawn(folder, True, short)
        out, err = process.communicate(timeout=120)
        called_again |= _called_since(folder, before)
        after, _ = recorded(folder)
        lines = out.strip().splitlines()
        equal = bool(lines) and lines[-1] == expected
        note = "" if equal else (err[-300:] or (lines[-1][:200] if lines else "nothing printed"))
        return Trial(
            number,
            delay,
            events,
            equal,
            len(called_again),
            len(before - after),
            is_valid(folder) if equal else False,
            note,
        )


def _called_since(folder: Path, before: set[str]) -> set[str]:
    """Tasks called since the last kill although their result was recorded before it."""
    calls = folder / "calls"
    return set(calls.read_text().splitlines()) & before if calls.exists() else set()


def main(arguments: list[str] | None = None) -> int:
    """Run the trials and print the table; exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="functions that take microseconds")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child is not None:
        child(options.child, options.resume, options.short)
        return 0
    with tempfile.TemporaryDirectory(prefix="undisturbed-") as name:
        process = spawn(Path(name), False, options.short)
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        expected = process.stdout.readline().strip()
        span = time.monotonic() - begun
        process.wait()
    assert json.loads(expected)[0] == "SUCCEEDED", expected[:300]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        trials = list(pool.map(lambda n: trial(n, options.seed, span, expected, options.short), range(options.kills)))
    print(
        f"undisturbed run: {span:.2f} s; kills with SIGKILL: {len(trials)}, {min(t.delay_s for t in trials):.3f} to "
        f"{max(t.delay_s for t in trials):.3f} s after the start, with {min(t.events for t in trials)} to {max(t.events for t in trials)} events recorded"
    )
    rows = {
        "equal output": f"{sum(t.equal for t in trials)} of {len(trials)}",
        "tasks with a recorded result that ran again": sum(t.twice for t in trials),
        "recorded results lost": sum(t.lost for t in trials),
        "histories valid in form": f"{sum(t.valid for t in trials)} of {len(trials)}",
    }
    for what, value in rows.items():
        print(f"{what:<45}{value}")
    bad = [t for t in trials if not (t.equal and t.valid) or t.twice or t.lost]
    for t in bad[:10]:
        print(t)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
