"""Pauses cut out of the time axis: a retry days later must not squeeze everything else into a pixel.

A pause is a stretch in which nothing runs and nothing is queued. When pauses take most of the axis, each is drawn as long as a
fifth of the time in which something happened; the axis then says what was cut, and its marks tell the true times."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from asw_nb.analysis.timeline_hover import duration
from asw_nb.analysis.timeline_spans import QUEUED, RUN_KINDS, STEP_KINDS, Spans
from asw_nb.analysis.timeline_svg import merge, text_width_px, ticks, time_ticks

if TYPE_CHECKING:
    import numpy as np

CANDIDATE_SHARE = 0.1
"""A stretch shorter than this share of the axis is never cut."""
LEAST_RATIO = 4.0
"""Pauses are cut when they take this many times the rest."""
DRAWN_SHARE = 0.2
MARKS_PX = 700


@dataclass(frozen=True)
class Cuts:
    """A time axis with pauses cut short: straight pieces from true seconds to drawn ones.

    Attributes
    ----------
    true, drawn : ndarray
        Corners of the map, growing.
    pauses : list of (float, float)
        True begin and end of what was cut.
    """

    true: np.ndarray
    drawn: np.ndarray
    pauses: list[tuple[float, float]]

    def apply(self, seconds: np.ndarray) -> np.ndarray:
        """Where true seconds are drawn."""
        import numpy as np

        return np.interp(seconds, self.true, self.drawn)

    def bands(self) -> list[tuple[float, float, str]]:
        """The drawn begin and end of each pause, and what it says."""
        ends = self.apply(self._flat())
        return [(float(ends[2 * i]), float(ends[2 * i + 1]), f"{duration(b - a)} cut") for i, (a, b) in enumerate(self.pauses)]

    def _flat(self) -> np.ndarray:
        import numpy as np

        return np.array(self.pauses, dtype="float64").reshape(-1)

    def marks(self, zero_s: float | None) -> list[tuple[float, str]]:
        """Drawn places and labels of the marks: times since the start, or, from `zero_s` (seconds since 1970) on, UTC."""
        import numpy as np

        pieces, begin = [], float(self.true[0])
        for a, b in [*self.pauses, (float(self.true[-1]), float("inf"))]:
            pieces.append((begin, a))
            begin = b
        total = float(self.drawn[-1] - self.drawn[0]) or 1.0
        out: list[tuple[float, str]] = []
        free = -1.0
        for low, high in pieces:
            if high < low:
                continue
            share = float(np.diff(self.apply(np.array([low, high])))[0]) / total
            about = max(1, round(share * 8))
            if zero_s is None:
                found = [(v, since(v)) for v in (ticks(low, high, about) if high > low else [low])]
            else:
                found = [(v - zero_s, text) for v, text in time_ticks(zero_s + low, zero_s + high, about)]
            found = [mark for mark in found if low - 1e-9 <= mark[0] <= high + 1e-9] or [(low, since(low))] * (zero_s is None)
            for value, text in found:
                place = float(self.apply(np.array([value]))[0])
                half = text_width_px(text) / 2 / MARKS_PX * total
                if place - half > free:
                    out.append((place, text))
                    free = place + half + 10 / MARKS_PX * total
        return out


def since(seconds: float) -> str:
    """A time since the start, to the second however long it is: after a pause of hours, seconds still matter.

    Examples
    --------
    >>> [since(v) for v in (0, 2.5, 62, 3602, 90_000)]
    ['0 s', '2.5 s', '1:02', '1:00:02', '25:00:00']
    """
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:02.0f}" if abs(rest - round(rest)) < 1e-6 else f"{rest:06.3f}".rstrip("0")
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def find(spans: Spans, start: np.ndarray, end: np.ndarray) -> Cuts | None:
    """The cuts of an axis on which the spans lie from `start` to `end` seconds; None where it is best left as it is."""
    import numpy as np

    active = np.isin(spans.kind, (*RUN_KINDS, QUEUED, *STEP_KINDS))
    low, high = float(start.min()), float(end.max())
    total = high - low
    if total <= 0 or not active.any():
        return None
    _, begins, ends = merge(np.zeros(int(active.sum()), dtype="int64"), start[active], end[active], 0.0)
    edges = [(low, low), *zip(begins.tolist(), ends.tolist(), strict=True), (high, high)]
    pauses = [(a[1], b[0]) for a, b in pairwise(edges) if b[0] - a[1] > CANDIDATE_SHARE * total]
    paused = sum(b - a for a, b in pauses)
    rest = total - paused
    if not pauses or paused < LEAST_RATIO * rest:
        return None
    # nothing but points leaves no time to compare with
    length = DRAWN_SHARE * rest if rest > 0 else 1.0
    true, drawn = [low], [0.0]
    for a, b in pauses:
        here = drawn[-1] + (a - true[-1])
        true += [a, b]
        drawn += [here, here + length]
    true.append(high)
    drawn.append(drawn[-1] + (high - true[-2]))
    keep = [i for i in range(len(true)) if i == 0 or true[i] > true[i - 1]]
    return Cuts(np.array([true[i] for i in keep]), np.array([drawn[i] for i in keep]), pauses)


__all__ = ["Cuts", "find", "since"]
