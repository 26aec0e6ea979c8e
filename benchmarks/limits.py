"""Measuring sticks: the least work that an engine with a durable history must do for a workload, by hand, with nothing else.

A table of states is walked, each state's function called, an entered and an exited event recorded with its data, and the events committed to
SQLite in transactions of a thousand: ``rows`` with a row for each event, ``packed`` with one row for each transaction. Nothing is checked,
retried, cancelled or watched; no engine can be faster, and how near one comes is what the ratios say.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.workloads import Workload, inc

BATCH = 1000

Step = Callable[[Any], tuple[int | None, Any]]


class Log:
    """The history of the measuring sticks.

    Parameters
    ----------
    kind : str
        ``"rows"`` or ``"packed"``.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.buffer: list[tuple[Any, ...]] = []
        self.count = 0
        self.db = sqlite3.connect(folder / f"{kind}.db", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=NORMAL",
            "CREATE TABLE rows(run, seq, type, state, at, body, PRIMARY KEY(run, seq)) WITHOUT ROWID",
            "CREATE TABLE packed(run, seq, body, PRIMARY KEY(run, seq)) WITHOUT ROWID",
            "CREATE TABLE runs(id INTEGER PRIMARY KEY, output)",
        ):
            self.db.execute(statement)

    def add(self, run: int, kind: int, state: str, data: Any) -> None:
        self.buffer.append((run, kind, state, time.time_ns(), data))
        if len(self.buffer) >= BATCH:
            self.flush()

    def flush(self, ended: list[tuple[int, Any]] | None = None) -> None:
        buffer, self.buffer = self.buffer, []
        encode = msgspec.json.encode
        self.db.execute("BEGIN")
        if self.kind == "packed" and buffer:
            self.db.execute("INSERT INTO packed VALUES(0, ?, ?)", (self.count, encode(buffer)))
        elif buffer:
            rows = [(r, self.count + n, k, s, at, encode(d)) for n, (r, k, s, at, d) in enumerate(buffer)]
            self.db.executemany("INSERT INTO rows VALUES(?,?,?,?,?,?)", rows)
        if ended:
            self.db.executemany("INSERT INTO runs VALUES(?,?)", ended)
        self.db.execute("COMMIT")
        self.count += len(buffer)

    def close(self) -> None:
        self.db.close()


def walk(table: list[tuple[str, Step]], at: int | None, data: Any, log: Log, run: int = 0) -> Any:
    """Go from state to state."""
    while at is not None:
        name, step = table[at]
        log.add(run, 1, name, data)
        at, data = step(data)
        log.add(run, 2, name, data)
    return data


def _passes(count: int) -> list[tuple[str, Step]]:
    return [(f"S{n}", lambda d, to=(n + 1 if n < count - 1 else None): (to, d)) for n in range(count)]


def _chain(work: Workload, log: Log) -> Any:
    return walk(_passes(work.count), 0, work.input, log)


def _loop(work: Workload, log: Log) -> Any:
    table: list[tuple[str, Step]] = [
        ("Check", lambda d: (1, d) if d["i"] < d["n"] else (None, d)),
        ("Inc", lambda d: (0, {"i": d["i"] + 1, "n": d["n"]})),
    ]
    return walk(table, 0, work.input, log)


def _map(work: Workload, log: Log) -> Any:
    table: list[tuple[str, Step]] = [("T", lambda d: (None, inc(d)))]
    return [walk(table, 0, n, log, n) for n in work.input["items"]]


def _map_on_a_pool(work: Workload, log: Log) -> Any:
    out = []
    with ThreadPoolExecutor(64) as pool:
        waiting = []
        for n in work.input["items"]:
            log.add(n, 1, "T", n)
            waiting.append(pool.submit(inc, n))
        for n, one in enumerate(waiting):
            out.append(one.result())
            log.add(n, 2, "T", out[-1])
    return out


def _parallel(work: Workload, log: Log) -> Any:
    return [walk(_passes(10), 0, work.input, log, n) for n in range(100)]


def _tasks(work: Workload, log: Log) -> Any:
    table = [(f"S{n}", lambda d, to=(n + 1 if n < work.count - 1 else None): (to, inc(d))) for n in range(work.count)]
    return walk(table, 0, work.input, log)


def _tasks_on_a_pool(work: Workload, log: Log) -> Any:
    with ThreadPoolExecutor(1) as pool:
        table = [
            (f"S{n}", lambda d, to=(n + 1 if n < work.count - 1 else None): (to, pool.submit(inc, d).result()))
            for n in range(work.count)
        ]
        return walk(table, 0, work.input, log)


def _short(work: Workload, log: Log) -> Any:
    table: list[tuple[str, Step]] = [("A", lambda d: (1, d)), ("B", lambda d: (2, inc(d))), ("C", lambda d: (None, d))]
    outputs = [walk(table, 0, work.input, log, n) for n in range(work.at_once)]
    log.flush(list(enumerate(outputs)))
    return outputs[0]


def _sleeps(work: Workload, log: Log) -> Any:
    from benchmarks.workloads import sleep50

    with ThreadPoolExecutor(100) as pool:
        return list(pool.map(sleep50, work.input["items"]))


LIMITS: dict[str, dict[str, Callable[[Workload, Log], Any]]] = {
    "W1": {"": _chain},
    "W2": {"": _loop},
    "W3": {"": _map, "pool": _map_on_a_pool},
    "W3c0": {"": _map, "pool": _map_on_a_pool},
    "W4": {"": _parallel},
    "W5": {"": _tasks, "pool": _tasks_on_a_pool},
    "W6": {"": _short},
    "W7": {"pool": _sleeps},
    "W9": {"": _map, "pool": _map_on_a_pool},
}


def measure(work: Workload, how: str, kind: str, rounds: int) -> list[float]:
    """Seconds of each run.

    Parameters
    ----------
    how : str
        ``""``: functions are called where they are met; ``"pool"``: each on a pool of threads.
    kind : str
        ``"rows"`` or ``"packed"``.
    """
    seconds = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            log = Log(kind, Path(folder))
            begun = time.perf_counter()
            output = LIMITS[work.name][how](work, log)
            log.flush()
            seconds.append(time.perf_counter() - begun)
            assert output == work.output, work.name
            log.close()
    return seconds


__all__ = ["LIMITS", "measure"]
