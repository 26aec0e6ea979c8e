"""The report of an execution with a million events: how long it takes, how large it is, how much memory it needs.

::

    python -m benchmarks.reports                  250,000 items, which are 1,000,004 events
    python -m benchmarks.reports --items 25000

Each form is made in a process of its own, from the history file, as ``asw-nb report`` does."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.workloads import FUNCTIONS, mapped

ROOT = Path(__file__).parents[1]


def make(history: Path, form: str) -> None:
    """Make one report, and say what it took."""
    import resource

    import asw_nb as asw

    begun = time.perf_counter()
    with asw.Workspace(history) as workspace:
        path = asw.report(workspace.execution("it"), history.parent / f"report.{form}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{form:6} {time.perf_counter() - begun:6.1f} s  {path.stat().st_size / 1e6:5.2f} MB  peak {peak:,.0f} MB", flush=True)


def main() -> None:
    """Run the workflow once, then make each form."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int, default=250_000)
    options.add_argument("--make", nargs=2, metavar=("HISTORY", "FORM"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.make:
        make(Path(asked.make[0]), asked.make[1])
        return
    import asw_nb as asw

    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder) / "history.db"
        with asw.Workspace(history) as workspace:
            flow = asw.workflow(mapped("inc", 64), "million", dialect="asl", workspace=workspace)
            flow.run({"items": list(range(asked.items))}, name="it", functions=FUNCTIONS, executor="inline")
            (events,) = next(workspace.store.query("SELECT sum(count) FROM events"))
        print(f"{events:,} events")
        for form in ("html", "md", "ipynb"):
            subprocess.run([sys.executable, "-m", "benchmarks.reports", "--make", str(history), form], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
