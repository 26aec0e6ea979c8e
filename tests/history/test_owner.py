"""Who is dead: a process that is gone or whose number another has; not one that is slow, nor one that cannot be seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.history import owner

ROOT = Path(__file__).parents[2]


def identity(**fields: Any) -> str:
    """This process, except for what is given."""
    return json.dumps(json.loads(owner.this_process()) | fields)


def test_this_process_is_alive_and_has_a_name() -> None:
    known = json.loads(owner.this_process())
    assert sorted(known) == ["boot", "host", "machine", "pid", "pids", "started", "user"]
    assert (known["pid"], owner.life(owner.this_process())) == (os.getpid(), "alive")
    assert owner.describe(owner.this_process()) == f"process {os.getpid()} on {known['host']}"


@pytest.mark.parametrize(
    ("fields", "life"),
    [
        ({}, "alive"),
        ({"started": "1"}, "dead"),  # another process had the number
        ({"started": None}, "dead"),
        ({"boot": "before"}, "dead"),  # the machine was started again
        ({"host": "renamed"}, "alive"),  # a laptop in another network: the boot says that it is the same
        ({"host": "elsewhere", "boot": "theirs"}, "unknown"),
        ({"machine": "twin", "boot": "theirs"}, "unknown"),  # two machines called localhost
        ({"pids": "pid:[7]"}, "unknown"),  # another container on this machine
    ],
)
def test_each_part_of_the_identity_decides(fields: dict[str, Any], life: str) -> None:
    made = identity(**fields)
    assert (owner.life(made), owner.is_alive(made)) == (life, life != "dead")


@pytest.mark.parametrize("text", [None, "", "no json", "[]", "7", "{}", '{"host": "h", "pid": 1}'])
def test_what_is_no_identity_is_nobody(text: str | None) -> None:
    assert (owner.life(text), owner.is_alive(text), owner.describe(text)) == ("dead", False, "nobody")


@given(st.text())
def test_no_text_is_taken_for_a_living_process(text: str) -> None:
    assert owner.life(text) == "dead"


def child() -> tuple[subprocess.Popen[str], str]:
    code = "import sys; from asw_nb.history import owner; print(owner.this_process(), flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_that_is_killed_is_dead_before_anybody_has_waited_for_it() -> None:
    process, made = child()
    assert owner.life(made) == "alive"
    process.send_signal(signal.SIGSTOP)  # it does nothing for as long as one likes, and is alive
    assert owner.life(made) == "alive"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still a zombie
    assert owner.life(made) == "dead"
    process.communicate()
    assert owner.life(made) == "dead"


def test_where_no_boot_has_a_name_the_time_of_the_start_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "_boot", lambda: "")
    started = owner._started(os.getpid())
    assert started is not None
    made = {"boot": "", "started": started}
    assert owner.life(identity(**made)) == "alive"
    assert owner.life(identity(**made | {"started": str(float(started) + 1)})) == "alive"  # the clock was set
    assert owner.life(identity(**made | {"started": str(float(started) - 60)})) == "dead"
    assert owner.life(identity(**made | {"host": "elsewhere"})) == "unknown"
    process, _ = child()
    theirs = identity(boot="", pid=process.pid, started=owner._started(process.pid))
    assert owner.life(theirs) == "alive"
    process.communicate()
    assert owner.life(theirs) == "dead"


# -------------------------------------------------------------------------------------- adoption

FLOW = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def left_by(tmp_path: Path, who: str | None, name: str = "left", type: str = "STANDARD") -> Path:
    """A file with a running execution that somebody else drives, as its row says."""
    path = tmp_path / "history.db"
    ws = asw.Workspace(path)
    run = asw.workflow(FLOW, "flow", type=type, workspace=ws).start({}, name=name)
    ws.close()
    with asw.Workspace(path) as ws:
        ws.store.transaction(lambda db: db.execute("UPDATE executions SET owner=? WHERE id=?", (who, run.key)))
    return path


@pytest.mark.parametrize("who", [identity(started="1"), identity(boot="before"), None])
def test_what_a_dead_process_left_is_adopted(tmp_path: Path, who: str | None) -> None:
    with asw.Workspace(left_by(tmp_path, who)) as ws:
        (run,) = ws.resume()
        assert (run.name, run.status, ws.store.owner_of(run.key)) == ("left", "RUNNING", owner.this_process())
        run.stop()
        assert run.status == "ABORTED"


def test_what_a_living_process_drives_is_left_to_it(tmp_path: Path) -> None:
    process, who = child()
    with asw.Workspace(left_by(tmp_path, who)) as ws:
        for force in (False, True):
            assert ws.resume(force=force) == []
            with pytest.raises(asw.UsageError) as refused:
                ws.resume("left", force=force)
            assert str(refused.value) == (
                f'execution "left" is driven by {owner.describe(who)}, which is alive: wait for its end, or stop it there.'
            )
        process.communicate()
        (run,) = ws.resume("left")
        run.stop()


def test_what_cannot_be_seen_is_adopted_only_by_force(tmp_path: Path) -> None:
    who = identity(host="far", boot="theirs", pid=7)
    with asw.Workspace(left_by(tmp_path, who)) as ws:
        with pytest.warns(UserWarning) as warned:
            assert ws.resume() == []
        assert [str(w.message) for w in warned] == [
            'not resumed: "left", driven by process 7 on far, which cannot be seen from here. '
            "If that process is dead, resume(name, force=True) goes on."
        ]
        with pytest.raises(asw.UsageError) as refused:
            ws.resume("left")
        assert str(refused.value) == (
            'execution "left" is driven by process 7 on far, which cannot be seen from here. If that process is dead, '
            "go on with the execution with resume('left', force=True)."
        )
        (run,) = ws.resume("left", force=True)
        run.stop()
        assert run.status == "ABORTED"


def test_what_runs_in_this_kernel_is_not_resumed_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with asw.Workspace(path) as one, asw.Workspace(path) as two:
        run = asw.workflow(FLOW, workspace=one).start({}, name="here")
        for ws, where in ((one, "this kernel"), (two, "another workspace of this kernel")):
            assert ws.resume() == []
            with pytest.raises(asw.UsageError) as refused:
                ws.resume("here")
            assert str(refused.value) == (
                f'execution "here" is driven by {where}, which is alive: wait for its end, or stop it there.'
            )
        one.close()
        (again,) = two.resume()
        assert (again.name, run.status) == ("here", "RUNNING")
        again.stop()


def test_what_has_ended_or_was_not_kept_is_not_resumed(tmp_path: Path) -> None:
    with asw.Workspace(left_by(tmp_path, None, type="EXPRESS")) as ws:
        assert ws.resume() == []
        with pytest.raises(asw.UsageError) as refused:
            ws.resume("left")
        assert str(refused.value) == ('execution "left" is EXPRESS: its history was not kept, so it cannot be resumed.')
        asw.run({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, name="over", workspace=ws)
        with pytest.raises(asw.UsageError) as refused:
            ws.resume("over")
        assert str(refused.value) == 'execution "over" is SUCCEEDED: only a running one can be resumed.'
        with pytest.raises(asw.UsageError) as refused:
            ws.execution("left").wait()
        assert str(refused.value) == (
            'execution "left" is EXPRESS and the process that ran it is gone: it has no history to go on from.'
        )


def test_nobody_waits_for_what_nobody_drives(tmp_path: Path) -> None:
    with asw.Workspace(left_by(tmp_path, identity(started="1"))) as ws:
        seen = ws.execution("left")
        for call in (seen.wait, seen.result, seen.stop, seen.redrive):
            with pytest.raises(asw.UsageError) as told:
                call()
            assert str(told.value) == 'execution "left" is driven by nobody: resume("left") goes on with it.'
        (run,) = ws.resume("left")
        seen.stop()  # the handle has found who drives it now
        assert (seen.status, run.status) == ("ABORTED", "ABORTED")


def test_a_driver_that_was_taken_for_dead_writes_nothing_more(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path / "history.db") as ws:
        flow = asw.workflow(FLOW, workspace=ws)
        run, other = flow.start({}, name="lost"), flow.start({}, name="kept")
        while len(before := list(ws.store.events(run.key))) < 2:
            time.sleep(0.01)
        theirs = identity(host="far", boot="theirs", pid=7)
        ws.store.transaction(lambda db: db.execute("UPDATE executions SET owner=? WHERE id=?", (theirs, run.key)))
        run.stop()
        with pytest.raises(asw.StoreError) as told:
            run.wait()
        assert str(told.value) == (
            'execution "lost" stopped at its last recorded event: process 7 on far drives it now.'
        )
        assert (list(ws.store.events(run.key)), ws.execution("lost").status) == (before, "RUNNING")
        other.stop()
        assert other.status == "ABORTED"
