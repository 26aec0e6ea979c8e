"""What can be read of a damaged file goes into a new one; the damaged one is kept beside it.

A bad page hides the rows that lie on it, no others. So a table is read from its beginning until it fails, from its end until it fails, and what lies
between is halved until every readable row is found. Events that follow a gap are left out, because an execution is followed from its first event on.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from asw_nb.engine import events as ev
from asw_nb.engine.payload import decode
from asw_nb.history import faults
from asw_nb.history.schema import MIGRATIONS, TABLES

LOWEST, HIGHEST = -(2**63), 2**63 - 1
PROBES = 5_000
"""How often a table's middle is halved at most: enough for a hundred bad pages."""


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
        told = f"saved {_count(self.executions, 'execution')} with {_count(self.events, 'event')}; the damaged file is kept as {self.kept.name}"
        if self.incomplete:
            names = [f'"{name}" from event {number} on' for name, number in self.incomplete.items()]
            told += f"; lost: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        return told


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def rebuild(path: Path) -> Salvage:
    """Put a file in place of the damaged one with everything that can be read of it.

    Raises
    ------
    InUse
        Another connection has it open: nothing was done.
    sqlite3.DatabaseError
        Not even the list of its tables can be read: nothing was done.
    """
    new = path.with_name(f"{path.name}.rebuilt")
    new.unlink(missing_ok=True)
    faults.make_file(new)
    source = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        _claim(source)
        source.execute("SELECT name FROM sqlite_master").fetchall()
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
        source.execute("SELECT 1")


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
        target.execute("CREATE TABLE migrations(name TEXT PRIMARY KEY, applied_us INTEGER NOT NULL)")
        for name, script in MIGRATIONS:
            for statement in script.split(";"):
                if statement.strip():
                    target.execute(statement)
            target.execute("INSERT INTO migrations VALUES(?, ?)", (name, time.time_ns() // 1000))
        for table in TABLES:
            width = len(target.execute(f"PRAGMA table_info({table})").fetchall())
            for row in rows(source, table):
                if len(row) == width and _is_sound(table, row):
                    target.execute(f"INSERT OR REPLACE INTO {table} VALUES({','.join('?' * width)})", row)
        target.execute("UPDATE executions SET owner=NULL WHERE status='RUNNING'")
        salvage.incomplete = cut_at_gaps(target)
        salvage.incomplete = cut_off(target) | salvage.incomplete
        (salvage.executions,) = target.execute("SELECT count(*) FROM executions").fetchone()
        (salvage.events,) = target.execute("SELECT coalesce(sum(count), 0) FROM events").fetchone()
        target.execute("COMMIT")
        target.execute("PRAGMA journal_mode=WAL")
    finally:
        target.close()


_JSON = {"definitions": (3,), "executions": (7, 8, 16), "events": (3,), "outputs": (3, 4)}


def _is_sound(table: str, row: tuple[Any, ...]) -> bool:
    """Whether the JSON in a row can be read: a bad page may look like a good one."""
    try:
        values = [decode(row[at]) for at in _JSON.get(table, ()) if row[at]]
    except (msgspec.DecodeError, UnicodeError, TypeError, ValueError):
        return False
    return table != "events" or (len(values) == 1 and isinstance(values[0], list) and len(values[0]) == row[2])


def rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """Every row of a table that can be read."""
    waiting, probes = [(LOWEST, HIGHEST)], 0
    while waiting and probes < PROBES:
        low, high = waiting.pop()
        probes += 1
        first = low
        broken = False
        query = f"SELECT rowid, * FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
        try:
            for number, *row in source.execute(query, (low, high)):
                first = number + 1
                yield tuple(row)
        except (sqlite3.Error, OverflowError):
            broken = True
        if not broken:
            continue
        last = high
        try:
            for number, *row in source.execute(f"{query} DESC", (first, high)):
                last = number - 1
                yield tuple(row)
        except (sqlite3.Error, OverflowError):
            pass
        else:
            continue
        if last > first:  # both ends are bad; nothing is known about the middle
            middle = first + (last - first) // 2
            waiting += [(first, middle), (middle + 1, last)] if (first, middle) != (low, high) else []


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


__all__ = ["InUse", "Salvage", "cut_at_gaps", "cut_off", "free_name", "gaps", "rebuild", "rows"]
