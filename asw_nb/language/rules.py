"""All problems of a definition, not the first one: the walk over a definition and the tables of rules that it asks.

::

    check
      MACHINE_RULES                             the top level
      for each scope (machine, branch, processor)
        scope_shape, state_names
        for each state   STATE_RULES[type], FIELDS, VALUES (rules_fields)
        SCOPE_RULES                             targets, ends, reachability (rules_flow)
      variables_assigned

A rule is a small function that is called with what it judges and complains through it. To find a rule, look for the
field in `rules_fields.VALUES`, or for the module of its subject: `rules_choice`, `rules_errors`, `rules_map`,
`rules_flow`, `rules_expressions`. No rule raises, whatever JSON it is given.

Codes, messages and locations are those of the cloud (ValidateStateMachineDefinition) where they are known. What the
cloud accepts is never an ERROR in the dialect "asl".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from asw_nb.language.calm import calm
from asw_nb.language.problems import Problem
from asw_nb.language.reader import Document
from asw_nb.language.rules_base import SCHEMA, Checkup, Enough, Pointer, Scope, State, listed, short
from asw_nb.language.rules_fields import (
    FIELDS,
    JSONATA_ONLY,
    JSONPATH_ONLY,
    VALUES,
    field_of_language,
    heartbeat_below_timeout,
    next_or_end,
    required_fields,
    resource_of_type,
    supported_field,
)
from asw_nb.language.rules_flow import SCOPE_RULES, Flow, state_names, variables_assigned
from asw_nb.language.rules_map import map_mode, processor_of

TYPES = tuple(sorted(FIELDS))
_TYPE_OF = {name.lower(): name for name in TYPES}

# Node types of which no document of TCSL speaks (reference, section 2).
_TCSL_UNNAMED_TYPES = frozenset({"Wait", "Succeed", "Fail"})
_TCSL_UNNAMED_FIELDS = (
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "ItemProcessor",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
)

_SCOPE_FIELDS = {
    "machine": ("Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"),
    "branch": ("Comment", "StartAt", "States"),
    "processor": ("Comment", "ProcessorConfig", "StartAt", "States"),
}
_MAX_SCOPES = 10_000
_FEW = 500


@calm()
def check(
    document: Document,
    dialect: str = "auto",
    type: str = "STANDARD",
    jsonata_check: Callable[[str], str | None] | None = None,
) -> list[Problem]:
    """Every problem of a definition, in the order of its text.

    Parameters
    ----------
    document : Document
        What `reader.read` gives.
    dialect : str
        ``"tcsl"``, ``"asl"`` or ``"auto"``.
    type : str
        ``"STANDARD"`` or ``"EXPRESS"``.
    jsonata_check : callable, optional
        Says what is wrong with the text of a JSONata expression; None when nothing is.

    Returns
    -------
    list of Problem
        Sorted by line and column; an ERROR before a WARNING of the same place. Without an ERROR, it can run. At most
        200 errors and 200 warnings are told; the last problem says so when there are more. Of a very large definition
        that is refused anyway, the beginning is read.

    Examples
    --------
    >>> from asw_nb.language.reader import read
    >>> for problem in check(read('{"StartAt": "sum", "States": {"Sum": {"Type": "Succeed"}}}')):
    ...     print(problem.code, problem.message, problem.fix)
    MISSING_TRANSITION_TARGET Missing 'Next' target: sum Did you mean "Sum"?
    """
    tree = document.value
    if dialect == "auto":
        text = document.text
        is_asl = text is not None and "qrn:" not in text and "\\u" not in text
        dialect = "asl" if is_asl else dialect_of(tree)
    checkup = Checkup(document, "tcsl" if dialect == "tcsl" else "asl", type, jsonata_check)
    flows: dict[int, Flow] = {}
    try:
        for rule in MACHINE_RULES:
            rule(checkup, tree)
        for scope, inner in _scopes(checkup, tree):
            _check_scope(scope, flows, inner)
        variables_assigned(checkup, flows)
    except Enough:
        checkup.stopped = True
    checkup.let_go()
    return [*sorted(checkup.problems, key=_order), *checkup.untold()]


def check_part(document: Document, unfinished: set[str]) -> list[Problem]:
    """The errors of a definition of which the beginning was read, whatever its dialect and whatever follows.

    Parameters
    ----------
    unfinished : set of str
        Locations of the objects and arrays that end where the reading stands.
    """
    tree = document.value
    states = tree.get("States")
    languages = (tree.get("QueryLanguage") != "JSONPath",) if "QueryLanguage" in tree else (False, True)
    if isinstance(states, dict) and any(_is_jsonpath(state) for state in states.values()):
        languages = (False,)
    told: list[list[Problem]] = []
    for is_jsonata in languages:
        checkup = Checkup(document, "tcsl", "STANDARD", None)
        checkup.jsonata = is_jsonata
        try:
            for scope, inner in _scopes(checkup, tree):
                if isinstance(scope.value.get("States"), dict):
                    _check_states(scope, scope.value["States"].items(), inner)
        except Enough:
            pass
        checkup.let_go()
        told.append([p for p in checkup.problems if p.severity == "ERROR" and p.location not in unfinished])
    if isinstance(states, dict) and states and not _is_jsonpath(states[name := next(reversed(states))]):
        own = f"/States/{short(name)}"
        told = [[p for p in problems if own not in unfinished or not p.location.startswith(own)] for problems in told]
    same = set.intersection(*({(p.location, p.message) for p in problems} for problems in told))
    return sorted((p for p in told[0] if (p.location, p.message) in same), key=_order)


def _is_jsonpath(state: Any) -> bool:
    """Whether only JSONPath can be the language of the state."""
    if not isinstance(state, dict):
        return False
    if "QueryLanguage" in state or not JSONPATH_ONLY.isdisjoint(state):
        return state.get("QueryLanguage", "JSONPath") == "JSONPath"
    choices = state.get("Choices")
    return isinstance(choices, list) and any(isinstance(rule, dict) and "Variable" in rule for rule in choices[:1])


def _scopes(checkup: Checkup, tree: dict[str, Any]) -> Iterator[tuple[Scope, list[Scope]]]:
    """The machine and, as they are found, the scopes in it: each with a list for those inside it."""
    scopes = [Scope(checkup, tree, (), "machine", None, checkup.express)]
    while scopes:
        scope = scopes.pop()
        inner: list[Scope] = []
        yield scope, inner
        scopes.extend(reversed(inner))


def _order(problem: Problem) -> tuple[int, int, bool, str]:
    return problem.line or 0, problem.column or 0, problem.severity != "ERROR", problem.location


def dialect_of(tree: Any) -> str:
    """``"tcsl"`` when a Resource is a ``qrn:``, else ``"asl"``.

    Examples
    --------
    >>> dialect_of({"States": {"A": {"Resource": "qrn:qcs:asw:ap-guangzhou:1:sdk:json:qcloud:scf:Invoke/f"}}})
    'tcsl'
    """
    stack = [tree]
    while stack:
        states = stack.pop()
        states = states.get("States") if isinstance(states, dict) else None
        if not isinstance(states, dict):
            continue
        for state in states.values():
            if not isinstance(state, dict):
                continue
            resource = state.get("Resource")
            if isinstance(resource, str) and resource.startswith("qrn:"):
                return "tcsl"
            for field in ("ItemProcessor", "Iterator"):
                if field in state:
                    stack.append(state[field])
            branches = state.get("Branches")
            if isinstance(branches, list):
                stack.extend(branches)
    return "asl"


def machine_language(checkup: Checkup, tree: dict[str, Any]) -> None:
    """QueryLanguage of the machine; the cloud takes everything but "JSONPath" for JSONata."""
    if "QueryLanguage" not in tree:
        return
    value = tree["QueryLanguage"]
    checkup.jsonata = value != "JSONPath"
    if not isinstance(value, str):
        message, fix = "Expected value of type String", 'Write "JSONPath" or "JSONata".'
        checkup.add("ERROR", SCHEMA, message, ("QueryLanguage",), fix=fix)
    elif value not in ("JSONPath", "JSONata"):
        fix = checkup.did_you_mean(value, ("JSONPath", "JSONata")) or 'Write "JSONPath" or "JSONata".'
        message = "Value should be one of the following: [JSONPath, JSONata]"
        checkup.add("ERROR", SCHEMA, message, ("QueryLanguage",), fix=fix)
    checkup.tell_once('"QueryLanguage"', ("QueryLanguage",), "key")


def machine_version(checkup: Checkup, tree: dict[str, Any]) -> None:
    """Version: "1.0" is the only one."""
    if tree.get("Version", "1.0") != "1.0":
        message = "Value should be one of the following: [1.0]"
        checkup.add("ERROR", SCHEMA, message, ("Version",), fix='Write "1.0" or remove it.')


def machine_timeout(checkup: Checkup, tree: dict[str, Any]) -> None:
    """TimeoutSeconds of the machine: a whole number."""
    if "TimeoutSeconds" not in tree:
        return
    value = tree["TimeoutSeconds"]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        fix = "Write a whole number, without quotes."
        checkup.add("ERROR", SCHEMA, "Expected value of type Integer", ("TimeoutSeconds",), fix=fix)
    elif value < 0:
        fix = "Write a positive number of seconds."
        checkup.add("ERROR", SCHEMA, "Minimum value is 0", ("TimeoutSeconds",), fix=fix)


MACHINE_RULES = (machine_language, machine_version, machine_timeout)


def scope_shape(scope: Scope) -> bool:
    """StartAt and States are there and of the right type; says whether there are states to look at."""
    value = scope.value
    missing = [field for field in ("States", "StartAt") if field not in value]
    if missing:
        near = [f for f in value if f not in _SCOPE_FIELDS[scope.kind]]
        fix = "Add " + " and ".join(f'"{field}"' for field in missing) + "."
        for field in near:
            hit = scope.checkup.suggestion(field, missing)
            fix = f'Rename "{short(field, 60)}" to "{hit}".' if hit else fix
        scope.error(f"These fields are required: {listed(missing)}", fix=fix)
    if "StartAt" in value and not isinstance(value["StartAt"], str):
        scope.error("Expected value of type String", "StartAt", fix="Write the name of the first state.")
    states = value.get("States")
    if "States" not in value:
        return False
    if not isinstance(states, dict):
        scope.error("Expected value of type Object", "States", fix='Write {"name of a state": {"Type": ...}}.')
        return False
    if not states:
        scope.error("Value cannot be empty", "States", fix="Add a state.")
        return False
    return True


def scope_fields(scope: Scope) -> None:
    """Fields that a machine, a branch or a processor does not have."""
    known = _SCOPE_FIELDS[scope.kind]
    for field in scope.value:
        if field in known:
            continue
        # The cloud is known to refuse them at the top level, and QueryLanguage in a processor.
        refused = scope.checkup.dialect == "asl" and (scope.kind == "machine" or field == "QueryLanguage")
        fix = scope.checkup.did_you_mean(field, known) or "Remove it."
        if field == "QueryLanguage":
            fix = "Write it in the states, or at the top level."
        severity = "ERROR" if refused else "WARNING"
        pointer = scope.pointer
        message = f"Field '{short(field)}' is not supported"
        scope.checkup.add(severity, SCHEMA, message, pointer, at=(*pointer, field), of="key", fix=fix)


def _check_scope(scope: Scope, flows: dict[int, Flow], inner: list[Scope]) -> None:
    """Check one scope, and add the scopes inside it to `inner`."""
    scope_fields(scope)
    if not scope_shape(scope):
        return
    states = scope.value["States"]
    left = iter(states.items())
    _check_states(scope, islice(left, _FEW), inner)
    # What is wrong with the graph of very many states is found ten times faster than what is wrong in them.
    flow = flows[id(scope)] = Flow(scope, _kinds(states))
    state_names(scope)
    for rule in SCOPE_RULES:
        rule(scope, flow)
    scope.checkup.spend(len(states))
    _check_states(scope, left, inner)


def _kinds(states: dict[str, Any]) -> dict[str, str]:
    """The types of the states that have one."""
    kinds = {name: value["Type"] for name, value in states.items() if type(value) is dict and "Type" in value}
    if {*map(type, kinds.values())} <= {str} and FIELDS.keys() >= set(kinds.values()):
        return kinds
    kinds = {}
    for name, value in states.items():
        kind = value.get("Type") if isinstance(value, dict) else None
        if isinstance(kind, str) and (kind in FIELDS or (kind := _TYPE_OF.get(kind.lower(), ""))):
            kinds[name] = kind
    return kinds


def _check_states(scope: Scope, states: Iterable[tuple[str, Any]], inner: list[Scope]) -> None:
    checkup = scope.checkup
    for name, value in states:
        if not isinstance(value, dict):
            fix = 'Write an object such as {"Type": "Pass", "End": true}.'
            scope.error("Expected value of type Object", "States", name, fix=fix)
            continue
        checkup.spend(6 + len(value))
        state = State(scope, name, value)
        if state_type(state):
            _check_state(state, inner)


def state_type(state: State) -> bool:
    """Type is one of the eight; says whether the rest of the state can be judged."""
    kind = state.value.get("Type")
    if isinstance(kind, str):
        if kind in FIELDS:
            state.type = kind
            return True
        known = _TYPE_OF.get(kind.lower())
        if known is not None:
            state.type = known
            state.warning(f'The type is spelled "{known}".', "Type", code="TYPE_SPELLING", fix=f'Write "{known}".')
            return True
        fix = state.checkup.did_you_mean(kind, TYPES) or "Write one of them."
        message = "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]"
        state.error(message, "Type", fix=fix)
    elif "Type" not in state.value:
        near = next((f for f in state.value if f.lower() == "type"), None)
        fix = f'Rename "{near}" to "Type".' if near else f'Add "Type": one of {", ".join(TYPES)}.'
        state.error("These fields are required: [Type]", fix=fix)
    else:
        state.error("Expected value of type String", "Type", fix=f"Write one of {', '.join(TYPES)}.")
    return False


def _check_state(state: State, inner: list[Scope]) -> None:
    value, checkup = state.value, state.checkup
    # one that goes back to JSONPath is told so, and nothing of what follows from it
    state.jsonata = value["QueryLanguage"] != "JSONPath" if "QueryLanguage" in value else checkup.jsonata
    fields = FIELDS[state.type]
    foreign = JSONPATH_ONLY if state.jsonata else JSONATA_ONLY
    for state_rule in STATE_RULES[state.type]:
        state_rule(state)
    for field, content in value.items():
        if field not in fields:
            supported_field(state, field)
            if field not in ("ResultSelector", "Next", "End"):
                continue
        if field in foreign:
            field_of_language(state, field)
            continue
        rule = VALUES.get(field)
        if rule is not None:
            rule(state, field, content)
    if checkup.dialect == "tcsl":
        undocumented_in_tcsl(state)
    if state.type == "Parallel":
        _branches(state, inner)
    elif state.type == "Map":
        _processor(state, inner)


STATE_RULES: dict[str, tuple[Callable[[State], None], ...]] = {
    "Choice": (required_fields,),
    "Fail": (required_fields,),
    "Map": (required_fields, next_or_end, map_mode),
    "Parallel": (required_fields, next_or_end),
    "Pass": (next_or_end,),
    "Succeed": (),
    "Task": (required_fields, next_or_end, heartbeat_below_timeout, resource_of_type),
    "Wait": (required_fields, next_or_end),
}


def undocumented_in_tcsl(state: State) -> None:
    """What the documents of TCSL do not name, each thing told once."""
    if state.type in _TCSL_UNNAMED_TYPES:
        state.checkup.tell_once(f'the node type "{state.type}"', (*state.pointer, "Type"))
    for field in _TCSL_UNNAMED_FIELDS:
        if field in state.value:
            state.checkup.tell_once(f'the field "{field}" of a state', (*state.pointer, field), "key")


def _branches(state: State, inner: list[Scope]) -> None:
    branches = state.value.get("Branches")
    if not isinstance(branches, list):
        if "Branches" in state.value:
            fix = 'Write a list: [{"StartAt": ..., "States": ...}].'
            state.error("Expected value of type Array", "Branches", fix=fix)
        return
    if not branches:
        state.error("Value cannot be empty", "Branches", fix="Add a branch.")
    for index, branch in enumerate(branches):
        _inner_scope(state, branch, (*state.pointer, "Branches", index), "branch", state.scope.express, inner)


def _processor(state: State, inner: list[Scope]) -> None:
    for field in ("ItemProcessor", "Iterator"):
        if field in state.value:
            express = state.scope.express
            found = processor_of(state)
            config = found[1].get("ProcessorConfig") if found else None
            if isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED":
                express = config.get("ExecutionType") == "EXPRESS"
            _inner_scope(state, state.value[field], (*state.pointer, field), "processor", express, inner)


def _inner_scope(state: State, value: Any, pointer: Pointer, kind: str, express: bool, inner: list[Scope]) -> None:
    state.checkup.spend(3)
    if len(state.checkup.scopes) >= _MAX_SCOPES:
        message = f"The definition has more than {_MAX_SCOPES} branches and processors."
        state.checkup.add("ERROR", SCHEMA, message, (), fix="Put parts of it into workflows of their own.")
        raise Enough
    if isinstance(value, dict):
        inner.append(Scope(state.checkup, value, pointer, kind, state, express))
    else:
        fix = 'Write {"StartAt": ..., "States": ...}.'
        state.checkup.add("ERROR", SCHEMA, "Expected value of type Object", pointer, fix=fix)


__all__ = ["check", "dialect_of"]
