"""The HTML file: what its policy lets run, what it packs, and that it asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib

import asw_nb as asw
from asw_nb.reports.figures import chart_data, library
from tests.reports.samples import nightly, written

RULE = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


def hash_of(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_the_policy_names_the_scripts_and_nothing_else(tmp_path):
    text = written(nightly(), tmp_path, ".html")
    rule = RULE.search(text)[1]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    packed = re.search(r'<script type="text/plain" id="plotly">([^<]*)</script>', text)[1]
    source = zlib.decompress(base64.b64decode(packed)).decode()
    assert rule == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; script-src {hash_of(script)} {hash_of(source)}; base-uri 'none'; form-action 'none'"
    )
    assert "Plotly" in source
    assert RULE.search(text).start() < text.index("<script") and RULE.search(text).start() < text.index("<style")


def test_a_page_without_charts_has_no_library(tmp_path):
    text = written(nightly(), tmp_path, ".html", sections=["verdict", "errors"])
    assert len(text) < 30_000
    assert 'id="plotly"' not in text
    assert RULE.search(text)[1].count("sha256-") == 1


def test_nothing_is_fetched(tmp_path):
    text = written(nightly(fail=True), tmp_path, ".html", code=True)
    addresses = re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']([^"']{0,40})""", text)
    assert [a for a in addresses if not a.startswith(("#", "data:image/svg+xml;base64,"))] == []
    assert "@import" not in text and "url(" not in text


def test_the_library_is_there_once_however_many_charts(tmp_path):
    text = written([nightly(), nightly()], tmp_path, ".html")
    assert text.count("<figure data-chart=") >= 4
    assert text.count('id="plotly"') == 1


def test_links_of_the_page_lead_to_its_sections(tmp_path):
    for runs in (nightly(), [nightly(), nightly()]):
        text = written(runs, tmp_path, ".html")
        ids = set(re.findall(r'id="([^"]*)"', text))
        links = re.findall(r'href="#([^"]*)"', text)
        assert links and set(links) <= ids


def test_a_chart_is_packed_whole():
    figure = nightly().timeline()
    spec = json.loads(zlib.decompress(base64.b64decode(chart_data(figure, 5_000))))
    assert spec == {key: value for key, value in json.loads(figure.plotly.to_json()).items() if key in ("data", "layout")}


def test_of_a_very_long_timeline_the_points_that_say_most_are_kept():
    definition = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "t", "End": True}}}, "End": True}}}
    run = asw.run(definition, list(range(6_000)), functions={"t": lambda e: e}, executor="inline", type="EXPRESS")
    spec = json.loads(zlib.decompress(base64.b64decode(chart_data(run.timeline(), 100))))
    assert "scattergl" not in {trace["type"] for trace in spec["data"]}
    hidden = [trace for trace in spec["data"] if trace["type"] == "scatter" and trace.get("marker", {}).get("opacity") == 0]
    assert sum(len(trace["x"]) for trace in hidden) == 100
    assert all(len(trace["x"]) == len(trace["y"]) == len(trace["text"]) == len(trace["customdata"]) for trace in hidden)


def test_the_library_is_packed_once():
    assert library() is library()
