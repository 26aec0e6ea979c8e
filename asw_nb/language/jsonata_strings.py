"""Functions of JSONata on texts and numbers. Arguments come validated by the signature; nothing in, nothing out."""

from __future__ import annotations

import base64 as base64_codec
import math
import re
import urllib.parse
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_values import UNDEFINED, Whole, number, number_text
from asw_nb.language.jsonata_values import text as as_text

_DECIMAL_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_OTHER_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+")


def string(run: Run, value: Any, pretty: Any) -> Any:
    if type(value) is Whole:
        value = value[0]
    return UNDEFINED if value is UNDEFINED else as_text(value, run, pretty is True)


def length(run: Run, text: Any) -> Any:
    return UNDEFINED if text is UNDEFINED else len(text)


def substring(run: Run, text: Any, start: Any, count: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    start = 0 if start is UNDEFINED or len(text) + start < 0 else start
    if count is UNDEFINED:
        return text[math.trunc(start) :]
    if count <= 0:
        return ""
    end = start + count if start >= 0 else len(text) + start + count
    return text[math.trunc(start) : math.trunc(end)]


def substring_before(run: Run, text: Any, chars: Any) -> Any:
    if text is UNDEFINED or chars is UNDEFINED:
        return text
    return text.partition(chars)[0] if chars else ""


def substring_after(run: Run, text: Any, chars: Any) -> Any:
    if text is UNDEFINED or not chars:
        return text
    before, found, after = text.partition(chars)
    return after if found else before


def lowercase(run: Run, text: Any) -> Any:
    return _grown(run, text, str.lower)


def uppercase(run: Run, text: Any) -> Any:
    return _grown(run, text, str.upper)


def _grown(run: Run, text: Any, change: Callable[[str], str]) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    run.grow(len(text))
    return change(text)


def trim(run: Run, text: Any) -> Any:
    return _grown(run, text, lambda text: re.sub(r"[ \t\n\r]+", " ", text).strip(" "))


def pad(run: Run, text: Any, width: Any, char: Any) -> Any:
    if text is UNDEFINED or width is UNDEFINED:
        return text
    char = char if char is not UNDEFINED and char else " "
    missing = abs(math.trunc(width)) - len(text)
    if missing <= 0:
        return text
    run.grow(missing + len(text))
    padding = (char * (missing // len(char) + 1))[:missing]
    return text + padding if width > 0 else padding + text


def join(run: Run, texts: Any, separator: Any) -> Any:
    if texts is UNDEFINED:
        return UNDEFINED
    separator = "" if separator is UNDEFINED else separator
    run.grow(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


# --- encodings ------------------------------------------------------------------------------------------------------


def base64encode(run: Run, text: Any) -> Any:
    """Like `btoa`: one byte for each UTF-16 unit, its lower one."""
    if text is UNDEFINED:
        return UNDEFINED
    run.grow(2 * len(text))
    return base64_codec.b64encode(text.encode("utf-16-le", "surrogatepass")[::2]).decode()


def base64decode(run: Run, text: Any) -> Any:
    """Lenient like Node's decoder: foreign characters are skipped, padding may be missing."""
    if text is UNDEFINED:
        return UNDEFINED
    run.grow(2 * len(text))
    digits = re.sub(r"[^A-Za-z0-9+/]", "", text.partition("=")[0].replace("-", "+").replace("_", "/"))
    digits = digits[:-1] if len(digits) % 4 == 1 else digits
    return base64_codec.b64decode(digits + "=" * (-len(digits) % 4)).decode("latin-1")


_COMPONENT = "!*'()"
_RESERVED = ";/?:@&=+$,#"


def _encoder(function: str, safe: str) -> Callable[[Run, Any], Any]:
    def encode(run: Run, text: Any) -> Any:
        if text is UNDEFINED:
            return UNDEFINED
        run.grow(4 * len(text))
        try:
            return urllib.parse.quote(text, safe=safe)
        except UnicodeEncodeError:
            raise JsonataError("D3140", value=text, function=function) from None

    return encode


def _decoder(function: str, kept: str) -> Callable[[Run, Any], Any]:
    escapes = "|".join(f"%{ord(char):02X}" for char in kept)
    keep = re.compile(f"(?i)%(?=(?:{escapes.replace('%', '')}))") if kept else None

    def decode(run: Run, text: Any) -> Any:
        if text is UNDEFINED:
            return UNDEFINED
        run.grow(2 * len(text))
        try:
            if re.search(r"%(?![0-9A-Fa-f]{2})", text):
                raise ValueError
            return urllib.parse.unquote(keep.sub("%25", text) if keep else text, errors="strict")
        except ValueError:
            raise JsonataError("D3140", value=text, function=function) from None

    return decode


encode_url_component = _encoder("encodeUrlComponent", _COMPONENT)
encode_url = _encoder("encodeUrl", _COMPONENT + _RESERVED)
decode_url_component = _decoder("decodeUrlComponent", "")
decode_url = _decoder("decodeUrl", _RESERVED)


# --- numbers --------------------------------------------------------------------------------------------------------


def to_number(run: Run, value: Any) -> Any:
    if value is UNDEFINED or type(value) is int or type(value) is float:
        return value
    if type(value) is bool:
        return int(value)
    if type(value) is str:
        if _DECIMAL_NUMBER.fullmatch(value):
            run.step(len(value))
            read = float(value)
            if math.isfinite(read):
                return number(int(value)) if value.lstrip("-").isdigit() and len(value) < 400 else read
        elif _OTHER_NUMBER.fullmatch(value) and len(value) < 250:
            return number(int(value, 0))
    raise JsonataError("D3030", value=value, index=1)


def _rounded(run: Run, value: Any, change: Callable[[float], int]) -> Any:
    if value is UNDEFINED or type(value) is int:
        return value
    return number(change(value))


def floor(run: Run, value: Any) -> Any:
    return _rounded(run, value, math.floor)


def ceil(run: Run, value: Any) -> Any:
    return _rounded(run, value, math.ceil)


_WIDE = Context(prec=1000)


def round_(run: Run, value: Any, precision: Any) -> Any:
    """To the nearest, halves to the even one, of the number as it is written."""
    if value is UNDEFINED:
        return UNDEFINED
    digits = 0 if precision is UNDEFINED else math.trunc(max(-400, min(400, precision)))
    written = Decimal(number_text(value))
    if digits >= -written.as_tuple().exponent:  # type: ignore[operator]
        return value
    result = written.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, _WIDE)
    return number(int(result)) if digits <= 0 else float(result) + 0.0


def absolute(run: Run, value: Any) -> Any:
    return UNDEFINED if value is UNDEFINED else abs(value)


def sqrt(run: Run, value: Any) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    if value < 0:
        raise JsonataError("D3060", value=value, index=1)
    return math.sqrt(number(value))


def power(run: Run, base: Any, exponent: Any) -> Any:
    if base is UNDEFINED:
        return UNDEFINED
    try:
        result = math.pow(number(base), number(exponent)) if exponent is not UNDEFINED else math.nan
    except (OverflowError, ValueError):
        result = math.inf
    if not math.isfinite(result):
        raise JsonataError("D3061", value=base, exp=exponent, index=1)
    return int(result) if result.is_integer() and abs(result) <= 2**53 else result


def format_base(run: Run, value: Any, radix: Any) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    base = 10 if radix is UNDEFINED else round_(run, radix, UNDEFINED)
    if not 2 <= base <= 36:
        raise JsonataError("D3100", value=base)
    rest = int(round_(run, value, UNDEFINED))
    sign, rest = ("-", -rest) if rest < 0 else ("", rest)
    digits = ""
    while rest or not digits:
        rest, digit = divmod(rest, int(base))
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return sign + digits
