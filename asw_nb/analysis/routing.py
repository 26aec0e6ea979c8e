"""The channel between two layers: nets share it by lying on separate horizontal tracks.

A net is a star: every piece of line that ends in one port, or starts from one. Two nets may cross; they may not lie
on each other. So a net whose pin comes from above at some x must turn above a net that leaves downward at the same x
(the classic vertical constraint of channel routing); among the orders that are left, the one with few crossings is
taken.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

TRACK_GAP = 12.0
_NEAR = 7.0
_MANY_NETS = 120


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a line meets the channel: its upper side, or its lower side."""

    x: float
    is_upper: bool


@dataclass(slots=True)
class Net:
    """Pins joined by one line; `track` is None when the line is straight."""

    pins: set[Pin] = field(default_factory=set)
    track: int | None = None

    @property
    def span(self) -> tuple[float, float]:
        """The leftmost and the rightmost x."""
        xs = [pin.x for pin in self.pins]
        return min(xs), max(xs)

    def xs(self, is_upper: bool) -> list[float]:
        """Where the net meets one side of the channel."""
        return [pin.x for pin in self.pins if pin.is_upper is is_upper]


class Channel:
    """Collects nets, gives them tracks, and knows its height."""

    def __init__(self) -> None:
        self.nets: dict[Hashable, Net] = {}
        self.track_count = 0
        self.first_track_y = 0.0

    def join(self, key: Hashable, start: Pin, end: Pin) -> Net:
        """Add a line to the net of that key, which two lines share when they start or end in the same port."""
        net = self.nets.setdefault(key, Net())
        net.pins.update((start, end))
        return net

    def assign_tracks(self) -> None:
        """Give each net that is not straight a track, counted from above."""
        bent = []
        for net in self.nets.values():
            left, right = net.span
            if right - left > 0 or len({pin.is_upper for pin in net.pins}) == 1:
                bent.append(net)
        done: list[Net] = []
        for net in self._ordered(bent):
            left, right = net.span
            net.track = 0
            for other in done:
                low, high = other.span
                if (left < high + TRACK_GAP and low < right + TRACK_GAP) or _must_be_above(other, net):
                    net.track = max(net.track, (other.track or 0) + 1)
            done.append(net)
        self.track_count = 1 + max((net.track or 0 for net in done), default=-1)

    def _ordered(self, nets: list[Net]) -> list[Net]:
        nets = sorted(nets, key=lambda net: net.span)
        if len(nets) > _MANY_NETS:
            return nets
        placed: list[Net] = []
        for net in nets:
            # The cost of standing at each place, from last to first, changes by one pair at a time.
            cost = best = sum(_cost(other, net) for other in placed)
            place = len(placed)
            for index in range(len(placed) - 1, -1, -1):
                cost += _cost(net, placed[index]) - _cost(placed[index], net)
                if cost < best:
                    best, place = cost, index
            placed.insert(place, net)
        return placed

    def place(self, y: float, is_first: bool, is_below_label: bool, is_above_label: bool) -> float:
        """Lay the channel below `y`; gives the y where the next layer starts."""
        head = 6.0 if is_below_label else 13.0
        foot = 6.0 if is_above_label else 21.0
        if is_first:
            head = 2.0
        self.first_track_y = y + head
        if self.track_count:
            return y + head + (self.track_count - 1) * TRACK_GAP + foot
        return y if is_first else y + head + foot

    def track_y(self, track: int) -> float:
        """The y of a track, once the channel is placed."""
        return self.first_track_y + track * TRACK_GAP


def _must_be_above(net: Net, other: Net) -> bool:
    lower = other.xs(False)
    return any(abs(x - end) < _NEAR for x in net.xs(True) for end in lower)


def _cost(upper: Net, lower: Net) -> float:
    """Crossings when `upper` lies above `lower`, and much more when lines would lie on each other."""
    (left, right), (low, high) = upper.span, lower.span
    if right < low - _NEAR or high < left - _NEAR:
        return 0.0
    crossings = sum(left < x < right for x in lower.xs(True)) + sum(low < x < high for x in upper.xs(False))
    return crossings + (1000.0 if _must_be_above(lower, upper) else 0.0)
