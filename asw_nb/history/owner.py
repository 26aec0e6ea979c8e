"""Who drives an execution: a process, told apart from every other that ever had or will have its number.

The identity is host, boot, process id and the process's start. A process that is gone, or whose number another process has taken, or that ran
before the machine was started again, is dead; time alone never makes one dead. Of another host nothing can be known, so its processes count as
alive: adopting their executions is the user's decision (``force=True``).
"""

from __future__ import annotations

import functools
import json
import os
import socket
from pathlib import Path


@functools.lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def _started(pid: int) -> str | None:
    """When a process began, in the system's own units; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return _started_elsewhere(pid)
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def _started_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def this_process() -> str:
    """This process's identity, as JSON text."""
    return _identity(os.getpid())


@functools.lru_cache(maxsize=8)
def _identity(pid: int) -> str:
    return json.dumps({"host": socket.gethostname(), "boot": _boot(), "pid": pid, "started": _started(pid)})


def is_alive(identity: str) -> bool:
    """Whether the process of an identity still runs (or may run, on another host).

    Examples
    --------
    >>> is_alive(this_process())
    True
    """
    try:
        known = json.loads(identity)
        host, boot, pid, started = known["host"], known["boot"], known["pid"], known["started"]
    except (ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return True
    return boot == _boot() and started is not None and _started(pid) == started


def describe(identity: str | None) -> str:
    """An identity in words."""
    try:
        known = json.loads(identity or "")
        return f"process {known['pid']} on {known['host']}"
    except (ValueError, KeyError, TypeError):
        return "nobody"


__all__ = ["describe", "is_alive", "this_process"]
