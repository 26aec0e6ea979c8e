"""Which retrier or catcher answers to an error, and how long to wait before the next attempt.

Sources: States Language specification, "Errors"; the cloud's exceptions to ``States.ALL``.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from asw_nb.language.plan import Retrier

NOT_CAUGHT_BY_ALL = frozenset({"States.DataLimitExceeded", "States.Runtime"})
TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})


def matches(patterns: Iterable[str], error: str | None, lapsed: bool = False) -> bool:
    """Whether an ErrorEquals list names the error; a heartbeat that did not come (`lapsed`) answers to its own name too.

    Examples
    --------
    >>> matches(["States.ALL"], "Boom"), matches(["States.TaskFailed"], "States.Timeout")
    (True, False)
    """
    for pattern in patterns:
        if pattern == error or (lapsed and pattern == "States.HeartbeatTimeout"):
            return True
        if pattern == "States.ALL" and error not in NOT_CAUGHT_BY_ALL:
            return True
        if pattern == "States.Timeout" and error == "States.HeartbeatTimeout":
            return True
        if pattern == "States.TaskFailed" and error not in TIMEOUTS and error not in NOT_CAUGHT_BY_ALL:
            return True
    return False


def delay_s(retrier: Retrier, done: int, rng: random.Random) -> float:
    """Seconds to wait before the retry that follows `done` retries of this retrier.

    Examples
    --------
    >>> [delay_s(Retrier(("E",), 3, 2, 1.5), n, random.Random(0)) for n in (0, 1)]
    [3.0, 4.5]
    """
    try:
        delay = float(retrier.interval_s) * float(retrier.backoff) ** done
    except OverflowError:
        delay = float("inf")
    if retrier.max_delay_s is not None:
        delay = min(delay, float(retrier.max_delay_s))
    delay = min(delay, 31_622_400.0)  # a year: what an execution may last in the cloud
    return rng.uniform(0.0, delay) if retrier.jitter else delay


def next_retry(
    retriers: Sequence[Retrier],
    counts: Sequence[int] | None,
    error: str | None,
    rng: random.Random,
    lapsed: bool = False,
) -> tuple[int, float] | None:
    """The number of the retrier that takes the error and the delay in seconds; None when it is not retried.

    The first retrier that names the error decides, also when its attempts are used up.
    """
    for number, retrier in enumerate(retriers):
        if matches(retrier.errors, error, lapsed):
            done = counts[number] if counts else 0
            return (number, delay_s(retrier, done, rng)) if done < retrier.max_attempts else None
    return None


__all__ = ["delay_s", "matches", "next_retry"]
