"""YAML text -> tree and places in one reading of the parser's events, with the types of YAML 1.2.

PyYAML follows YAML 1.1, where ``no`` is false, ``0123`` is octal and ``2020-01-01`` a date; a state called ``On`` would
become ``true``. So only its parser is used, and plain scalars get the types of the YAML 1.2 core schema. Aliases are
followed, up to a size; tags, merge keys and keys that are no strings are refused, since JSON has none of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import count
from typing import Any

import yaml

from asw_nb.language.reader_json import HALF, MAX_DEPTH, MAX_DUPLICATES, Enough, Fault
from asw_nb.language.reader_places import Step, YamlPlaces

MAX_ALIASED = 100_000

FIRST_LOOK = 5_000
"""Values, roughly, after which the reading asks for the first time whether it is worth going on."""

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LETTER_FIRST = frozenset("~nNtTfF-+.0123456789")  # how a plain scalar begins that is no string
_SURROGATE = re.compile("[\ud800-\udfff]")
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


class Frame:
    """An object or array that is being read."""

    __slots__ = ("anchor", "at", "before", "container", "key", "keys", "starts")

    def __init__(self, container: Any, keys: dict[str, int] | None, at: int, anchor: str | None, before: int) -> None:
        self.container, self.keys, self.at, self.anchor, self.before = container, keys, at, anchor, before
        self.starts: list[int] = []
        self.key: str | None = None


class Composer:
    """One reading of a YAML text.

    Parameters
    ----------
    text : str
    line_of : callable
        Offset -> number of the line.
    look : callable, optional
        Asked after `FIRST_LOOK` values, and after each four times as many, whether to go on; raises when not.

    Attributes
    ----------
    frames : list of Frame
        What is being read, outermost first.
    faults : list of Fault
        Keys that repeat: the reading goes on behind them.
    """

    def __init__(self, text: str, line_of: Any, look: Callable[[Composer], None] | None = None) -> None:
        self.text = text
        self.line_of = line_of
        self.look = look
        self.anchors: dict[str, tuple[Any, int, int] | None] = {}
        self.frames: list[Frame] = []
        self.count = 0
        self.aliased = 0
        self.faults: list[Fault] = []
        self.starts: dict[int, list[int]] = {}
        self.keys: dict[int, dict[str, int]] = {}

    @property
    def path(self) -> list[Step]:
        """The way to the value that is being read."""
        steps: list[Step] = []
        for frame in self.frames:
            if frame.keys is None:
                steps.append(len(frame.container) - (frame is not self.frames[-1]))
            elif frame.key is not None:
                steps.append(frame.key)
        return steps

    def compose(self) -> tuple[Any, int]:
        """The value of the text's one document, and where it starts.

        Raises
        ------
        Fault
        """
        loader = _LOADER(self.text)
        try:
            event = loader.get_event()
            while not isinstance(event, yaml.DocumentStartEvent):
                if isinstance(event, yaml.StreamEndEvent):
                    raise Fault(0, "The text is empty.", "Write a definition.")
                event = loader.get_event()
            found = self.read(loader.get_event)
            event = loader.get_event()
            while not isinstance(event, yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    message = 'A second document starts here with "---"; a definition is one document.'
                    mark: Any = event.start_mark
                    raise Fault(mark.index, message, 'Remove the "---" or one of the two documents.')
                event = loader.get_event()
        except yaml.YAMLError as problem:
            raise self.explain(problem) from None
        finally:
            loader.dispose()
        return found

    def places(self, root: Any, start: int) -> YamlPlaces:
        """Where everything stands that was read so far."""
        for frame in self.frames:
            self.starts[id(frame.container)] = frame.starts
            if frame.keys is not None:
                self.keys[id(frame.container)] = frame.keys
        return YamlPlaces(root, start, self.starts, self.keys)

    def read(self, next_event: Callable[[], Any]) -> tuple[Any, int]:
        """One value: a loop over the parser's events, which come by the hundred thousand."""
        frames, halves = self.frames, "\\u" in self.text
        frame: Frame | None = None
        container: Any = None
        keys: dict[str, int] | None = None
        starts: list[int] = []
        look_at = FIRST_LOOK if self.look is not None else math.inf
        for number in count():
            if number > look_at:
                look_at *= 4
                assert self.look is not None
                self.look(self)
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                at = event.start_mark.index
                value = event.value
                self.count += 1
                if event.implicit[0]:
                    if not value or value[0] in _LETTER_FIRST:
                        value = plain(value, at)
                elif halves and _SURROGATE.search(value):
                    raise Fault(at, HALF, "Write the character itself.")
                if event.tag is not None:
                    raise self.no_tags(event.tag, at)
                if event.anchor is not None:
                    self.anchors[event.anchor] = value, at, 1
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                at = event.start_mark.index
                self.enter(event, frame, at)
                new: Any = {} if kind is yaml.MappingStartEvent else []
                if frame is not None:
                    starts.append(at)
                    if keys is None:
                        container.append(new)
                    else:
                        container[frame.key] = new
                container, keys = new, {} if kind is yaml.MappingStartEvent else None
                frame = Frame(new, keys, at, event.anchor, self.count)
                self.count += 1
                starts = frame.starts
                frames.append(frame)
                continue
            elif kind is yaml.AliasEvent:
                at = event.start_mark.index
                value, at = self.alias(event.anchor, at)
            else:  # the end of an object or array
                assert frame is not None
                self.starts[id(container)] = starts
                if keys is not None:
                    self.keys[id(container)] = keys
                if frame.anchor is not None:
                    self.anchors[frame.anchor] = container, frame.at, self.count - frame.before
                frames.pop()
                if not frames:
                    return container, frame.at
                frame = frames[-1]
                container, keys, starts, frame.key = frame.container, frame.keys, frame.starts, None
                continue
            if frame is None:
                return value, at
            if keys is None:
                container.append(value)
                starts.append(at)
            elif frame.key is None:
                if type(value) is not str or value == "<<":
                    self.check_key(event, value, at)
                if value in keys:
                    self.repeated(value, keys[value], event.start_mark.index)
                keys[value] = event.start_mark.index
                frame.key = value
            else:
                container[frame.key] = value
                starts.append(at)
                frame.key = None

        raise AssertionError

    def no_tags(self, tag: str, start: int) -> Fault:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        fix = "Remove the tag; quote the value to make it a string."
        return Fault(start, f"The tag {shown[:60]} has no meaning in a definition.", fix)

    def enter(self, event: Any, frame: Frame | None, start: int) -> None:
        """Whether an object or array may begin here."""
        if frame is not None and frame.keys is not None and frame.key is None:
            raise Fault(start, "A list or mapping cannot be a key.", "Write a string as the key.")
        if event.tag is not None:
            raise self.no_tags(event.tag, start)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if len(self.frames) >= MAX_DEPTH:
            raise Fault(
                start, f"Mappings and lists are nested deeper than {MAX_DEPTH} levels.", "Flatten the definition."
            )

    def alias(self, name: str, start: int) -> tuple[Any, int]:
        if name not in self.anchors:
            raise Fault(start, f"The alias *{name[:80]} has no anchor &{name[:80]} before it.", "Define the anchor first.")
        found = self.anchors[name]
        if found is None:
            raise Fault(start, f"The alias *{name[:80]} stands inside its own anchor.", "Write the value out.")
        value, place, size = found
        self.count += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            fix = "Write the values out, or repeat less."
            raise Fault(start, f"The aliases of this text grow it to more than {MAX_ALIASED} values.", fix)
        return value, place

    def repeated(self, key: str, first: int, start: int) -> None:
        message = f'The key "{key[:80]}" is written twice in this object, first on line {self.line_of(first)}.'
        self.faults.append(Fault(start, message, "Remove or rename one of the two.", [*self.path, key]))
        if len(self.faults) >= MAX_DUPLICATES:
            raise Enough

    def check_key(self, event: Any, key: Any, start: int) -> None:
        if not hasattr(event, "implicit"):  # an alias
            if not isinstance(key, str):
                raise Fault(event.start_mark.index, f"The key *{event.anchor[:80]} is no string.", "Write the key out, in quotes.")
        elif not isinstance(key, str):
            word = event.value[:60]
            raise Fault(start, f"The key {word or '(empty)'} is no string.", f'Write "{word}" in quotes.')
        elif event.implicit[0]:
            raise Fault(start, 'Merge keys ("<<") are no part of YAML 1.2.', "Write the fields out.")

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


__all__ = ["FIRST_LOOK", "MAX_ALIASED", "Composer", "Frame", "plain"]
