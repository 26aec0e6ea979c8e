"""What a path of JSONata does with what it has found: predicates, order-by and grouping."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any

from asw_nb.language.jsonata_calls import Env
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_sequences import Compile, Filter, Step, frame, is_rows
from asw_nb.language.jsonata_values import (
    UNDEFINED,
    Made,
    Record,
    Sequence,
    Tuple,
    is_number,
    truth,
)

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


__all__ = ["grouping", "ordering", "predicate"]
