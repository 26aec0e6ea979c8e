"""``run["Load"]``: what happened at one state of an execution."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from asw_nb.errors import UsageError
from asw_nb.history.fold import Attempt, Visit

if TYPE_CHECKING:
    import pandas

    from asw_nb.handle import Execution


class StateVisits:
    """What happened at one state; the attributes speak of the newest visit.

    Attributes
    ----------
    input, output : JSON value
    error, cause : str or None
    status, path : str
    visits : list of Visit
    """

    def __init__(self, execution: Execution, name: str, visits: list[Visit]) -> None:
        self.execution, self.name, self.visits = execution, name, visits

    @property
    def last(self) -> Visit:
        return self.visits[-1]

    @property
    def path(self) -> str:
        return self.last.path

    @property
    def status(self) -> str:
        return self.last.status

    @property
    def input(self) -> Any:
        return self.last.input

    @property
    def output(self) -> Any:
        return self.last.output

    @property
    def _attempt(self) -> Attempt | None:
        return self.last.attempts[-1] if self.last.attempts else None

    @property
    def error(self) -> str | None:
        return self.last.error or (self._attempt.error if self._attempt is not None else None)

    @property
    def cause(self) -> str | None:
        return self.last.cause or (self._attempt.cause if self._attempt is not None else None)

    @property
    def attempts(self) -> pandas.DataFrame:
        """The attempts of all visits to this state."""
        frame = self.execution.attempts()
        return frame[frame["path"].isin({v.path for v in self.visits})].reset_index(drop=True)

    @property
    def logs(self) -> list[str]:
        """The lines printed, all visits and attempts together."""
        frame = self.execution.logs(redact=False)
        return frame[frame["path"].isin({v.path for v in self.visits})]["line"].tolist()

    @property
    def traceback(self) -> str | None:
        """The traceback of the newest failed attempt: the function's own frames."""
        outputs = self.execution._outputs()
        for visit in reversed(self.visits):
            for attempt in reversed(visit.attempts):
                text = outputs.get((visit.frame, attempt.token), ([], [], None))[2]
                if text:
                    return text
        return None

    @property
    def function(self) -> Any:
        """The Python function behind a Task, as it is registered in this kernel."""
        resource = self.last.state.resource
        if resource is None:
            raise UsageError(f'"{self.name}" is a {self.last.state.type} state: no function stands behind it.')
        return self.execution._resolver.find(resource).call

    @property
    def source(self) -> str | None:
        """The function's source text, where Python knows it."""
        try:
            return inspect.getsource(self.function)
        except (OSError, TypeError):
            return None

    def __repr__(self) -> str:
        v = self.last
        more = f" | {len(self.visits)} visits" if len(self.visits) > 1 else ""
        tries = f" | attempt {len(v.attempts)}" if len(v.attempts) > 1 else ""
        from asw_nb.history.redact import redact_text

        why = f" | {redact_text(self.error)}" if self.error else ""
        return f"asw state {v.path} | {v.status}{tries}{why}{more}"


__all__ = ["StateVisits"]
