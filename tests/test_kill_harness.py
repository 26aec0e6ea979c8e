"""A sample of the kill harness: a real process, a real SIGKILL, a real resume. All of it: python tools/kill_harness.py --kills 200."""

from __future__ import annotations

import pytest

from tools import kill_harness


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "more"), [(6, []), (4, ["--short"])])
def test_killed_at_random_moments_and_resumed_nothing_is_lost(capsys: pytest.CaptureFixture[str], kills: int, more: list[str]) -> None:
    assert kill_harness.main(["--kills", str(kills), "--jobs", "1", "--seed", "7", *more]) == 0
    table = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines()[1:])
    assert {what.strip(): value.strip() for what, value in table.items()} == {
        "equal output": f"{kills} of {kills}",
        "tasks with a recorded result that ran again": "0",
        "recorded results lost": "0",
        "histories valid in form": f"{kills} of {kills}",
    }
