"""The two places where functions run in this process."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.backends import local
from asw_nb.backends.local import InlineBackend, ThreadBackend
from asw_nb.engine.run import Outcome

PATIENCE = 30.0


class Answers:
    """A runner that only collects answers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Any, Outcome]] = []
        self.arrived = threading.Semaphore(0)

    def answer(self, order: Any, outcome: Outcome, drive: bool = True) -> None:
        self.outcomes.append((order.number, outcome))
        self.arrived.release()

    def drive(self, from_worker: bool = False) -> None:
        """Nothing follows from an answer here."""

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=PATIENCE)


def order(number: int, perform: Any, wanted: bool = True) -> Any:
    """An order as a backend sees it."""
    return SimpleNamespace(number=number, kind="f", state="f", open=wanted, run=SimpleNamespace(perform=perform))


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.mark.parametrize("make", [ThreadBackend, InlineBackend])
def test_every_order_is_answered_once(make: Any, answers: Answers) -> None:
    backend = make(answers)
    backend.submit([order(n, lambda o: Outcome(o.number * 2)) for n in range(50)], False)
    while backend.relieve():
        pass
    answers.wait_for(50)
    backend.close()
    assert sorted((n, o.value) for n, o in answers.outcomes) == [(n, n * 2) for n in range(50)]


def test_an_order_that_nobody_waits_for_is_counted_and_not_performed(answers: Answers) -> None:
    def never(order: Any) -> Outcome:
        raise AssertionError("performed")

    backend = ThreadBackend(answers)  # type: ignore[arg-type]
    backend.submit([order(1, never, wanted=False)], False)
    answers.wait_for(1)
    backend.close()
    assert [(n, o.value, o.failed) for n, o in answers.outcomes] == [(1, None, False)]


def test_there_are_never_more_workers_than_allowed(answers: Answers) -> None:
    lock, meet = threading.Lock(), threading.Barrier(3, timeout=PATIENCE)
    now = most = 0

    def count(order: Any) -> Outcome:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        meet.wait()
        with lock:
            now -= 1
        return Outcome()

    backend = ThreadBackend(answers, max_workers=3)  # type: ignore[arg-type]
    backend.submit([order(n, count) for n in range(9)], False)
    answers.wait_for(9)
    backend.close()
    assert most == 3
    assert {o.worker for _, o in answers.outcomes} == {"t1", "t2", "t3"}


def test_workers_with_nothing_to_do_end_and_new_ones_come(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "IDLE_S", 0.01)
    backend = ThreadBackend(answers)  # type: ignore[arg-type]
    workers = []

    def who(order: Any) -> Outcome:
        workers.append(threading.current_thread())
        return Outcome()

    backend.submit([order(1, who)], False)
    answers.wait_for(1)
    workers[0].join(PATIENCE)
    assert not workers[0].is_alive()
    backend.submit([order(2, who)], False)
    answers.wait_for(1)
    backend.close()
    assert [o.worker for _, o in answers.outcomes] == ["t1", "t2"]


def test_a_workspace_that_is_closed_ends_its_workers(tmp_path: Any) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
    workspace = asw.Workspace(tmp_path)
    threads: list[threading.Thread] = []
    function = {"f": lambda event: threads.append(threading.current_thread())}
    asw.run(definition, functions=function, workspace=workspace)
    workspace.close()
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
