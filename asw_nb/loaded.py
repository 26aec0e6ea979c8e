"""Histories that ran elsewhere: exported from AWS Step Functions or Tencent ASW, seen through the same tables and charts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asw_nb.errors import UsageError
from asw_nb.history.imported import LoadedRecord
from asw_nb.history.imported_aws import AwsHistory
from asw_nb.history.imported_tencent import TencentHistory
from asw_nb.history.redact import redact_text
from asw_nb.views import View

if TYPE_CHECKING:
    from asw_nb.analysis.figure import Html
    from asw_nb.analysis.tables import Outputs


class LoadedExecution(View):
    """An execution whose history was loaded.

    It has every table, chart and export of an execution that ran here. What the cloud does not write down is not there: printed lines and metrics, and,
    from Tencent, the tries of a task.

    Attributes
    ----------
    id, name, workflow, status : str
    input, output : JSON value
    error, cause : str or None
    """

    def __init__(self, history: AwsHistory | TencentHistory, definition: dict[str, Any] | None = None) -> None:
        self._history, self._given = history, definition

    def _latest(self) -> LoadedRecord:
        return self._history.record

    def fold(self) -> AwsHistory | TencentHistory:
        """Its visits."""
        return self._history

    def _outputs(self) -> Outputs:
        return {}

    def _cloud_history(self, located: bool = False) -> list[dict[str, Any]]:
        if located:
            return self._history.events
        return [{k: v for k, v in event.items() if k not in ("path", "state")} for event in self._history.events]

    @property
    def id(self) -> str:
        return self._latest().id

    @property
    def name(self) -> str:
        return self._latest().name

    @property
    def workflow(self) -> str:
        return self._latest().workflow

    @property
    def status(self) -> str:
        return self._latest().status

    @property
    def input(self) -> Any:
        return self._latest().input

    @property
    def output(self) -> Any:
        return self._latest().output

    @property
    def error(self) -> str | None:
        return self._latest().error

    @property
    def cause(self) -> str | None:
        return self._latest().cause

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, or to the newest event."""
        record = self._latest()
        return self._history.last_at / 1e6 if record.finished_us is None else (record.finished_us - record.started_us) / 1e6

    @property
    def definition(self) -> dict[str, Any] | None:
        """The definition that it was loaded with."""
        return self._given

    def graph(self) -> Html:
        """The workflow's picture in the colours of what happened.

        Raises
        ------
        UsageError
            It was loaded without a definition.
        """
        from asw_nb.analysis.figure import Html, svg_img
        from asw_nb.analysis.graph import to_svg

        if self._given is None:
            raise UsageError("a history says nothing of how states are connected: load it with definition= to see the graph.")
        statuses: dict[str, str] = {}
        for visit in self._history.visits:
            statuses[visit.state.path] = visit.status
        return Html(svg_img(to_svg(self._given, statuses, title=self.workflow), f"graph of {self.workflow}, {self.status}"), repr(self))

    def __repr__(self) -> str:
        record = self._latest()
        why = f" | {redact_text(record.error)}" if record.error else ""
        return f"asw run {record.workflow}/{record.name} | {record.status}{why} | {self.duration_s:.1f} s | loaded from {record.backend}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.summary()._repr_mimebundle_(include, exclude) | {"text/plain": repr(self)}


def load_history(
    source: str | os.PathLike[str] | list[dict[str, Any]] | dict[str, Any], *, workflow: str | None = None, name: str | None = None, definition: Any = None
) -> LoadedExecution:
    """Load a history that was exported from AWS Step Functions or Tencent ASW.

    Parameters
    ----------
    source : path, str, list or dict
        A JSON file, its text, the list of events, or the whole answer of GetExecutionHistory or DescribeExecutionHistory.
    workflow, name : str, optional
        What to call it; taken from the answer, else ``"loaded"`` and the file's name, when left out.
    definition : dict, str or Path, optional
        Its definition, for the graph.

    Returns
    -------
    LoadedExecution
        With the tables and charts of an `Execution`.

    Raises
    ------
    UsageError
        The file cannot be read, or holds no such history.

    Examples
    --------
    >>> run = load_history([
    ...     {"id": 1, "timestamp": 1793592000, "type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{}"}},
    ...     {"id": 2, "timestamp": 1793592001, "type": "PassStateEntered", "stateEnteredEventDetails": {"name": "A", "input": "{}"}},
    ...     {"id": 3, "previousEventId": 2, "timestamp": 1793592003, "type": "PassStateExited", "stateExitedEventDetails": {"name": "A", "output": "7"}},
    ...     {"id": 4, "previousEventId": 3, "timestamp": 1793592003, "type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": "7"}},
    ... ])
    >>> run
    asw run loaded/history | SUCCEEDED | 3.0 s | loaded from aws
    >>> run.states()[["state", "status", "duration_s", "output"]].values.tolist()
    [['A', 'SUCCEEDED', 2.0, 7]]
    """
    answer, label = _read(source)
    more: dict[str, Any] = {}
    if isinstance(answer, dict):
        more = answer.get("Response", answer)
        answer = next((more[key] for key in ("events", "Events", "EventList") if isinstance(more.get(key), list)), None)
    if not isinstance(answer, list) or not answer or not all(isinstance(e, dict) for e in answer):
        raise UsageError(f"{label} holds no history: it must be a list of events, or an answer that has one under \"events\" or \"Events\".")
    document = None
    if definition is not None:
        from asw_nb.definitions import check

        document = check(definition, "auto", "STANDARD", "the definition").document.value
    arn = str(more.get("executionArn", ""))
    if arn.count(":") >= 2:
        found = arn.split(":")[-2:]
        workflow, name = workflow or found[0], name or found[1]
    workflow, name = workflow or "loaded", name or label
    if "EventCategory" in answer[0]:
        return LoadedExecution(TencentHistory(answer, workflow, name), document)
    return LoadedExecution(AwsHistory(answer, workflow, name, arn), document)


def _read(source: Any) -> tuple[Any, str]:
    """The parsed JSON, and what to call it."""
    if isinstance(source, (list, dict)):
        return source, "history"
    text = os.fspath(source)
    if text.lstrip()[:1] in ("[", "{"):
        label = "history"
    else:
        path = Path(text)
        label = path.stem
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is no UTF-8 text"
            raise UsageError(f'the history "{path}" cannot be read: {reason}.') from None
    try:
        return json.loads(text), label
    except ValueError as problem:
        raise UsageError(f"{label} is no JSON: {problem}.") from None


__all__ = ["LoadedExecution", "load_history"]
