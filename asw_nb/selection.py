"""Looking across executions: the tables of many, and what is computed from them.

Every call takes `runs`, or filters, or both. `runs` is an execution, its name or id, a list of such, or a table with a column
``execution``, such as a part of `executions()`; without it the whole history file is meant. Filters are those of
`asw_nb.history.queries.Wanted`, and SQLite applies them. Tables show no secrets; with ``redact=False`` those of the history do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from asw_nb.errors import UsageError, did_you_mean
from asw_nb.history.queries import Wanted, records
from asw_nb.language.calm import calm
from asw_nb.views import View

if TYPE_CHECKING:
    import pandas

    from asw_nb.analysis.chart import Chart
    from asw_nb.analysis.compare import Comparison
    from asw_nb.analysis.cost import Estimate
    from asw_nb.history.store import Record, Store

FILTERS = tuple(Wanted.__dataclass_fields__)


def wanted(filters: dict[str, Any]) -> Wanted:
    """The filters of a call.

    Raises
    ------
    UsageError
        There is no such filter.
    """
    for name in filters:
        if name not in FILTERS:
            raise UsageError(f'there is no filter "{name}".{did_you_mean(name, FILTERS)} Filters: {", ".join(FILTERS)}.')
    return Wanted(**filters)


class Selection(ABC):
    """The part of a workspace that looks across executions; see the module for `runs` and the filters."""

    store: Store

    @abstractmethod
    def execution(self, id_or_name: str | int, workflow: str | None = None) -> Any:
        """A handle to any execution in the file."""

    @abstractmethod
    def settle(self) -> None:
        """Wait until what was started is in the file."""

    def select(self, runs: Any = None, **filters: Any) -> list[Any]:
        """Handles to the executions that are meant, newest first; those of a list in its order.

        Raises
        ------
        UsageError
            A filter makes no sense, or `runs` is none of what it can be.
        UnknownExecution
        """
        asked = wanted(filters)
        if runs is None:
            self.settle()
            return [self._handle(record) for record in records(self.store, asked)]
        found = [self._view(thing) for thing in _things(runs)]
        if filters:
            keys = {record.key for record in records(self.store, asked)}
            found = [view for view in found if view._latest().key in keys]
        return found

    def _handle(self, record: Record) -> Any:
        from asw_nb.handle import Execution

        return Execution(self, record, self.live(record.key))  # type: ignore[arg-type, attr-defined]

    def _view(self, thing: Any) -> View:
        if isinstance(thing, View):
            return thing
        if isinstance(thing, (str, int)) and not isinstance(thing, bool):
            return self.execution(thing)
        raise UsageError(
            f"runs: {type(thing).__name__} is no execution. Give an execution, its name or id, a list of these, or a table with a column \"execution\"."
        )

    def _rows(self, table: str, runs: Any, filters: dict[str, Any]) -> pandas.DataFrame:
        from asw_nb.analysis import tables

        redact = filters.pop("redact", True)
        rows: list[tuple[Any, ...]] = []
        with calm():
            for view in self.select(runs, **filters):
                rows += view._rows(table)
            return tables.frame(tables.COLUMNS[table], rows, redact)

    def states(self, runs: Any = None, **filters: Any) -> pandas.DataFrame:
        """One row per visit to a state, of many executions."""
        return self._rows("states", runs, filters)

    def attempts(self, runs: Any = None, **filters: Any) -> pandas.DataFrame:
        """One row per try of a task, of many executions."""
        return self._rows("attempts", runs, filters)

    def events(self, runs: Any = None, **filters: Any) -> pandas.DataFrame:
        """One row per history event, of many executions."""
        return self._rows("events", runs, filters)

    def map_items(self, runs: Any = None, **filters: Any) -> pandas.DataFrame:
        """One row per Map item, of many executions."""
        return self._rows("map_items", runs, filters)

    def metrics(self, runs: Any = None, **filters: Any) -> pandas.DataFrame:
        """One row per value recorded with `context.metric`, of many executions."""
        return self._rows("metrics", runs, filters)

    def logs(self, runs: Any = None, **filters: Any) -> pandas.DataFrame:
        """One row per line printed or logged, of many executions."""
        return self._rows("logs", runs, filters)

    def slow(self, runs: Any = None, by: str = "total_s", n: int | None = 10, **filters: Any) -> pandas.DataFrame:
        """The states that take the most time, over many executions.

        Parameters
        ----------
        by : str
            The column that decides, such as ``"p95_s"`` or ``"retries"``.
        n : int or None
            How many rows.

        Returns
        -------
        DataFrame
            One row per workflow and state: workflow, state, type, executions, visits, attempts, retries, failures, failure_rate, total_s, mean_s, p50_s,
            p90_s, p95_s, p99_s, max_s, wait_s, slowest (the execution of the longest visit). Only visits that have ended count in the seconds.
        """
        from asw_nb.analysis import across

        views = self.select(runs, **filters)
        return across.slow(_states(views), _workflows(views), by, n)

    def distributions(self, runs: Any = None, n: int = 12, log: bool | None = None, **filters: Any) -> Chart:
        """How the durations of each state are spread, over many executions: quartiles, the 5th to 95th percentile, and the extremes.

        Parameters
        ----------
        n : int
            The states with the most time.
        log : bool, optional
            Whether the axis is logarithmic; chosen by the data when left out.
        """
        from asw_nb.analysis import across

        views = self.select(runs, **filters)
        return across.distributions(_states(views), _workflows(views), n, log)

    def failures(self, runs: Any = None, n: int = 12, **filters: Any) -> Chart:
        """The errors of many executions, the most frequent first, with their share of all.

        Every failed try of a task counts, also when a retry or a catcher saved it; and every state that failed by itself.
        """
        from asw_nb.analysis import across, tables

        views = self.select(runs, **filters)
        tries = tables.frame(tables.ATTEMPTS, [row for view in views for row in view._rows("attempts")], redact=False)
        return across.failures(tries, _states(views), _workflows(views), n)

    def throughput(self, runs: Any = None, every: str | None = None, **filters: Any) -> Chart:
        """How many executions ended, and how, over time.

        Parameters
        ----------
        every : str, optional
            The length of a bar, such as ``"1h"`` or ``"1d"``; about thirty bars when left out.
        """
        from asw_nb.analysis import across, tables

        views = self.select(runs, **filters)
        return across.throughput(tables.executions(view._latest() for view in views), every)

    def cost(self, runs: Any = None, price: float | None = None, currency: str = "USD", region: str = "us-east-1", **filters: Any) -> Estimate:
        """What the executions would cost in the cloud for their state transitions: an estimate.

        Parameters
        ----------
        price : float, optional
            For 1,000 transitions; that of AWS Step Functions (Standard) in the region when left out.
        currency : str
        region : str
            One of `asw_nb.analysis.cost.PRICES`.
        """
        from asw_nb.analysis import cost

        views = self.select(runs, **filters)
        return cost.estimate(_states(views), _workflows(views), price, currency, region)

    def regressions(self, workflow: str | None = None, last: int = 20, latest: int = 1, **filters: Any) -> pandas.DataFrame:
        """What the newest executions of a workflow did worse, or better, than those before them.

        Parameters
        ----------
        workflow : str, optional
            That of the newest execution when left out.
        last : int
            How many executions are looked at.
        latest : int
            How many of them, the newest, are held against the others.

        Returns
        -------
        DataFrame
            One row per difference, the largest first: state (None: the whole execution), what (duration_s, attempts, failures, or a metric's name), before
            (median), now (median), change (``now / before``), usual_low, usual_high, hint. Empty when nothing stands out.
        """
        from asw_nb.analysis import regressions

        if workflow is None:
            newest = self.select(limit=1, **filters)
            if not newest:
                raise UsageError("there is no execution yet.")
            workflow = newest[0].workflow
        views = [v for v in self.select(workflow=workflow, limit=last, **filters) if v._latest().status != "RUNNING"]
        return regressions.hints(views, latest)

    def compare(self, runs: Any = None, only_diff: bool = True, metrics: dict[str, str] | None = None, **filters: Any) -> Comparison:
        """Two or more executions side by side; the first one is the base.

        Parameters
        ----------
        runs : list
            Executions, names or ids; when left out, the two newest that fit the filters, of the workflow of the newest.
        only_diff : bool
            Leave out what is the same in all.
        metrics : dict, optional
            Which value of a metric counts: ``{"loss": "min", "accuracy": "max"}``, or ``"last"``; min, max and last are all shown for those not named.

        Raises
        ------
        UsageError
            Fewer than two executions.
        """
        from asw_nb.analysis.compare import Comparison

        if runs is None and "workflow" not in filters and (newest := self.select(limit=1, **filters)):
            filters["workflow"] = newest[0].workflow
        views = self.select(runs, **filters) if runs is not None else self.select(**{"limit": 2, **filters})[::-1]
        if len(views) < 2:
            raise UsageError(f"compare needs two executions or more; found {len(views)}.")
        return Comparison(views, only_diff, metrics or {})


def _things(runs: Any) -> list[Any]:
    if isinstance(runs, (View, str, int)):
        return [runs]
    column = getattr(runs, "columns", None)
    if column is not None:
        if "execution" not in column:
            raise UsageError('runs: the table has no column "execution"; take one from executions().')
        return list(dict.fromkeys(runs["execution"].tolist()))
    if isinstance(runs, Iterable):
        return list(runs)
    return [runs]


def _states(views: list[Any]) -> pandas.DataFrame:
    from asw_nb.analysis import tables

    return tables.frame(tables.STATES, [row for view in views for row in view._rows("states")], redact=False)  # nothing of the payloads is shown


def _workflows(views: list[Any]) -> dict[str, str]:
    """The workflow of each execution, by its id."""
    return {view._latest().id: view._latest().workflow for view in views}


__all__ = ["FILTERS", "Selection", "wanted"]
