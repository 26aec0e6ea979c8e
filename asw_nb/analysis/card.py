"""What a cell shows of an execution: one piece of HTML that stands alone, live while it runs and still when it is over.

It survives everywhere because it holds nothing but tables, inline hex colours (text *and* background, for light and
dark pages), ``<details>`` and pictures as data URIs; no script, no style sheet, no id. Everything a user wrote is
escaped, and long things are cut with their size said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.figure import html_text, svg_img
from asw_nb.analysis.graph import to_svg
from asw_nb.analysis.palette import STATUS_COLOURS
from asw_nb.analysis.status import graph_statuses, live_statuses
from asw_nb.engine import events as ev
from asw_nb.engine.events import END, Event
from asw_nb.engine.runner import Run
from asw_nb.history.fold import Fold, Visit
from asw_nb.history.store import Record

if TYPE_CHECKING:
    from asw_nb.handle import Execution

MAX_ROWS = 40
MAX_TEXT = 4_000
MAX_GRAPH_STATES = 400

GLYPHS = {
    "RUNNING": "▶", "SUCCEEDED": "✓", "FAILED": "✗", "CAUGHT": "↷", "ABORTED": "■", "TIMED_OUT": "⏱", "WAITING": "⏳", "RETRYING": "↻",
}  # fmt: skip

BOX = "background:#ffffff;color:#1b1f24;border:1px solid #c9ced6;border-radius:8px;padding:12px 14px;max-width:980px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.45"
CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top;border:none;color:#1b1f24;background:#ffffff"
HEAD = CELL + ";font-weight:600;color:#57606a;border-bottom:1px solid #c9ced6"
PRE = "background:#f4f5f7;color:#1b1f24;padding:8px 10px;border-radius:6px;margin:4px 0;white-space:pre-wrap;word-break:break-word;font-family:ui-monospace,monospace;font-size:12px"


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


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Text of at most `limit` characters, saying what is left out."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def json_text(value: Any, limit: int = MAX_TEXT) -> str:
    """A payload, indented when it is small enough to read."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= limit:
        text = json.dumps(value, ensure_ascii=False, indent=1, default=str) if len(text) > 70 else text
    return cut(text, limit)


def badge(status: str) -> str:
    """A status as a coloured word with its glyph."""
    colour = STATUS_COLOURS.get(status, "#57606a")
    return f'<span style="background:{colour};color:#ffffff;padding:1px 8px;border-radius:10px;font-weight:600">{GLYPHS.get(status, "")} {status}</span>'


def execution_card(execution: Execution) -> str:
    """The static card of an execution: verdict, error, graph, table of states, output, and what stands behind them."""
    record, fold = execution._latest(), execution.fold()
    seconds = execution.duration_s
    parts = [_header(record, seconds), _error(record)]
    if len(execution.plan.states) <= MAX_GRAPH_STATES:
        statuses, counts = graph_statuses(fold)
        svg = to_svg(execution.definition, statuses, counts, title=record.workflow)
        parts.append(
            f'<div style="margin:8px 0">{svg_img(svg, f"graph of {record.workflow}: {record.status}", 700)}</div>'
        )
    parts.append(states_table(fold))
    if record.status == "SUCCEEDED":
        parts.append(
            f'<div style="margin-top:8px;font-weight:600">Output</div><pre style="{PRE}">{html_text(json_text(record.output))}</pre>'
        )
    parts.append(_details("Input", f'<pre style="{PRE}">{html_text(json_text(record.input))}</pre>'))
    parts.append(_functions(execution.function_sources()))
    where = f"<code>{html_text(record.id)}</code><br>definition <code>{html_text(record.digest)}</code>, {html_text(record.dialect)}, {record.type}"
    parts.append(_details("Execution", where))
    return f'<div style="{BOX}">{"".join(p for p in parts if p)}</div>'


def _header(record: Record, seconds: float | None, more: str = "") -> str:
    from datetime import UTC, datetime

    started = datetime.fromtimestamp(record.started_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f'<div><b style="font-size:15px">{html_text(record.workflow)}</b> &nbsp;{badge(record.status)} &nbsp;'
        f'{duration_text(seconds)}{more}<span style="color:#57606a"> &nbsp;·&nbsp; {html_text(record.name)} &nbsp;·&nbsp; {started}</span></div>'
    )


def _error(record: Record) -> str:
    if record.status in ("RUNNING", "SUCCEEDED"):
        return ""
    where = f" at <b>{html_text(record.failed_path)}</b>" if record.failed_path else ""
    what = f": <b>{html_text(record.error)}</b>" if record.error else ""
    message = readable_cause(record.cause)
    cause = f'<pre style="{PRE}">{html_text(cut(message))}</pre>' if message else ""
    colour = STATUS_COLOURS.get(record.status, "#57606a")
    return f'<div style="margin:8px 0;padding:6px 10px;border-left:4px solid {colour}">{record.status}{where}{what}{cause}</div>'


def readable_cause(cause: str | None) -> str:
    """A cause as a person reads it: a function's error object becomes its message."""
    if not cause:
        return ""
    try:
        parsed = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(parsed, dict) and isinstance(parsed.get("errorMessage"), str):
        return f"{parsed.get('errorType', 'Error')}: {parsed['errorMessage']}"
    return cause


def states_table(fold: Fold, limit: int = MAX_ROWS) -> str:
    """The visits as an HTML table, failures first when there are too many to show."""
    visits: Sequence[Visit] = fold.visits
    note = ""
    if len(visits) > limit:
        bad = [v for v in visits if v.status not in ("SUCCEEDED", "RUNNING")][: limit // 2]
        first = (
            [v for v in visits if v not in bad][: limit - len(bad)]
            if len(visits) < 5000
            else list(visits[: limit - len(bad)])
        )
        shown = sorted({id(v): v for v in [*bad, *first]}.values(), key=lambda v: v.number)
        note = f'<div style="color:#57606a">{len(shown)} of {len(visits):,} visits, failures first; <code>run.states()</code> has all.</div>'
        visits = shown
    rows = "".join(_state_row(v) for v in visits)
    heads = "".join(
        f'<th style="{HEAD}">{h}</th>' for h in ("state", "type", "status", "attempts", "duration", "function", "error")
    )
    return f'<table style="border-collapse:collapse;margin:6px 0"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{note}'


def _state_row(v: Visit) -> str:
    seconds = None if v.exited is None else (v.exited - v.entered) / 1e6
    resource = v.state.resource
    cells = (
        html_text(cut(v.path, 80)),
        v.state.type,
        f'<span style="color:{STATUS_COLOURS.get(v.status, "#57606a")};font-weight:600">{GLYPHS.get(v.status, "")} {v.status}</span>',
        str(v.tries) if v.tries else "",
        duration_text(seconds),
        f'<span title="{html_text(resource.text)}">{html_text(resource.name)}</span>' if resource is not None else "",
        html_text(cut(v.error or (v.attempts[-1].error or "" if v.attempts else ""), 80)),
    )
    return "<tr>" + "".join(f'<td style="{CELL}">{c}</td>' for c in cells) + "</tr>"


def _details(title: str, body: str) -> str:
    return f'<details style="margin-top:4px"><summary style="cursor:pointer;color:#0b5cad">{html_text(title)}</summary>{body}</details>'


def _functions(sources: dict[str, str]) -> str:
    """The functions behind the tasks, with their source."""
    blocks = "".join(
        f'<div><code>{html_text(name)}</code><pre style="{PRE}">{html_text(cut(source, 2_000))}</pre></div>'
        for name, source in sources.items()
    )
    return _details("Functions", blocks) if blocks else ""


# --------------------------------------------------------------------------- while it runs


def live_card(run: Run, record: Record, recent: Iterable[str]) -> str:
    """The card of a running execution, from its live tallies: the cost does not grow with the history."""
    state = run.state
    seconds = (run.clock.time_us() - record.started_us) / 1e6
    done, begun = sum(state.exited) + sum(state.failed), sum(state.entered)
    running = begun - done
    more = f'<span style="color:#57606a"> &nbsp;·&nbsp; {done:,} states done, {running:,} running, {state.event_id:,} events</span>'
    parts = [_header(record, seconds, more)]
    if len(state.plan.states) <= MAX_GRAPH_STATES:
        statuses, counts = live_statuses(state)
        svg = to_svg(state.plan.document, statuses, counts, title=record.workflow)
        parts.append(f'<div style="margin:8px 0">{svg_img(svg, f"graph of {record.workflow}, running", 700)}</div>')
    parts += [_bar(path, done, failed, length) for path, done, failed, length in map_progress(run)]
    lines = "<br>".join(html_text(cut(line, 120)) for line in recent)
    parts.append(
        f'<div style="color:#57606a;min-height:6em;font-family:ui-monospace,monospace;font-size:12px">{lines}</div>'
    )
    parts.append(
        '<div style="color:#57606a">Stop it with the button, with <code>run.stop()</code> or with <code>%asw stop</code>.</div>'
    )
    return f'<div style="{BOX}">{"".join(parts)}</div>'


def map_progress(run: Run, limit: int = 6) -> list[tuple[str, int, int, int]]:
    """(path, done, failed, length) of the Maps that run."""
    out = []
    for frame in list(run.state.frames.values())[:2000]:
        children = frame.children
        if children is not None and frame.state.map is not None:
            out.append((frame.path, children.done, children.failed, children.length))
            if len(out) == limit:
                break
    return out


def _bar(path: str, done: int, failed: int, length: int) -> str:
    share = 100 * (done + failed) / length if length else 100
    failures = f", {failed:,} failed" if failed else ""
    return (
        f'<div style="margin:4px 0"><code>{html_text(path)}</code> {done + failed:,} of {length:,}{failures}'
        f'<div style="background:#e4e7eb;border-radius:4px;height:8px;width:100%;max-width:520px">'
        f'<div style="background:{STATUS_COLOURS["SUCCEEDED"]};border-radius:4px;height:8px;width:{share:.1f}%"></div></div></div>'
    )


def describe(run: Run, event: Event) -> str | None:
    """One line about an event, for the list of the latest; None for events that say little to a person."""
    kind, states = event[0], run.state.plan.states
    at = f"{event[1] / 1e6:8.2f} s  "
    if kind in (ev.MOVED, ev.MOVED_RESULT, ev.MOVED_WITH) and event[3] != END:
        return f"{at}entered {states[event[3]].path}"
    if kind == ev.ITEM_STARTED:
        return f"{at}item {event[4]} started"
    if kind in (ev.FAILED, ev.TIMED_OUT):
        return f"{at}task failed: {event[3]}"
    if kind == ev.RETRYING:
        return f"{at}{event[5]}: next attempt in {duration_text((event[3] - event[1]) / 1e6)}"
    if kind == ev.WAITING:
        return f"{at}waiting for {duration_text((event[3] - event[1]) / 1e6)}"
    return None


__all__ = [
    "badge",
    "cut",
    "describe",
    "duration_text",
    "execution_card",
    "json_text",
    "live_card",
    "map_progress",
    "readable_cause",
    "states_table",
]
