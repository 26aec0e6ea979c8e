"""The data flow of one state in JSONata: Arguments and Output in place of five paths.

::

    raw --Arguments--> effective input --work--> result --Output--> output          $states.input is raw, $states.result the result

Strings that begin with ``{%`` and end with ``%}`` are expressions; everything else is constant. The functions have
the shapes of `asw_nb.language.fields`, so the engine does not know which language a state is written in. A failing
expression is ``States.QueryEvaluationError``, told with its field, as the cloud words it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.language.intrinsics import compact
from asw_nb.language.jsonata import UNDEFINED, Expression, JsonataError, compile_jsonata
from asw_nb.language.templates import EvaluationError

ERROR = "States.QueryEvaluationError"

Fill = Callable[[dict[str, Any], Any], Any]


def is_expression(value: Any) -> bool:
    """Whether a value is a JSONata expression in its brackets."""
    return isinstance(value, str) and len(value) >= 4 and value.startswith("{%") and value.endswith("%}")


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


class _Template:
    """A compiled tree: its filling function, or its constant, and whether any expression reads the context object."""

    __slots__ = ("constant", "context", "fill")

    def __init__(self, fill: Fill | None, constant: Any = None, context: bool = False) -> None:
        self.fill, self.constant, self.context = fill, constant, context


def _expression(text: str, field: str, expected: str | None) -> _Template:
    compiled: Expression = compile_jsonata(text[2:-2].strip())
    shown = compiled.text

    def fill(states: dict[str, Any], env: Any) -> Any:
        try:
            value = compiled(states, env.variables, env.rng)
        except JsonataError as problem:
            cause = (
                f"The JSONata expression '{shown}' specified for the field '{field}' threw an error during evaluation. "
                f"{problem.code}: {problem.message}"
            )
            raise EvaluationError(ERROR, cause, field) from None
        if value is UNDEFINED:
            cause = f"The JSONata expression '{shown}' specified for the field '{field}' returned nothing (undefined)."
            raise EvaluationError(ERROR, cause, field)
        if expected is not None and _type_name(value) != expected:
            cause = (
                f"The JSONata expression '{shown}' specified for the field '{field}' returned an unexpected result type. "
                f"Expected '{expected}', but was '{_type_name(value)}' for value: {compact(value)}"
            )
            raise EvaluationError(ERROR, cause, field)
        return value

    return _Template(fill, context=compiled.uses_context)


def _compile(tree: Any, field: str, expected: str | None = None) -> _Template:
    if is_expression(tree):
        return _expression(tree, field, expected)
    if isinstance(tree, dict):
        parts = {key: _compile(value, f"{field}/{key}") for key, value in tree.items()}
        if all(p.fill is None for p in parts.values()):
            return _Template(None, {key: p.constant for key, p in parts.items()})
        pairs = [(key, p.fill, p.constant) for key, p in parts.items()]

        def fill_object(states: dict[str, Any], env: Any) -> Any:
            return {key: constant if fill is None else fill(states, env) for key, fill, constant in pairs}

        return _Template(fill_object, context=any(p.context for p in parts.values()))
    if isinstance(tree, list):
        items = [_compile(value, f"{field}[{i}]") for i, value in enumerate(tree)]
        if all(p.fill is None for p in items):
            return _Template(None, [p.constant for p in items])

        def fill_array(states: dict[str, Any], env: Any) -> Any:
            return [p.constant if p.fill is None else p.fill(states, env) for p in items]

        return _Template(fill_array, context=any(p.context for p in items))
    return _Template(None, tree)


def of_input(tree: Any, field: str, expected: str | None = None) -> Callable[[Any, Any], Any]:
    """Compile a field that sees the state's input: `get(raw, env)`."""
    made = _compile(tree, field, expected)
    fill, constant = made.fill, made.constant
    if fill is None:
        return lambda raw, env: constant
    if made.context:
        return lambda raw, env: fill({"input": raw, "context": env.context()}, env)
    return lambda raw, env: fill({"input": raw}, env)


def of_result(tree: Any, field: str, name: str = "result") -> Callable[[Any, Any, Any], Any]:
    """Compile a field that sees input and result (or ``errorOutput``): `get(raw, result, env)`."""
    made = _compile(tree, field)
    fill, constant = made.fill, made.constant
    if fill is None:
        return lambda raw, result, env: constant
    if made.context:
        return lambda raw, result, env: fill({"input": raw, name: result, "context": env.context()}, env)
    return lambda raw, result, env: fill({"input": raw, name: result}, env)


def value_of(
    document: dict[str, Any], name: str, expected: str, default: Any = None
) -> tuple[Any, Callable[[Any, Any], Any] | None, str]:
    """A field that is a literal or an expression, in the shape of `fields.compile_value`."""
    value = document.get(name, default)
    return (None, of_input(value, name, expected), name) if is_expression(value) else (value, None, name)


__all__ = ["ERROR", "is_expression", "of_input", "of_result", "value_of"]
