"""The `context` that a function gets as its second argument: SCF's keys, AWS Lambda's attributes, and ours.

It is a dict, as Tencent's runtime hands it over, so `context["request_id"]` works; `context.aws_request_id` works for
code that was written for AWS. What ours add (metric, log, progress, cancelled, artifact, heartbeat) is recorded with
the attempt."""

from __future__ import annotations

import functools
import math
import time
import weakref
from typing import Any

from asw_nb.backends.capture import Lines
from asw_nb.engine.ids import random_id
from asw_nb.engine.run import Order

reporting: weakref.WeakValueDictionary[int, TaskContext] = weakref.WeakValueDictionary()
"""The contexts of attempts that have recorded a metric and may still run: what a view that watches looks at before the attempt ends."""


@functools.lru_cache(256)
def _common(function: str, namespace: str, version: str) -> dict[str, Any]:
    """The keys that every call of a function has in common, in the runtime's order."""
    return {
        "request_id": "",
        "function_name": function,
        "function_version": version,
        "namespace": namespace,
        "time_limit_in_ms": 0,
        "memory_limit_in_mb": 0,
        "environment": '{"SCF_NAMESPACE":"' + namespace + '"}',
        "environ": f"SCF_NAMESPACE={namespace}",
        "tencentcloud_region": "local",
        "tencentcloud_appid": "0",
        "tencentcloud_uin": "0",
    }


class TaskContext(dict[str, Any]):
    """What a function knows about the attempt that it runs in.

    Attributes
    ----------
    attempt : int
        1 for the first try of this visit.
    cancelled : bool
        Whether the answer is no longer wanted: the task timed out, a sibling failed, or the execution was stopped.
        Long functions look at it now and then and return.
    """

    def __init__(self, order: Order, function: str, namespace: str, version: str, lines: Lines) -> None:
        limit = order.timeout_s if order.timeout_s is not None else 900
        super().__init__(_common(function, namespace, version))
        self["request_id"] = random_id()
        self["time_limit_in_ms"] = round(limit * 1000)
        self._order, self._lines = order, lines
        self._deadline = time.monotonic() + limit
        self._metrics: list[tuple[int, int | None, str, Any]] = []
        self.attempt = order.attempt
        self.execution = order.run.name
        self.state = order.state.name

    @property
    def cancelled(self) -> bool:
        return not self._order.open

    @property
    def aws_request_id(self) -> str:
        return self["request_id"]

    @property
    def function_name(self) -> str:
        return self["function_name"]

    @property
    def function_version(self) -> str:
        return self["function_version"]

    @property
    def memory_limit_in_mb(self) -> int:
        return self["memory_limit_in_mb"]

    @property
    def invoked_function_arn(self) -> str:
        return self._order.state.resource.text if self._order.state.resource else ""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the state's timeout."""
        return max(0, round((self._deadline - time.monotonic()) * 1000))

    def log(self, text: object) -> None:
        """Record a line with the attempt."""
        for line in str(text).split("\n"):
            self._lines.add("log", line)

    def metric(self, step: int | None = None, **values: float) -> None:
        """Record values, such as a loss per epoch; `Execution.metrics()` gives them back as a table.

        NaN and infinities are values too: a loss that explodes is what one wants to see.
        """
        if not self._metrics:
            reporting[id(self)] = self
        at = self._order.run.clock.time_us()
        step = None if step is None else int(step)  # a numpy integer has no place in the log
        for name, value in values.items():
            number = float(value)
            # JSON has no word for what is not finite; as a text it comes back the same from memory and from the file
            self._metrics.append((at, step, name, number if math.isfinite(number) else str(number)))

    def progress(self, done: float, total: float) -> None:
        """Record how far the task is."""
        self.metric(step=None, progress=done / total if total else 0.0)

    def artifact(self, name: str) -> str:
        """A path for a file that belongs to this attempt, in a folder of its own beside the history file."""
        from pathlib import Path

        folder = Path(self._order.run.artifacts) / str(self._order.run.key) / f"{self._order.frame}-{self._order.token}"
        for made in (folder.parent.parent, folder.parent, folder):  # others of this machine are kept out
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        return str(folder / Path(name).name)

    def heartbeat(self) -> None:
        """Say that the task lives: HeartbeatSeconds starts anew."""
        self._order.run.runner.heartbeat(self._order)


__all__ = ["TaskContext"]
