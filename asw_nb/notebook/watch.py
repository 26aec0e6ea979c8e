"""`asw.watch`: several executions in one view, which is painted at most four times a second and ends as a static table."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from asw_nb.analysis.trials_card import Trial, modes, of_table, trials_html
from asw_nb.analysis.watch_card import Watched, watch_card, watch_text
from asw_nb.backends.context import reporting
from asw_nb.engine.events import Event
from asw_nb.engine.run import Run
from asw_nb.errors import UsageError
from asw_nb.history.owner import DEAD
from asw_nb.notebook.live import IDLE_PAINT_S, MOVED_ON, PAINT_EVERY_S, TextView
from asw_nb.notebook.monitor import attended

if TYPE_CHECKING:
    from asw_nb.backfill import Executions
    from asw_nb.handle import Execution


READ_EVERY_S = 2.0
"""How often the metrics of attempts that have ended are read from the history, at most; a twentieth of the time goes into it."""


class WatchView:
    """Shows executions in the cell that runs now.

    Attributes
    ----------
    frames : int
        How often it was painted.
    done : threading.Event
        Set when all have ended and the last frame is painted.
    """

    def __init__(self, executions: list[Execution] | Executions, shows: bool = True, metrics: Any = None) -> None:
        self._source = executions
        self._metrics = modes(metrics)
        self._trials: dict[tuple[str, str], Trial] = {}
        self._read_s, self._read_at = 0.0, -math.inf
        self.executions: list[Execution] = []
        self.frames = 0
        self.done = threading.Event()
        self._changed = True
        self._told: list[TextView] = []
        self._look()
        self._shows = shows
        self._ended: set[int] = set()
        self._handle = display(self._bundle(), raw=True, display_id=True) if shows else None
        self._thread = threading.Thread(target=self._paint, name="asw-watch", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        """Listen to those that have been started since; of a back-fill they become more."""
        known = self._source if isinstance(self._source, list) else self._source.started
        for execution in known[len(self.executions) :]:
            self.executions.append(execution)
            self._changed = True
            run = execution._driven()
            if run is not None and not run.done.is_set():
                run.listeners.append(self._heard)

    @property
    def pending(self) -> int:
        """How many have not been started."""
        return len(self._source) - len(self.executions)

    def _heard(self, run: Run, events: list[Event]) -> None:
        self._changed = True

    def watched(self) -> list[Watched]:
        """Each execution as it stands."""
        return [Watched(one._latest(), one._run, one.duration_s) for one in self.executions]

    def _bundle(self) -> dict[str, str]:
        watched, pending = self.watched(), self.pending
        below = trials_html(self.trials(), self._metrics) if self._metrics else ""
        return {"text/plain": watch_text(watched, pending), "text/html": watch_card(watched, pending, below)}

    def trials(self) -> list[Trial]:
        """What was recorded of the metrics: by attempts that have ended, as the history has it; by those that run, as they have it so far."""
        now = time.monotonic()
        if now - self._read_at >= max(READ_EVERY_S, 20 * self._read_s) or not any(one.status == "RUNNING" for one in self.executions):
            for execution in self.executions:
                self._trials.update({trial.key: trial for trial in of_table(execution.metrics(), self._metrics)})
            self._read_at, self._read_s = now, time.monotonic() - now
        ids = {one._run: one.id for one in self.executions if one._run is not None}
        for context in list(reporting.values()):
            order = context._order
            frame = order.run.state.frames.get(order.frame)
            if order.run not in ids or frame is None or not order.open:
                continue
            trial = Trial(ids[order.run], frame.path, context.attempt)
            for _, step, name, value in list(context._metrics):
                if name in self._metrics:
                    trial.add(name, step, value)
            self._trials[trial.key] = trial
        return list(self._trials.values())

    def _running(self) -> bool:
        if not isinstance(self._source, list) and not self._source.fed:
            return True
        self._look()
        return any(_goes_on(one) for one in self.executions)

    def _paint(self) -> None:
        idle_s = 0.0
        pause = threading.Event()  # never set: a thread that sleeps in it ends with the process
        while self._running():
            pause.wait(PAINT_EVERY_S)
            idle_s += PAINT_EVERY_S
            self._look()
            if self._changed or self._metrics or idle_s >= IDLE_PAINT_S:
                self._changed, idle_s = False, 0.0
                with contextlib.suppress(*MOVED_ON):
                    self._show()
        for execution in self.executions:
            if execution._run is not None:
                execution._run.forget_listener(self._heard)
        self._show()
        self.done.set()

    def _show(self) -> None:
        self.frames += 1
        if self._handle is not None:
            self._handle.update(self._bundle(), raw=True)

    def print_lines(self) -> None:
        """One line per transition of what this process drives, and one for each execution that ends, until all have."""
        while not self.done.wait(0.1):
            self._print_new()
        self._print_new()

    def _print_new(self) -> None:
        several, told = len(self._source) > 1, {view.execution.key for view in self._told}
        self._told += [TextView(one, one.name if several else "") for one in self.executions if one._run is not None and one.key not in told]
        for view in self._told:
            view.print()
        for execution in list(self.executions):
            if execution.key not in self._ended and execution.status != "RUNNING":
                self._ended.add(execution.key)
                print(repr(execution))


def _goes_on(execution: Execution) -> bool:
    """Whether something may still happen: one that nobody drives stays as it is."""
    if execution.status != "RUNNING":
        return False
    run = execution._run
    if run is not None and not run.done.is_set():
        return True
    return execution._workspace.driver(execution.key)[0] != DEAD


def watch(executions: Execution | Iterable[Execution] | Executions, metrics: str | Iterable[str] | Mapping[str, str] | None = None) -> None:
    """Show several executions in one table while they run: status, time, where each stands, the items of its Map.

    In a notebook it returns at once and goes on showing; under nbclient and papermill it waits for the end of all, and in a script it prints one
    line per transition.

    Parameters
    ----------
    executions : Execution, list of Execution, or what `asw_nb.map` gives
    metrics : str, list of str or dict, optional
        Metrics to show as well, a row for each place that records them with its curve so far, the last value and the best: ``"val_loss"``, whose best is the
        lowest, or ``{"val_loss": "min", "accuracy": "max"}``. In a notebook only; what runs shows them step by step, when this kernel drives it.

    Raises
    ------
    UsageError
        Something else was given.
    """
    from asw_nb.backfill import Executions
    from asw_nb.handle import Execution

    chosen: Any = executions
    if not isinstance(executions, Executions):
        chosen = [executions] if isinstance(executions, Execution) else list(executions)
    wrong = None if isinstance(chosen, Executions) else next((one for one in chosen if not isinstance(one, Execution)), None)
    if wrong is not None:
        raise UsageError(f"watch() takes executions, such as flow.start(...) gives, not {wrong!r:.60}.")
    in_kernel = getattr(get_ipython(), "kernel", None) is not None
    view = WatchView(chosen, in_kernel, metrics)
    if not in_kernel:
        view.print_lines()
    elif not attended():
        view.done.wait()


__all__ = ["WatchView", "watch"]
