"""What the monitor shows of one state, one moment and the events around it: HTML made from a visit, a fold or a list of events.

Everything here costs the same however large a payload or long a history is: values are cut before they are written down, and each pane takes
only what it shows. Secrets are masked as everywhere else, and a user's text is never markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from asw_nb.analysis.card import (
    CELL,
    CODE,
    GREY,
    HEAD,
    PRE,
    TITLE,
    badge,
    cut,
    duration_text,
    json_text,
    readable_cause,
)
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.palette import STATUS_COLOURS
from asw_nb.history.fold import Visit
from asw_nb.history.redact import redact, redact_lines, redact_text
from asw_nb.history.store import Record

PANE = "background:#ffffff;color:#1b1f24;border:1px solid #d0d7de;border-radius:8px;padding:10px 14px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;overflow-wrap:anywhere"
MOST_ITEMS = 60
MOST_NODES = 600
MOST_CHARS, SHORTEST_CUT = 14_000, 24
LONGEST_TEXT = 2_000
LONGEST_LINE = 500
MOST_LINES = 200
MOST_ATTEMPTS = 50


def shortened(value: Any) -> Any:
    """A payload small enough to be written down, with its secrets masked: long texts, lists and objects are cut, and say by how much.

    Examples
    --------
    >>> shortened({"rows": list(range(100_000)), "password": "x" * 3000})["rows"][-1]
    '… 99,940 more'
    """
    # items first, as what is left out need not be searched for secrets; texts last, as a secret that is cut in two is not recognised
    return _with_short_texts(redact(_with_few_items(value, [MOST_NODES])), [MOST_CHARS])


def _with_few_items(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if isinstance(value, list | tuple):
        out: list[Any] = []
        for item in value:
            if len(out) == MOST_ITEMS or left[0] <= 0:
                return [*out, f"… {len(value) - len(out):,} more"]
            out.append(_with_few_items(item, left))
        return out
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, item in value.items():
            if len(kept) == MOST_ITEMS or left[0] <= 0:
                kept["…"] = f"{len(value) - len(kept):,} more"
                break
            kept[key] = _with_few_items(item, left)
        return kept
    return value


def _with_short_texts(value: Any, left: list[int]) -> Any:
    if isinstance(value, str):
        text = cut(value, max(SHORTEST_CUT, min(LONGEST_TEXT, left[0])))
        left[0] -= len(text)
        return text
    if isinstance(value, list):
        return [_with_short_texts(item, left) for item in value]
    if isinstance(value, dict):
        return {cut(key, 200): _with_short_texts(item, left) for key, item in value.items()}
    return value


def payload_html(value: Any) -> str:
    """A payload as text, cut and with its secrets masked."""
    return f'<pre style="{PRE};max-height:260px;overflow:auto">{html_text(json_text(shortened(value), 12_000))}</pre>'


def text_html(text: str) -> str:
    """Free text in a box of its own."""
    return (
        f'<pre style="{PRE};max-height:260px;overflow:auto">{html_text(cut(redact_text(text, 20_000), 12_000))}</pre>'
    )


def code_html(text: str) -> str:
    """A piece of Python within a sentence."""
    return f'<code style="{CODE}">{html_text(cut(text, 300))}</code>'


def pane(body: str, label: str) -> str:
    """A card with a name for screen readers."""
    return f'<div role="region" aria-label="{html_text(label)}" style="{PANE}">{body}</div>'


def head_html(record: Record, status: str, seconds: float, count: int, note: str) -> str:
    """The line above everything: which execution, how it stands, how long it has taken."""
    started = datetime.fromtimestamp(record.started_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    error = ""
    if record.error is not None and status == record.status:
        where = f" at <b>{html_text(cut(record.failed_path, 80))}</b>" if record.failed_path else ""
        message = cut(readable_cause(record.cause), 200)
        error = f'<div style="margin-top:4px;color:{STATUS_COLOURS["FAILED"]}">{html_text(cut(redact_text(record.error), 80))}{where}: {html_text(message)}</div>'
    return pane(
        f'<b style="font-size:15px">{html_text(cut(record.workflow, 80))}</b> &nbsp;{badge(status)} &nbsp;{duration_text(seconds)}'
        f'<div style="{GREY}">{html_text(cut(record.name, 80))} &nbsp;·&nbsp; {started} &nbsp;·&nbsp; {count:,} events{note}</div>{error}',
        "Execution",
    )


# --------------------------------------------------------------------------- one visit


def data_html(visit: Visit, place: str, python: str, traceback: str | None) -> str:
    """What went into a state and what came out, the error first; `python` fetches the whole."""
    parts = [_title(visit, place)]
    attempt = visit.attempts[-1] if visit.attempts else None
    error = visit.error or (attempt.error if attempt is not None else None)
    cause = visit.cause or (attempt.cause if attempt is not None else None)
    if error is not None:
        parts.append(
            f'<div style="{TITLE};color:{STATUS_COLOURS["FAILED"]}">Error: {html_text(cut(redact_text(error), 200))}</div>'
            + text_html(readable_cause(cause))
        )
        if traceback:
            parts.append(f'<div style="{TITLE}">Traceback</div>' + text_html(traceback))
    given = visit.task_input if visit.attempts else visit.input
    parts.append(f'<div style="{TITLE}">Input</div>' + payload_html(visit.input))
    if visit.attempts and given is not visit.input:
        parts.append(f'<div style="{TITLE}">Input of the function</div>' + payload_html(given))
    if visit.status == "CAUGHT" and isinstance(visit.output, dict) and set(visit.output) <= {"Error", "Cause"}:
        parts.append(f'<div style="{GREY};margin-top:8px">Output: the error, as an object.</div>')
    elif visit.exited is not None and visit.status in ("SUCCEEDED", "CAUGHT"):
        parts.append(f'<div style="{TITLE}">Output</div>' + payload_html(visit.output))
    parts.append(f'<div style="{GREY};margin-top:8px">In Python: {code_html(python)}</div>')
    return pane("".join(parts), f"State {visit.path}")


def _title(visit: Visit, place: str) -> str:
    seconds = None if visit.exited is None else (visit.exited - visit.entered) / 1e6
    words = [visit.state.type, place, f"at {visit.entered / 1e6:.2f} s", duration_text(seconds)]
    return (
        f'<b style="font-size:14px">{html_text(cut(visit.path, 120))}</b> &nbsp;{badge(visit.status)}'
        f'<div style="{GREY}">{" &nbsp;·&nbsp; ".join(word for word in words if word)}</div>'
    )


def attempts_html(visit: Visit, python: str) -> str:
    """One row per try of the state's task."""
    if not visit.attempts:
        return pane(f'<div style="{GREY}">A {visit.state.type} state has no attempts.</div>', "Attempts")
    rows = []
    for attempt in visit.attempts[-MOST_ATTEMPTS:]:
        begun = attempt.started if attempt.started is not None else attempt.scheduled
        seconds = None if attempt.finished is None else (attempt.finished - begun) / 1e6
        message = readable_cause(attempt.cause)[:400]
        rows.append(
            (
                str(attempt.number), badge(attempt.status), f"{begun / 1e6:.2f} s", duration_text(seconds),
                html_text(cut(attempt.worker or "", 40)),
                html_text(cut(": ".join(filter(None, (redact_text(attempt.error or ""), message))), 200)),
            )
        )  # fmt: skip
    body = table_html(("attempt", "status", "at", "duration", "worker", "error"), rows)
    return pane(f'{body}<div style="{GREY};margin-top:8px">In Python: {code_html(python)}</div>', "Attempts")


def logs_html(lines: Sequence[tuple[int, str, str]], python: str) -> str:
    """What the attempts printed, the newest lines."""
    if not lines:
        return pane(f'<div style="{GREY}">Nothing was printed or logged.</div>', "Logs")
    shown = lines[-MOST_LINES:]
    more = f"… {len(lines) - len(shown):,} lines before\n" if len(lines) > len(shown) else ""
    lined = redact_lines([str(line)[: 2 * LONGEST_LINE].rstrip() for _, _, line in shown])
    text = more + "\n".join(cut(line, LONGEST_LINE) for line in lined)
    box = f'<pre style="{PRE};max-height:320px;overflow:auto">{html_text(text)}</pre>'
    return pane(f'{box}<div style="{GREY};margin-top:8px">In Python: {code_html(python)}</div>', "Logs")


def nothing_html(words: str) -> str:
    """A pane that says why it is empty."""
    return pane(f'<div style="{GREY}">{html_text(words)}</div>', "State")


# --------------------------------------------------------------------------- events


def events_html(rows: Sequence[dict[str, Any]], note: str) -> str:
    """Events in the cloud's words, one row each."""
    cells = [
        (
            str(event["id"]), event["timestamp"].strftime("%H:%M:%S.%f")[:-3], html_text(event["type"]),
            html_text(cut(event.get("path", ""), 80)), html_text(details_text(event)),
        )
        for event in rows
    ]  # fmt: skip
    body = table_html(("id", "time", "type", "path", "details"), cells)
    return pane(f'{body}<div style="{GREY};margin-top:6px">{html_text(note)}</div>', "Events")


def details_text(event: dict[str, Any], limit: int = 110) -> str:
    """An event's own details in one line."""
    details = next((value for key, value in event.items() if key.endswith("EventDetails")), None) or {}
    words = []
    for key, value in details.items():
        if key in ("name", "inputDetails", "outputDetails", "roleArn") or value in (None, ""):
            continue
        if isinstance(value, str) and key in ("input", "output", "parameters") and len(value) <= 4 * limit:
            text = json.dumps(redact(json.loads(value)), ensure_ascii=False)
        elif key == "cause" and isinstance(value, str):
            text = readable_cause(value)
        else:
            text = redact_text(str(value), 4 * limit)
        words.append(f"{key}: {text}")
    return cut(" · ".join(words), limit)


def matches(event: dict[str, Any], kind: str, state: str, text: str) -> bool:
    """Whether an event passes the filters; an empty one lets all pass."""
    if (kind and event["type"] != kind) or (state and event.get("state") != state):
        return False
    if not text:
        return True
    haystack = f"{event['id']} {event['type']} {event.get('path', '')} {details_text(event, 4_000)}"
    return text.casefold() in haystack.casefold()


def table_html(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f'<th scope="col" style="{HEAD}">{name}</th>' for name in heads)
    last = len(heads) - 1
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{CELL}{";overflow-wrap:anywhere" if i == last else ";white-space:nowrap"}">{cell}</td>'
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:12px;table-layout:auto"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


# --------------------------------------------------------------------------- functions


def function_html(name: str, where: str, source: str | None, runs: str = "") -> str:
    """The function behind a state: where it was defined, its text, and its last runs."""
    text = (
        f'<pre style="{PRE};max-height:360px;overflow:auto">{html_text(cut(redact_text(source), 8_000))}</pre>'
        if source
        else ""
    )
    missing = "" if source else f'<div style="{GREY}">Its source is not known to Python.</div>'
    place = f'<span style="{GREY}">{html_text(cut(where, 200))}</span>' if where else ""
    return pane(
        f'<b style="font-size:14px">{html_text(cut(name, 120))}</b> &nbsp;{place}{text}{missing}{runs}', "Function"
    )


__all__ = [
    "attempts_html", "code_html", "data_html", "details_text", "events_html", "function_html", "head_html", "logs_html", "matches", "nothing_html",
    "pane", "payload_html", "shortened", "table_html", "text_html",
]  # fmt: skip
