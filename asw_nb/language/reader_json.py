"""JSON text -> its tree, or one sentence about why it is no JSON.

The tree comes from a decoder written in C, which is fifty times faster than anything written here. A text that it refuses is read again, to
say what is wrong in the words of somebody who writes definitions::

    text --load--> tree
           |
        NotJson --> Scanner    goes down to the fault, through nothing but what contains it

`Scanner` spends its effort on the slips that people make: a trailing comma, single quotes, a comment, a brace that is never closed. It is
bounded, because a text may be hostile: beyond the bounds a fault is told in the decoder's words.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

MAX_DEPTH = 200
MAX_DUPLICATES = 50
MAX_CONTAINERS = 100_000
"""Objects and arrays of a definition: ten characters each, in the largest that there can be."""

# What explaining a fault may cost, in estimated nanoseconds: to look at one value here, and what the decoder needs to jump over values.
_PATIENCE = 15_000_000
_PER_LOOK, _PER_CHARACTER, _PER_VALUE = 1_500, 4, 80

_LARGE = 100_000
_MAX_BRACKETS = 100_000


class Fault(Exception):
    """The text breaks a rule at an offset; `steps` is the way from the top to it, where the reading knows it."""

    def __init__(
        self, start: int, message: str, fix: str | None = None, steps: Sequence[str | int] | None = None
    ) -> None:
        self.start, self.message, self.fix, self.steps = start, message, fix, steps
        super().__init__(message)


class NotJson(Exception):
    """The decoder refuses the text; the scan knows why.

    Attributes
    ----------
    offset : int or None
        Where the text stops being JSON; None when its form is that of JSON and something in it is refused.
    """

    def __init__(self, words: str, offset: int | None = None) -> None:
        self.words, self.offset = words, offset
        super().__init__(words)


class TooMany(Exception):
    """The text holds more objects and arrays than any definition."""


class Enough(Exception):
    """As many faults were found as are told."""


_BLANK = re.compile(r"[ \t\n\r]*")
_IN_STRING = re.compile(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+])", re.ASCII)
_WORD = re.compile(r"true|false|null")
_LOOSE = re.compile(r"[^\s,:\[\]{}\"']+")
_SINGLE = re.compile(r"'((?:[^'\\\n]++|\\.)*+)'")
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

TOO_DEEP = "too many levels"
HALF = "This string holds half a surrogate pair."


class _Refused(Exception):
    pass


def _refuse(word: str) -> Any:
    raise _Refused(word)


def _float(word: str) -> float:
    value = float(word)
    if math.isinf(value):
        raise _Refused(word)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("duplicate key")
    return found


# What jumps over good values in a text that is not good: by its form, or by all that is asked of a text.
_LENIENT = json.JSONDecoder(parse_constant=_refuse)
_STRICT = json.JSONDecoder(parse_constant=_refuse, parse_float=_float, object_pairs_hook=_object)

_DECODER = msgspec.json.Decoder()
_FORM = msgspec.json.Decoder(msgspec.Raw)  # looks at the form only
_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
# A number above 1e290 takes the decoder 9 microseconds, and Python's own reading a third of one.
_PYTHONS_FLOATS = msgspec.json.Decoder(float_hook=float)
_AT_BYTE = re.compile(r"^JSON is malformed: (.*) \(byte (\d+)\)$")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKET_OR_STRING = re.compile(r'[{}\[\]]|"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_COLON_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*+\\u003[aA]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def too_deep(value: Any, most: int = MAX_DEPTH) -> bool:
    """Whether a tree is nested deeper than `most` levels."""
    level = [value]
    for _ in range(most):
        # the quickest way to what is in many objects and arrays: a tree has no other referents than keys and values
        level = [child for child in gc.get_referents(*level) if type(child) is dict or type(child) is list]
        if not level:
            return False
    return True


def _written(value: Any) -> bytes | str:
    try:
        return msgspec.json.encode(value)
    except OverflowError:  # an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False)


def _count(written: bytes | str, word: str) -> int:
    return written.count(word) if isinstance(written, str) else written.count(word.encode())


def repeats_a_key(text: str, written: bytes | str) -> bool:
    """Whether an object of the text has a key twice.

    The decoder keeps the last of them, so what it read, written out again, has fewer colons than the text. Both write a colon as it is,
    in keys, between key and value and in strings alike; the text may also write its escape.
    """
    colons = text.count(":")
    if "\\u003" in text:
        colons += len(_COLON_ESCAPE.findall(text))
    return _count(written, ":") != colons


def top_of(text: str) -> dict[str, msgspec.Raw]:
    """The bytes of each value of the object that a text is; nothing when it is none."""
    try:
        return _TOP.decode(text)
    except (RecursionError, UnicodeEncodeError, msgspec.DecodeError):
        return {}


def load(text: str) -> Any:
    """The value of a JSON text; of one that is no object, only its type is certain.

    Raises
    ------
    NotJson
        For every text that `Scanner` finds a fault in.
    TooMany
    """
    try:
        if len(text) > _LARGE:
            _FORM.decode(text)  # ten times faster than the whole, when the text is no JSON
            if _containers(text) > MAX_CONTAINERS and _containers(_STRING.sub("", text)) > MAX_CONTAINERS:
                raise TooMany
            value = _PYTHONS_FLOATS.decode(text)
        else:
            value = _DECODER.decode(text)
        if type(value) is not dict:
            return value
        if _containers(text) > MAX_DEPTH and too_deep(value):
            raise NotJson(TOO_DEEP)
        written = _written(value)
        if len(text) > _LARGE and _count(written, "null") != text.count("null"):  # as which infinity is written
            if "\\u" not in text:
                raise NotJson("a number that is too large")
            value = _DECODER.decode(text)
    except RecursionError:
        raise NotJson(TOO_DEEP) from None
    except UnicodeEncodeError as problem:
        raise NotJson("half a surrogate pair", problem.start) from None
    except msgspec.DecodeError as problem:
        raise _not_json(str(problem), text) from None
    if repeats_a_key(text, written):
        raise NotJson("a key that is written twice in its object")
    return value


def _containers(text: str) -> int:
    return text.count("{") + text.count("[")


def _not_json(words: str, text: str) -> NotJson:
    if words == "Input data was truncated":
        return NotJson("the text ends too early", len(text))
    match = _AT_BYTE.match(words)
    if match is None:
        return NotJson("a number that is too large")
    at = int(match.group(2))
    return NotJson(match.group(1), at if text.isascii() else len(text.encode()[:at].decode("utf-8", "ignore")))


def _around_the_deepest(text: str) -> frozenset[int]:
    """Where the objects and arrays begin that lie around the first one that is too deep; none when that is far from here."""
    opened: list[int] = []
    for match in islice(_BRACKET_OR_STRING.finditer(text), _MAX_BRACKETS):
        mark = match.group()
        if mark in "{[":
            opened.append(match.start())
            if len(opened) > MAX_DEPTH:
                return frozenset(opened)
        elif mark in "}]" and opened:
            opened.pop()
    return frozenset()


class Scanner:
    """One reading of a JSON text that is refused.

    Parameters
    ----------
    text : str
    line_of : callable
        Offset -> number of the line.
    refused : NotJson, optional
        What the decoder said.

    Attributes
    ----------
    path : list
        The way to where the reading stands.
    faults : list of Fault
        Keys that repeat and halves of surrogate pairs: the reading goes on behind them.
    """

    def __init__(self, text: str, line_of: Any, refused: NotJson | None = None) -> None:
        self.text = text
        self.line_of = line_of
        self.refused = refused or NotJson("something that is no JSON")
        self.open: list[tuple[str, int]] = []
        self.path: list[str | int] = []
        self.faults: list[Fault] = []
        # What the decoder needs to jump over a good value; when its form alone is at stake it need not ask about anything else.
        self.halves = _SURROGATE_ESCAPE.search(text) is not None or (not text.isascii() and _SURROGATE.search(text) is not None)
        self.decoder = _LENIENT if self.refused.offset is not None and not self.halves else _STRICT
        values = text.count("{") + text.count("[") + text.count(",")
        self.rate = _PER_CHARACTER + _PER_VALUE * values / max(len(text), 1)
        self.left: float = _PATIENCE
        self.around = _around_the_deepest(text) if self.refused.words == TOO_DEEP else frozenset()

    def scan(self) -> None:
        """Read until `faults` holds what can be told.

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

    def tell(self, fault: Fault) -> None:
        self.faults.append(fault)
        if len(self.faults) >= MAX_DUPLICATES:
            raise Enough

    def skip(self, at: int) -> int:
        at = _BLANK.match(self.text, at).end()  # type: ignore[union-attr]
        if self.text.startswith(("//", "/*", "#"), at):
            fix = 'Remove it, put the text in a "Comment" field, or write the definition as YAML.'
            raise Fault(at, "JSON has no comments.", fix)
        return at

    def value(self, at: int) -> int:
        """Where the value ends that starts here."""
        text = self.text
        self.left -= _PER_LOOK
        if self.left < 0:
            if self.faults:
                raise Enough
            raise self.decoders_word(at)
        mark = text[at : at + 1]
        if mark == '"':
            return self.string(at)
        if mark == "{" or mark == "[":
            # The fault is in the definition and in its States, so nobody need ask whether it is.
            end = self.faultless(at) if len(self.open) > 1 and at not in self.around else None
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
        text, width = self.text, 1024  # ever larger pieces, so that what it takes is known even where a fault stops it
        while self.left > 0:
            piece = text[at : at + width]
            try:
                value, size = self.decoder.scan_once(piece, 0)  # type: ignore[attr-defined]
            except json.JSONDecodeError as problem:
                cut = problem.msg.startswith("Unterminated") or problem.pos > len(piece) - 16
                self.left -= self.rate * (len(piece) if cut else problem.pos)
                if not cut or at + width >= len(text):
                    return None
            except (StopIteration, _Refused, ValueError, RecursionError, MemoryError):
                self.left -= self.rate * len(piece)
                return None
            else:
                self.left -= self.rate * size
                return at + size if self.decoder is _LENIENT or self.is_fine(value, at, at + size) else None
            width *= 4
        return None

    def is_fine(self, value: Any, at: int, end: int) -> bool:
        """Whether a value is not too deep and has no half of a surrogate pair."""
        most = MAX_DEPTH - len(self.open)
        if end - at > most and too_deep(value, most):
            return False
        return not self.halves or not (_SURROGATE_ESCAPE.search(self.text, at, end) or _SURROGATE.search(self.text, at, end))

    def decoders_word(self, at: int) -> Fault:
        """What the decoder says, for a fault that lies behind more than is looked at here."""
        refused = self.refused
        if refused.offset is not None:
            fix = "Correct the text at this place; what stands before it is fine."
            return Fault(refused.offset, f"This is no JSON: {refused.words}.", fix)
        return Fault(at, f"Behind this value stands {refused.words}.", "Remove it.")

    def check_number(self, at: int, word: str) -> None:
        try:
            value = int(word) if word.lstrip("-").isdigit() else float(word)
            too_large = value in (math.inf, -math.inf)
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
                self.tell(Fault(key_at, message, "Remove or rename one of the two.", list(self.path)))
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
            end = self.string(at, True)
            return end, json.decoder.scanstring(text, at + 1)[0]  # type: ignore[attr-defined]
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

    def string(self, at: int, is_key: bool = False) -> int:
        text, start = self.text, at
        at = _IN_STRING.match(text, start + 1).end()  # type: ignore[union-attr]
        mark = text[at : at + 1]
        if mark == '"':
            if self.halves:
                word = json.decoder.scanstring(text, start + 1)[0]  # type: ignore[attr-defined]
                if _SURROGATE.search(word):
                    steps = [*self.path, word[:80]] if is_key else list(self.path)
                    self.tell(Fault(start, HALF, "Write both halves, or the character itself.", steps))
            return at + 1
        if mark == "\\":
            wrong = text[at : at + 2]
            shown = wrong if wrong.isprintable() else "\\"
            raise Fault(at, f'"{shown}" is no escape of JSON.', 'Write two backslashes for one: "\\\\".')
        if mark not in ("", "\n", "\r"):
            name = "tab" if mark == "\t" else f"control character U+{ord(mark):04X}"
            fix = 'Write "\\t".' if mark == "\t" else f'Write "\\u{ord(mark):04x}".'
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


__all__ = ["HALF", "MAX_CONTAINERS", "MAX_DEPTH", "MAX_DUPLICATES", "Enough", "Fault", "NotJson", "Scanner", "TooMany", "load", "too_deep", "top_of"]
