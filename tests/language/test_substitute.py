"""``${name}`` in a definition: typed where it stands alone, text where it does not, and never evaluated."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.substitute import NoValue, resolve, substitute

NAMES = {
    "table": "orders",
    "limit": 3,
    "share": 0.5,
    "on": True,
    "none": None,
    "config": {"tables": ["a", "b"], "路径": "x", "key with blank": 1, "n": {"m": 2}},
    "day": date(2024, 2, 29),
    "price": Decimal("1.50"),
    "shelf": {1, 2},
}
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def filled(tree: Any) -> tuple[Any, list[tuple[Any, str, str]]]:
    problems: list[tuple[Any, str, str]] = []
    value = substitute(
        tree,
        lambda reference: resolve(reference, NAMES.__getitem__, lambda: NAMES),
        lambda pointer, why: problems.append((pointer, why.message, why.fix)),
    )
    return value, problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${limit}", 3),
        ("${ limit }", 3),
        ("${on}", True),
        ("${none}", None),
        ("${config}", NAMES["config"]),
        ("${config.tables[0]}", "a"),
        ("${config.tables[-1]}", "b"),
        ("${config.n.m}", 2),
        ("${config['key with blank']}", 1),
        ('${config["路径"]}', "x"),
        ("${config.路径}", "x"),
        ("${day}", date(2024, 2, 29)),
        ("from ${table}", "from orders"),
        ("${table}${table}", "ordersorders"),
        ("at most ${limit}", "at most 3"),
        ("${share}/${on}/${none}", "0.5/true/null"),
        ("in ${config.tables}", 'in ["a", "b"]'),
        ("with ${config}", 'with {"tables": ["a", "b"], "路径": "x", "key with blank": 1, "n": {"m": 2}}'),
        ("on ${day} for ${price}", "on 2024-02-29 for 1.50"),
        ("$${limit}", "${limit}"),
        ("costs $${limit} or ${limit}", "costs ${limit} or 3"),
        ("$limit {limit} $", "$limit {limit} $"),
        ("${", "${"),
        ("${limit", "${limit"),
        ("", ""),
    ],
)
def test_what_a_text_becomes(text: str, value: Any) -> None:
    assert filled(text) == (value, [])


def test_numbers_of_numpy_read_as_numbers() -> None:
    value = substitute("n=${n}", {"n": numpy.int64(5)}.__getitem__, lambda pointer, why: None)
    assert value == "n=5"


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("${tabel}", 'there is no "tabel" for "${tabel}".', 'Did you mean "table"?'),
        ("x ${zzz}", 'there is no "zzz" for "${zzz}".', "Define it, or give it with -p zzz=VALUE."),
        ("${config.nope}", '"config.nope" has no value.', 'Check what "config" holds.'),
        ("${config.tables[7].x}", '"config.tables[7]" has no value.', 'Check what "config.tables" holds.'),
        ("${limit.x}", '"limit.x" has no value.', 'Check what "limit" holds.'),
        (
            "${limit + 1}",
            '"${limit + 1}" is no reference.',
            "Only fields and indexes may follow the name; nothing is evaluated.",
        ),
        (
            "${config.tables()}",
            '"${config.tables()}" is no reference.',
            "Only fields and indexes may follow the name; nothing is evaluated.",
        ),
        (
            "${1}",
            '"${1}" is no reference.',
            'Write a name, such as "${table}", with fields and indexes behind it.',
        ),
        (
            "${}",
            '"${}" is no reference.',
            'Write a name, such as "${table}", with fields and indexes behind it.',
        ),
        (
            "on ${shelf}",
            '"${shelf}" is a set, which has no place inside a text.',
            "Give a text, a number, or JSON data.",
        ),
    ],
)
def test_what_cannot_be_filled_is_told_and_left(text: str, message: str, fix: str) -> None:
    assert filled({"a": [text]}) == ({"a": [text]}, [(("a", 0), message, fix)])


def test_all_problems_are_told_and_the_rest_is_filled() -> None:
    tree = {"a": "${limit} ${zzz} ${yyy}", "b": {"c": ["${limit}", "${xxx}"]}, "${limit}": 1}
    value, problems = filled(tree)
    assert value == {"a": "3 ${zzz} ${yyy}", "b": {"c": [3, "${xxx}"]}, "${limit}": 1}
    assert [(pointer, message) for pointer, message, _ in problems] == [
        (("a",), 'there is no "zzz" for "${zzz}".'),
        (("a",), 'there is no "yyy" for "${yyy}".'),
        (("b", "c", 1), 'there is no "xxx" for "${xxx}".'),
    ]


def test_resolve_raises_what_it_has_to_say() -> None:
    with pytest.raises(NoValue) as missing:
        resolve("limt", NAMES.__getitem__, lambda: NAMES)
    assert (missing.value.message, missing.value.fix) == ('there is no "limt" for "${limt}".', 'Did you mean "limit"?')
    assert str(missing.value) == 'there is no "limt" for "${limt}".'


@given(TREES)
def test_a_tree_without_references_comes_out_equal(tree: Any) -> None:
    before = copy.deepcopy(tree)
    free = without(tree)
    assert filled(free) == (free, [])
    assert tree == before


def without(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: without(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [without(v) for v in tree]
    return tree.replace("${", "") if isinstance(tree, str) else tree


@given(TREES)
def test_a_reference_brings_its_value_whole(value: Any) -> None:
    before = copy.deepcopy(value)
    made = substitute({"a": ["${x}"], "b": "${x}"}, {"x": value}.__getitem__, lambda pointer, why: None)
    assert made == {"a": [before], "b": before}
    assert value == before


@given(st.text("${}ab ", max_size=10))
def test_a_doubled_dollar_keeps_any_text(text: str) -> None:
    assert filled(text.replace("${", "$${")) == (text, [])
