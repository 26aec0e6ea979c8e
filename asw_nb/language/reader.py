"""Definition text -> tree of plain JSON values that still knows the line and column of each of them.

::

    JSON text --decoder----------> tree
    YAML text --parser's events--> tree      (places: looked up when asked for)
    dict -------checked copy-----> tree      (no places)

Everything that leaves this module is JSON: string keys, finite numbers, no duplicates, at most 200 levels. What cannot
be made so is refused with a `DefinitionError` that says where. Whether the tree is a *good* definition is asked in
`rules`.
"""

from __future__ import annotations

import math
import pathlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from asw_nb.errors import DefinitionError, UsageError
from asw_nb.language.calm import calm
from asw_nb.language.problems import Problem
from asw_nb.language.reader_json import (
    MAX_CONTAINERS,
    MAX_DEPTH,
    Enough,
    Fault,
    NotJson,
    Scanner,
    TooMany,
    load,
    top_of,
)
from asw_nb.language.reader_places import JsonPlaces, Lines, Places

if TYPE_CHECKING:
    from asw_nb.language.reader_yaml import Composer

Step = str | int

NOT_AN_OBJECT = "Definition must be a valid JSON object"
EXAMPLE = 'Write an object such as {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}.'

# A line that starts like "name: value"; each alternative reads on without ever going back.
_FIELD_LINE = re.compile(
    r"""^[ \t]*+(?:-[ \t]+)?
        (?: "[^"\n]*"[ \t]*+: | '[^'\n]*'[ \t]*+: | [^\s\#'"{\[,\]}:][^\n:]*+:(?:[^\s][^\n:]*+:)*+ )
        (?=\s|$)""",
    re.MULTILINE | re.VERBOSE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r"[\w$]+")
_MAX_REPORTED = 50
_MOST_BEFORE_A_FIELD = 100_000  # characters of comments and the like
_MAX_STEPS = 12
_MAX_BITS = 14_280  # of an integer that Python still writes as text

MAX_OUTSIDE = 100_000
"""Characters of an object or array that is no `States`, in a long definition."""

MAX_TOP_FIELDS = 1_000

MAX_CHARACTERS = 1_048_576
"""Characters of a definition, as in the cloud."""


def location_of(pointer: Sequence[Step]) -> str:
    """The place as the cloud writes it.

    Examples
    --------
    >>> location_of(["States", "A", "Choices", 0, "Next"])
    '/States/A/Choices[0]/Next'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f"/{step}" for step in pointer) or "/"


class Document:
    """A definition that was read: its tree, and where each value stands in the text.

    Attributes
    ----------
    value : dict
        The tree of plain JSON values.
    text : str or None
        None when an object was given.
    format : str
        ``"json"``, ``"yaml"`` or ``"object"``.
    source : str
        What messages call it.
    first_line : int
        Number of the text's first line; 2 in a cell whose first line is the magic.
    """

    __slots__ = ("_lines", "_places", "first_line", "format", "source", "text", "value")

    def __init__(
        self,
        value: dict[str, Any],
        text: str | None,
        format: str,
        source: str,
        first_line: int = 1,
        places: Places | None = None,
    ) -> None:
        self.value, self.text, self.format, self.source, self.first_line = value, text, format, source, first_line
        self._lines: Lines | None = None
        self._places = places

    def position(self, pointer: Sequence[Step], of: Literal["value", "key"] = "value") -> tuple[int | None, int | None]:
        """Line and column, from 1, of a value or of its key; of what is nearest above it when there is no such value.

        Examples
        --------
        >>> read('{"StartAt": "A",\\n "States": {}}').position(["States"], "key")
        (2, 2)
        """
        if self.text is None:
            return None, None
        if self._lines is None:
            self._lines = Lines(self.text)
        if self._places is None:
            self._places = JsonPlaces(self.text)
        line, column = self._lines.place(self._places.offset(pointer, of))
        return line + self.first_line - 1, column


@calm()
def read(
    definition: dict[str, Any] | str | bytes | pathlib.Path, source: str = "definition", *, first_line: int = 1
) -> Document:
    """Read a definition: JSON or YAML text, a file, or an object.

    Parameters
    ----------
    definition : dict, str, bytes or pathlib.Path
        A str is always text, never a file name.
    source : str
        What messages call it; a Path is called by its file name.
    first_line : int
        Number of the text's first line, for messages.

    Raises
    ------
    DefinitionError
        It is no JSON or YAML, or holds what JSON cannot hold.
    UsageError
        The file cannot be read.

    Examples
    --------
    >>> read("StartAt: A\\nStates: {A: {Type: Succeed}}").value
    {'StartAt': 'A', 'States': {'A': {'Type': 'Succeed'}}}
    """
    wanted = None
    if isinstance(definition, pathlib.PurePath):
        wanted = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}.get(definition.suffix.lower())
        source = definition.name if source == "definition" else source
        path = pathlib.Path(definition)
        try:
            definition = path.read_bytes()
        except OSError as problem:
            raise UsageError(f'Cannot read "{path}": {problem.strerror or problem}.') from None
    if isinstance(definition, (bytes, bytearray, memoryview)):
        if len(definition) > 4 * MAX_CHARACTERS:
            raise _too_large(source, first_line)
        definition = _decode(bytes(definition), source, first_line)
    if not isinstance(definition, str):
        return _read_object(definition, source)
    if len(definition) > MAX_CHARACTERS:
        raise _too_large(source, first_line)
    text = definition.removeprefix("\ufeff")
    try:
        text.encode()
    except UnicodeEncodeError as half:
        message = f"Half a surrogate pair (U+{ord(text[half.start]):04X}) stands in the text."
        raise _refusal(text, source, first_line, Fault(half.start, message, "Remove the character.")) from None
    if (wanted or _looks_like(text)) == "yaml":
        return _read_yaml(text, source, first_line)
    return _read_json(text, source, first_line, is_file=wanted is not None)


def _too_large(source: str, first_line: int | None = None, message: str | None = None) -> DefinitionError:
    message = message or f"The definition is longer than {MAX_CHARACTERS} characters."
    fix = "Move data into the input or into files, and parts of the workflow into workflows of their own."
    column = None if first_line is None else 1
    return DefinitionError([Problem("ERROR", "DEFINITION_TOO_LARGE", message, "/", first_line, column, fix)], source)


def _looks_like(text: str) -> str:
    head = text.lstrip()
    if head.startswith(("{", "[", "//", "/*")):
        return "json"
    if head.startswith(("---", "%YAML")) or (head and _FIELD_LINE.search(text, 0, _MOST_BEFORE_A_FIELD)):
        return "yaml"
    return "json"


def _decode(data: bytes, source: str, first_line: int) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        problem = Problem(
            "ERROR", "INVALID_JSON_DESCRIPTION", "The file is UTF-16.", "/", first_line, 1, "Save it as UTF-8."
        )
        raise DefinitionError([problem], source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = data[: problem.start].decode("utf-8-sig", "replace")
        message = f"The byte 0x{data[problem.start]:02x} is no UTF-8."
        raise _refusal(before, source, first_line, Fault(len(before), message, "Save the text as UTF-8.")) from None


def _refusal(
    text: str, source: str, first_line: int, *faults: Fault, code: str = "INVALID_JSON_DESCRIPTION"
) -> DefinitionError:
    lines = Lines(text)
    problems = []
    for fault in faults:
        line, column = lines.place(fault.start)
        where = _SURROGATE.sub("?", location_of((fault.steps or ())[:_MAX_STEPS]))
        problems.append(Problem("ERROR", code, fault.message, where, line + first_line - 1, column, fault.fix))
    return DefinitionError(problems, source)


def _read_json(text: str, source: str, first_line: int, is_file: bool = False) -> Document:
    head = text.lstrip()
    if not head:
        raise DefinitionError(
            [Problem("ERROR", "SCHEMA_VALIDATION_FAILED", NOT_AN_OBJECT, "", first_line, 1, EXAMPLE)], source
        )
    try:
        refused_at_once = _look_at_top(text, first_line)
        if refused_at_once:
            raise DefinitionError(refused_at_once, source)
        value = load(text)
    except TooMany:
        raise _too_large(source, first_line, f"The definition holds more than {MAX_CONTAINERS} objects and arrays.") from None
    except NotJson as refused:
        if not (is_file or head[0] in "{[/"):
            raise _no_json_at_all(text, source, first_line) from None
        raise _explained(refused, text, source, first_line) from None
    if not isinstance(value, dict):
        raise _no_object(text, source, first_line, len(text) - len(head))
    return Document(value, text, "json", source, first_line)


def _look_at_top(text: str, first_line: int) -> list[Problem]:
    """What is wrong with the fields at the top of a long text: no states, or much that stands outside of them."""
    if len(text) < MAX_OUTSIDE:
        return []
    values = top_of(text)
    document = Document({}, text, "json", "", first_line)
    if len(values) > MAX_TOP_FIELDS:
        return [_too_many_fields(document)]
    begins = {name: bytes(view[:1]) for name, raw in values.items() if len(view := memoryview(raw)) > MAX_OUTSIDE}
    return [_outside_of_states(document, n) for n, b in begins.items() if b == b"[" or (b == b"{" and n != "States")]


def _outside_of_states(document: Document, name: str) -> Problem:
    line, column = document.position((name,), "key")
    message, fix = f'The field "{name[:80]}" holds more than a definition has outside of its states.', "Remove the field."
    if name == "States":
        message, fix = "Expected value of type Object", 'Write {"name of a state": {"Type": ...}}.'
    return Problem("ERROR", "SCHEMA_VALIDATION_FAILED", message, location_of((name[:80],)), line, column, fix)


def _too_many_fields(document: Document) -> Problem:
    line, column = document.position(())
    message = f"The definition has more than {MAX_TOP_FIELDS} fields outside of its states."
    return Problem("ERROR", "SCHEMA_VALIDATION_FAILED", message, "/", line, column, "Remove what is no field of a definition.")


def _no_object(text: str, source: str, first_line: int, start: int) -> DefinitionError:
    line, column = Lines(text).place(start)
    fix = _hint(text) or EXAMPLE
    problem = Problem("ERROR", "SCHEMA_VALIDATION_FAILED", NOT_AN_OBJECT, "", line + first_line - 1, column, fix)
    return DefinitionError([problem], source)


def _explained(refused: NotJson, text: str, source: str, first_line: int) -> DefinitionError:
    """Why the decoder refused the text; every key that repeats, or the one thing that stops the reading."""
    lines = Lines(text)
    scanner = Scanner(text, lambda offset: lines.line_of(offset) + first_line - 1, refused)
    try:
        scanner.scan()
    except Fault as fault:
        fault.steps = fault.steps or scanner.path
        return _refusal(text, source, first_line, fault)
    return _refusal(text, source, first_line, *(scanner.faults or [scanner.decoders_word(0)]))


def _no_json_at_all(text: str, source: str, first_line: int) -> DefinitionError:
    """A text that is neither an object nor a YAML mapping is answered in the cloud's words, with our help."""
    lines = Lines(text)
    start = len(text) - len(text.lstrip())
    token = _TOKEN.match(text, start)
    wanted = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
    if token is not None and not token.group()[0].isdigit():
        what = f"Unrecognized token '{token.group()[:256]}': was expecting ({wanted})"
        line, column = lines.place(token.end())
    else:
        found = text[start]
        what = f"Unexpected character ('{found}' (code {ord(found)})): expected a valid value ({wanted})"
        line, column = lines.place(start + 1)
    shown = f'"{text[:500]}"' + (f"[truncated {len(text) - 500} chars]" if len(text) > 500 else "")
    where = f"[Source: (String){shown}; line: {line}, column: {column}]"
    own_line, own_column = lines.place(start)
    problem = Problem(
        "ERROR",
        "INVALID_JSON_DESCRIPTION",
        f"{what}\n at {where}",
        where,
        own_line + first_line - 1,
        own_column,
        _hint(text) or EXAMPLE,
    )
    return DefinitionError([problem], source)


def _hint(text: str) -> str | None:
    name = text.strip().strip('"')
    if "\n" not in name and name.lower().endswith((".json", ".yaml", ".yml")):
        return f'A str is read as text, never as a file name: pass pathlib.Path("{name[:120]}").'
    return None


def _read_yaml(text: str, source: str, first_line: int) -> Document:
    from asw_nb.language.reader_yaml import Composer

    lines = Lines(text)

    def look(composer: Composer) -> None:
        if composer.faults:
            raise Enough
        _look_at_part(composer, text, source, first_line)

    composer = Composer(text, lambda offset: lines.line_of(offset) + first_line - 1, look)
    code = "INVALID_YAML_DESCRIPTION"
    value: Any = None
    start: int | None = None
    try:
        value, start = composer.compose()
    except Fault as fault:
        fault.steps = composer.path
        raise _refusal(text, source, first_line, fault, code=code) from None
    except Enough:
        pass
    if composer.faults or start is None:
        raise _refusal(text, source, first_line, *composer.faults, code=code)
    if not isinstance(value, dict):
        raise _no_object(text, source, first_line, start)
    return Document(value, text, "yaml", source, first_line, composer.places(value, start))


def _look_at_part(composer: Composer, text: str, source: str, first_line: int) -> None:
    """Refuse a long text early: YAML is read twenty times slower than JSON, and it need not be a definition.

    Only what no dialect takes counts, and nothing that the rest of the text may still put right.
    """
    from asw_nb.language.rules import check_part

    root, *inner = composer.frames
    value = root.container
    if not isinstance(value, dict):
        raise _no_object(text, source, first_line, root.at)
    document = Document(value, text, "yaml", source, first_line, composer.places(value, root.at))
    if len(value) > MAX_TOP_FIELDS:
        problems = [_too_many_fields(document)]
    elif inner and (root.key != "States" or isinstance(inner[0].container, list)):
        problems = [_outside_of_states(document, root.key or "")]
    else:
        path = composer.path
        problems = check_part(document, {location_of(path[:level]) for level in range(len(path) + 1)})
    if problems:
        message = f"Reading stopped after {composer.count} values."
        closing = Problem("ERROR", "MORE_PROBLEMS", message, fix="Correct these first, then check again.")
        raise DefinitionError([*problems, closing], source)


def _read_object(definition: Any, source: str) -> Document:
    problems: list[Problem] = []

    def refuse(pointer: tuple[Step, ...], message: str, fix: str) -> None:
        location = _SURROGATE.sub("?", location_of(pointer))
        problems.append(Problem("ERROR", "INVALID_JSON_DESCRIPTION", message, location, fix=fix))
        if len(problems) >= _MAX_REPORTED:
            raise _Stop

    def copy(value: Any, pointer: tuple[Step, ...]) -> Any:
        kind = type(value)
        if kind is str:
            if not value.isascii() and _SURROGATE.search(value):
                refuse(
                    pointer, "This string holds half a surrogate pair.", "Write both halves, or the character itself."
                )
            return value
        if kind is bool or value is None:
            return value
        if isinstance(value, int):
            if value.bit_length() > _MAX_BITS:
                refuse(pointer, "The number has more than 4300 digits.", "Write it as a string.")
                return 0
            return int(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                refuse(pointer, f"{float(value)} is no JSON value.", "Write a number, a string or null.")
            return float(value)
        if isinstance(value, (dict, list, tuple)):
            if len(pointer) >= MAX_DEPTH:
                message = f"Objects and arrays are nested deeper than {MAX_DEPTH} levels, or inside themselves."
                refuse(pointer[:3], message, "Flatten the definition.")
                raise _Stop
            if isinstance(value, dict):
                return copy_object(value, pointer)
            return [
                child if _needs_no_look(child) else copy(child, (*pointer, index)) for index, child in enumerate(value)
            ]
        if isinstance(value, str):
            return copy(str.__str__(value), pointer)
        fix = {"set": "Write a list.", "frozenset": "Write a list.", "bytes": "Decode it to a str."}
        refuse(
            pointer,
            f'A value of type "{kind.__name__}" is no JSON value.',
            fix.get(kind.__name__, "Convert it to a JSON value."),
        )
        return None

    def copy_object(value: dict[Any, Any], pointer: tuple[Step, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, child in value.items():
            if not isinstance(key, str):
                message = f'The key {str(key)[:60]} is no string but of type "{type(key).__name__}".'
                refuse(pointer, message, f'Write "{str(key)[:60]}".')
                continue
            key = str.__str__(key)
            if not key.isascii() and _SURROGATE.search(key):
                refuse(pointer, "A key holds half a surrogate pair.", "Write both halves, or the character itself.")
            found[key] = child if _needs_no_look(child) else copy(child, (*pointer, key))
        return found

    if not isinstance(definition, dict):
        raise DefinitionError([Problem("ERROR", "SCHEMA_VALIDATION_FAILED", NOT_AN_OBJECT, "", fix=EXAMPLE)], source)
    try:
        value = copy(definition, ())
    except _Stop:
        value = {}
    if problems:
        raise DefinitionError(problems, source)
    if len(msgspec.json.encode(value)) > MAX_CHARACTERS:
        raise _too_large(source)
    return Document(value, None, "object", source)


def _needs_no_look(value: Any) -> bool:
    """Whether a value is plain JSON at first sight, as most are."""
    kind = type(value)
    return (kind is str and value.isascii()) or kind is bool or value is None


class _Stop(Exception):
    """Nothing further is to be learned: the object is nested in itself, or enough is told."""


__all__ = ["Document", "location_of", "read"]
