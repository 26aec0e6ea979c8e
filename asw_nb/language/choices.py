"""Choice rules -> predicates `test(data, env) -> bool`; one table row per comparison operator.

A comparison whose operand has another type is false, never an error. Sources: States Language specification, "Choice
State"; the sentence for a Variable that finds nothing is the cloud's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from asw_nb.language.paths import NoMatch, compile_path
from asw_nb.language.templates import EvaluationError

Predicate = Callable[[Any, Any], bool]

_TIMESTAMP = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})", re.ASCII)


@lru_cache(maxsize=1024)
def timestamp(text: str) -> datetime | None:
    """The moment that an RFC 3339 text with capital ``T`` and ``Z`` names; None when it is none.

    Examples
    --------
    >>> timestamp("2016-03-14T01:59:00Z")
    datetime.datetime(2016, 3, 14, 1, 59, tzinfo=datetime.timezone.utc)
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    fraction = (match.group(7) or "")[:6].ljust(6, "0")
    try:
        zone = match.group(8)
        moment = datetime.fromisoformat(f"{text[:19]}.{fraction}{'+00:00' if zone == 'Z' else zone}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _string(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _moment(value: Any) -> Any:
    return timestamp(value) if isinstance(value, str) else None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "Boolean": _boolean,
    "Numeric": _number,
    "String": _string,
    "Timestamp": _moment,
}
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda a, b: a == b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
}
# operator -> (kind, relation), without and with the suffix "Path"
COMPARISONS: dict[str, tuple[str, str]] = {
    kind + relation: (kind, relation)
    for kind in _KINDS
    for relation in _RELATIONS
    if kind != "Boolean" or relation == "Equals"
}
IS_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsBoolean": lambda v: isinstance(v, bool),
    "IsNull": lambda v: v is None,
    "IsNumeric": lambda v: _number(v) is not None,
    "IsString": lambda v: isinstance(v, str),
    "IsTimestamp": lambda v: _moment(v) is not None,
}
OPERATORS = frozenset([*COMPARISONS, *(name + "Path" for name in COMPARISONS), *IS_TESTS, "IsPresent", "StringMatches"])


@lru_cache(maxsize=1024)
def wildcard(pattern: str) -> re.Pattern[str]:
    r"""The regular expression of a StringMatches pattern: ``*`` matches anything, ``\*`` a star.

    What stands between two stars is taken where it is found first and never looked for again (the groups are atomic), or a text
    that does not match would be divided between many stars in all possible ways.

    Examples
    --------
    >>> [wildcard("log-*.txt").fullmatch(text) is not None for text in ("log-2030.txt", "log.txt")]
    [True, False]
    """
    pieces = [""]
    for match in re.finditer(r"\\(.)|(\*)|([^\\*]+)|(\\)", pattern, re.S):
        escaped, star, plain, lone = match.groups()
        if star:
            pieces.append("")
        else:
            pieces[-1] += re.escape(escaped or plain or lone)
    if len(pieces) == 1:
        return re.compile(pieces[0], re.S)
    first, *middle, last = pieces
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last, re.S)


def _variable(path: str) -> Callable[[Any, Any], Any]:
    get = compile_path(path)

    def look(data: Any, env: Any) -> Any:
        try:
            return get(data, env)
        except NoMatch:
            text = f"Invalid path '{path}': The choice state's condition path references an invalid value."
            raise EvaluationError("States.Runtime", text) from None

    return look


def compile_rule(rule: dict[str, Any]) -> Predicate:
    """Compile one choice rule (And, Or and Not included).

    Examples
    --------
    >>> compile_rule({"Variable": "$.age", "NumericGreaterThan": 17})({"age": 18}, None)
    True
    """
    if "And" in rule:
        parts = [compile_rule(r) for r in rule["And"]]
        return lambda data, env: all(p(data, env) for p in parts)
    if "Or" in rule:
        parts = [compile_rule(r) for r in rule["Or"]]
        return lambda data, env: any(p(data, env) for p in parts)
    if "Not" in rule:
        inner = compile_rule(rule["Not"])
        return lambda data, env: not inner(data, env)
    operator = next(key for key in rule if key in OPERATORS)
    operand = rule[operator]
    path = rule["Variable"]
    if operator == "IsPresent":
        return _is_present(path, bool(operand))
    look = _variable(path)
    if operator in IS_TESTS:
        check, wanted = IS_TESTS[operator], bool(operand)
        return lambda data, env: check(look(data, env)) is wanted
    if operator == "StringMatches":
        matches = wildcard(operand).fullmatch
        return lambda data, env: isinstance(value := look(data, env), str) and matches(value) is not None
    if operator in COMPARISONS:
        return _compare_literal(operator, look, operand)
    return _compare_path(operator, look, _variable(operand))


def _is_present(path: str, wanted: bool) -> Predicate:
    get = compile_path(path)

    def present(data: Any, env: Any) -> bool:
        try:
            get(data, env)
        except NoMatch:
            return not wanted
        return wanted

    return present


def _compare_literal(operator: str, look: Callable[[Any, Any], Any], operand: Any) -> Predicate:
    kind, relation = COMPARISONS[operator]
    convert, holds, right = _KINDS[kind], _RELATIONS[relation], _KINDS[kind](operand)

    def test(data: Any, env: Any) -> bool:
        left = convert(look(data, env))
        return left is not None and right is not None and holds(left, right)

    return test


def _compare_path(operator: str, look: Callable[[Any, Any], Any], other: Callable[[Any, Any], Any]) -> Predicate:
    kind, relation = COMPARISONS[operator.removesuffix("Path")]
    convert, holds = _KINDS[kind], _RELATIONS[relation]

    def test(data: Any, env: Any) -> bool:
        left, right = convert(look(data, env)), convert(other(data, env))
        return left is not None and right is not None and holds(left, right)

    return test


__all__ = ["COMPARISONS", "IS_TESTS", "OPERATORS", "Predicate", "compile_rule", "timestamp", "wildcard"]
