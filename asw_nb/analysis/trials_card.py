"""Metrics while they are recorded: a row per place that reports some, with its curve so far, its last value and its best one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import CELL, GREY, HEAD, TITLE
from asw_nb.analysis.figure import html_text, svg_data_uri
from asw_nb.analysis.palette import SERIES_COLOURS
from asw_nb.analysis.words import cut
from asw_nb.errors import UsageError

if TYPE_CHECKING:
    import pandas

MOST_TRIALS = 20
MOST_POINTS = 60
"""Of a curve that is no larger than a word, more cannot be seen."""
WIDTH_PX, HEIGHT_PX = 120, 22

MODES = ("min", "max")


def modes(metrics: Any) -> dict[str, str]:
    """Which metrics are watched, and which value of each is its best.

    Raises
    ------
    UsageError
    """
    if metrics is None:
        return {}
    if isinstance(metrics, str):
        return {metrics: "min"}
    if isinstance(metrics, Mapping):
        for name, mode in metrics.items():
            if mode not in MODES:
                raise UsageError(f'metrics={{"{name}": "{mode}"}}: use "min" or "max".')
        return dict(metrics)
    if not isinstance(metrics, Iterable):
        raise UsageError(f'metrics={metrics!r} must be a name, a list of names, or such as {{"val_loss": "min"}}.')
    return {str(name): "min" for name in metrics}


@dataclass(slots=True)
class Trial:
    """What one place has recorded: of each metric, its steps and values in order."""

    execution: str
    path: str
    attempt: int
    values: dict[str, list[tuple[int | None, float]]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """A later attempt takes the place of an earlier one."""
        return self.execution, self.path

    def add(self, name: str, step: int | None, value: Any) -> None:
        """Another value; those that are not finite come as text."""
        self.values.setdefault(name, []).append((step, float(value)))

    def best(self, name: str, mode: str) -> float | None:
        """The best value so far."""
        found = [value for _, value in self.values.get(name, ()) if value == value]
        return (min if mode == "min" else max)(found, default=None)


def of_table(table: pandas.DataFrame, names: Iterable[str]) -> list[Trial]:
    """The trials of a table of metrics: of each place its last attempt."""
    rows = table[table["name"].isin(list(names))]
    made: dict[tuple[str, str], Trial] = {}
    columns = (rows[c].tolist() for c in ("execution", "path", "attempt", "step", "name", "value"))
    for execution, path, attempt, step, name, value in zip(*columns, strict=True):
        trial = made.get((execution, path))
        if trial is None or trial.attempt < attempt:
            trial = made[execution, path] = Trial(execution, path, attempt)
        if trial.attempt == attempt:
            trial.add(name, step if isinstance(step, int) else None, value)
    return list(made.values())


def trials_html(trials: Sequence[Trial], metrics: Mapping[str, str]) -> str:
    """One table per metric."""
    return "".join(_table(trials, name, mode) for name, mode in metrics.items())


def _table(trials: Sequence[Trial], name: str, mode: str) -> str:
    rows = sorted((t for t in trials if t.values.get(name)), key=_order)
    if not rows:
        return f'<div style="{TITLE}">{html_text(cut(name, 60))}</div><div style="{GREY}">not recorded so far</div>'
    bests = [found for t in rows if (found := t.best(name, mode)) is not None]
    winner = (min if mode == "min" else max)(bests, default=None)
    several = len({t.execution for t in rows}) > 1
    shown = rows[:MOST_TRIALS]
    leader = next((t for t in rows if t.best(name, mode) == winner), None)
    if leader is not None and leader not in shown:
        shown = [*shown[:-1], leader]
    heads = "".join(f'<th scope="col" style="{HEAD}">{head}</th>' for head in ("", "so far", "step", "last", mode))
    body = "".join(_row(t, name, mode, winner, several) for t in shown)
    more = f'<div style="{GREY}">{len(rows) - len(shown):,} more: run.metrics()</div>' if len(rows) > len(shown) else ""
    table = f'<table style="border-collapse:collapse;margin:0;font-size:12px;table-layout:auto"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div style="{TITLE}">{html_text(cut(name, 60))}</div>{table}{more}'


def _order(trial: Trial) -> tuple[str, list[Any]]:
    """Items in the order of their numbers."""
    return trial.execution, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", trial.path)]


def _row(trial: Trial, name: str, mode: str, winner: float | None, several: bool) -> str:
    steps = trial.values[name]
    best = trial.best(name, mode)
    place = f"{trial.execution.rpartition(':')[2]} {trial.path}" if several else trial.path
    again = f' <span style="{GREY}">attempt {trial.attempt}</span>' if trial.attempt > 1 else ""
    mark = " ★" if best is not None and best == winner else ""
    values = [value for _, value in steps]
    last_step = "" if steps[-1][0] is None else f"{steps[-1][0]:,}"
    told = "" if best is None else f"<b>{best:.4g}{mark}</b>" if mark else f"{best:.4g}"
    cells = (f"{html_text(cut(place, 60))}{again}", sparkline(values), last_step, f"{values[-1]:.4g}", told)
    return "<tr>" + "".join(f'<td style="{CELL};white-space:nowrap;vertical-align:middle">{cell}</td>' for cell in cells) + "</tr>"


def sparkline(values: Sequence[float]) -> str:
    """A curve as large as a word; values that are not finite are gaps.

    Examples
    --------
    >>> sparkline([3.0, 1.0])[:41]
    '<img alt="from 3 to 1" style="width:120px'
    """
    finite = [v for v in values if abs(v) != float("inf") and v == v]
    if not finite:
        return ""
    every = -(-len(values) // MOST_POINTS)
    kept = [*values[::every], *([values[-1]] if (len(values) - 1) % every else [])]
    low, high = min(finite), max(finite)
    across = (WIDTH_PX - 4) / max(1, len(kept) - 1)
    top, up = (2.0, (HEIGHT_PX - 4) / (high - low)) if high > low else (HEIGHT_PX / 2, 0.0)
    places = [f"{2 + i * across:.1f},{top + (high - v) * up:.1f}" for i, v in enumerate(kept) if abs(v) != float("inf") and v == v]
    line = f'<polyline points="{" ".join(places)}" fill="none" stroke="{SERIES_COLOURS[0]}" stroke-width="1.5"/>'
    x, _, y = places[-1].partition(",")
    dot = f'<circle cx="{x}" cy="{y}" r="2" fill="{SERIES_COLOURS[0]}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}">{line}{dot}</svg>'
    alt = f"from {finite[0]:.4g} to {finite[-1]:.4g}"
    return f'<img alt="{alt}" style="width:{WIDTH_PX}px;height:{HEIGHT_PX}px;max-width:none;margin:0;display:block" src="{svg_data_uri(svg)}">'


__all__ = ["Trial", "modes", "of_table", "sparkline", "trials_html"]
