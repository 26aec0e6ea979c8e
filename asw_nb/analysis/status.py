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
    for state in run.plan.states:
        i = state.index
        entered, exited, failed = run.entered[i], run.exited[i], run.failed[i]
        if not entered:
            continue
        running = max(entered - exited - failed, 0)
        if running:
            statuses[state.path] = standing.get(i, "RUNNING") if run.status == "RUNNING" else run.status
        elif failed and not exited:
            statuses[state.path] = "CAUGHT" if run.status in ("RUNNING", "SUCCEEDED") else "FAILED"
        else:
            statuses[state.path] = "SUCCEEDED"
        if entered > 1:
            tally = Counter({"SUCCEEDED": exited, "FAILED": failed})
            # what still ran when the execution ended has ended as it did
            tally[run.status] += running
            counts[state.path] = {k: v for k, v in tally.items() if v}
    return statuses, counts


__all__ = ["Counts", "Statuses", "graph_statuses", "live_statuses"]
