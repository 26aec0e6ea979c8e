"""Choice rules: every operator against values of every type, timestamps, wildcards, and what a missing field does.

The operators are also shown one by one, as whole workflows, in tests/conformance/choice.json.
"""

from __future__ import annotations

import operator
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.choices import COMPARISONS, IS_TESTS, OPERATORS, compile_rule, timestamp, wildcard
from asw_nb.language.paths import PathSyntaxError
from asw_nb.language.templates import EvaluationError

RELATIONS = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
}
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "Boolean": st.booleans(),
    "Numeric": st.integers(-3, 3) | st.floats(-3, 3),
    "String": st.text("ab\u6e56", max_size=2),
    "Timestamp": MOMENTS,
}


def holds(rule: dict[str, Any], data: Any, env: Any = None) -> bool:
    return compile_rule(rule)(data, env)


def spelled(moment: datetime, zone: timezone) -> str:
    return moment.astimezone(zone).isoformat()


def test_the_operators_of_the_language() -> None:
    kinds = ("Numeric", "String", "Timestamp")
    plain = {kind + relation for kind in kinds for relation in RELATIONS} | {"BooleanEquals"}
    tests = {"IsBoolean", "IsNull", "IsNumeric", "IsString", "IsTimestamp"}
    assert set(COMPARISONS) == plain
    assert set(IS_TESTS) == tests
    assert plain | {name + "Path" for name in plain} | tests | {"IsPresent", "StringMatches"} == OPERATORS
    assert len(OPERATORS) == 39


@pytest.mark.parametrize("name", sorted(COMPARISONS))
@given(data=st.data())
def test_a_comparison_is_that_of_python_for_values_of_its_kind(name: str, data: st.DataObject) -> None:
    kind, relation = COMPARISONS[name]
    left, right = data.draw(KINDS[kind]), data.draw(KINDS[kind])
    expected = RELATIONS[relation](left, right)
    if kind == "Timestamp":
        left, right = spelled(left, data.draw(OFFSETS)), spelled(right, data.draw(OFFSETS))
    assert holds({"Variable": "$.l", name: right}, {"l": left}) is expected
    assert holds({"Variable": "$.l", name + "Path": "$.r"}, {"l": left, "r": right}) is expected


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_a_value_of_another_kind_never_compares(name: str) -> None:
    kind = COMPARISONS[name][0]
    examples = {"Boolean": True, "Numeric": 1, "String": "1", "Timestamp": "2030-06-01T12:00:00Z"}
    own = examples[kind]
    strangers = [v for k, v in examples.items() if k != kind and {k, kind} != {"String", "Timestamp"}]
    for stranger in [*strangers, None, [own], {"v": own}]:
        assert holds({"Variable": "$.l", name: own}, {"l": stranger}) is False
        assert holds({"Variable": "$.l", name + "Path": "$.r"}, {"l": stranger, "r": own}) is False
        assert holds({"Variable": "$.l", name + "Path": "$.r"}, {"l": own, "r": stranger}) is False
        assert holds({"Variable": "$.l", name + "Path": "$.r"}, {"l": stranger, "r": stranger}) is False


@pytest.mark.parametrize(
    ("name", "true_for"),
    [
        ("IsBoolean", [True, False]),
        ("IsNull", [None]),
        ("IsNumeric", [0, -1.5]),
        ("IsString", ["", "text", "2030-06-01T12:00:00Z"]),
        ("IsTimestamp", ["2030-06-01T12:00:00Z"]),
    ],
)
def test_what_a_value_is(name: str, true_for: list[Any]) -> None:
    values = [True, False, None, 0, -1.5, "", "text", "2030-06-01T12:00:00Z", [], {}]
    for value in values:
        is_one = any(type(value) is type(other) and value == other for other in true_for)
        assert holds({"Variable": "$.v", name: True}, {"v": value}) is is_one
        assert holds({"Variable": "$.v", name: False}, {"v": value}) is not is_one


def test_IsPresent_asks_only_whether_the_path_finds_something() -> None:
    present, absent = {"Variable": "$.a.b", "IsPresent": True}, {"Variable": "$.a.b", "IsPresent": False}
    assert [holds(present, d) for d in ({"a": {"b": None}}, {"a": {}}, {"a": 1}, {})] == [True, False, False, False]
    assert [holds(absent, d) for d in ({"a": {"b": None}}, {"a": {}}, {"a": 1}, {})] == [False, True, True, True]


@given(st.lists(st.booleans(), min_size=1, max_size=4))
def test_combinations_are_those_of_python(truths: list[bool]) -> None:
    rules = [{"Variable": f"$[{i}]", "BooleanEquals": True} for i in range(len(truths))]
    assert holds({"And": rules}, truths) is all(truths)
    assert holds({"Or": rules}, truths) is any(truths)
    assert holds({"Not": rules[0]}, truths) is not truths[0]
    assert holds({"Not": {"And": rules}}, truths) is holds({"Or": [{"Not": r} for r in rules]}, truths)


def test_combinations_stop_at_the_first_rule_that_decides() -> None:
    missing = {"Variable": "$.gone", "NumericEquals": 1}
    assert holds({"And": [{"Variable": "$.gone", "IsPresent": True}, missing]}, {}) is False
    assert holds({"Or": [{"Variable": "$.gone", "IsPresent": False}, missing]}, {}) is True


class Env:
    variables: dict[str, Any] = {"limit": 10}  # noqa: RUF012

    def context(self) -> dict[str, Any]:
        return {"Map": {"Item": {"Index": 3}}}


def test_variables_and_the_context_object_can_be_compared() -> None:
    assert holds({"Variable": "$$.Map.Item.Index", "NumericLessThanPath": "$limit"}, {}, Env()) is True
    assert holds({"Variable": "$limit", "NumericEquals": 3}, {}, Env()) is False


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"Variable": "$.gone", "NumericEquals": 1}, "$.gone"),
        ({"Variable": "$.a.gone", "IsNull": True}, "$.a.gone"),
        ({"Variable": "$.gone", "StringMatches": "*"}, "$.gone"),
        ({"Variable": "$.a", "NumericEqualsPath": "$.gone"}, "$.gone"),
        ({"Not": {"Variable": "$.gone", "BooleanEquals": True}}, "$.gone"),
    ],
)
def test_a_missing_field_is_an_error(rule: dict[str, Any], path: str) -> None:
    with pytest.raises(EvaluationError) as failed:
        holds(rule, {"a": 1})
    assert (failed.value.name, failed.value.cause) == (
        "States.Runtime",
        f"Invalid path '{path}': The choice state's condition path references an invalid value.",
    )


def test_a_rule_with_a_bad_path_is_refused_when_compiled() -> None:
    with pytest.raises(PathSyntaxError) as refused:
        compile_rule({"Variable": "age", "NumericEquals": 1})
    assert str(refused.value) == '"age" is no path: a path starts with "$".'


# ---------------------------------------------------------------------------------------- timestamps


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-06-01T12:00:00Z", datetime(2030, 6, 1, 12, tzinfo=UTC)),
        ("2030-06-01T12:00:00+05:30", datetime(2030, 6, 1, 6, 30, tzinfo=UTC)),
        ("2030-06-01T12:00:00.5Z", datetime(2030, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2030-06-01T12:00:00.123456789Z", datetime(2030, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2028-02-29T23:59:59-00:01", datetime(2028, 3, 1, 0, 0, 59, tzinfo=UTC)),
        ("2030-06-01T12:00:00", None),
        ("2030-06-01t12:00:00Z", None),
        ("2030-06-01T12:00:00z", None),
        ("2030-06-01 12:00:00Z", None),
        ("2030-06-01T12:00Z", None),
        ("2030-02-30T12:00:00Z", None),
        ("2030-06-01T25:00:00Z", None),
        ("2030-06-01T12:00:00+99:00", None),
        ("2030-06-01T12:00:00Z ", None),
        ("٢٠٣٠-06-01T12:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("", None),
    ],
)
def test_timestamps(text: str, moment: datetime | None) -> None:
    assert timestamp(text) == moment


@given(MOMENTS, OFFSETS)
def test_every_moment_is_read_in_every_zone(moment: datetime, zone: timezone) -> None:
    assert timestamp(spelled(moment, zone)) == moment


# ---------------------------------------------------------------------------------------- wildcards


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["", "x", "a\nb"], []),
        ("log-*.txt", ["log-1.txt", "log-.txt"], ["log-1.txt2", "xlog-1.txt", "LOG-1.txt"]),
        ("a*b*c", ["abc", "a1b2c", "abbcc"], ["acb", "ab"]),
        ("5\\*", ["5*"], ["5", "55", "5\\*"]),
        ("\\\\*", ["\\", "\\x"], ["*", "x"]),
        ("a.b?[c]", ["a.b?[c]"], ["axb?[c]"]),
        ("end\\", ["end\\"], ["end"]),
        ("", [""], ["x"]),
    ],
)
def test_wildcards(pattern: str, matching: list[str], others: list[str]) -> None:
    compiled = wildcard(pattern)
    assert [t for t in [*matching, *others] if compiled.fullmatch(t)] == matching
    for text in [*matching, *others]:
        assert holds({"Variable": "$", "StringMatches": pattern}, text) is (text in matching)


@given(st.lists(st.text("ab*\\.\n", max_size=3), min_size=1, max_size=3), st.data())
def test_a_pattern_matches_what_it_was_made_for(parts: list[str], data: st.DataObject) -> None:
    pattern = "*".join(re.sub(r"([\\*])", r"\\\1", part) for part in parts)
    fillings = [data.draw(st.text("ab*\\x", max_size=3)) for _ in parts[1:]]
    text = parts[0] + "".join(filling + part for filling, part in zip(fillings, parts[1:], strict=True))
    assert wildcard(pattern).fullmatch(text) is not None


def test_only_texts_match_a_wildcard() -> None:
    assert [holds({"Variable": "$", "StringMatches": "*"}, v) for v in (1, None, True, ["x"])] == [False] * 4
