"""Frames of attempts and states, made by hand, and what a timeline shows of them."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pandas as pd

from asw_nb.analysis.figure import PLOTLY_MIME, Figure
from asw_nb.analysis.timeline import timeline

ZERO = datetime(2024, 5, 1, 8, tzinfo=UTC)
ZERO_MS = ZERO.timestamp() * 1e3
ATTEMPT_TIMES, STATE_TIMES = ["scheduled", "started", "finished"], ["entered", "exited"]
RUN_NAMES = ("succeeded", "running", "aborted", "timed out", "failed")


def at(seconds):
    return pd.NaT if seconds is None else pd.Timestamp(ZERO) + pd.Timedelta(seconds=seconds)


def attempt(path, status, scheduled, started, finished, number=1, visit=1, execution="run-1", **more):
    times = {"scheduled": at(scheduled), "started": at(started), "finished": at(finished)}
    queue = started - scheduled if None not in (started, scheduled) else None
    return {
        "execution": execution, "visit": visit, "path": path, "state": path.rpartition("/")[2], "attempt": number,
        "status": status, **times, "queue_s": queue, "worker": None, "error": None, "cause": None, **more,
    }  # fmt: skip


def state(path, kind, status, entered, exited, visit=1, execution="run-1", **more):
    return {
        "execution": execution, "visit": visit, "path": path, "state": path.rpartition("/")[2], "type": kind,
        "status": status, "entered": at(entered), "exited": at(exited), "error": None, "cause": None, **more,
    }  # fmt: skip


def frame(rows, times):
    out = pd.DataFrame(rows, columns=list(rows[0]) if rows else times)
    for name in times:
        out[name] = pd.to_datetime(out[name], utc=True).astype("datetime64[us, UTC]")
    return out


def draw(attempts=(), states=(), **options) -> Figure:
    return timeline(frame(list(attempts), ATTEMPT_TIMES), frame(list(states), STATE_TIMES), **options)


def bars(figure: Figure) -> dict[str, list[tuple[float, float, float]]]:
    """For each kind, the bars as (base, length, y)."""
    return {
        t.name: [tuple(round(float(v), 6) for v in bar) for bar in zip(t.base, t.x, t.y, strict=True)]
        for t in figure.plotly.data
        if t.type == "bar"
    }


def labels(figure: Figure) -> list[str]:
    return list(figure.plotly.layout.yaxis.ticktext)


def picture(figure: Figure) -> str:
    return base64.b64decode(re.search(r'base64,([^"]*)"', figure.static_html)[1]).decode("utf-8")


def picture_texts(figure: Figure) -> list[str]:
    return [e.text for e in ET.fromstring(picture(figure)).iter() if e.tag.endswith("}text")]


def json_size(figure: Figure) -> int:
    return len(json.dumps(figure._repr_mimebundle_()[PLOTLY_MIME]))
