"""Many short executions at once: one that ends within milliseconds costs a row, and what somebody was told is in the file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine import events as ev
from asw_nb.engine.run import Write
from asw_nb.history.fold import Fold

SHORT = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Task", "Resource": "f", "Next": "C"},
        "C": {"Type": "Succeed"},
    },
}
KINDS = [ev.STARTED, ev.MOVED, ev.SCHEDULED, ev.SUCCEEDED, ev.MOVED_RESULT, ev.MOVED]


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[asw.Workspace]:
    with asw.Workspace(tmp_path) as made:
        made.runner.many_ns = 10_000_000_000  # only what a burst itself does decides here
        yield made


def learnt(ws: asw.Workspace, function: Any, executor: str = "threads") -> asw.Workflow:
    """A workflow whose function is known to be short."""
    flow = asw.workflow(SHORT, "short", workspace=ws)
    for _ in range(5):
        flow.run(0, functions={"f": function}, executor=executor)
    return flow


def rows(ws: asw.Workspace, run: asw.Execution) -> list[tuple[int, int]]:
    return list(ws.store.query("SELECT seq, count FROM events WHERE execution=? ORDER BY seq", (run.key,)))


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_executions_that_end_within_the_time_are_a_row_each(ws: asw.Workspace, executor: str) -> None:
    functions = {"f": lambda n: n + 1}
    flow = learnt(ws, functions["f"], executor)
    with ws.runner._baton:  # nobody drives until all have come
        runs = [flow.start(n, functions=functions, executor=executor) for n in range(600)]
    assert [run.result() for run in runs] == [n + 1 for n in range(600)]
    whole = [run for run in runs if rows(ws, run) == [(0, 6)]]
    assert len(whole) >= 590  # the first may have come alone
    for run in whole[::50]:
        assert [event[0] for event in ws.store.events(run.key)] == KINDS
        record = ws.store.get(run.key)
        assert (record.status, record.input, record.output, record.error) == ("SUCCEEDED", run.input, run.input + 1, None)
        assert record.finished_us is not None and record.finished_us >= record.started_us


def test_executions_that_fail_in_a_burst_are_told_with_their_errors(ws: asw.Workspace) -> None:
    def f(n: int) -> int:
        if n % 3 == 1:
            print("odd", n)
            raise ValueError(f"no {n}")
        return n

    flow = learnt(ws, f)
    with ws.runner._baton:
        runs = [flow.start(n, functions={"f": f}) for n in range(100)]
    assert [run.wait().status for run in runs] == ["FAILED" if n % 3 == 1 else "SUCCEEDED" for n in range(100)]
    record = ws.store.get(runs[4].key)
    assert (record.status, record.error, record.failed_path) == ("FAILED", "ValueError", "B")
    assert runs[4].logs()["line"].tolist() == ["odd 4"]
    assert runs[4]["B"].traceback.endswith("ValueError: no 4\n")
    table = ws.executions(workflow="short")
    assert table["status"].value_counts().to_dict() == {"SUCCEEDED": 72, "FAILED": 33}


def test_stop_does_not_overtake_the_start(ws: asw.Workspace) -> None:
    go = threading.Event()

    def f(n: int) -> int:
        return n if n < 100 else n + go.wait(30)

    flow = learnt(ws, f)
    with ws.runner._baton:
        runs = [flow.start(n, functions={"f": f}) for n in range(300)]
        for run in runs[100:]:
            ws.runner.stop(run._run, "Enough", "for today")  # run.stop() would wait for it
    assert [run.wait().status for run in runs] == ["SUCCEEDED"] * 100 + ["ABORTED"] * 200
    go.set()
    for run in (runs[100], runs[250], runs[-1]):
        events = list(ws.store.events(run.key))
        assert (events[0][0], events[-1][0]) == (ev.STARTED, ev.ENDED)
        assert ws.store.get(run.key).cause == "for today"


def test_a_function_that_blocks_in_a_burst_keeps_its_start_from_the_file_for_no_longer_than_said(tmp_path: Path) -> None:
    blocked, go = threading.Event(), threading.Event()

    def f(n: int) -> int:
        if n == 77:
            blocked.set()
            assert go.wait(30)
        return n

    with asw.Workspace(tmp_path) as ws:
        flow = learnt(ws, f)
        with ws.runner._baton:
            runs = [flow.start(n, functions={"f": f}) for n in range(200)]
        assert blocked.wait(30)
        assert [run.result() for run in runs if run.input != 77] == [n for n in range(200) if n != 77]
        with asw.Workspace(tmp_path) as other:
            end = time.monotonic() + 30
            found: list[int] = []
            while not found and time.monotonic() < end:
                found = [event[0] for event in other.store.events(runs[77].key)]
                time.sleep(0.002)
        assert found == KINDS[:3]
        go.set()
        assert runs[77].result() == 77


def test_without_group_commit_a_start_is_written_before_its_function_runs(tmp_path: Path) -> None:
    seen = []
    with asw.Workspace(tmp_path, group_commit=False) as ws:

        def f(n: int) -> int:
            seen.append(next(ws.store.query("SELECT count(*) FROM executions WHERE input=?", (str(n),)))[0])
            return n

        flow = asw.workflow(SHORT, "short", workspace=ws)
        with ws.runner._baton:
            runs = [flow.start(n, functions={"f": f}) for n in range(50)]
        assert [run.result() for run in runs] == [*range(50)]
    assert seen == [1] * 50


def test_a_named_start_is_in_the_file_when_it_returns(ws: asw.Workspace) -> None:
    flow = learnt(ws, lambda n: n)
    with ws.runner._baton:
        runs = [flow.start(n, functions={"f": lambda n: n}, name=f"n{n}") for n in range(20)]
        assert sorted(r.name for r in ws.store.rows("short", "RUNNING")) == sorted(f"n{n}" for n in range(20))
        with pytest.raises(asw.UsageError, match='already has an execution named "n3"'):
            flow.start(3, name="n3")
    assert [run.result() for run in runs] == [*range(20)]


def test_a_journal_that_fails_in_a_burst_says_so_to_everybody_who_waits(ws: asw.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = learnt(ws, lambda n: n)
    full = asw.StoreError("the disk is full")

    def commit(writes: list[Write]) -> None:
        raise full

    with ws.runner._baton:
        first = flow.start(-1, functions={"f": lambda n: n}, name="first")
        runs = [flow.start(n, functions={"f": lambda n: n}) for n in range(399)]
        monkeypatch.setattr(ws.runner.journal, "commit", commit)
    for run in (first, *runs):
        with pytest.raises(asw.StoreError):
            run.wait()
    monkeypatch.undo()
    assert [run.status for run in runs] == ["ABORTED"] * 399  # whose starts were never recorded
    (again,) = ws.resume(functions={"f": lambda n: n})
    assert (again.name, again.wait().output) == ("first", -1)


CHILD = """
import sys
import asw_nb as asw
from tests.engine.test_burst import SHORT

def f(n):
    return n + 1

workspace = asw.Workspace(sys.argv[1])
flow = asw.workflow(SHORT, "short", workspace=workspace)
flow.run(0, functions={"f": f})
print("begin", flush=True)
while True:
    for run in [flow.start(n, functions={"f": f}) for n in range(300)]:
        assert run.result() == run.input + 1
        print(run.name, file=sys.__stdout__)
"""


@pytest.mark.parametrize("after_s", [0.01, 0.05, 0.13])
def test_what_a_killed_kernel_has_told_is_in_the_file(tmp_path: Path, after_s: float) -> None:
    path = tmp_path / "history.db"
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, str(path)], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "begin\n"
    time.sleep(after_s)
    os.kill(child.pid, signal.SIGKILL)
    told = [line.rstrip("\n") for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert child.wait(30) == -signal.SIGKILL
    child.stdout.close()
    with asw.Workspace(path) as ws:
        records = {record.name: record for record in ws.store.rows()}
        assert [name for name in told if records[name].status != "SUCCEEDED"] == []
        for record in list(records.values())[:400]:  # whole in form, wherever it was when the kernel died
            fold = Fold(ws.plan_of(record), record.input, record.started_us).feed(ws.store.events(record.key))
            assert fold.state.status == record.status
        resumed = ws.resume(functions={"f": lambda n: n + 1})
        assert [run.wait().output for run in resumed] == [run.input + 1 for run in resumed]
        assert {record.status for record in ws.store.rows()} == {"SUCCEEDED"}
