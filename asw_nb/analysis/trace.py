"""Export as Chrome trace events, which Perfetto opens: one process per execution, one track per place where attempts never overlap.

Complete events (``ph: "X"``, microseconds) are used throughout, since importers disagree about asynchronous ones. Perfetto
nests events of one track by their times, so that what overlaps without one being inside the other must not share a track."""

from __future__ import annotations

import gzip
import heapq
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from asw_nb.analysis.card import readable_cause
from asw_nb.analysis.pieces import IDLE, RUN, spent
from asw_nb.history.fold import Visit
from asw_nb.history.redact import redact, redact_text
from asw_nb.history.store import Record

MAX_TEXT = 400


def write(path: Path, record: Record, visits: Sequence[Visit], last_us: int) -> None:
    """Write the trace; gzipped when the file's name ends so. Perfetto opens both."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write('{"displayTimeUnit":"ms","traceEvents":[\n')
        for i, event in enumerate(events(record, visits, last_us)):
            file.write((",\n" if i else "") + json.dumps(event, ensure_ascii=True, separators=(",", ":")))
        file.write("\n]}\n")


def events(record: Record, visits: Sequence[Visit], last_us: int) -> Iterator[dict[str, Any]]:
    """The trace's events: names first, then what lasted."""
    end = last_us if record.finished_us is None else max(last_us, record.finished_us - record.started_us)
    yield {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": f"{record.workflow} / {record.name}"}}
    tracks = _tracks(visits, end)
    names: dict[int, str] = {}
    for visit in visits:
        names.setdefault(tracks[visit.number], visit.path[: -len(visit.state.name)].rstrip("/") or record.workflow)
    for track, name in names.items():
        yield {"ph": "M", "pid": 1, "tid": track, "name": "thread_name", "args": {"name": name}}
        yield {"ph": "M", "pid": 1, "tid": track, "name": "thread_sort_index", "args": {"sort_index": track}}
    for visit in visits:
        until = end if visit.exited is None else visit.exited
        where = {"pid": 1, "tid": tracks[visit.number]}
        told = {"path": visit.path, "type": visit.state.type, "status": visit.status, "input": _excerpt(visit.input), "output": _excerpt(visit.output)}
        if visit.error is not None:
            told |= {"error": redact_text(visit.error), "cause": readable_cause(visit.cause)[:MAX_TEXT]}
        yield {"ph": "X", **where, "name": visit.state.name, "cat": visit.state.type, "ts": record.started_us + visit.entered, "dur": until - visit.entered, "args": told}
        numbers = iter(visit.attempts)
        for since, to, kind in spent(visit, end):
            if kind == IDLE:
                continue
            args: dict[str, Any] = {}
            name = kind
            if kind == RUN:
                attempt = next(numbers, None)
                while attempt is not None and attempt.finished is not None and attempt.finished <= since:
                    attempt = next(numbers, None)
                if attempt is not None:
                    name = f"attempt {attempt.number}"
                    args = {"status": attempt.status, "worker": attempt.worker or ""} | ({"error": redact_text(attempt.error)} if attempt.error else {})
            yield {"ph": "X", **where, "name": name, "cat": kind, "ts": record.started_us + since, "dur": to - since, "args": args}


def _tracks(visits: Sequence[Visit], end: int) -> dict[int, int]:
    """The track of each visit. The top has the first; every branch and item takes the lowest one that is free while it runs.

    What is inside an item may be a Map again, so that an item holds its tracks until it ends.
    """
    frames: dict[tuple[int, int], list[Visit]] = {}
    for visit in visits:
        frames.setdefault((0 if visit.parent is None else visit.parent.number, visit.frame), []).append(visit)
    spans = [(members[0].entered, max(end if v.exited is None else v.exited for v in members), key) for key, members in frames.items()]
    spans.sort(key=lambda span: (span[0], span[2]))
    track: dict[tuple[int, int], int] = {}
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    used = 0
    for begin, until, key in spans:
        if key[0] == 0:  # a redriven execution's second life goes on where the first one was
            track[key] = 1
            used = max(used, 1)
            continue
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            number = heapq.heappop(free)
        else:
            used = number = max(used, 1) + 1
        track[key] = number
        heapq.heappush(busy, (until, number))
    return {v.number: track[0 if v.parent is None else v.parent.number, v.frame] for v in visits}


def _excerpt(value: Any) -> str:
    text = json.dumps(redact(value), ensure_ascii=False, default=str)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text):,} characters)"


__all__ = ["events", "write"]
