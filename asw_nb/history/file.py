"""One SQLite file that many open: threads of this process, and other processes.

There is one connection that writes, and one for each thread that reads. Whatever is written is a transaction; a lock that somebody else holds is
waited for, unseen; and every error of SQLite leaves here as a `StoreError` that says what to do.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from asw_nb.errors import StoreError
from asw_nb.history import faults
from asw_nb.history.schema import MADE, MIGRATIONS, apply

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a lock of another process is waited for; a transaction of ours takes milliseconds, a VACUUM of a large file a minute."""

BUSY_MS = 1000
"""How long SQLite itself waits: an interrupt is heard only between two such waits."""

LOG_LIMIT_BYTES = 64 * 2**20
"""The log is cut to this size when a burst that made it longer is over."""

LOG_PAGES = 4000
"""Pages of the log that are written over into the file together, where the disk has room for many times that: with SQLite's own thousand, the
waiting for the disk that this ends with was a twelfth of the time of many short executions."""

ROOM_BYTES = 2**30

_OPENING = threading.Lock()
_WARNED: set[Path] = set()


class HistoryFile:
    """A file with the tables of `schema`, made when it does not exist.

    Raises
    ------
    StoreError
        It cannot be opened, is no history file, or was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.patience_s = PATIENCE_S
        self._lock = threading.RLock()
        self._readers = threading.local()
        self._all_readers: dict[threading.Thread, sqlite3.Connection] = {}
        self._closed = False
        self._place: tuple[int, int] | None = None
        try:
            with _OPENING:
                self._open()
        except OSError as problem:
            raise faults.explain(problem, path, "opened") from None

    def _open(self) -> None:
        in_memory = str(self.path) == faults.MEMORY
        if not in_memory:
            faults.make_folder(self.path.parent)
            if not faults.make_file(self.path):
                self._refuse_a_lost_head()
        self._writer = self._connect()
        try:
            self._migrate()
        except BaseException:
            self._writer.close()
            raise
        if not in_memory:
            self._warn_of_network()

    def _refuse_a_lost_head(self) -> None:
        """SQLite would throw the log away, and with it what was recorded last."""
        log = Path(f"{self.path}-wal")
        with suppress(FileNotFoundError):
            if self.path.stat().st_size == 0 and log.stat().st_size > 0:
                raise StoreError(
                    f'the history file "{self.path}" is empty, but its log "{log.name}" is not: it was cut off. Put a backup in its place and move '
                    f"the log away, or choose another file with asw_nb.Workspace(path)."
                )

    def _warn_of_network(self) -> None:
        kind = faults.network(self.path)
        if kind is None:
            self._place = faults.place(self.path)  # over a network, numbers of files may change by themselves
        elif self.path.parent not in _WARNED:
            _WARNED.add(self.path.parent)
            warnings.warn(faults.network_warning(self.path, kind), stacklevel=7)

    def _must_be_in_place(self, doing: str) -> None:
        if self._place is not None and faults.place(self.path) not in (self._place, None):
            raise faults.explain(faults.Moved(), self.path, doing)

    def _connect(self) -> sqlite3.Connection:
        def connect() -> sqlite3.Connection:
            self._must_be_in_place("read")  # SQLite would make a file where there is none
            connection = sqlite3.connect(
                self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute(f"PRAGMA journal_size_limit={LOG_LIMIT_BYTES}")
                if faults.free_bytes(self.path) >= ROOM_BYTES:
                    connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
            except BaseException:
                connection.close()
                raise
            return connection

        return self.patiently("opened", connect)

    def patiently(self, doing: str, attempt: Callable[[], T]) -> T:
        """Do something with the file, again and again while it is only locked.

        Raises
        ------
        StoreError
        """
        end = time.monotonic() + self.patience_s
        while True:
            try:
                return attempt()
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as problem:
                reason: Exception = problem
                if self._closed:
                    raise self._is_closed() from None
                if not faults.is_passing(problem):
                    raise faults.explain(problem, self.path, doing) from None
                if time.monotonic() >= end:
                    reason = faults.Locked(f"{self.patience_s:g} s")
                    raise faults.explain(reason, self.path, doing) from None
            time.sleep(random.uniform(0.001, 0.02))

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in one transaction: all of it, or nothing and an error."""

        def attempt() -> T:
            if self._closed:
                raise self._is_closed()
            db = self._writer
            try:
                db.execute("BEGIN IMMEDIATE")
                self._must_be_in_place("written")
                done = work(db)
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has already rolled back when the disk is full
                    db.execute("ROLLBACK")
                raise
            return done

        with self._lock:
            return self.patiently("written", attempt)

    def query(self, sql: str, values: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows, read as they are taken."""
        given = tuple(values)
        rows = self.patiently("read", lambda: self.reader.execute(sql, given))
        while True:
            try:
                row = next(rows, None)
            except sqlite3.Error as problem:
                raise self._is_closed() if self._closed else faults.explain(problem, self.path, "read") from None
            if row is None:
                return
            yield row

    def _migrate(self) -> None:
        tables = {name for (name,) in self.patiently("opened", self._tables)}
        if tables and "migrations" not in tables:
            raise StoreError(
                f'the file "{self.path}" is a database of something else (it has a table "{min(tables)}"): it is left as it is. Choose another '
                f"file with asw_nb.Workspace(path) or the environment variable ASW_NB_HOME."
            )
        if not tables or self._missing(self._writer):
            self.transaction(self._apply_migrations)

    def _tables(self) -> list[tuple[str]]:
        return self._writer.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()

    def _missing(self, db: sqlite3.Connection) -> list[tuple[str, str]]:
        """The migrations that the file has not had yet.

        Raises
        ------
        StoreError
            It has had some that this version does not know.
        """
        done = {name for (name,) in self.patiently("opened", db.execute("SELECT name FROM migrations").fetchall)}
        unknown = done - {name for name, _ in MIGRATIONS}
        if unknown:
            raise StoreError(
                f'the history file "{self.path}" was written by a newer asw_nb (it has "{max(unknown)}"). Upgrade asw_nb, or choose '
                f"another file with asw_nb.Workspace(path)."
            )
        return [migration for migration in MIGRATIONS if migration[0] not in done]

    def _apply_migrations(self, db: sqlite3.Connection) -> None:
        db.execute(MADE)
        for name, script in self._missing(db):
            apply(db, name, script)

    def _is_closed(self) -> StoreError:
        return StoreError(f'the history file "{self.path}" is closed: open it again with asw_nb.Workspace(path).')

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's own connection for reading; it never waits for a writer.

        Raises
        ------
        StoreError
            The file is closed, or cannot be opened any more.
        """
        if self._closed:
            raise self._is_closed()
        connection = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = self._connect()
            with self._lock:
                for gone in [thread for thread in self._all_readers if not thread.is_alive()]:
                    self._all_readers.pop(gone).close()
                self._all_readers[threading.current_thread()] = connection
        return connection

    def version(self) -> int:
        """A number that changes whenever another connection has written to the file; it costs a glance at shared memory."""
        ((number,),) = self.query("PRAGMA data_version")
        return number

    def vacuum(self) -> None:
        """Write the file anew without the space that deleted rows left; who wants to write waits for it."""
        with self._lock:
            self.patiently("written", lambda: self._writer.execute("VACUUM"))
            self.patiently("written", lambda: self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let go of the file, so that it can be put in order, and open it again."""
        with self._lock:
            self._close_connections()
            self._place = None
            try:
                yield
            finally:
                with _OPENING:
                    self._open()

    def _close_connections(self) -> None:
        for connection in [*self._all_readers.values(), self._writer]:
            connection.close()
        self._all_readers.clear()
        self._readers = threading.local()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
            self._close_connections()


__all__ = ["HistoryFile"]
