"""Random and mutated definitions: refused with problems, or run to a terminal status; never an exception of ours.

The generators and the judge are those of `tools.fuzz`, which runs twenty thousand; here run a few hundred with fixed numbers, and hypothesis
looks for others. What has once escaped stands below by its own name.
"""

from __future__ import annotations

import gc
import json
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
from tools.fuzz import BOUND_S, TERMINAL, judge, validated, warm_up, work
from tools.fuzz_definitions import definition, mutated, mutated_text
from tools.fuzz_hostile import ENORMOUS, HOSTILE, passing

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


# `tools.fuzz --hostile` holds them to the bound itself; here a machine may be slow and busy. Each has once taken from three to a
# thousand times as long as this.
PATIENCE_S = 8 * BOUND_S


def check_hostile(name: str) -> None:
    warm_up()
    problems, seconds = validated(HOSTILE[name]())
    assert seconds < PATIENCE_S
    assert [p for p in problems if p.severity == "ERROR"]
    assert max(len(str(p)) for p in problems) < 5_000
    assert len(problems) <= 402
    assert all(p.line is not None or p.code == "MORE_PROBLEMS" for p in problems)


@pytest.mark.parametrize("name", [*HOSTILE][::9])
def test_a_text_that_is_made_to_be_slow_is_refused_soon(name: str) -> None:
    check_hostile(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_every_text_that_is_made_to_be_slow_is_refused_soon(name: str) -> None:
    check_hostile(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENORMOUS)
def test_an_enormous_definition_is_read_to_its_end(name: str) -> None:
    refused = name.startswith("YAML") or name == "a comment"
    assert {p.severity for p in asw.validate(ENORMOUS[name]())} <= ({"ERROR", "WARNING"} if refused else {"WARNING"})


def test_five_thousand_good_states_are_no_problem() -> None:
    assert validated(ENORMOUS["5,000 good states"]()) == ([], pytest.approx(0.1, abs=0.9))


def test_a_definition_is_free_when_it_is_checked() -> None:
    """What checks it knew its states, which knew what checks them, so that the collector had to find them."""
    text = json.dumps({"StartAt": "A", "States": {f"S{i}": {"Type": "Pass", "Next": "A"} for i in range(3_000)}})
    asw.validate(text)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        asw.validate(text)
        assert len(gc.get_objects()) - before < 1_000
    finally:
        gc.enable()


def test_reading_goes_on_after_few_errors() -> None:
    states = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(600)}
    states["S3"]["Nxt"] = states["S599"]["Nxt"] = "S0"
    states["S600"] = {"Type": "Succeed"}
    assert told(json.dumps({"StartAt": "S0", "States": states})) == [
        f"States.{name} (line 1, column {column}): Field 'Nxt' is not supported. Did you mean \"Next\"?"
        for name, column in (("S3", 181), ("S599", 25024))
    ]


def test_a_long_definition_holds_its_data_in_its_states() -> None:
    data = json.dumps([{"a": 1}] * 20_000)
    states = '"States": {"A": {"Type": "Succeed"}}'
    assert told(f'{{"StartAt": "A", "x": {data}, {states}}}') == [
        'x (line 1, column 18): The field "x" holds more than a definition has outside of its states. Remove the field.'
    ]
    assert told(f'{{"StartAt": "A", "States": {data}}}') == [
        'States (line 1, column 18): Expected value of type Object. Write {"name of a state": {"Type": ...}}.'
    ]
    fields = ", ".join(f'"{"f" * 100}{i}": 1' for i in range(2_000))
    assert told(f"{{{fields}}}") == [
        "(top level) (line 1, column 1): The definition has more than 1000 fields outside of its states. "
        "Remove what is no field of a definition."
    ]
    assert told(passing(f'"Result":{data}')) == []


def test_very_many_objects_and_arrays_are_refused_unless_they_stand_in_a_text() -> None:
    too_many = (
        "(top level) (line 1, column 1): The definition holds more than 100000 objects and arrays. "
        "Move data into the input or into files, and parts of the workflow into workflows of their own."
    )
    assert told(passing('"Result":[' + "[]," * 100_000 + "1]")) == [too_many]
    assert told(passing('"Result":[' + "[]," * 99_000 + "1]")) == []
    assert told(passing('"Result":"' + "[]{" * 100_000 + '\\"["')) == []


@given(
    st.recursive(
        st.sampled_from(['":', "1", '"a:b"', '"\\u003a"', '"\\\\u003a"', '"\\":"', '"状:"', "1e400", "12345678901234567890123", "null"]),
        lambda s: st.lists(s, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"b"', '"\\u0061"', '":"', '"\\u003A"']), s), max_size=3).map(
            lambda pairs: "{" + " , ".join(f"{key} : {value}" for key, value in pairs) + "}"
        ),
        max_leaves=12,
    )
)
def test_a_key_that_repeats_is_found_however_it_is_spelt(value: str) -> None:
    """The decoder keeps the last of two: how many colons are left tells."""
    text = '{"x": ' + value + "}"
    repeated = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        repeated = repeated or len(dict(found)) < len(found)
        return dict(found)

    try:
        json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        refused = True
    else:
        refused = repeated or "1e400" in text
    try:
        load(text)
    except NotJson:
        assert refused
    else:
        assert not refused


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
        "a[9998] (line 1, column 60008): This is no JSON: invalid character. Correct the text at this place; what stands before it is fine."
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


def test_numbers_that_are_no_floats_are_found_in_long_texts() -> None:
    said = "The number 1e400... is too large. Write it as a string."
    assert told('{"Comment": 1e400}') == [f"Comment (line 1, column 13): {said}"]
    long = '"Comment":"' + "x" * 120_000 + '",'
    assert told("{" + long + '"Version":1e400}') == [f"Version (line 1, column 120025): {said}"]
    assert told("{" + long + '"Version":1' + "0" * 400 + "}")[-1] == (
        "Version (line 1, column 120025): Value should be one of the following: [1.0]. Write \"1.0\" or remove it."
    )


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


def test_more_branches_than_are_read_are_refused() -> None:
    """What lay behind the last of them was compiled without a check."""
    branches = ",".join(["{}"] * 30_000)
    problems = told(f'{{"StartAt":"A","States":{{"A":{{"Type":"Parallel","End":true,"Branches":[{branches}]}}}}}}')
    assert problems == [
        "(top level) (line 1, column 1): The definition has more than 10000 branches and processors. "
        "Put parts of it into workflows of their own.",
        "(top level): Reading stopped after 1 error; there may be more. Correct these first, then check again.",
    ]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("$.a" + ".length()" * 5_000, "It is longer than 10000 characters"),
        ("$.a" + ".length()" * 500, "A path that is more than fields and indexes has at most 2000 characters"),
        ("$" + "[" * 1_000_000, "It is longer than 10000 characters"),
        ("$" + "..a" * 1_000, "A path that is more than fields and indexes has at most 2000 characters"),
    ],
)
def test_a_path_that_is_very_long_is_told_in_a_few_words(path: str, why: str) -> None:
    """Its end was taken off again and again, and it was told whole."""
    assert told({"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": path, "End": True}}}) == [
        f"States.A.InputPath: Value must be a valid JSONPath. {why}."
    ]


def test_an_index_of_very_many_digits_is_no_index() -> None:
    (problem,) = told({"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": f"$.a[{'1' * 5000}]", "End": True}}})
    assert problem.startswith("States.A.InputPath: Value must be a valid JSONPath.")


def test_a_pattern_that_repeats_what_repeats_does_not_end_the_kernel() -> None:
    """Compiling it took all the memory that there was."""
    pattern = "(((((a{99}){99}){99}){99}){99})"
    expression = f"{{% $match($states.input, /{pattern}/) %}}"
    problems = told({"StartAt": "A", "States": {"A": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": expression, "End": True}}})
    assert problems == [
        f"States.A.Output: Invalid regular expression: /{pattern}/: with all its repetitions it has more than 5000 parts"
    ]
    ended = run({"Type": "Pass", "InputPath": f"$[?search(@, '{pattern}')]"}, ["a"])
    assert (ended.error, ended.cause) == (
        "States.Runtime",
        f"An error occurred while executing the state 'A' (entered at the event id #2). With all its repetitions, /{pattern}/ has more than 5000 parts.",
    )


def test_defaults_in_defaults_are_not_copied_for_ever() -> None:
    """The left side of ``??`` is processed twice, so that sixty characters took half a second."""
    expression = "(" * 30 + "a" + " ?? a)" * 30
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": f"{{% {expression} %}}", "End": True}
    problems, seconds = validated({"StartAt": "A", "States": {"A": state}})
    assert [p.message for p in problems] == ["The expression is too large: at most 8000 names, operators and literals are read"]
    assert seconds < PATIENCE_S


def test_a_wrong_start_is_the_only_problem() -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}
    assert told({"StartAt": "C", "States": states}) == ["StartAt: Missing 'Next' target: C. The states here are \"A\", \"B\"."]
