"""History files that the tests of doctor and upkeep are about."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import asw_nb as asw
from asw_nb.history.doctor import Report

TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
FAIL = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
ROOT = Path(__file__).parents[2]
PAGE = 4096


def noise(event: Any) -> Any:
    return {"n": event, "noise": f"{event}-" * 400}


def filled(path: Path, count: int = 30) -> dict[str, list[Any]]:
    """A file with that many executions; their events by name."""
    with asw.Workspace(path) as ws:
        flow = asw.workflow(TASK, "flow", workspace=ws)
        for n in range(count):
            flow.run(n, functions={"f": noise}, name=f"run-{n}")
        return {r.name: list(ws.store.events(r.key)) for r in ws.store.rows()}


def found(report: Report, *statuses: str) -> list[tuple[str, str, str, str]]:
    """The findings of these statuses; of others than OK without any."""
    wanted = statuses or ("WARNING", "ERROR", "REPAIRED")
    return [
        (f.check, f.status, f.detail, f.fix) for f in report.findings if f.status in wanted and f.check != "disk space"
    ]


def change(path: Path, sql: str, *values: Any) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(sql, values)
    db.close()
