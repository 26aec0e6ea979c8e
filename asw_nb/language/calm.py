"""No collection of garbage while a large definition is read, or a long history is folded.

The collector of cycles starts again and again while a hundred thousand objects are made, none of which is garbage yet, and may look at everything
that a notebook holds; that took half the time of a large validation, and of the table of a long history.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_was_enabled = False


@contextmanager
def calm() -> Iterator[None]:
    """Keep the collector away, in all threads, until the last of those has left who entered.

    Examples
    --------
    >>> with calm():
    ...     gc.isenabled()
    False
    """
    global _inside, _was_enabled
    with _lock:
        if _inside == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _was_enabled:
                gc.enable()


__all__ = ["calm"]
