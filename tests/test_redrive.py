"""Redrive and resume through the public interface: what is kept, what runs again, and what the tables and histories say."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.engine.execution import ExecutionState

ITEM = {"Type": "Task", "Resource": "work", "End": True}
FLOW = {
    "StartAt": "First",
    "States": {
        "First": {"Type": "Task", "Resource": "first", "ResultPath": "$.first", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "Work", "States": {"Work": ITEM}},
            "ResultPath": "$.done",
            "Next": "Fork",
        },
        "Fork": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Task", "Resource": "left", "End": True}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "Result": "right", "End": True}}},
            ],
            "ResultPath": "$.fork",
            "Next": "Last",
        },
        "Last": {"Type": "Pass", "End": True},
    },
}


class Functions:
    """The workflow's functions: they note their calls, and fail where `bad` says so, after all good items have ended."""

    def __init__(self, items: int, bad: set[Any]) -> None:
        self.calls: list[Any] = []
        self.bad = set(bad)
        self._left = items - len([b for b in bad if isinstance(b, int)])
        self._good = threading.Event()
        self._lock = threading.Lock()

    def work(self, item: int) -> int:
        with self._lock:
            self.calls.append(item)
        if item in self.bad:
            assert self._good.wait(30)
            raise ValueError(f"item {item}")
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._good.set()
        return item * 10

    def step(self, name: str) -> Any:
        def call(event: Any) -> str:
            self.calls.append(name)
            if name in self.bad:
                raise ValueError(name)
            return name

        return call

    def all(self) -> dict[str, Any]:
        return {"work": self.work, "first": self.step("first"), "left": self.step("left")}


def test_a_map_with_three_failed_items_runs_exactly_three_again() -> None:
    functions = Functions(50, {7, 17, 27})
    run = asw.run(FLOW, {"items": list(range(50))}, functions=functions.all(), name="three")
    assert (run.status, run.error) == ("FAILED", "ValueError")
    kept = set(run.map_items().query("status == 'SUCCEEDED'")["index"])

    functions.bad.clear()
    functions.calls.clear()
    assert run.redrive(functions=functions.all()) is run
    run.wait(30)

    assert run.status == "SUCCEEDED"
    assert set(functions.calls) == (set(range(50)) - kept) | {"left"}
    assert {7, 17, 27} <= set(functions.calls)
    assert len(functions.calls) == len(set(functions.calls))
    assert run.output["done"] == [i * 10 for i in range(50)]
    assert asw.executions().loc[0, ["status", "redrives", "error"]].tolist() == ["SUCCEEDED", 1, None]


def test_finished_branches_are_kept_and_the_failed_one_begins_again() -> None:
    functions = Functions(2, {"left"})
    run = asw.run(FLOW, {"items": [1, 2]}, functions=functions.all(), name="branch")
    assert (run.status, run.failed_at) == ("FAILED", "Fork[0]/Left")
    plan = run.redrive(dry_run=True)
    assert plan[["path", "action", "why"]].values.tolist() == [
        ["First", "keep", "ended well"],
        ["Each", "keep", "ended well"],
        ["Each[0]/Work", "keep", "ended well"],
        ["Each[1]/Work", "keep", "ended well"],
        ["Fork", "run again", "FAILED: ValueError"],
        ["Fork[0]/Left", "run again", "FAILED: ValueError"],
        ["Fork[1]/Right", "keep", "ended well"],
        ["Last", "run again", "not reached yet"],
    ]

    functions.bad.clear()
    functions.calls.clear()
    run.redrive(functions=functions.all()).wait(30)

    assert functions.calls == ["left"]
    assert run.output["fork"] == ["left", "right"]
    assert run.states()[["path", "status"]].values.tolist() == [
        ["First", "SUCCEEDED"],
        ["Each", "SUCCEEDED"],
        ["Each[0]/Work", "SUCCEEDED"],
        ["Each[1]/Work", "SUCCEEDED"],
        ["Fork", "FAILED"],
        ["Fork[0]/Left", "FAILED"],
        ["Fork[1]/Right", "SUCCEEDED"],
        ["Fork", "SUCCEEDED"],
        ["Fork[0]/Left", "SUCCEEDED"],
        ["Last", "SUCCEEDED"],
    ]
    history = run.history()
    kinds = [e["type"] for e in history if e["type"].startswith("Execution")]
    assert kinds == ["ExecutionStarted", "ExecutionFailed", "ExecutionRedriven", "ExecutionSucceeded"]
    assert [e["id"] for e in history] == list(range(1, len(history) + 1))


def test_another_kernel_sees_both_lives(tmp_path: Any) -> None:
    functions = Functions(2, {"left"})
    with asw.Workspace(tmp_path / "h.db") as ws:
        run = asw.run(FLOW, {"items": [1, 2]}, functions=functions.all(), name="lives", workspace=ws)
        functions.bad.clear()
        run.redrive(functions=functions.all()).wait(30)
        here = run.states()
    with asw.Workspace(tmp_path / "h.db") as ws:
        again = ws.execution("lives")
        assert (again.status, again.output) == (run.status, run.output)
        assert again.states().equals(here)


def test_begin_again_at_a_state_with_the_input_that_it_had() -> None:
    functions = Functions(2, set())
    run = asw.run(FLOW, {"items": [1, 2]}, functions=functions.all())
    functions.calls.clear()
    run.redrive(from_state="Fork", functions=functions.all()).wait(30)
    assert (run.status, functions.calls) == ("SUCCEEDED", ["left"])
    assert run.redrive(from_state="Fork", dry_run=True)["action"].tolist() == ["keep"] * 4 + ["run again"] * 4


def test_a_stopped_execution_goes_on() -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(event: Any) -> str:
        entered.set()
        assert release.wait(30)
        return "late"

    flow = asw.workflow(
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "slow", "End": True}}}, name="stopped"
    )
    run = flow.start(functions={"slow": slow})
    assert entered.wait(30)
    run.stop()
    assert run.status == "ABORTED"
    release.set()
    run.redrive(functions={"slow": lambda event: "in time"}).wait(30)
    assert (run.status, run.output) == ("SUCCEEDED", "in time")


def test_a_retried_state_gets_its_retries_again() -> None:
    state = {"Type": "Task", "Resource": "f", "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}], "End": True}
    document = {"StartAt": "A", "States": {"A": state}}
    error = asw.TaskError("E")
    run = asw.run(document, mocks={"A": error}, clock=asw.VirtualClock())
    assert (run.status, run.attempts()["attempt"].tolist()) == ("FAILED", [1, 2])
    answers = iter([error, "good"])

    def f(event: Any) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    run.redrive(functions={"f": f}, clock=asw.VirtualClock(2_000_000_000)).wait(30)
    assert run.attempts()[["attempt", "status"]].values.tolist() == [
        [1, "FAILED"],
        [2, "FAILED"],
        [1, "FAILED"],
        [2, "SUCCEEDED"],
    ]


def test_folding_the_log_of_both_lives_gives_the_live_state() -> None:
    functions = Functions(20, {3, "left"})
    run = asw.run(FLOW, {"items": list(range(20))}, functions=functions.all())
    functions.bad.discard(3)
    run.redrive(functions=functions.all()).wait(30)
    assert run.failed_at == "Fork[0]/Left"
    functions.bad.clear()
    run.redrive(functions=functions.all()).wait(30)
    live = run._run.state
    folded = ExecutionState(run.plan, run.input, 0, {}, {})
    for event in run._events():
        folded.apply(event)
    assert (folded.status, folded.output, folded.event_id) == (live.status, live.output, live.event_id)
    assert (folded.entered, folded.exited, folded.failed) == (live.entered, live.exited, live.failed)
    assert folded.redrives == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'execution "x" has succeeded: name the state to begin again at with from_state=.'),
        (
            {"from_state": "Lastt"},
            'execution "x" cannot begin again at "Lastt": it must be a top-level state. Did you mean "Last"?',
        ),
        (
            {"from_state": "Work"},
            'execution "x" cannot begin again at "Work": it must be a top-level state. It is inside "Each": begin again there.',
        ),
    ],
)
def test_what_cannot_be_redriven_is_said(options: dict[str, str], message: str) -> None:
    run = asw.run(FLOW, {"items": [1]}, functions=Functions(1, set()).all(), name="x")
    with pytest.raises(asw.UsageError) as refused:
        run.redrive(**options)
    assert str(refused.value) == message
    assert run.status == "SUCCEEDED"


def test_an_express_execution_has_no_history_to_go_on_from() -> None:
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Fail"}}}, type="EXPRESS", name="e")
    with pytest.raises(
        asw.UsageError, match=r'^execution "e" is EXPRESS: its history was not kept, so it cannot be redriven\.$'
    ):
        run.redrive()


def test_a_mock_for_no_state_is_refused() -> None:
    with pytest.raises(asw.UsageError) as refused:
        asw.run(FLOW, {"items": []}, mocks={"Frist": 1})
    assert str(refused.value) == (
        'mocks: the workflow has no state "Frist". Did you mean "First"? Keys are state names, paths or resources.'
    )


def test_what_a_task_printed_is_kept_when_its_answer_comes_too_late() -> None:
    release = threading.Event()

    def slow(event: Any) -> None:
        print("still here")
        assert release.wait(30)

    state = {"Type": "Task", "Resource": "slow", "TimeoutSeconds": 1, "End": True}
    run = asw.run({"StartAt": "A", "States": {"A": state}}, functions={"slow": slow})
    assert (run.status, run.error) == ("FAILED", "States.Timeout")
    release.set()
    for _ in range(200):
        if len(run.logs()):
            break
        threading.Event().wait(0.05)
    assert run.logs()[["path", "attempt", "stream", "line"]].values.tolist() == [["A", 1, "stdout", "still here"]]


def test_functions_of_the_start_are_used_when_nobody_else_has_them(tmp_path):
    once = [True]

    def f(event):
        if once:
            once.clear()
            raise ValueError("the first time")
        return event

    with asw.Workspace(tmp_path) as ws:
        machine = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
        run = asw.run(machine, 7, functions={"f": f}, workspace=ws)
        assert run.status == "FAILED"
        assert run.redrive().wait().output == 7
        run = asw.run(machine, 7, functions={"f": lambda event: 1 / 0}, workspace=ws)
        assert run.redrive(functions={"f": f}).wait().output == 7


def test_a_function_that_was_defined_since_is_used_before_that_of_the_start(tmp_path, monkeypatch):
    import sys

    with asw.Workspace(tmp_path) as ws:
        machine = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "edited", "End": True}}}
        run = asw.run(machine, 7, functions={"edited": lambda event: 1 / 0}, workspace=ws)
        monkeypatch.setattr(sys.modules["__main__"], "edited", lambda event: "edited", raising=False)
        assert run.redrive().wait().output == "edited"
