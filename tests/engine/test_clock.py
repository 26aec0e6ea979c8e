"""The two clocks."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.engine.clock import RealClock, VirtualClock


def test_the_wall_clock_is_the_systems() -> None:
    before = time.time_ns() // 1000
    read = RealClock().time_us()
    assert before <= read <= time.time_ns() // 1000


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(10)
    assert [clock.time_us(), clock.time_us()] == [10_000_000, 10_000_000]
    clock.advance(0.000001)
    assert clock.time_us() == 10_000_001


@given(st.lists(st.integers(0, 10**15)))
def test_a_virtual_clock_never_goes_back(moments: list[int]) -> None:
    clock = VirtualClock(0)
    for number, moment in enumerate(moments, 1):
        clock.jump_us(moment)
        assert clock.time_us() == max(moments[:number])


def test_a_wait_of_a_year_takes_no_time_and_shows_the_year() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 31_536_000, "End": True}}}
    run = asw.run(definition, clock=asw.VirtualClock(0))
    assert (run.status, run.duration_s) == ("SUCCEEDED", 31_536_000.0)


def test_waits_beside_each_other_pass_together() -> None:
    branches = [
        {"StartAt": f"W{s}", "States": {f"W{s}": {"Type": "Wait", "Seconds": s, "End": True}}} for s in (30, 10, 20)
    ]
    definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    run = asw.run(definition, clock=asw.VirtualClock(0))
    exits = {v.path: v.exited for v in run.fold().visits}
    assert exits == {"P": 30_000_000, "P[0]/W30": 30_000_000, "P[1]/W10": 10_000_000, "P[2]/W20": 20_000_000}


def test_the_limit_of_an_execution_passes_on_the_virtual_clock() -> None:
    definition = {"StartAt": "A", "TimeoutSeconds": 60, "States": {"A": {"Type": "Wait", "Seconds": 61, "End": True}}}
    run = asw.run(definition, clock=asw.VirtualClock(0))
    assert (run.status, run.error, run.duration_s, run.failed_at) == ("TIMED_OUT", "States.Timeout", 60.0, "A")
