"""Keeping a history file small and safe: a copy while it is in use, old executions out, and the space that they leave given back."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from asw_nb.errors import StoreError, UsageError, did_you_mean
from asw_nb.history import faults
from asw_nb.history.store import Record, Store

ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s(?=ec|$)|min|h|d|w)(?:ec|econds?|utes?|ours?|ays?|eeks?)?")

CHUNK = 100
"""Executions that one transaction deletes: nobody else waits for long."""


def backup(store: Store, path: str | os.PathLike[str]) -> Path:
    """Copy the file as it is at this moment, while it is read and written.

    Raises
    ------
    UsageError
        There is a file of that name.
    StoreError
        The copy could not be written, or is not whole.
    """
    target = Path(path).absolute()
    if target.is_dir():
        target = target / f"history-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.db"
    if target.exists():
        raise UsageError(f'the backup "{target}" exists already: choose another name, or move it away.')
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        faults.make_folder(target.parent)
        unfinished.unlink(missing_ok=True)
        faults.make_file(unfinished)
        copy = sqlite3.connect(unfinished, isolation_level=None)
        try:
            store.patiently("read", lambda: store.reader.backup(copy))
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
            ((found,),) = copy.execute("PRAGMA quick_check(1)")
        finally:
            copy.close()
        if found != "ok":
            raise StoreError(
                f'the backup "{target}" was not made: the history file is damaged ({found}). See asw_nb.doctor().'
            )
        os.rename(unfinished, target)
    except (OSError, sqlite3.Error) as problem:
        raise StoreError(f'the backup "{target}" was not made: {problem}.') from None
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return target


def old(
    store: Store,
    older_than: str | timedelta | datetime | None = None,
    status: str | Sequence[str] | None = None,
    workflow: str | None = None,
    keep: int | None = None,
) -> list[Record]:
    """The ended executions that fit everything that is asked for, newest first.

    Raises
    ------
    UsageError
        Nothing is asked for, or it makes no sense.
    """
    if older_than is None and status is None and workflow is None and keep is None:
        raise UsageError(
            'prune needs to be told what goes: older_than="30d", status="FAILED", workflow="etl" or keep=100.'
        )
    before = None if older_than is None else _moment_us(older_than)
    statuses = _statuses(status)
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 0):
        raise UsageError(f"keep={keep!r} must be a number of executions of each workflow.")
    stays: dict[str, int] = {}
    out = []
    for record in store.rows(workflow):
        stays[record.workflow] = stays.get(record.workflow, 0) + 1
        if keep is not None and stays[record.workflow] <= keep:
            continue
        if record.status in statuses and (before is None or (record.finished_us or record.started_us) < before):
            out.append(record)
    return out


def _statuses(status: str | Sequence[str] | None) -> set[str]:
    if status is None:
        return set(ENDED)
    wanted = {status} if isinstance(status, str) else set(status)
    for word in sorted(wanted - set(ENDED)):
        why = " Running executions are never pruned." if word == "RUNNING" else did_you_mean(word, ENDED)
        raise UsageError(f'status="{word}" cannot be pruned.{why} Use one of: {", ".join(ENDED)}.')
    return wanted


def _moment_us(older_than: Any) -> int:
    """The moment before which an execution must have ended, in microseconds since 1970."""
    if isinstance(older_than, str):
        age = _AGE.fullmatch(older_than.strip().lower())
        older_than = None if age is None else timedelta(seconds=float(age[1]) * _UNITS_S[age[2]])
    if isinstance(older_than, timedelta) and older_than >= timedelta(0):
        return time.time_ns() // 1000 - round(older_than.total_seconds() * 1e6)
    if isinstance(older_than, date):
        if not isinstance(older_than, datetime):
            older_than = datetime(older_than.year, older_than.month, older_than.day)
        moment = older_than if older_than.tzinfo is not None else older_than.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1e6)
    raise UsageError('older_than must be an age such as "30d", "12h" or a timedelta, or a date (in UTC).')


def sizes(store: Store, records: Iterable[Record]) -> list[int]:
    """Bytes that the events of each execution take."""
    query = "SELECT execution, sum(length(body)) FROM events GROUP BY execution"
    found = dict(store.query(query))
    return [int(found.get(record.key, 0)) for record in records]


def delete(store: Store, records: Sequence[Record], artifacts: Path) -> None:
    """Delete ended executions with all that belongs to them. What was redriven in the meantime stays.

    Definitions stay: they are few, and another kernel may be about to start one.
    """
    for at in range(0, len(records), CHUNK):
        keys = [record.key for record in records[at : at + CHUNK]]

        def work(db: sqlite3.Connection, keys: list[int] = keys) -> list[int]:
            gone = []
            for key in keys:
                if db.execute("DELETE FROM executions WHERE id=? AND status<>'RUNNING'", (key,)).rowcount:
                    db.execute("DELETE FROM events WHERE execution=?", (key,))
                    db.execute("DELETE FROM outputs WHERE execution=?", (key,))
                    gone.append(key)
            return gone

        for key in store.transaction(work):
            with suppress(FileNotFoundError):
                shutil.rmtree(artifacts / str(key))


def vacuum(store: Store) -> int:
    """Give back the space of what was deleted; the number of bytes by which the file shrank.

    Raises
    ------
    StoreError
        The disk has no room for the copy that this takes for a moment.
    """
    before = _size(store)
    store.vacuum()
    return before - _size(store)


def _size(store: Store) -> int:
    """Bytes of the file once its log is in it."""
    ((pages,),) = store.query("PRAGMA page_count")
    ((each,),) = store.query("PRAGMA page_size")
    return pages * each


__all__ = ["ENDED", "backup", "delete", "old", "sizes", "vacuum"]
