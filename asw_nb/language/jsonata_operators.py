"""Binary operators of JSONata: from the closures of both sides to one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from asw_nb.language.jsonata_calls import Env, Node
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_values import (
    SAFE,
    UNDEFINED,
    Function,
    Sequence,
    collapse,
    equal,
    is_number,
    number,
    text,
    truth,
)


def _modulo(a: float, b: float) -> float:
    if b == 0 or math.isinf(a):
        return math.nan
    rest = math.fmod(a, b)
    return int(rest) if type(a) is int and type(b) is int else rest


def _divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": _modulo,
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def arithmetic(op: str, left: Node, right: Node, position: int) -> Node:
    compute = ARITHMETIC[op]

    def node(context: Any, env: Env) -> Any:
        a, b = left(context, env), right(context, env)
        try:
            if a is not UNDEFINED and not is_number(a):
                raise JsonataError("T2001", value=a)
            if b is not UNDEFINED and not is_number(b):
                raise JsonataError("T2002", value=b)
            if a is UNDEFINED or b is UNDEFINED:
                return UNDEFINED
            result = compute(number(a), number(b))
        except JsonataError as error:
            raise error.at(position, op)  # noqa: B904
        except OverflowError:
            return math.inf
        return result if type(result) is float or -SAFE <= result <= SAFE else float(result)

    return node


def comparison(op: str, left: Node, right: Node, position: int) -> Node:
    compare = ORDER[op]

    def node(context: Any, env: Env) -> Any:
        a, b = left(context, env), right(context, env)
        first, second = type(a), type(b)
        numbers = (first is int or first is float, second is int or second is float)
        if (numbers[0] and numbers[1]) or (first is str and second is str):
            return compare(a, b)
        a_fits = numbers[0] or first is str or a is UNDEFINED
        if not a_fits or not (numbers[1] or second is str or b is UNDEFINED):
            raise JsonataError("T2010", position, op, value=b if numbers[0] or first is str else a)
        if a is UNDEFINED or b is UNDEFINED:
            return UNDEFINED
        raise JsonataError("T2009", position, op, value=a, value2=b)

    return node


def boolean(op: str, left: Node, right: Node, position: int) -> Node:
    decided = op == "or"

    def node(context: Any, env: Env) -> bool:
        if truth(left(context, env), env.run) is decided:
            return decided
        try:
            return truth(right(context, env), env.run)
        except JsonataError as error:
            # The reference blames the operator for whatever its right side does.
            error.position, error.token = position, op
            raise

    return node


def same(a: Any, b: Any, run: Run) -> bool:
    return a is not UNDEFINED and b is not UNDEFINED and equal(a, b, run)


def different(a: Any, b: Any, run: Run) -> bool:
    return a is not UNDEFINED and b is not UNDEFINED and not equal(a, b, run)


def member(value: Any, whole: Any, run: Run) -> bool:
    """`in` compares by identity: an object or array is in none but its own."""
    if value is UNDEFINED or whole is UNDEFINED:
        return False
    members = whole if isinstance(whole, list) else (whole,)
    run.step(len(members))
    if isinstance(value, (list, dict, Function)):
        return any(member is value for member in members)
    return any(not isinstance(member, (list, dict)) and equal(value, member, run) for member in members)


def concatenation(left: Node, right: Node, position: int) -> Node:
    def node(context: Any, env: Env) -> str:
        a, b = left(context, env), right(context, env)
        run = env.run
        try:
            first = "" if a is UNDEFINED else text(a, run)
            second = "" if b is UNDEFINED else text(b, run)
        except JsonataError as error:
            raise error.at(position, "&")  # noqa: B904
        run.grow(len(first) + len(second) + 50)
        return first + second

    return node


def span(left: Node, right: Node, position: int) -> Node:
    def node(context: Any, env: Env) -> Any:
        a, b = left(context, env), right(context, env)
        for code, value in (("T2003", a), ("T2004", b)):
            if value is not UNDEFINED and not (type(value) is int or (type(value) is float and value.is_integer())):
                raise JsonataError(code, position, "..", value=value)
        if a is UNDEFINED or b is UNDEFINED or a > b:
            return UNDEFINED
        size = int(b) - int(a) + 1
        if size > 10_000_000:
            raise JsonataError("D2014", position, "..", value=size)
        env.run.grow(40 * size)
        return collapse(Sequence(range(int(a), int(b) + 1)))

    return node


__all__ = ["ARITHMETIC", "ORDER", "arithmetic", "boolean", "comparison", "concatenation", "different", "member", "same", "span"]
