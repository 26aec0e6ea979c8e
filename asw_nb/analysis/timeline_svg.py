"""The static twin of the timeline: the same spans as one small SVG, for every place where plotly is not.

The picture goes into notebooks, so its size is bounded whatever was run: spans of one kind that touch at the resolution
of a pixel become one, coarser until few enough are left, and rows beyond a limit are counted instead of drawn.
"""

from __future__ import annotations

import datetime
import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asw_nb.analysis import timeline_path
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.palette import TEXT_COLOUR
from asw_nb.analysis.timeline_spans import CONTAINER, KINDS, STEP_KINDS

if TYPE_CHECKING:
    import numpy as np

    from asw_nb.analysis.timeline_rows import Layout
    from asw_nb.analysis.timeline_spans import Spans

    Path = tuple[timeline_path.Outlines, np.ndarray, np.ndarray]

WIDTH = 960
SLOT_PX = 5
LABEL_COLUMNS = 36
MAX_ROWS = 200
MAX_SLOTS = 1_000
MAX_MARKS = 2_000
FONT = "font-family='system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif'"
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)


def columns(text: str) -> int:
    """The width of a text in narrow characters: Chinese ones count as two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def text_width_px(text: str) -> float:
    """About how wide a text is at the picture's font size; a picture in an ``<img>`` cannot be measured."""
    return sum(12.0 if unicodedata.east_asian_width(c) in "WF" else 10.5 if c in "MWmw@%" else 7.1 for c in text)


def shorten(text: str, limit: int) -> str:
    """A text of at most `limit` columns, cut in the middle: both ends of a path tell something.

    Examples
    --------
    >>> shorten("EachTable[3]/LoadIntoTheWarehouse", 17)
    'EachTabl\\u2026arehouse'
    """
    if len(text) > 8 * limit:  # a cause may hold all the data of its state; the middle is not shown in any case
        text = text[: 4 * limit] + text[-4 * limit :]
    text = " ".join(text.split())
    if columns(text) <= limit:
        return text
    head, tail = list(text[:limit]), list(text[-limit:])
    while columns("".join(head)) > (limit - 1) // 2:
        head.pop()
    while columns("".join(tail)) > limit - 1 - columns("".join(head)):
        tail.pop(0)
    return "".join(head) + "\u2026" + "".join(tail)


def merge(
    group: np.ndarray, start: np.ndarray, end: np.ndarray, gap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spans of the same group that lie within `gap` of each other, joined; returned in order of group and start.

    Examples
    --------
    >>> import numpy as np
    >>> [a.tolist() for a in merge(np.array([0, 0, 1]), np.array([0.0, 1.5, 1.0]), np.array([1.0, 2.0, 2.0]), 1.0)]
    [[0, 1], [0.0, 1.0], [2.0, 2.0]]
    """
    import numpy as np

    if len(group) == 0:
        return group, start, end
    order = np.lexsort((start, group))
    group, start, end = group[order], start[order], end[order]
    # Shifting each group past the one before lets one running maximum serve all of them.
    low = start.min()
    shift = (np.cumsum(np.r_[False, group[1:] != group[:-1]])) * (end.max() - low + gap + 1.0)
    reach = np.maximum.accumulate(end - low + shift)
    opens = np.r_[True, (group[1:] != group[:-1]) | ((start - low + shift)[1:] > reach[:-1] + gap)]
    at = np.flatnonzero(opens)
    return group[at], start[at], np.maximum.reduceat(end, at)


def ticks(low: float, high: float, about: int = 8) -> list[float]:
    """Round numbers from `low` to `high`.

    Examples
    --------
    >>> ticks(0, 47)
    [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0]
    """
    raw = max(high - low, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / raw)))
    return _multiples(low, high, step)


def time_ticks(low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Round UTC times between two moments (seconds since 1970), with their labels."""
    raw = max(high - low, 1e-9) / about
    if raw < 1:
        steps = ticks(low, high, about)
        step = steps[1] - steps[0] if len(steps) > 1 else raw
    else:
        step = min(_NICE_S, key=lambda s: abs(math.log(s / raw)))
        step *= max(1, round(raw / step / 2))
        steps = _multiples(low, high, step)
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    if step < 60:
        form = "%H:%M:%S"
    elif step < 86_400:
        form = "%H:%M" if high - low < 86_400 else "%m-%d %H:%M"
    else:
        form = "%Y-%m-%d"
    labels = []
    for value in steps:
        moment = utc(value)
        fraction = f"{value % 1:.{min(digits, 6)}f}"[1:] if digits and step < 1 else ""
        labels.append((value, moment.strftime(form) + fraction))
    return labels


def utc(seconds: float) -> datetime.datetime:
    """The moment that many seconds after 1970."""
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [round(i * step, 9) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def draw(
    spans: Spans,
    layout: Layout,
    names: list[str],
    starts: np.ndarray,
    ends: np.ndarray,
    low: float,
    marks: list[tuple[float, str]],
    axis_title: str,
    path: Path | None = None,
    bands: Sequence[tuple[float, float, str]] = (),
) -> str:
    """The picture as SVG text.

    Parameters
    ----------
    names : list of str
        One per row.
    starts, ends : ndarray
        Of each span, in units of the axis.
    low : float
        Where the axis begins.
    marks : list of (float, str)
        The axis ticks and their labels.
    axis_title : str
    path : (Outlines, ndarray, ndarray), optional
        The critical path, with its starts and ends in units of the axis.
    bands : sequence of (float, float, str)
        Pauses that were cut: from, to, and what to write there.
    """
    shown = _rows_shown(layout)
    slots = sum(row.slots for row in layout.rows[:shown])
    left = 14 + max(text_width_px(shorten(name, LABEL_COLUMNS)) for name in names[:shown])
    with_path = path is not None and len(path[0]) > 0
    legend = _legend(sorted(set(spans.kind.tolist())), left, with_path)
    top = legend[1]
    plot = slots * SLOT_PX
    height = top + plot + 42 + (16 if shown < len(layout.rows) else 0)
    high = float(ends.max())
    scale = (WIDTH - 14 - left) / ((high - low) or 1.0)

    size = f"viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' height='{height:.0f}'"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} font-size='11.5' fill='{TEXT_COLOUR}'>",
        _hatches(),
        legend[0],
        _rules(layout, names, shown, left, top),
        _time_axis(marks, axis_title, low, scale, left, top, plot),
    ]
    parts += _bands(bands, low, scale, left, top, plot)
    visible = layout.row < shown
    parts += _bars(spans, layout, visible, left + (starts - low) * scale, left + (ends - low) * scale, top)
    if path is not None and with_path:
        parts.append(_outlines(path, slots, left, low, scale, top))
    if shown < len(layout.rows):
        parts.append(_text(left, height - 6, f"{len(layout.rows) - shown:,} more rows are not drawn here"))
    return "".join([*parts, "</svg>"])


def _rows_shown(layout: Layout) -> int:
    slots = 0
    for i, row in enumerate(layout.rows[:MAX_ROWS]):
        slots += row.slots
        if slots > MAX_SLOTS:
            return max(i, 1)
    return min(len(layout.rows), MAX_ROWS)


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y:.1f}'{more}>{html_text(text)}</text>"


def _hatches() -> str:
    """Patterns of the hatched kinds: the colour at half strength under lines or dots of its full strength."""
    lines = {
        "/": "<path d='M-1 1l2-2M0 6l6-6M5 7l2-2' stroke='{c}' stroke-width='1.6'/>",
        "\\": "<path d='M-1 5l2 2M0 0l6 6M5-1l2 2' stroke='{c}' stroke-width='1.6'/>",
        ".": "<circle cx='1.5' cy='1.5' r='.9' fill='{c}'/><circle cx='4.5' cy='4.5' r='.9' fill='{c}'/>",
    }
    found = [
        f"<pattern id='k{i}' width='6' height='6' patternUnits='userSpaceOnUse'>"
        f"<rect width='6' height='6' fill='{kind.colour}' fill-opacity='.35'/>"
        f"{lines[kind.hatch].format(c=kind.colour)}</pattern>"
        for i, kind in enumerate(KINDS)
        if kind.hatch
    ]
    return f"<defs>{''.join(found)}</defs>"


def _paint(kind: int) -> str:
    if kind == CONTAINER:
        return f"fill='{KINDS[kind].colour}' fill-opacity='.2' stroke='{KINDS[kind].colour}'"
    return f"fill='url(#k{kind})'" if KINDS[kind].hatch else f"fill='{KINDS[kind].colour}'"


def _glyph(kind: int, x: float, y: float, r: float) -> str:
    """Path data of a failure's or step's mark around a point."""
    match KINDS[kind].glyph:
        case "x":
            a, b = r * 0.45, r * 0.55
            points = [(-b - a, -b), (-b, -b - a), (0, -a), (b, -b - a), (b + a, -b), (a, 0)]
            points += [(-px, -py) for px, py in points]
        case "hourglass":
            points = [(-r, -r), (r, -r), (-r, r), (r, r)]
        case "octagon":
            c = r * 0.42
            points = [(-c, -r), (c, -r), (r, -c), (r, c), (c, r), (-c, r), (-r, c), (-r, -c)]
        case _:
            points = [(0, -r), (r, 0), (0, r), (-r, 0)]
    at = [(round(x + px, 1), round(y + py, 1)) for px, py in points]
    return "M" + "L".join(f"{px:g} {py:g}" for px, py in at) + "z"


def _legend(kinds: list[int], left: float, with_path: bool) -> tuple[str, float]:
    """The legend and the height that it takes, wrapped into lines."""
    x, y, parts = left, 14.0, []
    for kind in kinds:
        label = KINDS[kind].name
        needed = 21 + text_width_px(label) + 8
        if x + needed > WIDTH and x > left:
            x, y = left, y + 18
        if kind not in STEP_KINDS:
            parts.append(f"<rect x='{x:.0f}' y='{y - 9:.0f}' width='16' height='9' {_paint(kind)}/>")
        if KINDS[kind].glyph:
            parts.append(f"<path d='{_glyph(kind, round(x) + 8, y - 4.5, 4)}' fill='{KINDS[kind].colour}' {_HALO}/>")
        parts.append(_text(x + 21, y, label))
        x += needed
    if with_path:
        if x + 29 + text_width_px(timeline_path.NAME) > WIDTH and x > left:
            x, y = left, y + 18
        parts.append(f"<rect x='{x + 1:.0f}' y='{y - 8:.0f}' width='14' height='8' fill='none' {_OUTLINE}/>")
        parts.append(_text(x + 21, y, timeline_path.NAME))
    return "".join(parts), y + 12


def _bands(bands: Sequence[tuple[float, float, str]], low: float, scale: float, left: float, top: float, plot: float) -> list[str]:
    """Pauses that were cut, as grey bands with their length; written upwards where they are narrow."""
    parts = []
    for a, b, label in bands:
        x, wide = left + (a - low) * scale, (b - a) * scale
        parts.append(f"<rect x='{x:.1f}' y='{top:.0f}' width='{wide:.1f}' height='{plot:.0f}' fill='{TEXT_COLOUR}' fill-opacity='.14'/>")
        middle = x + wide / 2
        if wide >= text_width_px(label) + 4:
            parts.append(_text(middle, top + plot - 5, label, " text-anchor='middle' font-size='10'"))
        elif plot >= text_width_px(label):
            parts.append(_text(middle + 4, top + plot - 5, label, f" font-size='10' transform='rotate(-90 {middle + 4:.1f} {top + plot - 5:.1f})'"))
    return parts


def _outlines(path: Path, slots: int, left: float, low: float, scale: float, top: float) -> str:
    lines, starts, ends = path
    data = []
    for y, thick, a, b in zip(lines.y.tolist(), lines.thickness.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if y < slots:
            half = thick * SLOT_PX / 2 + 1.5
            x = left + (a - low) * scale
            data.append(f"M{x:.1f} {top + y * SLOT_PX - half:.1f}h{max((b - a) * scale, 1.5):.1f}v{2 * half:.1f}H{x:.1f}z")
    return f"<path d='{''.join(data)}' fill='none' {_OUTLINE}/>"


_OUTLINE = f"stroke='{timeline_path.COLOUR}' stroke-width='1.8'"
_HALO = "stroke='#fff' stroke-width='1' paint-order='stroke'"


def _rules(layout: Layout, names: list[str], shown: int, left: float, top: float) -> str:
    parts = []
    for row, name in zip(layout.rows[:shown], names, strict=False):
        y = top + row.centre * SLOT_PX
        parts.append(_text(left - 8, y + 4, shorten(name, LABEL_COLUMNS), " text-anchor='end'"))
    lines = "".join(f"M{left:.0f} {top + row.top * SLOT_PX}H{WIDTH - 8}" for row in layout.rows[:shown])
    return f"<path d='{lines}' stroke='{TEXT_COLOUR}' stroke-opacity='.16'/>" + "".join(parts)


def _time_axis(
    marks: list[tuple[float, str]], title: str, low: float, scale: float, left: float, top: float, plot: float
) -> str:
    parts, lines, free = [], [], -1.0
    for value, label in marks:
        x = left + (value - low) * scale
        if x > WIDTH - 8:
            continue
        lines.append(f"M{x:.1f} {top:.0f}v{plot + 4:.0f}")
        half = text_width_px(label) / 2
        x = min(x, WIDTH - half)
        if x - half > free:
            parts.append(_text(x, top + plot + 17, label, " text-anchor='middle'"))
            free = x + half + 8
    axis = f"<path d='M{left:.0f} {top + plot:.0f}H{WIDTH - 8}' stroke='{TEXT_COLOUR}' stroke-opacity='.6'/>"
    grid = f"<path d='{''.join(lines)}' stroke='{TEXT_COLOUR}' stroke-opacity='.2'/>"
    name = _text((left + WIDTH - 14) / 2, top + plot + 34, title, " text-anchor='middle'")
    return grid + axis + "".join(parts) + name


def _bars(spans: Spans, layout: Layout, visible: np.ndarray, x0: np.ndarray, x1: np.ndarray, top: float) -> list[str]:
    """One path per kind and thickness for the bars, one per kind for the glyphs."""
    import numpy as np

    is_bar = visible & ~np.isin(spans.kind, STEP_KINDS)
    thickness = np.round(layout.thickness * SLOT_PX).astype("int64")
    group = (spans.kind.astype("int64") << 48) | (thickness << 32) | layout.y
    gap = 0.75
    bars = merge(group[is_bar], x0[is_bar], np.maximum(x1, x0 + 1)[is_bar], gap)
    while len(bars[0]) > MAX_MARKS and gap < WIDTH:
        gap *= 2
        bars = merge(group[is_bar], x0[is_bar], np.maximum(x1, x0 + 1)[is_bar], gap)

    paths: dict[tuple[int, int], list[str]] = {}
    for code, a, b in zip(*(column.tolist() for column in bars), strict=True):
        kind, thick, y = code >> 48, (code >> 32) & 0xFFFF, code & 0xFFFFFFFF
        middle = top + y * SLOT_PX
        data = f"M{a:.1f} {middle - thick / 2:.1f}h{b - a:.1f}v{thick}h-{b - a:.1f}z"
        paths.setdefault((kind, thick), []).append(data)
    out = [f"<path d='{''.join(data)}' {_paint(kind)}/>" for (kind, _), data in sorted(paths.items())]

    for kind in [k for k, style in enumerate(KINDS) if style.glyph]:
        at = np.flatnonzero(visible & (spans.kind == kind))
        spots = np.unique(np.stack([np.round(x1[at]), layout.y[at] * SLOT_PX], axis=1), axis=0)[: MAX_MARKS // 8]
        small = any(row.lanes > 1 for row in layout.rows) and len(spots) > 40
        data = "".join(_glyph(kind, x, top + y, 2.8 if small else 4.5) for x, y in spots.tolist())
        if data:
            out.append(f"<path d='{data}' fill='{KINDS[kind].colour}' {_HALO}/>")
    return out
