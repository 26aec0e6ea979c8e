"""The data flow of one state that was run alone, as a table to compute with and as one to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import BOX, CELL, GREY, HEAD, PRE, badge, json_text
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.words import cut, duration_text, readable_cause
from asw_nb.engine.alone import Stage
from asw_nb.history.redact import redact_text

if TYPE_CHECKING:
    import pandas

    from asw_nb.one_state import StateTest

STAGES = {"stage": "text", "field": "json", "value": "json"}

SHOWN = 2_000
"""Characters of one payload in the table that is looked at."""

BADGES = {"CAUGHT_ERROR": "CAUGHT", "RETRIABLE": "RETRYING"}


def stages_table(stages: Sequence[Stage], redact: bool) -> pandas.DataFrame:
    """One row per stage: stage, field, value."""
    from asw_nb.analysis.tables import frame

    return frame(STAGES, [(s.name, s.field, s.value) for s in stages], redact)


def where_to(test: StateTest) -> str:
    """What would happen next, in words."""
    if test.status == "RETRIABLE" and test.retry is not None:
        left = test.retry["left"]
        more = f", {left} more after that" if left else ", the last one"
        return f"tried again after {duration_text(test.retry['delay_s']) or '0 s'}{more}"
    if test.status == "FAILED":
        return ""
    return f"next: {test.next}" if test.next is not None else "end"


def state_line(test: StateTest) -> str:
    """The test in one line."""
    error = redact_text(test.error) if test.error else ""
    return " | ".join(["asw test " + test.path, test.status, *filter(None, (error, where_to(test)))])


def state_card(test: StateTest, stages: Sequence[Stage]) -> str:
    """Verdict, error, and the stages."""
    word = badge(BADGES.get(test.status, test.status)).replace(BADGES.get(test.status, test.status) + "<", test.status + "<")
    title = (
        f'<div style="margin-bottom:8px"><b style="font-size:15px">{html_text(cut(test.path, 80))}</b> &nbsp; {word} &nbsp; '
        f'<span style="{GREY}">{html_text(test.type)}</span> &nbsp; {html_text(cut(where_to(test), 120))}</div>'
    )
    head = "".join(f'<th scope="col" style="{HEAD};white-space:nowrap">{name}</th>' for name in ("stage", "in the definition", "data"))
    body, before = [], None
    for stage in stages:
        same = before is not None and stage.field is None and stage.value == before.value and stage.name != "Result"
        data = f'<span style="{GREY}">the same</span>' if same else _payload(stage.value)
        field = "" if stage.field is None else _payload(stage.field)
        body.append(f'<tr><td style="{CELL};white-space:nowrap"><b>{html_text(stage.name)}</b></td><td style="{CELL}">{field}</td><td style="{CELL}">{data}</td></tr>')
        before = stage
    table = f'<table style="border-collapse:collapse;margin:0;font-size:12px;width:100%;table-layout:auto"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    return f'<div style="{BOX}">{title}{_why(test)}<div style="overflow-x:auto">{table}</div>{_lines(test)}</div>'


def _payload(value: Any) -> str:
    text = json_text(value, SHOWN)
    return f'<pre style="{PRE};padding:3px 8px;margin:1px 0">{html_text(text)}</pre>'


def _why(test: StateTest) -> str:
    if test.error is None and test.cause is None:
        return ""
    message = cut(readable_cause(test.cause).removeprefix(f"{test.error}: "), SHOWN)
    shown = cut(redact_text(test.error or "no error name"), 200)
    out = f'<div style="margin-bottom:8px"><b style="color:#C23B14">{html_text(shown)}</b> {html_text(message)}</div>'
    if test.traceback:
        out += f'<details style="margin-bottom:8px"><summary>Traceback</summary><pre style="{PRE}">{html_text(cut(redact_text(test.traceback)))}</pre></details>'
    return out


def _lines(test: StateTest) -> str:
    if not test.logs:
        return ""
    from asw_nb.history.redact import redact_lines

    shown = "\n".join(redact_lines(test.logs[:40]))
    more = f"\n… {len(test.logs) - 40:,} more lines" if len(test.logs) > 40 else ""
    return f'<details style="margin-top:8px" open><summary>Printed</summary><pre style="{PRE}">{html_text(cut(shown) + more)}</pre></details>'


__all__ = ["STAGES", "stages_table", "state_card", "state_line", "where_to"]
