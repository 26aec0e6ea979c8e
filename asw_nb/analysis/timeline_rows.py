"""Spans -> rows: which row each span is drawn in, in which lane of it, and in which order rows stand.

A row is one state at one place. The items of a large Map share one row per state, ``EachTable[*]/Load``, whose spans
are packed into as many lanes as ran side by side: its height shows the concurrency reached. Heights are whole slots::

    Load             |  4 slots: one lane
    Each[*]/Load x9  |  2 slots a lane up to 12 lanes, then 24 slots that many lanes share
"""

from __future__ import annotations

import functools
import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asw_nb.analysis.timeline_spans import CONTAINER, FAILED, FAILED_STEP, QUEUED, TIMED_OUT, Key, Spans, places

if TYPE_CHECKING:
    import numpy as np

FOLD_ABOVE = 30
PROMOTED = 10
ROW_SLOTS = 4
LANE_SLOTS = 2
SHARED_SLOTS = 24
_INDEX = re.compile(r"\[\d+\](?=/)")


@dataclass
class Row:
    """One row; `count` places are drawn in it, more than one when it is folded."""

    execution: str
    label: str
    count: int = 0
    lanes: int = 1
    top: int = 0
    first: float = float("inf")
    is_promoted: bool = False
    anchor: float = float("inf")  # where it stands: its first start, or that of the folded row that it belongs to
    parent: int = -1
    children: list[int] = field(default_factory=list)
    failed: int = 0  # of the places that share a row

    @property
    def slots(self) -> int:
        if self.lanes == 1:
            return ROW_SLOTS
        return min(self.lanes * LANE_SLOTS, SHARED_SLOTS) + 1

    @property
    def centre(self) -> float:
        return self.top + (self.slots if self.lanes == 1 else self.slots - 1) / 2

    @property
    def name(self) -> str:
        """Its label, with how many places share it."""
        if self.count == 1:
            return self.label
        return f"{self.label} \u00d7{self.count:,}" + (f", {self.failed:,} failed" if self.failed else "")


@dataclass
class Layout:
    """Rows from top to bottom, and for each span its row, the slot of its middle and its thickness in slots."""

    rows: list[Row]
    row: np.ndarray
    y: np.ndarray
    thickness: np.ndarray

    @property
    def slots(self) -> int:
        return sum(row.slots for row in self.rows)


def arrange(spans: Spans, fold_all: bool = False, unfold: Sequence[str] = ()) -> Layout:
    """Rows for all spans: containers above their children, earlier starts first.

    Parameters
    ----------
    spans : Spans
    fold_all : bool
        One row per state, however few the items; otherwise only Maps of more than `FOLD_ABOVE` items are folded, and
        the first `PROMOTED` items that failed keep their own rows, above the others.
    unfold : sequence of str
        Maps, by name or path, that are not folded in any case; their failed items stand first. ``"*"`` is all.
    """
    import numpy as np

    first = np.full(len(spans.keys), np.inf)
    np.minimum.at(first, spans.key, spans.start)
    failed = np.zeros(len(spans.keys), dtype=bool)
    failed[spans.key[_visit_failed(spans)]] = True

    rows, row_of_key = _rows(spans.keys, first, failed, fold_all, unfold)
    _link(rows, row_of_key, spans.keys)
    order = _walk(rows)
    position = np.empty(len(rows), dtype="int64")
    position[order] = np.arange(len(order))
    row = position[row_of_key[spans.key]]
    rows = [rows[i] for i in order]
    lane = _pack(spans, row, rows)
    top = 0
    for each in rows:
        each.top = top
        top += each.slots
    return Layout(rows, row, *_place(spans, rows, row, lane))


def _visit_failed(spans: Spans) -> np.ndarray:
    """Which spans are the failed last attempt of their visit."""
    import numpy as np

    bad = np.isin(spans.kind, (FAILED, TIMED_OUT, FAILED_STEP))
    if not bad.any():
        return bad
    visits, visit_of = np.unique(places(spans.key, spans.visit), return_inverse=True)
    newest = np.full(len(visits), -1, dtype="int64")
    np.maximum.at(newest, visit_of, spans.attempt)
    # An attempt may be queued, and then run: both spans bear its number.
    return (spans.attempt == newest[visit_of]) & bad


def _lane(key: Key) -> str:
    """The Map item or branch that a state ran in, ``Each[3]`` for ``Each[3]/Load``; "" at the top."""
    # By the state's name and not by the last slash: names may contain slashes.
    return key.path[: -len(key.state) - 1] if key.path.endswith("/" + key.state) else key.path.rpartition("/")[0]


def _rows(
    keys: list[Key], first: np.ndarray, failed: np.ndarray, fold_all: bool, unfold: Sequence[str]
) -> tuple[list[Row], np.ndarray]:
    """The rows, in no order, and the row of each key."""
    import numpy as np

    lanes = [_lane(key) for key in keys]
    patterns = [_INDEX.sub("[*]", lane + "/") for lane in lanes]
    items: dict[tuple[str, str], set[str]] = {}
    for key, lane, pattern in zip(keys, lanes, patterns, strict=True):
        if lane:
            items.setdefault((key.execution, pattern), set()).add(lane)
    opened = {place for place in items if _is_meant(place[1], unfold)}
    large = {place for place, found in items.items() if place not in opened and (fold_all or len(found) > FOLD_ABOVE)}

    @functools.cache
    def is_folded(execution: str, pattern: str) -> bool:
        ends = [m.end() for m in re.finditer(r"\[\*\]/", pattern)]
        return any((execution, pattern[:end]) in large for end in ends)

    folded = [is_folded(key.execution, pattern) for key, pattern in zip(keys, patterns, strict=True)]
    promoted = set() if fold_all else _promoted(keys, folded, first, failed)
    bad = failed.tolist()
    if opened:
        promoted |= {i for i, pattern in enumerate(patterns) if bad[i] and (keys[i].execution, pattern) in opened}

    rows: list[Row] = []
    index: dict[tuple[str, str, bool], int] = {}
    row_of_key = np.zeros(len(keys), dtype="int64")
    starts = first.tolist()
    for i, key in enumerate(keys):
        together = folded[i] and i not in promoted
        label = _INDEX.sub("[*]", key.path) if together else key.path
        at = index.get((key.execution, label, together))
        if at is None:
            at = index[key.execution, label, together] = len(rows)
            rows.append(Row(key.execution, label, is_promoted=i in promoted))
        row = rows[at]
        row.count += 1
        row.failed += bad[i]
        if starts[i] < row.first:
            row.first = starts[i]
        row_of_key[i] = at
    anchors: dict[tuple[str, str], float] = {}
    for row in rows:
        place = (row.execution, _INDEX.sub("[*]", row.label) if row.is_promoted else row.label)
        anchors[place] = min(anchors.get(place, row.first), row.first)
    for row in rows:
        row.anchor = anchors[row.execution, _INDEX.sub("[*]", row.label) if row.is_promoted else row.label]
    return rows, row_of_key


def _is_meant(place: str, unfold: Sequence[str]) -> bool:
    """Whether ``Each[*]/`` is one of the Maps that were named."""
    path = place[: place.rfind("[")]
    return any(name in ("*", path, path.rpartition("/")[2], _INDEX.sub("[*]", name)) for name in unfold)


def _promoted(keys: list[Key], folded: list[bool], first: np.ndarray, failed: np.ndarray) -> set[int]:
    """The failed keys of folded Maps that keep a row of their own: the earliest few of each state."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i in sorted((i for i in range(len(keys)) if folded[i] and failed[i]), key=lambda i: first[i]):
        groups.setdefault((keys[i].execution, _INDEX.sub("[*]", keys[i].path)), []).append(i)
    return {i for group in groups.values() for i in group[:PROMOTED]}


def _link(rows: list[Row], row_of_key: np.ndarray, keys: list[Key]) -> None:
    """Give each row its container's row, the nearest that there is."""
    by_path = {(key.execution, key.path): int(row) for key, row in zip(keys, row_of_key.tolist(), strict=True)}
    linked = set()
    for key, at in zip(keys, row_of_key.tolist(), strict=True):
        if at in linked:
            continue
        linked.add(at)
        above = _lane(key)
        while above:
            parent = by_path.get((key.execution, re.sub(r"\[\d+\]$", "", above)))
            if parent is not None and parent != at:
                rows[at].parent = parent
                rows[parent].children.append(at)
                break
            above = above.rpartition("/")[0]


def _walk(rows: list[Row]) -> list[int]:
    """Row numbers from top to bottom."""

    def standing(i: int) -> tuple:
        row = rows[i]
        return row.anchor, _INDEX.sub("[*]", row.label), not row.is_promoted, row.first, i

    def ordered(some: list[int]) -> list[int]:
        return sorted(some, key=standing, reverse=True)

    executions: dict[str, int] = {}
    for row in rows:
        executions.setdefault(row.execution, len(executions))
    order: list[int] = []
    for execution in executions:
        stack = ordered([i for i, row in enumerate(rows) if row.parent < 0 and row.execution == execution])
        while stack:
            at = stack.pop()
            order.append(at)
            stack.extend(ordered(rows[at].children))
    return order


def _pack(spans: Spans, row: np.ndarray, rows: list[Row]) -> np.ndarray:
    """The lane of each span: a visit takes the first lane that is free when it begins. Sets `Row.lanes`."""
    import numpy as np

    # a key is drawn in one row, so that key and visit tell one bar from another
    visits, any_span, visit_of = np.unique(places(spans.key, spans.visit), return_index=True, return_inverse=True)
    row_of_visit = row[any_span]
    start, end = np.full(len(visits), np.inf), np.full(len(visits), -np.inf)
    np.minimum.at(start, visit_of, spans.start)
    np.maximum.at(end, visit_of, spans.end)
    lanes = np.zeros(len(visits), dtype="int64")
    current, used = -1, 0
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    order = np.lexsort((start, row_of_visit))
    for at, of, begin, until in zip(order.tolist(), row_of_visit[order].tolist(), start[order].tolist(), end[order].tolist(), strict=True):
        if of != current:
            current, busy, free, used = of, [], [], 0
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, used = used, used + 1
            rows[current].lanes = used
        lanes[at] = lane
        heapq.heappush(busy, (until, lane))
    return lanes[visit_of]


def _place(spans: Spans, rows: list[Row], row: np.ndarray, lane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle slot and the thickness of each span."""
    import numpy as np

    top, lanes = np.array([r.top for r in rows])[row], np.array([r.lanes for r in rows])[row]
    single, shared = lanes == 1, lanes * LANE_SLOTS > SHARED_SLOTS
    y = np.select(
        [single, shared],
        [top + ROW_SLOTS // 2, top + lane * SHARED_SLOTS // np.maximum(lanes, 1)],
        top + lane * LANE_SLOTS + 1,
    )
    thickness = np.select([single, shared], [2.8, 0.9], 1.6)
    thin = np.isin(spans.kind, (CONTAINER, QUEUED))
    return y.astype("int32"), np.where(thin, thickness * np.where(shared, 1.0, 0.45), thickness)
