"""A history that ran elsewhere, as visits: what both importers build, and what every table and chart is made from.

There is no plan and no log of ours behind it, only what the cloud wrote down; frames and states are therefore plain records with the
fields that visits need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from asw_nb.history.fold import Attempt, Visit
from asw_nb.history.store import Record
from asw_nb.language.plan import TYPES

KINDS = {name: kind for kind, name in enumerate(TYPES)}


@dataclass(slots=True)
class LoadedRecord(Record):
    """An execution's row; `arn` is the id that it had where it ran."""

    arn: str = ""

    @property
    def id(self) -> str:
        return self.arn or Record.id.fget(self)  # type: ignore[attr-defined]


@dataclass(slots=True, frozen=True)
class Text:
    """A resource, of which only its text is known."""

    text: str

    @property
    def name(self) -> str:
        return self.text.rpartition(":")[2]


@dataclass(slots=True)
class LoadedState:
    """One state: its name, its type, its path in the definition, and the resource that its tasks called."""

    name: str
    type: str
    path: str
    resource: Text | None = None

    @property
    def kind(self) -> int:
        return KINDS.get(self.type, -1)


@dataclass(slots=True)
class LoadedFrame:
    """One cursor: the top, a branch or an item. `visit` is the one that it stands on, None between two."""

    id: int
    parent: LoadedFrame | None = None
    owner: Visit | None = None
    index: int = 0
    state: Any = None
    data: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    visit: Visit | None = None
    last: Visit | None = None

    def up(self) -> Iterator[LoadedFrame]:
        """This frame and those around it, from the inside."""
        at: LoadedFrame | None = self
        while at is not None:
            yield at
            at = at.parent


class Imported:
    """Visits that are built up event by event.

    Attributes
    ----------
    visits : list of Visit
    last_at : int
        Time of the newest event, in microseconds since the start.
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.last_at = 0
        self.frames = 0
        self.states: dict[str, LoadedState] = {}
        self.tokens = 0

    def new_frame(self, owner: LoadedFrame | None = None, index: int = 0) -> LoadedFrame:
        """A cursor inside the visit that `owner` stands on, or at the top."""
        made = LoadedFrame(self.frames, owner, owner.visit if owner is not None else None, index)
        self.frames += 1
        return made

    def enter(self, frame: LoadedFrame, name: str, type: str, at: int, data: Any) -> Visit:
        """A frame enters a state."""
        owner = frame.owner
        prefix = "" if owner is None else f"{owner.path}[{frame.index}]/"
        inner = "" if owner is None else f"{owner.state.path}[{frame.index}]/" if owner.state.type == "Parallel" else f"{owner.state.path}/"
        state = self.states.setdefault(inner + name, LoadedState(name, type, inner + name))
        frame.state, frame.data = state, data
        if frame.last is not None:
            frame.last.next_name = name
        visit = Visit(len(self.visits) + 1, frame, prefix + name, at, owner)  # type: ignore[arg-type]
        visit.began = len(self.visits)
        self.visits.append(visit)
        frame.visit = visit
        return visit

    def leave(self, frame: LoadedFrame, status: str, at: int) -> None:
        """A frame's visit ends; what is still open inside it ends as ABORTED."""
        visit = frame.visit
        if visit is None:
            return
        visit.close(status, at, len(self.visits))
        frame.visit, frame.last = None, visit

    def order(self, visit: Visit, at: int) -> Attempt:
        """A task is scheduled."""
        self.tokens += 1
        visit.tries += 1
        if visit.waits is not None:
            visit.woken(at)
        attempt = Attempt(len(visit.attempts) + 1, self.tokens, at)
        visit.attempts.append(attempt)
        return attempt


def parsed(text: Any) -> Any:
    """A payload: JSON text as its value, anything else as it is."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


__all__ = ["Imported", "LoadedFrame", "LoadedRecord", "LoadedState", "Text", "parsed"]
