"""What a report is made of: a document of parts, parts of sections, sections of blocks of plain text.

Nothing in a block is markup, but for the drawings, which the package's own charts made. Who builds a block masks secrets and cuts what is long; who
writes it escapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.words import cut
from asw_nb.history.redact import redact, redact_text

if TYPE_CHECKING:
    from asw_nb.analysis.figure import Figure


@dataclass(frozen=True)
class Limits:
    """How much of everything a report shows.

    Attributes
    ----------
    rows, lines : int
        Rows of a table, printed lines.
    text, source : int
        Characters of a payload, and of a definition or a function.
    points : int
        Points of a timeline that answer the mouse.
    live : int
        Figures that can be zoomed; the others are still pictures.
    pictures : int
        Figures and graphs; what the others show is said in words.
    runs : int
        Executions that are told one by one.
    """

    rows: int = 200
    lines: int = 400
    text: int = 6_000
    source: int = 60_000
    points: int = 5_000
    live: int = 60
    pictures: int = 200
    runs: int = 20

    def halved(self) -> Limits:
        """Half as much of everything."""
        return replace(self, **{f.name: max(0 if f.name in ("live", "pictures") else 1, getattr(self, f.name) // 2) for f in fields(self)})


@dataclass
class Prose:
    """A sentence or more."""

    text: str


@dataclass
class Verdict:
    """How it ended, as the first thing to read."""

    status: str
    text: str


@dataclass
class Facts:
    """Names and values."""

    rows: list[tuple[str, str]]


@dataclass
class Table:
    """Rows of texts; `right` are the columns of numbers, `status` is one of statuses. `note` says what was left out."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()
    status: int | None = None
    note: str = ""


@dataclass
class Code:
    """Text as it was written: source, JSON, a traceback."""

    text: str
    language: str = ""


@dataclass
class Drawing:
    """A picture, or a chart; `instead` is the block for places that show neither.

    Parameters
    ----------
    picture : str
        HTML that stands alone, of what is no chart.
    make : callable, optional
        Makes the chart when a writer wants it: that of a million attempts takes longer than all the rest, and Markdown has no use for it.
    """

    instead: Block
    picture: str = ""
    make: Callable[[], Figure] | None = None

    @cached_property
    def figure(self) -> Figure | None:
        """What can be zoomed."""
        return None if self.make is None else self.make()

    @property
    def still(self) -> str:
        """HTML that stands alone."""
        return self.picture if self.figure is None else self.figure.static_html


@dataclass
class Fold:
    """Blocks behind a heading that can be opened."""

    title: str
    blocks: list[Block]


Block = Prose | Verdict | Facts | Table | Code | Drawing | Fold


@dataclass
class Section:
    """One topic; `call` is the Python that shows the same in a notebook."""

    key: str
    title: str
    blocks: list[Block]
    call: str = ""


@dataclass
class Part:
    """One execution, or what is said of several."""

    title: str
    status: str
    sections: list[Section]


@dataclass
class Document:
    """The whole report.

    Attributes
    ----------
    again : Again or None
        What a notebook needs to show, or to run, it again.
    """

    title: str
    parts: list[Part]
    again: Again | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass
class Again:
    """Where an execution is found, and what it was made of."""

    execution: str
    workflow: str
    history: str
    definition: str
    functions: dict[str, str] = field(default_factory=dict)
    dialect: str = "auto"


def text(value: object, limit: int = 400) -> str:
    """Free text without its secrets, cut with what is left out said; `limit` is in characters.

    Examples
    --------
    >>> text("login password=hunter2")
    'login password=•••'
    """
    words = str(value)
    return cut(redact_text(words), limit)


def name(value: object, limit: int = 160) -> str:
    """A name, which is no text to look for secrets in, cut."""
    return cut(str(value), limit)


def payload(value: Any, limit: int) -> Code:
    """A JSON value without its secrets, indented when that stays readable.

    Examples
    --------
    >>> payload({"user": "lucy", "token": "x"}, 100).text
    '{"user": "lucy", "token": "•••"}'
    """
    clean = redact(value)
    line = json.dumps(clean, ensure_ascii=False, default=str)
    if 70 < len(line) <= 4 * limit:
        line = json.dumps(clean, ensure_ascii=False, indent=2, default=str)
    return Code(cut(line, limit), "json")


def short(value: Any, limit: int = 120) -> str:
    """A JSON value in one line, without its secrets."""
    clean = redact(value)
    return cut(clean if isinstance(clean, str) else json.dumps(clean, ensure_ascii=False, default=str), limit)


def cropped(heads: Sequence[str], rows: Sequence[Sequence[str]], limit: int, what: str, **more: Any) -> Table:
    """A table of at most `limit` rows, whose note says how many there are.

    Examples
    --------
    >>> cropped(["n"], [["1"], ["2"], ["3"]], 2, "numbers").note
    '2 of 3 numbers are shown.'
    """
    note = f"{limit:,} of {len(rows):,} {what} are shown." if len(rows) > limit else ""
    return Table(heads, list(rows[:limit]), note=note, **more)


__all__ = [
    "Again", "Block", "Code", "Document", "Drawing", "Facts", "Fold", "Limits", "Part", "Prose", "Section", "Table", "Verdict", "cropped", "name", "payload", "short",
    "text",
]  # fmt: skip
