"""No rule raises, whatever it is given: mutations of a good definition, and any JSON."""

from __future__ import annotations

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.reader import read
from asw_nb.language.rules import check
from asw_nb.language.rules_fields import VALUES
from tests.language.ruled import LAMBDA, PASS, found, machine

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)

GOOD = machine(
    A={"Type": "Task", "Resource": LAMBDA, "Parameters": {"a.$": "States.Format('{}', $.b)"}, "TimeoutSeconds": 5,
       "ResultSelector": {"c.$": "$.d"}, "ResultPath": "$.e", "Next": "B", "Assign": {"v.$": "$.f"},
       "Retry": [{"ErrorEquals": ["X"], "MaxAttempts": 2}, {"ErrorEquals": ["States.ALL"]}],
       "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z", "ResultPath": "$.error"}]},
    B={"Type": "Choice", "Default": "C", "Choices": [
        {"And": [{"Variable": "$.a", "IsPresent": True}, {"Not": {"Variable": "$.a", "IsNull": True}}], "Next": "C"},
        {"Variable": "$v", "NumericLessThanPath": "$.n", "Next": "D"}]},
    C={"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemSelector": {"i.$": "$$.Map.Item.Value"},
       "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **machine(I={"Type": "Wait", "Seconds": 1, "Next": "J"},
                                                                         J={"Type": "Succeed"})}, "Next": "D"},
    D={"Type": "Parallel", "Branches": [machine(K=PASS), machine(L=PASS)], "Next": "E"},
    E={"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"x": "{% $v + $states.input.y %}"}, "End": True},
    Z={"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "because"},
)  # fmt: skip


def test_a_good_definition_has_no_problem():
    assert found(GOOD, dialect="auto") == []
    assert {severity for severity, *_ in found(GOOD, dialect="tcsl")} == {"W"}


def places(value, pointer=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in pairs:
        yield (*pointer, step)
        yield from places(child, (*pointer, step))


@given(st.data(), st.sampled_from(["asl", "tcsl"]), st.sampled_from(["STANDARD", "EXPRESS"]))
def test_no_mutation_makes_a_rule_raise(data, dialect, type):
    tree = copy.deepcopy(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from(list(places(tree))))
        parent = tree
        for step in way:
            parent = parent[step]
        match data.draw(st.sampled_from(["delete", "replace", "rename", "move"])):
            case "delete":
                del parent[last]
            case "replace":
                parent[last] = data.draw(JSON)
            case "rename" if isinstance(parent, dict):
                parent[data.draw(st.sampled_from(["Next", "Type", "x.$", "States", "Catch", ""]))] = parent.pop(last)
            case _:
                parent[last] = copy.deepcopy(tree)
        if not tree:
            break
    text = json.dumps(tree, indent=1)
    problems = check(read(text), dialect, type)
    lines = text.count("\n") + 1
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in problems)
    assert problems == sorted(problems, key=lambda p: (p.line, p.column, p.severity != "ERROR"))
    without_places = check(read(tree), dialect, type)
    assert sorted((p.code, p.location, p.message) for p in problems) == sorted(
        (p.code, p.location, p.message) for p in without_places
    )


@given(st.dictionaries(st.sampled_from(["StartAt", "States", "QueryLanguage", "x"]), JSON))
def test_no_json_makes_a_rule_raise(tree):
    assert isinstance(check(read(tree)), list)


@given(st.sampled_from(sorted(GOOD["States"])), st.dictionaries(st.sampled_from(sorted(VALUES)), JSON, max_size=6))
def test_no_field_value_makes_a_rule_raise(name, fields):
    tree = copy.deepcopy(GOOD)
    tree["States"][name] |= fields
    assert isinstance(check(read(tree)), list)
