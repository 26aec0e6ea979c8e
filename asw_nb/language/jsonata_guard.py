"""The bounds of one evaluation: time, depth of calls, size of what it builds. A definition may come from a stranger.

Everything that loops, calls or builds asks the `Run` of its evaluation. Time is looked at once in a thousand steps, so a
step costs little; every piece of work between two looks is itself bounded by the size that may be built. Sizes are
estimates (a reference 8 bytes, a number or short text about 50) and are added up over the evaluation, whether or not the
pieces are still alive: what is alive cannot be larger.
"""

from __future__ import annotations

import random
import time

from asw_nb.language.jsonata_errors import JsonataError

TIME_LIMIT_S = 1.0
"""What one evaluation may take."""

SIZE_LIMIT = 256 * 2**20
"""Bytes that one evaluation may build, added up (estimated)."""

PIECE_LIMIT = 32 * 2**20
"""Bytes of one array, object or text that an evaluation builds (estimated)."""

DEPTH_LIMIT = 400
"""Function calls inside one another. Python's own limit (1000 frames) usually comes first, at about 150."""

TEXT_LIMIT = 100_000
"""Characters of an expression."""

TOKEN_LIMIT = 8_000
"""Names, operators and literals of an expression; reading that many takes about 40 milliseconds."""

NODE_LIMIT = 8_000
"""Parts of its tree, those included that ``?:`` and ``??`` double."""

PATTERN_LIMIT = 2_000
"""Characters of a regular expression."""

_LOOK_EVERY = 1000


class Run:
    """One evaluation: its bounds, its clock and its source of random numbers."""

    __slots__ = ("deadline", "depth", "limit_s", "millis", "rng", "size", "work")

    def __init__(self, rng: random.Random, limit_s: float | None = None) -> None:
        self.limit_s = TIME_LIMIT_S if limit_s is None else limit_s
        self.deadline = time.monotonic() + self.limit_s
        self.depth = 0
        self.millis = 0
        self.rng = rng
        self.size = 0
        self.work = _LOOK_EVERY

    def step(self, count: int = 1) -> None:
        """Some work is about to be done."""
        self.work -= count
        if self.work < 0:
            self.look()

    def look(self) -> None:
        """Stop when the time is over."""
        self.work = _LOOK_EVERY
        if time.monotonic() > self.deadline:
            raise JsonataError("D1012", value=round(self.limit_s * 1000))

    def left_s(self) -> float:
        """Seconds that are left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise JsonataError("D1012", value=round(self.limit_s * 1000))
        return left

    def grow(self, size: int) -> None:
        """Something of `size` bytes is about to be built."""
        self.size += size
        if size > PIECE_LIMIT or self.size > SIZE_LIMIT:
            raise JsonataError("D1014", value=PIECE_LIMIT if size > PIECE_LIMIT else SIZE_LIMIT)
        self.work -= 1 + (size >> 6)
        if self.work < 0:
            self.look()

    def now(self) -> int:
        """Milliseconds since 1970, the same all through one evaluation."""
        if not self.millis:
            self.millis = time.time_ns() // 1_000_000
        return self.millis
