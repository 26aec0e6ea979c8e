"""Timelines of many spans stay small, and whatever is drawn adds up to the frames."""

from __future__ import annotations

import base64
import itertools
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asw_nb.analysis.figure import Figure
from asw_nb.analysis.timeline import timeline
from asw_nb.analysis.timeline_spans import CONTAINER, KINDS, QUEUED, SUCCEEDED
from asw_nb.analysis.timeline_svg import columns, merge, shorten, ticks, time_ticks
from tests.analysis.spans import (
    ATTEMPT_TIMES,
    RUN_NAMES,
    STATE_TIMES,
    ZERO,
    ZERO_MS,
    attempt,
    bars,
    draw,
    frame,
    json_size,
    labels,
)


def many(n, status="SUCCEEDED"):
    """A Map of n items, fifty at a time, made without a loop over its cells."""
    i = np.arange(n)
    zero = np.datetime64("2024-05-01T08:00:00", "us")

    def times(seconds):
        return pd.Series(zero + (seconds * 1e6).astype("int64").astype("timedelta64[us]")).dt.tz_localize("UTC")

    scheduled = (i // 50) * 4.0
    started = scheduled + 0.25 + (i % 7) * 0.1
    tries = pd.DataFrame({
        "execution": "run-1", "visit": i, "path": [f"Each[{k}]/Load" for k in range(n)], "state": "Load", "attempt": 1,
        "status": status, "scheduled": times(scheduled), "started": times(started),
        "finished": times(started + 2 + (i % 5) * 0.3),
    })  # fmt: skip
    return tries, frame([], STATE_TIMES)


@pytest.mark.parametrize("axis", ["relative", "absolute"])
@pytest.mark.parametrize(("n", "status"), [(50_000, "SUCCEEDED"), (50_000, "FAILED"), (120_000, "SUCCEEDED")])
def test_a_hundred_thousand_spans_stay_under_five_megabytes(n, status, axis):
    figure = timeline(*many(n, status), axis=axis)
    assert json_size(figure) < 5_000_000
    assert len(figure.static_html) < 200_000


def pixels_of(figure: Figure) -> np.ndarray:
    """The kinds in the picture of a large timeline: -1 where there is none."""
    data = base64.b64decode(figure.plotly.data[0].source.partition(",")[2])
    width, height = struct.unpack(">II", data[16:24])
    body = data[data.index(b"IDAT") + 4 : -16]
    raw = np.frombuffer(zlib.decompress(body), dtype="uint8").reshape(height, width + 1)
    assert not raw[:, 0].any()
    return np.where(raw[:, 1:] == 0, -1, (raw[:, 1:].astype("int16") - 1) % len(KINDS))


def test_many_spans_are_one_picture_with_points_to_hover():
    figure = timeline(*many(3_000))
    image = figure.plotly.data[0]
    assert image.type == "image"
    pixels = pixels_of(figure)
    # 50 at a time share 24 slots and the one below them, two lines each; the run ends 236 s + 0.85 s + 3.2 s after the first event
    assert pixels.shape == (50, 12_000)
    assert image.dx * 12_000 == pytest.approx(240.05 / 60, rel=1e-4)
    assert image.x0 - image.dx / 2 == 0
    assert (image.y0, image.dy) == (0.25, 0.5)
    assert figure.plotly.layout.yaxis.scaleanchor is False
    assert set(np.unique(pixels)) == {-1, QUEUED, SUCCEEDED}
    # at 1 s all of the first fifty run; at 4.1 s they have ended, and the next ones are queued
    first, between = (pixels[:, int(at / 240.05 * 12_000)] for at in (1.0, 4.1))
    assert (first[:45] == SUCCEEDED).all()
    assert set(between) == {-1, QUEUED}
    legend = [t.name for t in figure.plotly.data if t.type == "scatter"]
    assert legend == ["queued", "succeeded"]
    points = {t.name: t for t in figure.plotly.data if t.type == "scattergl"}
    assert {name: len(t.x) for name, t in points.items()} == {"queued": 3_000, "succeeded": 3_000}
    assert points["succeeded"].meta == ("Each[*]/Load \u00d73,000", 'run["Load"].attempts')
    assert points["succeeded"].text[17] == "17"
    assert points["succeeded"].marker.opacity == 0


def test_what_is_shorter_than_a_pixel_is_painted_all_the_same():
    tries, states = many(3_000)
    tries.loc[2_999, ["scheduled", "started"]] = pd.Timestamp(ZERO) + pd.Timedelta(days=3)
    tries.loc[2_999, "finished"] = pd.Timestamp(ZERO) + pd.Timedelta(days=3, microseconds=1)
    assert (pixels_of(timeline(tries, states))[:, -1] == SUCCEEDED).any()


def test_failures_among_many_spans_are_seen_and_not_only_hovered():
    tries, states = many(3_000)
    tries.loc[[5, 2_000], "status"] = "FAILED"
    figure = timeline(tries, states)
    assert labels(figure) == ["Each[5]/Load", "Each[2000]/Load", "Each[*]/Load \u00d72,998"]
    glyphs = [t for t in figure.plotly.data if t.name == "failed" and t.type == "scattergl"]
    assert [(t.marker.symbol, t.marker.opacity, len(t.x)) for t in glyphs] == [("x", None, 1), ("x", None, 1)]


def test_the_picture_stays_small_when_every_row_is_dense():
    tries = [
        attempt(f"S{i}", "FAILED" if j % 2 else "SUCCEEDED", 3 * j, 3 * j + 1, 3 * j + 2, visit=j)
        for i in range(150)
        for j in range(200)
    ]
    figure = draw(tries)
    assert len(figure.static_html) < 200_000
    assert json_size(figure) < 5_000_000


seconds = st.floats(0, 10_000, allow_nan=False).map(lambda s: round(s, 3))


@st.composite
def runs(draw_):
    """Attempts of a few states in order, some still queued or running."""
    out = []
    for name in draw_(st.lists(st.sampled_from(["A", "B", "M[0]/A", "M[1]/A", "M"]), unique=True)):
        clock = draw_(seconds)
        for number in range(1, draw_(st.integers(1, 4)) + 1):
            queue, run, backoff = draw_(seconds), draw_(seconds), draw_(seconds)
            status = draw_(st.sampled_from(["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]))
            out.append(attempt(name, status, clock, clock + queue, clock + queue + run, number=number))
            clock += queue + run + backoff
        how = draw_(st.sampled_from(["done", "running", "queued"]))
        if how != "done":
            out[-1] |= {"status": "RUNNING", "finished": pd.NaT}
        if how == "queued":
            out[-1] |= {"started": pd.NaT, "queue_s": None}
    return out


@settings(max_examples=60, deadline=None)
@given(runs(), st.sampled_from(["path", "state"]))
def test_bars_add_up_to_the_frame(tries, rows):
    figure = draw(tries, rows=rows, axis="absolute")
    table = frame(tries, ATTEMPT_TIMES)
    found = {name: (len(some), sum(length for _, length, _ in some) / 1e3) for name, some in bars(figure).items()}
    if not tries:
        assert found == {}
        return
    now = table[ATTEMPT_TIMES].max().max()
    started = table[table.started.notna()]

    def length(times):
        return times.dt.total_seconds().sum()

    ran = [found.get(name, (0, 0.0)) for name in RUN_NAMES]
    assert sum(n for n, _ in ran) == len(started)
    worked = length(started.finished.fillna(now) - started.started)
    assert sum(total for _, total in ran) == pytest.approx(worked, abs=1e-2)
    queued = length(table.started.fillna(now) - table.scheduled)
    assert found.get("queued", (0, 0.0))[1] == pytest.approx(queued, abs=1e-2)
    backoff = length((table.groupby("path").scheduled.shift(-1) - table.finished).dropna())
    assert found.get("backoff", (0, 0.0))[1] == pytest.approx(backoff, abs=1e-2)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_spans_of_one_lane_never_overlap(tries):
    by_lane: dict[float, list[tuple[float, float]]] = {}
    for kind, some in bars(draw(tries, rows="state", axis="absolute")).items():
        for base, length, y in some:
            if kind != KINDS[CONTAINER].name and length:
                by_lane.setdefault(y, []).append((base, base + length))
    for some in by_lane.values():
        some.sort()
        assert all(a[1] <= b[0] + 0.01 for a, b in itertools.pairwise(some))


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 100), st.floats(0, 10))), st.floats(0, 5))
def test_merging_covers_the_same_time(some, gap):
    group = np.array([g for g, _, _ in some], dtype="int64")
    start = np.array([s for _, s, _ in some], dtype="float64")
    end = start + np.array([d for _, _, d in some], dtype="float64")
    merged = list(zip(*(column.tolist() for column in merge(group, start, end, gap)), strict=True))
    for g, s, e in zip(group.tolist(), start.tolist(), end.tolist(), strict=True):
        assert any(mg == g and ms <= s and me >= e for mg, ms, me in merged)
    ends = set(zip(group.tolist(), end.tolist(), strict=True))
    assert all((g, e) in ends for g, _, e in merged)
    assert all(a[0] != b[0] or b[1] - a[2] > gap - 1e-9 for a, b in itertools.pairwise(merged))


@given(st.text(), st.integers(5, 60))
def test_a_shortened_text_fits_and_keeps_both_ends(text, limit):
    whole = " ".join(text.split())
    short = shorten(text, limit)
    assert columns(short) <= limit
    if short != whole:
        head, tail = short.split("\u2026", 1) if "\u2026" not in whole else (short[:1], short[-1:])
        assert whole.startswith(head)
        assert whole.endswith(tail)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low, spread):
    for values in (ticks(low, low + spread), [value for value, _ in time_ticks(abs(low), abs(low) + spread)]):
        assert 1 <= len(values) <= 20
        assert all(a < b for a, b in itertools.pairwise(values))


@pytest.mark.parametrize(
    ("spread", "labels_"),
    [
        (1.0, ["08:00:00.0", "08:00:00.2", "08:00:00.4", "08:00:00.6", "08:00:00.8", "08:00:01.0"]),
        (50.0, ["08:00:00", "08:00:10", "08:00:20", "08:00:30", "08:00:40", "08:00:50"]),
        (5400.0, ["08:00", "08:15", "08:30", "08:45", "09:00", "09:15", "09:30"]),
        (129_600.0, ["05-01 12:00", "05-01 18:00", "05-02 00:00", "05-02 06:00", "05-02 12:00", "05-02 18:00"]),
        (864_000.0, ["2024-05-03", "2024-05-05", "2024-05-07", "2024-05-09", "2024-05-11"]),
    ],
)
def test_times_of_day_are_round(spread, labels_):
    assert [label for _, label in time_ticks(ZERO_MS / 1e3, ZERO_MS / 1e3 + spread)] == labels_


def test_queued_is_a_kind_of_its_own():
    assert KINDS[QUEUED].hatch == "."
    assert len({(kind.colour, kind.hatch, kind.glyph, kind.name) for kind in KINDS}) == len(KINDS)
