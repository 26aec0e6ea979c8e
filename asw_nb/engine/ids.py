"""Random ids from the process's own generator: asking the system for each would cost more than a short state does.

They have to differ, not to be secret; a task token, which has to be secret, is signed (see `history.store`)."""

from __future__ import annotations

import os
import random
import time

_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


def random_id() -> str:
    """A random UUID (version 4) as text.

    Examples
    --------
    >>> len(random_id()), random_id()[14]
    (36, '4')
    """
    text = f"{_random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def ordered_id() -> str:
    """A UUID that begins with the time (version 7): what is made one after the other stands side by side in an index."""
    text = f"{_random.getrandbits(80):020x}"
    now = f"{time.time_ns() // 1_000_000:012x}"
    return f"{now[:8]}-{now[8:]}-7{text[1:4]}-{'89ab'[int(text[4], 16) & 3]}{text[5:8]}-{text[8:]}"


__all__ = ["ordered_id", "random_id"]
