"""The monitor's view of one state: which visit, what went in, what came out, its attempts, its lines, its function.

Only the tab that is open is made, and only when it would differ: a state that stands still costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from asw_nb.analysis.card import cut
from asw_nb.analysis.inspector import attempts_html, data_html, logs_html, nothing_html
from asw_nb.engine.payload import printable
from asw_nb.functions_view import function_of
from asw_nb.history.fold import Visit
from asw_nb.history.travel import Travel, printed
from asw_nb.language.plan import Plan

if TYPE_CHECKING:
    from asw_nb.handle import Execution

TABS = ("Data", "Attempts", "Logs", "Function")
MOST_IN_LIST = 60
NONE = 0
"""No failure is chosen: a list whose value is None shows an empty line."""


class StateDetails:
    """One state of an execution at one moment.

    Parameters
    ----------
    execution : Execution
    travel : Travel
    on_change : callable
        Called when another state or visit has been chosen here.
    name : callable
        Gives the Python expression for the execution, such as ``run``.

    Attributes
    ----------
    widget : ipywidgets.VBox
    path : str
        Path of the state, as in the definition.
    """

    def __init__(
        self, execution: Execution, travel: Travel, on_change: Callable[[], None], name: Callable[[], str]
    ) -> None:
        self.execution, self.travel, self._on_change, self._name = execution, travel, on_change, name
        plan: Plan = execution.plan
        self._by_path = {state.path: state for state in plan.states}
        self.path = plan.root.start.path
        self._wanted: int | None = None  # the visit that was asked for, counted from 1; else the newest
        self._failure = NONE  # or one of the failures, by its number among all visits
        self._busy = False
        self._shown: tuple[Any, ...] | None = None
        wide = ipywidgets.Layout(width="auto", min_width="220px", flex="1 1 auto")
        self.state = ipywidgets.Dropdown(
            options=[(cut(printable(p), 80), p) for p in self._by_path], value=self.path, description="State", layout=wide
        )  # fmt: skip
        self.visit = ipywidgets.BoundedIntText(
            value=0, min=0, max=0, description="Visit", tooltip="Which visit to the state; 0 is the newest",
            layout=ipywidgets.Layout(width="180px"),
        )  # fmt: skip
        self.of = ipywidgets.HTML()
        self.failures = ipywidgets.Dropdown(options=[("none", NONE)], description="Failures", layout=wide)
        self._failure_count = 0
        self._panes = [ipywidgets.HTML() for _ in TABS]
        self.tab = ipywidgets.Tab(children=self._panes)
        for index, title in enumerate(TABS):
            self.tab.set_title(index, title)
        self.state.observe(self._chose_state, "value")
        self.visit.observe(self._chose_visit, "value")
        self.failures.observe(self._chose_failure, "value")
        self.tab.observe(lambda _: self._on_change(), "selected_index")
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self._failures_row = ipywidgets.HBox([self.failures], layout=ipywidgets.Layout(display="none"))
        self.widget = ipywidgets.VBox(
            [self.state, ipywidgets.HBox([self.visit, self.of], layout=row), self._failures_row, self.tab],
            layout=ipywidgets.Layout(flex="1 1 340px", min_width="320px", max_width="100%"),
        )

    # what the user chooses ---------------------------------------------------------------------------

    def choose(self, path: str) -> None:
        """Show another state, its newest visit."""
        if path in self._by_path:
            self._quietly(state=path, visit=0)
            self.path, self._wanted, self._failure = path, None, NONE
            self._on_change()

    def _quietly(self, state: str | None = None, visit: int | None = None, failure: int = NONE) -> None:
        """Set what the controls say, as if nobody had touched them."""
        self._busy = True
        try:
            if state is not None:
                self.state.value = state
            if visit is not None:
                self.visit.value = min(visit, self.visit.max)
            if any(value == failure for _, value in self.failures.options):
                self.failures.value = failure
        finally:
            self._busy = False

    def _chose_state(self, change: Any) -> None:
        if not self._busy:
            self.choose(change["new"])

    def _chose_visit(self, change: Any) -> None:
        if not self._busy:
            self._wanted, self._failure = change["new"] or None, NONE
            self._quietly()
            self._on_change()

    def _chose_failure(self, change: Any) -> None:
        if not self._busy and change["new"]:
            self._failure = change["new"]
            self._on_change()

    # what is shown ------------------------------------------------------------------------------------

    def show(self, count: int) -> None:
        """The state as it was after so many events."""
        state = self._by_path[self.path]
        total = self.travel.visits_of(state.index, count)
        self._bounds(total)
        visit, place = self._visit(state.index, total, count)
        if visit is not None and visit.state.path != self.path:  # a failure was chosen from the list
            self.path = visit.state.path
            self._quietly(state=self.path, visit=0, failure=self._failure)
        tab = self.tab.selected_index or 0
        shown = (
            tab, self.path, place, None if visit is None else (visit.number, visit.status, visit.tries, visit.exited), self._name(),
        )  # fmt: skip
        if shown == self._shown:
            return
        self._shown = shown
        self._panes[tab].value = self._pane(tab, visit, place, total)

    def _bounds(self, total: int) -> None:
        if self.visit.max != total:
            self._busy = True
            try:
                self.visit.max = total
            finally:
                self._busy = False
            self.of.value = f"of {total:,} (0: the newest)"
        if self._failure_count != self.travel.failed and len(self.failures.options) <= MOST_IN_LIST:
            self._failure_count = self.travel.failed
            known = list(self.travel.failures)[:MOST_IN_LIST]
            more = f"{self.travel.failed:,} in all: choose one" if self.travel.failed else "none"
            options = [(more, NONE)] + [
                (cut(printable(f"{path}: {error or status}"), 80), number) for number, path, status, error in known
            ]
            chosen = self.failures.value
            self._busy = True
            try:
                self.failures.options = options
                self.failures.value = chosen
                self._failures_row.layout.display = None
            finally:
                self._busy = False

    def _visit(self, state: int, total: int, count: int) -> tuple[Visit | None, str]:
        if self._failure:
            return self.travel.visit_by_number(self._failure, count), "one of the failures"
        ordinal = min(self._wanted or total, total)
        if not ordinal:
            return None, ""
        newest = next((v for v in reversed(self.travel.at(count).open_visits.values()) if v.state.index == state), None)
        if self._wanted is None and newest is not None:
            return newest, f"visit {total:,}" if total > 1 else ""
        return self.travel.visit(state, ordinal, count), f"visit {ordinal:,} of {total:,}" if total > 1 else ""

    def _pane(self, tab: int, visit: Visit | None, place: str, total: int) -> str:
        if tab == 3:
            return function_of(self.execution, self._by_path[self.path])
        if visit is None:
            return nothing_html(f"{cut(self.path, 120)} has not been entered at this moment.")
        python = self._python(visit, total)
        if tab == 1:
            return attempts_html(visit, f"{python}.attempts")
        kept = self._printed(visit)
        if tab == 2:
            lines = [line for attempt in visit.attempts for line in kept.get(attempt.token, ([], None))[0]]
            return logs_html(lines, f"{python}.logs")
        traceback = next((text for a in reversed(visit.attempts) if (text := kept.get(a.token, ([], None))[1])), None)
        return data_html(visit, place, f"{python}.{'output' if visit.exited is not None else 'input'}", traceback)

    def _python(self, visit: Visit, total: int) -> str:
        name = visit.path if visit.path != visit.state.path or total > 1 else visit.state.name
        return (
            f"{self._name()}[{cut(name, 200)!r}]".replace("'", '"') if '"' not in name else f"{self._name()}[{name!r}]"
        )

    def _printed(self, visit: Visit) -> dict[int, tuple[list[Any], str | None]]:
        if not visit.attempts:
            return {}
        run = self.execution._run
        if run is not None and run.log is not None:
            return {t: (o.lines or [], o.traceback) for f, t, o in list(run.kept_outputs) if f == visit.frame}
        return printed(self.execution._workspace.store, self.execution.key, visit.frame)


__all__ = ["StateDetails"]
