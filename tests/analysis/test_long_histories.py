"""An execution with a very long history is shown from what was kept when it ended, without reading it all again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.history import store as history
from benchmarks.workloads import FUNCTIONS, make


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LONG", 100)


def html(run: asw.Execution) -> str:
    return run._repr_mimebundle_()["text/html"]


def test_the_card_of_another_kernel_reads_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = make("W3", 50)
    with asw.Workspace(tmp_path) as ws:
        asw.run(work.definition, work.input, name="big", functions=FUNCTIONS, workspace=ws)
    with asw.Workspace(tmp_path) as ws:
        monkeypatch.setattr(ws.store, "events", lambda *a: pytest.fail("the events are read"))
        run = ws.execution("big")
        shown = html(run)
        assert run.tallies_of_end() == (204, [{"SUCCEEDED": 1}, {"SUCCEEDED": 50}])
    assert "50 SUCCEEDED" in shown
    assert "204 events" in shown


@pytest.mark.parametrize("ending", ["FAILED", "ABORTED"])
def test_what_was_cut_short_is_told(tmp_path: Path, ending: str) -> None:
    work = make("W3", 50)

    def fails(n: int) -> Any:
        if n == 49 and ending == "FAILED":
            raise ValueError("no")
        return n

    with asw.Workspace(tmp_path) as ws:
        machine: dict[str, Any] = work.definition
        if ending == "ABORTED":
            each = machine["States"]["M"]["ItemProcessor"]
            each["States"]["T"] = {"Type": "Task", "Resource": "inc", "Next": "W"}
            each["States"]["W"] = {"Type": "Wait", "Seconds": 3600, "End": True}
        run = asw.workflow(machine, "flow", workspace=ws).start(work.input, functions={"inc": fails})
        if ending == "ABORTED":
            while run._run.state.count < 202:
                pass
            run.stop()
        run.wait()
        live = run._run.state.tallies()
        count, kept = run.tallies_of_end() or (0, [])
        assert (run.status, count, kept) == (ending, run._run.state.count, live)
    with asw.Workspace(tmp_path) as ws:
        shown = html(ws.execution("latest"))
    assert ending in shown


def test_a_redrive_forgets_it(tmp_path: Path) -> None:
    work = make("W3", 50)
    broken = [True]

    def fails(n: int) -> int:
        if n == 49 and broken:
            raise ValueError("no")
        return n

    with asw.Workspace(tmp_path) as ws:
        run = asw.run(work.definition, work.input, functions={"inc": fails}, workspace=ws)
        assert run.tallies_of_end() is not None
        broken.clear()
        run.redrive().wait()
        assert run.status == "SUCCEEDED"
        count, kept = run.tallies_of_end() or (0, [])
        assert count == run._run.state.count
        assert kept == run._run.state.tallies()
