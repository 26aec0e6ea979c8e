"""What can be read of a damaged file goes into a new one; the damaged one is kept beside it.

A bad page hides the rows that lie on it, no others. So a table is read until it fails, and again from beyond the bad page; rows that were passed over
with it are asked for by the numbers that an index has, and by halving what was skipped. Events that follow a gap are left out, because an execution is followed from its first event on.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from asw_nb.engine import events as ev
from asw_nb.engine.payload import decode
from asw_nb.history import faults
from asw_nb.history.schema import TABLES, create

HIGHEST = 2**63 - 1
REACH = 2**12
"""How far beyond the last row that could be read others are looked for, when nothing after it can be read."""

PROBES = 20_000
"""How often what was skipped is halved at most."""


class InUse(Exception):
    """Somebody else has the file open."""


@dataclass(slots=True)
class Salvage:
    """What was saved, and what was not.

    Attributes
    ----------
    incomplete : dict
        Name of an execution -> number of its first event that is missing.
    kept : Path
        Where the damaged file is.
    """

    kept: Path
    executions: int = 0
    events: int = 0
    incomplete: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        told = f"saved {count_text(self.executions, 'execution')} with {count_text(self.events, 'event')}; the damaged file is kept as {self.kept.name}"
        if self.incomplete:
            names = [f'"{name}" from event {number} on' for name, number in self.incomplete.items()]
            told += f"; lost: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        return told


def count_text(number: int, thing: str) -> str:
    """So many of a thing.

    Examples
    --------
    >>> count_text(1, "row"), count_text(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def rebuild(path: Path) -> Salvage:
    """Put a file in place of the damaged one with everything that can be read of it.

    Raises
    ------
    InUse
        Another connection has it open: nothing was done.
    sqlite3.Error, ValueError
        Not even the list of its tables can be read: nothing was done.
    """
    new = path.with_name(f"{path.name}.rebuilt")
    new.unlink(missing_ok=True)
    faults.make_file(new)
    source = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        _claim(source)
        source.execute("PRAGMA writable_schema=ON")  # the one way to be let into a file that has been cut off
        _must_have_tables(source)
        source.text_factory = lambda data: data.decode("utf-8", "replace")
        salvage = Salvage(free_name(path))
        _copy(source, new, salvage)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        source.close()
    os.rename(path, salvage.kept)
    for tail in ("-wal", "-shm"):
        if os.path.exists(f"{path}{tail}"):
            os.rename(f"{path}{tail}", f"{salvage.kept}{tail}")
    os.rename(new, path)
    return salvage


def _claim(source: sqlite3.Connection) -> None:
    """Nobody else may write while the file is exchanged."""
    try:
        source.execute("PRAGMA locking_mode=EXCLUSIVE")
        source.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as problem:
        if faults.is_passing(problem):
            raise InUse from None
        # a file too damaged for a transaction may still be readable


def _must_have_tables(source: sqlite3.Connection) -> None:
    """A table that is no longer known by its name would be left out without a word."""
    for table in TABLES:
        try:
            rows = source.execute(f"PRAGMA table_info({table})").fetchall()
        except sqlite3.OperationalError as problem:
            raise ValueError(str(problem)) from None
        if not rows:
            raise ValueError(f'the table "{table}" is not to be found')
        source.execute(f"SELECT * FROM {table} WHERE 0").fetchall()


def free_name(path: Path, what: str = "damaged") -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    number, name = 1, path.with_name(f"{path.name}.{what}-{stamp}")
    while name.exists():
        number, name = number + 1, path.with_name(f"{path.name}.{what}-{stamp}-{number + 1}")
    return name


def _copy(source: sqlite3.Connection, new: Path, salvage: Salvage) -> None:
    target = sqlite3.connect(new, isolation_level=None)
    try:
        target.execute("BEGIN")
        create(target)
        for table in TABLES:
            width = len(target.execute(f"PRAGMA table_info({table})").fetchall())
            # the new file has settings already; of two other rows that claim one place, the first is as good as the second
            way = "REPLACE" if table == "settings" else "IGNORE"
            for row in rows(source, table):
                if len(row) == width and _is_sound(table, row):
                    target.execute(f"INSERT OR {way} INTO {table} VALUES({','.join('?' * width)})", row)
        target.execute("UPDATE executions SET owner=NULL WHERE status='RUNNING'")
        salvage.incomplete = cut_at_gaps(target)
        salvage.incomplete = cut_off(target) | salvage.incomplete
        (salvage.executions,) = target.execute("SELECT count(*) FROM executions").fetchone()
        (salvage.events,) = target.execute("SELECT coalesce(sum(count), 0) FROM events").fetchone()
        target.execute("COMMIT")
        target.execute("PRAGMA journal_mode=WAL")
    finally:
        target.close()


_JSON = {"definitions": (3,), "executions": (7, 8, 15), "events": (3,), "outputs": (3, 4)}


def _is_sound(table: str, row: tuple[Any, ...]) -> bool:
    """Whether the JSON in a row can be read: a bad page may look like a good one."""
    try:
        values = [decode(row[at]) for at in _JSON.get(table, ()) if row[at]]
    except (msgspec.DecodeError, UnicodeError, TypeError, ValueError):
        return False
    if table not in ("events", "outputs", "settings") and type(row[0]) is not int:
        return False
    if table == "events" and not all(type(number) is int for number in row[:3]):
        return False
    return table != "events" or (len(values) == 1 and isinstance(values[0], list) and len(values[0]) == row[2])


def unsound(db: sqlite3.Connection) -> list[str]:
    """Tables with rows whose text or JSON cannot be read, although the pages they lie on are sound."""
    out = []
    strict, db.text_factory = db.text_factory, bytes
    try:
        for table in TABLES:
            if table == "events":
                continue  # a history has its own check
            bad = 0
            for row in db.execute(f"SELECT * FROM {table}"):
                try:
                    told = tuple(
                        value.decode() if isinstance(value, bytes) and table != "settings" else value for value in row
                    )
                    bad += not _is_sound(table, told)
                except UnicodeDecodeError:
                    bad += 1
            if bad:
                out.append(f"{count_text(bad, 'row')} of {table} cannot be read")
    finally:
        db.text_factory = strict
    return out


def rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Every row of a table that can be read."""
    found: set[int] = set()
    skipped: list[tuple[int, int]] = []
    at: int | None = 0
    while at is not None:
        start = at
        for number, row in _scan(source, table, start, HIGHEST, "ASC"):
            if number is None:
                at = None
            else:
                start = number + 1
                found.add(number)
                yield row
        if at is not None:
            at = _next_readable(source, table, start)
            skipped.append((start, at - 1 if at is not None else start + REACH))
    for number, row in _fetch(source, table, skipped, found):
        if number not in found:
            found.add(number)
            yield row


def _next_readable(source: sqlite3.Connection, table: str, at: int) -> int | None:
    """The lowest number beyond a bad page from which reading succeeds: found by doubling, then by halving."""

    def is_readable(number: int) -> bool:
        try:
            source.execute(
                f"SELECT * FROM {table} NOT INDEXED WHERE rowid >= ? ORDER BY rowid LIMIT 1", (number,)
            ).fetchall()
        except (sqlite3.Error, OverflowError):
            return False
        return True

    step = 1
    while not is_readable(at + step):
        step *= 2
        if at + step > HIGHEST:
            return None
    bad, good = at + step // 2, at + step
    while good - bad > 1:
        middle = (bad + good) // 2
        bad, good = (bad, middle) if is_readable(middle) else (middle, good)
    return good


def _fetch(
    source: sqlite3.Connection, table: str, skipped: list[tuple[int, int]], found: set[int]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Rows between bad pages: by the numbers that an index tells, and by halving what was skipped."""
    if not skipped:
        return
    for (index,) in source.execute(
        "SELECT name FROM sqlite_master WHERE type='index' AND tbl_name=?", (table,)
    ).fetchall():
        with suppress(sqlite3.Error):  # the index may be damaged too, or not speak of all rows
            for (number,) in source.execute(f'SELECT rowid FROM {table} INDEXED BY "{index}"').fetchall():
                if number not in found:
                    yield from ((n, row) for n, row in _scan(source, table, number, number, "ASC") if n is not None)
    waiting, probes = skipped[::-1], 0
    while waiting and probes < PROBES:
        low, high = waiting.pop()
        probes += 1
        for order in ("ASC", "DESC"):
            for number, row in _scan(source, table, low, high, order):
                if number is None:
                    low = high + 1
                else:
                    low, high = (number + 1, high) if order == "ASC" else (low, number - 1)
                    yield number, row
        if low < high:
            middle = (low + high) // 2
            waiting += [(middle + 1, high), (low, middle)]


def _scan(
    source: sqlite3.Connection, table: str, low: int, high: int, order: str
) -> Iterator[tuple[int | None, tuple[Any, ...]]]:
    """(number, row) until a bad page comes; (None, ()) as the last when none came."""
    query = f"SELECT rowid, * FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid {order}"
    try:
        for number, *row in source.execute(query, (low, high)):
            low, high = (number + 1, high) if order == "ASC" else (low, number - 1)
            yield number, tuple(row)
        yield None, ()
        return
    except (sqlite3.Error, OverflowError):
        pass
    # the module looks one row ahead, and drops the row in hand when that fails
    with suppress(sqlite3.Error, OverflowError):
        for number, *row in source.execute(f"{query} LIMIT 1", (low, high)):
            yield number, tuple(row)


def cut_at_gaps(db: sqlite3.Connection) -> dict[str, int]:
    """Delete the events that follow a missing one; name of an execution -> number of its first missing event."""
    out: dict[str, int] = {}
    for key, number in gaps(db).items():
        db.execute("DELETE FROM events WHERE execution=? AND seq>=?", (key, number))
        row = db.execute("SELECT name FROM executions WHERE id=?", (key,)).fetchone()
        if row is not None:
            out[row[0]] = number
    return out


def gaps(db: sqlite3.Connection) -> dict[int, int]:
    """Executions whose events are not all there, or are no events: key -> number of the first."""
    out: dict[int, int] = {}
    expected: dict[int, int] = {}
    for key, seq, count, body in db.execute("SELECT execution, seq, count, body FROM events ORDER BY execution, seq"):
        at = expected.get(key, 0)
        if seq != at or not _is_sound("events", (key, seq, count, body)):
            out.setdefault(key, at)
        expected[key] = seq + count
    return out


def cut_off(db: sqlite3.Connection) -> dict[str, int]:
    """Ended executions whose last events are missing: name -> number of the first."""
    out: dict[str, int] = {}
    ended = "SELECT id, name FROM executions WHERE status<>'RUNNING' AND type='STANDARD'"
    newest = "SELECT seq + count, body FROM events WHERE execution=? ORDER BY seq DESC LIMIT 1"
    for key, name in db.execute(ended).fetchall():
        end, body = db.execute(newest, (key,)).fetchone() or (0, b"[]")
        if not _ends(decode(body)):
            out[name] = end
    return out


def _ends(events: list[Any]) -> bool:
    if not events:
        return False
    last = events[-1]
    return last[0] == ev.ENDED or (
        last[0] in (ev.MOVED, ev.MOVED_RESULT, ev.MOVED_WITH) and last[2] == 0 and last[3] == ev.END
    )


__all__ = [
    "InUse",
    "Salvage",
    "count_text",
    "cut_at_gaps",
    "cut_off",
    "free_name",
    "gaps",
    "rebuild",
    "rows",
    "unsound",
]
