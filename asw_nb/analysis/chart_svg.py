"""The static drawing of a chart's panels: one SVG without script, style sheet or font of its own.

Widths of texts are estimated, since a picture in an ``<img>`` cannot be measured; labels that would meet the one before
them are left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asw_nb.analysis.figure import html_text
from asw_nb.analysis.palette import TEXT_COLOUR
from asw_nb.analysis.timeline_svg import FONT, WIDTH, shorten, text_width_px, ticks, time_ticks

if TYPE_CHECKING:
    from asw_nb.analysis.chart import Axis, Bars, Line, Panel, Points

GAP_PX, FOOT_PX, HEAD_PX = 40, 42, 16
LABEL_COLUMNS = 36
MAX_POINTS = 4_000
DASHES = {"dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "12 4"}
_HALO = "stroke='#fff' stroke-width='1'"


def draw(panels: Sequence[Panel]) -> str:
    """The picture as SVG text."""
    left = max(_left(panel) for panel in panels)
    right = max(_right(panel) for panel in panels)
    entries: dict[str, Line | Points | Bars] = {}
    for panel in panels:
        for mark in panel.marks:
            if mark.legend:
                entries.setdefault(mark.name, mark)
    legend, top = _legend(list(entries.values()), left)
    parts = [legend]
    hatches: dict[tuple[str, str], str] = {}
    for i, panel in enumerate(panels):
        shares = i + 1 < len(panels) and panel.x.kind != "names" and panels[i + 1].x.title == panel.x.title
        top += HEAD_PX if panel.title else 6
        parts += _panel(panel, left, WIDTH - right, top, hatches, with_title=not shares)
        top += panel.height + (26 if shares else FOOT_PX)
    defs = "".join(
        f"<pattern id='{name}' width='6' height='6' patternUnits='userSpaceOnUse'><rect width='6' height='6' fill='{colour}' fill-opacity='.35'/>"
        f"{_HATCH[shape].format(c=colour)}</pattern>"
        for (shape, colour), name in hatches.items()
    )
    size = f"viewBox='0 0 {WIDTH} {top:.0f}' width='{WIDTH}' height='{top:.0f}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} font-size='11.5' fill='{TEXT_COLOUR}'><defs>{defs}</defs>{''.join(parts)}</svg>"


_HATCH = {
    "/": "<path d='M-1 1l2-2M0 6l6-6M5 7l2-2' stroke='{c}' stroke-width='1.6'/>",
    "\\": "<path d='M-1 5l2 2M0 0l6 6M5-1l2 2' stroke='{c}' stroke-width='1.6'/>",
    ".": "<circle cx='1.5' cy='1.5' r='.9' fill='{c}'/><circle cx='4.5' cy='4.5' r='.9' fill='{c}'/>",
}


def _left(panel: Panel) -> float:
    if panel.y.kind == "names":
        return 16 + max((text_width_px(shorten(str(n), LABEL_COLUMNS)) for n in panel.y.names), default=20)
    low, high = ends(panel, "y")
    labels = [label for _, label in marks_of(panel.y, low, high)]
    return 16 + max((text_width_px(label) for label in labels), default=20) + (16 if panel.y.title else 0)


def _right(panel: Panel) -> float:
    from asw_nb.analysis.chart import Bars

    widths = [text_width_px(t) for m in panel.marks if isinstance(m, Bars) and m.lying and m.text for t in m.text]
    return 14 + (max(widths) + 6 if widths else 0)


SMALLEST_RANGE = 1e-250
"""Values that lie closer together are one: the pixels of a unit would be no number."""


def ends(panel: Panel, which: str) -> tuple[float, float]:
    """The range of an axis, with a little room around the data."""
    from asw_nb.analysis.chart import Bars

    axis = panel.x if which == "x" else panel.y
    if axis.kind == "names":
        return -0.5, len(axis.names) - 0.5
    if axis.low is not None and axis.high is not None:
        return (math.log10(axis.low), math.log10(axis.high)) if axis.kind == "log" else (axis.low, axis.high)
    values: list[float] = []
    zero = False
    for mark in panel.marks:
        if isinstance(mark, Bars):
            if mark.lying == (which == "x"):
                values += [*mark.low, *mark.high]
                zero = True
            else:
                half = mark.thickness / 2
                values += [v + d for v in mark.at for d in (-half, half)]
        else:
            values += mark.x if which == "x" else mark.y
            zero = zero or (which == "y" and getattr(mark, "fill", False))
    good = [v for v in values if math.isfinite(v) and (axis.kind != "log" or v > 0)]
    if axis.kind == "log":
        good = [math.log10(v) for v in good]
    low, high = (min(good), max(good)) if good else (0.0, 1.0)
    room = (high - low) * 0.04 if high - low > SMALLEST_RANGE else 0.5
    below = low if zero and low == 0 else low - room
    return below, high + room


def marks_of(axis: Axis, low: float, high: float, about: int = 7) -> list[tuple[float, str]]:
    """Where an axis has ticks, in its own units (logarithms of ten), and what they say."""
    if axis.kind == "names":
        return [(i, shorten(str(n), LABEL_COLUMNS)) for i, n in enumerate(axis.names)]
    if axis.kind == "date":
        return time_ticks(low, high, about)
    if axis.kind == "log":
        first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        step = max(1, (last - first) // about)
        found = [(float(p), _number(10.0**p)) for p in range(first, last + 1, step)]
        if len(found) < 3:
            found = [
                (math.log10(value), _number(value))
                for p in range(math.floor(low), last + 2)
                for m in (1, 2, 5)
                if (value := m * 10.0**p) and low <= math.log10(value) <= high  # ten to the -324 is no number
            ]
        return found
    found = [(v, _number(v)) for v in ticks(low, high, about)]
    return [(v, t) for v, t in found if v == int(v)] if axis.whole else found


def _number(value: float) -> str:
    return f"{value:,.0f}" if 10_000 <= abs(value) < 1e9 else f"{value:.6g}"


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}'{more}>{html_text(text)}</text>"


def _legend(marks: list[Line | Points | Bars], left: float) -> tuple[str, float]:
    """The legend, wrapped into lines, and the height that it takes."""
    if not marks:
        return "", 4
    x, y, parts = left, 14.0, []
    for mark in marks:
        label = shorten(mark.name, LABEL_COLUMNS)
        # capitals are wider than what widths are estimated for
        needed = 24 + text_width_px(label) * (1.2 if label.isupper() else 1) + 10
        if x + needed > WIDTH and x > left:
            x, y = left, y + 18
        parts += [_sample(mark, x, y - 4), _text(x + 24, y, label)]
        x += needed
    return "".join(parts), y + 8


def _sample(mark: Line | Points | Bars, x: float, y: float) -> str:
    from asw_nb.analysis.chart import Bars, Line

    if isinstance(mark, Line):
        return f"<path d='M{x:.0f} {y:.0f}h18' {_stroke(mark)} fill='none'/>"
    if isinstance(mark, Bars):
        opacity = " fill-opacity='.5'" if mark.hatch else ""
        return f"<rect x='{x + 1:.0f}' y='{y - 5:.0f}' width='16' height='9' fill='{mark.colour}'{opacity}/>"
    colour = mark.colour if isinstance(mark.colour, str) else TEXT_COLOUR
    return f"<path d='{symbol(mark.symbol, x + 9, y, 4.5)}' fill='{colour}' {_HALO}/>"


def _stroke(mark: Line) -> str:
    dash = f" stroke-dasharray='{DASHES[mark.dash]}'" if mark.dash in DASHES else ""
    faint = f" stroke-opacity='{mark.opacity:g}'" if mark.opacity < 1 else ""
    return f"stroke='{mark.colour}' stroke-width='{mark.width:g}'{dash}{faint} stroke-linejoin='round'"


def symbol(name: str, x: float, y: float, r: float) -> str:
    """Path data of a point's symbol.

    Examples
    --------
    >>> symbol("square", 10, 10, 4)
    'M6 6L14 6L14 14L6 14z'
    """
    if name == "circle":
        return f"M{x - r:.1f} {y:.1f}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0z"
    shapes: dict[str, list[tuple[float, float]]] = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
        "triangle-up": [(0, -1.2), (1.2, 1), (-1.2, 1)],
        "triangle-down": [(0, 1.2), (1.2, -1), (-1.2, -1)],
        "x": [(-1.2, -0.7), (-0.7, -1.2), (0, -0.5), (0.7, -1.2), (1.2, -0.7), (0.5, 0), (1.2, 0.7), (0.7, 1.2), (0, 0.5), (-0.7, 1.2), (-1.2, 0.7), (-0.5, 0)],
        "star": [_star(a) for a in range(10)],
    }  # fmt: skip
    points = shapes.get(name, shapes["diamond"])
    return "M" + "L".join(f"{round(x + a * r, 1):g} {round(y + b * r, 1):g}" for a, b in points) + "z"


def _star(corner: int) -> tuple[float, float]:
    """One of the ten corners of a star, the outer ones even."""
    angle, far = corner * math.pi / 5 - math.pi / 2, 0.65 if corner % 2 else 1.5
    return math.cos(angle) * far, math.sin(angle) * far


class _Scale:
    """From data to pixels along one axis."""

    def __init__(self, axis: Axis, ends: tuple[float, float], begin: float, end: float) -> None:
        self.log = axis.kind == "log"
        self.low, self.begin = ends[0], begin
        self.factor = (end - begin) / ((ends[1] - ends[0]) or 1.0)

    def of(self, value: float) -> float:
        if self.log:
            value = math.log10(value) if value > 0 else self.low
        return self.tick(value)

    def tick(self, value: float) -> float:
        return self.begin + (value - self.low) * self.factor


def _panel(panel: Panel, left: float, right: float, top: float, hatches: dict[tuple[str, str], str], with_title: bool) -> list[str]:
    from asw_nb.analysis.chart import Bars, Line

    bottom = top + panel.height
    x_ends, y_ends = ends(panel, "x"), ends(panel, "y")
    x = _Scale(panel.x, x_ends, left, right)
    # named places are listed from the top
    y = _Scale(panel.y, y_ends, *((top, bottom) if panel.y.kind == "names" else (bottom, top)))
    parts = []
    if panel.title:
        parts.append(_text(left, top - 4, panel.title, " font-weight='600'"))
    parts += _axes(panel, x, y, x_ends, y_ends, left, right, top, bottom, with_title)
    for mark in panel.marks:
        if isinstance(mark, Line):
            parts.append(_line(mark, x, y, bottom))
        elif isinstance(mark, Bars):
            parts.append(_bars(mark, x, y, hatches))
        else:
            parts.append(_points(mark, x, y))
    return parts


def _axes(
    panel: Panel, x: _Scale, y: _Scale, x_ends: tuple[float, float], y_ends: tuple[float, float], left: float, right: float, top: float, bottom: float,
    with_title: bool,
) -> list[str]:  # fmt: skip
    parts, lines, free = [], [], -1.0
    for value, label in marks_of(panel.x, *x_ends, about=8 if panel.x.kind != "date" else 6):
        at = x.tick(value)
        if not left - 1 <= at <= right + 1:
            continue
        if panel.x.kind != "names":
            lines.append(f"M{at:.1f} {top:.0f}V{bottom + 4:.0f}")
        half = text_width_px(label) / 2
        at = min(max(at, half), WIDTH - half)
        if at - half > free:
            parts.append(_text(at, bottom + 17, label, " text-anchor='middle'"))
            free = at + half + 8
    free = math.inf if panel.y.kind != "names" else -math.inf
    for value, label in marks_of(panel.y, *y_ends, about=max(3, min(7, round(panel.height / 34)))):
        at = y.tick(value)
        if not top - 1 <= at <= bottom + 1:
            continue
        if panel.y.kind != "names":
            lines.append(f"M{left - 4:.0f} {at:.1f}H{right:.0f}")
        if abs(at - free) >= 12:
            parts.append(_text(left - 8, at + 4, label, " text-anchor='end'"))
            free = at
    parts.append(f"<path d='{''.join(lines)}' stroke='{TEXT_COLOUR}' stroke-opacity='.2'/>")
    parts.append(f"<path d='M{left:.0f} {top:.0f}V{bottom:.0f}H{right:.0f}' stroke='{TEXT_COLOUR}' stroke-opacity='.6' fill='none'/>")
    if panel.x.title and with_title:
        parts.append(_text((left + right) / 2, bottom + 34, panel.x.title, " text-anchor='middle'"))
    if panel.y.title and panel.y.kind != "names":
        middle = (top + bottom) / 2
        parts.append(_text(12, middle, panel.y.title, f" text-anchor='middle' transform='rotate(-90 12 {middle:.1f})'"))
    return parts


def _line(mark: Line, x: _Scale, y: _Scale, bottom: float) -> str:
    """The line, with a hole where a value is missing; of very many points, those that a pixel can tell apart."""
    step = max(1, len(mark.x) // MAX_POINTS)
    data, drawn, first = [], False, 0.0
    last = 0.0
    for a, b in zip(mark.x[::step], mark.y[::step], strict=True):
        if not (math.isfinite(a) and math.isfinite(b)):
            drawn = False
            continue
        last = x.of(a)
        if not drawn:
            first = last
        data.append(f"{'L' if drawn else 'M'}{last:.1f} {y.of(b):.1f}")
        drawn = True
    path = "".join(data)
    shade = f"<path d='{path}L{last:.1f} {bottom:.1f}L{first:.1f} {bottom:.1f}z' fill='{mark.colour}' fill-opacity='.25'/>" if mark.fill and path else ""
    return f"{shade}<path d='{path}' fill='none' {_stroke(mark)}/>"


def _points(mark: Points, x: _Scale, y: _Scale) -> str:
    colours = [mark.colour] * len(mark.x) if isinstance(mark.colour, str) else list(mark.colour)
    paths: dict[str, list[str]] = {}
    for a, b, colour in list(zip(mark.x, mark.y, colours, strict=True))[:MAX_POINTS]:
        if math.isfinite(a) and math.isfinite(b):
            paths.setdefault(colour, []).append(symbol(mark.symbol, x.of(a), y.of(b), mark.size / 2))
    return "".join(f"<path d='{''.join(data)}' fill='{colour}' {_HALO}/>" for colour, data in paths.items())


def _bars(mark: Bars, x: _Scale, y: _Scale, hatches: dict[tuple[str, str], str]) -> str:
    along, across = (x, y) if mark.lying else (y, x)
    half = abs(across.factor) * mark.thickness / 2
    data, texts = [], []
    for i, (at, low, high) in enumerate(zip(mark.at, mark.low, mark.high, strict=True)):
        middle, a, b = across.of(at), along.of(low), along.of(high)
        a, b = min(a, b), max(a, b)
        b = max(b, a + (0.8 if high > low else 0))
        if mark.lying:
            data.append(f"M{a:.1f} {middle - half:.1f}H{b:.1f}V{middle + half:.1f}H{a:.1f}z")
        else:
            data.append(f"M{middle - half:.1f} {a:.1f}H{middle + half:.1f}V{b:.1f}H{middle - half:.1f}z")
        if mark.text is not None:
            texts.append(_text(b + 5, middle + 4, mark.text[i]) if mark.lying else _text(middle, a - 4, mark.text[i], " text-anchor='middle'"))
    fill = f"fill='{mark.colour}'"
    if mark.hatch in _HATCH:
        name = hatches.setdefault((mark.hatch, mark.colour), f"h{len(hatches)}")
        fill = f"fill='url(#{name})'"
    return f"<path d='{''.join(data)}' {fill}/>{''.join(texts)}"


__all__ = ["draw", "ends", "marks_of", "symbol"]
