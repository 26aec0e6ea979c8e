"""The doctor: what is checked, what is said, and what is mended of what a file says."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.history import doctor
from asw_nb.history.doctor import Finding, Report
from tests.history.files import FAIL, TASK, WAIT, change, filled, found, noise

# ------------------------------------------------------------------------------------- in good health


def test_every_check_is_told(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 2)
    report = asw.doctor(path)
    assert [(f.check, f.status) for f in report.findings] == [
        (check, "OK")
        for check in (
            "versions", "disk space", "file system", "access", "database", "schema", "integrity", "histories", "orphans", "running", "log",
        )
    ]  # fmt: skip
    told = {f.check: f.detail for f in report.findings}
    assert (told["histories"], told["orphans"], told["running"], told["log"]) == (
        "2 executions, 8 events, none missing",
        "every row belongs to an execution",
        "no execution",
        "0 bytes",
    )
    assert (report.ok, report.summary, report.path) == (True, "in order", path)


def test_a_report_shows_itself() -> None:
    report = Report(Path("h.db"), [Finding("disk", "OK", "3 < 4 GB"), Finding("log", "ERROR", "bad", "mend <it>")])
    text = "h.db: 1 to mend\n  OK       disk    3 < 4 GB\n  ERROR    log     bad\n                   -> mend <it>"
    bundle = report._repr_mimebundle_()
    assert (repr(report), bundle["text/plain"], report.ok) == (text, text, False)
    assert "3 &lt; 4 GB" in bundle["text/html"] and "→ mend &lt;it&gt;" in bundle["text/html"]
    assert report.table.values.tolist() == [["disk", "OK", "3 < 4 GB", ""], ["log", "ERROR", "bad", "mend <it>"]]
    assert report.table.columns.tolist() == ["check", "status", "detail", "fix"]


def test_of_a_file_that_is_not_there_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.db"
    report = asw.doctor(path)
    assert report.findings[-1] == Finding("access", "OK", "there is no file yet: the first execution makes it")
    assert list(tmp_path.iterdir()) == []


def test_the_default_file_is_the_one_of_the_notebook(asw_home: Path) -> None:
    assert asw.doctor().path == asw_home / "history.db"
    asw.run(TASK, 1, functions={"f": noise})
    report = asw.doctor()
    assert (report.ok, report.path) == (True, asw_home / "history.db")
    assert asw.doctor(asw_home).path == asw_home / "history.db"


@pytest.mark.parametrize(
    ("free", "finding"),
    [
        (2**40, ("disk space", "OK", "1024.0 GB free", "")),
        (10 * 2**20, ("disk space", "WARNING", "only 10.0 MB free", "free some space: %asw prune and %asw vacuum make the history smaller")),
        (
            2**20,
            (
                "disk space", "ERROR", "only 1.0 MB free: executions stop when it is used up",
                "free some space: %asw prune and %asw vacuum make the history smaller",
            ),
        ),
    ],
)  # fmt: skip
def test_space_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, finding: Any) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: usage)
    (seen,) = [f for f in asw.doctor(tmp_path).findings if f.check == "disk space"]
    assert (seen.check, seen.status, seen.detail, seen.fix) == finding


def test_what_others_can_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 1)
    path.chmod(0o644)
    (tmp_path / "artifacts").mkdir(mode=0o755)
    assert found(asw.doctor(path)) == [
        ("access", "WARNING", "other users can read history.db, artifacts", "doctor(repair=True), or chmod go-rwx history.db, artifacts")
    ]  # fmt: skip
    assert found(asw.doctor(path, repair=True)) == [
        ("access", "REPAIRED", "other users could read history.db, artifacts: no longer", "")
    ]
    assert [oct(p.stat().st_mode & 0o777) for p in (path, tmp_path / "artifacts")] == ["0o600", "0o700"]
    assert found(asw.doctor(path)) == []


# ---------------------------------------------------------------------------------- not a history file


def test_files_of_other_kinds_are_left_alone(tmp_path: Path) -> None:
    text, empty, cut, other, newer = (tmp_path / name for name in ("text", "empty", "cut", "other", "newer"))
    text.write_bytes(b"no database, and long enough to be looked at as one. " * 50)
    empty.write_bytes(b"")
    cut.write_bytes(b"")
    (tmp_path / "cut-wal").write_bytes(b"something")
    change(other, "CREATE TABLE customers(name)")
    filled(newer, 1)
    change(newer, "INSERT INTO migrations VALUES('9999 wonders', 0)")
    for path in (text, empty, cut, other, newer):
        path.chmod(0o600)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    expected = {
        text: ("database", "ERROR", "this is no history file (and no SQLite database)", "move it away, or put a backup in its place"),
        empty: ("database", "OK", "the file is empty: the first execution fills it", ""),
        cut: ("database", "ERROR", "the file is empty, but its log cut-wal is not: it was cut off", "put a backup in its place and move the log away"),
        other: ("schema", "ERROR", 'a database of something else (it has a table "customers")', "choose another file with asw_nb.Workspace(path)"),
        newer: ("schema", "ERROR", 'written by a newer asw_nb (it has "9999 wonders")', "upgrade asw_nb"),
    }  # fmt: skip
    for path, finding in expected.items():
        for repair in (False, True):
            last = asw.doctor(path, repair=repair).findings[-1]
            assert (last.check, last.status, last.detail, last.fix) == finding
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_locked_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    filled(path, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(doctor.sqlite3, "connect", lambda *a, timeout, **more: connect(*a, timeout=0.1, **more))
    assert found(asw.doctor(path)) == [
        ("database", "ERROR", "another process keeps it locked", "end that process (a database browser, a backup?)")
    ]
    other.close()


# ------------------------------------------------------------------------------- what is in the file


def test_events_after_a_gap_are_left_out_after_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with asw.Workspace(path, group_commit=False) as ws:
        chain = {
            f"S{n}": {"Type": "Task", "Resource": "f", **({"Next": f"S{n + 1}"} if n < 3 else {"End": True})}
            for n in range(4)
        }
        flow = asw.workflow({"StartAt": "S0", "States": chain}, workspace=ws)
        run = flow.run(0, functions={"f": lambda event: event + 1}, name="gap", executor="inline")
        flow.run(0, functions={"f": lambda event: event + 1}, name="bad")
        seqs = [seq for (seq,) in ws.store.query("SELECT seq FROM events WHERE execution=? ORDER BY seq", (run.key,))]
        bad = ws.execution("bad").key
    assert len(seqs) > 3
    change(path, "DELETE FROM events WHERE execution=? AND seq=?", run.key, seqs[2])
    change(path, "UPDATE events SET body=x'00' WHERE execution=? AND seq=0", bad)
    with asw.Workspace(path) as ws:
        with pytest.raises(asw.StoreError) as told:
            ws.execution("bad").states()
        assert str(told.value) == (
            f'the history file "{path}" cannot be read: it is damaged (the events of execution {bad} from number 0 on are no JSON). '
            "See asw_nb.doctor(), which saves what can be read with repair=True."
        )
    names = f'"gap" from event {seqs[2]} on, "bad" from event 0 on'
    assert found(asw.doctor(path)) == [
        ("histories", "ERROR", f"events are missing: {names}", "doctor(repair=True) leaves out what follows the gap, after a copy of the file")
    ]  # fmt: skip
    (repaired,) = found(asw.doctor(path, repair=True))
    (copy,) = tmp_path.glob("history.db.before-repair-*")
    assert repaired == (
        "histories", "REPAIRED", f"events were missing, what followed is left out: {names}; a copy is kept as {copy.name}", "",
    )  # fmt: skip
    assert found(asw.doctor(copy))[0][2] == f"events are missing: {names}"
    assert found(asw.doctor(path)) == [
        ("histories", "WARNING", f"the last events are missing: {names}", "a backup may have them")
    ]
    with asw.Workspace(path) as ws:
        assert (len(list(ws.store.events(run.key))), ws.execution("gap").output) == (seqs[2], 4)
        assert len(ws.execution("gap").states()) > 0


def test_every_way_to_end_is_a_whole_history(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        asw.run(TASK, 1, functions={"f": noise}, workspace=ws)
        asw.run(FAIL, workspace=ws)
        asw.run(TASK, functions={"f": lambda event: 1 / 0}, workspace=ws)
        asw.run(WAIT, timeout_s=0.05, workspace=ws)
        asw.workflow(WAIT, workspace=ws).start().stop()
        branch = {"Type": "Parallel", "Branches": [FAIL, WAIT], "End": True}
        again = asw.run({"StartAt": "P", "States": {"P": branch}}, workspace=ws)
        again.redrive().wait()
        asw.run(TASK, 1, functions={"f": noise}, type="EXPRESS", workspace=ws)
        assert ws.executions()["status"].value_counts().to_dict() == {
            "SUCCEEDED": 2,
            "FAILED": 3,
            "TIMED_OUT": 1,
            "ABORTED": 1,
        }
        (histories,) = [f for f in ws.doctor().findings if f.check == "histories"]
        assert histories.status == "OK"


def test_rows_of_no_execution_are_deleted(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 2)
    change(path, "INSERT INTO outputs VALUES(7, 0, 1, NULL, NULL, NULL)")
    change(path, "INSERT INTO events VALUES(7, 0, 1, ?)", b"[[0,0,0]]")
    assert found(asw.doctor(path)) == [
        ("orphans", "WARNING", "2 rows of no execution", "doctor(repair=True) deletes them")
    ]
    assert found(asw.doctor(path, repair=True)) == [
        ("orphans", "REPAIRED", "2 rows that belonged to no execution: deleted", "")
    ]
    assert found(asw.doctor(path)) == []
    change(path, "DELETE FROM definitions")
    assert found(asw.doctor(path)) == [
        ("orphans", "ERROR", "2 executions without a definition", "put a backup in the file's place")
    ]


def test_what_nobody_drives_is_told(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with asw.Workspace(path) as ws:
        for name in ("one", "two"):
            asw.workflow(WAIT, workspace=ws).start({}, name=name)
        asw.workflow(WAIT, type="EXPRESS", workspace=ws).start({}, name="quick")
    change(path, "UPDATE executions SET owner=? WHERE name='two'", '{"host":"far","boot":"b","pid":7,"started":"1"}')
    express = "1 EXPRESS execution"
    dead = ("running", "WARNING", 'driven by nobody: "one"', "asw_nb.resume() goes on with them")
    far = (
        "running", "WARNING", 'driven by process 7 on far, out of sight from here: "two"', "if that process is dead: asw_nb.resume(name, force=True)",
    )  # fmt: skip
    ended = (
        "running",
        "WARNING",
        f"{express} RUNNING, of processes that have ended",
        "doctor(repair=True) marks them ABORTED",
    )
    assert found(asw.doctor(path)) == [ended, dead, far]
    marked = ("running", "REPAIRED", f"{express} of processes that have ended: marked ABORTED", "")
    assert found(asw.doctor(path, repair=True)) == [marked, dead, far]
    with asw.Workspace(path) as ws:
        quick = ws.execution("quick")
        assert (quick.status, quick.cause) == ("ABORTED", "its process ended")
        assert found(ws.doctor()) == [dead, far]


def test_a_long_log_is_put_into_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    monkeypatch.setattr(doctor, "LONG_LOG_BYTES", 1000)
    with asw.Workspace(path) as ws:
        asw.run(TASK, 1, functions={"f": noise}, workspace=ws)
        ((check, status, detail, fix),) = found(ws.doctor())
        assert (check, status, fix) == (
            "log",
            "WARNING",
            "doctor(repair=True); it grows while somebody reads without end",
        )
        assert detail.endswith(" are not in the file yet")
        reader = sqlite3.connect(path)  # so that the last connection of ours does not do it by closing
        reader.execute("SELECT count(*) FROM events").fetchone()
        ((check, status, detail, fix),) = found(ws.doctor(repair=True))
        assert (check, status, detail.endswith(" were put into the file")) == ("log", "REPAIRED", True)
        assert found(ws.doctor()) == []
        reader.close()
