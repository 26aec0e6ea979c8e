"""A sample of the kill harness: a real process, a real SIGKILL, a real resume. All of it: python tools/kill_harness.py --kills 200."""

from __future__ import annotations

import pytest

from tools import kill_harness


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert kill_harness.main(["--kills", "6", "--jobs", "1", "--seed", "7"]) == 0
    table = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines()[1:])
    assert {what.strip(): value.strip() for what, value in table.items()} == {
        "equal output": "6 of 6",
        "tasks with a recorded result that ran again": "0",
        "recorded results lost": "0",
        "histories valid in form": "6 of 6",
    }
