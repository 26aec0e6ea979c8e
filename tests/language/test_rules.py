"""The rules: every slip is found, in the cloud's words where they are known, and nothing good is refused."""

from __future__ import annotations

import pytest

from asw_nb.language.reader import read
from asw_nb.language.rules import check, dialect_of
from tests.language.ruled import PASS, QRN, found, found_in, machine

SCHEMA, TARGET = "SCHEMA_VALIDATION_FAILED", "MISSING_TRANSITION_TARGET"

WHOLE_MACHINES = [
    ({"Comment": "x"}, [("E", SCHEMA, "/", "These fields are required: [States, StartAt]")]),
    ({"States": {"A": PASS}}, [("E", SCHEMA, "/", "These fields are required: [StartAt]")]),
    (
        {"StartAt": 1, "States": []},
        [
            ("E", SCHEMA, "/StartAt", "Expected value of type String"),
            ("E", SCHEMA, "/States", "Expected value of type Object"),
        ],
    ),
    ({"StartAt": "A", "States": {}}, [("E", SCHEMA, "/States", "Value cannot be empty")]),
    ({"StartAt": "A", "States": {"A": 1}}, [("E", SCHEMA, "/States/A", "Expected value of type Object")]),
    (
        machine(A=PASS) | {"Version": "2.0", "TimeoutSeconds": "5", "QueryLanguage": "jsonpath", "startat": "A"},
        [
            ("E", SCHEMA, "/", "Field 'startat' is not supported"),
            ("E", SCHEMA, "/QueryLanguage", "Value should be one of the following: [JSONPath, JSONata]"),
            ("E", SCHEMA, "/TimeoutSeconds", "Expected value of type Integer"),
            ("E", SCHEMA, "/Version", "Value should be one of the following: [1.0]"),
        ],
    ),
    (
        machine(A={"Type": "Pass", "Next": "X"}),
        [
            ("E", "MISSING_END_STATE", "", "Workflow has no terminal state"),
            ("E", TARGET, "/States/A/Next", "Missing 'Next' target: X"),
        ],
    ),
    (
        machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}),
        [
            ("E", "MISSING_END_STATE", "", "Workflow has no terminal state"),
        ],
    ),
    (
        {"StartAt": "X", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": PASS}},
        [
            ("E", TARGET, "/StartAt", "Missing 'Next' target: X"),
        ],
    ),
    (
        machine(A=PASS, B={"Type": "Pass", "Next": "C"}, C=PASS),
        [
            ("E", TARGET, "/States/B", 'State "B" is not reachable.'),
        ],
    ),
    (
        machine(
            A={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "B"}], "Default": "C"},
            B={"Type": "Pass", "Next": "B2"},
            B2={"Type": "Pass", "Next": "B"},
            C=PASS,
        ),
        [
            ("W", "LOOP_WITHOUT_EXIT", "/States/B", 'Nothing leads out of this loop: "B", "B2".'),
        ],
    ),
    (
        machine(
            A={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "X"}], "Default": "Y"},
            T={"Type": "Task", "Resource": "f", "End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]},
        ),
        [
            ("E", TARGET, "/States/A/Choices[0]/Next", "Missing 'Next' target: X"),
            ("E", TARGET, "/States/A/Default", "Missing 'Next' target: Y"),
            ("E", TARGET, "/States/T", 'State "T" is not reachable.'),
            ("E", TARGET, "/States/T/Catch[0]/Next", "Missing 'Next' target: Z"),
        ],
    ),
    (
        machine(A={"Type": "Parallel", "Branches": [machine(A=PASS)], "End": True}),
        [
            ("E", "DUPLICATE_STATE_NAME", "/States/A/Branches[0]/States/A", "Duplicate State name: A"),
        ],
    ),
    (
        machine(P={"Type": "Parallel", "End": True, "Branches": [machine(A={"Type": "Pass", "Next": "Z"}), 5]}, Z=PASS),
        [
            ("E", SCHEMA, "/States/P/Branches[1]", "Expected value of type Object"),
            ("E", TARGET, "/States/P/Branches[0]/States/A/Next", "Missing 'Next' target: Z"),
            ("E", TARGET, "/States/Z", 'State "Z" is not reachable.'),
        ],
    ),
    (
        machine(P={"Type": "Parallel", "End": True, "Branches": [machine(A={"Type": "Pass", "Next": "A"})]}),
        [("W", "MISSING_END_STATE", "/States/P/Branches[0]/States", "None of these states ends.")],
    ),
    (
        machine(A=PASS, B={"Type": "Pass", "Next": "C"}, C={"Type": "Pass", "Next": "B"}),
        [
            ("W", TARGET, "/States/B", 'State "B" is not reachable.'),
            ("W", TARGET, "/States/C", 'State "C" is not reachable.'),
        ],
    ),
]


@pytest.mark.parametrize(("definition", "expected"), WHOLE_MACHINES)
def test_a_whole_machine(definition, expected):
    assert sorted(found(definition)) == sorted(expected)


STATES = [
    ({"Type": ...}, [("E", "", "These fields are required: [Type]")]),
    (
        {"Type": "Taks"},
        [
            (
                "E",
                "Type",
                "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            )
        ],
    ),
    ({"Type": "task"}, [("W", "Type", 'The type is spelled "Task".')]),
    ({"Resource": ...}, [("E", "", "These fields are required: [Resource]")]),
    ({"Resource": ""}, [("E", "Resource", "Value cannot be empty")]),
    ({"Resource": 5}, [("E", "Resource", "Expected value of type String")]),
    ({"Resource": "arn:aws:lambda"}, [("E", "Resource", "Value is not a valid resource ARN")]),
    ({"Resource": "qrn:qcs:asw:gz:1:sdk:json:qcloud:scf"}, [("E", "Resource", "The qrn names no service and action.")]),
    ({"Next": "B"}, [("E", "", "There should only be one of the following fields: [Next, End]")]),
    ({"End": ...}, [("E", "", "This object should have only one of the following fields: [Next, End]")]),
    ({"End": False}, [("E", "", "This object should have only one of the following fields: [Next, End]")]),
    ({"End": "true"}, [("E", "End", "Expected value of type Boolean")]),
    ({"Foo": 1}, [("E", "", "Field 'Foo' is not supported")]),
    ({"TimeoutSeconds": 0}, [("E", "TimeoutSeconds", "Minimum value is 1")]),
    (
        {"TimeoutSeconds": 5, "HeartbeatSeconds": 5},
        [("E", "HeartbeatSeconds", "HeartbeatSeconds 5 is not smaller than TimeoutSeconds 5")],
    ),
    (
        {"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"},
        [("E", "", "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]")],
    ),
    (
        {"InputPath": "a", "OutputPath": 5, "ResultPath": "$.a[*]"},
        [
            ("E", "InputPath", "Value must be a valid JSONPath."),
            ("E", "OutputPath", "Expected value of type String"),
            (
                "E",
                "ResultPath",
                'Value is not a Reference Path: only fields and indexes may be used, such as "$.a.b[0]"',
            ),
        ],
    ),
    (
        {"ResultPath": "$$.a"},
        [("E", "ResultPath", 'Value is not a Reference Path: the context object "$$" cannot be used here')],
    ),
    (
        {"Parameters": {"a.$": "x", "b": {"c.$": 5}, "d": "$.e"}},
        [
            (
                "E",
                "Parameters",
                "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call",
            ),
            (
                "E",
                "Parameters/b",
                "The value for the field 'c.$' must be a valid JSONPath or a valid intrinsic function call",
            ),
            ("W", "Parameters/d", "No .$ on a field that appears to be a JSONPath or Intrinsic Function."),
        ],
    ),
    (
        {"Arguments": {}},
        [
            (
                "E",
                "",
                "The QueryLanguage is set to 'JSONPath', but field 'Arguments' is only supported for "
                "the 'JSONata' QueryLanguage",
            )
        ],
    ),
    (
        {"QueryLanguage": "JSONata", "InputPath": "$"},
        [
            (
                "E",
                "",
                "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for "
                "the 'JSONPath' QueryLanguage",
            )
        ],
    ),
    (
        {"QueryLanguage": "JSONata", "Arguments": {"a": ["{% 1 "]}, "Output": " {% 1 %}", "TimeoutSeconds": "{% 5 %}"},
        [
            ("E", "Arguments/a[0]", "JSONata string must start with {% and end with %}"),
            ("W", "Output", "This text is not evaluated: JSONata string must start with {% and end with %}"),
        ],
    ),
    (
        {"Assign": {"states": 1, "a b": 2, "x" * 81: 3, "ok.$": "$"}},
        [
            ("E", "Assign/a b", "Invalid variable name 'a b': the variable name contains invalid characters."),
            ("E", "Assign/states", "Cannot assign to reserved variable '$states'."),
            (
                "E",
                "Assign/" + "x" * 81,
                f"Invalid variable name '{'x' * 80}...': the variable name is longer than 80 characters.",
            ),
        ],
    ),
    (
        {"Retry": [{"ErrorEquals": []}, {}, 5, {"ErrorEquals": "a"}]},
        [
            ("E", "Retry[0]/ErrorEquals", "Value cannot be empty"),
            ("E", "Retry[1]", "These fields are required: [ErrorEquals]"),
            ("E", "Retry[2]", "Expected value of type Object"),
            ("E", "Retry[3]/ErrorEquals", "Expected value of type Array"),
        ],
    ),
    (
        {"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X", "States.ALL"]}]},
        [
            ("E", "Retry[0]/ErrorEquals", "States.ALL must appear alone and at end of list"),
            ("E", "Retry[1]/ErrorEquals", "States.ALL must appear alone and at end of list"),
        ],
    ),
    (
        {
            "Retry": [
                {
                    "ErrorEquals": ["X"],
                    "MaxAttempts": -1,
                    "IntervalSeconds": 1.5,
                    "BackoffRate": 0.5,
                    "MaxDelaySeconds": 0,
                    "JitterStrategy": "HALF",
                }
            ]
        },
        [
            ("E", "Retry[0]/BackoffRate", "Minimum value is 1"),
            ("E", "Retry[0]/IntervalSeconds", "Expected value of type Integer"),
            ("E", "Retry[0]/JitterStrategy", "Value should be one of the following: [NONE, FULL]"),
            ("E", "Retry[0]/MaxAttempts", "Minimum value is 0"),
            ("E", "Retry[0]/MaxDelaySeconds", "Minimum value is 1"),
        ],
    ),
    (
        {"Retry": [{"ErrorEquals": ["States.TaskFailed"]}, {"ErrorEquals": ["X"]}, {"ErrorEquals": ["States.Timeot"]}]},
        [
            ("W", "Retry[1]", "No error reaches this entry: an earlier one already takes [X]."),
            ("W", "Retry[2]", "No error reaches this entry: an earlier one already takes [States.Timeot]."),
            ("W", "Retry[2]/ErrorEquals[0]", 'There is no error "States.Timeot" in the language.'),
        ],
    ),
    (
        {"Catch": [{"ErrorEquals": ["X"]}, {"ErrorEquals": ["Y"], "Next": "B", "ResultPath": "x"}]},
        [
            ("E", "Catch[0]", "These fields are required: [Next]"),
            ("E", "Catch[1]/ResultPath", "Value is not a Reference Path: Reference path didn't start with '$'"),
        ],
    ),
    (
        {"Type": "Wait"},
        [
            (
                "E",
                "",
                "This object should have only one of the following fields: "
                "[SecondsPath, Seconds, TimestampPath, Timestamp]",
            )
        ],
    ),
    (
        {"Type": "Wait", "Seconds": 1, "Timestamp": "2020-01-01"},
        [
            (
                "E",
                "",
                "There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp]",
            ),
            ("E", "Timestamp", "String does not match RFC3339 timestamp"),
        ],
    ),
    (
        {"Type": "Fail", "Error": "E", "ErrorPath": "$.e", "CausePath": "States.Formt('{}', $.c)"},
        [
            ("E", "", "There should only be one of the following fields: [Error, ErrorPath]"),
            ("E", "CausePath", "Value must be a valid JSONPath or a valid intrinsic function call"),
        ],
    ),
    ({"Type": "Succeed", "Next": "B"}, [("E", "", "Field 'Next' is not supported")]),
    ({"Type": "Pass", "ResultSelector": {}}, [("E", "", "Field 'ResultSelector' is not supported")]),
    (
        {"Type": "Pass", "Result": {"a.$": "$.b"}},
        [("W", "Result/a.$", "Attempt to use a path in the result of a pass state.")],
    ),
    ({"Type": "Choice"}, [("E", "", "These fields are required: [Choices]")]),
    ({"Type": "Choice", "Choices": []}, [("E", "Choices", "Value cannot be empty")]),
    (
        {
            "Type": "Choice",
            "Choices": [{"Variable": "$.a", "IsNull": True}, {"Next": "B"}, {"Variable": "$.a", "Next": "B"}],
        },
        [
            ("E", "Choices[0]", "These fields are required: [Next]"),
            (
                "E",
                "Choices[1]",
                "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]",
            ),
            ("E", "Choices[2]", "The rule has a Variable but no comparison operator"),
        ],
    ),
    (
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": 1, "StringEquals": 2, "Next": "B"}]},
        [
            ("E", "Choices[0]", "There should only be one of the following fields: [IsNull, StringEquals]"),
            ("E", "Choices[0]/IsNull", "Expected value of type Boolean"),
            ("E", "Choices[0]/StringEquals", "Expected value of type String"),
        ],
    ),
    (
        {
            "Type": "Choice",
            "Choices": [
                {"And": [], "Next": "B"},
                {"Not": {"Variable": "$.a", "IsNull": True, "Next": "B"}, "Next": "B"},
            ],
        },
        [
            ("E", "Choices[0]/And", "Value cannot be empty"),
            ("E", "Choices[1]/Not", "Field 'Next' is not supported"),
        ],
    ),
    (
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "B"}] * 2},
        [("W", "Choices[1]", "This rule can never match: rule 0 asks the same before it.")],
    ),
    (
        {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.a", "NumericEquals": "$.b", "Next": "B"},
                {"Variable": "$.a", "StringEquals": "$.b", "Next": "B"},
                {"Variable": "$.a", "TimestampEquals": "noon", "Next": "B"},
            ],
        },
        [
            ("E", "Choices[0]/NumericEquals", "Expected value of type Number"),
            ("E", "Choices[2]/TimestampEquals", "String does not match RFC3339 timestamp"),
            ("W", "Choices[1]/StringEquals", "Field value looks like a path, but field name does not end with 'Path'"),
        ],
    ),
    (
        {"Type": "Map"},
        [("E", "", "This object should have only one of the following fields: [ItemProcessor, Iterator]")],
    ),
    (
        {"Type": "Map", "Iterator": machine(X=PASS), "ItemProcessor": machine(Y=PASS), "MaxConcurrency": -1},
        [
            ("E", "", "There should only be one of the following fields: [ItemProcessor, Iterator]"),
            ("E", "MaxConcurrency", "Minimum value is 0"),
        ],
    ),
    (
        {
            "Type": "Map",
            "ItemProcessor": machine(X=PASS) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}},
            "Label": "a b",
        },
        [
            ("E", "ItemProcessor/ProcessorConfig", "These fields are required: [ExecutionType]"),
            ("E", "Label", "The label cannot contain ' '."),
        ],
    ),
    (
        {"Type": "Map", "ItemProcessor": machine(X=PASS), "ItemSelector": {}, "Parameters": {}, "ItemBatcher": {}},
        [
            ("E", "", "There should only be one of the following fields: [ItemSelector, Parameters]"),
            (
                "E",
                "ItemBatcher",
                "At least one of these fields is required: "
                "[MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]",
            ),
            ("W", "ItemBatcher", '"ItemBatcher" counts in DISTRIBUTED mode only.'),
        ],
    ),
    ({"Type": "Parallel", "Branches": []}, [("E", "Branches", "Value cannot be empty")]),
]


@pytest.mark.parametrize(("state", "expected"), STATES)
def test_a_state(state, expected):
    assert sorted(found_in(state)) == expected


EXPRESS = [
    ("arn:aws:states:eu-west-1:123456789012:activity:a", "Express state machine does not support Activity ARN"),
    (
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Express state machine does not support '.waitForTaskToken' service integration ",
    ),
    (
        "arn:aws:states:::states:startExecution.sync",
        "Express state machine does not support '.sync' service integration ",
    ),
]


@pytest.mark.parametrize(("resource", "message"), EXPRESS)
def test_express_machines_do_not_wait(resource, message):
    definition = machine(A={"Type": "Task", "Resource": resource, "End": True})
    assert found(definition) == []
    assert found(definition, type="EXPRESS") == [("E", SCHEMA, "/States/A/Resource", message)]
    distributed = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    outer = machine(M={"Type": "Map", "ItemProcessor": definition | {"ProcessorConfig": distributed}, "End": True})
    assert found(outer) == [("E", SCHEMA, "/States/M/ItemProcessor/States/A/Resource", message)]


def fix_of(definition, **more):
    (problem,) = check(read(definition), **more)
    return problem.fix


def test_fixes_name_what_is_near():
    assert [p.fix for p in check(read({"StartAt": "sum", "States": {"Sum": PASS}}))] == ['Did you mean "Sum"?']
    assert fix_of(machine(A={"Type": "Choise"})) == 'Did you mean "Choice"?'
    assert fix_of(machine(A={"Type": "Wait", "Seconds": "$.s", "End": True})) == 'Write "SecondsPath" for a path.'
    assert fix_of(machine(A={"Type": "Wait", "SecondsPath": "s.t", "End": True})) == 'Write "$.s.t".'
    call = {"Type": "Pass", "Parameters": {"a.$": "States.Formt('{}', $.a)"}, "End": True}
    assert fix_of(machine(A=call)) == 'There is no function "States.Formt". Did you mean "Format"?'


def test_a_jsonata_machine_has_no_jsonpath_states():
    back = {"QueryLanguage": "JSONPath", "InputPath": "$.a", "ResultPath": None}
    definition = {"QueryLanguage": "JSONata", **machine(A=PASS | back)}
    message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
    assert found(definition) == [("E", SCHEMA, "/States/A", message)]


def test_tcsl_is_calm_about_what_its_documents_do_not_name():
    definition = machine(
        A={"Type": "Task", "Resource": QRN, "Next": "B"},
        B={"Type": "Pass", "ResultSelector": {"a.$": "$.b"}, "Next": "C"},
        C={"Type": "Wait", "Seconds": 1, "Next": "D"},
        D={"Type": "Wait", "Seconds": 1, "Next": "E"},
        E={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "A"}], "Default": "F"},
        F={"Type": "Map", "Iterator": machine(G=PASS), "End": True},
    )
    assert dialect_of(definition) == "tcsl"
    said = "The documents of TCSL do not name"
    assert found(definition, dialect="auto") == [
        ("W", "TCSL_UNDOCUMENTED", "/States/C/Type", f'{said} the node type "Wait"; asw_nb does what ASL says.'),
        (
            "W",
            "TCSL_UNDOCUMENTED",
            "/States/E/Choices[0]/IsNull",
            f'{said} the operator "IsNull"; asw_nb does what ASL says.',
        ),
    ]


def test_names_are_bounded_by_dialect():
    definition = machine(**{"n" * 81: PASS})
    place = "/States/" + "n" * 81
    assert found(definition) == [("E", "INVALID_STATE_NAME", place, "The state name is longer than 80 characters.")]
    assert found(definition, dialect="tcsl") == []
