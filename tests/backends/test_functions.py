"""Every spelling of a resource finds its function, in the promised order, and is called as the function wants it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.backends.functions import Registry, Resolver, describe
from asw_nb.language.resources import parse_resource
from asw_nb.names import registry

QRN = "qrn:qcs:asw:ap-guangzhou:1300000000:sdk:json:qcloud:scf:Invoke/sum"


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_functions", {})
    monkeypatch.setattr(registry, "services", {})
    yield


def one_task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, **fields, "End": True}}}


def call(resource: str, event: Any = None, functions: Any = None, **fields: Any) -> asw.Execution:
    return asw.run(one_task(resource, **fields), event, functions=functions, executor="inline")


def message(run: asw.Execution) -> str:
    assert (run.status, run.error) == ("FAILED", "Lambda.ResourceNotFoundException")
    return str(run.cause)


SPELLINGS = [
    "sum",
    "py:sum",
    QRN,
    QRN + "/$DEFAULT",
    QRN + "/$LATEST/default",
    QRN + "/3/default",
    QRN.replace("ap-guangzhou", "gz"),
    "arn:aws:lambda:eu-west-1:123456789012:function:sum",
    "arn:aws:lambda:eu-west-1:123456789012:function:sum:prod",
    "arn:aws-cn:lambda:cn-north-1:123456789012:function:sum:$LATEST",
]


@pytest.mark.parametrize("resource", SPELLINGS)
def test_every_spelling_calls_the_registered_function(resource: str) -> None:
    registry.add("sum", lambda event: sum(event["values"]))
    assert call(resource, {"values": [1, 2, 3, 4, 5]}).output == 15


@pytest.mark.parametrize("resource", SPELLINGS)
def test_every_spelling_calls_the_function_of_the_call(resource: str) -> None:
    registry.add("sum", lambda event: "the registered one")
    assert call(resource, {"values": [1, 2]}, {"sum": lambda event: sum(event["values"])}).output == 3
    assert (
        call(resource, {}, {"sum": lambda event: "by name", resource: lambda event: "by resource"}).output
        == "by resource"
    )


# --------------------------------------------------------------------------------------- look-up order


def test_the_order_is_the_call_then_the_registry_then_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "where", lambda event: "notebook", raising=False)
    assert call("where").output == "notebook"
    registry.add("where", lambda event: "registry")
    assert call("where").output == "registry"
    assert call("where", functions={"where": lambda event: "call"}).output == "call"


def test_a_class_and_a_builtin_of_the_notebook_are_no_functions() -> None:
    class Load:
        pass

    resolver = Resolver(Registry(), None, lambda: {"Load": Load, "sum": sum, "x": 3})
    for name in ("Load", "sum", "x"):
        with pytest.raises(asw.UnknownFunction):
            resolver.find(parse_resource(name))


def test_a_function_that_was_written_again_is_the_new_one() -> None:
    space = {"f": lambda event: 1}
    resolver = Resolver(Registry(), None, lambda: space)
    assert resolver.find(parse_resource("f")).call({}) == 1
    space["f"] = lambda event: 2
    assert resolver.find(parse_resource("f")).call({}) == 2


def test_namespace_and_version_choose_among_functions_of_one_name() -> None:
    for space, version in ((None, None), ("prod", None), ("prod", "2"), (None, "2")):
        registry.add("sum", lambda event, told=(space, version): list(told), namespace=space, version=version)
    answers = {tail: call(QRN + tail).output for tail in ("", "/2", "/1/prod", "/2/prod", "/2/test", "/1/test")}
    assert answers == {
        "": [None, None],
        "/2": [None, "2"],
        "/1/prod": ["prod", None],
        "/2/prod": ["prod", "2"],
        "/2/test": [None, "2"],
        "/1/test": [None, None],
    }


def test_a_function_of_one_namespace_answers_only_there_and_where_none_is_asked_for() -> None:
    registry.add("sum", lambda event: "prod", namespace="prod")
    assert call(QRN).output == "prod"
    assert call(QRN + "/$LATEST/prod").output == "prod"
    assert 'no function "sum"' in message(call(QRN + "/$LATEST/test"))


# ------------------------------------------------------------------------------------- invoke, services


@pytest.mark.parametrize(
    ("name", "payload", "output"),
    [
        ("sum", {"values": [1, 2]}, 3),
        ("sum:prod", {"values": [1, 2]}, 3),
        ("arn:aws:lambda:eu-west-1:1:function:sum:prod", {"values": [1, 2]}, 3),
        ("sum", '{"values": [4, 5]}', 9),
    ],
)
def test_lambda_invoke_wraps_the_answer_as_the_cloud_does(name: str, payload: Any, output: int) -> None:
    registry.add("sum", lambda event: sum(event["values"]))
    run = call("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": name, "Payload": payload})
    assert {k: run.output[k] for k in ("ExecutedVersion", "Payload", "StatusCode")} == {
        "ExecutedVersion": "$LATEST",
        "Payload": output,
        "StatusCode": 200,
    }


def test_lambda_invoke_without_a_payload_and_without_a_name() -> None:
    registry.add("echo", lambda event: event, version="7")
    run = call("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "echo:7"})
    assert (run.output["Payload"], run.output["ExecutedVersion"]) == ({}, "7")
    run = call("arn:aws:states:::lambda:invoke", Parameters={"Payload": 1})
    assert (run.status, run.error) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("registered", "resource"),
    [
        ("mps:ProcessMedia", "qrn:qcs:asw:gz:1300000000:sdk:json:qcloud:mps:ProcessMedia"),
        ("sqs:sendMessage", "arn:aws:states:::sqs:sendMessage"),
        ("batch:submitJob", "arn:aws:states:::batch:submitJob.sync"),
        ("batch:submitJob.sync", "arn:aws:states:::batch:submitJob.sync"),
        ("arn:aws:states:::sqs:sendMessage", "arn:aws:states:::sqs:sendMessage"),
    ],
)
def test_a_service_is_answered_by_its_handler(registered: str, resource: str) -> None:
    @asw.service(registered)
    def handle(event: Any) -> Any:
        return {"Response": event}

    assert call(resource, {"a": 1}).output == {"Response": {"a": 1}}
    assert handle(2) == {"Response": 2}
    assert call(resource, {"a": 1}, {resource: lambda event: "mine"}).output == "mine"


def test_a_handler_with_the_pattern_is_nearer_than_one_without() -> None:
    asw.service("batch:submitJob")(lambda event: "plain")
    asw.service("batch:submitJob.sync")(lambda event: "sync")
    assert call("arn:aws:states:::batch:submitJob").output == "plain"
    assert call("arn:aws:states:::batch:submitJob.sync").output == "sync"


# ------------------------------------------------------------------------------------ nobody answers


def test_a_missing_function_names_the_nearest() -> None:
    registry.add("load_table", lambda event: None)
    registry.add("store", lambda event: None)
    assert message(call("load_tabel")) == (
        'no function "load_tabel" answers to the resource "load_tabel". Did you mean "load_table"? '
        "Registered: load_table, store. "
        "Register one with @asw_nb.function or %%asw_function, or pass functions={...}."
    )


def test_a_missing_function_where_nothing_is_near() -> None:
    assert message(call(QRN)) == (
        f'no function "sum" answers to the resource "{QRN}". None is registered. '
        "Register one with @asw_nb.function or %%asw_function, or pass functions={...}."
    )


def test_a_missing_service_says_how_to_register_one() -> None:
    asw.service("mps:ProcessMedia")(lambda event: None)
    resource = "qrn:qcs:asw:gz:1:sdk:json:qcloud:mps:ProcesMedia"
    assert message(call(resource)) == (
        f'nothing answers to the resource "{resource}" here. Did you mean "mps:ProcessMedia"? '
        'Register a handler with @asw_nb.service("mps:ProcesMedia"), '
        f'or pass functions={{"{resource}": handler}}.'
    )


# ------------------------------------------------------------------------------------ how it is called


class Callable1:
    def __call__(self, event: Any) -> Any:
        return event


class Methods:
    def both(self, event: Any, context: Any) -> Any:
        return [event, context["function_name"]]


def only_event(event: Any) -> Any:
    return event


def with_default(event: Any, factor: int = 2) -> Any:
    return event["n"] * factor


def named_context(event: Any, context: Any = None) -> Any:
    return context["function_name"]


def anything(*args: Any) -> Any:
    return len(args)


@pytest.mark.parametrize(
    ("function", "output"),
    [
        (only_event, {"n": 3}),
        (Callable1(), {"n": 3}),
        (Methods().both, [{"n": 3}, "f"]),
        (with_default, 6),
        (named_context, "f"),
        (anything, 2),
        (functools.partial(with_default, factor=5), 15),
        (lambda event, ctx: ctx.function_name, "f"),
        (len, 1),
    ],
)
def test_one_argument_or_two_as_the_function_wants(function: Any, output: Any) -> None:
    assert call("f", {"n": 3}, {"f": function}).output == output


def test_unpack_calls_with_the_events_fields() -> None:
    @asw.function(unpack=True)
    def area(width: int, height: int = 1) -> int:
        return width * height

    @asw.function("named", unpack=True)
    def with_context(width: int, context: Any) -> list[Any]:
        return [width, context.attempt]

    assert call("area", {"width": 3, "height": 4}).output == 12
    assert call("area", {"width": 3}).output == 3
    assert call("named", {"width": 3}).output == [3, 1]
    run = call("area", [1, 2])
    assert run.error == "TypeError"
    assert 'function \\"area\\" unpacks its event, which must then be an object, not [1,2]' in str(run.cause)
    assert area(2, 2) == 4


def test_a_function_of_three_arguments_is_refused() -> None:
    def three(a: Any, b: Any, c: Any) -> None:
        return None

    refusal = (
        'function "three" takes 3 arguments; a function is called as f(event) or f(event, context): '
        "use unpack=True to get the event's fields as arguments"
    )
    with pytest.raises(asw.UsageError) as refused:
        asw.function(three)
    assert str(refused.value) == refusal
    with pytest.raises(asw.UsageError) as refused:
        call("f", functions={"three": three})
    assert str(refused.value) == refusal
    assert asw.functions() == []


def test_what_cannot_be_called_is_refused_before_anything_runs() -> None:
    with pytest.raises(asw.UsageError) as refused:
        call("f", functions={"f": 3})
    assert str(refused.value) == '"f" is no function but a int: pass something that can be called as f(event)'
    with pytest.raises(asw.UsageError) as refused:
        call("f", functions=[len])
    assert str(refused.value) == (
        'functions=[<built-in function len>] must be a dict of names and functions, such as {"sum": my_sum}.'
    )
    assert len(asw.executions()) == 0


def test_one_function_under_two_names_knows_by_which_it_was_called() -> None:
    def who(event: Any, context: Any) -> Any:
        return context["function_name"]

    assert [call(n, functions={"a": who, "b": who, QRN: who}).output for n in ("a", "b", QRN)] == ["a", "b", "sum"]


def test_describe_keeps_what_is_described() -> None:
    made = describe("f", only_event)
    assert describe("other", made) is made
    assert (made.name, made.wants_context, made.unpack, made.namespace, made.version) == (
        *("f", False, False, "default", "$LATEST"),
    )


def test_the_registry_lists_and_forgets() -> None:
    registry.add("b", only_event)
    registry.add("a", only_event, version="2")
    registry.add("a", only_event)
    assert asw.functions() == ["a", "b"]
    assert [f.name for f in registry.all()] == ["a", "a", "b"]
    registry.clear()
    assert asw.functions() == []
