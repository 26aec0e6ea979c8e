"""What may come in, what it becomes, and that JSON keeps it."""

from __future__ import annotations

import enum
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.engine.payload import MAX_DEPTH, NotJson, copy_json, decode, encode, size_bytes, to_json

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()))
)  # fmt: skip
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4), max_leaves=20
)


def same(a: Any, b: Any) -> bool:
    """Equal, and of equal types all the way down: 1, 1.0 and True are three values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


@given(values)
def test_json_text_keeps_every_value(value: Any) -> None:
    assert same(decode(encode(value)), value)
    assert same(to_json(value), value)
    assert size_bytes(value) == len(encode(value))


def containers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [id(value), *(i for v in value.values() for i in containers(v))]
    if isinstance(value, list):
        return [id(value), *(i for v in value for i in containers(v))]
    return []


@given(values)
def test_copies_share_no_list_and_no_dict(value: Any) -> None:
    for copy in (to_json(value), copy_json(value)):
        assert same(copy, value)
        assert not set(containers(copy)) & set(containers(value))


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 1


class Row(dict):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        ({7: "a", None: "b", True: "c", 2.5: "d"}, {"7": "a", "null": "b", "true": "c", "2.5": "d"}),
        (Colour.RED, "red"),
        ({Colour.RED: Size.SMALL}, {"red": 1}),
        (Row(a=Row()), {"a": {}}),
        (b'{"a": [1]}', {"a": [1]}),
        (bytearray(b"3"), 3),
        (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
        (date(2024, 2, 29), "2024-02-29"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (numpy.int64(3), 3),
        (numpy.float32(0.5), 0.5),
        (numpy.float64(0.25), 0.25),
        (numpy.bool_(True), True),
        (numpy.str_("x"), "x"),
        (numpy.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (numpy.array([1, "a", None], dtype=object), [1, "a", None]),
        (numpy.datetime64("2024-02-29", "D"), "2024-02-29"),
        (numpy.datetime64("2024-02-29T12:00", "ns"), "2024-02-29T12:00:00.000000000"),
        (numpy.array(["2024-02-29"], "datetime64[D]"), ["2024-02-29"]),
        (pandas.Timestamp("2024-02-29"), "2024-02-29T00:00:00"),
        ([numpy.int64(1), {"a": numpy.array([1.5])}], [1, {"a": [1.5]}]),
    ],
    ids=repr,
)
def test_a_value_with_one_obvious_json_form_gets_it(value: Any, becomes: Any) -> None:
    assert same(to_json(value), becomes)


class Thing:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "$ is nan, which JSON cannot hold: use None instead"),
        ({"a": [0, math.inf]}, "$.a[1] is inf, which JSON cannot hold: use None instead"),
        (numpy.float64("nan"), "$ is nan, which JSON cannot hold: use None instead"),
        (numpy.array([1.0, numpy.nan]), "$[1] is nan, which JSON cannot hold: use None instead"),
        (pandas.NaT, "$ is NaT (no time), which JSON cannot hold: use None instead"),
        ({"t": numpy.datetime64("NaT")}, "$.t holds NaT (no time), which JSON cannot hold: use None instead"),
        ({1, 2}, "$ is a set, which is no JSON value: use numbers, strings, lists and dicts"),
        ({"a": Thing()}, "$.a is a Thing, which is no JSON value: use numbers, strings, lists and dicts"),
        (Decimal("1.5"), "$ is a Decimal, which is no JSON value: use numbers, strings, lists and dicts"),
        (timedelta(1), "$ is a timedelta, which is no JSON value: use numbers, strings, lists and dicts"),
        (
            numpy.timedelta64(1, "s"),
            "$ is a timedelta64, which is no JSON value: use numbers, strings, lists and dicts",
        ),
        (
            numpy.random.default_rng(0),
            "$ is a Generator, which is no JSON value: use numbers, strings, lists and dicts",
        ),
        ([b"\xff"], "$[0] is bytes that are no JSON text: decode it, or use base64"),
        ({(1, 2): 3}, "a key of $ is a tuple: JSON keys are strings"),
        (pandas.NA, "$ is a pandas NAType: turn it into a string, a number or None"),
        (
            {"rows": pandas.DataFrame({"a": [1]})},
            '$.rows is a pandas DataFrame: return its .to_dict("records"), or write it to a file and return the file\'s name',
        ),
        (
            pandas.Series([1]),
            "$ is a pandas Series: return its .tolist(), or write it to a file and return the file's name",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_a_value_without_one_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(NotJson) as refused:
        to_json(value)
    assert str(refused.value) == message


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotJson) as refused:
        to_json(endless)
    place = "$" + "[0]" * 26 + "["
    assert str(refused.value) == f"{place}... is nested more than {MAX_DEPTH} levels deep"
