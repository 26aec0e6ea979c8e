"""Paths of a JSONata expression -> closures: steps, wildcards, and rows that bind variables.

A path maps each step over what the step before it found, and flattens. `items` is that sequence. As soon as a step binds
a variable (``@$v``, ``#$i``) or a later one asks for a parent (``%``), the path carries rows instead of items: `Tuple`s
with the focus under ``@`` beside the names that are bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.language.jsonata_calls import Env, Node
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_selecting import grouping, ordering, predicate
from asw_nb.language.jsonata_sequences import Compile, Filter, Step, frame, is_rows, lookup
from asw_nb.language.jsonata_values import (
    UNDEFINED,
    Cons,
    Function,
    Made,
    Sequence,
    Tuple,
    Whole,
    collapse,
)

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
