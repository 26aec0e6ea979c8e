"""What can be seen of one execution: its tables, charts and exports, the same for one that ran here and one whose history was loaded.

A `View` needs a record, the visits folded from the history, what the attempts printed and measured, and the history in the
cloud's words; everything else is made from these. Tables show no secrets unless they are asked for with ``redact=False``."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asw_nb.definitions import choose
from asw_nb.errors import UsageError
from asw_nb.language.calm import calm

if TYPE_CHECKING:
    import pandas

    from asw_nb.analysis.chart import Chart
    from asw_nb.analysis.figure import Figure
    from asw_nb.analysis.summary import Summary
    from asw_nb.analysis.sweep import Sweep
    from asw_nb.analysis.tables import Outputs
    from asw_nb.history.store import Record


class View:
    """Tables, charts and exports of one execution."""

    @abstractmethod
    def _latest(self) -> Record:
        """Its row."""

    @abstractmethod
    def fold(self) -> Any:
        """Its visits, as `.visits`, and the time of its newest event, as `.last_at`."""

    @abstractmethod
    def _outputs(self) -> Outputs:
        """What its attempts printed and measured."""

    @abstractmethod
    def _cloud_history(self, located: bool = False) -> list[dict[str, Any]]:
        """Its history in the words of AWS."""

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        """The rows of one of the tables."""
        from asw_nb.analysis import tables

        record = self._latest()
        match table:
            case "states":
                return tables.state_rows(record, self.fold())
            case "attempts":
                return tables.attempt_rows(record, self.fold())
            case "events":
                return tables.event_rows(record, self._cloud_history(located=True))
            case "map_items":
                return tables.map_item_rows(record, self.fold())
            case "metrics":
                return tables.metric_rows(record, self.fold(), self._outputs())
            case _:
                return tables.log_rows(record, self.fold(), self._outputs())

    def _table(self, name: str, redact: bool = True) -> pandas.DataFrame:
        """A table; with ``redact=False`` with the secrets in it, for computing with them."""
        from asw_nb.analysis import tables

        with calm():
            return tables.frame(tables.COLUMNS[name], self._rows(name), redact)

    def states(self, redact: bool = True) -> pandas.DataFrame:
        """One row per visit to a state."""
        return self._table("states", redact)

    def attempts(self, redact: bool = True) -> pandas.DataFrame:
        """One row per try of a task."""
        return self._table("attempts", redact)

    def events(self, redact: bool = True) -> pandas.DataFrame:
        """One row per history event, in the cloud's words."""
        return self._table("events", redact)

    def map_items(self, redact: bool = True) -> pandas.DataFrame:
        """One row per item of each Map."""
        return self._table("map_items", redact)

    def metrics(self) -> pandas.DataFrame:
        """One row per value that a function recorded with `context.metric`."""
        return self._table("metrics")

    def logs(self, redact: bool = True) -> pandas.DataFrame:
        """One row per line that a function printed or logged."""
        return self._table("logs", redact)

    def _title(self) -> str:
        record = self._latest()
        return f"{record.workflow} / {record.name}"

    def summary(self) -> Summary:
        """Where the time went: busy, waiting and idle time, the critical path, concurrency, slow and retried states."""
        from asw_nb.analysis.summary import Summary

        fold = self.fold()
        return Summary(self._latest(), fold.visits, fold.last_at)

    def timeline(
        self, axis: str = "relative", rows: str = "path", unfold: str | list[str] | None = None, critical: bool = True, gaps: str = "compress"
    ) -> Figure:
        """One bar per attempt; what waited, and the critical path, apart.

        Parameters
        ----------
        axis : str
            ``"relative"``: time since the start; ``"absolute"``: UTC.
        rows : str
            ``"path"``: a row per place, where a Map of more than 30 items has one row per state; ``"state"``: one row per state.
        unfold : str or list of str, optional
            States of Maps, or paths, whose items get rows of their own however many they are; ``"*"`` for all.
        critical : bool
            Outline the bars that decided how long the execution took.
        gaps : str
            ``"compress"``: long stretches in which nothing ran are cut short; ``"keep"``.
        """
        from asw_nb.analysis.timeline import timeline

        choose("axis", axis, ("relative", "absolute"))
        choose("rows", rows, ("path", "state"))
        choose("gaps", gaps, ("compress", "keep"))
        from asw_nb.analysis import timeline_path
        from asw_nb.analysis.critical_path import critical_path

        record, fold = self._latest(), self.fold()
        end = fold.last_at if record.finished_us is None else max(fold.last_at, record.finished_us - record.started_us)
        path = timeline_path.stretches(critical_path(fold.visits, end)) if critical and fold.visits else []
        return timeline(
            self.attempts(), self.states(), axis=axis, rows=rows, title=self._title(), unfold=unfold, critical=path, compress=gaps == "compress"
        )

    def curves(
        self, metrics: str | list[str] | None = None, *, x: str = "step", smooth: float = 0.0, by: str = "path", attempts: str = "last", timeline: bool = False
    ) -> Chart:
        """Recorded metrics as lines.

        Parameters
        ----------
        metrics : str or list of str, optional
            Names; all but ``progress`` when left out. One panel each.
        x : str
            ``"step"``, or ``"time"``: seconds since the start.
        smooth : float
            From 0 to below 1: how much of the past a smoothed line, drawn over the faint raw one, remembers.
        by : str
            ``"path"``: a line per place; or a key of the items' or tasks' input, such as ``"lr"``, to name them by.
        attempts : str
            ``"last"`` of each visit, or ``"all"``.
        timeline : bool
            Add, below, what ran when; the axis is then time.
        """
        from asw_nb.analysis.curves import curves

        choose("x", x, ("step", "time"))
        choose("attempts", attempts, ("last", "all"))
        return curves(
            self.metrics(), self.attempts(), self.states(), metrics, x="time" if timeline else x, smooth=smooth, by=by, every_attempt=attempts == "all",
            with_timeline=timeline, title=self._title(),
        )  # fmt: skip

    def sweep(self, metric: str | None = None, mode: str = "min", pick: str = "best", map: str | None = None) -> Sweep:
        """The items of a Map as trials: what each was given, and what came out.

        Parameters
        ----------
        metric : str, optional
            What is to be best: a recorded metric, or a field of the items' output. The only metric there is when left out.
        mode : str
            ``"min"`` or ``"max"``.
        pick : str
            Which value of a metric counts: the ``"best"`` or the ``"last"`` one.
        map : str, optional
            The Map's path; the one with the most items when left out.
        """
        from asw_nb.analysis.sweep import Sweep

        choose("mode", mode, ("min", "max"))
        choose("pick", pick, ("best", "last"))
        return Sweep(self.map_items(), self.metrics(), metric, mode, pick, map, self._title())

    def report(
        self, path: str | os.PathLike[str] | None = None, *, title: str | None = None, code: bool = False, sections: Sequence[str] | None = None, last: int = 5,
        max_bytes: int | None = None,
    ) -> Any:  # fmt: skip
        """A report that can be handed to somebody: ``.html`` (one file, no network needed), ``.ipynb`` or ``.md``.

        Without a path it is shown in the cell. See `asw_nb.report`.
        """
        from asw_nb.reports.make import MAX_BYTES, report

        return report(self, path, title=title, code=code, sections=sections, last=last, max_bytes=MAX_BYTES if max_bytes is None else max_bytes)

    def trace(self, path: str | os.PathLike[str]) -> Path:
        """Write the timeline as Chrome trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

        Raises
        ------
        UsageError
            The file cannot be written.
        """
        from asw_nb.analysis.trace import write

        target = Path(path)
        try:
            write(target, self._latest(), self.fold().visits, self.fold().last_at)
        except OSError as problem:
            raise UsageError(f'the trace "{target}" cannot be written: {problem.strerror}.') from None
        return target


__all__ = ["View"]
