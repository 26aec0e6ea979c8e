"""The disk is full: executions stop at a recorded point, and go on when there is space again, in another kernel or in the same.

It is made in two ways: a limit on the size of files in a child process (everywhere), and a small tmpfs in a mount namespace of its own (where
the system lets us)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

TASK = {"Type": "Task", "Resource": "work"}
PADDED = {
    "StartAt": "Count",
    "States": {
        "Count": {**TASK, "Next": "More?"},
        "More?": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 300, "Next": "Count"}], "Default": "Items"},
        "Items": {"Type": "Pass", "Result": list(range(60)), "ResultPath": "$.items", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 5,
            "ItemSelector": {"n.$": "$$.Map.Item.Value", "who.$": "$.who", "item": True},
            "ItemProcessor": {"StartAt": "Item", "States": {"Item": {**TASK, "End": True}}},
            "End": True,
        },
    },
}  # fmt: skip

CHILD = """
import json, os, resource, signal, sys
import asw_nb as asw
from asw_nb.engine import events as ev

what, path, calls, limit, flow = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), json.loads(sys.argv[5])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails, in place of killing
notes = os.open(calls, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def work(event):
    os.write(notes, f"{event['who']} {'item ' if event.get('item') else ''}{event['n']}\\n".encode())
    return {"n": event["n"] + 1, "who": event["who"], "pad": "x" * 700}

def say(*values):
    print(json.dumps(values), flush=True)

def told(call, *arguments):
    try:
        return ["no error", getattr(call(*arguments), "output", None)]
    except asw.StoreError as problem:
        return ["StoreError", str(problem)]

def recorded():
    return {r.name: list(ws.store.events(r.key)) for r in ws.store.rows()}

def lift():
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        os.unlink(os.path.join(os.path.dirname(path), "ballast"))

asw.function("work")(work)
ws = asw.Workspace(path, group_commit=False)  # as many bytes each time
if what in ("fill", "stay"):
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    w = asw.workflow(flow, "w", workspace=ws)
    runs = [w.start({"n": 0, "who": name}, name=name) for name in ("a", "b", "c")]
    say([told(run.result) for run in runs])
    say([run.status for run in runs], [len(run.states()) > 0 for run in runs])
    say(told(lambda: w.start({"n": 0, "who": "d", "pad": "x" * 3000000}, name="d")))
    say(recorded())
if what == "stay":
    lift()
    resumed = ws.resume()
    say(sorted(run.name for run in resumed))
    say([[run.wait().status, run.result()] for run in runs])  # the handles from before
    say(recorded())
if what == "go on":
    say(recorded())
    resumed = ws.resume()
    say(sorted(run.name for run in resumed))
    say([[run.wait().status, run.result()] for run in resumed])
    say(recorded())
    say([f.status for f in ws.doctor().findings if f.check != "disk space"])
if what == "undisturbed":
    w = asw.workflow(flow, "w", workspace=ws)
    say([["SUCCEEDED", w.run({"n": 0, "who": name}, name=name).result()] for name in ("a", "b", "c")])
"""

LIMIT = 700_000


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def child(what: str, path: Path, limit: int = 0) -> list[Any]:
    command = [
        sys.executable,
        "-c",
        CHILD,
        what,
        str(path),
        str(path.parent / f"calls-{what}"),
        str(limit),
        json.dumps(PADDED),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return lines(done.stdout)


def on_tmpfs(folder: Path, *whats: str) -> tuple[Path, list[list[Any]]]:
    """What children say that run one after the other on a disk of 6 MB, 5 of them taken until the first has run."""
    disk = folder / "disk"
    disk.mkdir()
    script = [f"mount -t tmpfs -o size=6m tmpfs '{disk}'", f"head -c 5000000 /dev/zero > '{disk}/ballast'"]
    for what in whats:
        command = f"'{sys.executable}' -c \"$CHILD\" '{what}' '{disk}/history.db' '{folder}/calls-{what}' 0 \"$FLOW\""
        script += [f"{command} > '{folder}/out-{what}'", f"rm -f '{disk}/ballast'"]
    shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-e", "-c", "\n".join(script)]
    env = os.environ | {"CHILD": CHILD, "FLOW": json.dumps(PADDED)}
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, timeout=200, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return disk / "history.db", [lines((folder / f"out-{what}").read_text()) for what in whats]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True).returncode == 0


DISKS = ["limit", *(["tmpfs"] if can_mount() else [])]
REASONS = {
    "limit": "the disk did not take the data (a quota or a limit on the size of files is reached, or the disk fails). "
    "Nothing that was recorded is lost: free some space or raise the limit",
    "tmpfs": "the disk is full. Nothing that was recorded is lost: free some space",
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    (outputs,) = child("undisturbed", tmp_path_factory.mktemp("undisturbed") / "history.db")
    return outputs[0]


def must_have_stopped(said: list[Any], path: Path, disk: str) -> dict[str, list[Any]]:
    """The three executions stopped, and said so; what is recorded of them."""
    (stopped,), (statuses, shown), refused, (recorded,) = said
    reason = f'the history file "{path}" cannot be written: {REASONS[disk]}, then go on with asw_nb.resume().'
    assert stopped == [["StoreError", f'execution "{n}" stopped at its last recorded event: {reason}'] for n in "abc"]
    assert (statuses, shown) == (["RUNNING"] * 3, [True] * 3)
    assert refused == [["StoreError", reason]]
    assert sorted(recorded) == ["a", "b", "c"]
    return recorded


def answered(recorded: dict[str, list[Any]]) -> set[str]:
    """Tasks of the chain whose result is recorded, as `work` notes them."""
    return {f"{name} {event[3]['n'] - 1}" for name, events in recorded.items() for event in events if event[0] == 5}


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_stops_executions_and_another_kernel_goes_on_with_them(
    tmp_path: Path, disk: str, undisturbed: list[Any]
) -> None:
    if disk == "limit":
        path = tmp_path / "history.db"
        said, then = child("fill", path, LIMIT), child("go on", path)
    else:
        path, (said, then) = on_tmpfs(tmp_path, "fill", "go on")
    before = must_have_stopped(said, path, disk)
    (found,), (resumed,), (results,), (after,), (health,) = then
    assert found == before  # what was recorded is what another process finds
    assert (resumed, results) == (["a", "b", "c"], undisturbed)
    for name in "abc":
        assert after[name][: len(before[name])] == before[name]
    assert set(health) == {"OK"}
    again = set((tmp_path / "calls-go on").read_text().splitlines())
    assert answered(before) & again == set()
    assert len(answered(before)) > 50


@pytest.mark.parametrize("disk", DISKS)
def test_when_there_is_space_again_the_same_kernel_goes_on(tmp_path: Path, disk: str, undisturbed: list[Any]) -> None:
    if disk == "limit":
        path = tmp_path / "history.db"
        said = child("stay", path, LIMIT)
    else:
        path, (said,) = on_tmpfs(tmp_path, "stay")
    before = must_have_stopped(said[:4], path, disk)
    (resumed,), (results,), (after,) = said[4:]
    assert (resumed, results) == (["a", "b", "c"], undisturbed)
    for name in "abc":
        assert after[name][: len(before[name])] == before[name]
