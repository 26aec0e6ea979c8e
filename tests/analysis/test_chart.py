"""One description, two drawings: the interactive and the static form of a chart show the same, and labels keep apart."""

from __future__ import annotations

import base64
import itertools
import json
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.analysis.chart import Axis, Bars, Chart, Line, Panel, Points, chart, nothing, small_table
from asw_nb.analysis.chart_svg import draw, marks_of, symbol
from asw_nb.analysis.figure import PLOTLY_MIME
from asw_nb.analysis.timeline_svg import text_width_px

TABLE = pd.DataFrame({"name": ["<a>", "b"], "value": [1.5, float("nan")]})


def texts(svg: str) -> list[tuple[float, float, str]]:
    return [(float(e.get("x", 0)), float(e.get("y", 0)), e.text or "") for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")]


def example() -> Chart:
    panels = [
        Panel([Line([0, 1, 2], [3.0, float("nan"), 5.0], "<line>", "#2468B4"), Points([1], [4.0], "best", "#E5731C", "star")], Axis("x"), Axis("y"), title="upper"),
        Panel([Bars([0, 1], [0, 0], [2, 4], "bars", "#C23B14", hatch="/", text=["two", "four"])], Axis("x"), Axis(kind="names", names=["a & b", "c"]), height=80),
    ]
    return chart(panels, "an example", TABLE, "Title $1")


def test_both_forms_of_a_chart() -> None:
    figure = example()
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {PLOTLY_MIME, "text/html", "text/plain"}
    assert bundle["text/plain"] == repr(figure) == "an example"
    json.dumps(bundle, allow_nan=False)
    assert [(t.type, t.name, t.yaxis) for t in figure.plotly.data] == [("scatter", "&lt;line&gt;", "y"), ("scatter", "best", "y"), ("bar", "bars", "y2")]
    assert list(figure.plotly.data[0].y) == [3.0, None, 5.0]
    assert figure.plotly.layout.title.text == "Title &#36;1"
    svg = base64.b64decode(re.search(r'base64,([^"]*)"', bundle["text/html"])[1]).decode()  # type: ignore[index]
    written = [t for _, _, t in texts(svg)]
    for word in ("<line>", "best", "bars", "upper", "a & b", "c", "two", "four", "x", "y"):
        assert word in written
    assert "<script" not in bundle["text/html"]
    assert "&lt;a&gt;" in bundle["text/html"]
    assert figure.table is TABLE


def test_nothing_to_draw_says_why() -> None:
    figure = nothing("nothing <yet>", TABLE, "T")
    assert [a.text for a in figure.plotly.layout.annotations] == ["nothing &lt;yet&gt;"]
    assert "<b>T</b>: nothing &lt;yet&gt;" in figure.static_html


def test_a_long_table_is_cut_and_says_so() -> None:
    html = small_table(pd.DataFrame({"n": range(100)}), rows=3)
    assert html.count("<tr>") == 4
    assert html.endswith("<p>97 more rows are not listed.</p>")


@pytest.mark.parametrize(
    ("axis", "low", "high", "labels"),
    [
        (Axis(), 0, 10, ["0", "2", "4", "6", "8", "10"]),
        (Axis(whole=True), 0, 2, ["0", "1", "2"]),
        (Axis(kind="log"), -3, 1, ["0.001", "0.01", "0.1", "1", "10"]),
        (Axis(kind="log"), 0.1, 0.9, ["2", "5"]),
        (Axis(kind="names", names=["a", "b"]), -0.5, 1.5, ["a", "b"]),
        (Axis(kind="date"), 1_793_577_600, 1_793_577_600 + 7200, ["00:00", "00:15", "00:30", "00:45", "01:00", "01:15", "01:30", "01:45", "02:00"]),
        (Axis(), 0, 100_000, ["0", "20,000", "40,000", "60,000", "80,000", "100,000"]),
    ],
)
def test_axes_have_round_marks(axis: Axis, low: float, high: float, labels: list[str]) -> None:
    assert [text for _, text in marks_of(axis, low, high)] == labels


@pytest.mark.parametrize("name", ["circle", "square", "diamond", "triangle-up", "triangle-down", "x", "star"])
def test_every_symbol_is_a_closed_path(name: str) -> None:
    assert re.fullmatch(r"M[-\d. a-zL]+z", symbol(name, 10, 10, 4))


names = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40), min_size=1, max_size=6, unique=True)
numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(names, st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20), st.sampled_from(["linear", "log"]))
def test_any_chart_is_a_picture_whose_labels_keep_apart(labels: list[str], points: list[tuple[float, float]], kind: str) -> None:
    x, y = [a for a, _ in points], [b for _, b in points]
    panels = [
        Panel([Line(x, y, label, "#2468B4") for label in labels], Axis("time", kind), Axis("value")),  # type: ignore[arg-type]
        Panel([Bars([float(i) for i in range(len(labels))], [0.0] * len(labels), [float(i) for i in range(len(labels))], "n", "#1FA971")], Axis(), Axis(kind="names", names=labels)),
    ]
    svg = draw(panels)
    rows: dict[float, list[tuple[float, float]]] = {}
    for element in ET.fromstring(svg).iter():
        if element.tag.endswith("}text") and not element.get("transform") and element.get("text-anchor") == "middle":
            half = text_width_px(element.text or "") / 2
            rows.setdefault(float(element.get("y", 0)), []).append((float(element.get("x", 0)) - half, float(element.get("x", 0)) + half))
    for row in rows.values():
        assert all(a[1] <= b[0] + 0.2 for a, b in itertools.pairwise(sorted(row)))
    assert "nan" not in svg and "inf" not in re.sub(r"<text.*?</text>", "", svg)
    figure = chart(panels, "t", TABLE)
    json.dumps(figure._repr_mimebundle_(), allow_nan=False)
