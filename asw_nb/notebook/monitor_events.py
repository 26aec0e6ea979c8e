"""The monitor's table of events: a page of them, filtered by type, state and text, and older pages on request.

A page is looked for from the moment that is shown backwards, in the events of a few copies of the history; a search that finds too little there
says how far it has come and goes on when asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from asw_nb.analysis.card import cut
from asw_nb.analysis.inspector import events_html, matches
from asw_nb.engine.payload import printable
from asw_nb.history.travel import Travel
from asw_nb.language.plan import Plan

PAGE = 15

Place = tuple[int, int | None]
"""Before which event of the log, and before which id of the cloud's."""

WINDOWS = 4
"""How many intervals of the history one look goes through."""

KNOWN_TYPES = (
    "ExecutionStarted", "ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut", "ExecutionRedriven", "LambdaFunctionScheduled",
    "LambdaFunctionStarted", "LambdaFunctionSucceeded", "LambdaFunctionFailed", "LambdaFunctionTimedOut", "TaskScheduled", "TaskStarted", "TaskSubmitted",
    "TaskSucceeded", "TaskFailed", "TaskTimedOut", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded", "ActivityFailed", "ActivityTimedOut",
    "MapStateStarted", "MapIterationStarted", "MapIterationSucceeded", "MapIterationFailed", "MapStateSucceeded", "MapStateFailed", "MapRunStarted",
    "MapRunSucceeded", "MapRunFailed", "ParallelStateStarted", "ParallelStateSucceeded", "ParallelStateFailed", "EvaluationFailed",
)  # fmt: skip


def types_of(plan: Plan) -> list[str]:
    """The event types that an execution of this plan can have."""
    kinds = {state.type for state in plan.states}
    own = [f"{kind}State{end}" for kind in sorted(kinds) for end in ("Entered", "Exited")]
    return [*own, *(t for t in KNOWN_TYPES if not any(t.startswith(k) for k in {"Map", "Parallel"} - kinds))]


class EventsTable:
    """A page of events.

    Parameters
    ----------
    plan : Plan
    travel : Travel
    on_change : callable
        Called when a filter or the page has been changed.
    """

    def __init__(self, plan: Plan, travel: Travel, on_change: Callable[[], None]) -> None:
        self.travel, self._on_change = travel, on_change
        self._at: Place | None = None  # where an older page begins; None: at the moment that is shown
        self._next: Place | None = None
        self._shown: tuple[Any, ...] | None = None
        narrow = ipywidgets.Layout(width="250px")
        self.type = ipywidgets.Dropdown(
            options=[("all", ""), *((t, t) for t in types_of(plan))], description="Type", layout=narrow
        )
        names = sorted({state.name for state in plan.states})
        self.state = ipywidgets.Dropdown(
            options=[("all", ""), *((cut(printable(n), 60), n) for n in names)], description="State", layout=narrow
        )  # fmt: skip
        self.text = ipywidgets.Text(
            placeholder="text in the event", description="Text", continuous_update=False, layout=narrow
        )
        self.older = ipywidgets.Button(
            description="Older events",
            icon="arrow-left",
            tooltip="Look further back",
            layout=ipywidgets.Layout(width="130px"),
        )
        self.newest = ipywidgets.Button(
            description="Newest events",
            icon="arrow-right",
            tooltip="Back to the newest events",
            layout=ipywidgets.Layout(width="140px"),
        )
        self._table = ipywidgets.HTML()
        for control in (self.type, self.state, self.text):
            control.observe(self._filtered, "value")
        self.older.on_click(self._go_older)
        self.newest.on_click(self._go_newest)
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        controls = ipywidgets.HBox([self.type, self.state, self.text, self.older, self.newest], layout=row)
        self.widget = ipywidgets.VBox([controls, self._table])

    def _filtered(self, _: Any) -> None:
        self._at = None
        self._on_change()

    def _go_older(self, _: Any) -> None:
        if self._next is not None:
            self._at = self._next
            self._on_change()

    def _go_newest(self, _: Any) -> None:
        self._at = None
        self._on_change()

    def show(self, count: int) -> None:
        """The newest of the first `count` events that pass the filters, or the page that was asked for."""
        place = self._at if self._at is not None and self._at[0] <= count else (count, None)
        shown = (place, self.type.value, self.state.value, self.text.value)
        if shown == self._shown:
            return
        self._shown = shown
        rows, self._next = self._page(place)
        self.older.disabled, self.newest.disabled = self._next is None, self._at is None
        found = "Newest first." if rows else "No such event here."
        more = "Nothing lies before these." if self._next is None else "There are older ones."
        self._table.value = events_html(rows, f"{found} {more}")

    def _page(self, place: Place) -> tuple[list[dict[str, Any]], Place | None]:
        """At most `PAGE` events, newest first, and where the next page begins."""
        filters = (self.type.value, self.state.value, self.text.value.strip())
        found: list[dict[str, Any]] = []
        end, below = place
        for _ in range(WINDOWS):
            events, start = self.travel.cloud_events(end)
            for event in reversed(events):
                if (below is None or event["id"] < below) and matches(event, *filters):
                    found.append(event)
                    if len(found) == PAGE and event is not events[0]:
                        return found, (end, event["id"])
            end, below = start, None
            if not start or len(found) >= PAGE:
                break
        return found, (end, None) if end else None


__all__ = ["EventsTable", "types_of"]
