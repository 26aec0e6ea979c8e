"""Tables of visits, attempts and states, straight from the fold: a table of a million rows is never made to show two hundred of them."""

from __future__ import annotations

from collections import Counter

from asw_nb.analysis.words import duration_text
from asw_nb.history.fold import Visit
from asw_nb.reports.blocks import Limits, Table, name, text

BAD = ("FAILED", "TIMED_OUT", "ABORTED")


def visits_table(visits: list[Visit], limits: Limits) -> Table:
    """Visits, those that went wrong first when there are too many."""
    shown = visits
    note = ""
    if len(visits) > limits.rows:
        bad = [v for v in visits if v.status not in ("SUCCEEDED", "RUNNING")][: limits.rows // 2]
        marked = {id(v) for v in bad}
        good = [v for v in visits[: limits.rows + len(bad)] if id(v) not in marked][: limits.rows - len(bad)]
        shown = sorted([*bad, *good], key=lambda v: v.number)
        note = f"{len(shown):,} of {len(visits):,} visits are shown, those that went wrong first."
    rows = [
        (
            name(v.path), v.state.type, v.status, duration_text(v.entered / 1e6) or "0", "" if v.exited is None else duration_text((v.exited - v.entered) / 1e6),
            str(len(v.attempts) or ""), duration_text(v.wait_us / 1e6) if v.wait_us else "", text(v.error or "", 120),
        )
        for v in shown
    ]  # fmt: skip
    return Table(("state", "type", "status", "at", "duration", "attempts", "waited", "error"), rows, frozenset({3, 4, 5, 6}), 2, note)


def attempts_table(visits: list[Visit], limits: Limits) -> Table | None:
    """Tries of tasks, failed ones first when there are too many; None when there was none."""
    tries = [(v, a) for v in visits for a in v.attempts]
    if not tries:
        return None
    shown, note = tries, ""
    if len(tries) > limits.rows:
        bad = [t for t in tries if t[1].status in BAD][: limits.rows // 2]
        marked = {id(a) for _, a in bad}
        good = [t for t in tries[: limits.rows + len(bad)] if id(t[1]) not in marked][: limits.rows - len(bad)]
        shown = sorted([*bad, *good], key=lambda t: t[1].scheduled)
        note = f"{len(shown):,} of {len(tries):,} attempts are shown, failed ones first."
    rows = []
    for v, a in shown:
        begun = a.started if a.started is not None else a.scheduled
        took = "" if a.finished is None else duration_text((a.finished - begun) / 1e6)
        queued = duration_text((begun - a.scheduled) / 1e6) if begun - a.scheduled >= 1000 else ""
        rows.append((name(v.path), str(a.number), a.status, duration_text(begun / 1e6), took, queued, name(a.worker or "", 60), text(a.error or "", 120)))
    return Table(("state", "attempt", "status", "at", "duration", "queued", "worker", "error"), rows, frozenset({1, 3, 4, 5}), 2, note)


def states_table(visits: list[Visit], limits: Limits) -> Table:
    """One row per state of the definition, those in which something went wrong first when there are too many."""
    groups: dict[str, list[Visit]] = {}
    for visit in visits:
        groups.setdefault(visit.state.path, []).append(visit)
    note = ""
    if len(groups) > limits.rows:
        bad = [path for path, of in groups.items() if any(v.error or v.status in BAD for v in of)][: limits.rows]
        kept = {*bad, *[path for path in groups if path not in set(bad)][: limits.rows - len(bad)]}
        note = f"{len(kept):,} of {len(groups):,} states are shown, those that went wrong first."
        groups = {path: of for path, of in groups.items() if path in kept}
    rows = []
    for path, of in groups.items():
        times = [(v.exited - v.entered) / 1e6 for v in of if v.exited is not None]
        tally = Counter(v.status for v in of)
        resource = of[0].state.resource
        ended = ", ".join(f"{n:,} {status}" for status, n in tally.most_common()) if len(of) > 1 else of[0].status
        tries = sum(len(v.attempts) for v in of)
        again = sum(max(0, v.tries - 1) for v in of if v.attempts)
        error = next((v.error for v in of if v.error), None) or next((a.error for v in of for a in v.attempts if a.error), None)
        rows.append((
            name(path), of[0].state.type, f"{len(of):,}", ended, f"{tries:,}" if tries else "", f"{again:,}" if again else "",
            duration_text(sum(times)) if times else "", duration_text(max(times)) if len(times) > 1 else "", name(resource.name, 80) if resource is not None else "",
            text(error or "", 120),
        ))  # fmt: skip
    heads = ("state", "type", "visits", "status", "attempts", "retries", "time", "longest", "function", "first error")
    return Table(heads, rows, frozenset({2, 4, 5, 6, 7}), 3, note)


__all__ = ["attempts_table", "states_table", "visits_table"]
