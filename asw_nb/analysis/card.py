"""What a cell shows of an execution: one piece of HTML that stands alone, live while it runs and still when it is over.

It survives everywhere because it holds nothing but tables, inline hex colours (text *and* background, for light and
dark pages), ``<details>`` and pictures as data URIs; no script, no style sheet, no id. Everything a user wrote is
rid of its secrets, then cut with its size said, then escaped, in this order."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.figure import html_text, svg_img
from asw_nb.analysis.graph import to_svg
from asw_nb.analysis.live_parts import MAP_PX, ended_maps_html, maps_html, side_lines
from asw_nb.analysis.palette import STATUS_COLOURS
from asw_nb.analysis.status import Counts, Statuses, Tallies, graph_statuses, live_statuses, sampled, tallies
from asw_nb.analysis.words import MAX_TEXT, cut, duration_text, readable_cause, stack_trace
from asw_nb.engine import events as ev
from asw_nb.engine.events import END, Event
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.run import Run
from asw_nb.history.fold import Fold, Visit
from asw_nb.history.redact import redact, redact_text
from asw_nb.history.store import Record
from asw_nb.language.plan import MAP, Plan

if TYPE_CHECKING:
    from asw_nb.handle import Execution

MAX_ROWS = 40
MAX_VISIT_ROWS = 12
MAX_GRAPH_STATES = 400
# Folding takes 6 µs an event (measured with a loop of a million), so a longer history is told by its tallies.
MAX_FOLDED_EVENTS = 100_000
GRAPH_WIDTH_PX, GRAPH_HEIGHT_PX = 760, 520
SMALLEST_SCALE = 0.7
RECENT_LINES = 6
LINE_PX = 18

GLYPHS = {
    "RUNNING": "▶", "SUCCEEDED": "✓", "FAILED": "✗", "CAUGHT": "↷", "ABORTED": "■", "TIMED_OUT": "◷", "WAITING": "‖", "RETRYING": "↻",
}  # fmt: skip

MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px"
BOX = "background:#ffffff;color:#1b1f24;border:1px solid #d0d7de;border-radius:8px;padding:12px 16px;max-width:960px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.45"
SIDE_BY_SIDE = "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px 24px;margin-top:10px"
CELL = "padding:3px 14px 3px 0;text-align:left;vertical-align:top;border:none;color:#1b1f24;background:#ffffff"
HEAD = CELL + ";font-weight:600;color:#57606a;border-bottom:1px solid #d0d7de"
PRE = f"background:#f4f5f7;color:#1b1f24;padding:8px 10px;border-radius:6px;margin:4px 0;white-space:pre-wrap;word-break:break-word;{MONO}"
# A front end's own style for <code> has the colours of its theme, which a white card must not take over.
CODE = f"background:#eef0f3;color:#1b1f24;padding:1px 4px;border-radius:4px;{MONO}"
GREY = "color:#57606a"
LINE = f"height:{LINE_PX}px;line-height:{LINE_PX}px;white-space:pre;overflow:hidden;text-overflow:ellipsis"
TITLE = "margin-top:10px;font-weight:600"


def json_text(value: Any, limit: int = MAX_TEXT) -> str:
    """A payload without its secrets, indented when it is small enough to read."""
    value = redact(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= limit:
        text = json.dumps(value, ensure_ascii=False, indent=1, default=str) if len(text) > 70 else text
    return cut(text, limit)


def badge(status: str) -> str:
    """A status as a coloured word with its glyph."""
    colour = STATUS_COLOURS.get(status, "#57606a")
    return f'<span style="background:{colour};color:#ffffff;padding:1px 8px;border-radius:10px;font-weight:600">{GLYPHS.get(status, "")} {status}</span>'


def graph_picture(svg: str, alt: str) -> str:
    """A graph as an ``<img>`` in its own size, made smaller when it is wider or higher than what one looks at with
    ease."""
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    if size is None:
        return svg_img(svg, alt, GRAPH_WIDTH_PX)
    width, height = float(size[1]), float(size[2])
    scale = min(1.0, GRAPH_WIDTH_PX / width, max(GRAPH_HEIGHT_PX / height, SMALLEST_SCALE))
    return svg_img(svg, alt, round(width * scale))


def execution_card(execution: Execution) -> str:
    """The static card of an execution: verdict, error, graph, table of states, output, and what stands behind them."""
    record, run = execution._latest(), execution._run
    every_visit = ""
    if run is not None:
        long: ExecutionState | Tallies | None = run.state if run.state.count > MAX_FOLDED_EVENTS else None
    else:
        kept = execution.tallies_of_end()
        long = None if kept is None else Tallies(execution.plan, record.status, *kept)
    if long is not None:
        statuses, counts = live_statuses(long)
        table = tallies_table(long)
    else:
        fold = execution.fold()
        statuses, counts = graph_statuses(fold)
        table = states_table(fold)
        if len(fold.visits) > MAX_VISIT_ROWS:
            every_visit = _details(f"All {len(fold.visits):,} visits to states", table)
            table = states_summary(fold)
        table = ended_maps_html(fold) + table
    shown = _graph(execution.plan, statuses, counts, f"graph of {record.workflow}: {record.status}")
    parts = [_header(record, execution.duration_s), _error(record), _side_by_side(shown, table)]
    if record.status == "SUCCEEDED":
        output = html_text(json_text(record.output))
        parts.append(f'<div style="{TITLE}">Output</div><pre style="{PRE}">{output}</pre>')
    parts += ['<div style="margin-top:10px">', every_visit]
    parts.append(_details("Input", f'<pre style="{PRE}">{html_text(json_text(record.input))}</pre>'))
    parts.append(_functions(execution.function_sources()))
    facts = f"{_code(record.id)}<br>definition {_code(record.digest)}, {html_text(record.dialect)}, {record.type}"
    parts.append(_details("Execution", f'<div style="margin:4px 0">{facts}</div>') + "</div>")
    return f'<div style="{BOX}">{"".join(parts)}</div>'


def _graph(plan: Plan, statuses: Statuses, counts: Counts, alt: str) -> str:
    if len(plan.states) > MAX_GRAPH_STATES:
        return ""
    return f"<div>{graph_picture(to_svg(plan.document, statuses, counts), alt)}</div>"


def _side_by_side(left: str, right: str, needs: str = "auto") -> str:
    """Both in one row where the right one finds the width that it `needs`, else one below the other."""
    return f'<div style="{SIDE_BY_SIDE}">{left}<div style="flex:1 1 {needs};max-width:100%;overflow-x:auto">{right}</div></div>'


def _code(text: object) -> str:
    return f'<code style="{CODE}">{html_text(text)}</code>'


def _header(record: Record, seconds: float | None) -> str:
    from datetime import UTC, datetime

    started = datetime.fromtimestamp(record.started_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f'<div><b style="font-size:15px">{html_text(record.workflow)}</b> &nbsp;{badge(record.status)} &nbsp;'
        f'{duration_text(seconds)}</div><div style="{GREY};margin-top:2px">{html_text(record.name)} &nbsp;·&nbsp; {started}</div>'
    )


def _error(record: Record) -> str:
    if record.status in ("RUNNING", "SUCCEEDED"):
        return ""
    where = f" at <b>{html_text(record.failed_path)}</b>" if record.failed_path else ""
    what = f": <b>{html_text(cut(redact_text(record.error)))}</b>" if record.error else ""
    message = readable_cause(record.cause)
    cause = f'<pre style="{PRE}">{html_text(cut(message))}</pre>' if message else ""
    frames = redact_text("".join(stack_trace(record.cause)))
    trace = _details("Traceback", f'<pre style="{PRE}">{html_text(cut(frames))}</pre>') if frames else ""
    colour = STATUS_COLOURS.get(record.status, "#57606a")
    return f'<div style="margin:10px 0;padding:2px 0 2px 10px;border-left:4px solid {colour}">{record.status}{where}{what}{cause}{trace}</div>'


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
        note = f'<div style="{GREY};margin-top:6px">{len(shown)} of {len(visits):,} visits, failures first; {_code("run.states()")} has all.</div>'
        visits = shown
    return (
        _table(("state", "type", "status", "attempts", "duration", "function", "error"), map(_visit_cells, visits))
        + note
    )


def states_summary(fold: Fold) -> str:
    """One row per state of the definition: how its visits ended, and how long the shortest and the longest took."""
    by_state: dict[str, list[Visit]] = {}
    for visit in fold.visits:
        by_state.setdefault(visit.state.path, []).append(visit)
    heads = ("state", "type", "visits", "attempts", "duration", "function", "error")
    return _table(heads, (_summary_cells(path, visits) for path, visits in by_state.items()))


def tallies_table(state: ExecutionState | Tallies) -> str:
    """One row per state that was entered, from the tallies alone: what a very long history is told by."""
    rows = []
    for plan, tally in zip(state.plan.states, tallies(state), strict=True):
        ended = "<br>".join(_coloured(status, f"{count:,} {status}") for status, count in tally.items())
        if tally:
            rows.append((html_text(cut(plan.path, 80)), plan.type, ended, ""))
    note = f'<div style="{GREY};margin-top:6px">{state.count:,} events; {_code("run.states()")} has every visit.</div>'
    return _table(("state", "type", "visits", ""), rows) + note


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without the columns that are empty in every row; only the first one, the state, and the last one, the error, may take
    several lines."""
    rows = list(rows)
    shown = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    head = "".join(f'<th style="{HEAD}">{heads[i]}</th>' for i in shown)
    wraps = [";white-space:nowrap"] * len(heads)
    wraps[0], wraps[-1] = ";overflow-wrap:anywhere;min-width:110px", ";overflow-wrap:anywhere;min-width:90px"
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}{wraps[i]}">{row[i]}</td>' for i in shown) + "</tr>" for row in rows
    )
    return f'<table style="border-collapse:collapse;margin:0;font-size:12px"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _visit_cells(v: Visit) -> tuple[str, ...]:
    return (
        html_text(cut(v.path, 80)),
        v.state.type,
        _coloured(v.status, v.status),
        str(len(v.attempts) or ""),
        duration_text(_seconds(v)),
        _function(v),
        html_text(cut(_last_error(v), 80)),
    )


def _summary_cells(path: str, visits: list[Visit]) -> tuple[str, ...]:
    first = visits[0]
    if len(visits) == 1:
        return (html_text(cut(path, 80)), *_visit_cells(first)[1:])
    tally = Counter(v.status for v in visits)
    times = [seconds for v in visits if (seconds := _seconds(v)) is not None]
    shortest, longest = (duration_text(f(times)) for f in (min, max)) if times else ("", "")
    failed = [v for v in visits if v.error]
    more = f" +{len(failed) - 1:,} more" if len(failed) > 1 else ""
    return (
        html_text(cut(path, 80)),
        first.state.type,
        "<br>".join(_coloured(status, f"{count:,} {status}") for status, count in tally.most_common()),
        f"{tries:,}" if (tries := sum(len(v.attempts) for v in visits)) else "",
        shortest if shortest == longest else f"{shortest} – {longest}",
        _function(first),
        html_text(cut(f"{_last_error(failed[0])}{more}, in {failed[0].path}", 160)) if failed else "",
    )


def _coloured(status: str, text: str) -> str:
    colour = STATUS_COLOURS.get(status, "#57606a")
    return f'<span style="color:{colour};font-weight:600">{GLYPHS.get(status, "")} {text}</span>'


def _seconds(v: Visit) -> float | None:
    return None if v.exited is None else (v.exited - v.entered) / 1e6


def _function(v: Visit) -> str:
    resource = v.state.resource
    return "" if resource is None else f'<span title="{html_text(resource.text)}">{html_text(resource.name)}</span>'


def _last_error(v: Visit) -> str:
    """The error of the visit; of a visit that a retry saved, the one before the retry."""
    return redact_text(v.error or next((a.error for a in reversed(v.attempts) if a.error), ""), 1_000)


def _details(title: str, body: str) -> str:
    return f'<details style="margin-top:2px"><summary style="cursor:pointer;color:#0b5cad">{html_text(title)}</summary>{body}</details>'


def _functions(sources: dict[str, str]) -> str:
    """The functions behind the tasks, with their source."""
    blocks = "".join(
        f'<div style="margin-top:4px">{_code(name)}<pre style="{PRE}">{html_text(cut(redact_text(source), 2_000))}</pre></div>'
        for name, source in sources.items()
    )
    return _details("Functions", blocks) if blocks else ""


# --------------------------------------------------------------------------- while it runs


def live_card(run: Run, record: Record, recent: Iterable[str], hint: str = "") -> str:
    """The card of a running execution, from its live tallies: the cost does not grow with the history.

    Parameters
    ----------
    recent : iterable of str
        The latest events, as `describe` gives them.
    hint : str
        How to stop it, as HTML.
    """
    state = run.state
    seconds = (run.clock.time_us() - record.started_us) / 1e6
    done, begun = sum(state.exited) + sum(state.failed), sum(state.entered)
    statuses, counts = live_statuses(state)
    frames = sampled(state.frames)
    maps = maps_html(frames)
    # Room for what is going to be shown is kept from the first frame on: the page below must not jump.
    room = MAP_PX * max(len(maps), min(2, sum(s.kind == MAP for s in state.plan.states)))
    lines = "".join(f'<div style="{LINE}">{html_text(line[:120])}</div>' for line in recent)
    panel = (
        f'<div style="{GREY}"><b>{done:,}</b> states done &nbsp;·&nbsp; <b>{begun - done:,}</b> running &nbsp;·&nbsp; {state.event_id:,} events</div>'
        f'<div style="min-height:{room}px">{"".join(maps)}</div>'
        f"{side_lines(run, state.plan, frames, round(seconds * 1e6))}"
        f'<div style="{TITLE}">Latest events</div>'
        f'<div style="{GREY};height:{LINE_PX * RECENT_LINES}px;{MONO}">{lines}</div>'
        f'<div style="{GREY};margin-top:10px">{hint}</div>'
    )
    shown = _graph(state.plan, statuses, counts, f"graph of {record.workflow}, running")
    return f'<div style="{BOX}">{_header(record, seconds)}{_side_by_side(shown, panel, "260px")}</div>'


def seconds_at(event: Event) -> str:
    """When it happened, as the first column of a line about it."""
    return f"{event[1] / 1e6:6.2f} s  "


def told(event: Event) -> str | None:
    """What an event says about the state it happened in; None for one that is told by the state that is entered."""
    if event[0] in (ev.FAILED, ev.TIMED_OUT):
        return f"failed, {redact_text(str(event[3]), 1_000)}"
    if event[0] == ev.RETRYING:
        return f"{redact_text(str(event[5]), 1_000)}, next attempt in {duration_text((event[3] - event[1]) / 1e6)}"
    if event[0] == ev.WAITING:
        return f"waiting for {duration_text((event[3] - event[1]) / 1e6)}"
    return None


def describe(run: Run, event: Event) -> str | None:
    """One line about a running execution's event, for the list of the latest; None for events that say little to a
    person."""
    kind, states = event[0], run.state.plan.states
    frame = run.state.frames.get(event[2])
    line: str | None
    if kind in (ev.MOVED, ev.MOVED_RESULT, ev.MOVED_WITH) and event[3] != END:
        target = states[event[3]]
        line = target.path if frame is None else frame.prefix + target.name
    elif kind == ev.ITEM_STARTED:
        line = f"item {event[4]} started" if frame is None else f"{frame.prefix.rstrip('/')} started"
    else:
        line = told(event)
        if line is not None and frame is not None:
            # by the time that this is read, a frame whose task failed may stand on the state that a Catch leads to
            moved = kind in (ev.FAILED, ev.TIMED_OUT)
            where = frame.prefix.rstrip("/") or "a task" if moved else frame.path
            line = f"{where}: {line}"
    return None if line is None else seconds_at(event) + line


__all__ = [
    "badge",
    "cut",
    "describe",
    "duration_text",
    "execution_card",
    "graph_picture",
    "json_text",
    "live_card",
    "readable_cause",
    "seconds_at",
    "states_summary",
    "states_table",
    "tallies_table",
    "told",
]
