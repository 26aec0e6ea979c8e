"""Parallel coordinates: an axis beside the other for each parameter and the metric, a line per trial through them.

Drawn with plain lines, in plotly too: its own kind for this has black axes and white halos that no dark page can bear."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.chart_svg import marks_of
from asw_nb.analysis.figure import html_text, plotly_text
from asw_nb.analysis.palette import LINE_COLOUR, TEXT_COLOUR
from asw_nb.analysis.timeline_svg import FONT, WIDTH, shorten, text_width_px

if TYPE_CHECKING:
    import plotly.graph_objects as go

# From poor to good; the lightness grows steadily, so that it is read without colour too.
SCALE = ("#7A5CA8", "#4F77B5", "#2F93A6", "#3BAE85", "#8FBF4D")
PILL, PILL_TEXT = "#EEF0F3", "#1B1F24"
MAX_TRIALS = 300
MAX_MARKS = 8


@dataclass
class Dimension:
    """One axis: where each trial crosses it, from 0 (the foot) to 1, and its marks."""

    name: str
    places: list[float]
    marks: list[tuple[float, str]]


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: Any) -> float | None:
    """A finite number, or None."""
    return float(value) if is_number(value) and math.isfinite(value) else None


def word(value: Any) -> str:
    """A value as a label."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def spreads(numbers: Sequence[float]) -> bool:
    """Whether values are read better on a logarithmic axis, as learning rates are."""
    return min(numbers) > 0 and max(numbers) / min(numbers) >= 100


def dimension(name: str, values: Sequence[Any]) -> Dimension:
    """An axis for the values: linear or logarithmic for numbers, one place per word for everything else."""
    from asw_nb.analysis.chart import Axis

    numbers = [n for n in map(number, values) if n is not None]
    if len(numbers) == len(values) and numbers:
        log = spreads(numbers)
        at = [math.log10(v) for v in numbers] if log else numbers
        low, high = min(at), max(at)
        few = sorted(set(numbers))
        if len(few) <= MAX_MARKS:
            marks = [(math.log10(v) if log else v, f"{v:.4g}") for v in few]
        else:
            marks = marks_of(Axis(kind="log" if log else "linear"), low, high, 6)
    else:
        words = sorted({word(v) for v in values})
        at = [float(words.index(word(v))) for v in values]
        low, high = 0.0, float(len(words) - 1)
        marks = [(float(i), w) for i, w in enumerate(words)]
    length = (high - low) or 1.0
    middle = 0.0 if high > low else 0.5
    placed = [((v - low) / length + middle, text) for v, text in marks if low - 1e-9 <= v <= high + 1e-9]
    return Dimension(name, [(v - low) / length + middle for v in at], _apart(placed))


def _apart(marks: list[tuple[float, str]], least: float = 0.055) -> list[tuple[float, str]]:
    """Marks that are far enough from the one below them to be read."""
    out: list[tuple[float, str]] = []
    for place, text in sorted(marks):
        if not out or place - out[-1][0] >= least:
            out.append((place, shorten(text, 14)))
    return out


def _colour(goodness: float) -> str:
    return SCALE[min(len(SCALE) - 1, int(goodness * len(SCALE)))]


def _drawn(goodness: Sequence[float]) -> list[int]:
    """The trials that are drawn, the best last and so on top."""
    return sorted(sorted(range(len(goodness)), key=lambda i: -goodness[i])[:MAX_TRIALS], key=lambda i: goodness[i])


def svg(axes: Sequence[Dimension], goodness: Sequence[float], note: str) -> str:
    """The static drawing."""
    top, bottom, height = 44, 300, 334
    left, right = 90, WIDTH - 90
    step = (right - left) / max(1, len(axes) - 1)

    def y(place: float) -> float:
        return bottom - place * (bottom - top)

    lines, parts = [], []
    best = _drawn(goodness)[-1]
    for trial in _drawn(goodness):
        data = "L".join(f"{left + i * step:.1f} {y(axis.places[trial]):.1f}" for i, axis in enumerate(axes))
        width = 3.2 if trial == best else 1.6
        lines.append(f"<path d='M{data}' fill='none' stroke='{_colour(goodness[trial])}' stroke-width='{width}' stroke-opacity='.9'/>")
    for i, axis in enumerate(axes):
        x = left + i * step
        parts.append(f"<path d='M{x:.1f} {top}V{bottom}' stroke='{LINE_COLOUR}' stroke-width='1.4'/>")
        parts.append(f"<text x='{x:.1f}' y='{top - 20}' text-anchor='middle' font-weight='600'>{html_text(shorten(axis.name, max(10, int(step / 8))))}</text>")
        for place, text in axis.marks:
            wide = text_width_px(text)
            # no line comes from beyond the first and the last axis; elsewhere a label stands on its own ground
            at = x - 8 - wide if i == 0 else x + 8
            if 0 < i < len(axes) - 1:
                parts.append(f"<rect x='{x + 4:.1f}' y='{y(place) - 8:.1f}' width='{wide + 8:.1f}' height='16' rx='4' fill='{PILL}' fill-opacity='.92'/>")
            ink = f" fill='{PILL_TEXT}'" if 0 < i < len(axes) - 1 else ""
            parts.append(f"<text x='{at:.1f}' y='{y(place) + 4:.1f}'{ink}>{html_text(text)}</text>")
    foot = f"<text x='{left}' y='{height - 8}'>{html_text(shorten(note, 120))}</text>"
    size = f"viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} font-size='11.5' fill='{TEXT_COLOUR}'>{''.join(lines)}{''.join(parts)}{foot}</svg>"


def plotly_figure(axes: Sequence[Dimension], goodness: Sequence[float], hover: Sequence[str], note: str, title: str) -> go.Figure:
    """The interactive drawing: hovering a line tells its trial."""
    import plotly.graph_objects as go

    last = len(axes) - 1
    best = _drawn(goodness)[-1]
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "x": list(range(len(axes))), "y": [round(axis.places[t], 5) for axis in axes], "showlegend": False,
            "line": {"color": _colour(goodness[t]), "width": 3.5 if t == best else 1.8}, "marker": {"size": 5, "color": _colour(goodness[t])},
            "hovertext": hover[t], "hovertemplate": "%{hovertext}<extra></extra>",
        }
        for t in _drawn(goodness)
    ]  # fmt: skip
    shapes = [{"type": "line", "x0": i, "x1": i, "y0": 0, "y1": 1, "line": {"color": LINE_COLOUR, "width": 1.5}, "layer": "below"} for i in range(len(axes))]
    notes: list[dict[str, Any]] = []
    for i, axis in enumerate(axes):
        notes.append({"x": i, "y": 1, "yshift": 22, "text": f"<b>{plotly_text(shorten(axis.name, 24))}</b>", "showarrow": False})
        for place, text in axis.marks:
            side: dict[str, Any] = {"xanchor": "right", "xshift": -6} if i == 0 else {"xanchor": "left", "xshift": 6}
            if 0 < i < last:
                side |= {"bgcolor": PILL, "font": {"color": PILL_TEXT, "size": 11}, "borderpad": 1}
            notes.append({"x": i, "y": place, "text": plotly_text(text), "showarrow": False, **side})
    notes.append({"xref": "paper", "yref": "paper", "x": 0, "y": 0, "yshift": -24, "xanchor": "left", "text": plotly_text(shorten(note, 120)), "showarrow": False})
    hidden = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    page: dict[str, Any] = {
        "template": {}, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": TEXT_COLOUR, "size": 12}, "height": 360,
        "margin": {"l": 90, "r": 90, "t": 70 if title else 44, "b": 40}, "hovermode": "closest", "shapes": shapes, "annotations": notes,
        "hoverlabel": {"align": "left", "bgcolor": "#24292F", "bordercolor": "#57606A", "font": {"color": "#FFFFFF"}},
        "xaxis": {**hidden, "range": [-0.02, last + 0.02]}, "yaxis": {**hidden, "range": [-0.02, 1.02]},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": LINE_COLOUR, "remove": ["select2d", "lasso2d", "autoScale2d"]},
    }  # fmt: skip
    if title:
        page["title"] = {"text": plotly_text(shorten(title, 90)), "font": {"size": 15}, "x": 0.0, "y": 1.0, "yanchor": "top", "pad": {"l": 8, "t": 8}}
    return go.Figure({"data": traces, "layout": page})


__all__ = ["Dimension", "dimension", "is_number", "number", "plotly_figure", "spreads", "svg", "word"]
