"""What the timeline says beyond its bars: the critical path, pauses that are cut, Maps that are unfolded, data on hovering."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis import timeline_gaps
from asw_nb.analysis.figure import Figure
from asw_nb.analysis.timeline_spans import RUNNING, Spans

FLOW: dict[str, Any] = {
    "StartAt": "Load",
    "States": {
        "Load": {"Type": "Task", "Resource": "work", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3600}], "ResultPath": None, "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ToleratedFailureCount": 9,
            "ItemProcessor": {"StartAt": "Clean", "States": {"Clean": {"Type": "Task", "Resource": "clean", "End": True}}},
            "End": True,
        },
    },
}  # fmt: skip


def run(items: int, name: str = "n", **options: Any) -> asw.Execution:
    """Load is busy after 2 s, waits an hour, works 3 s; each item works a second, item 5 fails."""
    clock = asw.VirtualClock(1_700_000_000)

    def work(event: Any, context: Any) -> str:
        clock.advance(2 if context.attempt == 1 else 3)
        if context.attempt == 1:
            raise asw.TaskError("Busy")
        return "loaded"

    def clean(event: int) -> int:
        clock.advance(1)
        if event == 5:
            raise ValueError("bad row")
        return event

    given_input = {"items": list(range(items)), "password": "hunter2"}
    return asw.run(FLOW, given_input, functions={"work": work, "clean": clean}, workflow="w", name=name, clock=clock, executor="inline", **options)


def trace(figure: Figure, name: str) -> Any:
    [found] = [t for t in figure.plotly.data if t.name == name]
    return found


def picture(figure: Figure) -> str:
    return base64.b64decode(re.search(r'base64,([^"]*)"', figure.static_html)[1]).decode("utf-8")  # type: ignore[index]


def test_a_long_backoff_is_cut_out_of_the_axis() -> None:
    figure = run(2).timeline()
    axis = figure.plotly.layout.xaxis
    assert axis.title.text == "time since the start, pauses cut"
    # 2 s of work, an hour drawn as a fifth of the 7 s in which something happened, then 3 s and two items
    begin, end = (next(s for s in figure.plotly.layout.shapes)[k] for k in ("x0", "x1"))
    assert (begin, round(end, 6)) == (2.0, 3.4)
    assert [a.text for a in figure.plotly.layout.annotations] == ["1 h 00 min cut"]
    bars = {t.name: [round(float(b), 3) for b in t.base] for t in figure.plotly.data if t.type == "bar"}
    assert bars["backoff"] == [2.0]
    assert bars["succeeded"] == [3.4, 6.4, 7.4]
    assert list(axis.ticktext) == ["0 s", "1 s", "2 s", *(f"1:00:0{s}" for s in range(2, 8))]
    assert "1 h 00 min cut" in picture(figure)
    hover = next(t for t in figure.plotly.data if t.type == "bar" and t.name == "backoff").hovertext
    assert "backoff of 1 h 00 min before attempt 2" in hover[0]


def test_pauses_stay_when_asked_for_and_in_utc() -> None:
    one = run(2)
    kept = one.timeline(gaps="keep").plotly.layout
    assert (kept.xaxis.title.text, len(kept.shapes)) == ("time since the start (min)", 0)
    utc = one.timeline(axis="absolute").plotly.layout
    assert utc.xaxis.title.text == "UTC, pauses cut"
    assert utc.xaxis.ticktext[0] == "22:13:20"
    assert utc.xaxis.ticktext[-1] == "23:13:27"


def test_the_critical_path_is_outlined() -> None:
    figure = run(2).timeline(gaps="keep", axis="relative")
    path = trace(figure, "critical path")
    boxes = np.array([v if v is not None else np.nan for v in path.x], dtype=float).reshape(-1, 6) * 60
    # Load all the while, then item 0 in no time worth an outline of an hour, then item 1
    assert sorted([round(float(row[0]), 3), round(float(row[1]), 3)] for row in boxes) == [[0.0, 3605.0]]
    assert "critical path" in picture(figure)
    plain = run(2, "plain").timeline(critical=False)
    assert [t.name for t in plain.plotly.data if t.name == "critical path"] == []
    assert "critical path" not in picture(plain)


def test_outlines_follow_the_cut_axis() -> None:
    path = trace(run(2).timeline(), "critical path")
    boxes = np.array([v if v is not None else np.nan for v in path.x], dtype=float).reshape(-1, 6)
    # both items end when the second one has worked; the first one of equals is blamed
    assert sorted([round(float(row[0]), 3), round(float(row[1]), 3)] for row in boxes) == [[0.0, 6.4], [6.4, 8.4]]


def test_a_large_map_can_be_unfolded_with_its_failures_first() -> None:
    one = run(40)
    folded = list(one.timeline().plotly.layout.yaxis.ticktext)
    assert folded == ["Load", "Each", "Each[5]/Clean", "Each[*]/Clean ×39"]
    for unfold in ("Each", ["nothing", "Each"], "*"):
        names = list(one.timeline(unfold=unfold).plotly.layout.yaxis.ticktext)
        assert names[:4] == ["Load", "Each", "Each[5]/Clean", "Each[0]/Clean"]
        assert len(names) == 42
    assert list(one.timeline(rows="state").plotly.layout.yaxis.ticktext) == ["Load", "Each", "Each[*]/Clean ×40, 1 failed"]


def test_hovering_tells_data_and_the_code_that_fetches_it() -> None:
    one = run(2)
    hover = dict.fromkeys(h for t in one.timeline().plotly.data if t.type == "bar" for h in t.hovertext)
    [item] = [h for h in hover if h.startswith("<b>Each[1]/Clean</b>") and "SUCCEEDED" in h]
    assert "<br>input 1<br>output 1<br>" in item
    assert item.endswith('<i>run["Each[1]/Clean"].attempts</i>')
    assert one["Each[1]/Clean"].attempts["path"].tolist() == ["Each[1]/Clean"]
    [load] = [h for h in hover if h.startswith("<b>Load</b>") and "attempt 2 SUCCEEDED" in h]
    assert 'input {"items": [0, 1], "password": "•••"}' in load
    assert "hunter2" not in str(one.timeline()._repr_mimebundle_())


def test_an_attempt_that_queued_and_was_saved_by_a_retry_is_no_failure() -> None:
    one = run(40)
    attempts, states = one.attempts(), one.states()
    row = attempts.index[attempts["path"] == "Each[7]/Clean"][0]
    import pandas as pd

    again = attempts.loc[[row]].assign(attempt=2, scheduled=attempts["finished"].max(), started=attempts["finished"].max(), finished=attempts["finished"].max() + pd.Timedelta(seconds=1))
    attempts.loc[row, "status"] = "FAILED"
    attempts.loc[row, "scheduled"] -= pd.Timedelta(seconds=1)
    from asw_nb.analysis.timeline import timeline

    names = list(timeline(pd.concat([attempts, again], ignore_index=True), states).plotly.layout.yaxis.ticktext)
    assert names == ["Load", "Each", "Each[5]/Clean", "Each[*]/Clean ×39"]


pairs = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 50)), min_size=1, max_size=20)


@given(pairs)
def test_cutting_keeps_the_order_and_the_length_of_what_happens(some: list[tuple[int, int]]) -> None:
    start = np.array([a for a, _ in some], dtype=float)
    end = start + [d for _, d in some]
    n = len(some)
    zeros = np.zeros(n, dtype="int64")
    spans = Spans([], np.full(n, RUNNING), start, end, zeros, zeros, zeros, zeros, np.zeros(n))
    cuts = timeline_gaps.find(spans, start, end)
    if cuts is None:
        return
    drawn_start, drawn_end = cuts.apply(start), cuts.apply(end)
    assert np.allclose(drawn_end - drawn_start, end - start)
    assert (np.diff(drawn_start[np.argsort(start, kind="stable")]) >= -1e-9).all()
    assert drawn_end.max() - drawn_start.min() < end.max() - start.min()
    for at, _ in [*cuts.marks(None), *cuts.marks(1.7e9)]:
        assert cuts.drawn[0] - 1e-9 <= at <= cuts.drawn[-1] + 1e-9
    assert all(not ((start < b) & (end > a)).any() for a, b in cuts.pauses)


@pytest.mark.slow
def test_a_hundred_thousand_spans_are_drawn_and_zoomed_in_time(tmp_path: Any) -> None:
    """In Chromium without a graphics card; the limits leave room for a busy machine."""
    from pathlib import Path

    import pandas as pd
    import plotly

    from asw_nb.analysis.timeline import timeline
    from asw_nb.analysis.timeline_spans import collect

    n = 50_000
    rng = np.random.default_rng(1)
    begin = np.cumsum(rng.exponential(0.05, n))
    queued, worked = rng.exponential(0.1, n), rng.exponential(1.5, n)
    zero = pd.Timestamp("2026-11-02", tz="UTC")

    def at(seconds: Any) -> Any:
        return (zero + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us, UTC]")

    attempts = pd.DataFrame({
        "execution": "r", "visit": np.arange(n), "path": [f"Each[{i}]/Load" for i in range(n)], "state": "Load", "attempt": 1,
        "status": np.where(rng.random(n) < 0.1, "FAILED", "SUCCEEDED"), "scheduled": at(begin), "started": at(begin + queued), "finished": at(begin + queued + worked),
        "queue_s": queued, "worker": "w", "error": None, "cause": None,
    })  # fmt: skip
    states = pd.DataFrame(columns=["execution", "visit", "path", "state", "type", "status", "entered", "exited", "error", "cause"])
    assert 99_990 < len(collect(attempts, states)) <= 100_000
    figure = timeline(attempts, states)
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    page = tmp_path / "page.html"
    page.write_text(f"<script>{script.read_text(encoding='utf-8')}</script><div id='g'></div><script>const F = {figure.plotly.to_json()};</script>", encoding="utf-8")
    frames = "await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));"
    draw = f"async () => {{const t = performance.now(); await Plotly.newPlot('g', F.data, F.layout); {frames} return (performance.now() - t) / 1000}}"
    zoom = f"async k => {{const t = performance.now(); await Plotly.relayout('g', {{'xaxis.range': [k, k + 5]}}); {frames} return (performance.now() - t) / 1000}}"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        import os
        import shutil

        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(page.as_uri())
        first = tab.evaluate(draw)
        zooms = [tab.evaluate(zoom, k) for k in (5, 10, 15, 20)]
        browser.close()
    assert first < 8
    assert min(zooms) < 0.2
