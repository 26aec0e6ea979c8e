"""What a JSONata expression computes with: JSON values as Python has them, and a few marked ones.

`None` is null, `UNDEFINED` is "nothing". A list that the evaluation itself builds is of a class that says how it behaves:

    Sequence   the result of a path or of `$map`: one member stands for itself, none for nothing
    Cons       an array constructor inside a path: not flattened into the result
    Made       any other array built by the expression

The data handed in are plain lists and dicts and are never changed; so `plain` has to copy only what was built here.
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from typing import Any

from asw_nb.errors import AswError
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run


class _Undefined:
    """The only value of its kind: the expression yields nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> _Undefined:
        return self

    def __deepcopy__(self, _memo: object) -> _Undefined:
        return self


UNDEFINED: Any = _Undefined()


class JsonataSyntaxError(AswError):
    """The text is no JSONata expression.

    Attributes
    ----------
    code : str
        The reference implementation's, such as ``S0202``.
    message : str
    position : int
        0-based character in the expression.
    """

    def __init__(self, code: str, message: str, position: int) -> None:
        self.code, self.message, self.position = code, message, position
        super().__init__(f"{code}: {message} (character {position})")


class Made(list):
    """An array that the expression built."""

    __slots__ = ()


class Cons(Made):
    """An array built by a constructor that stands as a step of a path."""

    __slots__ = ()


class Sequence(Made):
    """A result that collapses: `keep` (``[]``) says that one member stays an array; `tuples` marks rows of bindings."""

    __slots__ = ("keep", "tuples")

    def __init__(self, members: Any = ()) -> None:
        super().__init__(members)
        self.keep = False
        self.tuples = False


class Whole(Sequence):
    """The document itself when it is an array: one value to a path, and the array to ``$``."""

    __slots__ = ()


class Tuple(dict):
    """One row of a path that binds variables (``@``, ``#``, ``%``): the names bound, and the focus under ``@``."""

    __slots__ = ()


class Record(dict):
    """An object that the expression built."""

    __slots__ = ()


class Function:
    """Anything that can be called. `arity` is the number of parameters that it wants to be given."""

    __slots__ = ()
    arity = 1

    @abstractmethod
    def enter(self, args: list[Any], context: Any, run: Run) -> Any:
        """Call it with `args`; `context` fills in for a missing first one where the signature says so."""


def collapse(value: Any) -> Any:
    """A sequence of one is its member, an empty one is nothing."""
    if type(value) is Sequence and not value.tuples:
        if not value:
            return UNDEFINED
        if len(value) == 1 and not value.keep:
            return value[0]
    return value


def is_number(value: Any) -> bool:
    """A number, and a finite one: an infinite number is an error wherever a number is asked for."""
    kind = type(value)
    if kind is int:
        return True
    if kind is float:
        if math.isinf(value):
            raise JsonataError("D1001", value=value)
        return value == value
    return False


def truth(value: Any, run: Run) -> bool:
    """What `$boolean` says; nothing counts as false."""
    kind = type(value)
    if kind is bool:
        return value
    if value is None or value is UNDEFINED:
        return False
    if kind is str:
        return value != ""
    if isinstance(value, list):
        run.step(len(value))
        return any(truth(member, run) for member in value)
    if isinstance(value, dict):
        return len(value) > 0
    if isinstance(value, Function):
        return False
    return is_number(value) and value != 0


def equal(left: Any, right: Any, run: Run) -> bool:
    """Deep equality of two JSON values; ``true`` is not 1."""
    if left is right:
        return left == left
    kind, other = type(left), type(right)
    if kind is str or other is str:
        return left == right
    if kind is bool or other is bool or left is None or right is None:
        return False
    if isinstance(left, list):
        if not isinstance(right, list) or len(left) != len(right):
            return False
        run.step(len(left) + 1)
        return all(equal(a, b, run) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        if not isinstance(right, dict) or len(left) != len(right):
            return False
        run.step(len(left) + 1)
        return all(key in right and equal(value, right[key], run) for key, value in left.items())
    if isinstance(left, Function) or isinstance(right, (Function, list, dict)):
        return False
    return bool(left == right)


# --- numbers and text -----------------------------------------------------------------------------------------------

SAFE = 2**53


def number(value: int | float) -> int | float:
    """A computed number with the precision of a double: beyond 2^53 integers are rounded, as JSONata's are."""
    if type(value) is int and not -SAFE <= value <= SAFE:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def number_text(value: int | float) -> str:
    """A number in the shortest text that reads back as itself, in JavaScript's notation."""
    if type(value) is int:
        return str(value) if -(10**400) < value < 10**400 else number_text(number(value))
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0") or "0"
    sign = "-" if value < 0 else ""
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


def short_number(value: int | float) -> str:
    """A number inside a text: 15 significant digits, so that 0.1 + 0.2 reads 0.3."""
    if type(value) is float and not value.is_integer():
        return number_text(float(f"{value:.15g}"))
    return number_text(value)


_quote = json.JSONEncoder(ensure_ascii=False).encode


def text(value: Any, run: Run, pretty: bool = False) -> str:
    """What `$string` makes of a value that is not nothing."""
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return number_text(value)
    if kind is float:
        if not math.isfinite(value):
            raise JsonataError("D3001", value=value)
        return short_number(value)
    if isinstance(value, Function):
        return ""
    parts: list[str] = []
    _write(value, parts, run, "\n" if pretty else "")
    return "".join(parts)


def _write(value: Any, parts: list[str], run: Run, indent: str) -> None:
    """Append the JSON text of `value`; `indent` is the line break in front of a member, empty for one line."""
    kind = type(value)
    if kind is str:
        piece = _quote(value)
    elif value is None or value is UNDEFINED:
        piece = "null"
    elif kind is bool:
        piece = "true" if value else "false"
    elif isinstance(value, Function):
        piece = '""'
    elif isinstance(value, dict):
        _write_members(value, parts, run, indent)
        return
    elif isinstance(value, list):
        inner = indent and indent + "  "
        parts.append("[")
        run.grow(2)
        for index, member in enumerate(value):
            parts.append(("," if index else "") + inner)
            _write(member, parts, run, inner)
        parts.append(indent + "]" if value else "]")
        return
    elif kind is float and not is_number(value):
        piece = "null"
    else:
        piece = short_number(value)
    parts.append(piece)
    run.grow(len(piece) + 50)


def _write_members(value: dict[str, Any], parts: list[str], run: Run, indent: str) -> None:
    inner = indent and indent + "  "
    parts.append("{")
    run.grow(2)
    first = True
    for key, member in value.items():
        if member is UNDEFINED:
            continue
        name = _quote(key)
        run.grow(len(name) + 50)
        parts.append(("" if first else ",") + inner + name + (": " if indent else ":"))
        _write(member, parts, run, inner)
        first = False
    parts.append("}" if first else indent + "}")


# --- the way out ----------------------------------------------------------------------------------------------------


def plain(value: Any, run: Run) -> Any:
    """The value as plain JSON: only what was built here is copied, the rest is the caller's own data.

    A small expression can refer to one value very often (`[$a, $a]`, again and again); such a result is small here and
    endless as text. Hence the size is counted while copying, and the size of referred data as soon as there are many.
    """
    return _Output(run).plain(value)


class _Output:
    """One walk over a result."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.referred = 0
        self.sizes: dict[int, int] = {}

    def plain(self, value: Any) -> Any:
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        if kind is float:
            return self.number(value)
        if isinstance(value, Made):
            self.run.grow(8 * len(value) + 56)
            return [None if member is UNDEFINED else self.plain(member) for member in value]
        if kind is Record:
            self.run.grow(100 * len(value) + 64)
            return {key: self.plain(member) for key, member in value.items() if member is not UNDEFINED}
        if kind is dict or kind is list:
            self.refer(value)
            return value
        if isinstance(value, Function):
            raise JsonataError("D3144", value="function")
        return value

    def number(self, value: float) -> Any:
        if not math.isfinite(value):  # which JSON does not have: the cloud writes JavaScript's names
            return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return int(value) if abs(value) < 1e21 and value.is_integer() else value

    def refer(self, value: Any) -> None:
        """Count a reference to the caller's data; the first few cost nothing."""
        self.referred += 1
        if self.referred > 32:
            self.run.grow(self.size(value))

    def size(self, value: Any) -> int:
        known = self.sizes.get(id(value))
        if known is None:
            members = value.values() if isinstance(value, dict) else value
            known = 64 + sum(
                self.size(member)
                if isinstance(member, (dict, list))
                else len(member) + 50
                if type(member) is str
                else 24
                for member in members
            )
            self.sizes[id(value)] = known
            self.run.step(len(value))
        return known
