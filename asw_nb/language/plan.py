"""A definition, compiled once: one slotted record per state, holding functions instead of text.

Nothing parses a path or looks a state up by name while an execution runs. States of all scopes stand in one list
(`Plan.states`), so that an event names a state by a small number; `ScopePlan` is one set of states that `Next` cannot
leave: the machine itself, a branch of a Parallel, the processor of a Map.

The parsed document stays the definition; there is no third form between it and the plan that could disagree with
either."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from asw_nb.errors import DefinitionError
from asw_nb.language import fields
from asw_nb.language.calm import calm
from asw_nb.language.choices import compile_rule
from asw_nb.language.problems import Problem
from asw_nb.language.reader import location_of
from asw_nb.language.resources import Resource, parse_resource
from asw_nb.language.templates import EvaluationError, compile_field, compile_template

TYPES = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
TASK, PASS, CHOICE, WAIT, SUCCEED, FAIL, PARALLEL, MAP = range(8)

Getter = Callable[[Any, Any], Any]
Assign = Callable[[Any, Any, Any], Any]
"""Variables to set: `assign(raw, result, env)`."""


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of Retry; delays in seconds."""

    errors: tuple[str, ...]
    interval_s: float = 1.0
    max_attempts: int = 3
    backoff: float = 2.0
    max_delay_s: float | None = None
    jitter: bool = False


@dataclass(slots=True)
class Catcher:
    """One entry of Catch; `output(raw, error_output, env)` is the input of `next`."""

    errors: tuple[str, ...]
    next: StatePlan
    output: Callable[[Any, Any, Any], Any] | None
    assign: Assign | None = None


@dataclass(slots=True)
class Rule:
    """One top-level choice rule."""

    test: Callable[[Any, Any], bool]
    next: StatePlan
    assign: Assign | None = None
    output: Getter | None = None


Spec = tuple[Any, Getter | None, str]
"""A setting: literal, or getter over the effective input; and the field's name."""

NO_SETTING: Spec = (None, None, "")


@dataclass(slots=True)
class Outside:
    """An ItemReader or ResultWriter: what is called, with which parameters, configured how."""

    resource: Resource
    params: Getter | None
    config: dict[str, Any]
    max_items: Spec = NO_SETTING


@dataclass(slots=True)
class Batcher:
    """An ItemBatcher."""

    max_items: Spec
    max_bytes: Spec
    input: Getter | None


@dataclass(slots=True)
class MapPlan:
    """What a Map adds to a state. Getters take the effective input; literals stand in the fields beside them."""

    items: Getter
    select: Getter | None
    processor: ScopePlan
    max_concurrency: tuple[Any, Getter | None, str]
    tolerated_count: tuple[Any, Getter | None, str]
    tolerated_percentage: tuple[Any, Getter | None, str]
    distributed: bool
    config: dict[str, Any]
    reader: Outside | None = None
    writer: Outside | None = None
    batcher: Batcher | None = None


class StatePlan:
    """One state, compiled. Fields that do not belong to its type stay None."""

    __slots__ = (
        "assign", "branches", "catchers", "choices", "default", "document", "fail", "finish", "heartbeat", "index", "jsonata", "kind",
        "map", "name", "next", "path", "pointer", "prepare", "resource", "result", "retriers", "scope", "step", "timeout", "type", "wait",
    )  # fmt: skip

    def __init__(self, index: int, name: str, path: str, kind: int, scope: ScopePlan, document: dict[str, Any]) -> None:
        self.index, self.name, self.path, self.kind, self.scope, self.document = (
            index,
            name,
            path,
            kind,
            scope,
            document,
        )
        self.type = TYPES[kind]
        self.pointer: tuple[str | int, ...] = ()
        self.next: StatePlan | None = None
        self.prepare: fields.Prepare | None = None
        self.finish: fields.Finish | None = None
        self.assign: Assign | None = None
        self.jsonata = False
        self.retriers: tuple[Retrier, ...] = ()
        self.catchers: tuple[Catcher, ...] = ()
        self.step: Getter | None = None
        self.choices: tuple[Rule, ...] = ()
        self.default: StatePlan | None = None
        self.wait: tuple[str, Any, Getter | None, str] | None = None
        self.fail: tuple[tuple[Any, Getter | None, str], tuple[Any, Getter | None, str]] | None = None
        self.resource: Resource | None = None
        self.timeout: tuple[Any, Getter | None, str] | None = None
        self.heartbeat: tuple[Any, Getter | None, str] | None = None
        self.branches: tuple[ScopePlan, ...] = ()
        self.map: MapPlan | None = None
        self.result: Any = None

    def __repr__(self) -> str:
        return f"<{self.type} {self.path}>"


class ScopePlan:
    """A set of states that transitions cannot leave."""

    __slots__ = ("by_name", "number", "owner", "prefix", "start", "states")

    def __init__(self, owner: StatePlan | None, number: int, prefix: str) -> None:
        self.owner, self.number, self.prefix = owner, number, prefix
        self.states: list[StatePlan] = []
        self.by_name: dict[str, StatePlan] = {}
        self.start: StatePlan


@dataclass(slots=True)
class Plan:
    """A compiled state machine.

    Attributes
    ----------
    document : dict
        The parsed definition.
    dialect : str
        ``"tcsl"`` or ``"asl"``.
    digest : str
        The first 16 hexadecimal digits of the SHA-256 of the definition's compact JSON.
    states : list of StatePlan
        Of all scopes, in the order of the text; an event's state number counts here.
    root : ScopePlan
    timeout_s : float or None
        The whole execution's limit.
    zeros : list of int
        A zero for each state, shared by all who count something of which there is none; never changed.
    """

    document: dict[str, Any]
    dialect: str
    digest: str
    states: list[StatePlan]
    root: ScopePlan
    timeout_s: float | None = None
    zeros: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.zeros = [0] * len(self.states)


_CACHE: OrderedDict[tuple[str, str], Plan] = OrderedDict()
_CACHE_SIZE = 64


def digest(document: dict[str, Any]) -> str:
    """The identity of a definition: the same for every spelling of the same JSON value with its fields in the same order.

    Order counts because the numbers of the states, which the history speaks of, follow it.
    """
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:16]


@calm()
def compile_plan(document: dict[str, Any], dialect: str) -> Plan:
    """Compile a checked definition; plans are kept by digest.

    Parameters
    ----------
    document : dict
        A definition that `rules.check` found no error in.
    dialect : str
        ``"tcsl"`` or ``"asl"``.

    Raises
    ------
    DefinitionError
        Something that only compiling finds, such as a JSONPath that the library refuses.
    """
    key = digest(document), dialect
    plan = _CACHE.get(key)
    if plan is None:
        plan = _Compiler(document, dialect, key[0]).plan()
        _CACHE[key] = plan
        while len(_CACHE) > _CACHE_SIZE:
            _CACHE.popitem(last=False)
    return plan


class _Compiler:
    def __init__(self, document: dict[str, Any], dialect: str, identity: str) -> None:
        self.document, self.dialect, self.identity = document, dialect, identity
        self.states: list[StatePlan] = []
        self.language = document.get("QueryLanguage", "JSONPath")
        # Tencent documents no error names; the States Language's own is then the better guess than the cloud's
        # coarser one
        self.parameter_error = "States.ParameterPathFailure" if dialect == "tcsl" else "States.Runtime"

    def plan(self) -> Plan:
        root = self.scope(self.document, None, 0, "", ())
        timeout = self.document.get("TimeoutSeconds")
        return Plan(self.document, self.dialect, self.identity, self.states, root, timeout)

    def scope(
        self, machine: dict[str, Any], owner: StatePlan | None, number: int, prefix: str, pointer: tuple[str | int, ...]
    ) -> ScopePlan:
        scope = ScopePlan(owner, number, prefix)
        for name, document in machine["States"].items():
            kind = [t.lower() for t in TYPES].index(document["Type"].lower())
            state = StatePlan(len(self.states), name, prefix + name, kind, scope, document)
            state.pointer = (*pointer, "States", name)
            self.states.append(state)
            scope.states.append(state)
            scope.by_name[name] = state
        scope.start = scope.by_name[machine["StartAt"]]
        for state in scope.states:
            try:
                self.state(state)
            except (EvaluationError, ValueError) as problem:
                raise self.refused(state, str(problem)) from None
            except Exception as problem:
                if type(problem).__module__.startswith("asw_nb") and not isinstance(problem, DefinitionError):
                    raise self.refused(state, str(problem)) from None
                raise
        return scope

    def refused(self, state: StatePlan, message: str) -> DefinitionError:
        return DefinitionError([Problem("ERROR", "SCHEMA_VALIDATION_FAILED", message, location_of(state.pointer))])

    def state(self, state: StatePlan) -> None:
        document, by_name = state.document, state.scope.by_name
        state.jsonata = document.get("QueryLanguage", self.language) == "JSONata"
        if "Next" in document:
            state.next = by_name[document["Next"]]
        if state.jsonata:
            from asw_nb.language import (
                plan_jsonata,
            )  # the library behind it is loaded by the first machine that needs it

            plan_jsonata.COMPILERS[state.kind](self, state, document)
        else:
            COMPILERS[state.kind](self, state, document)
            if "Assign" in document and state.assign is None:
                state.assign = self.assignment(document)
        if state.kind == WAIT and (step := state.step) is not None:
            state.finish = lambda raw, result, env: step(raw, env)
        if "Retry" in document:
            state.retriers = tuple(self.retrier(r) for r in document["Retry"])
        if "Catch" in document:
            state.catchers = tuple(self.catcher(c, state) for c in document["Catch"])

    def retrier(self, document: dict[str, Any]) -> Retrier:
        return Retrier(
            tuple(document["ErrorEquals"]),
            document.get("IntervalSeconds", 1),
            document.get("MaxAttempts", 3),
            document.get("BackoffRate", 2.0),
            document.get("MaxDelaySeconds"),
            document.get("JitterStrategy", "NONE") == "FULL",
        )

    def assignment(self, document: dict[str, Any], select: fields.Prepare | None = None) -> Assign:
        """Assign: a template over the state's result, or over its input where it has none."""
        fill, constant = compile_template(document["Assign"], self.parameter_error)
        if fill is None:
            return lambda raw, result, env: constant
        if select is None:
            return lambda raw, result, env: fill(result, env)
        return lambda raw, result, env: fill(select(result, env), env)

    def catcher(self, document: dict[str, Any], state: StatePlan) -> Catcher:
        if state.jsonata:
            from asw_nb.language import plan_jsonata

            return plan_jsonata.catcher(document, state)
        assign = self.assignment(document) if "Assign" in document else None
        place = fields.compile_result_path(document.get("ResultPath", "$"))
        output = None if place is None else (lambda raw, error, env: place(raw, error))
        return Catcher(tuple(document["ErrorEquals"]), state.scope.by_name[document["Next"]], output, assign)

    def select_and_assign(self, state: StatePlan, document: dict[str, Any]) -> None:
        """Assign of a state with a result sees what ResultSelector made of it."""
        if "Assign" not in document:
            return
        select: fields.Prepare | None = None
        if "ResultSelector" in document:
            fill, constant = compile_template(document["ResultSelector"], self.parameter_error)
            select = fill if fill is not None else (lambda result, env: constant)
        state.assign = self.assignment(document, select)

    # one function per type ------------------------------------------------------------------

    def task(self, state: StatePlan, document: dict[str, Any]) -> None:
        state.resource = parse_resource(document["Resource"])
        template = "Arguments" if "Arguments" in document and "Parameters" not in document else "Parameters"
        state.prepare = fields.compile_prepare(document, template, self.parameter_error)
        state.finish = fields.compile_finish(document, self.parameter_error)
        self.select_and_assign(state, document)
        if "TimeoutSeconds" in document or "TimeoutSecondsPath" in document:
            state.timeout = fields.compile_value(document, "TimeoutSeconds")
        if "HeartbeatSeconds" in document or "HeartbeatSecondsPath" in document:
            state.heartbeat = fields.compile_value(document, "HeartbeatSeconds")

    def pass_(self, state: StatePlan, document: dict[str, Any]) -> None:
        prepare = fields.compile_prepare(document, "Parameters", self.parameter_error)
        finish = fields.compile_finish(document, self.parameter_error)
        work: fields.Prepare | None
        if "Result" in document:
            constant = document["Result"]
            work = (
                (lambda raw, env: constant) if prepare is None else (lambda raw, env: (prepare(raw, env), constant)[1])
            )
        else:
            work = prepare
        if finish is None:
            state.step = work
        elif work is None:
            state.step = lambda raw, env: finish(raw, raw, env)
        else:
            state.step = lambda raw, env: finish(raw, work(raw, env), env)
        if "Assign" in document:
            # a Pass has no result of its own to see: what it puts through ResultPath is worked out again
            inner = self.assignment(document)
            state.assign = inner if work is None else (lambda raw, result, env: inner(raw, work(raw, env), env))

    def choice(self, state: StatePlan, document: dict[str, Any]) -> None:
        state.prepare = fields.compile_input_path(document.get("InputPath", "$"))
        state.step = fields.compile_input_path(document.get("OutputPath", "$"))
        by_name = state.scope.by_name
        state.choices = tuple(
            Rule(compile_rule(rule), by_name[rule["Next"]], self.assignment(rule) if "Assign" in rule else None)
            for rule in document["Choices"]
        )
        if "Default" in document:
            state.default = by_name[document["Default"]]

    def wait(self, state: StatePlan, document: dict[str, Any]) -> None:
        look = fields.compile_input_path(document.get("InputPath", "$"))
        finish = fields.compile_input_path(document.get("OutputPath", "$"))
        state.prepare = look
        if look is not None or finish is not None:
            state.step = _two_paths(look, finish)
        name = "Timestamp" if "Timestamp" in document or "TimestampPath" in document else "Seconds"
        state.wait = (name, *fields.compile_value(document, name))

    def succeed(self, state: StatePlan, document: dict[str, Any]) -> None:
        look = fields.compile_input_path(document.get("InputPath", "$"))
        finish = fields.compile_input_path(document.get("OutputPath", "$"))
        if look is not None or finish is not None:
            state.step = _two_paths(look, finish)

    def fail(self, state: StatePlan, document: dict[str, Any]) -> None:
        state.fail = fields.compile_value(document, "Error"), fields.compile_value(document, "Cause")

    def parallel(self, state: StatePlan, document: dict[str, Any]) -> None:
        state.prepare = fields.compile_prepare(document, "Parameters", self.parameter_error)
        state.finish = fields.compile_finish(document, self.parameter_error)
        self.select_and_assign(state, document)
        self.branches(state, document)

    def branches(self, state: StatePlan, document: dict[str, Any]) -> None:
        """The scopes of a Parallel."""
        state.branches = tuple(
            self.scope(branch, state, i, f"{state.path}[{i}]/", (*state.pointer, "Branches", i))
            for i, branch in enumerate(document["Branches"])
        )

    def map_(self, state: StatePlan, document: dict[str, Any]) -> None:
        # a Map's Parameters are the old name of ItemSelector: filled once per item, not once per state
        state.prepare = fields.compile_input_path(document.get("InputPath", "$"))
        state.finish = fields.compile_finish(document, self.parameter_error)
        self.select_and_assign(state, document)
        selector = document.get("ItemSelector", document.get("Parameters"))
        select: Getter | None = None
        if selector is not None:
            fill, constant = compile_template(selector, self.parameter_error)
            select = fill if fill is not None else (lambda data, env: constant)
        state.map = MapPlan(
            items=compile_field(document.get("ItemsPath", "$"), "ItemsPath", "States.Runtime"),
            select=select,
            max_concurrency=fields.compile_value(document, "MaxConcurrency", self.default_concurrency(document)),
            tolerated_count=fields.compile_value(document, "ToleratedFailureCount", None),
            tolerated_percentage=fields.compile_value(document, "ToleratedFailurePercentage", None),
            reader=self.outside(document.get("ItemReader"), "ReaderConfig"),
            writer=self.outside(document.get("ResultWriter"), "WriterConfig"),
            batcher=self.batcher(document.get("ItemBatcher")),
            **self.processor(state, document),
        )

    def getter(self, tree: Any) -> Getter:
        """A template as one function."""
        fill, constant = compile_template(tree, self.parameter_error)
        return fill if fill is not None else (lambda data, env: constant)

    def outside(self, document: dict[str, Any] | None, config: str) -> Outside | None:
        """An ItemReader or ResultWriter; a writer without a Resource only shapes what stays inside, which is the default."""
        if document is None or "Resource" not in document:
            return None
        settings = document.get(config, {})
        params = self.getter(document["Parameters"]) if "Parameters" in document else None
        return Outside(
            parse_resource(document["Resource"]), params, settings, fields.compile_value(settings, "MaxItems")
        )

    def batcher(self, document: dict[str, Any] | None) -> Batcher | None:
        """An ItemBatcher."""
        if document is None:
            return None
        return Batcher(
            fields.compile_value(document, "MaxItemsPerBatch"),
            fields.compile_value(document, "MaxInputBytesPerBatch"),
            self.getter(document["BatchInput"]) if "BatchInput" in document else None,
        )

    def default_concurrency(self, document: dict[str, Any]) -> int:
        """Tencent's Map runs one item at a time unless told otherwise; 0 is no limit."""
        return 1 if self.dialect == "tcsl" and "Iterator" in document else 0

    def processor(self, state: StatePlan, document: dict[str, Any]) -> dict[str, Any]:
        """The parts of a Map that do not depend on the query language."""
        name = "ItemProcessor" if "ItemProcessor" in document else "Iterator"
        machine = document[name]
        config = machine.get("ProcessorConfig", {})
        return {
            "processor": self.scope(machine, state, 0, f"{state.path}/", (*state.pointer, name)),
            "distributed": config.get("Mode") == "DISTRIBUTED",
            "config": config,
        }


def _two_paths(look: Getter | None, finish: Getter | None) -> Getter:
    def step(raw: Any, env: Any) -> Any:
        data = raw if look is None else look(raw, env)
        return data if finish is None else finish(data, env)

    return step


COMPILERS = {
    TASK: _Compiler.task,
    PASS: _Compiler.pass_,
    CHOICE: _Compiler.choice,
    WAIT: _Compiler.wait,
    SUCCEED: _Compiler.succeed,
    FAIL: _Compiler.fail,
    PARALLEL: _Compiler.parallel,
    MAP: _Compiler.map_,
}

__all__ = [
    "CHOICE",
    "FAIL",
    "MAP",
    "NO_SETTING",
    "PARALLEL",
    "PASS",
    "SUCCEED",
    "TASK",
    "TYPES",
    "WAIT",
    "Assign",
    "Batcher",
    "Catcher",
    "MapPlan",
    "Outside",
    "Plan",
    "Retrier",
    "Rule",
    "ScopePlan",
    "StatePlan",
    "compile_plan",
    "digest",
]  # fmt: skip
