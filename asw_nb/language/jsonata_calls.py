"""Functions of an expression and how they are called: scopes, signatures, lambdas, tail calls.

A call in tail position does not call: it returns a `TailCall`, and the loop in `apply` makes it. So a tail-recursive
function runs in constant depth, and only its time is bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import DEPTH_LIMIT, Run
from asw_nb.language.jsonata_values import UNDEFINED, Function, Made

_NOT_HERE: Any = object()


class Env:
    """A scope: names bound here, and the scope around it."""

    __slots__ = ("names", "outer", "run")

    def __init__(self, names: Mapping[str, Any], outer: Env | None, run: Run) -> None:
        self.names: Any = names
        self.outer = outer
        self.run = run

    def lookup(self, name: str) -> Any:
        """The value of a variable; UNDEFINED when nobody bound it."""
        env: Env | None = self
        while env is not None:
            value = env.names.get(name, _NOT_HERE)
            if value is not _NOT_HERE:
                return value
            env = env.outer
        return UNDEFINED


Node = Callable[[Any, Env], Any]
"""A compiled expression: from the context value and the scope to a value."""


# --- signatures -----------------------------------------------------------------------------------------------------


class Param(NamedTuple):
    """One parameter of a signature such as ``<s-n?:s>``; `regex` matches the type letters of the arguments given to it."""

    kind: str
    regex: str
    context: str | None = None
    subtype: str | None = None


_LETTERS: dict[Any, str] = {str: "s", int: "n", float: "n", bool: "b", type(None): "l", dict: "o", list: "a"}
_PLURAL = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}


def letter(value: Any) -> str:
    """The type letter of a value; ``m`` (missing) for nothing."""
    known = _LETTERS.get(type(value))
    if known is None:
        known = (
            "m" if value is UNDEFINED
            else "f" if isinstance(value, Function)
            else "a" if isinstance(value, list)
            else "o"
        )  # fmt: skip
    return known


class Signature:
    """What a function accepts. Arguments are matched as a string of type letters, and the split is remembered."""

    def __init__(self, params: Sequence[Param]) -> None:
        self.params = tuple(params)
        self._regex = re.compile("".join(f"({param.regex})" for param in params))
        self._splits: dict[str, tuple[str, ...] | None] = {}

    def validate(self, args: list[Any], context: Any) -> list[Any]:
        """The arguments as the function wants them: context put in, single values made arrays."""
        given = "".join([letter(arg) for arg in args])
        split = self._splits.get(given, _NOT_HERE)
        if split is _NOT_HERE:
            match = self._regex.fullmatch(given)
            split = match.groups() if match else None
            if len(given) < 20:
                self._splits[given] = split
        if split is None:
            raise self._mismatch(args, given)
        out: list[Any] = []
        index = 0
        for param, letters in zip(self.params, split, strict=True):
            if not letters:
                if param.context is not None:
                    if not re.fullmatch(param.context, letter(context)):
                        raise JsonataError("T0411", value=context, index=index + 1)
                    out.append(context)
                else:
                    out.append(args[index] if index < len(args) else UNDEFINED)
                    index += 1
            elif param.kind == "a":
                for one in letters:
                    out.append(self._array(param, one, letters, args[index], index))
                    index += 1
            else:
                for arg in args[index : index + len(letters)]:
                    if param.kind == "n" and type(arg) is float and not math.isfinite(arg):
                        raise JsonataError("D1001", value=arg)
                    out.append(arg)
                index += len(letters)
        return out

    def _array(self, param: Param, one: str, letters: str, arg: Any, index: int) -> Any:
        if one == "m":
            return UNDEFINED
        if param.subtype is not None:
            fits = letters == param.subtype if one != "a" else all(letter(item) == param.subtype[0] for item in arg)
            if not fits:
                raise JsonataError("T0412", value=arg, index=index + 1, type=_PLURAL.get(param.subtype))
        return arg if one == "a" else Made((arg,))

    def _mismatch(self, args: list[Any], given: str) -> JsonataError:
        """Which argument is the first that does not fit."""
        pattern, fitting = "", 0
        for param in self.params:
            pattern += param.regex
            match = re.match(pattern, given)
            if match is None:
                break
            fitting = match.end()
        return JsonataError("T0410", value=args[fitting] if fitting < len(args) else UNDEFINED, index=fitting + 1)


def signature(text: str) -> Signature:
    """The signature of a built-in: letters, ``-`` context, ``?`` optional, ``+`` repeated, ``(..)`` one of, ``<..>`` of."""
    params: list[Param] = []
    for token in re.finditer(r"\((\w+)\)|([a-z])(?:<([^<>]*)>)?|([-?+:])", text):
        choice, kind, subtype, mark = token.groups()
        if mark == ":":
            break
        if mark is None:
            params.append(Param(kind or choice, _accepted(kind, choice), None, subtype if kind == "a" else None))
        elif mark == "-":
            params[-1] = params[-1]._replace(context=params[-1].regex, regex=params[-1].regex + "?")
        else:
            params[-1] = params[-1]._replace(regex=params[-1].regex + mark)
    return Signature(params)


def _accepted(kind: str | None, choice: str | None) -> str:
    if kind is None:
        return f"[{choice}m]"
    return {"a": "[asnblfom]", "x": "[asnblfom]", "j": "[asnblom]", "f": "f"}.get(kind, f"[{kind}m]")


def written_signature(parsed: Any) -> Signature:
    """The signature of a lambda, from the parser's `Signature`."""
    return Signature(
        [
            Param(param.type, param.regex, param.regex.rstrip("?") if param.context else None, param.subtype)
            for param in parsed._params
        ]
    )


# --- functions ------------------------------------------------------------------------------------------------------


class Native(Function):
    """A built-in function: `body(run, *arguments)`."""

    __slots__ = ("arity", "body", "name", "signature")

    def __init__(self, name: str, body: Callable[..., Any], accepts: str, arity: int) -> None:
        self.name, self.body, self.arity = name, body, arity
        self.signature = signature(accepts)

    def enter(self, args: list[Any], context: Any, run: Run) -> Any:
        run.step()
        return self.body(run, *self.signature.validate(args, context))


class Lambda(Function):
    """A function of the expression, with the scope in which it was written."""

    __slots__ = ("arity", "body", "context", "env", "params", "signature")

    def __init__(self, params: tuple[str, ...], body: Node, accepts: Signature | None, context: Any, env: Env) -> None:
        self.params, self.body, self.signature, self.context, self.env = params, body, accepts, context, env
        self.arity = len(params)

    def enter(self, args: list[Any], context: Any, run: Run) -> Any:
        if self.signature is not None:
            args = self.signature.validate(args, context)
        names = dict.fromkeys(self.params, UNDEFINED)
        names.update(zip(self.params, args, strict=False))
        run.step()
        run.depth += 1
        if run.depth > DEPTH_LIMIT:
            raise JsonataError("D1011")
        result = self.body(self.context, Env(names, self.env, run))
        # Not in a `finally`: an expression cannot catch, so an error ends the evaluation.
        run.depth -= 1
        return result


class Partial(Function):
    """A function with some of its arguments given; `None` in `holes` is not used, a hole is `HOLE`."""

    __slots__ = ("args", "arity", "function")

    def __init__(self, function: Function, args: list[Any]) -> None:
        self.function, self.args = function, args
        self.arity = sum(arg is HOLE for arg in args)

    def enter(self, args: list[Any], context: Any, run: Run) -> Any:
        supplied = iter(args)
        filled = [next(supplied, UNDEFINED) if arg is HOLE else arg for arg in self.args]
        return apply(self.function, filled, context, run)


HOLE: Any = object()


class Composed(Function):
    """``f ~> g`` of two functions."""

    __slots__ = ("first", "second")

    def __init__(self, first: Function, second: Function) -> None:
        self.first, self.second = first, second

    def enter(self, args: list[Any], context: Any, run: Run) -> Any:
        run.depth += 1
        if run.depth > DEPTH_LIMIT:
            raise JsonataError("D1011")
        result = apply(self.second, [apply(self.first, args[:1], None, run)], None, run)
        run.depth -= 1
        return result


class Plain(Function):
    """A function made by the evaluation itself: a transform, a regular expression, the `next` of a match."""

    __slots__ = ("body",)

    def __init__(self, body: Callable[..., Any]) -> None:
        self.body = body

    def enter(self, args: list[Any], context: Any, run: Run) -> Any:
        run.step()
        return self.body(run, *args)


class TailCall:
    """The last thing that a function does: a call, still to be made."""

    __slots__ = ("args", "function", "position", "token")

    def __init__(self, function: Any, args: list[Any], position: int, token: Any) -> None:
        self.function, self.args, self.position, self.token = function, args, position, token


def apply(function: Any, args: list[Any], context: Any, run: Run) -> Any:
    """Call a function of the expression with values."""
    if not isinstance(function, Function):
        raise JsonataError("T1006")
    result = function.enter(args, context, run)
    return finish(result, context, run) if type(result) is TailCall else result


def finish(result: Any, context: Any, run: Run) -> Any:
    """Make a tail call, and those that it ends in."""
    while type(result) is TailCall:
        run.step()
        call = result
        try:
            if not isinstance(call.function, Function):
                raise JsonataError("T1006")
            result = call.function.enter(call.args, context, run)
        except JsonataError as error:
            error.position = call.position
            raise error.at(None, call.token)  # noqa: B904
    return result


def callback_args(function: Function, value: Any, key: Any, whole: Any) -> list[Any]:
    """What `$map` and its like hand to a function: as much as it can take."""
    arity = function.arity
    return [value] if arity < 2 else [value, key] if arity == 2 else [value, key, whole]
