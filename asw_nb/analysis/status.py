"""The status of each state, for the picture: from a fold (any execution) or from the live tallies (constant cost)."""

from __future__ import annotations

from collections import Counter

from asw_nb.engine.execution import CHILDREN, TIMER, ExecutionState
from asw_nb.history.fold import Fold
from asw_nb.language.plan import MAP, StatePlan

Statuses = dict[str, str]
Counts = dict[str, dict[str, int]]

# what a state shows when its visits differ: the first of these that any visit has
_ORDER = ("RUNNING", "RETRYING", "WAITING", "FAILED", "TIMED_OUT", "ABORTED", "CAUGHT", "SUCCEEDED")


def graph_statuses(fold: Fold) -> tuple[Statuses, Counts]:
    """Statuses and, for states visited more than once, counts by status; keys are paths in the definition."""
    by_state: dict[str, Counter[str]] = {}
    newest: dict[str, str] = {}
    for visit in fold.visits:
        path = visit.state.path
        by_state.setdefault(path, Counter())[visit.status] += 1
        newest[path] = visit.status
    statuses: Statuses = {}
    counts: Counts = {}
    for path, tally in by_state.items():
        inside_map = _inside_map(next(s for s in fold.state.plan.states if s.path == path)) if len(tally) > 1 else False
        statuses[path] = next(s for s in _ORDER if s in tally) if inside_map else newest[path]
        if sum(tally.values()) > 1:
            counts[path] = dict(tally)
    return statuses, counts


def _inside_map(state: StatePlan) -> bool:
    owner = state.scope.owner
    while owner is not None:
        if owner.kind == MAP:
            return True
        owner = owner.scope.owner
    return False


def live_statuses(run: ExecutionState) -> tuple[Statuses, Counts]:
    """The same from a running execution's tallies: cost grows with the states of the definition, not with the
    history."""
    statuses: Statuses = {}
    counts: Counts = {}
    standing: dict[int, str] = {}
    if len(run.frames) <= 1000:
        for frame in list(run.frames.values()):
            if frame.phase == TIMER:
                standing[frame.state.index] = "RETRYING" if frame.error is not None else "WAITING"
            elif frame.phase == CHILDREN or frame.state.index not in standing:
                standing.setdefault(frame.state.index, "RUNNING")
    for state, tally in zip(run.plan.states, tallies(run), strict=True):
        if not tally:
            continue
        if "RUNNING" in tally:
            statuses[state.path] = standing.get(state.index, "RUNNING")
        elif unfinished := [status for status in ("TIMED_OUT", "ABORTED") if status in tally]:
            statuses[state.path] = unfinished[0]
        elif "FAILED" in tally and "SUCCEEDED" not in tally:
            statuses[state.path] = "CAUGHT" if run.status in ("RUNNING", "SUCCEEDED") else "FAILED"
        else:
            statuses[state.path] = "SUCCEEDED"
        if tally.total() > 1:
            counts[state.path] = dict(tally)
    return statuses, counts


def tallies(run: ExecutionState) -> list[Counter[str]]:
    """Visits by status for each state of the plan: SUCCEEDED, FAILED, RUNNING, and for those that the execution's end
    cut short, how it ended."""
    out = [
        +Counter({"SUCCEEDED": exited, "FAILED": failed, "RUNNING": entered - exited - failed})
        for entered, exited, failed in zip(run.entered, run.exited, run.failed, strict=True)
    ]
    if run.status != "RUNNING":
        for frame in run.salvage.values():
            cut_short = run.status if frame.id == 0 or run.status != "FAILED" else "ABORTED"
            out[frame.state.index] += Counter({cut_short: 1})
            out[frame.state.index] -= Counter({"FAILED": 1})
    return out


__all__ = ["Counts", "Statuses", "graph_statuses", "live_statuses", "tallies"]
