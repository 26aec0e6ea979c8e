"""What every picture of a workflow promises, whatever the definition: no overlap, no label that leaves its box, all states named once."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from asw_nb.analysis.graph import graph_of, to_svg
from asw_nb.analysis.graph_picture import (
    Picture,
    picture_of,
)
from asw_nb.analysis.palette import STATUS_COLOURS
from tests.analysis.drawings import CHAIN, SVG, faults, machines


@settings(max_examples=120, deadline=None)
@given(machines())
def test_no_picture_breaks_a_promise(definition: dict[str, Any]) -> None:
    picture = picture_of(graph_of(definition))
    assert faults(picture) == []
    drawn = [placed.node.path for placed in picture.nodes if placed.node.is_state]
    assert sorted(drawn) == sorted(node.path for node in graph_of(definition).nodes())


@settings(max_examples=60, deadline=None)
@given(machines(size=25), st.sampled_from(sorted(STATUS_COLOURS)), st.sampled_from(["auto", "light", "dark"]))
def test_every_svg_is_well_formed_and_names_every_state_once(
    definition: dict[str, Any], status: str, theme: str
) -> None:
    paths = [node.path for node in graph_of(definition).nodes()]
    svg = to_svg(definition, dict.fromkeys(paths, status), {paths[0]: {status: 7}}, theme, title="A & <B>")
    root = ET.fromstring(svg)
    groups = [group for group in root.iter(SVG + "g") if group.get("class") == "asw-state"]
    assert sorted(group.get("data-state", "") for group in groups) == sorted(
        path.replace("\x07", "\ufffd") for path in paths
    )
    assert {group.get("data-status") for group in groups} == {status}
    assert root.findtext(SVG + "title") == "A & <B>"
    # The legend has one mark more than the states.
    assert svg.count(f'r="8" fill="{STATUS_COLOURS[status]}"') == len(paths) + 1


def test_the_faults_are_found_when_there_are_any() -> None:
    picture = picture_of(graph_of(CHAIN))
    moved = picture.moved(-5.0, 0.0, -1, 0)
    assert "'A' leaves its container" in faults(moved)
    twice = Picture((*picture.nodes, picture.nodes[1]), picture.lines, (), picture.width, picture.height)
    assert faults(twice) == ["'A' overlaps 'A'"]
