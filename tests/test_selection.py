"""Looking across executions: which are meant, filters that SQLite applies, comparison and trace."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

import asw_nb as asw
from asw_nb.analysis.compare import leaves
from asw_nb.errors import UnknownExecution, UsageError
from tests.analysis.executions import executions

DAY = 86_400
START = 1_700_000_000
FLOW: dict[str, Any] = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "work", "Next": "Done"}, "Done": {"Type": "Succeed"}}}


def run(name: str, seconds: float = 1, workflow: str = "etl", day: int = 0, flow: dict[str, Any] = FLOW, **options: Any) -> asw.Execution:
    clock = asw.VirtualClock(START + DAY * day)

    def work(event: Any, context: Any) -> Any:
        clock.advance(seconds)
        if seconds < 0.5:
            raise asw.TaskError("TooShort", "half a second at least")
        context.metric(step=0, rows=seconds)
        return {"rows": seconds, "password": f"secret-{name}"}

    return asw.run(flow, options.pop("input", {"day": day}), functions={"work": work}, workflow=workflow, name=name, clock=clock, executor="inline", **options)


@pytest.fixture
def store() -> list[asw.Execution]:
    return [
        run("mon", day=0, tags={"team": "a", "n": 1}),
        run("tue", 3, day=1, tags={"team": "b"}),
        run("wed", 0.1, day=2),
        run("mon", workflow="other", day=3, type="EXPRESS"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["mon", "wed", "tue", "mon"]),
        ({"workflow": "etl"}, ["wed", "tue", "mon"]),
        ({"workflow": ["etl", "nothing"], "status": ["FAILED", "ABORTED"]}, ["wed"]),
        ({"workflow": "o*"}, ["mon"]),
        ({"name": "*e*"}, ["wed", "tue"]),
        ({"name": "[mt]*"}, []),
        ({"status": "SUCCEEDED", "limit": 2}, ["mon", "tue"]),
        ({"type": "EXPRESS"}, ["mon"]),
        ({"error": "Too*"}, ["wed"]),
        ({"tags": {"team": "a"}}, ["mon"]),
        ({"tags": {"team": "a", "n": 1}}, ["mon"]),
        ({"tags": {"n": "1"}}, []),
        ({"tags": {"n": True}}, []),
        ({"since": datetime.fromtimestamp(START + DAY, UTC)}, ["mon", "wed", "tue"]),
        ({"since": "2023-11-15T22:13:20", "until": "2023-11-17"}, ["wed", "tue"]),
        ({"until": date(2023, 11, 15)}, ["mon"]),
        ({"since": "1h"}, []),
        ({"since": timedelta(days=100_000), "until": "1s"}, ["mon", "wed", "tue", "mon"]),
        ({"workflow": []}, []),
    ],
)
def test_filters_choose_executions(store: list[asw.Execution], filters: dict[str, Any], names: list[str]) -> None:
    assert asw.executions(**filters)["name"].tolist() == names


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"state": "FAILED"}, r'^there is no filter "state". Did you mean "status"\? Filters: workflow, name, status, type, backend, error, since, until, tags, limit.$'),
        ({"status": "FAILD"}, r'^status="FAILD" is not known. Did you mean "FAILED"\? Use one of: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED.$'),
        ({"since": "yesterday"}, r'^since="yesterday" must be an age such as "24h" or "7d", or a moment such as "2026-11-02T12:00" \(UTC\).$'),
        ({"until": 5}, r'^until=5 must be an age such as "24h", a timedelta, or a date \(in UTC\).$'),
        ({"limit": -1}, r"^limit=-1 must be a number of executions.$"),
        ({"workflow": 3}, r"^'int' object is not iterable"),
    ],
)  # fmt: skip
def test_filters_that_make_no_sense_are_refused(filters: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, TypeError), match=message):
        asw.executions(**filters)


def test_tables_of_one_of_a_list_of_a_part_and_of_all(store: list[asw.Execution]) -> None:
    mon, tue, _, _ = store
    assert asw.states(mon)["state"].tolist() == ["Work", "Done"]
    assert asw.attempts([tue, mon.id])["duration_s"].tolist() == [3.0, 1.0]
    part = asw.executions(workflow="etl").query("status == 'FAILED'")
    assert asw.attempts(part)["error"].tolist() == ["TooShort"]
    assert asw.attempts(workflow="etl", status="SUCCEEDED")["duration_s"].tolist() == [3.0, 1.0]
    assert asw.attempts([mon, tue], status="FAILED").empty
    assert len(asw.events(workflow="etl")) == sum(len(r.history()) for r in store[:3])
    assert asw.metrics(workflow="etl")["value"].tolist() == [3.0, 1.0]
    assert asw.logs().empty and asw.map_items().empty
    assert asw.states(name="never").columns.tolist() == asw.states(mon).columns.tolist()
    with pytest.raises(UnknownExecution):
        asw.states(["mon", "dienstag"])
    with pytest.raises(UsageError, match=r"^runs: float is no execution. Give an execution, its name or id, a list of these, or a table with a column \"execution\".$"):
        asw.states([1.5])
    with pytest.raises(UsageError, match=r'^runs: the table has no column "execution"; take one from executions\(\).$'):
        asw.states(part[["name"]])


# ------------------------------------------------------------------------------------------------ comparison


def test_what_differs_between_two_executions(store: list[asw.Execution]) -> None:
    longer = {"StartAt": "Work", "States": {**FLOW["States"], "Done": {"Type": "Pass", "End": True}}}
    other = run("thu", 3, day=5, flow=longer)
    found = asw.compare([store[0], other])
    table = found.table.astype(object).where(found.table.notna(), None)
    assert found.table.columns.tolist() == ["section", "what", "mon", "thu", "change"]
    rows = {(section, what): values for section, what, *values in table.to_numpy().tolist()}
    assert rows["execution", "duration_s"] == [1.0, 3.0, 3.0]
    assert rows["execution", "tag team"] == ["a", None, None]
    assert rows["input", "$.day"] == [0, 5, None]
    assert rows["definition", "Done"] == ['{"Type": "Succeed"}', '{"End": true, "Type": "Pass"}', None]
    assert rows["state", "Work duration_s"] == [1.0, 3.0, 3.0]
    assert rows["metric", "rows min"] == [1.0, 3.0, 3.0]
    assert rows["output", "$.rows"] == [1, 3, 3.0]
    assert ("output", "$.password") not in rows
    assert found.divergence is None
    assert '+      "Type": "Pass"' in found.definition_diff
    assert repr(found).startswith(f"asw comparison of mon, thu | {len(rows)} differences, 1 of them in states | all took the same way")
    html = found._repr_mimebundle_()["text/html"]
    assert "×3" in html and "secret-" not in html


def test_the_first_divergence_is_told(store: list[asw.Execution]) -> None:
    found = asw.compare([store[0], store[2]])
    assert found.divergence == "wed entered Work (FAILED), where mon entered Work (SUCCEEDED)"


def test_equal_executions_have_no_difference_unless_all_is_asked_for() -> None:
    pair = [run("a"), run("b")]
    assert len(asw.compare(pair).table) == 0
    assert repr(asw.compare(pair)) == "asw comparison of a, b | 0 differences, 0 of them in states | all took the same way"
    every = asw.compare(pair, only_diff=False, metrics={"rows": "max"}).table
    assert every.query("section == 'metric'")[["what", "a", "b"]].to_numpy().tolist() == [["rows max", 1.0, 1.0]]
    assert asw.compare().names == ["a", "b"]


def test_a_comparison_of_one_is_refused() -> None:
    run("a")
    with pytest.raises(UsageError, match=r"^compare needs two executions or more; found 1.$"):
        asw.compare()
    with pytest.raises(UsageError, match=r'^metrics=\{"rows": "least"\}: use "min", "max", "last" or "mean".$'):
        asw.compare(["a", "a"], metrics={"rows": "least"})


def test_leaves_of_a_document_have_paths() -> None:
    assert leaves({"a b": [1], "c": {"d": True}, "e": []}) == [('$["a b"][0]', 1), ("$.c.d", True), ("$.e", "[]")]


# ------------------------------------------------------------------------------------------------------ trace


def test_the_trace_of_an_execution(tmp_path: Any) -> None:
    one = run("mon")
    path = one.trace(tmp_path / "run.trace.json")
    trace = json.loads(path.read_text())
    assert trace["displayTimeUnit"] == "ms"
    names, *spans = [e for e in trace["traceEvents"] if e["name"] != "thread_sort_index"]
    assert names["args"] == {"name": "etl / mon"}
    base = START * 1_000_000
    assert [(e["name"], e["cat"], e["ts"] - base, e["dur"], e["tid"]) for e in spans[1:]] == [
        ("Work", "Task", 0, 1_000_000, 1), ("attempt 1", "run", 0, 1_000_000, 1), ("Done", "Succeed", 1_000_000, 0, 1),
    ]  # fmt: skip
    assert "secret-mon" not in path.read_text()
    with gzip.open(one.trace(tmp_path / "run.trace.json.gz"), "rt") as file:
        assert json.load(file) == trace
    with pytest.raises(UsageError, match=r"cannot be written: No such file or directory.$"):
        one.trace(tmp_path / "nowhere" / "x.json")


@settings(max_examples=40)
@given(executions())
def test_spans_of_one_track_lie_inside_each_other_or_apart(run: asw.Execution) -> None:
    from asw_nb.analysis.trace import events

    spans = [e for e in events(run._latest(), run.fold().visits, run.fold().last_at) if e["ph"] == "X"]
    assert sum(e["cat"] == "run" for e in spans) <= len(run.attempts())
    tracks: dict[int, list[tuple[int, int]]] = {}
    for span in spans:
        tracks.setdefault(span["tid"], []).append((span["ts"], span["ts"] + span["dur"]))
    for intervals in tracks.values():
        for a, b in intervals:
            for c, d in intervals:
                assert b <= c or d <= a or (a <= c and d <= b) or (c <= a and b <= d)
