"""Text functions that match: `$match`, `$contains`, `$replace`, `$split`, and the matcher that a ``/pattern/`` is.

A matcher is a function: text -> ``{match, start, end, groups, next}``, where `next` is the function that finds the next
match. Expressions may bring their own; those of regular expressions are walked directly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from asw_nb.language.jsonata_calls import Function, Plain, apply
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_regex import Pattern
from asw_nb.language.jsonata_values import UNDEFINED, Made, Record, Sequence


class Matcher(Plain):
    """A regular expression as a function."""

    __slots__ = ("pattern", "position")

    def __init__(self, pattern: Pattern, position: int) -> None:
        super().__init__(self._first)
        self.pattern, self.position = pattern, position

    def _first(self, run: Run, subject: Any = UNDEFINED, *_: Any) -> Any:
        return _found(self, subject, 0, run) if isinstance(subject, str) else UNDEFINED


def _found(made: Matcher, subject: str, start: int, run: Run) -> Any:
    match = made.pattern.search(subject, start, run)
    if match is None:
        return UNDEFINED
    end = match.end()

    def following(run: Run, *_: Any) -> Any:
        if end >= len(subject):
            return UNDEFINED
        found = _found(made, subject, end, run)
        if found is not UNDEFINED and found["match"] == "":
            raise JsonataError("D1004", made.position, value=made.pattern.source)
        return found

    run.grow(2 * len(match.group()) + 600)
    groups = Made(UNDEFINED if group is None else group for group in match.groups())
    return Record(match=match.group(), start=match.start(), end=end, groups=groups, next=Plain(following))


def _matches(function: Function, subject: str, run: Run) -> Iterator[Any]:
    """The matches, one after the other."""
    found = apply(function, [subject], None, run)
    while found is not UNDEFINED:
        if not isinstance(found, dict) or not (
            _is_count(found.get("start")) or isinstance(found.get("groups"), list) or _is_next(found)
        ):
            raise JsonataError("T1010")
        yield found
        if not _is_next(found):
            raise JsonataError("T1010")
        found = apply(found["next"], [], None, run)


def _is_count(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _is_next(found: dict[str, Any]) -> bool:
    return isinstance(found.get("next"), Function)


def _limited(matches: Iterator[Any], limit: Any) -> Iterator[Any]:
    """The first matches; like the reference, one more is looked for than is used."""
    for count, found in enumerate(matches):
        if limit is not UNDEFINED and count >= limit:
            return
        yield found


def contains(run: Run, subject: Any, token: Any) -> Any:
    if subject is UNDEFINED or token is UNDEFINED:
        return UNDEFINED
    if type(token) is str:
        run.step(len(subject) >> 6)
        return token in subject
    return next(_matches(token, subject, run), UNDEFINED) is not UNDEFINED


def match(run: Run, subject: Any, pattern: Any, limit: Any) -> Any:
    if subject is UNDEFINED:
        return UNDEFINED
    if limit is not UNDEFINED and limit < 0:
        raise JsonataError("D3040", value=limit, index=3)
    result = Sequence()
    if limit is UNDEFINED or limit > 0:
        for found in _limited(_matches(pattern, subject, run), limit):
            entry = Record(match=found.get("match", UNDEFINED), index=found.get("start", UNDEFINED))
            entry["groups"] = found.get("groups", UNDEFINED)
            run.grow(300)
            result.append(entry)
    return result


def split(run: Run, subject: Any, separator: Any, limit: Any) -> Any:
    if subject is UNDEFINED:
        return UNDEFINED
    if limit is not UNDEFINED and limit < 0:
        raise JsonataError("D3020", value=limit, index=3)
    if limit is not UNDEFINED and limit <= 0:
        return Made()
    if type(separator) is str:
        return _split_text(run, subject, separator, limit)
    result = Made()
    start, count, left = 0, 0, limit is UNDEFINED
    for found in _limited(_matches(separator, subject, run), limit):
        result.append(subject[start : found["start"]])
        run.grow(50 + found["start"] - start)
        start = found["end"]
        count += 1
    left = limit is UNDEFINED or count < limit
    if left:
        run.grow(50 + len(subject) - start)
        result.append(subject[start:])
    return result


def _split_text(run: Run, subject: str, separator: str, limit: Any) -> Made:
    pieces = len(subject) if separator == "" else subject.count(separator) + 1
    run.grow(58 * pieces + len(subject))
    parts = Made(subject) if separator == "" else Made(subject.split(separator))
    return parts if limit is UNDEFINED else Made(parts[: math.floor(limit)])


def replace(run: Run, subject: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
    if subject is UNDEFINED:
        return UNDEFINED
    if pattern == "" and type(pattern) is str:
        raise JsonataError("D3010", value=pattern, index=2)
    if limit is not UNDEFINED and limit < 0:
        raise JsonataError("D3011", value=limit, index=4)
    if limit is not UNDEFINED and limit <= 0:
        return subject
    if type(pattern) is str:
        return _replace_text(run, subject, pattern, replacement, limit)
    out: list[str] = []
    start = 0
    for found in _limited(_matches(pattern, subject, run), limit):
        out.append(subject[start : found["start"]])
        if type(replacement) is str:
            new: Any = _filled(replacement, found)
        else:
            new = apply(replacement, [found], None, run)
        if type(new) is not str:
            raise JsonataError("D3012", value=new)
        run.grow(len(out[-1]) + len(new) + 100)
        out.append(new)
        start = found["start"] + len(found["match"])
    out.append(subject[start:])
    run.grow(sum(map(len, out)))
    return "".join(out)


def _replace_text(run: Run, subject: str, old: str, new: Any, limit: Any) -> str:
    if type(new) is not str:
        # The reference puts the function's own text there; nobody can mean that.
        raise JsonataError("D3012", value=new)
    count = subject.count(old)
    if limit is not UNDEFINED:
        count = min(count, math.ceil(limit))
    run.grow(len(subject) + count * max(0, len(new) - len(old)))
    return subject.replace(old, new, count)


def _filled(template: str, found: dict[str, Any]) -> str:
    """`$1`, `$12`, `$0` and `$$` of a replacement text, filled in."""
    groups = found["groups"]
    out: list[str] = []
    position = 0
    digits = 1 if not groups else math.floor(math.log10(len(groups))) + 1
    while (at := template.find("$", position)) >= 0:
        out.append(template[position:at])
        position = at + 1
        sign = template[position : position + 1]
        if sign == "$":
            out.append("$")
            position += 1
        elif sign == "0":
            out.append(found["match"])
            position += 1
        else:
            number = _leading(template[position : position + digits])
            if number is not None and digits > 1 and number > len(groups):
                number = _leading(template[position : position + digits - 1])
            if number is None:
                out.append("$")
                continue
            if 0 < number <= len(groups) and groups[number - 1] is not UNDEFINED:
                out.append(groups[number - 1])
            position += len(str(number))
    out.append(template[position:])
    return "".join(out)


def _leading(text: str) -> int | None:
    """The number in front of a text."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return int(digits) if digits.isascii() and digits else None
