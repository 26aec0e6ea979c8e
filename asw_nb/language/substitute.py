"""``${name}`` in the strings of a definition: filled after parsing, typed, without any evaluation.

A string that is exactly ``"${n}"`` becomes the value itself, a number, list or object included; inside a longer
string the value is written as text. ``$${`` gives a literal ``${``. Dots and indexes look into the value:
``${config.tables[0]}``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, time
from numbers import Number
from typing import Any

from asw_nb.errors import did_you_mean

_REFERENCE = re.compile(r"\$\$\{|\$\{\s*([^{}]*?)\s*\}")
_NAME = re.compile(r"[^\W\d]\w*")
_STEP = re.compile(r"\.([^\W\d]\w*)|\[(-?\d+)\]|\[['\"]([^'\"]+)['\"]\]")


class NoValue(Exception):
    """The reference leads nowhere; `fix` says what would. `name` is given when nothing bears it: it may come later."""

    def __init__(self, message: str, fix: str, name: str | None = None) -> None:
        self.message, self.fix, self.name = message, fix, name
        super().__init__(message)


def resolve(reference: str, lookup: Callable[[str], Any], known: Callable[[], Iterable[str]]) -> Any:
    """The value of ``name.field[0]``.

    Parameters
    ----------
    reference : str
    lookup : callable
        name -> value; raises KeyError.
    known : callable
        Gives the names to suggest from.

    Raises
    ------
    NoValue
    """
    match = _NAME.match(reference)
    if match is None:
        raise NoValue(
            f'"${{{reference}}}" is no reference.',
            'Write a name, such as "${table}", with fields and indexes behind it.',
        )
    name, at = match.group(), match.end()
    try:
        value = lookup(name)
    except KeyError:
        fix = did_you_mean(name, known()).strip() or f"Define it, or give it with -p {name}=VALUE."
        raise NoValue(f'there is no "{name}" for "${{{reference}}}".', fix, name) from None
    while at < len(reference):
        step = _STEP.match(reference, at)
        if step is None:
            raise NoValue(
                f'"${{{reference}}}" is no reference.',
                "Only fields and indexes may follow the name; nothing is evaluated.",
            )
        field, index, quoted = step.groups()
        try:
            value = value[int(index)] if index is not None else value[field or quoted]
        except (KeyError, IndexError, TypeError):
            raise NoValue(
                f'"{reference[: step.end()]}" has no value.', f'Check what "{reference[:at]}" holds.'
            ) from None
        at = step.end()
    return value


def _as_text(reference: str, value: Any) -> str:
    """How a value reads inside a longer string."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        if isinstance(value, (Number, date, time)):  # a number of numpy, a Decimal, a timestamp
            return str(value)
        raise NoValue(
            f'"${{{reference}}}" is a {type(value).__name__}, which has no place inside a text.',
            "Give a text, a number, or JSON data.",
        ) from None


def substitute(
    tree: Any,
    value_of: Callable[[str], Any],
    problem: Callable[[tuple[str | int, ...], NoValue], None],
    pointer: tuple[str | int, ...] = (),
) -> Any:
    """A copy of the tree with every reference filled; what cannot be filled is handed to `problem` and left as it is.

    Examples
    --------
    >>> substitute({"a": "${n}", "b": "no. ${n}", "c": "$${n}"}, {"n": 3}.__getitem__, print)
    {'a': 3, 'b': 'no. 3', 'c': '${n}'}
    """
    if isinstance(tree, dict):
        return {k: substitute(v, value_of, problem, (*pointer, k)) for k, v in tree.items()}
    if isinstance(tree, list):
        return [substitute(v, value_of, problem, (*pointer, i)) for i, v in enumerate(tree)]
    if not isinstance(tree, str) or "${" not in tree:
        return tree
    whole = _REFERENCE.fullmatch(tree)

    def fill(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "${"
        try:
            return _as_text(match.group(1), value_of(match.group(1)))
        except NoValue as missing:
            problem(pointer, missing)
            return match.group()

    if whole is not None and whole.group(1) is not None:
        try:
            return value_of(whole.group(1))
        except NoValue as missing:
            problem(pointer, missing)
            return tree
    return _REFERENCE.sub(fill, tree)


__all__ = ["NoValue", "resolve", "substitute"]
