"""A timeline in letters, for places that show neither pictures nor markup: one line per state, one column per slice of time."""

from __future__ import annotations

from collections.abc import Sequence

from asw_nb.analysis.graph_text import shown as one_line
from asw_nb.analysis.words import duration_text
from asw_nb.history.fold import Visit

COLUMNS = 60
MOST_STATES = 40
LABEL = 28
RUNNING, WAITING, FAILED, NOTHING = "█", "░", "×", " "


def strip(visits: Sequence[Visit], end_us: int) -> str:
    """What ran (█), waited (░) and failed (×) when, state by state.

    A slice in which several things happened shows the worst of them: failed, then ran, then waited.
    """
    lines: dict[str, list[str]] = {}
    times: dict[str, int] = {}
    slice_us = max(1, end_us) / COLUMNS

    def column(at: float) -> int:
        return min(COLUMNS - 1, max(0, int(at / slice_us)))

    # of what a very long history repeats in the same slices, once is enough
    painted: set[tuple[str, int, int]] = set()

    for visit in visits:
        if not visit.attempts and not visit.waits:
            continue
        path = visit.state.path
        line = lines.setdefault(path, [NOTHING] * COLUMNS)

        def paint(begin: int, end: int, mark: str, line: list[str] = line) -> None:
            # the last moment of a piece belongs to the slice that it fills, not to the one that it touches
            for i in range(column(begin), column(max(begin, end - 1)) + 1):
                if line[i] == NOTHING or (mark == RUNNING and line[i] == WAITING):
                    line[i] = mark

        for begin, woken in visit.waits or ():
            paint(begin, end_us if woken is None else woken, WAITING)
        for attempt in visit.attempts:
            until = end_us if attempt.finished is None else attempt.finished
            begun = attempt.scheduled if attempt.started is None else attempt.started
            if begun - attempt.scheduled > slice_us:
                paint(attempt.scheduled, begun, WAITING)
            times[path] = times.get(path, 0) + until - begun
            piece = path, int(begun / slice_us), int((until - 1) / slice_us)
            if piece not in painted:
                painted.add(piece)
                paint(begun, until, RUNNING)
            if attempt.status in ("FAILED", "TIMED_OUT"):
                line[column(until - 1)] = FAILED
    if not lines:
        return "no task was run"
    rest = len(lines) - MOST_STATES
    shown = list(lines.items())[:MOST_STATES]
    width = max(6, min(LABEL, max(len(path) for path, _ in shown)))
    out = [f"{'':{width}} |{'0':<{COLUMNS - 12}}{duration_text(end_us / 1e6):>12}|"]
    for path, line in shown:
        path, took = one_line(path), times.get(path, 0) / 1e6
        label = path if len(path) <= width else "…" + path[1 - width :]
        out.append(f"{label:{width}} |{''.join(line)}| {duration_text(took)}")
    if rest > 0:
        out.append(f"{rest:,} more states are not listed")
    return "\n".join([*out, f"{'':{width}}  {RUNNING} ran   {WAITING} waited   {FAILED} failed"])


__all__ = ["strip"]
