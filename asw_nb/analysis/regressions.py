"""Hints at what became worse: the newest executions of a workflow held against those before them.

A value stands out when it lies outside of what was usual: beyond the median by more than three times the usual deviation
(median absolute deviation), and by more than a fifth, and by more than a clock's jitter. Few executions give few hints."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import duration_text
from asw_nb.analysis.tables import SECONDS, TEXT, frame

if TYPE_CHECKING:
    import pandas

HINTS: dict[str, str] = {
    "state": TEXT, "what": TEXT, "before": SECONDS, "now": SECONDS, "change": SECONDS, "usual_low": SECONDS, "usual_high": SECONDS, "hint": TEXT,
}  # fmt: skip
LEAST_BEFORE = 3
LEAST_SHARE = 0.2
LEAST_S = 0.01

Values = dict[tuple[str | None, str], float]


def hints(views: Sequence[Any], latest: int) -> pandas.DataFrame:
    """Differences that stand out, the largest first; `views` are newest first."""
    new, old = [_values(v) for v in views[:latest]], [_values(v) for v in views[latest:]]
    if len(old) < LEAST_BEFORE:
        return frame(HINTS, [])
    rows = []
    for key in dict.fromkeys(k for values in [*new, *old] for k in values):
        before, now = ([values[key] for values in some if key in values] for some in (old, new))
        if len(before) < LEAST_BEFORE or not now:
            continue
        usual, value = median(before), median(now)
        deviation = 1.4826 * median([abs(b - usual) for b in before])
        room = max(3 * deviation, LEAST_SHARE * abs(usual), LEAST_S if key[1].endswith("_s") else 1e-9)
        if abs(value - usual) <= room:
            continue
        change = value / usual if usual else float("inf") if value else 1.0
        rows.append((key[0], key[1], usual, value, change, usual - room, usual + room, _sentence(key, usual, value, len(before))))
    rows.sort(key=lambda row: (-abs(row[3] - row[2]) / max(abs(row[2]), 1e-9), str(row[0]), row[1]))
    return frame(HINTS, rows)


def _values(view: Any) -> Values:
    """What an execution is judged by: seconds, attempts and failures of each state and of the whole, and the last value of each metric."""
    record = view._latest()
    states = view.states()
    out: Values = {}
    if record.finished_us is not None:
        out[None, "duration_s"] = (record.finished_us - record.started_us) / 1e6
    out[None, "failures"] = float(record.status != "SUCCEEDED")
    bad = states["status"].isin(("FAILED", "CAUGHT", "TIMED_OUT"))
    for name, group in states.assign(bad=bad).groupby("state", sort=False):
        out[str(name), "duration_s"] = float(group["duration_s"].sum())
        out[str(name), "attempts"] = float(group["attempts"].sum())
        out[str(name), "failures"] = float(group["bad"].sum())
    metrics = view.metrics()
    for name, group in metrics[metrics["name"] != "progress"].groupby("name", sort=False):
        out[None, f"metric {name}"] = float(group["value"].iloc[-1])
    return out


def _sentence(key: tuple[str | None, str], usual: float, value: float, n: int) -> str:
    where = "the execution" if key[0] is None else f'"{key[0]}"'
    if key[1] == "duration_s":
        faster = f"{value / usual:.1f} times as long" if usual and value > usual else "less time" if value < usual else "longer"
        return f"{where} took {duration_text(value)}, {faster} as usual ({duration_text(usual)} in the {n} before)".replace("less time as", "less time than").replace("longer as", "longer than")
    if key[1].startswith("metric "):
        return f"{key[1].removeprefix('metric ')} ended at {value:.4g}; it was {usual:.4g} in the {n} before"
    if key[0] is None:
        return f"the execution did not succeed; the {n} before did" if value > usual else f"the execution succeeded; the {n} before did not"
    noun = key[1]
    return f"{where} had {value:g} {noun}; usual are {usual:g}"


__all__ = ["HINTS", "hints"]
