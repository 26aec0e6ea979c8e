"""Charts with two drawings of one description: panels of marks become a plotly figure, and an SVG for places without it.

A panel holds lines, points and bars on two axes. That is little, and enough: a box of quartiles is a bar with two lines, a step
function is a line with more points. Whatever a chart shows also stands in its `table`, which the static form can open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from asw_nb.analysis import chart_svg
from asw_nb.analysis.figure import Figure, html_text, plotly_text, svg_img
from asw_nb.analysis.palette import LINE_COLOUR, TEXT_COLOUR
from asw_nb.analysis.timeline_svg import shorten, text_width_px

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

TABLE_ROWS = 60
TITLE_COLUMNS = 90
LEGEND_PX = 760
"""The width of a narrow notebook column: the legend wraps there."""
LABEL_COLUMNS = 36
GRID = "rgba(128,128,128,0.22)"


@dataclass
class Axis:
    """One axis: numbers, logarithms, dates (seconds since 1970), or named places (0, 1, 2...)."""

    title: str = ""
    kind: Literal["linear", "log", "date", "names"] = "linear"
    names: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    """Whether only whole numbers are marked."""


@dataclass
class Line:
    """A line through points; `fill` shades what is under it."""

    x: Sequence[float]
    y: Sequence[float]
    name: str
    colour: str
    dash: str = "solid"
    width: float = 2
    opacity: float = 1
    fill: bool = False
    legend: bool = True
    hover: Sequence[str] | None = None


@dataclass
class Points:
    """Single points; `colour` is one for all, or one for each."""

    x: Sequence[float]
    y: Sequence[float]
    name: str
    colour: str | Sequence[str]
    symbol: str = "circle"
    size: float = 9
    legend: bool = True
    hover: Sequence[str] | None = None


@dataclass
class Bars:
    """Bars from `low` to `high`, lying at a place of the y axis or standing at one of the x axis.

    `hatch` is one of plotly's pattern shapes, `text` is written at the bars' ends.
    """

    at: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    name: str
    colour: str
    lying: bool = True
    thickness: float = 0.7
    hatch: str = ""
    text: Sequence[str] | None = None
    legend: bool = True
    hover: Sequence[str] | None = None


@dataclass
class Panel:
    """Marks on one pair of axes, as high as `height` pixels."""

    marks: list[Line | Points | Bars]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    height: float = 220
    title: str = ""


class Chart(Figure):
    """A figure with the numbers behind it.

    Attributes
    ----------
    table : DataFrame
        What is drawn.
    """

    def __init__(self, plotly_figure: go.Figure, static_html: str, text: str, table: pd.DataFrame) -> None:
        super().__init__(plotly_figure, static_html, text)
        self.table = table


def chart(panels: list[Panel], text: str, table: pd.DataFrame, title: str = "") -> Chart:
    """Both drawings of some panels, one below the other.

    Parameters
    ----------
    panels : list of Panel
    text : str
        The chart in one line, for places that show nothing else.
    table : DataFrame
    title : str, optional
    """
    return Chart(_plotly(panels, title), static(chart_svg.draw(panels), text, table, title), text, table)


def static(svg: str, text: str, table: pd.DataFrame, title: str = "") -> str:
    """A picture, and its numbers in a table that can be opened."""
    heading = f'<div style="color:{TEXT_COLOUR}"><b>{html_text(shorten(title, TITLE_COLUMNS))}</b></div>' if title else ""
    return (
        f"<div>{heading}{svg_img(svg, text)}"
        f'<details style="font-size:12px"><summary>{html_text(text)}</summary>{small_table(table)}</details></div>'
    )


def nothing(text: str, table: pd.DataFrame, title: str = "") -> Chart:
    """A chart of nothing, which says why."""
    import plotly.graph_objects as go

    note = {"text": plotly_text(text), "showarrow": False, "font": {"color": TEXT_COLOUR, "size": 14}}
    hidden = {"visible": False, "fixedrange": True}
    page = {"template": {}, "annotations": [note], "xaxis": hidden, "yaxis": hidden, "height": 120, **_CLEAR}
    heading = f"<b>{html_text(shorten(title, TITLE_COLUMNS))}</b>: " if title else ""
    return Chart(go.Figure({"data": [], "layout": page}), f'<p style="color:{TEXT_COLOUR}">{heading}{html_text(text)}</p>', text, table)


def small_table(table: pd.DataFrame, rows: int = TABLE_ROWS) -> str:
    """The first rows as HTML that stands alone."""
    heads = [str(c) for c in table.columns]
    right = [getattr(table[c].dtype, "kind", "O") in "iufb" or str(table[c].dtype) == "Int64" for c in table.columns]
    body = [[cell_text(v) for v in row] for row in table.head(rows).itertuples(index=False)]
    lines = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:{"right" if r else "left"}">{html_text(shorten(c, 120))}</td>' for c, r in zip(cells, right, strict=True))
        + "</tr>"
        for cells in [heads, *body]
    )
    rest = f"<p>{len(table) - rows:,} more rows are not listed.</p>" if len(table) > rows else ""
    return f'<table style="border-spacing:12px 3px;font-size:12px">{lines}</table>{rest}'


def cell_text(value: Any) -> str:
    """A value as a table shows it: numbers with four digits that count.

    Examples
    --------
    >>> [cell_text(v) for v in (None, 3, 0.123456, 123456.7, "a", float("nan"))]
    ['', '3', '0.1235', '123,457', 'a', '']
    """
    import pandas as pd

    if value is None or (not isinstance(value, (dict, list, tuple, str)) and pd.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


_CLEAR = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": TEXT_COLOUR, "size": 12}}
_GAP_PX, _FOOT_PX = 58, 52


def _plotly(panels: list[Panel], title: str) -> go.Figure:
    import plotly.graph_objects as go

    named = {m.name for p in panels for m in p.marks if m.legend}
    # plotly wraps the legend upwards, without regard to the title
    rows = math.ceil(sum(text_width_px(shorten(n, LABEL_COLUMNS)) + 48 for n in named) / LEGEND_PX)
    top = (34 if title else 10) + 27 * rows + (18 if panels[0].title else 0)
    heights = [p.height for p in panels]
    inner = sum(heights) + _GAP_PX * (len(panels) - 1)
    page: dict[str, Any] = {
        "template": {},
        **_CLEAR,
        "barmode": "overlay",
        "height": round(top + inner + _FOOT_PX),
        "margin": {"l": 8, "r": 12, "t": top, "b": _FOOT_PX},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#24292F", "bordercolor": "#57606A", "font": {"color": "#FFFFFF"}},
        "showlegend": bool(named),
        "legend": {"orientation": "h", "x": 0, "y": 1 + (18 if panels[0].title else 4) / inner, "yanchor": "bottom"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": LINE_COLOUR, "remove": ["select2d", "lasso2d", "autoScale2d"]},
        "annotations": [],
    }
    if title:
        page["title"] = {
            "text": plotly_text(shorten(title, TITLE_COLUMNS)), "font": {"size": 15}, "x": 0.0, "y": 1.0, "yanchor": "top", "pad": {"l": 8, "t": 8},
        }  # fmt: skip
    traces: list[dict[str, Any]] = []
    seen: set[str] = set()
    used = 0.0
    for i, panel in enumerate(panels):
        number = "" if i == 0 else str(i + 1)
        domain = [1 - (used + panel.height) / inner, 1 - used / inner]
        used += panel.height + _GAP_PX
        x, y = _axis(panel, "x"), _axis(panel, "y")
        if i + 1 < len(panels) and _same(panel.x, panels[i + 1].x):
            x["title"] = {"text": ""}
        page[f"xaxis{number}"] = {**x, "anchor": f"y{number}"}
        page[f"yaxis{number}"] = {**y, "domain": [max(0.0, domain[0]), domain[1]], "anchor": f"x{number}", "automargin": True}
        if panel.y.kind == "names":
            page[f"yaxis{number}"]["showgrid"] = False
        if i and _same(panel.x, panels[0].x):
            page[f"xaxis{number}"]["matches"] = "x"
        if panel.title:
            page["annotations"].append({
                "text": plotly_text(panel.title), "xref": "paper", "yref": "paper", "x": 0, "y": domain[1], "xanchor": "left", "yanchor": "bottom",
                "showarrow": False, "font": {"size": 12},
            })  # fmt: skip
        for mark in panel.marks:
            trace = _trace(mark, panel)
            trace |= {"xaxis": f"x{number}", "yaxis": f"y{number}", "legendgroup": mark.name}
            trace["showlegend"] = mark.legend and mark.name not in seen
            if mark.legend:
                seen.add(mark.name)
            traces.append(trace)
    return go.Figure({"data": traces, "layout": page})


def _same(a: Axis, b: Axis) -> bool:
    return a.kind == b.kind and a.title == b.title and a.kind != "names"


def _axis(panel: Panel, which: str) -> dict[str, Any]:
    axis = panel.x if which == "x" else panel.y
    out: dict[str, Any] = {
        "gridcolor": GRID, "zeroline": False, "linecolor": GRID,
        "title": {"text": plotly_text(axis.title), "standoff": 6, "font": {"size": 12}},
    }  # fmt: skip
    low, high = chart_svg.ends(panel, which)
    if axis.kind == "names":
        places = [plotly_text(shorten(str(n), LABEL_COLUMNS)) for n in axis.names]
        # named places are listed from the top
        return out | {"tickvals": list(range(len(places))), "ticktext": places, "range": [high, low] if which == "y" else [low, high], "ticks": ""}
    if axis.kind == "log":
        # plotly's own marks of a short logarithmic axis are written one over the other
        marks = chart_svg.marks_of(axis, low, high)
        out |= {"type": "log", "tickvals": [10**v for v, _ in marks], "ticktext": [t for _, t in marks], "range": [low, high]}
    elif axis.kind == "date":
        out |= {"type": "date", "range": [low * 1e3, high * 1e3]}
    else:
        out["range"] = [low, high]
        if axis.whole:
            out |= {"tickformat": ",d"} | ({"dtick": 1} if high - low <= 12 else {})
    return out


def _trace(mark: Line | Points | Bars, panel: Panel) -> dict[str, Any]:
    out: dict[str, Any] = {"name": plotly_text(mark.name)}
    if mark.hover is not None:
        out |= {"hovertext": list(mark.hover), "hovertemplate": "%{hovertext}<extra></extra>"}
    if isinstance(mark, Bars):
        place, value = ("y", "x") if mark.lying else ("x", "y")
        out |= {
            "type": "bar", "orientation": "h" if mark.lying else "v", "base": _values(mark.low, panel, value),
            value: [b - a for a, b in zip(_values(mark.low, panel, value), _values(mark.high, panel, value), strict=True)],
            place: _values(mark.at, panel, place),
            "width": mark.thickness * (1e3 if not mark.lying and panel.x.kind == "date" else 1),
            "marker": {"color": mark.colour, "line": {"width": 0}},
        }  # fmt: skip
        if mark.hatch:
            out["marker"]["pattern"] = {
                "shape": mark.hatch, "fillmode": "overlay", "fgcolor": mark.colour, "fgopacity": 1.0, "size": 6, "solidity": 0.35,
            }  # fmt: skip
            red, green, blue = (int(mark.colour[i : i + 2], 16) for i in (1, 3, 5))
            out["marker"]["color"] = f"rgba({red},{green},{blue},0.35)"
        if mark.text is not None:
            out |= {"text": [plotly_text(t) for t in mark.text], "textposition": "outside", "cliponaxis": False, "textfont": {"color": TEXT_COLOUR}}
        return out
    out |= {"type": "scatter", "x": _values(mark.x, panel, "x"), "y": _values(mark.y, panel, "y")}
    if isinstance(mark, Line):
        out |= {"mode": "lines", "line": {"color": mark.colour, "dash": mark.dash, "width": mark.width}, "opacity": mark.opacity}
        if mark.fill:
            out |= {"fill": "tozeroy"}
        if mark.hover is None and mark.opacity < 1:
            out["hoverinfo"] = "skip"
    else:
        colour = mark.colour if isinstance(mark.colour, str) else list(mark.colour)
        out |= {"mode": "markers", "marker": {"symbol": mark.symbol, "size": mark.size, "color": colour, "line": {"color": "#FFFFFF", "width": 1}}}
    return out


def _values(values: Sequence[float], panel: Panel, which: str) -> list[Any]:
    axis = panel.x if which == "x" else panel.y
    scale = 1e3 if axis.kind == "date" else 1
    # JSON has no NaN: a hole in a line is null
    return [None if v != v else float(v) * scale for v in values]


__all__ = ["Axis", "Bars", "Chart", "Line", "Panel", "Points", "cell_text", "chart", "nothing", "small_table", "static"]
