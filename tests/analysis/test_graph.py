"""The workflow graph: what is read of a definition, what the SVG and Mermaid texts hold."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asw_nb.analysis.graph import Edge, Graph, Node, Scope, graph_of, to_mermaid, to_svg
from asw_nb.analysis.graph_model import describe_rule
from asw_nb.analysis.graph_picture import (
    NAME_PX,
    SMALL_PX,
    picture_of,
)
from asw_nb.analysis.graph_svg import STATUS_WORDS, THEMES, counts_line, status_fill
from asw_nb.analysis.graph_text import fitted, text_width
from asw_nb.analysis.palette import STATUS_COLOURS
from tests.analysis.drawings import CHAIN, SVG, faults

# ---- the model

NESTED = {
    "StartAt": "Fork",
    "States": {
        "Fork": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "MaxConcurrency": 4,
                            "Iterator": {"StartAt": "Load", "States": {"Load": {"Type": "Pass", "End": True}}},
                            "End": True,
                        }
                    },
                },
            ],
            "End": True,
        }
    },
}


def test_a_chain_as_a_graph() -> None:
    assert graph_of(CHAIN) == Graph(
        Scope(
            "",
            (
                Node("START", "START", "Start"),
                Node("A", "A", "Task", "load"),
                Node("B", "B", "Succeed"),
                Node("END", "END", "End"),
            ),
            (Edge("START", "A", "start"), Edge("A", "B", "next"), Edge("B", "END", "end")),
        )
    )


def test_paths_of_nested_states() -> None:
    assert [(node.path, node.kind, node.detail) for node in graph_of(NESTED).nodes()] == [
        ("Fork", "Parallel", ""),
        ("Fork[0]/A", "Pass", ""),
        ("Fork[1]/Each", "Map", "4 at a time"),
        ("Fork[1]/Each/Load", "Pass", ""),
    ]


def test_choices_and_catchers_to_one_target_make_one_edge() -> None:
    definition = {
        "StartAt": "Ok?",
        "States": {
            "Ok?": {
                "Type": "choice",
                "Choices": [
                    {"Variable": "$.n", "NumericEquals": 1, "Next": "Work"},
                    {"Variable": "$.s", "StringEquals": "a", "Next": "Work"},
                ],
                "Default": "Stop",
            },
            "Work": {
                "Type": "Task",
                "Resource": "x",
                "Next": "Stop",
                "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 5}, {"ErrorEquals": ["B"]}],
                "Catch": [{"ErrorEquals": ["A", "B"], "Next": "Stop"}, {"ErrorEquals": ["States.ALL"], "Next": "Stop"}],
            },
            "Stop": {"Type": "Fail", "Error": "Stopped"},
        },
    }
    graph = graph_of(definition)
    assert graph.root.edges[1:4] == (
        Edge("Ok?", "Work", "choice", '$.n == 1 or $.s == "a"'),
        Edge("Ok?", "Stop", "default", "default"),
        Edge("Work", "Stop", "next"),
    )
    assert graph.root.edges[4] == Edge("Work", "Stop", "catch", "A, B, any error")
    assert [(node.name, node.retries, node.detail) for node in graph.nodes()] == [
        ("Ok?", 0, ""),
        ("Work", 5, "x"),
        ("Stop", 0, "Stopped"),
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"Variable": "$.age", "NumericEquals": 18}, "$.age == 18"),
        ({"Variable": "$.a", "StringLessThanEqualsPath": "$.b"}, "$.a <= $.b"),
        ({"Variable": "$.t", "TimestampGreaterThan": "2020-01-01T00:00:00Z"}, '$.t > "2020-01-01T00:00:00Z"'),
        ({"Variable": "$.x", "BooleanEquals": True}, "$.x"),
        ({"Variable": "$.x", "BooleanEquals": False}, "not $.x"),
        ({"Not": {"Variable": "$.x", "BooleanEquals": True}}, "not $.x"),
        ({"Not": {"Variable": "$.age", "NumericEquals": 18}}, "not ($.age == 18)"),
        ({"Variable": "$.f", "StringMatches": "*.csv"}, '$.f matches "*.csv"'),
        ({"Variable": "$.f", "IsPresent": False}, "$.f is not present"),
        ({"Variable": "$.f", "IsNull": True}, "$.f is null"),
        (
            {
                "And": [
                    {"Variable": "$.a", "NumericGreaterThanEquals": 1},
                    {"Or": [{"Variable": "$.b", "IsString": True}, {"Variable": "$.c", "BooleanEquals": True}]},
                ]
            },
            "$.a >= 1 and ($.b is a string or $.c)",
        ),
        ({"Condition": "{% $states.input.n > 3 %}"}, "$states.input.n > 3"),
        ({"Condition": True}, "true"),
        ({"Variable": "$.x", "Sounds": "like"}, "$.x ?"),
        ({}, "? ?"),
        (7, "…"),
    ],
)
def test_a_rule_in_words(rule: Any, words: str) -> None:
    assert describe_rule(rule) == words


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        ({"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:sum:PROD"}, "sum"),
        ({"Resource": "qrn:qcs:asw:ap-guangzhou:1:sdk:json:qcloud:scf:Invoke/sum/$LATEST/default"}, "sum"),
        ({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "mean"}}, "mean"),
        ({"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}, "sqs:sendMessage"),
        ({"Resource": "py:sum"}, "sum"),
        ({}, ""),
    ],
)
def test_what_a_task_calls_in_a_word(state: dict[str, Any], detail: str) -> None:
    graph = graph_of({"StartAt": "T", "States": {"T": {"Type": "Task", **state, "End": True}}})
    assert graph.nodes()[0].detail == detail


# ---- definitions with mistakes


def test_mistakes_are_drawn_and_named() -> None:
    graph = graph_of(
        {
            "StartAt": "A",
            "States": {
                "A": {"Type": "Task", "Next": "Recipt"},
                "Receipt": {"Type": "Tusk", "Next": "A"},
                "Lost": {"Type": "Pass"},
                "Empty": None,
            },
        }
    )
    assert [(node.name, node.kind, node.problem) for node in graph.root.nodes] == [
        ("START", "Start", ""),
        ("A", "Task", ""),
        ("Receipt", "Unknown", 'unknown Type "Tusk"'),
        ("Lost", "Pass", "no Next, no End"),
        ("Empty", "Unknown", "no Type"),
        ("Recipt", "Missing", "no such state"),
        ("END", "End", ""),
    ]
    assert ">no such state</text>" in to_svg({"StartAt": "A", "States": {}})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    [
        *["Type", "Next", "End", "Default", "Choices", "Catch", "Retry", "Branches", "Iterator", "ItemProcessor"],
        *["States", "StartAt", "Seconds", "And", "Not", "Resource", "MaxConcurrency", "MaxAttempts", "ErrorEquals"],
    ]
)
words = st.sampled_from(["Choice", "parallel", "Map", "Task", "Wait", "A", "B", True])
wrong = st.recursive(
    json_values | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields | st.sampled_from("AB"), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(
    wrong | st.builds(lambda states: {"StartAt": "A", "States": states}, st.dictionaries(st.sampled_from("AB"), wrong))
)
def test_nothing_that_parses_as_json_is_refused(definition: Any) -> None:
    ET.fromstring(to_svg(definition))
    assert to_mermaid(definition).startswith("flowchart TD\n")
    assert faults(picture_of(graph_of(definition))) == []


def test_endless_nesting_is_closed_at_some_depth() -> None:
    machine: dict[str, Any] = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    rule: dict[str, Any] = {"Variable": "$.x", "IsNull": True}
    for _ in range(3000):
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "Iterator": machine, "End": True}}}
        rule = {"Not": rule}
    assert "nested too deep to draw" in to_svg(machine)
    assert describe_rule(rule) == "not (not (not (not (not (not (not …))))))"


# ---- hostile names


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=y>",
        "]]>",
        "&amp;",
        "\u202eevil\u2066",
        "a\x00b\x1f\ud800",
        "x" * 1_000_000,
    ],
)
def test_hostile_names_stay_text(name: str) -> None:
    definition = {
        "StartAt": name,
        "States": {
            name: {
                "Type": "Choice",
                "Choices": [{"Variable": name, "StringEquals": name, "Next": name}],
                "Default": name + "?",
                "Comment": name,
            }
        },
    }
    svg = to_svg(definition, {name: "FAILED"}, {name: {"FAILED": 1}}, title=name)
    root = ET.fromstring(svg.encode())
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg",
        "title",
        "g",
        "rect",
        "path",
        "text",
        "circle",
    }
    assert not any(attribute.startswith("on") for element in root.iter() for attribute in element.attrib)
    assert not set("\u202e\u2066") & set("".join(text for text in root.itertext()))
    assert len(svg) < 20_000
    assert len(to_mermaid(definition)) < 5_000
    assert not re.search(
        r"[<>\"]", re.sub(r'"[^"]*"|-->|<br/>', "", to_mermaid(definition)).replace("flowchart TD", "")
    )


def test_a_path_is_kept_exactly_in_data_state() -> None:
    name = "a \"b\" <c>\t&\n'd' 数据"
    root = ET.fromstring(to_svg({"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}))
    assert [g.get("data-state") for g in root.iter(SVG + "g") if g.get("data-state")] == [name]


def test_states_named_like_the_marks_do_not_collide() -> None:
    graph = graph_of(
        {"StartAt": "START", "States": {"START": {"Type": "Pass", "Next": "END"}, "END": {"Type": "Succeed"}}}
    )
    assert [(edge.source, edge.target) for edge in graph.root.edges] == [
        ("START'", "START"),
        ("START", "END"),
        ("END", "END'"),
    ]


# ---- statuses, counts, themes


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, "relative luminance")."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_all_text_has_the_contrast_of_level_aa(name: str) -> None:
    theme = THEMES[name]
    grounds = {"box": theme.box, "container": theme.container, "panel": theme.panel}
    grounds |= {status: status_fill(status, theme) for status in STATUS_COLOURS}
    pairs = {
        (ink, ground): contrast(getattr(theme, ink), colour)
        for ink in ("text", "muted")
        for ground, colour in grounds.items()
    }
    pairs |= {("problem", ground): contrast(theme.problem, grounds[ground]) for ground in ("box", "container", "panel")}
    pairs |= {(ink, "label"): contrast(getattr(theme, ink), theme.label) for ink in ("catch", "muted", "text")}
    pairs |= {(ink, "card"): contrast(getattr(theme, ink), theme.card) for ink in ("text", "muted")}
    assert {pair: round(ratio, 2) for pair, ratio in pairs.items() if ratio < 4.5} == {}
    lines = {
        ink: contrast(getattr(theme, ink), getattr(theme, ground))
        for ink in ("line", "catch")
        for ground in ("card", "panel")
    }
    assert {ink: round(ratio, 2) for ink, ratio in lines.items() if ratio < 3} == {}


def test_a_status_is_a_fill_a_mark_a_word_and_a_legend() -> None:
    svg = to_svg(CHAIN, {"A": "RUNNING", "B": "PAUSED", "gone": "FAILED"})
    assert '<g class="asw-state" data-state="A" data-status="RUNNING"><title>A, Task · load, running</title>' in svg
    assert '<g class="asw-state" data-state="B"><title>B, Succeed</title>' in svg
    assert f'fill="{status_fill("RUNNING", THEMES["light"])}"' in svg
    assert ">running</text>" in svg
    assert STATUS_COLOURS["FAILED"] not in svg, "neither a state nor the legend shows a status of an unknown path"


def test_geometry_does_not_depend_on_statuses_and_counts() -> None:
    def rects(svg: str) -> list[tuple[str | None, ...]]:
        return [
            tuple(rect.get(key) for key in ("x", "y", "width", "height"))
            for rect in ET.fromstring(svg).iter(SVG + "rect")
        ][1:]

    live = to_svg(NESTED, {"Fork": "RUNNING"}, {"Fork[1]/Each": {"SUCCEEDED": 97, "RUNNING": 3, "FAILED": 1}})
    assert rects(live) == rects(to_svg(NESTED))
    assert ET.fromstring(live).get("viewBox") == ET.fromstring(to_svg(NESTED, {})).get("viewBox")
    assert ">97 ok · 3 running · 1 failed</text>" in live


def test_counts_are_shortened_where_the_words_do_not_fit() -> None:
    counts = {"SUCCEEDED": 97, "RUNNING": 3, "FAILED": 1, "ABORTED": 0}
    assert counts_line(counts, 400) == "97 ok · 3 running · 1 failed"
    assert counts_line(counts, 80) == "97✓ 3▸ 1✗"
    assert text_width(counts_line(dict.fromkeys(STATUS_WORDS, 10**9), 80), SMALL_PX) <= 80


def test_themes_differ_in_their_card_and_auto_is_light() -> None:
    assert to_svg(CHAIN, theme="auto") == to_svg(CHAIN, theme="light")
    assert f'fill="{THEMES["dark"].card}"' in to_svg(CHAIN, theme="dark")


def test_the_svg_needs_nothing_from_its_surroundings() -> None:
    svg = to_svg(NESTED, {"Fork": "FAILED"}, theme="dark", title="t")
    assert not re.search(r"<style|<script|<image|<use|url\(|var\(|\bid=|\bhref=|@import", svg)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("font-family", "").endswith("sans-serif")
    assert {
        c
        for e in root.iter()
        for k in ("fill", "stroke")
        if (c := e.get(k)) and not re.fullmatch("#[0-9a-f]{6}|none", c, re.I)
    } == set()


def test_a_hundred_branches_wrap_into_rows() -> None:
    branch = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "End": True}}}
    picture = picture_of(
        graph_of({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [branch] * 100, "End": True}}})
    )
    rows = {panel.rect.y for panel in picture.panels}
    assert len(picture.panels) == 100
    assert len(rows) == 9
    assert picture.width < 2 * picture.height


# ---- Mermaid and text


def test_mermaid_of_nested_states() -> None:
    assert to_mermaid(NESTED) == (
        "flowchart TD\n"
        '  n1(("START"))\n'
        '  subgraph n2["Fork · Parallel"]\n'
        '    subgraph n3[" "]\n'
        '      n4("A<br/>Pass")\n'
        "    end\n"
        '    subgraph n5[" "]\n'
        '      subgraph n6["Each · Map"]\n'
        '        n7("Load<br/>Pass")\n'
        "      end\n"
        "    end\n"
        "  end\n"
        '  n8(("END"))\n'
        "  n1 --> n2\n"
        "  n2 --> n8\n"
    )


def test_mermaid_labels_are_quoted() -> None:
    definition = {
        "StartAt": 'Is "it"?',
        "States": {
            'Is "it"?': {"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": "<x>", "Next": "end"}]},
            "end": {
                "Type": "Task",
                "Resource": "f",
                "End": True,
                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "end"}],
            },
        },
    }
    assert to_mermaid(definition) == (
        "flowchart TD\n"
        '  n1(("START"))\n'
        '  n2{"Is #34;it#34;#63;<br/>Choice"}\n'
        '  n3("end<br/>Task · ↻ 2")\n'
        '  n4(("END"))\n'
        "  n1 --> n2\n"
        '  n2 -->|"$.a == #34;#60;x#62;#34;"| n3\n'
        '  n3 -.->|"any error"| n3\n'
        "  n3 --> n4\n"
    )


@given(st.text(max_size=60), st.floats(20, 300), st.booleans())
def test_a_fitted_text_fits(text: str, room: float, bold: bool) -> None:
    assert text_width(fitted(text, NAME_PX, room, bold), NAME_PX, bold) <= room


def test_the_definition_is_not_changed_by_drawing_it() -> None:
    before = json.dumps(NESTED)
    to_svg(NESTED)
    to_mermaid(NESTED)
    assert json.dumps(NESTED) == before
