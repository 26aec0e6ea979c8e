"""What a Map does that other states do not: find its items, batch them, keep a window of them running, tolerate failures.

A Map never holds more frames than its window: an item's frame is made when its turn comes and gone when it ends. Items may come from the data
(`Items`, `ItemsPath`) or from outside (`ItemReader`); reading and writing are orders like tasks, so nothing here touches a file.
Source: the Step Functions developer guide, "Map state".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.events import SAME
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import CHILDREN, Frame, items_of
from asw_nb.engine.payload import size_bytes
from asw_nb.language.intrinsics import compact
from asw_nb.language.nesting import check_growth
from asw_nb.language.plan import StatePlan
from asw_nb.language.templates import EvaluationError

Now = Callable[[], int]

WINDOW = 10_000
"""Most items of one Map alive at once, whatever MaxConcurrency says (the cloud's own limit of a distributed map)."""

TURN = 500
"""Items started before the Map comes round again, so that other frames get their turn."""


def enter_map(run: ExecutionState, frame: Frame, now: Now) -> None:
    """Begin: the items are known, or will be read."""
    state, data = frame.state, frame.data
    assert state.map is not None
    effective = data if state.prepare is None else state.prepare(data, frame)
    if effective is not data:
        check_growth(effective)
    given = SAME if effective is data else effective
    if state.map.reader is not None:
        run.record((ev.MAP_STARTED, now(), frame.id, 0, given))
        return
    items = state.map.items(effective, frame)
    if not isinstance(items, list):
        raise no_array(state, items)
    if items is not data:
        check_growth(items)
    if state.jsonata and items is not data:  # an expression may give something else when it is evaluated again
        run.record((ev.MAP_STARTED, now(), frame.id, len(items), given, items))
    else:
        run.record((ev.MAP_STARTED, now(), frame.id, len(items), given))
    assert frame.children is not None
    frame.children.items = items


def no_array(state: StatePlan, items: Any) -> EvaluationError:
    """The items are no array; each query language has its own sentence for that."""
    if state.jsonata:
        cause = f"Map state input must be an array but was: {compact(items)[:1000]}"
        return EvaluationError("States.QueryEvaluationError", cause, "")
    path = state.document.get("ItemsPath", "$")
    return EvaluationError("States.Runtime", f'Reference path "{path}" must point to array.')


def on_items(run: ExecutionState, frame: Frame, now: Now) -> None:
    """An item ended, or the Map has just begun or been resumed: start more items, join, or break."""
    children, plan = frame.children, frame.state.map
    assert children is not None and plan is not None
    if children.limit is None:
        children.limit = _concurrency(frame)
        children.tolerated = _tolerated(frame)
        if plan.distributed and not frame.map_run:
            run.record((ev.MAP_RUN_STARTED, now(), frame.id))
    if plan.reader is not None and children.items is None and (not children.known or children.next < children.length):
        params = plan.reader.params(frame.effective, frame) if plan.reader.params is not None else {}
        run.record((ev.ITEMS_ORDERED, now(), frame.id, {"params": params, "max_items": _max_items(frame)}))
        return
    if plan.batcher is not None and children.batches is None:
        children.batches = _batches(frame)
        if not children.known:
            run.record((ev.ITEMS_KNOWN, now(), frame.id, len(children.batches)))
    if children.fatal or (children.failed and _too_many(children.failed, children.length, children.tolerated)):
        error, cause = children.error or (None, None)
        if not children.fatal and (plan.distributed or any(children.tolerated or ())):
            error = "States.ExceedToleratedFailureThreshold"
            cause = "The specified tolerated failure threshold was exceeded"
        run.record((ev.BROKE, now(), frame.id, error, cause))
        return
    start_items(run, frame, now)
    if children.running or children.next < children.length or frame.phase != CHILDREN:
        return
    if plan.writer is not None:
        params = plan.writer.params(frame.effective, frame) if plan.writer.params is not None else {}
        run.record((ev.RESULTS_ORDERED, now(), frame.id, {"params": params}))
    else:
        check_growth(children.collected())
        run.record((ev.JOINED, now(), frame.id))


def start_items(run: ExecutionState, frame: Frame, now: Now) -> None:
    """Fill the concurrency window."""
    children, plan = frame.children, frame.state.map
    assert children is not None and plan is not None and children.limit is not None
    if children.next == children.length:
        return
    items, select, record = items_of(frame), plan.select, run.record
    batches = children.batches
    started = 0
    while children.running < children.limit and children.next < children.length:
        index = children.next
        if batches is not None:
            value = _batch(frame, items, *batches[index])
        else:
            value = items[index] if select is None else select(frame.effective, ItemEnv(frame, index, items[index]))
        if batches is not None or select is not None:
            check_growth(value)
        record((ev.ITEM_STARTED, now(), run.next_frame, frame.id, index, value))
        started += 1
        if started >= TURN:
            run.ready.append(frame)
            return


class ItemEnv:
    """What an ItemSelector sees: the Map's surroundings, with the item in the context object."""

    __slots__ = ("frame", "index", "value")

    def __init__(self, frame: Frame, index: int, value: Any) -> None:
        self.frame, self.index, self.value = frame, index, value

    @property
    def variables(self) -> dict[str, Any]:
        return self.frame.variables

    @property
    def rng(self) -> Any:
        return self.frame.run.rng

    def context(self) -> dict[str, Any]:
        return {**self.frame.context(), "Map": {"Item": {"Index": self.index, "Value": self.value}}}


# --------------------------------------------------------------------------- answers of reader and writer


def answered(run: ExecutionState, frame: Frame, value: Any, error: str | None, cause: str | None, at: int) -> None:
    """The items were read, or the results written, or that failed."""
    children = frame.children
    assert children is not None
    if error is not None:
        run.record((ev.BROKE, at, frame.id, error, cause))
    elif children.pending == "read":
        children.items = value
        children.batches = None
        plan = frame.state.map
        assert plan is not None
        length = len(value) if plan.batcher is None else len(_batches(frame))
        run.record((ev.ITEMS_KNOWN, at, frame.id, length))
    else:
        run.record((ev.JOINED, at, frame.id, value))


# --------------------------------------------------------------------------- settings


def _selected(frame: Frame, items: Any, index: int) -> Any:
    plan = frame.state.map
    assert plan is not None
    return items[index] if plan.select is None else plan.select(frame.effective, ItemEnv(frame, index, items[index]))


def _batch(frame: Frame, items: Any, first: int, last: int) -> dict[str, Any]:
    plan = frame.state.map
    assert plan is not None and plan.batcher is not None
    out: dict[str, Any] = {}
    if plan.batcher.input is not None:
        out["BatchInput"] = plan.batcher.input(frame.effective, frame)
    out["Items"] = [_selected(frame, items, i) for i in range(first, last)]
    return out


def _batches(frame: Frame) -> list[tuple[int, int]]:
    """(first, last) of each batch: as many items as both limits allow, one at least."""
    plan, items = frame.state.map, items_of(frame)
    assert plan is not None and plan.batcher is not None
    most = _whole(plan.batcher.max_items, frame, "MaxItemsPerBatch") or len(items) or 1
    size = _whole(plan.batcher.max_bytes, frame, "MaxInputBytesPerBatch")
    if not size:
        return [(i, min(i + most, len(items))) for i in range(0, len(items), most)]
    out, first, used = [], 0, 0
    for index in range(len(items)):
        weight = size_bytes(_selected(frame, items, index)) + 1
        if index > first and (index - first >= most or used + weight > size):
            out.append((first, index))
            first, used = index, 0
        used += weight
    return [*out, (first, len(items))] if len(items) else []


def _max_items(frame: Frame) -> int:
    plan = frame.state.map
    assert plan is not None and plan.reader is not None
    return _whole(plan.reader.max_items, frame, "MaxItems")


def _concurrency(frame: Frame) -> int:
    assert frame.state.map is not None
    value = _whole(frame.state.map.max_concurrency, frame, "MaxConcurrency")
    return min(value, WINDOW) if value else WINDOW


def _tolerated(frame: Frame) -> tuple[int | None, float | None]:
    """How many items may fail, and what percentage of them; None for what is not given."""
    plan = frame.state.map
    assert plan is not None
    count: int | None = _whole(plan.tolerated_count, frame, "ToleratedFailureCount")
    share: float | None = _number(plan.tolerated_percentage, frame, "ToleratedFailurePercentage")
    if not count and not share:
        return 0, None
    literal, get, _ = plan.tolerated_count
    count = None if literal is None and get is None else count
    literal, get, _ = plan.tolerated_percentage
    return count, None if literal is None and get is None else share


def _too_many(failed: int, length: int, tolerated: tuple[int | None, float | None] | None) -> bool:
    """Whether either limit is passed. Source: the Step Functions developer guide, "Tolerated failure threshold"."""
    count, share = tolerated or (0, None)
    return (count is not None and failed > count) or (share is not None and 100 * failed > share * length)


def _given(spec: tuple[Any, Any, str], frame: Frame) -> Any:
    literal, get, _ = spec
    return literal if get is None else get(frame.data if frame.state.jsonata else frame.effective, frame)


def _refused(value: Any, spec: tuple[Any, Any, str], frame: Frame, kind: str) -> EvaluationError:
    shown = value if isinstance(value, str) else compact(value)
    path = frame.state.document.get(spec[2])
    return EvaluationError(
        "States.Runtime", f'The {spec[2]} field refers to value "{shown}" which is not a valid {kind}: {path}'
    )


def _whole(spec: tuple[Any, Any, str], frame: Frame, name: str) -> int:
    value = _given(spec, frame)
    if value is None and spec[1] is None:
        return 0
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not -math.inf < value < math.inf
        or int(value) != value
    ):
        raise _refused(value, spec, frame, "integer")
    if value < 0:
        raise EvaluationError("States.Runtime", f"{name} cannot be negative.")
    return int(value)


def _number(spec: tuple[Any, Any, str], frame: Frame, name: str) -> float:
    value = _given(spec, frame)
    if value is None and spec[1] is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refused(value, spec, frame, "float")
    if not 0 <= value <= 100:
        raise EvaluationError("States.Runtime", f"{name} must be between 0 and 100.")
    return float(value)


__all__ = ["TURN", "WINDOW", "ItemEnv", "answered", "enter_map", "on_items"]
