"""The loop: several executions at once, Stop, time limits, late answers, and what a closed workspace leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine import events as ev

PATIENCE = 30.0
"""Seconds that a wait may take on a busy machine before the test fails."""

LOOP = {
    "StartAt": "Round",
    "States": {
        "Round": {"Type": "Pass", "Next": "Again"},
        "Again": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.never", "IsPresent": True, "Next": "Out"}],
            "Default": "Round",
        },
        "Out": {"Type": "Succeed"},
    },
}


def one_task(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True, **fields}}}


def mapped(concurrency: int) -> dict[str, Any]:
    inner = {"StartAt": "X", "States": {"X": {"Type": "Task", "Resource": "f", "End": True}}}
    state = {"Type": "Map", "MaxConcurrency": concurrency, "ItemProcessor": inner, "End": True}
    return {"StartAt": "M", "States": {"M": state}}


class Gate:
    """A function that waits until it is let go, and says when it has begun."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, event: Any, context: Any) -> Any:
        self.begun.set()
        assert self.go.wait(PATIENCE)
        return "went"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.go.set()


# ------------------------------------------------------------------------------------ side by side


def test_executions_run_side_by_side() -> None:
    meet = threading.Barrier(5, timeout=PATIENCE)

    def together(event: Any) -> Any:
        meet.wait()
        return event["n"]

    flow = asw.workflow(one_task(), "five")
    runs = [flow.start({"n": n}, functions={"f": together}) for n in range(5)]
    assert [run.result(PATIENCE) for run in runs] == [0, 1, 2, 3, 4]
    assert all(run._run.done.wait(0) for run in runs if run._run is not None)


def test_an_endless_loop_is_stopped_while_another_execution_goes_by() -> None:
    looping = asw.workflow(LOOP, "loop").start({})
    other = asw.run(one_task(), functions={"f": lambda event: "done"})
    assert (other.output, looping.status) == ("done", "RUNNING")
    looping.stop("Enough", "it went round long enough")
    assert looping.wait(PATIENCE).status == "ABORTED"
    assert (looping.error, looping.cause) == ("Enough", "it went round long enough")
    assert looping.failed_at in ("Round", "Again")
    last = looping._workspace.store.events(looping.key)
    *_, end = last
    assert [end[0], *end[2:]] == [ev.ENDED, 0, "ABORTED", "Enough", "it went round long enough"]


def test_stop_ends_what_waits_for_a_task(gate: Gate) -> None:
    run = asw.workflow(one_task()).start({}, functions={"f": gate})
    assert gate.begun.wait(PATIENCE)
    run.stop()
    assert (run.status, run.error, run.cause, run.output) == ("ABORTED", None, None, None)
    gate.go.set()
    assert run.attempts()["status"].tolist() == ["ABORTED"]


def test_stopping_what_has_ended_changes_nothing() -> None:
    run = asw.run(one_task(), functions={"f": lambda event: 1})
    run.stop("Late", "too late")
    assert (run.status, run.output, run.error) == ("SUCCEEDED", 1, None)


def test_a_listener_that_fails_does_not_stop_what_it_listens_to(gate: Gate) -> None:
    run = asw.workflow(one_task()).start({}, functions={"f": gate})
    assert gate.begun.wait(PATIENCE)
    assert run._run is not None
    calls = []

    def broken(live: Any, events: Any) -> None:
        calls.append(len(events))
        raise RuntimeError("the page is gone")

    run._run.listeners.append(broken)
    gate.go.set()
    assert run.result(PATIENCE) == "went"
    assert asw.run(one_task(), functions={"f": lambda event: "after"}).output == "after"
    assert len(calls) == 1


# ------------------------------------------------------------------------------------- time limits


def test_a_task_that_takes_too_long_times_out_and_its_late_answer_is_ignored() -> None:
    cancelled, answered, release = threading.Event(), threading.Event(), threading.Event()

    def slow(event: Any, context: Any) -> str:
        assert not context.cancelled
        assert release.wait(PATIENCE)
        assert context.cancelled
        cancelled.set()
        return "too late"

    def after(event: Any) -> str:
        release.set()
        assert cancelled.wait(PATIENCE)
        answered.set()
        return "in time"

    states = {
        "A": {"Type": "Task", "Resource": "slow", "TimeoutSeconds": 1, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "B"}], "End": True},
        "B": {"Type": "Task", "Resource": "after", "End": True},
    }  # fmt: skip
    run = asw.run({"StartAt": "A", "States": states}, functions={"slow": slow, "after": after})
    assert (run.status, run.output) == ("SUCCEEDED", "in time")
    assert run["A"].output == {"Error": "States.Timeout", "Cause": None}
    assert run.attempts()[["state", "status", "error"]].values.tolist() == [
        ["A", "TIMED_OUT", "States.Timeout"],
        ["B", "SUCCEEDED", None],
    ]


def test_a_machine_that_takes_too_long_times_out(gate: Gate) -> None:
    run = asw.run({**one_task(), "TimeoutSeconds": 1}, functions={"f": gate})
    assert (run.status, run.error, run.cause, run.failed_at) == ("TIMED_OUT", "States.Timeout", None, "A")
    assert [e["type"] for e in run.history()][-1] == "ExecutionTimedOut"


def test_the_shorter_limit_of_machine_and_call_holds(gate: Gate) -> None:
    run = asw.run({**one_task(), "TimeoutSeconds": 9999}, functions={"f": gate}, timeout_s=0.05)
    assert run.status == "TIMED_OUT"
    assert run.duration_s < 9999


def test_a_task_without_heartbeats_times_out(gate: Gate) -> None:
    run = asw.run(one_task(HeartbeatSeconds=1, TimeoutSeconds=9999), functions={"f": gate})
    assert (run.status, run.error, run.cause) == ("FAILED", "States.Timeout", None)


def test_a_heartbeat_keeps_a_task_alive() -> None:
    """The task outlives its first heartbeat limit by beating; another one, that does not, tells when that was."""
    other_is_dead = threading.Event()

    def beats(event: Any, context: Any) -> str:
        while not other_is_dead.wait(0.05):
            context.heartbeat()
        return "alive"

    def silent(event: Any) -> None:
        other_is_dead.wait(PATIENCE)

    def note(event: Any) -> str:
        other_is_dead.set()
        return "dead"

    limits = {"Type": "Task", "HeartbeatSeconds": 1, "End": True}
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Note"}]
    branches = [
        {"StartAt": "Beats", "States": {"Beats": {**limits, "Resource": "beats"}}},
        {
            "StartAt": "Silent",
            "States": {
                "Silent": {**limits, "Resource": "silent", "Catch": catch},
                "Note": {"Type": "Task", "Resource": "note", "End": True},
            },
        },
    ]
    definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    run = asw.run(definition, functions={"beats": beats, "silent": silent, "note": note})
    assert run.output == ["alive", "dead"]


def test_a_sibling_that_fails_cancels_the_others() -> None:
    begun, seen = threading.Event(), threading.Event()

    def patient(event: Any, context: Any) -> None:
        begun.set()
        while not context.cancelled:
            seen.wait(0.001)
        seen.set()

    def fails(event: Any) -> None:
        assert begun.wait(PATIENCE)
        raise ValueError("no")

    branches = [
        {"StartAt": n, "States": {n: {"Type": "Task", "Resource": n, "End": True}}} for n in ("patient", "fails")
    ]
    definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    run = asw.run(definition, functions={"patient": patient, "fails": fails})
    assert (run.status, run.error, run.failed_at) == ("FAILED", "ValueError", "P[1]/fails")
    assert seen.wait(PATIENCE)
    assert run.states()[["path", "status"]].values.tolist() == [
        ["P", "FAILED"],
        ["P[0]/patient", "ABORTED"],
        ["P[1]/fails", "FAILED"],
    ]


# ------------------------------------------------------------------------------------- concurrency


def test_a_maps_concurrency_is_the_limit_and_is_reached() -> None:
    meet, lock = threading.Barrier(4, timeout=PATIENCE), threading.Lock()
    now = most = 0

    def item(event: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        meet.wait()  # passes only when four are here at the same time
        with lock:
            now -= 1
        return event

    run = asw.run(mapped(4), list(range(12)), functions={"f": item})
    assert (run.output, most) == (list(range(12)), 4)


def test_a_hundred_sleeping_tasks_sleep_together() -> None:
    meet = threading.Barrier(100, timeout=PATIENCE)

    def item(event: int) -> int:
        meet.wait()
        return -event

    run = asw.run(mapped(100), list(range(200)), functions={"f": item})
    assert run.output == [-n for n in range(200)]


def test_short_tasks_that_turn_long_do_not_wait_for_each_other() -> None:
    """The backend learns that the function is short; when it then blocks, the others still get workers."""
    meet = threading.Barrier(20, timeout=PATIENCE)

    def item(event: int) -> int:
        if event >= 500:
            meet.wait()
        return event

    run = asw.run(mapped(0), list(range(520)), functions={"f": item})
    assert run.output == list(range(520))


def test_the_inline_executor_runs_on_the_engines_thread() -> None:
    names = set()

    def item(event: int) -> int:
        names.add(threading.current_thread().name)
        return event + 1

    run = asw.run(mapped(0), [1, 2, 3], functions={"f": item}, executor="inline")
    assert (run.output, names) == ([2, 3, 4], {"asw-engine"})
    assert set(run.attempts()["worker"]) == {"inline"}
    assert asw.executions()["backend"].tolist() == ["inline"]


def test_the_callers_thread_never_runs_a_task() -> None:
    caller = threading.get_ident()
    run = asw.run(mapped(0), [1, 2, 3], functions={"f": lambda event: threading.get_ident()})
    assert caller not in run.output


# ----------------------------------------------------------------------------- the file, and its end


def test_two_workspaces_drive_executions_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    with asw.Workspace(path) as one, asw.Workspace(path) as two:
        meet = threading.Barrier(2, timeout=PATIENCE)

        def together(event: Any) -> Any:
            meet.wait()
            return event

        first = asw.workflow(one_task(), "first").start(1, functions={"f": together}, workspace=one)
        second = asw.workflow(one_task(), "second").start(2, functions={"f": together}, workspace=two)
        assert (first.result(PATIENCE), second.result(PATIENCE)) == (1, 2)
        for workspace in (one, two):
            assert sorted(workspace.executions()["workflow"]) == ["first", "second"]
        seen = two.execution(first.name)
        assert (seen.status, seen.output, len(seen.states())) == ("SUCCEEDED", 1, 1)


def test_another_workspace_waits_for_what_it_does_not_drive(tmp_path: Path, gate: Gate) -> None:
    path = tmp_path / "shared.db"
    with asw.Workspace(path) as one, asw.Workspace(path) as two:
        run = asw.workflow(one_task(), "first").start({}, functions={"f": gate}, workspace=one)
        assert gate.begun.wait(PATIENCE)
        seen = two.execution(run.name)
        assert (seen.status, seen.wait(0.01).status) == ("RUNNING", "RUNNING")
        with pytest.raises(asw.UsageError) as refused:
            seen.stop()
        assert (
            str(refused.value)
            == f'execution "{run.name}" is driven by another workspace of this kernel: stop it there.'
        )
        gate.go.set()
        assert seen.result(PATIENCE) == "went"


def test_a_workspace_that_is_closed_leaves_what_ran_as_it_is_recorded(tmp_path: Path, gate: Gate) -> None:
    path = tmp_path / "history.db"
    workspace = asw.Workspace(path)
    contexts = []

    def waits(event: Any, context: Any) -> Any:
        contexts.append(context)
        return gate(event, context)

    run = asw.workflow(one_task(), "left").start({}, functions={"f": waits}, workspace=workspace)
    assert gate.begun.wait(PATIENCE)
    workspace.close()
    workspace.close()
    assert contexts[0].cancelled
    assert run.status == "RUNNING"
    with pytest.raises(asw.UsageError) as told:
        run.wait()
    assert str(told.value) == (
        f'execution "{run.name}" was running when its workspace was closed: '
        f'open Workspace("{path}") again to see how far it came.'
    )
    with pytest.raises(asw.StoreError) as closed:
        run.states()
    assert str(closed.value) == f'the history file "{path}" is closed: open it again with asw_nb.Workspace(path).'
    with pytest.raises(asw.UsageError) as refused:
        asw.workflow(one_task()).start({}, workspace=workspace)
    assert str(refused.value) == f'Workspace("{path}") is closed: open another one.'
    gate.go.set()
    with asw.Workspace(path) as again:
        seen = again.execution(run.name)
        assert [event[0] for event in seen._events()] == [ev.STARTED, ev.SCHEDULED]
        assert seen.states()[["state", "status"]].values.tolist() == [["A", "RUNNING"]]


def test_a_history_that_cannot_be_written_stops_the_execution_and_says_so(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with asw.Workspace(tmp_path / "history.db") as workspace:
        run = asw.workflow(one_task(), "full").start({}, functions={"f": gate}, workspace=workspace)
        assert gate.begun.wait(PATIENCE)

        def full(writes: Any) -> None:
            raise OSError("no space left on the disk")

        monkeypatch.setattr(workspace.store, "commit", full)
        gate.go.set()
        with pytest.raises(asw.StoreError) as told:
            run.wait(PATIENCE)
        assert str(told.value) == (
            f'execution "{run.name}" stopped at its last recorded event: no space left on the disk'
        )
        assert (run.status, run.output) == ("RUNNING", None)
        monkeypatch.undo()
        again = asw.run(one_task(), functions={"f": lambda event: "room"}, workspace=workspace)
        assert again.output == "room"
