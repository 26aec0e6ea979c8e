"""The eighteen ``States.*`` intrinsic functions: a small call grammar, and a table of what each does.

::

    call     = "States." name "(" [ argument { "," argument } ] ")"
    argument = call | path | 'string' | number | true | false | null

`compile_intrinsic` turns the text into `call(data, env)`. A failing function raises `StateError` with the name
``States.IntrinsicFailure``. Randomness comes from `env.rng` so that a seeded run repeats itself.

Sources: States Language specification, appendix "Intrinsic functions"; rounding of ``MathAdd`` and ``MathRandom`` (half
up, each argument by itself), sizes and limits as the cloud documents and shows them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import msgspec

from asw_nb.errors import StateError, nearest
from asw_nb.language.nesting import check_growth
from asw_nb.language.paths import Getter, NoMatch, PathSyntaxError, compile_path

MAX_BASE64 = 10_000
MAX_HASH_INPUT = 10_000
MAX_RANGE = 1_000
MAX_TEXT = 8 * 2**20
MAX_BITS = 8_192


class IntrinsicSyntaxError(PathSyntaxError):
    """The text is no intrinsic call."""


def is_intrinsic(text: str) -> bool:
    """Whether a template value means a call rather than a path."""
    return text.lstrip().startswith("States.")


def compact(value: Any) -> str:
    """A value as the cloud prints it inside texts: JSON without blanks."""
    if type(value) is dict or type(value) is list:
        check_growth(value)
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.EncodeError, UnicodeEncodeError, TypeError, RecursionError, OverflowError):
        return json.dumps(value, separators=(",", ":"), default=str)


# --------------------------------------------------------------------------- grammar

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"States\.(\w+)\s*\(")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?=\s*[,)])")
_WORD = re.compile(r"(true|false|null)(?=\s*[,)])")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'", re.S)
_WORDS = {"true": True, "false": False, "null": None}
_PIECE = re.compile(r"\\([{}'\\])|(\{\})|(.)", re.S)


class _Literal:
    r"""A 'string' argument: its text, and the pieces between its ``{}``, which ``\{`` and ``\}`` do not make."""

    def __init__(self, raw: str) -> None:
        self.pieces = [""]
        self.text = ""
        for escaped, gap, plain in _PIECE.findall(raw):
            self.text += escaped or gap or plain
            if gap:
                self.pieces.append("")
            else:
                self.pieces[-1] += escaped or plain

    def __call__(self, data: Any, env: Any) -> str:
        return self.text


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, what: str, hint: str | None = None) -> IntrinsicSyntaxError:
        text = f"{what} at character {self.at + 1} of {self.text[:200]}"
        return IntrinsicSyntaxError(text if hint is None else f"{text}.{hint}")

    def skip(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def call(self, depth: int = 0) -> Getter:
        if depth > 10:
            raise self.fail("more than 10 nested intrinsic functions")
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self.fail("an intrinsic function such as States.Format(...) is expected")
        name = match.group(1)
        if name not in FUNCTIONS:
            hit = nearest(name, FUNCTIONS)
            raise self.fail(f'unknown intrinsic function "States.{name}"', hit and f' Did you mean "States.{hit}"?')
        start = self.at
        self.at = match.end()
        arguments: list[Getter] = []
        self.skip()
        if self.text[self.at : self.at + 1] != ")":
            while True:
                arguments.append(self.argument(depth))
                self.skip()
                mark = self.text[self.at : self.at + 1]
                if mark == ")":
                    break
                if mark != ",":
                    raise self.fail('"," or ")" is expected')
                self.at += 1
                self.skip()
        self.at += 1
        least, most, work = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} or more" if most > 99 else f"{least} to {most}"
            raise self.fail(f"States.{name} takes {wanted} arguments, {len(arguments)} are given; call ends")
        return _bind(name, self.text[start : self.at], work, arguments)

    def argument(self, depth: int) -> Getter:
        text = self.text
        if text.startswith("States.", self.at):
            return self.call(depth + 1)
        for pattern in (_STRING, _NUMBER, _WORD):
            match = pattern.match(text, self.at)
            if match is None:
                continue
            self.at = match.end()
            constant: Any
            if pattern is _STRING:
                return _Literal(match.group(1))
            if pattern is _NUMBER:
                constant = json.loads(match.group())
                if isinstance(constant, float) and math.isinf(constant):
                    raise self.fail(f"the number {match.group()} is too large")
            else:
                constant = _WORDS[match.group(1)]
            return lambda data, env: constant
        if text[self.at : self.at + 1] == "$":
            end = self.path_end()
            path = text[self.at : end].rstrip()
            self.at = end
            return _argument(path, text.strip())
        raise self.fail("a path, a 'string', a number, true, false, null or another call is expected")

    def path_end(self) -> int:
        """Where a path argument ends: at a comma or bracket that is not inside brackets or quotes."""
        depth, quote, at = 0, "", self.at
        while at < len(self.text):
            c = self.text[at]
            if quote:
                if c == "\\":
                    at += 1
                elif c == quote:
                    quote = ""
            elif c in "'\"" and depth:
                quote = c
            elif c in "[(":
                depth += 1
            elif c in "])":
                if depth == 0:
                    break
                depth -= 1
            elif c == "," and depth == 0:
                break
            at += 1
        return at


def _argument(path: str, expression: str) -> Getter:
    """A path that has to find something; else the cloud names the argument and the whole expression."""
    get = compile_path(path)

    def look(data: Any, env: Any) -> Any:
        try:
            return get(data, env)
        except NoMatch as miss:
            # a path into the context object is told as the path inside of it
            shown = path[1:] if path.startswith("$$") else path
            why = (
                f"The JsonPath argument for the field '{shown}' could not be found in the input '{compact(data)}'"
                if miss.sensible
                else miss.why
            )
        raise StateError("States.Runtime", f"The function '{expression}' had the following error: {why}")

    return look


def _bind(name: str, text: str, work: Callable[..., Any], arguments: list[Getter]) -> Getter:
    needs_rng = name in ("MathRandom", "UUID")
    if name == "Format" and isinstance(arguments[0], _Literal):
        work = partial(_fill, arguments[0].pieces)
        arguments = arguments[1:]

    def call(data: Any, env: Any) -> Any:
        values = [a(data, env) for a in arguments]
        try:
            return work(env.rng, *values) if needs_rng else work(*values)
        except _Bad as problem:
            why = str(problem)
        except UnicodeEncodeError:
            why = "The string holds half of a surrogate pair, which has no UTF-8 form"
        raise StateError("States.IntrinsicFailure", f"The function '{text}' had the following error: {why}")

    return call


@lru_cache(maxsize=4096)
def compile_intrinsic(text: str) -> Getter:
    """Compile an intrinsic call to `call(data, env)`.

    Raises
    ------
    IntrinsicSyntaxError
        At compile time. The compiled function raises `StateError` ``States.IntrinsicFailure`` and `NoMatch`.

    Examples
    --------
    >>> compile_intrinsic("States.MathAdd($.n, 1)")({"n": 41}, None)
    42
    """
    parser = _Parser(text)
    parser.skip()
    call = parser.call()
    parser.skip()
    if parser.at != len(text):
        raise parser.fail("nothing more is expected")
    return call


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Getter:
    """Compile what may stand behind a ``.$`` key: a path or an intrinsic call."""
    return compile_intrinsic(text) if is_intrinsic(text) else compile_path(text)


# --------------------------------------------------------------------------- the functions


class _Bad(Exception):
    """What is wrong with the arguments."""


def _want(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _Bad(f"{what}, but was: {compact(value)[:200]}")
    return value


def _number(value: Any) -> int:
    """A number argument, rounded half up as the cloud does, each by itself."""
    _want(value, (int, float), "The argument must be a number")
    return value if isinstance(value, int) else math.floor(value + 0.5)


def _format(template: Any, *values: Any) -> str:
    _want(template, str, "The first argument must be a string")
    return _fill(template.split("{}"), *values)


def _fill(parts: list[str], *values: Any) -> str:
    if len(parts) - 1 != len(values):
        raise _Bad(f"{len(parts) - 1} occurrences of {{}} but {len(values)} arguments")
    out = [parts[0]]
    for value, part in zip(values, parts[1:], strict=True):
        out += [value if isinstance(value, str) else compact(value), part]
    return _bounded(out)


def _bounded(pieces: list[str]) -> str:
    """The pieces as one text: a loop that puts a text twice into itself ends here."""
    if sum(map(len, pieces)) > MAX_TEXT:
        raise _Bad(f"The string must not be longer than {MAX_TEXT} characters")
    return "".join(pieces)


def _math_add(first: Any, second: Any) -> int:
    total = _number(first) + _number(second)
    if total.bit_length() > MAX_BITS:
        raise _Bad("The sum is too large")
    return total


def _string_to_json(text: Any) -> Any:
    _want(text, str, "The argument must be a string")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise _Bad(f"The string is not valid JSON: {text[:200]}") from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _array_partition(array: Any, size: Any) -> list[Any]:
    _want(array, list, "The first argument must be an array")
    size = _number(size)
    if size <= 0:
        raise _Bad(f"The chunk size must be a positive integer, but was: {size}")
    return [array[i : i + size] for i in range(0, len(array), size)]


def equal(a: Any, b: Any) -> bool:
    """JSON equality: true is not 1, but 1 is 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b and (type(a) is type(b) or (_is_number(a) and _is_number(b)))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _array_range(first: Any, last: Any, step: Any) -> list[int]:
    first, last, step = _number(first), _number(last), _number(step)
    if step == 0:
        raise _Bad("The increment must not be 0")
    count = max((last - first) // step + 1, 0)
    if count > MAX_RANGE:
        raise _Bad(f"The array must not have more than {MAX_RANGE} elements, it would have {count}")
    return [first + i * step for i in range(count)]


def _array_get_item(array: Any, index: Any) -> Any:
    _want(array, list, "The first argument must be an array")
    index = _number(index)
    if not 0 <= index < len(array):
        raise _Bad(f"The index {index} is outside the array of length {len(array)}")
    return array[index]


def _array_unique(array: Any) -> list[Any]:
    _want(array, list, "The argument must be an array")
    first_of: dict[Any, Any] = {}
    for value in array:
        first_of.setdefault(_frozen(value), value)
    return list(first_of.values())


def _frozen(value: Any) -> Any:
    """A hashable stand-in, equal for what `equal` calls equal."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(v)) for key, v in value.items())
    if isinstance(value, list):
        return tuple(_frozen(v) for v in value)
    return (bool, value) if isinstance(value, bool) else value


def _encode(text: Any) -> str:
    _want(text, str, "The argument must be a string")
    if len(text) > MAX_BASE64:
        raise _Bad(f"The string must not be longer than {MAX_BASE64} characters")
    return base64.b64encode(text.encode()).decode()


def _decode(text: Any) -> str:
    _want(text, str, "The argument must be a string")
    if len(text) > MAX_BASE64:
        raise _Bad(f"The string must not be longer than {MAX_BASE64} characters")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _Bad("The string is not valid Base64 of UTF-8 text") from None


_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def hash_text(data: Any, algorithm: Any) -> str:
    """The hexadecimal digest of a string, or of another value's JSON text."""
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise _Bad(f"The algorithm must be one of {', '.join(_ALGORITHMS)}, but was: {compact(algorithm)[:60]}")
    text = data if isinstance(data, str) else compact(data)
    if len(text) > MAX_HASH_INPUT:
        raise _Bad(f"The data must not be longer than {MAX_HASH_INPUT} characters")
    return hashlib.new(_ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    _want(first, dict, "The first argument must be an object")
    _want(second, dict, "The second argument must be an object")
    if deep is not False:
        raise _Bad("Only shallow merging is supported: the third argument must be false")
    return {**first, **second}


def _math_random(rng: random.Random, start: Any, end: Any, seed: Any = None) -> int:
    start, end = _number(start), _number(end)
    if start >= end:
        raise _Bad(f"The start {start} must be smaller than the end {end}")
    source = rng if seed is None else random.Random(_number(seed))
    return source.randrange(start, end)


def _string_split(text: Any, separators: Any) -> list[str]:
    """Every character of the second argument splits; empty pieces are dropped, as the cloud does."""
    _want(text, str, "The first argument must be a string")
    _want(separators, str, "The second argument must be a string")
    if not separators:
        return [text]
    return [piece for piece in re.split("[" + re.escape(separators) + "]", text) if piece]


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _array_contains(array: Any, value: Any) -> bool:
    return any(equal(value, v) for v in _want(array, list, "The first argument must be an array"))


def _length(array: Any) -> int:
    return len(_want(array, list, "The argument must be an array"))


FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "Array": (0, 1000, lambda *values: list(values)),
    "ArrayContains": (2, 2, _array_contains),
    "ArrayGetItem": (2, 2, _array_get_item),
    "ArrayLength": (1, 1, _length),
    "ArrayPartition": (2, 2, _array_partition),
    "ArrayRange": (3, 3, _array_range),
    "ArrayUnique": (1, 1, _array_unique),
    "Base64Decode": (1, 1, _decode),
    "Base64Encode": (1, 1, _encode),
    "Format": (1, 1000, _format),
    "Hash": (2, 2, hash_text),
    "JsonMerge": (3, 3, _json_merge),
    "JsonToString": (1, 1, lambda value: _bounded([compact(value)])),
    "MathAdd": (2, 2, _math_add),
    "MathRandom": (2, 3, _math_random),
    "StringSplit": (2, 2, _string_split),
    "StringToJson": (1, 1, _string_to_json),
    "UUID": (0, 0, _uuid),
}

__all__ = [
    "FUNCTIONS",
    "IntrinsicSyntaxError",
    "NoMatch",
    "compact",
    "compile_expression",
    "compile_intrinsic",
    "equal",
    "hash_text",
    "is_intrinsic",
]
