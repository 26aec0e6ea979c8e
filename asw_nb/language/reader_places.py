"""Where the values of a text stand: offsets found when somebody asks, and their lines and columns.

A good definition is asked for no place at all, and one with problems for a few, so nothing is worked out beforehand::

    JSON    JsonPlaces    opens the objects on the way to the value; decoders say how long each value in them is
    YAML    YamlPlaces    looks it up among the offsets that the reading has noted

Both answer with the place of what is nearest around it when there is no such value, or when finding it would take long: a text may be
hostile, and its author gets a rougher place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, Protocol

import msgspec

Step = str | int
Of = Literal["value", "key"]

# What all look-ups in one text may cost, in estimated nanoseconds.
_PATIENCE = 25_000_000
_PER_BYTE, _PER_VALUE, _PER_STEP = 3, 150, 800

# The values at the beginning of an object are measured one by one, since most problems are found there, the others at once.
_NEAR_BYTES, _NEAR_VALUES = 65_536, 400

_BLOCK = 8192
_CONTINUATION = bytes(range(0x80, 0xC0))  # the bytes of UTF-8 that begin no character

_end_of_value = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
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
    """An object or array, and what is known so far of the values in it: where each and its key begin, and its bytes."""

    __slots__ = ("found", "left")

    def __init__(self, left: Iterator[tuple[Step, int, int, Any]]) -> None:
        self.left = left
        self.found: dict[Step, tuple[int, int, Any]] = {}


class _Patience:
    """What look-ups may still cost."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _PATIENCE


class JsonPlaces:
    """Places in a good JSON text."""

    def __init__(self, text: str) -> None:
        self._data = text.encode()
        self._chars: list[int] | None = None if len(self._data) == len(text) else [0]
        self._start = _BLANK.match(self._data).end()  # type: ignore[union-attr]
        self._opened: dict[int, _Opened] = {}
        self._patience = _Patience()

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
            opened = self._opened[at] = _Opened(_values(self._data, at, raw, self._patience))
        found = opened.found
        while step not in found and self._patience.left > 0:
            left = next(opened.left, None)
            if left is None:
                break
            name, key_at, value_at, value = left
            found[name] = key_at, value_at, value
            self._patience.left -= _PER_STEP
        return found.get(step)

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


def _values(data: bytes, at: int, raw: Any, patience: _Patience) -> Iterator[tuple[Step, int, int, Any]]:
    """Key or number of each value in an object or array, where the key and the value begin, and its bytes."""
    is_object = data[at : at + 1] == b"{"
    if not is_object and data[at : at + 1] != b"[":
        return
    at += 1
    number = 0
    size = min(_NEAR_BYTES, len(memoryview(raw)))
    near, start = data[at : at + size].decode("latin-1"), at  # a character for each byte
    while number < _NEAR_VALUES:
        found = _before_value(data, at, is_object)
        if found is None:
            break
        key_at, key_end, value_at = found
        try:
            end = start + _end_of_value(near, value_at - start)[1]
        except (StopIteration, ValueError, RecursionError):
            break
        if end - start >= len(near) - 1:  # it may go on behind what was looked at
            break
        yield json.loads(data[key_at:key_end]) if is_object else number, key_at, value_at, data[value_at:end]
        at, number = end, number + 1
    values: Any = (_OBJECT if is_object else _ARRAY).decode(raw)
    patience.left -= _PER_BYTE * len(memoryview(raw)) + _PER_VALUE * len(values)
    for name, value in islice(values.items() if is_object else enumerate(values), number, None):
        key_at, _, value_at = _before_value(data, at, is_object) or (at, at, at)
        yield name, key_at, value_at, value
        at = value_at + len(memoryview(value))


def _before_value(data: bytes, at: int, is_object: bool) -> tuple[int, int, int] | None:
    """Where the next key begins and ends, and where the value begins."""
    if is_object:
        match = _KEY.match(data, at)
        return (match.start(1), match.end(1), match.end()) if match is not None else None
    at = _BLANK.match(data, at).end()  # type: ignore[union-attr]
    return None if data[at : at + 1] == b"]" else (at, at, at)


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
