"""Time, handed to the engine instead of read by it.

`RealClock` is the wall clock. `VirtualClock` stands still while tasks run and jumps to the next timer when nothing
else is left to do: a Wait of a year takes no time, and the history shows the year."""

from __future__ import annotations

import time
from typing import Protocol

LAST_MOMENT_US = 253_402_300_799_000_000
"""The last second of the year 9999."""


class Clock(Protocol):
    """What the runner needs of a clock."""

    virtual: bool

    def time_us(self) -> int:
        """Microseconds since 1970."""
        ...


class RealClock:
    """The wall clock."""

    virtual = False

    def time_us(self) -> int:
        return time.time_ns() // 1000


class VirtualClock:
    """A clock that jumps from timer to timer.

    Parameters
    ----------
    start_s : float
        First moment, in seconds since 1970.

    Examples
    --------
    >>> clock = VirtualClock(0)
    >>> clock.advance(1.5)
    >>> clock.time_us()
    1500000
    """

    virtual = True

    def __init__(self, start_s: float = 1_700_000_000.0) -> None:
        self._now_us = round(start_s * 1e6)

    def time_us(self) -> int:
        return self._now_us

    def advance(self, seconds: float) -> None:
        """Let time pass, for a function under test that wants to seem slow."""
        self._now_us += round(seconds * 1e6)

    def jump_us(self, moment: int) -> None:
        """Go to a moment, never back, and never out of the years that a history can be written for."""
        self._now_us = max(self._now_us, min(moment, LAST_MOMENT_US))


__all__ = ["Clock", "RealClock", "VirtualClock"]
