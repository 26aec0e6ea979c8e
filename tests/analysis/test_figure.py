"""Every figure answers with three forms, and the static one stands alone."""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys
import types
import xml.etree.ElementTree as ET

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.analysis.figure import PLOTLY_MIME, Figure, Html, html_text, plotly_text, svg_img
from asw_nb.analysis.palette import SERIES_COLOURS, STATUS_COLOURS, TEXT_COLOUR, series_style


def figure() -> Figure:
    return Figure(go.Figure({"data": [], "layout": {"template": {}, "height": 50}}), "<p>static</p>", "a figure")


def decoded(img: str) -> str:
    return base64.b64decode(re.search(r'base64,([^"]*)"', img)[1]).decode("utf-8")


def test_figure_answers_with_plotly_html_and_one_line():
    template = {"data": {"scatter": [{"type": "scatter"}]}}
    assert figure()._repr_mimebundle_() == {
        PLOTLY_MIME: {"data": [], "layout": {"template": template, "height": 50}},
        "text/html": "<p>static</p>",
        "text/plain": "a figure",
    }
    assert repr(figure()) == "a figure"


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["text/plain"], None, ["text/plain"]),
        (None, [PLOTLY_MIME], ["text/html", "text/plain"]),
        ([PLOTLY_MIME, "text/html"], ["text/html"], [PLOTLY_MIME]),
    ],
)
def test_a_front_end_may_ask_for_some_forms(include, exclude, expected):
    assert sorted(figure()._repr_mimebundle_(include, exclude)) == sorted(expected)


def test_html_answers_with_html_and_one_line():
    thing = Html("<b>x</b>", "x")
    assert thing._repr_mimebundle_() == {"text/html": "<b>x</b>", "text/plain": "x"}
    assert thing._repr_mimebundle_(exclude=["text/html"]) == {"text/plain": "x"}


@pytest.mark.parametrize("thing", [figure(), Html("<p/>", "a figure")])
def test_show_prints_where_there_is_no_notebook(thing, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    thing.show()
    assert capsys.readouterr().out == "a figure\n"


def test_show_displays_in_a_notebook(capsys, monkeypatch):
    shown = []
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: object()))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=shown.append))
    thing = figure()
    thing.show()
    assert shown == [thing]
    assert capsys.readouterr().out == ""


def test_the_interactive_form_can_be_written(tmp_path):
    figure().write_html(tmp_path / "f.html", include_plotlyjs=False)
    assert '"height":50' in (tmp_path / "f.html").read_text(encoding="utf-8")
    assert '"height":50' in figure().to_html(include_plotlyjs=False)
    assert not hasattr(figure(), "write_image")


def test_svg_img_holds_the_whole_picture():
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><text>\u4e2d\u6587</text></svg>"
    img = svg_img(svg, 'a "graph" <of>')
    assert decoded(img) == svg
    style = "width:100%;max-width:960px;height:auto"
    start = f'<img alt="a &quot;graph&quot; &lt;of&gt;" style="{style}" src="data:image/svg+xml;base64,'
    assert img.startswith(start)


@given(st.text(st.characters(codec=None)))
def test_any_text_makes_a_picture_that_parses(text):
    svg = decoded(svg_img(f"<svg><text a='{html_text(text)}'>{html_text(text)}</text></svg>", text))
    assert ET.fromstring(svg).tag == "svg"


@given(st.text())
def test_plotly_sees_no_markup_in_any_text(text):
    shown = plotly_text(text)
    assert not set("<>$\n") & set(shown)
    assert all(re.match(r"&(amp|lt|gt|#36);", shown[m.start() :]) for m in re.finditer("&", shown))


def _linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def _contrast(a: str, b: str) -> float:
    light = [sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(x), strict=True)) + 0.05 for x in (a, b)]
    return max(light) / min(light)


# Machado, Oliveira and Fernandes (2009), full strength.
SEEN_BY = {
    "everybody": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopes": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopes": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def _lab(colour: str, matrix: list[list[float]]) -> tuple[float, float, float]:
    def times(rows, vector):
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows]

    seen = [min(max(c, 0.0), 1.0) for c in times(matrix, _linear(colour))]
    xyz = times([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], seen)
    x, y, z = (max(v / w, 1e-6) ** (1 / 3) for v, w in zip(xyz, (0.9505, 1.0, 1.089), strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("status", sorted(STATUS_COLOURS))
def test_colours_are_seen_on_white_and_on_black(status):
    assert _contrast(STATUS_COLOURS[status], "#FFFFFF") > 2.7
    assert _contrast(STATUS_COLOURS[status], "#111111") > 3.1


def test_text_is_read_on_white_and_on_black():
    assert _contrast(TEXT_COLOUR, "#FFFFFF") > 4.5
    assert _contrast(TEXT_COLOUR, "#111111") > 4.1


@pytest.mark.parametrize("reader", sorted(SEEN_BY))
def test_statuses_are_told_apart(reader):
    distances = {}
    for a, b in itertools.combinations(STATUS_COLOURS, 2):
        pair = zip(_lab(STATUS_COLOURS[a], SEEN_BY[reader]), _lab(STATUS_COLOURS[b], SEEN_BY[reader]), strict=True)
        distances[a, b] = sum((x - y) ** 2 for x, y in pair) ** 0.5
    assert min(distances.values()) > 10, min(distances, key=distances.get)


def test_the_bundle_is_json():
    bundle = figure()._repr_mimebundle_()
    assert json.loads(json.dumps(bundle)) == bundle


@pytest.mark.parametrize("reader", sorted(SEEN_BY))
def test_series_are_told_apart_and_seen(reader):
    for colour in SERIES_COLOURS:
        assert _contrast(colour, "#FFFFFF") > 2.7
        assert _contrast(colour, "#111111") > 3.1
    for a, b in itertools.combinations(SERIES_COLOURS, 2):
        pair = zip(_lab(a, SEEN_BY[reader]), _lab(b, SEEN_BY[reader]), strict=True)
        assert sum((x - y) ** 2 for x, y in pair) ** 0.5 > 10, (a, b)
    assert len({series_style(n) for n in range(24)}) == 24
