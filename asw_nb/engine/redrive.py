"""Redrive: a failed, timed-out or stopped execution goes on from where it ended, by one more event.

Frames that end badly are kept (`salvage`) by what they stood in: what a Map or Parallel had when it broke by its own frame, what was alive when the
execution ended by the execution. Reviving them puts every finished branch and item back as finished, and lets every other begin the state again
that it stood on. Retry counts start anew. Source: the Step Functions developer guide, "Redriving executions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asw_nb.engine.events import SAME, Event
from asw_nb.engine.frames import CHILDREN, ENTER, Frame

if TYPE_CHECKING:
    from asw_nb.engine.execution import ExecutionState


def redriven(run: ExecutionState, event: Event) -> None:
    """Apply REDRIVEN: bring the salvaged frames back, or begin again at one top-level state."""
    run.event_id += 1
    run.status, run.output, run.error, run.cause, run.failed_path = "RUNNING", None, None, None, None
    run.redrives += 1
    salvage, run.salvage = run.salvage, {}
    run.frames = {}
    run.revived = []
    if len(event) > 3:
        root = salvage[0]
        _clean(root)
        root.state = run.plan.states[event[3]]
        root.data, root.variables = event[4], event[5]
        root.salvage = root.children = None
        _begin_again(run, root, event[1])
        return
    for frame in sorted(salvage.values(), key=lambda f: f.id):
        _revive(run, frame, event[1])


def _clean(frame: Frame) -> None:
    frame.error = frame.retries = frame.culprit = None
    frame.result = None
    frame.lapsed = frame.broke = frame.submitted = frame.fatal = False
    frame.attempt = 0
    frame.token += 1  # answers of the first life are late answers


def _begin_again(run: ExecutionState, frame: Frame, at: int) -> None:
    frame.phase = ENTER
    frame.input = SAME
    frame.children = None
    frame.entered_at = at
    run.frames[frame.id] = frame
    run.entered[frame.state.index] += 1
    run.ready.append(frame)
    run.revived.append(frame)


def _revive(run: ExecutionState, frame: Frame, at: int) -> None:
    was = frame.was
    children = frame.salvage or (frame.children if was == CHILDREN else None)
    _clean(frame)
    frame.salvage = None
    if children is None:
        _begin_again(run, frame, at)
        return
    frame.children = children
    frame.phase = CHILDREN
    frame.entered_at = at
    run.frames[frame.id] = frame
    run.entered[frame.state.index] += 1
    run.ready.append(frame)
    run.revived.append(frame)
    fallen, ended = children.fallen, children.ended
    children.fallen, children.ended = [], []
    children.error = children.culprit = children.limit = None
    children.fatal = False
    children.failed = 0
    for child in fallen:
        children.running += 1
        _revive(run, child, at)
    for child in ended:
        _revive(run, child, at)


__all__ = ["redriven"]
