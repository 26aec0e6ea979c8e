"""Running one order: find the function, call it with a copy of its input, and turn whatever happens into an `Outcome`.

A function's exception is data: its class name is the error, and the cause is the JSON object that a function runtime reports
(``errorMessage``, ``errorType``, ``requestId``, ``stackTrace``). Source: the AWS Lambda developer guide, "Function errors".
"""

from __future__ import annotations

import contextlib
import json
import traceback
import uuid
from typing import Any

from asw_nb.backends.capture import Lines, current, install
from asw_nb.backends.context import TaskContext
from asw_nb.backends.functions import Function, Resolver
from asw_nb.engine.payload import NotJson, copy_json, size_bytes, to_json
from asw_nb.engine.runner import Order, Outcome
from asw_nb.errors import StateError, UnknownFunction
from asw_nb.language.intrinsics import compact
from asw_nb.language.resources import Resource, parse_resource

PAYLOAD_LIMIT = 262_144
"""Bytes of JSON that a state may hand on in the cloud."""


class FunctionCalls:
    """Calls the functions of one execution: what a backend's worker is given.

    Parameters
    ----------
    resolver : Resolver
    mocks : Mocks, optional
        Answers given in place of calls.
    payload_limit : int or None
        Largest result in bytes of JSON; None for no limit.
    """

    def __init__(self, resolver: Resolver, mocks: Any = None, payload_limit: int | None = None) -> None:
        self.resolver, self.mocks, self.payload_limit = resolver, mocks, payload_limit

    def __call__(self, order: Order) -> Outcome:
        """Perform the order in this thread."""
        install()
        clock = order.run.clock
        lines = Lines(clock.time_us)
        started = clock.time_us()
        context: TaskContext | None = None
        outer = current.lines
        current.lines = lines
        try:
            if self.mocks is not None and self.mocks.has(order):
                value = to_json(self.mocks.answer(order))
            else:
                value, context = self._call(order, lines)
            outcome = Outcome(value)
            if self.payload_limit is not None and _large(value) and size_bytes(value) > self.payload_limit:
                outcome = _too_large(order)
        except BaseException as problem:
            if isinstance(problem, (GeneratorExit,)):
                raise
            outcome = _failure(problem, context)
        finally:
            current.lines = outer
        outcome.started_us, outcome.finished_us = started, clock.time_us()
        if lines.lines or lines.partial:
            outcome.lines = lines.close()
        if context is not None and context._metrics:
            outcome.metrics = context._metrics
        return outcome

    def _call(self, order: Order, lines: Lines) -> tuple[Any, TaskContext | None]:
        resource = order.state.resource
        assert resource is not None
        event = copy_json(order.input)
        if resource.kind == "invoke":
            target, event = _invoked(event)
            function = self.resolver.find(target)
            value, context = _apply(function, event, order, lines)
            return {"ExecutedVersion": function.version, "Payload": value, "StatusCode": 200}, context
        function = self.resolver.find(resource)
        return _apply(function, event, order, lines)


def _apply(function: Function, event: Any, order: Order, lines: Lines) -> tuple[Any, TaskContext | None]:
    context: TaskContext | None = None
    if function.wants_context or function.context_name is not None:
        context = TaskContext(order, function.name, function.namespace, function.version, lines)
    try:
        if function.unpack:
            if not isinstance(event, dict):
                raise TypeError(f'function "{function.name}" unpacks its event, which must then be an object, not {compact(event)[:80]}')
            if function.context_name is not None:
                event = {**event, function.context_name: context}
            value = function.call(**event)
        elif function.wants_context:
            value = function.call(event, context)
        else:
            value = function.call(event)
    except BaseException as problem:
        problem.__asw_context__ = context  # type: ignore[attr-defined]
        raise
    return to_json(value), context


def _invoked(event: Any) -> tuple[Resource, Any]:
    """FunctionName and Payload of ``arn:aws:states:::lambda:invoke``."""
    if not isinstance(event, dict) or not isinstance(event.get("FunctionName"), str):
        raise StateError("States.Runtime", "The Parameters of lambda:invoke need a FunctionName")
    name, payload = event["FunctionName"], event.get("Payload", {})
    if isinstance(payload, str):  # the API's Payload is the request's body: a string is JSON text where it can be
        with contextlib.suppress(ValueError):
            payload = json.loads(payload)
    if not name.startswith(("arn:", "qrn:")) and ":" in name:
        name, _, qualifier = name.rpartition(":")
        return Resource(event["FunctionName"], "function", name, qualifier), payload
    return parse_resource(name), payload


def _large(value: Any) -> bool:
    return isinstance(value, (list, dict)) or isinstance(value, str) and len(value) > 60_000


def _too_large(order: Order) -> Outcome:
    assert order.state.resource is not None
    cause = (
        f"The state/task '{order.state.resource.text}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    return Outcome(error="States.DataLimitExceeded", cause=cause, failed=True)


def _failure(problem: BaseException, context: TaskContext | None) -> Outcome:
    context = getattr(problem, "__asw_context__", context)
    request = context["request_id"] if context is not None else str(uuid.uuid4())
    if isinstance(problem, UnknownFunction):
        return Outcome(error="Lambda.ResourceNotFoundException", cause=str(problem), failed=True)
    frames = traceback.extract_tb(problem.__traceback__)
    own = [i for i, f in enumerate(frames) if f.filename == __file__]
    users = frames[own[-1] + 1 :] if own else frames
    name, message = type(problem).__name__, str(problem)
    if isinstance(problem, NotJson):
        name, message, users = "Runtime.MarshalError", f"Unable to marshal response: {message}", []
    elif isinstance(problem, StateError):
        name, message = problem.name, problem.cause or ""
    cause = compact(
        {"errorMessage": message, "errorType": name, "requestId": request, "stackTrace": traceback.format_list(users)}
    )
    head = ["Traceback (most recent call last):\n", *traceback.format_list(users)] if users else []
    text = "".join([*head, *traceback.format_exception_only(problem)])
    outcome = Outcome(error=name, cause=cause, failed=True, traceback=text)
    if context is not None and context._metrics:
        outcome.metrics = context._metrics
    return outcome


__all__ = ["PAYLOAD_LIMIT", "FunctionCalls"]
