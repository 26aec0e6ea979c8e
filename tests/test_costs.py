"""What a workload costs in things that can be counted: events, transactions, statements and bytes.

Time says little on a shared machine; these say the same on every one, so a change that doubles the work fails here. The bounds are what is
needed today and a little more; the workloads are those of `benchmarks`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from benchmarks.limits import LIMITS, measure
from benchmarks.workloads import FUNCTIONS, NAMES, make

TENTH_S_NS = 100_000_000


class Cost:
    """Counted while a workload runs."""

    def __init__(self, workspace: asw.Workspace) -> None:
        self.workspace = workspace
        self.transactions = 0
        self.statements = 0
        real: Callable[..., Any] = workspace.store.transaction

        def transaction(work: Callable[..., Any]) -> Any:
            self.transactions += 1
            return real(work)

        workspace.store.transaction = transaction  # type: ignore[method-assign]
        workspace.store._writer.set_trace_callback(self._trace)
        # the only thing that a clock decides: how many results of short tasks are written together
        workspace.runner.write_every_ns = workspace.runner.write_seldom_ns = TENTH_S_NS
        workspace.runner.many_ns = 100 * TENTH_S_NS

    def _trace(self, sql: str) -> None:
        self.statements += 1

    def stored(self) -> tuple[int, int, int]:
        """Rows, events and bytes of all executions."""
        ((rows, events, size),) = self.workspace.store.query(
            "SELECT count(*), sum(count), sum(length(body)) FROM events"
        )
        return rows, events, size


@pytest.fixture
def cost(tmp_path: Path) -> Any:
    with asw.Workspace(tmp_path) as workspace:
        yield Cost(workspace)


@pytest.mark.parametrize(
    ("name", "count", "events", "bytes_per_operation", "transactions"),
    [
        ("W1", 1000, 1001, 20, 12),  # one event for each Pass
        ("W2", 1000, 2003, 28, 12),  # a Choice moves on with one event; a Pass with new data holds them
        ("W3", 1000, 4004, 130, 40),  # an item: started, scheduled, succeeded, moved on
        ("W3c0", 1000, 4004, 130, 40),
        ("W4", None, 1004, 24, 12),
        ("W5", 500, 1501, 95, 40),  # a task: scheduled, succeeded, moved on
    ],
)
def test_events_bytes_and_transactions(
    cost: Cost, name: str, count: int | None, events: int, bytes_per_operation: int, transactions: int
) -> None:
    work = make(name, count)
    run = asw.run(work.definition, work.input, functions=FUNCTIONS, workspace=cost.workspace)
    assert run.output == work.output
    _, found, size = cost.stored()
    assert found == events
    assert size / work.count <= bytes_per_operation
    assert cost.transactions <= transactions


def test_a_burst_of_short_executions_shares_transactions(cost: Cost) -> None:
    work = make("W6", 500)
    flow = asw.workflow(work.definition, "short", workspace=cost.workspace)
    flow.run(1, functions=FUNCTIONS)  # the engine runs, and knows how long the function takes
    before, statements = cost.transactions, cost.statements
    runs = [flow.start(1, functions=FUNCTIONS) for _ in range(500)]
    assert [run.result() for run in runs] == [2] * 500
    rows, events, _ = cost.stored()
    # an execution that ends within the time is one row, and its events another; only the first few come alone
    assert (events, rows <= 501 + 60) == (6 * 501, True)
    assert cost.transactions - before <= 60
    # up to sixty-four rows to a statement
    assert cost.statements - statements <= 600


def test_every_workload_has_its_measuring_stick() -> None:
    for name in NAMES:
        if name in ("W7", "W8", "W9"):  # waits, a process, a minute
            continue
        work = make(name, 50 if name != "W4" else None)
        for how in LIMITS[name]:
            for kind in ("rows", "packed"):
                assert len(measure(work, how, kind, 1)) == 1
