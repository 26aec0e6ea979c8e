"""A Map over a million items, durable, with a history of each: speed, memory, and a ``kill -9`` half-way.

::

    python -m benchmarks.million                 a million of each
    python -m benchmarks.million --count 100000

Each line is a process of its own. Beside them, in the same run, a plain ``ThreadPoolExecutor.map`` of the same function, which keeps nothing.
Peaks are those of the resident memory, the interpreter and the packages included.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.workloads import FUNCTIONS, inc, mapped

ROOT = Path(__file__).parents[1]
KINDS = ("list", "range", "file")


def from_file(folder: Path) -> dict[str, Any]:
    """A Map that reads its items from a file of lines."""
    machine = mapped("inc", 64)
    state = machine["States"]["M"]
    del state["ItemsPath"]
    state["ItemProcessor"]["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    state["ItemReader"] = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket": str(folder), "Key": "items.jsonl"},
    }
    return machine


def child(kind: str, folder: Path, count: int, executor: str) -> None:
    """Run, or go on with what a killed process left, and say what it took."""
    import asw_nb as asw

    if kind == "file":
        with (folder / "items.jsonl").open("w") as lines:
            lines.writelines(f"{n}\n" for n in range(count))
    begun = time.perf_counter()
    with asw.Workspace(folder / "history.db") as workspace:
        left = workspace.resume(functions=FUNCTIONS)
        if left:
            (run,) = left
            run.wait()
        else:
            machine = from_file(folder) if kind == "file" else mapped("inc", 64)
            flow = asw.workflow(machine, "million", dialect="asl", workspace=workspace)
            given = [] if kind == "file" else range(count)
            run = flow.run(
                {"items": list(given) if kind == "list" else given}, name="it", functions=FUNCTIONS, executor=executor
            )
        seconds = time.perf_counter() - begun
        output = run.output
        assert len(output) == count, run.cause
        assert all(found == n + 1 for n, found in enumerate(output))
        (events,) = next(workspace.store.query("SELECT sum(count) FROM events"))
    size = (folder / "history.db").stat().st_size / 1e6
    print(f"{count / seconds:,.0f} items/s, peak {peak_mb():,.0f} MB; {events:,} events, {size:.0f} MB on disk", flush=True)


def plain(count: int) -> None:
    """The same function on a pool of threads, and nothing else."""
    from concurrent.futures import ThreadPoolExecutor

    begun = time.perf_counter()
    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(inc, range(count))) == list(range(1, count + 1))
    print(f"{count / (time.perf_counter() - begun):,.0f} items/s, peak {peak_mb():,.0f} MB")


def peak_mb() -> float:
    """Peak of this process's resident memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.million", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"it ended with {process.returncode}")
    return out.strip()


def killed(count: int, folder: Path) -> str:
    """Kill it when half of the items are recorded; then go on."""
    import sqlite3

    process = start("--child", "list", str(folder), "inline", "--count", str(count))
    half = 0
    while half < 2 * count:
        time.sleep(0.05)
        try:
            db = sqlite3.connect(folder / "history.db")
            (half,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
            db.close()
        except sqlite3.Error:
            continue
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return f"killed after {half:,} events; then {said(start('--child', 'list', str(folder), 'inline', '--count', str(count)))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--child", nargs=3, metavar=("KIND", "FOLDER", "EXECUTOR"), help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.plain:
        return plain(chosen.count)
    if chosen.child:
        kind, folder, executor = chosen.child
        return child(kind, Path(folder), chosen.count, executor)
    count = str(chosen.count)
    print(f"plain threads          {said(start('--plain', '--count', count))}", flush=True)
    for kind in KINDS:
        for executor in ("inline", "threads"):
            with tempfile.TemporaryDirectory() as folder:
                found = said(start("--child", kind, folder, executor, "--count", count))
            print(f"{kind:<6} {executor:<8}        {found}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(f"list, inline, kill -9  {killed(chosen.count, Path(folder))}", flush=True)
    return None


if __name__ == "__main__":
    main()
