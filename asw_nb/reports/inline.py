"""Blocks as HTML: tables, ``<details>`` and pictures, nothing that runs.

The look of each element has a name. In a notebook, where style sheets of others are removed, it is written out at every element; a page says it once
in its style sheet, which makes a long table a third as long."""

from __future__ import annotations

from collections.abc import Callable

from asw_nb.analysis.card import CELL, GREY, HEAD, PRE, badge
from asw_nb.analysis.figure import html_text
from asw_nb.analysis.palette import STATUS_COLOURS
from asw_nb.reports.blocks import Block, Code, Document, Drawing, Facts, Fold, Prose, Table, Verdict

BODY = "background:#ffffff;color:#1b1f24;padding:4px 8px;max-width:1100px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.45"
HEADING = "color:#1b1f24;background:#ffffff;margin:14px 0 4px"
_TABLE = "border-collapse:collapse;margin:4px 0;font-size:12px"
_NUMBER = ";text-align:right;white-space:nowrap"

LOOKS = {
    "table": _TABLE,
    "wide": "overflow-x:auto",
    "head": HEAD,
    "headn": HEAD + _NUMBER,
    "name": HEAD + ";white-space:nowrap;border-bottom:none",
    "cell": CELL + ";overflow-wrap:anywhere;min-width:80px",
    "celln": CELL + _NUMBER,
    "note": GREY + ";font-size:12px",
    "code": PRE,
    "summary": "cursor:pointer;color:#0b5cad",
    "fold": "margin:4px 0",
} | {f"s{i}": f"{CELL};white-space:nowrap;font-weight:600;color:{colour}" for i, colour in enumerate(STATUS_COLOURS.values())}  # fmt: skip
"""Style of each element, by the name of its class."""

_STATUS = {status: f"s{i}" for i, status in enumerate(STATUS_COLOURS)}

Look = Callable[[str], str]


def inline(look: str) -> str:
    """The look as an attribute that stands alone."""
    return f'style="{LOOKS[look]}"'


def classed(look: str) -> str:
    """The look as a class of the page's style sheet."""
    return f'class="{look}"'


def style_sheet() -> str:
    """The looks for a page."""
    return "\n".join(f".{name} {{ {style} }}" for name, style in LOOKS.items())


def block_html(block: Block, look: Look = inline) -> str:
    """One block as HTML without script or id."""
    match block:
        case Prose():
            return f"<p>{html_text(block.text)}</p>"
        case Verdict():
            colour = STATUS_COLOURS.get(block.status, "#57606a")
            return f'<div style="margin:8px 0;padding:4px 0 4px 12px;border-left:4px solid {colour};font-size:15px">{badge(block.status)} &nbsp;{html_text(block.text)}</div>'
        case Facts():
            rows = "".join(f'<tr><th scope="row" {look("name")}>{html_text(k)}</th><td {look("cell")}>{html_text(v)}</td></tr>' for k, v in block.rows)
            return f"<table {look('table')}><tbody>{rows}</tbody></table>"
        case Table():
            return _table(block, look)
        case Code():
            return f"<pre {look('code')}>{html_text(block.text)}</pre>"
        case Drawing():
            return block.still
        case Fold():
            inner = "".join(block_html(b, look) for b in block.blocks)
            return f"<details {look('fold')}><summary {look('summary')}>{html_text(block.title)}</summary>{inner}</details>"


def blocks_html(blocks: list[Block]) -> str:
    """Blocks as one output of a notebook."""
    return f'<div style="{BODY}">{"".join(map(block_html, blocks))}</div>'


def document_html(document: Document) -> str:
    """A whole report as one output of a notebook: still pictures, nothing that runs."""
    alone = len(document.parts) == 1
    parts = []
    for part in document.parts:
        inner = "".join(f'<h3 style="{HEADING}">{html_text(s.title)}</h3>{"".join(map(block_html, s.blocks))}' for s in part.sections)
        summary = f"<summary {inline('summary')}><b>{html_text(part.title)}</b> &nbsp;{badge(part.status)}</summary>"
        parts.append(inner if alone or part is document.parts[0] else f"<details {inline('fold')}>{summary}{inner}</details>")
    return f'<div style="{BODY}"><h2 style="{HEADING}">{html_text(document.title)}</h2>{"".join(parts)}</div>'


def _table(table: Table, look: Look) -> str:
    # columns that are empty in every row say nothing
    shown = [i for i in range(len(table.heads)) if any(row[i] for row in table.rows)]
    heads = "".join(f'<th scope="col" {look("headn" if i in table.right else "head")}>{html_text(table.heads[i])}</th>' for i in shown)
    body = "".join("<tr>" + "".join(_cell(row[i], table, i, look) for i in shown) + "</tr>" for row in table.rows)
    note = f"<div {look('note')}>{html_text(table.note)}</div>" if table.note else ""
    return f"<div {look('wide')}><table {look('table')}><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>{note}"


def _cell(value: str, table: Table, column: int, look: Look) -> str:
    kind = "celln" if column in table.right else "cell"
    if column == table.status:
        kind = _STATUS.get(value.rpartition(" ")[2], kind)
    return f"<td {look(kind)}>{html_text(value)}</td>"


__all__ = ["BODY", "LOOKS", "block_html", "blocks_html", "classed", "document_html", "inline", "style_sheet"]
