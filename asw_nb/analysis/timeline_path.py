"""The critical path as outlines on the timeline: for each visit on it, from when to when, and in which row and lane it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asw_nb.analysis.critical_path import Step
from asw_nb.analysis.palette import SERIES_COLOURS

if TYPE_CHECKING:
    import numpy as np

    from asw_nb.analysis.timeline_rows import Layout
    from asw_nb.analysis.timeline_spans import Spans

NAME = "critical path"
COLOUR = SERIES_COLOURS[3]
LEAST_SHARE = 0.002
"""Of the drawn axis: what is shorter is not outlined, such as the moment that a step adds to the path."""
MOST = 2_000

Stretch = tuple[str, float, float]


@dataclass
class Outlines:
    """Columns of equal length: slots of the middles, thickness in slots, and true seconds since the start."""

    y: np.ndarray
    thickness: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: np.ndarray) -> Outlines:
        """Those of them."""
        return Outlines(self.y[index], self.thickness[index], self.start[index], self.end[index])


def stretches(steps: Sequence[Step]) -> list[Stretch]:
    """The path of steps as (path of the visit, begin, end) in seconds: what one visit did in a row is one stretch."""
    out: list[Stretch] = []
    for step in steps:
        if step.visit is None:
            continue
        path, begin, end = step.visit.path, step.begin / 1e6, step.end / 1e6
        if out and out[-1][0] == path and begin - out[-1][2] < 1e-9:
            out[-1] = (path, out[-1][1], end)
        else:
            out.append((path, begin, end))
    return out


def outlines(wanted: Sequence[Stretch], spans: Spans, layout: Layout) -> Outlines:
    """Where the stretches are drawn; the longest ones where there are very many."""
    import numpy as np

    wanted = sorted(wanted, key=lambda s: s[1] - s[2])[:MOST]
    by_path = {key.path: i for i, key in enumerate(spans.keys)}
    order = np.argsort(spans.key, kind="stable")
    keys = spans.key[order]
    rows = []
    for path, begin, end in wanted:
        code = by_path.get(path)
        if code is None:
            continue
        at = order[np.searchsorted(keys, code) : np.searchsorted(keys, code, "right")]
        at = at[(spans.start[at] <= end) & (spans.end[at] >= begin)]
        if len(at):
            # the outline is as thick as the thickest thing in it, so that a queue's thin bar does not thin it
            thickest = at[np.argmax(layout.thickness[at])]
            rows.append((layout.y[thickest], layout.thickness[thickest], begin, end))
    columns = np.array(rows, dtype="float64").reshape(-1, 4)
    return Outlines(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])


__all__ = ["COLOUR", "NAME", "Outlines", "Stretch", "outlines", "stretches"]
