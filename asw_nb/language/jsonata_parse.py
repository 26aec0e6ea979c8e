"""Text of an expression -> syntax tree, by the grammar of jsonata-python; every way to fail is a JsonataSyntaxError.

The library is a port of the reference implementation, so its tree is the reference's. What a port leaves open is closed
here: nesting beyond Python's stack, lengths that would take seconds, and what it spends on every expression anew: its
table of symbols is made once for a thread, and its tokens come from `jsonata_tokens`.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from asw_nb.language.jsonata_errors import message_text
from asw_nb.language.jsonata_guard import NODE_LIMIT, PATTERN_LIMIT, TEXT_LIMIT, TOKEN_LIMIT
from asw_nb.language.jsonata_regex import BadPattern, Pattern
from asw_nb.language.jsonata_tokens import BadToken, Tokens
from asw_nb.language.jsonata_values import JsonataSyntaxError

Tree = Any
"""A `jsonata.parser.Parser.Symbol`."""

_VALUE_FIRST = {"S0202", "S0203", "S0213"}

# kind of a token -> the symbol that stands for it
_SYMBOLS = {
    "name": "(name)",
    "variable": "(name)",
    "string": "(literal)",
    "number": "(literal)",
    "value": "(literal)",
    "regex": "(regex)",
}

_import_lock = threading.Lock()
_own = threading.local()


class _TooLarge(Exception):
    """More than can be read in a moment."""


@lru_cache(1)
def _library() -> tuple[Any, Any]:
    """The parser, bounded, and its error."""
    limit = sys.getrecursionlimit()
    try:
        from jsonata.jexception import JException
        from jsonata.parser import Parser
        from jsonata.utils import Utils
    finally:
        # The library raises Python's recursion limit for the whole process when it is imported.
        sys.setrecursionlimit(limit)

    class PlacedMinus(Parser.InfixAndPrefix):
        """The library forgets the place of a minus in front of a value, and of an object (below)."""

        def nud(self) -> Any:
            self.prefix.position = self.position
            return super().nud()

    def fresh(symbol: Any) -> Any:
        """A copy of a symbol of the table; a hundred such copies make a tree."""
        copied = object.__new__(type(symbol))
        copied.__dict__ = symbol.__dict__.copy()
        if "prefix" in copied.__dict__:
            copied.prefix = fresh(symbol.prefix)
        return copied

    class BoundedParser(Parser):
        """Counts, because ``((a ?? b) ?? c) ...`` doubles the tree with every level."""

        node: Any
        errors: Any
        ancestry: Any

        def __init__(self) -> None:
            super().__init__()
            minus = PlacedMinus(self, "-")
            minus.lbp = self.symbol_table["-"].lbp
            self.symbol_table["-"] = minus

        def read(self, text: str) -> Any:
            """The tree of a text."""
            self.source, self.node, self.lexer = text, None, Tokens(text, _pattern, Utils.convert_number)
            self.errors, self.ancestry, self.ancestor_label, self.ancestor_index = [], [], 0, 0
            self.tokens_left, self.nodes_left, self.behind = TOKEN_LIMIT, NODE_LIMIT, 0
            self.advance()
            tree = self.expression(0)
            if self.node.id != "(end)":
                raise JException("S0201", self.node.position, self.node.value)
            tree = self.process_ast(tree)
            if tree.type == "parent" or tree.seeking_parent is not None:
                raise JException("S0217", tree.position, tree.type)
            return tree

        def advance(self, id: str | None = None, infix: bool = False) -> Any:
            """Go to the next token, from one that must be `id`."""
            node = self.node
            if id is not None and node.id != id:
                raise JException("S0203" if node.id == "(end)" else "S0202", node.position, id, node.value)
            self.tokens_left -= 1
            if self.tokens_left < 0:
                raise _TooLarge
            self.behind = node.position if node is not None else 0
            token = self.lexer.next(infix)
            if token is None:
                self.node = node = self.symbol_table["(end)"]
                node.position = len(self.source)
                return node
            kind, value, position = token
            self.node = node = fresh(self.symbol_table[value if kind == "operator" else _SYMBOLS[kind]])
            node.type, node.value, node.position = kind, value, position
            return node

        def object_parser(self, left: Any) -> Any:
            position = self.behind
            tree = super().object_parser(left)
            tree.position = position
            return tree

        def process_ast(self, expr: Any) -> Any:
            self.nodes_left -= 1
            if self.nodes_left < 0:
                raise _TooLarge
            if expr is not None and expr.type == "condition":
                self.unshare(expr)
            return super().process_ast(expr)

        def unshare(self, expr: Any) -> None:
            """The left side of ``?:`` and ``??`` stands in the tree twice, and processing it twice would change it."""
            test = expr.condition
            if test is expr.then or (test.type == "function" and test.arguments and test.arguments[0] is expr.then):
                expr.then = self.copied(expr.then)

        def copied(self, part: Any) -> Any:
            if isinstance(part, list):
                return [self.copied(item) for item in part]
            if not isinstance(part, Parser.Symbol):
                return part
            self.nodes_left -= 1
            if self.nodes_left < 0:
                raise _TooLarge
            copied = object.__new__(type(part))
            copied.__dict__ = fields = part.__dict__.copy()
            for name, value in fields.items():
                if value is not None and isinstance(value, (list, Parser.Symbol)):
                    fields[name] = self.copied(value)
            return copied

    return BoundedParser, JException


def parse(text: str) -> Tree:
    """The tree of an expression.

    Raises
    ------
    JsonataSyntaxError
    """
    if len(text) > TEXT_LIMIT:
        raise _error("S0501", TEXT_LIMIT, value=len(text), limit=TEXT_LIMIT)
    with _import_lock:
        bounded_parser, library_error = _library()
    parser = getattr(_own, "parser", None)
    if parser is None:
        parser = _own.parser = bounded_parser()
    try:
        tree = parser.read(text)
    except _TooLarge:
        raise _error("S0503", _place(parser, text), limit=TOKEN_LIMIT) from None
    except library_error as error:
        raise _translated(error.error, error.location, error.current, error.expected, text) from None
    except BadToken as error:
        raise _translated(error.code, error.position, error.token, None, text) from None
    except BadPattern as error:
        raise _error("S0303", _place(parser, text), message=str(error)) from None
    except (RecursionError, MemoryError):
        raise _error("S0502", _place(parser, text)) from None
    except Exception as error:
        raise _unforeseen(error, parser, text) from None
    return tree


def _pattern(source: str, ignore_case: bool, multiline: bool) -> Pattern:
    if len(source) > PATTERN_LIMIT:
        raise BadPattern(f"{len(source)} characters, at most {PATTERN_LIMIT} are read")
    return Pattern(source, ignore_case, multiline)


def _error(code: str, position: int, **inserts: Any) -> JsonataSyntaxError:
    return JsonataSyntaxError(code, message_text(code, inserts), position)


def _place(parser: Any, text: str) -> int:
    return min(parser.lexer.position if parser.lexer is not None else 0, len(text))


def _translated(code: str, position: int, current: Any, expected: Any, text: str) -> JsonataSyntaxError:
    """The library's error, with the reference's code and inserts."""
    position = min(position, len(text))
    if code == "S0301" and current is not None:
        code = "S0103"
    if code == "S0102":
        digits = re.match(r"[\d.eE+-]+", text[position:])
        return _error(code, position, token=digits.group() if digits else None)
    if code == "S0208":
        return _error(code, position, value=text[:position].rpartition("(")[2].count(",") + 1)
    if code in _VALUE_FIRST:
        return _error(code, position, value=current, token=expected)
    token = current
    if code == "S0201" and token in ("(end)", None):
        code = "S0207"
    return _error(code, position, token=token)


def _unforeseen(error: Exception, parser: Any, text: str) -> JsonataSyntaxError:
    """What the library lets through as an error of Python."""
    position = _place(parser, text)
    words = str(error)
    if isinstance(error, KeyError):
        return _error("S0204", position, token=error.args[0])
    if words.startswith("Choice groups"):
        return _error("S0402", position)
    if words.startswith("Type parameters"):
        return _error("S0401", position)
    token = getattr(parser.node, "value", None)
    return _error("S0201", position, token=token if isinstance(token, str) else text[position - 1 : position])


# --- looking at a tree ----------------------------------------------------------------------------------------------


def children(tree: Tree) -> Iterator[Tree]:
    """The expressions directly below a node, in the order in which they are evaluated."""
    kind = tree.type
    if kind == "path":
        yield from tree.steps
    elif kind == "binary" or kind == "bind" or kind == "apply":
        yield from (tree.lhs, tree.rhs)
    elif kind == "unary":
        if tree.value == "[":
            yield from tree.expressions
        elif tree.value == "{":
            yield from (part for pair in tree.lhs_object for part in pair)
        else:
            yield tree.expression
    elif kind == "function" or kind == "partial":
        yield tree.procedure
        yield from tree.arguments
    elif kind == "lambda":
        yield tree.body
    elif kind == "condition":
        yield from (tree.condition, tree.then)
        if tree._else is not None:
            yield tree._else
    elif kind == "block":
        yield from tree.expressions
    elif kind == "transform":
        yield from (tree.pattern, tree.update)
        if tree.delete is not None:
            yield tree.delete
    elif kind == "sort":
        yield from (term.expression for term in tree.terms)
    for stage in (*(tree.predicate or ()), *(tree.stages or ())):
        if stage.type == "filter":
            yield stage.expr
    if tree.group is not None:
        yield from (part for pair in tree.group.lhs_object for part in pair)


def free_variables(tree: Tree) -> tuple[frozenset[str], bool]:
    """Names that the expression takes from outside, and whether it reads the context object."""
    found: set[str] = set()
    context = False

    def walk(node: Tree, bound: set[str]) -> None:
        nonlocal context
        kind = node.type
        if kind == "variable":
            if node.value == "states" and "states" not in bound:
                context = True
            elif node.value not in ("", "$", "states") and node.value not in bound:
                found.add(node.value)
        elif kind == "lambda":
            bound = bound | {parameter.value for parameter in node.arguments}
        elif kind == "block":
            bound = set(bound)
        elif kind == "path":
            bound = bound | {name for step in node.steps for name in _names_of(step)}
            head = node.steps[0]
            if head.type == "variable" and head.value == "states" and "states" not in bound and _reads_part(node):
                for part in children(node):
                    if part is not head:
                        walk(part, bound)
                return
        if kind == "bind":
            # A function may call itself; any other value is computed before the name is bound.
            if node.rhs.type == "lambda":
                bound.add(node.lhs.value)
            walk(node.rhs, bound)
            bound.add(node.lhs.value)
            return
        for part in children(node):
            walk(part, bound)

    walk(tree, set())
    return frozenset(found), context


def references(tree: Tree) -> tuple[tuple[str, ...], frozenset[str]]:
    """What an expression takes from where a state machine has nothing, and which parts of ``$states`` it names.

    Only the first step of a path is looked up in the document as a whole, which a state machine does not have. The steps behind
    it, predicates, sort terms and groupings look into what stands before them; the body of a function into what its definition
    looks into.

    Returns
    -------
    (outside, parts)
        `outside` are names at the top level, and ``$$``, in the order of the text.
    """
    outside: dict[str, None] = {}
    parts: set[str] = set()

    def walk(node: Tree, top: bool) -> None:
        kind = node.type
        if kind == "variable" and node.value == "$":
            outside["$$"] = None
        elif kind == "name" and top:
            outside[node.value] = None
        if kind == "path":
            head, *rest = node.steps
            if head.type == "variable" and head.value == "states" and rest and rest[0].type == "name":
                parts.add(rest[0].value)
            walk(head, top)
            for step in rest:
                walk(step, False)
            walk_stages(node)
            return
        inner = top and kind != "transform"
        stages = {id(stage.expr) for stage in (*(node.predicate or ()), *(node.stages or ())) if stage.type == "filter"}
        groups = () if node.group is None else {id(part) for pair in node.group.lhs_object for part in pair}
        for part in children(node):
            walk(part, inner and id(part) not in stages and id(part) not in groups)

    def walk_stages(node: Tree) -> None:
        for stage in (*(node.predicate or ()), *(node.stages or ())):
            if stage.type == "filter":
                walk(stage.expr, False)
        if node.group is not None:
            for pair in node.group.lhs_object:
                for part in pair:
                    walk(part, False)

    walk(tree, True)
    return tuple(outside), frozenset(parts)


def _names_of(step: Tree) -> Iterator[str]:
    if step.focus:
        yield step.focus
    if isinstance(step.index, str):
        yield step.index
    for stage in step.stages or ():
        if stage.type == "index":
            yield stage.value


def _reads_part(path: Tree) -> bool:
    """`$states.input...` and the like: one named part, and not the context."""
    if len(path.steps) < 2 or path.steps[0].predicate or path.steps[0].stages or path.steps[0].group:
        return False
    part = path.steps[1]
    return part.type == "name" and part.value != "context"
