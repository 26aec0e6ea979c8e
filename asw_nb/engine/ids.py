"""Random ids from the process's own generator: asking the system for each would cost more than a short state does.

They have to differ, not to be secret; a task token, which has to be secret, is signed (see `history.store`)."""

from __future__ import annotations

import os
import random

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


__all__ = ["random_id"]
