"""Where the values of a text stand: offsets found when somebody asks, and their lines and columns.

A good definition is asked for no place at all, and one with problems for a few, so nothing is worked out beforehand::

    JSON    JsonPlaces    opens the objects on the way to the value; a decoder says how long each value in them is
    YAML    YamlPlaces    looks it up among the offsets that the reading has noted

Both answer with the place of what is nearest around it when there is no such value, or when finding it would take long: a text may be
hostile, and its author gets a rougher place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

Step = str | int
Of = Literal["value", "key"]

# What all look-ups in one text may cost, in estimated nanoseconds.
_PATIENCE = 25_000_000
_PER_BYTE, _PER_VALUE, _PER_STEP = 3, 150, 800

_BLOCK = 8192
_CONTINUATION = bytes(range(0x80, 0xC0))  # the bytes of UTF-8 that begin no character

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_BLANK = re.compile(rb"[ \t\n\r,]*+")
_KEY = re.compile(rb'[ \t\n\r,]*+("(?:[^"\\]++|\\.)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)


class Places(Protocol):
    """Finds the offset of a value or of its key, of what is nearest above it when there is no such value."""

    def offset(self, pointer: Sequence[Step], of: Of) -> int: ...


class Lines:
    """Offsets of a text -> line and column, both from 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._before: list[tuple[int, int]] = [(0, -1)]  # for each block: line ends before it, the offset of the last of them

    def place(self, offset: int) -> tuple[int, int]:
        text, before = self.text, self._before
        block = offset // _BLOCK
        while len(before) <= block:
            start, end = (len(before) - 1) * _BLOCK, len(before) * _BLOCK
            count, last = before[-1]
            here = text.count("\n", start, end)
            before.append((count + here, text.rfind("\n", start, end) if here else last))
        count, last = before[block]
        start = block * _BLOCK
        here = text.count("\n", start, offset)
        return count + here + 1, offset - (text.rfind("\n", start, offset) if here else last)

    def line_of(self, offset: int) -> int:
        return self.place(offset)[0]


class _Opened:
    """An object or array, and what is known so far of the values in it."""

    __slots__ = ("at", "found", "left")

    def __init__(self, at: int, left: Iterator[tuple[Step, Any]]) -> None:
        self.at, self.left = at, left
        self.found: dict[Step, tuple[int, int, Any]] = {}


class JsonPlaces:
    """Places in a good JSON text."""

    def __init__(self, text: str) -> None:
        self._data = text.encode()
        self._chars: list[int] | None = None if len(self._data) == len(text) else [0]
        self._start = _BLANK.match(self._data).end()  # type: ignore[union-attr]
        self._opened: dict[int, _Opened] = {}
        self._left = _PATIENCE

    def offset(self, pointer: Sequence[Step], of: Of) -> int:
        key_at = at = self._start
        raw: Any = self._data
        for step in pointer:
            hit = self._child(at, raw, step)
            if hit is None:
                break
            key_at, at, raw = hit
        return self._in_characters(key_at if of == "key" else at)

    def _child(self, at: int, raw: Any, step: Step) -> tuple[int, int, Any] | None:
        """Where a key and its value begin, and the bytes of the value."""
        opened = self._opened.get(at)
        if opened is None:
            opened = self._opened[at] = self._open(at, raw)
        found = opened.found
        while step not in found and self._left > 0:
            left = next(opened.left, None)
            if left is None:
                break
            name, value = left
            if isinstance(name, str):
                match = _KEY.match(self._data, opened.at)
                assert match is not None
                key_at, value_at = match.start(1), match.end()
            else:
                key_at = value_at = _BLANK.match(self._data, opened.at).end()  # type: ignore[union-attr]
            found[name] = key_at, value_at, value
            opened.at = value_at + len(memoryview(value))
            self._left -= _PER_STEP
        return found.get(step)

    def _open(self, at: int, raw: Any) -> _Opened:
        mark = self._data[at : at + 1]
        size = len(memoryview(raw))
        if mark not in (b"{", b"[") or self._left <= 0:
            return _Opened(at, iter(()))
        values: Any = (_OBJECT if mark == b"{" else _ARRAY).decode(raw)
        self._left -= _PER_BYTE * size + _PER_VALUE * len(values)
        pairs: Iterable[tuple[Step, Any]] = values.items() if mark == b"{" else enumerate(values)
        return _Opened(at + 1, iter(pairs))

    def _in_characters(self, at: int) -> int:
        chars = self._chars
        if chars is None:
            return at
        data = self._data
        while len(chars) * _BLOCK <= at:
            start = (len(chars) - 1) * _BLOCK
            chars.append(chars[-1] + _characters(data[start : start + _BLOCK]))
        block = at // _BLOCK
        return chars[block] + _characters(data[block * _BLOCK : at])


def _characters(data: bytes) -> int:
    return len(data.translate(None, _CONTINUATION))


class YamlPlaces:
    """Places in a good YAML text, from what was noted when it was read.

    Parameters
    ----------
    root : dict or list
        The tree as it was read.
    start : int
        Where it begins.
    starts : dict
        The identity of a dict or list -> where each value in it begins.
    keys : dict
        The identity of a dict -> its keys, and where each begins.
    """

    def __init__(self, root: Any, start: int, starts: dict[int, list[int]], keys: dict[int, dict[str, int]]) -> None:
        self._root, self._start, self._starts, self._keys = root, start, starts, keys
        self._numbers: dict[int, dict[str, int]] = {}

    def offset(self, pointer: Sequence[Step], of: Of) -> int:
        key_at = at = self._start
        value = self._root
        for step in pointer:
            starts = self._starts.get(id(value))
            if starts is None:
                break
            if isinstance(step, str) and isinstance(value, dict) and step in value:
                key_at = self._keys[id(value)][step]
                numbers = self._numbers.get(id(value))
                if numbers is None:
                    numbers = self._numbers[id(value)] = {key: number for number, key in enumerate(value)}
                at = starts[numbers[step]]
            elif isinstance(step, int) and isinstance(value, list) and 0 <= step < len(value):
                key_at = at = starts[step]
            else:
                break
            value = value[step]
        return key_at if of == "key" else at


__all__ = ["JsonPlaces", "Lines", "Places", "YamlPlaces"]
