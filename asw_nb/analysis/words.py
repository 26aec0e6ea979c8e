"""Words that every view shares: durations in the unit that people would choose, long texts cut, causes as a person reads them."""

from __future__ import annotations

import json
from typing import Any

from asw_nb.history.redact import redact_text

MAX_TEXT = 4_000


def duration_text(seconds: float | None) -> str:
    """Seconds in the unit that people would choose.

    Examples
    --------
    >>> duration_text(0.0123), duration_text(75.0)
    ('12 ms', '1 min 15 s')
    """
    if seconds is None or seconds != seconds:
        return ""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def share_text(part: float) -> str:
    """A part of one in percent; what is less than one percent, but not nothing, is no zero.

    Examples
    --------
    >>> share_text(0.754), share_text(0.0004), share_text(0.0)
    ('75%', '<1%', '0%')
    """
    return "<1%" if 0 < part < 0.005 else f"{part:.0%}"


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Text of at most `limit` characters, saying what is left out."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def _function_error(cause: str | None) -> dict[str, Any]:
    """The object that stands in the cause when a function raised; an empty one for every other cause."""
    try:
        parsed = json.loads(cause or "")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) and isinstance(parsed.get("errorMessage"), str) else {}


def stack_trace(cause: str | None) -> list[str]:
    """The frames of a function's error object; none of every other cause."""
    frames = _function_error(cause).get("stackTrace")
    return [str(frame) for frame in frames] if isinstance(frames, list) else []


def readable_cause(cause: str | None) -> str:
    """A cause as a person reads it: without its secrets, and a function's error object becomes its message.

    Examples
    --------
    >>> readable_cause('{"errorMessage": "no such table", "errorType": "KeyError", "stackTrace": []}')
    'KeyError: no such table'
    """
    raised = _function_error(cause)
    if not raised:
        return redact_text(cause or "")
    return f"{redact_text(str(raised.get('errorType', 'Error')))}: {redact_text(raised['errorMessage'])}"


__all__ = ["MAX_TEXT", "cut", "duration_text", "readable_cause", "share_text", "stack_trace"]
