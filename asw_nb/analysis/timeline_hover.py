"""What the timeline says under the mouse: which attempt, how it went, and the Python that fetches it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from asw_nb.analysis.figure import plotly_text
from asw_nb.analysis.timeline_spans import BACKOFF, QUEUED, WAIT, Key, Spans, numbers, texts
from asw_nb.analysis.timeline_svg import shorten, utc
from asw_nb.history.redact import redact, redact_text

if TYPE_CHECKING:
    import pandas as pd

CAUSE_COLUMNS = 140
# A cause may hold all the data of its state; the line has no room for what comes after this.
READ_CHARS = 8 * CAUSE_COLUMNS
PATH_COLUMNS = 160
PAYLOAD_COLUMNS = 90


def duration(seconds: float) -> str:
    """A length of time with two units at most.

    Examples
    --------
    >>> [duration(s) for s in (0, 0.0123, 4.256, 75, 7500, 90_000)]
    ['0 s', '12.3 ms', '4.26 s', '1 min 15 s', '2 h 05 min', '1 d 1 h']
    """
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms" if seconds else "0 s"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def reason(error: str, cause: str) -> str:
    """The error and the human part of its cause, in one short line without secrets."""
    if cause.startswith("{"):
        try:
            told = json.loads(cause)
        except ValueError:
            told = None
        if isinstance(told, dict) and isinstance(told.get("errorMessage"), str):
            cause = told["errorMessage"]
    # each by itself: joined, an error named BadToken would make a secret of the cause
    return shorten(": ".join(redact_text(part, READ_CHARS) for part in (error, cause) if part), CAUSE_COLUMNS)


def fetch_code(key: Key, tries: bool = True, exact: bool = False) -> str:
    """The Python that fetches a state, or its attempts; nothing for a name far beyond what the language allows.

    With `exact`, by the path of the place: of one item, and not of all.

    Examples
    --------
    >>> fetch_code(Key("order-17", "Each[3]/Load", "Load"))
    'run["Load"].attempts'
    """
    name = key.path if exact else key.state
    if len(name) > PATH_COLUMNS:
        return ""
    return f"run[{json.dumps(name, ensure_ascii=False)}]" + (".attempts" if tries else "")


def hover_texts(spans: Spans, attempts: pd.DataFrame, states: pd.DataFrame) -> list[str]:
    """One text per span, as plotly reads it."""
    frames = [attempts, states]
    status, error, cause = ([texts(f, name) for f in frames] for name in ("status", "error", "cause"))
    worker, type_ = texts(attempts, "worker"), texts(states, "type")
    queue = numbers(attempts, "queue_s")
    payloads, place = _payloads(states), _visit_rows(attempts, states)
    out = []
    columns = (spans.kind, spans.start, spans.end, spans.key, spans.attempt, spans.source, spans.zero_us)
    for kind, start, end, at, attempt, source, zero in zip(*(c.tolist() for c in columns), strict=True):
        key = spans.keys[at]
        of, row = (0, source) if source >= 0 else (1, -1 - source)
        lasted = duration(end - start)
        began = f"at +{duration(start)} ({utc(zero / 1e6 + start):%Y-%m-%d %H:%M:%S} UTC)"
        fetch = fetch_code(key, tries=source >= 0, exact=True)
        told = plotly_text(reason(str(error[of][row]), str(cause[of][row])))
        if kind == QUEUED:
            lines = [f"attempt {attempt} queued for {lasted}", began]
        elif kind == BACKOFF:
            lines = [f"backoff of {lasted} before attempt {attempt}", began]
            told = ""
        elif source >= 0:
            lines = [f"attempt {attempt} {plotly_text(status[0][row])}", f"{began}, ran {lasted}"]
            if queue[row] > 0:
                lines[1] += f", queued {duration(queue[row])}"
            if worker[row]:
                lines.append(f"worker {plotly_text(shorten(str(worker[row]), 60))}")
        else:
            lines = [f"{plotly_text(type_[row])} {plotly_text(status[1][row])}", began]
            if end > start:
                lines[1] += f", {'waited' if kind == WAIT else 'took'} {lasted}"
        if kind not in (QUEUED, BACKOFF):
            lines += payloads[place[row]] if source >= 0 else payloads[row]
        head = f"<b>{plotly_text(shorten(key.path, PATH_COLUMNS))}</b>"
        foot = fetch and f"<i>{plotly_text(fetch)}</i>"
        out.append("<br>".join(line for line in (head, *lines, told, foot) if line))
    return out


def _payloads(states: pd.DataFrame) -> list[list[str]]:
    """For each visit its input and output, as short lines; an empty list at the end stands for a visit that is not there."""
    names = [name for name in ("input", "output") if name in states]
    rows = [
        [f"{name} {plotly_text(shorten(json.dumps(redact(value), ensure_ascii=False, default=str), PAYLOAD_COLUMNS))}" for name, value in zip(names, values, strict=True) if value is not None]
        for values in (states[names].itertuples(index=False, name=None) if names else [])
    ]
    return [*(rows or [[] for _ in range(len(states))]), []]


def _visit_rows(attempts: pd.DataFrame, states: pd.DataFrame) -> list[int]:
    """For each attempt the row of its visit in the states frame, -1 where there is none."""
    keys = {"execution", "path", "visit"}
    if not keys <= set(states.columns) or not keys <= set(attempts.columns):
        return [-1] * len(attempts)
    rows = {where: i for i, where in enumerate(zip(states["execution"], states["path"], states["visit"], strict=True))}
    return [rows.get(where, -1) for where in zip(attempts["execution"], attempts["path"], attempts["visit"], strict=True)]


def short_hover(spans: Spans) -> list[str]:
    """One very short text per span: the Map items that it is in, and its attempt when it is not the first."""
    items = [".".join(re.findall(r"\[(\d+)\](?=/)", key.path)) for key in spans.keys]
    return [
        items[key] + (f" #{attempt}" if attempt > 1 else "")
        for key, attempt in zip(spans.key.tolist(), spans.attempt.tolist(), strict=True)
    ]
