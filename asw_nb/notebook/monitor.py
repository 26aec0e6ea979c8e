"""The monitor: an execution to look into with the mouse or the keyboard, made of core ipywidgets only.

::

    head                         which execution, how it stands
    Stop  Redrive  Close
    |--------o------| Live       any moment of the history; the graph and the data are as they were
    graph          | state       press a box: input, output, error, attempts, lines, function
    events                       a table with filters

It is a view over the log like every other. `Travel` gives it any moment at a bounded cost, and a redraw makes only what is in sight and has
changed. The cell's output is a widget only while the monitor is open, with the static card beside it for whoever cannot show widgets; closed, by
its button or because nobody has touched it for a while, the output is the static card alone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets
from IPython.core.getipython import get_ipython
from IPython.display import display

from asw_nb.analysis.card import duration_text, execution_card
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.inspector import head_html, pane
from asw_nb.analysis.status import live_statuses
from asw_nb.engine.events import Event
from asw_nb.engine.run import Run
from asw_nb.errors import AswError, UsageError
from asw_nb.history.travel import Travel, read_of
from asw_nb.notebook.live import MOVED_ON, LiveView
from asw_nb.notebook.monitor_details import StateDetails
from asw_nb.notebook.monitor_events import EventsTable
from asw_nb.notebook.monitor_forms import AnswerForm, RedriveForm
from asw_nb.notebook.monitor_graph import StateGraph

if TYPE_CHECKING:
    from asw_nb.handle import Execution

PAINT_EVERY_S = 0.25
IDLE_PAINT_S = 1.0
EVENTS_EVERY_S = 1.0
"""How often the table of events follows what runs: a faster one cannot be read, and it costs more than all the rest."""

ELSEWHERE_S = 2.0
"""How often an execution that another process drives is looked at."""

KEEP_S = 300.0
READ_S = {True: 0.03, False: 0.12}
"""How long the history may be read between two redraws, while the execution runs and afterwards: the kernel is not ours alone."""

FIRST_EVENTS = 2_000
MUCH_BEHIND = 2_000

WIDGET = "application/vnd.jupyter.widget-view+json"


class Monitor:
    """Shows an execution, to be looked into; see `asw_nb.monitor`.

    Parameters
    ----------
    execution : Execution
    keep_s : float
        The monitor of an execution that has ended closes by itself when nobody has touched it for so long.
    until_end : bool
        Close when the execution ends.
    """

    def __init__(self, execution: Execution, keep_s: float = KEEP_S, until_end: bool = False) -> None:
        self.execution, self.keep_s, self.until_end = execution, keep_s, until_end
        self.closed = False
        self.frames = 0
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._changed = True
        self._at: int | None = None  # a moment of the past; None: as it is
        self._busy = False
        self._touched = time.monotonic()
        self._listed = 0.0
        self._run: Run | None = None
        self._handle: Any = None
        self._thread: threading.Thread | None = None
        self._told_end = False
        record = execution._latest()
        self._attach()
        log = self._run.log if self._run is not None else None
        if record.type == "EXPRESS" and log is None:
            raise UsageError(
                f'execution "{execution.name}" is EXPRESS: its history was not kept, so there is nothing to look into.'
            )
        self.travel = Travel(
            execution.plan, execution.input, record.started_us, read_of(execution._workspace.store, execution.key, log)
        )
        self.travel.follow(FIRST_EVENTS)
        self._make()
        self.refresh()

    # what it is made of ------------------------------------------------------------------------------

    def _make(self) -> None:
        document = self.execution.plan.document
        self._head, self._status, self.moment = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        button = ipywidgets.Button
        self.stop = button(description="Stop", icon="stop", tooltip="Stop this execution")
        self.redrive = button(
            description="Redrive…", icon="repeat", tooltip="Let it go on from where it failed; shows the plan first"
        )
        self.close_button = button(description="Close", icon="times", tooltip="Leave the static card in the notebook")
        self.slider = ipywidgets.IntSlider(
            min=0, max=1, value=1, description="Moment", readout=False, tooltip="Go back in time, event by event",
            layout=ipywidgets.Layout(flex="1 1 260px", min_width="200px"),
        )  # fmt: skip
        # the arrow keys move the slider in JupyterLab; Notebook 7 keeps them for its cells
        step = ipywidgets.Layout(width="76px")
        self.earlier = button(description="Earlier", tooltip="One event earlier", layout=step)
        self.later = button(description="Later", tooltip="One event later", layout=step)
        self.live = ipywidgets.ToggleButton(
            value=True, description="Newest", icon="clock-o", tooltip="Show the newest moment, and follow"
        )
        self.graph = StateGraph(document, lambda path: self._touch(lambda: self.details.choose(path)))
        self.details = StateDetails(self.execution, self.travel, lambda: self._touch(None), self._name)
        self.events = EventsTable(self.execution.plan, self.travel, lambda: self._touch(None))
        self.answer = AnswerForm(self.execution, self.say)
        self.redrive_form = RedriveForm(self.execution, self.say, self._redriven)
        self.stop.on_click(lambda _: self._touch(self._stop))
        self.redrive.on_click(lambda _: self._touch(self.redrive_form.open))
        self.close_button.on_click(lambda _: self.close())
        self.slider.observe(self._slid, "value")
        self.earlier.on_click(lambda _: self._step(-1))
        self.later.on_click(lambda _: self._step(1))
        self.live.observe(self._toggled, "value")
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        top = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%")
        self.box = ipywidgets.VBox(
            [
                self._head,
                ipywidgets.HBox([self.stop, self.redrive, self.close_button], layout=row),
                self._status,
                self.answer.widget,
                self.redrive_form.widget,
                ipywidgets.HBox([self.slider, self.earlier, self.later, self.live, self.moment], layout=row),
                ipywidgets.HBox([self.graph.widget, self.details.widget], layout=top),
                self.events.widget,
            ],
            layout=ipywidgets.Layout(width="100%", max_width="1200px"),
        )

    def _name(self) -> str:
        """How a cell gets at this execution: the variable that holds it, else a look into the history."""
        shell = get_ipython()
        names = shell.user_ns if shell is not None else {}
        for name, value in list(names.items()):
            if not name.startswith("_") and type(value) is type(self.execution) and value.key == self.execution.key:
                return name
        return f'asw.execution("{self.execution.name}")'

    # what is shown -----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is to be seen now."""
        with self._lock:
            if self.closed:
                return
            self.frames += 1
            record = self.execution._latest()
            count = self.travel.count if self._at is None else min(self._at, self.travel.count)
            fold = self.travel.at(count)
            past = self._at is not None and count < self.travel.count
            run = self._run
            # the newest moment comes from the run itself: the log that has been read may lag behind
            state = fold.state if past or run is None or run.broken is not None else run.state
            statuses, counts = live_statuses(state)
            seconds = fold.last_at / 1e6 if past else self.execution.duration_s
            note = self._note(record.status)
            self._head.value = head_html(record, state.status if past else record.status, seconds, state.event_id, note)
            self.graph.show(statuses, counts, f"graph of {record.workflow} at event {fold.state.event_id}")
            self._set_slider(count)
            behind = state.count - fold.state.count
            word = "as it was" if past else f"reading, {behind:,} to go" if behind > MUCH_BEHIND else "newest"
            self.moment.value = (
                f'<span role="status" style="padding-left:8px">event {fold.state.event_id:,} &nbsp;·&nbsp; '
                f"{duration_text(fold.last_at / 1e6)} &nbsp;·&nbsp; {word}</span>"
            )
            self.details.show(count)
            if self.details.path != getattr(self.graph, "_selected", None):
                self.graph.select(self.details.path)
            now = time.monotonic()
            if past or self._touched >= self._listed or now - self._listed >= EVENTS_EVERY_S:
                self._listed = now
                self.events.show(count)
            else:
                self._changed = True  # the table follows a little later
            self.answer.show()
            self.stop.disabled = record.status != "RUNNING" or run is None
            self.redrive.disabled = record.status == "RUNNING" or record.type == "EXPRESS"

    def _note(self, status: str) -> str:
        if self._run is None and status == "RUNNING":
            return " &nbsp;·&nbsp; driven elsewhere"
        return ""

    def read(self) -> bool:
        """Read on in the history for a moment; whether something was there."""
        run, before = self._run, self.travel.count
        end = time.monotonic() + READ_S[run is not None and not run.done.is_set()]
        while self.travel.follow(1) and time.monotonic() < end:
            pass
        return self.travel.count > before

    def _set_slider(self, count: int) -> None:
        self._busy = True
        try:
            if self.slider.max != max(1, self.travel.count):
                self.slider.max = max(1, self.travel.count)
            if self._at is None and self.slider.value != count:
                self.slider.value = count
            if self.live.value != (self._at is None):
                self.live.value = self._at is None
        finally:
            self._busy = False

    def say(self, words: str, problem: bool = False) -> None:
        """One sentence on the status line, which a screen reader reads out."""
        role, colour = ("alert", "#C23B14") if problem else ("status", "#1b1f24")
        self._status.value = f'<div role="{role}">{pane(f"""<span style="color:{colour}">{html_text(words[:400])}</span>""", "Message")}</div>'

    # what the user does ---------------------------------------------------------------------------------

    def _touch(self, work: Callable[[], None] | None) -> None:
        self._touched = time.monotonic()
        try:
            self.read()
            if work is not None:
                work()
            self.refresh()
        except AswError as problem:
            self.say(str(problem), True)

    def _slid(self, change: Any) -> None:
        if not self._busy:
            self._at = None if change["new"] >= self.travel.count else change["new"]
            self._touch(None)

    def _step(self, events: int) -> None:
        self.slider.value = min(max(0, self.slider.value + events), self.slider.max)

    def _toggled(self, change: Any) -> None:
        if not self._busy:
            self._at = None if change["new"] else self.travel.count
            self._touch(None)

    def _stop(self) -> None:
        run = self._run
        if run is not None and not run.done.is_set():
            run.runner.stop(run, cause="stopped in the notebook")
            self.say("Stopping: functions that run see context.cancelled.")

    def _redriven(self) -> None:
        self._at, self._told_end = None, False
        self._attach()
        self._touch(None)

    # being alive ------------------------------------------------------------------------------------------

    def _attach(self) -> None:
        """Listen to the run that drives the execution in this process, if one does."""
        run = self.execution._driven()
        if run is not self._run:
            if self._run is not None:
                self._run.forget_listener(self._heard)
            self._run = run
            if run is not None:
                run.listeners.append(self._heard)
        self._changed = True
        self._wake.set()

    def _heard(self, run: Run, events: list[Event]) -> None:
        self._changed = True

    def _bundle(self) -> dict[str, Any]:
        card = {"text/plain": repr(self.execution), "text/html": execution_card(self.execution)}
        return (
            card
            if self.closed
            else {**card, WIDGET: {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}}
        )

    def show(self) -> None:
        """Display it in the cell that runs now; where it was before, the static card stays."""
        with self._lock:
            if self._handle is not None:
                self._handle.update(self._card(), raw=True)
            self._handle = display(self._bundle(), raw=True, display_id=True)
            if self._thread is None and not self.closed:
                self._thread = threading.Thread(target=self._live, name="asw-monitor", daemon=True)
                self._thread.start()

    def _card(self) -> dict[str, str]:
        return {"text/plain": repr(self.execution), "text/html": execution_card(self.execution)}

    def _ipython_display_(self) -> None:
        self.show()

    def __repr__(self) -> str:
        return f"monitor of {self.execution!r}"

    def _live(self) -> None:
        idle_s = 0.0
        while not self.closed:
            pause = self._pause()
            self._wake.wait(pause)
            self._wake.clear()
            idle_s += pause
            with contextlib.suppress(AswError):
                self._changed |= self.read()
            running = self.execution.status == "RUNNING"
            if self._changed or (running and idle_s >= IDLE_PAINT_S):
                self._changed, idle_s = False, 0.0
                with contextlib.suppress(AswError, *MOVED_ON):
                    self.refresh()
            if not running:
                self._ended()
            else:
                self._told_end = False

    def _pause(self) -> float:
        if self._changed or (self._run is not None and not self._run.done.is_set()):
            return PAINT_EVERY_S
        return ELSEWHERE_S

    def _ended(self) -> None:
        if self.until_end or time.monotonic() - self._touched > self.keep_s:
            self.close()
        elif not self._told_end and self._handle is not None:
            # whoever saves the notebook now saves the card of the end, beside the widget
            self._told_end = True
            self._touched = time.monotonic()
            self._handle.update(self._bundle(), raw=True)

    def close(self) -> None:
        """Leave the static card in the cell, and end the widgets."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._wake.set()
            if self._run is not None:
                self._run.forget_listener(self._heard)
            if self._handle is not None:
                self._handle.update(self._card(), raw=True)
            _close_all(self.box)


def _close_all(widget: Any) -> None:
    for child in getattr(widget, "children", ()):
        _close_all(child)
    for part in (widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widget.close()


def attended() -> bool:
    """Whether somebody sits at this kernel: a front end that can ask questions is one that a person uses."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))


def monitor(execution: Execution, keep_s: float = KEEP_S) -> Any:
    """Look into an execution in a notebook: its states, its events, any moment of its past; stop it, redrive it, answer it.

    Where nobody sits at the kernel (nbclient, papermill) it is the live view, and in the end the static card.

    Parameters
    ----------
    execution : Execution
    keep_s : float
        The monitor of an execution that has ended closes by itself, leaving the static card, when nobody has touched it for so long.

    Raises
    ------
    UsageError
        There is no notebook, or the history was not kept.
    """
    if getattr(get_ipython(), "kernel", None) is None:
        raise UsageError(
            "a monitor needs a notebook. In a script, print(run.states()) or run.report(path) tell the same."
        )
    if attended():
        return Monitor(execution, keep_s)
    if execution._driven() is not None and execution.status == "RUNNING":
        LiveView(execution, button=False)
        return None
    return execution


__all__ = ["Monitor", "attended", "monitor"]
