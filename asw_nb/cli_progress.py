"""What a terminal, or a log, shows of an execution that is waited for: a line per state entered, and how far it has come.

A terminal has one line more, the last, which is written over: a bar for each Map that runs, what runs and waits, and the time."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from asw_nb.analysis.card import seconds_at, told
from asw_nb.analysis.live_parts import running_maps
from asw_nb.analysis.status import sampled
from asw_nb.analysis.words import cut, duration_text
from asw_nb.cli import colours
from asw_nb.engine.events import Event
from asw_nb.history.fold import Fold

if TYPE_CHECKING:
    from asw_nb.handle import Execution

MOST_LINES = 400
"""Transitions that are told one by one; a Map over a million items is told by numbers."""

LOOK_S = 0.1
TELL_EVERY_S = 10.0
BAR = 16
MOST_BARS = 3


class Progress:
    """Tells on standard error how an execution goes, from a thread of its own, until `close`.

    Parameters
    ----------
    execution : Execution
        Driven by this process.
    """

    def __init__(self, execution: Execution, stream: TextIO | None = None) -> None:
        self.execution, self.stream = execution, stream or sys.stderr
        self._live = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = colours(self.stream)
        self._fold = Fold(execution.plan, execution.input, execution._record.started_us)
        self._paths: dict[int, str] = {}
        self._seen = self._told = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="asw-progress", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell the rest, and stop."""
        self._over.set()
        self._thread.join(5)

    def _follow(self) -> None:
        since = 0.0
        while not self._over.wait(LOOK_S):
            self._tell()
            since += LOOK_S
            if self._live or (since >= TELL_EVERY_S and self._told >= MOST_LINES):
                self._count()
                since = 0.0
        self._tell()
        if self._live:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _fresh(self) -> Iterable[Event]:
        run: Any = self.execution._run
        if run.log is not None:
            return run.log[self._seen :]
        return self.execution._workspace.store.events(run.key, self._seen)

    def _tell(self) -> None:
        """The transitions since the last time, as lines."""
        if self._told >= MOST_LINES:
            return
        lines = []
        for event in self._fresh():
            self._seen += 1
            self._fold.feed((event,))
            for visit in self._fold.visits:
                self._paths[visit.frame] = visit.path
                lines.append(self._line(event, cut(visit.path, 120)))
            self._fold.visits.clear()
            more = told(event)
            if more is not None:
                colour = "red" if more.startswith(("failed", "timed out")) else "yellow" if "next attempt" in more else ""
                lines.append(self._line(event, f"{cut(self._paths.get(event[2], 'a task'), 120)}: {cut(more, 200)}", colour))
            if self._told + len(lines) >= MOST_LINES:
                lines.append("          and so on: no more transitions are listed")
                break
        self._told += len(lines)
        if lines:
            clear = "\r\x1b[K" if self._live else ""
            self.stream.write(clear + "\n".join(lines) + "\n")
            self.stream.flush()

    def _line(self, event: Event, words: str, colour: str = "") -> str:
        return f"{self._in('dim', seconds_at(event))}{self._in(colour, _plain(words))}"

    def _in(self, colour: str, words: str) -> str:
        return self._colours.get(colour, "") + words + (self._colours["end"] if colour in self._colours else "")

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except OSError:
            return 80

    def _count(self) -> None:
        """How far it is: a bar for each Map that runs, how many states are done and running, and for how long."""
        state: Any = self.execution._run.state  # type: ignore[union-attr]
        done, begun = sum(state.exited) + sum(state.failed), sum(state.entered)
        words = f"{done:,} states done, {begun - done:,} running, {duration_text(self.execution.duration_s)}"
        if not self._live:
            self.stream.write(words + "\n")
        else:
            bars = [one for one in map(bar, running_maps(sampled(state.frames))) if one][:MOST_BARS]
            # a line that is wrapped could not be written over
            line = _plain(" · ".join([*bars, words]))[: max(10, self._columns() - 1)]
            self.stream.write(f"\r\x1b[K{self._in('dim', line)}")
        self.stream.flush()


def bar(owner: Any) -> str:
    """How far a Map has come, such as ``Each ████████░░░░░░░░ 3/6, 1 failed``; nothing when it has ended meanwhile."""
    children = owner.children
    if children is None:
        return ""
    ended, length = children.done + children.failed, children.length
    full = BAR * ended // length if length else BAR
    failed = f", {children.failed:,} failed" if children.failed else ""
    return f"{cut(owner.path, 30)} {'█' * full}{'░' * (BAR - full)} {ended:,}/{length:,}{failed}"


def _plain(line: str) -> str:
    """A line without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


__all__ = ["Progress", "bar"]
