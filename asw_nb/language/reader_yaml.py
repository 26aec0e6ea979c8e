"""YAML text -> tree and places in one reading of the parser's events, with the types of YAML 1.2.

PyYAML follows YAML 1.1, where ``no`` is false, ``0123`` is octal and ``2020-01-01`` a date; a state called ``On`` would
become ``true``. So only its parser is used, and plain scalars get the types of the YAML 1.2 core schema. Aliases are
followed, up to a size; tags, merge keys and keys that are no strings are refused, since JSON has none of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from asw_nb.language.reader_json import MAX_DEPTH, MAX_DUPLICATES, Enough, Fault, Node

MAX_ALIASED = 100_000

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


# libyaml's parser, where PyYAML was built with it: ten times faster, the same events.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain(word: str, start: int) -> Any:
    """The value of an unquoted scalar after the YAML 1.2 core schema.

    Examples
    --------
    >>> plain("yes", 0), plain("0o17", 0), plain("1e3", 0)
    ('yes', 15, 1000.0)
    """
    if word in _NULL:
        return None
    if word in _BOOLEAN:
        return _BOOLEAN[word]
    if word[0] not in "-+.0123456789":
        return word
    if _NO_NUMBER.fullmatch(word):
        raise Fault(start, f"{word} is no JSON value.", "Write a number, a string or null.")
    try:
        if _INTEGER.fullmatch(word):
            return int(word)
        if _BASED.fullmatch(word):
            return int(word, 0)
    except ValueError:
        raise Fault(start, f"The number {word[:20]}... is too large.", "Write it in quotes.") from None
    if not _FLOAT.fullmatch(word):
        return word
    value = float(word)
    if math.isinf(value):
        raise Fault(start, f"The number {word[:20]} is too large.", "Write it in quotes.")
    return value


class Composer:
    """One reading of a YAML text."""

    def __init__(self, text: str, line_of: Any) -> None:
        self.text = text
        self.line_of = line_of
        self.anchors: dict[str, tuple[Any, Node, int] | None] = {}
        self.path: list[str | int] = []
        self.count = 0
        self.aliased = 0
        self.duplicates: list[Fault] = []
        self.events: Iterator[Any] = iter(())

    def compose(self) -> tuple[Any, Node]:
        """The value and the places of the text's one document.

        Raises
        ------
        Fault
        """
        self.events = yaml.parse(self.text, Loader=_LOADER)
        try:
            event = self.next()
            while not isinstance(event, yaml.DocumentStartEvent):
                if isinstance(event, yaml.StreamEndEvent):
                    raise Fault(0, "The text is empty.", "Write a definition.")
                event = self.next()
            found = self.value(self.next(), 1)
            event = self.next()
            while not isinstance(event, yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    message = 'A second document starts here with "---"; a definition is one document.'
                    mark: Any = event.start_mark
                    raise Fault(mark.index, message, 'Remove the "---" or one of the two documents.')
                event = self.next()
        except yaml.YAMLError as problem:
            raise self.explain(problem) from None
        return found

    def next(self) -> Any:
        return next(self.events)

    def value(self, event: Any, depth: int) -> tuple[Any, Node]:
        start = int(event.start_mark.index)
        if type(event) is yaml.AliasEvent:
            return self.alias(str(event.anchor), start)
        before = self.count
        self.count += 1
        if getattr(event, "tag", None) is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            fix = "Remove the tag; quote the value to make it a string."
            raise Fault(start, f"The tag {shown[:60]} has no meaning in a definition.", fix)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        result: tuple[Any, Node]
        if isinstance(event, yaml.ScalarEvent):
            value = plain(event.value, start) if event.implicit[0] else event.value
            result = value, Node(start)
        else:
            if depth > MAX_DEPTH:
                raise Fault(
                    start, f"Mappings and lists are nested deeper than {MAX_DEPTH} levels.", "Flatten the definition."
                )
            inside = self.mapping if isinstance(event, yaml.MappingStartEvent) else self.sequence
            result = inside(start, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (*result, self.count - before)
        return result

    def alias(self, name: str, start: int) -> tuple[Any, Node]:
        if name not in self.anchors:
            raise Fault(start, f"The alias *{name} has no anchor &{name} before it.", "Define the anchor first.")
        found = self.anchors[name]
        if found is None:
            raise Fault(start, f"The alias *{name} stands inside its own anchor.", "Write the value out.")
        value, node, size = found
        self.count += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            fix = "Write the values out, or repeat less."
            raise Fault(start, f"The aliases of this text grow it to more than {MAX_ALIASED} values.", fix)
        return value, node

    def sequence(self, start: int, depth: int) -> tuple[Any, Node]:
        values: list[Any] = []
        items: list[Node] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            self.path.append(len(values))
            value, node = self.value(event, depth + 1)
            self.path.pop()
            values.append(value)
            items.append(node)
        return values, Node(start, items=items)

    def mapping(self, start: int, depth: int) -> tuple[Any, Node]:
        values: dict[str, Any] = {}
        fields: dict[str, tuple[int, Node]] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key_at = event.start_mark.index
            key = self.key(event, key_at)
            self.path.append(key)
            value, node = self.value(self.next(), depth + 1)
            if key in values:
                first = self.line_of(fields[key][0])
                message = f'The key "{key[:80]}" is written twice in this object, first on line {first}.'
                self.duplicates.append(Fault(key_at, message, "Remove or rename one of the two.", list(self.path)))
                if len(self.duplicates) >= MAX_DUPLICATES:
                    raise Enough
            self.path.pop()
            values[key] = value
            fields[key] = (key_at, node)
        return values, Node(start, fields=fields)

    def key(self, event: Any, start: int) -> str:
        if not isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
            raise Fault(start, "A list or mapping cannot be a key.", "Write a string as the key.")
        key, _ = self.value(event, 1)
        if isinstance(key, str):
            if key == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                raise Fault(start, 'Merge keys ("<<") are no part of YAML 1.2.', "Write the fields out.")
            return key
        if isinstance(event, yaml.AliasEvent):
            raise Fault(start, f"The key *{event.anchor} is no string.", "Write the key out, in quotes.")
        word = event.value[:60]
        raise Fault(start, f"The key {word or '(empty)'} is no string.", f'Write "{word}" in quotes.')

    def explain(self, problem: Exception) -> Fault:
        """The parser's complaint, in words of somebody who writes a definition."""
        mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
        what = str(getattr(problem, "problem", None) or getattr(problem, "reason", None) or "the text cannot be read")
        start = mark.index if mark is not None else int(getattr(problem, "position", 0) or 0)
        start = min(start, len(self.text))
        line = self.text[self.text.rfind("\n", 0, start) + 1 :].split("\n", 1)[0]
        if "\t" in line[: len(line) - len(line.lstrip())]:
            at = self.text.rfind("\n", 0, start) + 1 + line.index("\t")
            return Fault(
                at, "YAML is indented with spaces; this line starts with a tab.", "Replace the tab with spaces."
            )
        if "mapping values are not allowed" in what:
            fix = 'Put a text that contains ": " in quotes, and check the indentation.'
            return Fault(start, 'A ":" cannot start a value here.', fix)
        if "cannot start any token" in what:
            found = self.text[start : start + 1]
            return Fault(start, f'A plain text cannot start with "{found}".', "Put the text in quotes.")
        if (
            "expected <block end>" in what
            or "did not find expected key" in what
            or "could not find expected ':'" in what
        ):
            fix = 'Indent the fields of one object equally, and write each as "name: value".'
            return Fault(start, "This line does not fit into the structure around it.", fix)
        if "did not find expected ',' or" in what or "expected ',' or" in what:
            return Fault(start, 'A "," or the closing bracket is missing before this.', "Close what is open.")
        if "quoted scalar" in str(getattr(problem, "context", "")) and "end of stream" in what:
            mark = getattr(problem, "context_mark", None)
            at = mark.index if mark is not None else start
            return Fault(at, "The quoted text that starts here is never closed.", "Add the closing quote.")
        if "invalid Unicode character" in what:
            return Fault(start, "This escape names no character.", "Write the character itself.")
        if "unknown escape character" in what:
            return Fault(
                start, "This backslash starts no escape of YAML.", "Use single quotes, or write two backslashes."
            )
        if "special characters are not allowed" in what or "control characters are not allowed" in what:
            return Fault(
                start,
                "A control character stands in the text.",
                "Remove it, or write it as an escape in double quotes.",
            )
        return Fault(start, f"This is no YAML: {what}.", "Check the indentation and the quotes around here.")


__all__ = ["MAX_ALIASED", "Composer", "plain"]
