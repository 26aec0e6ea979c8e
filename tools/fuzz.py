"""Run random and mutated definitions through asw_nb and say what became of them.

A definition must be refused with problems, or run to a terminal status whose histories, tables and picture can be made. Whatever else
happens is a bug of ours. Half of the definitions are made of valid parts, half are mutations (`tools.fuzz_definitions`); the number of a
definition is its seed, so that one can be looked at again::

    python -m tools.fuzz                     20,000 definitions
    python -m tools.fuzz --only 4711         one, with the whole traceback
    python -m tools.fuzz --hostile           texts that are made to be slow (`tools.fuzz_hostile`)

Validation is measured in processor time of its thread and with empty caches, since a user's definition is seen for the first time; the best of
three when the first is slow, because another process on the machine is no fault of ours. The exit code is 1 when an exception escaped, something hung, or a validation took longer than its bound.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import asw_nb as asw
from asw_nb.language import plan
from asw_nb.language.problems import Problem
from tools.fuzz_definitions import FUNCTIONS, INPUTS, definition, mutated
from tools.fuzz_hostile import ENORMOUS, HOSTILE

BOUND_S = 0.050
HANG_S = 10.0
PART = 250  # definitions of one process
RUNS = 50  # definitions of one workspace
MEMORY_BYTES = 6 << 30  # of one process, the stacks of its threads included
PATIENCE_S = 0.25  # what goes on for longer is a loop, and is stopped
MOST_EVENTS = 2000  # of a loop's history not every table is made
TERMINAL = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


class Broken(Exception):
    """A promise was not kept."""


@dataclass
class Tally:
    """What became of a number of definitions."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slow: list[tuple[float, int]] = field(default_factory=list)
    escaped: list[tuple[int, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.outcomes += other.outcomes
        self.slow = sorted([*self.slow, *other.slow], reverse=True)[:10]
        self.escaped += other.escaped
        self.times += other.times


def made(seed: int) -> tuple[Any, Random]:
    """The definition of a number, and what chooses how it is run."""
    rng = Random(seed)
    return (definition(rng) if seed % 2 else mutated(rng)), rng


def validated(thing: Any) -> tuple[list[Problem], float]:
    """What `asw.validate` says, and the seconds that it took."""
    best = None
    for _ in range(3):
        forget()
        before = time.thread_time()
        problems = asw.validate(thing)
        seconds = time.thread_time() - before
        best = seconds if best is None else min(best, seconds)
        if best < BOUND_S:
            break
    if not isinstance(problems, list) or not all(isinstance(p, Problem) for p in problems):
        raise Broken(f"validate gave {problems!r:.200}")
    for problem in problems:
        str(problem).encode()
    assert best is not None
    return problems, best


def forget() -> None:
    """Empty every cache that validation fills."""
    for name, module in list(sys.modules.items()):
        if name.startswith("asw_nb.language"):
            for thing in vars(module).values():
                if hasattr(thing, "cache_clear") and thing.cache_info().maxsize != 1:  # 1: a library that was loaded
                    thing.cache_clear()
    plan._CACHE.clear()


def judge(seed: int, workspace: asw.Workspace) -> tuple[str, float]:
    """What became of one definition, and the seconds that its validation took.

    Raises
    ------
    Exception
        A promise was not kept.
    """
    thing, rng = made(seed)
    problems, seconds = validated(thing)
    refused = any(p.severity == "ERROR" for p in problems)
    try:
        flow = asw.workflow(thing, "fuzz", workspace=workspace)
    except asw.DefinitionError as error:
        if not error.problems or not refused:
            raise Broken(f"validate says {len(problems)} problems, workflow() says {error}") from None
        str(error).encode()
        error._render_traceback_()
        run_refused(thing, workspace)
        return "refused", seconds
    if refused:
        raise Broken("validate says it is refused, workflow() takes it")
    if seed % 2 == 0 or rng.random() < 0.1:
        picture(flow)
    executor = rng.choice(("inline", "inline", "threads"))
    try:
        run = flow.start(
            rng.choice((INPUTS[1], rng.choice(INPUTS))), type="EXPRESS", clock=asw.VirtualClock(), executor=executor, functions=FUNCTIONS, seed=seed,
            timeout_s=rng.choice((None, 3600, 10**9)),
        )  # fmt: skip
    except asw.DefinitionError:
        return "refused as EXPRESS", seconds
    run.wait(PATIENCE_S)
    stopped = run.status == "RUNNING"
    if stopped:
        run.stop("Fuzz.Enough", "it loops")
        run.wait(HANG_S)
    if run.status not in TERMINAL:
        raise Broken(f"status {run.status} after {HANG_S} s")
    look_at(run, rng, with_tables=seed % 25 < 2)
    return run.status, seconds


def run_refused(thing: Any, workspace: asw.Workspace) -> None:
    """A definition that `workflow` refuses is refused by `run` too."""
    try:
        asw.run(thing, workspace=workspace, type="EXPRESS")
    except asw.DefinitionError:
        return
    raise Broken("run() takes what workflow() refuses")


def picture(flow: Any) -> None:
    if not flow.to_svg().startswith("<svg"):
        raise Broken("to_svg() gave no picture")
    flow.to_mermaid().encode()


def look_at(run: asw.Execution, rng: Random, with_tables: bool) -> None:
    """Everything that is made of a history."""
    events = run._events()
    if len(events) > MOST_EVENTS and rng.random() < 0.9:
        return
    for form in ("aws", "tencent"):
        history = run.history(form)
        json.dumps(history, default=datetime.isoformat)
        if form == "aws" and [e["id"] for e in history] != [*range(1, len(history) + 1)]:
            raise Broken("the ids of the history are not 1, 2, 3, ...")
    fold = run.fold()
    if any(visit.status == "RUNNING" for visit in fold.visits):
        raise Broken("a visit is RUNNING in an execution that has ended")
    if not isinstance(run.error, str | None) or not isinstance(run.cause, str | None):
        raise Broken(f"error {run.error!r}, cause {run.cause!r}")
    if with_tables and len(events) <= MOST_EVENTS:
        for table in (run.states, run.events, run.attempts, run.map_items, run.logs, run.metrics):
            table()
        run.timeline()


def work(seeds: Iterable[int], verbose: bool = False) -> Tally:
    """Judge these definitions, in a history file of their own."""
    seeds = list(seeds)
    tally = Tally()
    if len(seeds) > RUNS:  # a workspace keeps what it has run
        for at in range(0, len(seeds), RUNS):
            tally.add(work(seeds[at : at + RUNS], verbose))
        return tally
    with tempfile.TemporaryDirectory() as folder, asw.Workspace(Path(folder) / "fuzz.db") as workspace:
        for seed in seeds:
            sys.stderr.write(f"File #{seed}\n")  # the last line tells where a process died
            faulthandler.dump_traceback_later(4 * HANG_S, exit=True)
            began = time.monotonic()
            try:
                outcome, seconds = judge(seed, workspace)
                if time.monotonic() - began > 2 * HANG_S:
                    raise Broken(f"took {time.monotonic() - began:.0f} s")
            except BaseException as escaped:
                if isinstance(escaped, KeyboardInterrupt):
                    raise
                tally.outcomes["ESCAPED"] += 1
                tally.escaped.append((seed, told(escaped) if not verbose else traceback.format_exc()))
            else:
                tally.outcomes[outcome] += 1
                tally.times.append(seconds)
                tally.slow = sorted([*tally.slow, (seconds, seed)], reverse=True)[:10]
    faulthandler.cancel_dump_traceback_later()
    return tally


def told(problem: BaseException) -> str:
    """An exception on one line: what, and where in asw_nb it was raised."""
    root = problem.__cause__ or problem
    frames = traceback.extract_tb(root.__traceback__)
    where = next((f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames) if "asw_nb" in f.filename), "?")
    return f"{type(root).__name__} at {where}: {str(root)[:160]!r}"


def warm_up() -> None:
    """Load what the first validation loads."""
    for state in ({"InputPath": "$..a"}, {"QueryLanguage": "JSONata", "Output": "{% $match('a', /a/) %}"}):
        asw.validate({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **state}}})
    asw.validate("StartAt: A\nStates: {A: {Type: Succeed}}")


def hostile() -> int:
    """How long each of the texts takes; 1 when one that is refused takes longer than its bound."""
    over = 0
    for texts in (HOSTILE, ENORMOUS):
        found = []
        for name, build in texts.items():
            problems, seconds = validated(build())
            found.append((seconds, name, len(problems)))
        print(f"{'refused' if texts is HOSTILE else 'enormous'}: {len(found)}")
        for seconds, name, count in sorted(found, reverse=True)[:20]:
            print(f"  {1000 * seconds:8.1f} ms  {name} ({count} problems)")
        if texts is HOSTILE:
            over = sum(seconds >= BOUND_S for seconds, _, _ in found)
            print(f"over {1000 * BOUND_S:g} ms: {over}")
    return 1 if over else 0


def in_a_process(seeds: range) -> Tally:
    """The tally of these definitions, judged by a process that may hang or die without harm."""
    command = [sys.executable, "-m", "tools.fuzz", "--part", str(seeds.start), str(seeds.stop)]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout.rpartition("\n")[2])
    except ValueError:
        last = " | ".join(line.strip() for line in done.stderr.splitlines()[-60:] if "File " in line)
        last = last[last.rfind("File #") :][:700]
        return Tally(Counter(DIED=1), escaped=[(seeds.start, f"the process died ({done.returncode}): {last}")])
    found["outcomes"] = Counter(found["outcomes"])
    return Tally(**found)


def be_a_part(seeds: range) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warm_up()
    sys.stdout.write("\n" + json.dumps(vars(work(seeds))))
    return 0


def main() -> int:
    """Run; 0 when every promise was kept."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("-n", "--count", type=int, default=20_000)
    options.add_argument("-j", "--processes", type=int, default=2)
    options.add_argument("--first", type=int, default=0, help="number of the first definition")
    options.add_argument("--only", type=int, help="one definition, by its number")
    options.add_argument("--hostile", action="store_true", help="measure the texts that are made to be slow")
    options.add_argument("--part", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.part is not None:
        return be_a_part(range(*chosen.part))
    if chosen.hostile:
        warm_up()
        return hostile()
    if chosen.only is not None:
        warm_up()
        print(repr(made(chosen.only)[0])[:4000])
        tally = work([chosen.only], verbose=True)
    else:
        tally = Tally()
        last = chosen.first + chosen.count
        parts = [range(at, min(at + PART, last)) for at in range(chosen.first, last, PART)]
        with ThreadPoolExecutor(chosen.processes) as pool:
            for part in pool.map(in_a_process, parts):
                tally.add(part)
    return report(tally)


def report(tally: Tally) -> int:
    """Print the figures; the exit code."""
    print(f"definitions: {tally.outcomes.total()}")
    for outcome, count in tally.outcomes.most_common():
        print(f"  {outcome:20} {count:6}")
    times = sorted(tally.times)
    if times:
        share = {f"{100 * q:g} %": times[min(int(q * len(times)), len(times) - 1)] for q in (0.5, 0.99, 0.999)}
        print("validation: " + ", ".join(f"{name} under {1000 * s:.2f} ms" for name, s in share.items()))
    print("slowest: " + ", ".join(f"{1000 * s:.1f} ms (#{seed})" for s, seed in tally.slow))
    over = sum(s >= BOUND_S for s in times)
    print(f"over {1000 * BOUND_S:g} ms: {over}")
    print(f"escaped: {len(tally.escaped)}")
    kinds: dict[str, list[int]] = {}
    for seed, what in tally.escaped:
        kinds.setdefault(what, []).append(seed)
    for what, seeds in sorted(kinds.items(), key=lambda item: -len(item[1]))[:40]:
        print(f"  {len(seeds):4} x {what}  (#{', #'.join(map(str, seeds[:3]))})")
    return 1 if over or tally.escaped else 0


if __name__ == "__main__":
    sys.exit(main())
