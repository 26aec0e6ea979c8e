"""`asw.map`: order, the limit, failures, stopping, names, and what a second kernel makes of it."""

from __future__ import annotations

import _thread
import threading
import time
from typing import Any

import pandas
import pytest

import asw_nb as asw
from asw_nb.errors import ExecutionFailed, UsageError
from asw_nb.notebook.watch import WatchView

TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


class Gate:
    """A function that counts who is inside, and lets nobody out before `go`; the inputs in `bad` raise."""

    def __init__(self, bad: tuple[Any, ...] = ()) -> None:
        self.go, self.bad = threading.Event(), bad
        self.inside, self.most, self.calls = 0, 0, []
        self._lock = threading.Lock()

    def __call__(self, event: Any) -> Any:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.calls.append(event)
        assert self.go.wait(30)
        with self._lock:
            self.inside -= 1
        if event in self.bad:
            raise ValueError(f"bad {event}")
        return event * 10


def until(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def flow() -> asw.Workflow:
    return asw.workflow(TASK, name="days")


def test_it_returns_at_once_and_runs_so_many_at_a_time(flow):
    gate = Gate()
    week = asw.map(flow, range(7), max_parallel=3, functions={"f": gate})
    until(lambda: gate.inside == 3)
    assert (len(week), week.counts, week.done) == (7, {"PENDING": 4, "RUNNING": 3}, False)
    assert [run.input for run in week.started] == [0, 1, 2]
    assert repr(week) == "asw map of days | 7 executions | 4 PENDING, 3 RUNNING"
    gate.go.set()
    assert week.wait() is week
    assert (gate.most, week.counts, week.done) == (3, {"SUCCEEDED": 7}, True)
    assert [run.input for run in week] == list(range(7))
    assert week.results() == [0, 10, 20, 30, 40, 50, 60]
    assert [run.output for run in week[-2:]] == [50, 60]
    assert repr(week) == "asw map of days | 7 executions | 7 SUCCEEDED"


def test_what_looks_at_one_that_is_not_started_waits_for_its_start(flow):
    gate = Gate()
    week = asw.map(flow, [1, 2], max_parallel=1, functions={"f": gate})
    threading.Timer(0.2, gate.go.set).start()
    assert week[1].input == 2
    week = asw.map(flow, [3, 4, 5], max_parallel=1, functions={"f": gate})
    assert [run.input for run in week] == [3, 4, 5]
    assert asw.states(week.wait())["input"].tolist() == [3, 4, 5]


def test_one_that_fails_does_not_stop_the_others(flow):
    gate = Gate(bad=(1, 3))
    gate.go.set()
    week = asw.map(flow, range(5), max_parallel=2, functions={"f": gate}, names=lambda n: f"day-{n}").wait()
    assert week.counts == {"SUCCEEDED": 3, "FAILED": 2}
    assert [run.name for run in week.failed] == ["day-1", "day-3"]
    with pytest.raises(ExecutionFailed, match=r'^execution "day-1" FAILED at state "A": ValueError: bad 1$'):
        week.results()


def test_with_fail_fast_nothing_more_is_started_after_a_failure(flow):
    gate = Gate(bad=(1,))
    gate.go.set()
    week = asw.map(flow, range(50), max_parallel=1, functions={"f": gate}, fail_fast=True).wait()
    assert week.counts == {"PENDING": 48, "SUCCEEDED": 1, "FAILED": 1}
    assert [run.input for run in week] == [0, 1]
    with pytest.raises(UsageError, match=r"^input 7 has not been started, and will not be: execution 1 is FAILED, and fail_fast=True\.$"):
        week[7]


def test_the_table_has_a_row_per_input(flow):
    gate = Gate(bad=(1,))
    week = asw.map(flow, [0, 1, {"password": "x"}], max_parallel=2, functions={"f": gate}, names=["a", "b", "c"])
    until(lambda: gate.inside == 2)
    table = week.table()
    assert table["status"].tolist() == ["RUNNING", "RUNNING", "PENDING"]
    assert {name: str(kind) for name, kind in table.dtypes.items()} == {
        "index": "Int64", "name": "object", "status": "object", "started": "datetime64[us, UTC]", "duration_s": "float64", "input": "object", "output": "object",
        "error": "object", "cause": "object",
    }  # fmt: skip
    gate.bad = (1, {"password": "x"})
    gate.go.set()
    week.wait()
    rows = week.table()[["index", "name", "status", "input", "output", "error"]].values.tolist()
    assert rows == [
        [0, "a", "SUCCEEDED", 0, 0, None], [1, "b", "FAILED", 1, None, "ValueError"], [2, "c", "FAILED", {"password": "•••"}, None, "ValueError"],
    ]  # fmt: skip
    assert week.table(redact=False)["input"][2] == {"password": "x"}


def test_stop_starts_nothing_more_and_ends_what_runs(flow):
    gate = Gate()
    week = asw.map(flow, range(7), max_parallel=2, functions={"f": gate})
    until(lambda: gate.inside == 2)
    week.stop(cause="enough")
    assert week.counts == {"PENDING": 5, "ABORTED": 2}
    assert (week.done, week.wait() is week, [run.cause for run in week]) == (True, True, ["enough", "enough"])
    gate.go.set()
    with pytest.raises(UsageError, match=r"^input 2 has not been started, and will not be: it was stopped\.$"):
        week[2]


def test_hold_lets_what_runs_end(flow):
    gate = Gate()
    week = asw.map(flow, range(7), max_parallel=2, functions={"f": gate})
    until(lambda: gate.inside == 2)
    week.hold()
    gate.go.set()
    assert week.wait().counts == {"PENDING": 5, "SUCCEEDED": 2}


def test_an_interrupt_stops_it(flow):
    gate = Gate()
    week = asw.map(flow, range(7), max_parallel=2, functions={"f": gate})
    until(lambda: gate.inside == 2)
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        week.wait()
    assert week.counts == {"PENDING": 5, "ABORTED": 2}
    assert week[0].cause == "interrupted"
    gate.go.set()


def test_a_wait_may_have_an_end(flow):
    gate = Gate()
    week = asw.map(flow, range(3), max_parallel=1, functions={"f": gate})
    assert week.wait(0.05).counts == {"PENDING": 2, "RUNNING": 1}
    gate.go.set()
    assert week.wait(30).done


def test_no_inputs_are_no_executions(flow):
    week = asw.map(flow, [])
    assert (len(week), week.done, week.wait().results(), repr(week)) == (0, True, [], "asw map of days | 0 executions")
    assert week.table().empty


def test_rows_of_a_table_are_inputs_and_a_definition_is_a_workflow():
    table = pandas.DataFrame({"day": pandas.date_range("2026-11-01", periods=2), "n": [1, 2]})
    week = asw.map(TASK, table, workflow="made", functions={"f": lambda event: event["n"]}, tags={"team": "etl"}).wait()
    assert week.results() == [1, 2]
    assert [run.input for run in week] == [{"day": "2026-11-01T00:00:00", "n": 1}, {"day": "2026-11-02T00:00:00", "n": 2}]
    assert asw.executions(workflow="made")["tags"].tolist() == [{"team": "etl"}] * 2


def test_each_execution_has_its_own_virtual_clock():
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    week = asw.map(waits, range(3), max_parallel=1, clock=asw.VirtualClock(0)).wait()
    assert [run.duration_s for run in week] == [3600.0] * 3


def test_it_goes_wherever_executions_go(flow, tmp_path):
    week = asw.map(flow, [1, 2], functions={"f": lambda event: event}, names=["a", "b"]).wait()
    assert asw.slow(week)["executions"].tolist() == [2]
    assert asw.compare(week).names == ["a", "b"]
    assert "a" in asw.report(week, tmp_path / "week.html").read_text()


# --------------------------------------------------------------------------- names, and going on


def test_a_second_kernel_starts_what_the_first_had_not(tmp_path):
    gate = Gate()
    with asw.Workspace(tmp_path / "history.db") as first:
        flow = asw.workflow(TASK, name="days", workspace=first)
        week = asw.map(flow, range(4), max_parallel=2, functions={"f": gate}, names=lambda n: f"day-{n}")
        until(lambda: gate.inside == 2)
        week.hold()
    gate.go.set()
    calls: list[Any] = []

    def again(event: Any) -> Any:
        calls.append(event)
        return event * 10

    with asw.Workspace(tmp_path / "history.db") as second:
        flow = asw.workflow(TASK, name="days", workspace=second)
        week = asw.map(flow, range(5), functions={"f": again}, names=lambda n: f"day-{n}", reuse=True).wait()
        assert week.results() == [0, 10, 20, 30, 40]
        assert sorted(calls) == [0, 1, 2, 3, 4]
        calls.clear()
        assert asw.map(flow, range(5), functions={"f": again}, names=lambda n: f"day-{n}", reuse=True).results() == [0, 10, 20, 30, 40]
        assert calls == []
        assert len(second.executions()) == 5
        with pytest.raises(UsageError, match=r'^execution "day-0" of workflow "days" had another input\. Give other names\.$'):
            asw.map(flow, [7], names=["day-0"], reuse=True)
        with pytest.raises(UsageError, match=r'^workflow "days" has an execution "day-1" already\. Give other names, or reuse=True to take those that are there\.$'):
            asw.map(flow, [7, 1], names=["new", "day-1"])
        assert len(second.executions()) == 5


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ({"a": 1}, {}, "inputs must be a list with the input of each execution, not a dict."),
        (7, {}, "inputs must be a list with the input of each execution, not a int."),
        ([1, {2}], {}, None),
        ([1], {"max_parallel": 0}, "max_parallel=0 must be how many executions may run at the same time: 1 or more."),
        ([1], {"name": "x"}, 'each execution of a map has a name of its own: give names=[...], or names=lambda input: f"day-{input[\'day\']}".'),
        ([1], {"names": "x"}, "names must be a list with a name for each input, or a function that makes one of an input."),
        ([1, 2], {"names": ["x"]}, "there are 2 inputs and 1 names: give each input one."),
        ([1, 2], {"names": ["x", "x"]}, 'names: "x" stands there twice; names are unique in a workflow.'),
        ([1], {"names": ["a/b"]}, "the execution's name \"a/b\" has characters that a name must not have: '/'."),
        ([1], {"reuse": True}, "reuse=True finds executions by their names: give names=."),
        ([1], {"workflow": "other"}, 'the workflow is called "days" already: leave workflow="other" out.'),
        ([1], {"max_paralel": 3}, None),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(flow, inputs, options, message):
    with pytest.raises(UsageError) as refused:
        asw.map(flow, inputs, **options)
    assert message is None or str(refused.value) == message
    assert asw.executions(workflow="days").empty


def test_one_that_cannot_be_started_is_told_by_the_wait(flow, monkeypatch):
    start = flow.start

    def refusing(data: Any, **options: Any) -> Any:
        if data == 2:
            raise UsageError("no room")
        return start(data, **options)

    monkeypatch.setattr(flow, "start", refusing)
    week = asw.map(flow, range(5), max_parallel=1, functions={"f": lambda event: event})
    with pytest.raises(UsageError, match=r"^no room$"):
        week.wait()
    assert week.counts == {"PENDING": 3, "SUCCEEDED": 2}
    with pytest.raises(UsageError, match=r"^input 3 has not been started, and will not be: execution 2 could not be started: no room\.$"):
        week[3]


# --------------------------------------------------------------------------- how it shows itself


def test_the_card_counts_those_that_are_not_started(flow):
    gate = Gate()
    week = asw.map(flow, range(5), max_parallel=2, functions={"f": gate}, names=[f"day-{n}" for n in range(5)])
    until(lambda: gate.inside == 2)
    view = WatchView(week, shows=False)
    frame = view._bundle()
    assert frame["text/plain"] == "asw watch | 5 executions | 2 RUNNING, 3 not started"
    assert "3 not started" in frame["text/html"] and "day-1" in frame["text/html"] and "day-2" not in frame["text/html"]
    gate.go.set()
    assert view.done.wait(20)
    assert view._bundle()["text/plain"] == "asw watch | 5 executions | 5 SUCCEEDED"
    bundle = week._repr_mimebundle_()
    assert bundle["text/plain"] == "asw map of days | 5 executions | 5 SUCCEEDED"
    assert "day-4" in bundle["text/html"]


def test_outside_of_a_notebook_it_is_one_line(flow, capsys):
    asw.map(flow, [1], functions={"f": lambda event: event}).wait()._ipython_display_()
    assert capsys.readouterr().out == "asw map of days | 1 execution | 1 SUCCEEDED\n"


def test_in_a_script_watching_prints_those_that_are_started_later_too(flow, capsys):
    week = asw.map(flow, [1, 2], max_parallel=1, functions={"f": lambda event: event}, names=["a", "b"])
    asw.watch(week)
    out = capsys.readouterr().out
    assert [line.split(" | ")[0] for line in out.splitlines() if line.startswith("asw run")] == ["asw run days/a", "asw run days/b"]
