"""Two kernels on one history file: each drives its own, both see everything, and neither hears of the other's locks."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.history import owner, salvage
from asw_nb.history.store import Store

ROOT = Path(__file__).parents[2]

PRELUDE = """
import json, os, sys, time, threading
import asw_nb as asw

def say(*values):
    print(json.dumps(values), flush=True)
"""

TASK = {"Type": "Task", "Resource": "work"}
ITEM = {"StartAt": "Item", "States": {"Item": {**TASK, "End": True}}}
FLOW = {
    "StartAt": "First",
    "States": {
        "First": {**TASK, "ResultPath": "$.first", "Next": "Each"},
        "Each": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": ITEM, "End": True},
    },
}
HOLD = {
    "StartAt": "One",
    "States": {
        "One": {"Type": "Task", "Resource": "one", "Next": "Hold"},
        "Hold": {"Type": "Task", "Resource": "hold", "End": True},
    },
}


class Kernel:
    """A child process: says JSON lines, and does a line of Python for each that it is told."""

    def __init__(self, code: str, *arguments: object) -> None:
        command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def hears(self) -> list[Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        return json.loads(line)

    def told(self, text: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> tuple[str, str]:
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return out, err


@pytest.fixture
def kernels() -> Iterator[list[Kernel]]:
    made: list[Kernel] = []
    yield made
    for kernel in made:
        kernel.process.kill()
        kernel.process.communicate()


# ------------------------------------------------------------------------------------- under load

WORKER = """
path, who, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def work(event):
    if isinstance(event, int):
        return event * 2
    return who
ws = asw.Workspace(path)
flow = asw.workflow(json.loads(sys.argv[4]), "flow-" + who, workspace=ws)
say("ready")
sys.stdin.readline()
reads, done = 0, threading.Event()
def look():
    global reads
    while not done.is_set():
        seen = ws.executions(limit=40)
        for name in seen["name"][:3]:
            ws.execution(name).states(), ws.execution(name).events()
        reads += 1
reader = threading.Thread(target=look)
reader.start()
wrong, slowest, begun = 0, 0.0, time.perf_counter()
for start in range(0, count, 25):
    runs = []
    for n in range(start, start + 25):
        t = time.perf_counter()
        runs.append((n, flow.start({"n": n, "items": [n, n + 1, n + 2, n + 3]}, functions={"work": work},
                                   name=None if n % 2 else f"{who}-{n}")))
        slowest = max(slowest, time.perf_counter() - t)
    for n, run in runs:
        wrong += run.result(100) != [2 * n, 2 * n + 2, 2 * n + 4, 2 * n + 6]
seconds = time.perf_counter() - begun
done.set()
reader.join()
say(wrong, reads, seconds, slowest)
ws.close()
"""


def test_two_kernels_write_and_read_one_file_side_by_side(tmp_path: Path, kernels: list[Kernel]) -> None:
    path, count = tmp_path / "history.db", 300
    kernels += [Kernel(WORKER, path, who, count, json.dumps(FLOW)) for who in ("a", "b")]
    for kernel in kernels:
        assert kernel.hears() == ["ready"]
    for kernel in kernels:
        kernel.told()
    for kernel in kernels:
        wrong, reads, _, _ = kernel.hears()
        assert (wrong, reads > 0) == (0, True)
    # whatever a thread complained of, a lock above all, would stand on stderr
    assert [kernel.end() for kernel in kernels] == [("", ""), ("", "")]
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("SELECT workflow, status, count(*) FROM executions GROUP BY 1, 2").fetchall() == [
        ("flow-a", "SUCCEEDED", count),
        ("flow-b", "SUCCEEDED", count),
    ]
    drivers = db.execute(f"SELECT DISTINCT workflow, {owner.IDENTITY} FROM executions ORDER BY 1").fetchall()
    pids = [(workflow, json.loads(identity)["pid"]) for workflow, identity in drivers]
    assert pids == [(f"flow-{who}", kernel.process.pid) for who, kernel in zip("ab", kernels, strict=True)]
    assert (salvage.gaps(db), salvage.cut_off(db)) == ({}, {})
    ends = db.execute("SELECT DISTINCT total FROM (SELECT sum(count) AS total FROM events GROUP BY execution)")
    assert ends.fetchall() == [(23,)]  # of each execution all events are there, and none twice
    db.close()
    report = asw.doctor(path)
    assert [f.status for f in report.findings] == ["OK"] * len(report.findings)


def test_two_kernels_open_a_new_file_at_once(tmp_path: Path, kernels: list[Kernel]) -> None:
    code = "sys.stdin.readline(); ws = asw.Workspace(sys.argv[1]); say(asw.run({'StartAt': 'A', 'States': {'A': {'Type': 'Succeed'}}}, 1, workspace=ws).output)"
    kernels += [Kernel(code, tmp_path / "deep" / "history.db") for _ in range(4)]
    for kernel in kernels:
        kernel.told()
    assert [kernel.hears() for kernel in kernels] == [[1]] * 4
    for kernel in kernels:
        kernel.end()
    with asw.Workspace(tmp_path / "deep" / "history.db") as ws:
        assert ws.executions()["status"].tolist() == ["SUCCEEDED"] * 4


def test_keys_of_many_who_write_never_meet(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "history.db") for _ in range(3)]
    keys: list[int] = []
    threads = [threading.Thread(target=lambda s=s: keys.extend([s.new_key() for _ in range(3000)])) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 9000
    assert sorted({key & 1023 for key in keys}) == [0, 1, 2]
    for store in stores:
        store.close()


# ------------------------------------------------------------------------------- one drives, one watches

DRIVER = """
path = sys.argv[1]
gate = threading.Event()
calls = []
def hold(event):
    calls.append(1)
    gate.wait(60)
    return "went"
asw.function("hold")(hold)
asw.function("one")(lambda event: 1)
ws = asw.Workspace(path)
run = asw.workflow(json.loads(sys.argv[2]), "held", workspace=ws).start({}, name="held")
while not calls:
    time.sleep(0.01)
while len(run.states()) < 2:
    time.sleep(0.01)
say(os.getpid())
what = sys.stdin.readline().strip()
if what == "end":
    gate.set()
    run.wait()
elif what == "stop":
    run.stop("Enough", "stopped where it runs")
elif what == "close":
    ws.close()
    say("closed")
    sys.stdin.readline()
"""


def driving(tmp_path: Path, kernels: list[Kernel]) -> tuple[Kernel, str, Path]:
    path = tmp_path / "history.db"
    kernel = Kernel(DRIVER, path, json.dumps(HOLD))
    kernels.append(kernel)
    (pid,) = kernel.hears()
    return kernel, f"process {pid} on {os.uname().nodename}", path


def test_what_another_kernel_drives_is_watched_live(tmp_path: Path, kernels: list[Kernel]) -> None:
    kernel, _, path = driving(tmp_path, kernels)
    with asw.Workspace(path) as ws:
        seen = ws.execution("held")
        assert (seen.status, seen.output, seen.wait(0.05).status) == ("RUNNING", None, "RUNNING")
        assert seen.states()[["state", "status"]].values.tolist() == [["One", "SUCCEEDED"], ["Hold", "RUNNING"]]
        assert seen.events()["type"].tolist()[-1] == "LambdaFunctionStarted"
        with pytest.raises(asw.UsageError) as late:
            seen.result(0.05)
        assert str(late.value) == 'execution "held" still runs after 0.05 s: wait longer, or stop() it.'
        kernel.told("end")
        assert seen.result(30) == "went"
        assert seen.states()["status"].tolist() == ["SUCCEEDED", "SUCCEEDED"]
        kernel.end()


def test_a_watcher_hears_of_the_end_soon_and_looks_seldom(
    tmp_path: Path, kernels: list[Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, _, path = driving(tmp_path, kernels)
    with asw.Workspace(path) as ws:
        rows: list[float] = []
        get = ws.store.get

        def counted(key: int) -> Any:
            rows.append(time.monotonic())
            return get(key)

        seen = ws.execution("held")
        monkeypatch.setattr(ws.store, "get", counted)
        seen.wait(1.0)
        assert len(rows) <= 2  # nobody has written, so the row was not read again
        threading.Timer(0.3, kernel.told, ("stop",)).start()
        assert seen.wait(30).status == "ABORTED"
        assert (seen.error, seen.cause) == ("Enough", "stopped where it runs")
        assert len(rows) <= 12
        kernel.end()


def test_what_another_kernel_drives_is_not_stopped_or_redriven_from_here(tmp_path: Path, kernels: list[Kernel]) -> None:
    kernel, who, path = driving(tmp_path, kernels)
    with asw.Workspace(path) as ws:
        seen = ws.execution("held")
        with pytest.raises(asw.UsageError) as refused:
            seen.stop()
        assert str(refused.value) == f'execution "held" is driven by {who}: stop it there.'
        with pytest.raises(asw.UsageError) as refused:
            seen.redrive()
        assert str(refused.value) == (f'execution "held" still runs, driven by {who}: stop it there before a redrive.')
        assert ws.resume() == []
        with pytest.raises(asw.UsageError) as refused:
            ws.resume("held")
        assert str(refused.value) == (
            f'execution "held" is driven by {who}, which is alive: wait for its end, or stop it there.'
        )
        kernel.told("end")
        assert seen.result(30) == "went"
        kernel.end()


def test_a_watcher_is_told_when_the_driver_dies_and_goes_on_with_it(tmp_path: Path, kernels: list[Kernel]) -> None:
    kernel, _, path = driving(tmp_path, kernels)
    with asw.Workspace(path) as ws:
        seen = ws.execution("held")
        threading.Timer(0.3, kernel.process.kill).start()
        with pytest.raises(asw.UsageError) as told:
            seen.wait(30)
        assert str(told.value) == 'execution "held" is driven by nobody: resume("held") goes on with it.'
        calls = []
        functions = {"one": lambda event: calls.append("one"), "hold": lambda event: calls.append("hold") or "again"}
        (run,) = ws.resume("held", functions=functions)
        assert (seen.result(30), run.output, calls) == ("again", "again", ["hold"])
        assert json.loads(ws.store.owner_of(run.key) or "")["pid"] == os.getpid()


def test_a_kernel_that_closes_its_workspace_lets_go(tmp_path: Path, kernels: list[Kernel]) -> None:
    kernel, _, path = driving(tmp_path, kernels)
    kernel.told("close")
    assert kernel.hears() == ["closed"]
    with asw.Workspace(path) as ws:  # the process lives on
        (run,) = ws.resume(functions={"one": lambda event: 1, "hold": lambda event: "here"})
        assert run.result(30) == "here"
    kernel.told()
    kernel.end()


def test_of_many_who_resume_one_wins(tmp_path: Path, kernels: list[Kernel]) -> None:
    first, _, path = driving(tmp_path, kernels)
    first.process.kill()
    first.process.wait()
    code = """
asw.function("one")(lambda event: 1)
asw.function("hold")(lambda event: os.getpid())
ws = asw.Workspace(sys.argv[1])
say("ready")
sys.stdin.readline()
runs = ws.resume()
seen = ws.execution("held")
say(os.getpid(), len(runs), seen.result(60))
"""
    rivals = [Kernel(code, path) for _ in range(3)]
    kernels += rivals
    for kernel in rivals:
        assert kernel.hears() == ["ready"]
    for kernel in rivals:
        kernel.told()
    answers = [kernel.hears() for kernel in rivals]
    (winner,) = [pid for pid, resumed, _ in answers if resumed]
    assert {result for _, _, result in answers} == {winner}
    for kernel in rivals:
        kernel.end()
    store = Store(path)
    assert json.loads(store.owner_of(store.find("held").key) or "")["pid"] == winner
    assert (salvage.gaps(store.reader), owner.life(store.owner_of(store.find("held").key))) == ({}, "dead")
    store.close()


def test_a_redrive_elsewhere_is_seen_by_a_handle_asked_for_again(tmp_path: Path, kernels: list[Kernel]) -> None:
    path = tmp_path / "history.db"

    def fails(event: Any) -> Any:
        raise ValueError("no")

    with asw.Workspace(path) as ws:
        definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
        run = asw.run(definition, functions={"f": fails}, name="twice", workspace=ws)
        assert run.status == "FAILED"
        code = "ws = asw.Workspace(sys.argv[1]); r = ws.execution('twice'); r.redrive(functions={'f': lambda e: 'well'}).wait(); say(r.output)"
        kernels.append(Kernel(code, path))
        assert kernels[0].hears() == ["well"]
        kernels[0].end()
        again = ws.execution("twice")
        assert (again.status, again.output, again.result(5)) == ("SUCCEEDED", "well", "well")
