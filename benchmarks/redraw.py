"""What a redraw costs, for a Map of ten items and for one of a hundred thousand; and whether memory stays flat while one watches.

    python benchmarks/redraw.py                # the table
    python benchmarks/redraw.py --flat 180     # watch a busy execution for three minutes, and print memory every ten seconds

A redraw is timed in the kernel, without a front end: making the live card, the table of `asw.watch`, a frame of the monitor with its widgets, and
going to a moment of the past. What a notebook file keeps is the last frame, the static card."""

from __future__ import annotations

import argparse
import gc
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import asw_nb as asw
from asw_nb.analysis.card import execution_card, live_card
from asw_nb.analysis.watch_card import Watched, watch_card
from asw_nb.handle import Execution
from asw_nb.notebook.monitor import Monitor

FEW, MANY = 10, 100_000
SHARE = 0.4
ROUNDS = 40

MAPPED = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map", "MaxConcurrency": 40, "ToleratedFailurePercentage": 50, "End": True,
            "ItemProcessor": {"StartAt": "Load", "States": {"Load": {"Type": "Task", "Resource": "load", "End": True}}},
        }
    },
}  # fmt: skip


class Load:
    """Loads so many items, then holds the others until it is let go; one item in a thousand fails."""

    def __init__(self, count: int) -> None:
        self._left, self._lock, self.go = count, threading.Lock(), threading.Event()

    def __call__(self, item: int) -> int:
        with self._lock:
            self._left -= 1
            held = self._left < 0
        if held:
            self.go.wait()
        if item % 1000 == 5:
            raise asw.TaskError("Busy", "lock timeout")
        return item


def underway(items: int) -> tuple[Execution, Load]:
    """A Map with a part of its items done and the window full of others."""
    load = Load(int(items * SHARE))
    run = asw.workflow(MAPPED, name="redraw").start(list(range(items)), functions={"load": load})
    state = run._run.state
    wanted = min(40, items - int(items * SHARE))
    while sum(state.exited) + sum(state.failed) < int(items * SHARE) or len(state.frames) < wanted + 1:
        time.sleep(0.02)
    return run, load


def median_ms(work: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> float:
    """The median time of some rounds; `before` is not timed."""
    took = []
    for _ in range(ROUNDS):
        before()
        begun = time.perf_counter()
        work()
        took.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(took)


def measured(items: int) -> dict[str, float]:
    """Every figure for a Map of that size."""
    run, load = underway(items)
    live = run._run
    lines = ["  1.00 s  Each[3] started"] * 6
    monitor = Monitor(run)
    while monitor.read():
        pass

    def unseen() -> None:
        """Let the monitor believe that all it shows has changed."""
        monitor.graph._shown = monitor.details._shown = None

    def unlisted() -> None:
        """The table of events too, which follows once a second."""
        unseen()
        monitor.events._shown, monitor._listed = None, 0.0

    moments = iter(range(ROUNDS + 1))
    out = {
        "live card, ms": median_ms(lambda: live_card(live, run._record, lines)),
        "live card, bytes": len(live_card(live, run._record, lines)),
        "watch, ms": median_ms(lambda: watch_card([Watched(run._record, live, 1.0)])),
        "monitor, nothing new, ms": median_ms(monitor.refresh),
        "monitor, state and graph new, ms": median_ms(monitor.refresh, unseen),
        "monitor, events new too, ms": median_ms(monitor.refresh, unlisted),
        "moment of the past, ms": median_ms(
            lambda: monitor.travel.at(monitor.travel.count * ((next(moments) * 37) % 100) // 100)
        ),
    }
    load.go.set()
    run.wait()
    begun = time.perf_counter()
    card = execution_card(run)
    out["static card, once, ms"] = 1e3 * (time.perf_counter() - begun)
    out["saved, bytes"] = len(card.encode())
    monitor.close()
    return out


def table() -> None:
    """The figures of both sizes, and how they relate."""
    few, many = measured(FEW), measured(MANY)
    print(f"{'':34}{FEW:>12,}{MANY:>12,}{'ratio':>10}")
    for name, value in few.items():
        digits = 0 if "bytes" in name else 2
        print(f"{name:34}{value:12,.{digits}f}{many[name]:12,.{digits}f}{many[name] / value:10.2f}")


LOOP = {
    "StartAt": "Again",
    "States": {
        "Again": {"Type": "Task", "Resource": "step", "Next": "Enough"},
        "Enough": {
            "Type": "Choice", "Choices": [{"Variable": "$.enough", "IsPresent": True, "Next": "Done"}], "Default": "Again",
        },
        "Done": {"Type": "Succeed"},
    },
}  # fmt: skip


def flat(seconds: float) -> None:
    """Watch an endless loop of tasks with a monitor and with live cards, and print what the process holds."""
    import psutil

    process = psutil.Process()
    run = asw.workflow(LOOP, name="flat").start({}, functions={"step": lambda event: event})
    monitor = Monitor(run)
    begun = told = time.monotonic()
    print(f"{'seconds':>8}{'events':>14}{'read':>14}{'MB':>8}")
    while time.monotonic() - begun < seconds:
        time.sleep(0.25)
        monitor.read()
        monitor.refresh()
        live_card(run._run, run._record, [])
        if time.monotonic() - told >= 10:
            told = time.monotonic()
            gc.collect()
            held = process.memory_info().rss / 1e6
            print(f"{told - begun:8.0f}{run._run.state.count:14,}{monitor.travel.count:14,}{held:8.0f}", flush=True)
    run.stop()
    monitor.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--flat", type=float, metavar="SECONDS", help="watch memory for so long instead")
    options = parser.parse_args()
    if options.flat is not None:
        flat(options.flat)
    else:
        table()


if __name__ == "__main__":
    main()
