"""A graph with coordinates: every box, line and label of the picture as a number, still without ink.

Scopes are laid out from the inside out: a Parallel branch or a Map processor becomes a rectangle, its container a box
around these, and the parent scope sees one box like any other. What the drawing promises (nothing overlaps, lines
keep clear of boxes) can be read from here, so tests need no pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from asw_nb.analysis.graph_model import Edge, Graph, Node, Scope
from asw_nb.analysis.graph_text import fitted, shown, text_width
from asw_nb.analysis.layout import Link, Point, Rect, arrange

NAME_PX = 13.0
SMALL_PX = 11.0
BOX_HEIGHT = 48.0
# A box from left to right: icon, texts, and a free corner for the mark of its status.
TEXT_LEFT = 44.0
TEXT_RIGHT = 30.0
RETRY_WIDTH = 34.0
MARK_SIZE = 44.0
HEADER_HEIGHT = 52.0
PADDING = 16.0
BRANCH_PADDING = 14.0
BRANCH_GAP = 14.0
LABEL_HEIGHT = 20.0
LABEL_AIR = 8.0
LABEL_MAX_TEXT = 168.0

_MIN_WIDTH = 136.0
_MAX_WIDTH = 264.0
# Counts such as "97 ok · 3 running" are to fit below the names of what a Map runs.
_MIN_WIDTH_IN_MAP = 196.0
_MIN_CONTAINER = 248.0
_BRANCHES_IN_A_ROW = 12


@dataclass(frozen=True, slots=True)
class Placed:
    """A node in the picture; `title` is its name as it fits, `parent` the index of the container around it, or -1."""

    node: Node
    rect: Rect
    title: str
    parent: int = -1


@dataclass(frozen=True, slots=True)
class Line:
    """An edge in the picture: its polyline, and where its label lies if it has one."""

    edge: Edge
    points: tuple[Point, ...]
    source: int
    target: int
    label: str = ""
    label_rect: Rect | None = None
    parent: int = -1


@dataclass(frozen=True, slots=True)
class Panel:
    """The ground of one Parallel branch."""

    rect: Rect
    parent: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything to draw, in coordinates from (0, 0) to (width, height); containers come before their content."""

    nodes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    panels: tuple[Panel, ...]
    width: float
    height: float

    def moved(self, dx: float, dy: float, parent: int, offset: int) -> Picture:
        """The same picture within another: shifted, its outermost things inside `parent`, indices from `offset`."""

        def inside(index: int) -> int:
            return parent if index < 0 else index + offset

        return Picture(
            tuple(replace(p, rect=p.rect.moved(dx, dy), parent=inside(p.parent)) for p in self.nodes),
            tuple(
                replace(
                    line,
                    points=tuple((x + dx, y + dy) for x, y in line.points),
                    source=line.source + offset,
                    target=line.target + offset,
                    label_rect=line.label_rect.moved(dx, dy) if line.label_rect else None,
                    parent=inside(line.parent),
                )
                for line in self.lines
            ),
            tuple(Panel(panel.rect.moved(dx, dy), inside(panel.parent)) for panel in self.panels),
            self.width,
            self.height,
        )


def picture_of(graph: Graph) -> Picture:
    """The whole graph with coordinates.

    Examples
    --------
    >>> from asw_nb.analysis.graph_model import graph_of
    >>> picture = picture_of(graph_of({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}))
    >>> [placed.title for placed in picture.nodes], picture.width
    (['START', 'A', 'END'], 136.0)
    """
    return _scope_picture(graph.root, in_map=False)


def title_room(rect: Rect) -> float:
    """How wide a node's name may be."""
    return rect.width - TEXT_LEFT - TEXT_RIGHT


def detail_room(node: Node, rect: Rect) -> float:
    """How wide the small line below a node's name may be, beside the badge that counts retries."""
    return title_room(rect) - (RETRY_WIDTH if node.retries else 0.0)


def _scope_picture(scope: Scope, in_map: bool) -> Picture:
    inner = {node.path: _content(node, in_map) for node in scope.nodes if node.scopes}
    common = max((_natural_width(node, in_map) for node in scope.nodes if node.path not in inner), default=_MIN_WIDTH)
    sizes = []
    for node in scope.nodes:
        if node.path in inner:
            sizes.append((inner[node.path].width, inner[node.path].height))
        elif node.kind in ("Start", "End"):
            sizes.append((MARK_SIZE, MARK_SIZE))
        else:
            sizes.append((common, BOX_HEIGHT))
    index = {node.path: number for number, node in enumerate(scope.nodes)}
    texts = [fitted(edge.label, SMALL_PX, LABEL_MAX_TEXT) if edge.label else "" for edge in scope.edges]
    links = [
        Link(
            index[edge.source],
            index[edge.target],
            "catch" if edge.kind == "catch" else "main",
            (_even(text_width(text, SMALL_PX)) + 2 * LABEL_AIR, LABEL_HEIGHT) if text else None,
        )
        for edge, text in zip(scope.edges, texts, strict=True)
    ]
    made = arrange(sizes, links)

    nodes: list[Placed] = []
    lines: list[Line] = []
    panels: list[Panel] = []
    place: list[int] = []
    for node, rect in zip(scope.nodes, made.boxes, strict=True):
        place.append(len(nodes))
        nodes.append(Placed(node, rect, _title(node, rect)))
        if node.path in inner:
            content = inner[node.path].moved(rect.x, rect.y, place[-1], len(nodes))
            nodes.extend(content.nodes)
            lines.extend(content.lines)
            panels.extend(content.panels)
    for edge, link, points, text, label in zip(scope.edges, links, made.routes, texts, made.labels, strict=True):
        lines.append(Line(edge, points, place[link.source], place[link.target], text if label else "", label))
    return Picture(tuple(nodes), tuple(lines), tuple(panels), made.width, made.height)


def _natural_width(node: Node, in_map: bool) -> float:
    if node.kind in ("Start", "End"):
        return 0.0
    name = text_width(shown(node.name), NAME_PX, bold=True)
    small = text_width(shown(small_line(node)), SMALL_PX) + (RETRY_WIDTH if node.retries else 0.0)
    least = _MIN_WIDTH_IN_MAP if in_map else _MIN_WIDTH
    return _even(min(max(name + TEXT_LEFT + TEXT_RIGHT, small + TEXT_LEFT + TEXT_RIGHT, least), _MAX_WIDTH))


def small_line(node: Node) -> str:
    """The words below a node's name: its type, and what is special about it."""
    if node.kind == "Missing":
        return node.problem
    words = [node.kind if node.kind != "Unknown" else "", node.problem or node.detail]
    return " · ".join(word for word in words if word)


def _title(node: Node, rect: Rect) -> str:
    if node.kind in ("Start", "End"):
        return node.name
    return fitted(node.name, NAME_PX, title_room(rect), bold=True)


def _even(value: float) -> float:
    """The next even number, so that the middle of a box lies on a whole pixel."""
    return 2.0 * math.ceil(value / 2)


def _content(node: Node, in_map: bool) -> Picture:
    """What a container holds, in its own coordinates, its header left free."""
    parts = [_scope_picture(scope, in_map or node.kind == "Map") for scope in node.scopes]
    is_parallel = node.kind == "Parallel"
    margin = BRANCH_PADDING if is_parallel else 0.0
    rows = _rows([(part.width + 2 * margin, part.height + 2 * margin) for part in parts])
    row_widths = [sum(parts[i].width + 2 * margin for i in row) + BRANCH_GAP * (len(row) - 1) for row in rows]
    width = _even(max(_MIN_CONTAINER, _header_width(node), max(row_widths, default=0.0) + 2 * PADDING))
    nodes: list[Placed] = []
    lines: list[Line] = []
    panels: list[Panel] = []
    y = HEADER_HEIGHT
    for row, row_width in zip(rows, row_widths, strict=True):
        height = max(parts[i].height for i in row) + 2 * margin
        # Branches that need less room than the header share out what is left.
        spare = max(0.0, width - 2 * PADDING - row_width) / len(row) if len(rows) == 1 else 0.0
        x = PADDING if spare or len(rows) > 1 else (width - row_width) / 2
        for i in row:
            part = parts[i]
            panel_width = part.width + 2 * margin + spare
            if is_parallel:
                panels.append(Panel(Rect(x, y, panel_width, height), -1))
            moved = part.moved(x + round((panel_width - part.width) / 2), y + margin, -1, len(nodes))
            nodes.extend(moved.nodes)
            lines.extend(moved.lines)
            panels.extend(moved.panels)
            x += panel_width + BRANCH_GAP
        y += height + BRANCH_GAP
    height = y - BRANCH_GAP + PADDING if rows else HEADER_HEIGHT
    return Picture(tuple(nodes), tuple(lines), tuple(panels), width, height)


def _header_width(node: Node) -> float:
    name = min(text_width(shown(node.name), NAME_PX, bold=True), _MAX_WIDTH)
    return name + TEXT_LEFT + TEXT_RIGHT


def _rows(sizes: list[tuple[float, float]]) -> list[list[int]]:
    """Branches side by side; more than a dozen wrap into rows, as wide as high where possible."""
    count = len(sizes)
    if count <= _BRANCHES_IN_A_ROW:
        return [list(range(count))] if count else []
    area = sum((width + BRANCH_GAP) * (height + BRANCH_GAP) for width, height in sizes)
    room = max(1.2 * math.sqrt(area), max(width for width, _ in sizes))
    per_row = max(_BRANCHES_IN_A_ROW, int(room / (sum(width + BRANCH_GAP for width, _ in sizes) / count)))
    row_count = math.ceil(count / per_row)
    per_row = math.ceil(count / row_count)
    return [list(range(start, min(start + per_row, count))) for start in range(0, count, per_row)]
