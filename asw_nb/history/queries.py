"""Which executions are wanted: what a reader asks for, as SQL, so that the file and not Python throws away the rest."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from asw_nb.engine.payload import encode
from asw_nb.errors import UsageError, did_you_mean
from asw_nb.history.store import _COLUMNS, _FROM, Record, Store, _record

STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
TYPES = ("STANDARD", "EXPRESS")

Moment = str | datetime | date | timedelta
Words = str | Iterable[str]

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")


@dataclass(frozen=True)
class Wanted:
    """What a reader asks for; what is None does not matter.

    Attributes
    ----------
    workflow, name, status, type, backend, error : str or list of str
        Any of these; a ``*`` in a workflow, name or error stands for any text.
    since, until : datetime, date, timedelta or str
        Started then or later, and before then: a moment (UTC when it says nothing else), or an age such as ``"24h"``.
    tags : dict
        Has these tags with these values.
    limit : int
        At most so many, the newest.
    """

    workflow: Words | None = None
    name: Words | None = None
    status: Words | None = None
    type: Words | None = None
    backend: Words | None = None
    error: Words | None = None
    since: Moment | None = None
    until: Moment | None = None
    tags: Mapping[str, Any] | None = None
    limit: int | None = None


def records(store: Store, wanted: Wanted) -> list[Record]:
    """The rows that fit, newest first.

    Raises
    ------
    UsageError
        A filter makes no sense.
    """
    where, values = _conditions(wanted)
    tail = f" LIMIT {_limit(wanted.limit)}" if wanted.limit is not None else ""
    clause = f" WHERE {' AND '.join(where)}" if where else ""
    query = f"SELECT {_COLUMNS} {_FROM}{clause} ORDER BY e.started_us DESC, e.id DESC{tail}"
    return [_record(row) for row in store.query(query, values)]


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    for what, allowed in (("workflow", None), ("name", None), ("status", STATUSES), ("type", TYPES), ("backend", None), ("error", None)):
        words = _words(what, getattr(wanted, what), allowed)
        if words is None:
            continue
        # GLOB knows ? and [ too, which a name may hold
        parts = [f"e.{what} GLOB ?" if "*" in word else f"e.{what} = ?" for word in words]
        where.append(f"({' OR '.join(parts) or '0'})")
        values += [re.sub(r"([\[?])", r"[\1]", word) if "*" in word else word for word in words]
    for what, sign in (("since", ">="), ("until", "<")):
        moment = getattr(wanted, what)
        if moment is not None:
            where.append(f"e.started_us {sign} ?")
            values.append(moment_us(what, moment))
    for key, value in (wanted.tags or {}).items():
        # as JSON on both sides: 1 is not "1", and false is not 0
        where.append("(SELECT json_quote(t.value) || t.type FROM json_each(e.tags) t WHERE t.key = ?) = (SELECT json_quote(v.value) || v.type FROM json_each(?) v)")
        values += [str(key), encode([value]).decode()]
    return where, values


def _words(what: str, given: Words | None, allowed: tuple[str, ...] | None) -> list[str] | None:
    if given is None:
        return None
    words = [given] if isinstance(given, str) else list(given)
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"{what}={word!r} must be a text, or a list of texts.")
        if allowed is not None and word not in allowed:
            raise UsageError(f'{what}="{word}" is not known.{did_you_mean(word, allowed)} Use one of: {", ".join(allowed)}.')
    return words


def _limit(limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise UsageError(f"limit={limit!r} must be a number of executions.")
    return limit


def moment_us(what: str, moment: Moment) -> int:
    """A moment or an age as microseconds since 1970.

    Examples
    --------
    >>> moment_us("since", "2026-11-02T12:00:00+08:00"), moment_us("since", datetime(1970, 1, 2))
    (1793592000000000, 86400000000)
    """
    if isinstance(moment, str):
        age = _AGE.fullmatch(moment.strip())
        if age is not None:
            moment = timedelta(seconds=float(age[1]) * _UNITS_S[age[2]])
        else:
            try:
                moment = datetime.fromisoformat(moment)
            except ValueError:
                raise UsageError(f'{what}="{moment}" must be an age such as "24h" or "7d", or a moment such as "2026-11-02T12:00" (UTC).') from None
    if isinstance(moment, timedelta):
        return time.time_ns() // 1000 - round(moment.total_seconds() * 1e6)
    if isinstance(moment, date):
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1e6)
    raise UsageError(f'{what}={moment!r} must be an age such as "24h", a timedelta, or a date (in UTC).')


__all__ = ["Wanted", "moment_us", "records"]
