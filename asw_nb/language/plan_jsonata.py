"""Compiling the states that are written in JSONata: one function per type, as in `asw_nb.language.plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asw_nb.language.fields_jsonata import of_input, of_result, value_of
from asw_nb.language.plan import (
    CHOICE,
    FAIL,
    MAP,
    PARALLEL,
    PASS,
    SUCCEED,
    TASK,
    WAIT,
    Batcher,
    Catcher,
    MapPlan,
    Outside,
    Rule,
    StatePlan,
)
from asw_nb.language.resources import parse_resource

if TYPE_CHECKING:
    from asw_nb.language.plan import _Compiler

Document = dict[str, Any]


def _data_flow(state: StatePlan, document: Document) -> None:
    """Arguments, Output and Assign of a state that has a result."""
    if "Arguments" in document:
        state.prepare = of_input(document["Arguments"], "Arguments")
    if "Output" in document:
        state.finish = of_result(document["Output"], "Output")
    if "Assign" in document:
        state.assign = of_result(document["Assign"], "Assign")


def _output(state: StatePlan, document: Document) -> None:
    """Output and Assign of a state that has no result."""
    if "Output" in document:
        state.step = of_input(document["Output"], "Output")
    if "Assign" in document:
        assign = of_input(document["Assign"], "Assign")
        state.assign = lambda raw, result, env: assign(raw, env)


def catcher(document: Document, state: StatePlan) -> Catcher:
    """One entry of Catch."""
    number = state.document["Catch"].index(document)
    output = assign = None
    if "Output" in document:
        output = of_result(document["Output"], f"Catch[{number}]/Output", "errorOutput")
    if "Assign" in document:
        assign = of_result(document["Assign"], f"Catch[{number}]/Assign", "errorOutput")
    return Catcher(tuple(document["ErrorEquals"]), state.scope.by_name[document["Next"]], output, assign)


def task(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    state.resource = parse_resource(document["Resource"])
    _data_flow(state, document)
    if "TimeoutSeconds" in document:
        state.timeout = value_of(document, "TimeoutSeconds", "number")
    if "HeartbeatSeconds" in document:
        state.heartbeat = value_of(document, "HeartbeatSeconds", "number")


def pass_(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    _output(state, document)


def choice(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    _output(state, document)
    rules = []
    for number, rule in enumerate(document["Choices"]):
        field = f"Choices[{number}]"
        assign = output = None
        if "Assign" in rule:
            filled = of_input(rule["Assign"], f"{field}/Assign")
            assign = _without_result(filled)
        if "Output" in rule:
            output = of_input(rule["Output"], f"{field}/Output")
        test = of_input(rule["Condition"], f"{field}/Condition", "boolean")
        rules.append(Rule(test, state.scope.by_name[rule["Next"]], assign, output))
    state.choices = tuple(rules)
    if "Default" in document:
        state.default = state.scope.by_name[document["Default"]]


def _without_result(get: Any) -> Any:
    return lambda raw, result, env: get(raw, env)


def wait(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    _output(state, document)
    name = "Timestamp" if "Timestamp" in document else "Seconds"
    state.wait = (name, *value_of(document, name, "string" if name == "Timestamp" else "number"))


def succeed(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    _output(state, document)


def fail(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    state.fail = value_of(document, "Error", "string"), value_of(document, "Cause", "string")


def parallel(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    _data_flow(state, document)
    compiler.branches(state, document)


def map_(compiler: _Compiler, state: StatePlan, document: Document) -> None:
    _data_flow(state, document)
    state.prepare = None
    state.map = MapPlan(
        items=of_input(document["Items"], "Items") if "Items" in document else (lambda raw, env: raw),
        select=of_input(document["ItemSelector"], "ItemSelector") if "ItemSelector" in document else None,
        max_concurrency=value_of(document, "MaxConcurrency", "number", compiler.default_concurrency(document)),
        tolerated_count=value_of(document, "ToleratedFailureCount", "number"),
        tolerated_percentage=value_of(document, "ToleratedFailurePercentage", "number"),
        reader=_outside(document.get("ItemReader"), "ItemReader", "ReaderConfig"),
        writer=_outside(document.get("ResultWriter"), "ResultWriter", "WriterConfig"),
        batcher=_batcher(document.get("ItemBatcher")),
        **compiler.processor(state, document),
    )


def _outside(document: Document | None, field: str, config: str) -> Outside | None:
    if document is None or "Resource" not in document:
        return None
    settings = document.get(config, {})
    params = of_input(document["Arguments"], f"{field}/Arguments") if "Arguments" in document else None
    return Outside(parse_resource(document["Resource"]), params, settings, value_of(settings, "MaxItems", "number"))


def _batcher(document: Document | None) -> Batcher | None:
    if document is None:
        return None
    return Batcher(
        value_of(document, "MaxItemsPerBatch", "number"),
        value_of(document, "MaxInputBytesPerBatch", "number"),
        of_input(document["BatchInput"], "ItemBatcher/BatchInput") if "BatchInput" in document else None,
    )


COMPILERS = {
    TASK: task, PASS: pass_, CHOICE: choice, WAIT: wait, SUCCEED: succeed, FAIL: fail, PARALLEL: parallel, MAP: map_,
}  # fmt: skip

__all__ = ["COMPILERS", "catcher"]
