"""Definitions made at random from valid parts, and mutations of them: the same seed gives the same definition.

::

    definition(rng)   a state machine whose parts are all valid; whether it succeeds is left to chance
    mutated(rng)      one with something wrong: an object (`mutated_object`) or a text or bytes (`mutated_text`)

`FUNCTIONS` answers the tasks: some succeed, some fail, some return what no function should.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

from asw_nb import TaskError

# --------------------------------------------------------------------------- what answers the tasks


def _fail(event: Any) -> Any:
    raise ValueError("no such row")


def _task_error(event: Any) -> Any:
    raise TaskError("Warehouse.Busy", "lock timeout")


def _assertion(event: Any) -> Any:
    raise AssertionError


def _half_a_character(event: Any) -> Any:
    raise KeyError("\ud800")


def _deep(event: Any) -> Any:
    value: Any = 1
    for _ in range(1000):
        value = [value]
    return value


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "fn_echo": lambda event: event,
    "fn_rows": lambda event: {"rows": [1, 2, 3], "name": "a", "ok": True, "n": 3},
    "fn_list": lambda event: [{"id": 1}, {"id": 2, "x": None}],
    "fn_none": lambda event: None,
    "fn_number": lambda event: 1e308,
    "fn_text": lambda event: "x" * 1000,
    "fn_fail": _fail,
    "fn_task_error": _task_error,
    "fn_assertion": _assertion,
    "fn_half": _half_a_character,
    "fn_set": lambda event: {1, 2},
    "fn_nan": lambda event: math.nan,
    "fn_object": lambda event: object(),
    "fn_deep": _deep,
    "fn_huge": lambda event: 10**400,
    "fn_surrogate": lambda event: "\ud800",
    "fn_keys": lambda event: {1: "a", None: "b", 1.5: "c"},
    "fn_bytes": lambda event: b"\xff\xfe",
}

INPUTS: tuple[Any, ...] = (
    {},
    {"a": {"b": {"c": 1}}, "items": [1, 2, 3], "n": 5, "t": "2030-01-31T12:00:00Z", "s": "x y", "ok": False},
    {"items": [{"id": i, "tags": ["p", "q"]} for i in range(6)], "n": 0, "a": [], "s": "", "k": None},
    [1, 2, 3],
    [],
    "text",
    7,
    True,
    {"a": {"a": {"a": {"a": {}}}}, "n": -1.5, "items": {"x": 1}, "漢字": "值", "b-c": 2},
    {"n": 10**400, "items": [[1], [2, [3]]], "s": "😀"},
)

# --------------------------------------------------------------------------- valid parts

_REFERENCES = ("$", "$", "$", "$.a", "$.a.b", "$.items", "$.items[0]", "$['n']", "$.n", "$.s", "$.t", "$.a.b.c", "$.漢字", "$.b-c")
_CONTEXT = ("$$", "$$.Execution.Id", "$$.State.Name", "$$.Map.Item.Value", "$$.Map.Item.Index", "$$.StateMachine.Name")
_QUERIES = (
    "$.items[*]", "$..a", "$.items[*].id", "$.items[?(@.id>1)]", "$.items[1:]", "$.items[-1:]", "$.*", "$..*",
    "$.items[?(@.id == 1 && @.tags)].tags[0]", "$['a','n']", "$.items.length()", "$..[0]",
)  # fmt: skip
_CALLS = (
    "States.Format('{} and {}', $.a, $.n)", "States.Array($.a, 1, 'x', null, true)", "States.ArrayLength($.items)",
    "States.ArrayPartition($.items, 2)", "States.ArrayContains($.items, 1)", "States.ArrayRange(1, $.n, 2)",
    "States.ArrayGetItem($.items, 0)", "States.ArrayUnique($.items)", "States.Base64Encode($.s)", "States.UUID()",
    "States.Base64Decode('eA==')", "States.Hash($.s, 'SHA-256')", "States.JsonToString($)", "States.StringToJson($.s)",
    "States.JsonMerge($.a, $, false)", "States.MathAdd($.n, 1)", "States.MathRandom(0, 9)", "States.StringSplit($.s, ' ')",
    "States.Format('{}', States.JsonToString(States.Array($, $)))", "States.ArrayRange(0, 99, 1)",
)  # fmt: skip
_JSONATA = (
    "$states.input", "$states.input.a", "$states.input.items", "$sum($states.input.items)", "$states.input.n + 1",
    "$states.context.Execution.Name", "$states.context", "$states", "$count($states.input.items)", "[1..5]", "{'a': 1}",
    "$states.input.items[id > 1]", "$map($states.input.items, function($v, $i) {$i})", "$string($states.input)", "$v0",
    "$states.input.a.b.c ? 'x' : 'y'", "$random()", "$uuid()", "$now()", "$millis()", "$exists($states.input.k)", "null",
    "$merge([$states.input, {'z': 1}])", "$states.input.**", "$states.input.*", "$split('a b', ' ')", "true", "1/0", "0",
    "$match('abc', /b/)", "$error('stop')", "$number('x')", "$states.input ~> $string", "$sort($states.input.items)",
    "$reduce([1..10], function($a, $b) {$a * $b})", "$parse('[1]')", "$hash('a', 'MD5')", "$partition([1..9], 4)", "'text'",
    "($f := function($n) {$n < 1 ? 0 : $f($n - 1)}; $f(20))", "$power(10, 300)", "$toMillis('2030-01-31T12:00:00Z')",
)  # fmt: skip
_CONDITIONS = (
    "{% $states.input.n > 1 %}", "{% true %}", "{% false %}", "{% $exists($states.input.a) %}", "{% $states.input.a %}",
    "{% $states.input.n < 'x' %}", "{% 'a' in $states.input.items %}", "{% $not($states.input.ok) %}", True, False,
)  # fmt: skip
_ERRORS = (
    "States.ALL", "States.TaskFailed", "States.Timeout", "States.Runtime", "ValueError", "Warehouse.Busy", "Custom",
    "States.QueryEvaluationError", "States.NoChoiceMatched", "States.DataLimitExceeded", "States.HeartbeatTimeout",
)  # fmt: skip
_RELATIONS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
_OPERANDS: dict[str, tuple[Any, ...]] = {
    "String": ("x", "", "漢字", "$.a"),
    "Numeric": (0, 1, -1.5, 10**20, 1e308),
    "Timestamp": ("2030-01-31T12:00:00Z", "1999-01-01T00:00:00.5+08:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
}
_MOMENTS = ("2020-01-01T00:00:00Z", "2030-01-31T12:00:00Z", "9999-12-31T23:59:59Z", "2023-11-14T22:13:20.5+08:00")
_TYPES = ("Pass", "Pass", "Task", "Task", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")


class Maker:
    """Makes the parts of one definition."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.count = 0
        self.left = 24  # states
        self.whole = rng.random() < 0.3
        self.tcsl = not self.whole and rng.random() < 0.2

    def maybe(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, *pools: tuple[Any, ...]) -> Any:
        return self.rng.choice(self.rng.choice(pools))

    def machine(self) -> dict[str, Any]:
        made = self.scope(0)
        if self.whole:
            made["QueryLanguage"] = "JSONata"
        if self.maybe(0.2):
            made["TimeoutSeconds"] = self.pick((0, 1, 60, 99_999_999, 10**12))
        if self.maybe(0.2):
            made["Comment"] = self.pick(("", "notes", "漢字 \u2028"))
        return made

    def scope(self, depth: int) -> dict[str, Any]:
        names = []
        for _ in range(self.rng.randint(1, 4 if depth else 7)):
            self.count += 1
            names.append(self.pick((f"S{self.count}", f"S{self.count}", f"步骤 {self.count}", f"a.b[{self.count}]/$'\"<&")))
        states = {}
        for number, name in enumerate(names):
            self.left -= 1
            states[name] = self.state(names, number, depth)
        return {"StartAt": names[0], "States": states}

    def target(self, names: list[str], number: int) -> str:
        """A later state as a rule, so that most machines end; sometimes any."""
        later = names[number + 1 :]
        return self.rng.choice(later if later and self.maybe(0.9) else names)

    def state(self, names: list[str], number: int, depth: int) -> dict[str, Any]:
        kind = self.rng.choice(_TYPES)
        if kind in ("Parallel", "Map") and (depth >= 3 or self.left < 0):
            kind = "Task"
        is_last = number == len(names) - 1
        if kind == "Choice" if is_last else kind in ("Succeed", "Fail") and self.maybe(0.95):
            kind = "Pass"
        jsonata = self.whole or (not self.tcsl and self.maybe(0.2))
        state: dict[str, Any] = {"Type": kind}
        if jsonata and not self.whole:
            state["QueryLanguage"] = "JSONata"
        getattr(self, "_" + kind.lower())(state, jsonata, names, number, depth)
        if kind not in ("Choice", "Succeed", "Fail"):
            state |= {"End": True} if is_last else {"Next": names[number + 1]}
        if kind != "Fail":
            self._data_flow(state, kind, jsonata)
        if kind in ("Task", "Parallel", "Map"):
            self._retry_and_catch(state, jsonata, names, number)
        return state

    def expression(self) -> str:
        return f"{{% {self.rng.choice(_JSONATA)} %}}"

    def path(self) -> str:
        return self.pick(_REFERENCES, _REFERENCES, _CONTEXT, _QUERIES)

    def template(self, jsonata: bool, depth: int = 0) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key in self.rng.sample(("x", "y", "n", "items", "a", "s"), self.rng.choice((0, 1, 1, 2, 3))):
            if depth < 2 and self.maybe(0.2):
                out[key] = self.template(jsonata, depth + 1)
            elif self.maybe(0.3):
                out[key] = self.rng.choice((1, "text", None, [1, "b"], {"c": False}, 10**25, "$.a"))
            elif jsonata:
                out[key] = self.expression()
            else:
                out[key + ".$"] = self.pick(_REFERENCES, _CONTEXT, _QUERIES, _CALLS)
        return out

    def _data_flow(self, state: dict[str, Any], kind: str, jsonata: bool) -> None:
        if jsonata:
            if self.maybe(0.4):
                state["Output"] = self.pick(("{% $states.input %}", self.expression()), (self.template(True),))
        else:
            for field in ("InputPath", "OutputPath"):
                if self.maybe(0.1):
                    state[field] = self.pick((self.path(), None))
            if kind in ("Task", "Parallel", "Map", "Pass") and self.maybe(0.6):
                state["ResultPath"] = self.rng.choice(("$", "$.r", "$.r", "$.a.b", "$.items[0]", None, None, "$.a['x y'].z"))
            if kind in ("Task", "Parallel", "Map") and self.maybe(0.1):
                state["ResultSelector"] = self.template(False)
        if kind != "Succeed" and self.maybe(0.2):
            value = self.expression() if jsonata else self.path()
            state["Assign"] = {"v0" if jsonata else "v0.$": value, "v1": 1}

    def _retry_and_catch(self, state: dict[str, Any], jsonata: bool, names: list[str], number: int) -> None:
        if self.maybe(0.3):
            retrier: dict[str, Any] = {"ErrorEquals": [self.rng.choice(_ERRORS)], "MaxAttempts": self.rng.randint(0, 3)}
            if self.maybe(0.5):
                retrier |= {"IntervalSeconds": self.pick((0, 1, 99_999_999)), "BackoffRate": self.pick((1, 2.5, 1e300))}
            if self.maybe(0.3):
                retrier |= {"MaxDelaySeconds": self.pick((1, 31_622_400)), "JitterStrategy": self.pick(("FULL", "NONE"))}
            state["Retry"] = [retrier]
        if self.maybe(0.4):
            catcher: dict[str, Any] = {"ErrorEquals": [self.rng.choice(_ERRORS)], "Next": self.target(names, number)}
            if jsonata and self.maybe(0.4):
                catcher["Output"] = self.pick(("{% $states.errorOutput %}", self.expression()))
            elif not jsonata and self.maybe(0.4):
                catcher["ResultPath"] = self.pick(("$.error", None, "$.items[0]"))
            state["Catch"] = [catcher]

    # one method per type; what all share is added afterwards

    def _pass(self, state: dict[str, Any], jsonata: bool, *where: Any) -> None:
        if not jsonata and self.maybe(0.3):
            state["Result"] = self.rng.choice(INPUTS)
        elif not jsonata and self.maybe(0.5):
            state["Parameters"] = self.template(False)

    def _task(self, state: dict[str, Any], jsonata: bool, *where: Any) -> None:
        name = self.pick(tuple(FUNCTIONS)[:6], tuple(FUNCTIONS)[:6], tuple(FUNCTIONS))
        invoke = "arn:aws:states:::lambda:invoke"
        form = self.rng.choice((name, name, f"py:{name}", f"arn:aws:lambda:eu-west-1:1:function:{name}", invoke, "fn_no"))
        if self.tcsl:
            form = f"qrn:qcs:asw:ap-guangzhou:1:sdk:json:qcloud:scf:Invoke/{name}"
        state["Resource"] = form
        field = "Arguments" if jsonata else "Parameters"
        if form == invoke:
            state[field] = {"FunctionName": name, "Payload": self.template(jsonata)}
        elif self.maybe(0.4):
            state[field] = self.template(jsonata)
        if self.maybe(0.2):
            state["TimeoutSeconds"] = self.pick((1, 99_999_999))
        elif not jsonata and self.maybe(0.05):
            state["TimeoutSecondsPath"] = self.path()
        if self.maybe(0.05):
            state.pop("TimeoutSeconds", None)
            state["HeartbeatSeconds"] = 5

    def _wait(self, state: dict[str, Any], jsonata: bool, *where: Any) -> None:
        choice = self.rng.randrange(4)
        if choice == 0:
            state["Seconds"] = self.pick((0, 1, 3600, 99_999_999))
        elif choice == 1:
            state["Timestamp"] = self.pick(_MOMENTS)
        elif choice == 2:
            state["Seconds" if jsonata else "SecondsPath"] = self.expression() if jsonata else self.path()
        else:
            state["Timestamp" if jsonata else "TimestampPath"] = self.expression() if jsonata else self.path()

    def _succeed(self, *where: Any) -> None:
        pass

    def _fail(self, state: dict[str, Any], jsonata: bool, *where: Any) -> None:
        if self.maybe(0.7):
            state["Error"] = self.pick(_ERRORS)
        if self.maybe(0.5):
            if jsonata:
                state["Cause"] = self.expression()
            else:
                state["CausePath"] = self.pick(_REFERENCES, _CONTEXT, _CALLS)

    def _choice(self, state: dict[str, Any], jsonata: bool, names: list[str], number: int, depth: int) -> None:
        state["Choices"] = []
        for index in range(self.rng.randint(1, 4)):
            rule = {"Condition": self.rng.choice(_CONDITIONS)} if jsonata else self.rule(0)
            rule["Next"] = self.target(names, number) if index else names[number + 1]
            if jsonata and self.maybe(0.2):
                rule["Output"] = self.expression()
            if self.maybe(0.2):
                rule["Assign"] = {"v0": self.expression()} if jsonata else {"v0.$": self.path()}
            state["Choices"].append(rule)
        if self.maybe(0.85):
            state["Default"] = self.target(names, number)

    def rule(self, depth: int) -> dict[str, Any]:
        if depth < 3 and self.maybe(0.25):
            word = self.rng.choice(("And", "Or", "Not"))
            if word == "Not":
                return {"Not": self.rule(depth + 1)}
            return {word: [self.rule(depth + 1) for _ in range(self.rng.randint(1, 3))]}
        variable = {"Variable": self.path()}
        kind = self.rng.choice(("String", "Numeric", "Timestamp", "Boolean", "Is", "Matches", "Present"))
        if kind == "Present":
            return {**variable, "IsPresent": self.maybe(0.5)}
        if kind == "Is":
            word = self.rng.choice(("Null", "Numeric", "String", "Boolean", "Timestamp"))
            return {**variable, f"Is{word}": self.maybe(0.5)}
        if kind == "Matches":
            return {**variable, "StringMatches": self.rng.choice(("*", "x*y", "a*b*c", "\\*", "", "\\"))}
        operator = "BooleanEquals" if kind == "Boolean" else kind + self.rng.choice(_RELATIONS)
        if self.maybe(0.3):
            return {**variable, f"{operator}Path": self.path()}
        return {**variable, operator: self.maybe(0.5) if kind == "Boolean" else self.rng.choice(_OPERANDS[kind])}

    def _parallel(self, state: dict[str, Any], jsonata: bool, names: list[str], number: int, depth: int) -> None:
        state["Branches"] = [self.scope(depth + 1) for _ in range(self.rng.randint(1, 3))]
        if self.maybe(0.3):
            state["Arguments" if jsonata else "Parameters"] = self.template(jsonata)

    def _map(self, state: dict[str, Any], jsonata: bool, names: list[str], number: int, depth: int) -> None:
        processor = self.scope(depth + 1)
        old = not jsonata and self.maybe(0.3)
        distributed = not old and self.maybe(0.15)
        if distributed:
            processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
            if self.maybe(0.4):
                state["ItemBatcher"] = {"MaxItemsPerBatch": self.rng.randint(1, 3), "BatchInput": self.template(jsonata)}
            if self.maybe(0.5):
                state["ToleratedFailurePercentage"] = self.pick((0, 50, 100, 0.1))
        state["Iterator" if old else "ItemProcessor"] = processor
        if jsonata:
            state["Items"] = self.pick(([1, 2, 3],), ("{% [1..4] %}", "{% $states.input.items %}", self.expression()))
        elif self.maybe(0.7):
            state["ItemsPath"] = self.pick(("$.items", "$.items", self.path()))
        if self.maybe(0.3):
            state["ItemSelector"] = self.template(jsonata)
        if self.maybe(0.3):
            state["MaxConcurrency"] = self.pick((0, 1, 2, 10**9))
        elif not jsonata and self.maybe(0.1):
            state["MaxConcurrencyPath"] = self.path()


def definition(rng: Random) -> dict[str, Any]:
    """A definition of valid parts."""
    return copy.deepcopy(Maker(rng).machine())


# --------------------------------------------------------------------------- mutations

_FIELDS = (
    "Type", "Next", "End", "Resource", "Parameters", "Choices", "Default", "Retry", "Catch", "Branches", "ItemProcessor", "Iterator",
    "Items", "ItemsPath", "ResultPath", "InputPath", "OutputPath", "Output", "Assign", "Seconds", "Timestamp", "TimeoutSeconds",
    "HeartbeatSeconds", "MaxConcurrency", "Error", "Cause", "Variable", "Condition", "And", "Not", "StartAt", "States", "Comment",
    "ProcessorConfig", "ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount", "QueryLanguage", "Credentials",
    "ErrorEquals", "MaxAttempts", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Version", "x.$", ".$", "",
)  # fmt: skip


def _nested(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = {"And": [value]}
    return value


def _in_itself() -> Any:
    value: dict[str, Any] = {}
    value["States"] = value
    return value


_JSON_VALUES: tuple[Callable[[], Any], ...] = (
    lambda: None, lambda: True, lambda: False, lambda: 0, lambda: -1, lambda: 1.5, lambda: 10**400, lambda: -(2**63) - 1, lambda: 2**64,
    lambda: 1e308, lambda: 5e-324, lambda: "", lambda: "$", lambda: "$.", lambda: "$..", lambda: "$[", lambda: "$$", lambda: "{% %}",
    lambda: "{% ( %}", lambda: "{% $f( %}", lambda: "{%", lambda: "States.", lambda: "States.Format(", lambda: "States.Array(" * 30,
    lambda: "\0", lambda: "x" * 20_000, lambda: "$" + "[0]" * 3000, lambda: "$" + "..a" * 500, lambda: "$[" * 400, lambda: [], lambda: {},
    lambda: [None], lambda: [[]], lambda: [{}], lambda: {"": ""}, lambda: {"a.$": 1}, lambda: {".$": "$"}, lambda: _nested(40),
    lambda: "$[?(@." + "a" * 900 + ")]", lambda: "$[?(" * 120, lambda: "{% " + "(" * 500 + " %}", lambda: "{% /(a*)*b/ %}", lambda: "arn:",
    lambda: "arn:aws:states:::states:startExecution", lambda: "arn:aws:states:::lambda:invoke", lambda: "qrn:", lambda: "2030-01-31T12:00:00Z",
    lambda: "$['" + "\\'" * 300 + "']", lambda: [10**400], lambda: "99999999999999999999", lambda: {"ErrorEquals": ["States.ALL"]},
)  # fmt: skip

_OTHER_VALUES: tuple[Callable[[], Any], ...] = (
    lambda: math.inf, lambda: -math.inf, lambda: math.nan, lambda: 10**5000, lambda: "\ud800", lambda: "a\udfffb", lambda: {1, 2}, lambda: b"x",
    lambda: (1, 2), lambda: object(), lambda: decimal.Decimal("1.5"), lambda: datetime.datetime(2030, 1, 1), lambda: 1j, lambda: len,
    lambda: _nested(5000), _in_itself, lambda: {1: 2}, lambda: {None: 1}, lambda: {(1, 2): 3}, lambda: {"\ud800": 1}, lambda: range(3),
)  # fmt: skip


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value in a tree."""
    found: list[tuple[Any, Any]] = []
    stack = [tree]
    while stack:
        value = stack.pop()
        pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, child in pairs:
            found.append((value, key))
            if isinstance(child, (dict, list)):
                stack.append(child)
    return found


def mutate(tree: dict[str, Any], rng: Random, values: tuple[Callable[[], Any], ...]) -> None:
    """Change one thing in a definition, in place."""
    places = _places(tree)
    if not places:
        tree[rng.choice(_FIELDS)] = rng.choice(values)()
        return
    container, key = rng.choice(places)
    action = rng.randrange(7)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, dict):
        container[rng.choice((rng.choice(_FIELDS), f"{key}x", str(key).lower(), f"{key}Path"))] = container.pop(key)
    elif action == 2 and isinstance(container, dict):
        container[rng.choice(_FIELDS)] = copy.deepcopy(container[key])
    elif action == 3:
        other, place = rng.choice(places)
        if key in container if isinstance(container, dict) else key < len(container):
            one, two = copy.deepcopy(container[key]), copy.deepcopy(other[place])
            container[key], other[place] = two, one
    elif action == 4 and isinstance(container, dict):
        container[rng.choice(_FIELDS)] = rng.choice(values)()
    elif action == 5 and isinstance(container, list):
        container.extend(copy.deepcopy(container))
    else:
        container[key] = rng.choice(values)()


def mutated_object(rng: Random) -> Any:
    """An object that is a definition no more, or not quite."""
    tree = definition(rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        mutate(tree, rng, _JSON_VALUES)
    if rng.random() < 0.3:
        mutate(tree, rng, _OTHER_VALUES)
    return rng.choice(([tree], None, 7, "", b"", [], (tree,), iter(())) if rng.random() < 0.02 else (tree,))


_SPLINTERS = (
    "NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "10" * 200, "\t", "\0", "\ud800", "\\ud800", '"', "'", ",", ":", "{", "}", "[", "]",
    "//", "/*", "#", "---", "- ", "&a ", "*a ", "!!x ", "<<: ", "\ufeff", "\u2028", "\r", "True", "0123", "+1", "\\", '\\"', "\\x", '"a": 1,', '"\\',
    '{"a": ' * 5000, "[" * 5000, "a" * 30, '"' + "a" * 60, "\x7f", "\x85", "%", "@", "`", "? ", "| ", "> ", "\n", "  ", "漢", "😀", "{%", "%}", "${x}",
)  # fmt: skip


def mutated_text(rng: Random) -> str | bytes:
    """A definition as text or bytes with something wrong in it."""
    tree = definition(rng)
    if rng.random() < 0.5:
        mutate(tree, rng, _JSON_VALUES)
    text = _written(tree, rng)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        action = rng.randrange(6)
        if action == 0:
            text = text[:at]
        elif action == 1:
            text = text[:at] + text[at + rng.randint(1, 3) :]
        elif action == 2:
            end = min(len(text), at + rng.choice((1, 20, 200)))
            text = text[:end] + text[at:end] * rng.choice((1, 1, 30)) + text[end:]
        elif action == 3 and '"' in text[at:]:  # a key twice
            text = text[:at] + text[at:].replace('"Type"', '"Type": "Pass", "Type"', 1)
        else:
            text = text[:at] + rng.choice(_SPLINTERS) + text[at:]
    if rng.random() < 0.2:
        data = bytearray(text.encode(rng.choice(("utf-8", "utf-8", "utf-16", "gb18030")), "replace"))
        for _ in range(rng.choice((0, 1, 1, 5))):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)
    return text


def _written(tree: dict[str, Any], rng: Random) -> str:
    form = rng.randrange(6)
    if form == 0:
        return yaml.safe_dump(tree, allow_unicode=rng.random() < 0.5, default_flow_style=rng.random() < 0.3, sort_keys=False)
    indent = rng.choice((None, None, 1, "\t"))
    text = json.dumps(tree, indent=indent, ensure_ascii=rng.random() < 0.5)
    return "\ufeff" + text if form == 1 else text


def mutated(rng: Random) -> Any:
    """Something that somebody might pass as a definition."""
    chance = rng.random()
    if chance < 0.01:
        return rng.choice(("[" * 5000 + "]" * 5000, "{" * 9000, "a:\n" * 3000, "- " * 9000, " " * 2**21, '"' * 9000, "", "\0" * 500, "1"))
    return mutated_object(rng) if chance < 0.5 else mutated_text(rng)


__all__ = ["FUNCTIONS", "INPUTS", "definition", "mutate", "mutated", "mutated_object", "mutated_text"]
