"""Paths of a JSONata expression -> closures: steps, predicates, order-by, grouping, and rows that bind variables.

A path maps each step over what the step before it found, and flattens. `items` is that sequence. As soon as a step binds
a variable (``@$v``, ``#$i``) or a later one asks for a parent (``%``), the path carries rows instead of items: `Tuple`s
with the focus under ``@`` beside the names that are bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from asw_nb.language.jsonata_calls import Env, Node
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_values import (
    UNDEFINED,
    Cons,
    Function,
    Made,
    Record,
    Sequence,
    Tuple,
    Whole,
    collapse,
    is_number,
    truth,
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


# --- paths ----------------------------------------------------------------------------------------------------------


def path(tree: Any, compile_node: Compile) -> Node:
    """A path of steps."""
    group = grouping(tree.group, compile_node) if tree.group is not None else None
    if any(step.tuple for step in tree.steps):
        walk = _row_path(tree, compile_node)
        keep_rows = bool(tree.tuple)
    else:
        walk = _plain_path(tree, compile_node)
        keep_rows = False
    keep = tree.keep_singleton_array or tree.keep_array
    rows = any(step.tuple for step in tree.steps)
    if not rows and not keep and group is None:
        return lambda context, env: collapse(walk(context, env))

    def whole(context: Any, env: Env) -> Any:
        stream = walk(context, env)
        result = stream
        if rows and not keep_rows:
            result = Sequence([row["@"] for row in stream])
            env.run.grow(8 * len(result))
        if keep:
            if type(result) is Cons and tree.keep_singleton_array:
                result = Sequence((result,))
            if type(result) is Sequence:
                result.keep = True
        if group is not None:
            result = group(stream if rows else result, env)
        return collapse(result)

    return whole


def _plain_path(tree: Any, compile_node: Compile) -> Node:
    last = len(tree.steps) - 1
    steps = [_step(step, index == last, compile_node) for index, step in enumerate(tree.steps)]
    absolute = tree.steps[0].type == "variable"
    head = compile_node(tree.steps[0]) if tree.steps[0].consarray else None

    def walk(context: Any, env: Env) -> Any:
        items = context if not absolute and isinstance(context, list) else (context,)
        if head is not None:
            items = head(items if isinstance(items, list) else Sequence(items), env)
            if items is UNDEFINED or (not isinstance(items, list) and last):
                return UNDEFINED
            rest = steps[1:]
        else:
            rest = steps
        for step in rest:
            if not items:
                break
            items = step(items, env)
        return items

    return walk


def _step(tree: Any, last: bool, compile_node: Compile) -> Step:
    """One step without bindings: a function from the items before it to the items behind it."""
    filters = [predicate(stage.expr, compile_node) for stage in tree.stages or ()]
    if tree.type == "sort":
        order = ordering(tree, compile_node)

        def sort(items: Any, env: Env) -> Any:
            result = order(items, env)
            for keep in filters:
                result = keep(result, env)
            return result

        return sort
    if tree.type == "name" and not filters:
        return _name_step(tree.value, last)
    node = compile_node(tree)

    def step(items: Any, env: Env) -> Any:
        found = []
        run = env.run
        for item in items:
            run.step()
            value = node(item, env)
            for keep in filters:
                value = keep(value, env)
            if value is not UNDEFINED:
                found.append(value)
        return _flat(found, last, run)

    return step


def _name_step(key: str, last: bool) -> Step:
    def step(items: Any, env: Env) -> Any:
        run = env.run
        run.step(len(items))
        found = []
        for item in items:
            if isinstance(item, dict):
                value = item.get(key, UNDEFINED)
            elif isinstance(item, list):
                value = collapse(lookup(item, key, run))
            else:
                continue
            if value is not UNDEFINED:
                found.append(value)
        return _flat(found, last, run)

    return step


def _flat(found: list[Any], last: bool, run: Run) -> Any:
    """Results of a step, one after the other. A single array at the end of a path is the result itself."""
    if last and len(found) == 1:
        only = found[0]
        if isinstance(only, list) and type(only) is not Sequence:
            return only
    result = Sequence()
    for value in found:
        if isinstance(value, list) and type(value) is not Cons:
            run.grow(8 * len(value))
            result.extend(value)
        else:
            result.append(value)
    run.grow(8 * len(result) + 56)
    return result


# --- rows -----------------------------------------------------------------------------------------------------------


def _row_path(tree: Any, compile_node: Compile) -> Node:
    """A path of which some step binds names; yields the rows."""
    last = len(tree.steps) - 1
    first_row = next(index for index, step in enumerate(tree.steps) if step.tuple)
    before = [_step(step, index == last, compile_node) for index, step in enumerate(tree.steps[:first_row])]
    behind = [_row_step(step, compile_node) for step in tree.steps[first_row:]]
    absolute = tree.steps[0].type == "variable"
    head = compile_node(tree.steps[0]) if tree.steps[0].consarray else None

    def walk(context: Any, env: Env) -> Any:
        items = context if not absolute and isinstance(context, list) else Sequence((context,))
        plain, bound = before, behind
        if head is not None:
            items = head(items, env)
            plain, bound = (before[1:], behind) if before else (before, behind[1:])
        for step in plain:
            if not items:
                return Sequence()
            items = step(items, env)
        if not isinstance(items, list) or not items:
            return Sequence()
        rows: Any = None
        for row_step in bound:
            rows = row_step(items, rows, env)
        return rows if rows is not None else Sequence(Tuple({"@": item}) for item in items)

    return walk


def _row_step(tree: Any, compile_node: Compile) -> Callable[[Any, Any, Env], Any]:
    stages = [_stage(stage, compile_node) for stage in tree.stages or ()]
    if tree.type == "sort":
        make = _row_sort(tree, compile_node)
    else:
        make = _row_map(tree, compile_node)

    def step(items: Any, rows: Any, env: Env) -> Any:
        result = make(items, rows, env)
        for stage in stages:
            result = stage(result, env)
        return result

    return step


def _row_sort(tree: Any, compile_node: Compile) -> Callable[[Any, Any, Env], Any]:
    order = ordering(tree, compile_node)

    def sort(items: Any, rows: Any, env: Env) -> Any:
        if rows is not None:
            return order(rows, env)
        result = Sequence(Tuple({"@": item, tree.index: at}) for at, item in enumerate(order(items, env)))
        result.tuples = True
        return result

    return sort


def _row_map(tree: Any, compile_node: Compile) -> Callable[[Any, Any, Env], Any]:
    node = compile_node(tree)
    focus, index = tree.focus, tree.index
    label = tree.ancestor.label if tree.ancestor is not None else None

    def make(items: Any, rows: Any, env: Env) -> Any:
        if rows is None:
            rows = [Tuple({"@": item}) for item in items]
        result = Sequence()
        result.tuples = True
        run = env.run
        for row in rows:
            run.step()
            value = node(row["@"], frame(env, row))
            if value is UNDEFINED:
                continue
            members = value if isinstance(value, list) else (value,)
            streamed = is_rows(value)
            run.grow(300 * len(members))
            for at, member in enumerate(members):
                made = Tuple(row)
                if streamed:
                    made.update(member)
                elif focus:
                    made[focus] = member
                else:
                    made["@"] = member
                if not streamed:
                    if index:
                        made[index] = at
                    if label:
                        made[label] = row["@"]
                result.append(made)
        return result

    return make


def _stage(stage: Any, compile_node: Compile) -> Filter:
    if stage.type == "filter":
        return predicate(stage.expr, compile_node)

    def number(rows: Any, env: Env) -> Any:
        env.run.step(len(rows))
        for at, row in enumerate(rows):
            row[stage.value] = at
        return rows

    return number


# --- predicates -----------------------------------------------------------------------------------------------------


def predicate(tree: Any, compile_node: Compile) -> Filter:
    """``[...]`` behind an expression: an index, or a condition for each member."""
    if tree.type == "number":
        return _index(math.floor(tree.value))
    node = compile_node(tree)

    def keep(value: Any, env: Env) -> Any:
        rows = is_rows(value)
        kept = Sequence()
        kept.tuples = rows
        items = value if isinstance(value, list) else (value,)
        count = len(items)
        run = env.run
        for at, item in enumerate(items):
            run.step()
            answer = node(item["@"], frame(env, item)) if rows else node(item, env)
            if answer is True:
                kept.append(item)
            elif answer is False or answer is UNDEFINED:
                continue
            elif is_number(answer):
                if _place(answer, count) == at:
                    kept.append(item)
            elif isinstance(answer, list) and all(map(is_number, answer)):
                run.step(len(answer))
                kept.extend([item for one in answer if _place(one, count) == at])
            elif truth(answer, run):
                kept.append(item)
        run.grow(8 * len(kept))
        return kept

    return keep


def _place(number: float, count: int) -> int:
    place = math.floor(number)
    return place + count if place < 0 else place


def _index(place: int) -> Filter:
    def pick(value: Any, env: Env) -> Any:
        items = value if isinstance(value, list) else (value,)
        at = place + len(items) if place < 0 else place
        kept = Sequence()
        kept.tuples = is_rows(value)
        if 0 <= at < len(items) and items[at] is not UNDEFINED:
            if isinstance(items[at], list):
                return items[at]
            kept.append(items[at])
        return kept

    return pick


# --- order-by -------------------------------------------------------------------------------------------------------


def ordering(tree: Any, compile_node: Compile) -> Step:
    """``^(...)``: the members in order. The terms are computed once for each member, not for each comparison."""
    terms = [(compile_node(term.expression), bool(term.descending)) for term in tree.terms]
    position = tree.position

    def order(items: Any, env: Env) -> Any:
        if len(items) <= 1:
            return items
        rows = is_rows(items)
        run = env.run
        run.grow((16 + 8 * len(terms)) * len(items))
        keyed = []
        for item in items:
            run.step()
            context, scope = (item["@"], frame(env, item)) if rows else (item, env)
            keyed.append(([node(context, scope) for node, _ in terms], item))

        def compare(left: tuple[list[Any], Any], right: tuple[list[Any], Any]) -> int:
            run.step()
            for a, b, (_, descending) in zip(left[0], right[0], terms, strict=True):
                # A sort hands over the later one first; messages name the earlier one first.
                sign = -_compare(b, a, position)
                if sign:
                    return -sign if descending and a is not UNDEFINED and b is not UNDEFINED else sign
            return 0

        return Made([item for _, item in sorted(keyed, key=cmp_to_key(compare))])

    return order


def _compare(a: Any, b: Any, position: int) -> int:
    """-1, 0 or 1; nothing comes last."""
    if a is UNDEFINED or b is UNDEFINED:
        return (a is UNDEFINED) - (b is UNDEFINED)
    kinds = [type(value) for value in (a, b)]
    texts = [kind is str for kind in kinds]
    numbers = [kind is int or kind is float for kind in kinds]
    for value, is_text, is_num in zip((a, b), texts, numbers, strict=True):
        if not is_text and not is_num:
            raise JsonataError("T2008", position, value=value)
    if texts[0] != texts[1]:
        raise JsonataError("T2007", position, value=a, value2=b)
    return (a > b) - (a < b)


# --- grouping -------------------------------------------------------------------------------------------------------


def grouping(tree: Any, compile_node: Compile) -> Filter:
    """``{key: value}``: members grouped by key, one value for each group. An object constructor is the same."""
    pairs = [(compile_node(key), compile_node(value)) for key, value in tree.lhs_object]
    position = tree.position

    def group(value: Any, env: Env) -> Any:
        rows = is_rows(value)
        items = value if isinstance(value, list) else (value,)
        if not items and not rows:
            items = (UNDEFINED,)
        groups = _groups(items, rows, env)
        env.run.grow(100 * len(groups) + 64)
        result = Record()
        for key, (at, members) in groups.items():
            context: Any = members[0] if len(members) == 1 else _joined(members, env.run)
            scope = env
            if rows:
                row = _merged(members, env.run)
                context = row.pop("@", UNDEFINED)
                scope = frame(env, row)
            found = pairs[at][1](context, scope)
            if found is not UNDEFINED:
                result[key] = found
        return result

    def _groups(items: Any, rows: bool, env: Env) -> dict[str, tuple[int, list[Any]]]:
        groups: dict[str, tuple[int, list[Any]]] = {}
        run = env.run
        for item in items:
            context, scope = (item["@"], frame(env, item)) if rows else (item, env)
            for at, (key_node, _) in enumerate(pairs):
                run.step()
                key = key_node(context, scope)
                if key is UNDEFINED:
                    continue
                if type(key) is not str:
                    raise JsonataError("T1003", position, value=key)
                entry = groups.get(key)
                if entry is None:
                    run.grow(100)
                    groups[key] = (at, [item])
                elif entry[0] != at:
                    raise JsonataError("D1009", position, value=key)
                else:
                    entry[1].append(item)
        return groups

    return group


def _joined(members: list[Any], run: Run) -> Made:
    joined = Made()
    for member in members:
        if isinstance(member, list):
            joined.extend(member)
        elif member is not UNDEFINED:
            joined.append(member)
    run.grow(8 * len(joined) + 56)
    return joined


def _merged(rows: list[Any], run: Run) -> Tuple:
    """Rows of one group as one row: every name bound to all its values."""
    merged = Tuple(rows[0])
    if len(rows) > 1:
        names = dict.fromkeys(name for row in rows for name in row)
        for name in names:
            merged[name] = _joined([row.get(name, UNDEFINED) for row in rows], run)
    return merged


# --- wildcards ------------------------------------------------------------------------------------------------------


def wildcard(value: Any, env: Env) -> Any:
    """``*``: the values of an object's fields, arrays among them flattened to the ground."""
    run = env.run
    if type(value) is Whole:
        value = value[0]
    if isinstance(value, dict):
        members: Any = value.values()
    elif isinstance(value, list):
        members = value
    else:
        return UNDEFINED
    found: list[Any] = []
    flattened = False
    for member in members:
        if isinstance(member, list):
            flattened = True
            _flatten(member, found, run)
        elif member is not UNDEFINED:
            found.append(member)
    run.grow(8 * len(found) + 56)
    return Made(found) if flattened else Sequence(found)


def _flatten(value: list[Any], into: list[Any], run: Run) -> None:
    run.grow(8 * len(value))
    for member in value:
        if isinstance(member, list):
            _flatten(member, into, run)
        else:
            into.append(member)


def descendants(value: Any, env: Env) -> Any:
    """``**``: everything below a value and the value itself, arrays excepted, in the order of the text."""
    if value is UNDEFINED:
        return UNDEFINED
    run = env.run
    found = Sequence()
    waiting = [value]
    while waiting:
        run.grow(8)
        here = waiting.pop()
        if isinstance(here, list):
            run.grow(8 * len(here))
            waiting.extend(reversed(here))
            continue
        found.append(here)
        if isinstance(here, dict) and not isinstance(here, Function):
            run.grow(8 * len(here))
            waiting.extend(reversed(here.values()))
    return found
