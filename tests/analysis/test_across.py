"""Looking across executions: what is slow, what fails, how much gets done, what it would cost, and what became worse."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import asw_nb as asw
from asw_nb.analysis.cost import money
from asw_nb.errors import UsageError

FLOW: dict[str, Any] = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.rows",
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "StartAt": "Load",
                "States": {
                    "Load": {
                        "Type": "Task",
                        "Resource": "load",
                        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                        "Catch": [{"ErrorEquals": ["Broken"], "Next": "Skip"}],
                        "End": True,
                    },
                    "Skip": {"Type": "Pass", "End": True},
                },
            },
            "End": True,
        }
    },
}


def run(rows: list[str], start: float = 1_700_000_000, workflow: str = "etl", **options: Any) -> asw.Execution:
    """Each row a number of seconds to work, with ``!`` a first try that is busy, with ``x`` a broken row."""
    clock = asw.VirtualClock(start)

    def load(event: str, context: Any) -> str:
        clock.advance(float(event.strip("!x")))
        if "x" in event:
            raise asw.TaskError("Broken", "password=hunter2 in row 3")
        if "!" in event and context.attempt == 1:
            raise asw.TaskError("Busy", "locked")
        context.metric(rows=len(event))
        return event

    return asw.run(FLOW, {"rows": rows}, functions={"load": load}, workflow=workflow, clock=clock, executor="inline", **options)


@pytest.fixture
def three() -> list[asw.Execution]:
    return [run(["1", "2"]), run(["3", "4!"], 1_700_003_600), run(["5x", "10"], 1_700_007_200)]


def test_slow_states_with_their_percentiles(three: list[asw.Execution]) -> None:
    table = asw.slow()
    load = table.set_index("state").loc["Load"]
    # 4! works 4 s, waits 1 s, works 4 s again
    durations = pd.Series([1.0, 2.0, 3.0, 9.0, 5.0, 10.0])
    assert table["state"].tolist() == ["Each", "Load", "Skip"]
    assert load[["executions", "visits", "attempts", "retries", "failures"]].tolist() == [3, 6, 7, 1, 1]
    assert load["failure_rate"] == pytest.approx(1 / 6)
    assert load[["total_s", "mean_s", "max_s", "wait_s"]].tolist() == [30.0, 5.0, 10.0, 1.0]
    assert load[["p50_s", "p90_s", "p95_s", "p99_s"]].tolist() == durations.quantile([0.5, 0.9, 0.95, 0.99]).tolist()
    assert load["slowest"] == three[2].id
    assert asw.slow(by="retries", n=1)["state"].tolist() == ["Load"]
    assert asw.slow(three[0])["total_s"].tolist() == [3.0, 3.0]


def test_a_column_to_order_by_that_is_not_there_is_refused(three: list[asw.Execution]) -> None:
    with pytest.raises(UsageError, match=r'^by="p95" is no column to order by. Did you mean "p95_s"'):
        asw.slow(by="p95")


def test_states_of_one_name_in_two_places_are_told_apart() -> None:
    wait = {"Type": "Wait", "Seconds": 1, "End": True}
    both = {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": wait}}, {"StartAt": "B", "States": {"B": wait}}], "End": True}
    asw.run({"StartAt": "Both", "States": {"Both": both}}, workflow="one", clock=asw.VirtualClock())
    asw.run({"StartAt": "A", "States": {"A": wait}}, workflow="two", clock=asw.VirtualClock())
    assert asw.slow()[["workflow", "state"]].to_numpy().tolist() == [["two", "A"], ["one", "Both"], ["one", "A"], ["one", "B"]]


def test_distributions_tell_quartiles_and_extremes(three: list[asw.Execution]) -> None:
    chart = asw.distributions()
    assert chart.table["state"].tolist() == ["Each", "Load"]
    durations = pd.Series([1.0, 2.0, 3.0, 9.0, 5.0, 10.0])
    assert chart.table.iloc[1].tolist() == ["Load", 6, *durations.quantile([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])]
    assert repr(chart) == "durations of 2 states, 9 visits; slowest median: Each, 12.0 s"
    assert {t.type for t in chart.plotly.data} == {"scatter", "bar"}
    assert chart.plotly.layout.xaxis.type is None
    assert asw.distributions(log=True).plotly.layout.xaxis.type == "log"


def test_errors_are_counted_with_their_share(three: list[asw.Execution]) -> None:
    chart = asw.failures()
    columns = ["error", "state", "count", "share", "together", "executions", "example"]
    assert chart.table[columns].to_numpy().tolist() == [
        ["Broken", "Load", 1, 0.5, 0.5, 1, "Broken: password=••• in row 3"],
        ["Busy", "Load", 1, 0.5, 1.0, 1, "Busy: locked"],
    ]
    assert chart.table["last_seen"].iloc[0] == pd.Timestamp("2023-11-15T00:13:25Z")
    assert repr(chart) == "errors: 2 failures of 2 kinds in 2 executions; most frequent: Broken in Load, 50%"
    assert "hunter2" not in str(chart._repr_mimebundle_())
    assert repr(asw.failures(three[0])) == "no error was recorded"


def test_throughput_counts_what_ended_in_each_bar(three: list[asw.Execution]) -> None:
    chart = asw.throughput(every="1h")
    assert chart.table[["ended", "SUCCEEDED", "FAILED", "mean_s"]].to_numpy().tolist() == [[1, 1, 0, 3.0], [1, 1, 0, 12.0], [1, 1, 0, 15.0]]
    assert chart.table["since"].tolist() == [pd.Timestamp(f"2023-11-14T{h}:00:00Z") for h in (22, 23)] + [pd.Timestamp("2023-11-15T00:00:00Z")]
    assert repr(chart) == "throughput: 3 executions ended in 2 h 0 min, 1 at most per hour"
    with pytest.raises(UsageError, match=r'^every="often" must be a length of time such as'):
        asw.throughput(every="often")


def test_the_cost_is_an_estimate_and_says_so(three: list[asw.Execution]) -> None:
    found = asw.cost()
    # three Maps, six Loads with one retry, one Skip
    assert found.table.to_numpy().tolist() == [["etl", 3, 11, 1, pytest.approx(11 * 0.025 / 1000), pytest.approx(11 * 0.025 / 3000)]]
    assert repr(found) == "asw cost estimate | about 0.00028 USD for 11 state transitions"
    assert found.note.startswith("Estimate: 11 state transitions at 0.025 USD per 1,000 (AWS Step Functions Standard, us-east-1). One for each state entered and each retry;")
    assert asw.cost(price=2, currency="CNY").total == pytest.approx(0.022)
    with pytest.raises(UsageError, match=r'^region="eu-west-9" has no price here. Did you mean "eu-west-3"'):
        asw.cost(region="eu-west-9")
    with pytest.raises(UsageError, match=r"^the price list is in USD: give a price in CNY for 1,000 transitions with price=.$"):
        asw.cost(currency="CNY")
    assert [money(v) for v in (0, 3e-7, 12.346, 1234.5)] == ["0", "0.00000030", "12.35", "1,234.50"]


def test_nothing_recorded_gives_charts_that_say_so() -> None:
    assert [repr(c) for c in (asw.distributions(), asw.failures(), asw.throughput())] == [
        "no state that takes time has ended", "no error was recorded", "no execution has ended",
    ]  # fmt: skip
    assert len(asw.slow()) == 0
    assert asw.cost().total == 0


# ------------------------------------------------------------------------------------------------ regressions


def test_what_became_worse_is_told_in_words() -> None:
    for day in range(6):
        run(["1", "1"], 1_700_000_000 + 86_400 * day)
    run(["4", "1!"], 1_700_000_000 + 86_400 * 6)
    table = asw.regressions()
    assert table[["state", "what", "before", "now", "change"]].astype(object).where(table[["state", "what", "before", "now", "change"]].notna(), None).to_numpy().tolist() == [
        ["Each", "duration_s", 2.0, 7.0, 3.5],
        ["Load", "duration_s", 2.0, 7.0, 3.5],
        [None, "duration_s", 2.0, 7.0, 3.5],
        [None, "metric rows", 1.0, 2.0, 2.0],
        ["Load", "attempts", 2.0, 3.0, 1.5],
    ]
    assert table["hint"].iloc[1] == '"Load" took 7.0 s, 3.5 times as long as usual (2.0 s in the 6 before)'
    assert table["hint"].iloc[4] == '"Load" had 3 attempts; usual are 2'


def test_what_is_as_usual_gives_no_hint() -> None:
    for day in range(6):
        run(["1", "1"], 1_700_000_000 + 86_400 * day)
    assert len(asw.regressions("etl")) == 0


def test_three_executions_are_too_few_to_know_what_is_usual() -> None:
    for day, seconds in enumerate(("1", "1", "9")):
        run([seconds], 1_700_000_000 + 86_400 * day)
    assert len(asw.regressions("etl")) == 0
    with pytest.raises(UsageError, match=r"^there is no execution yet.$"):
        asw.regressions(status="ABORTED")
