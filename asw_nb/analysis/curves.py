"""Metrics over steps or over time: one panel per metric, a line per place, smoothed over the raw one; and, below, what ran when."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.chart import Axis, Bars, Chart, Line, Panel, Points, chart, nothing
from asw_nb.analysis.palette import STATUS_COLOURS, series_style
from asw_nb.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas

PROGRESS = "progress"
MAX_LINES = 40
HATCHES = {"FAILED": "/", "TIMED_OUT": "\\", "ABORTED": "."}


def curves(
    metrics: pandas.DataFrame, attempts: pandas.DataFrame, states: pandas.DataFrame, names: str | Sequence[str] | None, *, x: str = "step", smooth: float = 0.0,
    by: str = "path", every_attempt: bool = False, with_timeline: bool = False, title: str = "",
) -> Chart:  # fmt: skip
    """Lines of recorded metrics; see `View.curves` for the parameters.

    Raises
    ------
    UsageError
        `smooth` is no share, or there is no such metric.
    """
    if isinstance(smooth, bool) or not isinstance(smooth, (int, float)) or not 0 <= smooth < 1:
        raise UsageError(f"smooth={smooth!r} must be from 0 (as recorded) to below 1.")
    wanted = _chosen(metrics, names)
    rows = metrics[metrics["name"].isin(wanted)]
    if not every_attempt and len(rows):
        last = rows.groupby(["execution", "path"])["attempt"].transform("max")
        rows = rows[rows["attempt"] == last]
    if not len(rows):
        return nothing("no metric was recorded: call context.metric(step=, name=value) in a function", rows, title)
    zero = states["entered"].min()
    labels = _labels(rows, states, by)
    rows = rows.assign(label=[labels[key] for key in zip(rows["execution"], rows["path"], strict=True)], time_s=(rows["timestamp"] - zero).dt.total_seconds())
    order = list(dict.fromkeys(rows["label"]))
    shown = order[:MAX_LINES]
    axis = Axis("time since the start (s)") if x == "time" else Axis("step", whole=True)
    if with_timeline:
        ends = (attempts["finished"].max() - zero).total_seconds() if attempts["finished"].notna().any() else float(rows["time_s"].max())
        axis = Axis(axis.title, low=0.0, high=max(ends, float(rows["time_s"].max())) * 1.01)
    panels = [_panel(rows[rows["name"] == name], name, shown, axis, x, smooth, len(wanted)) for name in wanted]
    if with_timeline:
        panels.append(_ran(attempts, zero, labels, shown, axis))
    more = f" ({len(order) - MAX_LINES} more are not drawn)" if len(order) > MAX_LINES else ""
    text = f"curves: {', '.join(wanted)}; {len(order)} line{'' if len(order) == 1 else 's'}{more}"
    table = rows.drop(columns=["label"]).assign(label=rows["label"])[["label", "attempt", "step", "time_s", "name", "value"]]
    return chart(panels, text, table.reset_index(drop=True), title)


def _chosen(metrics: pandas.DataFrame, names: str | Sequence[str] | None) -> list[str]:
    known = [n for n in dict.fromkeys(metrics["name"]) if n != PROGRESS]
    if names is None:
        return known
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in known and name != PROGRESS:
            raise UsageError(f'no metric "{name}" was recorded.{did_you_mean(str(name), known)} Recorded: {", ".join(known) or "none"}.')
    return wanted


def _labels(rows: pandas.DataFrame, states: pandas.DataFrame, by: str) -> dict[tuple[str, str], str]:
    """What each line is called, by execution and path: the path, or the value of a key of its input; no two alike."""
    from collections import Counter

    several = rows["execution"].nunique() > 1
    inputs = dict(zip(zip(states["execution"], states["path"], strict=True), states["input"], strict=True)) if by != "path" else {}
    out: dict[tuple[str, str], str] = {}
    keys: set[str] = set()
    for execution, path in dict.fromkeys(zip(rows["execution"], rows["path"], strict=True)):
        given = inputs.get((execution, path))
        fields = given if isinstance(given, dict) else {}
        keys.update(fields)
        name = f"{by}={_value(fields[by])}" if by in fields else path
        out[execution, path] = f"{execution.rpartition(':')[2][-8:]} · {name}" if several else name
    if by != "path" and by not in keys:
        raise UsageError(
            f'by="{by}" is in no input of a task with metrics.{did_you_mean(by, keys)} Use "path", or one of: {", ".join(sorted(keys)) or "(no input has keys)"}.'
        )
    counts = Counter(out.values())
    return {key: label if counts[label] == 1 else f"{label} ({_place(key[1])})" for key, label in out.items()}


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _place(path: str) -> str:
    return ".".join(re.findall(r"\[(\d+)\]", path)) or path


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """An exponential moving average without the pull towards zero at the begin; a hole stays one.

    Examples
    --------
    >>> smoothed([4.0, 2.0, float("nan"), 2.0], 0.5)
    [4.0, 2.6666666666666665, nan, 2.2857142857142856]
    """
    out, total, mass = [], 0.0, 0.0
    for value in values:
        if value != value or value in (float("inf"), float("-inf")):
            out.append(float("nan"))
            continue
        total, mass = total * weight + value * (1 - weight), mass * weight + (1 - weight)
        out.append(total / mass)
    return out


def _panel(rows: pandas.DataFrame, name: str, labels: Sequence[str], axis: Axis, x: str, smooth: float, panels: int) -> Panel:
    marks: list[Line | Points | Bars] = []
    for i, label in enumerate(labels):
        of = rows[rows["label"] == label]
        if not len(of):
            continue
        colour, dash, symbol = series_style(i)
        values = of["value"].tolist()
        steps = of["time_s"].tolist() if x == "time" else _steps(of)
        if len(of) == 1:
            marks.append(Points(steps, values, label, colour, symbol))
            continue
        if smooth:
            marks.append(Line(steps, values, label, colour, dash, width=1, opacity=0.35, legend=False))
            values = smoothed(values, smooth)
        marks.append(Line(steps, values, label, colour, dash))
    height = 240 if panels == 1 else 170
    return Panel(marks, axis, Axis(), height, name)


def _steps(rows: pandas.DataFrame) -> list[float]:
    """The steps, or where none was given the number of the value."""
    return [float(i) if s is None or s != s else float(s) for i, s in enumerate(rows["step"].astype(object).where(rows["step"].notna(), None))]


def _ran(attempts: pandas.DataFrame, zero: Any, labels: dict[tuple[str, str], str], shown: Sequence[str], axis: Axis) -> Panel:
    """The attempts behind the lines, on the same axis of time."""
    rows = attempts[[labels.get(key) in shown for key in zip(attempts["execution"], attempts["path"], strict=True)]]
    place = {label: i for i, label in enumerate(shown)}
    marks: list[Line | Points | Bars] = []
    groups: Any = rows.groupby("status", sort=True)
    for status, group in groups:
        at = [place[labels[key]] for key in zip(group["execution"], group["path"], strict=True)]
        begin = (group["started"] - zero).dt.total_seconds().tolist()
        end = [axis.high or 0.0 if e != e else e for e in (group["finished"] - zero).dt.total_seconds()]
        hover = [f"{status.lower()}, attempt {n}" for n in group["attempt"]]
        marks.append(Bars(at, begin, end, status.lower().replace("_", " "), STATUS_COLOURS[status], hatch=HATCHES.get(status, ""), hover=hover))
    return Panel(marks, axis, Axis(kind="names", names=list(shown)), height=24 * max(1, len(shown)) + 8, title="what ran when")


__all__ = ["curves", "smoothed"]
