"""A picture as one self-contained SVG: no style sheet, script, font or id, as each of these is lost in some front end.

Arrowheads and icons are drawn in place: an SVG that is shown inline shares its ids with the whole notebook page. The
card behind the graph is opaque, so the picture reads on a light and on a dark page. Status is a fill, a mark and (in
the tooltip and the legend) a word, never colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asw_nb.analysis.graph_picture import (
    NAME_PX,
    RETRY_WIDTH,
    SMALL_PX,
    TEXT_LEFT,
    Line,
    Picture,
    Placed,
    detail_room,
    small_line,
)
from asw_nb.analysis.graph_text import escaped, fitted, shown, text_width
from asw_nb.analysis.layout import Point, Rect
from asw_nb.analysis.palette import STATUS_COLOURS

MARGIN = 20.0
_LINE_HEIGHT = 22.0
_CORNER = 8.0
_FONT = (
    "-apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', sans-serif"
)

STATUS_WORDS = {
    "SUCCEEDED": "ok",
    "RUNNING": "running",
    "FAILED": "failed",
    "CAUGHT": "caught",
    "RETRYING": "retrying",
    "WAITING": "waiting",
    "TIMED_OUT": "timed out",
    "ABORTED": "aborted",
}
_LEGEND_WORDS = {**STATUS_WORDS, "SUCCEEDED": "succeeded"}


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one card; a status tints `box` by the share `tint`."""

    card: str
    border: str
    box: str
    box_border: str
    container: str
    panel: str
    text: str
    muted: str
    line: str
    catch: str
    label: str
    problem: str
    tint: float


THEMES = {
    "light": Theme(
        card="#ffffff",
        border="#d5dae0",
        box="#ffffff",
        box_border="#9aa5b1",
        container="#f6f8fa",
        panel="#eceff3",
        text="#16191f",
        muted="#545b64",
        line="#687078",
        catch="#a8480f",
        label="#f4f6f8",
        problem="#a8200d",
        tint=0.2,
    ),
    "dark": Theme(
        card="#16191f",
        border="#3a414b",
        box="#232a33",
        box_border="#6b7683",
        container="#1b2027",
        panel="#20262f",
        text="#f2f3f5",
        muted="#b4bcc6",
        line="#8d97a3",
        catch="#f0a35e",
        label="#2b323c",
        problem="#ff9d8c",
        tint=0.3,
    ),
}

# Tiles of the types. With statuses in the picture they are grey, so that colour means status only.
_TILES = {
    "Task": "#c2570c",
    "Pass": "#5b6b7d",
    "Choice": "#0b7285",
    "Wait": "#7048b6",
    "Succeed": "#2b7a3d",
    "Fail": "#b3261e",
    "Parallel": "#2b5cb8",
    "Map": "#a1287a",
}
_PLAIN_TILE = "#5b6b7d"
# Strokes on a 24 x 24 ground.
_ICONS = {
    "Task": "M8.5 6h2.2l5.6 12h1.7M12.2 10.2L8.2 18",
    "Pass": "M6 12h11.5M13 7.5l4.5 4.5-4.5 4.5",
    "Choice": "M12 5.5v4.5l-5 4v4.5M12 10l5 4v4.5",
    "Wait": "M12 5.5a6.5 6.5 0 1 0 .01 0M12 8.5V12l2.6 1.8",
    "Succeed": "M6.5 12.5l3.8 3.8 7.2-8",
    "Fail": "M7.5 7.5l9 9M16.5 7.5l-9 9",
    "Parallel": "M7.5 6v12M12 6v12M16.5 6v12",
    "Map": "M6.5 9.5h8v8h-8zM9.5 9.5v-3h8v8h-3",
}
_QUESTION = "M9 9.2a3 3 0 1 1 4.6 2.6c-1.1.7-1.6 1.2-1.6 2.4M12 17.4v.2"
# Marks of the statuses, strokes on a 16 x 16 ground.
_MARKS = {
    "SUCCEEDED": "M4.3 8.3l2.5 2.6 4.9-5.6",
    "FAILED": "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
    "RUNNING": "M6.4 4.9l4.8 3.1-4.8 3.1z",
    "CAUGHT": "M8 4.2v4.6M8 11.4v.3",
    "ABORTED": "M5.6 5.6h4.8v4.8H5.6z",
    "TIMED_OUT": "M5 4.4h6L5 11.6h6z",
    "WAITING": "M6.3 5v6M9.7 5v6",
    "RETRYING": "M11.2 6.2A3.7 3.7 0 1 0 11.6 9M11.5 4v2.5H9",
}


def status_fill(status: str, theme: Theme) -> str:
    """The ground of a box in that status."""
    return _mixed(STATUS_COLOURS[status], theme.box, theme.tint)


def counts_line(counts: Mapping[str, int], room_px: float) -> str:
    """How many items are in which status, in words if these fit, else in short.

    Examples
    --------
    >>> counts_line({"RUNNING": 3, "SUCCEEDED": 97, "FAILED": 1}, 300)
    '97 ok · 3 running · 1 failed'
    >>> counts_line({"RUNNING": 3, "SUCCEEDED": 97, "FAILED": 1}, 90)
    '97✓ 3▸ 1✗'
    """
    signs = {"SUCCEEDED": "✓", "RUNNING": "▸", "FAILED": "✗", "CAUGHT": "!", "RETRYING": "↻", "WAITING": "‖"}
    given = [(status, counts[status]) for status in STATUS_WORDS if counts.get(status)]
    long = " · ".join(f"{count} {STATUS_WORDS[status]}" for status, count in given)
    if text_width(long, SMALL_PX) <= room_px:
        return long
    return fitted(" ".join(f"{count}{signs.get(status, '∎')}" for status, count in given), SMALL_PX, room_px)


def _counts_of(kind: str, counts: Mapping[str, int], room_px: float) -> str:
    """The line below a state's name; a Map's says that it counts items, where that fits."""
    if kind != "Map":
        return counts_line(counts, room_px)
    words = "items: " + counts_line(counts, 10_000)
    return words if text_width(words, SMALL_PX) <= room_px else counts_line(counts, room_px)


def draw(
    picture: Picture,
    statuses: Mapping[str, str],
    counts: Mapping[str, Mapping[str, int]],
    theme: Theme,
    title: str,
    is_live: bool,
) -> str:
    """The SVG text of a picture."""
    states = {placed.node.path for placed in picture.nodes if placed.node.is_state}
    present = {status for path, status in statuses.items() if path in states}
    present |= {status for path, of in counts.items() if path in states for status, count in of.items() if count}
    entries = [status for status in _LEGEND_WORDS if status in present]
    heading = fitted(title, NAME_PX + 1, 900, bold=True) if title else ""
    heading_width = min(text_width(heading, NAME_PX + 1, bold=True), 900.0) if heading else 0.0
    legend, legend_width, legend_height = _legend(entries, max(picture.width, heading_width, 180.0), theme)
    if is_live:
        # Also before the first status, so that the card of a run keeps its height.
        legend_height = max(legend_height, _LINE_HEIGHT + 12)
    width = max(picture.width, heading_width, legend_width) + 2 * MARGIN
    top = MARGIN + (_LINE_HEIGHT + 6 if heading else 0.0)
    height = top + picture.height + MARGIN + legend_height
    left = round((width - picture.width) / 2)

    ink = _Ink(theme, statuses, counts, is_live)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" role="img" font-family="{escaped(_FONT)}" '
        f'style="max-width:100%;height:auto">',
        f"<title>{escaped(shown(title) or 'Workflow graph', 300)}</title>",
        f'<rect x="0.5" y="0.5" width="{_n(width - 1)}" height="{_n(height - 1)}" rx="10" fill="{theme.card}" '
        f'stroke="{theme.border}"/>',
    ]
    if heading:
        parts.append(_text(MARGIN, MARGIN + 12, heading, NAME_PX + 1, theme.text, weight=600))
    parts.append(f'<g transform="translate({_n(left)} {_n(top)})">')
    if not picture.nodes:
        parts.append(_text(0, 0, "no states", SMALL_PX, theme.muted))
    # Grounds from the largest to the smallest, which is from the outside in.
    grounds = [(p.rect, ink.container(p)) for p in picture.nodes if p.node.scopes]
    grounds += [(panel.rect, ink.panel(panel.rect)) for panel in picture.panels]
    parts += [text for _, text in sorted(grounds, key=lambda ground: -ground[0].width * ground[0].height)]
    parts += ink.lines(picture.lines)
    parts += [ink.node(placed) for placed in picture.nodes if not placed.node.scopes]
    parts += [ink.container_header(placed) for placed in picture.nodes if placed.node.scopes]
    parts += [ink.label(line) for line in picture.lines if line.label_rect]
    parts.append("</g>")
    if legend:
        parts.append(f'<g transform="translate({_n(MARGIN)} {_n(height - MARGIN - legend_height + 16)})">{legend}</g>')
    parts.append("</svg>")
    return "".join(parts)


class _Ink:
    """Draws the things of one picture in one theme."""

    def __init__(
        self, theme: Theme, statuses: Mapping[str, str], counts: Mapping[str, Mapping[str, int]], is_live: bool
    ) -> None:
        self.theme = theme
        self.statuses = statuses
        self.counts = counts
        self.is_live = is_live

    def container(self, placed: Placed) -> str:
        """The ground of a Parallel or Map, below the lines inside it."""
        status, theme, rect = self.statuses.get(placed.node.path), self.theme, placed.rect
        fill = _mixed(STATUS_COLOURS[status], theme.container, theme.tint / 3) if status else theme.container
        stroke = STATUS_COLOURS[status] if status else theme.box_border
        return (
            f'<rect x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}" rx="10" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="{1.8 if status else 1.2}" stroke-dasharray="6 4"/>'
        )

    def panel(self, rect: Rect) -> str:
        """The ground of one Parallel branch."""
        return (
            f'<rect x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}" rx="8" '
            f'fill="{self.theme.panel}"/>'
        )

    def container_header(self, placed: Placed) -> str:
        """Icon, name and counts of a container, in a group that a widget can find."""
        return self._group(placed, self._words(placed, placed.rect.y + 2))

    def node(self, placed: Placed) -> str:
        """A state, a mark or a missing target."""
        node, rect, theme = placed.node, placed.rect, self.theme
        if node.kind in ("Start", "End"):
            radius, x, y = rect.width / 2 - 1, rect.x + rect.width / 2, rect.y + rect.height / 2
            return (
                f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{theme.label}" stroke="{theme.line}" '
                f'stroke-width="1.2"/>' + _text(x, y + 3.5, node.name, 9.5, theme.text, weight=600, anchor="middle")
            )
        status = self.statuses.get(node.path) if node.is_state else None
        fill = status_fill(status, theme) if status else theme.box
        stroke = STATUS_COLOURS[status] if status else theme.problem if node.kind == "Missing" else theme.box_border
        dash = ' stroke-dasharray="4 3"' if node.problem else ""
        return self._group(
            placed,
            f'<rect x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}" rx="8" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="{1.8 if status else 1.2}"{dash}/>'
            + self._words(placed, rect.y),
        )

    def _group(self, placed: Placed, content: str) -> str:
        node = placed.node
        status = self.statuses.get(node.path) if node.is_state else None
        words = [shown(node.name), small_line(node), _LEGEND_WORDS.get(status or "", "")]
        if node.path in self.counts:
            words.append(counts_line(self.counts[node.path], 900))
        tooltip = escaped(", ".join(shown(word) for word in words if word), 400)
        marks = f' class="asw-state" data-state="{escaped(node.path)}"' if node.is_state else ""
        marks += f' data-status="{status}"' if status else ""
        return f"<g{marks}><title>{tooltip}</title>{content}</g>"

    def _words(self, placed: Placed, y: float) -> str:
        node, rect, theme = placed.node, placed.rect, self.theme
        status = self.statuses.get(node.path) if node.is_state else None
        tile = _PLAIN_TILE if self.is_live else _TILES.get(node.kind, _PLAIN_TILE)
        if node.kind in ("Missing", "Unknown"):
            tile = "#b3261e"
        parts = [
            f'<rect x="{_n(rect.x + 11)}" y="{_n(y + 12)}" width="24" height="24" rx="5" fill="{tile}"/>'
            f'<path transform="translate({_n(rect.x + 11)} {_n(y + 12)})" d="{_ICONS.get(node.kind, _QUESTION)}" '
            f'fill="none" stroke="#ffffff" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/>',
            _text(rect.x + TEXT_LEFT, y + 21, placed.title, NAME_PX, theme.text, weight=600),
        ]
        room = detail_room(node, rect)
        if self.counts.get(node.path) and node.is_state:
            small, colour = _counts_of(node.kind, self.counts[node.path], room), theme.text
        else:
            small, colour = fitted(small_line(node), SMALL_PX, room), theme.muted
            if node.problem and not status:
                colour = theme.problem
        parts.append(_text(rect.x + TEXT_LEFT, y + 37, small, SMALL_PX, colour))
        if node.retries:
            x = rect.right - RETRY_WIDTH - 8
            parts.append(
                f'<path transform="translate({_n(x)} {_n(y + 25.5)})" d="{_MARKS["RETRYING"]}" fill="none" '
                f'stroke="{theme.muted}" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"/>'
            )
            parts.append(_text(x + 16, y + 37, str(min(node.retries, 999)), SMALL_PX, theme.muted))
        if status:
            parts.append(_status_mark(status, rect.right - 24, y + 7))
        return "".join(parts)

    def lines(self, lines: Iterable[Line]) -> list[str]:
        """All lines, one path per colour: pieces that several edges share are drawn once, so dashes stay dashes."""
        parts = []
        lines = list(lines)
        for is_catch in (True, False):
            chosen = [line for line in lines if (line.edge.kind == "catch") is is_catch]
            if not chosen:
                continue
            colour = self.theme.catch if is_catch else self.theme.line
            dash = ' stroke-dasharray="5 3.5"' if is_catch else ""
            path = _united([line.points for line in chosen])
            parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4"{dash}/>')
            ends = dict.fromkeys(line.points[-1] for line in chosen)
            heads = "".join(f"M{_n(x)} {_n(y)}l-4.5 -7.5h9z" for x, y in ends)
            parts.append(f'<path d="{heads}" fill="{colour}"/>')
        return parts

    def label(self, line: Line) -> str:
        """What an edge waits for, on a small pill over its line."""
        rect, theme = line.label_rect or Rect(0, 0, 0, 0), self.theme
        colour = theme.catch if line.edge.kind == "catch" else theme.muted
        return (
            f"<g><title>{escaped(shown(line.edge.label), 400)}</title>"
            f'<rect x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}" rx="9" '
            f'fill="{theme.label}" stroke="{theme.border}"/>'
            + _text(rect.x + rect.width / 2, rect.y + 14, line.label, SMALL_PX, colour, anchor="middle")
            + "</g>"
        )


def _legend(statuses: list[str], room: float, theme: Theme) -> tuple[str, float, float]:
    """The marks with their words, in as many rows as needed: text, width, height."""
    parts, x, y, widest = [], 0.0, 0.0, 0.0
    for status in statuses:
        width = 22 + text_width(_LEGEND_WORDS[status], SMALL_PX) + 14
        if x and x + width > room:
            x, y = 0.0, y + _LINE_HEIGHT
        parts.append(_status_mark(status, x, y) + _text(x + 21, y + 12, _LEGEND_WORDS[status], SMALL_PX, theme.muted))
        x += width
        widest = max(widest, x)
    return "".join(parts), widest, (y + _LINE_HEIGHT + 12 if parts else 0.0)


def _status_mark(status: str, x: float, y: float) -> str:
    return (
        f'<g transform="translate({_n(x)} {_n(y)})"><circle cx="8" cy="8" r="8" fill="{STATUS_COLOURS[status]}"/>'
        f'<path d="{_MARKS[status]}" fill="none" stroke="#ffffff" stroke-width="1.8" stroke-linecap="round" '
        f'stroke-linejoin="round"/></g>'
    )


def _text(x: float, y: float, text: str, size: float, colour: str, weight: int = 400, anchor: str = "start") -> str:
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    middle = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}"{bold}{middle}>{escaped(text)}</text>'


def _united(routes: list[tuple[Point, ...]]) -> str:
    """Path data of polylines with rounded corners, in which every straight piece and every corner occurs once."""
    straight: dict[tuple[bool, float], list[tuple[float, float]]] = {}
    corners: dict[str, None] = {}
    for route in routes:
        points = [*route[:-1], (route[-1][0], route[-1][1] - 4)]
        start = points[0]
        for before, at, after in zip(points, points[1:], points[2:], strict=False):
            radius = min(_CORNER, _distance(before, at) / 2, _distance(at, after) / 2)
            into, out = _towards(at, before, radius), _towards(at, after, radius)
            _keep_straight(straight, start, into)
            first, last = sorted((into, out))
            corners[f"M{_n(first[0])} {_n(first[1])}Q{_n(at[0])} {_n(at[1])} {_n(last[0])} {_n(last[1])}"] = None
            start = out
        _keep_straight(straight, start, points[-1])
    pieces = []
    for (is_vertical, fixed), spans in straight.items():
        spans.sort()
        low, high = spans[0]
        for start_at, end_at in [*spans[1:], (float("inf"), float("inf"))]:
            if start_at <= high:
                high = max(high, end_at)
                continue
            pieces.append(f"M{_n(fixed)} {_n(low)}V{_n(high)}" if is_vertical else f"M{_n(low)} {_n(fixed)}H{_n(high)}")
            low, high = start_at, end_at
    return "".join([*pieces, *corners])


def _keep_straight(straight: dict[tuple[bool, float], list[tuple[float, float]]], start: Point, end: Point) -> None:
    is_vertical = start[0] == end[0]
    axis = 1 if is_vertical else 0
    if start != end:
        low, high = sorted((start[axis], end[axis]))
        straight.setdefault((is_vertical, start[1 - axis]), []).append((low, high))


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(start: Point, end: Point, step: float) -> Point:
    length = _distance(start, end) or 1.0
    return (start[0] + (end[0] - start[0]) / length * step, start[1] + (end[1] - start[1]) / length * step)


def _mixed(colour: str, ground: str, share: float) -> str:
    pairs = [(int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def _n(value: float) -> str:
    """A number as short as it can be written."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
