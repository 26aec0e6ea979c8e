"""The front door for values: whatever a function returns or a caller passes becomes plain JSON data, or is refused
with its place.

The result shares nothing with what came in, so that a function which later changes its list changes nothing here.
Refused rather than guessed: NaN and infinities (JSON has none), sets, Decimal, and objects; numpy and pandas scalars,
arrays, dates and UUIDs have one obvious JSON form and get it. Bytes are taken as JSON text, as a function runtime
takes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import msgspec

from asw_nb.errors import UsageError

MAX_DEPTH = 300

_SCALARS = frozenset({str, bool, int, type(None)})
_SMALL = _SCALARS | {float}


STORED_ASSIGNS = 40
"""The variables of an execution may have 40 times what one Assign may set: 10 MiB in the cloud, and 256 KiB."""

_WORD = 200  # characters of a text that is not worth measuring
_MOST_OF_A_WORD = 6 * _WORD + 2  # its bytes: JSON writes some characters as six


class TooLarge(ValueError):
    """Variables have more bytes than they may have."""


class NotJson(ValueError):
    """The value has no JSON form; the message says where in it and what to do."""


def to_json(value: Any, at: str = "$", depth: int = 0) -> Any:
    """A copy of the value made of dict, list, str, int, float, bool and None.

    Raises
    ------
    NotJson

    Examples
    --------
    >>> to_json({"a": (1, 2.5), 3: None})
    {'a': [1, 2.5], '3': None}
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if depth > MAX_DEPTH:
        raise NotJson(f"{at[:80]}... is nested more than {MAX_DEPTH} levels deep")
    if kind is float:
        if math.isfinite(value):
            return value
        raise NotJson(f"{at} is {value}, which JSON cannot hold: use None instead")
    if kind is dict:
        return {
            (k if type(k) is str else _key(k, at)): (v if type(v) in _SCALARS else to_json(v, f"{at}.{k}", depth + 1))
            for k, v in value.items()
        }
    if kind is list or kind is tuple:
        return [v if type(v) in _SCALARS else to_json(v, f"{at}[{i}]", depth + 1) for i, v in enumerate(value)]
    return _other(value, at, depth)


def _key(key: Any, at: str) -> str:
    if isinstance(key, str):
        return str(key)
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise NotJson(f"a key of {at} is a {type(key).__name__}: JSON keys are strings")


def _other(value: Any, at: str, depth: int) -> Any:
    if isinstance(value, dict):
        return to_json(dict(value), at, depth)
    if isinstance(value, (list, tuple)):
        return to_json(list(value), at, depth)
    if isinstance(value, range):
        return list(value)
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return to_json(float(value), at, depth)
    if isinstance(value, (bytes, bytearray)):
        try:
            return to_json(json.loads(value), at, depth)
        except ValueError:
            raise NotJson(f"{at} is bytes that are no JSON text: decode it, or use base64") from None
    if isinstance(value, (datetime, date, time)):
        if value != value:
            raise NotJson(f"{at} is {value} (no time), which JSON cannot hold: use None instead")
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and hasattr(value, "tolist") and value.dtype.kind != "m":
        if value.dtype.kind == "M":  # whose tolist() gives bare nanoseconds
            if (value != value).any():
                raise NotJson(f"{at} holds NaT (no time), which JSON cannot hold: use None instead")
            value = value.astype(str)
        return to_json(value.tolist(), at, depth)
    if module == "pandas":
        name = type(value).__name__
        fix = {"DataFrame": '.to_dict("records")', "Series": ".tolist()", "Index": ".tolist()"}.get(name)
        if fix is None:
            raise NotJson(f"{at} is a pandas {name}: turn it into a string, a number or None")
        raise NotJson(f"{at} is a pandas {name}: return its {fix}, or write it to a file and return the file's name")
    raise NotJson(f"{at} is a {type(value).__name__}, which is no JSON value: use numbers, strings, lists and dicts")


def argument(value: Any, what: str, verb: str = "is") -> Any:
    """What a caller passes, as JSON data.

    Raises
    ------
    UsageError
    """
    try:
        return to_json(value, what)
    except NotJson as problem:
        raise UsageError(f"the {what} {verb} no JSON value: {problem}.") from None


def copy_json(value: Any) -> Any:
    """A copy of JSON data that shares no list or dict with it: what a function is given, since it may change its
    event."""
    kind = type(value)
    if kind is dict:
        return {k: v if type(v) in _SCALARS else copy_json(v) for k, v in value.items()}
    if kind is list:
        return [v if type(v) in _SCALARS else copy_json(v) for v in value]
    return value


def encode(value: Any) -> bytes:
    """JSON bytes of a value that came through `to_json`."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError, msgspec.EncodeError):
        # a lone surrogate: the standard library writes it as an escape
        return json.dumps(value, separators=(",", ":")).encode()


def decode(data: bytes | str) -> Any:
    """The value of JSON bytes that `encode` made."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)


def printable(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate becomes its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def size_bytes(value: Any) -> int:
    """Length of the value's JSON text, as the payload limits count it."""
    return len(encode(value))


def check_variables(values: dict[str, Any], limit: int) -> int:
    """The bytes of the variables that one Assign sets; 0 for numbers, words and the like, which are not worth measuring.

    Raises
    ------
    TooLarge
        One variable, or all of them together, have more than `limit` bytes.
    """
    if len(values) * _MOST_OF_A_WORD <= limit:
        for value in values.values():
            if type(value) not in _SMALL or (type(value) is str and len(value) > _WORD):
                break
        else:
            return 0
    size = size_bytes([*values.values()])
    if size > limit:
        sizes = {name: size_bytes(value) for name, value in values.items()}
        for name, own in sizes.items():
            if own > limit:
                raise TooLarge(f"The variable '{name[:80]}' has a size of {own} bytes, which exceeds the limit of {limit} bytes.")
        size = sum(sizes.values())
        if size > limit:
            raise TooLarge(f"The variables of one Assign have a size of {size} bytes, which exceeds the limit of {limit} bytes.")
    return size


def check_all_variables(scopes: Iterable[dict[str, Any]], limit: int) -> int:
    """The bytes of the large variables of an execution; a variable that several branches see counts once.

    Raises
    ------
    TooLarge
        They have more than `STORED_ASSIGNS` times `limit` bytes.
    """
    seen: dict[tuple[str, int], Any] = {}
    for variables in {id(scope): scope for scope in scopes}.values():
        seen.update({(name, id(value)): value for name, value in variables.items()})
    size = sum(size_bytes(value) for value in seen.values() if type(value) not in _SMALL or type(value) is str)
    if size > STORED_ASSIGNS * limit:
        raise TooLarge(
            f"The variables of the execution have a size of {size} bytes, which exceeds the limit of {STORED_ASSIGNS * limit} bytes."
        )
    return size


__all__ = [
    "MAX_DEPTH",
    "STORED_ASSIGNS",
    "NotJson",
    "TooLarge",
    "argument",
    "check_all_variables",
    "check_variables",
    "copy_json",
    "decode",
    "encode",
    "printable",
    "size_bytes",
    "to_json",
]
