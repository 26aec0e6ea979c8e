"""Syntax tree -> closures: ``node(context, scope) -> value``. No text is translated into code, so none can slip in.

What state machines are made of is made short: a path of plain names below a variable is a walk through dicts, and only
when an array is met on the way does the general path, with its mapping and flattening, take over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from asw_nb.language.jsonata_calls import (
    HOLE,
    Composed,
    Env,
    Lambda,
    Node,
    Partial,
    Plain,
    TailCall,
    apply,
    finish,
    written_signature,
)
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_matching import Matcher
from asw_nb.language.jsonata_operators import (
    ARITHMETIC,
    ORDER,
    arithmetic,
    boolean,
    comparison,
    concatenation,
    different,
    member,
    same,
    span,
)
from asw_nb.language.jsonata_parse import children
from asw_nb.language.jsonata_paths import descendants, path, wildcard
from asw_nb.language.jsonata_selecting import grouping, predicate
from asw_nb.language.jsonata_sequences import lookup
from asw_nb.language.jsonata_values import (
    UNDEFINED,
    Cons,
    Function,
    Made,
    Record,
    Sequence,
    Whole,
    collapse,
    is_number,
    number,
    truth,
)

_NEVER_SEQUENCES = {"string", "number", "value", "lambda", "partial", "regex", "transform", "unary"}


def compile_node(tree: Any) -> Node:
    """The closure of one expression of the tree."""
    node = _KINDS[tree.type](tree)
    filters = [predicate(stage.expr, compile_node) for stage in tree.predicate or ()]
    group = grouping(tree.group, compile_node) if tree.group is not None and tree.type != "path" else None
    keep = tree.keep_array and tree.type != "path"
    if not filters and group is None and not keep:
        if tree.type in _NEVER_SEQUENCES or tree.type in ("path", "function", "condition", "block", "binary"):
            # Those of the second row collapse their results themselves, or return what was collapsed.
            return node
        return lambda context, env: collapse(node(context, env))

    def whole(context: Any, env: Env) -> Any:
        value = node(context, env)
        for pick in filters:
            value = pick(value, env)
        if group is not None:
            value = group(value, env)
        if keep and type(value) is Sequence:
            value.keep = True
        return collapse(value)

    return whole


# --- values and names -----------------------------------------------------------------------------------------------


def literal(tree: Any) -> Any:
    """The value of a literal: numbers as doubles hold them, surrogate pairs of ``\\u`` escapes as one character."""
    value = tree.value
    if type(value) is str and _SURROGATE.search(value):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return number(value) if type(value) is int else value


_SURROGATE = re.compile("[\ud800-\udfff]")


def _literal(tree: Any) -> Node:
    value = literal(tree)
    return lambda context, env: value


def _name(tree: Any) -> Node:
    key = tree.value
    return lambda context, env: lookup(context, key, env.run)


def _variable(tree: Any) -> Node:
    name = tree.value
    if name == "":
        return lambda context, env: context[0] if type(context) is Whole else context
    return lambda context, env: env.lookup(name)


def _parent(tree: Any) -> Node:
    label = tree.slot.label
    return lambda context, env: env.lookup(label)


def _path(tree: Any) -> Node:
    general = path(tree, compile_node)
    keys = plain_keys(tree)
    if keys is None or not keys:
        return general
    name = tree.steps[0].value

    def walk(context: Any, env: Env) -> Any:
        value = env.lookup(name)
        for key in keys:
            kind = type(value)
            if kind is dict or kind is Record:
                if type(key) is not str:
                    if key not in (0, -1):
                        return UNDEFINED
                    continue
                value = value.get(key, UNDEFINED)
                if value is UNDEFINED:
                    return value
            elif kind is list and type(key) is int and -len(value) <= key < len(value):
                value = value[key]
            elif isinstance(value, list):
                return general(context, env)
            elif type(key) is str:
                return UNDEFINED
            else:
                return general(context, env)
        return collapse(value)

    return walk


def plain_keys(tree: Any) -> tuple[str | int, ...] | None:
    """Names and indexes below a variable when the path consists of nothing else: `$v.a.b[0]`; None for any other path.

    An index is only taken directly behind a name: `$v[0].a` reads another way when $v is an array of arrays.
    """
    if tree.type != "path" or tree.steps[0].type != "variable" or tree.keep_singleton_array or tree.group is not None:
        return None
    head = tree.steps[0]
    if not head.value or head.predicate or head.stages or head.group or head.focus or head.index or head.tuple:
        return None
    keys: list[str | int] = []
    for step in tree.steps[1:]:
        if step.type != "name" or step.focus or step.index or step.tuple or step.group or step.predicate:
            return None
        keys.append(step.value)
        stages = step.stages or ()
        if len(stages) > 1 or any(s.type != "filter" or s.expr.type != "number" or s.expr.predicate for s in stages):
            return None
        keys.extend(math.floor(stage.expr.value) for stage in stages)
    return tuple(keys)


# --- operators ------------------------------------------------------------------------------------------------------


def _binary(tree: Any) -> Node:
    op = tree.value
    left, right = compile_node(tree.lhs), compile_node(tree.rhs)
    if op == "and" or op == "or":
        return boolean(op, left, right, tree.position)
    if op in ARITHMETIC:
        return arithmetic(op, left, right, tree.position)
    if op in ORDER:
        return comparison(op, left, right, tree.position)
    if op == "=":
        return lambda context, env: same(left(context, env), right(context, env), env.run)
    if op == "!=":
        return lambda context, env: different(left(context, env), right(context, env), env.run)
    if op == "&":
        return concatenation(left, right, tree.position)
    if op == "in":
        return lambda context, env: member(left(context, env), right(context, env), env.run)
    return span(left, right, tree.position)


def _unary(tree: Any) -> Node:
    if tree.value == "{":
        return _object(tree)
    if tree.value == "[":
        return _array(tree)
    operand = compile_node(tree.expression)
    position = tree.position

    def negate(context: Any, env: Env) -> Any:
        value = operand(context, env)
        if value is UNDEFINED:
            return value
        if not is_number(value):
            raise JsonataError("D1002", position, "-", value=value)
        return -value

    return negate


def _array(tree: Any) -> Node:
    items = [(compile_node(item), item.value == "[" and item.type == "unary") for item in tree.expressions]
    made = Cons if tree.consarray else Made

    def node(context: Any, env: Env) -> Any:
        result = made()
        for item, whole in items:
            value = item(context, env)
            if isinstance(value, list) and not whole:
                env.run.grow(8 * len(value))
                result.extend(value)
            elif value is not UNDEFINED:
                result.append(value)
        env.run.grow(8 * len(result) + 56)
        return result

    return node


def _object(tree: Any) -> Node:
    general = grouping(tree, compile_node)
    keys = [key.value for key, _ in tree.lhs_object if key.type == "string" and not key.predicate and key.group is None]
    if len(keys) != len(tree.lhs_object) or len(set(keys)) != len(keys):
        return general
    pairs = [(key.value, compile_node(value)) for key, value in tree.lhs_object]
    size = 100 * len(pairs) + 64

    def node(context: Any, env: Env) -> Any:
        if isinstance(context, list):
            return general(context, env)
        env.run.grow(size)
        result = Record()
        for key, value in pairs:
            found = value(context, env)
            if found is not UNDEFINED:
                result[key] = found
        return result

    return node


# --- control --------------------------------------------------------------------------------------------------------


def _condition(tree: Any) -> Node:
    test, then = compile_node(tree.condition), compile_node(tree.then)
    if tree._else is None:
        return lambda context, env: then(context, env) if truth(test(context, env), env.run) else UNDEFINED
    other = compile_node(tree._else)
    return lambda context, env: then(context, env) if truth(test(context, env), env.run) else other(context, env)


def _block(tree: Any) -> Node:
    parts = [compile_node(part) for part in tree.expressions]
    if len(parts) == 1 and not _binds(tree.expressions[0]):
        return parts[0]

    def node(context: Any, env: Env) -> Any:
        inner = Env({}, env, env.run)
        result = UNDEFINED
        for part in parts:
            result = part(context, inner)
        return result

    return node


def _binds(tree: Any) -> bool:
    """Whether evaluating this binds a name in the scope around it."""
    if tree.type == "bind":
        return True
    return tree.type not in ("block", "lambda") and any(_binds(part) for part in children(tree))


def _bind(tree: Any) -> Node:
    name, value = tree.lhs.value, compile_node(tree.rhs)

    def node(context: Any, env: Env) -> Any:
        env.names[name] = result = value(context, env)
        return result

    return node


# --- functions ------------------------------------------------------------------------------------------------------


def _lambda(tree: Any) -> Node:
    if tree.thunk:
        return _tail_call(tree.body)
    params = tuple(parameter.value for parameter in tree.arguments)
    body = compile_node(tree.body)
    accepts = written_signature(tree.signature) if tree.signature is not None else None
    return lambda context, env: Lambda(params, body, accepts, context, env)


def _callee(tree: Any) -> tuple[Node, str | None, Any]:
    """The function to call, its name when `$` was forgotten in front of it, and the name for messages."""
    procedure = tree.procedure
    forgotten = procedure.steps[0].value if procedure.type == "path" else None
    return compile_node(procedure), forgotten, forgotten if forgotten is not None else procedure.value


def _function(tree: Any) -> Node:
    return _call(tree, None)


def _call(tree: Any, first: Node | None) -> Node:
    """A call; `first` is what ``~>`` hands in front of the arguments."""
    callee, forgotten, token = _callee(tree)
    args = [compile_node(argument) for argument in tree.arguments]
    if first is not None:
        args.insert(0, first)
    position = tree.position
    # Predicates, grouping and "[]" behind the call want to see the sequence.
    bare = bool(tree.predicate or tree.group or tree.keep_array)

    def node(context: Any, env: Env) -> Any:
        # "~>" evaluates its left side before it looks for the function.
        head = [args[0](context, env)] if first is not None else []
        function = callee(context, env)
        if function is UNDEFINED and forgotten is not None and env.lookup(forgotten) is not UNDEFINED:
            raise JsonataError("T1005", position, forgotten)
        values = head + [argument(context, env) for argument in args[len(head) :]]
        try:
            # As `apply` does, without its frame: Python's stack bounds how deeply a function may call itself.
            if not isinstance(function, Function):
                raise JsonataError("T1006")
            result = function.enter(values, context, env.run)
        except JsonataError as error:
            # The place told in the end is that of the outermost call, as the reference tells it.
            error.position = position
            raise error.at(position, token)  # noqa: B904
        if type(result) is TailCall:
            try:
                result = finish(result, context, env.run)
            except JsonataError as error:
                raise error.at(position, token)  # noqa: B904
        return result if bare else collapse(result)

    return node


def _tail_call(tree: Any) -> Node:
    callee, _, token = _callee(tree)
    args = [compile_node(argument) for argument in tree.arguments]
    position = tree.procedure.position

    def node(context: Any, env: Env) -> Any:
        function = callee(context, env)
        return TailCall(function, [argument(context, env) for argument in args], position, token)

    return node


def _partial(tree: Any) -> Node:
    callee, forgotten, token = _callee(tree)
    args = [None if arg.type == "operator" and arg.value == "?" else compile_node(arg) for arg in tree.arguments]
    position = tree.position

    def node(context: Any, env: Env) -> Any:
        values = [HOLE if argument is None else argument(context, env) for argument in args]
        function = callee(context, env)
        if isinstance(function, Function):
            return Partial(function, values)
        if function is UNDEFINED and forgotten is not None and env.lookup(forgotten) is not UNDEFINED:
            raise JsonataError("T1007", position, forgotten)
        raise JsonataError("T1008", position, token)

    return node


def _apply(tree: Any) -> Node:
    left = compile_node(tree.lhs)
    if tree.rhs.type == "function":
        return _call(tree.rhs, left)
    right = compile_node(tree.rhs)
    position = tree.position

    def node(context: Any, env: Env) -> Any:
        value, function = left(context, env), right(context, env)
        if not isinstance(function, Function):
            raise JsonataError("T2006", position, "~>", value=function)
        if isinstance(value, Function):
            return Composed(value, function)
        return apply(function, [value], None, env.run)

    return node


def _regex(tree: Any) -> Node:
    pattern, position = tree.value, tree.position
    return lambda context, env: Matcher(pattern, position)


def _transform(tree: Any) -> Node:
    pattern, update = compile_node(tree.pattern), compile_node(tree.update)
    delete = compile_node(tree.delete) if tree.delete is not None else None

    def node(context: Any, env: Env) -> Any:
        def transform(run: Run, target: Any = UNDEFINED, *_: Any) -> Any:
            if target is UNDEFINED:
                return target
            if not isinstance(target, (dict, list)):
                raise JsonataError("T0410", value=target, index=1)
            clone = env.lookup("clone")
            if not isinstance(clone, Function):
                raise JsonataError("T2013", tree.position)
            result = apply(clone, [target], None, run)
            matches = pattern(result, env)
            for match in matches if isinstance(matches, list) else () if matches is UNDEFINED else (matches,):
                run.step()
                _change(match, clone, env)
            return result

        return Plain(transform)

    def _change(match: Any, clone: Function, env: Env) -> None:
        changes = update(match, env)
        # Only objects of the clone are changed: a pattern may also find the caller's own data.
        ours = type(match) is Record
        if changes is not UNDEFINED:
            if not isinstance(changes, dict):
                raise JsonataError("T2011", tree.update.position, value=changes)
            if ours:
                # A copy: `|$|{"self": $}|` would otherwise put the object into itself.
                match.update(apply(clone, [changes], None, env.run))
        names = delete(match, env) if delete is not None else UNDEFINED
        if names is not UNDEFINED:
            listed = names if isinstance(names, list) else [names]
            if not all(type(name) is str for name in listed):
                raise JsonataError("T2012", tree.delete.position, value=names)
            for name in listed if ours else ():
                match.pop(name, None)

    return node


_KINDS: dict[str, Callable[[Any], Node]] = {
    "apply": _apply,
    "binary": _binary,
    "bind": _bind,
    "block": _block,
    "condition": _condition,
    "descendant": lambda tree: descendants,
    "function": _function,
    "lambda": _lambda,
    "name": _name,
    "number": _literal,
    "parent": _parent,
    "partial": _partial,
    "path": _path,
    "regex": _regex,
    "string": _literal,
    "transform": _transform,
    "unary": _unary,
    "value": _literal,
    "variable": _variable,
    "wildcard": lambda tree: wildcard,
}
