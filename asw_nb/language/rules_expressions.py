"""Rules for the little languages inside strings: paths, intrinsic calls, payload templates and variable names; `rules_jsonata` has another.

These rules only ask whether a text can be understood. Whether it finds anything depends on the data and shows when it
runs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from asw_nb.errors import did_you_mean
from asw_nb.language.rules_base import State, Step, short
from asw_nb.language.rules_jsonata import PER_VALUE, is_jsonata, jsonata_values

MAX_NESTED_CALLS = 10
MAX_VARIABLE_NAME = 80

# A longer path than this is a joke or an attack; what reads queries is slow, and not linear.
MAX_PATH = 10_000
MAX_QUERY = 2_000

# Estimated microseconds, for `Checkup.spend`.
_PER_PATH, _PER_CHARACTER, _PER_QUERY, _PER_QUERY_CHARACTER = 5, 0.25, 100, 5
_MOST_READ = 100_000  # characters

_MAX_ARGUMENTS = 1_000

# name -> fewest and most arguments (States Language specification, "Intrinsic Functions")
INTRINSICS: dict[str, tuple[int, int]] = {
    "Array": (0, _MAX_ARGUMENTS),
    "ArrayContains": (2, 2),
    "ArrayGetItem": (2, 2),
    "ArrayLength": (1, 1),
    "ArrayPartition": (2, 2),
    "ArrayRange": (3, 3),
    "ArrayUnique": (1, 1),
    "Base64Decode": (1, 1),
    "Base64Encode": (1, 1),
    "Format": (1, _MAX_ARGUMENTS),
    "Hash": (2, 2),
    "JsonMerge": (3, 3),
    "JsonToString": (1, 1),
    "MathAdd": (2, 2),
    "MathRandom": (2, 3),
    "StringSplit": (2, 2),
    "StringToJson": (1, 1),
    "UUID": (0, 0),
}

_ROOT = re.compile(r"\$\$|\$(?P<name>[^\W\d]\w*)|\$")
_REFERENCE = re.compile(
    r"""(?:\.[^\s.\[\]()*?@,:'"$=<>!&|~]++
      | \[\s*'[^'\\]*+(?:\\.[^'\\]*+)*+'\s*\]
      | \[\s*"[^"\\]*+(?:\\.[^"\\]*+)*+"\s*\]
      | \[\s*-?\d{1,15}\s*\])*+""",
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=4096)
def path_problem(
    text: str, reference_only: bool = False, allow_context: bool = True, allow_variables: bool = True
) -> str | None:
    """What is wrong with a path, as the end of a sentence; None when it is one.

    Examples
    --------
    >>> path_problem("$.a[0]['b']")
    >>> path_problem("a.b")
    "Reference path didn't start with '$'"
    >>> path_problem("$.a[*]", reference_only=True)
    'only fields and indexes may be used, such as "$.a.b[0]"'
    """
    root = _ROOT.match(text)
    if root is None:
        return "Reference path didn't start with '$'"
    if len(text) > MAX_PATH:
        return f"it is longer than {MAX_PATH} characters"
    if root.group() == "$$" and not allow_context:
        return 'the context object "$$" cannot be used here'
    if root.group("name") is not None and not allow_variables:
        return f'the variable "{short(root.group(), 60)}" cannot be used here'
    rest = text[root.end() :]
    if not rest or _REFERENCE.fullmatch(rest):
        return None
    if reference_only:
        return 'only fields and indexes may be used, such as "$.a.b[0]"'
    if len(rest) > MAX_QUERY:
        return f"a path that is more than fields and indexes has at most {MAX_QUERY} characters"
    return _query_problem(rest.removesuffix(".length()"))


def _query_problem(rest: str) -> str | None:
    from asw_nb.language.path_queries import QuerySyntaxError, compile_query

    try:
        compile_query(rest)
    except QuerySyntaxError as problem:
        return short(str(problem))
    return None


_BLANK = re.compile(r"\s*")
_CALL = re.compile(r"States\.(\w*)\s*\(")
_STRING = re.compile(r"'[^'\\]*+(?:\\.[^'\\]*+)*+'", re.DOTALL)
_CONSTANT = re.compile(r"(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=\s*(?:[,)]|$))")


class _NoCall(Exception):
    pass


class _Call:
    """A reading of one intrinsic call that keeps nothing but the paths."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.paths: list[str] = []

    def skip(self) -> None:
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]

    def whole(self) -> None:
        self.skip()
        self.call(1)
        self.skip()
        if self.at < len(self.text):
            raise _NoCall(f'there is more text after the call: "{short(self.text[self.at :], 40)}"')

    def call(self, depth: int) -> None:
        match = _CALL.match(self.text, self.at)
        if match is None:
            raise _NoCall('a call is written States.Name(...), and the "(" is missing')
        name = match.group(1)
        if name not in INTRINSICS:
            raise _NoCall(f'there is no function "States.{short(name, 60)}".{did_you_mean(name[:60], INTRINSICS)}')
        if depth > MAX_NESTED_CALLS:
            raise _NoCall(f"calls are nested deeper than {MAX_NESTED_CALLS} levels")
        self.at = match.end()
        given = self.arguments(depth)
        least, most = INTRINSICS[name]
        if not least <= given <= most:
            wanted = f"{least}" if least == most else f"at least {least}" if most > 99 else f"{least} to {most}"
            raise _NoCall(
                f'"States.{name}" takes {wanted} argument{"" if wanted.endswith("1") else "s"}, {given} given'
            )

    def arguments(self, depth: int) -> int:
        self.skip()
        if self.text[self.at : self.at + 1] == ")":
            self.at += 1
            return 0
        count = 0
        while True:
            self.argument(depth)
            count += 1
            if count > _MAX_ARGUMENTS:
                raise _NoCall(f"it has more than {_MAX_ARGUMENTS} arguments")
            self.skip()
            mark = self.text[self.at : self.at + 1]
            self.at += 1
            if mark == ")":
                return count
            if mark == "":
                raise _NoCall('the closing ")" is missing')
            if mark != ",":
                raise _NoCall(f'"," or ")" is expected at character {self.at}, not "{mark}"')
            self.skip()

    def argument(self, depth: int) -> None:
        if self.text.startswith("States.", self.at):
            return self.call(depth + 1)
        match = _STRING.match(self.text, self.at) or _CONSTANT.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
            return None
        mark = self.text[self.at : self.at + 1]
        if mark == "$":
            return self.path()
        if mark == "":
            raise _NoCall('the closing ")" is missing')
        if mark == "'":
            raise _NoCall("the closing ' is missing")
        if mark == '"':
            raise _NoCall("texts are written in single quotes")
        found = short(re.split(r"[,)]", self.text[self.at :], maxsplit=1)[0].strip(), 40)
        raise _NoCall(f"an argument is a path, a 'text', a number, true, false, null or a call, not \"{found}\"")

    def path(self) -> None:
        start, depth, quote = self.at, 0, ""
        end = min(len(self.text), start + MAX_PATH + 1)
        while self.at < end:
            mark = self.text[self.at]
            if quote:
                if mark == "\\":
                    self.at += 1
                elif mark == quote:
                    quote = ""
            elif mark in "'\"":
                quote = mark
            elif mark in "([":
                depth += 1
            elif mark in ")]" and depth:
                depth -= 1
            elif mark in ",)" and not depth:
                break
            self.at += 1
        path = self.text[start : self.at].rstrip()
        problem = path_problem(path)
        if problem is not None:
            raise _NoCall(f'"{short(path, 60)}" is no path: {problem}')
        self.paths.append(path)


def intrinsic_problem(text: str) -> str | None:
    """What is wrong with an intrinsic call, as the end of a sentence; None when it is one.

    Examples
    --------
    >>> intrinsic_problem("States.Formt('{}', $.a)")
    'there is no function "States.Formt". Did you mean "Format"?'
    """
    return _read_call(text)[0]


@lru_cache(maxsize=2048)
def _read_call(text: str) -> tuple[str | None, tuple[str, ...]]:
    call = _Call(text)
    try:
        call.whole()
    except _NoCall as problem:
        return str(problem), ()
    return None, tuple(call.paths)


def _note_variables(state: State, steps: tuple[Step, ...], *paths: str) -> None:
    for path in paths:
        match = _ROOT.match(path)
        if match is not None and match.group("name") is not None:
            state.uses(match.group("name"), *steps)


def expression_problem(state: State, text: str, steps: tuple[Step, ...]) -> str | None:
    """What is wrong with a value that may be a path or an intrinsic call; notes the variables that it reads."""
    if text.startswith("$"):
        problem = path_problem(text)
        _spend(state, text, problem)
        if problem is None:
            _note_variables(state, steps, text)
        return problem
    if text.startswith("States."):
        problem, paths = _read_call(text)
        _spend(state, text, problem)
        if problem is None:
            _note_variables(state, steps, *paths)
            if state.checkup.dialect == "tcsl":
                state.checkup.tell_once("intrinsic functions", state.pointer + steps)
        return problem
    return 'it starts with neither "$" nor "States."'


def _spend(state: State, text: str, problem: str | None) -> None:
    cost: float = _PER_PATH + _PER_CHARACTER * min(len(text), MAX_PATH if text[:1] == "$" else _MOST_READ)
    if "*" in text or "?" in text or ".." in text:
        cost = _PER_QUERY + _PER_QUERY_CHARACTER * min(len(text), MAX_QUERY)
    state.checkup.spend(cost)
    if problem is not None:
        state.checkup.spent_on_error(cost)


def _sentence(problem: str) -> str:
    closed = problem if problem[-1:] in ".?!" else problem + "."
    return closed[0].upper() + closed[1:]


def path_field(
    state: State, field: str, value: Any, *inside: Step, nullable: bool = False, reference: bool = False
) -> None:
    """A field whose value is a path."""
    if value is None and nullable:
        return
    steps = (*inside, field)
    if not isinstance(value, str):
        state.error("Expected value of type String", *steps, fix='Write a path such as "$.a.b".')
        return
    problem = path_problem(value, reference)
    _spend(state, value, problem)
    if problem is None:
        _note_variables(state, steps, value)
        return
    message = f"Value is not a Reference Path: {problem}" if reference else "Value must be a valid JSONPath."
    fix = (
        f'Write "$.{short(value, 60)}".'
        if re.fullmatch(r"[\w.\-]+", value)
        else None
        if reference
        else _sentence(problem)
    )
    state.error(message, *steps, fix=fix)


def result_path_field(state: State, field: str, value: Any, *inside: Step) -> None:
    """ResultPath writes, so it is a reference path into the state's own input."""
    if value is None:
        return
    steps = (*inside, field)
    if not isinstance(value, str):
        state.error("Expected value of type String", *steps, fix='Write a path such as "$.result", or null.')
        return
    problem = path_problem(value, True, False, False)
    if problem is not None:
        fix = f'Write "$.{short(value, 60)}".' if re.fullmatch(r"[\w.\-]+", value) else None
        state.error(f"Value is not a Reference Path: {problem}", *steps, fix=fix)


def expression_field(state: State, field: str, value: Any) -> None:
    """A field whose value is a path or an intrinsic call."""
    if not isinstance(value, str):
        state.error("Expected value of type String", field, fix='Write a path such as "$.a.b", or an intrinsic call.')
        return
    problem = expression_problem(state, value, (field,))
    if problem is not None:
        state.error("Value must be a valid JSONPath or a valid intrinsic function call", field, fix=_sentence(problem))


_DYNAMIC_FIRST = frozenset("$S")
_LOOKS_DYNAMIC = re.compile(r"\$\$?[.\[]|States\.[A-Z]\w*\(")


def payload_template(state: State, field: str, value: Any, *inside: Step) -> None:
    """In JSONPath, keys that end in ``.$`` hold a path or a call; in JSONata, ``{% %}`` strings are expressions."""
    steps = (*inside, field)
    if state.jsonata:
        jsonata_values(state, value, steps)
        return
    spend = state.checkup.spend
    stack: list[tuple[Any, tuple[Step, ...]]] = [(value, steps)]
    while stack:
        tree, place = stack.pop()
        if isinstance(tree, (list, dict)):
            spend(PER_VALUE * len(tree) + PER_VALUE)
        if isinstance(tree, list):
            stack.extend(
                (child, (*place, index)) for index, child in enumerate(tree) if isinstance(child, (dict, list))
            )
            continue
        if not isinstance(tree, dict):
            continue
        warn = state.checkup.wants_warnings
        for key, child in tree.items():
            if key.endswith(".$"):
                _dynamic_key(state, tree, key, child, place)
            elif isinstance(child, (dict, list)):
                stack.append((child, (*place, key)))
            elif isinstance(child, str) and warn:
                if child[:1] in _DYNAMIC_FIRST and _LOOKS_DYNAMIC.match(child):
                    message = "No .$ on a field that appears to be a JSONPath or Intrinsic Function."
                    state.warning(
                        message, *place, key, code="NO_DOLLAR", fix=f'Write "{short(key, 60)}.$" to evaluate it.'
                    )
                elif child.startswith("{%"):
                    _jsonata_in_jsonpath(state, (*place, key))
                else:
                    continue
                warn = state.checkup.wants_warnings


def _dynamic_key(state: State, tree: dict[str, Any], key: str, value: Any, place: tuple[Step, ...]) -> None:
    at = (*place, key)
    message = f"The value for the field '{short(key)}' must be a valid JSONPath or a valid intrinsic function call"
    if not isinstance(value, str):
        fix = f'Write "{short(key[:-2], 60)}" without ".$" for a constant.'
        state.error(message, *place, at=at, fix=fix)
        return
    problem = expression_problem(state, value, at)
    if problem is not None:
        state.error(message, *place, at=at, fix=_sentence(problem))
    elif key[:-2] in tree:
        state.warning(f"Both '{short(key[:-2])}' and '{short(key)}' are given.", *place, at=at, fix="Keep one of them.")


def _jsonata_in_jsonpath(state: State, steps: tuple[Step, ...]) -> None:
    message = 'This text looks like JSONata, but the state uses JSONPath and keeps "{% %}" as it is.'
    state.warning(message, *steps, fix='Add "QueryLanguage": "JSONata".')


_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def assign_field(state: State, field: str, value: Any, *inside: Step) -> None:
    """Assign: an object of variable names."""
    steps = (*inside, field)
    if state.jsonata and is_jsonata(value):
        fix = 'Write an object such as {"x": "{% ... %}"}.'
        state.error("Expected value of type Object", *steps, fix=fix)
        return
    if not isinstance(value, dict):
        state.error("Expected value of type Object", *steps, fix='Write an object such as {"x": 1}.')
        return
    for key in value:
        name = key if state.jsonata else key.removesuffix(".$")
        state.assigns(name)
        _variable_name(state, name, (*steps, key))
    payload_template(state, field, value, *inside)
    if state.checkup.dialect == "tcsl":
        state.checkup.tell_once('"Assign"', state.pointer + steps, "key")


def _variable_name(state: State, name: str, steps: tuple[Step, ...]) -> None:
    shown = short(name, MAX_VARIABLE_NAME)
    if name == "states":
        code = "RESERVED_VARIABLE_NAME"
        state.error(
            "Cannot assign to reserved variable '$states'.", *steps, code=code, of="key", fix="Use another name."
        )
    elif len(name) > MAX_VARIABLE_NAME:
        message = f"Invalid variable name '{shown}': the variable name is longer than {MAX_VARIABLE_NAME} characters."
        state.error(message, *steps, code="INVALID_VARIABLE_NAME", of="key", fix="Shorten it.")
    elif not _IDENTIFIER.fullmatch(name):
        fix = "Use letters, digits and underscores, and start with a letter."
        if name.startswith("$"):
            fix = f'Write "{shown[1:]}": the "$" belongs to the places where it is read.'
        message = f"Invalid variable name '{shown}': the variable name contains invalid characters."
        state.error(message, *steps, code="INVALID_VARIABLE_NAME", of="key", fix=fix)


__all__ = [
    "INTRINSICS",
    "assign_field",
    "expression_field",
    "expression_problem",
    "intrinsic_problem",
    "path_field",
    "path_problem",
    "payload_template",
    "result_path_field",
]
