"""The forms of the monitor: the answer to a task that waits for its task token, and a redrive with its plan before it.

Nothing is done by one press: an answer is checked first, and a redrive shows what it keeps and what it runs again until it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from asw_nb.analysis.card import GREY, TITLE, cut
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.inspector import pane, table_html
from asw_nb.engine.frames import TASK
from asw_nb.engine.payload import printable
from asw_nb.errors import AswError, UsageError

if TYPE_CHECKING:
    from asw_nb.handle import Execution

MOST_WAITING = 20
MOST_FRAMES = 2_000
MOST_PLAN_ROWS = 40
AUTO = ""

Say = Callable[[str, bool], None]
"""(words, is it a problem): shown on the monitor's status line."""


def waiting(execution: Execution) -> dict[str, tuple[int, int]]:
    """Path -> (frame, order) of tasks that wait for their task token here, the first of them."""
    run = execution._run
    out: dict[str, tuple[int, int]] = {}
    if run is None or run.done.is_set():
        return out
    for frame in list(run.state.frames.values())[:MOST_FRAMES]:
        resource = frame.state.resource
        if frame.phase == TASK and resource is not None:
            if resource.pattern == "waitForTaskToken" or resource.kind == "activity":
                out[frame.path] = (frame.id, frame.token)
                if len(out) == MOST_WAITING:
                    break
    return out


class AnswerForm:
    """Approve or reject a task that waits; there only while one does."""

    def __init__(self, execution: Execution, say: Say) -> None:
        self.execution, self._say = execution, say
        self._waiting: dict[str, tuple[int, int]] = {}
        full = ipywidgets.Layout(width="100%", max_width="420px")
        self._head = ipywidgets.HTML()
        self.task = ipywidgets.Dropdown(options=[], description="Task", layout=full)
        self.output = ipywidgets.Textarea(
            value="{}", description="Output", tooltip="The task's output, as JSON", rows=3, layout=full
        )
        self.error = ipywidgets.Text(value="Rejected", description="Error", layout=full)
        self.cause = ipywidgets.Text(placeholder="why it is rejected", description="Cause", layout=full)
        self.approve = ipywidgets.Button(
            description="Approve", icon="check", button_style="success", tooltip="Send the output as the task's result"
        )
        self.reject = ipywidgets.Button(
            description="Reject", icon="times", button_style="danger", tooltip="Fail the task with this error and cause"
        )
        self.approve.on_click(self._approved)
        self.reject.on_click(self._rejected)
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start")
        left = ipywidgets.VBox([self.output, self.approve], layout=ipywidgets.Layout(flex="1 1 320px"))
        right = ipywidgets.VBox([self.error, self.cause, self.reject], layout=ipywidgets.Layout(flex="1 1 320px"))
        self.widget = ipywidgets.VBox(
            [self._head, self.task, ipywidgets.HBox([left, right], layout=row)],
            layout=ipywidgets.Layout(display="none"),
        )

    def show(self) -> None:
        """Look whether somebody waits."""
        found = waiting(self.execution)
        if found == self._waiting:
            return
        self._waiting = found
        self.widget.layout.display = None if found else "none"
        if found:
            chosen = self.task.value
            self.task.options = [(cut(printable(path), 80), path) for path in found]
            self.task.value = chosen if chosen in found else next(iter(found))
            words = "A task waits" if len(found) == 1 else f"{len(found)} tasks wait"
            self._head.value = pane(f"<b>{words} for an answer.</b> The output is JSON.", "A task waits for an answer")

    def _token(self) -> str:
        path = self.task.value
        place = waiting(self.execution).get(path) if path is not None else None
        if place is None:
            raise UsageError("that task does not wait any more.")
        return self.execution._workspace.task_token(self.execution.key, *place)

    def _approved(self, _: Any) -> None:
        path = self.task.value
        try:
            value = json.loads(self.output.value or "null")
        except ValueError as problem:
            self._say(f"The output is no JSON: {problem}.", True)
            return
        try:
            self.execution._workspace.send_task_success(self._token(), value)
            self._say(f"Approved {path}.", False)
        except AswError as problem:
            self._say(f"Not approved: {problem}", True)

    def _rejected(self, _: Any) -> None:
        path = self.task.value
        try:
            self.execution._workspace.send_task_failure(
                self._token(), self.error.value or None, self.cause.value or None
            )
            self._say(f"Rejected {path}.", False)
        except AswError as problem:
            self._say(f"Not rejected: {problem}", True)


class RedriveForm:
    """What a redrive would do, and the button that does it."""

    def __init__(self, execution: Execution, say: Say, on_redriven: Callable[[], None]) -> None:
        self.execution, self._say, self._on_redriven = execution, say, on_redriven
        self.start = ipywidgets.Dropdown(
            options=[("where it failed", AUTO)], description="From", layout=ipywidgets.Layout(width="320px")
        )
        self.confirm = ipywidgets.Button(
            description="Redrive now",
            icon="play",
            button_style="warning",
            tooltip="Go on with this execution as the plan says",
        )
        self.cancel = ipywidgets.Button(description="Cancel", tooltip="Change nothing")
        self._plan = ipywidgets.HTML()
        self.start.observe(lambda _: self._show_plan(), "value")
        self.confirm.on_click(self._confirmed)
        self.cancel.on_click(lambda _: self.hide())
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self.widget = ipywidgets.VBox(
            [self._plan, ipywidgets.HBox([self.start, self.confirm, self.cancel], layout=row)],
            layout=ipywidgets.Layout(display="none"),
        )

    def open(self) -> None:
        """Show the plan."""
        names = [state.name for state in self.execution.plan.root.states]
        auto = [] if self.execution.status == "SUCCEEDED" else [("where it failed", AUTO)]
        self.start.options = [*auto, *((cut(printable(name), 80), name) for name in names)]
        self.widget.layout.display = None
        self._show_plan()

    def hide(self) -> None:
        """Put the form away."""
        self.widget.layout.display = "none"

    def _show_plan(self) -> None:
        if self.widget.layout.display == "none":
            return
        try:
            plan = self.execution.redrive(self.start.value or None, dry_run=True)
        except AswError as problem:
            self.confirm.disabled = True
            self._plan.value = pane(html_text(problem), "Plan of the redrive")
            return
        self.confirm.disabled = False
        kept, again = (int((plan["action"] == action).sum()) for action in ("keep", "run again"))
        first = plan.sort_values("action", ascending=False, kind="stable").head(MOST_PLAN_ROWS)
        rows = [
            (html_text(cut(row.path, 80)), f"<b>{row.action}</b>" if row.action != "keep" else "keep", html_text(cut(row.why, 120)))
            for row in first.itertuples()
        ]  # fmt: skip
        more = (
            f'<div style="{GREY}">{len(plan) - len(first):,} more in run.redrive(dry_run=True)</div>'
            if len(plan) > len(first)
            else ""
        )
        title = f'<div style="{TITLE};margin-top:0">A redrive would run {again:,} again and keep {kept:,}.</div>'
        self._plan.value = pane(title + table_html(("path", "action", "why"), rows) + more, "Plan of the redrive")

    def _confirmed(self, _: Any) -> None:
        self.hide()
        try:
            self.execution.redrive(self.start.value or None)
        except AswError as problem:
            self._say(f"Not redriven: {problem}", True)
            return
        self._say("Redriven: the execution runs again.", False)
        self._on_redriven()


__all__ = ["AnswerForm", "RedriveForm", "waiting"]
