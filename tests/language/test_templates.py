"""Payload templates: what they make, what they share, and what they say when a path finds nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.errors import StateError
from asw_nb.language.paths import PathSyntaxError
from asw_nb.language.templates import EvaluationError, compile_field, compile_template, path_missing

KEYS = st.sampled_from(["a", "b", "c", "键"])
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "$.a", "$5", "States.UUID()"])
CONSTANTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=10
)
DATA = st.fixed_dictionaries({"a": CONSTANTS, "b": st.lists(CONSTANTS, max_size=3)})
EXPRESSIONS = st.sampled_from(
    ["$", "$.a", "$.b", "$.b[*]", "$$.State.Name", "States.JsonToString($.a)", "States.Array($.a, 1)"]
)
# an object keeps constants under the keys of KEYS and expressions under others, so that no key is given twice
TEMPLATES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(
            lambda constants, dynamic: {**constants, **{f"{key}!.$": text for key, text in dynamic.items()}},
            st.dictionaries(KEYS, inner, max_size=3),
            st.dictionaries(KEYS, EXPRESSIONS, max_size=2),
        )
    ),
    max_leaves=10,
)


class Env:
    variables: dict[str, Any] = {"v": 7}  # noqa: RUF012

    def context(self) -> dict[str, Any]:
        return {"State": {"Name": "Here"}}


def filled(tree: Any, data: Any) -> Any:
    fill, constant = compile_template(tree)
    return constant if fill is None else fill(data, Env())


@pytest.mark.parametrize(
    ("tree", "data", "result"),
    [
        ({"n.$": "$.x", "k": 1}, {"x": 5}, {"n": 5, "k": 1}),
        ({"o": {"p": {"q.$": "$.x[0]"}}}, {"x": [3]}, {"o": {"p": {"q": 3}}}),
        ([{"a.$": "$"}, "$", [{"b.$": "$$.State.Name"}]], 1, [{"a": 1}, "$", [{"b": "Here"}]]),
        ({"v.$": "$v", "w.$": "States.MathAdd($v, 1)"}, {}, {"v": 7, "w": 8}),
        ({"a.$b": "$.x", ".$": "$.x"}, {"x": 1}, {"a.$b": "$.x", "": 1}),
        ({}, {"x": 1}, {}),
        ("$.x", {"x": 1}, "$.x"),
        (None, {}, None),
    ],
)
def test_what_a_template_makes(tree: Any, data: Any, result: Any) -> None:
    assert filled(tree, data) == result


def test_fields_stand_in_the_order_of_the_template() -> None:
    assert list(filled({"z": 1, "a.$": "$", "m": {"k.$": "$"}}, 0)) == ["z", "a", "m"]


def test_a_template_without_expressions_is_a_constant() -> None:
    tree = {"a": [1, {"b": "$.x"}]}
    assert compile_template(tree) == (None, tree)


def test_constant_parts_are_shared_by_all_results() -> None:
    fill, _ = compile_template({"big": {"list": [1, 2]}, "n.$": "$"})
    assert fill is not None
    assert fill(1, None)["big"] is fill(2, None)["big"]


def test_a_path_that_finds_nothing_names_its_field_and_the_input() -> None:
    fill, _ = compile_template({"deep": [{"n.$": "$.gone.x"}]}, "States.ParameterPathFailure")
    assert fill is not None
    with pytest.raises(EvaluationError) as failed:
        fill({"é": [1, None]}, Env())
    assert (failed.value.name, failed.value.cause, failed.value.field) == (
        "States.ParameterPathFailure",
        "The JSONPath '$.gone.x' specified for the field 'n.$' could not be found in the input '{\"é\":[1,null]}'",
        None,
    )


def test_a_call_that_finds_nothing_is_named_as_a_whole() -> None:
    fill, _ = compile_template({"n.$": "States.MathAdd($.gone, 1)"})
    assert fill is not None
    with pytest.raises(StateError) as failed:
        fill({}, Env())
    assert (failed.value.name, failed.value.cause) == (
        "States.Runtime",
        "The function 'States.MathAdd($.gone, 1)' had the following error: "
        "The JsonPath argument for the field '$.gone' could not be found in the input '{}'",
    )


def test_behind_the_end_of_an_array_there_is_null() -> None:
    fill, _ = compile_template({"n.$": "$.a[2]"})
    assert fill is not None
    assert fill({"a": [1]}, Env()) == {"n": None}
    for data in ({"a": None}, {"a": {}}, {}):
        with pytest.raises(EvaluationError, match="could not be found in the input"):
            fill(data, Env())
    fill, _ = compile_template({"n.$": "$.a[2]"}, "States.ParameterPathFailure")
    assert fill is not None
    with pytest.raises(EvaluationError, match="could not be found in the input"):
        fill({"a": [1]}, Env())


def test_a_failing_call_keeps_its_own_error() -> None:
    fill, _ = compile_template({"n.$": "States.StringToJson('{')"})
    assert fill is not None
    with pytest.raises(StateError) as failed:
        fill({}, Env())
    assert (failed.value.name, failed.value.cause) == (
        "States.IntrinsicFailure",
        "The function 'States.StringToJson('{')' had the following error: The string is not valid JSON: {",
    )


def test_an_expression_must_be_a_text() -> None:
    with pytest.raises(StateError) as refused:
        compile_template({"a": {"n.$": 5}})
    assert str(refused.value) == "States.Runtime: The value of the field 'n.$' must be a path or an intrinsic function"


def test_an_expression_is_checked_when_compiled() -> None:
    with pytest.raises(PathSyntaxError) as refused:
        compile_template({"n.$": "plain"})
    assert str(refused.value) == '"plain" is no path: a path starts with "$".'


def test_one_field() -> None:
    items = compile_field("$.items", "ItemsPath", "States.Runtime")
    assert items({"items": [1]}, None) == [1]
    with pytest.raises(EvaluationError) as failed:
        items({}, None)
    assert (
        failed.value.cause
        == "The JSONPath '$.items' specified for the field 'ItemsPath' could not be found in the input '{}'"
    )


def test_the_sentence_of_a_miss() -> None:
    miss = path_missing("$.a", "SecondsPath", [1, "x"], "E")
    assert (miss.name, str(miss)) == (
        "E",
        "E: The JSONPath '$.a' specified for the field 'SecondsPath' could not be found in the input '[1,\"x\"]'",
    )


@given(CONSTANTS)
def test_constants_come_out_as_they_are(tree: Any) -> None:
    assert filled(tree, {"a": 0}) == tree


@given(TEMPLATES, DATA)
def test_filling_changes_neither_template_nor_data(tree: Any, data: Any) -> None:
    tree_before, data_before = copy.deepcopy(tree), copy.deepcopy(data)
    first = filled(tree, data)
    kept = copy.deepcopy(first)
    assert filled(tree, data) == kept
    assert (tree, data, first) == (tree_before, data_before, kept)


@given(TEMPLATES, DATA)
def test_every_expression_is_replaced_and_every_constant_stays(tree: Any, data: Any) -> None:
    def expected(part: Any) -> Any:
        if isinstance(part, list):
            return [expected(x) for x in part]
        if not isinstance(part, dict):
            return part
        return {
            (k[:-2] if k.endswith(".$") else k): compile_field(v, k, "E")(data, Env())
            if k.endswith(".$")
            else expected(v)
            for k, v in part.items()
        }

    assert filled(tree, data) == expected(tree)
