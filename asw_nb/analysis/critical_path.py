"""The critical path: the chain of pieces of time that decided how long an execution took.

It is found backwards. From the end of the execution one walks to the visit that ended last, and inside a Parallel or Map to the
branch or item that ended last, since that is the one everybody waited for; at the begin of an item that had to wait
for a free place, to the item whose end freed it::

    Load ──────────┐        ┌── Each[2]/Fit ──┐
                   └ Each[0]/Fit ┘            └── Publish      the pieces follow each other without a hole

So its length is always the execution's duration, and shortening anything that is not on it changes nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from asw_nb.analysis.pieces import BACKOFF, IDLE, filled, spent
from asw_nb.history.fold import Visit


class Step(NamedTuple):
    """One piece of the path; `visit` is None for what belongs to no state, such as the time between two lives."""

    begin: int
    end: int
    kind: str
    visit: Visit | None
    attempt: int | None = None


def critical_path(visits: Sequence[Visit], end: int) -> list[Step]:
    """The path from 0 to `end`, oldest step first; steps that took no time are left out."""
    roots = [v for v in visits if v.parent is None]
    children: dict[int, dict[int, list[Visit]]] = {}
    for visit in visits:
        if visit.parent is not None:
            children.setdefault(visit.parent.number, {}).setdefault(visit.frame, []).append(visit)
    steps: list[Step] = []
    _Walk(children, end, steps).chain(roots, 0, end, None)
    steps.reverse()
    return steps


class _Walk:
    """Adds steps from the last to the first."""

    def __init__(self, children: dict[int, dict[int, list[Visit]]], end: int, steps: list[Step]) -> None:
        self.children, self.end, self.steps = children, end, steps

    def _until(self, visit: Visit) -> int:
        return self.end if visit.exited is None else visit.exited

    def _idle(self, begin: int, end: int, visit: Visit | None) -> None:
        if end > begin:
            self.steps.append(Step(begin, end, IDLE, visit))

    def chain(self, visits: list[Visit], begin: int, at: int, owner: Visit | None) -> None:
        """The visits of one frame, which follow each other, from `at` back to `begin`."""
        for visit in reversed(visits):
            until = min(self._until(visit), at)
            if until < visit.entered or visit.entered >= at > begin:
                continue
            self._idle(max(until, begin), at, owner)
            self.visit(visit, max(visit.entered, begin), until)
            at = max(visit.entered, begin)
            if at <= begin:
                break
        self._idle(begin, at, owner)

    def visit(self, visit: Visit, begin: int, end: int) -> None:
        """One visit from `end` back to `begin`."""
        frames = self.children.get(visit.number)
        if frames is None:
            for since, until, kind in reversed(spent(visit, self.end)):
                since, until = max(since, begin), min(until, end)
                if until > since:
                    self.steps.append(Step(since, until, kind, visit, _attempt(visit, since)))
            return
        groups = [(self._until(group[-1]), group[-1].status == "FAILED", group[0].entered, i, group) for i, group in enumerate(frames.values())]
        # of those that ended at the same moment, the one that failed is the reason, then the one that began first
        groups.sort(key=lambda g: (g[0], g[1], -g[2], -g[3]))
        ends = [g[0] for g in groups]
        last = len(groups)
        while end > begin:
            last = min(last, bisect_right(ends, end)) - 1
            # an item that took no time explains nothing
            while last >= 0 and groups[last][2] >= min(ends[last], end):
                last -= 1
            if last < 0 or ends[last] <= begin:
                break
            until, _, since, _, group = groups[last]
            self.own(visit, until, end)
            since = max(since, begin)
            self.chain(group, since, until, visit)
            end = since
        self.own(visit, begin, end)

    def own(self, visit: Visit, begin: int, end: int) -> None:
        """Time in which a Parallel or Map waited for none of its children: a backoff, or the engine's."""
        if end <= begin:
            return
        pieces = [(a, self.end if b is None else b, BACKOFF) for a, b in visit.waits or ()]
        for since, until, kind in reversed(filled(pieces, begin, end)):
            self.steps.append(Step(since, until, kind, visit))


def _attempt(visit: Visit, at: int) -> int | None:
    """The number of the attempt that a moment belongs to; a backoff belongs to the one that it leads to."""
    number = None
    for attempt in reversed(visit.attempts):
        if number is None or (attempt.finished is None or attempt.finished > at):
            number = attempt.number
    return number


__all__ = ["Step", "critical_path"]
