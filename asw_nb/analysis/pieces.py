"""What each moment of a visit was spent on: visits -> pieces of time that follow each other without a hole.

::

    entered   scheduled    started     finished        scheduled ...           exited
       |- idle -|-- queue --|--- run ----|--- backoff ----|-- queue --|-- run --|
                                                                    (a Wait: wait)

A piece is ``(from, to, kind)`` in microseconds since the execution's start. What no event explains is `IDLE`: the engine's own
work, and the pause between an end and a redrive. Sums and the critical path are made of the same pieces, so that they agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asw_nb.history.fold import Visit

RUN, QUEUE, BACKOFF, WAIT, IDLE = "run", "queue", "backoff", "wait", "idle"
WAITING_KINDS = (QUEUE, BACKOFF, WAIT)

Piece = tuple[int, int, str]
Interval = tuple[int, int]


def spent(visit: Visit, end: int) -> list[Piece]:
    """Pieces from the visit's entry to its exit, or to `end` while it is open; what its children did is not among them."""
    found: list[Piece] = []
    for attempt in visit.attempts:
        until = end if attempt.finished is None else attempt.finished
        # as in the table of attempts: one that ended without a known start ran from the moment it was scheduled
        started = attempt.started
        if started is None:
            started = attempt.scheduled if attempt.finished is not None else until
        found.append((attempt.scheduled, started, QUEUE))
        found.append((started, until, RUN))
    kind = WAIT if visit.state.type == "Wait" else BACKOFF
    for since, woken in visit.waits or ():
        found.append((since, end if woken is None else woken, kind))
    found.sort()
    return filled(found, visit.entered, end if visit.exited is None else visit.exited)


def filled(pieces: Iterable[Piece], begin: int, end: int) -> list[Piece]:
    """The pieces cut to [begin, end], one after the other, with `IDLE` where there is none.

    Clocks of two machines may disagree: where pieces overlap, the earlier one keeps the time.

    Examples
    --------
    >>> filled([(2, 5, "run"), (4, 6, "queue")], 0, 9)
    [(0, 2, 'idle'), (2, 5, 'run'), (5, 6, 'queue'), (6, 9, 'idle')]
    """
    out: list[Piece] = []
    at = begin
    for since, until, kind in pieces:
        since, until = max(since, at), min(until, end)
        if until <= since:
            continue
        if since > at:
            out.append((at, since, IDLE))
        out.append((since, until, kind))
        at = until
    if end > at:
        out.append((at, end, IDLE))
    return out


def union(intervals: list[Interval]) -> list[Interval]:
    """Sorted intervals without overlap that cover the same moments.

    Examples
    --------
    >>> union([(4, 6), (0, 2), (1, 3)])
    [(0, 3), (4, 6)]
    """
    if len(intervals) < 2:
        return intervals
    intervals.sort()
    out = [intervals[0]]
    for since, until in intervals[1:]:
        if since > out[-1][1]:
            out.append((since, until))
        elif until > out[-1][1]:
            out[-1] = (out[-1][0], until)
    return out


def length(intervals: Iterable[Interval]) -> int:
    """How long they are together."""
    return sum(until - since for since, until in intervals)


def within(intervals: Iterable[Interval], begin: int, end: int) -> list[Interval]:
    """The parts of the intervals that lie between two moments."""
    return [(max(a, begin), min(b, end)) for a, b in intervals if a < end and b > begin]


class Use:
    """How one visit, or a whole execution, spent its time: the parts add up to `duration`, in microseconds.

    Attributes
    ----------
    busy : int
        Some task ran.
    waiting : int
        None ran, and something waited: for a worker, for a retry's backoff, for a Wait's timer.
    idle : int
        Neither.
    """

    __slots__ = ("busy", "duration", "waiting")

    def __init__(self, duration: int, busy: int, waiting: int) -> None:
        self.duration, self.busy, self.waiting = duration, busy, waiting

    @property
    def idle(self) -> int:
        return self.duration - self.busy - self.waiting


def uses(visits: Sequence[Visit], end: int) -> tuple[list[Use], Use]:
    """The use of time of every visit, in their order, and of the execution from 0 to `end`.

    A Parallel or Map is busy while anything inside it is. Each visit hands its intervals to the one that it is in, from
    the last to the first: what is inside always begins later.
    """
    inside: dict[int, tuple[list[Interval], list[Interval]]] = {}
    whole: tuple[list[Interval], list[Interval]] = ([], [])
    out: list[Use] = [Use(0, 0, 0)] * len(visits)
    for at in range(len(visits) - 1, -1, -1):
        visit = visits[at]
        busy, waiting = inside.pop(visit.number, (None, None)) or ([], [])
        begin, until = visit.entered, end if visit.exited is None else visit.exited
        own = spent(visit, end)
        if busy is None or waiting is None:
            busy = [(a, b) for a, b, kind in own if kind == RUN]
            waiting = [(a, b) for a, b, kind in own if kind in WAITING_KINDS]
        else:
            busy = within(union(busy), begin, until)
            waiting = within(union(waiting + [(a, b) for a, b, kind in own if kind in WAITING_KINDS]), begin, until)
        out[at] = _use(until - begin, busy, waiting)
        above = whole if visit.parent is None else inside.setdefault(visit.parent.number, ([], []))
        above[0].extend(busy)
        above[1].extend(waiting)
    return out, _use(end, union(within(whole[0], 0, end)), union(within(whole[1], 0, end)))


def _use(duration: int, busy: list[Interval], waiting: list[Interval]) -> Use:
    if not waiting:
        return Use(duration, length(busy), 0)
    worked = length(busy)
    return Use(duration, worked, length(union([*busy, *waiting])) - worked)


__all__ = ["BACKOFF", "IDLE", "QUEUE", "RUN", "WAIT", "WAITING_KINDS", "Interval", "Piece", "Use", "filled", "length", "spent", "union", "uses", "within"]
