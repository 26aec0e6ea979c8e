"""JSON text -> where every value stands, or one sentence about why it is no JSON.

The tree itself comes from the standard library's decoder, which is ten times faster than anything written here, and
which is also used to jump over what nobody asks about::

    good text, a place is asked for --> Places    opens the objects on the way to it, one level each
    text that the decoder refuses ----> Scanner   goes down to the fault, through nothing but what contains it

`Scanner` spends its effort on the slips that people make: a trailing comma, single quotes, a comment, a brace that is
never closed. Both are bounded, because a text may be hostile: beyond the bounds a place is that of something around it,
and a fault is told in the decoder's words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

MAX_DEPTH = 200
MAX_DUPLICATES = 50

# What finding places and explaining a fault may cost: characters that the decoder reads again, values looked at here.
_MAX_REREAD = 4_000_000
_MAX_LOOKED_AT = 20_000


class Node(NamedTuple):
    """Where a value starts (offset in the text) and the nodes inside it."""

    start: int
    fields: dict[str, tuple[int, Node]] | None = None
    items: list[Node] | None = None


class Fault(Exception):
    """The text breaks a rule at an offset; `steps` is the way from the top to it, where the reading knows it."""

    def __init__(
        self, start: int, message: str, fix: str | None = None, steps: Sequence[str | int] | None = None
    ) -> None:
        self.start, self.message, self.fix, self.steps = start, message, fix, steps
        super().__init__(message)


class NotJson(Exception):
    """The decoder refuses the text; the scan knows why."""


class Enough(Exception):
    """As many duplicate keys were found as are told."""


_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+])", re.ASCII)
_WORD = re.compile(r"true|false|null")
_LOOSE = re.compile(r"[^\s,:\[\]{}\"']+")
_SINGLE = re.compile(r"'((?:[^'\\\n]|\\.)*)'")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_NAMES = {"{": "object", "[": "array"}
_CLOSERS = {"{": "}", "[": "]"}
_LITERALS = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "None": "null",
    "NULL": "null",
    "nil": "null",
}
_NO_VALUES = {"NaN", "Infinity", "-Infinity", "undefined", "-inf", "inf", "nan"}


def _refuse(word: str) -> Any:
    raise NotJson(word)


def _float(word: str) -> float:
    value = float(word)
    if math.isinf(value):
        raise NotJson(word)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("duplicate key")
    return found


# The decoder that takes what we take, and one without questions for texts that it took.
_STRICT = json.JSONDecoder(parse_constant=_refuse, parse_float=_float, object_pairs_hook=_object)
_LENIENT = json.JSONDecoder()


def too_deep(value: Any, most: int = MAX_DEPTH) -> bool:
    """Whether a tree is nested deeper than `most` levels."""
    level = [value]
    for _ in range(most):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def load(text: str) -> Any:
    """The value of a JSON text, the fast way.

    Raises
    ------
    NotJson
        For every text that `scan` refuses.
    """
    try:
        value = _STRICT.decode(text)
    except (ValueError, RecursionError, MemoryError) as problem:
        raise NotJson(str(problem)) from problem
    if text.count("{") + text.count("[") > MAX_DEPTH and isinstance(value, (dict, list)) and too_deep(value):
        raise NotJson("depth")
    return value


class Places:
    """Where the values of a good JSON text stand; an object or array is opened when something in it is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Node(_BLANK.match(text, 0).end())  # type: ignore[union-attr]
        self._opened: dict[int, Node] = {}
        self._left = _MAX_REREAD

    def inside(self, node: Node) -> Node:
        """The node with the places of what stands directly in it."""
        found = self._opened.get(node.start)
        if found is None:
            found = self._opened[node.start] = self._open(node)
        return found

    def _open(self, node: Node) -> Node:
        text, start = self.text, node.start
        if text[start] not in "{[" or self._left <= 0:
            return node
        fields: dict[str, tuple[int, Node]] = {}
        items: list[Node] = []
        blank, skip = _BLANK.match, _LENIENT.scan_once  # type: ignore[attr-defined]
        at = blank(text, start + 1).end()  # type: ignore[union-attr]
        while text[at] not in "}]":
            if text[start] == "{":
                key_at = at
                key, at = json.decoder.scanstring(text, at + 1)  # type: ignore[attr-defined]
                at = blank(text, blank(text, at).end() + 1).end()  # type: ignore[union-attr]
                fields[key] = (key_at, Node(at))
            else:
                items.append(Node(at))
            at = blank(text, skip(text, at)[1]).end()  # type: ignore[union-attr]
            if text[at] == ",":
                at = blank(text, at + 1).end()  # type: ignore[union-attr]
        self._left -= at - start
        return Node(start, fields=fields) if text[start] == "{" else Node(start, items=items)


class Scanner:
    """One reading of a JSON text that is refused; `path` is where it stands, `duplicates` are the keys that repeat."""

    def __init__(self, text: str, line_of: Any) -> None:
        self.text = text
        self.line_of = line_of
        self.open: list[tuple[str, int]] = []
        self.path: list[str | int] = []
        self.duplicates: list[Fault] = []
        self.reread = _MAX_REREAD
        self.looked_at = 0

    def scan(self) -> None:
        """Read until `duplicates` holds what can be told.

        Raises
        ------
        Fault
            Something else is wrong.
        """
        try:
            at = self.skip(self.value(self.skip(0)))
        except Enough:
            return
        if at < len(self.text):
            found = self.text[at]
            if found in "}]":
                raise Fault(
                    at, f'This "{found}" closes nothing: the definition ended before it.', f'Remove the "{found}".'
                )
            raise Fault(at, "There is more text after the end of the definition.", "Remove it, or join the two parts.")

    def skip(self, at: int) -> int:
        at = _BLANK.match(self.text, at).end()  # type: ignore[union-attr]
        if self.text.startswith(("//", "/*", "#"), at):
            fix = 'Remove it, put the text in a "Comment" field, or write the definition as YAML.'
            raise Fault(at, "JSON has no comments.", fix)
        return at

    def value(self, at: int) -> int:
        """Where the value ends that starts here."""
        text = self.text
        self.looked_at += 1
        if self.looked_at > _MAX_LOOKED_AT:
            raise self.decoders_word(at)
        mark = text[at : at + 1]
        if mark == '"':
            return self.string(at)
        if mark == "{" or mark == "[":
            end = self.faultless(at)
            if end is not None:
                return end
            return self.object(at) if mark == "{" else self.array(at)
        match = _NUMBER.match(text, at)
        if match is not None:
            self.check_number(at, match.group())
            return match.end()
        match = _WORD.match(text, at)
        if match is not None and not text[match.end() : match.end() + 1].isalnum():
            return match.end()
        raise self.no_value(at)

    def faultless(self, at: int) -> int | None:
        """Where an object or array ends in which nothing is wrong; None when something is, or nobody has looked."""
        if self.reread <= 0:
            return None
        try:
            value, end = _STRICT.scan_once(self.text, at)  # type: ignore[attr-defined]
        except (StopIteration, NotJson, ValueError, RecursionError, MemoryError) as problem:
            self.reread -= (problem.pos if isinstance(problem, json.JSONDecodeError) else len(self.text)) - at
            return None
        most = MAX_DEPTH - len(self.open)
        if end - at > most and too_deep(value, most):
            self.reread -= end - at
            return None
        return end

    def decoders_word(self, at: int) -> Fault:
        """What the decoder says, for a fault that lies behind more than is looked at here."""
        try:
            load(self.text)
        except NotJson as problem:
            cause = problem.__cause__ or problem.__context__
            if isinstance(cause, json.JSONDecodeError):
                fix = "Correct the text at this place; what stands before it is fine."
                return Fault(cause.pos, f"This is no JSON: {cause.msg}.", fix)
            return Fault(at, f"Behind this value stands something that is no JSON: {str(problem)[:60]}.", "Remove it.")
        return Fault(at, "This is no JSON.", "Remove it.")

    def check_number(self, at: int, word: str) -> None:
        try:
            too_large = math.isinf(float(word))
            int(word) if word.lstrip("-").isdigit() else None
        except ValueError:
            too_large = True
        if too_large:
            raise Fault(at, f"The number {word[:20]}... is too large.", "Write it as a string.")

    def enter(self, at: int) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise Fault(at, f"Objects and arrays are nested deeper than {MAX_DEPTH} levels.", "Flatten the definition.")
        self.open.append((self.text[at], at))

    def object(self, at: int) -> int:
        text = self.text
        fields: dict[str, int] = {}
        self.enter(at)
        at = self.skip(at + 1)
        comma = -1
        while True:
            if text[at : at + 1] == "}" and comma < 0:
                break
            key_at = at
            at, key = self.key(at, comma)
            at = self.skip(at)
            if text[at : at + 1] != ":":
                raise self.no_colon(at, key)
            self.path.append(key)
            end = self.value(self.skip(at + 1))
            at = self.skip(end)
            if key in fields:
                first = self.line_of(fields[key])
                message = f'The key "{key[:80]}" is written twice in this object, first on line {first}.'
                self.duplicates.append(Fault(key_at, message, "Remove or rename one of the two.", list(self.path)))
                if len(self.duplicates) >= MAX_DUPLICATES:
                    raise Enough
            self.path.pop()
            fields[key] = key_at
            mark = text[at : at + 1]
            if mark == "}":
                break
            if mark != ",":
                raise self.no_comma(at, end)
            comma, at = at, self.skip(at + 1)
        self.open.pop()
        return at + 1

    def array(self, at: int) -> int:
        text = self.text
        count = 0
        self.enter(at)
        at = self.skip(at + 1)
        comma = -1
        while True:
            mark = text[at : at + 1]
            if mark == "]":
                if comma >= 0:
                    raise Fault(comma, "There is a comma after the last item of the array.", "Remove the comma.")
                break
            self.path.append(count)
            end = self.value(at)
            at = self.skip(end)
            self.path.pop()
            count += 1
            mark = text[at : at + 1]
            if mark == "]":
                break
            if mark != ",":
                raise self.no_comma(at, end)
            comma, at = at, self.skip(at + 1)
        self.open.pop()
        return at + 1

    def key(self, at: int, comma: int) -> tuple[int, str]:
        text = self.text
        mark = text[at : at + 1]
        if mark == '"':
            end = self.string(at)
            return end, json.loads(text[at:end])
        if mark == "":
            raise self.unclosed()
        if mark == "}" and comma >= 0:
            raise Fault(comma, "There is a comma after the last field of the object.", "Remove the comma.")
        if mark == "'":
            raise self.single_quoted(at, "Field names")
        if mark in "“”„‘’":
            raise Fault(at, "Typographic quotes do not quote in JSON.", 'Use the straight quote " instead.')
        if mark == ",":
            raise Fault(at, "A field is missing before this comma.", "Remove the comma.")
        if mark in "{[]:":
            raise Fault(at, f'A field name in double quotes is expected here, not "{mark}".', 'Write "name": value.')
        match = _LOOSE.match(text, at)
        word = match.group()[:60] if match else mark
        raise Fault(at, f"The field name {word} has no quotes.", f'Write "{word}".')

    def string(self, at: int) -> int:
        match = _STRING.match(self.text, at)
        if match is not None:
            return match.end()
        text, start = self.text, at
        at += 1
        while True:
            at = _PLAIN.match(text, at).end()  # type: ignore[union-attr]
            if text[at : at + 1] != "\\":
                break
            escape = _ESCAPE.match(text, at)
            if escape is None:
                wrong = text[at : at + 2]
                shown = wrong if wrong.isprintable() else "\\"
                raise Fault(at, f'"{shown}" is no escape of JSON.', 'Write two backslashes for one: "\\\\".')
            at = escape.end()
        if text[at : at + 1] not in ("", "\n", "\r"):
            name = "tab" if text[at] == "\t" else f"control character U+{ord(text[at]):04X}"
            fix = 'Write "\\t".' if text[at] == "\t" else f'Write "\\u{ord(text[at]):04x}".'
            raise Fault(at, f"A raw {name} stands inside a string.", fix)
        raise Fault(start, "The string that starts here is not closed on its line.", "Add the closing double quote.")

    def unclosed(self) -> Fault:
        if not self.open:
            return Fault(len(self.text), "A value is missing at the end of the text.", "Write the value.")
        opener, start = self.open[-1]
        closer = _CLOSERS[opener]
        return Fault(
            start, f'The {_NAMES[opener]} opened here with "{opener}" is never closed.', f'Add the missing "{closer}".'
        )

    def no_colon(self, at: int, key: str) -> Fault:
        if at >= len(self.text):
            return self.unclosed()
        fix = f'Write "{key[:60]}": value.'
        if self.text[at] == "=":
            return Fault(at, 'JSON separates a field from its value with ":", not "=".', fix)
        return Fault(at, f'A ":" is missing after the field name "{key[:60]}".', fix)

    def no_comma(self, at: int, end: int) -> Fault:
        opener, start = self.open[-1]
        mark = self.text[at : at + 1]
        if mark == "":
            return self.unclosed()
        if mark in "]}":
            where = f"line {self.line_of(start)}"
            message = f'This "{mark}" cannot close the {_NAMES[opener]} opened with "{opener}" on {where}.'
            return Fault(at, message, f'Write "{_CLOSERS[opener]}", or close what is open first.')
        if mark in "\"'{[" or mark.isalnum() or mark in "-_$":
            return Fault(end, "A comma is missing here.", "Add a comma between the two values.")
        return Fault(at, f'"{mark}" cannot stand here: a comma or "{_CLOSERS[opener]}" is expected.', "Remove it.")

    def single_quoted(self, at: int, what: str) -> Fault:
        match = _SINGLE.match(self.text, at)
        fix = f'Write "{match.group(1)[:60]}".' if match else "Use \" instead of '."
        return Fault(at, f"{what} are written in double quotes, not in single quotes.", fix)

    def no_value(self, at: int) -> Fault:
        text = self.text
        mark = text[at : at + 1]
        if mark == "":
            return self.unclosed()
        if mark in ",}]":
            return Fault(at, f'A value is missing before this "{mark}".', "Write the value.")
        if mark == "'":
            return self.single_quoted(at, "Texts")
        if mark in "“”„‘’":
            return Fault(at, "Typographic quotes do not quote in JSON.", 'Use the straight quote " instead.')
        if text.startswith("${", at):
            return Fault(
                at, "A ${name} stands outside of quotes.", 'Write "${name}": the quotes go when it is filled in.'
            )
        match = _LOOSE.match(text, at)
        word = match.group()[:60] if match else mark
        if word in _LITERALS:
            return Fault(at, f"{word} is no JSON value.", f"Write {_LITERALS[word]}.")
        if word in _NO_VALUES:
            return Fault(at, f"{word} is no JSON value.", "Write a number, a string or null.")
        if word[0].isdigit() or word[0] in "+-.":
            fix = "Write digits without a leading zero or plus, and digits on both sides of a point."
            return Fault(at, f"{word} is no JSON number.", fix)
        return Fault(at, f"{word} is no JSON value.", f'Write "{word}" if it is a text.')


__all__ = ["MAX_DEPTH", "MAX_DUPLICATES", "Enough", "Fault", "Node", "NotJson", "Places", "Scanner", "load", "too_deep"]
