"""Paths, compiled once: text -> `get(data, env)` and, for reference paths, `put(root, value)`.

A *reference path* (fields, ``['x']``, ``[n]``) becomes a closure over a tuple of keys, about a hundred times faster
than any library; everything else (wildcards, slices, filters, ``..``) goes to python-jsonpath, in its lenient mode
because definitions of the service use unquoted hyphens and Chinese field names.

`env` is whatever stands around the data: `env.context()` is the context object (``$$``) and `env.variables` the
workflow variables (``$name``). Only the root of the path decides which of the three is read.

`put` copies along the path that it writes and shares the rest: data passed between states is never changed in place.

Sources: States Language specification, "Paths" and "Reference Paths"; wording and the rule "one value, or a list when
the path is indefinite" as the cloud's own JSONPath library (Jayway) has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from asw_nb.errors import AswError

Steps = tuple[str | int, ...]
Getter = Callable[[Any, Any], Any]

_ROOT = re.compile(r"\$\$|\$(?P<variable>[^\W\d]\w*)|\$")
_STEP = re.compile(
    r"""\.(?P<name>[^\s.\[\]()*?@,:'"$=<>!&|~]+)
      | \[\s*'(?P<single>(?:[^'\\]|\\.)*)'\s*\]
      | \[\s*"(?P<double>(?:[^"\\]|\\.)*)"\s*\]
      | \[\s*(?P<index>-?\d+)\s*\]""",
    re.X | re.S,
)


class Env(Protocol):
    """What a path can read besides its data."""

    variables: dict[str, Any]

    def context(self) -> dict[str, Any]: ...


class PathSyntaxError(AswError):
    """The text is no path."""


class NoMatch(Exception):
    """The path finds nothing.

    Attributes
    ----------
    path : str
        Its normalised form, ``$['a'][0]``.
    why : str
        The sentence of the cloud's JSONPath library.
    sensible : bool
        False when the library does not say that nothing is there, but that the question makes no sense.
    beyond : bool
        The path ends behind the end of an array that is there.
    """

    def __init__(self, path: str, why: str | None = None, sensible: bool = True, beyond: bool = False) -> None:
        self.path, self.sensible, self.beyond = path, sensible, beyond
        self.why = why or f"No results for path: {path}"
        super().__init__(path)


class CannotPut(Exception):
    """The value cannot be placed there: the place is inside something that is no object or array."""


def normalised(steps: Steps, root: str = "$") -> str:
    """The bracket form of a reference path, as the cloud's messages print it.

    Examples
    --------
    >>> normalised(("a", 0))
    "$['a'][0]"
    """
    return root + "".join(f"[{s}]" if isinstance(s, int) else f"['{s}']" for s in steps)


def split_root(text: str) -> tuple[str, str]:
    """Separate ``$``, ``$$`` or ``$name`` from the rest of a path.

    Raises
    ------
    PathSyntaxError
        The text does not start like a path.
    """
    match = _ROOT.match(text)
    if match is None:
        raise PathSyntaxError(f'"{text[:60]}" is no path: a path starts with "$".')
    return match.group(), text[match.end() :]


def parse_reference_path(text: str) -> tuple[str, Steps] | None:
    """The root and the keys of a reference path; None when the text is something else.

    Examples
    --------
    >>> parse_reference_path("$.a['b c'][0]")
    ('$', ('a', 'b c', 0))
    >>> parse_reference_path("$.a[*]") is None
    True
    """
    match = _ROOT.match(text)
    if match is None:
        return None
    steps: list[str | int] = []
    at = match.end()
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            return None
        at = step.end()
        kind = step.lastgroup
        word = step.group(kind)  # type: ignore[arg-type]
        if kind == "index":
            steps.append(int(word))
        elif kind == "name":
            steps.append(word)
        else:
            steps.append(re.sub(r"\\(.)", r"\1", word))
    return match.group(), tuple(steps)


def _no_match(steps: Steps, value: Any) -> NoMatch:
    """Walk again and say where and why the way ends, as the cloud's JSONPath library (Jayway 2) says it."""
    shown = normalised(steps)
    for depth, step in enumerate(steps):
        here, last = normalised(steps[:depth]), depth == len(steps) - 1
        if isinstance(step, str):
            if not isinstance(value, dict):
                return NoMatch(shown, f"Property ['{step}'] not found in path {here}")
            if step not in value:
                return NoMatch(shown, None if last else f"Missing property in path {here}['{step}']")
            value = value[step]
        elif value is None:
            return NoMatch(shown, f"The path {here} is null")
        elif not isinstance(value, list):
            text = f"Filter: [{step}] can only be applied to arrays. Current context is: {_shown(value)}"
            return NoMatch(shown, text, sensible=False)
        elif -len(value) <= step < len(value):
            value = value[step]
        elif step < 0:
            break
        elif last:
            return NoMatch(shown, beyond=True)
        else:
            value = None
    return NoMatch(shown)


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)[:1000]


def _walker(steps: Steps) -> Callable[[Any], Any]:
    if not steps:
        return lambda value: value
    if len(steps) == 1 and isinstance(steps[0], str):
        key = steps[0]

        def field(value: Any) -> Any:
            try:
                return value[key]
            except (KeyError, TypeError):
                raise _no_match(steps, value) from None

        return field
    if all(isinstance(s, str) for s in steps):

        def fields(root: Any) -> Any:
            value = root
            try:
                for name in steps:
                    value = value[name]
            except (KeyError, TypeError):
                raise _no_match(steps, root) from None
            return value

        return fields

    def mixed(root: Any) -> Any:
        value = root
        for step in steps:
            if isinstance(step, int):
                if not isinstance(value, list) or not -len(value) <= step < len(value):
                    raise _no_match(steps, root)
            elif not isinstance(value, dict) or step not in value:
                raise _no_match(steps, root)
            value = value[step]
        return value

    return mixed


def _query(rest: str, root: str) -> Callable[[Any], Any]:
    """A full JSONPath: one value when it can only be one, else the list of all hits (an empty one included)."""
    from asw_nb.language.path_queries import QuerySyntaxError, compile_query

    if rest.endswith(".length()"):
        inner = compile_path("$" + rest[: -len(".length()")])  # `value` is already what the root stands for

        def length(value: Any) -> Any:
            found = inner(value, None)
            if not isinstance(found, (list, dict, str)):
                raise NoMatch(root + rest)
            return len(found)

        return length
    try:
        find, definite = compile_query(rest)
    except QuerySyntaxError as problem:
        raise PathSyntaxError(f'"{root}{rest[:60]}" is no valid JSONPath: {problem}') from None

    def query(value: Any) -> Any:
        found = find(value)
        if not definite:
            return found
        if not found:
            raise NoMatch(root + rest)
        return found[0]

    return query


@lru_cache(maxsize=4096)
def compile_path(text: str) -> Getter:
    """Compile a path to `get(data, env)`.

    Returns
    -------
    callable
        Gives the value, or the list of values of an indefinite path.

    Raises
    ------
    PathSyntaxError
        At compile time. The compiled function raises `NoMatch`.

    Examples
    --------
    >>> compile_path("$.a.b")({"a": {"b": 1}}, None)
    1
    """
    reference = parse_reference_path(text)
    root, rest = split_root(text)
    walk = _walker(reference[1]) if reference is not None else _query(rest, root)
    if root == "$":
        if not rest:
            return lambda data, env: data
        return lambda data, env: walk(data)
    if root == "$$":
        return lambda data, env: walk(env.context())
    name = root[1:]

    def variable(data: Any, env: Env) -> Any:
        if name not in env.variables:
            raise NoMatch(root)
        return walk(env.variables[name])

    return variable


@lru_cache(maxsize=4096)
def compile_put(text: str) -> Callable[[Any, Any], Any]:
    """Compile a reference path to `put(root, value)`, which returns a new root.

    Raises
    ------
    PathSyntaxError
        The text is no reference path into ``$``. The compiled function raises `CannotPut`.

    Examples
    --------
    >>> compile_put("$.b.c")({"a": 1}, 2)
    {'a': 1, 'b': {'c': 2}}
    """
    reference = parse_reference_path(text)
    if reference is None or reference[0] != "$":
        raise PathSyntaxError(
            f'"{text[:60]}" is no reference path: use "$", fields and indexes only, such as "$.a.b[0]".'
        )
    steps = reference[1]

    def put(root: Any, value: Any, depth: int = 0) -> Any:
        if depth == len(steps):
            return value
        step = steps[depth]
        if isinstance(step, str):
            if not isinstance(root, dict):
                raise CannotPut
            below = root.get(step)
            if depth + 1 < len(steps) and below is None:
                below = {} if isinstance(steps[depth + 1], str) else []
            return {**root, step: put(below, value, depth + 1)}
        if not isinstance(root, list) or not -len(root) <= step <= len(root):
            raise CannotPut
        copy = list(root)
        if step == len(root):
            copy.append(None)
            below = None if depth + 1 == len(steps) else {} if isinstance(steps[depth + 1], str) else []
        else:
            below = root[step]
        copy[step] = put(below, value, depth + 1)
        return copy

    return put


__all__ = [
    "CannotPut",
    "Env",
    "Getter",
    "NoMatch",
    "PathSyntaxError",
    "compile_path",
    "compile_put",
    "normalised",
    "parse_reference_path",
    "split_root",
]
