"""Text of an expression -> tokens, one at a time: the parser says whether a slash may divide or begins a regular expression.

The tokens are those of the parser's own library, which copies the rest of the text for every name and goes through it character by
character; long expressions took seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

_BLANK = re.compile(r"(?:[ \t\n\r]++|/\*(?s:.*?)\*/)*+")
_NAME = re.compile(r"[^ \t\n\r.\[\]{}(),@#;:?+\-*/%|=<>^&!~]*")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?")
_PLAIN = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_IN_PATTERN = re.compile(r"[/()\[\]{}]")
_FLAGS = re.compile(r"[im]*")
_OPERATOR = re.compile(r"\.\.|:=|[!<>]=|\*\*|~>|\?[:?]|[.\[\]{}(),@#;:?+\-*/%|=<>^&!~]")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, tuple[str, Any]] = {
    "and": ("operator", "and"),
    "or": ("operator", "or"),
    "in": ("operator", "in"),
    "true": ("value", True),
    "false": ("value", False),
    "null": ("value", None),
}


class Token(NamedTuple):
    """What was read, and where the reading then stood."""

    type: str
    value: Any
    position: int


class BadToken(Exception):
    """The text breaks off, or is none of the language's: the reference's code, the place, the token."""

    def __init__(self, code: str, position: int, token: str | None = None) -> None:
        self.code, self.position, self.token = code, position, token
        super().__init__(code)


class Tokens:
    """The tokens of a text.

    Parameters
    ----------
    text : str
    pattern : callable
        What a regular expression becomes: (source, ignore case, multiline) -> anything.
    number : callable
        What a number becomes.
    """

    __slots__ = ("number", "pattern", "position", "text")

    def __init__(self, text: str, pattern: Callable[[str, bool, bool], Any], number: Callable[[float], Any]) -> None:
        self.text, self.pattern, self.number = text, pattern, number
        self.position = 0

    def next(self, may_divide: bool) -> Token | None:
        """The next token; None at the end.

        Raises
        ------
        BadToken
        """
        text = self.text
        at = _BLANK.match(text, self.position).end()  # type: ignore[union-attr]
        self.position = at
        if at >= len(text):
            return None
        first = text[at]
        if first == "/":
            if text.startswith("/*", at):
                raise BadToken("S0106", at)
            if not may_divide:
                return self._regular_expression(at + 1)
        operator = _OPERATOR.match(text, at)
        if operator is not None:
            self.position = operator.end()
            return Token("operator", operator.group(), self.position)
        if first == '"' or first == "'":
            return self._string(at + 1, first)
        number = _NUMBER.match(text, at)
        if number is not None:
            value = float(number.group())
            if not math.isfinite(value):
                raise BadToken("S0102", at)
            self.position = number.end()
            return Token("number", self.number(value), self.position)
        if first == "`":
            end = text.find("`", at + 1)
            if end < 0:
                self.position = len(text)
                raise BadToken("S0105", self.position)
            self.position = end + 1
            return Token("name", text[at + 1 : end], self.position)
        self.position = end = _NAME.match(text, at).end()  # type: ignore[union-attr]
        if first == "$":
            return Token("variable", text[at + 1 : end], end)
        name = text[at:end]
        kind, value = _WORDS.get(name, ("name", name))
        return Token(kind, value, end)

    def _string(self, at: int, quote: str) -> Token:
        text, plain = self.text, _PLAIN[quote]
        parts: list[str] = []
        while True:
            end = plain.match(text, at).end()  # type: ignore[union-attr]
            parts.append(text[at:end])
            mark = text[end : end + 1]
            if mark == quote:
                self.position = end + 1
                return Token("string", "".join(parts), self.position)
            self.position = end + 1
            if not mark:
                self.position = len(text)
                raise BadToken("S0101", self.position)
            escaped = text[end + 1 : end + 2]
            if escaped in _ESCAPES:
                parts.append(_ESCAPES[escaped])
                at = end + 2
            elif escaped == "u":
                digits = _HEX.match(text, end + 2)
                if digits is None:
                    raise BadToken("S0104", self.position)
                parts.append(chr(int(digits.group(), 16)))
                at = end + 6
            else:
                raise BadToken("S0301", self.position, escaped)

    def _regular_expression(self, start: int) -> Token:
        """A slash ends it that is not escaped and stands in no brackets."""
        text, depth = self.text, 0
        for match in _IN_PATTERN.finditer(text, start):
            at, mark = match.start(), match.group()
            if mark == "/":
                before = at
                while text[before - 1] == "\\":
                    before -= 1
                if depth == 0 and (at - before) % 2 == 0:
                    break
            elif text[at - 1] != "\\":
                depth += 1 if mark in "([{" else -1
        else:
            self.position = len(text)
            raise BadToken("S0302", self.position)
        self.position = at
        if at == start:
            raise BadToken("S0301", at)
        self.position = end = _FLAGS.match(text, at + 1).end()  # type: ignore[union-attr]
        flags = text[at + 1 : end]
        return Token("regex", self.pattern(text[start:at], "i" in flags, "m" in flags), end)


__all__ = ["BadToken", "Token", "Tokens"]
