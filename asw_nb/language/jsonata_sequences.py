"""What paths of JSONata are made with: fields of many values, values one after the other, rows and their scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.language.jsonata_calls import Env, Node
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_values import (
    UNDEFINED,
    Made,
    Sequence,
    Tuple,
)

Compile = Callable[[Any], Node]
Step = Callable[[Any, Env], Any]
Filter = Callable[[Any, Env], Any]


def lookup(value: Any, key: str, run: Run) -> Any:
    """A field of an object, or of every object in an array, flattened by one level."""
    if isinstance(value, dict):
        return value.get(key, UNDEFINED)
    if not isinstance(value, list):
        return UNDEFINED
    found = Sequence()
    run.step(len(value) + 1)
    for member in value:
        if isinstance(member, dict):
            one = member.get(key, UNDEFINED)
        elif isinstance(member, list):
            one = lookup(member, key, run)
        else:
            continue
        if isinstance(one, list):
            run.grow(8 * len(one))
            found.extend(one)
        elif one is not UNDEFINED:
            found.append(one)
    run.grow(8 * len(found))
    return found


def append(left: Any, right: Any, run: Run) -> Any:
    """Two values one after the other, as an array."""
    if left is UNDEFINED:
        return right
    if right is UNDEFINED:
        return left
    joined = Made(left if isinstance(left, list) else (left,))
    if isinstance(right, list):
        joined.extend(right)
    else:
        joined.append(right)
    run.grow(8 * len(joined) + 56)
    return joined


def is_rows(value: Any) -> bool:
    return type(value) is Sequence and value.tuples


def frame(env: Env, row: Tuple) -> Env:
    """The scope in which a row's names are bound."""
    return Env(dict(row), env, env.run)


__all__ = ["Compile", "Filter", "Step", "append", "frame", "is_rows", "lookup"]
