"""The magics that look after the history file and go on with executions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import asw_nb as asw
from asw_nb.errors import ExecutionFailed, UsageError
from asw_nb.workspace import default_path
from tests.notebook.shell import Notebook

TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


def flow(options: str) -> str:
    return f"%%asw flow {options} --wait --view none\n{json.dumps(TASK)}"


def frame(cell: Any) -> list[list[Any]]:
    return cell.value.values.tolist()


def test_doctor(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(flow("--mock '{\"f\": 1}' -i 1"))
    report = notebook.run("%asw doctor").value
    assert (report.ok, report.summary) == (True, "in order")
    assert notebook.run("%asw doctor --repair").value.summary == "in order"
    other = tmp_path / "other"
    asw.Workspace(other).close()
    assert notebook.run(f"%asw doctor {other}").value.path == other


def test_backup_prune_and_vacuum(notebook: Notebook, tmp_path: Path) -> None:
    for n in range(3):
        notebook.run(flow(f"--mock '{{\"f\": 1}}' -i {n} --name run-{n}"))
    copied = notebook.run("%asw backup copy.db")
    assert re.fullmatch(r"\S+copy\.db  \d+\.\d KB\n", copied.printed)
    with asw.Workspace(tmp_path / "copy.db") as copy:
        assert sorted(copy.executions()["name"]) == ["run-0", "run-1", "run-2"]
    assert notebook.fails("%asw backup copy.db", UsageError).splitlines()[0] == (
        f'UsageError: the backup "{tmp_path / "copy.db"}" exists already: choose another name, or move it away.'
    )
    planned = notebook.run("%asw prune --keep 1")
    assert [row[1] for row in frame(planned)] == ["run-1", "run-0"]
    first = planned.printed.splitlines()[0]
    assert re.fullmatch(r"would be deleted: 2 executions, \d+ bytes of events\. Add --yes to delete them\.", first)
    done = notebook.run("%asw prune --keep 1 --yes")
    assert done.value is None
    assert re.fullmatch(r"deleted: 2 executions, \d+ bytes of events\n", done.printed)
    assert [row[0] for row in frame(notebook.run("%asw list"))] == ["run-2"]
    assert re.fullmatch(r"[\d.]+ (bytes|KB) given back to the disk\n", notebook.run("%asw vacuum").printed)
    assert notebook.fails("%asw prune", UsageError).splitlines()[0] == (
        'UsageError: prune needs to be told what goes: older_than="30d", status="FAILED", workflow="etl" or keep=100.'
    )


def test_resume_and_redrive(notebook: Notebook, tmp_path: Path) -> None:
    with asw.Workspace(default_path()) as dead:
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
        asw.workflow(wait, "waits", workspace=dead).start({"a": 1}, name="left")
    resumed = notebook.run("%asw resume --wait --view none")
    assert resumed.error is None
    assert asw.execution("left").status == "SUCCEEDED"
    assert notebook.run("%asw resume").printed == "nothing is left to go on with\n"

    notebook.run("def f(event, context):\n    raise ValueError('no')")
    failed = notebook.run(flow("-i 1 --name broken"))
    assert type(failed.error) is ExecutionFailed
    notebook.run("def f(event, context):\n    return event + 1")
    plan = notebook.run("%asw redrive broken --dry-run").value
    assert plan[["path", "action"]].values.tolist() == [["A", "run again"]]
    notebook.run("%asw redrive broken --wait --view none")
    assert asw.execution("broken").output == 2


def test_a_cell_that_differs_from_what_runs(notebook: Notebook) -> None:
    cell = '%%asw waits{}\n{{"StartAt": "W", "States": {{"W": {{"Type": "Wait", "Seconds": {}, "End": true}}}}}}'
    notebook.run(cell.format(" -i 1 --name one --background --view none", 100))
    edited = notebook.run(cell.format(" -q", 200))
    assert edited.printed == (
        'execution "one" goes on with the definition of its start, and workflow "waits" has been edited since (changed W). '
        "To use the new one, stop it and start again.\n"
    )
    notebook.run("%asw stop one")
