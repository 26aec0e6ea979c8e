"""What can go wrong with the history file, told in three parts: what, where, and how to go on.

SQLite says "disk I/O error" for a quota, "unable to open database file" for a folder without permission, and "database is locked" for a
moment that passes. Here its codes become sentences, and the moments that pass are told apart from what a person must repair.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from pathlib import Path

from asw_nb.errors import StoreError

MEMORY = ":memory:"

MOUNTS = Path("/proc/self/mounts")

NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs",
    "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs",
}  # fmt: skip
"""File systems that several machines share, where a write-ahead log's shared memory cannot be relied on."""

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}

SMALL_BYTES = 64 * 1024
"""With less than this the disk counts as full, whatever the system calls it."""


class Moved(OSError):
    """The path no longer names the file that is open: what is written would go where nobody finds it."""


class Locked(OSError):
    """Another process kept the file locked for longer than we wait."""


def _code(problem: BaseException) -> int:
    return getattr(problem, "sqlite_errorcode", 0) or 0


def is_passing(problem: BaseException) -> bool:
    """Whether waiting a little is all that is needed."""
    return _code(problem) & 0xFF in _PASSING


def explain(problem: BaseException, path: Path, doing: str) -> StoreError:
    """The error to show for what SQLite or the system said.

    Parameters
    ----------
    doing : str
        ``"opened"``, ``"read"`` or ``"written"``.
    """
    what, fix = _reason(problem, path, doing)
    if doing == "opened":
        end = f"{fix}, or choose another file with asw_nb.Workspace(path) or the environment variable ASW_NB_HOME."
    elif doing == "written":
        end = f"Nothing that was recorded is lost: {fix[0].lower()}{fix[1:]}, then go on with asw_nb.resume()."
    else:
        end = f"{fix}."
    return StoreError(f'the history file "{path}" cannot be {doing}: {what}. {end}')


def _reason(problem: BaseException, path: Path, doing: str) -> tuple[str, str]:
    code, number = _code(problem), getattr(problem, "errno", None)
    primary = code & 0xFF
    if isinstance(problem, Moved):
        return "it was moved, deleted or replaced while it was open", "Put it back"
    if isinstance(problem, Locked) or primary in _PASSING:
        waited = str(problem) if isinstance(problem, Locked) else "too long"
        return f"another process has kept it locked for {waited}", "End that process (a database browser, a backup?)"
    if primary == sqlite3.SQLITE_CORRUPT or isinstance(problem, Damaged):
        return f"it is damaged ({problem})", "See asw_nb.doctor(), which saves what can be read with repair=True"
    if primary == sqlite3.SQLITE_NOTADB:
        return "it is no history file (and no SQLite database)", "Move it away or put a backup in its place"
    closed = not_writable(path)
    if closed is not None and (primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) or number is not None):
        return closed
    if primary == sqlite3.SQLITE_FULL or number == errno.ENOSPC:
        return "the disk is full", "Free some space"
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and free_bytes(path) < SMALL_BYTES:
        return "the disk is full", "Free some space"
    if code == sqlite3.SQLITE_IOERR_WRITE:
        limit = "a quota or a limit on the size of files is reached, or the disk fails"
        return f"the disk did not take the data ({limit})", "Free some space or raise the limit"
    if primary == sqlite3.SQLITE_IOERR:
        return f"the disk fails ({problem}, {getattr(problem, 'sqlite_errorname', '')})", "Repair it"
    return str(problem), "Check the folder's permissions and space"


class Damaged(ValueError):
    """A record that SQLite could read holds no events."""


def free_bytes(path: Path) -> int:
    """What the disk has left for a file; little when that cannot be told."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return SMALL_BYTES


def not_writable(path: Path) -> tuple[str, str] | None:
    """Which of the things that must be writable is not: the folder too, since the log and its index lie beside the file."""
    folder = path.parent
    if path.is_dir():
        return "it is a folder", "Name a file in it"
    if path.exists() and not os.access(path, os.W_OK):
        return "it is read-only", "Make it writable for this user"
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f'"{folder}" is no folder', "Move it away"
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return f'the folder "{folder}" is read-only', "Make it writable for this user"


# ------------------------------------------------------------------------------------------ privacy


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, that only this user can enter, whatever the umask."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        try:
            made.mkdir(mode=0o700)
        except FileExistsError:
            continue
        made.chmod(0o700)  # an umask can only take away, and may have taken our own right


def make_file(path: Path) -> bool:
    """Make an empty file that only this user can read, unless there is one; whether it was made.

    SQLite gives the log and its index the mode of the file. An existing file is never opened here: closing it would take away the
    locks that this process holds on it through SQLite.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except FileExistsError:
        return False
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
    return True


# ----------------------------------------------------------------------------------------- the place


def place(path: Path) -> tuple[int, int] | None:
    """What the path names right now; None when that cannot be told, and nothing when it names nothing."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return (0, 0)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def filesystem(path: Path) -> str | None:
    """The type of the file system that holds a path (``ext4``, ``nfs4``); None where the system does not tell."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    best, kind = "", None
    target = str(path.resolve())
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[1])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # a later mount covers an earlier one at the same point
            best, kind = point, fields[2]
    return kind


def network(path: Path) -> str | None:
    """The type of the network file system that holds a path; None when it is a local one."""
    kind = filesystem(path)
    return kind if kind in NETWORK else None


def network_warning(path: Path, kind: str) -> str:
    """What to say about a history file on a network file system."""
    return (
        f'the history file "{path}" lies on a network file system ({kind}): the log that makes it durable needs memory shared by all who '
        f"open it, so kernels on two machines can damage it. Keep it on a local disk: set ASW_NB_HOME, or use asw_nb.Workspace(path)."
    )


__all__ = [
    "Damaged", "Locked", "Moved", "explain", "filesystem", "is_passing", "make_file", "make_folder", "network", "network_warning", "not_writable", "place",
]  # fmt: skip
