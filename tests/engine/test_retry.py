"""Which errors a pattern names, and how long a retry waits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.engine.retry import delay_s, matches, next_retry
from asw_nb.language.plan import Retrier


@pytest.mark.parametrize(
    ("patterns", "error", "taken"),
    [
        (["Boom"], "Boom", True),
        (["Boom"], "boom", False),
        (["A", "Boom"], "Boom", True),
        ([], "Boom", False),
        (["States.ALL"], "Boom", True),
        (["States.ALL"], None, True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.Runtime"], "States.Runtime", True),
        (["States.TaskFailed"], "Boom", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", False),
        (["States.TaskFailed"], "States.Runtime", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
    ],
)
def test_an_error_is_named_by(patterns: list[str], error: str | None, taken: bool) -> None:
    assert matches(patterns, error) is taken


@pytest.mark.parametrize(
    ("retrier", "delays"),
    [
        (Retrier(("E",)), [1.0, 2.0, 4.0]),
        (Retrier(("E",), 3, 3, 1.5), [3.0, 4.5, 6.75]),
        (Retrier(("E",), 10, 3, 1.0), [10.0, 10.0, 10.0]),
        (Retrier(("E",), 10, 3, 3.0, max_delay_s=60), [10.0, 30.0, 60.0]),
        (Retrier(("E",), 31_622_399, 3, 2.0), [31_622_399.0, 31_622_400.0, 31_622_400.0]),
    ],
)
def test_the_delays_of(retrier: Retrier, delays: list[float]) -> None:
    assert [delay_s(retrier, done, random.Random(0)) for done in range(3)] == delays


def test_a_delay_that_no_float_holds_is_a_year() -> None:
    assert delay_s(Retrier(("E",), 2, 9999, 1e300), 5000, random.Random(0)) == 31_622_400.0


@given(st.integers(0, 2**32), st.integers(0, 12))
def test_jitter_stays_between_nothing_and_the_delay(seed: int, done: int) -> None:
    plain, jittered = Retrier(("E",), 2, 99, 2.0, 100), Retrier(("E",), 2, 99, 2.0, 100, jitter=True)
    assert 0.0 <= delay_s(jittered, done, random.Random(seed)) <= delay_s(plain, done, random.Random(seed))


def test_the_same_seed_gives_the_same_jitter() -> None:
    retrier = Retrier(("E",), 2, 99, 2.0, jitter=True)
    assert delay_s(retrier, 3, random.Random(7)) == delay_s(retrier, 3, random.Random(7))


RETRIERS = (Retrier(("A",), 1, 2), Retrier(("A", "B"), 5, 1), Retrier(("States.ALL",), 9, 0))


@pytest.mark.parametrize(
    ("counts", "error", "answer"),
    [
        (None, "A", (0, 1.0)),
        ([1, 0, 0], "A", (0, 2.0)),
        ([2, 0, 0], "A", None),  # the first that names it decides, also when its attempts are used up
        ([2, 0, 0], "B", (1, 5.0)),
        ([0, 1, 0], "B", None),
        (None, "C", None),
        (None, "States.Runtime", None),
    ],
)
def test_the_retry_that_follows(counts: list[int] | None, error: str, answer: tuple[int, float] | None) -> None:
    assert next_retry(RETRIERS, counts, error, random.Random(0)) == answer
