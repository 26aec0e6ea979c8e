"""The upkeep of a history: backup, prune, vacuum."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine import events as ev
from tests.history.files import FAIL, TASK, WAIT, filled, noise


def test_a_backup_is_made_while_executions_run(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path / "history.db") as ws:
        asw.run(TASK, 1, functions={"f": noise}, name="done", workspace=ws)
        run = asw.workflow(WAIT, workspace=ws).start({}, name="runs")
        while len(list(ws.store.events(run.key))) < 2:
            time.sleep(0.01)
        copy = ws.backup(tmp_path / "safe" / "copy.db")
        assert copy == tmp_path / "safe" / "copy.db"
        assert [p.name for p in copy.parent.iterdir()] == ["copy.db"]
        into = ws.backup(tmp_path / "safe")
        assert into.parent == copy.parent and into.name.startswith("history-2")
        for name in (copy, ws.path):
            with pytest.raises(asw.UsageError) as refused:
                ws.backup(name)
            assert str(refused.value) == f'the backup "{name}" exists already: choose another name, or move it away.'
        (tmp_path / "file").write_text("")
        with pytest.raises(asw.StoreError) as told:
            ws.backup(tmp_path / "file" / "copy.db")
        assert str(told.value).startswith(f'the backup "{tmp_path / "file" / "copy.db"}" was not made: ')
        with asw.Workspace(copy) as other:
            assert other.execution("done").output == noise(1)
            assert other.execution("runs").status == "RUNNING"
            assert other.resume() == []  # its driver lives
            assert other.doctor().ok
        run.stop()


def ages(ws: asw.Workspace, days: dict[str, float]) -> None:
    now = time.time_ns() // 1000
    for name, age in days.items():
        at = now - round(age * 86_400e6)
        ws.store.transaction(
            lambda db, at=at, name=name: db.execute(
                "UPDATE executions SET started_us=?, finished_us=CASE WHEN status='RUNNING' THEN NULL ELSE ? END WHERE name=?",
                (at, at, name),
            )
        )


@pytest.fixture
def ws(tmp_path: Path) -> Any:
    with asw.Workspace(tmp_path / "history.db") as made:
        for flow in ("etl", "train"):
            for n, definition in enumerate((TASK, FAIL, TASK)):
                asw.run(definition, n, functions={"f": noise}, name=f"{flow}-{n}", workflow=flow, workspace=made)
        asw.workflow(WAIT, "etl", workspace=made).start({}, name="runs")
        ages(made, {"etl-0": 40, "etl-1": 20, "etl-2": 1, "train-0": 41, "train-1": 21, "train-2": 2, "runs": 50})
        yield made


@pytest.mark.parametrize(
    ("options", "goes"),
    [
        ({"older_than": "30d"}, ["etl-0", "train-0"]),
        ({"older_than": timedelta(days=1.5)}, ["train-2", "etl-1", "train-1", "etl-0", "train-0"]),
        ({"older_than": datetime.now(UTC) - timedelta(days=20.5)}, ["train-1", "etl-0", "train-0"]),
        ({"older_than": datetime.now(UTC).replace(tzinfo=None) - timedelta(days=20.5)}, ["train-1", "etl-0", "train-0"]),
        ({"older_than": date(2000, 1, 1)}, []),
        *(({"older_than": age}, ["etl-0", "train-0"]) for age in ("5 weeks", "5w", "840 hours", "30.5 Days", "50400 min", "3024000s")),
        ({"status": "FAILED"}, ["etl-1", "train-1"]),
        ({"status": ["FAILED", "SUCCEEDED"], "workflow": "etl"}, ["etl-2", "etl-1", "etl-0"]),
        ({"keep": 1}, ["etl-1", "train-1", "etl-0", "train-0"]),
        ({"keep": 0, "workflow": "train"}, ["train-2", "train-1", "train-0"]),
        ({"keep": 2, "status": "SUCCEEDED", "older_than": "1h"}, ["etl-0", "train-0"]),
        ({"workflow": "none"}, []),
    ],
)  # fmt: skip
def test_prune_says_what_goes_and_then_lets_it_go(ws: asw.Workspace, options: dict[str, Any], goes: list[str]) -> None:
    before = ws.executions()
    table = ws.prune(**options)
    assert table["name"].tolist() == goes
    assert table.columns.tolist() == ["execution", "name", "workflow", "status", "started", "finished", "size_bytes"]
    assert all(table["size_bytes"] > 0)
    assert ws.executions().equals(before)
    assert ws.prune(**options, dry_run=False)["name"].tolist() == goes
    assert ws.executions()["name"].tolist() == [name for name in before["name"] if name not in goes]
    assert [f.status for f in ws.doctor().findings if f.check in ("orphans", "histories", "integrity")] == ["OK"] * 3
    assert ws.prune(**options)["name"].tolist() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'prune needs to be told what goes: older_than="30d", status="FAILED", workflow="etl" or keep=100.'),
        ({"status": "RUNNING"}, 'status="RUNNING" cannot be pruned. Running executions are never pruned. Use one of: SUCCEEDED, FAILED, TIMED_OUT, ABORTED.'),
        ({"status": "FAILD"}, 'status="FAILD" cannot be pruned. Did you mean "FAILED"? Use one of: SUCCEEDED, FAILED, TIMED_OUT, ABORTED.'),
        ({"keep": -1}, "keep=-1 must be a number of executions of each workflow."),
        ({"keep": True}, "keep=True must be a number of executions of each workflow."),
        ({"older_than": "soon"}, 'older_than must be an age such as "30d", "12h" or a timedelta, or a date (in UTC).'),
        ({"older_than": 30}, 'older_than must be an age such as "30d", "12h" or a timedelta, or a date (in UTC).'),
        ({"older_than": "-3d"}, 'older_than must be an age such as "30d", "12h" or a timedelta, or a date (in UTC).'),
    ],
)  # fmt: skip
def test_prune_refuses_what_it_does_not_understand(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with asw.Workspace(tmp_path) as ws, pytest.raises(asw.UsageError) as refused:
        ws.prune(**options)
    assert str(refused.value) == message


def test_pruned_executions_take_their_artifacts_along(tmp_path: Path) -> None:
    def writes(event: Any, context: Any) -> str:
        path = context.artifact("model.bin")
        Path(path).write_text("weights")
        return path

    with asw.Workspace(tmp_path) as ws:
        gone, kept = (asw.run(TASK, functions={"f": writes}, workflow=name, workspace=ws) for name in ("a", "b"))
        ws.prune(workflow="a", dry_run=False)
        assert (Path(gone.output).exists(), Path(kept.output).read_text()) == (False, "weights")
        assert not (tmp_path / "artifacts" / str(gone.key)).exists()


def test_what_is_redriven_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asw_nb.history import upkeep

    with asw.Workspace(tmp_path) as ws:
        gone = asw.run(FAIL, name="gone", workspace=ws)
        kept = asw.run(FAIL, name="kept", workspace=ws)
        chosen = upkeep.old(ws.store, status="FAILED")
        ws.store.reopen(kept.key, "FAILED")
        upkeep.delete(ws.store, chosen, tmp_path / "artifacts")
        assert [r.name for r in ws.store.rows()] == ["kept"]
        assert len(list(ws.store.events(kept.key))) > 0
        assert list(ws.store.events(gone.key)) == []


def test_vacuum_gives_the_space_back(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 60)
    with asw.Workspace(path) as ws:
        ws.prune(keep=1, dry_run=False)
        before = path.stat().st_size
        freed = ws.vacuum()
        assert freed > 100_000
        assert path.stat().st_size == before - freed
        assert ws.executions()["name"].tolist() == ["run-59"]
        assert next(ws.store.events(ws.store.find("run-59").key))[0] == ev.STARTED
        assert ws.vacuum() == 0
        ws.store._writer.execute("PRAGMA query_only=1")
        with pytest.raises(asw.StoreError) as told:
            ws.vacuum()
        assert str(told.value).startswith(f'the history file "{path}" cannot be written: ')
        ws.store._writer.execute("PRAGMA query_only=0")
