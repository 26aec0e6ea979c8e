"""What a task prints goes to its attempt, not into whatever notebook cell happens to run.

`sys.stdout` and `sys.stderr` are wrapped once, by a router that looks whether the writing thread runs a task. Threads
without one (the notebook's own) write through, untouched. Records of the `logging` module are taken the same way,
above the root logger: a handler on the root itself would make `logging.basicConfig` do nothing and silence the
warnings of notebooks that configure no logging."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from asw_nb.engine.clock import Clock

MAX_LINES = 10_000
"""Lines kept per attempt; a line at the end says how many were dropped."""


class Lines:
    """The output of one attempt, cut into lines as it comes: (microseconds since 1970, stream, text)."""

    __slots__ = ("clock", "dropped", "lines", "partial")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lines: list[tuple[int, str, str]] = []
        self.partial: dict[str, str] = {}
        self.dropped = 0

    def write(self, stream: str, text: str) -> None:
        text = self.partial.pop(stream, "") + text
        *whole, rest = text.split("\n")
        for line in whole:
            self.add(stream, line)
        if rest:
            self.partial[stream] = rest

    def add(self, stream: str, line: str) -> None:
        if len(self.lines) >= MAX_LINES:
            self.dropped += 1
            return
        self.lines.append((self.clock.time_us(), stream, line))

    def close(self) -> list[tuple[int, str, str]]:
        """All lines; one that no newline ended included."""
        for stream, text in self.partial.items():
            self.add(stream, text)
        self.partial.clear()
        if self.dropped:
            self.lines.append((self.clock.time_us(), "log", f"... {self.dropped} more lines were printed and not kept"))
        return self.lines


class Here:
    """What a thread is at; `spare` are lines that an attempt left as they were, for the next."""

    __slots__ = ("lines", "spare")

    def __init__(self) -> None:
        self.lines: Lines | None = None
        self.spare: Lines | None = None


class _Current(threading.local):
    def __init__(self) -> None:
        self.here = Here()


current = _Current()


class Router:
    """Stands in for a standard stream: writes of a task's thread go to its lines, all others to the stream itself."""

    def __init__(self, stream: Any, name: str) -> None:
        self.wrapped, self.stream_name = stream, name

    def write(self, text: str) -> int:
        lines = current.here.lines
        if lines is None:
            return self.wrapped.write(text)
        lines.write(self.stream_name, text)
        return len(text)

    def flush(self) -> None:
        if current.here.lines is None:
            self.wrapped.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        lines = current.here.lines
        # a root handler that writes to a routed stream has brought this record already, in the user's own format
        if lines is not None and not any(isinstance(getattr(h, "stream", None), Router) for h in logging.root.handlers):
            for line in self.format(record).split("\n"):
                lines.add("logging", line)


_handler = _Handler()
_handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))


class _AboveRoot(logging.Logger):
    """Parent of the root logger; it has a handler only as seen from a thread that runs a task."""

    @property
    def handlers(self) -> list[logging.Handler]:
        return [_handler] if current.here.lines is not None else []

    @handlers.setter
    def handlers(self, value: list[logging.Handler]) -> None:
        """Logger's own constructor begins with an empty list."""


_above_root = _AboveRoot("asw_nb tasks")


def install() -> None:
    """Put the routers in place where they are not (a test runner or a kernel may have exchanged the streams)."""
    if type(sys.stdout) is not Router and sys.stdout is not None:
        sys.stdout = Router(sys.stdout, "stdout")
    if type(sys.stderr) is not Router and sys.stderr is not None:
        sys.stderr = Router(sys.stderr, "stderr")
    logging.root.parent = _above_root


__all__ = ["MAX_LINES", "Lines", "Router", "current", "install"]
