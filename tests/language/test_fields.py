"""The data flow of one state: each field alone, and their order together."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.fields import (
    compile_finish,
    compile_input_path,
    compile_prepare,
    compile_result_path,
    compile_value,
)
from asw_nb.language.paths import PathSyntaxError
from asw_nb.language.templates import EvaluationError


class Env:
    variables: dict[str, Any] = {"v": 7}  # noqa: RUF012

    def context(self) -> dict[str, Any]:
        return {"State": {"Name": "Here"}}


def failure(call: Any, *arguments: Any) -> tuple[str, str | None]:
    with pytest.raises(EvaluationError) as failed:
        call(*arguments)
    return failed.value.name, failed.value.cause


def prepared(state: dict[str, Any], raw: Any) -> Any:
    prepare = compile_prepare(state, "Parameters", "P.Error")
    return raw if prepare is None else prepare(raw, Env())


def finished(state: dict[str, Any], raw: Any, result: Any) -> Any:
    finish = compile_finish(state, "P.Error")
    return result if finish is None else finish(raw, result, Env())


# ---------------------------------------------------------------------------------------- InputPath, OutputPath


def test_the_identity_is_no_function() -> None:
    assert compile_input_path("$") is None
    assert compile_result_path("$") is None
    assert compile_prepare({}, "Parameters", "E") is None
    assert compile_prepare({"InputPath": "$"}, "Parameters", "E") is None
    assert compile_finish({}, "E") is None
    assert compile_finish({"ResultPath": "$", "OutputPath": "$"}, "E") is None


def test_null_gives_an_empty_object() -> None:
    nothing = compile_input_path(None)
    assert nothing is not None
    assert nothing({"a": 1}, None) == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [("$.a", {"b": [1, 2]}), ("$.a.b[*]", [1, 2]), ("$$.State.Name", "Here"), ("$v", 7), ("$.a.b[-1]", 2)],
)
def test_an_input_path_selects(text: str, found: Any) -> None:
    look = compile_input_path(text)
    assert look is not None
    assert look({"a": {"b": [1, 2]}}, Env()) == found


def test_an_input_path_must_find_something() -> None:
    def why(path: str, data: Any) -> str:
        name, cause = failure(compile_input_path(path), data, None)
        assert name == "States.Runtime"
        return cause

    assert why("$.a.gone", {"a": {}}) == "Invalid path '$.a.gone' : No results for path: $['a']['gone']"
    assert why("$.a.b.c", {"a": {}}) == "Invalid path '$.a.b.c' : Missing property in path $['a']['b']"
    assert why("$.a.b", {"a": 1}) == "Invalid path '$.a.b' : Property ['b'] not found in path $['a']"
    assert why("$.a.b", {"a": [1]}) == "Invalid path '$.a.b' : Property ['b'] not found in path $['a']"
    assert why("$.a[2]", {"a": [1]}) == "Invalid path '$.a[2]' : No results for path: $['a'][2]"
    assert why("$.a[-2]", {"a": [1]}) == "Invalid path '$.a[-2]' : No results for path: $['a'][-2]"
    assert why("$.a[2].b", {"a": [1]}) == "Invalid path '$.a[2].b' : Property ['b'] not found in path $['a'][2]"
    assert why("$.a[0]", {"a": None}) == "Invalid path '$.a[0]' : The path $['a'] is null"
    assert (
        why("$.a[0]", {"a": {"b": "é"}})
        == 'Invalid path \'$.a[0]\' : Filter: [0] can only be applied to arrays. Current context is: {"b":"é"}'
    )
    assert failure(compile_input_path("$$.Gone", "Other"), {}, Env()) == (
        "Other",
        "Invalid path '$$.Gone' : No results for path: $['Gone']",
    )


# ---------------------------------------------------------------------------------------- ResultPath


def test_result_paths() -> None:
    place, keep = compile_result_path("$.r.x"), compile_result_path(None)
    assert place is not None and keep is not None
    assert place({"a": 1}, 5) == {"a": 1, "r": {"x": 5}}
    assert keep({"a": 1}, 5) == {"a": 1}


def test_a_result_that_fits_nowhere() -> None:
    assert failure(compile_result_path("$.n.x"), {"n": 5}, 1) == (
        "States.ResultPathMatchFailure",
        'Unable to apply ReferencePath $.n.x to input {"n":5}',
    )


def test_a_result_path_is_a_reference_path() -> None:
    with pytest.raises(PathSyntaxError) as refused:
        compile_result_path("$.a[*]")
    assert str(refused.value) == (
        '"$.a[*]" is no reference path: use "$", fields and indexes only, such as "$.a.b[0]".'
    )


# ---------------------------------------------------------------------------------------- the two halves


@pytest.mark.parametrize(
    ("state", "raw", "effective"),
    [
        ({"InputPath": "$.in"}, {"in": 3}, 3),
        ({"InputPath": None}, {"in": 3}, {}),
        ({"Parameters": {"k": 1}}, {"in": 3}, {"k": 1}),
        ({"Parameters": {"k.$": "$.in"}}, {"in": 3}, {"k": 3}),
        ({"InputPath": "$.in", "Parameters": {"k.$": "$"}}, {"in": 3}, {"k": 3}),
        ({"InputPath": "$.in", "Parameters": {"k": 1}}, {"in": 3}, {"k": 1}),
    ],
)
def test_prepare(state: dict[str, Any], raw: Any, effective: Any) -> None:
    assert prepared(state, raw) == effective


def test_an_input_path_must_find_something_also_before_constant_parameters() -> None:
    assert failure(prepared, {"InputPath": "$.gone", "Parameters": {"k": 1}}, {}) == (
        "States.Runtime",
        "Invalid path '$.gone' : No results for path: $['gone']",
    )


def test_a_path_of_parameters_fails_with_the_error_that_was_asked_for() -> None:
    assert failure(prepared, {"InputPath": "$.in", "Parameters": {"k.$": "$.gone"}}, {"in": [1]}) == (
        "P.Error",
        "The JSONPath '$.gone' specified for the field 'k.$' could not be found in the input '[1]'",
    )


@pytest.mark.parametrize(
    ("state", "output"),
    [
        ({"ResultSelector": {"k.$": "$.r"}}, {"k": 1}),
        ({"ResultSelector": {"k": 0}}, {"k": 0}),
        ({"ResultSelector": {}}, {}),
        ({"ResultPath": "$.out"}, {"raw": 2, "out": {"r": 1}}),
        ({"ResultPath": None}, {"raw": 2}),
        ({"OutputPath": "$.r"}, 1),
        ({"OutputPath": None}, {}),
        ({"ResultSelector": {"k.$": "$.r"}, "ResultPath": "$.out", "OutputPath": "$.out.k"}, 1),
        ({"ResultSelector": {"n.$": "$$.State.Name"}, "ResultPath": "$.raw"}, {"raw": {"n": "Here"}}),
        ({"ResultPath": None, "OutputPath": "$.raw"}, 2),
    ],
)
def test_finish(state: dict[str, Any], output: Any) -> None:
    raw, result = {"raw": 2}, {"r": 1}
    assert finished(state, raw, result) == output
    assert (raw, result) == ({"raw": 2}, {"r": 1})


def test_a_null_result_is_a_result() -> None:
    assert finished({"ResultPath": "$.out"}, {}, None) == {"out": None}


def test_finish_fails_like_its_parts() -> None:
    assert failure(finished, {"ResultSelector": {"k.$": "$.gone"}}, {}, {"r": 1}) == (
        "P.Error",
        "The JSONPath '$.gone' specified for the field 'k.$' could not be found in the input '{\"r\":1}'",
    )
    assert failure(finished, {"OutputPath": "$.gone"}, {}, {"r": 1}) == (
        "States.Runtime",
        "Invalid path '$.gone' : No results for path: $['gone']",
    )


OBJECTS = st.dictionaries(
    st.sampled_from(["in", "b", "c"]), st.integers() | st.lists(st.integers(), max_size=2), max_size=3
)


@given(OBJECTS.map(lambda o: {"in": {}, **o}), OBJECTS)
def test_neither_half_changes_its_input(raw: dict[str, Any], result: dict[str, Any]) -> None:
    state = {
        "InputPath": "$.in",
        "Parameters": {"p.$": "$", "q": []},
        "ResultSelector": {"s.$": "$"},
        "ResultPath": "$.deep.er",
        "OutputPath": "$.deep",
    }
    before = copy.deepcopy((raw, result))
    assert prepared(state, raw) == {"p": raw["in"], "q": []}
    assert finished(state, raw, result) == {"er": {"s": result}}
    assert (raw, result) == before


# ---------------------------------------------------------------------------------------- literals and ...Path


def test_a_literal_value() -> None:
    assert compile_value({"Seconds": 5}, "Seconds") == (5, None, "Seconds")
    assert compile_value({}, "Seconds") == (None, None, "Seconds")
    assert compile_value({}, "MaxConcurrency", 1) == (1, None, "MaxConcurrency")


def test_a_value_from_a_path_or_a_call() -> None:
    literal, get, field = compile_value({"SecondsPath": "$.s"}, "Seconds", 9)
    assert get is not None
    assert (literal, field, get({"s": 4}, Env())) == (None, "SecondsPath", 4)
    _, get, _ = compile_value({"CausePath": "States.Format('at {}', $$.State.Name)"}, "Cause")
    assert get is not None
    assert get({}, Env()) == "at Here"


def test_a_value_whose_path_finds_nothing() -> None:
    _, get, _ = compile_value({"SecondsPath": "$.s"}, "Seconds")
    assert failure(get, {"t": 1}, Env()) == (
        "States.Runtime",
        "The SecondsPath parameter does not reference an input value: $.s",
    )
