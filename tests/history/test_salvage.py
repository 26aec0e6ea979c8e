"""Damaged files: what can be read is saved, and what cannot is said; whatever is damaged."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.history import salvage
from tests.history.files import PAGE, ROOT, TASK, WAIT, filled, found, noise

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
