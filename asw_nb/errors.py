"""Every exception of the package, in three families because three people fix them.

::

    AswError
    +-- DefinitionError        the author's text is wrong     -> .problems
    +-- StateError             a state failed while running   -> .name, .cause; Retry and Catch see it
    |   +-- TaskError          raised by a user's function to choose the error name
    |   +-- ExecutionFailed    raised by Execution.result() where a person waits
    +-- UsageError             the call is wrong
        +-- UnknownExecution   no such execution in this history
        +-- UnknownFunction    no function answers to that resource
        +-- MissingDependency  an optional package is not installed
        +-- StoreError         the history file cannot be used

A `StateError` inside an execution is data, an event; it is raised only where a person waits for the result.
A bug of ours is none of these and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asw_nb.language.problems import Problem


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice closest to `word`, when one is close enough to be a slip of the hand."""
    choices = list(choices)
    folded = {c.casefold(): c for c in choices}
    if word.casefold() in folded:
        return folded[word.casefold()]
    import difflib

    hits = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return hits[0] if hits else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A closing sentence, `` Did you mean "x"?``, or nothing when no choice is near."""
    hit = nearest(word, choices)
    return f' Did you mean "{hit}"?' if hit is not None else ""


class AswError(Exception):
    """Root of everything that asw_nb raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback: our message is the whole story."""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class DefinitionError(AswError):
    """A definition that cannot run, with every problem found in it.

    Attributes
    ----------
    problems : list of Problem
    text : str or None
        The text that was read, for showing the lines; `first_line` is the number of its first.
    """

    def __init__(
        self, problems: list[Problem], source: str = "definition", text: str | None = None, first_line: int = 1
    ) -> None:
        self.problems = list(problems)
        self.source, self.text, self.first_line = source, text, first_line
        errors = [p for p in self.problems if p.severity == "ERROR"]
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        super().__init__("\n".join([f"{count} in {source}", *(f"  {p}" for p in errors)]))

    def _render_traceback_(self) -> list[str]:
        """Each problem with its line and a caret under the place."""
        errors = [p for p in self.problems if p.severity == "ERROR"]
        lines = (self.text or "").split("\n")
        out = [f"\x1b[31m{type(self).__name__}\x1b[0m: {str(self).splitlines()[0]}"]
        for p in errors[:20]:
            out.append(f"  {p}")
            if self.text is not None and p.line is not None and 0 <= p.line - self.first_line < len(lines):
                line = lines[p.line - self.first_line][:160]
                out.append(f"    {p.line:>4} | {line}")
                if p.column is not None and p.column <= len(line) + 1:
                    out.append("         | " + " " * (p.column - 1) + "\x1b[31m^\x1b[0m")
        if len(errors) > 20:
            out.append(f"  ... and {len(errors) - 20} more")
        return out


class StateError(AswError):
    """A state failed with an error name and a cause, as Retry and Catch see them.

    Attributes
    ----------
    name : str
        The error name, such as ``States.Timeout``.
    cause : str or None
    """

    def __init__(self, name: str, cause: str | None = None) -> None:
        self.name = name
        self.cause = cause
        super().__init__(name if cause is None else f"{name}: {cause}")


class TaskError(StateError):
    """Raise this in a function to choose the error name that Retry and Catch match.

    Examples
    --------
    >>> TaskError("Warehouse.Busy", "lock timeout").name
    'Warehouse.Busy'
    """


class ExecutionFailed(StateError):
    """The execution whose result was waited for did not succeed.

    Attributes
    ----------
    execution : str
        Its name.
    status : str
        FAILED, TIMED_OUT or ABORTED.
    state : str or None
        Path of the state in which it failed.
    error, cause : str or None
    """

    def __init__(self, execution: str, status: str, state: str | None, error: str | None, cause: str | None) -> None:
        self.execution, self.status, self.state, self.error = execution, status, state, error
        super().__init__(error or status, cause)
        where = f' at state "{state}"' if state else ""
        why = f": {error}" if error else ""
        self.args = (f'execution "{execution}" {status}{where}{why}' + (f": {cause}" if cause else ""),)


class UsageError(AswError):
    """The call is wrong; the message says how to make it right."""


class UnknownExecution(UsageError):
    """No execution of that name or id is in this history."""


class UnknownFunction(UsageError):
    """No function, and no callable of the notebook, answers to that resource."""


class StoreError(UsageError):
    """The history file cannot be opened, read or written."""


class MissingDependency(UsageError):
    """An optional package is needed for this call.

    Parameters
    ----------
    package : str
        What could not be imported.
    extra : str
        The extra of asw_nb that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f'this needs the package "{package}": pip install "asw_nb[{extra}]"')


__all__ = sorted(
    name for name, thing in list(globals().items()) if isinstance(thing, type) and issubclass(thing, AswError)
)
