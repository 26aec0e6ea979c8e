"""A Map as a sweep: each item a trial, with what it was given, what it measured, and which one is best."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis import parallel
from asw_nb.analysis.chart import Axis, Bars, Chart, Line, Panel, Points, chart, nothing, static
from asw_nb.analysis.curves import PROGRESS
from asw_nb.analysis.figure import plotly_text
from asw_nb.analysis.palette import SERIES_COLOURS, STATUS_COLOURS
from asw_nb.analysis.parallel import is_number as _is_number
from asw_nb.analysis.parallel import number as _number
from asw_nb.analysis.parallel import spreads as _spreads
from asw_nb.analysis.parallel import word as _word
from asw_nb.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas

FIXED = ("index", "status", "attempts", "duration_s", "error")
NUMBERS = ("index", "attempts", "duration_s")

class Sweep:
    """The trials of a Map.

    Attributes
    ----------
    table : DataFrame
        One row per item: index, status, attempts, duration_s, error, its parameters (the values of its input that are not the same in all trials), and for
        every metric ``{name}_last``, ``{name}_min`` and ``{name}_max`` with the steps of these two. Of the metric that decides, ``{name}_best`` and
        ``{name}_best_step`` too. Numbers of the output are metrics as well, as ``{name}``. The best trial first, then the others in order; trials without a value last.
    parameters : list of str
    metric : str
        The column that decides.
    best : dict
        The first row: of the best trial that succeeded.
    """

    def __init__(
        self, items: pandas.DataFrame, metrics: pandas.DataFrame, metric: str | None, mode: str, pick: str, path: str | None, title: str
    ) -> None:
        import pandas as pd

        self.mode, self.title = mode, title
        self.path = _path(items, path)
        items = items[items["path"] == self.path].drop_duplicates("index", keep="last").sort_values("index")
        given = [_flat(v) for v in items["input"]]
        # a trial's own number is no parameter of it
        self.parameters = [name for name in _varying(given) if [g.get(name) for g in given] != items["index"].tolist()]
        measured = _measured(metrics, self.path)
        returned = [{k: v for k, v in _flat(o).items() if _is_number(v) and k not in self.parameters} if s == "SUCCEEDED" else {} for o, s in zip(items["output"], items["status"], strict=True)]
        columns: dict[str, list[Any]] = {name: items[name].tolist() for name in FIXED}
        for name in self.parameters:
            columns[name] = [g.get(name) for g in given]
        for name in dict.fromkeys(k for m in measured.values() for k in m):
            columns[name] = [measured.get(int(i), {}).get(name) for i in items["index"]]
        for name in dict.fromkeys(k for r in returned for k in r):
            if name not in columns:
                columns[name] = [r.get(name) for r in returned]
        self.metrics = list(dict.fromkeys([*(n for n in dict.fromkeys(metrics["name"]) if n != PROGRESS), *(k for r in returned for k in r)]))
        wanted = self._metric(metric)
        if f"{wanted}_min" in columns:
            columns |= _best(columns, wanted, mode)
        table = pd.DataFrame({name: pd.Series(v, dtype=None if name in NUMBERS or (all(x is None or _is_number(x) for x in v) and any(x is not None for x in v)) else object) for name, v in columns.items()})
        self.metric = f"{wanted}_{pick}" if f"{wanted}_{pick}" in columns else wanted
        value = pd.to_numeric(table[self.metric], errors="coerce") if self.metric in table else pd.Series([math.nan] * len(table))
        rank = value.where(table["status"] == "SUCCEEDED")
        order = rank.sort_values(ascending=mode == "min", kind="stable", na_position="last").index
        self.table = table.loc[order].reset_index(drop=True)

    def _metric(self, metric: str | None) -> str:
        if metric is None:
            if len(self.metrics) != 1:
                raise UsageError(f"which metric is to be best? Give metric=, one of: {', '.join(self.metrics) or '(none was recorded)'}.")
            return self.metrics[0]
        if metric not in self.metrics:
            raise UsageError(f'no metric "{metric}" was recorded.{did_you_mean(metric, self.metrics)} Recorded: {", ".join(self.metrics) or "none"}.')
        return metric

    @property
    def best(self) -> dict[str, Any]:
        if not len(self.table) or self.table["status"].iloc[0] != "SUCCEEDED" or _number(self.table[self.metric].iloc[0]) is None:
            raise UsageError(f"no trial has succeeded with a value of {self.metric}.")
        return {str(k): v for k, v in self.table.iloc[0].to_dict().items()}

    def scatter(self, parameter: str | None = None) -> Chart:
        """A parameter against the metric; the first parameter when left out. Trials that failed are marked at the foot."""
        name = self._parameter(parameter)
        rows = self.table
        values = [_number(v) for v in rows[self.metric]]
        axis, x = _axis_of(rows[name].tolist(), name)
        good = [(a, v, i) for i, (a, v) in enumerate(zip(x, values, strict=True)) if v is not None and a is not None]
        if not good:
            return nothing(f"no trial has a value of {self.metric}", rows, self.title)
        hover = [self._hover(i) for _, _, i in good]
        marks: list[Line | Points | Bars] = [Points([a for a, _, _ in good[1:]], [v for _, v, _ in good[1:]], "trials", SERIES_COLOURS[0], hover=hover[1:])]
        marks.append(Points([good[0][0]], [good[0][1]], "best", SERIES_COLOURS[1], "star", 14, hover=hover[:1]))
        lost = [(a, i) for i, (a, v) in enumerate(zip(x, values, strict=True)) if v is None and a is not None]
        low, high = min(v for _, v, _ in good), max(v for _, v, _ in good)
        room = (high - low) * 0.06 or abs(high) * 0.05 or 0.5
        y = Axis(self.metric)
        if lost:
            foot = low - 2 * room
            marks.append(Points([a for a, _ in lost], [foot] * len(lost), "no value", STATUS_COLOURS["FAILED"], "x", hover=[self._hover(i) for _, i in lost]))
            y = Axis(self.metric, low=foot - room, high=high + room)
        text = f"scatter: {self.metric} against {name}, {len(good)} trials; best {good[0][1]:.4g} at {name}={_word(rows[name].iloc[good[0][2]])}"
        return chart([Panel(marks, axis, y, 260)], text, rows, self.title)

    def parallel(self) -> Chart:
        """Parallel coordinates: a line per trial through its parameters to its metric."""
        rows = self.table[[_number(v) is not None for v in self.table[self.metric]]]
        if not len(rows):
            return nothing(f"no trial has a value of {self.metric}", self.table, self.title)
        names = [*self.parameters, self.metric]
        axes = [parallel.dimension(name, rows[name].tolist()) for name in names]
        target = [float(v) for v in rows[self.metric]]
        low, high = min(target), max(target)
        goodness = [(v - low) / (high - low) if high > low else 1.0 for v in target]
        if self.mode == "min":
            goodness = [1 - g if high > low else 1.0 for g in goodness]
        text = f"parallel coordinates: {', '.join(names)}; {len(rows)} trials, best {self.metric}={_word(rows[self.metric].iloc[0])}"
        note = f"colour: the {'lower' if self.mode == 'min' else 'higher'} {self.metric}, the greener; the thickest line is the best"
        figure = parallel.plotly_figure(axes, goodness, [self._hover(int(i)) for i in rows.index], note, self.title)
        return Chart(figure, static(parallel.svg(axes, goodness, note), text, self.table, self.title), text, self.table)

    def _parameter(self, name: str | None) -> str:
        if name is None and self.parameters:
            return self.parameters[0]
        if name is None:
            raise UsageError("the trials differ in no parameter.")
        if name not in self.table or name == self.metric:
            raise UsageError(f'the trials have no parameter "{name}".{did_you_mean(name, self.parameters)} Parameters: {", ".join(self.parameters) or "none"}.')
        return name

    def _hover(self, row: int) -> str:
        trial = self.table.iloc[row]
        lines = [f"<b>item {trial['index']}</b> {trial['status']}"]
        lines += [plotly_text(f"{p} = {_word(trial[p])}") for p in [*self.parameters, self.metric]]
        return "<br>".join([*lines, plotly_text(f'run.map_items().query("index == {trial["index"]}")')])

    def __repr__(self) -> str:
        best = ""
        if len(self.table) and self.table["status"].iloc[0] == "SUCCEEDED" and _number(self.table[self.metric].iloc[0]) is not None:
            row = self.table.iloc[0]
            best = f" | best {self.metric}={_word(row[self.metric])} at {', '.join(f'{p}={_word(row[p])}' for p in self.parameters)} (item {row['index']})"
        return f"asw sweep {self.path} | {len(self.table)} trials{best}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from asw_nb.analysis.chart import small_table
        from asw_nb.analysis.figure import html_text

        shown = [c for c in (*FIXED, *self.parameters, self.metric) if c != "error" or self.table["error"].notna().any()]
        html = f"<div><p>{html_text(repr(self))}</p>{small_table(self.table[shown])}</div>"
        return {"text/html": html, "text/plain": repr(self)}


def _path(items: pandas.DataFrame, wanted: str | None) -> str:
    paths = list(dict.fromkeys(items["path"]))
    if not paths:
        raise UsageError("no Map has begun: there are no trials.")
    if wanted is None:
        return str(items["path"].value_counts(sort=False).idxmax())
    if wanted not in paths:
        raise UsageError(f'map="{wanted}" is no Map that has begun.{did_you_mean(wanted, paths)} Maps: {", ".join(paths)}.')
    return wanted


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """The values of nested objects by dotted names; lists are values, and what is no object is called ``value``."""
    if not isinstance(value, Mapping):
        return {prefix or "value": value}
    out: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        out |= _flat(inner, name) if isinstance(inner, Mapping) else {name: inner}
    return out


def _varying(given: Sequence[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(k for g in given for k in g)
    out = []
    for name in names:
        seen = {json.dumps(g.get(name), sort_keys=True, default=str) for g in given}
        large = any(len(text) > 200 for text in seen)  # data, and no parameter
        if (len(seen) > 1 or len(given) == 1) and not large and name not in FIXED:
            out.append(name)
    return out


def _measured(metrics: pandas.DataFrame, path: str) -> dict[int, dict[str, Any]]:
    """By item: last, min and max of each metric with the steps of the two, of the last attempt of each task."""
    inside = metrics[metrics["path"].str.startswith(f"{path}[") & (metrics["name"] != PROGRESS)]
    if not len(inside):
        return {}
    tail = inside["path"].str[len(path) + 1 :]
    inside = inside.assign(item=tail.str.partition("]")[0].astype("int64"))
    # what a try measured before it failed is no result of the trial, unless it is all there is
    inside = inside[inside["attempt"] == inside.groupby(["path", "name"])["attempt"].transform("max")]
    out: dict[int, dict[str, Any]] = {}
    for (item, name), group in inside.groupby(["item", "name"], sort=False):
        values = group["value"]
        found: dict[str, Any] = {f"{name}_last": float(values.iloc[-1])}
        for pick in ("min", "max"):
            value = float(getattr(values, pick)())
            at = group.loc[values == value, "step"]
            found |= {f"{name}_{pick}": value, f"{name}_{pick}_step": None if not len(at) or at.isna().iloc[0] else int(at.iloc[0])}
        out.setdefault(int(item), {}).update(found)  # type: ignore[call-overload]
    return out


def _best(columns: dict[str, list[Any]], name: str, mode: str) -> dict[str, list[Any]]:
    return {f"{name}_best": columns[f"{name}_{mode}"], f"{name}_best_step": columns[f"{name}_{mode}_step"]}


def _axis_of(values: Sequence[Any], name: str) -> tuple[Axis, list[float | None]]:
    numbers = [_number(v) for v in values]
    known = [v for v in numbers if v is not None]
    if known and all(v is not None or given is None for v, given in zip(numbers, values, strict=True)):
        return Axis(name, "log" if _spreads(known) else "linear"), numbers
    words = sorted({_word(v) for v in values})
    return Axis(name, "names", words), [float(words.index(_word(v))) for v in values]


__all__ = ["Sweep"]
