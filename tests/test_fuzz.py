"""Random and mutated definitions: refused with problems, or run to a terminal status; never an exception of ours.

The generators and the judge are those of `tools.fuzz`, which runs twenty thousand; here run a few hundred with fixed numbers, and hypothesis
looks for others. What has once escaped stands below by its own name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.language.reader import MAX_CHARACTERS
from asw_nb.language.reader_json import Fault, NotJson, Scanner, load
from asw_nb.language.reader_places import JsonPlaces
from tools.fuzz import TERMINAL, judge, work
from tools.fuzz_definitions import definition, mutated, mutated_text

GOOD = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[asw.Workspace]:
    with asw.Workspace(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_definitions_are_refused_or_run_to_their_end(first: int) -> None:
    """Odd numbers are made of valid parts, even ones are mutations."""
    tally = work(range(first, first + 100))
    assert tally.escaped == []
    assert tally.outcomes.total() == 100
    assert tally.outcomes.keys() <= {*TERMINAL, "refused", "refused as EXPRESS"}


def test_the_generators_reach_every_outcome() -> None:
    tally = work(range(1, 160, 2))
    assert {"SUCCEEDED", "FAILED", "refused"} <= tally.outcomes.keys()


def test_the_same_number_gives_the_same_definition() -> None:
    for seed in range(40):
        assert definition(Random(seed)) == definition(Random(seed))
        assert repr(mutated_text(Random(seed))) == repr(mutated_text(Random(seed)))


@given(st.integers(1_000_000, 2_000_000))
@settings(max_examples=30)
def test_any_number_will_do(workspace: asw.Workspace, seed: int) -> None:
    outcome, _ = judge(seed, workspace)
    assert outcome in {*TERMINAL, "refused", "refused as EXPRESS"}


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80)))
def test_any_text_is_refused_or_a_definition(text: str | bytes) -> None:
    problems = asw.validate(text)
    assert [p.severity for p in problems if p.line is None and p.code != "MORE_PROBLEMS"] == []
    with pytest.raises(asw.DefinitionError):
        asw.workflow(text)


# --------------------------------------------------------------------------- a second reading that agrees with the first


@given(st.integers(0, 100_000))
def test_the_scan_refuses_what_the_decoder_refuses(seed: int) -> None:
    text = mutated_text(Random(seed))
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        refused: NotJson | None = None
        if not isinstance(load(text), dict):
            return
    except NotJson as problem:
        refused = problem
    scanner = Scanner(text, lambda offset: 1, refused)
    told: list[str] = []
    try:
        scanner.scan()
    except Fault as fault:
        told.append(fault.message)
    told += [fault.message for fault in scanner.faults]
    assert bool(told) == (refused is not None)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)), st.sampled_from([None, 1]))
def test_every_value_is_found_where_it_stands(value: Any, indent: int | None) -> None:
    import json

    text = json.dumps({"a": value}, indent=indent)
    places = JsonPlaces(text)
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), {"a": value})]
    while stack:
        pointer, tree = stack.pop()
        assert json.JSONDecoder().raw_decode(text, places.offset(pointer, "value"))[0] == tree
        if pointer and isinstance(pointer[-1], str):
            assert json.JSONDecoder().raw_decode(text, places.offset(pointer, "key"))[0] == pointer[-1]
        pairs: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
        stack += [((*pointer, step), child) for step, child in pairs]


# --------------------------------------------------------------------------- bounds


def told(definition: Any) -> list[str]:
    return [str(p) for p in asw.validate(definition)]


def test_a_definition_is_not_larger_than_the_cloud_takes() -> None:
    too_large = (
        f"The definition is longer than {MAX_CHARACTERS} characters. "
        "Move data into the input or into files, and parts of the workflow into workflows of their own."
    )
    assert told(" " * (MAX_CHARACTERS + 1)) == [f"(top level) (line 1, column 1): {too_large}"]
    assert told(b" " * (4 * MAX_CHARACTERS + 1)) == [f"(top level) (line 1, column 1): {too_large}"]
    assert told({**GOOD, "Comment": "x" * MAX_CHARACTERS}) == [f"(top level): {too_large}"]
    assert told({**GOOD, "Comment": "x" * (MAX_CHARACTERS - 200)}) == []


def test_of_very_many_problems_two_hundred_are_told() -> None:
    states = {f"S{i}": {"Type": "Pass", "Next": f"T{i}"} for i in range(300)}
    problems = told({"StartAt": "S0", "States": {**states, "End": {"Type": "Succeed"}}})
    assert len(problems) == 201
    assert problems[-1] == "(top level): Reading stopped after 200 errors; there may be more. Correct these first, then check again."
    choices = [{"Variable": "$.a", "IsPresent": True, "Next": "B"}] * 300
    warned = {"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": choices}, "B": {"Type": "Succeed"}}}
    assert told(warned)[-1] == (
        "(top level): There are more than 200 warnings; the others are not told. Correct these first, then check again."
    )
    assert asw.run(warned, {"a": 1}, type="EXPRESS").status == "SUCCEEDED"


def test_fifty_repeated_keys_are_told() -> None:
    assert len(told("{" + '"a": 1, ' * 5000 + '"b": 1}')) == 50
    assert len(told("a: 1\n" * 5000)) == 50


def test_a_call_of_very_many_arguments_is_not_read_to_its_end() -> None:
    call = f"States.Array({'1, ' * 5000}1)"
    assert told({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a.$": call}, "End": True}}}) == [
        "States.A.Parameters: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call. "
        "It has more than 1000 arguments."
    ]


def test_a_fault_behind_very_many_values_is_told_in_the_decoders_words() -> None:
    assert told('{"a": [' + "1," * 30_000 + "}") == [
        "a[13331] (line 1, column 60008): This is no JSON: invalid character. Correct the text at this place; what stands before it is fine."
    ]


def test_an_unclosed_string_is_found_at_once() -> None:
    """Its regular expression once tried all ways to divide it."""
    assert told('{"a": "' + "x" * 100_000) == [
        "a (line 1, column 7): The string that starts here is not closed on its line. Add the closing double quote."
    ]


def test_numbers_that_python_cannot_write_are_refused() -> None:
    assert told({**GOOD, "Comment": 10**5000}) == [
        "Comment: The number has more than 4300 digits. Write it as a string.",
    ]


# --------------------------------------------------------------------------- what once escaped


def run(state: dict[str, Any], data: Any = None, **options: Any) -> asw.Execution:
    machine = {"StartAt": "A", "States": {"A": {"End": True, **state}}}
    return asw.run(machine, data, type="EXPRESS", clock=asw.VirtualClock(), **options)


def test_a_query_looks_into_objects_and_arrays_only() -> None:
    """The library would have read a text as JSON."""
    assert [run({"Type": "Pass", "InputPath": "$..a"}, data).output for data in ('{"a": 1}', "[", 7, True)] == [[]] * 4


def test_a_timeout_that_no_float_holds_fails_the_state() -> None:
    data = {"n": 10**400}
    ended = run({"Type": "Task", "Resource": "f", "TimeoutSecondsPath": "$.n"}, data, functions={"f": lambda event: 1})
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    item = {"StartAt": "P", "States": {"P": {"Type": "Succeed"}}}
    ended = run({"Type": "Map", "ItemsPath": "$.items", "MaxConcurrencyPath": "$.n", "ItemProcessor": item}, {**data, "items": [1]})
    assert (ended.status, ended.output) == ("SUCCEEDED", [1])


def test_a_number_of_400_digits_may_stand_in_a_call() -> None:
    state = {"Type": "Pass", "Parameters": {"sum.$": f"States.MathAdd({'9' * 400}, 1)"}}
    assert run(state).output == {"sum": 10**400}


def test_a_cause_holds_the_beginning_of_the_data() -> None:
    ended = run({"Type": "Pass", "Parameters": {"x.$": "$.nothing"}}, {"s": "x" * 100_000})
    assert (ended.error, len(ended.cause or ""), (ended.cause or "")[-3:]) == ("States.Runtime", 32_768, "...")


def test_no_number_that_json_lacks_comes_in() -> None:
    for value in (math.inf, math.nan):
        assert told({**GOOD, "Comment": value}) == [f"Comment: {value} is no JSON value. Write a number, a string or null."]
        assert mutated(Random(1)) is not None
