"""The data flow of one state in JSONPath: which function turns its raw input into what it works on, and a result into
its output.

::

    raw --InputPath--> --Parameters--> effective input --work--> result --ResultSelector--> --ResultPath (into raw)-->
    --OutputPath--> output

`prepare(raw, env)` is the first half, `finish(raw, result, env)` the second; each is None when it changes nothing, so
that the common state costs no call at all. Sources: States Language specification, "Input and Output Processing";
Tencent's node documents for the order and for ResultSelector on Pass; wording as the cloud's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.language.intrinsics import compact, compile_expression
from asw_nb.language.paths import CannotPut, NoMatch, compile_path, compile_put, split_root
from asw_nb.language.templates import NULL_INPUT, EvaluationError, compile_template, path_missing

Prepare = Callable[[Any, Any], Any]
Finish = Callable[[Any, Any, Any], Any]

_ABSENT = object()


def compile_input_path(text: str | None, error: str = "States.Runtime") -> Prepare | None:
    """InputPath or OutputPath: None in the text gives ``{}``; the identity gives no function."""
    if text is None:
        return lambda data, env: {}
    if text == "$":
        return None
    get = compile_path(text)
    into_data = split_root(text)[0] == "$"

    def look(data: Any, env: Any) -> Any:
        try:
            return get(data, env)
        except NoMatch as miss:
            if data is None and into_data:
                raise EvaluationError(error, NULL_INPUT) from None
            raise EvaluationError(error, f"Invalid path '{text}' : {miss.why}") from None

    return look


def compile_result_path(text: str | None) -> Callable[[Any, Any], Any] | None:
    """ResultPath as `place(raw, result)`; no function when the result replaces the input."""
    if text is None:
        return lambda raw, result: raw
    if text == "$":
        return None
    put = compile_put(text)

    def place(raw: Any, result: Any) -> Any:
        try:
            return put(raw, result)
        except CannotPut:
            raise EvaluationError(
                "States.ResultPathMatchFailure", f"Unable to apply ReferencePath {text} to input {compact(raw)}"
            ) from None

    return place


def compile_prepare(state: dict[str, Any], template: str, error: str) -> Prepare | None:
    """InputPath, then the payload template in the field `template`."""
    look = compile_input_path(state.get("InputPath", "$"))
    if template not in state:
        return look
    fill, constant = compile_template(state[template], error)
    if fill is None:
        return (lambda raw, env: constant) if look is None else (lambda raw, env: (look(raw, env), constant)[1])
    if look is None:
        return fill
    return lambda raw, env: fill(look(raw, env), env)


def compile_finish(state: dict[str, Any], error: str) -> Finish | None:
    """ResultSelector, ResultPath and OutputPath."""
    select, constant = (
        compile_template(state["ResultSelector"], error) if "ResultSelector" in state else (None, _ABSENT)
    )
    place = compile_result_path(state.get("ResultPath", "$"))
    filter_output = compile_input_path(state.get("OutputPath", "$"))
    if select is None and constant is _ABSENT and place is None and filter_output is None:
        return None

    def finish(raw: Any, result: Any, env: Any) -> Any:
        if select is not None:
            result = select(result, env)
        elif constant is not _ABSENT:
            result = constant
        if place is not None:
            result = place(raw, result)
        return result if filter_output is None else filter_output(result, env)

    return finish


def compile_value(
    state: dict[str, Any], name: str, default: Any = None
) -> tuple[Any, Callable[[Any, Any], Any] | None, str]:
    """A field that is a literal or, with the suffix ``Path``, an expression.

    Returns
    -------
    (literal, getter, field)
        `getter` is None for a literal.
    """
    field = name + "Path"
    if field not in state:
        return state.get(name, default), None, name
    text = state[field]
    get = compile_expression(text)

    def look(data: Any, env: Any) -> Any:
        try:
            return get(data, env)
        except NoMatch:
            if name in ("Seconds", "Timestamp"):
                why = f"The {field} parameter does not reference an input value: {text}"
                raise EvaluationError("States.Runtime", why) from None
            raise path_missing(text, field, data, "States.Runtime") from None

    return None, look, field


__all__ = [
    "Finish",
    "Prepare",
    "compile_finish",
    "compile_input_path",
    "compile_prepare",
    "compile_result_path",
    "compile_value",
]
