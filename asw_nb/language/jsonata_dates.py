"""`$now`, `$millis`, `$fromMillis`, `$toMillis`: times as milliseconds since 1970 and as text, told by a picture.

Source: XPath functions 3.1, "fn:format-dateTime". Days are counted here rather than by `datetime`, whose years end at
9999; the week rules are ISO 8601's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_integers import Integer, integer_picture, integer_reader, write_integer
from asw_nb.language.jsonata_regex import Pattern
from asw_nb.language.jsonata_values import UNDEFINED

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_DAY = 86_400_000
_LAST = 8_640_000_000_000_000
"""The farthest millisecond of a JavaScript date."""

_PICTURE_LIMIT = 1_000
_DEFAULTS = {
    **dict.fromkeys("YMDdWwXxHhf", "1"), **dict.fromkeys("FPCE", "n"), **dict.fromkeys("ms", "01"),
    **dict.fromkeys("Zz", "01:01"),
}  # fmt: skip
_ISO = re.compile(
    r"(\d{4})(?:-([01]\d))?(?:-([0-3]\d))?(?:T([0-2]\d):([0-5]\d):([0-5]\d))?(\.\d+)?(?:([+-])([0-2]\d):?([0-5]\d)|Z)?"
)


# --- the calendar ---------------------------------------------------------------------------------------------------


def days_of(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date; months (0 to 11) and days beyond their end run on."""
    year, month = year + month // 12, month % 12
    # Years start in March here, so that the leap day is the last of a year.
    shifted = year - (month < 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 10) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month (0 to 11) and day of a day counted from 1970-01-01."""
    era, of_era = divmod(days + 719_468, 146_097)
    years = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * years + years // 4 - years // 100)
    shifted = (5 * of_year + 2) // 153
    month = (shifted + 2) % 12
    return era * 400 + years + (month < 2), month, of_year - (153 * shifted + 2) // 5 + 1


def _first_week(year: int, month: int) -> int:
    """The Monday of the week that holds the fourth day of a month: where its weeks are counted from."""
    first = days_of(year, month, 1)
    weekday = (first + 3) % 7
    return first - weekday if weekday <= 3 else first + 7 - weekday


def _week(today: int, this: int, following: int, previous: int) -> int:
    if today >= following:
        return 1
    start = this if today >= this else previous
    return (today - start) // 7 + 1


class Moment:
    """A time, taken apart as pictures ask for it."""

    def __init__(self, millis: int) -> None:
        self.millis = millis
        self.day, self.of_day = divmod(millis, _DAY)
        self.year, self.month, self.date = date_of(self.day)

    def part(self, component: str) -> Any:
        """The value of a component; the letters are those of pictures."""
        hour = self.of_day // 3_600_000
        simple: dict[str, Callable[[], Any]] = {
            "Y": lambda: self.year,
            "M": lambda: self.month + 1,
            "D": lambda: self.date,
            "d": lambda: self.day - days_of(self.year, 0, 1) + 1,
            "F": lambda: (self.day + 3) % 7 + 1,
            "W": self._year_week,
            "w": self._month_week,
            "X": lambda: self.year + self._shift(12),
            "x": lambda: (self.month + self._shift(1)) % 12 + 1,
            "H": lambda: hour,
            "h": lambda: hour % 12 or 12,
            "P": lambda: "pm" if hour >= 12 else "am",
            "m": lambda: self.of_day // 60_000 % 60,
            "s": lambda: self.of_day // 1000 % 60,
            "f": lambda: self.of_day % 1000,
            "C": lambda: "ISO",
            "E": lambda: "ISO",
        }
        return simple[component]() if component in simple else UNDEFINED

    def _year_week(self) -> int:
        this, following, previous = (_first_week(self.year + shift, 0) for shift in (0, 1, -1))
        return _week(self.day, this, following, previous)

    def _month_week(self) -> int:
        this, following, previous = (_first_week(self.year, self.month + shift) for shift in (0, 1, -1))
        return _week(self.day, this, following, previous)

    def _shift(self, months: int) -> int:
        """-1, 0 or 1: whether the day belongs to the weeks of the year (12) or month (1) before or after its own."""
        start = 0 if months == 12 else self.month
        if self.day < _first_week(self.year, start):
            return -1
        return 1 if self.day >= _first_week(self.year, start + months) else 0


# --- pictures -------------------------------------------------------------------------------------------------------


@dataclass
class Marker:
    """One ``[...]`` of a picture."""

    component: str
    names: str = ""
    integer: Integer | None = None
    widest: int | None = None
    zulu: bool = False
    year_digits: int = -1


Piece = str | Marker


def date_picture(picture: str) -> list[Piece]:
    """Read a picture such as ``[Y0001]-[M01]-[D01]``."""
    if len(picture) > _PICTURE_LIMIT:
        raise JsonataError("D3142", message=f"A date/time picture string may have {_PICTURE_LIMIT} characters")
    pieces: list[Piece] = []
    at = 0
    while at < len(picture):
        bracket = picture.find("[", at)
        end = len(picture) if bracket < 0 else bracket
        if end > at:
            pieces.append(picture[at:end].replace("]]", "]"))
        if bracket < 0:
            break
        if picture.startswith("[[", bracket):
            pieces.append("[")
            at = bracket + 2
            continue
        close = picture.find("]", bracket)
        if close < 0:
            raise JsonataError("D3135")
        pieces.append(_marker("".join(picture[bracket + 1 : close].split()), pieces))
        at = close + 1
    return pieces


def _marker(text: str, before: list[Piece]) -> Marker:
    component = text[:1]
    shape, comma, width = text[1:].rpartition(",")
    if not comma:
        shape, width = text[1:], ""
    narrowest, _, widest = width.partition("-")
    second = ""
    if not shape:
        if component not in _DEFAULTS:
            raise JsonataError("D3132", value=component)
        shape = _DEFAULTS[component]
    elif len(shape) > 1 and shape[-1] in "atco":
        shape, second = shape[:-1], shape[-1]
    marker = Marker(component, widest=_width(widest), zulu=second == "t")
    if shape[0] in "nN":
        marker.names = "lower" if shape[0] == "n" else "title" if shape[1:2] == "n" else "upper"
    elif component in "YMDdFWwXxHhmsf":
        marker.integer = integer = integer_picture(f"{shape};{second}" if second else shape)
        integer.mandatory = max(integer.mandatory, _width(narrowest) or 0)
        if component == "Y":
            digits = integer.mandatory + integer.optional
            if marker.widest is not None:
                marker.year_digits = integer.mandatory = marker.widest
            elif digits >= 2:
                marker.year_digits = digits
        if before and isinstance(before[-1], Marker) and before[-1].integer is not None:
            before[-1].integer.parse_width = before[-1].integer.mandatory
    if component in ("Z", "z"):
        marker.integer = integer_picture(shape)
    return marker


def _width(text: str) -> int | None:
    digits = re.match(r"\d{1,3}", text)
    return int(digits.group()) if digits else None


_ISO_PICTURE = date_picture("[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]")


# --- writing --------------------------------------------------------------------------------------------------------


def millis(run: Run) -> int:
    return run.now()


def now(run: Run, picture: Any, timezone: Any) -> str:
    return from_millis(run, run.now(), picture, timezone)


def from_millis(run: Run, value: Any, picture: Any, timezone: Any) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    hours = minutes = 0
    if timezone is not UNDEFINED:
        found = re.match(r"\s*([-+]?\d{1,6})", timezone)
        if found is None:
            raise JsonataError("D3142", message=f"A time zone is four digits such as +0100, but was {timezone[:50]}")
        offset = int(found.group(1))
        hours, minutes = offset // 100, int(math.fmod(offset, 100))
    moment = math.floor(value) + (60 * hours + minutes) * 60_000
    if abs(moment) > _LAST:
        raise JsonataError("D1001", value=value)
    pieces = _ISO_PICTURE if picture is UNDEFINED else date_picture(picture)
    taken = Moment(moment)
    run.grow(100 * len(pieces))
    return "".join(p if isinstance(p, str) else _written(p, taken, hours, minutes, run) for p in pieces)


def _written(marker: Marker, moment: Moment, hours: int, minutes: int, run: Run) -> str:
    component = marker.component
    if component in "Zz":
        return _offset(marker, hours, minutes, run)
    value = moment.part(component)
    if component == "P":
        return value.upper() if marker.names == "upper" else value
    if value is UNDEFINED or component in "CE":
        return value if value is not UNDEFINED else ""
    if marker.names:
        return _named(marker, value)
    if component == "Y" and marker.year_digits != -1:
        value = int(math.fmod(value, 10**marker.year_digits))
    assert marker.integer is not None
    return write_integer(value, marker.integer, run)


def _named(marker: Marker, value: int) -> str:
    if marker.component in "Mx":
        name = _MONTHS[value - 1]
    elif marker.component == "F":
        name = _DAYS[value - 1]
    else:
        raise JsonataError("D3133", value=marker.component)
    name = name.upper() if marker.names == "upper" else name.lower() if marker.names == "lower" else name
    return name if marker.widest is None else name[: marker.widest]


def _offset(marker: Marker, hours: int, minutes: int, run: Run) -> str:
    offset = hours * 100 + minutes
    integer = marker.integer
    assert integer is not None
    if offset == 0 and marker.zulu:
        return "Z"
    if integer.repeat or integer.mandatory in (3, 4):
        text = write_integer(offset, integer, run)
    elif integer.mandatory in (1, 2):
        text = write_integer(hours, integer, run)
        if minutes:
            text += f":{'-' if minutes < 0 else ''}{abs(minutes):02d}"
    else:
        raise JsonataError("D3134", value=integer.mandatory)
    return ("GMT" if marker.component == "z" else "") + ("+" if offset >= 0 else "") + text


# --- reading --------------------------------------------------------------------------------------------------------


def to_millis(run: Run, text: Any, picture: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    if picture is UNDEFINED:
        return _from_iso(text)
    if len(text) > _PICTURE_LIMIT:
        return UNDEFINED
    return _from_picture(run, text, date_picture(picture))


def _from_iso(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None:
        raise JsonataError("D3110", value=text)
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = found.groups()
    if not 1 <= int(month or 1) <= 12 or not 1 <= int(day or 1) <= 31 or int(hour or 0) > 24:
        raise JsonataError("D3110", value=text)
    thousandths = int((fraction or ".0")[1:4].ljust(3, "0"))
    days = days_of(int(year), int(month or 1) - 1, int(day or 1))
    shift = (int(off_hours) * 60 + int(off_minutes)) * 60_000 if sign else 0
    of_day = (int(hour or 0) * 60 + int(minute or 0)) * 60_000 + int(second or 0) * 1000 + thousandths
    return days * _DAY + of_day - (shift if sign != "-" else -shift)


def _reader(piece: Piece) -> tuple[str, Callable[[str], Any] | None]:
    """The regular expression of a piece, and what reads it; literals are not read."""
    if isinstance(piece, str):
        return re.sub(r"[.*+?^${}()|\[\]\\]", r"\\\g<0>", piece), None
    component, integer = piece.component, piece.integer
    if component in "Zz":
        assert integer is not None
        separator = integer.separators[0][1] if integer.repeat else ""
        regex = "[-+][0-9]+" + (re.sub(r"[.*+?^${}()|\[\]\\]", r"\\\g<0>", separator) + "[0-9]+" if separator else "")
        prefix = "GMT" if component == "z" else ""
        return prefix + regex, lambda text: _read_offset(text[len(prefix) :], separator)
    if component == "f":
        return "[0-9]+", lambda text: int(text[:3].ljust(3, "0"))
    if integer is not None:
        return integer_reader(integer)
    if component in "Mx":
        names = {name[: piece.widest]: index for index, name in enumerate(_MONTHS, 1)}
    elif component == "F":
        names = {name[: piece.widest]: index for index, name in enumerate(_DAYS, 1)}
    elif component == "P":
        names = {"am": 0, "AM": 0, "pm": 1, "PM": 1}
    else:
        raise JsonataError("D3133", value=component)
    return "[a-zA-Z]+", lambda text: names.get(text, UNDEFINED)


def _read_offset(text: str, separator: str) -> int:
    """Minutes."""
    if separator:
        hours, _, minutes = text.partition(separator)
    else:
        hours, minutes = text[:3], text[3:]
    return int(hours[:6]) * 60 + int(minutes[:6] or 0)


def _from_picture(run: Run, text: str, pieces: list[Piece]) -> Any:
    readers = [_reader(piece) for piece in pieces]
    pattern = Pattern("^" + "".join(f"({regex})" for regex, _ in readers) + "$", True, False)
    match = pattern.search(text, 0, run)
    if match is None:
        return UNDEFINED
    parts: dict[str, Any] = {}
    for piece, (_, read), found in zip(pieces, readers, match.groups(), strict=True):
        if read is not None and isinstance(piece, Marker):
            parts[piece.component] = read(found)
    if not parts:
        return UNDEFINED
    return _composed(run, parts)


def _composed(run: Run, parts: dict[str, Any]) -> Any:
    """Milliseconds from components. What is coarser than the first that is given comes from now, what is finer is zero."""
    given = {name for name, value in parts.items() if value is not UNDEFINED and value != 0}
    by_day, by_week = _fits("YXMxWwdD", "Yd", given) or _fits("YXMxWwdD", "YMD", given), False
    day_of_year = not _fits("YXMxWwdD", "YMD", given) and _fits("YXMxWwdD", "Yd", given)
    week_of_month = _fits("YXMxWwdD", "Xxw", given)
    by_week = not by_day and (week_of_month or _fits("YXMxWwdD", "XW", given))
    half_day = not _fits("PHhmsf", "Hmsf", given) and _fits("PHhmsf", "Phmsf", given)
    if day_of_year:
        wanted = "Yd"
    elif week_of_month:
        wanted = "XxwF"
    elif by_week:
        wanted = "XWF"
    else:
        wanted = "YMD"
    current = Moment(run.now())
    started = ended = False
    for name in wanted + ("Phmsf" if half_day else "Hmsf"):
        if parts.get(name, UNDEFINED) is UNDEFINED:
            parts[name] = (1 if name in "MDd" else 0) if started else current.part(name)
            ended = ended or started
        else:
            started = True
            if ended:
                raise JsonataError("D3136")
    if wanted in ("XxwF", "XWF"):
        raise JsonataError("D3136")
    if half_day:
        parts["H"] = (0 if parts["h"] == 12 else parts["h"]) + (12 if parts["P"] == 1 else 0)
    year = parts["Y"] + 1900 if 0 <= parts["Y"] <= 99 else parts["Y"]
    month, day = (0, parts["d"]) if day_of_year else (max(parts["M"], 1) - 1, parts["D"])
    if max(abs(value) for value in (year, month, day, parts["H"], parts["m"], parts["s"])) > 10**9:
        raise JsonataError("D1001", value=parts["Y"])
    clock = (parts["H"] * 60 + parts["m"]) * 60_000 + parts["s"] * 1000 + parts["f"]
    offset = parts.get("Z") or parts.get("z") or 0
    return days_of(year, month, day) * _DAY + clock - offset * 60_000


def _fits(alphabet: str, allowed: str, given: set[str]) -> bool:
    """Some of the `allowed` components are given, and of the alphabet no other."""
    present = {name for name in alphabet if name in given}
    return bool(present) and present <= set(allowed)
