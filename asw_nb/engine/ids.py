"""Random ids from the process's own generator: asking the system for each would cost more than a short state does.

They have to differ, not to be secret; a task token, which has to be secret, is signed (see `history.store`)."""

from __future__ import annotations

import itertools
import os
import random
import time

_random = random.Random()
_newest: tuple[int, str, itertools.count[int]] = (0, "", itertools.count())


def _after_fork() -> None:
    global _newest
    _random.seed()
    _newest = (0, "", itertools.count())


os.register_at_fork(after_in_child=_after_fork)


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
    """A UUID that begins with the time (version 7): what is made one after the other stands side by side in an index.

    Those of one millisecond count on from a random number, as RFC 9562 has it (6.2, method 2).
    """
    global _newest
    now = time.time_ns() // 1_000_000
    millisecond, head, tail = _newest
    if now != millisecond:
        bits = _random.getrandbits(73)
        head = f"{now >> 16:08x}-{now & 0xFFFF:04x}-7{bits >> 61:03x}-{bits >> 47 & 0x3FFF | 0x8000:04x}-"
        tail = itertools.count(bits & 0x7FFF_FFFF_FFFF)  # with the highest bit free, for counting on
        _newest = now, head, tail
    return f"{head}{next(tail):012x}"


__all__ = ["ordered_id", "random_id"]
