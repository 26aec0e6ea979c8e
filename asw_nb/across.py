"""The module-level calls that look across executions: those of the default workspace, said shortly.

See `asw_nb.selection` for `runs` and the filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asw_nb.workspace import default_workspace

if TYPE_CHECKING:
    import pandas

    from asw_nb.analysis.chart import Chart
    from asw_nb.analysis.compare import Comparison
    from asw_nb.analysis.cost import Estimate


def states(runs: Any = None, **filters: Any) -> pandas.DataFrame:
    """One row per visit to a state, of many executions."""
    return default_workspace().states(runs, **filters)


def attempts(runs: Any = None, **filters: Any) -> pandas.DataFrame:
    """One row per try of a task, of many executions."""
    return default_workspace().attempts(runs, **filters)


def events(runs: Any = None, **filters: Any) -> pandas.DataFrame:
    """One row per history event, of many executions."""
    return default_workspace().events(runs, **filters)


def map_items(runs: Any = None, **filters: Any) -> pandas.DataFrame:
    """One row per Map item, of many executions."""
    return default_workspace().map_items(runs, **filters)


def metrics(runs: Any = None, **filters: Any) -> pandas.DataFrame:
    """One row per value recorded with `context.metric`, of many executions."""
    return default_workspace().metrics(runs, **filters)


def logs(runs: Any = None, **filters: Any) -> pandas.DataFrame:
    """One row per line printed or logged, of many executions."""
    return default_workspace().logs(runs, **filters)


def slow(runs: Any = None, by: str = "total_s", n: int | None = 10, **filters: Any) -> pandas.DataFrame:
    """The states that take the most time, over many executions; see `Workspace.slow`."""
    return default_workspace().slow(runs, by, n, **filters)


def distributions(runs: Any = None, n: int = 12, log: bool | None = None, **filters: Any) -> Chart:
    """How the durations of each state are spread, over many executions; see `Workspace.distributions`."""
    return default_workspace().distributions(runs, n, log, **filters)


def failures(runs: Any = None, n: int = 12, **filters: Any) -> Chart:
    """The errors of many executions, the most frequent first, with their share of all; see `Workspace.failures`."""
    return default_workspace().failures(runs, n, **filters)


def throughput(runs: Any = None, every: str | None = None, **filters: Any) -> Chart:
    """How many executions ended, and how, over time; see `Workspace.throughput`."""
    return default_workspace().throughput(runs, every, **filters)


def cost(
    runs: Any = None, price: float | None = None, currency: str = "USD", region: str = "us-east-1", **filters: Any
) -> Estimate:
    """What the executions would cost in the cloud for their state transitions: an estimate; see `Workspace.cost`."""
    return default_workspace().cost(runs, price, currency, region, **filters)


def regressions(workflow: str | None = None, last: int = 20, latest: int = 1, **filters: Any) -> pandas.DataFrame:
    """What the newest executions of a workflow did worse, or better, than those before them; see `Workspace.regressions`."""
    return default_workspace().regressions(workflow, last, latest, **filters)


def compare(
    runs: Any = None, only_diff: bool = True, metrics: dict[str, str] | None = None, **filters: Any
) -> Comparison:
    """Two or more executions side by side; the first one is the base; see `Workspace.compare`."""
    return default_workspace().compare(runs, only_diff, metrics, **filters)


__all__ = [
    "attempts", "compare", "cost", "distributions", "events", "failures", "logs", "map_items", "metrics", "regressions", "slow", "states", "throughput",
]  # fmt: skip
