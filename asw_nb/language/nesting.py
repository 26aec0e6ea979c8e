"""How large and how deep data may become by being put into itself.

``{"a.$": "$", "b.$": "$"}`` in a loop doubles the data with every turn while its memory hardly grows: both fields refer to one object.
Written out it would fill any disk after forty turns. So data that a state makes is measured as if it were written out; what is
large because it *is* large, in memory as well, is let through.
"""

from __future__ import annotations

from typing import Any

from asw_nb.errors import StateError

MAX_DEPTH = 300
"""Levels of objects and arrays inside one another."""

SMALL = 1 << 20
"""Bytes, estimated, up to which nothing is asked about sharing."""

SHARED_LIMIT = 16 << 20
"""Bytes, estimated, of data that repeats itself."""


def check_growth(value: Any) -> None:
    """Refuse data that is nested too deeply, or small only because it repeats itself.

    Raises
    ------
    StateError
        ``States.Runtime`` for the depth, ``States.DataLimitExceeded`` for the size.

    Examples
    --------
    >>> data = [1]
    >>> for _ in range(40):
    ...     data = [data, data]
    >>> check_growth(data)
    Traceback (most recent call last):
    asw_nb.errors.StateError: States.DataLimitExceeded: The data repeats itself so often that it would be larger than 16 MiB.
    """
    level = [value]
    left = SMALL
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for parent in level:
            kind = type(parent)
            if kind is dict or kind is list:
                left -= 16 * len(parent)
                for child in parent.values() if kind is dict else parent:
                    kind = type(child)
                    if kind is dict or kind is list:
                        below.append(child)
                    elif kind is str:
                        left -= len(child)
                if left < 0:
                    return _check_shared(value)
        if not below:
            return
        level = below
    raise _too_deep()


def _too_deep() -> StateError:
    return StateError("States.Runtime", "The data or an expression is nested too deeply.")


def _check_shared(value: Any) -> None:
    """The same with every object looked at once: its size written out, and its size in memory."""
    written: dict[int, int] = {}
    in_memory = 0

    def weigh(tree: Any, depth: int) -> int:
        nonlocal in_memory
        kind = type(tree)
        if kind is not dict and kind is not list and (kind is not str or len(tree) < 100):
            return 16
        known = written.get(id(tree))
        if known is not None:
            return known
        if depth > MAX_DEPTH:
            raise _too_deep()
        if kind is str:
            own, size = len(tree), len(tree)
        else:
            own = size = 16 + 16 * len(tree)
            for child in tree.values() if kind is dict else tree:
                kind = type(child)
                if kind is dict or kind is list or kind is str:
                    size += weigh(child, depth + 1)
        in_memory += own
        written[id(tree)] = size
        return size

    size = weigh(value, 0)
    if size > SHARED_LIMIT and size > 4 * in_memory:
        limit = f"{SHARED_LIMIT >> 20} MiB"
        raise StateError(
            "States.DataLimitExceeded", f"The data repeats itself so often that it would be larger than {limit}."
        )


__all__ = ["MAX_DEPTH", "SHARED_LIMIT", "SMALL", "check_growth"]
