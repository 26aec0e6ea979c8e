"""Who drives an execution: a process, told apart from every other that ever had or will have its number.

The identity is machine, boot, process id (and the namespace that it counts in) and the process's start. A process that is gone, or whose number
another process has taken, or that ran before the machine was started again, is dead; time alone never makes one dead. Of another host, or of
another container, nothing can be known from here: its processes may be alive, and adopting their executions is the user's decision
(``force=True``).
"""

from __future__ import annotations

import functools
import getpass
import hashlib
import json
import os
from pathlib import Path
from typing import Any

IDENTITY = "coalesce((SELECT value FROM settings WHERE name = 'owner ' || owner), owner)"
"""SQL: who drives an execution; the row itself holds a `short` form."""

ALIVE, DEAD, UNKNOWN = "alive", "dead", "unknown"

CLOCK_SLACK_S = 2.0
"""Start times that are computed from the wall clock differ by its corrections; no process starts twice within them under one number."""


@functools.lru_cache(maxsize=1)
def _boot() -> str:
    """This start of the machine; empty where the system has no name for it, and process starts are absolute times."""
    return _text("/proc/sys/kernel/random/boot_id")


@functools.lru_cache(maxsize=1)
def _machine() -> str:
    return _text("/etc/machine-id")


@functools.lru_cache(maxsize=1)
def _namespace() -> str:
    """Where process ids count: two containers on one machine have each a process 7."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process began: clock ticks since the boot, or seconds since 1970 where no boot has a name. None when there is none."""
    if not _boot():
        return _started_at(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in ("Z", "X") else fields[19]


def _started_at(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def _user() -> str:
    """Whose process it is, for people to read: it tells no process from another."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a number without a name, as in many containers
        return ""


def this_process() -> str:
    """This process's identity, as JSON text."""
    return _identity(os.getpid())


@functools.lru_cache(maxsize=8)
def short(identity: str) -> str:
    """What stands for an identity in the rows of its executions: thousands of rows would repeat its two hundred characters.

    Examples
    --------
    >>> len(short(this_process()))
    16
    """
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def _identity(pid: int) -> str:
    known = {"host": os.uname().nodename, "boot": _boot(), "pid": pid, "started": _started(pid), "user": _user()}
    return json.dumps(known | {"machine": _machine(), "pids": _namespace()})


def _read(identity: str | None) -> dict[str, Any] | None:
    try:
        known = json.loads(identity or "")
        return known if {"host", "boot", "pid", "started"} <= known.keys() else None
    except (ValueError, AttributeError):
        return None


def life(identity: str | None) -> str:
    """Whether the process of an identity is ``"alive"``, ``"dead"``, or ``"unknown"``: out of sight from here.

    Examples
    --------
    >>> life(this_process()), life(None)
    ('alive', 'dead')
    """
    known = _read(identity)
    if known is None:
        return DEAD
    same_host = known["host"] == os.uname().nodename and known.get("machine", _machine()) == _machine()
    if known["boot"] != _boot():
        return DEAD if same_host and _boot() and known["boot"] else UNKNOWN
    if not _boot() and not same_host:
        return UNKNOWN
    if known.get("pids", _namespace()) != _namespace():
        return UNKNOWN
    return ALIVE if _same_start(known["started"], _started(known["pid"])) else DEAD


def _same_start(one: str | None, other: str | None) -> bool:
    if one is None or other is None or _boot():
        return one is not None and one == other
    return abs(float(one) - float(other)) <= CLOCK_SLACK_S


def is_alive(identity: str | None) -> bool:
    """Whether the process of an identity still runs, or may run where it cannot be seen.

    Examples
    --------
    >>> is_alive(this_process())
    True
    """
    return life(identity) != DEAD


def describe(identity: str | None) -> str:
    """An identity in words."""
    known = _read(identity)
    return "nobody" if known is None else f"process {known['pid']} on {known['host']}"


def user(identity: str | None) -> str:
    """Whose process it is or was; "" where that is not known."""
    return str((_read(identity) or {}).get("user", ""))


__all__ = ["ALIVE", "DEAD", "IDENTITY", "UNKNOWN", "describe", "is_alive", "life", "short", "this_process", "user"]
