"""The workflow graph: a definition as parsed JSON in; a model, an SVG or Mermaid text out.

::

    definition -> graph_model -> graph_picture (layout, routing) -> graph_svg
                      |
                      +--------> graph_mermaid

Geometry depends on the definition only, never on statuses or counts: a live view does not jump, and a redraw reuses
the layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from asw_nb.analysis.graph_mermaid import mermaid_of
from asw_nb.analysis.graph_model import Edge, Graph, Node, Scope, graph_of
from asw_nb.analysis.graph_picture import HEADER_HEIGHT, Picture, picture_of
from asw_nb.analysis.graph_svg import THEMES, draw
from asw_nb.analysis.layout import Rect
from asw_nb.analysis.palette import STATUS_COLOURS

__all__ = ["Edge", "Graph", "Node", "Scope", "boxes", "graph_of", "to_mermaid", "to_svg"]


def to_svg(
    definition: dict[str, Any],
    statuses: Mapping[str, str] | None = None,
    counts: Mapping[str, Mapping[str, int]] | None = None,
    theme: str = "auto",
    title: str | None = None,
) -> str:
    """The graph of a definition as one self-contained SVG element.

    Parameters
    ----------
    definition : dict
        A state machine in ASL or TCSL; one with mistakes is drawn as far as it goes.
    statuses : mapping, optional
        State path, such as ``Fork[0]/A``, to RUNNING, SUCCEEDED, FAILED, CAUGHT, ABORTED, TIMED_OUT, WAITING or
        RETRYING; other words are ignored. An empty mapping is a run that has not begun: grey, with room for the
        legend.
    counts : mapping, optional
        State path to the number of its items in each status; shown below the name.
    theme : str
        ``light``, ``dark``, or ``auto``, which is light: the card is opaque, so that it reads on any page.
    title : str, optional
        A heading, which is also what a screen reader says.

    Examples
    --------
    >>> svg = to_svg({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, {"A": "SUCCEEDED"})
    >>> 'class="asw-state" data-state="A" data-status="SUCCEEDED"' in svg
    True
    """
    known = {path: status for path, status in (statuses or {}).items() if status in STATUS_COLOURS}
    is_live = statuses is not None or counts is not None
    return draw(_picture(definition), known, counts or {}, THEMES.get(theme, THEMES["light"]), title or "", is_live)


def to_mermaid(definition: dict[str, Any]) -> str:
    """The graph of a definition as Mermaid flowchart text.

    Examples
    --------
    >>> print(to_mermaid({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}), end="")
    flowchart TD
      n1(("START"))
      n2("A<br/>Pass")
      n3(("END"))
      n1 --> n2
      n2 --> n3
    """
    return mermaid_of(graph_of(definition))


def boxes(definition: dict[str, Any]) -> dict[str, Rect]:
    """Where each state's box is drawn, by path; of a Parallel or Map its head, as the rest belongs to what is inside.

    The coordinates are those of the group that ``to_svg`` moves into its card.

    Examples
    --------
    >>> boxes({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})["A"].width
    136.0
    """
    return {
        placed.node.path: placed.rect
        if not placed.node.scopes
        else Rect(placed.rect.x, placed.rect.y, placed.rect.width, HEADER_HEIGHT)
        for placed in _picture(definition).nodes
        if placed.node.is_state
    }


def _picture(definition: dict[str, Any]) -> Picture:
    try:
        text = json.dumps(definition)
    except (TypeError, ValueError, RecursionError):
        return picture_of(graph_of(definition))
    return _picture_of_text(text)


@lru_cache(maxsize=16)
def _picture_of_text(text: str) -> Picture:
    return picture_of(graph_of(json.loads(text)))
