"""Frames -> spans: what lasted from when to when, and of which kind, as numpy columns.

One attempt becomes up to three spans, so that time spent waiting can be told from time spent working::

    scheduled        started         finished        scheduled (of the next attempt)
        |-- queued ----|--- succeeded ---|--- backoff ---|-- queued ...

States without attempts add theirs: a Wait its wait, a Map or Parallel its container, a Choice or Pass one point.
Columns and not objects, because a Map over 30,000 items gives 100,000 spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from asw_nb.analysis.palette import LINE_COLOUR, QUEUE_COLOUR, STATUS_COLOURS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class Kind(NamedTuple):
    """How one kind of span is told from the others: by colour, by hatching, and failures by a glyph too."""

    name: str
    colour: str
    hatch: str = ""  # plotly's pattern shapes
    dash: str = "solid"  # what WebGL lines have in place of hatching
    glyph: str = ""  # plotly's marker symbols


# The order is that of drawing and of the legend: what must not be covered comes last.
KINDS = (
    Kind("Map, Parallel", LINE_COLOUR),
    Kind("queued", QUEUE_COLOUR, ".", "dot"),
    Kind("waiting", STATUS_COLOURS["WAITING"], "\\", "dash"),
    Kind("backoff", STATUS_COLOURS["RETRYING"], "/", "dash"),
    Kind("succeeded", STATUS_COLOURS["SUCCEEDED"]),
    Kind("running", STATUS_COLOURS["RUNNING"]),
    Kind("aborted", STATUS_COLOURS["ABORTED"], glyph="octagon"),
    Kind("timed out", STATUS_COLOURS["TIMED_OUT"], glyph="hourglass"),
    Kind("failed", STATUS_COLOURS["FAILED"], glyph="x"),
    Kind("step", LINE_COLOUR, glyph="diamond"),
    Kind("failed step", STATUS_COLOURS["FAILED"], glyph="x"),
)
CONTAINER, QUEUED, WAIT, BACKOFF, SUCCEEDED, RUNNING, ABORTED, TIMED_OUT, FAILED, STEP, FAILED_STEP = range(11)
RUN_KINDS = (SUCCEEDED, RUNNING, ABORTED, TIMED_OUT, FAILED)
STEP_KINDS = (STEP, FAILED_STEP)
_RUN_KIND = {
    "SUCCEEDED": SUCCEEDED,
    "RUNNING": RUNNING,
    "ABORTED": ABORTED,
    "TIMED_OUT": TIMED_OUT,
    "FAILED": FAILED,
    "CAUGHT": FAILED,
}


class Key(NamedTuple):
    """Where a span belongs: one state at one place of one execution."""

    execution: str
    path: str
    state: str


@dataclass
class Spans:
    """Columns of equal length, one entry per span.

    `start` and `end` are seconds after the first event of the span's execution, which was at `zero_us` (microseconds
    since 1970, one per span). `key` points into `keys`. `source` is the row of the attempts frame, or -1 - row of the
    states frame.
    """

    keys: list[Key]
    kind: np.ndarray
    start: np.ndarray
    end: np.ndarray
    key: np.ndarray
    visit: np.ndarray
    attempt: np.ndarray
    source: np.ndarray
    zero_us: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, index: np.ndarray) -> Spans:
        """The spans at `index`, over the same keys."""
        columns = ("kind", "start", "end", "key", "visit", "attempt", "source", "zero_us")
        return Spans(self.keys, **{name: getattr(self, name)[index] for name in columns})


def places(key: np.ndarray, visit: np.ndarray) -> np.ndarray:
    """One number for each pair of key and visit, in their order: to compare and to sort numbers takes a tenth of the time of rows."""
    return key.astype("int64") * (int(visit.max(initial=0)) + 1) + visit


def texts(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as an object array of strings, with "" for what is missing."""
    import numpy as np

    if column not in frame:
        return np.full(len(frame), "", dtype=object)
    values = frame[column]
    return np.where(values.isna().to_numpy(), "", values.astype(object).to_numpy()).astype(object)


def numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, with NaN for what is missing or no number."""
    import numpy as np
    import pandas as pd

    if column not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)


def _microseconds(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column of times as float microseconds since 1970 (exact until the year 2255), NaN for NaT."""
    import numpy as np
    import pandas as pd

    if column not in frame or frame.empty:
        return np.full(len(frame), np.nan)
    times = pd.to_datetime(frame[column], utc=True).dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(times), np.nan, times.astype("int64").astype("float64"))


def collect(attempts: pd.DataFrame, states: pd.DataFrame) -> Spans:
    """Every span of the two frames, in no promised order."""
    import numpy as np
    import pandas as pd

    def both(column: str) -> np.ndarray:
        return np.concatenate([texts(attempts, column), texts(states, column)])

    n = len(attempts)
    execution, executions = pd.factorize(both("execution"))
    path, paths = pd.factorize(both("path"))
    pairs, first, key = np.unique(
        execution.astype("int64") * max(len(paths), 1) + path, return_index=True, return_inverse=True
    )
    state = both("state")
    keys = [
        Key(str(executions[pair // len(paths)]), str(paths[pair % len(paths)]), str(state[at]))
        for pair, at in zip(pairs.tolist(), first.tolist(), strict=True)
    ]
    visit = np.nan_to_num(np.concatenate([numbers(attempts, "visit"), numbers(states, "visit")])).astype("int64")

    names = ("scheduled", "started", "finished"), ("entered", "exited")
    of_attempts = [_microseconds(attempts, name) for name in names[0]]
    of_states = [_microseconds(states, name) for name in names[1]]
    zero, latest = np.full(len(executions), np.inf), np.full(len(executions), -np.inf)
    for codes, times in [(execution[:n], t) for t in of_attempts] + [(execution[n:], t) for t in of_states]:
        seen = np.isfinite(times)
        np.minimum.at(zero, codes[seen], times[seen])
        np.maximum.at(latest, codes[seen], times[seen])
    zero_of, now = zero[execution], (latest[execution] - zero[execution]) / 1e6

    ends = [(of_attempts[2] - zero_of[:n]) / 1e6, (of_states[1] - zero_of[n:]) / 1e6]
    pieces = [
        *_attempt_spans(attempts, key[:n], visit[:n], [(t - zero_of[:n]) / 1e6 for t in of_attempts], now[:n]),
        *_open_backoffs(attempts, states, key, visit, ends, now),
        *_state_spans(states, key, visit, [(t - zero_of[n:]) / 1e6 for t in of_states], now[n:], n),
    ]
    kind, start, end, source, attempt = (np.concatenate(column) for column in zip(*pieces, strict=True))
    row = np.where(source >= 0, source, n - 1 - source)
    # Clocks of two machines may disagree; a span that ends before it starts has no length.
    end = np.maximum(start, end)
    used, key_of = np.unique(key[row], return_inverse=True)
    keys = [keys[i] for i in used.tolist()]
    attempt = attempt.astype("int64")
    return Spans(keys, kind.astype("int8"), start, end, key_of, visit[row], attempt, source, zero_of[row])


def _piece(
    kind: int | np.ndarray, start: np.ndarray, end: np.ndarray, source: np.ndarray, attempt: np.ndarray
) -> tuple:
    import numpy as np

    return np.broadcast_to(kind, start.shape), start, end, source, attempt


def _attempt_spans(
    attempts: pd.DataFrame, key: np.ndarray, visit: np.ndarray, times: list[np.ndarray], now: np.ndarray
) -> list[tuple]:
    """Queue, run and the backoff up to the next attempt of the same visit."""
    import numpy as np

    scheduled, started, finished = times
    number = np.nan_to_num(numbers(attempts, "attempt"))
    row = np.arange(len(attempts))
    kind = np.array([_RUN_KIND.get(status, ABORTED) for status in texts(attempts, "status")], dtype="int8")

    ran = np.isfinite(started)
    end = np.where(np.isfinite(finished), finished, now)
    runs = _piece(kind[ran], started[ran], end[ran], row[ran], number[ran])

    left_queue = np.where(ran, started, end)
    # NaN compares as false. Who has only just joined the queue is shown too, though no time has passed.
    queued = (left_queue > scheduled) | (~ran & (left_queue >= scheduled))
    queues = _piece(QUEUED, scheduled[queued], left_queue[queued], row[queued], number[queued])

    order = np.lexsort((number, visit, key))
    before, after = order[:-1], order[1:]
    ready = np.where(np.isfinite(scheduled), scheduled, started)
    backed_off = (key[before] == key[after]) & (visit[before] == visit[after]) & (ready[after] > finished[before])
    before, after = before[backed_off], after[backed_off]
    return [runs, queues, _piece(BACKOFF, finished[before], ready[after], after, number[after])]


def _open_backoffs(
    attempts: pd.DataFrame,
    states: pd.DataFrame,
    key: np.ndarray,
    visit: np.ndarray,
    ends: list[np.ndarray],
    now: np.ndarray,
) -> list[tuple]:
    """The backoff that no attempt ended: the visit is still in it, or the execution was stopped during it."""
    import numpy as np

    finished, exited = ends
    n = len(attempts)
    place = np.stack([key, visit], axis=1)
    until = np.where(np.isfinite(exited), exited, now[n:])
    is_open = ~np.isfinite(exited) | (texts(states, "status") == "ABORTED")
    still_in = {tuple(p): float(t) for p, t in zip(place[n:][is_open].tolist(), until[is_open], strict=True)}
    last: dict[tuple, int] = {}
    if still_in:
        number = np.nan_to_num(numbers(attempts, "attempt"))
        for row, where in enumerate(map(tuple, place[:n].tolist())):
            if where in still_in and (where not in last or number[row] >= number[last[where]]):
                last[where] = row
    status = texts(attempts, "status")
    rows = [
        (row, still_in[where])
        for where, row in last.items()
        if status[row] in ("FAILED", "TIMED_OUT") and still_in[where] > finished[row]
    ]
    at, end = np.array([r for r, _ in rows], dtype="int64"), np.array([t for _, t in rows], dtype="float64")
    following = np.nan_to_num(numbers(attempts, "attempt"))[at] + 1
    return [_piece(BACKOFF, finished[at], end, at, following)]


def _state_spans(
    states: pd.DataFrame, key: np.ndarray, visit: np.ndarray, times: list[np.ndarray], now: np.ndarray, n: int
) -> list[tuple]:
    """Waits, containers, and one point or bar for each state that has no attempts."""
    import numpy as np

    entered, exited = times
    place = places(key, visit)
    tried = np.isin(place[n:], place[:n])
    kinds = np.full(len(states), -1, dtype="int8")
    for i, (has_attempts, type_, status) in enumerate(zip(tried.tolist(), texts(states, "type"), texts(states, "status"), strict=True)):
        if type_ == "Wait":
            kinds[i] = WAIT
        elif type_ in ("Map", "Parallel"):
            kinds[i] = CONTAINER
        elif has_attempts:
            continue
        elif type_ == "Task":
            kinds[i] = _RUN_KIND.get(status, ABORTED)
        else:
            kinds[i] = FAILED_STEP if type_ == "Fail" or status in ("FAILED", "CAUGHT") else STEP
    end = np.where(np.isfinite(exited), exited, now)
    end = np.where(np.isin(kinds, STEP_KINDS), entered, end)
    drawn = (kinds >= 0) & np.isfinite(entered)
    row = -1 - np.arange(len(states))
    return [_piece(kinds[drawn], entered[drawn], end[drawn], row[drawn], np.zeros(int(drawn.sum())))]
