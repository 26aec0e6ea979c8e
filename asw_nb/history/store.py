"""The history file: SQLite in WAL mode, one transaction per turn of the engine's loop. All that is written while something runs is written here.

::

    definitions  one row per definition ever run         executions  one row per execution
    events       one row per turn: a JSON array of events, packed      outputs     what attempts printed, their metrics and tracebacks

**Why packed.** A row per event caps the engine at about 120,000 transitions a second on the machine where this was
measured, a row per turn at five times that; tables decode a million packed events in under a second. `seq` counts
events, so that a reader asks for "all after".

**What a commit promises.** ``synchronous=NORMAL`` in WAL mode: a transaction that returned survives the death of the
process (``kill -9``); after a power cut the file is whole and may lack the last moments.

**Who may write.** Any number of processes open one file. An execution's events are taken only from the process that its row names, so that a
driver that was taken for dead and is not cannot write into what another goes on with. See `file` for locks
and errors, and `owner` for who is who."""

from __future__ import annotations

import base64
import functools
import hmac
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from asw_nb.engine.events import Event
from asw_nb.engine.frames import isoformat
from asw_nb.engine.payload import decode, encode, printable
from asw_nb.engine.run import Outcome, Run, Write
from asw_nb.errors import UnknownExecution, UsageError, did_you_mean
from asw_nb.history import faults, owner
from asw_nb.history.bulk import write
from asw_nb.history.file import HistoryFile
from asw_nb.history.schema import MIGRATIONS


@dataclass(slots=True)
class Record:
    """One execution's own row. Times in microseconds since 1970. Payloads are not in its repr, where nobody masks secrets."""

    key: int
    workflow: str
    name: str
    type: str
    started_us: int
    input: Any = field(repr=False)
    definition: int
    dialect: str = "asl"
    digest: str = ""
    status: str = "RUNNING"
    finished_us: int | None = None
    output: Any = field(default=None, repr=False)
    error: str | None = field(default=None, repr=False)
    cause: str | None = field(default=None, repr=False)
    failed_path: str | None = None
    redrives: int = 0
    backend: str = "local"
    tags: dict[str, Any] = field(default_factory=dict, repr=False)
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

    def context_execution(self) -> dict[str, Any]:
        """The part of the context object that is about the execution."""
        return {
            "Id": self.id, "Input": self.input, "StartTime": isoformat(self.started_us), "Name": self.name, "RoleArn": self.role,
            "RedriveCount": self.redrives,
        }  # fmt: skip

    def context_machine(self) -> dict[str, Any]:
        """The part of the context object that is about the workflow."""
        return {"Id": self.machine_id, "Name": self.workflow}


_COLUMNS = (
    "e.id, e.workflow, e.name, e.type, e.started_us, e.input, e.definition, d.dialect, d.digest, e.status, e.finished_us, e.output, "
    "e.error, e.cause, e.failed_path, e.redrives, e.backend, e.tags, e.timeout_s"
)
_FROM = "FROM executions e JOIN definitions d ON d.id = e.definition"


def _text(value: Any) -> str:
    if type(value) is int:
        return str(value)
    return encode(value).decode("utf-8", "surrogatepass")


def _plain(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _record(row: tuple[Any, ...]) -> Record:
    values = list(row)
    values[5] = decode(values[5])
    values[11] = None if values[11] is None else decode(values[11])
    values[17] = decode(values[17])
    return Record(*values)


_START = (
    "INSERT INTO executions(id, workflow, name, type, started_us, input, backend, definition, tags, timeout_s, owner, status) "
    "VALUES {rows}"
)
_WHOLE = (
    "INSERT INTO executions(id, workflow, name, type, started_us, input, backend, definition, tags, timeout_s, owner, finished_us, output, status) "
    "VALUES {rows}"
)
_FIRST_EVENTS = "INSERT INTO events VALUES {rows}"
_EVENTS = (
    "INSERT INTO events SELECT column1, column2, column3, column4 FROM (VALUES {rows}) "
    "WHERE EXISTS(SELECT 1 FROM executions INDEXED BY executions_running WHERE status='RUNNING' AND owner=column5 AND id=column1)"
)
_OUTPUTS = "INSERT INTO outputs VALUES {rows}"
_END = (
    "UPDATE executions SET status=column1, finished_us=column2, output=column3, error=column4, cause=column5, failed_path=column6, "
    "summary=column7 FROM (VALUES {rows}) WHERE id=column8"
)


LONG = 20_000
"""Events from which on an ended execution has a summary: folding more than that takes longer than a look should."""


def _output(key: int, frame: int, token: int, o: Outcome) -> tuple[Any, ...]:
    return key, frame, token, o.lines and encode(o.lines), o.metrics and encode(o.metrics), _plain(o.traceback)


def _end(run: Run) -> tuple[Any, ...]:
    """How an execution ended: what `_END` sets."""
    state = run.state
    summary = encode([state.count, state.tallies()]) if state.count >= LONG else None
    if state.status == "SUCCEEDED":
        return "SUCCEEDED", run.finished_us, _text(state.output), None, None, None, summary
    words = map(_plain, (state.error, state.cause, state.failed_path))
    return state.status, run.finished_us, None, *words, summary


class Store(HistoryFile):
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
        super().__init__(path)
        self._definitions: dict[tuple[str, str], int] = {}
        self._last_us = 0
        self._slot: int | None = None
        self._known: tuple[str, sqlite3.Connection] | None = None
        self._key_lock = threading.Lock()

    # writing -----------------------------------------------------------------------------------------

    def new_key(self) -> int:
        """A number for an execution: it grows with time, and no two who have the file open choose the same."""
        with self._key_lock:  # not the writer's: a start must not wait for a transaction
            if self._slot is None:
                self._slot = self.transaction(self._take_slot)
            self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
            return self._last_us << 10 | self._slot

    @staticmethod
    def _take_slot(db: sqlite3.Connection) -> int:
        """The next of 1,024 numbers, so that keys of the same microsecond differ by who made them."""
        db.execute("INSERT INTO settings VALUES('slot', 0) ON CONFLICT(name) DO UPDATE SET value = (value + 1) & 1023")
        (slot,) = db.execute("SELECT value FROM settings WHERE name='slot'").fetchone()
        return slot

    def definition_id(self, digest: str, dialect: str, document: dict[str, Any]) -> int:
        """The row of a definition, written when it is new."""
        known = self._definitions.get((digest, dialect))
        if known is not None:
            return known

        def put(db: sqlite3.Connection) -> int:
            db.execute(
                "INSERT OR IGNORE INTO definitions(digest, dialect, document) VALUES(?, ?, ?)",
                (digest, dialect, _text(document)),
            )
            query = "SELECT id FROM definitions WHERE digest=? AND dialect=?"
            return db.execute(query, (digest, dialect)).fetchone()[0]

        number = self._definitions[digest, dialect] = self.transaction(put)
        return number

    def create(self, record: Record) -> None:
        """Write an execution's row.

        Raises
        ------
        UsageError
            The workflow has an execution of that name already.
        """
        row = *self._row(record, self._me()), record.status
        try:
            self.transaction(lambda db: write(db, _START, [row]))
        except sqlite3.IntegrityError:
            raise UsageError(
                f'workflow "{record.workflow}" already has an execution named "{record.name}". Names are unique per workflow: '
                f"leave name= out, or choose another."
            ) from None

    def _me(self) -> str:
        """This process, as the rows of its executions have it."""
        identity = owner.this_process()
        me = owner.short(identity)
        if self._known != (me, self._writer):  # what is opened again may be another file
            self.transaction(lambda db: db.execute("INSERT OR IGNORE INTO settings VALUES(?, ?)", (f"owner {me}", identity)))
            self._known = me, self._writer
        return me

    def _row(self, r: Record, me: str) -> tuple[Any, ...]:
        """What is known when an execution starts: the columns of `_START` without the status."""
        return (
            r.key, r.workflow, r.name, r.type, r.started_us, _text(r.input), r.backend, r.definition, _text(r.tags) if r.tags else "{}",
            r.timeout_s, me,
        )  # fmt: skip

    def commit(self, writes: list[Write]) -> None:
        """Write what one turn brought, in one transaction.

        Raises
        ------
        StoreError
            The file takes nothing any more.
        UsageError
            One of the executions is driven by another process.
        """
        # encoded before the transaction begins: nobody waits for that
        me = self._me()
        started, whole, first, events, ended = [], [], [], [], []
        for w in writes:
            run, record = w.run, w.record
            if record is not None:
                if w.count:
                    first.append((run.key, run.committed, w.count, w.body))
                state = run.state
                if w.finished and state.status == "SUCCEEDED" and state.count < LONG:
                    whole.append((*self._row(record, me), run.finished_us, _text(state.output), "SUCCEEDED"))
                    continue
                started.append((*self._row(record, me), record.status))
            elif w.count:
                events.append((run.key, run.committed, w.count, w.body, me))
            if w.finished:
                ended.append((*_end(run), run.key))
        outputs = [_output(w.run.key, frame, token, o) for w in writes for frame, token, o in w.outputs]

        def put(db: sqlite3.Connection) -> None:
            write(db, _START, started)
            write(db, _WHOLE, whole)
            write(db, _FIRST_EVENTS, first)
            if write(db, _EVENTS, events) != len(events):
                raise self._taken_over(db, [row[0] for row in events])
            write(db, _OUTPUTS, outputs)
            write(db, _END, ended)

        self.transaction(put)

    def _taken_over(self, db: sqlite3.Connection, keys: list[int]) -> UsageError:
        for key in keys:
            row = db.execute(f"SELECT {owner.IDENTITY} FROM executions WHERE id=?", (key,)).fetchone()
            if row is None:
                return UsageError(f'it has been deleted from "{self.path}".')
            if row[0] != owner.this_process():
                return UsageError(f"{owner.describe(row[0])} drives it now.")
        return UsageError("its events could not be written.")

    # task tokens ---------------------------------------------------------------------------------

    @functools.cached_property
    def _secret(self) -> bytes:
        ((secret,),) = self.query("SELECT value FROM settings WHERE name='token_secret'")
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

    def adopt(self, key: int, force: bool = False, orphan: bool = False) -> bool:
        """Make this process the driver of a running execution that nobody drives; False when somebody does, or may.

        Parameters
        ----------
        force : bool
            Also when its driver is out of sight.
        orphan : bool
            This process is its driver, and has stopped driving it.
        """

        def take(db: sqlite3.Connection) -> bool:
            row = db.execute(f"SELECT status, {owner.IDENTITY} FROM executions WHERE id=?", (key,)).fetchone()
            if row is None or row[0] != "RUNNING":
                return False
            life = owner.life(row[1])
            mine = orphan and row[1] == owner.this_process()
            if not (life == owner.DEAD or mine or (force and life == owner.UNKNOWN)):
                return False
            db.execute("UPDATE executions SET owner=? WHERE id=?", (me, key))
            return True

        me = self._me()
        return self.transaction(take)

    def release(self, keys: Iterable[int]) -> None:
        """Drive these executions no more: anybody may go on with them."""
        rows = [(key, owner.short(owner.this_process())) for key in keys]
        query = "UPDATE executions SET owner=NULL WHERE id=? AND owner=? AND status='RUNNING'"
        if rows:
            self.transaction(lambda db: db.executemany(query, rows))

    def reopen(self, key: int, status: str) -> bool:
        """Make an ended execution RUNNING again, driven by this process; False when it is no longer in that status."""
        query = (
            "UPDATE executions SET status='RUNNING', finished_us=NULL, output=NULL, error=NULL, cause=NULL, failed_path=NULL, summary=NULL, "
            "redrives=redrives+1, owner=? WHERE id=? AND status=?"
        )
        me = self._me()
        return self.transaction(lambda db: db.execute(query, (me, key, status)).rowcount == 1)

    def owner_of(self, key: int) -> str | None:
        """Who drives, or drove, an execution."""
        row = next(self.query(f"SELECT {owner.IDENTITY} FROM executions WHERE id=?", (key,)), None)
        return row[0] if row is not None else None

    # reading -----------------------------------------------------------------------------------------

    def get(self, key: int) -> Record:
        """An execution's row."""
        row = next(self.query(f"SELECT {_COLUMNS} {_FROM} WHERE e.id=?", (key,)), None)
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
        query = f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY e.started_us DESC, e.id DESC LIMIT 1"
        row = next(self.query(query, values), None)
        if row is None:
            recent = [n for (n,) in self.query("SELECT name FROM executions ORDER BY started_us DESC LIMIT 500")]
            raise UnknownExecution(
                f'there is no execution "{name}" in "{self.path}".{did_you_mean(name, recent)} asw_nb.executions() lists them.'
            )
        return _record(row)

    def names(self, workflow: str) -> set[str]:
        """The names of a workflow's executions."""
        return {name for (name,) in self.query("SELECT name FROM executions WHERE workflow=?", [workflow])}

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
        return [_record(row) for row in self.query(query, values)]

    def summary(self, key: int) -> tuple[int, list[dict[str, int]]] | None:
        """How many events an ended execution has, and its visits by status for each state of its plan; None for a short one, and for one
        whose end did not come about here."""
        row = next(self.query("SELECT summary FROM executions WHERE id=? AND status<>'RUNNING'", (key,)), None)
        return None if row is None or row[0] is None else tuple(decode(row[0]))

    def document(self, definition: int) -> dict[str, Any]:
        """A stored definition."""
        ((text,),) = self.query("SELECT document FROM definitions WHERE id=?", (definition,))
        return decode(text)

    def events(self, key: int, after: int = 0) -> Iterator[Event]:
        """The events of an execution, oldest first, from number `after` on."""
        query = "SELECT seq, body FROM events WHERE execution=? AND seq + count > ? ORDER BY seq"
        for seq, body in self.query(query, (key, after)):
            try:
                events = decode(body)
            except (msgspec.DecodeError, ValueError):
                damage = faults.Damaged(f"the events of execution {key} from number {seq} on are no JSON")
                raise faults.explain(damage, self.path, "read") from None
            yield from (events[after - seq :] if seq < after else events)

    def outputs(self, key: int) -> dict[tuple[int, int], tuple[list[Any], list[Any], str | None]]:
        """(frame, token) -> lines, metrics and traceback of the attempts that had any."""
        query = "SELECT frame, token, lines, metrics, traceback FROM outputs WHERE execution=? ORDER BY rowid"
        return {
            (frame, token): (decode(lines) if lines else [], decode(metrics) if metrics else [], text)
            for frame, token, lines, metrics, text in self.query(query, (key,))
        }


__all__ = ["MIGRATIONS", "Record", "Store"]
