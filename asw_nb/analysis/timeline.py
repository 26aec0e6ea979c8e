"""Where the time of an execution went: one bar per attempt, waiting told from working.

Frames in, figure out. Up to `BAR_LIMIT` spans are bars, which can be hatched and hovered exactly; above, they are painted
into one picture (`timeline_raster`): 100,000 bars took a browser on two cores 10.5 s to draw and 4.4 s to zoom, WebGL lines
5 s and 2 s, the picture 0.1 s and 0.03 s. It can be hovered at the middle of each span, where an invisible point stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asw_nb.analysis import timeline_gaps, timeline_path, timeline_raster
from asw_nb.analysis import timeline_svg as svg
from asw_nb.analysis.figure import Figure, html_text, plotly_text, svg_img
from asw_nb.analysis.palette import LINE_COLOUR, TEXT_COLOUR
from asw_nb.analysis.timeline_hover import duration, fetch_code, hover_texts, short_hover
from asw_nb.analysis.timeline_rows import Layout, arrange
from asw_nb.analysis.timeline_spans import (
    BACKOFF,
    CONTAINER,
    FAILED,
    KINDS,
    QUEUED,
    RUN_KINDS,
    STEP_KINDS,
    TIMED_OUT,
    WAIT,
    Spans,
    collect,
)
from asw_nb.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

    from asw_nb.analysis.timeline_gaps import Cuts

BAR_LIMIT = 5_000
HOVER_TRACES = 80
JSON_BYTES = 4_600_000
SLOT_PX = 6
MAX_HEIGHT_PX = 1_600
TABLE_ROWS = 60
TITLE_COLUMNS = 90
_GRID = "rgba(128,128,128,0.22)"
_BAND = "rgba(128,128,128,0.16)"
# Each unit with its length in seconds, and the time from which the next one is taken.
_UNITS = (("ms", 1e-3, 1.0), ("s", 1.0, 180.0), ("min", 60.0, 10_800.0), ("h", 3_600.0, 259_200.0))


@dataclass
class _Scale:
    """The spans in units of the time axis; `marks` and `bands` only where pauses are cut out of it."""

    start: np.ndarray
    end: np.ndarray
    title: str
    is_date: bool
    unit_s: float = 1.0
    cuts: Cuts | None = None
    shift_s: float = 0.0
    marks: list[tuple[float, str]] | None = None

    def place(self, seconds: np.ndarray, spans: Spans) -> np.ndarray:
        """Where moments of the first execution lie, given in seconds since its start."""
        if self.is_date:
            return float(spans.zero_us.min()) / 1e3 + seconds * 1e3
        if self.cuts is not None:
            return self.cuts.apply(seconds + self.shift_s)
        return seconds / self.unit_s

    def first(self, spans: Spans) -> float:
        """Where the axis begins: with the execution, and not with the first thing that can be drawn."""
        import numpy as np

        return min(float(self.start.min()), float(self.place(np.zeros(1), spans)[0]))


def timeline(
    attempts: pd.DataFrame,
    states: pd.DataFrame,
    *,
    axis: str = "relative",
    rows: str = "path",
    title: str | None = None,
    unfold: str | Sequence[str] | None = None,
    critical: Sequence[timeline_path.Stretch] = (),
    compress: bool = False,
) -> Figure:
    """A Gantt chart of attempts: queued, running, backing off and waiting, told apart by colour and hatching.

    Parameters
    ----------
    attempts, states : DataFrame
        As `Execution.attempts()` and `Execution.states()` give them, of one execution or of several.
    axis : str
        ``"relative"``: time since the start of each execution, in ms, s, min, h or d; ``"absolute"``: UTC.
    rows : str
        ``"path"``: a row for each place, where Maps of more than 30 items share one row per state;
        ``"state"``: one row per state always.
    title : str, optional
    unfold : str or list of str, optional
        Maps, by name or path, whose items keep rows of their own; ``"*"`` is all.
    critical : sequence of (path, begin, end)
        What is outlined, in seconds since the start; see `timeline_path.stretches`.
    compress : bool
        Cut long pauses out of the axis.

    Raises
    ------
    UsageError
        `axis` or `rows` is none of these.

    Examples
    --------
    >>> import pandas as pd
    >>> timeline(pd.DataFrame(), pd.DataFrame())
    timeline: no task was run
    """
    for name, value, allowed in [("axis", axis, ("relative", "absolute")), ("rows", rows, ("path", "state"))]:
        if value not in allowed:
            raise UsageError(f'timeline({name}={value!r}): {name} must be "{allowed[0]}" or "{allowed[1]}".')
    spans = collect(attempts, states)
    if not len(spans):
        return _nothing(title)
    layout = arrange(spans, rows == "state", [unfold] if isinstance(unfold, str) else list(unfold or ()))
    several = len({row.execution for row in layout.rows}) > 1
    names = [f"{row.execution} \u00b7 {row.name}" if several else row.name for row in layout.rows]
    scale = _scale(spans, axis, compress)
    path = timeline_path.outlines(critical, spans, layout)
    drawn_s = float(scale.end.max() - scale.start.min())
    path = path.take(scale.place(path.end, spans) - scale.place(path.start, spans) >= timeline_path.LEAST_SHARE * drawn_s)
    ends = scale.place(path.start, spans), scale.place(path.end, spans)
    if len(spans) <= BAR_LIMIT:
        traces = _bar_traces(spans, layout, scale, hover_texts(spans, attempts, states))
    else:
        traces = _picture_traces(spans, layout, scale, names)
    if len(path):
        traces.append(_path_trace(path, *ends))
    page = _page(layout, names, scale, scale.first(spans), title, legend_entries=len(set(spans.kind.tolist())) + bool(len(path)))
    if traces[0]["type"] == "image":
        # axes of a picture would keep its pixels square; and what is one picture cannot be hidden by kinds
        page["yaxis"]["scaleanchor"] = False
        page["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    text = _summary(spans, layout)
    return Figure(_figure(traces, page), _static(spans, layout, names, scale, title, text, (path, *ends)), text)


def _scale(spans: Spans, axis: str, compress: bool) -> _Scale:
    absolute = axis == "absolute"
    zero_s = float(spans.zero_us.min()) / 1e6
    # absolute times are counted from the first of them: seconds since 1970 would lose digits
    shift = spans.zero_us / 1e6 - zero_s if absolute else 0.0
    cuts = timeline_gaps.find(spans, spans.start + shift, spans.end + shift) if compress else None
    if cuts is not None:
        title = "UTC, pauses cut" if absolute else "time since the start, pauses cut"
        start, end = cuts.apply(spans.start + shift), cuts.apply(spans.end + shift)
        return _Scale(start, end, title, False, cuts=cuts, marks=cuts.marks(zero_s if absolute else None))
    if absolute:
        zero_ms = spans.zero_us / 1e3
        return _Scale(zero_ms + spans.start * 1e3, zero_ms + spans.end * 1e3, "UTC", True)
    longest = float(spans.end.max())
    unit, size = next(((u, s) for u, s, limit in _UNITS if longest < limit), ("d", 86_400.0))
    return _Scale(spans.start / size, spans.end / size, f"time since the start ({unit})", False, size)


def _figure(traces: list[dict[str, Any]], page: dict[str, Any]) -> go.Figure:
    import plotly.graph_objects as go

    # An empty template in place of plotly's own, which would add 7 kB to every stored output.
    return go.Figure({"data": traces, "layout": {"template": {}, **page}})


def _nothing(title: str | None) -> Figure:
    note = {"text": "no task was run", "showarrow": False, "font": {"color": TEXT_COLOUR, "size": 14}}
    hidden = {"visible": False, "fixedrange": True}
    page = {
        "annotations": [note],
        "xaxis": hidden,
        "yaxis": hidden,
        "height": 120,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    if title:
        page["title"] = _title(title)
    heading = f"<b>{html_text(svg.shorten(title, TITLE_COLUMNS))}</b>: " if title else ""
    static = f'<p style="color:{TEXT_COLOUR}">{heading}no task was run</p>'
    return Figure(_figure([], page), static, "timeline: no task was run")


def _title(title: str) -> dict[str, Any]:
    return {
        "text": plotly_text(svg.shorten(title, TITLE_COLUMNS)),
        "font": {"size": 15},
        "x": 0.0,
        "y": 1.0,
        "yanchor": "top",
        "pad": {"l": 8, "t": 8},
    }


def _page(layout: Layout, names: list[str], scale: _Scale, low: float, title: str | None, legend_entries: int) -> dict[str, Any]:
    """Axes, margins and legend; the height follows the rows up to `MAX_HEIGHT_PX`."""
    # The legend wraps where a notebook's column is narrow; room for its second line keeps it clear of the title.
    top = (30 if title else 10) + (28 if legend_entries <= 6 else 46)
    room = min(layout.slots * SLOT_PX, MAX_HEIGHT_PX - top - 48)
    slot_px = room / layout.slots
    shown, free = [], -1e9
    for i, row in enumerate(layout.rows):
        if row.centre * slot_px - free >= 12:
            shown.append(i)
            free = row.centre * slot_px
    high = float(scale.end.max())
    spread = (high - low) or 1.0
    line = {"gridcolor": _GRID, "zeroline": False, "linecolor": _GRID}
    page: dict[str, Any] = {
        "barmode": "overlay",
        "height": round(top + room + 48),
        "margin": {"l": 8, "r": 12, "t": top, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": TEXT_COLOUR, "size": 12},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#24292F", "bordercolor": "#57606A", "font": {"color": "#FFFFFF"}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "itemsizing": "constant"},
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": LINE_COLOUR,
            "remove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        },
        "xaxis": {
            **line,
            "title": {"text": scale.title, "standoff": 6, "font": {"size": 12}},
            "range": [low - spread * 0.01, high + spread * 0.02],
            "type": "date" if scale.is_date else "linear",
        },
        "yaxis": {
            "range": [layout.slots, 0],
            "tickvals": [layout.rows[i].centre for i in shown],
            "ticktext": [plotly_text(svg.shorten(names[i], svg.LABEL_COLUMNS)) for i in shown],
            "automargin": True,
            "ticklabelstandoff": 4,
            "showgrid": False,
            "zeroline": False,
            "ticks": "",
            # Few rows are always seen whole, so that dragging zooms time alone.
            "fixedrange": layout.slots * SLOT_PX <= MAX_HEIGHT_PX,
        },
    }
    if scale.cuts is not None and scale.marks is not None:
        page["xaxis"] |= {"tickvals": [at for at, _ in scale.marks], "ticktext": [plotly_text(label) for _, label in scale.marks]}
        page["shapes"] = [
            {"type": "rect", "xref": "x", "yref": "paper", "x0": a, "x1": b, "y0": 0, "y1": 1, "line": {"width": 0}, "fillcolor": _BAND, "layer": "below"}
            for a, b, _ in scale.cuts.bands()
        ]
        page["annotations"] = [
            {
                "x": (a + b) / 2, "y": 0, "yref": "paper", "yanchor": "bottom", "text": plotly_text(label), "showarrow": False,
                "font": {"size": 10}, "textangle": 0 if (b - a) / spread > 0.08 else -90,
            }
            for a, b, label in scale.cuts.bands()
        ]  # fmt: skip
    if title:
        page["title"] = _title(title)
    return page


def _path_trace(path: timeline_path.Outlines, start: np.ndarray, end: np.ndarray) -> dict[str, Any]:
    """One line around every bar of the critical path."""
    import numpy as np

    half = path.thickness / 2 + 0.35
    x = np.full((len(path), 6), np.nan)
    y = np.full((len(path), 6), np.nan)
    for i, (at, side) in enumerate(((start, -half), (end, -half), (end, half), (start, half), (start, -half))):
        x[:, i], y[:, i] = at, path.y + side
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [None if v != v else v for v in x.ravel().tolist()],
        "y": [None if v != v else round(v, 2) for v in y.ravel().tolist()],
        "line": {"color": timeline_path.COLOUR, "width": 2},
        "name": timeline_path.NAME,
        "legendgroup": timeline_path.NAME,
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def _marker(kind: int) -> dict[str, Any]:
    style = KINDS[kind]
    if kind == CONTAINER:
        return {"color": "rgba(138,145,154,0.2)", "line": {"color": style.colour, "width": 1}}
    # The line keeps a bar of a few milliseconds visible in an hour.
    marker: dict[str, Any] = {"color": style.colour, "line": {"color": style.colour, "width": 1}}
    if style.hatch:
        marker["pattern"] = {
            "shape": style.hatch,
            "fillmode": "overlay",
            "fgcolor": style.colour,
            "fgopacity": 1.0,
            "size": 6,
            "solidity": 0.35,
        }
        marker["color"] = _faded(style.colour)
        marker["line"] = {"color": _faded(style.colour), "width": 1}
    return marker


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"


def _glyphs(kind: int, size: int) -> dict[str, Any]:
    style = KINDS[kind]
    return {"symbol": style.glyph, "color": style.colour, "size": size, "line": {"color": "#FFFFFF", "width": 1}}


def _bar_traces(spans: Spans, layout: Layout, scale: _Scale, hover: list[str]) -> list[dict[str, Any]]:
    """A trace of bars per kind, and points for glyphs and steps."""
    import numpy as np

    bars, points = [], []
    glyph_size = 7 if any(row.lanes > 1 for row in layout.rows) else 10
    for kind, style in enumerate(KINDS):
        at = np.flatnonzero(spans.kind == kind)
        if not len(at):
            continue
        shared = {
            "y": layout.y[at],
            "hovertext": [hover[i] for i in at.tolist()],
            "hovertemplate": "%{hovertext}<extra></extra>",
            "name": style.name,
            "legendgroup": style.name,
        }
        if kind not in STEP_KINDS:
            width = layout.thickness[at]
            bars.append({
                **shared,
                "type": "bar",
                "orientation": "h",
                "base": scale.start[at],
                "x": scale.end[at] - scale.start[at],
                "width": float(width[0]) if (width == width[0]).all() else width.astype("float32"),
                "marker": _marker(kind),
            })  # fmt: skip
        if style.glyph:
            points.append({
                **shared,
                "type": "scatter",
                "mode": "markers",
                "x": scale.end[at],
                "marker": _glyphs(kind, glyph_size),
                "cliponaxis": False,
                "showlegend": kind in STEP_KINDS,
            })  # fmt: skip
    return bars + points


def _picture_traces(spans: Spans, layout: Layout, scale: _Scale, names: list[str]) -> list[dict[str, Any]]:
    """All spans as one picture, entries of the legend, then the points that answer the mouse."""
    pixels, low, step, lines = timeline_raster.paint(spans, layout, scale.start, scale.end)
    source = timeline_raster.png(pixels)
    line = layout.slots / lines
    # an image is placed by the middles of its corners' pixels
    picture = {
        "type": "image",
        "source": source,
        "x0": low + step / 2,
        "dx": step,
        "y0": line / 2,
        "dy": line,
        "hoverinfo": "skip",
        "name": "spans",
    }
    legend = []
    for kind in sorted(set(spans.kind.tolist()) - set(STEP_KINDS)):
        style = KINDS[kind]
        legend.append({
            "type": "scatter",
            "mode": "markers",
            "x": [None],
            "y": [None],
            "marker": {"symbol": "square", "size": 10, "color": _faded(style.colour) if style.hatch else style.colour, "line": {"color": style.colour, "width": 1}},
            "name": style.name,
            "legendgroup": style.name,
        })  # fmt: skip
    # A date needs double precision; numbers since the start do not, and take half the room.
    x_type = "float64" if scale.is_date else "float32"
    y_type = "uint16" if layout.slots < 65_536 else "int32"
    return [picture, *legend, *_hover_points(spans, layout, scale, names, JSON_BYTES - len(source), x_type, y_type)]


def _hover_points(
    spans: Spans, layout: Layout, scale: _Scale, names: list[str], room: int, x_type: str, y_type: str
) -> list[dict[str, Any]]:
    """Points at the middle of spans, within `room` bytes of JSON: failures first, then the longest.

    One trace for each kind and row, so that the row's name is stored once and not per point.
    """
    import numpy as np

    bytes_each = (np.dtype(x_type).itemsize + np.dtype(y_type).itemsize + 4) * 4 / 3
    notes = short_hover(spans)
    urgent = np.isin(spans.kind, (FAILED, TIMED_OUT, *STEP_KINDS))
    order = np.lexsort((spans.start - spans.end, ~urgent))
    spent = np.cumsum(np.array([len(notes[i]) + 3 + bytes_each for i in order.tolist()]))
    chosen = order[: int(np.searchsorted(spent, room))]

    group = spans.kind[chosen].astype("int64") * len(layout.rows) + layout.row[chosen]
    found, counts = np.unique(group, return_counts=True)
    by_size = found[np.argsort(-counts, kind="stable")]
    traces, listed = [], set()
    for code in by_size[:HOVER_TRACES].tolist():
        kind, row = divmod(code, len(layout.rows))
        at = np.sort(chosen[group == code])
        style = KINDS[kind]
        hidden = {"size": 8, "opacity": 0, "color": style.colour}
        visible = bool(style.glyph) and (kind in STEP_KINDS or kind in (FAILED, TIMED_OUT))
        x = scale.end[at] if visible else (scale.start[at] + scale.end[at]) / 2
        traces.append({
            "type": "scattergl",
            "mode": "markers",
            "x": x.astype(x_type),
            "y": layout.y[at].astype(y_type),
            "marker": {**_glyphs(kind, 7), "line": {"width": 0}} if visible else hidden,
            "text": [notes[i] for i in at.tolist()],
            "customdata": (spans.end - spans.start)[at].astype("float32"),
            "meta": [plotly_text(svg.shorten(names[row], 120)), plotly_text(fetch_code(spans.keys[spans.key[at[0]]]))],
            "hovertemplate": (
                f"<b>%{{meta[0]}}</b><br>{'item ' if layout.rows[row].count > 1 else ''}%{{text}} {style.name} "
                "%{customdata:,.3~f} s<br><i>%{meta[1]}</i><extra></extra>"
            ),
            "name": style.name,
            "legendgroup": style.name,
            "showlegend": kind in STEP_KINDS and kind not in listed,
        })  # fmt: skip
        listed.add(kind)
    return traces


def _summary(spans: Spans, layout: Layout) -> str:
    import numpy as np

    of_attempts = (spans.source >= 0) & np.isin(spans.kind, RUN_KINDS)
    tried, failed = int(of_attempts.sum()), int((of_attempts & np.isin(spans.kind, (FAILED, TIMED_OUT))).sum())
    parts = [_count(len(layout.rows), "row"), _count(tried, "attempt") + (f" ({failed:,} failed)" if failed else "")]
    return f"timeline: {', '.join(parts)}, {duration(float(spans.end.max()))}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _static(
    spans: Spans, layout: Layout, names: list[str], scale: _Scale, title: str | None, text: str, path: svg.Path
) -> str:
    """The static twin: the picture, and its numbers in a table that can be opened."""
    import numpy as np

    low, high = scale.first(spans), float(scale.end.max())
    bands: list[tuple[float, float, str]] = []
    if scale.cuts is not None and scale.marks is not None:
        marks, axis_title, bands = scale.marks, scale.title, scale.cuts.bands()
    elif scale.is_date:
        marks = [(value * 1e3, label) for value, label in svg.time_ticks(low / 1e3, high / 1e3)]
        axis_title = f"UTC, {svg.utc(low / 1e3):%Y-%m-%d}"
    else:
        marks = [(value, f"{value:g}") for value in svg.ticks(low, high)]
        axis_title = scale.title
    picture = svg.draw(spans, layout, names, scale.start, scale.end, low, marks, axis_title, path, bands)

    length = spans.end - spans.start
    n = len(layout.rows)

    def total(kinds: tuple[int, ...]) -> np.ndarray:
        return np.bincount(layout.row, weights=length * np.isin(spans.kind, kinds), minlength=n)

    tries = np.bincount(layout.row, weights=np.isin(spans.kind, RUN_KINDS), minlength=n)
    bad = np.bincount(layout.row, weights=np.isin(spans.kind, (FAILED, TIMED_OUT)), minlength=n)
    first = np.full(n, np.inf)
    np.minimum.at(first, layout.row, spans.start)
    values = [first, tries, bad, total(RUN_KINDS), total((QUEUED,)), total((WAIT, BACKOFF))]
    heads = ["row", "starts at", "attempts", "failed", "running", "queued", "waiting"]
    # Alignment is set once per row and padding once per table: styles on each cell would outweigh the numbers.
    body = []
    for i in range(min(n, TABLE_ROWS)):
        shown = [f"{int(v[i]):,}" if j in (1, 2) else duration(float(v[i])) for j, v in enumerate(values)]
        body.append((svg.shorten(names[i], 120), *shown))
    table = "".join(
        f'<tr style="text-align:right"><td style="text-align:left">{html_text(cells[0])}</td>'
        f"{''.join(f'<td>{cell}</td>' for cell in cells[1:])}</tr>"
        for cells in [heads, *body]
    )
    rest = f"<p>{n - TABLE_ROWS:,} more rows are not listed.</p>" if n > TABLE_ROWS else ""
    heading = f"<div><b>{html_text(svg.shorten(title, TITLE_COLUMNS))}</b></div>" if title else ""
    return (
        f"<div>{heading}{svg_img(picture, text)}"
        f'<details style="font-size:12px"><summary>{html_text(text)}</summary>'
        f'<table style="border-spacing:12px 3px;font-size:12px">{table}</table>{rest}</details></div>'
    )
