"""One execution, read once: everything that the sections of its report are made from.

Folding a history, and walking its critical path, are what costs; each is done once, when first asked for. A history that is too long to be
folded is told by the tallies that were kept of it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asw_nb.analysis import timeline_path
from asw_nb.analysis.critical_path import Step, critical_path
from asw_nb.analysis.status import Counts, Statuses, Tallies, graph_statuses, live_statuses, tallies
from asw_nb.errors import AswError
from asw_nb.history import owner
from asw_nb.history.fold import Fold, Visit
from asw_nb.history.redact import redact_text
from asw_nb.views import View

if TYPE_CHECKING:
    import pandas

    from asw_nb.analysis.figure import Figure
    from asw_nb.analysis.summary import Summary

MOST_EVENTS = 3_000_000
"""A longer history is not folded: a million events take ten seconds and a gigabyte."""

MOST_SUMMED = 100_000
"""Visits up to which busy, waiting and idle time are told apart: that takes as long as all the rest."""


class Material:
    """What is known of an execution.

    Attributes
    ----------
    view : View
    record : Record
    definition : dict or None
        As it was started; None for a history that was loaded without.
    """

    def __init__(self, view: View) -> None:
        self.view, self.record = view, view._latest()
        self.title = f"{self.record.workflow} / {self.record.name}"

    @cached_property
    def definition(self) -> dict[str, Any] | None:
        return getattr(self.view, "definition", None)

    @cached_property
    def short(self) -> Tallies | None:
        """What stands for a history that is too long to be folded."""
        tell = getattr(self.view, "tallies_of_end", None)
        run = getattr(self.view, "_run", None)
        if run is not None and run.state.count > MOST_EVENTS:
            return Tallies(run.state.plan, self.record.status, run.state.count, run.state.tallies())
        kept = tell() if tell is not None and run is None else None
        if kept is None or kept[0] <= MOST_EVENTS:
            return None
        return Tallies(self.view.plan, self.record.status, *kept)  # type: ignore[attr-defined]

    @cached_property
    def fold(self) -> Any:
        return self.view.fold()

    @property
    def visits(self) -> list[Visit]:
        return [] if self.short is not None else self.fold.visits

    @cached_property
    def events(self) -> int:
        """How many events its history has."""
        if self.short is not None:
            return self.short.count
        return self.fold.state.count if isinstance(self.fold, Fold) else len(self.view._cloud_history())

    @cached_property
    def end_us(self) -> int:
        """Its end, or its newest event while it runs, since the start."""
        record = self.record
        ended = 0 if record.finished_us is None else record.finished_us - record.started_us
        return ended if self.short is not None else max(self.fold.last_at, ended)

    @property
    def duration_s(self) -> float:
        record = self.record
        return self.end_us / 1e6 if record.finished_us is None else (record.finished_us - record.started_us) / 1e6

    @cached_property
    def statuses(self) -> tuple[Statuses, Counts]:
        if self.short is not None:
            return live_statuses(self.short)
        if isinstance(self.fold, Fold):
            return graph_statuses(self.fold)
        return {visit.state.path: visit.status for visit in self.visits}, {}

    def tallies(self) -> list[tuple[str, str, dict[str, int]]]:
        """Path, type and visits by status, of each state that was entered; of a history that was not folded."""
        if self.short is None:
            return []
        told = zip(self.short.plan.states, tallies(self.short), strict=True)
        return [(state.path, state.type, dict(tally)) for state, tally in told if tally]

    @cached_property
    def attempts(self) -> pandas.DataFrame:
        return self.view.attempts()

    @cached_property
    def states(self) -> pandas.DataFrame:
        return self.view.states()

    @cached_property
    def metrics(self) -> pandas.DataFrame:
        rows = self.view.metrics()
        if len(rows):  # a name can hold anything, and charts show it as it is
            masked = {name: redact_text(name) for name in rows["name"].unique()}
            rows["name"] = rows["name"].map(masked)
        return rows

    @cached_property
    def items(self) -> pandas.DataFrame:
        return self.view.map_items()

    @cached_property
    def outputs(self) -> Any:
        return self.view._outputs()

    @cached_property
    def steps(self) -> list[Step]:
        """The critical path."""
        return critical_path(self.visits, self.end_us) if self.visits else []

    @cached_property
    def stretches(self) -> list[timeline_path.Stretch]:
        return timeline_path.stretches(self.steps)

    @cached_property
    def timeline(self) -> Figure:
        from asw_nb.analysis.timeline import timeline

        return timeline(self.attempts, self.states, critical=self.stretches, compress=True)

    @cached_property
    def summary(self) -> Summary | None:
        """Where the time went; None when there are too many visits for it."""
        if not self.visits or len(self.visits) > MOST_SUMMED:
            return None
        from asw_nb.analysis.summary import Summary

        return Summary(self.record, self.visits, self.fold.last_at)

    @property
    def workspace(self) -> Any:
        """The workspace that it is in; None for one that was loaded from elsewhere."""
        return getattr(self.view, "_workspace", None)

    def before(self, count: int) -> list[Any]:
        """The newest executions of the same workflow that began before it and have ended, the newest last."""
        if self.workspace is None or self.workspace.closed or not count:
            return []
        me = self.record
        after = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=me.started_us + 1)
        found = self.workspace.select(workflow=me.workflow, until=after, limit=count + 8)
        # on a virtual clock all begin at the same moment; keys are given in order
        ended = [v for v in found if (v._latest().started_us, v.key) < (me.started_us, me.key) and v._latest().status != "RUNNING"]
        return ended[:count][::-1]

    def started_by(self) -> str:
        """Who drove it: the user and the process, in words; nothing where that is not known."""
        if self.workspace is None or self.workspace.closed:
            return ""
        with contextlib.suppress(AswError):
            identity = self.workspace.store.owner_of(self.view.key)  # type: ignore[attr-defined]
            words = owner.describe(identity)
            return "" if words == "nobody" else ", ".join(filter(None, (owner.user(identity), words)))
        return ""


__all__ = ["MOST_EVENTS", "MOST_SUMMED", "Material"]
