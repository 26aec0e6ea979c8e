"""Boxes and links as a layered graph: which layer each box is in, and what its links put in the layers that they pass.

Links that would go up are found by a depth-first walk from the first box; the layers are longest paths over the
others. A link that passes a layer occupies a place in it (a piece of its lane), and so does a label, so that both
keep clear of boxes in the same way as boxes keep clear of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

# More lane pieces than this and edges to one target share a lane from the start, instead of where they happen to meet.
_LANE_BUDGET = 2500


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between boxes given by index; `kind` keeps unlike edges on separate lines and ports."""

    source: int
    target: int
    kind: str = "main"
    label: tuple[float, float] | None = None


@dataclass(slots=True)
class Item:
    """What occupies a place in a layer: a box, a label or a piece of a lane."""

    layer: int
    width: float
    height: float
    box: int = -1
    lane: tuple[int, str] | None = None
    is_label: bool = False

    @property
    def is_box(self) -> bool:
        return self.box >= 0


@dataclass(slots=True)
class Plan:
    """The layered graph while it is being built; `down` and `up` hold each link's items between its ends."""

    links: Sequence[Link]
    items: list[Item] = field(default_factory=list)
    layers: list[list[int]] = field(default_factory=list)
    down: dict[int, list[int]] = field(default_factory=dict)
    up: dict[int, list[int]] = field(default_factory=dict)

    def add(self, item: Item) -> int:
        self.items.append(item)
        return len(self.items) - 1

    def path(self, link: int) -> list[int]:
        return [self.links[link].source, *self.down[link], self.links[link].target]

    def arcs(self) -> list[tuple[int, int]]:
        """Pairs of items of neighbouring layers that a line joins, upper first, each once."""
        found: dict[tuple[int, int], None] = {}
        for link in self.down:
            path = self.path(link)
            found.update(dict.fromkeys(pairwise(path)))
        for lane in self.up.values():
            found.update(dict.fromkeys(pairwise(lane)))
        return list(found)


def layered(sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> Plan:
    """Boxes, labels and lanes in their layers; what goes down is not ordered yet, what climbs is not placed."""
    layer_of, is_back = _layering(len(sizes), links)
    return _skeleton(sizes, links, layer_of, is_back)


def _layering(count: int, links: Sequence[Link]) -> tuple[list[int], list[bool]]:
    """The layer of each box (longest path from above) and which links go up or stay level."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for index, link in enumerate(links):
        outgoing[link.source].append(index)
    is_back = [False] * len(links)
    state = [0] * count
    finished: list[int] = []
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(outgoing[root]))]
        while stack:
            node, rest = stack[-1]
            index = next(rest, -1)
            if index < 0:
                state[node] = 2
                finished.append(node)
                stack.pop()
                continue
            target = links[index].target
            if state[target] == 1:
                is_back[index] = True
            elif state[target] == 0:
                state[target] = 1
                stack.append((target, iter(outgoing[target])))
    layer = [min(node, 1) for node in range(count)]
    for node in reversed(finished):
        for index in outgoing[node]:
            if not is_back[index]:
                layer[links[index].target] = max(layer[links[index].target], layer[node] + 1)
    _sink_sources(layer, links, outgoing, is_back)
    return layer, is_back


def _sink_sources(layer: list[int], links: Sequence[Link], outgoing: list[list[int]], is_back: list[bool]) -> None:
    """Bring boxes that nothing leads to down to what they lead to; the first box stays alone on top."""
    entered = {link.target for link, back in zip(links, is_back, strict=True) if not back}
    for node in range(1, len(layer)):
        if node not in entered:
            below = [layer[links[index].target] for index in outgoing[node] if not is_back[index]]
            layer[node] = max(1, min(below, default=2) - 1)


def _skeleton(
    sizes: Sequence[tuple[float, float]], links: Sequence[Link], layer_of: list[int], is_back: list[bool]
) -> Plan:
    """Boxes on even layers, labels on the odd ones below their source, lanes wherever a link passes."""
    plan = Plan(links)
    used = {2 * layer for layer in layer_of}
    used |= {
        2 * layer_of[link.source] + 1 for link, back in zip(links, is_back, strict=True) if link.label and not back
    }
    rank = {layer: index for index, layer in enumerate(sorted(used))}
    plan.layers = [[] for _ in rank]
    for box, (width, height) in enumerate(sizes):
        plan.add(Item(rank[2 * layer_of[box]], width, height, box=box))

    spans = [abs(plan.items[link.target].layer - plan.items[link.source].layer) for link in links]
    is_crowded = sum(spans) > _LANE_BUDGET
    shared: dict[tuple[int, str, int], int] = {}
    for index, link in enumerate(links):
        top, bottom = plan.items[link.source].layer, plan.items[link.target].layer
        lane = (link.target, link.kind)

        def piece(layer: int, lane: tuple[int, str] = lane) -> int:
            key = (*lane, layer)
            if is_crowded and key in shared:
                return shared[key]
            shared[key] = plan.add(Item(layer, 0.0, 0.0, lane=lane))
            return shared[key]

        if is_back[index]:
            plan.up[index] = [piece(layer) for layer in range(bottom, top + 1)]
            if link.label and not is_crowded:
                lowest = plan.items[plan.up[index][-1]]
                lowest.width, lowest.height, lowest.is_label = *link.label, True
            continue
        plan.down[index] = []
        if link.label:
            plan.down[index].append(plan.add(Item(top + 1, *link.label, is_label=True)))
        plan.down[index] += [piece(layer) for layer in range(top + 1 + bool(link.label), bottom)]
    return plan
