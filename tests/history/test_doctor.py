"""The doctor: what is checked, what is said, what is mended; and the upkeep of a history: backup, prune, vacuum."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.engine import events as ev
from asw_nb.history import doctor, salvage
from asw_nb.history.doctor import Finding, Report

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


# ---------------------------------------------------------------------------------------- damaged

FIX = "doctor(repair=True) saves what can be read and keeps the damaged file; a backup may have more"


def overwrite(path: Path, page: int, data: bytes, offset: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE + offset)
        file.write(data)


def pages_of(path: Path, table: str, kind: str = "leaf") -> list[int]:
    """Numbers of a table's leaf pages, found by their first byte: 13 is a leaf of a table, 5 an inner page."""
    data = path.read_bytes()
    db = sqlite3.connect(path)
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name=?", (table,)).fetchone()
    db.close()
    waiting, out = [root], []
    while waiting:
        page = waiting.pop()
        at = (page - 1) * PAGE
        if data[at] == 13:
            out.append(page)
        elif data[at] == 5:
            cells = int.from_bytes(data[at + 3 : at + 5], "big")
            starts = [int.from_bytes(data[at + 12 + 2 * i : at + 14 + 2 * i], "big") for i in range(cells)]
            waiting += [int.from_bytes(data[at + s : at + s + 4], "big") for s in starts]
            waiting.append(int.from_bytes(data[at + 8 : at + 12], "big"))
    return sorted(out)


def test_a_damaged_page_costs_what_lies_on_it_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = filled(path, 60)
    leaves = pages_of(path, "events")
    assert len(leaves) > 10
    for page in (leaves[3], leaves[8]):
        overwrite(path, page, random.Random(page).randbytes(PAGE))
    broken = path.read_bytes()
    with asw.Workspace(path) as ws:
        (bad,) = {str(_error(ws, name)).partition(" (")[0] for name in before} - {"None"}
        assert bad == f'the history file "{path}" cannot be read: it is damaged'
    report = asw.doctor(path)
    (finding,) = found(report)
    assert (finding[0], finding[1], finding[3]) == ("integrity", "ERROR", FIX)
    assert finding[2].startswith("the file is damaged (")
    report = asw.doctor(path, repair=True)
    repaired, histories = found(report)
    (kept,) = tmp_path.glob("history.db.damaged-*")
    assert (repaired[:2], kept.read_bytes()) == (("integrity", "REPAIRED"), broken)
    assert (
        "saved 60 executions with " in repaired[2] and f"the damaged file is kept as {kept.name}; lost: " in repaired[2]
    )
    with asw.Workspace(path) as ws:
        after = {r.name: list(ws.store.events(r.key)) for r in ws.store.rows()}
        assert sorted(after) == sorted(before)
        lost = {name for name in before if after[name] != before[name]}
        assert 0 < len(lost) < 10
        for name in lost:
            assert after[name] == before[name][: len(after[name])]
            run = ws.execution(name)
            assert (run.status, run.output) == ("SUCCEEDED", noise(int(name[4:])))  # the row has it
            run.states(), run.events()
        assert asw.run(TASK, 7, functions={"f": noise}, workspace=ws).output == noise(7)
    assert histories[:2] == ("histories", "WARNING")
    assert (path.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o600, 0o600)


def _error(ws: asw.Workspace, name: str) -> asw.StoreError | None:
    try:
        list(ws.store.events(ws.store.find(name).key))
    except asw.StoreError as problem:
        return problem
    return None


def test_a_truncated_file_is_saved_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = filled(path, 60)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size * 2 // 3 // PAGE * PAGE)
    report = asw.doctor(path)
    assert (report.ok, found(report)[0][0], found(report)[0][3]) == (False, "database", FIX)
    assert found(asw.doctor(path, repair=True))[0][:2] == ("database", "REPAIRED")
    with asw.Workspace(path) as ws:
        after = {r.name: list(ws.store.events(r.key)) for r in ws.store.rows()}
        assert len(after) > 20
        for name, events in after.items():
            assert events == before[name][: len(events)]
    assert asw.doctor(path).ok


def test_a_damaged_index_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = filled(path, 10)
    db = sqlite3.connect(path)
    db.execute("PRAGMA writable_schema=ON")
    with db:
        db.execute(
            "UPDATE sqlite_master SET sql='CREATE INDEX executions_by_start ON executions(finished_us)' WHERE name='executions_by_start'"
        )
    db.close()
    ((check, status, detail, _),) = found(asw.doctor(path))
    assert (check, status) == ("integrity", "ERROR")
    assert detail == "the file is damaged (row 1 missing from index executions_by_start)"
    ((check, status, detail, _),) = found(asw.doctor(path, repair=True))
    assert (check, status) == ("integrity", "REPAIRED")
    (kept,) = tmp_path.glob("*damaged*")
    assert detail == (
        "the file is damaged (row 1 missing from index executions_by_start): saved 10 executions with 40 events; "
        f"the damaged file is kept as {kept.name}"
    )
    assert found(asw.doctor(path)) == []
    with asw.Workspace(path) as ws:
        assert {r.name: list(ws.store.events(r.key)) for r in ws.store.rows()} == before


def test_a_file_without_its_first_page_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 5)
    overwrite(path, 1, bytes(PAGE - 100), 100)
    broken = path.read_bytes()
    last = asw.doctor(path, repair=True).findings[-1]
    assert (last.check, last.status, last.fix) == ("database", "ERROR", "put a backup in its place")
    assert (path.read_bytes(), [p.name for p in tmp_path.glob("history.db*")]) == (broken, ["history.db"])


def test_what_somebody_has_open_is_not_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 60)
    overwrite(path, pages_of(path, "events")[3], b"\xff" * PAGE)
    code = "import sys, asw_nb as asw; ws = asw.Workspace(sys.argv[1]); len(ws.executions()); print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "open\n"
    before = path.read_bytes()
    last = asw.doctor(path, repair=True).findings[-1]
    assert last.detail.startswith("the file is damaged (") and last.detail.endswith("), and somebody else has it open")
    assert last.fix == "close the other kernels and workspaces that have it open, and repair again"
    assert path.read_bytes() == before
    other.communicate()
    assert found(asw.doctor(path, repair=True))[0][:2] == ("integrity", "REPAIRED")


def test_an_open_workspace_is_mended_under_its_handles(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    filled(path, 60)
    overwrite(path, pages_of(path, "events")[3], b"\xff" * PAGE)
    with asw.Workspace(path) as ws:
        handle = ws.execution("run-59")
        assert not ws.doctor().ok
        assert found(ws.doctor(repair=True))[0][:2] == ("integrity", "REPAIRED")
        assert (ws.doctor().ok, handle.output, len(handle.states())) == (True, noise(59), 1)
        assert asw.run(TASK, 7, functions={"f": noise}, workspace=ws).output == noise(7)


def test_what_runs_is_not_operated_on(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        run = asw.workflow(WAIT, workspace=ws).start({}, name="runs")
        with pytest.raises(asw.UsageError) as refused:
            ws.doctor(repair=True)
        assert (
            str(refused.value) == "executions run in this kernel: wait for their end, or stop() them, before a repair."
        )
        (running,) = [f for f in ws.doctor().findings if f.check == "running"]
        assert (running.status, running.detail) == ("OK", "1 execution, driven by living processes")
        run.stop()
        assert found(ws.doctor(repair=True)) == []


@settings(max_examples=15)
@given(st.data())
def test_rows_around_bad_pages_are_all_found(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "rows.db"
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t(a, b)")
    gap = data.draw(st.sampled_from([1, 7, 10**9]))
    if gap > 7:  # too far apart for halving: an index knows them, as it does of executions
        db.execute("CREATE INDEX t_by_b ON t(b)")
    values = [(i * gap, f"<{i:06}>" * 75, i) for i in range(120)]
    db.executemany("INSERT INTO t(rowid, a, b) VALUES(?, ?, ?)", values)
    db.commit()
    leaves = pages_of(path, "t")
    on = {
        page: [i for i in range(120) if f"<{i:06}>".encode() * 70 in path.read_bytes()[(page - 1) * PAGE : page * PAGE]]
        for page in leaves
    }
    db.close()
    bad = data.draw(st.sets(st.sampled_from(leaves), max_size=6))
    for page in bad:
        overwrite(path, page, b"\xff" * PAGE)
    db = sqlite3.connect(path)
    got = sorted({int(row[0][1:7]) for row in salvage.rows(db, "t")})
    db.close()
    assert got == sorted(i for page in leaves if page not in bad for i in on[page])


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


# ------------------------------------------------------------------------------------------- upkeep


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


@settings(max_examples=12)
@given(st.data())
def test_whatever_is_flipped_the_doctor_has_an_answer(tmp_path: Path, data: st.DataObject) -> None:
    """After a repair the file opens, and what it holds of an execution is the beginning of what it held; or it is as it was."""
    sound = tmp_path / "sound.db"
    before = _SOUND.get(tmp_path) or _SOUND.setdefault(tmp_path, filled(sound, 60))
    path = tmp_path / "flipped.db"
    for old in tmp_path.glob("flipped.db*"):
        old.unlink()
    path.write_bytes(sound.read_bytes())
    path.chmod(0o600)
    size = path.stat().st_size
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=8), "places")
    length = data.draw(st.sampled_from([1, 16, PAGE]), "length")
    for at in places:
        overwrite(path, 1, random.Random(at).randbytes(length), at)
    broken = path.read_bytes()[: size + PAGE]
    asw.doctor(path)
    report = asw.doctor(path, repair=True)
    errors = [f.check for f in report.findings if f.status == "ERROR"]
    assert all(f.fix for f in report.findings if f.status == "ERROR")
    if set(errors) - {"orphans"}:  # an execution whose definition was lost cannot be helped
        assert path.read_bytes()[: size + PAGE][100:] == broken[100:]
        return
    assert [f.check for f in asw.doctor(path).findings if f.status == "ERROR"] == errors
    with asw.Workspace(path) as ws:
        for record in ws.store.rows():
            events = list(ws.store.events(record.key))
            if record.name in before and length == PAGE:
                assert events == before[record.name][: len(events)]
        assert asw.run(TASK, 7, functions={"f": noise}, workspace=ws).output == noise(7)


_SOUND: dict[Path, dict[str, list[Any]]] = {}
