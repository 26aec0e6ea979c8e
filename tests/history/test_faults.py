"""The file is read-only, locked, moved or of another kind: executions stop at a recorded point, somebody says why, and nothing is lost.

Modes of files are tried in a child that has given up root's right to ignore them; a disk that is really full in `test_full_disk`.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine.runner import Runner
from asw_nb.history import faults
from asw_nb.history.store import Store

ROOT = Path(__file__).parents[2]

# ----------------------------------------------------------------- faults that SQLite makes when asked to

ONE = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
FULL = "the disk is full. Nothing that was recorded is lost: free some space, then go on with asw_nb.resume()."


class Disk:
    """Makes the file of a workspace refuse every write, with SQLite's own code."""

    def __init__(self, ws: asw.Workspace) -> None:
        self.db = ws.store._writer

    def full(self) -> None:
        ((pages,),) = self.db.execute("PRAGMA page_count")
        self.db.execute(f"PRAGMA max_page_count={pages}")

    def has_room(self) -> None:
        self.db.execute("PRAGMA max_page_count=1000000")

    def read_only(self, really: bool = True) -> None:
        self.db.execute(f"PRAGMA query_only={int(really)}")


class Gate:
    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.answer: Any = "x" * 200_000

    def __call__(self, event: Any, context: Any) -> Any:
        self.begun.set()
        assert self.go.wait(60)
        return self.answer


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[asw.Workspace]:
    made = asw.Workspace(tmp_path / "history.db")
    yield made
    made.close()


def stopped(run: asw.Execution) -> str:
    with pytest.raises(asw.StoreError) as told:
        run.wait(60)
    return str(told.value)


def test_only_what_cannot_be_written_stops(ws: asw.Workspace) -> None:
    disk, big, small = Disk(ws), Gate(), Gate()
    small.answer = "little"
    heavy = asw.workflow(ONE, workspace=ws).start({}, name="heavy", functions={"f": big})
    light = asw.workflow(ONE, workspace=ws).start({}, name="light", functions={"f": small})
    assert big.begun.wait(60) and small.begun.wait(60)
    ws.store.transaction(lambda db: db.execute("CREATE TABLE room(a)"))
    ws.store.transaction(lambda db: db.execute("INSERT INTO room VALUES(zeroblob(50000))"))
    ws.store.transaction(lambda db: db.execute("DROP TABLE room"))  # free pages, for something small
    disk.full()
    big.go.set()
    reason = f'the history file "{ws.path}" cannot be written: {FULL}'
    assert stopped(heavy) == f'execution "heavy" stopped at its last recorded event: {reason}'
    assert repr(heavy).split(" | ")[:3] == ["asw run workflow/heavy", "RUNNING", "stopped at its last recorded event"]
    assert (heavy.status, heavy.output, heavy.error) == ("RUNNING", None, None)
    assert [event[0] for event in ws.store.events(heavy.key)] == [0, 4]
    small.go.set()
    assert light.result(60) == "little"
    disk.has_room()
    (again,) = ws.resume()  # with the functions that it was started with
    assert (again.result(60), heavy.result(60), heavy.status) == (big.answer, big.answer, "SUCCEEDED")


def test_the_timers_of_a_stopped_execution_write_nothing(ws: asw.Workspace) -> None:
    disk, gate = Disk(ws), Gate()
    branches = [
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}},
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "TimeoutSeconds": 1, "End": True}}},
    ]
    both = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    run = asw.workflow(both, workspace=ws).start({}, name="timed", functions={"f": gate}, timeout_s=1.2)
    assert gate.begun.wait(60)
    disk.full()
    gate.go.set()
    stopped(run)
    disk.has_room()
    before = list(ws.store.events(run.key))
    time.sleep(1.5)
    assert (list(ws.store.events(run.key)), run.status) == (before, "RUNNING")
    with pytest.raises(asw.StoreError):
        run.wait(0)


def test_a_parent_stops_with_its_child_and_both_go_on(ws: asw.Workspace) -> None:
    disk, gate = Disk(ws), Gate()
    call = {"StateMachineArn": "child", "Input": {}, "Name": "inner"}
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": call,
        "End": True,
    }
    outer = {"StartAt": "Call", "States": {"Call": start}}
    flow = asw.workflow(outer, "outer", workspace=ws)
    run = flow.start({}, name="outer", functions={"f": gate}, workflows={"child": ONE})
    assert gate.begun.wait(60)
    disk.full()
    gate.go.set()
    reason = f'the history file "{ws.path}" cannot be written: {FULL}'
    assert stopped(run) == f'execution "outer" stopped at its last recorded event: {reason}'
    assert stopped(ws.execution("inner")) == f'execution "inner" stopped at its last recorded event: {reason}'
    disk.has_room()
    assert sorted(r.name for r in ws.resume()) == ["inner", "outer"]
    assert run.result(60)["Output"] == gate.answer


def test_an_execution_without_a_record_has_to_be_started_again(
    ws: asw.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, flow = Disk(ws), asw.workflow(ONE, workspace=ws)
    functions = {"f": lambda event: event}
    flow.run({}, functions=functions)
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "busy", True)  # a burst: the row is written with the first turn
        disk.read_only()
        lost = flow.start({}, functions=functions)
        reason = (
            f'the history file "{ws.path}" cannot be written: attempt to write a readonly database. Nothing that was '
            "recorded is lost: check the folder's permissions and space, then go on with asw_nb.resume()."
        )
        assert stopped(lost) == f'execution "{lost.name}" is not recorded and has to be started again: {reason}'
        assert (lost.status, lost.cause) == ("ABORTED", f"its start was not recorded: {reason}")
    with pytest.raises(asw.StoreError) as told:
        flow.start({}, name="refused", functions=functions)
    assert str(told.value) == reason
    disk.read_only(False)
    gate = Gate()
    express = asw.workflow(ONE, type="EXPRESS", workspace=ws).start({}, name="quick", functions={"f": gate})
    assert gate.begun.wait(60)
    disk.read_only()
    gate.go.set()
    assert stopped(express) == f'execution "quick" is not recorded and has to be started again: {reason}'
    disk.read_only(False)
    assert ws.resume() == []
    assert len(ws.executions()) == 2


def test_what_cannot_be_written_for_itself_stops_alone(ws: asw.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one execution's data breaks that one, whoever shares its transaction."""
    commit = ws.store.commit

    def fails(writes: Any) -> None:
        if any(write.run.record is None and write.run.state.context_execution["Name"] == "bad" for write in writes):
            raise TypeError("no JSON")
        commit(writes)

    monkeypatch.setattr(ws.store, "commit", fails)
    flow = asw.workflow(ONE, workspace=ws)
    runs = [flow.start({}, name=name, functions={"f": lambda event: "good"}) for name in ("one", "bad", "two")]
    assert [runs[0].result(60), runs[2].result(60)] == ["good", "good"]
    assert stopped(runs[1]) == 'execution "bad" stopped at its last recorded event: no JSON'


# ----------------------------------------------------------------------------------------- locks


def test_a_lock_that_passes_is_never_seen(ws: asw.Workspace) -> None:
    flow = asw.workflow(ONE, workspace=ws)
    other = sqlite3.connect(ws.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.4, other.execute, ("ROLLBACK",))  # longer than SQLite itself waits
    release.start()
    begun = time.monotonic()
    assert flow.run({}, functions={"f": lambda event: 7}).result() == 7
    assert time.monotonic() - begun > 1.2
    release.join()
    other.close()


def test_a_lock_that_stays_is_told(ws: asw.Workspace) -> None:
    gate = Gate()
    run = asw.workflow(ONE, workspace=ws).start({}, name="held", functions={"f": gate})
    assert gate.begun.wait(60)
    ws.store.patience_s = 0.3
    other = sqlite3.connect(ws.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    gate.go.set()
    reason = (
        f'the history file "{ws.path}" cannot be written: another process has kept it locked for 0.3 s. Nothing that was '
        "recorded is lost: end that process (a database browser, a backup?), then go on with asw_nb.resume()."
    )
    assert stopped(run) == f'execution "held" stopped at its last recorded event: {reason}'
    assert run.states()["status"].tolist() == ["RUNNING"]  # reading waits for nobody
    with pytest.raises(asw.StoreError) as told:
        ws.resume()
    assert str(told.value) == reason
    other.execute("ROLLBACK")
    other.close()
    ws.resume()
    assert run.result(60) == gate.answer


# ----------------------------------------------------------------------------------- the wrong place


def opening(path: Path) -> str:
    with pytest.raises(asw.StoreError) as told:
        Store(path)
    return str(told.value)


OTHERWISE = "or choose another file with asw_nb.Workspace(path) or the environment variable ASW_NB_HOME."


def test_a_file_that_is_moved_takes_no_more(ws: asw.Workspace, tmp_path: Path) -> None:
    gate = Gate()
    run = asw.workflow(ONE, workspace=ws).start({}, name="moved", functions={"f": gate})
    assert gate.begun.wait(60)
    away = tmp_path / "away.db"
    ws.path.rename(away)
    gate.go.set()
    reason = (
        f'the history file "{ws.path}" cannot be written: it was moved, deleted or replaced while it was open. Nothing that '
        "was recorded is lost: put it back, then go on with asw_nb.resume()."
    )
    assert stopped(run) == f'execution "moved" stopped at its last recorded event: {reason}'
    away.rename(ws.path)
    ws.resume()
    assert run.result(60) == gate.answer


def test_a_file_that_lost_its_head_keeps_its_log(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"")
    log = tmp_path / "history.db-wal"
    log.write_bytes(b"what was recorded last")
    assert opening(path) == (
        f'the history file "{path}" is empty, but its log "history.db-wal" is not: it was cut off. Put a backup in its place '
        "and move the log away, or choose another file with asw_nb.Workspace(path)."
    )
    assert log.read_bytes() == b"what was recorded last"


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"")
    with asw.Workspace(path) as ws:
        assert asw.run(ONE, 5, functions={"f": lambda event: event}, workspace=ws).output == 5


def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE customers(name)")
    other.commit()
    other.close()
    assert opening(path) == (
        f'the file "{path}" is a database of something else (it has a table "customers"): it is left as it is. Choose another '
        "file with asw_nb.Workspace(path) or the environment variable ASW_NB_HOME."
    )


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    path = tmp_path / "home" / "history.db"
    assert opening(path) == (
        f'the history file "{path}" cannot be opened: "{tmp_path / "home"}" is no folder. Move it away, {OTHERWISE}'
    )


def without_roots_rights() -> None:
    """From the next program on, modes count for root too."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH leave the bounding set
            assert libc.prctl(24, capability, 0, 0, 0) == 0


def tell(path: Path, call: str) -> str:
    code = f"import sys, asw_nb as asw; path = sys.argv[1]\ntry:\n    {call}\nexcept asw.StoreError as e:\n    print(e)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=without_roots_rights,
    )
    assert done.stderr == ""
    return done.stdout.rstrip()


@pytest.fixture
def closed() -> Iterator[Callable[[Path, int], None]]:
    """Sets a mode for the time of the test."""
    old: list[tuple[Path, int]] = []

    def close(path: Path, mode: int) -> None:
        old.append((path, stat.S_IMODE(path.stat().st_mode)))
        path.chmod(mode)

    yield close
    for path, mode in old:
        path.chmod(mode)


def test_a_read_only_folder_is_told(tmp_path: Path, closed: Callable[[Path, int], None]) -> None:
    home = tmp_path / "home"
    asw.Workspace(home / "history.db").close()
    closed(home, 0o500)
    path = home / "history.db"
    fix = f"Make it writable for this user, {OTHERWISE}"
    start = f'the history file "{path}" cannot be opened: the folder "{home}" is read-only.'
    assert tell(path, "asw.Workspace(path)") == f"{start} {fix}"
    deeper = home / "project" / "history.db"
    start = f'the history file "{deeper}" cannot be opened: the folder "{home}" is read-only.'
    assert tell(deeper, "asw.Workspace(path)") == f"{start} {fix}"
    report = tell(path, "print([[f.status, f.detail, f.fix] for f in asw.doctor(path).findings][-1])")
    assert report == str(["ERROR", f'the folder "{home}" is read-only', "Make it writable for this user"])


def test_a_read_only_file_can_be_read(tmp_path: Path, closed: Callable[[Path, int], None]) -> None:
    path = tmp_path / "history.db"
    with asw.Workspace(path) as ws:
        asw.run(ONE, 3, functions={"f": lambda event: event}, name="old", workspace=ws)
    closed(path, 0o400)
    assert tell(path, "print(asw.Workspace(path).execution('old').output)") == "3"
    assert tell(
        path, "asw.run({'StartAt': 'A', 'States': {'A': {'Type': 'Succeed'}}}, workspace=asw.Workspace(path))"
    ) == (
        f'the history file "{path}" cannot be written: it is read-only. Nothing that was recorded is lost: '
        "make it writable for this user, then go on with asw_nb.resume()."
    )
    closed(path, 0o000)
    assert tell(path, "asw.Workspace(path)") == (
        f'the history file "{path}" cannot be opened: it is read-only. Make it writable for this user, {OTHERWISE}'
    )


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_others_are_kept_out_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        with asw.Workspace(tmp_path / "new" / "home" / "history.db") as ws:
            keep = asw.run(ONE, functions={"f": lambda e, context: context.artifact("model")}, workspace=ws).output
            Path(keep).parent.stat()
            copy = ws.backup(tmp_path / "safe" / "copy.db")
            made = list((tmp_path / "new").rglob("*"))
            modes = {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in [*made, copy, copy.parent, tmp_path / "new"]}
            assert modes == {0}
            assert [oct(stat.S_IMODE(p.stat().st_mode)) for p in (ws.path.parent, ws.path, copy)] == [
                "0o700",
                "0o600",
                "0o600",
            ]
            assert sorted(p.name for p in ws.path.parent.glob("history.db*")) == [
                "history.db",
                "history.db-shm",
                "history.db-wal",
            ]
    finally:
        os.umask(old)


# ------------------------------------------------------------------------------------ over a network

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/homes {0} nfs4 rw,vers=4.2 0 0
tmpfs {0}/local tmpfs rw 0 0
//host/share {0}/with\\040space cifs rw 0 0
me@host: {0}/remote fuse.sshfs rw 0 0
"""


def test_a_network_file_system_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(tmp_path / "net"))
    monkeypatch.setattr(faults, "MOUNTS", mounts)
    net = tmp_path / "net"
    kinds = ["", "a/b", "local/x", "with space/x", "remote", "../elsewhere", "localized"]
    assert [faults.filesystem(net / place) for place in kinds] == [
        "nfs4", "nfs4", "tmpfs", "cifs", "fuse.sshfs", "ext4", "nfs4",
    ]  # fmt: skip
    path = net / "home" / "history.db"
    message = (
        f'the history file "{path}" lies on a network file system (nfs4): the log that makes it durable needs memory shared '
        "by all who open it, so kernels on two machines can damage it. Keep it on a local disk: set ASW_NB_HOME, or use "
        "asw_nb.Workspace(path)."
    )
    with pytest.warns(UserWarning) as warned:
        asw.Workspace(path).close()
        asw.Workspace(path).close()
        asw.Workspace(net / "local" / "history.db").close()
    assert [(str(w.message), Path(w.filename).name) for w in warned] == [(message, "test_faults.py")]
    (finding,) = [f for f in asw.doctor(path).findings if f.check == "file system"]
    assert (finding.status, finding.detail, finding.fix) == (
        "WARNING",
        "nfs4, a network file system: kernels on two machines can damage the file",
        "keep it on a local disk: set ASW_NB_HOME, or use asw_nb.Workspace(path)",
    )
    monkeypatch.setattr(faults, "MOUNTS", tmp_path / "none")
    assert faults.filesystem(path) is None
