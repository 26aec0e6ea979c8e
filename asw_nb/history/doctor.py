"""Looks at a history file as a physician does: from outside to inside, one finding a line, each with what to do.

Checking changes nothing. With ``repair=True`` what can be mended without losing anything is mended; what would lose something (a damaged file is
rebuilt, events after a gap are left out) is done after a copy of the file has been put beside it.
"""

from __future__ import annotations

import html
import os
import platform
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from asw_nb.history import faults, owner, salvage
from asw_nb.history.redact import redact_text
from asw_nb.history.salvage import count_text as _of
from asw_nb.history.schema import MIGRATIONS, columns, create

if TYPE_CHECKING:
    import pandas

LITTLE_BYTES, TOO_LITTLE_BYTES = 200 * 2**20, 5 * 2**20
LONG_LOG_BYTES = 256 * 2**20

LOCKED = ("another process keeps it locked", "end that process (a database browser, a backup?)")

OK, WARNING, ERROR, REPAIRED = "OK", "WARNING", "ERROR", "REPAIRED"
_COLOURS = {OK: "#1a7f37", WARNING: "#9a6700", ERROR: "#cf222e", REPAIRED: "#0969da"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it stands, what was seen, and what to do."""

    check: str
    status: str
    detail: str
    fix: str = ""


class Report:
    """What the doctor found.

    Attributes
    ----------
    path : Path
    findings : list of Finding
    ok : bool
        No finding is an ERROR.

    Examples
    --------
    >>> Report(Path("history.db"), [Finding("disk space", "OK", "12 GB free")])
    history.db: in order
      OK       disk space    12 GB free
    """

    def __init__(self, path: Path, findings: list[Finding]) -> None:
        self.path = path
        self.findings = [replace(f, detail=redact_text(f.detail), fix=redact_text(f.fix)) for f in findings]

    @property
    def ok(self) -> bool:
        return all(f.status != ERROR for f in self.findings)

    @property
    def table(self) -> pandas.DataFrame:
        """One row per check: check, status, detail, fix."""
        import pandas

        rows = [(f.check, f.status, f.detail, f.fix) for f in self.findings]
        return pandas.DataFrame(rows, columns=["check", "status", "detail", "fix"])

    @property
    def summary(self) -> str:
        """The whole in a few words."""
        counts = {s: sum(f.status == s for f in self.findings) for s in (ERROR, WARNING, REPAIRED)}
        words = {ERROR: "to mend", WARNING: "to look at", REPAIRED: "repaired"}
        return ", ".join(f"{n} {words[s]}" for s, n in counts.items() if n) or "in order"

    def __repr__(self) -> str:
        width = max((len(f.check) for f in self.findings), default=0)
        lines = [f"{self.path}: {self.summary}"]
        for f in self.findings:
            lines.append(f"  {f.status:<8} {f.check:<{width}}    {f.detail}")
            if f.fix:
                lines.append(f"  {'':8} {'':{width}}    -> {f.fix}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        cell = "padding:3px 14px 3px 0;text-align:left;vertical-align:top;border:none;color:#1b1f24;background:#ffffff"
        rows = "".join(
            f'<tr style="background:#ffffff"><td style="{cell}">{html.escape(f.check)}</td>'
            f'<td style="{cell};color:{_COLOURS[f.status]};font-weight:600">{f.status}</td>'
            f'<td style="{cell}">{html.escape(f.detail)}{_fix_html(f.fix)}</td></tr>'
            for f in self.findings
        )
        box = "background:#ffffff;color:#1b1f24;border:1px solid #d0d7de;border-radius:8px;padding:12px 16px;max-width:960px;font-family:system-ui,sans-serif;font-size:13px"
        title = f"{html.escape(str(self.path))}: <b>{html.escape(self.summary)}</b>"
        table = f'<table style="border-collapse:collapse;margin-top:8px">{rows}</table>'
        return {"text/plain": repr(self), "text/html": f'<div style="{box}">{title}{table}</div>'}


def _fix_html(fix: str) -> str:
    return f'<div style="color:#57606a">→ {html.escape(fix)}</div>' if fix else ""


Driver = Callable[[int], tuple[str, str]]
"""Execution -> whether its driver is alive, dead or unknown, and who it is."""


def examine(path: Path, repair: bool = False, driver: Driver | None = None) -> Report:
    """Check a history file, and mend it when asked to.

    Parameters
    ----------
    driver : callable, optional
        Who drives an execution; by default what the file says, with this process taken for alive.
    """
    patient = Examination(path, repair, driver)
    return Report(path, list(patient.findings()))


class Stop(Exception):
    """There is no use in looking further."""


class Examination:
    """One visit; each check is a method that yields findings, and those after the file is open may ask it."""

    def __init__(self, path: Path, repair: bool, driver: Driver | None) -> None:
        self.path, self.repair, self._driver = path, repair, driver
        self._db: sqlite3.Connection | None = None

    @property
    def db(self) -> sqlite3.Connection:
        assert self._db is not None
        return self._db

    def findings(self) -> Iterator[Finding]:
        """Everything that there is to say."""
        try:
            for check in (self._versions, self._space, self._filesystem, self._access, self._database):
                yield from check()
            for check in (self._schema, self._integrity, self._histories, self._orphans, self._running, self._log):
                yield from self._guarded(check)
        except Stop:
            pass
        finally:
            self._close()

    def _guarded(self, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        try:
            yield from check()
        except (sqlite3.Error, ValueError) as problem:  # what cannot be decoded is damage too
            name = check.__name__.strip("_")
            if faults.is_passing(problem):
                yield Finding(name, ERROR, *LOCKED)
            else:
                yield from self._rebuild(name, str(problem))

    def _open(self) -> None:
        # never with open(): closing that would take away the locks that this process holds through SQLite
        self._db = sqlite3.connect(f"file:{quote(str(self.path))}?mode=rw", uri=True, timeout=5, isolation_level=None)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    # around the file -----------------------------------------------------------------------------

    def _versions(self) -> Iterator[Finding]:
        from asw_nb import __version__

        what = f"asw_nb {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
        yield Finding("versions", OK, what)

    def _space(self) -> Iterator[Finding]:
        folder = self.path.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        fix = "free some space: %asw prune and %asw vacuum make the history smaller"
        if free < TOO_LITTLE_BYTES:
            yield Finding("disk space", ERROR, f"only {size_text(free)} free: executions stop when it is used up", fix)
        elif free < LITTLE_BYTES:
            yield Finding("disk space", WARNING, f"only {size_text(free)} free", fix)
        else:
            yield Finding("disk space", OK, f"{size_text(free)} free")

    def _filesystem(self) -> Iterator[Finding]:
        kind = faults.filesystem(self.path)
        if kind in faults.NETWORK:
            detail = f"{kind}, a network file system: kernels on two machines can damage the file"
            yield Finding(
                "file system",
                WARNING,
                detail,
                "keep it on a local disk: set ASW_NB_HOME, or use asw_nb.Workspace(path)",
            )
        else:
            yield Finding("file system", OK, kind or "not told by this system")

    def _access(self) -> Iterator[Finding]:
        closed = faults.not_writable(self.path)
        if closed is not None:
            yield Finding("access", ERROR, *closed)
            raise Stop
        if not self.path.exists():
            yield Finding("access", OK, "there is no file yet: the first execution makes it")
            raise Stop
        open_to_others = [p for p in self._private() if os.name == "posix" and stat.S_IMODE(p.stat().st_mode) & 0o077]
        names = ", ".join(p.name for p in open_to_others)
        if not open_to_others:
            yield Finding("access", OK, "writable, and for this user only")
        elif self.repair:
            for p in open_to_others:
                p.chmod(0o700 if p.is_dir() else 0o600)
            yield Finding("access", REPAIRED, f"other users could read {names}: no longer")
        else:
            fix = f"doctor(repair=True), or chmod go-rwx {names}"
            yield Finding("access", WARNING, f"other users can read {names}", fix)

    def _private(self) -> list[Path]:
        around = [self.path, *(Path(f"{self.path}{tail}") for tail in ("-wal", "-shm")), self.path.parent / "artifacts"]
        return [p for p in around if p.exists()]

    # the file ------------------------------------------------------------------------------------

    def _database(self) -> Iterator[Finding]:
        log = Path(f"{self.path}-wal")
        if self.path.stat().st_size == 0:
            if log.exists() and log.stat().st_size > 0:
                detail = f"the file is empty, but its log {log.name} is not: it was cut off"
                yield Finding("database", ERROR, detail, "put a backup in its place and move the log away")
            else:
                yield Finding("database", OK, "the file is empty: the first execution fills it")
            raise Stop
        try:
            self._open()
            self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self.db.execute("SELECT name FROM sqlite_master").fetchall()
        except (sqlite3.Error, ValueError) as problem:
            yield from self._unreadable(problem)
            return
        yield Finding("database", OK, f"{size_text(self.path.stat().st_size)}")

    def _unreadable(self, problem: Exception) -> Iterator[Finding]:
        primary = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if faults.is_passing(problem):
            yield Finding("database", ERROR, *LOCKED)
        elif primary == sqlite3.SQLITE_NOTADB:
            fix = "move it away, or put a backup in its place"
            yield Finding("database", ERROR, "this is no history file (and no SQLite database)", fix)
        elif primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY):
            yield from self._rebuild("database", str(problem))
            return
        else:
            yield Finding("database", ERROR, str(problem), "check the folder's permissions and space")
        raise Stop

    def _schema(self) -> Iterator[Finding]:
        tables = {name for (name,) in self.db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if not tables:
            yield Finding("schema", OK, "no tables yet: the first execution makes them")
            raise Stop
        if "migrations" not in tables:
            detail = f'a database of something else (it has a table "{min(tables)}")'
            yield Finding("schema", ERROR, detail, "choose another file with asw_nb.Workspace(path)")
            raise Stop
        done = {name for (name,) in self.db.execute("SELECT name FROM migrations")}
        known = {name for name, _ in MIGRATIONS}
        if done - known:
            detail = f'written by a newer asw_nb (it has "{max(done - known)}")'
            yield Finding("schema", ERROR, detail, "upgrade asw_nb")
            raise Stop
        if known - done:
            yield Finding("schema", WARNING, f'lacks "{min(known - done)}"', "open it: asw_nb.Workspace(path) adds it")
            raise Stop
        self.db.execute(
            "UPDATE migrations SET name=name WHERE 0"
        )  # changes nothing, and fails in a file that cannot be written
        model = sqlite3.connect(":memory:")
        create(model)
        wanted, seen = columns(model), columns(self.db)
        model.close()
        other = next((table for table in wanted if wanted[table] != seen[table]), None)
        if other is not None:
            yield from self._rebuild("schema", f'the table "{other}" is not as it was made')
        else:
            yield Finding("schema", OK, max(done))

    def _integrity(self) -> Iterator[Finding]:
        problems = self._integrity_problems()
        if not problems:
            yield Finding("integrity", OK, "every page and index is sound")
        else:
            yield from self._rebuild("integrity", problems[0])

    def _integrity_problems(self) -> list[str]:
        try:
            found = [text for (text,) in self.db.execute("PRAGMA integrity_check(20)")]
        except sqlite3.Error as problem:
            return [str(problem)]
        return salvage.unsound(self.db) if found == ["ok"] else found

    def _rebuild(self, check: str, problem: str) -> Iterator[Finding]:
        """The file is damaged: save what can be read, when asked to."""
        what = f"the file is damaged ({' '.join(problem.split())})"
        if not self.repair:
            fix = "doctor(repair=True) saves what can be read and keeps the damaged file; a backup may have more"
            yield Finding(check, ERROR, what, fix)
            raise Stop
        self._close()
        try:
            saved = salvage.rebuild(self.path)
        except salvage.InUse:
            fix = "close the other kernels and workspaces that have it open, and repair again"
            yield Finding(check, ERROR, f"{what}, and somebody else has it open", fix)
            raise Stop from None
        except (sqlite3.Error, ValueError, OSError) as worse:
            yield Finding(
                check, ERROR, f"{what}, and nothing in it can be saved ({worse})", "put a backup in its place"
            )
            raise Stop from None
        yield Finding(check, REPAIRED, f"{what}: {saved}")
        self._open()

    # what is in it -----------------------------------------------------------------------------------

    def _histories(self) -> Iterator[Finding]:
        (executions,) = self.db.execute("SELECT count(*) FROM executions").fetchone()
        (events,) = self.db.execute("SELECT coalesce(sum(count), 0) FROM events").fetchone()
        broken = salvage.gaps(self.db)
        if broken:
            names = self._names(broken)
            if not self.repair:
                fix = "doctor(repair=True) leaves out what follows the gap, after a copy of the file"
                yield Finding("histories", ERROR, f"events are missing: {names}", fix)
                return
            copy = self._copy()
            self.db.execute("BEGIN IMMEDIATE")
            salvage.cut_at_gaps(self.db)
            self.db.execute("COMMIT")
            yield Finding(
                "histories",
                REPAIRED,
                f"events were missing, what followed is left out: {names}; a copy is kept as {copy.name}",
            )
            return
        short = salvage.cut_off(self.db)
        if short:
            names = ", ".join(f'"{name}" from event {number} on' for name, number in list(short.items())[:5])
            yield Finding("histories", WARNING, f"the last events are missing: {names}", "a backup may have them")
            return
        yield Finding("histories", OK, f"{_of(executions, 'execution')}, {_of(events, 'event')}, none missing")

    def _names(self, broken: dict[int, int]) -> str:
        named = dict(self.db.execute("SELECT id, name FROM executions").fetchall())
        told = [f'"{named.get(key, key)}" from event {number} on' for key, number in broken.items()]
        return ", ".join(told[:5]) + (", ..." if len(told) > 5 else "")

    def _copy(self) -> Path:
        copy = salvage.free_name(self.path, "before-repair")
        faults.make_file(copy)
        target = sqlite3.connect(copy)
        try:
            self.db.backup(target)
        finally:
            target.close()
        return copy

    def _orphans(self) -> Iterator[Finding]:
        lost = "SELECT count(*) FROM executions WHERE definition NOT IN (SELECT id FROM definitions)"
        (undefined,) = self.db.execute(lost).fetchone()
        if undefined:
            yield Finding(
                "orphans",
                ERROR,
                f"{_of(undefined, 'execution')} without a definition",
                "put a backup in the file's place",
            )
        tables = ("events", "outputs")
        where = "WHERE execution NOT IN (SELECT id FROM executions)"
        count = sum(self.db.execute(f"SELECT count(*) FROM {table} {where}").fetchone()[0] for table in tables)
        if count and self.repair:
            self.db.execute("BEGIN IMMEDIATE")
            for table in tables:
                self.db.execute(f"DELETE FROM {table} {where}")
            self.db.execute("COMMIT")
            yield Finding("orphans", REPAIRED, f"{_of(count, 'row')} that belonged to no execution: deleted")
        elif count:
            yield Finding(
                "orphans", WARNING, f"{_of(count, 'row')} of no execution", "doctor(repair=True) deletes them"
            )
        elif not undefined:
            yield Finding("orphans", OK, "every row belongs to an execution")

    def _running(self) -> Iterator[Finding]:
        lives: dict[str, list[tuple[str, str]]] = {}
        gone: list[int] = []
        query = f"SELECT id, name, type, {owner.IDENTITY} FROM executions WHERE status='RUNNING' ORDER BY id"
        for key, name, kind, identity in self.db.execute(query).fetchall():
            driver = self._driver
            life, who = driver(key) if driver is not None else (owner.life(identity), owner.describe(identity))
            if life == owner.DEAD and kind == "EXPRESS":
                gone.append(key)
            else:
                lives.setdefault(life, []).append((name, who))
        if gone and self.repair:
            end = "UPDATE executions SET status='ABORTED', finished_us=started_us, cause='its process ended' WHERE id=? AND status='RUNNING'"
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany(end, [(key,) for key in gone])
            self.db.execute("COMMIT")
            yield Finding(
                "running",
                REPAIRED,
                f"{_of(len(gone), 'EXPRESS execution')} of processes that have ended: marked ABORTED",
            )
        elif gone:
            detail = f"{_of(len(gone), 'EXPRESS execution')} RUNNING, of processes that have ended"
            yield Finding("running", WARNING, detail, "doctor(repair=True) marks them ABORTED")
        if owner.DEAD in lives:
            fix = "asw_nb.resume() goes on with them"
            yield Finding("running", WARNING, f"driven by nobody: {_some(lives[owner.DEAD])}", fix)
        if owner.UNKNOWN in lives:
            who = lives[owner.UNKNOWN][0][1]
            fix = "if that process is dead: asw_nb.resume(name, force=True)"
            yield Finding(
                "running", WARNING, f"driven by {who}, out of sight from here: {_some(lives[owner.UNKNOWN])}", fix
            )
        alive = lives.get(owner.ALIVE, [])
        if alive or not (gone or lives):
            yield Finding(
                "running",
                OK,
                f"{_of(len(alive), 'execution')}, driven by living processes" if alive else "no execution",
            )

    def _log(self) -> Iterator[Finding]:
        log = Path(f"{self.path}-wal")
        size = log.stat().st_size if log.exists() else 0
        if size < LONG_LOG_BYTES:
            yield Finding("log", OK, size_text(size))
        elif self.repair:
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            yield Finding("log", REPAIRED, f"{size_text(size)} were put into the file")
        else:
            fix = "doctor(repair=True); it grows while somebody reads without end"
            yield Finding("log", WARNING, f"{size_text(size)} are not in the file yet", fix)


def _some(named: list[tuple[str, str]]) -> str:
    return ", ".join(f'"{name}"' for name, _ in named[:5]) + (", ..." if len(named) > 5 else "")


def size_text(count: float) -> str:
    """A number of bytes in the unit that people would choose.

    Examples
    --------
    >>> size_text(512), size_text(3_500_000)
    ('512 bytes', '3.3 MB')
    """
    if count < 1024:
        return f"{count:.0f} bytes"
    for unit in ("KB", "MB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} GB"


__all__ = ["Examination", "Finding", "Report", "examine", "size_text"]
