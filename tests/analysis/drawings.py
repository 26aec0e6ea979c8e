"""Definitions to draw, and what is wrong with a picture of one."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

from hypothesis import strategies as st

from asw_nb.analysis.graph_picture import (
    HEADER_HEIGHT,
    LABEL_MAX_TEXT,
    NAME_PX,
    SMALL_PX,
    Picture,
    title_room,
)
from asw_nb.analysis.graph_text import text_width
from asw_nb.analysis.layout import Rect

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [
    "Load",
    "Check the quality of every table",
    "数据质量检查",
    "a",
    "W" * 90,
    "<b>&\"'",
    "x/y",
    "\u202eabc",
    "tab\tbell\x07",
]


# ---- definitions to draw


@st.composite
def machines(draw: st.DrawFn, size: int = 60, depth: int = 3) -> dict[str, Any]:
    """A definition with choices, catches, loops and nested containers, of about `size` states on all levels."""
    count = draw(st.integers(1, size))
    names = [f"{draw(st.sampled_from(NAMES))} {i}" for i in range(draw(st.integers(1, count)))]
    spare = (count - len(names)) // 3
    states: dict[str, Any] = {}
    name = st.sampled_from(names)
    for index, own in enumerate(names):
        following = names[index + 1] if index + 1 < len(names) and draw(st.integers(0, 5)) else draw(name)
        kinds = ["Task", "Task", "Pass", "Wait", "Choice", "Succeed", "Fail"]
        kind = draw(st.sampled_from(kinds + (["Map", "Parallel"] if depth and spare else [])))
        state: dict[str, Any] = {"Type": kind}
        if kind == "Choice":
            targets = draw(st.lists(name, max_size=4))
            state["Choices"] = [
                {"Variable": f"$.value{n}", "NumericGreaterThan": 10**n, "Next": target}
                for n, target in enumerate(targets)
            ]
            state["Default"] = following
        elif kind not in ("Succeed", "Fail"):
            state |= {"Next": following} if draw(st.booleans()) else {"End": True}
        if kind in ("Task", "Map", "Parallel"):
            catchers = draw(st.lists(st.tuples(st.sampled_from(["States.ALL", "Timeout"]), name), max_size=2))
            state["Catch"] = [{"ErrorEquals": [error], "Next": target} for error, target in catchers]
            state["Retry"] = [{"ErrorEquals": ["States.ALL"]}] * draw(st.integers(0, 1))
        if kind == "Map":
            state["ItemProcessor"] = draw(machines(spare, depth - 1))
        elif kind == "Parallel":
            width = draw(st.integers(1, min(3, spare)))
            state["Branches"] = [draw(machines(max(1, spare // width), depth - 1)) for _ in range(width)]
        states[own] = state
    return {"StartAt": names[0], "States": states}


def overlap(a: Rect, b: Rect) -> bool:
    return min(a.right, b.right) - max(a.x, b.x) > 0.01 and min(a.bottom, b.bottom) - max(a.y, b.y) > 0.01


def crosses(start: tuple[float, float], end: tuple[float, float], rect: Rect) -> bool:
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return left < rect.right - 0.01 and right > rect.x + 0.01 and top < rect.bottom - 0.01 and bottom > rect.y + 0.01


def ancestors(picture: Picture, parent: int) -> set[int]:
    found = set()
    while parent >= 0:
        found.add(parent)
        parent = picture.nodes[parent].parent
    return found


def faults(picture: Picture) -> list[str]:
    """Every promise of the picture that is broken, in words."""
    found = []
    nodes, lines = picture.nodes, picture.lines
    card = Rect(-0.01, -0.01, picture.width + 0.02, picture.height + 0.02)

    def is_within(inner: Rect, outer: Rect) -> bool:
        return inner.x >= outer.x and inner.y >= outer.y and inner.right <= outer.right and inner.bottom <= outer.bottom

    for a, b in combinations(nodes, 2):
        if a.parent == b.parent and overlap(a.rect, b.rect):
            found.append(f"{a.node.path!r} overlaps {b.node.path!r}")
    for placed in nodes:
        outer = nodes[placed.parent].rect if placed.parent >= 0 else card
        below_header = HEADER_HEIGHT if placed.parent >= 0 else 0.0
        if not is_within(placed.rect, outer) or placed.rect.y < outer.y + below_header:
            found.append(f"{placed.node.path!r} leaves its container")
        if placed.node.is_state and text_width(placed.title, NAME_PX, bold=True) > title_room(placed.rect):
            found.append(f"the name of {placed.node.path!r} does not fit")
    for a, b in combinations(picture.panels, 2):
        if a.parent == b.parent and overlap(a.rect, b.rect):
            found.append("branches overlap")
    labelled = [line for line in lines if line.label_rect]
    for a, b in combinations(labelled, 2):
        if overlap(a.label_rect, b.label_rect):
            found.append(f"labels {a.label!r} and {b.label!r} overlap")
    for line in lines:
        around = ancestors(picture, line.parent)
        others = [(at, placed) for at, placed in enumerate(nodes) if at not in around]
        if line.label_rect:
            if not is_within(line.label_rect, nodes[line.parent].rect if line.parent >= 0 else card):
                found.append(f"label {line.label!r} leaves its container")
            if text_width(line.label, SMALL_PX) > min(line.label_rect.width, LABEL_MAX_TEXT):
                found.append(f"label {line.label!r} does not fit")
            found += [
                f"label {line.label!r} lies on {placed.node.path!r}"
                for _, placed in others
                if overlap(line.label_rect, placed.rect)
            ]
        for start, end in pairwise(line.points):
            found += [
                f"{line.edge.source!r} -> {line.edge.target!r} crosses {placed.node.path!r}"
                for _, placed in others
                if crosses(start, end, placed.rect)
            ]
            if not (card.x <= end[0] <= card.right and card.y <= end[1] <= card.bottom):
                found.append(f"{line.edge.source!r} -> {line.edge.target!r} leaves the card")
        if line.points[0][1] != nodes[line.source].rect.bottom or line.points[-1][1] != nodes[line.target].rect.y:
            found.append(f"{line.edge.source!r} -> {line.edge.target!r} does not touch its ends")
    return found

CHAIN = {
    "StartAt": "A",
    "States": {"A": {"Type": "Task", "Resource": "py:load", "Next": "B"}, "B": {"Type": "Succeed"}},
}
