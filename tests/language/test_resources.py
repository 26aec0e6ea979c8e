"""Resources: which text names what."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.resources import Resource, parse_resource

QCLOUD = "qrn:qcs:asw:ap-guangzhou:1250000000:sdk:json:qcloud:"
STATES = "arn:aws:states:::"
WORDS = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "kind", "name", "qualifier", "namespace", "pattern"),
    [
        ("sum", "function", "sum", None, None, ""),
        ("py:sum", "function", "sum", None, None, ""),
        ("求和", "function", "求和", None, None, ""),
        (QCLOUD + "scf:Invoke/sum", "function", "sum", None, None, ""),
        (QCLOUD + "scf:Invoke/sum/3", "function", "sum", "3", None, ""),
        (QCLOUD + "scf:Invoke/sum/$DEFAULT/default", "function", "sum", "$DEFAULT", "default", ""),
        (QCLOUD + "scf:ListFunctions", "service", "scf:ListFunctions", None, None, ""),
        (QCLOUD + "mps:ProcessMedia", "service", "mps:ProcessMedia", None, None, ""),
        (QCLOUD + "asw:StartExecution", "workflow", "asw:StartExecution", None, None, ""),
        (QCLOUD + "asw:startExecution", "workflow", "asw:StartExecution", None, None, ""),
        ("qrn:qcs:asw:gz:1:http:json:flowmachine:order:bfhzs4j8", "workflow", "bfhzs4j8", None, None, "sync"),
        ("qrn:qcs:asw:gz:1:http:json:flowmachine:bfhzs4j8", "workflow", "bfhzs4j8", None, None, "sync"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:sum", "function", "sum", None, None, ""),
        ("arn:aws:lambda:eu-west-1:123456789012:function:sum:live", "function", "sum", "live", None, ""),
        ("arn:aws-cn:lambda:cn-north-1:1:function:sum:$LATEST", "function", "sum", "$LATEST", None, ""),
        ("arn:aws:states:eu-west-1:1:activity:sign", "activity", "sign", None, None, ""),
        ("arn:aws:states:eu-west-1:1:stateMachine:order", "workflow", "order", None, None, "sync"),
        (STATES + "lambda:invoke", "invoke", "lambda:invoke", None, None, ""),
        (STATES + "lambda:invoke.waitForTaskToken", "invoke", "lambda:invoke", None, None, "waitForTaskToken"),
        (STATES + "states:startExecution", "workflow", "states:startExecution", None, None, ""),
        (STATES + "states:startExecution.sync", "workflow", "states:startExecution", None, None, "sync"),
        (STATES + "states:startExecution.sync:2", "workflow", "states:startExecution", None, None, "sync:2"),
        (STATES + "sqs:sendMessage", "service", "sqs:sendMessage", None, None, ""),
        (STATES + "sqs:sendMessage.waitForTaskToken", "service", "sqs:sendMessage", None, None, "waitForTaskToken"),
        (STATES + "batch:submitJob.sync", "service", "batch:submitJob", None, None, "sync"),
        (STATES + "aws-sdk:s3:getObject", "service", "aws-sdk:s3:getObject", None, None, ""),
        ("arn:aws:s3:::bucket", "service", "arn:aws:s3:::bucket", None, None, ""),
        ("qrn:other", "service", "qrn:other", None, None, ""),
    ],
)
def test_every_spelling(
    text: str, kind: str, name: str, qualifier: str | None, namespace: str | None, pattern: str
) -> None:
    assert parse_resource(text) == Resource(text, kind, name, qualifier, namespace, pattern)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (STATES + "sqs:sendMessage.waitForTaskToken", ("sqs", "sendMessage.waitForTaskToken")),
        (STATES + "aws-sdk:s3:getObject", ("aws-sdk:s3", "getObject")),
        (STATES + "lambda:invoke", ("lambda", "invoke")),
        (STATES + "states:startExecution.sync:2", ("states", "startExecution.sync:2")),
        ("arn:aws:lambda:eu-west-1:1:function:sum", None),
        ("arn:aws:states:eu-west-1:1:activity:sign", None),
        (QCLOUD + "mps:ProcessMedia", None),
        ("sum", None),
    ],
)
def test_how_a_history_names_an_integration(text: str, named: tuple[str, str] | None) -> None:
    assert parse_resource(text).integration == named


@given(WORDS, WORDS, WORDS)
def test_a_function_keeps_its_name_in_every_form(name: str, qualifier: str, namespace: str) -> None:
    forms = {
        f"py:{name}": (name, None, None),
        f"arn:aws:lambda:eu-west-1:1:function:{name}": (name, None, None),
        f"arn:aws:lambda:eu-west-1:1:function:{name}:{qualifier}": (name, qualifier, None),
        f"{QCLOUD}scf:Invoke/{name}": (name, None, None),
        f"{QCLOUD}scf:Invoke/{name}/{qualifier}/{namespace}": (name, qualifier, namespace),
    }
    parsed = {text: parse_resource(text) for text in forms}
    assert {text: (r.name, r.qualifier, r.namespace) for text, r in parsed.items()} == forms
    assert {r.kind for r in parsed.values()} == {"function"}


@given(st.text(min_size=1, max_size=20))
def test_any_text_names_something(text: str) -> None:
    resource = parse_resource(text)
    assert resource.text == text
    assert resource.kind in ("function", "service")
