"""Help for functions that train: knowing when to stop."""

from __future__ import annotations

import math

from asw_nb.definitions import choose
from asw_nb.errors import UsageError


class EarlyStopping:
    """Says when a value has not become better for a while.

    Parameters
    ----------
    patience : int
        How many values in a row may fail to be better than the best one.
    mode : str
        ``"min"``: lower is better; ``"max"``.
    min_delta : float
        What a value must be better by to count.

    Attributes
    ----------
    best : float
        NaN before the first value.
    best_step : int
        The number of the best value, from 0; -1 before the first.
    stopped : bool

    Examples
    --------
    >>> enough = EarlyStopping(patience=2)
    >>> [enough(loss) for loss in (0.9, 0.5, 0.6, 0.55, 0.4)]
    [False, False, False, True, True]
    >>> enough.best, enough.best_step
    (0.5, 1)
    """

    def __init__(self, patience: int = 3, mode: str = "min", min_delta: float = 0.0) -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise UsageError(f"patience={patience!r} must be a number of values, 1 or more.")
        if not 0 <= min_delta < math.inf:
            raise UsageError(f"min_delta={min_delta!r} must not be negative.")
        self.patience, self.mode, self.min_delta = patience, choose("mode", mode, ("min", "max")), min_delta
        self.best, self.best_step, self.stopped = math.nan, -1, False
        self._seen = 0

    def __call__(self, value: float) -> bool:
        """Take the next value; True when it is time to stop, and ever after. NaN is never better."""
        if self.stopped:
            return True
        gain = self.best - value if self.mode == "min" else value - self.best
        if not math.isnan(value) and (math.isnan(self.best) or gain > self.min_delta):
            self.best, self.best_step = float(value), self._seen
        self._seen += 1
        self.stopped = self._seen - 1 - self.best_step >= self.patience
        return self.stopped


__all__ = ["EarlyStopping"]
