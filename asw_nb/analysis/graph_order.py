"""The order within each layer: few crossings, lanes to one target together, climbing lanes at the cheaper side.

Sweeps of barycentres with swaps of neighbours (K. Sugiyama, E. Gansner) order what goes down. Lanes that climb join
afterwards, each where a dynamic programme finds the fewest crossings, so that loops hug what they repeat.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from itertools import pairwise

from asw_nb.analysis.graph_layers import Plan

_SWEEPS = 12
_WIDE_LAYER = 60
# A climbing lane whose layers hold more than this, squared and summed, runs along a side of the drawing.
_GAP_BUDGET = 30_000


def order(plan: Plan) -> None:
    """Order every layer of a plan, in place."""
    _order_downward(plan)
    _merge_lanes(plan)
    _insert_climbing_lanes(plan)


def _order_downward(plan: Plan) -> None:
    """Order each layer to have few crossings: sweeps of barycentres, keeping the best order seen."""
    climbing = {item for lane in plan.up.values() for item in lane}
    arcs = [arc for arc in plan.arcs() if arc[0] not in climbing]
    above: list[list[int]] = [[] for _ in plan.items]
    below: list[list[int]] = [[] for _ in plan.items]
    for upper, lower in arcs:
        below[upper].append(lower)
        above[lower].append(upper)
    seen: set[int] = set()
    for root in range(len(plan.items)):
        stack = [root] if root not in climbing else []
        while stack:
            item = stack.pop()
            if item not in seen:
                seen.add(item)
                plan.layers[plan.items[item].layer].append(item)
                stack.extend(reversed(below[item]))

    by_layer: list[list[tuple[int, int]]] = [[] for _ in plan.layers]
    for upper, lower in arcs:
        by_layer[plan.items[upper].layer].append((upper, lower))
    best, fewest = [list(layer) for layer in plan.layers], _crossings(plan.layers, by_layer)
    sweeps = _SWEEPS if len(plan.items) < 3000 else 4
    for sweep in range(sweeps):
        if fewest == 0:
            break
        downward = sweep % 2 == 0
        numbers = range(1, len(plan.layers)) if downward else range(len(plan.layers) - 2, -1, -1)
        for number in numbers:
            fixed = plan.layers[number - 1 if downward else number + 1]
            _sort_by_neighbours(plan.layers[number], fixed, above if downward else below)
        _transpose(plan.layers, above, below)
        crossings = _crossings(plan.layers, by_layer)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in plan.layers], crossings
    plan.layers = best


def _sort_by_neighbours(layer: list[int], fixed: list[int], neighbours: list[list[int]]) -> None:
    """Sort by the mean place of the neighbours; items without neighbours keep their places."""
    if len(layer) < 2:
        return
    place = {item: index for index, item in enumerate(fixed)}
    weight = {
        item: sum(place[n] for n in neighbours[item]) / len(neighbours[item]) for item in layer if neighbours[item]
    }
    moving = iter(sorted((item for item in layer if item in weight), key=weight.__getitem__))
    layer[:] = [next(moving) if item in weight else item for item in layer]


def _transpose(layers: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Swap neighbours within a layer as long as that takes crossings away."""
    for number, layer in enumerate(layers):
        if not 1 < len(layer) <= _WIDE_LAYER:
            continue
        places = []
        if number > 0:
            places.append(({item: i for i, item in enumerate(layers[number - 1])}, above))
        if number + 1 < len(layers):
            places.append(({item: i for i, item in enumerate(layers[number + 1])}, below))
        sorted_places = [{item: sorted(place[n] for n in near[item]) for item in layer} for place, near in places]
        for _ in range(4):
            is_better = False
            for i in range(len(layer) - 1):
                left, right = layer[i], layer[i + 1]
                gain = sum(_inversions(of[left], of[right]) - _inversions(of[right], of[left]) for of in sorted_places)
                if gain > 0:
                    layer[i], layer[i + 1] = right, left
                    is_better = True
            if not is_better:
                break


def _inversions(left: list[int], right: list[int]) -> int:
    """Crossings between the lines of an item and those of the item at its right."""
    return sum(bisect_left(right, place) for place in left)


def _crossings(layers: list[list[int]], by_layer: list[list[tuple[int, int]]]) -> int:
    total = 0
    for number, arcs in enumerate(by_layer):
        if len(arcs) < 2:
            continue
        upper = {item: i for i, item in enumerate(layers[number])}
        lower = {item: i for i, item in enumerate(layers[number + 1])}
        passed: list[int] = []
        for _, place in sorted((upper[a], lower[b]) for a, b in arcs):
            total += len(passed) - bisect_left(passed, place + 1)
            insort(passed, place)
    return total


def _merge_lanes(plan: Plan) -> None:
    """Where two lanes to the same target lie side by side, let the second go on within the first."""
    users: dict[int, list[int]] = {}
    for link, chain in plan.down.items():
        for item in chain:
            users.setdefault(item, []).append(link)
    for layer in plan.layers:
        kept: list[int] = []
        for item in layer:
            lane = plan.items[item].lane
            if lane is not None and not users.get(item):
                continue
            previous = kept[-1] if kept else None
            if previous is None or lane is None or plan.items[previous].lane != lane or previous == item:
                kept.append(item)
                continue
            guide = plan.down[users[previous][0]]
            rest = guide[guide.index(previous) :]
            for link in list(users[item]):
                chain = plan.down[link]
                cut = chain.index(item)
                for old in chain[cut:]:
                    users[old].remove(link)
                plan.down[link] = chain[:cut] + rest
                for new in rest:
                    users[new].append(link)
        layer[:] = kept


def _insert_climbing_lanes(plan: Plan) -> None:
    """Put the lanes of links that go up where they cross least, short ones first and so innermost."""
    by_layer: list[list[tuple[int, int]]] = [[] for _ in plan.layers]
    climbing = {item for lane in plan.up.values() for item in lane}
    for upper, lower in plan.arcs():
        if upper not in climbing:
            by_layer[plan.items[upper].layer].append((upper, lower))
    placed: set[int] = set()
    bars: list[list[tuple[int, int]]] = [[] for _ in plan.layers]
    for link in sorted(plan.up, key=lambda link: len(plan.up[link])):
        lane = [item for item in plan.up[link] if item not in placed]
        if not lane:
            continue
        gaps = _cheapest_gaps(plan, lane, link, by_layer, bars)
        for item, gap in zip(lane, gaps, strict=True):
            plan.layers[plan.items[item].layer].insert(gap, item)
        placed.update(lane)
        for item, box in ((plan.up[link][0], plan.links[link].target), (plan.up[link][-1], plan.links[link].source)):
            bars[plan.items[item].layer].append((item, box))
        for upper, lower in pairwise(plan.up[link]):
            by_layer[plan.items[upper].layer].append((upper, lower))


def _cheapest_gaps(
    plan: Plan, lane: list[int], link: int, by_layer: list[list[tuple[int, int]]], bars: list[list[tuple[int, int]]]
) -> list[int]:
    """For each piece of a lane, the gap of its layer that gives the fewest crossings in all (dynamic programming)."""
    numbers = [plan.items[item].layer for item in lane]
    is_small = sum(len(plan.layers[number]) ** 2 for number in numbers) < _GAP_BUDGET
    choices = [list(range(len(plan.layers[n]) + 1)) if is_small else [0, len(plan.layers[n])] for n in numbers]
    costs = _gap_costs(plan, numbers[0], choices[0], link, bars)
    origins: list[list[int]] = []
    for step in range(1, len(lane)):
        number = numbers[step]
        upper = {item: i for i, item in enumerate(plan.layers[numbers[step - 1]])}
        lower = {item: i for i, item in enumerate(plan.layers[number])}
        arcs = [(upper[a], lower[b]) for a, b in by_layer[number - 1] if a in upper and b in lower]
        own = _gap_costs(plan, number, choices[step], link, bars)
        row, origin = [math.inf] * len(own), [0] * len(own)
        for index, (before, cost) in enumerate(zip(choices[step - 1], costs, strict=True)):
            crossings = _crossings_at(before, len(lower), arcs)
            for at, gap in enumerate(choices[step]):
                if cost + crossings[gap] + own[at] < row[at]:
                    row[at], origin[at] = cost + crossings[gap] + own[at], index
        costs = row
        origins.append(origin)
    at = min(range(len(costs)), key=costs.__getitem__)
    found = [choices[-1][at]]
    for step in range(len(lane) - 2, -1, -1):
        at = origins[step][at]
        found.append(choices[step][at])
    return found[::-1]


def _gap_costs(plan: Plan, number: int, gaps: list[int], link: int, bars: list[list[tuple[int, int]]]) -> list[float]:
    """What a lane in each gap of one layer costs there: the way to the boxes where it starts and ends, other loops."""
    place = {item: i for i, item in enumerate(plan.layers[number])}
    ends = [box for box in (plan.links[link].source, plan.links[link].target) if box in place]
    costs = []
    for gap in gaps:
        # To the right on a tie, and each item passed on the way to the box costs more than a crossing.
        way = [1.4 * (gap - place[b] - 1) if gap > place[b] else 0.1 + 1.4 * (place[b] - gap) for b in ends]
        crossed = sum(min(place[a], place[b]) < gap <= max(place[a], place[b]) for a, b in bars[number])
        costs.append(sum(way) + crossed)
    return costs


def _crossings_at(before: int, size: int, arcs: list[tuple[int, int]]) -> list[int]:
    """Arcs crossed on the way from one gap of a layer to each gap of the layer below."""
    change = [0] * (size + 1)
    for a, b in arcs:
        change[b + 1] += -1 if a < before else 1
    crossings = [sum(a < before for a, _ in arcs)]
    for gap in range(1, size + 1):
        crossings.append(crossings[-1] + change[gap])
    return crossings
