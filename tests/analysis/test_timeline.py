"""The timeline shows exactly the spans of the frames, and stays small whatever was run."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from asw_nb.analysis.figure import PLOTLY_MIME
from asw_nb.analysis.timeline import timeline
from asw_nb.analysis.timeline_svg import columns
from asw_nb.errors import UsageError
from tests.analysis.spans import (
    ZERO_MS,
    at,
    attempt,
    bars,
    draw,
    json_size,
    labels,
    picture,
    picture_texts,
    state,
)

RETRIED = (
    attempt("Load", "FAILED", 0, 0.5, 2.5, error="Busy", cause="lock"),
    attempt("Load", "TIMED_OUT", 4.5, 5, 9, number=2, error="States.Timeout"),
    attempt("Load", "SUCCEEDED", 13, 13, 20, number=3, worker="w-1"),
)
RETRIED_STATES = (
    state("Load", "Task", "SUCCEEDED", 0, 20),
    state("Pause", "Wait", "SUCCEEDED", 20, 30),
    state("Done", "Succeed", "SUCCEEDED", 30, 30),
)


def test_attempts_become_bars_of_their_kind():
    figure = draw(RETRIED, RETRIED_STATES)
    assert bars(figure) == {
        "queued": [(0.0, 0.5, 2.0), (4.5, 0.5, 2.0)],
        "waiting": [(20.0, 10.0, 6.0)],
        "backoff": [(2.5, 2.0, 2.0), (9.0, 4.0, 2.0)],
        "succeeded": [(13.0, 7.0, 2.0)],
        "timed out": [(5.0, 4.0, 2.0)],
        "failed": [(0.5, 2.0, 2.0)],
    }
    points = {t.name: (list(t.x), list(t.y), t.marker.symbol) for t in figure.plotly.data if t.type == "scatter"}
    assert points == {
        "timed out": ([9.0], [2], "hourglass"),
        "failed": ([2.5], [2], "x"),
        "step": ([30.0], [10], "diamond"),
    }
    assert labels(figure) == ["Load", "Pause", "Done"]
    assert list(figure.plotly.layout.yaxis.tickvals) == [2.0, 6.0, 10.0]
    assert figure.plotly.layout.xaxis.title.text == "time since the start (s)"
    assert repr(figure) == "timeline: 3 rows, 3 attempts (2 failed), 30 s"


def test_waiting_is_hatched_and_working_is_not():
    hatches = {t.name: t.marker.pattern.shape for t in draw(RETRIED, RETRIED_STATES).plotly.data if t.type == "bar"}
    assert hatches == {
        "queued": ".", "waiting": "\\", "backoff": "/", "succeeded": None, "timed out": None, "failed": None,
    }  # fmt: skip


def test_every_kind_has_one_legend_entry():
    legend = [t.name for t in draw(RETRIED, RETRIED_STATES).plotly.data if t.showlegend is not False]
    assert legend == ["queued", "waiting", "backoff", "succeeded", "timed out", "failed", "step"]


def test_hover_tells_the_attempt_and_how_to_fetch_it():
    hover = {t.name: list(t.hovertext) for t in draw(RETRIED, RETRIED_STATES).plotly.data}
    assert hover["failed"] == [
        "<b>Load</b><br>attempt 1 FAILED<br>at +500 ms (2024-05-01 08:00:00 UTC), ran 2 s, queued 500 ms<br>"
        'Busy: lock<br><i>run["Load"].attempts</i>'
    ]
    assert hover["succeeded"] == [
        "<b>Load</b><br>attempt 3 SUCCEEDED<br>at +13 s (2024-05-01 08:00:13 UTC), ran 7 s<br>worker w-1<br>"
        '<i>run["Load"].attempts</i>'
    ]
    assert hover["backoff"][1] == (
        "<b>Load</b><br>backoff of 4 s before attempt 3<br>at +9 s (2024-05-01 08:00:09 UTC)<br>"
        '<i>run["Load"].attempts</i>'
    )
    assert hover["waiting"] == [
        '<b>Pause</b><br>Wait SUCCEEDED<br>at +20 s (2024-05-01 08:00:20 UTC), waited 10 s<br><i>run["Pause"]</i>'
    ]


def test_the_message_is_taken_out_of_a_lambda_cause():
    cause = json.dumps({"errorMessage": "no <rows>", "errorType": "ValueError", "stackTrace": ["x" * 500]})
    figure = draw([attempt("Load", "FAILED", 0, 1, 2, error="ValueError", cause=cause)])
    assert "<br>ValueError: no &lt;rows&gt;<br>" in figure.plotly.data[1].hovertext[0]


def test_absolute_time_is_utc_milliseconds():
    figure = draw(RETRIED, RETRIED_STATES, axis="absolute")
    assert bars(figure)["backoff"] == [(ZERO_MS + 2500, 2000.0, 2.0), (ZERO_MS + 9000, 4000.0, 2.0)]
    assert figure.plotly.layout.xaxis.type == "date"
    assert "UTC, 2024-05-01" in picture_texts(figure)
    assert "08:00:05" in picture_texts(figure)


@pytest.mark.parametrize(
    ("length_s", "unit", "length"),
    [(0.5, "ms", 500.0), (90, "s", 90.0), (1800, "min", 30.0), (36_000, "h", 10.0), (864_000, "d", 10.0)],
)
def test_the_unit_follows_the_length(length_s, unit, length):
    figure = draw([attempt("Load", "SUCCEEDED", 0, 0, length_s)])
    assert figure.plotly.layout.xaxis.title.text == f"time since the start ({unit})"
    assert bars(figure) == {"succeeded": [(0.0, length, 2.0)]}


def test_what_runs_is_drawn_up_to_the_latest_time_seen():
    figure = draw(
        [
            attempt("A", "RUNNING", 0, 1, None),
            attempt("B", "RUNNING", 2, None, None),
            attempt("C", "SUCCEEDED", 1, 2, 8),
        ],
        [state("Both", "Parallel", "RUNNING", 0, None), state("Wait", "Wait", "RUNNING", 3, None)],
    )
    assert bars(figure) == {
        "Map, Parallel": [(0.0, 8.0, 6.0)],
        "queued": [(0.0, 1.0, 2.0), (2.0, 6.0, 14.0), (1.0, 1.0, 10.0)],
        "waiting": [(3.0, 5.0, 18.0)],
        "succeeded": [(2.0, 6.0, 10.0)],
        "running": [(1.0, 7.0, 2.0)],
    }


def test_a_visit_that_waits_for_its_next_attempt_is_backing_off():
    tried = [attempt("Load", "FAILED", 0, 0, 2), attempt("Other", "SUCCEEDED", 0, 0, 5)]
    entered = state("Load", "Task", "RUNNING", 0, None)
    assert bars(draw(tried, [entered]))["backoff"] == [(2.0, 3.0, 2.0)]
    assert "backoff" not in bars(draw(tried, [{**entered, "exited": at(2)}]))
    assert "backoff" not in bars(draw(tried, [{**entered, "exited": at(4), "status": "FAILED"}]))


def test_a_backoff_that_was_stopped_ends_there():
    tried = [attempt("Load", "FAILED", 0, 0, 2), attempt("Other", "FAILED", 0, 0, 5)]
    assert bars(draw(tried, [state("Load", "Task", "ABORTED", 0, 4)]))["backoff"] == [(2.0, 2.0, 2.0)]


def test_a_task_without_attempts_is_a_bar_of_its_state():
    assert bars(draw(states=[state("Load", "Task", "CAUGHT", 0, 4)])) == {"failed": [(0.0, 4.0, 2.0)]}


def test_clocks_that_disagree_give_no_negative_length():
    assert bars(draw([attempt("Load", "SUCCEEDED", 0, 3, 2)]))["succeeded"] == [(3.0, 0.0, 2.0)]


def test_containers_stand_above_their_children():
    figure = draw(
        [
            attempt("First", "SUCCEEDED", 0, 0, 1),
            attempt("Each[1]/Load", "SUCCEEDED", 1, 1, 5),
            attempt("Each[0]/Load", "SUCCEEDED", 2, 2, 5),
            attempt("Last", "SUCCEEDED", 1.5, 1.5, 9),
            attempt("Each[0]/In[3]/Deep", "SUCCEEDED", 3, 3, 4),
        ],
        [state("Each", "Map", "SUCCEEDED", 1, 5), state("Each[0]/In", "Map", "SUCCEEDED", 2.5, 4)],
    )
    inside = ["Each[1]/Load", "Each[0]/Load", "Each[0]/In", "Each[0]/In[3]/Deep"]
    assert labels(figure) == ["First", "Each", *inside, "Last"]


def test_names_with_slashes_keep_their_place():
    lane = attempt("Each[0]/a/b[1]", "SUCCEEDED", 1, 1, 2, state="a/b[1]")
    figure = draw([lane, attempt("Z", "SUCCEEDED", 1.5, 1.5, 3)], [state("Each", "Map", "SUCCEEDED", 0, 2)])
    assert labels(figure) == ["Each", "Each[0]/a/b[1]", "Z"]


def items(n, concurrency=4, failed=()):
    tries = []
    for i in range(n):
        begin, status = i // concurrency, "FAILED" if i in failed else "SUCCEEDED"
        tries.append(attempt(f"Each[{i}]/Load", status, begin, begin, begin + 1))
    return tries, [state("Each", "Map", "SUCCEEDED", 0, -(-n // concurrency))]


def test_a_small_map_has_a_row_per_item():
    figure = draw(*items(30))
    assert len(labels(figure)) == 31
    assert labels(figure)[:2] == ["Each", "Each[0]/Load"]


def test_a_large_map_is_folded_to_one_row_with_a_lane_for_each_that_ran_at_once():
    figure = draw(*items(1000))
    assert labels(figure) == ["Each", "Each[*]/Load \u00d71,000"]
    assert list(figure.plotly.layout.yaxis.tickvals) == [2.0, 8.0]
    found = bars(figure)["succeeded"]
    assert len(found) == 1000
    assert sorted({y for _, _, y in found}) == [5.0, 7.0, 9.0, 11.0]
    assert "1,001 attempts" not in repr(figure)
    assert repr(figure) == "timeline: 2 rows, 1,000 attempts, 4 min 10 s"


def test_failed_items_of_a_large_map_come_first():
    figure = draw(*items(100, failed=(70, 7)))
    assert labels(figure) == ["Each", "Each[7]/Load", "Each[70]/Load", "Each[*]/Load \u00d798"]
    many = labels(draw(*items(100, failed=range(50))))
    assert many == ["Each", *(f"Each[{i}]/Load" for i in range(10)), "Each[*]/Load \u00d790, 40 failed"]


def test_an_item_that_a_retry_saved_is_not_a_failure():
    tries, states = items(40)
    tries[3]["status"] = "FAILED"
    tries.append(attempt("Each[3]/Load", "SUCCEEDED", 20, 20, 21, number=2))
    assert labels(draw(tries, states)) == ["Each", "Each[*]/Load \u00d740"]


def test_maps_within_a_large_map_are_folded_with_it():
    tries, states = [], [state("A", "Map", "SUCCEEDED", 0, 400)]
    for i in range(40):
        states.append(state(f"A[{i}]/B", "Map", "SUCCEEDED", 10 * i, 10 * i + 2))
        tries += [attempt(f"A[{i}]/B[{j}]/C", "SUCCEEDED", 10 * i, 10 * i + j, 10 * i + j + 1) for j in range(2)]
    assert labels(draw(tries, states)) == ["A", "A[*]/B \u00d740", "A[*]/B[*]/C \u00d780"]


def test_rows_by_state_fold_every_map():
    figure = draw(*items(8, failed=(2,)), rows="state")
    assert labels(figure) == ["Each", "Each[*]/Load \u00d78, 1 failed"]


def test_several_executions_start_together():
    figure = draw([
        attempt("Load", "SUCCEEDED", 0, 0, 5, execution="mon"),
        attempt("Load", "SUCCEEDED", 86_400, 86_401, 86_404, execution="tue"),
    ])  # fmt: skip
    assert labels(figure) == ["mon \u00b7 Load", "tue \u00b7 Load"]
    assert bars(figure) == {"queued": [(0.0, 1.0, 6.0)], "succeeded": [(0.0, 5.0, 2.0), (1.0, 3.0, 6.0)]}


@pytest.mark.parametrize("title", [None, "<nightly>"])
def test_nothing_run_gives_a_figure_that_says_so(title):
    figure = timeline(pd.DataFrame(), pd.DataFrame(), title=title)
    assert [a.text for a in figure.plotly.layout.annotations] == ["no task was run"]
    assert re.sub("<[^>]*>", "", figure.static_html) == ("&lt;nightly&gt;: " if title else "") + "no task was run"
    assert repr(figure) == "timeline: no task was run"
    assert repr(draw(title=title)) == "timeline: no task was run"


def test_attempts_that_were_never_scheduled_are_nothing():
    assert repr(draw([attempt("A", "ABORTED", None, None, None)])) == "timeline: no task was run"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": "utc"}, 'timeline(axis=\'utc\'): axis must be "relative" or "absolute".'),
        ({"rows": "paths"}, 'timeline(rows=\'paths\'): rows must be "path" or "state".'),
    ],
)
def test_a_wrong_option_is_told(options, message):
    with pytest.raises(UsageError) as caught:
        draw(RETRIED, **options)
    assert str(caught.value) == message


HOSTILE = "<script>alert(1)</script> & $x$ \"q\" 's' </svg> ]]> \x00\x1b\ud800\n<b>"


def test_hostile_names_are_text_in_both_forms():
    broken = attempt(HOSTILE, "FAILED", 0, 1, 2, state=HOSTILE, worker=HOSTILE, error=HOSTILE, cause=HOSTILE)
    figure = draw([broken], title=HOSTILE)
    bundle = figure._repr_mimebundle_()
    plotly = bundle[PLOTLY_MIME]
    shown = [plotly["layout"]["title"]["text"], *plotly["layout"]["yaxis"]["ticktext"]]
    shown += [text for trace in plotly["data"] for text in trace["hovertext"]]
    for text in shown:
        assert set(re.findall("<[^>]*>", text)) <= {"<b>", "</b>", "<i>", "</i>", "<br>"}
        assert "$" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown[-1]
    # What is left of the tags is ours alone.
    tags = set(re.findall(r"<(\w+)", bundle["text/html"]))
    assert tags == {"div", "b", "img", "details", "summary", "table", "tr", "td"}
    assert "<script>alert(1)<\u2026</svg> ]]> \ufffd\ufffd\ufffd <b>" in picture_texts(figure)


def test_a_million_characters_do_not_reach_the_output():
    name = "x" * 1_000_000
    figure = draw([attempt(name, "FAILED", 0, 1, 2, error=name, cause=name, worker=name)], title=name)
    assert labels(figure) == ["x" * 17 + "\u2026" + "x" * 18]
    assert json_size(figure) < 10_000
    assert len(figure.static_html) < 10_000


def test_long_and_chinese_names_fit_and_stay_whole_in_hover():
    name = "\u63d0\u53d6\u8ba2\u5355\u6570\u636e" * 6
    figure = draw([attempt(name, "SUCCEEDED", 0, 1, 2)])
    assert [columns(text) for text in labels(figure)] == [35]
    assert figure.plotly.data[0].hovertext[0].startswith(f"<b>{name}</b><br>")
    assert labels(figure)[0] in picture_texts(figure)


def test_the_static_form_needs_nothing_from_outside():
    figure = draw(RETRIED, RETRIED_STATES, title="orders")
    html = figure.static_html
    assert not re.search(r"<script|<style|https?:|\bid=|\bclass=|var\(", html)
    assert re.findall(r'src="([^,]*),', html) == ["data:image/svg+xml;base64"]
    assert re.findall(r"https?:[^'\"]*", picture(figure)) == ["http://www.w3.org/2000/svg"]


def test_the_static_form_holds_the_numbers_in_cells():
    cells = re.findall("<td[^>]*>([^<]*)<", draw(RETRIED, RETRIED_STATES).static_html)
    assert [cells[i : i + 7] for i in range(0, len(cells), 7)] == [
        ["row", "starts at", "attempts", "failed", "running", "queued", "waiting"],
        ["Load", "0 s", "3", "2", "13 s", "1 s", "6 s"],
        ["Pause", "20 s", "0", "0", "0 s", "0 s", "10 s"],
        ["Done", "30 s", "0", "0", "0 s", "0 s", "0 s"],
    ]


def test_the_picture_draws_each_kind_and_names_it():
    figure = draw(RETRIED, RETRIED_STATES)
    assert picture_texts(figure) == [
        "queued", "waiting", "backoff", "succeeded", "timed out", "failed", "step",
        "Load", "Pause", "Done", "0", "5", "10", "15", "20", "25", "30", "time since the start (s)",
    ]  # fmt: skip
    # Two queue bars and two backoffs; the plot is 892 pixels for 30 s.
    paths = re.findall(r"<path d='([^']*)' fill='url\(#k\d+\)'/>", picture(figure))
    assert [path.count("M") for path in paths] == [2, 1, 2]
    widths = [float(w) for w in re.findall(r"h(\d[\d.]*)v", paths[2])]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.1)


def test_the_picture_says_how_many_rows_it_left_out():
    figure = draw([attempt(f"S{i}", "SUCCEEDED", i, i, i + 1) for i in range(500)])
    assert picture_texts(figure)[-1] == "300 more rows are not drawn here"
    assert "<p>440 more rows are not listed.</p>" in figure.static_html
    assert figure.plotly.layout.height == 1600
    assert len(labels(figure)) < 130
    assert len(figure.static_html) < 60_000


def test_the_height_follows_the_rows():
    figures = [draw([attempt(f"S{i}", "SUCCEEDED", i, i, i + 1) for i in range(n)]) for n in (1, 5, 50)]
    assert [figure.plotly.layout.height for figure in figures] == [110, 206, 1286]
