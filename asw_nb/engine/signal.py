"""A one-time event that costs a tenth of `threading.Event` to make: every execution has one."""

from __future__ import annotations

import threading


class Signal:
    """Set once, by anybody; waited for by any number of threads.

    Examples
    --------
    >>> done = Signal()
    >>> done.wait(0)
    False
    >>> done.set()
    >>> done.wait(), done.is_set()
    (True, True)
    """

    __slots__ = ("_is_set", "_lock")

    def __init__(self) -> None:
        self._is_set = False
        self._lock: threading.Lock | None = None  # made by the first who waits

    def is_set(self) -> bool:
        """Whether it has been set."""
        return self._is_set

    def set(self) -> None:
        """Let everybody through who waits, and who comes later."""
        if not self._is_set:
            self._is_set = True
            # whoever makes the lock after this line looks at the flag again before waiting for it
            lock = self._lock
            if lock is not None:
                try:  # noqa: SIM105 - a context manager would cost more than the rest
                    lock.release()
                except RuntimeError:  # two set it at once
                    pass

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most so many seconds; whether it is."""
        if self._is_set:
            return True
        lock = self._lock
        if lock is None:
            with _making:
                lock = self._lock
                if lock is None:
                    lock = threading.Lock()
                    lock.acquire()
                    self._lock = lock
        if not self._is_set and lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            lock.release()  # for the next who waits
        return self._is_set


_making = threading.Lock()

__all__ = ["Signal"]
