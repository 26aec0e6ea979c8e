r"""Regular expressions of JavaScript, matched by the package `regex` because its searches can be stopped.

A search of the standard library's `re` can neither be stopped nor lets another thread run meanwhile: one
``/^(a|a|aa)+$/`` would hold the whole kernel. `regex` takes a time limit and releases the interpreter while it searches.

The two dialects differ in a few constructs, rewritten here: ``.`` and ``$`` know four line ends, ``\d \w \b`` are ASCII,
``[^]`` and ``[]`` mean anything and nothing, and what only `regex` knows (sets in sets, fuzzy counts) is text.
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Any

from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.patterns import EXPANDED_LIMIT, expanded_size

_LINE_ENDS = r"\n\r\u2028\u2029"
_WORD = "A-Za-z0-9_"
_OUTSIDE = {
    ".": f"[^{_LINE_ENDS}]",
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": f"[{_WORD}]",
    r"\W": f"[^{_WORD}]",
    r"\b": rf"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    r"\B": rf"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
    "$": r"\Z",
    "[^]": r"[\s\S]",
    "[]": r"(?!)",
}
_MULTILINE = {"^": rf"(?:\A|(?<=[{_LINE_ENDS}]))", "$": rf"(?:\Z|(?=[{_LINE_ENDS}]))"}
_INSIDE = {r"\d": "0-9", r"\w": _WORD, r"\b": r"\x08", "[": r"\[", "&": r"\&", "~": r"\~", "|": r"\|"}
_TOKEN = re.compile(r"\\c[A-Za-z]|\\.|\[\^\]|\[\]|\[\^?|\{\d+(?:,\d*)?\}|.", re.S)
# An escaped letter that JavaScript reads as the letter, and `regex` as something of its own.
_PLAIN_ESCAPES = set("aeghijlmopqyzACEFGHIJKLMNOPQRTUVXYZ")


class BadPattern(Exception):
    """No regular expression; the text says why."""


class Pattern:
    """A regular expression between slashes; compiled when it is first used."""

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str, ignore_case: bool, multiline: bool) -> None:
        self.source = source
        self._compiled = _compiled(source, ignore_case, multiline)

    def search(self, text: str, start: int, run: Run) -> Any:
        """The first match at or behind `start`; None when there is none."""
        run.step(16)
        try:
            return self._compiled.search(text, start, timeout=run.left_s(), concurrent=True)
        except TimeoutError:
            run.look()
            raise JsonataError("D1012", value=round(run.limit_s * 1000)) from None


_lock = threading.Lock()


@lru_cache(512)
def _compiled(source: str, ignore_case: bool, multiline: bool) -> Any:
    if expanded_size(source) > EXPANDED_LIMIT:
        raise BadPattern(f"/{source[:100]}/: with all its repetitions it has more than {EXPANDED_LIMIT} parts")
    with _lock:
        import regex
    flags = regex.V0 | (regex.IGNORECASE if ignore_case else 0)
    try:
        return regex.compile(translated(source, multiline), flags, cache_pattern=False)
    except (regex.error, RecursionError, OverflowError, ValueError, IndexError, KeyError) as error:
        raise BadPattern(f"/{source[:100]}/: {str(error).split(' at position')[0]}") from None


def translated(source: str, multiline: bool) -> str:
    """The pattern as `regex` has to be told."""
    outside = _OUTSIDE | _MULTILINE if multiline else _OUTSIDE
    out: list[str] = []
    inside = False
    for match in _TOKEN.finditer(source):
        token = match.group()
        if len(token) == 2 and token[0] == "\\" and token[1] in _PLAIN_ESCAPES:
            out.append(token[1])
        elif token.startswith("\\c"):
            out.append(f"\\x{ord(token[2]) % 32:02x}")
        elif inside:
            inside = token != "]"
            # "[]" and "[^" were read as one token, but inside a class they are characters.
            out.append(_INSIDE.get(token, token if token[0] != "[" else "\\" + token))
            if token in ("[]", "[^]"):
                inside = False
        elif token in ("[", "[^"):
            inside = True
            out.append(token)
        elif token == "{":
            out.append(r"\{")
        else:
            out.append(outside.get(token, token))
    return "".join(out)
