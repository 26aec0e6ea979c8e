"""Executions side by side: what they were given, where they first went different ways, what each state took, what came out.

The first execution is the base. Every difference is one row of a table, a column per execution, so that it can be filtered and kept."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import BOX, CELL, CODE, GREY, HEAD, MONO, PRE, TITLE, badge, cut, duration_text
from asw_nb.analysis.figure import Html, html_text
from asw_nb.errors import UsageError
from asw_nb.history.redact import redact, redact_text
from asw_nb.language.plan import Plan

if TYPE_CHECKING:
    import pandas

SECTIONS = ("execution", "input", "definition", "state", "metric", "output")
SHOWN_ROWS = 40
MAX_LEAVES = 2_000
MISSING = "—"
SAME_S, SAME_SHARE = 0.01, 0.1
"""Durations that differ by less than this are the same: a clock's jitter is no difference."""


class Comparison(Html):
    """Executions side by side.

    Attributes
    ----------
    table : DataFrame
        One row per thing: section (execution, input, definition, state, metric, output), what, a column per execution under its name, and
        change: the last one's value over the base's. A thing that an execution does not have is None.
    divergence : str or None
        Where a later execution first took another way than the base, in words; None when none did.
    definition_diff : str
        A unified diff of the definitions of the base and the last; "" when they are equal.
    names : list of str
        The executions, the base first.
    """

    def __init__(self, views: Sequence[Any], only_diff: bool = True, metrics: dict[str, str] | None = None) -> None:
        metrics = metrics or {}
        for name, pick in metrics.items():
            if pick not in ("min", "max", "last", "mean"):
                raise UsageError(f'metrics={{"{name}": "{pick}"}}: use "min", "max", "last" or "mean".')
        self._views = list(views)
        self.names = _names(self._views)
        columns: list[dict[tuple[str, str], Any]] = [_values(view, metrics) for view in self._views]
        self.definition_diff = _definition_diff(self._views[0], self._views[-1])
        self.divergence = _divergence(self._views, self.names)
        self.table = self._rows(columns, only_diff)
        super().__init__(self._page(), self._line())

    def _rows(self, columns: list[dict[tuple[str, str], Any]], only_diff: bool) -> pandas.DataFrame:
        import pandas as pd

        keys = dict.fromkeys(key for column in columns for key in column)
        rows = []
        for key in sorted(keys, key=lambda k: SECTIONS.index(k[0])):
            values = [column.get(key) for column in columns]
            if only_diff and _alike(values, key):
                continue
            rows.append((*key, *values, _change(values)))
        heads = ["section", "what", *self.names, "change"]
        table = pd.DataFrame({name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(heads)}, columns=heads)
        table["change"] = table["change"].astype("float64")
        return table

    def _line(self) -> str:
        states = int((self.table["section"] == "state").sum())
        where = f" | first difference: {self.divergence}" if self.divergence else " | all took the same way"
        noun = "difference" if len(self.table) == 1 else "differences"
        return f"asw comparison of {', '.join(self.names)} | {len(self.table)} {noun}, {states} of them in states{where}"

    def _page(self) -> str:
        heads = "".join(
            f'<th style="{HEAD};white-space:nowrap">{html_text(name)}<br>{badge(view._latest().status)}</th>' for name, view in zip(self.names, self._views, strict=True)
        )
        parts = [f'<div style="{GREY}">{html_text(f"First difference: {self.divergence}" if self.divergence else "All took the same way.")}</div>']
        for section in SECTIONS:
            rows = self.table[self.table["section"] == section]
            if not len(rows):
                continue
            body = "".join(self._row(row) for row in rows.head(SHOWN_ROWS).itertuples(index=False, name=None))
            rest = f'<div style="{GREY}">{len(rows) - SHOWN_ROWS:,} more; <code style="{CODE}">.table</code> has all.</div>' if len(rows) > SHOWN_ROWS else ""
            parts.append(
                f'<div style="{TITLE}">{section.capitalize()}</div><div style="overflow-x:auto"><table style="border-collapse:collapse;margin:0;font-size:12px"><thead><tr>'
                f'<th style="{HEAD}"></th>{heads}<th style="{HEAD}"></th></tr></thead><tbody>{body}</tbody></table></div>{rest}'
            )
            if section == "definition" and self.definition_diff:
                parts.append(f'<details><summary style="cursor:pointer;color:#0b5cad">the change</summary><pre style="{PRE}">{html_text(cut(self.definition_diff))}</pre></details>')
        if not len(self.table):
            parts.append('<div style="margin-top:8px">No difference.</div>')
        return f'<div style="{BOX}"><b style="font-size:15px">{html_text(" · ".join(self.names))}</b>{"".join(parts)}</div>'

    def _row(self, row: tuple[Any, ...]) -> str:
        _, what, *values, change = row
        base = values[0]
        cells = []
        for value in values:
            mark = ";font-weight:600" if value != base else ""
            cells.append(f'<td style="{CELL};{MONO}{mark}">{html_text(_shown(value, what))}</td>')
        times = "" if change != change or change == 1 else f"×{change:.3g}"
        return f'<tr><td style="{CELL}">{html_text(cut(what, 80))}</td>{"".join(cells)}<td style="{CELL};color:#57606a">{times}</td></tr>'


def _names(views: Sequence[Any]) -> list[str]:
    """A name of each that no other bears: the execution's, with its workflow in front where workflows differ."""
    records = [view._latest() for view in views]
    several = len({r.workflow for r in records}) > 1
    names: list[str] = []
    for record in records:
        name = f"{record.workflow}/{record.name}" if several else record.name
        # generated names begin with the time and end at random
        if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}", record.name):
            name = name.replace(record.name, record.name[-8:])
        names.append(name)
    return [name if names.count(name) == 1 else f"{name} #{names[: i + 1].count(name)}" for i, name in enumerate(names)]


def _values(view: Any, picks: dict[str, str]) -> dict[tuple[str, str], Any]:
    """Everything that is compared, by section and name."""
    record = view._latest()
    out: dict[tuple[str, str], Any] = {
        ("execution", "status"): record.status,
        ("execution", "duration_s"): None if record.finished_us is None else (record.finished_us - record.started_us) / 1e6,
        ("execution", "error"): None if record.error is None else redact_text(record.error),
        ("execution", "failed at"): record.failed_path,
        ("execution", "backend"): record.backend,
        ("execution", "redrives"): record.redrives,
    }
    for name, value in sorted(redact(record.tags).items()):
        out["execution", f"tag {name}"] = _leaf(value)
    out |= {("input", path): value for path, value in leaves(redact(record.input))}
    out["definition", "hash"] = record.digest[:12] or None
    plan: Plan | None = getattr(view, "plan", None)
    for state in plan.states if plan is not None else ():
        out["definition", state.path] = _own_text(state.document)
    states = view.states()
    places = states["path"].str.replace(r"\[\d+\]", "[*]", regex=True)
    for place, group in states.groupby(places, sort=False):
        out["state", f"{place} visits"] = len(group)
        out["state", f"{place} status"] = ", ".join(sorted(set(group["status"])))
        out["state", f"{place} attempts"] = int(group["attempts"].sum())
        out["state", f"{place} duration_s"] = float(group["duration_s"].sum())
        out["state", f"{place} wait_s"] = float(group["wait_s"].sum())
    metrics = view.metrics()
    for name, group in metrics[metrics["name"] != "progress"].groupby("name", sort=False):
        values = group["value"]
        for pick in [picks[name]] if name in picks else ("min", "max", "last"):
            out["metric", f"{name} {pick}"] = float(values.iloc[-1] if pick == "last" else getattr(values, pick)())
    if record.status == "SUCCEEDED":
        out |= {("output", path): value for path, value in leaves(redact(record.output))}
    return out


def leaves(value: Any, path: str = "$") -> list[tuple[str, Any]]:
    """Every value of a document that holds no others, with its path; beyond `MAX_LEAVES` the rest is one text.

    Examples
    --------
    >>> leaves({"a": [1, {"b": None}], "c": {}})
    [('$.a[0]', 1), ('$.a[1].b', None), ('$.c', '{}')]
    """
    out: list[tuple[str, Any]] = []
    stack = [(path, value)]
    while stack:
        at, thing = stack.pop()
        if len(out) >= MAX_LEAVES:
            out.append((f"{at} and what follows", f"({len(stack) + 1:,} parts not compared one by one)"))
            break
        if isinstance(thing, dict) and thing:
            stack += [(f"{at}.{k}" if re.fullmatch(r"\w+", k) else f"{at}[{json.dumps(k, ensure_ascii=False)}]", v) for k, v in reversed(list(thing.items()))]
        elif isinstance(thing, list) and thing:
            stack += [(f"{at}[{i}]", v) for i, v in reversed(list(enumerate(thing)))]
        else:
            out.append((at, _leaf(thing)))
    return out


def _leaf(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _own_text(document: dict[str, Any]) -> str:
    """A state's own text in the definition, without the states inside it."""
    inner = ("Branches", "ItemProcessor", "Iterator")
    return json.dumps(redact({k: v for k, v in document.items() if k not in inner}), ensure_ascii=False, sort_keys=True)


def _alike(values: Sequence[Any], key: tuple[str, str]) -> bool:
    first = values[0]
    if key[1].endswith("_s"):
        if all(isinstance(v, float) for v in values):
            low, high = min(values), max(values)
            return high - low <= max(SAME_S, SAME_SHARE * high)
    return all(_equal(v, first) for v in values)


def _equal(a: Any, b: Any) -> bool:
    # 1 and true are equal in Python and different in JSON; NaN is what it is
    return (a == b and isinstance(a, bool) == isinstance(b, bool)) or (a != a and b != b)


def _change(values: Sequence[Any]) -> float:
    first, last = values[0], values[-1]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (first, last))
    if not numbers or not first:
        return float("nan")
    return last / first


def _shown(value: Any, what: str) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float):
        return duration_text(value) if what.endswith("_s") and value == value else f"{value:.6g}"
    return cut(str(value) if not isinstance(value, str) else value, 120)


def _definition_diff(base: Any, other: Any) -> str:
    documents = [getattr(getattr(view, "plan", None), "document", None) for view in (base, other)]
    if documents[0] is None or documents[1] is None or documents[0] == documents[1]:
        return ""
    old, new = (json.dumps(redact(d), indent=2, ensure_ascii=False).splitlines() for d in documents)
    return "\n".join(difflib.unified_diff(old, new, "base", "last", lineterm="", n=2))


def _divergence(views: Sequence[Any], names: Sequence[str]) -> str | None:
    """Where the visits of a later execution first differ from the base's.

    Branches and items run side by side, so that only the order within one of them tells a way: each is compared by itself, and the difference that happened
    first in the base is told.
    """
    base = _ways(views[0])
    found: list[tuple[float, str]] = []
    for view, name in zip(views[1:], names[1:], strict=True):
        other = _ways(view)
        for lane in dict.fromkeys([*base, *other]):
            one, two = base.get(lane, []), other.get(lane, [])
            for i in range(max(len(one), len(two))):
                a, b = (way[i] if i < len(way) else None for way in (one, two))
                if a is not None and b is not None and a[0] == b[0]:
                    continue
                begun = [step[1] for step in (a, b) if step is not None]
                found.append((min(begun), f"{name} {_told(b, lane)}, where {names[0]} {_told(a, lane)}"))
                break
    return min(found)[1] if found else None


Step = tuple[tuple[str, str], float]


def _ways(view: Any) -> dict[str, list[Step]]:
    """By lane (the top, a branch, an item): what was entered and how it ended, with the second of its end."""
    out: dict[str, list[Step]] = {}
    for visit in view.fold().visits:
        lane = visit.path[: -len(visit.state.name)]
        out.setdefault(lane, []).append(((visit.state.name, visit.status), (visit.exited if visit.exited is not None else visit.entered) / 1e6))
    return out


def _told(step: Step | None, lane: str) -> str:
    if step is None:
        return f"has no more states in {lane.rstrip('/')}" if lane else "has ended"
    (name, status), _ = step
    return f"entered {lane}{name} ({status})"


__all__ = ["SECTIONS", "Comparison", "leaves"]
