"""Speed of every workload beside its limits, in one run: a table of rates and ratios.

::

    python -m benchmarks.speed                      W1 to W8, five rounds
    python -m benchmarks.speed --only W5,W6 --rounds 3
    python -m benchmarks.speed --rival FOLDER       also aws-local-stepfunctions, installed there with npm

Each figure comes from a process of its own, and the rounds go through all of them in turn, so that a slow minute of the machine hits all
alike: only ratios within one run mean anything. A process runs a workload several times; "first" is its first run, with everything cold, the
other rate is the median of those after it. Of the rounds the median is shown. Every output is checked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.limits import LIMITS
from benchmarks.workloads import NAMES, make

ROOT = Path(__file__).parents[1]
RUNS = 5
SLOW = ("W9",)


def hows(name: str, rival: str | None) -> Iterator[str]:
    """What is measured for a workload."""
    yield "durable"
    if name in ("W3", "W5", "W9"):
        yield "inline"
    for how in LIMITS.get(name, ()):
        for kind in ("rows", "packed"):
            if name != "W7" or kind == "rows":
                yield f"{kind}-{how}".rstrip("-")
    if rival is not None and name not in ("W8", *SLOW):
        yield "rival"


def measure(name: str, how: str, rival: str | None, runs: int, count: int | None) -> dict[str, Any]:
    """One process."""
    if how == "rival":
        command = [
            "node",
            str(ROOT / "benchmarks" / "rival.js"),
            str(rival),
            str(max(runs, 40 if name in ("W1", "W4", "W5") else 10)),
        ]
        given = json.dumps(asdict(make(name, count)))
    else:
        command = [sys.executable, "-m", "benchmarks.one", name, "--how", how, "--runs", str(runs)]
        command += ["--count", str(count)] if count else []
        given = ""
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def rates(name: str, seconds: list[float], count: int) -> tuple[float, float]:
    """Operations a second of the first run, and of those after it; seconds for a fresh process."""
    if name == "W8":
        return seconds[0], seconds[0]
    warm = seconds[1:] or seconds
    return count / seconds[0], count / median(warm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="such as W1,W5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rival", help="a folder with node_modules/aws-local-stepfunctions")
    parser.add_argument("--count", type=int, help="another size of the workloads")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    chosen = parser.parse_args()
    names = chosen.only.split(",") if chosen.only else [n for n in NAMES if n not in SLOW]
    found: dict[str, dict[str, list[dict[str, Any]]]] = {n: {} for n in names}
    for round_ in range(chosen.rounds):
        for name in names:
            for how in hows(name, chosen.rival):
                runs = 1 if name in ("W8", *SLOW) else RUNS
                one = measure(name, how, chosen.rival, runs, chosen.count)
                found[name].setdefault(how, []).append(one)
                print(f"\r{round_ + 1}/{chosen.rounds} {name} {how:<12}", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    print(table(found, chosen.count))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


def table(found: dict[str, dict[str, list[dict[str, Any]]]], count: int | None) -> str:
    """The figures as Markdown."""
    lines = [
        "| workload | what | first | warm | peak MB | first / warm, as a ratio of ours to it |",
        "|---|---|---:|---:|---:|---|",
    ]
    for name, hows_ in found.items():
        work = make(name, count)
        figures: dict[str, tuple[float, float, float]] = {}
        for how, ones in hows_.items():
            pairs = [rates(name, one["seconds"], work.count) for one in ones]
            peak = median(one["peak_mb"] for one in ones)
            figures[how] = median(p[0] for p in pairs), median(p[1] for p in pairs), peak
        for how, (first, warm, peak) in figures.items():
            if name == "W8":
                lines.append(f"| W8 | {work.what}, {how} | {first:.3f} s | | {peak:.0f} | |")
                continue
            own = figures["durable"]
            ratio = "" if how in ("durable", "inline") else f"{own[0] / first:.2f} / {own[1] / warm:.2f}"
            if name == "W7" and how == "durable":
                ratio = f"{own[1] / 2000:.1%} of ideal"
            lines.append(f"| {name} | {work.what}, {how} | {first:,.0f} | {warm:,.0f} | {peak:.0f} | {ratio} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
