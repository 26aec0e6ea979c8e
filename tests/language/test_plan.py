"""Compiled definitions: numbers, scopes, links, and the functions that stand in for the text."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from asw_nb.errors import DefinitionError, StateError
from asw_nb.language import plan as plans
from asw_nb.language.plan import TYPES, Retrier, StatePlan, compile_plan, digest

QRN = "qrn:qcs:asw:ap-guangzhou:1:sdk:json:qcloud:scf:Invoke/f"


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def state(document: dict[str, Any], dialect: str = "asl") -> StatePlan:
    """The plan of a single state."""
    return compile_plan(machine(S={"End": True, **document}), dialect).states[0]


NESTED = machine(
    First={"Type": "Pass", "Next": "Each"},
    Each={
        "Type": "Map",
        "ItemProcessor": machine(
            Both={
                "Type": "Parallel",
                "Branches": [
                    machine(Left={"Type": "Task", "Resource": "f", "End": True}),
                    machine(Right={"Type": "Succeed"}),
                ],
                "End": True,
            }
        ),
        "Next": "Last",
    },
    Last={"Type": "Succeed"},
)


def test_states_of_all_scopes_stand_in_one_list() -> None:
    plan = compile_plan(NESTED, "asl")
    assert [(s.index, s.path, s.type, s.pointer) for s in plan.states] == [
        (0, "First", "Pass", ("States", "First")),
        (1, "Each", "Map", ("States", "Each")),
        (2, "Last", "Succeed", ("States", "Last")),
        (3, "Each/Both", "Parallel", ("States", "Each", "ItemProcessor", "States", "Both")),
        (
            4,
            "Each/Both[0]/Left",
            "Task",
            ("States", "Each", "ItemProcessor", "States", "Both", "Branches", 0, "States", "Left"),
        ),
        (
            5,
            "Each/Both[1]/Right",
            "Succeed",
            ("States", "Each", "ItemProcessor", "States", "Both", "Branches", 1, "States", "Right"),
        ),
    ]
    assert [repr(s) for s in plan.states[3:5]] == ["<Parallel Each/Both>", "<Task Each/Both[0]/Left>"]


def test_scopes_know_their_owner_and_their_start() -> None:
    plan = compile_plan(NESTED, "asl")
    first, each, last, both, left, right = plan.states
    assert (plan.root.owner, plan.root.start, plan.root.states) == (None, first, [first, each, last])
    assert each.map is not None
    assert (each.map.processor.owner, each.map.processor.start, each.map.processor.prefix) == (each, both, "Each/")
    assert [(b.owner, b.number, b.start, b.prefix) for b in both.branches] == [
        (both, 0, left, "Each/Both[0]/"),
        (both, 1, right, "Each/Both[1]/"),
    ]
    assert plan.root.by_name == {"First": first, "Each": each, "Last": last}


def test_links_lead_to_states() -> None:
    first, each, last, both, left, _ = compile_plan(NESTED, "asl").states
    assert (first.next, each.next, last.next, both.next, left.next) == (each, last, None, None, None)


def test_the_machine_itself() -> None:
    plan = compile_plan({**NESTED, "TimeoutSeconds": 60}, "tcsl")
    assert (plan.dialect, plan.timeout_s, plan.document["StartAt"]) == ("tcsl", 60, "First")
    assert compile_plan(NESTED, "asl").timeout_s is None


def test_a_type_in_any_case() -> None:
    for number, name in enumerate(TYPES):
        extra: dict[str, Any] = {
            "Task": {"Resource": "f"},
            "Choice": {"Choices": [], "Default": "S"},
            "Wait": {"Seconds": 1},
            "Parallel": {"Branches": [machine(B={"Type": "Succeed"})]},
            "Map": {"Iterator": machine(B={"Type": "Succeed"})},
        }.get(name, {})
        for spelling in (name, name.lower(), name.upper()):
            made = state({"Type": spelling, **extra})
            assert (made.kind, made.type) == (number, name)


# ---------------------------------------------------------------------------------------- identity


def test_a_plan_is_compiled_once() -> None:
    document = machine(A={"Type": "Succeed", "Comment": "once"})
    plan = compile_plan(document, "asl")
    assert compile_plan(copy.deepcopy(document), "asl") is plan
    assert compile_plan(document, "tcsl") is not plan
    assert plan.digest == digest(document)


def test_the_digest_is_that_of_the_value_and_not_of_its_spelling() -> None:
    document = machine(A={"Type": "Succeed", "Comment": "是"})
    assert digest(json.loads(json.dumps(document, indent=4))) == digest(document)
    assert digest(machine(A={"Type": "Succeed", "Comment": "否"})) != digest(document)
    assert len(digest(document)) == 16


def test_machines_with_their_states_in_another_order_are_told_apart() -> None:
    one = machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"})
    other = {"StartAt": "A", "States": dict(reversed(one["States"].items()))}
    assert one == other
    assert digest(one) != digest(other)
    assert [s.name for s in compile_plan(one, "asl").states] == ["A", "B"]
    assert [s.name for s in compile_plan(other, "asl").states] == ["B", "A"]


def test_old_plans_are_forgotten() -> None:
    first = compile_plan(machine(A={"Type": "Succeed", "Comment": "0"}), "asl")
    for number in range(1, plans._CACHE_SIZE + 1):
        compile_plan(machine(A={"Type": "Succeed", "Comment": f"no. {number}"}), "asl")
    assert len(plans._CACHE) == plans._CACHE_SIZE
    assert compile_plan(machine(A={"Type": "Succeed", "Comment": "0"}), "asl") is not first


# ---------------------------------------------------------------------------------------- states


def test_a_task() -> None:
    made = state(
        {
            "Type": "Task",
            "Resource": QRN,
            "TimeoutSeconds": 9,
            "HeartbeatSecondsPath": "$.beat",
            "Parameters": {"k.$": "$.a"},
            "ResultPath": "$.r",
        }
    )
    assert made.resource is not None and made.prepare is not None and made.finish is not None
    assert (made.resource.kind, made.resource.name) == ("function", "f")
    assert made.timeout == (9, None, "TimeoutSeconds")
    assert made.heartbeat is not None and made.heartbeat[1] is not None
    assert (made.heartbeat[2], made.heartbeat[1]({"beat": 3}, None)) == ("HeartbeatSecondsPath", 3)
    assert made.prepare({"a": 1}, None) == {"k": 1}
    assert made.finish({"a": 1}, 5, None) == {"a": 1, "r": 5}


def test_a_plain_task_has_no_functions_to_call() -> None:
    made = state({"Type": "Task", "Resource": "f"})
    assert (made.prepare, made.finish, made.timeout, made.heartbeat, made.retriers, made.catchers) == (
        None, None, None, None, (), (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "raw", "output"),
    [
        ({"Result": 5}, {"a": 1}, 5),
        ({"Result": None}, {"a": 1}, None),
        ({"Result": 5, "ResultPath": "$.r"}, {"a": 1}, {"a": 1, "r": 5}),
        ({"Parameters": {"k.$": "$.a"}}, {"a": 1}, {"k": 1}),
        ({"InputPath": "$.a", "ResultPath": "$.copy"}, {"a": 1}, {"a": 1, "copy": 1}),
        ({"InputPath": "$.a", "Result": 5}, {"a": 1}, 5),
        ({"ResultSelector": {"x.$": "$.a"}}, {"a": 1}, {"x": 1}),
        ({"OutputPath": "$.a"}, {"a": 1}, 1),
    ],
)
def test_a_pass_is_one_function(fields: dict[str, Any], raw: Any, output: Any) -> None:
    made = state({"Type": "Pass", **fields})
    assert made.step is not None
    assert made.step(raw, None) == output


def test_an_empty_pass_is_nothing_at_all() -> None:
    assert state({"Type": "Pass"}).step is None


def test_a_choice() -> None:
    plan = compile_plan(
        machine(
            C={
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$", "NumericEquals": 1, "Next": "A"},
                    {"Not": {"Variable": "$", "IsNumeric": True}, "Next": "B"},
                ],
                "Default": "A",
            },
            A={"Type": "Succeed"},
            B={"Type": "Succeed"},
        ),
        "asl",
    )
    c, a, b = plan.states
    assert [(rule.test(1, None), rule.test("x", None), rule.next) for rule in c.choices] == [
        (True, False, a),
        (False, True, b),
    ]
    assert (c.default, c.prepare, c.step) == (a, None, None)


@pytest.mark.parametrize(
    ("fields", "name", "literal", "data", "value"),
    [
        ({"Seconds": 5}, "Seconds", 5, None, None),
        ({"SecondsPath": "$.s"}, "Seconds", None, {"s": 7}, 7),
        ({"Timestamp": "2030-06-01T12:00:00Z"}, "Timestamp", "2030-06-01T12:00:00Z", None, None),
        ({"TimestampPath": "$.t"}, "Timestamp", None, {"t": "x"}, "x"),
    ],
)
def test_a_wait(fields: dict[str, Any], name: str, literal: Any, data: Any, value: Any) -> None:
    made = state({"Type": "Wait", **fields})
    assert made.wait is not None
    kind, constant, get, field = made.wait
    assert (kind, constant, field) == (name, literal, next(iter(fields)))
    assert (get is None) == (data is None)
    assert get is None or get(data, None) == value


def test_a_wait_and_a_succeed_with_both_paths() -> None:
    for fields in ({"Type": "Wait", "Seconds": 1}, {"Type": "Succeed"}):
        made = state({**fields, "InputPath": "$.a", "OutputPath": "$.b"})
        assert made.step is not None
        assert made.step({"a": {"b": 3}}, None) == 3


def test_a_fail() -> None:
    made = state({"Type": "Fail", "Error": "E", "CausePath": "$.why"})
    assert made.fail is not None
    (error, no_getter, _), (no_cause, get, field) = made.fail
    assert (error, no_getter, no_cause, field) == ("E", None, None, "CausePath")
    assert get is not None
    assert get({"why": "late"}, None) == "late"
    assert state({"Type": "Fail"}).fail == ((None, None, "Error"), (None, None, "Cause"))


def test_a_map() -> None:
    made = state(
        {
            "Type": "Map",
            "InputPath": "$.in",
            "ItemsPath": "$.l",
            "ItemSelector": {"k.$": "$.k", "c": 1},
            "MaxConcurrencyPath": "$.m",
            "ToleratedFailureCount": 2,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                **machine(B={"Type": "Succeed"}),
            },
        }
    )
    plan = made.map
    assert plan is not None and made.prepare is not None and plan.select is not None
    data = {"l": [1], "k": 2, "m": 3}
    assert made.prepare({"in": data}, None) == data
    assert (plan.items(data, None), plan.select(data, None)) == ([1], {"k": 2, "c": 1})
    assert plan.max_concurrency[1] is not None
    assert (plan.max_concurrency[1](data, None), plan.max_concurrency[2]) == (3, "MaxConcurrencyPath")
    assert plan.tolerated_count == (2, None, "ToleratedFailureCount")
    assert plan.tolerated_percentage == (None, None, "ToleratedFailurePercentage")
    assert (plan.distributed, plan.config) == (True, {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"})


@pytest.mark.parametrize(
    ("dialect", "field", "limit"),
    [("asl", "Iterator", 0), ("asl", "ItemProcessor", 0), ("tcsl", "Iterator", 1), ("tcsl", "ItemProcessor", 0)],
)
def test_how_many_items_run_at_once_by_default(dialect: str, field: str, limit: int) -> None:
    made = state({"Type": "Map", field: machine(B={"Type": "Succeed"})}, dialect)
    assert made.map is not None
    assert made.map.max_concurrency == (limit, None, "MaxConcurrency")
    told = state({"Type": "Map", "MaxConcurrency": 4, field: machine(B={"Type": "Succeed"})}, dialect)
    assert told.map is not None
    assert told.map.max_concurrency == (4, None, "MaxConcurrency")


def test_parameters_of_a_map_are_its_item_selector() -> None:
    made = state({"Type": "Map", "Parameters": {"k.$": "$.k"}, "Iterator": machine(B={"Type": "Succeed"})})
    assert made.map is not None and made.map.select is not None
    assert (made.prepare, made.map.select({"k": 1}, None)) == (None, {"k": 1})


def test_retriers_and_catchers() -> None:
    plan = compile_plan(
        machine(
            A={
                "Type": "Task",
                "Resource": "f",
                "Retry": [
                    {"ErrorEquals": ["X", "Y"]},
                    {
                        "ErrorEquals": ["States.ALL"],
                        "IntervalSeconds": 3,
                        "MaxAttempts": 0,
                        "BackoffRate": 1.5,
                        "MaxDelaySeconds": 60,
                        "JitterStrategy": "FULL",
                    },
                ],
                "Catch": [
                    {"ErrorEquals": ["X"], "Next": "B"},
                    {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "C"},
                    {"ErrorEquals": ["Never"], "ResultPath": None, "Next": "C"},
                ],
                "End": True,
            },
            B={"Type": "Succeed"},
            C={"Type": "Succeed"},
        ),
        "asl",
    )
    a, b, c = plan.states
    assert a.retriers == (
        Retrier(("X", "Y"), 1, 3, 2.0, None, False),
        Retrier(("States.ALL",), 3, 0, 1.5, 60, True),
    )
    assert [(k.errors, k.next) for k in a.catchers] == [(("X",), b), (("States.ALL",), c), (("Never",), c)]
    whole, placed, dropped = (k.output for k in a.catchers)
    assert whole is None and placed is not None and dropped is not None
    assert placed({"k": 1}, {"Error": "X"}, None) == {"k": 1, "e": {"Error": "X"}}
    assert dropped({"k": 1}, {"Error": "X"}, None) == {"k": 1}


@pytest.mark.parametrize(
    ("fields", "assigned"),
    [
        ({"Type": "Task", "Resource": "f", "Assign": {"v.$": "$.r"}}, {"v": 1}),
        ({"Type": "Task", "Resource": "f", "Assign": {"v": 0}}, {"v": 0}),
        ({"Type": "Task", "Resource": "f", "ResultSelector": {"s.$": "$.r"}, "Assign": {"v.$": "$.s"}}, {"v": 1}),
        ({"Type": "Task", "Resource": "f", "ResultSelector": {"s": 5}, "Assign": {"v.$": "$.s"}}, {"v": 5}),
        ({"Type": "Pass", "Parameters": {"p.$": "$.raw"}, "Assign": {"v.$": "$.p"}}, {"v": 2}),
    ],
)
def test_what_assign_sees(fields: dict[str, Any], assigned: dict[str, Any]) -> None:
    made = state(fields)
    assert made.assign is not None
    assert made.assign({"raw": 2}, {"r": 1}, None) == assigned


# ---------------------------------------------------------------------------------------- what only compiling finds


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Parameters": {"x.$": "plain"}}, '"plain" is no path: a path starts with "$".'),
        (
            {"Parameters": {"x.$": "States.UUID(1)"}},
            "States.UUID takes 0 arguments, 1 are given; call ends at character 15 of States.UUID(1)",
        ),
        (
            {"ResultPath": "$.a[*]"},
            '"$.a[*]" is no reference path: use "$", fields and indexes only, such as "$.a.b[0]".',
        ),
        (
            {"Parameters": {"x.$": 5}},
            "States.Runtime: The value of the field 'x.$' must be a path or an intrinsic function",
        ),
    ],
)
def test_what_cannot_be_compiled_is_a_problem_of_the_definition(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        state({"Type": "Pass", **fields})
    assert [(p.severity, p.code, p.location, p.message) for p in refused.value.problems] == [
        ("ERROR", "SCHEMA_VALIDATION_FAILED", "/States/S", message)
    ]


def test_a_problem_inside_a_branch_is_told_with_its_place() -> None:
    document = {"Type": "Parallel", "Branches": [machine(B={"Type": "Pass", "InputPath": "x", "End": True})]}
    with pytest.raises(DefinitionError) as refused:
        state(document)
    assert [(p.location, p.message) for p in refused.value.problems] == [
        ("/States/S/Branches[0]/States/B", '"x" is no path: a path starts with "$".')
    ]


def test_the_error_of_a_missing_parameter_depends_on_the_dialect() -> None:
    names = {}
    for dialect in ("asl", "tcsl"):
        prepare = state({"Type": "Task", "Resource": "f", "Parameters": {"x.$": "$.gone"}}, dialect).prepare
        assert prepare is not None
        with pytest.raises(StateError) as failed:
            prepare({}, None)
        names[dialect] = failed.value.name
    assert names == {"asl": "States.Runtime", "tcsl": "States.ParameterPathFailure"}


def test_compiling_leaves_the_document_as_it_is() -> None:
    before = copy.deepcopy(NESTED)
    compile_plan(NESTED, "asl")
    assert before == NESTED
