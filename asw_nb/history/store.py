"""The history file: SQLite in WAL mode, one transaction per turn of the engine's loop. The only code that writes SQL.

::

    definitions  one row per definition ever run         executions  one row per execution
    events       one row per turn: a JSON array of events, packed      outputs     what attempts printed, their metrics and tracebacks

**Why packed.** A row per event caps the engine at about 120,000 transitions a second on the machine where this was
measured, a row per turn at five times that; tables decode a million packed events in under a second. `seq` counts
events, so that a reader asks for "all after".

**What a commit promises.** ``synchronous=NORMAL`` in WAL mode: a transaction that returned survives the death of the
process (``kill -9``); after a power cut the file is whole and may lack the last moments."""

from __future__ import annotations

import base64
import functools
import hmac
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asw_nb.engine.events import Event
from asw_nb.engine.payload import decode, encode, printable
from asw_nb.engine.runner import Write
from asw_nb.errors import StoreError, UnknownExecution, UsageError, did_you_mean
from asw_nb.history import owner

SCHEMA_VERSION = 1

MIGRATIONS: list[tuple[str, str]] = [
    (
        "0001 executions, definitions, events, outputs, settings",
        """
        CREATE TABLE definitions(
            id INTEGER PRIMARY KEY, digest TEXT NOT NULL, dialect TEXT NOT NULL, document TEXT NOT NULL, UNIQUE(digest, dialect));
        CREATE TABLE executions(
            id INTEGER PRIMARY KEY, workflow TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
            started_us INTEGER NOT NULL, finished_us INTEGER, input TEXT NOT NULL, output TEXT, error TEXT, cause TEXT,
            failed_path TEXT, redrives INTEGER NOT NULL DEFAULT 0, backend TEXT NOT NULL, definition INTEGER NOT NULL,
            tags TEXT NOT NULL DEFAULT '{}', timeout_s REAL, owner TEXT, UNIQUE(workflow, name));
        CREATE INDEX executions_by_start ON executions(started_us);
        CREATE INDEX executions_running ON executions(status) WHERE status = 'RUNNING';
        CREATE TABLE events(execution INTEGER NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE UNIQUE INDEX events_in_order ON events(execution, seq);
        CREATE TABLE outputs(
            execution INTEGER NOT NULL, frame INTEGER NOT NULL, token INTEGER NOT NULL, lines BLOB, metrics BLOB, traceback TEXT);
        CREATE INDEX outputs_by_execution ON outputs(execution);
        CREATE TABLE settings(name TEXT PRIMARY KEY, value BLOB NOT NULL);
        INSERT INTO settings VALUES('token_secret', randomblob(32));
        """,
    ),
]


@dataclass(slots=True)
class Record:
    """One execution's own row. Times in microseconds since 1970."""

    key: int
    workflow: str
    name: str
    type: str
    started_us: int
    input: Any
    definition: int
    dialect: str = "asl"
    digest: str = ""
    status: str = "RUNNING"
    finished_us: int | None = None
    output: Any = None
    error: str | None = None
    cause: str | None = None
    failed_path: str | None = None
    redrives: int = 0
    backend: str = "local"
    tags: dict[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None

    @property
    def id(self) -> str:
        """The execution's whole id, in the form of its dialect."""
        if self.dialect == "tcsl":
            return f"qrn:qcs:asw:local:0:execution:{self.workflow}:{self.name}"
        return f"arn:aws:states:local:000000000000:execution:{self.workflow}:{self.name}"

    @property
    def machine_id(self) -> str:
        """The workflow's whole id, in the form of its dialect."""
        if self.dialect == "tcsl":
            return f"qrn:qcs:asw:local:0:http:json:flowmachine:{self.workflow}"
        return f"arn:aws:states:local:000000000000:stateMachine:{self.workflow}"

    @property
    def role(self) -> str:
        """The role that the context object names."""
        return "qcs::cam::uin/0:roleName/local" if self.dialect == "tcsl" else "arn:aws:iam::000000000000:role/local"


_COLUMNS = (
    "e.id, e.workflow, e.name, e.type, e.started_us, e.input, e.definition, d.dialect, d.digest, e.status, e.finished_us, e.output, "
    "e.error, e.cause, e.failed_path, e.redrives, e.backend, e.tags, e.timeout_s"
)
_FROM = "FROM executions e JOIN definitions d ON d.id = e.definition"


def _text(value: Any) -> str:
    return encode(value).decode("utf-8", "surrogatepass")


def _plain(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _record(row: tuple[Any, ...]) -> Record:
    values = list(row)
    values[5] = decode(values[5])
    values[11] = None if values[11] is None else decode(values[11])
    values[17] = decode(values[17])
    return Record(*values)


class Store:
    """One history file.

    Parameters
    ----------
    path : Path
        Created, with its folder, when it does not exist.

    Raises
    ------
    StoreError
        The file cannot be opened, is no history file, or was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._readers = threading.local()
        self._all_readers: list[sqlite3.Connection] = []
        self._definitions: dict[tuple[str, str], int] = {}
        self._last_key = 0
        self._key_lock = threading.Lock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._migrate()
        except (OSError, sqlite3.Error) as problem:
            raise self._unusable(problem) from None

    def _unusable(self, problem: Exception) -> StoreError:
        return StoreError(
            f'the history file "{self.path}" cannot be used: {problem}. Check the folder\'s permissions and space, or choose another '
            f"file with asw_nb.Workspace(path) or the environment variable ASW_NB_HOME."
        )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=30000")
        return connection

    def _migrate(self) -> None:
        db = self._writer
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("CREATE TABLE IF NOT EXISTS migrations(name TEXT PRIMARY KEY, applied_us INTEGER NOT NULL)")
            done = {name for (name,) in db.execute("SELECT name FROM migrations")}
            unknown = done - {name for name, _ in MIGRATIONS}
            if unknown:
                raise StoreError(
                    f'the history file "{self.path}" was written by a newer asw_nb (it has "{max(unknown)}"). Upgrade asw_nb, or choose '
                    f"another file with asw_nb.Workspace(path)."
                )
            for name, script in MIGRATIONS:
                if name not in done:
                    for statement in script.split(";"):
                        if statement.strip():
                            db.execute(statement)
                    db.execute("INSERT INTO migrations VALUES(?, ?)", (name, time.time_ns() // 1000))
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's own connection for reading; it never waits for a writer.

        Raises
        ------
        StoreError
            The file is closed, or cannot be opened any more.
        """
        if self._closed:
            raise StoreError(f'the history file "{self.path}" is closed: open it again with asw_nb.Workspace(path).')
        connection = getattr(self._readers, "connection", None)
        if connection is None:
            try:
                connection = self._connect()
            except sqlite3.Error as problem:
                raise self._unusable(problem) from None
            self._readers.connection = connection
            with self._lock:
                self._all_readers.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
            for connection in [*self._all_readers, self._writer]:
                connection.close()
            self._all_readers.clear()

    # writing -----------------------------------------------------------------------------------------

    def new_key(self) -> int:
        """A number for an execution: grows with time, and two processes hardly ever choose the same."""
        with self._key_lock:  # not the writer's: a start must not wait for a transaction
            self._last_key = max(self._last_key + 1, (time.time_ns() // 1000 << 10) | (os.getpid() & 1023))
            return self._last_key

    def definition_id(self, digest: str, dialect: str, document: dict[str, Any]) -> int:
        """The row of a definition, written when it is new."""
        known = self._definitions.get((digest, dialect))
        if known is not None:
            return known
        with self._lock:
            db = self._writer
            db.execute(
                "INSERT OR IGNORE INTO definitions(digest, dialect, document) VALUES(?, ?, ?)",
                (digest, dialect, _text(document)),
            )
            (number,) = db.execute(
                "SELECT id FROM definitions WHERE digest=? AND dialect=?", (digest, dialect)
            ).fetchone()
        self._definitions[digest, dialect] = number
        return number

    def create(self, record: Record) -> None:
        """Write an execution's row.

        Raises
        ------
        UsageError
            The workflow has an execution of that name already.
        """
        with self._lock:
            try:
                self._insert(record)
            except sqlite3.IntegrityError:
                raise UsageError(
                    f'workflow "{record.workflow}" already has an execution named "{record.name}". Names are unique per workflow: '
                    f"leave name= out, or choose another."
                ) from None

    def _insert(self, r: Record) -> None:
        self._writer.execute(
            "INSERT INTO executions(id, workflow, name, type, status, started_us, input, backend, definition, tags, timeout_s, owner) "
            "VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                r.key,
                r.workflow,
                r.name,
                r.type,
                r.status,
                r.started_us,
                _text(r.input),
                r.backend,
                r.definition,
                _text(r.tags),
                r.timeout_s,
                owner.this_process(),
            ),
        )

    def commit(self, writes: list[Write]) -> None:
        """Write what one turn brought, in one transaction."""
        with self._lock:
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                for write in writes:
                    if write.record is not None:
                        self._insert(write.record)
                    self._append(write)
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

    def _append(self, write: Write) -> None:
        run, db = write.run, self._writer
        if write.events:
            body = encode(write.events)
            db.execute("INSERT INTO events VALUES(?,?,?,?)", (run.key, run.committed, len(write.events), body))
        if write.outputs:
            db.executemany(
                "INSERT INTO outputs VALUES(?,?,?,?,?,?)",
                [
                    (
                        run.key,
                        frame,
                        token,
                        o.lines and encode(o.lines),
                        o.metrics and encode(o.metrics),
                        _plain(o.traceback),
                    )
                    for frame, token, o in write.outputs
                ],
            )
        if write.finished:
            state = run.state
            output = _text(state.output) if state.status == "SUCCEEDED" else None
            db.execute(
                "UPDATE executions SET status=?, finished_us=?, output=?, error=?, cause=?, failed_path=? WHERE id=?",
                (
                    state.status,
                    run.finished_us,
                    output,
                    *map(_plain, (state.error, state.cause, state.failed_path)),
                    run.key,
                ),
            )

    # task tokens ---------------------------------------------------------------------------------

    @functools.cached_property
    def _secret(self) -> bytes:
        (secret,) = self.reader.execute("SELECT value FROM settings WHERE name='token_secret'").fetchone()
        return secret

    def sign(self, text: str) -> str:
        """The text and a proof that it was made with this file's secret, as one word."""
        proof = hmac.new(self._secret, text.encode(), "sha256").digest()[:18]
        return base64.urlsafe_b64encode(text.encode() + b"." + proof).decode()

    def verify(self, token: str) -> str | None:
        """The text of a token that `sign` made; None for any other."""
        try:
            data = base64.urlsafe_b64decode(token.encode())
        except (ValueError, AttributeError):
            return None
        text, proof = data[:-19], data[-18:]
        good = hmac.new(self._secret, text, "sha256").digest()[:18]
        return text.decode() if hmac.compare_digest(proof, good) else None

    def adopt(self, key: int, force: bool = False) -> bool:
        """Make this process the driver of a running execution whose driver is dead; False when somebody lives who drives it."""
        with self._lock:
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                row = db.execute("SELECT status, owner FROM executions WHERE id=?", (key,)).fetchone()
                free = (
                    row is not None and row[0] == "RUNNING" and (force or row[1] is None or not owner.is_alive(row[1]))
                )
                if free:
                    db.execute("UPDATE executions SET owner=? WHERE id=?", (owner.this_process(), key))
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise
        return free

    def reopen(self, key: int, status: str) -> bool:
        """Make an ended execution RUNNING again, driven by this process; False when it is no longer in that status."""
        with self._lock:
            done = self._writer.execute(
                "UPDATE executions SET status='RUNNING', finished_us=NULL, output=NULL, error=NULL, cause=NULL, failed_path=NULL, "
                "redrives=redrives+1, owner=? WHERE id=? AND status=?",
                (owner.this_process(), key, status),
            )
        return done.rowcount == 1

    def owner_of(self, key: int) -> str | None:
        """Who drives, or drove, an execution."""
        row = self.reader.execute("SELECT owner FROM executions WHERE id=?", (key,)).fetchone()
        return row[0] if row is not None else None

    # reading -----------------------------------------------------------------------------------------

    def get(self, key: int) -> Record:
        """An execution's row."""
        row = self.reader.execute(f"SELECT {_COLUMNS} {_FROM} WHERE e.id=?", (key,)).fetchone()
        if row is None:
            raise UnknownExecution(f'there is no execution {key} in "{self.path}".')
        return _record(row)

    def find(self, name: str, workflow: str | None = None) -> Record:
        """The newest execution of that name.

        Raises
        ------
        UnknownExecution
            With the nearest name.
        """
        where, values = "e.name=?", [name]
        if workflow is not None:
            where, values = where + " AND e.workflow=?", [name, workflow]
        query = f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY e.started_us DESC LIMIT 1"
        row = self.reader.execute(query, values).fetchone()
        if row is None:
            recent = [
                n for (n,) in self.reader.execute("SELECT name FROM executions ORDER BY started_us DESC LIMIT 500")
            ]
            raise UnknownExecution(
                f'there is no execution "{name}" in "{self.path}".{did_you_mean(name, recent)} asw_nb.executions() lists them.'
            )
        return _record(row)

    def rows(self, workflow: str | None = None, status: str | None = None, limit: int | None = None) -> list[Record]:
        """Execution rows, newest first."""
        parts, values = [], []
        for column, value in (("e.workflow", workflow), ("e.status", status)):
            if value is not None:
                parts.append(f"{column}=?")
                values.append(value)
        where = f" WHERE {' AND '.join(parts)}" if parts else ""
        tail = f" LIMIT {int(limit)}" if limit is not None else ""
        query = f"SELECT {_COLUMNS} {_FROM}{where} ORDER BY e.started_us DESC, e.id DESC{tail}"
        return [_record(row) for row in self.reader.execute(query, values)]

    def document(self, definition: int) -> dict[str, Any]:
        """A stored definition."""
        (text,) = self.reader.execute("SELECT document FROM definitions WHERE id=?", (definition,)).fetchone()
        return decode(text)

    def events(self, key: int, after: int = 0) -> Iterator[Event]:
        """The events of an execution, oldest first, from number `after` on."""
        query = "SELECT seq, body FROM events WHERE execution=? AND seq + count > ? ORDER BY seq"
        for seq, body in self.reader.execute(query, (key, after)):
            events = decode(body)
            yield from (events[after - seq :] if seq < after else events)

    def outputs(self, key: int) -> dict[tuple[int, int], tuple[list[Any], list[Any], str | None]]:
        """(frame, token) -> lines, metrics and traceback of the attempts that had any."""
        query = "SELECT frame, token, lines, metrics, traceback FROM outputs WHERE execution=? ORDER BY rowid"
        return {
            (frame, token): (decode(lines) if lines else [], decode(metrics) if metrics else [], text)
            for frame, token, lines, metrics, text in self.reader.execute(query, (key,))
        }


__all__ = ["MIGRATIONS", "Record", "Store"]
