"""``%%asw_function``: a cell's own code becomes a function, with the line numbers of the cell in what it raises."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable
from typing import Any

from asw_nb.errors import UsageError, did_you_mean


class FunctionNamespace(dict[str, Any]):
    """The globals of a `%%asw_function` cell: its own names, and behind them the notebook's."""

    def __init__(self, notebook: dict[str, Any], name: str) -> None:
        super().__init__(__name__=name, __builtins__=__builtins__)
        self.__dict__["notebook"] = notebook

    def __missing__(self, key: str) -> Any:
        return self.__dict__["notebook"][key]


def function_of(line: str, cell: str, name: str, wanted: str | None, notebook: dict[str, Any]) -> Callable[..., Any]:
    """Run the code of a cell, and find the function in it that is meant.

    Parameters
    ----------
    line, cell : str
        As the magic has them.
    wanted : str or None
        What ``--handler`` names.
    notebook : dict
        The notebook's variables, which the code sees behind its own.

    Raises
    ------
    UsageError
        The code cannot be read, or which function is meant cannot be told.
    Exception
        What the code raises, shown from its own first frame on.
    """
    source = f"<asw function {name}>"
    space = FunctionNamespace(notebook, name)
    lines = ["%%asw_function " + line + "\n", *cell.splitlines(keepends=True)]
    linecache.cache[source] = (len(cell), None, lines, source)
    try:
        code = compile("\n" + cell, source, "exec")  # a line more on top: numbers are those of the cell
    except SyntaxError as mistake:
        where = f"%%asw_function {name}, line {mistake.lineno}, column {mistake.offset}"
        text = (mistake.text or "").rstrip("\n")
        caret = " " * ((mistake.offset or 1) - 1) + "^"
        raise UsageError(f"{where}: {mistake.msg}\n    {text}\n    {caret}") from None
    try:
        exec(code, space)
    except Exception as raised:
        _show_from(raised, source)
        raise
    return _handler(space, wanted, name)


def _show_from(raised: Exception, source: str) -> None:
    """Let IPython show an exception from the first frame of the cell's own code on: those above it are ours."""
    frames = raised.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != source:
        frames = frames.tb_next
    lines = "".join(traceback.format_exception(type(raised), raised, frames)).rstrip().split("\n")
    vars(raised)["_render_traceback_"] = lambda: lines


def _handler(space: dict[str, Any], wanted: str | None, name: str) -> Callable[..., Any]:
    own = {
        k: v
        for k, v in space.items()
        if callable(v) and getattr(v, "__module__", None) == space["__name__"] and not isinstance(v, type)
    }
    if wanted is not None:
        key = wanted.rpartition(".")[2]
        if key not in own:
            raise UsageError(f'%%asw_function {name}: the cell defines no "{key}".{did_you_mean(key, own)}')
        return own[key]
    for key in ("main_handler", "lambda_handler", "handler", name):
        if key in own:
            return own[key]
    if len(own) == 1:
        return next(iter(own.values()))
    found = ", ".join(own) or "none"
    raise UsageError(
        f"%%asw_function {name}: which function is called? Name it main_handler(event, context), or say --handler NAME. Functions in the cell: {found}."
    )


__all__ = ["FunctionNamespace", "function_of"]
