"""What a rule works with: the checkup that collects problems, a scope of states, and one state in it.

::

    Checkup                       one definition: dialect, type, problems
      Scope  (machine)            one `States` object
        State "Load"              what most rules are given
        State "Each" (Map)
          Scope (processor)       whose `owner` is the state "Each"

A rule says `state.error("Minimum value is 1", "TimeoutSeconds")`; the checkup adds where that stands in the text.
Nothing is computed for a place until there is a problem to put there, so a good definition costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Literal

from asw_nb.errors import nearest
from asw_nb.language.problems import Problem
from asw_nb.language.reader import Document, location_of

Step = str | int
Pointer = tuple[Step, ...]

SCHEMA = "SCHEMA_VALIDATION_FAILED"
NO_LOCATION = ""  # the cloud gives no location for a problem of the whole machine
UNDOCUMENTED = "TCSL_UNDOCUMENTED"
MORE = "MORE_PROBLEMS"

# A hostile definition has a thousand wrong names and a thousand candidates for each; a typing slip needs one round.
_MAX_COMPARISONS = 1200
# Nobody reads more, and each costs a look-up of its place.
MOST_TOLD = 200

# Estimated microseconds: what may be spent on a definition that is refused anyway, and on what is wrong in it.
_PATIENCE = 30_000
_PATIENCE_WITH_ERRORS = 12_000
_PER_ERROR, _PER_STEP = 30, 10
_PER_CHARACTER = {"json": 0.015, "yaml": 0.15}  # which its reading has taken
_MAX_WORD = 80


def short(text: str, limit: int = 200) -> str:
    """The text, cut when somebody wrote a megabyte."""
    return text if len(text) <= limit else text[:limit] + "..."


def listed(names: Iterable[str]) -> str:
    """Names as the cloud lists them: ``[Next, End]``."""
    return f"[{', '.join(names)}]"


def wrong_language(is_jsonata: bool, field: str) -> str:
    """The cloud's sentence for a field that the query language of its state does not have."""
    has, needs = ("JSONata", "JSONPath") if is_jsonata else ("JSONPath", "JSONata")
    only = f"field '{field}' is only supported for the '{needs}' QueryLanguage"
    return f"The QueryLanguage is set to '{has}', but {only}"


class Enough(Exception):
    """So many errors were found that looking for more is not worth its time."""


class Checkup:
    """One check of one definition.

    Attributes
    ----------
    dialect : str
        ``"tcsl"`` or ``"asl"``.
    express : bool
        Whether the machine is an EXPRESS one.
    jsonata : bool
        Whether the machine's query language is JSONata.
    names : dict
        State name -> place of the scope of its first definition.
    labels : set of str
        Labels of distributed Maps.
    """

    def __init__(
        self, document: Document, dialect: str, type: str, jsonata_check: Callable[[str], str | None] | None
    ) -> None:
        self.document, self.dialect, self.jsonata_check = document, dialect, jsonata_check
        self.express = type == "EXPRESS"
        self.jsonata = False
        self.names: dict[str, Pointer] = {}
        self.labels: set[str] = set()
        self.scopes: list[Scope] = []
        self.problems: list[Problem] = []
        self.counts = {"ERROR": 0, "WARNING": 0}
        self.stopped = False
        self._left = _PATIENCE - _PER_CHARACTER.get(document.format, 0.0) * len(document.text or "")
        self._left_for_errors: float = _PATIENCE_WITH_ERRORS
        self._comparisons = _MAX_COMPARISONS
        self._told: set[str] = set()

    def add(
        self,
        severity: str,
        code: str,
        message: str,
        pointer: Pointer,
        *,
        at: Pointer | None = None,
        of: Literal["value", "key"] = "value",
        fix: str | None = None,
        location: str | None = None,
    ) -> None:
        """Report a problem located at `pointer`, shown in the text at `at` (the same place when omitted).

        Warnings beyond the first 200 are only counted.

        Raises
        ------
        Enough
            It was the last error that is told.
        """
        self.counts[severity] += 1
        if severity == "WARNING" and self.counts["WARNING"] > MOST_TOLD:
            return
        line, column = self.document.position(pointer if at is None else at, of)
        if location is None:
            location = location_of([short(step) if isinstance(step, str) else step for step in pointer])
        self.problems.append(Problem(severity, code, message, location, line, column, fix))
        if severity == "ERROR":
            self._left_for_errors -= _PER_ERROR + _PER_STEP * len(pointer)
            if self.counts["ERROR"] >= MOST_TOLD or self._left_for_errors < 0:
                raise Enough

    def spend(self, microseconds: float) -> None:
        """Something was looked at that takes about so long.

        A definition is read to its end, however long that takes, unless it is clear that it is refused.

        Raises
        ------
        Enough
        """
        self._left -= microseconds
        if self._left < 0 and self.counts["ERROR"]:
            raise Enough

    def spent_on_error(self, microseconds: float) -> None:
        """What was wrong has taken about so long."""
        self._left_for_errors -= microseconds

    def untold(self) -> list[Problem]:
        """The closing problem, when there are more than are told."""
        fix = "Correct these first, then check again."
        if self.stopped:
            errors = self.counts["ERROR"]
            message = f"Reading stopped after {errors} error{'s' * (errors > 1)}; there may be more."
            return [Problem("ERROR", MORE, message, fix=fix)]
        if self.wants_warnings:
            return []
        return [Problem("WARNING", MORE, f"There are more than {MOST_TOLD} warnings; the others are not told.", fix=fix)]

    def let_go(self) -> None:
        """Forget the scopes and states, which know each other and this checkup: nothing else would free the definition at once."""
        for scope in self.scopes:
            scope.uses.clear()
        self.scopes.clear()

    @property
    def wants_warnings(self) -> bool:
        """Whether there is any use in looking for what is only a warning."""
        return self.counts["WARNING"] <= MOST_TOLD

    def tell_once(self, what: str, pointer: Pointer, of: Literal["value", "key"] = "value") -> None:
        """In TCSL, say calmly and once that its documents do not name `what`."""
        if self.dialect == "tcsl" and what not in self._told:
            self._told.add(what)
            message = f"The documents of TCSL do not name {what}; asw_nb does what ASL says."
            self.add("WARNING", UNDOCUMENTED, message, pointer, of=of)

    def suggestion(self, word: str, choices: Iterable[str]) -> str | None:
        """The choice nearest to a word, while the budget of comparisons lasts."""
        if len(word) > _MAX_WORD or self._comparisons <= 0:
            return None
        choices = [c for c in islice(choices, self._comparisons + 1) if len(c) <= _MAX_WORD]
        if len(choices) > self._comparisons:
            return None
        self._comparisons -= len(choices)
        return nearest(word, choices)

    def did_you_mean(self, word: str, choices: Iterable[str]) -> str | None:
        """``Did you mean "x"?``, when a choice is near."""
        hit = self.suggestion(word, choices)
        return None if hit is None else f'Did you mean "{hit}"?'


class Scope:
    """One set of states that transitions stay inside: the machine, a Parallel branch, a Map's processor."""

    __slots__ = ("assigned", "checkup", "express", "kind", "owner", "pointer", "uses", "value")

    def __init__(
        self, checkup: Checkup, value: dict[str, Any], pointer: Pointer, kind: str, owner: State | None, express: bool
    ) -> None:
        self.checkup, self.value, self.pointer, self.kind = checkup, value, pointer, kind
        self.owner, self.express = owner, express
        self.assigned: dict[str, set[str]] = {}  # variable -> names of the states that assign it
        self.uses: list[tuple[str, State, Pointer]] = []  # variable, where it is read
        checkup.scopes.append(self)

    def error(self, message: str, *steps: Step, code: str = SCHEMA, **more: Any) -> None:
        self.checkup.add("ERROR", code, message, self.pointer + steps, **more)

    def warning(self, message: str, *steps: Step, code: str = SCHEMA, **more: Any) -> None:
        self.checkup.add("WARNING", code, message, self.pointer + steps, **more)

    def state(self, name: str) -> State:
        """The state of that name, to complain about it."""
        return State(self, name, self.value["States"][name])

    def variable_is_known(self, name: str) -> bool:
        """Whether a state of this scope or of one around it assigns the variable."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.assigned:
                return True
            scope = scope.owner.scope if scope.owner is not None else None
        return False


class State:
    """One state and the means to complain about it."""

    __slots__ = ("checkup", "jsonata", "name", "scope", "type", "value")

    def __init__(self, scope: Scope, name: str, value: dict[str, Any]) -> None:
        self.scope, self.checkup, self.name, self.value = scope, scope.checkup, name, value
        self.type = ""
        self.jsonata = False

    @property
    def pointer(self) -> Pointer:
        return (*self.scope.pointer, "States", self.name)

    def add(
        self,
        severity: str,
        message: str,
        *steps: Step,
        code: str = SCHEMA,
        fix: str | None = None,
        at: tuple[Step, ...] | None = None,
        of: Literal["value", "key"] | None = None,
    ) -> None:
        """Report a problem at a place inside this state; the state's name is shown when there are no steps."""
        pointer = self.pointer
        place = None if at is None else pointer + at
        of = of or ("value" if steps or at else "key")
        self.checkup.add(severity, code, message, pointer + steps, at=place, of=of, fix=fix)

    def error(self, message: str, *steps: Step, **more: Any) -> None:
        self.add("ERROR", message, *steps, **more)

    def warning(self, message: str, *steps: Step, **more: Any) -> None:
        self.add("WARNING", message, *steps, **more)

    def uses(self, variable: str, *steps: Step) -> None:
        """Note that this state reads a workflow variable."""
        self.scope.uses.append((variable, self, steps))

    def assigns(self, variable: str) -> None:
        """Note that this state sets a workflow variable."""
        self.scope.assigned.setdefault(variable, set()).add(self.name)


__all__ = [
    "MOST_TOLD",
    "NO_LOCATION",
    "SCHEMA",
    "UNDOCUMENTED",
    "Checkup",
    "Enough",
    "Pointer",
    "Scope",
    "State",
    "Step",
    "listed",
    "short",
    "wrong_language",
]
