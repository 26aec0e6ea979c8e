"""For tests of workflows, ours and yours: answers in place of calls, and a clock that jumps.

>>> mocks = Mocks({"Load": [TaskError("Busy"), {"rows": 3}]})
>>> sorted(mocks.answers)
['Load']
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from asw_nb.engine.clock import VirtualClock
from asw_nb.engine.payload import copy_json
from asw_nb.engine.run import Order
from asw_nb.errors import TaskError, UsageError, did_you_mean
from asw_nb.language.plan import Plan, StatePlan


class Mocks:
    """Answers by state: a value, an exception, a function of the event, or a list of these used one by one (the last
    one stays).

    Parameters
    ----------
    answers : mapping
        Keys are a state's name, its path in the definition (``EachTable/Load``) or a whole resource.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def _key(self, order: Order) -> str | None:
        resource = order.state.resource
        for key in (order.state.path, order.state.name, resource.text if resource else ""):
            if key in self.answers:
                return key
        return None

    def check(self, plan: Plan) -> None:
        """Refuse a key that names no task in the workflow: the real function would be called in silence.

        Raises
        ------
        UsageError
        """
        known = {word for s in plan.states for word in (s.name, s.path, s.resource.text if s.resource else s.name)}
        for key in self.answers:
            if key not in known:
                raise UsageError(
                    f'mocks: the workflow has no state "{key}".{did_you_mean(str(key), known)} Keys are state names, paths or resources.'
                )
            named = [s for s in plan.states if key in (s.name, s.path, s.resource.text if s.resource else "")]
            if not any(s.resource is not None or _is_outside(s) for s in named):
                inside = sorted({s.name for s in plan.states if s.resource is not None and s.path.startswith(f"{named[0].path}/")})
                instead = f" Mock the tasks in it: {', '.join(inside[:8])}." if inside else " Only tasks have answers."
                raise UsageError(f'mocks: "{key}" is of type {named[0].type}, which calls nothing and runs as it is.{instead}')

    def stand_in(self, places: Mapping[str, Any]) -> dict[str, Any]:
        """The places for tasks that no function does, with those of them that are mocked answered here."""
        return {kind: _Place(place, self) for kind, place in places.items()}

    def resources(self, plan: Plan) -> set[str]:
        """The resources of all tasks that are mocked."""
        return {
            s.resource.text for s in plan.states if s.resource is not None and not self.answers.keys().isdisjoint((s.path, s.name, s.resource.text))
        }

    def has(self, order: Order) -> bool:
        """Whether the order's state is mocked."""
        return self._key(order) is not None

    def answer(self, order: Order) -> Any:
        """The answer; an exception is raised."""
        key = self._key(order)
        assert key is not None
        answer = self.answers[key]
        if isinstance(answer, list):
            with self._lock:
                used = self._used.get(key, 0)
                self._used[key] = used + 1
            if not answer:
                return None
            answer = answer[min(used, len(answer) - 1)]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, type) and issubclass(answer, BaseException):
            raise answer()
        return answer(copy_json(order.input)) if callable(answer) else answer


def _is_outside(state: StatePlan) -> bool:
    """Whether a Map reads its items, or writes its results, by a call."""
    return state.map is not None and (state.map.reader is not None or state.map.writer is not None)


class _Place:
    """A place for tasks of which some are mocked: those are answered where functions run."""

    def __init__(self, place: Any, mocks: Mocks) -> None:
        self.place, self.mocks = place, mocks

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        for order in orders:
            place = order.run.backend if self.mocks.has(order) else self.place
            place.submit([order], from_worker)


__all__ = ["Mocks", "TaskError", "VirtualClock"]
