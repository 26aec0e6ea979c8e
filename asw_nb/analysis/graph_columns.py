"""An x for every item of ordered layers, so that lines run straight: four one-sided alignments, then their median.

The method is U. Brandes and B. Köpf's ("Fast and simple horizontal coordinate assignment", 2001): items that a line
joins are chained into blocks that share an x, blocks are pushed together as closely as the gaps allow, and this is
done from each of the four corners; the middle of the four answers is balanced and keeps every gap. Lines may leave
beside the middle of an item, so an item has a shift within its block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Arc:
    """A line between items of neighbouring layers; offsets are measured from the items' middles.

    A `lane` arc is part of a long line. A `minor` arc gives way: the main flow runs straight, exceptions go aside.
    The lower end of a `tag` is a label that is to hang on the upper end. An arc that ends a lane gives way to one
    between boxes.
    """

    upper: int
    lower: int
    upper_offset: float = 0.0
    lower_offset: float = 0.0
    is_lane: bool = False
    is_minor: bool = False
    is_tag: bool = False
    ends_lane: bool = False

    @property
    def rank(self) -> int:
        """How strongly the arc pulls; where arcs of several ranks meet, only the strongest do."""
        if self.is_lane:
            return 4
        return 1 if self.is_minor else 2 if self.ends_lane else 3


# Steps in a line up to this many pixels look like a mistake and are taken out where there is room.
_SMALL_STEP = 40.0
_SETTLING_ROUNDS = 4


def columns(
    layers: Sequence[Sequence[int]], arcs: Sequence[Arc], widths: Sequence[float], gap: Callable[[int, int], float]
) -> list[float]:
    """The x of each item's middle; items of a layer keep their order and `gap(left, right)` between them.

    Examples
    --------
    >>> columns([[0], [1, 2]], [Arc(0, 1), Arc(0, 2)], [40, 40, 40], lambda left, right: 20)
    [50.0, 20.0, 80.0]
    """
    place = {item: index for layer in layers for index, item in enumerate(layer)}
    blocked = _blocked(layers, arcs, place)
    answers: list[dict[int, float]] = []
    for from_top in (True, False):
        for from_left in (True, False):
            answers.append(_one_sided(layers, arcs, widths, gap, place, blocked, from_top, from_left))
    spans = []
    for x in answers:
        spans.append((min(x[i] - widths[i] / 2 for i in x), max(x[i] + widths[i] / 2 for i in x)))
    low, high = min(spans, key=lambda span: span[1] - span[0])
    for number, (x, (left, right)) in enumerate(zip(answers, spans, strict=True)):
        shift = low - left if number % 2 == 0 else high - right
        for item in x:
            x[item] += shift
    result = [0.0] * len(widths)
    for item in place:
        values = sorted(x[item] for x in answers)
        result[item] = (values[1] + values[2]) / 2
    return _Settling(layers, arcs, widths, gap, result).settled()


def _blocked(layers: Sequence[Sequence[int]], arcs: Sequence[Arc], place: dict[int, int]) -> set[tuple[int, int]]:
    """Arcs that cross a lane, which therefore must give way: a long line is to stay straight."""
    layer_of = {item: number for number, layer in enumerate(layers) for item in layer}
    lanes: dict[int, list[tuple[int, int]]] = {}
    others: dict[int, list[Arc]] = {}
    for arc in arcs:
        if arc.is_lane:
            lanes.setdefault(layer_of[arc.upper], []).append((place[arc.upper], place[arc.lower]))
        else:
            others.setdefault(layer_of[arc.upper], []).append(arc)
    blocked = set()
    for number, ends in lanes.items():
        for arc in others.get(number, ()):
            upper, lower = place[arc.upper], place[arc.lower]
            if any((upper - a) * (lower - b) < 0 for a, b in ends):
                blocked.add((arc.upper, arc.lower))
    return blocked


def _one_sided(
    layers: Sequence[Sequence[int]],
    arcs: Sequence[Arc],
    widths: Sequence[float],
    gap: Callable[[int, int], float],
    place: dict[int, int],
    blocked: set[tuple[int, int]],
    from_top: bool,
    from_left: bool,
) -> dict[int, float]:
    sign = 1 if from_left else -1
    near: dict[int, list[tuple[int, float, float]]] = {}
    strongest: dict[tuple[int, bool], int] = {}
    for arc in arcs:
        for end in ((arc.upper, True), (arc.lower, False)):
            strongest[end] = max(strongest.get(end, 0), arc.rank)
    for arc in arcs:
        if (arc.upper, arc.lower) in blocked or arc.rank < max(strongest[arc.upper, True], strongest[arc.lower, False]):
            continue
        if from_top:
            near.setdefault(arc.lower, []).append((arc.upper, sign * arc.upper_offset, sign * arc.lower_offset))
        else:
            near.setdefault(arc.upper, []).append((arc.lower, sign * arc.lower_offset, sign * arc.upper_offset))
    rows = [list(layer) if from_left else list(layer)[::-1] for layer in layers]
    order = {item: sign * index for item, index in place.items()}

    root = {item: item for item in place}
    shift = dict.fromkeys(place, 0.0)
    for row in rows if from_top else rows[::-1]:
        taken = None
        for item in row:
            found = sorted(near.get(item, ()), key=lambda entry: order[entry[0]])
            if not found:
                continue
            for middle in dict.fromkeys(((len(found) - 1) // 2, len(found) // 2)):
                other, offset, own_offset = found[middle]
                if taken is None or order[other] > taken:
                    root[item] = root[other]
                    shift[item] = shift[other] + offset - own_offset
                    taken = order[other]
                    break
    x = _packed(rows, root, shift, widths, gap if from_left else lambda left, right: gap(right, left))
    return {item: sign * (x[root[item]] + shift[item]) for item in place}


def _packed(
    rows: list[list[int]],
    root: dict[int, int],
    shift: dict[int, float],
    widths: Sequence[float],
    gap: Callable[[int, int], float],
) -> dict[int, float]:
    """Blocks as far left as they go, then each drawn to its right neighbour where there is room."""
    after: dict[int, dict[int, float]] = {block: {} for block in root.values()}
    entering = dict.fromkeys(after, 0)
    for row in rows:
        for left, right in pairwise(row):
            distance = (widths[left] + widths[right]) / 2 + gap(left, right) + shift[left] - shift[right]
            a, b = root[left], root[right]
            if b not in after[a]:
                entering[b] += 1
            after[a][b] = max(after[a].get(b, distance), distance)
    ready = [block for block, count in entering.items() if count == 0]
    sequence = []
    x = dict.fromkeys(after, 0.0)
    low = {block: min(0.0, *(shift[i] - widths[i] / 2 for i in items)) for block, items in _members(root).items()}
    for block in ready:
        x[block] = -low[block]
    while ready:
        block = ready.pop()
        sequence.append(block)
        for other, distance in after[block].items():
            x[other] = max(x[other], x[block] + distance)
            entering[other] -= 1
            if entering[other] == 0:
                ready.append(other)
    for block in reversed(sequence):
        if after[block]:
            x[block] = max(x[block], min(x[other] - distance for other, distance in after[block].items()))
    return x


def _members(root: dict[int, int]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for item, block in root.items():
        members.setdefault(block, []).append(item)
    return members


class _Settling:
    """Steps taken out of lines, where a straight run of items can move aside without costing another bend.

    Large distances stay: the median has put a fork over the middle of what it leads to.
    """

    def __init__(
        self,
        layers: Sequence[Sequence[int]],
        arcs: Sequence[Arc],
        widths: Sequence[float],
        gap: Callable[[int, int], float],
        x: list[float],
    ) -> None:
        self.layers, self.arcs, self.widths, self.gap = layers, arcs, widths, gap
        self.x = [float(round(value)) for value in x]
        self.touching: list[list[Arc]] = [[] for _ in widths]
        for arc in arcs:
            self.touching[arc.upper].append(arc)
            self.touching[arc.lower].append(arc)
        self.left: dict[int, int] = {}
        self.right: dict[int, int] = {}
        for layer in layers:
            for left, right in pairwise(layer):
                self.left[right], self.right[left] = left, right

    def settled(self) -> list[float]:
        """The x of each item, on whole pixels."""
        for arc in self.arcs:
            if arc.is_tag:
                low, high = self._room([arc.lower], math.inf)
                self.x[arc.lower] += max(low, min(high, self._step(arc)))
        for _ in range(_SETTLING_ROUNDS):
            seen: set[int] = set()
            moves = 0
            for item in (item for layer in self.layers for item in layer):
                if item not in seen:
                    run = self._run_of(item)
                    seen.update(run)
                    moves += self._move(run)
            if not moves:
                break
        return self.x

    def _step(self, arc: Arc) -> float:
        return self.x[arc.upper] + arc.upper_offset - self.x[arc.lower] - arc.lower_offset

    def _run_of(self, item: int) -> set[int]:
        """The item and all that straight lines connect with it."""
        run, waiting = {item}, [item]
        while waiting:
            for arc in self.touching[waiting.pop()]:
                if self._step(arc) == 0:
                    waiting.extend(end for end in (arc.upper, arc.lower) if end not in run)
                    run.update((arc.upper, arc.lower))
        return run

    def _room(self, run: Iterable[int], reach: float) -> tuple[float, float]:
        """How far a run can go to the left (negative) and to the right."""
        low, high = -reach, reach
        for item in run:
            if item in self.left:
                low = max(low, self._nearest(self.left[item], item) - self.x[item])
            if item in self.right:
                other = self.right[item]
                high = min(high, self.x[other] - self._nearest(item, other))
        return low, high

    def _nearest(self, left: int, right: int) -> float:
        """The smallest x that `right` may have."""
        return self.x[left] + (self.widths[left] + self.widths[right]) / 2 + self.gap(left, right)

    def _move(self, run: set[int]) -> bool:
        bent = [arc for member in run for arc in self.touching[member] if self._step(arc) != 0]
        steps = [self._step(arc) * (1 if arc.lower in run else -1) for arc in bent]
        low, high = self._room(run, _SMALL_STEP)
        options = {step for step in steps if low <= step <= high}
        best = max(options, key=lambda move: (_gain(bent, steps, move), -abs(move)), default=0.0)
        if not best or _gain(bent, steps, best) <= 0:
            return False
        for member in run:
            self.x[member] += best
        return True


def _gain(bent: list[Arc], steps: list[float], move: float) -> float:
    """What a move takes from the bends and lengths of the arcs that leave a run; a fork must not become lopsided."""
    total = 0.0
    for arc, step in zip(bent, steps, strict=True):
        growth = abs(step - move) - abs(step)
        if growth > 0 and not arc.is_minor:
            return -1.0
        total += (_SMALL_STEP if step == move else 0.0) - growth
    return total
