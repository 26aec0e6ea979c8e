"""Sections with pictures: the graph, the timeline, where the time went, states and attempts, metrics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import MAX_GRAPH_STATES, graph_picture
from asw_nb.analysis.chart import cell_text
from asw_nb.analysis.graph import to_mermaid, to_svg
from asw_nb.analysis.words import duration_text, share_text
from asw_nb.errors import UsageError
from asw_nb.reports.blocks import Block, Code, Drawing, Fold, Limits, Prose, Section, Table, cropped, name, short, text
from asw_nb.reports.material import Material
from asw_nb.reports.rows import attempts_table, states_table, visits_table
from asw_nb.reports.strip import strip
from asw_nb.reports.told import count

if TYPE_CHECKING:
    import pandas

    from asw_nb.analysis.figure import Figure

LOWER_IS_BETTER = re.compile(r"loss|err|rmse|mse|mae|perplexity|latency|time|cost", re.I)
HIGHER_IS_BETTER = re.compile(r"acc|auc|f1|precision|recall|score|reward|r2|iou|map\b|bleu", re.I)
MOST_PARTS, LEAST_PART = 20, 0.005
"""Parts of the critical path that are told one by one, and the least share of such a part."""
MOST_COLUMNS = 8
MOST_MERMAID = 120
"""States up to which Mermaid draws a graph that can be read."""


def graph(material: Material, limits: Limits) -> Section | None:
    """The workflow in the colours of what happened."""
    document = material.definition
    if document is None:
        return None
    states = len(material.view.plan.states) if hasattr(material.view, "plan") else len(document.get("States", {}))
    if states > MAX_GRAPH_STATES:
        return Section("graph", "Graph", [Prose(f"{states:,} states are too many to be drawn.")])
    statuses, counts = material.statuses
    alt = f"graph of {material.record.workflow}: {material.record.status}"
    instead: Block = Code(to_mermaid(document).rstrip(), "mermaid") if states <= MOST_MERMAID else Prose(f"A graph of {states:,} states.")
    still = graph_picture(to_svg(document, statuses, counts), alt)
    return Section("graph", "Graph", [Drawing(instead, still)], "run.graph()")


def timeline(material: Material, limits: Limits) -> Section | None:
    """One bar per attempt, waits apart, the critical path outlined."""
    if not material.visits:
        return None
    instead = Code(strip(material.visits, material.end_us), "text")
    return Section("timeline", "Timeline", [Drawing(instead, make=lambda: material.timeline)], "run.timeline()")


def _drawing(figure: Figure, instead: Block) -> Drawing:
    return Drawing(instead, make=lambda: figure)


def states(material: Material, limits: Limits) -> Section:
    """States, visits and attempts as tables."""
    if not material.visits and material.short is None:
        return Section("states", "States and attempts", [Prose("No state was entered, or the history was kept in memory only and is gone.")], "run.states()")
    if not material.visits:
        rows = [(name(path), kind, f"{sum(tally.values()):,}", ", ".join(f"{n:,} {s}" for s, n in tally.items())) for path, kind, tally in material.tallies()]
        note = f"The history of {material.events:,} events is too long to be told visit by visit; run.states() has all."
        table = cropped(("state", "type", "visits", "status"), rows, limits.rows, "states", right=frozenset({2}), status=3)
        return Section("states", "States and attempts", [table, Prose(note)], "run.states()")
    blocks: list[Block] = [states_table(material.visits, limits)]
    if len(material.visits) > 1:
        blocks.append(Fold(count(len(material.visits), "visit"), [visits_table(material.visits, limits)]))
    tries = attempts_table(material.visits, limits)
    if tries is not None:
        number = sum(len(v.attempts) for v in material.visits)
        blocks.append(Fold(count(number, "attempt"), [tries]))
    return Section("states", "States and attempts", blocks, "run.states()")


def time(material: Material, limits: Limits) -> Section | None:
    """Where the time went: the critical path, and how much ran side by side."""
    if not material.steps:
        return None
    sums: dict[tuple[str, str], int] = {}
    for step in material.steps:
        key = ("(between the states)" if step.visit is None else step.visit.state.name, step.kind)
        sums[key] = sums.get(key, 0) + step.end - step.begin
    total = material.end_us or 1
    parts = sorted(((us, *key) for key, us in sums.items()), key=lambda part: (-part[0], part[1:]))
    told = [part for part in parts[:MOST_PARTS] if part[0] / total >= LEAST_PART] or parts[:1]
    rest = parts[len(told) :]
    if len(rest) == 1:
        told, rest = parts, []
    rows = [(name(state), kind, duration_text(us / 1e6), share_text(us / total)) for us, state, kind in told]
    if rest:
        left = sum(part[0] for part in rest)
        rows.append((f"({count(len(rest), 'smaller part')})", "", duration_text(left / 1e6), share_text(left / total)))
    blocks: list[Block] = [
        Prose("The critical path: what decided how long it took, most time first. Shortening anything else changes nothing."),
        Table(("state", "kind", "time", "share"), rows, frozenset({2, 3})),
    ]
    summary = material.summary
    if summary is None:
        blocks.append(Prose(f"Of {len(material.visits):,} visits, busy and idle time are not told apart here; run.summary() does."))
    elif summary.peak > 1:
        figure = summary.figure()
        facts = f"At most {summary.peak:,} at the same time; {duration_text(summary.work_s)} of work."
        blocks += [Prose(facts), _drawing(figure, Prose(figure.text))]
    return Section("time", "Where the time went", blocks, "run.summary()")


# --------------------------------------------------------------------------- metrics


def metrics(material: Material, limits: Limits) -> Section | None:
    """Recorded metrics as curves and numbers, and the items of a Map as trials."""
    if not material.visits or not (material.metrics["name"] != "progress").any():
        return None
    from asw_nb.analysis.curves import curves

    rows = material.metrics[material.metrics["name"] != "progress"]
    blocks: list[Block] = [_values(rows, limits), *_trials(material, rows, limits)]
    if rows.groupby(["name", "path"]).size().max() > 1:  # single values make no curve
        figure = curves(material.metrics, material.attempts, material.states, None)
        blocks.insert(0, _drawing(figure, Prose(figure.text)))
    return Section("metrics", "Metrics", blocks, "run.curves()")


def _values(rows: pandas.DataFrame, limits: Limits) -> Table:
    """First, last, lowest and highest value of each metric at each place; the values themselves where there is one of each."""
    names = list(rows["name"].unique())
    if len(names) <= MOST_COLUMNS and rows["path"].nunique() > 1 and not rows.duplicated(["name", "path"]).any():
        places: dict[str, dict[str, str]] = {}
        for metric, path, value in zip(rows["name"], rows["path"], rows["value"], strict=True):
            places.setdefault(path, {})[metric] = cell_text(float(value))
        cells = [(name(path), *(values.get(metric, "") for metric in names)) for path, values in places.items()]
        return cropped(("state", *(name(n, 80) for n in names)), cells, limits.rows, "places", right=frozenset(range(1, len(names) + 1)))
    out = []
    groups: Any = rows.groupby(["name", "path"], sort=False)
    for (metric, path), group in groups:
        value, steps = group["value"], group["step"]
        low, high = value.min(), value.max()
        out.append((
            name(metric, 80), name(path), f"{len(group):,}", cell_text(float(value.iloc[0])), cell_text(float(value.iloc[-1])),
            _at(low, steps[value == low]), _at(high, steps[value == high]),
        ))  # fmt: skip
    heads = ("metric", "state", "values", "first", "last", "lowest", "highest")
    return cropped(heads, out, limits.rows, "metrics", right=frozenset({2, 3, 4, 5, 6}))


def _at(value: float, steps: pandas.Series) -> str:
    told = steps.dropna()
    return cell_text(float(value)) + (f" at step {int(told.iloc[0])}" if len(told) else "")


def _trials(material: Material, rows: pandas.DataFrame, limits: Limits) -> list[Block]:
    """The items of the Map in which something was measured, as a sweep: the best trial, and all of them."""
    chosen = next(((m, mode) for m in rows["name"].unique() for mode in [_mode(m)] if mode), None)
    inside = rows["path"].str.extract(r"^(.*)\[\d+\]/")[0].dropna()
    if chosen is None or not len(inside):
        return []
    from asw_nb.analysis.sweep import FIXED, Sweep

    try:
        sweep = Sweep(material.items, material.metrics, chosen[0], chosen[1], "best", str(inside.iloc[0]), "")
        best = sweep.best
    except UsageError:  # one trial, or none that came to an end: there is nothing to choose from
        return []
    if len(sweep.table) < 2:
        return []
    columns = [c for c in (*FIXED, *sweep.parameters, sweep.metric) if c in sweep.table]
    trials = list(sweep.table[columns].itertuples(index=False, name=None))
    cells = [tuple(duration_text(v) if c == "duration_s" else _trial_cell(v) for c, v in zip(columns, trial, strict=True)) for trial in trials]
    numbers = frozenset(i for i in range(len(columns)) if all(v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in (t[i] for t in trials)))
    heads = [name(str(c), 60).removesuffix("_s" if c == "duration_s" else "") for c in columns]
    given = ", ".join(f"{p} = {_trial_cell(best[p])}" for p in sweep.parameters)
    said = f"Best trial of {len(sweep.table):,}: item {best['index']}" + (f" with {given}" if given else "") + f"; {sweep.metric} {cell_text(best[sweep.metric])}."
    return [Prose(text(said)), cropped(heads, cells, limits.rows, "trials", status=1, right=numbers)]


def _mode(metric: str) -> str | None:
    if LOWER_IS_BETTER.search(metric):
        return "min"
    return "max" if HIGHER_IS_BETTER.search(metric) else None


def _trial_cell(value: Any) -> str:
    return short(value, 80) if isinstance(value, (dict, list, str)) else cell_text(value)


__all__ = ["graph", "metrics", "states", "time", "timeline"]
