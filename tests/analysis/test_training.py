"""Training: curves, sweeps, early stopping, and metrics that are no finite numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis.curves import smoothed
from asw_nb.analysis.parallel import dimension
from asw_nb.errors import UsageError

SWEEP: dict[str, Any] = {
    "StartAt": "Train",
    "States": {
        "Train": {
            "Type": "Map",
            "ItemsPath": "$.grid",
            "ToleratedFailureCount": 9,
            "ItemProcessor": {
                "StartAt": "Fit",
                "States": {"Fit": {"Type": "Task", "Resource": "fit", "Retry": [{"ErrorEquals": ["OutOfMemory"], "IntervalSeconds": 2}], "End": True}},
            },
            "End": True,
        }
    },
}  # fmt: skip
GRID = [{"rate": 0.001, "kind": "sgd"}, {"rate": 0.1, "kind": "adam"}, {"rate": 1.0, "kind": "adam"}]
LOSSES = {0.001: [0.9, 0.8, 0.7], 0.1: [0.5, 0.2, 0.3], 1.0: [0.6, 2.0]}


@pytest.fixture
def run() -> asw.Execution:
    """Three trials, a step a second: the first one runs out of memory once, the last one fails."""
    clock = asw.VirtualClock(1_700_000_000)

    def fit(event: dict[str, Any], context: Any) -> dict[str, Any]:
        if event["rate"] == 0.001 and context.attempt == 1:
            context.metric(step=0, loss=9.0)
            clock.advance(1)
            raise asw.TaskError("OutOfMemory")
        for step, loss in enumerate(LOSSES[event["rate"]]):
            clock.advance(1)
            context.metric(step=step, loss=loss)
            context.progress(step + 1, 3)
        if event["rate"] == 1.0:
            raise ValueError("exploded")
        return {"score": 1 - loss, "rate": event["rate"]}

    return asw.run(SWEEP, {"grid": GRID}, functions={"fit": fit}, workflow="sweep", name="s", clock=clock, executor="inline")


def test_curves_have_a_line_per_place_of_the_last_try(run: asw.Execution) -> None:
    chart = run.curves()
    lines = {t.name: (list(t.x), list(t.y)) for t in chart.plotly.data}
    assert lines == {
        "Train[0]/Fit": ([0.0, 1.0, 2.0], [0.9, 0.8, 0.7]),
        "Train[1]/Fit": ([0.0, 1.0, 2.0], [0.5, 0.2, 0.3]),
        "Train[2]/Fit": ([0.0, 1.0], [0.6, 2.0]),
    }
    assert repr(chart) == "curves: loss; 3 lines"
    assert chart.table.columns.tolist() == ["label", "attempt", "step", "time_s", "name", "value"]
    assert len(run.curves(attempts="all").table) == 9


def test_curves_are_named_by_a_key_of_the_input_and_smoothed_over_the_raw_line(run: asw.Execution) -> None:
    chart = run.curves("loss", by="rate", smooth=0.5)
    shown = [(t.name, t.opacity, t.showlegend) for t in chart.plotly.data]
    assert shown[:2] == [("rate=0.001", 0.35, False), ("rate=0.001", 1, True)]
    assert list(chart.plotly.data[3].y) == smoothed([0.5, 0.2, 0.3], 0.5)
    with pytest.raises(UsageError, match=r'^by="rates" is in no input of a task with metrics. Did you mean "rate"\? Use "path", or one of: kind, rate.$'):
        run.curves(by="rates")
    with pytest.raises(UsageError, match=r'^no metric "los" was recorded. Did you mean "loss"\? Recorded: loss.$'):
        run.curves("los")
    with pytest.raises(UsageError, match=r"^smooth=1 must be from 0 \(as recorded\) to below 1.$"):
        run.curves(smooth=1)


def test_curves_over_time_stand_above_what_ran_when(run: asw.Execution) -> None:
    chart = run.curves(by="rate", timeline=True)
    # on one thread: the first try of trial 0, then trials 1 and 2, and the second try last
    assert list(chart.plotly.data[1].x) == [2.0, 3.0, 4.0]
    bars = {t.name: sorted(zip(t.base, t.x, t.y, strict=True)) for t in chart.plotly.data if t.type == "bar"}
    assert bars == {"failed": [(0.0, 1.0, 0.0), (4.0, 2.0, 2.0)], "succeeded": [(1.0, 3.0, 1.0), (8.0, 3.0, 0.0)]}
    assert chart.plotly.layout.xaxis.range == chart.plotly.layout.xaxis2.range
    assert chart.plotly.layout.xaxis2.matches == "x"
    assert chart.plotly.layout.yaxis2.ticktext == ("rate=0.001", "rate=0.1", "rate=1")


def test_without_metrics_the_curves_say_how_to_record_them() -> None:
    none = asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    assert repr(none.curves()) == "no metric was recorded: call context.metric(step=, name=value) in a function"


def test_a_sweep_has_a_row_per_trial_the_best_first(run: asw.Execution) -> None:
    trials = run.sweep("loss")
    assert trials.parameters == ["rate", "kind"]
    columns = ["index", "status", "attempts", "error", "rate", "kind", "loss_best", "loss_best_step", "loss_last", "loss_min", "loss_max", "score"]
    assert trials.table[columns].astype(object).where(trials.table[columns].notna(), None).to_numpy().tolist() == [
        [1, "SUCCEEDED", 1, None, 0.1, "adam", 0.2, 1, 0.3, 0.2, 0.5, 0.7],
        [0, "SUCCEEDED", 2, None, 0.001, "sgd", 0.7, 2, 0.7, 0.7, 0.9, pytest.approx(0.3)],
        [2, "FAILED", 1, "ValueError", 1.0, "adam", 0.6, 0, 2.0, 0.6, 2.0, None],
    ]
    assert (trials.best["rate"], trials.best["loss_best"]) == (0.1, 0.2)
    assert repr(trials) == "asw sweep Train | 3 trials | best loss_best=0.2 at rate=0.1, kind=adam (item 1)"
    assert run.sweep("loss", pick="last").table["loss_last"].tolist() == [0.3, 0.7, 2.0]
    assert run.sweep("score", mode="max").best["rate"] == 0.1


def test_a_sweep_is_drawn_as_scatter_and_parallel_coordinates(run: asw.Execution) -> None:
    trials = run.sweep("loss")
    scatter = trials.scatter()
    assert scatter.plotly.layout.xaxis.type == "log"
    assert [(t.name, list(t.x), list(t.y)) for t in scatter.plotly.data] == [("trials", [0.001, 1.0], [0.7, 0.6]), ("best", [0.1], [0.2])]
    assert trials.scatter("kind").plotly.layout.xaxis.ticktext == ("adam", "sgd")
    parallel = trials.parallel()
    # the best is drawn last and thickest: rate 0.1 of 0.001 to 1, adam below sgd, the lowest loss at the foot
    assert list(parallel.plotly.data[-1].y) == [round(2 / 3, 5), 0.0, 0.0]
    assert parallel.plotly.data[-1].line.width == 3.5
    assert repr(parallel) == "parallel coordinates: rate, kind, loss_best; 3 trials, best loss_best=0.2"


def test_a_sweep_that_cannot_be_is_refused(run: asw.Execution) -> None:
    with pytest.raises(UsageError, match=r"^which metric is to be best\? Give metric=, one of: loss, score.$"):
        run.sweep()
    with pytest.raises(UsageError, match=r'^no metric "lost" was recorded. Did you mean "loss"\? Recorded: loss, score.$'):
        run.sweep("lost")
    with pytest.raises(UsageError, match=r'^the trials have no parameter "rat". Did you mean "rate"\? Parameters: rate, kind.$'):
        run.sweep("loss").scatter("rat")
    with pytest.raises(UsageError, match=r'^map="Trai" is no Map that has begun. Did you mean "Train"\? Maps: Train.$'):
        run.sweep("loss", map="Trai")
    with pytest.raises(UsageError, match=r"^no Map has begun: there are no trials.$"):
        asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}).sweep("loss")


def test_axes_of_words_numbers_and_one_value() -> None:
    assert dimension("a", ["x", "y", "x"]).places == [0.0, 1.0, 0.0]
    assert dimension("a", [1, 100, 10]).places == [0.0, 1.0, 0.5]
    assert dimension("a", [1, 3, 2]).marks == [(0.0, "1"), (0.5, "2"), (1.0, "3")]
    assert dimension("a", [7, 7]).places == [0.5, 0.5]
    assert dimension("a", [True, None]).marks == [(0.0, "null"), (1.0, "true")]


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_values_that_are_not_finite_are_the_same_from_memory_and_from_the_file(type: str) -> None:
    given_values = [1.5, math.nan, math.inf, -math.inf, 0.1 + 0.2]

    def task(event: Any, context: Any) -> None:
        for step, value in enumerate(given_values):
            context.metric(step=step, loss=value)

    flow = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "task", "End": True}}}
    run = asw.run(flow, functions={"task": task}, type=type)
    found = run.metrics()["value"]
    assert str(found.dtype) == "float64"
    assert found.tolist() == pytest.approx(given_values, nan_ok=True, abs=0)
    if type == "STANDARD":
        run._run = None
        assert run.metrics()["value"].tolist() == pytest.approx(given_values, nan_ok=True, abs=0)
    assert list(run.curves().plotly.data[0].y) == [1.5, None, math.inf, -math.inf, 0.1 + 0.2]


@given(st.lists(st.floats(-100, 100)), st.integers(1, 5))
def test_early_stopping_stops_when_nothing_was_better_for_so_long(values: list[float], patience: int) -> None:
    stop = asw.EarlyStopping(patience)
    seen: list[float] = []
    for value in values:
        seen.append(value)
        expected = len(seen) - 1 - seen.index(min(seen)) >= patience
        assert stop(value) == expected
        assert (stop.best, stop.best_step) == (min(seen), seen.index(min(seen)))
        if expected:
            break


def test_early_stopping_counts_only_what_is_better_by_enough() -> None:
    stop = asw.EarlyStopping(2, "max", 0.1)
    assert [stop(v) for v in (0.5, 0.55, 0.7, math.nan, 0.75, 0.9)] == [False, False, False, False, True, True]
    assert (stop.best, stop.best_step) == (0.7, 2)
    with pytest.raises(UsageError, match=r"^patience=0 must be a number of values, 1 or more.$"):
        asw.EarlyStopping(0)
    with pytest.raises(UsageError, match=r'^mode="lower" is not known. Use one of: min, max.$'):
        asw.EarlyStopping(mode="lower")
