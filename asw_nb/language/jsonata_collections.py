"""Functions of JSONata on arrays and objects, and those that take a function. Nothing in, nothing out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from asw_nb.language.jsonata_calls import Function, apply, callback_args
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_sequences import append as append_values
from asw_nb.language.jsonata_sequences import lookup as lookup_value
from asw_nb.language.jsonata_values import UNDEFINED, Made, Record, Sequence, is_number, number, truth


def count(run: Run, values: Any) -> Any:
    return 0 if values is UNDEFINED else len(values)


def total(run: Run, values: Any) -> Any:
    """The sum, added up one after the other as doubles are."""
    if values is UNDEFINED:
        return UNDEFINED
    run.step(len(values))
    result: Any = 0
    for value in values:
        result += value
    return number(result)


def average(run: Run, values: Any) -> Any:
    if values is UNDEFINED or not values:
        return UNDEFINED
    return total(run, values) / len(values)


def _extreme(choose: Callable[[Any], Any]) -> Callable[[Run, Any], Any]:
    def extreme(run: Run, values: Any) -> Any:
        if values is UNDEFINED or not values:
            return UNDEFINED
        run.step(len(values))
        return choose(values)

    return extreme


largest = _extreme(max)
smallest = _extreme(min)


def append(run: Run, left: Any, right: Any) -> Any:
    return append_values(left, right, run)


def reverse(run: Run, values: Any) -> Any:
    if values is UNDEFINED or len(values) <= 1:
        return values
    run.grow(8 * len(values))
    return Made(reversed(values))


def shuffle(run: Run, values: Any) -> Any:
    if values is UNDEFINED or len(values) <= 1:
        return values
    run.grow(8 * len(values))
    run.step(len(values))
    mixed = Made(values)
    run.rng.shuffle(mixed)
    return mixed


def zip_(run: Run, *columns: Any) -> Any:
    rows = min((len(column) if isinstance(column, list) else 0 for column in columns), default=0)
    run.grow(rows * (64 + 8 * len(columns)))
    return Made(Made(column[row] for column in columns) for row in range(rows))


def distinct(run: Run, values: Any) -> Any:
    """Each value once, deep equality; by a hashable twin of every value instead of comparing all with all."""
    if not isinstance(values, list) or len(values) <= 1:
        return values
    kept = Sequence() if type(values) is Sequence else Made()
    seen = set()
    for value in values:
        twin = _twin(value, run)
        if twin not in seen:
            seen.add(twin)
            kept.append(value)
    return kept


def _twin(value: Any, run: Run) -> Any:
    run.grow(60)
    if isinstance(value, list):
        return ("array", tuple([_twin(member, run) for member in value]))
    if isinstance(value, dict):
        return ("object", frozenset([(key, _twin(member, run)) for key, member in value.items()]))
    return (type(value) is bool, value)


def sort(run: Run, values: Any, comparator: Any) -> Any:
    if values is UNDEFINED or len(values) <= 1:
        return values
    run.grow(24 * len(values))
    if comparator is UNDEFINED:
        texts = all(type(value) is str for value in values)
        if not texts and not all(map(is_number, values)):
            raise JsonataError("D3070", index=1)
        run.step(4 * len(values))
        return Made(sorted(values))

    def compare(right: Any, left: Any) -> int:
        # The comparator says whether its first argument belongs behind its second; a sort asks about later, earlier.
        run.step()
        answer = apply(comparator, [left, right], None, run)
        behind = isinstance(answer, (list, dict, Function)) or answer not in (False, None, UNDEFINED, 0, "")
        return -1 if behind else 1

    return Made(sorted(values, key=cmp_to_key(compare)))


# --- objects --------------------------------------------------------------------------------------------------------


def keys(run: Run, value: Any) -> Any:
    names: dict[str, None] = {}
    _collect_keys(value, names, run)
    return Sequence(names)


def _collect_keys(value: Any, names: dict[str, None], run: Run) -> None:
    if isinstance(value, list):
        run.step(len(value))
        for member in value:
            _collect_keys(member, names, run)
    elif isinstance(value, dict):
        run.grow(8 * len(value))
        names.update(dict.fromkeys(value))


def lookup(run: Run, value: Any, key: Any) -> Any:
    return lookup_value(value, key, run)


def spread(run: Run, value: Any) -> Any:
    if isinstance(value, list):
        spreads = Sequence()
        for member in value:
            part = spread(run, member)
            if isinstance(part, list):
                spreads.extend(part)
            elif part is not UNDEFINED:
                spreads.append(part)
        run.grow(8 * len(spreads))
        return spreads
    if isinstance(value, dict):
        run.grow(240 * len(value))
        return Sequence(Record({key: member}) for key, member in value.items())
    return value


def merge(run: Run, values: Any) -> Any:
    if values is UNDEFINED:
        return UNDEFINED
    run.grow(64 + 50 * sum(map(len, values)))
    merged = Record()
    for value in values:
        merged.update(value)
    return merged


def clone(run: Run, value: Any) -> Any:
    """A copy of everything, as made here, so that a transform may change it."""
    if isinstance(value, list):
        run.grow(8 * len(value) + 56)
        return Made(clone(run, member) for member in value)
    if isinstance(value, dict):
        run.grow(100 * len(value) + 64)
        return Record({key: clone(run, member) for key, member in value.items()})
    return "" if isinstance(value, Function) else value


# --- with a function ------------------------------------------------------------------------------------------------


def map_(run: Run, values: Any, function: Any) -> Any:
    if values is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    for index, value in enumerate(values):
        one = apply(function, callback_args(function, value, index, values), None, run)
        if one is not UNDEFINED:
            found.append(one)
    run.grow(40 * len(found))
    return found


def filter_(run: Run, values: Any, function: Any) -> Any:
    if values is UNDEFINED:
        return UNDEFINED
    kept = Sequence()
    for index, value in enumerate(values):
        if truth(apply(function, callback_args(function, value, index, values), None, run), run):
            kept.append(value)
    run.grow(8 * len(kept))
    return kept


def single(run: Run, values: Any, function: Any) -> Any:
    if values is UNDEFINED:
        return UNDEFINED
    found = []
    for index, value in enumerate(values):
        run.step()
        if function is UNDEFINED or truth(
            apply(function, callback_args(function, value, index, values), None, run), run
        ):
            found.append(value)
            if len(found) > 1:
                raise JsonataError("D3138", index=index)
    if not found:
        raise JsonataError("D3139")
    return found[0]


def reduce(run: Run, values: Any, function: Any, start: Any) -> Any:
    if values is UNDEFINED:
        return UNDEFINED
    arity = function.arity
    if arity < 2:
        raise JsonataError("D3050", index=1)
    result, first = (values[0], 1) if start is UNDEFINED and values else (start, 0)
    for index in range(first, len(values)):
        result = apply(function, [result, values[index], index, values][: min(arity, 4)], None, run)
    return result


def each(run: Run, value: Any, function: Any) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    for key, member in value.items():
        one = apply(function, callback_args(function, member, key, value), None, run)
        if one is not UNDEFINED:
            found.append(one)
    run.grow(40 * len(found))
    return found


def sift(run: Run, value: Any, function: Any) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    if function is UNDEFINED:
        raise JsonataError("T0410", index=2)
    kept = Record()
    for key, member in value.items():
        if truth(apply(function, callback_args(function, member, key, value), None, run), run):
            kept[key] = member
    run.grow(100 * len(kept))
    return kept if kept else UNDEFINED
