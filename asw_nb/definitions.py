"""Reading and checking a definition: the same for a dict, a text and a cell, and once for each dict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asw_nb.engine.payload import NotJson, encode, to_json
from asw_nb.errors import DefinitionError, UsageError, did_you_mean
from asw_nb.language import reader, rules
from asw_nb.language.plan import digest
from asw_nb.language.problems import Problem
from asw_nb.language.substitute import NoValue, substitute

TYPES = ("STANDARD", "EXPRESS")
DIALECTS = ("auto", "tcsl", "asl")


@dataclass(frozen=True, slots=True)
class Checked:
    """A definition without errors: what was read, in which dialect, the warnings, and the names that nothing has filled so far."""

    document: reader.Document
    dialect: str
    problems: list[Problem]
    open: tuple[str, ...] = ()


_CHECKED: OrderedDict[tuple[str, str, str], Checked] = OrderedDict()


def choose(what: str, value: str, allowed: tuple[str, ...]) -> str:
    """`value`, when it is one of the allowed words.

    Raises
    ------
    UsageError
    """
    if value not in allowed:
        raise UsageError(
            f'{what}="{value}" is not known.{did_you_mean(str(value), allowed)} Use one of: {", ".join(allowed)}.'
        )
    return value


def jsonata_problem(expression: str) -> str | None:
    """What is wrong with the syntax of a JSONata expression; the library is loaded by the first one that is asked about."""
    from asw_nb.language.jsonata import check_syntax

    return check_syntax(expression)


def _as_json(value_of: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same look-up, refusing values that cannot stand in a definition."""

    def value(reference: str) -> Any:
        found = value_of(reference)
        try:
            checked = to_json(found)
            encode(checked).decode()
        except (NotJson, UnicodeError) as problem:
            raise NoValue(
                f'the value of "${{{reference}}}" is no JSON: {problem}.', "Use a number, text, list or dict."
            ) from None
        return checked

    return value


def check(
    definition: Any,
    dialect: str = "auto",
    type: str = "STANDARD",
    source: str = "definition",
    first_line: int = 1,
    value_of: Callable[[str], Any] | None = None,
    may_be_open: bool = False,
) -> Checked:
    """Read and check a definition.

    Parameters
    ----------
    value_of : callable, optional
        Fills ``${...}`` in the definition's strings: reference -> value, raises `NoValue`.
    may_be_open : bool
        A name that nothing bears is a warning: it is filled before the workflow runs. What the rules say of its place is left out.

    Raises
    ------
    DefinitionError
        With every problem.
    """
    choose("dialect", dialect, DIALECTS)
    choose("type", type, TYPES)
    key: tuple[str, str, str] | None = None
    if isinstance(definition, dict) and value_of is None:
        try:
            key = digest(definition), dialect, type
        except (TypeError, ValueError, RecursionError, OverflowError):
            key = None
        known = _CHECKED.get(key) if key is not None else None
        if known is not None:
            return known
    document = reader.read(definition, source=source, first_line=first_line)
    unfilled: list[Problem] = []
    opened: dict[str, str] = {}  # place of what is open -> its name
    if value_of is not None:

        def missing(pointer: tuple[str | int, ...], why: NoValue) -> None:
            line, column = document.position(pointer)
            location = reader.location_of(pointer)
            if may_be_open and why.name is not None:
                opened[location] = why.name
                hint = f" {why.fix}" if why.fix.startswith("Did you mean") else ""
                message = f'"${{{why.name}}}" is open: there is no "{why.name}" so far.{hint}'
                unfilled.append(Problem("WARNING", "OPEN_NAME", message, location, line, column, f"Give it to the run with -p {why.name}=VALUE."))
            else:
                unfilled.append(Problem("ERROR", "UNKNOWN_NAME", why.message, location, line, column, why.fix))

        document.value = substitute(document.value, _as_json(value_of), missing)
    found = rules.check(document, dialect, type, jsonata_problem)
    problems = [*unfilled, *(p for p in found if p.location not in opened)]
    if any(p.severity == "ERROR" for p in problems):
        raise DefinitionError(problems, source, document.text, first_line)
    resolved = rules.dialect_of(document.value) if dialect == "auto" else dialect
    checked = Checked(document, resolved, problems, tuple(dict.fromkeys(opened.values())))
    if key is not None:
        _CHECKED[key] = checked
        while len(_CHECKED) > 64:
            _CHECKED.popitem(last=False)
    return checked


__all__ = ["DIALECTS", "TYPES", "Checked", "check", "choose", "jsonata_problem"]
