"""``%asw schedule``: made, listed, cancelled, refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from asw_nb.errors import UsageError


@pytest.fixture
def no_schedules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This test's schedules are the only ones, and end with it."""
    from asw_nb import scheduling

    monkeypatch.setattr(scheduling, "_all", {})
    yield
    for one in scheduling.find("all"):
        one.cancel()


def test_a_schedule_is_made_listed_and_cancelled(notebook, no_schedules):
    assert notebook.run("%asw schedule").value.empty
    notebook.run('%%asw nightly -q\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${day}", "End": true}}}')
    made = notebook.run("%asw schedule nightly --every 15m -i {\"n\": 1} -p day=monday").printed
    assert re.fullmatch(r"asw schedule 1 of nightly \| every 15m \| next [-\d]+ [:\d]+ UTC \| 0 started\n", made)
    made = notebook.run('%asw schedule nightly --cron "0 2 * * *" --tz Europe/Paris -p day=monday').printed
    assert made.startswith("asw schedule 2 of nightly | cron 0 2 * * * (Europe/Paris) | next ")
    made = notebook.run("%asw schedule nightly --at 2999-01-01T02:00 -p day=monday").printed
    assert made == "asw schedule 3 of nightly | at 2999-01-01 02:00:00 UTC | next 2999-01-01 02:00:00 UTC | 0 started\n"
    assert notebook.run("%asw schedule").value["number"].tolist() == [1, 2, 3]
    assert notebook.run("%asw schedule --cancel 1").printed == "asw schedule 1 of nightly | every 15m | nothing more | 0 started\n"
    assert len(notebook.run("%asw schedule --cancel all").printed.splitlines()) == 2
    assert notebook.run("%asw schedule").value["next"].isna().all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nightly", 'say when, with one of every="15m", cron="0 2 * * *" and at="2026-12-01T02:00": none was given.'),
        ("nigthly --every 15m", 'there is no workflow "nigthly". Did you mean "nightly"? Define one with %%asw nigthly.'),
        ("--every 15m", "%asw schedule: --every needs a workflow, such as %asw schedule nightly --every ..."),
        ("nightly --cancel 1", "%asw schedule: --cancel NUMBER stands alone."),
        ("--cancel 7", 'there is no schedule "7". Schedules of this kernel: none; or all.'),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(notebook, no_schedules, line, message):
    notebook.run('%%asw nightly -q\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert notebook.fails(f"%asw schedule {line}", UsageError) == f"UsageError: {message}"
