"""JSONPath queries (wildcards, slices, filters, ``..``): read and evaluated by python-jsonpath, within bounds.

A query may come from a stranger. ``$..*..*..*`` visits every value once per way that leads to it, and a regular expression of a filter
may search for ever; so every value that a segment visits is counted, those deep in the data for more, and searches have a time limit.
What passes a bound fails the state with ``States.Runtime``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from asw_nb.errors import StateError
from asw_nb.language.nesting import MAX_DEPTH
from asw_nb.language.patterns import EXPANDED_LIMIT, expanded_size

WORK_LIMIT = 2_000_000
"""Values that one query visits: three or four seconds. What is deep costs more, because the library copies the way to it."""

SEARCH_LIMIT_S = 1.0
"""What one search of a regular expression may take."""

PATTERN_LIMIT = 2_000
"""Characters of a regular expression."""

_bound = threading.local()
_import_lock = threading.Lock()


class QuerySyntaxError(ValueError):
    """The library cannot read the query."""


def _count(work: int) -> None:
    _bound.left -= work
    if _bound.left < 0:
        raise StateError("States.Runtime", "The query visits too many values.")


def _search(method: str, pattern: str, flags: int, text: str) -> bool:
    import regex

    if len(pattern) > PATTERN_LIMIT:
        raise StateError("States.Runtime", f"A regular expression is longer than {PATTERN_LIMIT} characters.")
    if expanded_size(pattern) > EXPANDED_LIMIT:
        why = f"With all its repetitions, /{pattern[:100]}/ has more than {EXPANDED_LIMIT} parts."
        raise StateError("States.Runtime", why)
    try:
        compiled = _pattern(pattern, flags)
        return getattr(compiled, method)(text, timeout=SEARCH_LIMIT_S, concurrent=len(text) > 200) is not None
    except TimeoutError:
        why = f"The search for /{pattern[:100]}/ takes more than {SEARCH_LIMIT_S:g} s."
        raise StateError("States.Runtime", why) from None
    except (regex.error, RecursionError, OverflowError, ValueError):
        return False  # RFC 9535, section 2.4.6: what is no regular expression matches nothing


@lru_cache(256)
def _pattern(pattern: str, flags: int) -> Any:
    import regex

    kept = (regex.I if flags & re.I else 0) | (regex.M if flags & re.M else 0) | (regex.S if flags & re.S else 0)
    return regex.compile(pattern, kept, cache_pattern=False)


@lru_cache(1)
def _environment() -> Any:
    """The library's reader and evaluator, with our counting in it."""
    import jsonpath
    from jsonpath.function_extensions import Match, Search
    from jsonpath.function_extensions._pattern import map_re
    from jsonpath.parse import Parser
    from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment

    def counted(nodes: Iterable[Any]) -> Iterator[Any]:
        for node in nodes:
            _count(1 + (len(node.parts) >> 2))
            if node.parent is not None:
                node.parent.children.clear()  # the library keeps every node that it makes; only the hits are wanted
            yield node

    class ChildSegment(JSONPathChildSegment):
        __slots__ = ()

        def resolve(self, nodes: Iterable[Any]) -> Iterator[Any]:
            _count(1)
            return counted(super().resolve(nodes))

    class DescentSegment(JSONPathRecursiveDescentSegment):
        __slots__ = ()

        def resolve(self, nodes: Iterable[Any]) -> Iterator[Any]:
            return counted(super().resolve(nodes))

        def _visit(self, node: Any, depth: int = 1) -> Iterable[Any]:
            _count(1 + (len(node.parts) >> 2))
            return super()._visit(node, depth)

    kinds = {JSONPathChildSegment: ChildSegment, JSONPathRecursiveDescentSegment: DescentSegment}

    class CountingParser(Parser):
        def parse_query(self, stream: Any) -> Iterator[Any]:
            for segment in super().parse_query(stream):
                kind = kinds[type(segment)]
                yield kind(env=segment.env, token=segment.token, selectors=segment.selectors)

    class BoundedSearch(Search):
        method = "search"

        def __call__(self, value: object, pattern: object) -> bool:
            if not isinstance(value, str) or not isinstance(pattern, str):
                return False
            return _search(self.method, map_re(pattern), 0, value)

    class BoundedMatch(BoundedSearch, Match):
        method = "fullmatch"

    class Environment(jsonpath.JSONPathEnvironment):
        parser_class = CountingParser
        max_recursion_depth = MAX_DEPTH

        def setup_function_extensions(self) -> None:
            super().setup_function_extensions()
            self.function_extensions["search"] = BoundedSearch()
            self.function_extensions["match"] = BoundedMatch()

        def compare(self, left: object, operator: str, right: Any) -> bool:
            if operator == "=~" and hasattr(right, "fullmatch"):
                return isinstance(left, str) and _search("fullmatch", right.pattern, right.flags, left)
            return super().compare(left, operator, right)

    return Environment()


def compile_query(rest: str) -> tuple[Callable[[Any], list[Any]], bool]:
    """Compile the part of a query behind its root.

    Returns
    -------
    (find, definite)
        `find(value)` gives all hits; `definite` says that there can be one at most. It raises `StateError` ``States.Runtime`` when a
        bound is passed or the library cannot go on.

    Raises
    ------
    QuerySyntaxError

    Examples
    --------
    >>> find, definite = compile_query("..id")
    >>> find({"id": 1, "next": {"id": 2}}), definite
    ([1, 2], False)
    """
    import jsonpath

    with _import_lock:
        environment = _environment()
    try:
        compiled = environment.compile("$" + rest)
    except (
        jsonpath.JSONPathError, re.error, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, AttributeError,
    ) as problem:  # fmt: skip
        lines = str(problem).splitlines()
        raise QuerySyntaxError(lines[0] if lines else "it cannot be read") from None

    def find(value: Any) -> list[Any]:
        if not isinstance(value, (dict, list)):  # the library would read a text as JSON
            return []
        before = getattr(_bound, "left", 0)
        _bound.left = WORK_LIMIT
        try:
            return compiled.findall(value)
        except (jsonpath.JSONPathError, ArithmeticError, LookupError, TypeError, ValueError) as problem:
            lines = str(problem).splitlines()
            raise StateError("States.Runtime", f"The query failed: {lines[0] if lines else problem!r}") from None
        finally:
            _bound.left = before

    return find, isinstance(compiled, jsonpath.JSONPath) and compiled.singular_query()


__all__ = ["PATTERN_LIMIT", "SEARCH_LIMIT_S", "WORK_LIMIT", "QuerySyntaxError", "compile_query"]
