"""`$formatNumber`: a number as a picture such as ``#,##0.00`` says.

Source: XPath functions 3.1, "fn:format-number", with the checks of its section 4.7.3 in JSONata's error codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_strings import round_
from asw_nb.language.jsonata_values import UNDEFINED, number, number_text

_DEFAULTS = {
    "decimal-separator": ".",
    "grouping-separator": ",",
    "exponent-separator": "e",
    "infinity": "Infinity",
    "minus-sign": "-",
    "NaN": "NaN",
    "percent": "%",
    "per-mille": "‰",
    "zero-digit": "0",
    "digit": "#",
    "pattern-separator": ";",
}
_PICTURE_LIMIT = 1_000
_EXACT = Context(prec=2000)


class _Signs:
    """The characters that mean something in a picture."""

    def __init__(self, options: Any) -> None:
        signs = dict(_DEFAULTS)
        if options is not UNDEFINED:
            signs.update(options)
        if not all(type(sign) is str and sign for sign in signs.values()):
            raise JsonataError("T0410", value=options, index=3)
        self.point, self.group, self.exponent = (signs[f"{n}-separator"] for n in ("decimal", "grouping", "exponent"))
        self.minus, self.percent, self.mille = signs["minus-sign"], signs["percent"], signs["per-mille"]
        self.digit, self.pattern = signs["digit"], signs["pattern-separator"]
        zero = ord(signs["zero-digit"][0])
        self.digits = "".join(chr(zero + index) for index in range(10)) if zero < 0x10FFF0 else "0123456789"

    def count(self, part: str, optional: bool = False) -> int:
        """How many digit places a part of a picture has."""
        return sum(char in self.digits or (optional and char == self.digit) for char in part)

    def active(self, char: str) -> bool:
        return char in self.digits or char in (self.point, self.group, self.digit, self.pattern)


@dataclass
class _Picture:
    """One sub-picture, taken apart."""

    text: str
    prefix: str
    suffix: str
    active: str
    mantissa: str
    exponent: str | None
    whole: str
    fraction: str


def _split(text: str, signs: _Signs) -> _Picture:
    places = [at for at, char in enumerate(text) if signs.active(char)]
    prefix = text[: places[0]] if places else ""
    suffix = text[places[-1] + 1 :] if places else ""
    active = text[len(prefix) : len(text) - len(suffix)]
    at = text.find(signs.exponent, len(prefix))
    if at < 0 or at > len(text) - len(suffix):
        mantissa, exponent = active, None
    else:
        # Counted from the start of the sub-picture, as the reference counts.
        mantissa, exponent = active[:at], active[at + 1 :]
    whole, point, fraction = mantissa.partition(signs.point)
    return _Picture(text, prefix, suffix, active, mantissa, exponent, whole, fraction if point else suffix)


def _check(picture: _Picture, signs: _Signs) -> None:
    """Of several faults the last one is told, as by the reference."""
    text = picture.text
    at = text.find(signs.point)
    has_percent, has_mille = signs.percent in text, signs.mille in text
    exponent = picture.exponent
    before_optional = picture.whole.partition(signs.digit)[0] if signs.digit in picture.whole else ""
    after_optional = picture.fraction.rpartition(signs.digit)[2] if signs.digit in picture.fraction else ""
    faults = (
        ("D3081", text.count(signs.point) > 1),
        ("D3082", text.count(signs.percent) > 1),
        ("D3083", text.count(signs.mille) > 1),
        ("D3084", has_percent and has_mille),
        ("D3085", signs.count(picture.mantissa, True) == 0),
        ("D3086", any(not signs.active(char) and char != signs.exponent for char in picture.active)),
        ("D3087", at >= 0 and signs.group in (text[at - 1 : at], text[at + 1 : at + 2])),
        ("D3088", at < 0 and picture.whole.endswith(signs.group)),
        ("D3089", signs.group * 2 in text),
        ("D3090", signs.count(before_optional) > 0),
        ("D3091", signs.count(after_optional) > 0),
        ("D3092", bool(exponent) and (has_percent or has_mille)),
        ("D3093", exponent is not None and (not exponent or any(char not in signs.digits for char in exponent))),
    )
    found = [code for code, fault in faults if fault]
    if found:
        raise JsonataError(found[-1])


def _groups(part: str, whole: str, signs: _Signs, to_left: bool) -> list[int]:
    """Where grouping separators stand, in digits. After the first one the reference looks on in the integer part."""
    places = []
    at = part.find(signs.group)
    while at >= 0:
        places.append(signs.count(part[:at] if to_left else part[at:], True))
        at = whole.find(signs.group, at + 1)
    return places


def _repeat(places: list[int]) -> int:
    factor = math.gcd(*places) if places else 0
    return factor if factor and set(places) >= {factor * index for index in range(1, len(places) + 1)} else 0


def format_number(run: Run, value: Any, picture: Any, options: Any) -> Any:
    if value is UNDEFINED or picture is UNDEFINED:
        return UNDEFINED
    if len(picture) > _PICTURE_LIMIT:
        raise JsonataError("D3142", message=f"A number picture may have {_PICTURE_LIMIT} characters")
    signs = _Signs(options)
    texts = picture.split(signs.pattern)
    if len(texts) > 2:
        raise JsonataError("D3080")
    pictures = [_split(text, signs) for text in texts]
    for one in pictures:
        _check(one, signs)
    negative = value < 0
    chosen = pictures[-1] if negative else pictures[0]
    prefix = (signs.minus if negative and len(pictures) == 1 else "") + chosen.prefix
    return prefix + _write(run, value, chosen, signs) + chosen.suffix


def _sizes(picture: _Picture, signs: _Signs) -> tuple[int, int, int]:
    """Least digits of the integer part, least and most digits of the fraction."""
    whole = signs.count(picture.whole)
    least, most = signs.count(picture.fraction), signs.count(picture.fraction, True)
    scientific = picture.exponent is not None
    if whole == 0 and most == 0:
        if scientific:
            least = most = 1
        else:
            whole = 1
    if scientific and whole == 0 and signs.digit in picture.whole:
        whole = 1
    if whole == 0 and least == 0:
        least = 1
    return whole, least, most


def _write(run: Run, value: Any, picture: _Picture, signs: _Signs) -> str:
    whole_size, least, most = _sizes(picture, signs)
    mantissa = number(value * (100 if signs.percent in picture.text else 1000 if signs.mille in picture.text else 1))
    exponent = 0
    if picture.exponent is not None:
        mantissa, exponent = _scaled(mantissa, signs.count(picture.whole))
    whole, _, fraction = _fixed(abs(round_(run, mantissa, most)), most).partition(".")
    whole, fraction = whole.lstrip("0").rjust(whole_size, "0"), fraction.rstrip("0").ljust(least, "0")
    own_digits = str.maketrans("0123456789", signs.digits)
    text = _grouped(whole.translate(own_digits), picture, signs)
    if fraction:
        text += signs.point + _grouped_fraction(fraction.translate(own_digits), picture, signs)
    if picture.exponent is not None:
        sign = signs.minus if exponent < 0 else ""
        digits = str(abs(exponent)).rjust(signs.count(picture.exponent), "0")
        text += signs.exponent + sign + digits.translate(own_digits)
    return text


def _scaled(value: float, digits: int) -> tuple[float, int]:
    exponent = 0
    most = 10.0**digits if digits < 308 else math.inf
    least = 10.0 ** (digits - 1) if digits < 309 else math.inf
    if value != 0:
        while abs(value) < least and not math.isinf(value):
            value, exponent = value * 10, exponent - 1
        while abs(value) > most:
            value, exponent = value / 10, exponent + 1
    return value, exponent


def _fixed(value: float, digits: int) -> str:
    if value >= 1e21:
        return number_text(float(value))
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT):f}"


def _grouped(digits: str, picture: _Picture, signs: _Signs) -> str:
    places = _groups(picture.whole, picture.whole, signs, False)
    repeat = _repeat(places)
    if repeat:
        places = list(range(repeat, len(digits), repeat))
    for place in sorted(places):
        at = max(0, len(digits) - place - sum(earlier < place for earlier in places))
        digits = digits[:at] + signs.group + digits[at:]
    return digits


def _grouped_fraction(digits: str, picture: _Picture, signs: _Signs) -> str:
    for place in _groups(picture.fraction, picture.whole, signs, True):
        digits = digits[:place] + signs.group + digits[place:]
    return digits
