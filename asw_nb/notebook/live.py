"""The live view of a cell: HTML repainted in place while an execution runs, and its static card when it is over.

Everything goes through one display id, from a thread of its own, at most four times a second; the saved notebook
holds the last frame only, which is the static card. The Stop button is a widget beside it, there only while the cell
does not wait (a button is dead in a busy cell), and replaced by nothing in the end, so that no widget model is left
in the file."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from IPython.display import display

from asw_nb.analysis.card import CODE, RECENT_LINES, describe, live_card, seconds_at, told
from asw_nb.engine.events import Event
from asw_nb.engine.run import Run
from asw_nb.history.fold import Fold

if TYPE_CHECKING:
    from asw_nb.handle import Execution

PAINT_EVERY_S = 0.25
FIRST_PAINT_S = 0.05
# While nothing happens only the elapsed time moves: a Wait of a night must not send four pictures a second.
IDLE_PAINT_S = 1.0
MOVED_ON = (AttributeError, LookupError, RuntimeError, TypeError)
"""What looking at frames without a lock may raise, when the execution goes on meanwhile: the next frame is right."""

HOW_TO_STOP = f'Stop it with the button, or from any cell: <code style="{CODE}">%asw stop</code>'
HOW_TO_INTERRUPT = "Stop it by interrupting the kernel."


class LiveView:
    """Shows an execution in the cell that runs now.

    Parameters
    ----------
    execution : Execution
        Driven by this process.
    button : bool
        Offer a Stop button.
    """

    def __init__(self, execution: Execution, button: bool) -> None:
        assert execution._run is not None
        self.execution, self.run = execution, execution._run
        self.frames = 0
        self._recent: deque[str] = deque(maxlen=RECENT_LINES)
        self._hint = HOW_TO_STOP if button else HOW_TO_INTERRUPT
        self._changed = True
        self.run.listeners.append(self._heard)
        self._handle = display(self._bundle(), raw=True, display_id=True)
        self._button: Any = self._make_button() if button and not self.run.done.is_set() else None
        self._thread = threading.Thread(target=self._paint, name="asw-view", daemon=True)
        self._thread.start()

    def _heard(self, run: Run, events: list[Event]) -> None:
        for event in events[-RECENT_LINES:]:
            line = describe(run, event)
            if line is not None:
                self._recent.append(line)
        self._changed = True

    def _bundle(self) -> dict[str, str]:
        return {
            "text/plain": repr(self.execution),
            "text/html": live_card(self.run, self.execution._record, list(self._recent), self._hint),
        }

    def _paint(self) -> None:
        done, idle_s = self.run.done, 0.0
        pause = FIRST_PAINT_S
        while not done.wait(pause):
            pause = PAINT_EVERY_S
            idle_s += pause
            if self._changed or idle_s >= IDLE_PAINT_S:
                self._changed, idle_s = False, 0.0
                with contextlib.suppress(*MOVED_ON):
                    self._update(self._bundle())
        self.run.forget_listener(self._heard)
        self._update(self.execution._repr_mimebundle_())
        if self._button is not None:
            with contextlib.suppress(Exception):
                self._button.update({"text/plain": "", "text/html": ""}, raw=True)

    def _update(self, bundle: dict[str, str]) -> None:
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
            self.frames += 1

    def _make_button(self) -> Any:
        import ipywidgets

        button = ipywidgets.Button(description="Stop", icon="stop", tooltip=f"Stop {self.execution.name}")

        def pressed(_: Any) -> None:
            button.disabled = True
            self.run.runner.stop(self.run, cause="stopped in the notebook")

        button.on_click(pressed)
        return display(button, display_id=True)

    def finish(self) -> None:
        """Wait until the last frame is painted."""
        self._thread.join(10)


class TextView:
    """One line per transition, printed by the thread that waits.

    It reads what is recorded, so that no line is missing however early the execution began, and folds it for the
    paths, keeping no visit that has been printed.

    Parameters
    ----------
    execution : Execution
        Driven by this process.
    name : str
        Stands at the begin of each line, where several executions are told.
    """

    def __init__(self, execution: Execution, name: str = "") -> None:
        assert execution._run is not None
        self.execution, self.run = execution, execution._run
        self._fold = Fold(execution.plan, execution.input, execution._record.started_us)
        self._seen, self._name = 0, f"{name}  " if name else ""

    def wait(self) -> None:
        """Print until the execution ends."""
        while not self.run.done.wait(0.1):
            self.print()
        self.print()
        print(repr(self.execution))

    def _fresh(self) -> Iterable[Event]:
        if self.run.log is not None:
            return self.run.log[self._seen :]
        return self.execution._workspace.store.events(self.run.key, self._seen)

    def print(self) -> None:
        """Print what is new."""
        for event in self._fresh():
            self._seen += 1
            self._fold.feed((event,))
            for visit in self._fold.visits:
                print(f"{self._name}{seconds_at(event)}{visit.path}")
            self._fold.visits.clear()
            more = told(event)
            if more is not None:
                print(f"{self._name}{seconds_at(event)}{self._fold.open_visits[event[2]].path}: {more}")


__all__ = ["MOVED_ON", "LiveView", "TextView"]
