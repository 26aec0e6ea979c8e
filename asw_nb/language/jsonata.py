"""JSONata of a state machine: the text between ``{%`` and ``%}``, compiled once, evaluated within bounds.

::

    text --jsonata_parse--> tree --jsonata_compile--> closures --(states, variables)--> value --plain--> JSON
               |                                          |
         jsonata-python                     jsonata_guard: time, depth, size

This is the only module that others import. The library behind it reads the text, nothing else; see decision note 4.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from asw_nb.language.jsonata_calls import Env, Node
from asw_nb.language.jsonata_compile import compile_node, literal, plain_keys
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_functions import FUNCTIONS
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_parse import Tree, free_variables, parse, references
from asw_nb.language.jsonata_values import UNDEFINED, JsonataSyntaxError, Whole, plain

__all__ = ["UNDEFINED", "Expression", "JsonataError", "JsonataSyntaxError", "check_syntax", "compile_jsonata", "unsupported"]

_UNSURE: Any = object()
Short = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


class Expression:
    """A compiled expression; safe to evaluate on several threads at once.

    Attributes
    ----------
    text : str
    uses_context : bool
        Whether it reads ``$states.context``, or ``$states`` as a whole.
    variables : frozenset of str
        Variables that it takes from outside, without the ``$``; ``states`` and the functions are not among them.
    outside : tuple of str
        Names that it looks up in the document as a whole, and ``$$``: a state machine has no such document.
    parts : frozenset of str
        What it reads of ``$states``.
    """

    __slots__ = ("_node", "_short", "outside", "parts", "text", "uses_context", "variables")

    def __init__(self, text: str) -> None:
        tree = parse(text)
        try:
            self._node: Node = compile_node(tree)
            found, self.uses_context = free_variables(tree)
            self.outside, self.parts = references(tree)
        except RecursionError:
            raise JsonataSyntaxError("S0502", "The expression is nested too deeply", 0) from None
        self.text = text
        self.variables = found - FUNCTIONS.keys()
        self._short = _shortcut(tree)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __call__(self, states: Mapping[str, Any], variables: Mapping[str, Any], rng: random.Random) -> Any:
        """The value for one state, as plain JSON.

        Parameters
        ----------
        states : mapping
            What ``$states`` is: input, result, errorOutput, context.
        variables : mapping
            The workflow variables in scope, without the ``$``.
        rng : Random
            What ``$random()`` and ``$uuid()`` draw from.

        Returns
        -------
        object
            A JSON value, or `UNDEFINED` when the expression yields nothing. Parts of the data may be shared with it.

        Raises
        ------
        JsonataError
        """
        if self._short is not None:
            value = self._short(states, variables)
            if value is not _UNSURE:
                return value
        return self.evaluate(UNDEFINED, {"states": states}, variables, Run(rng))

    def evaluate(self, data: Any, names: Mapping[str, Any], variables: Mapping[str, Any], run: Run) -> Any:
        """The value for a document `data`, which is ``$`` and ``$$``, as JSONata outside of a state machine has it."""
        # Innermost first: what the expression binds, the variables, the functions.
        env = Env({**names, "$": data}, Env(variables, Env(FUNCTIONS, None, run), run), run)
        context = Whole((data,)) if isinstance(data, list) else data
        try:
            return plain(self._node(context, env), run)
        except (RecursionError, MemoryError):
            raise JsonataError("D1011") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A bug of ours; the expression may be a stranger's, so it fails the state that it stands in and no more.
            raise JsonataError("D3145", message=f"{type(error).__name__}: {error}"[:200]) from error


def _shortcut(tree: Tree) -> Short | None:
    """What most expressions are, without scope, bounds and copying: a plain path below a variable, or a literal."""
    if tree.type in ("string", "number", "value") and not tree.predicate and tree.group is None:
        value = literal(tree)
        if type(value) is not float:
            return lambda states, variables: value
    if tree.type == "variable" and tree.value not in ("", "$") and not tree.predicate and tree.group is None:
        return _walker(tree.value, ())
    keys = plain_keys(tree)
    return _walker(tree.steps[0].value, keys) if keys is not None else None


def _walker(name: str, keys: tuple[str | int, ...]) -> Short:
    """A walk through dicts; unsure as soon as it meets anything to which JSONata does more than look up a name."""
    from_states = name == "states"

    def walk(states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
        value: Any = states if from_states else variables.get(name, _UNSURE)
        for key in keys:
            if type(value) is not dict:
                return _UNSURE
            value = value.get(key, UNDEFINED)
        return _UNSURE if type(value) is float or value is UNDEFINED else value

    return walk if all(type(key) is str for key in keys) else _indexed_walker(name, keys)


def _indexed_walker(name: str, keys: tuple[str | int, ...]) -> Short:
    from_states = name == "states"

    def walk(states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
        value: Any = states if from_states else variables.get(name, _UNSURE)
        for key in keys:
            if isinstance(key, str):
                if type(value) is not dict:
                    return _UNSURE
                value = value.get(key, UNDEFINED)
            elif isinstance(key, int) and type(value) is list and -len(value) <= key < len(value):
                value = value[key]
            else:
                return _UNSURE
        return _UNSURE if type(value) is float or value is UNDEFINED else value

    return walk


_compiled = lru_cache(1024)(Expression)
_compiled_long = lru_cache(2)(Expression)  # a cache full of them would be large; what is checked is looked at again at once


def compile_jsonata(text: str) -> Expression:
    """The expression of a text, the part between ``{%`` and ``%}``.

    Raises
    ------
    JsonataSyntaxError

    Examples
    --------
    >>> total = compile_jsonata("$sum($states.input.orders.price)")
    >>> total({"input": {"orders": [{"price": 2}, {"price": 3.5}]}}, {}, random.Random())
    5.5
    """
    return _compiled(text) if len(text) <= 4_000 else _compiled_long(text)


def unsupported(text: str) -> tuple[str | None, frozenset[str]]:
    """What a state machine cannot give to an expression that can be read, as a sentence, and what it reads of ``$states``.

    Examples
    --------
    >>> unsupported("$sum(prices)")[0]
    "Reference to 'prices' at the top level is not supported."
    """
    found = compile_jsonata(text)
    if not found.outside:
        return None, found.parts
    name = found.outside[0]
    place = "" if name == "$$" else " at the top level"
    return f"Reference to '{name}'{place} is not supported.", found.parts


def check_syntax(text: str) -> str | None:
    """What is wrong with the text of an expression; None when nothing is.

    Examples
    --------
    >>> check_syntax("$states.input.")
    'Unexpected end of expression'
    """
    try:
        compile_jsonata(text)
    except JsonataSyntaxError as error:
        return error.message
    return None
