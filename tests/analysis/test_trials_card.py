"""The table of trials: the last attempt of each place, the order of the items, the best one, and curves as large as a word."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import pytest

import asw_nb as asw
from asw_nb.analysis.trials_card import MOST_TRIALS, Trial, modes, of_table, sparkline, trials_html


def trial(path: str, *values: float, execution: str = "arn:a:b:one") -> Trial:
    made = Trial(execution, path, 1)
    for step, value in enumerate(values):
        made.add("loss", step, value)
    return made


def points(values: list[float]) -> list[tuple[float, float]]:
    found = re.search(r"base64,([^\"]+)", sparkline(values))
    assert found is not None
    svg = ElementTree.fromstring(base64.b64decode(found[1]))
    return [(float(x), float(y)) for x, y in (point.split(",") for point in svg[0].attrib["points"].split())]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [(None, {}), ("loss", {"loss": "min"}), (["a", "b"], {"a": "min", "b": "min"}), ({"a": "max"}, {"a": "max"})],
)
def test_which_metrics_and_which_is_the_best(metrics, expected):
    assert modes(metrics) == expected


def test_a_curve_begins_left_ends_right_and_fills_its_height():
    assert points([3.0, 2.0, 1.0]) == [(2.0, 2.0), (60.0, 11.0), (118.0, 20.0)]
    assert points([5.0]) == [(2.0, 11.0)]
    assert points([2.0, 2.0]) == [(2.0, 11.0), (118.0, 11.0)]


def test_a_long_curve_has_few_points_and_the_last_one():
    found = points([float(n) for n in range(1000)])
    assert len(found) <= 61
    assert (found[0], found[-1]) == ((2.0, 20.0), (118.0, 2.0))


def test_what_is_not_finite_is_a_gap():
    assert points([1.0, float("nan"), float("inf"), 0.0]) == [(2.0, 2.0), (118.0, 20.0)]
    assert sparkline([float("nan")]) == ""


def test_the_best_is_marked_and_items_stand_in_their_order():
    html = trials_html([trial("M[10]/F", 1, 0.5), trial("M[2]/F", 0.2, 9), trial("M[1]/<b>", 7)], {"loss": "min"})
    assert re.findall(r"M\[\d+\]", html) == ["M[1]", "M[2]", "M[10]"]
    assert html.count("★") == 1
    assert re.search(r"M\[2\]/F.*?<b>0\.2 ★</b>", html)
    assert "<b>7" in trials_html([trial("M[1]/F", 7), trial("M[2]/F", 3)], {"loss": "max"})
    assert "M[1]/&lt;b&gt;" in html


def test_what_does_not_fit_is_counted_and_the_best_is_shown():
    many = [trial(f"M[{n}]/F", 50 - n) for n in range(MOST_TRIALS + 5)]
    html = trials_html(many, {"loss": "min"})
    assert html.count("<tr>") == MOST_TRIALS + 1
    assert f"M[{MOST_TRIALS + 4}]/F" in html and "5 more: run.metrics()" in html


def test_of_a_table_the_last_attempt_counts():
    def fit(event: int, context: asw.Execution) -> None:
        context.metric(step=1, loss=float("inf"), other=1)  # type: ignore[attr-defined]
        if context.attempt == 1:  # type: ignore[attr-defined]
            raise asw.TaskError("Again")
        context.metric(step=2, loss=0.5)  # type: ignore[attr-defined]

    task = {"Type": "Task", "Resource": "fit", "Retry": [{"ErrorEquals": ["Again"]}], "End": True}
    run = asw.run({"StartAt": "F", "States": {"F": task}}, functions={"fit": fit}, clock=asw.VirtualClock())
    [found] = of_table(run.metrics(), ["loss"])
    assert (found.path, found.attempt, found.values, found.best("loss", "min")) == ("F", 2, {"loss": [(1, float("inf")), (2, 0.5)]}, 0.5)
