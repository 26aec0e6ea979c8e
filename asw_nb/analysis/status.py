"""The status of each state, for the picture: from a fold (any execution) or from the live tallies (constant cost)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import CHILDREN, TIMER, Frame
from asw_nb.history.fold import Fold, Visit
from asw_nb.language.plan import MAP, Plan, StatePlan

Statuses = dict[str, str]
Counts = dict[str, dict[str, int]]

SAMPLE = 1000
"""Of more frames than that an even sample is looked at, so that a picture costs the same however wide an execution is."""

# what a state shows when its visits differ: the first of these that any visit has
_ORDER = ("RUNNING", "RETRYING", "WAITING", "FAILED", "TIMED_OUT", "ABORTED", "CAUGHT", "SUCCEEDED")


def graph_statuses(fold: Fold) -> tuple[Statuses, Counts]:
    """Statuses and counts by status; keys are paths in the definition.

    A Map's counts are those of its items, of all its visits together. Another state's are those of its visits, when there are several.
    """
    by_state: dict[str, Counter[str]] = {}
    for (path, status), number in Counter((visit.state.path, visit.status) for visit in fold.visits).items():
        by_state.setdefault(path, Counter())[status] = number
    newest = {visit.state.path: visit.status for visit in fold.visits}
    statuses: Statuses = {}
    counts: Counts = {}
    for path, tally in by_state.items():
        inside_map = _inside_map(next(s for s in fold.state.plan.states if s.path == path)) if len(tally) > 1 else False
        statuses[path] = next(s for s in _ORDER if s in tally) if inside_map else newest[path]
        if sum(tally.values()) > 1:
            counts[path] = dict(tally)
    for state in fold.state.plan.states:
        if state.kind == MAP:
            counts.pop(state.path, None)
    last = {(v.parent.number, v.frame): v for v in fold.visits if v.parent is not None and v.parent.state.kind == MAP}
    for visit in last.values():
        items = counts.setdefault(visit.parent.state.path, {})  # type: ignore[union-attr]
        status = item_status([visit])
        items[status] = items.get(status, 0) + 1
    return statuses, counts


def item_status(visits: list[Visit]) -> str:
    """How an item of a Map stands, by its visits."""
    last = visits[-1]
    if last.status in ("FAILED", "ABORTED", "TIMED_OUT"):
        return last.status
    return "SUCCEEDED" if last.exited is not None and last.next_name is None else "RUNNING"


def _inside_map(state: StatePlan) -> bool:
    owner = state.scope.owner
    while owner is not None:
        if owner.kind == MAP:
            return True
        owner = owner.scope.owner
    return False


def live_statuses(run: ExecutionState | Tallies) -> tuple[Statuses, Counts]:
    """The same from a running execution's tallies: cost grows with the states of the definition, not with the
    history. The items of a Map are counted while it runs."""
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
        elif "FAILED" in tally and ("SUCCEEDED" not in tally or _inside_map(state)):
            statuses[state.path] = "CAUGHT" if run.status in ("RUNNING", "SUCCEEDED") else "FAILED"
        else:
            statuses[state.path] = "SUCCEEDED"
        if tally.total() > 1 and state.kind != MAP:
            counts[state.path] = dict(tally)
    for owner in containers(sampled(run.frames)):
        children = owner.children
        if children is not None and owner.state.map is not None:
            items = Counter(counts.get(owner.state.path, {}))
            items += Counter({"SUCCEEDED": children.done, "FAILED": children.failed, "RUNNING": children.running})
            counts[owner.state.path] = dict(items)
    return statuses, counts


def sampled(frames: dict[int, Frame]) -> list[Frame]:
    """Frames that are alive, an even sample of them when there are many."""
    alive = list(frames.values())
    return alive if len(alive) <= SAMPLE else alive[:: len(alive) // SAMPLE + 1]


def containers(frames: Iterable[Frame]) -> list[Frame]:
    """The Parallels and Maps that these frames stand in or on, outer ones first."""
    found: dict[int, Frame] = {}
    for frame in frames:
        one: Frame | None = frame
        while one is not None and one.id not in found:
            if one.children is not None:
                found[one.id] = one
            one = one.parent
    return [found[number] for number in sorted(found)]


def tallies(run: ExecutionState | Tallies) -> list[Counter[str]]:
    """Visits by status for each state of the plan."""
    return [Counter(tally) for tally in run.tallies()]


@dataclass(frozen=True, slots=True)
class Tallies:
    """What was kept of a long execution when it ended; it answers as its state would, as far as pictures and tables of tallies ask."""

    plan: Plan
    status: str
    count: int
    told: list[dict[str, int]]

    @property
    def frames(self) -> dict[int, Frame]:
        """None is alive."""
        return {}

    def tallies(self) -> list[dict[str, int]]:
        return self.told


__all__ = ["Counts", "Statuses", "Tallies", "containers", "graph_statuses", "item_status", "live_statuses", "sampled", "tallies"]
