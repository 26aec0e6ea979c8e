"""A store that keeps no secrets: what stands under a secret's name is replaced before it is written, and is gone.

The execution that runs goes on with its real values, since only what goes to the file is changed. A state machine moves values about: ``InputPath:
"$.password"`` hands the bare password to a task, a Map over ``$.tokens`` starts an item with each. So whatever has once stood under a secret's name is
replaced from then on wherever it appears in that execution.

What was replaced cannot be gone on with: `missing` finds it in an execution that was read back, and a resume or redrive that would need it is refused.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from asw_nb.engine.events import ENDED, SAME, Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.frames import Children, Frame
from asw_nb.engine.run import Outcome, Write
from asw_nb.history.redact import MASK, Redactor, current
from asw_nb.history.store import Record, Store

REMOVED = f"{MASK}(not kept)"
"""Stands in the file in place of a secret; different from `MASK`, which hides what is still there."""

_SIGN = b"(not kept)"  # its part that every JSON encoder writes the same

SHORTEST = 3
"""A secret of fewer characters is replaced only under its name."""

SHORTEST_PART = 8
"""One with fewer is replaced where it is a whole value, but not within a longer text."""

MOST_PARTS = 1_000
REMEMBERED = 200
"""Ended executions whose secrets are still known: they may be redriven."""


class Known:
    """The secrets that one execution has shown so far."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self._parts: re.Pattern[str] | None = None

    def learn(self, value: Any, redactor: Redactor) -> None:
        """Take in what stands under a secret's name anywhere in the value."""
        found = {text for text in _secrets(value, redactor) if len(text) >= SHORTEST and not text.startswith(MASK)}
        if found <= self.values:
            return
        self.values |= found
        long = sorted((v for v in self.values if len(v) >= SHORTEST_PART), key=len, reverse=True)[:MOST_PARTS]
        written = {
            form for text in long for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        }
        self._parts = re.compile("|".join(map(re.escape, sorted(written, key=len, reverse=True)))) if written else None

    def without(self, value: Any) -> Any:
        """The value with these secrets replaced; itself when it has none."""
        if isinstance(value, str):
            if value in self.values:
                return REMOVED
            return value if self._parts is None else self._parts.sub(REMOVED, value)
        if isinstance(value, dict):
            new = {k: self.without(v) for k, v in value.items()}
            return new if any(new[k] is not v for k, v in value.items()) else value
        if isinstance(value, (list, tuple)):
            items = [self.without(v) for v in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        return value


def _secrets(value: Any, redactor: Redactor, named: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, redactor, named or redactor.is_secret(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets(inner, redactor, named)
    elif named and isinstance(value, str):
        yield value


class RedactingStore(Store):
    """A history file in which values under secret names are never written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._known_secrets: dict[int, Known] = {}
        self._ended: deque[int] = deque()
        self._told: set[int] = set()

    def definition_id(self, digest: str, dialect: str, document: dict[str, Any]) -> int:
        """The row of a definition, which is kept as it is: a warning says when it has a secret written into it."""
        number = super().definition_id(digest, dialect, document)
        if number not in self._told:
            self._told.add(number)
            place = next(_written_in(document, current(REMOVED)), None)
            if place is not None:
                warnings.warn(
                    f"the definition has a value under a secret's name ({place}), and definitions are kept as they are, with redact_store=True too: "
                    f"give it with the input, or let the function fetch it.",
                    stacklevel=5,
                )
        return number

    def create(self, record: Record) -> None:
        super().create(self._row_of(record))

    def _row_of(self, r: Record) -> Record:
        known = self._of(r.key, r.input, r.tags)
        return replace(r, input=self._without(known, r.input), tags=self._without(known, r.tags))

    def commit(self, writes: list[Write]) -> None:
        super().commit([self._masked(write) for write in writes])
        for write in writes:
            if write.finished:
                self._ended.append(write.run.key)
        while len(self._ended) > REMEMBERED:
            self._known_secrets.pop(self._ended.popleft(), None)

    def _of(self, key: int, input: Any, *more: Any) -> Known:
        """What is known of an execution's secrets, with what these payloads show."""
        known, redactor = self._known_secrets.get(key), current(REMOVED)
        if known is None:
            known = self._known_secrets[key] = Known()
            known.learn(input, redactor)
        for payload in more:
            known.learn(payload, redactor)
        return known

    def _without(self, known: Known, value: Any) -> Any:
        value = current(REMOVED).value(value)
        return known.without(value) if known.values else value

    def _masked(self, write: Write) -> Write:
        run, state = write.run, write.run.state
        known = self._of(run.key, state.input, write.events, state.output if write.finished else None)
        seen: Any = run
        if write.finished:
            output, error, cause = (self._without(known, v) for v in (state.output, state.error, state.cause))
            seen = _Instead(run, state=_Instead(state, output=output, error=error, cause=cause))
        events = [self._event(known, event) for event in write.events]
        outputs = [(frame, token, self._output(known, outcome)) for frame, token, outcome in write.outputs]
        record = None if write.record is None else self._row_of(write.record)
        return Write(seen, events, outputs, write.finished, record)

    def _event(self, known: Known, event: Event) -> Event:
        ours = 4 if event[0] == ENDED else 3  # the kind, the time, the frame; of an end also the status
        return (*event[:ours], *(v if v == SAME else self._without(known, v) for v in event[ours:]))

    def _output(self, known: Known, outcome: Outcome) -> Outcome:
        lines = outcome.lines
        if lines:
            texts = current(REMOVED).lines([text for _, _, text in lines])
            lines = [(at, stream, known.without(text)) for (at, stream, _), text in zip(lines, texts, strict=True)]
        return replace(outcome, lines=lines, traceback=self._without(known, outcome.traceback))


class _Instead:
    """Another object, with some of its attributes exchanged."""

    def __init__(self, thing: Any, **instead: Any) -> None:
        self._thing = thing
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)


def _written_in(value: Any, redactor: Redactor, at: str = "", named: bool = False) -> Iterator[str]:
    """Places in a definition where a literal stands under a secret's name; names of states are no such names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "States" and isinstance(inner, dict):
                for state, fields in inner.items():
                    yield from _written_in(fields, redactor, f"{at}/States/{state}")
            elif not key.endswith(".$"):
                yield from _written_in(inner, redactor, f"{at}/{key}", named or redactor.is_secret(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _written_in(inner, redactor, f"{at}/{number}", named)
    elif named and isinstance(value, str) and value and not value.startswith(("{%", "$")):
        yield at


# --------------------------------------------------------------------------- reading it back


def lacks(store: Store, key: int) -> bool:
    """Whether anything of an execution was not kept."""
    query = (
        "SELECT 1 FROM executions WHERE id=?1 AND (instr(CAST(input AS BLOB), ?2) OR EXISTS("
        "SELECT 1 FROM events WHERE execution=?1 AND instr(body, ?2)))"
    )
    return next(store.query(query, (key, _SIGN)), None) is not None


def first_removed(value: Any, at: str = "$") -> str | None:
    """Where in the value the first thing stands that was not kept.

    Examples
    --------
    >>> first_removed({"user": "lucy", "login": [{"password": REMOVED}]})
    '$.login[0].password'
    """
    inner: Iterable[tuple[str, Any]]
    if isinstance(value, str):
        return at if REMOVED in value else None
    if isinstance(value, dict):
        inner = ((f"{at}.{key}", v) for key, v in value.items())
    elif isinstance(value, (list, tuple)):
        inner = ((f"{at}[{number}]", v) for number, v in enumerate(value))
    else:
        return None
    return next((found for place, v in inner if (found := first_removed(v, place)) is not None), None)


_INPUT_OF_CONTEXT = re.compile(
    r"\$\$(?!\.(?:State|StateMachine|Task|Map)\b)|\$states(?!\.(?:input|result|errorOutput)\b|\.context\.(?:State|StateMachine|Task|Map)\b)"
)


def missing(state: ExecutionState) -> str | None:
    """What an execution that was folded from its log would need to go on and is not there: ``$.password in "Load"``."""
    frames = state.frames if state.status == "RUNNING" else state.salvage
    for frame in list(frames.values()):
        found = _missing_in(frame)
        if found is not None:
            return found
    found = first_removed(state.input)
    if found is not None and _INPUT_OF_CONTEXT.search(json.dumps(state.plan.document)):
        return f"{found} of the execution's input"
    return None


def missing_at(path: str, data: Any, variables: dict[str, Any]) -> str | None:
    """The same for a state that is to begin again with this data."""
    found = first_removed(data) or first_removed(variables, "$variables")
    return None if found is None else f'{found} in "{path}"'


def _missing_in(frame: Frame) -> str | None:
    for data in (frame.data, frame.input, frame.result):
        found = missing_at(frame.path, data, frame.variables)
        if found is not None:
            return found
    for children in (frame.children, frame.salvage):
        found = None if children is None else _missing_below(children, frame.path)
        if found is not None:
            return found
    return None


def _missing_below(children: Children, path: str) -> str | None:
    for at, value in (("$results", children.results), ("$items", children.items), ("$", children.request)):
        found = first_removed(value, at)
        if found is not None:
            return f'{found} in "{path}"'
    return next(
        (found for frame in (*children.fallen, *children.ended) if (found := _missing_in(frame)) is not None), None
    )


__all__ = ["REMOVED", "RedactingStore", "first_removed", "lacks", "missing", "missing_at"]
