"""Several executions as one table: how many stand how, and a row for each of those that one wants to see first.

Running ones come first, then those that ended badly; what does not fit is counted. The cost of a frame grows with the number of executions by one
look at each status, and not at all with their histories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asw_nb.analysis.card import BOX, CELL, GREY, HEAD, badge
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.live_parts import counts_text, running_maps, strip_cells, strip_html
from asw_nb.analysis.palette import STATUS_COLOURS
from asw_nb.analysis.status import sampled
from asw_nb.analysis.words import cut, duration_text, readable_cause
from asw_nb.engine.run import Run
from asw_nb.history.redact import redact_text
from asw_nb.history.store import Record

MOST_ROWS = 20
ORDER = ("RUNNING", "FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED")


@dataclass(frozen=True, slots=True)
class Watched:
    """One execution as it stands: its row, the run that drives it here if one does, and its seconds so far."""

    record: Record
    run: Run | None
    seconds: float


def watch_card(watched: Sequence[Watched], pending: int = 0, below: str = "") -> str:
    """The table of several executions; `pending` more have not been started. `below` is more HTML."""
    tally = Counter(one.record.status for one in watched)
    words = " &nbsp; ".join(f"{tally[status]:,} {badge(status)}" for status in ORDER if tally[status])
    words += f' &nbsp; <span style="{GREY}">{pending:,} not started</span>' if pending else ""
    count = len(watched) + pending
    chosen = sorted(enumerate(watched), key=lambda item: (ORDER.index(item[1].record.status), item[0]))[:MOST_ROWS]
    heads = ("execution", "status", "time", "states done", "where it stands")
    head = "".join(f'<th scope="col" style="{HEAD}">{name}</th>' for name in heads)
    body = "".join(_row(one) for _, one in chosen)
    more = (
        f'<div style="{GREY};margin-top:6px">{len(watched) - len(chosen):,} more: asw.executions()</div>'
        if len(watched) > len(chosen)
        else ""
    )
    title = f'<div style="margin-bottom:8px"><b style="font-size:15px">{count:,} execution{"s" if count != 1 else ""}</b> &nbsp; {words}</div>'
    table = f'<table style="border-collapse:collapse;margin:0;font-size:12px;width:100%;table-layout:auto"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div style="{BOX}">{title}<div style="overflow-x:auto">{table}</div>{more}{below}</div>'


def _row(one: Watched) -> str:
    record, run = one.record, one.run
    done = "" if run is None else f"{sum(run.state.exited) + sum(run.state.failed):,}"
    name = f'<b>{html_text(cut(record.workflow, 40))}</b><div style="{GREY}">{html_text(cut(record.name, 40))}</div>'
    cells = (name, badge(record.status), duration_text(one.seconds), done, _where(one))
    wraps = ("", ";white-space:nowrap", ";white-space:nowrap", "", ";width:45%;overflow-wrap:anywhere")
    return (
        "<tr>"
        + "".join(f'<td style="{CELL}{wrap}">{cell}</td>' for cell, wrap in zip(cells, wraps, strict=True))
        + "</tr>"
    )


def _where(one: Watched) -> str:
    record, run = one.record, one.run
    if record.status != "RUNNING":
        if record.error is None:
            return ""
        at = f" at {html_text(cut(record.failed_path, 60))}" if record.failed_path else ""
        message = readable_cause(record.cause).removeprefix(f"{record.error}: ")
        words = f"{html_text(cut(redact_text(record.error), 60))}{at}: {html_text(cut(message, 120))}"
        return f'<span style="color:{STATUS_COLOURS["FAILED"]}">{words}</span>'
    if run is None:
        return f'<span style="{GREY}">driven by another process</span>'
    frames = sampled(run.state.frames)
    for owner in running_maps(frames)[:1]:
        children = owner.children
        if children is not None:
            words = counts_text(children.done, children.failed, children.running, children.length)
            alive = [frame.index for frame in frames if frame.parent is owner]
            return f"{html_text(cut(owner.path, 60))} &nbsp;{words}{strip_html(strip_cells(children, alive))}"
    leaves = [frame.path for frame in frames if frame.children is None][:3]
    return html_text(", ".join(cut(path, 60) for path in leaves))


def watch_text(watched: Sequence[Watched], pending: int = 0) -> str:
    """The same in one line.

    Examples
    --------
    >>> watch_text([])
    'asw watch | 0 executions'
    """
    tally = Counter(one.record.status for one in watched)
    words = [f"{tally[status]} {status}" for status in ORDER if tally[status]] + ([f"{pending} not started"] if pending else [])
    number = len(watched) + pending
    count = f"{number} execution{'s' if number != 1 else ''}"
    return " | ".join(["asw watch", count, *([", ".join(words)] if words else [])])


__all__ = ["Watched", "watch_card", "watch_text"]
