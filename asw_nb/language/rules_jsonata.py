"""Rules for JSONata: expressions in ``{% %}``, what they read, and the variables that they use."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from asw_nb.language.rules_base import State, Step, short

# Estimated microseconds, for `Checkup.spend`.
PER_VALUE = 0.5
_PER_JSONATA = 20
_MAX_JSONATA_COST = 40_000


def is_jsonata(value: Any) -> bool:
    """Whether a value is a JSONata expression string.

    Examples
    --------
    >>> is_jsonata("{% $states.input %}"), is_jsonata("{x}")
    (True, False)
    """
    return isinstance(value, str) and value.startswith("{%")


def jsonata_values(state: State, value: Any, steps: tuple[Step, ...]) -> None:
    """Every ``{% %}`` string of a tree."""
    if isinstance(value, str):
        jsonata_string(state, value, steps)
        return
    stack: list[tuple[Any, tuple[Step, ...]]] = [(value, steps)]
    while stack:
        tree, place = stack.pop()
        state.checkup.spend(PER_VALUE * len(tree) + PER_VALUE if isinstance(tree, (list, dict)) else 0)
        pairs: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
        for key, child in pairs:
            if isinstance(child, str):
                if "{%" in child or "%}" in child:
                    jsonata_string(state, child, (*place, key))
            elif isinstance(child, (dict, list)):
                stack.append((child, (*place, key)))


def jsonata_string(state: State, text: str, steps: tuple[Step, ...]) -> None:
    """One string of a JSONata state."""
    opened, closed = text.startswith("{%"), text.endswith("%}") and len(text) > 3
    if opened and closed:
        expression = text[2:-2]
        if not expression.strip():
            state.error("The JSONata expression is empty.", *steps, code="INVALID_JSONATA_EXPRESSION", fix="Write one.")
            return
        check = state.checkup.jsonata_check
        problem = check(expression) if check is not None else None
        cost = _PER_JSONATA + min(len(expression), _MAX_JSONATA_COST)
        state.checkup.spend(cost)
        if problem is not None:
            state.checkup.spent_on_error(cost)
            state.error(problem, *steps, code="INVALID_JSONATA_EXPRESSION")
            return
        if check is not None:
            _jsonata_references(state, expression, steps)
        for name in jsonata_variables(expression):
            state.uses(name, *steps)
    elif opened:
        fix = 'Close the expression with "%}".'
        state.error("JSONata string must start with {% and end with %}", *steps, fix=fix)
    elif text.strip().startswith("{%") or (closed and "{%" not in text):
        fix = 'Start it with "{%" and end it with "%}", without blanks around.'
        state.warning("This text is not evaluated: JSONata string must start with {% and end with %}", *steps, fix=fix)


_HAVE_RESULT = ("Task", "Parallel", "Map")


def _jsonata_references(state: State, expression: str, steps: tuple[Step, ...]) -> None:
    """What an expression reads that does not exist where it stands. Source: the Step Functions developer guide, "Transforming data
    with JSONata", and what the service answers."""
    from asw_nb.language.jsonata import unsupported

    code = "UNSUPPORTED_JSONATA_EXPRESSION"
    problem, parts = unsupported(expression)
    if problem is not None:
        fix = 'Write "$states.input.name" for a field of the input, "$name" for a variable.'
        state.error(problem, *steps, code=code, fix=fix)
        return
    in_catch = len(steps) > 2 and steps[0] == "Catch" and steps[2] in ("Output", "Assign")
    known = {"input", "context"}
    if steps[0] in ("Output", "Assign") and state.type in _HAVE_RESULT:
        known.add("result")
    if in_catch:
        known.add("errorOutput")
    for part in sorted(parts - known):
        message = f"Field '$states.{short(part, 60)}' does not exist."
        if part == "result":
            state.error(message, *steps, code=code, fix='Only "Output" and "Assign" of Task, Parallel and Map have it.')
        elif part == "errorOutput":
            state.error(message, *steps, code=code, fix='Only "Output" and "Assign" of an entry of "Catch" have it.')
        else:
            state.warning(message, *steps, code=code, fix="Write one of input, result, errorOutput, context.")


_TEXT = re.compile(r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"|'[^'\\]*+(?:\\.[^'\\]*+)*+'|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"\$([^\W\d]\w*)\b(?!\s*\()")
_BOUND = re.compile(r"\$(\w+)\s*:=|[@#]\s*\$(\w+)")
_PARAMETERS = re.compile(r"(?:\bfunction|λ)\s*\(([^)]*)\)")
_BUILT_IN_NAMES = """
    abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl
    decodeUrlComponent distinct each encodeUrl encodeUrlComponent error eval exists filter floor formatBase
    formatInteger formatNumber fromMillis hash join keys length lookup lowercase map match max merge millis min not
    now number pad parse parseInteger partition power random range reduce replace reverse round shuffle sift single
    sort split spread sqrt states string substring substringAfter substringBefore sum toMillis trim type uppercase
    uuid zip
"""
_BUILT_IN = frozenset(_BUILT_IN_NAMES.split())


@lru_cache(maxsize=2048)
def jsonata_variables(expression: str) -> tuple[str, ...]:
    """Names of the workflow variables that an expression reads: those that it neither binds itself nor has built in.

    Examples
    --------
    >>> jsonata_variables("$map($items, function($i) { $i * $rate + $sum($states.input) })")
    ('items', 'rate')
    """
    if len(expression) > 100_000:
        return ()
    code = _TEXT.sub('""', expression)
    bound = {name for pair in _BOUND.findall(code) for name in pair}
    for parameters in _PARAMETERS.findall(code):
        bound.update(part.strip().removeprefix("$") for part in parameters.split(","))
    names = dict.fromkeys(_NAME.findall(code))
    return tuple(name for name in names if name not in bound and name not in _BUILT_IN)


__all__ = ["PER_VALUE", "is_jsonata", "jsonata_string", "jsonata_values", "jsonata_variables"]
