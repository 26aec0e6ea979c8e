"""Histories of Tencent ASW: what DescribeExecutionHistory gives -> visits.

Its events are flat: ``TaskNodeEnter`` and ``TaskNodeExit`` with the name of the step, and nothing about branches, items or tries. Inside a Map or
Parallel, the n-th entry of a step that nothing led to begins the n-th branch or item; every other entry goes on where an exit named it
as the next. A task has one attempt, from entry to exit. `Content` is JSON by intent; where it is not, it stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from asw_nb.errors import UsageError
from asw_nb.history.imported import Imported, LoadedFrame, LoadedRecord, Text, parsed
from asw_nb.history.imported_aws import moment

_NODE = re.compile(r"(Task|Pass|Choice|Wait|Succeed|Fail|Parallel|Map)Node(Enter|Exit)$")
CONTAINERS = ("Map", "Parallel")


class TencentHistory(Imported):
    """The visits of one execution, from its events.

    Attributes
    ----------
    record : LoadedRecord
    events : list of dict
        One per event, in the shape of AWS's, for the table: id, previousEventId, timestamp, type, path, state, and the content as details.
    """

    def __init__(self, events: Iterable[dict[str, Any]], workflow: str, name: str) -> None:
        super().__init__()
        rows = sorted(events, key=lambda e: int(e.get("EventId", 0)))
        if not rows or any("EventCategory" not in e or "Timestamp" not in e for e in rows):
            raise UsageError("this is no history of Tencent ASW: every event must have an EventCategory and a Timestamp.")
        times = [round(moment(e["Timestamp"]).timestamp() * 1e6) for e in rows]
        self.start_us = times[0]
        arn = str(rows[0].get("ExecutionResourceName") or "")
        if arn.count(":") >= 2:
            workflow, name = (own or given for own, given in zip(arn.split(":")[-2:], (workflow, name), strict=True))
        self.record = LoadedRecord(0, workflow, name, "STANDARD", times[0], None, 0, dialect="tcsl", backend="tencent", arn=arn)
        self.root = self.new_frame()
        # frames inside each container, and what is open, outermost first
        self.inside: dict[int, list[LoadedFrame]] = {}
        self.open: list[LoadedFrame] = []
        self.events: list[dict[str, Any]] = []
        ended = False
        for i, (row, micros) in enumerate(zip(rows, times, strict=True), 1):
            content = parsed(row.get("Content"))
            event: dict[str, Any] = {"id": i, "previousEventId": i - 1, "timestamp": moment(row["Timestamp"]), "type": row["EventCategory"]}
            event["contentEventDetails"] = content
            self.events.append(event)
            self.last_at = max(self.last_at, micros - times[0])
            node = _NODE.match(str(row["EventCategory"]))
            if node is not None:
                self._node(event, node[1], node[2], row, content, micros - times[0])
            elif row["EventCategory"] == "ExecutionStart" and isinstance(content, dict):
                self.record.input = parsed(content.get("input"))
            elif row.get("StepName") == "END":
                ended = True
        if ended:
            self._end(times[-1])

    def _node(self, event: dict[str, Any], type: str, what: str, row: dict[str, Any], content: Any, at: int) -> None:
        name = str(row.get("StepName", ""))
        frame = self._entering(name) if what == "Enter" else self._leaving(name, type)
        if frame is None:
            return
        fields = content if isinstance(content, dict) else {}
        if what == "Enter":
            visit = self.enter(frame, name, type, at, fields.get("input", content))
            self.open.append(frame)
            if row.get("ResourceName"):
                visit.state.resource = Text(str(row["ResourceName"]))  # type: ignore[assignment]
            if type == "Task":
                self.order(visit, at).started = at
            elif type == "Wait":
                visit.wait(at)
            elif type in CONTAINERS:
                visit.tries = 1
                self.inside[visit.number] = []
        else:
            found = frame.visit
            assert found is not None
            visit = found
            error = fields.get("exception") if isinstance(fields.get("exception"), dict) else {}
            visit.error = row.get("Exception") or (error or {}).get("Error") or None
            visit.cause = (error or {}).get("Cause")
            visit.output = fields.get("output")
            following = _next(fields.get("next"))
            status = "SUCCEEDED" if visit.error is None else "CAUGHT" if following is not None else "FAILED"
            if visit.attempts:
                visit.attempts[-1].finished = at
                visit.attempts[-1].status = "SUCCEEDED" if visit.error is None else "FAILED"
                visit.attempts[-1].error, visit.attempts[-1].cause = visit.error, visit.cause
            if type in CONTAINERS:
                for inner in [f for f in self.open if frame in list(f.up())[1:]]:
                    self.leave(inner, "ABORTED", at)
                    self.open.remove(inner)
            self.leave(frame, status, at)
            visit.next_name = following
            self.open.remove(frame)
        event["path"], event["state"] = visit.path, name

    def _entering(self, name: str) -> LoadedFrame | None:
        """The frame that enters a step: one that was told to go there, else a new one of the container entered last."""
        for owner in reversed(self.open):
            visit = owner.visit
            if visit is None or visit.state.type not in CONTAINERS:
                continue
            frames = self.inside[visit.number]
            for frame in frames:
                if frame.visit is None and frame.last is not None and frame.last.next_name == name:
                    return frame
        for owner in reversed(self.open):
            visit = owner.visit
            if visit is not None and visit.state.type in CONTAINERS:
                frame = self.new_frame(owner, len(self.inside[visit.number]))
                self.inside[visit.number].append(frame)
                return frame
        return self.root

    def _leaving(self, name: str, type: str) -> LoadedFrame | None:
        return next((f for f in self.open if f.visit is not None and f.visit.state.name == name and f.visit.state.type == type), None)

    def _end(self, at_us: int) -> None:
        record, last = self.record, self.root.last
        record.finished_us = at_us
        for frame in reversed(self.open):
            self.leave(frame, "ABORTED", at_us - self.start_us)
        if self.open or last is None:
            record.status = "ABORTED"
        elif last.status == "FAILED" or last.state.type == "Fail":
            record.status, record.error, record.cause, record.failed_path = "FAILED", last.error, last.cause, last.path
            if last.state.type == "Fail" and last.status != "FAILED":
                last.status = "FAILED"
        else:
            record.status, record.output = "SUCCEEDED", last.output


def _next(text: Any) -> str | None:
    """The step that an exit names as the next: ``["Load"]``, as JSON or as its text; None at the end."""
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except ValueError:
            text = [text.strip("[]\"' ")]
    if isinstance(text, list):
        text = text[0] if text else None
    return None if text in (None, "", "END") else str(text)


__all__ = ["TencentHistory"]
