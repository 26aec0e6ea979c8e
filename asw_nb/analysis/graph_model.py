"""A definition as scopes, nodes and edges: what there is to draw, before any geometry.

`Next` never leaves its scope (the whole machine, one Parallel branch, one Map processor), so a scope is a graph of
its own and a Parallel or Map is one node of its parent that holds scopes. The definition is read as raw JSON and never
refused: the picture of a broken definition helps to mend it, and the validator tells what is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asw_nb.history.redact import MASK, is_secret, redact_text

KINDS = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
_KIND_OF = {kind.lower(): kind for kind in KINDS}
# Deeper nesting than this is drawn as one closed box: nobody can read it, and Python's stack is finite.
_MAX_DEPTH = 24
_MAX_RULE_DEPTH = 6
_MAX_LABEL_CHARS = 400


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition between two nodes of one scope; `kind` is start, next, choice, default, catch or end."""

    source: str
    target: str
    kind: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A state, the START or END mark, or a `Missing` target; `path` is unique within its scope."""

    path: str
    name: str
    kind: str
    detail: str = ""
    retries: int = 0
    problem: str = ""
    scopes: tuple[Scope, ...] = ()

    @property
    def is_state(self) -> bool:
        """False for the START and END marks and for a target that does not exist."""
        return self.kind not in ("Start", "End", "Missing")


@dataclass(frozen=True, slots=True)
class Scope:
    """States among which `Next` can move; `path` is the prefix of their paths, without the last slash."""

    path: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole machine as one scope that also has a START and an END."""

    root: Scope

    def nodes(self) -> list[Node]:
        """Every state at every depth, in the order of the definition, containers before their content."""
        found: list[Node] = []
        waiting = list(reversed(self.root.nodes))
        while waiting:
            node = waiting.pop()
            if node.is_state:
                found.append(node)
            waiting.extend(inner for scope in reversed(node.scopes) for inner in reversed(scope.nodes))
        return found


def graph_of(definition: dict[str, Any]) -> Graph:
    """The graph of a definition given as parsed JSON; mistakes become `Missing` nodes and `problem` texts.

    Examples
    --------
    >>> graph = graph_of({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})
    >>> [(node.name, node.kind) for node in graph.root.nodes]
    [('START', 'Start'), ('A', 'Pass'), ('B', 'Missing'), ('END', 'End')]
    >>> [(edge.source, edge.target) for edge in graph.root.edges]
    [('START', 'A'), ('A', 'B')]
    """
    return Graph(_scope(definition, "", 0))


def _scope(machine: Any, path: str, depth: int) -> Scope:
    states = machine.get("States") if isinstance(machine, Mapping) else None
    states = {str(name): state for name, state in states.items()} if isinstance(states, Mapping) else {}
    prefix = path + "/" if path else ""
    start_at = machine.get("StartAt") if isinstance(machine, Mapping) else None
    edges = [edge for name, state in states.items() for edge in _edges(prefix, name, state)]

    targets = {edge.target for edge in edges}
    start = prefix + start_at if isinstance(start_at, str) else None
    if start is not None:
        targets.add(start)
    known = {prefix + name for name in states}
    missing = sorted(targets - known)
    reached = _reached(start, edges)
    nodes = [_node(prefix + name, name, state, prefix + name in reached, depth) for name, state in states.items()]
    nodes += [Node(target, target[len(prefix) :], "Missing", problem="no such state") for target in missing]
    if path:
        return Scope(path, tuple(nodes), tuple(edges))

    taken = known | set(missing)
    first, last = _unused("START", taken), _unused("END", taken)
    if start is not None:
        edges.insert(0, Edge(first, start, "start"))
    edges += [Edge(prefix + name, last, "end") for name, state in states.items() if _is_last(state)]
    return Scope(path, (Node(first, "START", "Start"), *nodes, Node(last, "END", "End")), tuple(edges))


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _reached(start: str | None, edges: list[Edge]) -> set[str]:
    following: dict[str, list[str]] = {}
    for edge in edges:
        following.setdefault(edge.source, []).append(edge.target)
    reached: set[str] = set()
    waiting = [start] if start is not None else []
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(following.get(path, ()))
    return reached


def _kind(state: Any) -> str:
    return _KIND_OF.get(str(state.get("Type")).lower(), "Unknown") if isinstance(state, Mapping) else "Unknown"


def _is_last(state: Any) -> bool:
    return isinstance(state, Mapping) and (state.get("End") is True or _kind(state) in ("Succeed", "Fail"))


def _node(path: str, name: str, state: Any, is_reached: bool, depth: int) -> Node:
    kind = _kind(state)
    fields = state if isinstance(state, Mapping) else {}
    problem = "" if is_reached else "not reachable"
    if kind == "Unknown":
        problem = f"unknown Type {_short(fields['Type'])}" if "Type" in fields else "no Type"
    elif kind != "Choice" and not _is_last(fields) and not isinstance(fields.get("Next"), str):
        problem = "no Next, no End"
    machines: list[tuple[str, Any]] = []
    if kind == "Parallel":
        branches = fields.get("Branches")
        machines = [(f"{path}[{i}]", branch) for i, branch in enumerate(branches if isinstance(branches, list) else ())]
    elif kind == "Map":
        machines = [(path, fields[key]) for key in ("ItemProcessor", "Iterator") if key in fields][:1]
    if depth >= _MAX_DEPTH and machines:
        machines, problem = [], "nested too deep to draw"
    scopes = tuple(_scope(machine, inner, depth + 1) for inner, machine in machines)
    return Node(path, name, kind, _detail(kind, fields), _retries(fields), problem, scopes)


def _edges(prefix: str, name: str, state: Any) -> list[Edge]:
    """The transitions of one state; rules (or catchers) with the same target make one edge."""
    if not isinstance(state, Mapping):
        return []
    found: dict[tuple[str, str], list[str]] = {}
    if _kind(state) == "Choice":
        for rule in _list(state.get("Choices")):
            if isinstance(rule, Mapping) and isinstance(rule.get("Next"), str):
                found.setdefault(("choice", rule["Next"]), []).append(describe_rule(rule))
        if isinstance(state.get("Default"), str):
            found.setdefault(("default", state["Default"]), []).append("default")
    elif isinstance(state.get("Next"), str) and not _is_last(state):
        found["next", state["Next"]] = []
    for catcher in _list(state.get("Catch")):
        if isinstance(catcher, Mapping) and isinstance(catcher.get("Next"), str):
            errors = [str(error) for error in _list(catcher.get("ErrorEquals"))]
            words = found.setdefault(("catch", catcher["Next"]), [])
            words.extend("any error" if error == "States.ALL" else error for error in errors or ["catch"])
    joiner = {"choice": " or ", "catch": ", "}
    return [
        Edge(prefix + name, prefix + target, kind, joiner.get(kind, "").join(dict.fromkeys(words))[:_MAX_LABEL_CHARS])
        for (kind, target), words in found.items()
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _retries(fields: Mapping[str, Any]) -> int:
    """The most tries that one of the retriers adds; 3 is the language's default for `MaxAttempts`."""
    counts = [retrier.get("MaxAttempts", 3) for retrier in _list(fields.get("Retry")) if isinstance(retrier, Mapping)]
    return max((count for count in counts if isinstance(count, int) and count > 0), default=0)


def _detail(kind: str, fields: Mapping[str, Any]) -> str:
    if kind == "Task":
        return _resource_name(fields)
    if kind == "Wait":
        if isinstance(fields.get("Seconds"), (int, float)):
            return f"{fields['Seconds']} s"
        given = [fields[key] for key in ("Timestamp", "SecondsPath", "TimestampPath", "Seconds") if key in fields]
        return _expression(given[0]) if given else ""
    if kind == "Fail":
        return _expression(fields["Error"]) if isinstance(fields.get("Error"), str) else ""
    if kind == "Map":
        at_once = fields.get("MaxConcurrency")
        return f"{at_once} at a time" if type(at_once) is int and at_once > 0 else ""
    return ""


def _resource_name(fields: Mapping[str, Any]) -> str:
    """What a Task calls, in a word: ``sum`` for a function, ``sqs:sendMessage`` for a service."""
    resource = fields.get("Resource")
    if not isinstance(resource, str):
        return ""
    for arguments in (fields.get("Parameters"), fields.get("Arguments")):
        if (
            "lambda:invoke" in resource
            and isinstance(arguments, Mapping)
            and isinstance(arguments.get("FunctionName"), str)
        ):
            return _resource_name({"Resource": arguments["FunctionName"]})
    if match := re.search(r":function:([^:]+)", resource) or re.search(r"scf:Invoke/([^/]+)", resource):
        return match[1][:80]
    if resource.startswith("arn:") and ":states:::" in resource:
        return resource.split(":states:::", 1)[1].split(".", 1)[0][-80:]
    return resource.rsplit(":", 1)[-1].rsplit("/", 1)[-1][:80]


_COMPARISONS = {
    "LessThanEquals": "<=",
    "GreaterThanEquals": ">=",
    "LessThan": "<",
    "GreaterThan": ">",
    "Equals": "==",
}
_CLAIMS = {
    "IsNull": "null",
    "IsPresent": "present",
    "IsNumeric": "a number",
    "IsString": "a string",
    "IsBoolean": "a boolean",
    "IsTimestamp": "a timestamp",
}


def describe_rule(rule: Any, depth: int = 0) -> str:
    """A Choice rule in a few words, as a programmer would write the condition.

    Examples
    --------
    >>> describe_rule({"Variable": "$.age", "NumericEquals": 18})
    '$.age == 18'
    >>> describe_rule({"Not": {"Variable": "$.x", "BooleanEquals": True}})
    'not $.x'
    >>> describe_rule({"Condition": "{% $n > 3 %}"})
    '$n > 3'
    """
    if not isinstance(rule, Mapping) or depth > _MAX_RULE_DEPTH:
        return "…"
    if "Condition" in rule:
        return _expression(rule["Condition"])
    for word in ("And", "Or"):
        if word in rule:
            parts = [_operand(part, depth) for part in _list(rule[word])[:20]]
            return f" {word.lower()} ".join(parts)[:_MAX_LABEL_CHARS] or "…"
    if "Not" in rule:
        return "not " + _operand(rule["Not"], depth, is_negated=True)
    variable = _short(rule.get("Variable", "?"), bare=True)
    for operator, value in rule.items():
        if operator in _CLAIMS:
            return f"{variable} is {'not ' if value is False else ''}{_CLAIMS[operator]}"
        if operator == "BooleanEquals" and isinstance(value, bool):
            return variable if value else f"not {variable}"
        if operator == "StringMatches":
            return f"{variable} matches {_compared(variable, value)}"
        is_path = str(operator).endswith("Path")
        found = re.fullmatch(r"(?:String|Numeric|Boolean|Timestamp)(\w+?)(?:Path)?", str(operator))
        if found and found[1] in _COMPARISONS:
            return f"{variable} {_COMPARISONS[found[1]]} {_short(value, bare=True) if is_path else _compared(variable, value)}"
    return f"{variable} ?"


def _compared(variable: str, value: Any) -> str:
    return MASK if is_secret(variable) else redact_text(_short(value))


def _operand(rule: Any, depth: int, is_negated: bool = False) -> str:
    text = describe_rule(rule, depth + 1)
    is_compound = isinstance(rule, Mapping) and ("And" in rule or "Or" in rule)
    is_plain = not is_negated or re.fullmatch(r"\S+", text) is not None
    return f"({text})" if is_compound or not is_plain else text


def _expression(value: Any) -> str:
    text = redact_text(_short(value, bare=True))
    if text.startswith("{%") and text.endswith("%}"):
        text = text[2:-2].strip()
    return text


def _short(value: Any, bare: bool = False) -> str:
    """A value as short text; a `bare` string goes without quotes, as paths and expressions do."""
    if isinstance(value, str):
        text = value[:_MAX_LABEL_CHARS]
        return text if bare else json.dumps(text, ensure_ascii=False)
    if isinstance(value, (dict, list)):
        return "…"
    try:
        return json.dumps(value)[:_MAX_LABEL_CHARS]
    except (TypeError, ValueError):
        return str(value)[:_MAX_LABEL_CHARS]
