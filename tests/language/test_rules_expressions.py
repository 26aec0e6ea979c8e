"""The rules of what stands in a field: paths, calls, JSONata, and the variables that they read."""

from __future__ import annotations

import pytest

from asw_nb.language.jsonata import check_syntax
from asw_nb.language.rules_expressions import intrinsic_problem, path_problem
from asw_nb.language.rules_jsonata import jsonata_variables
from tests.language.ruled import PASS, TASK, found, machine


def test_jsonata_expressions_are_judged_by_the_given_function():
    definition = {"QueryLanguage": "JSONata", **machine(A=PASS | {"Output": {"a": "{% 1 + %}", "b": "{% 2 %}"}})}
    got = found(definition, jsonata_check=lambda text: "Unexpected end of expression" if "+" in text else None)
    assert got == [("E", "INVALID_JSONATA_EXPRESSION", "/States/A/Output/a", "Unexpected end of expression")]


@pytest.mark.parametrize(
    ("state", "location", "message"),
    [
        (PASS | {"Output": {"v": "{% phone %}"}}, "/States/A/Output/v", "Reference to 'phone' at the top level is not supported."),
        (PASS | {"Output": "{% $map($states.input.a, function($x) { b }) %}"}, "/States/A/Output", "Reference to 'b' at the top level is not supported."),
        (PASS | {"Output": "{% $states.input.a[b = $$.c] %}"}, "/States/A/Output", "Reference to '$$' is not supported."),
        (PASS | {"Output": "{% $states.result %}"}, "/States/A/Output", "Field '$states.result' does not exist."),
        (TASK | {"Arguments": "{% $states.result.a %}"}, "/States/A/Arguments", "Field '$states.result' does not exist."),
        (TASK | {"Output": "{% $states.errorOutput %}"}, "/States/A/Output", "Field '$states.errorOutput' does not exist."),
        (
            TASK | {"Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.result %}", "Next": "Z"}]},
            "/States/A/Catch[0]/Output",
            "Field '$states.result' does not exist.",
        ),
    ],
)
def test_what_an_expression_cannot_read_where_it_stands(state, location, message):
    states = {"A": {k: v for k, v in state.items() if k != "End"} | {"Next": "Z"}, "Z": PASS}
    definition = {"QueryLanguage": "JSONata", **machine(**states)}
    assert found(definition, jsonata_check=check_syntax) == [("E", "UNSUPPORTED_JSONATA_EXPRESSION", location, message)]


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.items[value > 3]^(>price){name: price}",
        "$states.input.items.{'a': b, 'c': $rate}",
        "$map($states.input.a, function($x) { $x.b })",
        "$states.input ~> |a|{'b': c}|",
        "$states.result.a & $states.context.Execution.Name",
        "$exists($states) ? {'a': 'b'} : [true, null]",
    ],
)
def test_what_an_expression_can_read(expression):
    task = {"Type": "Task", "Resource": "f", "Assign": {"rate": "{% " + expression + " %}"}, "End": True}
    error = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "A"}
    definition = {"QueryLanguage": "JSONata", **machine(A=task | {"Catch": [error]})}
    assert found(definition, jsonata_check=check_syntax) == []


def test_variables_are_assigned_before_they_are_read():
    definition = machine(
        A={"Type": "Pass", "Assign": {"rate": 1}, "Parameters": {"x.$": "$late"}, "Next": "B"},
        B={"Type": "Map", "ItemsPath": "$items", "Next": "C", "Iterator": machine(I=PASS | {"InputPath": "$rate"})},
        C={"Type": "Pass", "Assign": {"late.$": "States.Array($rat)"}, "End": True},
    )
    code = "VARIABLE_NOT_ASSIGNED"
    assert found(definition) == [
        ("W", code, "/States/A/Parameters/x.$", 'The variable "$late" is read before it is assigned.'),
        ("W", code, "/States/B/ItemsPath", 'No state assigns the variable "$items".'),
        ("W", code, "/States/C/Assign/late.$", 'No state assigns the variable "$rat".'),
    ]


PATHS = {
    "$": None,
    "$.a.b[0]['c d']": None,
    "$$.Execution.Id": None,
    "$name.field": None,
    "$.数据": None,
    "$.a[*]": None,
    "$..b": None,
    "$.a[?(@.b > 1)]": None,
    "$.a.length()": None,
    "": "Reference path didn't start with '$'",
    "a.b": "Reference path didn't start with '$'",
}


@pytest.mark.parametrize("text", PATHS)
def test_paths(text):
    assert path_problem(text) == PATHS[text]


@pytest.mark.parametrize("text", ["$.a[", "$.a[?(", "$.", "$.a b..", "$.a['b]"])
def test_no_paths(text):
    assert path_problem(text) is not None
    assert path_problem(text, reference_only=True) == 'only fields and indexes may be used, such as "$.a.b[0]"'


CALLS = {
    "States.UUID()": None,
    "States.Array()": None,
    "States.Format('{}, {}', $.a['x, y'], States.MathAdd(1, -2.5))": None,
    "States.Format('it\\'s')": None,
    "States.JsonMerge($.a, $$.b, false)": None,
    "States.MathRandom(1, $max, null)": None,
    "States.Array(1": 'the closing ")" is missing',
    "States.Format('x": "the closing ' is missing",
    'States.Format("x")': "texts are written in single quotes",
    "States.Format": 'a call is written States.Name(...), and the "(" is missing',
    "States.MathAdd(1)": '"States.MathAdd" takes 2 arguments, 1 given',
    "States.ArrayLength()": '"States.ArrayLength" takes 1 argument, 0 given',
    "States.Format()": '"States.Format" takes at least 1 argument, 0 given',
    "States.MathRandom(1)": '"States.MathRandom" takes 2 to 3 arguments, 1 given',
    "States.UUID() x": 'there is more text after the call: "x"',
    "States.Array(x)": "an argument is a path, a 'text', a number, true, false, null or a call, not \"x\"",
}


@pytest.mark.parametrize("text", CALLS)
def test_intrinsic_calls(text):
    assert intrinsic_problem(text) == CALLS[text]


def test_variables_of_jsonata_are_those_that_it_does_not_bind():
    assert jsonata_variables(
        "$x := 1; $x + $y.z[$i = 'a $quoted'] + $sum($states.input) + $lookup(1) ~> $uppercase"
    ) == (
        "y",
        "i",
    )
