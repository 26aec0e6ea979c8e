"""The intrinsic functions: their call grammar, what each gives, and what always holds.

What each function gives is also shown, case by case, in tests/conformance/intrinsics.json.
"""

from __future__ import annotations

import copy
import math
import random
import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.errors import StateError
from asw_nb.language.intrinsics import (
    FUNCTIONS,
    IntrinsicSyntaxError,
    compact,
    compile_expression,
    compile_intrinsic,
    equal,
    hash_text,
    is_intrinsic,
)
from asw_nb.language.paths import PathSyntaxError

NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
# half a surrogate pair has no UTF-8 form; every other character must come through
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


class Env:
    """Surroundings with a seed."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.variables: dict[str, Any] = {"v": [1, 2]}

    def context(self) -> dict[str, Any]:
        return {"State": {"Name": "A"}}


def call(text: str, **data: Any) -> Any:
    return compile_intrinsic(text)(data, Env())


def failure(text: str, **data: Any) -> str:
    with pytest.raises(StateError) as failed:
        call(text, **data)
    assert failed.value.name == "States.IntrinsicFailure"
    assert failed.value.cause is not None
    return failed.value.cause


def quoted(text: str) -> str:
    """A text as a literal of the call grammar."""
    return "'" + re.sub(r"([\\'{}])", r"\\\1", text) + "'"


# ---------------------------------------------------------------------------------------- grammar


def test_the_eighteen_functions() -> None:
    assert sorted(FUNCTIONS) == [
        "Array", "ArrayContains", "ArrayGetItem", "ArrayLength", "ArrayPartition", "ArrayRange", "ArrayUnique",
        "Base64Decode", "Base64Encode", "Format", "Hash", "JsonMerge", "JsonToString", "MathAdd", "MathRandom",
        "StringSplit", "StringToJson", "UUID",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "States.format('{}', 1)",
            "unknown intrinsic function \"States.format\" at character 1 of States.format('{}', 1)."
            ' Did you mean "States.Format"?',
        ),
        ("States.Xyzzy()", 'unknown intrinsic function "States.Xyzzy" at character 1 of States.Xyzzy()'),
        (
            "States.Array(States.ArrayLenght($.a))",
            'unknown intrinsic function "States.ArrayLenght" at character 14 of States.Array(States.ArrayLenght($.a)).'
            ' Did you mean "States.ArrayLength"?',
        ),
        (
            "States.Array",
            "an intrinsic function such as States.Format(...) is expected at character 1 of States.Array",
        ),
        ("States.Array('a'", '"," or ")" is expected at character 17 of States.Array(\'a\''),
        (
            "States.Array(1 2)",
            "a path, a 'string', a number, true, false, null or another call is expected at character 14 of "
            "States.Array(1 2)",
        ),
        (
            "States.Array(1,)",
            "a path, a 'string', a number, true, false, null or another call is expected at character 16 of "
            "States.Array(1,)",
        ),
        (
            "States.Array('a)",
            "a path, a 'string', a number, true, false, null or another call is expected at character 14 of "
            "States.Array('a)",
        ),
        (
            "States.Array(01)",
            "a path, a 'string', a number, true, false, null or another call is expected at character 14 of "
            "States.Array(01)",
        ),
        (
            "States.Array(truth)",
            "a path, a 'string', a number, true, false, null or another call is expected at character 14 of "
            "States.Array(truth)",
        ),
        ("States.Array(1e999)", "the number 1e999 is too large at character 19 of States.Array(1e999)"),
        ("States.UUID() + 1", "nothing more is expected at character 15 of States.UUID() + 1"),
        (
            "States.MathAdd(1)",
            "States.MathAdd takes 2 arguments, 1 are given; call ends at character 18 of States.MathAdd(1)",
        ),
        (
            "States.Format()",
            "States.Format takes 1 or more arguments, 0 are given; call ends at character 16 of States.Format()",
        ),
        (
            "States.MathRandom(1)",
            "States.MathRandom takes 2 to 3 arguments, 1 are given; call ends at character 21 of States.MathRandom(1)",
        ),
        (
            "States.Array(" * 12 + ")" * 12,
            "more than 10 nested intrinsic functions at character 144 of " + ("States.Array(" * 12 + ")" * 12)[:200],
        ),
    ],
)
def test_a_text_that_is_no_call_is_refused_when_compiled(text: str, message: str) -> None:
    with pytest.raises(IntrinsicSyntaxError) as refused:
        compile_intrinsic(text)
    assert str(refused.value) == message


def test_ten_calls_may_stand_inside_each_other() -> None:
    assert call("States.Array(" * 11 + ")" * 11) == [[[[[[[[[[[]]]]]]]]]]]


def test_which_texts_are_calls() -> None:
    assert [is_intrinsic(t) for t in ("States.UUID()", " States.X", "$.States.UUID()", "states.UUID()", "")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_an_expression_is_a_call_or_a_path() -> None:
    assert compile_expression("States.MathAdd($.n, 1)")({"n": 1}, Env()) == 2
    assert compile_expression("$.n")({"n": 1}, Env()) == 1
    with pytest.raises(PathSyntaxError) as refused:
        compile_expression("n")
    assert str(refused.value) == '"n" is no path: a path starts with "$".'


def test_arguments_of_every_kind() -> None:
    given_ = "States.Array('a', -1.5e1, 0, true, false, null, $.d.x[0], $$.State.Name, $v[1], States.Array( ))"
    assert call(given_, d={"x": [7]}) == ["a", -15.0, 0, True, False, None, 7, "A", 2, []]


def test_a_path_argument_that_finds_nothing_says_so_itself() -> None:
    def why(text: str, **data: Any) -> str:
        with pytest.raises(StateError) as miss:
            call(text, **data)
        assert miss.value.name == "States.Runtime"
        return miss.value.cause or ""

    tail = "had the following error: The JsonPath argument for the field '$.gone' could not be found in the input '{}'"
    assert why("States.Array(1, $.gone)") == f"The function 'States.Array(1, $.gone)' {tail}"
    assert (
        why("States.Format('{}',States.Array($.gone))")
        == f"The function 'States.Format('{{}}',States.Array($.gone))' {tail}"
    )
    assert why("States.Array($$.gone)") == f"The function 'States.Array($$.gone)' {tail}"
    assert why("States.Array($.a[2])", a=[1]).endswith("field '$.a[2]' could not be found in the input '{\"a\":[1]}'")
    assert why("States.Array($.a[0])", a=1).endswith(
        "error: Filter: [0] can only be applied to arrays. Current context is: 1"
    )


@given(TEXTS)
def test_a_literal_may_hold_any_text(text: str) -> None:
    assert call(f"States.Format({quoted(text)})") == text
    assert call(f"States.Array({quoted(text)})") == [text]
    assert call(f"States.Format({quoted(text)[:-1]}{{}}', $.x)", x=text) == text + text


# ---------------------------------------------------------------------------------------- the functions


@given(VALUES)
def test_json_survives_JsonToString_and_StringToJson(value: Any) -> None:
    assert equal(call("States.StringToJson(States.JsonToString($.x))", x=value), value)


@given(st.lists(VALUES, max_size=9), st.integers(1, 10))
def test_the_chunks_of_ArrayPartition_make_the_array_again(array: list[Any], size: int) -> None:
    chunks = call("States.ArrayPartition($.a, $.n)", a=array, n=size)
    assert [value for chunk in chunks for value in chunk] == array
    assert [len(c) for c in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert all(0 < len(c) <= size for c in chunks)


@given(TEXTS)
def test_Base64Decode_undoes_Base64Encode(text: str) -> None:
    assert call("States.Base64Decode(States.Base64Encode($.x))", x=text) == text


@given(st.lists(VALUES, max_size=8))
def test_ArrayUnique_keeps_the_first_of_equal_values(array: list[Any]) -> None:
    expected: list[Any] = []
    for value in array:
        if not any(equal(value, kept) for kept in expected):
            expected.append(value)
    unique = call("States.ArrayUnique($.a)", a=array)
    assert len(unique) == len(expected)
    assert all(equal(x, y) for x, y in zip(unique, expected, strict=True))
    assert all(call("States.ArrayContains($.a, $.v)", a=unique, v=value) for value in array)


@given(st.integers(-600, 600), st.integers(-600, 600), st.integers(-50, 50).filter(bool))
def test_ArrayRange_counts_to_its_end(first: int, last: int, step: int) -> None:
    expected = list(range(first, last + (1 if step > 0 else -1), step))
    if len(expected) > 1000:
        assert failure("States.ArrayRange($.a, $.b, $.c)", a=first, b=last, c=step) == (
            "The function 'States.ArrayRange($.a, $.b, $.c)' had the following error: "
            f"The array must not have more than 1000 elements, it would have {len(expected)}"
        )
    else:
        assert call("States.ArrayRange($.a, $.b, $.c)", a=first, b=last, c=step) == expected


def test_ArrayRange_of_exactly_a_thousand() -> None:
    assert call("States.ArrayRange(1, 1000, 1)") == list(range(1, 1001))


@given(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9))
def test_MathAdd_rounds_half_up(whole: int, part: float) -> None:
    total = call("States.MathAdd($.a, $.b)", a=whole, b=part)
    assert type(total) is int
    assert total == whole + math.floor(part + 0.5)


@given(TEXTS, st.text(",;^]-\\ ", min_size=1, max_size=3))
def test_StringSplit_loses_nothing_but_separators(text: str, separators: str) -> None:
    pieces = call("States.StringSplit($.t, $.s)", t=text, s=separators)
    assert "".join(pieces) == "".join(c for c in text if c not in separators)
    assert all(piece and not set(piece) & set(separators) for piece in pieces)


def test_StringSplit_without_separators_leaves_the_text() -> None:
    assert call("States.StringSplit('a,b', '')") == ["a,b"]


@given(st.integers(-100, 100), st.integers(1, 50), st.integers())
def test_MathRandom_stays_below_its_end_and_repeats_with_the_seed(start: int, width: int, seed: int) -> None:
    roll = compile_intrinsic("States.MathRandom($.a, $.b)")
    data = {"a": start, "b": start + width}
    assert roll(data, Env(seed)) in range(start, start + width)
    assert roll(data, Env(seed)) == roll(data, Env(seed))
    own = compile_intrinsic("States.MathRandom($.a, $.b, 7)")
    assert own(data, Env(seed)) == own(data, Env(seed + 1))


def test_UUID_is_random_of_version_4_and_repeats_with_the_seed() -> None:
    make, env = compile_intrinsic("States.UUID()"), Env(3)
    first, second = make({}, env), make({}, env)
    assert (uuid.UUID(first).version, uuid.UUID(second).version) == (4, 4)
    assert first != second
    assert make({}, Env(3)) == first


@pytest.mark.parametrize("text", ["States.Base64Encode($.s)", "States.Base64Decode($.s)"])
def test_Base64_has_a_limit(text: str) -> None:
    assert len(call(text, s="YWFh" * 2500)) == {"Encode": 13_336, "Decode": 7_500}[text[13:19]]
    assert failure(text, s="a" * 10_001) == (
        f"The function '{text}' had the following error: The string must not be longer than 10000 characters"
    )


def test_Hash_has_a_limit() -> None:
    assert call("States.Hash($.s, 'MD5')", s="a" * 10_000) == "0d0c9c4db6953fee9e03f528cafd7d3e"
    assert failure("States.Hash($.s, 'MD5')", s="a" * 10_001) == (
        "The function 'States.Hash($.s, 'MD5')' had the following error: "
        "The data must not be longer than 10000 characters"
    )


def test_Hash_of_other_values_is_that_of_their_JSON() -> None:
    assert hash_text({"a": [1, None]}, "SHA-1") == hash_text('{"a":[1,null]}', "SHA-1")
    assert hash_text("abc", "MD5") == "900150983cd24fb0d6963f7d28e17f72"


def test_half_a_character_has_no_bytes() -> None:
    for text in ("States.Base64Encode($.s)", "States.Hash($.s, 'MD5')"):
        assert failure(text, s="\ud800") == (
            f"The function '{text}' had the following error: "
            "The string holds half of a surrogate pair, which has no UTF-8 form"
        )


def test_the_failing_call_is_named_inside_a_nest() -> None:
    assert failure("States.Array(1, States.ArrayGetItem($.a,5))", a=[]) == (
        "The function 'States.ArrayGetItem($.a,5)' had the following error: The index 5 is outside the array of length 0"
    )


def test_huge_numbers_are_values_too() -> None:
    assert call("States.ArrayUnique($.a)", a=[10**400, 1e300, 10**400]) == [10**400, 1e300]
    assert call("States.MathAdd($.a, 1)", a=10**400) == 10**400 + 1
    assert call("States.JsonToString($.a)", a=2**70) == "1180591620717411303424"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@given(data=st.data())
def test_no_argument_breaks_a_function_or_is_changed(name: str, data: st.DataObject) -> None:
    least, most, _ = FUNCTIONS[name]
    values = data.draw(st.lists(VALUES, min_size=least, max_size=min(most, 4)))
    before = copy.deepcopy(values)
    text = f"States.{name}({', '.join(f'$.a[{i}]' for i in range(len(values)))})"
    try:
        result = call(text, a=values)
    except StateError as failed:
        assert failed.name == "States.IntrinsicFailure"
        assert failed.cause is not None
        assert failed.cause.startswith(f"The function '{text}' had the following error: ")
    else:
        compact(result)  # JSON again
    assert values == before


# ---------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, "é"], "b": None}, '{"a":[1,2.5,"é"],"b":null}'),
        ("x", '"x"'),
        (1.0, "1.0"),
        (True, "true"),
        ("\ud800", '"\\ud800"'),
        (2**64, "18446744073709551616"),
    ],
)
def test_compact(value: Any, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        ([1, [True]], [1.0, [True]], True),
        ([1], [1, 1], False),
        ([1], [True], False),
        ({"a": 1, "b": {}}, {"b": {}, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({}, [], False),
    ],
)
def test_equal(one: Any, other: Any, same: bool) -> None:
    assert equal(one, other) is same
    assert equal(other, one) is same
