"""`$formatInteger` and `$parseInteger`: integers as digits, words, Roman numerals or letters, told by a picture.

Source: XPath functions 3.1, "fn:format-integer"; what JSONata leaves out of it raises D3130.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_values import UNDEFINED, number, number_text

_SMALL = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
]
_SMALL_ORDINALS = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
]
_TENS = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"]
_POWERS = ["Thousand", "Million", "Billion", "Trillion"]
_ROMAN = {
    "m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50, "xl": 40, "x": 10, "ix": 9, "v": 5, "iv": 4,
    "i": 1,
}  # fmt: skip
_ZEROS = (
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900,
    0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
)  # fmt: skip


@dataclass
class Integer:
    """A picture of an integer, read. `separators` are (digits to the right, character); `repeat` when they are regular."""

    kind: str
    case: str = "lower"
    ordinal: bool = False
    zero: int = 0x30
    mandatory: int = 0
    optional: int = 0
    separators: list[tuple[int, str]] = field(default_factory=list)
    repeat: int = 0
    token: str = ""
    parse_width: int | None = None


_KINDS = {
    "A": ("letters", "upper"), "a": ("letters", "lower"), "I": ("roman", "upper"), "i": ("roman", "lower"),
    "W": ("words", "upper"), "w": ("words", "lower"), "Ww": ("words", "title"),
}  # fmt: skip


def integer_picture(picture: str) -> Integer:
    """Read a picture such as ``#,##0``, ``Ww;o`` or ``I``."""
    primary, semicolon, modifier = picture.rpartition(";")
    if not semicolon:
        primary, modifier = picture, ""
    ordinal = modifier.startswith("o")
    if primary in _KINDS:
        kind, case = _KINDS[primary]
        return Integer(kind, case, ordinal)
    result = Integer("decimal", ordinal=ordinal, token=primary)
    zero: int | None = None
    place = 0
    for char in reversed(primary):
        group = next((start for start in _ZEROS if start <= ord(char) <= start + 9), None)
        if group is not None:
            if zero is not None and group != zero:
                raise JsonataError("D3131")
            zero = group
            result.mandatory += 1
            place += 1
        elif char == "#":
            result.optional += 1
            place += 1
        else:
            result.separators.append((place, char))
    if zero is None:
        result.kind = "sequence"
        return result
    result.zero = zero
    result.repeat = _repeat(result.separators)
    return result


def _repeat(separators: list[tuple[int, str]]) -> int:
    """The distance of separators that are all alike and evenly spaced from the right; 0 for others."""
    if not separators or len({char for _, char in separators}) > 1:
        return 0
    places = [place for place, _ in separators]
    factor = math.gcd(*places)
    return factor if factor and set(places) >= {factor * index for index in range(1, len(places) + 1)} else 0


def format_integer(run: Run, value: Any, picture: Any) -> Any:
    if value is UNDEFINED or picture is UNDEFINED:
        return UNDEFINED
    run.grow(20 * len(picture))
    # By its digits as they are written: 1e46 is ten to the 46th, and not the integer nearest to that double.
    whole = value if type(value) is int else math.floor(Decimal(repr(value)))
    return write_integer(whole, integer_picture(picture), run)


def write_integer(value: int, form: Integer, run: Run) -> str:
    """An integer as its picture says."""
    size = abs(value)
    if form.kind == "letters":
        text = _letters(size, "A" if form.case == "upper" else "a")
    elif form.kind == "roman":
        run.grow(size // 1000)
        text = _cased(_roman(size), form.case)
    elif form.kind == "words":
        text = _cased(_words(size, form.ordinal), form.case)
    elif form.kind == "decimal":
        text = _digits(size, form, run)
    else:
        raise JsonataError("D3130", value=form.token)
    return "-" + text if value < 0 else text


def _cased(text: str, case: str) -> str:
    return text.upper() if case == "upper" else text.lower() if case == "lower" else text


def _digits(size: int, form: Integer, run: Run) -> str:
    run.grow(2 * form.mandatory)
    text = number_text(number(size)).rjust(form.mandatory, "0")
    if form.zero != 0x30:
        text = "".join(chr(ord(digit) + form.zero - 0x30) for digit in text)
    if form.repeat:
        char = form.separators[0][1]
        head = len(text) % form.repeat
        parts = [text[at : at + form.repeat] for at in range(head, len(text), form.repeat)]
        text = char.join([text[:head], *parts] if head else parts)
    else:
        for place, char in reversed(form.separators):
            at = max(0, len(text) - place)
            text = text[:at] + char + text[at:]
    if form.ordinal:
        teen = len(text) > 1 and text[-2] == "1"
        text += "th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(text[-1], "th")
    return text


def _letters(size: int, first: str) -> str:
    text = ""
    while size > 0:
        size, rest = divmod(size - 1, 26)
        text = chr(rest + ord(first)) + text
    return text


def _roman(size: int) -> str:
    text = ""
    for letters, worth in _ROMAN.items():
        count, size = divmod(size, worth)
        text += letters * count
    return text


def _words(size: int, ordinal: bool, behind: bool = False) -> str:
    """`behind`: more significant words stand in front."""
    if size < 100:
        link = " and " if behind else ""
        if size < 20:
            return link + (_SMALL_ORDINALS if ordinal else _SMALL)[size]
        tens, rest = divmod(size, 10)
        if rest:
            return f"{link}{_TENS[tens - 2]}-{_words(rest, ordinal)}"
        return link + (_TENS[tens - 2][:-1] + "ieth" if ordinal else _TENS[tens - 2])
    if size < 1000:
        count, rest = divmod(size, 100)
        name = "Hundred"
    else:
        power = min((len(str(size)) - 1) // 3, len(_POWERS))
        count, rest = divmod(size, 1000**power)
        name = _POWERS[power - 1]
    text = f"{', ' if behind else ''}{_words(count, False)} {name}"
    return text + (_words(rest, ordinal, True) if rest else "th" if ordinal else "")


# --- reading --------------------------------------------------------------------------------------------------------


@lru_cache(1)
def word_values() -> dict[str, int]:
    """Every word that stands for a number."""
    values = {word.lower(): size for size, word in enumerate(_SMALL)}
    values |= {word.lower(): size for size, word in enumerate(_SMALL_ORDINALS)}
    for size, word in enumerate(_TENS, 2):
        values[word.lower()] = values[word.lower()[:-1] + "ieth"] = size * 10
    values["hundred"] = values["hundredth"] = 100
    for power, word in enumerate(_POWERS, 1):
        values[word.lower()] = values[word.lower() + "th"] = 1000**power
    return values


def integer_reader(form: Integer) -> tuple[str, Callable[[str], Any]]:
    """The regular expression that such an integer matches, and what reads it."""
    upper = form.case == "upper"
    if form.kind == "letters":
        return ("[A-Z]+" if upper else "[a-z]+"), lambda text: _from_letters(text, "A" if upper else "a")
    if form.kind == "roman":
        return ("[MDCLXVI]+" if upper else "[mdclxvi]+"), lambda text: _from_roman(text.lower())
    if form.kind == "words":
        return "(?:" + "|".join([*word_values(), "and", "[\\-, ]"]) + ")+", lambda text: _from_words(text.lower())
    if form.kind == "sequence":
        raise JsonataError("D3130", value=form.token)
    regex = "[0-9]" + (f"{{{form.parse_width}}}" if form.parse_width else "+")
    return regex + ("(?:th|st|nd|rd)" if form.ordinal else ""), lambda text: _from_digits(text, form)


def parse_integer(run: Run, text: Any, picture: Any) -> Any:
    if text is UNDEFINED or picture is UNDEFINED:
        return UNDEFINED
    run.grow(20 * (len(text) + len(picture)))
    return integer_reader(integer_picture(picture))[1](text)


def _from_letters(text: str, first: str) -> Any:
    result = 0.0
    for letter in text:
        result = result * 26 + ord(letter) - ord(first) + 1
    return UNDEFINED if math.isinf(result) else number(int(result))


def _from_roman(text: str) -> Any:
    worth = [_ROMAN.get(letter) for letter in text]
    if None in worth:
        return UNDEFINED
    values: list[int] = [value for value in worth if value is not None]
    return sum(-a if a < b else a for a, b in pairwise([*values, 0]))


def _from_words(text: str) -> Any:
    parts = [0]
    for word in re.split(r",\s|\sand\s|[\s\\-]", text):
        value = word_values().get(word)
        if value is None:
            return UNDEFINED
        if value < 100:
            if parts[-1] >= 1000:
                parts.append(0)
            parts[-1] += value
        else:
            parts[-1] *= value
            if parts[-1] > 10**300:
                return UNDEFINED
    return number(sum(parts))


def _from_digits(text: str, form: Integer) -> Any:
    digits = text[:-2] if form.ordinal else text
    for char in {","} if form.repeat else {char for _, char in form.separators}:
        digits = digits.replace(char, "")
    if form.zero != 0x30:
        digits = "".join(chr(max(0, ord(digit) - form.zero + 0x30)) for digit in digits)
    found = re.match(r"\s*[-+]?[0-9]+", digits)
    if found is None:
        return UNDEFINED
    read = float(found.group())
    return UNDEFINED if math.isinf(read) else number(int(found.group())) if abs(read) < 1e300 else read
