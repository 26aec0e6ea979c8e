"""Schedules: which moments, what is started then, and what happens to moments that were missed. No test waits for a minute."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import asw_nb as asw
from asw_nb import scheduling
from asw_nb.errors import MissingDependency, UsageError

TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Time:
    """The wall clock of a test."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    """A clock that stands still, and no thread that looks at it."""
    made = Time()
    monkeypatch.setattr(scheduling, "_now", made)
    monkeypatch.setattr(scheduling, "_all", {})
    monkeypatch.setattr(scheduling, "_thread", threading.current_thread())
    yield made


@pytest.fixture
def flow() -> asw.Workflow:
    return asw.workflow(TASK, name="nightly")


def moments(schedule: scheduling.Schedule, time: Time, count: int) -> list[str]:
    """The next moments of a schedule."""
    out, at = [], time.now
    for _ in range(count):
        found = schedule._when.after(at)
        if found is None:
            break
        out.append(f"{found:%m-%d %H:%M:%S}")
        at = found
    return out


@pytest.mark.parametrize(
    ("when", "text", "expected"),
    [
        ({"every": "15m"}, "every 15m", ["11-01 12:15:00", "11-01 12:30:00", "11-01 12:45:00"]),
        ({"every": "1.5 h"}, "every 1.5 h", ["11-01 13:30:00", "11-01 15:00:00", "11-01 16:30:00"]),
        ({"every": 90}, "every 90s", ["11-01 12:01:30", "11-01 12:03:00", "11-01 12:04:30"]),
        ({"every": timedelta(days=1)}, "every 1 day, 0:00:00", ["11-02 12:00:00", "11-03 12:00:00", "11-04 12:00:00"]),
        ({"cron": "0 2 * * *"}, "cron 0 2 * * *", ["11-02 02:00:00", "11-03 02:00:00", "11-04 02:00:00"]),
        ({"cron": "0 2 * * MON", "tz": "Europe/Paris"}, "cron 0 2 * * MON (Europe/Paris)", ["11-02 01:00:00", "11-09 01:00:00", "11-16 01:00:00"]),
        ({"at": "2026-12-01T02:00"}, "at 2026-12-01 02:00:00 UTC", ["12-01 02:00:00"]),
        ({"at": "2026-12-01T02:00+05:00"}, "at 2026-11-30 21:00:00 UTC", ["11-30 21:00:00"]),
        ({"at": datetime(2026, 12, 1), "tz": "Asia/Shanghai"}, "at 2026-11-30 16:00:00 UTC", ["11-30 16:00:00"]),
    ],
)  # fmt: skip
def test_the_moments(time, flow, when, text, expected):
    made = asw.schedule(flow, **when)
    assert (made.when, moments(made, time, 3)) == (text, expected)
    assert f"{made.next:%m-%d %H:%M:%S}" == expected[0]


def test_a_night_that_has_two_half_past_twos_has_one_job(time, flow):
    time.now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    made = asw.schedule(flow, cron="30 2 * * *", tz="Europe/Paris")
    assert moments(made, time, 2) == ["10-25 00:30:00", "10-26 01:30:00"]


def test_an_execution_is_started_when_its_moment_has_come(time, flow):
    made = asw.schedule(flow, {"n": 1}, every="15m", functions={"f": lambda event: event}, tags={"team": "etl"})
    assert repr(made) == "asw schedule 1 of nightly | every 15m | next 2026-11-01 12:15:00 UTC | 0 started"
    made.fire(NOON + timedelta(minutes=14))
    assert (made.runs, made.started) == ([], 0)
    for minutes in (15, 30):
        made.fire(NOON + timedelta(minutes=minutes))
        made.runs[-1].wait()
    assert [run.output for run in made.runs] == [{"n": 1}, {"n": 1}]
    assert repr(made) == "asw schedule 1 of nightly | every 15m | next 2026-11-01 12:45:00 UTC | 2 started"
    assert asw.executions(tags={"schedule": "every 15m"})["tags"].tolist() == [{"schedule": "every 15m", "team": "etl"}] * 2


def test_of_the_moments_that_were_missed_one_is_made_up_for(time, flow):
    made = asw.schedule(flow, lambda moment: f"{moment:%H:%M}", every="15m", functions={"f": lambda event: event})
    made.fire(NOON + timedelta(hours=8, minutes=1))
    assert (made.started, made.runs[0].result(10), f"{made.next:%H:%M}") == (1, "12:15", "20:15")


def test_a_moment_is_skipped_while_the_execution_before_runs(time, flow):
    go = threading.Event()
    functions = {"f": lambda event: go.wait(30)}
    made = asw.schedule(flow, every="15m", functions=functions)
    over = asw.schedule(flow, every="15m", functions=functions, overlap=True)
    for minutes in (15, 30, 45):
        for one in (made, over):
            one.fire(NOON + timedelta(minutes=minutes))
    assert [(one.started, one.skipped) for one in (made, over)] == [(1, 2), (3, 0)]
    assert asw.schedules()["running"].tolist() == [1, 3]
    assert repr(made).endswith("| 1 started | 2 skipped")
    go.set()
    made.runs[0].wait()
    made.fire(NOON + timedelta(minutes=60))
    assert made.started == 2
    for run in (*made.runs, *over.runs):
        run.wait()


def test_what_cannot_be_started_is_told_and_tried_again(time, flow):
    def given(moment: datetime) -> Any:
        return {1, 2} if moment.minute == 15 else 1 / (moment.minute - 30) if moment.minute == 30 else "well"

    made = asw.schedule(flow, given, every="15m", functions={"f": lambda event: event})
    made.fire(NOON + timedelta(minutes=15))
    assert made.error is not None and made.error.startswith("UsageError: the input is no JSON value: ")
    made.fire(NOON + timedelta(minutes=30))
    assert made.error == "ZeroDivisionError: division by zero"
    assert repr(made).endswith("| 0 started | ZeroDivisionError: division by zero")
    made.fire(NOON + timedelta(minutes=45))
    assert (made.error, made.started, made.runs[0].result(10)) == (None, 1, "well")


def test_once_is_once_and_cancelled_is_never(time, flow):
    once = asw.schedule(flow, at="2026-11-01T13:00", functions={"f": lambda event: event})
    never = asw.schedule(flow, every="15m")
    never.cancel()
    for one in (once, never):
        one.fire(NOON + timedelta(hours=2))
    once.runs[0].wait()
    assert repr(once) == "asw schedule 1 of nightly | at 2026-11-01 13:00:00 UTC | nothing more | 1 started"
    assert repr(never) == "asw schedule 2 of nightly | every 15m | nothing more | 0 started"
    assert scheduling.find("all") == []


def test_the_table_of_schedules(time, flow):
    empty = asw.schedules()
    assert (len(empty), str(empty["next"].dtype)) == (0, "datetime64[us, UTC]")
    asw.schedule(flow, every="15m")
    asw.schedule(flow, every="1h").cancel()
    table = asw.schedules()
    assert list(table.columns) == ["number", "workflow", "when", "next", "started", "skipped", "running", "error"]
    assert table[["number", "workflow", "when", "started"]].values.tolist() == [[1, "nightly", "every 15m", 0], [2, "nightly", "every 1h", 0]]
    assert table["next"].dt.strftime("%H:%M").fillna("").tolist() == ["12:15", ""]


def test_the_thread_starts_them_and_ends_with_the_last(flow, monkeypatch):
    monkeypatch.setattr(scheduling, "_all", {})
    came = threading.Event()
    made = asw.schedule(flow, every=1, functions={"f": lambda event: came.set()})
    assert came.wait(20)
    thread = scheduling._thread
    assert thread is not None and thread.daemon
    made.cancel()
    thread.join(10)
    assert (thread.is_alive(), scheduling._thread) == (False, None)
    made.runs[-1].wait()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'say when, with one of every="15m", cron="0 2 * * *" and at="2026-12-01T02:00": none was given.'),
        ({"every": "1h", "cron": "* * * * *"}, 'say when, with one of every="15m", cron="0 2 * * *" and at="2026-12-01T02:00": not every and cron together.'),
        ({"every": "15 apples"}, "every='15 apples' must be a second or more, such as \"30s\", \"15m\", \"2h\", \"1d\", or a timedelta."),
        ({"every": 0.5}, 'every=0.5 must be a second or more, such as "30s", "15m", "2h", "1d", or a timedelta.'),
        ({"every": True}, 'every=True must be a second or more, such as "30s", "15m", "2h", "1d", or a timedelta.'),
        ({"at": "tomorrow"}, "at='tomorrow' is no moment: write \"2026-12-01T02:00\", or give a datetime."),
        ({"at": "2026-11-01T11:00"}, "at 2026-11-01 11:00:00 UTC is in the past: nothing would start."),
        ({"every": "1h", "tz": "Mars/Olympus"}, "tz='Mars/Olympus' is no time zone: write \"UTC\", or a place such as \"Europe/Paris\"."),
        (
            {"cron": "0 26 * * *"},
            "cron='0 26 * * *' is no cron expression (Bad hour): write minute, hour, day of the month, month and day of the week, such as "
            '"0 2 * * *" or "*/15 8-18 * * MON-FRI".',
        ),
        ({"every": "1h", "name": "x"}, "each execution of a schedule has a name of its own: leave name= out."),
        (
            {"every": "1h", "exector": "inline"},
            '"exector" is no option of an execution. Did you mean "executor"? Options: clock, dialect, executor, functions, mocks, on, payload_limit_bytes, seed, tags, '
            "timeout_s, type, workflows, workspace.",
        ),
        ({"every": "1h", "input": {1}}, "the input is no JSON value: input is a set, which is no JSON value: use numbers, strings, lists and dicts."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(time, flow, options, message):
    with pytest.raises(UsageError) as refused:
        asw.schedule(flow, **options)
    assert str(refused.value) == message
    assert asw.schedules().empty


def test_a_definition_is_no_workflow(time):
    with pytest.raises(UsageError, match=r"^schedule\(\) takes a workflow, such as asw_nb\.workflow\(\.\.\.\) gives, not \{'StartAt'"):
        asw.schedule(TASK, every="1h")


def test_without_cronsim_the_extra_is_named(time, flow, monkeypatch):
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(MissingDependency, match=r'^this needs the package "cronsim": pip install "asw_nb\[schedule\]"$'):
        asw.schedule(flow, cron="0 2 * * *")
    asw.schedule(flow, every="1h")
