"""One finding about a definition: what is wrong, where, and how to put it right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a definition, in the cloud's form (code, message, location) and ours (line, column, fix).

    Attributes
    ----------
    severity : str
        ``"ERROR"`` (the definition is refused) or ``"WARNING"``.
    code : str
        The cloud's code where it has one, such as ``SCHEMA_VALIDATION_FAILED``.
    message : str
        One sentence.
    location : str
        JSON-pointer-like place, such as ``/States/A/Next``.
    line, column : int or None
        1-based place in the text; None when the definition was given as an object.
    fix : str or None
        What to change, as a sentence.
    """

    severity: str
    code: str
    message: str
    location: str = "/"
    line: int | None = None
    column: int | None = None
    fix: str | None = None

    @property
    def path(self) -> str:
        """The location as people say it: ``States.A.Next``."""
        return self.location.strip("/").replace("/", ".") or "(top level)"

    def __str__(self) -> str:
        place = "" if self.line is None else f" (line {self.line}, column {self.column})"
        text = f"{self.path}{place}: {self.message}"
        if self.fix is None:
            return text
        stop = "" if text.endswith((".", "!", "?")) else "."
        return f"{text}{stop} {self.fix}"


__all__ = ["Problem"]
