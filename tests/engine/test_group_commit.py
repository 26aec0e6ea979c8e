"""Results of tasks that take microseconds are written together; everything else is on disk before anything else happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine import events as ev
from asw_nb.engine.run import Write


def chain(count: int) -> dict[str, Any]:
    states = {
        f"S{n}": {"Type": "Task", "Resource": "f", **({"Next": f"S{n + 1}"} if n < count - 1 else {"End": True})}
        for n in range(count)
    }
    return {"StartAt": "S0", "States": states}


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[asw.Workspace]:
    with asw.Workspace(tmp_path) as made:
        yield made


def rows(ws: asw.Workspace, run: asw.Execution) -> int:
    ((count,),) = ws.store.query("SELECT count(*) FROM events WHERE execution=?", (run.key,))
    return count


def results(path: Path, key: int) -> int:
    """Results that stand in the file, seen by somebody else."""
    with asw.Workspace(path) as other:
        return sum(event[0] == ev.SUCCEEDED for event in other.store.events(key))


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_a_chain_of_short_tasks_takes_few_transactions(
    ws: asw.Workspace, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    ws.runner.write_every_ns = ws.runner.write_seldom_ns = 100_000_000  # a tenth of a second
    run = asw.run(chain(400), 0, functions={"f": lambda n: n + 1}, executor=executor, workspace=ws)
    assert run.output == 400
    assert len(list(run._events())) == 1 + 3 * 400  # started; scheduled, succeeded and moved on, for each
    assert rows(ws, run) <= 40


def test_without_group_commit_each_result_is_written_before_the_next_task_begins(tmp_path: Path) -> None:
    seen: list[int] = []
    with asw.Workspace(tmp_path, group_commit=False) as ws:
        flow = asw.workflow(chain(30), "flow", workspace=ws)

        def f(n: int) -> int:
            run = ws.execution("one")
            seen.append(sum(event[0] == ev.SUCCEEDED for event in ws.store.events(run.key)))
            return n + 1

        flow.start(0, functions={"f": f}, name="one").wait()
    assert seen == list(range(30))


def test_a_short_task_that_takes_long_for_once_keeps_no_result_from_the_file(tmp_path: Path) -> None:
    waits, go = threading.Event(), threading.Event()

    def f(n: int) -> int:
        if n == 50:
            waits.set()
            assert go.wait(30)
        return n + 1

    with asw.Workspace(tmp_path) as ws:
        ws.runner.write_every_ns = ws.runner.write_seldom_ns = 100_000_000
        run = asw.workflow(chain(60), "flow", workspace=ws).start(0, functions={"f": f})
        assert waits.wait(30)
        end = time.monotonic() + 30
        while (found := results(tmp_path, run.key)) != 50 and time.monotonic() < end:
            time.sleep(0.002)
        assert found == 50
        go.set()
        assert run.wait().output == 60


def test_functions_that_are_not_short_wait_for_no_other(ws: asw.Workspace) -> None:
    def f(n: int) -> int:
        time.sleep(0.001)
        return n + 1

    run = asw.run(chain(20), 0, functions={"f": f}, workspace=ws)
    assert rows(ws, run) == 21  # the start with the first order; then each result with what follows from it


def test_what_was_not_written_when_the_workspace_closes_is_written_then(tmp_path: Path) -> None:
    ws = asw.Workspace(tmp_path)
    ws.runner.write_every_ns = ws.runner.write_seldom_ns = 100_000_000
    reached, go = threading.Event(), threading.Event()

    def f(n: int) -> int:
        if n == 30:
            reached.set()
            assert go.wait(30)
        return n + 1

    run = asw.workflow(chain(60), "flow", workspace=ws).start(0, functions={"f": f})
    assert reached.wait(30)
    with ws.runner._baton:
        state = run._run.state.count
    ws.close()
    go.set()
    with asw.Workspace(tmp_path) as other:
        assert len(list(other.store.events(run.key))) == state
        resumed = other.resume(functions={"f": lambda n: n + 1})
        assert [r.wait().output for r in resumed] == [60]


def test_a_journal_that_fails_stops_what_was_not_written(ws: asw.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ws.runner.write_every_ns = ws.runner.write_seldom_ns = 100_000_000
    full = asw.StoreError("the disk is full")
    real, calls = ws.store.commit, []

    def commit(writes: list[Write]) -> None:
        calls.append(writes)
        if len(calls) > 1:
            raise full
        real(writes)

    monkeypatch.setattr(ws.runner.journal, "commit", commit)
    run = asw.workflow(chain(4000), "flow", workspace=ws).start(0, functions={"f": lambda n: n + 1})
    with pytest.raises(asw.StoreError) as stopped:
        run.wait()
    assert stopped.value.__cause__ is full
    monkeypatch.undo()
    (again,) = ws.resume()
    assert again.wait().output == 4000
