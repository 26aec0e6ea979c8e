"""A layered drawing in which nothing overlaps by construction: boxes and labels in layers, lines turn between them.

::

    layer 0     [ A ]              boxes of one layer share a band; their tops are aligned
    channel      |___              horizontal pieces lie only here, each on a track of its own
    layer 1     (label)   |        an edge's label is an item of a layer, like a box
    channel      |        |
    layer 2     [ B ]     |        a lane: the vertical line of an edge that passes this layer
    channel      |____   _|

Steps (K. Sugiyama's): break cycles and choose layers (`graph_layers`), order each layer (`graph_order`), choose columns
(`graph_columns`), route the channels (`routing`). An edge that goes back up leaves below its box, climbs a lane at
the side and enters its target from above, so every arrow points down. Edges with the same target that run side by
side share one lane. Knows nothing of workflows: sizes in, rectangles and polylines out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from asw_nb.analysis.graph_columns import Arc, columns
from asw_nb.analysis.graph_layers import Link, Plan, layered
from asw_nb.analysis.graph_order import order
from asw_nb.analysis.routing import Channel, Net, Pin

__all__ = ["Arrangement", "Link", "Point", "Rect", "arrange"]

Point = tuple[float, float]

_FLAG_PIN = 18.0


@dataclass(frozen=True, slots=True)
class Rect:
    """An upright rectangle; `y` grows downward."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower side."""
        return self.y + self.height

    def moved(self, dx: float, dy: float) -> Rect:
        """The same rectangle elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where everything lies; `routes` are orthogonal polylines from a box's lower side to a box's upper side."""

    boxes: tuple[Rect, ...]
    routes: tuple[tuple[Point, ...], ...]
    labels: tuple[Rect | None, ...]
    width: float
    height: float


def arrange(sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> Arrangement:
    """Place boxes of the given sizes, the first one on top, and route the links between them.

    Examples
    --------
    >>> arrange([(100, 40), (100, 40)], [Link(0, 1)]).routes
    (((50.0, 40.0), (50.0, 74.0)),)
    """
    if not sizes:
        return Arrangement((), (), (), 0.0, 0.0)
    plan = layered(sizes, links)
    order(plan)
    return _Geometry(plan, len(sizes)).arrangement()


class _Geometry:
    """Coordinates for a plan whose layers are ordered."""

    def __init__(self, plan: Plan, box_count: int) -> None:
        self.plan = plan
        self.box_count = box_count
        self.place = {item: index for layer in plan.layers for index, item in enumerate(layer)}
        self.out_offset: dict[tuple[int, str], float] = {}
        self.in_offset: dict[tuple[int, str], float] = {}
        self.pin: dict[int, float] = {}
        self._choose_ports()
        self.x = columns(plan.layers, self._arcs(), [item.width for item in plan.items], self._gap)
        self.channels = [Channel() for _ in range(len(plan.layers) + 1)]

    def _choose_ports(self) -> None:
        """The middle of a side for the main kind; another kind gets a port on the side where it goes."""
        leaving: dict[int, dict[str, list[float]]] = {}
        entering: dict[int, dict[str, list[float]]] = {}
        for index, link in enumerate(self.plan.links):
            if index in self.plan.down:
                path = self.plan.path(index)
                after, before = self._share(path[1]), self._share(path[-2])
            else:
                after = before = self._share(self.plan.up[index][0])
                after = self._share(self.plan.up[index][-1]) + (1 if after > self._share(link.source) else -1)
                before += 1 if before > self._share(link.target) else -1
            leaving.setdefault(link.source, {}).setdefault(link.kind, []).append(after)
            entering.setdefault(link.target, {}).setdefault(link.kind, []).append(before)
        for sides, offsets in ((leaving, self.out_offset), (entering, self.in_offset)):
            for box, kinds in sides.items():
                reach = min(self.plan.items[box].width * 0.28, 48.0)
                mean = {kind: sum(shares) / len(shares) for kind, shares in kinds.items()}
                main = next(iter(sorted(kinds, key=lambda kind: (kind != "main", kind))))
                for kind in kinds:
                    side = 0 if kind == main else (1 if mean[kind] >= mean[main] else -1)
                    offsets[box, kind] = float(side * round(reach))
        for index, chain in self.plan.down.items():
            # The label of a line that leaves beside the middle hangs on it like a flag, away from the middle.
            offset = self.out_offset[self.plan.links[index].source, self.plan.links[index].kind]
            if offset and chain and self.plan.items[chain[0]].is_label:
                aside = max(0.0, self.plan.items[chain[0]].width // 2 - _FLAG_PIN)
                self.pin[chain[0]] = -aside if offset > 0 else aside

    def _share(self, item: int) -> float:
        """Where an item stands within its layer, from 0 at the left to 1."""
        return (self.place[item] + 0.5) / len(self.plan.layers[self.plan.items[item].layer])

    def _arcs(self) -> list[Arc]:
        found: dict[tuple[int, int], Arc] = {}
        for index in self.plan.down:
            link, path = self.plan.links[index], self.plan.path(index)
            for upper, lower in pairwise(path):
                leave = self.out_offset[upper, link.kind] if upper == path[0] else self.pin.get(upper, 0.0)
                enter = self.in_offset[lower, link.kind] if lower == path[-1] else self.pin.get(lower, 0.0)
                is_lane = self._is_line(upper) and self._is_line(lower)
                is_tag = lower in self.pin
                ends_lane = self._is_line(upper) != self._is_line(lower)
                arc = Arc(upper, lower, leave, enter, is_lane, link.kind != "main", is_tag, ends_lane)
                found.setdefault((upper, lower), arc)
        for lane in self.plan.up.values():
            for upper, lower in pairwise(lane):
                found.setdefault((upper, lower), Arc(upper, lower, 0.0, 0.0, True))
        return list(found.values())

    def _is_line(self, item: int) -> bool:
        return self.plan.items[item].lane is not None

    def _gap(self, left: int, right: int) -> float:
        """Free space to keep between two items of a layer."""
        a, b = self.plan.items[left], self.plan.items[right]
        if a.is_box and b.is_box:
            return 32.0
        if a.is_label and b.is_label:
            return 14.0
        return 20.0 if a.is_box or b.is_box else 14.0

    def arrangement(self) -> Arrangement:
        """Route the channels, stack the layers, and read everything off."""
        hops = [self._hops(index) for index in range(len(self.plan.links))]
        for channel in self.channels:
            channel.assign_tracks()
        tops, bottoms = self._stack()
        boxes = []
        for box in range(self.box_count):
            item = self.plan.items[box]
            boxes.append(Rect(self.x[box] - item.width / 2, tops[item.layer], item.width, item.height))
        routes, labels = [], []
        for index, link in enumerate(self.plan.links):
            points = [(hops[index][0][1].x, boxes[link.source].bottom)]
            for number, start, end, net in hops[index]:
                if net.track is not None:
                    y = self.channels[number].track_y(net.track)
                    points += [(start.x, y), (end.x, y)]
            points.append((hops[index][-1][2].x, boxes[link.target].y))
            routes.append(_straightened(points))
            label = next((i for i in self._between(index) if self.plan.items[i].is_label), None)
            labels.append(self._label_rect(label, tops, bottoms) if label is not None else None)
        left = min([box.x for box in boxes] + [x for route in routes for x, _ in route] + [r.x for r in labels if r])
        right = max(
            [b.right for b in boxes] + [x for route in routes for x, _ in route] + [r.right for r in labels if r]
        )
        return Arrangement(
            tuple(box.moved(-left, 0) for box in boxes),
            tuple(tuple((x - left, y) for x, y in route) for route in routes),
            tuple(rect.moved(-left, 0) if rect else None for rect in labels),
            right - left,
            self.height,
        )

    def _between(self, index: int) -> list[int]:
        return self.plan.down.get(index) or self.plan.up.get(index) or []

    def _label_rect(self, item: int, tops: list[float], bottoms: list[float]) -> Rect:
        thing = self.plan.items[item]
        y = tops[thing.layer]
        if thing.lane is not None:
            y += (min(bottoms[thing.layer] - y, 60.0) - thing.height) / 2
        return Rect(self.x[item] - thing.width / 2, y, thing.width, thing.height)

    def _hops(self, index: int) -> list[tuple[int, Pin, Pin, Net]]:
        """The channels a link passes, in its direction: number, where it enters, where it leaves, in which net."""
        link, found = self.plan.links[index], []
        leave = Pin(self.x[link.source] + self.out_offset[link.source, link.kind], True)
        enter = Pin(self.x[link.target] + self.in_offset[link.target, link.kind], False)
        if index in self.plan.down:
            path = self.plan.path(index)
            for upper, lower in pairwise(path):
                start = leave if upper == path[0] else Pin(self.x[upper] + self.pin.get(upper, 0.0), True)
                end = enter if lower == path[-1] else Pin(self.x[lower] + self.pin.get(lower, 0.0), False)
                number = self.plan.items[lower].layer
                is_fork = upper == path[0] and lower != path[-1] and self.plan.items[lower].is_label
                key = ("from", upper, link.kind) if is_fork else ("to", lower, link.kind)
                found.append((number, start, end, self.channels[number].join(key, start, end)))
            return found
        lane = self.plan.up[index]
        number = self.plan.items[lane[-1]].layer + 1
        turn = Pin(self.x[lane[-1]], True)
        found.append((number, leave, turn, self.channels[number].join(("up", lane[-1], link.kind), leave, turn)))
        for lower, upper in pairwise(lane[::-1]):
            start, end, number = Pin(self.x[lower], False), Pin(self.x[upper], True), self.plan.items[lower].layer
            found.append((number, start, end, self.channels[number].join(("up", upper, link.kind), start, end)))
        number = self.plan.items[lane[0]].layer
        start = Pin(self.x[lane[0]], False)
        found.append((number, start, enter, self.channels[number].join(("to", link.target, link.kind), start, enter)))
        return found

    def _stack(self) -> tuple[list[float], list[float]]:
        """The top and the bottom of each layer's band; sets where the channels and their tracks lie."""
        tops, bottoms, y = [], [], 0.0
        for number, layer in enumerate(self.plan.layers):
            below_label = number > 0 and all(not self.plan.items[i].is_box for i in self.plan.layers[number - 1])
            above_label = all(not self.plan.items[i].is_box for i in layer)
            y = self.channels[number].place(y, number == 0, below_label, above_label)
            tops.append(y)
            y += max(self.plan.items[item].height for item in layer)
            bottoms.append(y)
        last = self.channels[-1]
        self.height = last.place(y, False, False, True) if last.track_count else y
        return tops, bottoms


def _straightened(points: list[Point]) -> tuple[Point, ...]:
    """Without repeated points and without points in the middle of a straight piece."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]):
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept)
