"""Payload templates (Parameters, ItemSelector, ResultSelector, Assign): a JSON tree -> `fill(data, env)`.

A key that ends in ``.$`` holds a path or an intrinsic call and loses the suffix; everything else is constant. A part
without such keys is compiled to the constant itself and shared by every result: payloads are never changed in place.

Source: States Language specification, "Payload Templates".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.errors import StateError
from asw_nb.language.intrinsics import compact, compile_expression
from asw_nb.language.paths import Getter, NoMatch, split_root


class EvaluationError(StateError):
    """An expression of a state failed; the engine adds which state, entered at which event.

    Attributes
    ----------
    field : str or None
        Where in the state, such as ``Arguments/x``; given when the expression was JSONata, whose failures have their
        own event.
    """

    def __init__(self, name: str, cause: str, field: str | None = None) -> None:
        super().__init__(name, cause)
        self.field = field


NULL_INPUT = "Unable to apply Path transformation to null or empty input."
"""The cloud's sentence for a path into null, ``$`` itself included: its JSONPath library refuses to look."""


def path_missing(path: str, field: str, data: Any, error: str) -> EvaluationError:
    """The cloud's sentence for a path of a template (or of a ``...Path`` field) that finds nothing."""
    text = f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{compact(data)}'"
    return EvaluationError(error, text)


def compile_field(text: str, field: str, error: str) -> Getter:
    """Compile one expression whose miss is told by the name of its field."""
    get = compile_expression(text)

    def look(data: Any, env: Any) -> Any:
        try:
            return get(data, env)
        except NoMatch:
            raise path_missing(text, field, data, error) from None

    return look


def _entry(text: str, key: str, error: str) -> Getter:
    """One ``.$`` entry. Behind the end of an array the cloud finds null there, and only there."""
    get = compile_expression(text)
    lenient = error == "States.Runtime"
    into_data = lenient and text.startswith("$") and split_root(text)[0] == "$"

    def look(data: Any, env: Any) -> Any:
        if data is None and into_data:
            raise EvaluationError(error, NULL_INPUT)
        try:
            return get(data, env)
        except NoMatch as miss:
            if miss.beyond and lenient:
                return None
            raise path_missing(text, key, data, error) from None

    return look


def compile_template(tree: Any, error: str = "States.Runtime") -> tuple[Getter | None, Any]:
    """Compile a template.

    Parameters
    ----------
    tree : JSON value
    error : str
        Error name of a path that finds nothing.

    Returns
    -------
    (fill, constant)
        `fill(data, env)`, or None when nothing in the tree depends on the data and `constant` is the value.

    Examples
    --------
    >>> fill, _ = compile_template({"n.$": "$.x", "k": 1})
    >>> fill({"x": 5}, None)
    {'n': 5, 'k': 1}
    """
    if isinstance(tree, dict):
        pairs: list[tuple[str, Getter]] = []
        dynamic = False
        constants: dict[str, Any] = {}
        for key, value in tree.items():
            if key.endswith(".$"):
                if not isinstance(value, str):
                    raise StateError(
                        "States.Runtime", f"The value of the field '{key}' must be a path or an intrinsic function"
                    )
                pairs.append((key[:-2], _entry(value, key, error)))
                dynamic = True
                continue
            fill, constant = compile_template(value, error)
            if fill is None:
                constants[key] = constant
                pairs.append((key, _constant(constant)))
            else:
                pairs.append((key, fill))
                dynamic = True
        if not dynamic:
            return None, constants
        return (lambda data, env: {key: get(data, env) for key, get in pairs}), None
    if isinstance(tree, list):
        parts = [compile_template(value, error) for value in tree]
        if all(fill is None for fill, _ in parts):
            return None, [constant for _, constant in parts]
        getters = [_constant(constant) if fill is None else fill for fill, constant in parts]
        return (lambda data, env: [get(data, env) for get in getters]), None
    return None, tree


def _constant(value: Any) -> Callable[[Any, Any], Any]:
    return lambda data, env: value


__all__ = ["NULL_INPUT", "EvaluationError", "compile_field", "compile_template", "path_missing"]
