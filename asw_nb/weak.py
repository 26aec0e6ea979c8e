"""A dictionary that keeps none of its values alive, and costs little to fill.

`weakref.WeakValueDictionary` makes a reference with a callback for each value, which is a tenth of what starting an execution costs. Here the
dead are swept out together, when their number may have reached that of the living."""

from __future__ import annotations

import threading
import weakref
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

FEW = 1000
"""Entries that need no sweeping."""


class WeakValues(Generic[K, V]):
    """Values by key, as long as somebody else holds them.

    Examples
    --------
    >>> class Thing: ...
    >>> things = WeakValues()
    >>> kept = things["kept"] = Thing()
    >>> things["lost"] = Thing()
    >>> things.get("kept") is kept, things.get("lost"), [key for key, _ in things.items()]
    (True, None, ['kept'])
    """

    def __init__(self) -> None:
        self._refs: dict[K, weakref.ref[V]] = {}
        self._sweep_at = FEW
        self._lock = threading.Lock()

    def __setitem__(self, key: K, value: V) -> None:
        # without the lock: it is one step, and the sweep takes out only what is dead
        refs = self._refs
        refs[key] = weakref.ref(value)
        if len(refs) >= self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        refs = self._refs
        with self._lock:
            if len(refs) < self._sweep_at:  # somebody else has done it
                return
            for key, reference in refs.copy().items():
                if reference() is None:
                    gone = refs.pop(key, reference)
                    if gone is not reference:  # somebody was faster, and it is another
                        refs.setdefault(key, gone)
            self._sweep_at = max(FEW, 2 * len(refs))

    def get(self, key: K) -> V | None:
        """The value of a key; None when there is none (any more)."""
        reference = self._refs.get(key)
        return None if reference is None else reference()

    def items(self) -> list[tuple[K, V]]:
        """Keys and values of this moment."""
        found = [(key, reference()) for key, reference in self._refs.copy().items()]
        return [(key, value) for key, value in found if value is not None]

    def values(self) -> list[V]:
        """Values of this moment."""
        return [value for _, value in self.items()]


__all__ = ["WeakValues"]
