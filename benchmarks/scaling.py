"""How cost grows: twice the states, items, history or executions should take twice the time at most; and what idling costs.

::

    python -m benchmarks.scaling

Each line doubles one size three times; "growth" is the largest ratio of two neighbours, each the best of three. Opening and showing are
measured in a fresh process beside the same on a small store.
"""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asw_nb as asw
from benchmarks.workloads import FUNCTIONS, SHORT, chain, make

ROOT = Path(__file__).parents[1]


def best_of(count: int, work: Callable[[], Any]) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def doubled(
    what: str, sizes: list[int], run: Callable[[int], Any], prepare: Callable[[int], Any] | None = None
) -> None:
    """Print the seconds of each size and the largest growth."""
    seconds = []
    for size in sizes:
        thing = prepare(size) if prepare is not None else size
        seconds.append(best_of(3, lambda thing=thing: run(thing)))
    growth = max(b / a for a, b in itertools.pairwise(seconds))
    each = "  ".join(f"{size:>9,}: {s * 1e3:8.1f} ms" for size, s in zip(sizes, seconds, strict=True))
    print(f"{what:<34} {each}   growth {growth:.2f}")


def fresh(code: str, *arguments: str) -> tuple[float, float]:
    """Seconds that the code says, and the peak of memory in MB, of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


SHOW = """
import resource, sys, time
import asw_nb as asw
begun = time.perf_counter()
workspace = asw.Workspace(sys.argv[1])
if sys.argv[2] == "list":
    shown = workspace.executions(limit=20)
else:
    shown = workspace.execution(sys.argv[2])._repr_mimebundle_()
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        growth(Path(folder))
        stores(Path(folder))
        idle(Path(folder))


def growth(folder: Path) -> None:
    """Doubling one size at a time."""
    with asw.Workspace(folder / "growth.db") as ws:
        sizes = [1000, 2000, 4000, 8000]
        run = {"functions": FUNCTIONS, "workspace": ws}
        doubled("states: validate", sizes, asw.validate, lambda n: chain(n, {"Type": "Pass"}))
        doubled("states: run", sizes, lambda d: asw.run(d, {"x": 1}, **run), lambda n: chain(n, {"Type": "Pass"}))
        loops = lambda n: make("W2", n)  # noqa: E731
        doubled("history: loop", [5000, 10_000, 20_000, 40_000], lambda w: asw.run(w.definition, w.input, **run), loops)
        items = lambda n: make("W3", n)  # noqa: E731
        big = [10_000, 20_000, 40_000, 80_000]
        doubled("items: Map", big, lambda w: asw.run(w.definition, w.input, **run), items)
        ran = lambda n: asw.run(make("W3", n).definition, make("W3", n).input, **run)  # noqa: E731
        doubled("items: states()", big, lambda r: ws.execution(r.name).states(), ran)
        doubled("items: history()", big, lambda r: ws.execution(r.name).history(), ran)
    flow = asw.workflow(SHORT, "short")

    def filled(count: int) -> asw.Workspace:
        made = asw.Workspace(folder / f"filled-{count}.db")
        for execution in [flow.start(1, functions=FUNCTIONS, workspace=made) for _ in range(count)]:
            execution.wait()
        return made

    doubled(
        "executions in store: one more run",
        [1000, 2000, 4000, 8000],
        lambda ws: [flow.run(1, functions=FUNCTIONS, workspace=ws) for _ in range(100)],
        filled,
    )


def stores(folder: Path) -> None:
    """Opening a workspace with 10,000 executions; showing an execution of a million events."""
    flow = asw.workflow(SHORT, "short")
    for count in (10, 10_000):
        with asw.Workspace(folder / f"store-{count}.db") as ws:
            for execution in [flow.start(1, functions=FUNCTIONS, workspace=ws) for _ in range(count)]:
                execution.wait()
        seconds, peak = fresh(SHOW, str(folder / f"store-{count}.db"), "list")
        print(f"open and list, {count:,} executions: {seconds:.2f} s, {peak:.0f} MB")
    for count in (100, 250_000):
        work = make("W3", count)
        with asw.Workspace(folder / f"events-{count}.db") as ws:
            asw.run(work.definition, work.input, name="big", functions=FUNCTIONS, executor="inline", workspace=ws)
        seconds, peak = fresh(SHOW, str(folder / f"events-{count}.db"), "big")
        print(f"show an execution, {4 * count:,} events: {seconds:.2f} s, {peak:.0f} MB")


def idle(folder: Path) -> None:
    """A thousand executions that wait."""
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    with asw.Workspace(folder / "idle.db") as ws:
        flow = asw.workflow(wait, "waits")
        runs = [flow.start({}, workspace=ws) for _ in range(1000)]
        time.sleep(2)
        before = resource.getrusage(resource.RUSAGE_SELF)
        time.sleep(10)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"idle, 1,000 waiting executions: {used / 10:.2%} of a processor")
        for run in runs:
            run.stop()


if __name__ == "__main__":
    main()
