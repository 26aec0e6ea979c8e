"""Activities: tasks that somebody comes to fetch.

A Task with an activity's arn waits in the activity's queue until a worker asks for it (`take`), works wherever it
likes, and answers with the task token. Source: the Step Functions developer guide, "Activities"."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from asw_nb.engine.run import Order
from asw_nb.engine.runner import Runner
from asw_nb.language.resources import Resource


@dataclass(frozen=True, slots=True)
class ActivityTask:
    """What a worker gets: the callback secret, and the task's input as JSON data. Neither is in its repr, which cells show."""

    task_token: str = field(repr=False)
    input: object = field(repr=False)


class ActivityBackend:
    """The queues of all activities of one workspace.

    Parameters
    ----------
    runner : Runner
    answers : callable
        name -> whether a registered function does the activity's work here; then the order goes to `functions`.
    functions : Backend
    """

    name = "activity"

    def __init__(self, runner: Runner, answers: Callable[[Resource], bool], functions: object) -> None:
        self.runner, self._answers, self._functions = runner, answers, functions
        self._queues: dict[str, deque[Order]] = {}
        self._changed = threading.Condition()

    def create(self, name: str) -> None:
        """Make an activity known; an activity that is not fails the state."""
        with self._changed:
            self._queues.setdefault(name, deque())

    def delete(self, name: str) -> None:
        """Forget an activity."""
        with self._changed:
            self._queues.pop(name, None)

    def names(self) -> list[str]:
        """The known activities."""
        return sorted(self._queues)

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        """Queue each order with its activity."""
        for order in orders:
            resource = order.state.resource
            assert resource is not None
            with self._changed:
                queue = self._queues.get(resource.name)
                if queue is not None:
                    queue.append(order)
                    self._changed.notify_all()
            if queue is None:
                self._functions.submit([order], False)  # type: ignore[attr-defined]

    def exists(self, resource: Resource) -> bool:
        """Whether somebody could do the activity's tasks: it was created, or a function of its name is registered."""
        return resource.name in self._queues or self._answers(resource)

    def take(
        self, name: str, worker: str | None, timeout_s: float, token_of: Callable[[Order], str]
    ) -> ActivityTask | None:
        """The oldest open task of the activity; None when none comes in time."""
        with self._changed:
            queue = self._queues.setdefault(name, deque())

            def ready() -> bool:
                while queue and not queue[0].open:
                    queue.popleft()
                return bool(queue)

            if not self._changed.wait_for(ready, timeout_s):
                return None
            order = queue.popleft()
        self.runner.picked_up(order, worker)
        return ActivityTask(token_of(order), order.input)

    def is_short(self, kind: str) -> bool:
        return False

    def relieve(self) -> bool:
        return False

    def close(self) -> None:
        with self._changed:
            self._changed.notify_all()


__all__ = ["ActivityBackend", "ActivityTask"]
