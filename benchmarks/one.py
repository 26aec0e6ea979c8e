"""One workload in a process of its own: prints a line of JSON with the seconds of each run and the peak of memory."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.workloads import FUNCTIONS, Workload, make


def ours(work: Workload, options: dict[str, Any], runs: int) -> list[float]:
    """Seconds of each run through the public interface; the definition is read, checked and compiled inside of them."""
    import asw_nb as asw

    seconds = []
    with tempfile.TemporaryDirectory() as folder, asw.Workspace(Path(folder) / "history.db") as workspace:
        more = {"functions": FUNCTIONS, "dialect": "asl", "workspace": workspace, **options}
        for _ in range(runs):
            begun = time.perf_counter()
            if work.at_once > 1:
                flow = asw.workflow(work.definition, "short")
                started = [flow.start(work.input, **more) for _ in range(work.at_once)]
                outputs = [execution.result() for execution in started]
                good = outputs == [work.output] * work.at_once
            else:
                good = asw.run(work.definition, work.input, **more).output == work.output
            seconds.append(time.perf_counter() - begun)
            assert good, work.name
    return seconds


def age_s() -> float:
    """Seconds since the system started this process, the start of the interpreter included."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument(
        "--how", default="durable", help="durable, inline, express, or a limit: rows, packed, rows-pool, packed-pool"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--count", type=int)
    chosen = parser.parse_args()
    work = make(chosen.workload, chosen.count)
    found: dict[str, Any] = {}
    options = {"durable": {}, "inline": {"executor": "inline"}, "express": {"type": "EXPRESS"}}.get(chosen.how)
    if work.name == "W8":
        import asw_nb as asw

        with tempfile.TemporaryDirectory() as folder, asw.Workspace(Path(folder) / "history.db") as workspace:
            assert asw.run(work.definition, {}, functions=FUNCTIONS, workspace=workspace).output == work.output
            found["seconds"] = [age_s()]
        heavy = {"pandas", "plotly", "ipywidgets", "IPython"} & sys.modules.keys()
        assert not heavy, heavy
    elif options is not None:
        found["seconds"] = ours(work, options, chosen.runs)
    else:
        from benchmarks.limits import measure

        kind, _, how = chosen.how.partition("-")
        found["seconds"] = measure(work, how, kind, chosen.runs)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
