"""Pieces of the live card: the strip of a Map's items, countdowns, nested executions, and the Maps of what has ended."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis.card import execution_card, live_card
from asw_nb.analysis.live_parts import (
    CELLS,
    counts_text,
    maps_html,
    nested_lines,
    strip_cells,
    strip_html,
    waiting_lines,
)
from asw_nb.analysis.status import sampled
from asw_nb.engine.frames import Children
from asw_nb.handle import Execution

TASK = {"Type": "Task", "Resource": "f", "End": True}


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


class Item:
    """As much of a frame as the strip asks for."""

    def __init__(self, index: int) -> None:
        self.index = index


def children(length: int, begun: int, failed: tuple[int, ...] = ()) -> Children:
    made = Children(length)
    made.next = begun
    made.fallen = [Item(index) for index in failed]  # type: ignore[misc]
    return made


def test_a_small_strip_has_a_cell_for_each_item() -> None:
    assert strip_cells(children(5, 4, (1,)), [3]) == ["SUCCEEDED", "FAILED", "SUCCEEDED", "RUNNING", ""]
    assert strip_cells(children(0, 0), []) == []


@given(length=st.integers(1, 100_000), share=st.floats(0, 1), data=st.data())
def test_a_strip_says_the_worst_of_each_of_its_cells(length: int, share: float, data: st.DataObject) -> None:
    begun = int(length * share)
    alive = set(data.draw(st.lists(st.integers(0, begun - 1), max_size=5))) if begun else set()
    failed = tuple(data.draw(st.sets(st.integers(0, begun - 1), max_size=5)) - alive) if begun else ()
    cells = strip_cells(children(length, begun, failed), alive)
    assert len(cells) == min(length, CELLS)
    for at, cell in enumerate(cells):
        items = range(-(-at * length // len(cells)), -(-(at + 1) * length // len(cells)))
        if any(index in failed for index in items):
            assert cell == "FAILED"
        elif any(index in alive for index in items):
            assert cell == "RUNNING"
        elif items[-1] < begun:
            assert cell == "SUCCEEDED"
        elif items[0] >= begun:
            assert cell == ""


def test_neighbours_of_one_colour_are_one_piece() -> None:
    html = strip_html(["SUCCEEDED"] * 30 + ["RUNNING"] * 15 + [""] * 15)
    assert re.findall(r"width:([\d.]+)%;background:(#\w+)", html) == [
        ("50.00", "#1FA971"), ("25.00", "#2468B4"), ("25.00", "#e4e7eb"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "words"),
    [((0, 0, 0, 1), "0 of 1 item"), ((3, 1, 2, 9_000), "4 of 9,000 items · 1 failed · 2 running")],
)
def test_items_are_counted_in_words(numbers: tuple[int, int, int, int], words: str) -> None:
    assert counts_text(*numbers) == words


def mapped(**fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": machine(X=TASK), "End": True, **fields}


def held(definition: dict[str, Any], input: Any, hold: Any, name: str = "held") -> tuple[Execution, threading.Event]:
    """An execution whose tasks wait, where `hold` says so of their input; `hold` raises for those that fail."""
    go = threading.Event()

    def f(event: Any) -> Any:
        if hold(event):
            assert go.wait(30)
        return event

    return asw.workflow(definition, name=name).start(input, functions={"f": f}), go


def fails_at_two(event: int) -> bool:
    if event == 2:
        raise ValueError("two, token=abc123")
    return event > 2


def test_a_running_map_tells_its_failures_first() -> None:
    run, go = held(machine(M=mapped(ToleratedFailureCount=5, MaxConcurrency=2)), [0, 1, 2, 3, 4, 5], fails_at_two)
    state = run._run.state
    until(
        lambda: len(state.frames) == 3 and state.frames[0].children.failed == 1 and state.frames[0].children.next == 5
    )
    [block] = maps_html(sampled(state.frames))
    assert "<b>M</b> &nbsp;" in block
    assert "3 of 6 items · 1 failed · 2 running" in block
    assert "✗ item 2: ValueError: two, token=•••" in block
    assert re.findall(r"background:(#\w+)\"></div>", block) == ["#1FA971", "#C23B14", "#2468B4", "#e4e7eb"]
    card = live_card(run._run, run._record, [])
    assert "3 of 6 items · 1 failed · 2 running" in card
    go.set()
    assert run.wait(20).status == "SUCCEEDED"
    assert maps_html(sampled(state.frames)) == []
    ended = execution_card(run)
    assert "6 of 6 items · 1 failed" in ended
    assert "✗ item 2: ValueError" in ended


def test_a_map_within_a_map_has_a_block_of_its_own() -> None:
    inner = {"Type": "Map", "ItemProcessor": machine(X=TASK), "End": True}
    run, go = held(
        machine(M={"Type": "Map", "ItemProcessor": machine(N=inner), "End": True}), [[1, 2], [3]], lambda event: True
    )
    until(lambda: len(run._run.state.frames) == 6)
    blocks = maps_html(sampled(run._run.state.frames))
    assert [re.search(r"<b>(.*?)</b>", block)[1] for block in blocks] == ["M", "M[0]/N", "M[1]/N"]
    assert "0 of 2 items · 2 running" in blocks[1]
    go.set()
    run.wait(20)


def test_what_waits_counts_down() -> None:
    def busy(event: Any) -> None:
        raise asw.TaskError("Busy", "later")

    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 90, "MaxAttempts": 3}]
    branches = [machine(Nap={"Type": "Wait", "Seconds": 500, "End": True}), machine(Try={**TASK, "Retry": retry})]
    run = asw.workflow(machine(P={"Type": "Parallel", "Branches": branches, "End": True}), name="waits").start(
        {}, functions={"f": busy}
    )
    state = run._run.state
    until(lambda: sum(frame.phase == 2 for frame in list(state.frames.values())) == 2)
    due = {frame.path: frame.due for frame in state.frames.values()}
    now = due["P[1]/Try"] - 12_400_000
    nap = round((due["P[0]/Nap"] - now) / 1e6)
    assert waiting_lines(run._run, sampled(state.frames), now) == [
        "↻ P[1]/Try: attempt 2 in 12.4 s, after Busy",
        f"‖ P[0]/Nap: goes on in {nap // 60} min {nap % 60} s",
    ]
    assert waiting_lines(run._run, sampled(state.frames), due["P[1]/Try"])[0] == "↻ P[1]/Try: attempt 2 now, after Busy"
    assert "↻ P[1]/Try: attempt 2 in " in live_card(run._run, run._record, [])
    run.stop()


def test_nested_executions_are_told_while_they_are_waited_for() -> None:
    go = threading.Event()

    def f(event: Any) -> Any:
        assert go.wait(30)
        return event

    asw.function("nested_f")(f)
    child = machine(Begin={"Type": "Pass", "Next": "Work"}, Work={"Type": "Task", "Resource": "nested_f", "End": True})
    asw.workflow(child, name="child")
    call = {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True,
        "Parameters": {"StateMachineArn": "arn:aws:states:local:000000000000:stateMachine:child", "Input": {"n": 1}},
    }  # fmt: skip
    run = asw.workflow(machine(Call=call), name="parent").start({})
    until(lambda: nested_lines(run._run))
    until(lambda: "1 states done" in nested_lines(run._run)[0])
    assert nested_lines(run._run) == ["↳ Call: child RUNNING at Work, 1 states done"]
    assert "↳ Call: child RUNNING at Work, 1 states done" in live_card(run._run, run._record, [])
    go.set()
    assert run.wait(20).status == "SUCCEEDED"
    assert nested_lines(run._run) == []


def test_a_wide_map_costs_no_more_than_a_small_one() -> None:
    run, go = held(machine(M=mapped()), list(range(20_000)), lambda event: True, "wide")
    state = run._run.state
    until(lambda: len(state.frames) == 10_001)
    frames = sampled(state.frames)
    assert len(frames) <= 1000
    [block] = maps_html(frames)
    assert "0 of 20,000 items · 10,000 running" in block
    assert len(block) < 2_000
    took = []
    for _ in range(10):
        begun = time.perf_counter()
        live_card(run._run, run._record, [])
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.02
    run.stop()
    go.set()
