"""Running one order: find the function, call it with a copy of its input, and turn whatever happens into an `Outcome`.

A function's exception is data: its class name is the error, and the cause is the JSON object that a function runtime
reports (``errorMessage``, ``errorType``, ``requestId``, ``stackTrace``). Source: the AWS Lambda developer guide,
"Function errors"."""

from __future__ import annotations

import contextlib
import json
import traceback
from typing import Any

from asw_nb.backends.capture import Lines, current, install
from asw_nb.backends.context import TaskContext
from asw_nb.backends.functions import Function, Resolver
from asw_nb.backends.items import PlainFailure, read_items, write_results
from asw_nb.engine.ids import random_id
from asw_nb.engine.payload import NotJson, copy_json, printable, size_bytes, to_json
from asw_nb.engine.run import Order, Outcome
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
    patient : bool
        An order whose function nobody has registered waits until somebody does, instead of failing: the executions of a dead
        kernel meet a new one in which the defining cells have not run yet.
    """

    def __init__(
        self, resolver: Resolver, mocks: Any = None, payload_limit: int | None = None, patient: bool = False
    ) -> None:
        self.resolver, self.mocks, self.payload_limit, self.patient = resolver, mocks, payload_limit, patient

    def __call__(self, order: Order) -> Outcome:
        """Perform the order in this thread."""
        install()
        run, resource = order.run, order.state.resource
        now_us = run.clock.time_us
        here = current.here
        lines, here.spare = here.spare, None
        if lines is None or lines.clock is not run.clock:
            lines = Lines(run.clock)
        context: TaskContext | None = None
        started = now_us()
        outer, here.lines = here.lines, lines
        mocked = self.mocks is not None and self.mocks.has(order)
        try:
            if mocked:
                value = to_json(self.mocks.answer(order))
            elif resource is None:
                value = to_json(self._outside(order))
            else:
                target, event = resource, copy_json(order.input)
                if resource.kind == "invoke":
                    target, event = _invoked(event)
                function = self.resolver.find(target)
                if function.plain:
                    value = to_json(function.call(event))
                else:
                    if function.wants_context or function.context_name is not None:
                        context = TaskContext(order, function.name, function.namespace, function.version, lines)
                    value = to_json(_apply(function, event, context))
                if resource.kind == "invoke":
                    value = {"ExecutedVersion": function.version, "Payload": value, "StatusCode": 200}
            outcome = Outcome(value)
            if (
                self.payload_limit is not None
                and type(value) in _MAY_BE_LARGE
                and resource is not None
                and _large(value)
                and size_bytes(value) > self.payload_limit
            ):
                outcome = _too_large(order)
        except UnknownFunction as missing:
            if self.patient:
                self.resolver.registry.park(order)
                return Outcome(parked=True)
            outcome = _failure(missing, context)
        except BaseException as problem:  # whatever a function raises is its answer: nothing of it may end the worker
            outcome = _failure(problem, context)
        finally:
            here.lines = outer
        outcome.started_us, outcome.finished_us, outcome.final = started, now_us(), mocked
        if lines.lines or lines.partial:
            outcome.lines = lines.close()
        elif context is None:
            here.spare = lines  # nothing was printed, and nobody holds them
        if context is not None and context._metrics:
            outcome.metrics = context._metrics
        return outcome

    def _outside(self, order: Order) -> Any:
        """Read the items of a Map, or write its results."""
        reads = order.results is None
        try:
            return read_items(order, self.resolver) if reads else write_results(order, self.resolver)
        except PlainFailure:
            raise
        except Exception as problem:
            name = "States.ItemReaderFailed" if reads else "States.ResultWriterFailed"
            raise PlainFailure(name, f"{type(problem).__name__}: {problem}") from problem


def _apply(function: Function, event: Any, context: TaskContext | None) -> Any:
    """Call a function the way it wants to be called."""
    if function.unpack:
        if not isinstance(event, dict):
            raise TypeError(
                f'function "{function.name}" unpacks its event, which must then be an object, not {compact(event)[:80]}'
            )
        if function.context_name is not None:
            event = {**event, function.context_name: context}
        return function.call(**event)
    if function.wants_context:
        return function.call(event, context)
    return function.call(event)


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


_MAY_BE_LARGE = frozenset({str, list, dict})


def _large(value: Any) -> bool:
    return type(value) is not str or len(value) > 60_000


def _too_large(order: Order) -> Outcome:
    """The cloud names a function by its arn, another service by what history events call it."""
    resource = order.state.resource
    assert resource is not None
    integration = resource.integration
    shown = resource.text if integration is None else integration[0]
    cause = f"The state/task '{shown}' returned a result with a size exceeding the maximum number of bytes service limit."
    return Outcome(error="States.DataLimitExceeded", cause=cause, failed=True)


def _failure(problem: BaseException, context: TaskContext | None) -> Outcome:
    request = context["request_id"] if context is not None else random_id()
    if isinstance(problem, UnknownFunction):
        return Outcome(error="Lambda.ResourceNotFoundException", cause=str(problem), failed=True)
    if isinstance(problem, PlainFailure):
        return Outcome(error=problem.name, cause=problem.cause, failed=True)
    frames = traceback.extract_tb(problem.__traceback__)
    own = [i for i, f in enumerate(frames) if f.filename == __file__]
    users = frames[own[-1] + 1 :] if own else frames
    name, message = type(problem).__name__, _message(problem)
    if isinstance(problem, NotJson):
        name, message, users = "Runtime.MarshalError", f"Unable to marshal response: {message}", []
    elif isinstance(problem, StateError):
        name, message = printable(str(problem.name)), printable(str(problem.cause or ""))
    cause = compact(
        {"errorMessage": message, "errorType": name, "requestId": request, "stackTrace": traceback.format_list(users)}
    )
    head = ["Traceback (most recent call last):\n", *traceback.format_list(users)] if users else []
    text = "".join([*head, *traceback.format_exception_only(problem)])
    return Outcome(error=name, cause=cause, failed=True, traceback=printable(text))


def _message(problem: BaseException) -> str:
    try:
        return printable(str(problem))
    except Exception:  # an exception whose own text cannot be made is still the function's answer
        return f"<the text of this {type(problem).__name__} cannot be made: its __str__ raises>"


__all__ = ["PAYLOAD_LIMIT", "FunctionCalls"]
