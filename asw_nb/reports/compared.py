"""Sections that look at more than one execution: the last runs of a workflow, and a report on several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from asw_nb.analysis.chart import cell_text
from asw_nb.analysis.compare import MISSING, Comparison
from asw_nb.analysis.words import cut, duration_text
from asw_nb.reports.blocks import (
    Block,
    Code,
    Facts,
    Fold,
    Limits,
    Prose,
    Section,
    Table,
    Verdict,
    cropped,
    name,
    short,
    text,
)
from asw_nb.reports.material import MOST_SUMMED, Material
from asw_nb.reports.told import count, moment

COMPARED = 6
"""Executions beyond which a table of differences has more columns than a page."""


def last_runs(material: Material, limits: Limits, last: int) -> Section | None:
    """The executions of the same workflow before this one, and what differs from the newest of them; None when there is none."""
    before = material.before(last)
    if not before:
        return None
    table = _runs_table([view._latest() for view in before] + [material.record])
    blocks: list[Block] = [table]
    good = [v for v in before if v.status == "SUCCEEDED"]
    base = (good or before)[-1]
    if len(material.visits) <= MOST_SUMMED and material.short is None and _is_short(base):
        blocks += [Prose(f"Against {name(base.name)}, the newest before it" + (" that succeeded." if good else ".")), *differences([base, material.view], limits)]
    return Section("last", "The last runs", blocks, "earlier = asw.executions(workflow=run.workflow, limit=6)\nasw.compare(earlier) if len(earlier) > 1 else earlier")


def _is_short(view: Any) -> bool:
    kept = view.tallies_of_end() if hasattr(view, "tallies_of_end") else None
    return kept is None or kept[0] <= 4 * MOST_SUMMED


def _runs_table(records: Sequence[Any]) -> Table:
    spans = [None if r.finished_us is None else (r.finished_us - r.started_us) / 1e6 for r in records]
    rows = []
    for record, span in zip(records, spans, strict=True):
        rows.append(
            (name(record.workflow, 60), name(record.name, 60), record.status, moment(record.started_us)[:19], duration_text(span), text(record.error or "", 100))
        )
    return Table(("workflow", "execution", "status", "started (UTC)", "duration", "error"), rows, frozenset({4}), 2)


def differences(views: Sequence[Any], limits: Limits) -> list[Block]:
    """What differs between executions, the first one being the base."""
    comparison = Comparison(views)
    blocks: list[Block] = [Prose(f"First difference: {text(comparison.divergence)}." if comparison.divergence else "All took the same way.")]
    table = comparison.table
    if len({view.status for view in views}) > 1:  # of one that failed there is no output: that is said already
        table = table[table["section"] != "output"]
    if len(table):
        table = table[[not _is_absence(row) for row in table.itertuples(index=False, name=None)]]
        names = comparison.names
        rows = []
        for section, what, *values, change in table.itertuples(index=False, name=None):
            shown = [_value(v, what) for v in values]
            rows.append((section, text(what, 80) if section == "execution" else name(what, 80), *shown, "" if change != change or change == 1 else f"×{change:.3g}"))
        heads = ("", "what", *(name(n, 40) for n in names), "change")
        blocks.append(cropped(heads, rows, limits.rows, "differences", right=frozenset({len(heads) - 1})))
    if comparison.definition_diff:
        blocks.append(Fold("The change of the definition", [Code(cut(comparison.definition_diff, limits.text), "diff")]))
    return blocks


def _is_absence(row: tuple[Any, ...]) -> bool:
    """Whether a row says again what the row of the state's status says: that a state was not entered."""
    section, what, *values, _ = row
    return section == "state" and what.rpartition(" ")[2] in ("visits", "attempts", "duration_s", "wait_s") and any(v is None for v in values)


def _value(value: Any, what: str) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float):
        return duration_text(value) if what.endswith("_s") and value == value else cell_text(value)
    return text(value, 120) if isinstance(value, str) else short(value)


def overview(materials: Sequence[Material], limits: Limits) -> list[Section]:
    """What is said of several executions together."""
    tally = Counter(m.record.status for m in materials)
    bad = sum(n for status, n in tally.items() if status not in ("SUCCEEDED", "RUNNING"))
    worst = next((s for s in ("FAILED", "TIMED_OUT", "ABORTED", "RUNNING") if tally[s]), "SUCCEEDED")
    words = ", ".join(f"{n:,} {status}" for status, n in tally.most_common())
    sentence = f"{count(len(materials), 'execution')}: {words}."
    table = _runs_table([m.record for m in materials][: limits.rows])
    if len(materials) > limits.rows:
        table.note = f"{limits.rows:,} of {len(materials):,} executions are shown."
    workflows = sorted({m.record.workflow for m in materials})
    began, ended = min(m.record.started_us for m in materials), max(m.record.finished_us or 0 for m in materials)
    facts = Facts([("workflows", name(", ".join(workflows))), ("first start", moment(began)), ("last end", moment(ended or None)), ("did not succeed", f"{bad:,}")])
    sections = [Section("verdict", "Verdict", [Verdict(worst, sentence), facts, table], "runs")]
    wrong = [m for m in materials if m.record.status in ("FAILED", "TIMED_OUT", "ABORTED")]
    if wrong:
        rows = [(name(m.record.name, 60), m.record.status, name(m.record.failed_path or "", 80), text(m.record.error or "", 120)) for m in wrong]
        sections.append(Section("errors", "Errors", [cropped(("execution", "status", "failed at", "error"), rows, limits.rows, "failures", status=1)]))
    same = [m.view for m in materials if len(workflows) == 1 or m.record.workflow == materials[0].record.workflow]
    if len(same) > 1 and all(m.short is None and len(m.visits) <= MOST_SUMMED for m in materials[:COMPARED]):
        few = same[:COMPARED]
        left = [Prose(f"The first {len(few)} of {len(same):,} executions are compared.")] if len(few) < len(same) else []
        sections.append(Section("compare", "Comparison", [*left, *differences(few, limits)], "asw.compare(runs)"))
    return sections


__all__ = ["COMPARED", "differences", "last_runs", "overview"]
