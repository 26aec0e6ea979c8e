"""Random executions that tests of the analysis are held to: definitions of every kind of state, run on a virtual clock."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import asw_nb as asw

seconds = st.integers(0, 9)


@st.composite
def scopes(draw: st.DrawFn, depth: int = 2, prefix: str = "S") -> dict[str, Any]:
    """States one after the other: Tasks that may fail a few times, Waits, Passes, Parallels and Maps."""
    names = [f"{prefix}{i}" for i in range(draw(st.integers(1, 3)))]
    states: dict[str, Any] = {}
    for i, name in enumerate(names):
        kind = draw(st.sampled_from(["Task", "Wait", "Pass"] + (["Parallel", "Map"] if depth else [])))
        state: dict[str, Any] = {"Type": kind}
        if kind == "Task":
            fails, tries = draw(st.integers(0, 2)), draw(st.integers(0, 2))
            state |= {"Resource": "work", "Parameters": {"fails": fails, "seconds": draw(seconds)}, "ResultPath": None}
            state["Retry"] = [{"ErrorEquals": ["Busy"], "IntervalSeconds": draw(st.integers(1, 5)), "MaxAttempts": tries, "BackoffRate": 2}]
            if draw(st.booleans()):
                state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": f"{prefix}Caught", "ResultPath": None}]
                states[f"{prefix}Caught"] = {"Type": "Pass", "End": True}
        elif kind == "Wait":
            state["Seconds"] = draw(seconds)
        elif kind == "Parallel":
            state |= {"Branches": [draw(scopes(depth - 1, f"{name}.{b}.")) for b in range(draw(st.integers(1, 3)))], "ResultPath": None}
        elif kind == "Map":
            state |= {"ItemProcessor": draw(scopes(depth - 1, f"{name}.")), "ItemsPath": "$.items", "ResultPath": None}
            state |= {"ItemSelector": {"items.$": "$.items"}, "MaxConcurrency": draw(st.integers(0, 2))}
            state["ToleratedFailureCount"] = draw(st.integers(0, 3))
        if kind in ("Parallel", "Map") and draw(st.booleans()):
            state["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1}]
        state |= {"Next": names[i + 1]} if i + 1 < len(names) else {"End": True}
        states[name] = state
    return {"StartAt": names[0], "States": states}


@st.composite
def executions(draw: st.DrawFn) -> asw.Execution:
    """An execution that has ended, in whichever way, with exact times."""
    clock = asw.VirtualClock(1_700_000_000)

    def work(event: dict[str, Any], context: Any) -> None:
        clock.advance(event["seconds"])
        context.metric(step=context.attempt, seconds=event["seconds"])
        if context.attempt <= event["fails"]:
            raise asw.TaskError("Busy", "locked")

    definition = draw(scopes())
    items = list(range(draw(st.integers(0, 4))))
    timeout = draw(st.none() | st.integers(1, 30))
    run = asw.run(definition, {"items": items}, functions={"work": work}, clock=clock, executor="inline", timeout_s=timeout)
    if run.status != "SUCCEEDED" and draw(st.booleans()):
        clock.advance(100)
        run.redrive(functions={"work": work}, clock=clock, executor="inline").wait()
    return run


__all__ = ["executions", "scopes"]
