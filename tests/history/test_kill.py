"""One real `kill -9`: what was committed is in the file, whole and in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import asw_nb as asw
from asw_nb.engine import events as ev
from asw_nb.history.fold import Fold

CHILD = """
import sys
import asw_nb as asw

def step(event):
    print(event["n"], flush=True, file=sys.__stdout__)
    return {"n": event["n"] + 1}

states = {
    "Step": {"Type": "Task", "Resource": "step", "Next": "Again"},
    "Again": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 0, "Next": "Out"}], "Default": "Step"},
    "Out": {"Type": "Succeed"},
}
workspace = asw.Workspace(sys.argv[1], group_commit=sys.argv[2] == "group")
flow = asw.workflow({"StartAt": "Step", "States": states}, "chain", workspace=workspace)
flow.run({"n": 0}, functions={"step": step}, name="killed")
"""


@pytest.mark.parametrize("commits", ["group", "each"])
def test_a_kernel_that_is_killed_leaves_every_committed_event(tmp_path: Path, commits: str) -> None:
    path = tmp_path / "history.db"
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), commits], cwd=root, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 200:
            break
    os.kill(child.pid, signal.SIGKILL)
    called = [200, *map(int, (n for n in child.stdout if n.endswith("\n")))][-1]
    assert child.wait(30) == -signal.SIGKILL
    child.stdout.close()

    with asw.Workspace(path) as workspace:
        run = workspace.execution("killed")
        assert (run.status, run.output, run.error) == ("RUNNING", None, None)
        batches = workspace.store.reader.execute(
            "SELECT seq, count FROM events WHERE execution=? ORDER BY seq", (run.key,)
        )
        ends = 0
        for seq, count in batches:
            assert seq == ends
            ends = seq + count
        events = list(run._events())
        assert len(events) == ends
        results = [event[3]["n"] for event in events if event[0] == ev.SUCCEEDED]
        assert results == list(range(1, len(results) + 1))
        # each call but the one in flight (and the one whose answer was on its way) is recorded with its result; of results that are
        # written together those of the last moments are missing too
        assert (100 if commits == "group" else called - 1) <= len(results) <= called + 1
        fold = Fold(run.plan, run.input, 0).feed(events)
        assert [v.path for v in fold.visits[:4]] == ["Step", "Again", "Step", "Again"]
        assert {v.status for v in fold.visits[:-1]} == {"SUCCEEDED"}
        assert len(run.states()) == len(fold.visits)
        assert asw.run(run.definition, {"n": -1}, functions={"step": lambda e: e}, workspace=workspace).output == {
            "n": -1
        }
