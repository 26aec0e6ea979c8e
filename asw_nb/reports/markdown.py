"""A document as Markdown, as GitHub and GitLab read it: tables, Mermaid for the graph, a timeline in letters.

Whatever a payload holds stays text: letters that mean something are escaped, and a fence is longer than any run of backticks inside it."""

from __future__ import annotations

import re

from asw_nb.analysis.card import GLYPHS
from asw_nb.analysis.figure import html_text
from asw_nb.reports.blocks import Block, Code, Document, Drawing, Facts, Fold, Prose, Section, Table, Verdict

_MEANT = re.compile(r"([\\`*_\[\]|#~$!])")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# at the begin of a line these make a list, a quote, a rule or a heading's underline
_BEGIN = re.compile(r"^([-+=]+|\d+[.)])(?=\s|$|[-=])")


def escaped(text: object) -> str:
    """Text in one line of Markdown, meaning only itself.

    Examples
    --------
    >>> escaped("<b>*x*</b> | [a](b)")
    '&lt;b&gt;\\\\*x\\\\*&lt;/b&gt; \\\\| \\\\[a\\\\](b)'
    """
    line = " ".join(_UNSEEN.sub("\ufffd", str(text)).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MEANT.sub(r"\\\1", line)
    return _BEGIN.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", line)


def fenced(text: str, language: str = "") -> str:
    """Text as it is, between fences that it cannot close.

    Examples
    --------
    >>> print(fenced("a ``` b"))
    ````
    a ``` b
    ````
    """
    clean = "\n".join(_UNSEEN.sub("\ufffd", line) for line in text.splitlines())
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", clean)), default=0))
    return f"{fence}{language}\n{clean}\n{fence}"


def markdown(document: Document) -> str:
    """The whole file."""
    out = [f"# {escaped(document.title)}"]
    alone = len(document.parts) == 1
    for i, part in enumerate(document.parts):
        if not alone and i:
            out.append(f"## {GLYPHS.get(part.status, '')} {escaped(part.title)}")
        level = 2 if alone or not i else 3
        out += [section_markdown(section, level) for section in part.sections]
    return "\n\n".join(out) + "\n"


def section_markdown(section: Section, level: int) -> str:
    """A heading and its blocks."""
    return "\n\n".join([f"{'#' * level} {escaped(section.title)}", *map(block_markdown, section.blocks)])


def block_markdown(block: Block) -> str:
    """One block."""
    match block:
        case Prose():
            return escaped(block.text)
        case Verdict():
            return f"**{GLYPHS.get(block.status, '')} {escaped(block.status)}** {escaped(block.text)}"
        case Facts():
            return _table(["", ""], block.rows, frozenset())
        case Table():
            shown = [i for i in range(len(block.heads)) if any(row[i] for row in block.rows)]
            right = frozenset(at for at, i in enumerate(shown) if i in block.right)
            table = _table([block.heads[i] for i in shown], [[row[i] for i in shown] for row in block.rows], right)
            return table + (f"\n\n{escaped(block.note)}" if block.note else "")
        case Code():
            return fenced(block.text, block.language)
        case Drawing():
            return block_markdown(block.instead)
        case Fold():
            inner = "\n\n".join(map(block_markdown, block.blocks))
            title = html_text(" ".join(_UNSEEN.sub("\ufffd", block.title).split()))  # an empty line would end the HTML
            return f"<details>\n<summary>{title}</summary>\n\n{inner}\n\n</details>"


def _table(heads: list[str], rows: object, right: frozenset[int]) -> str:
    lines = ["| " + " | ".join(escaped(h) for h in heads) + " |", "|" + "|".join("---:" if i in right else "---" for i in range(len(heads))) + "|"]
    for row in rows:  # type: ignore[attr-defined]
        lines.append("| " + " | ".join(escaped(cell) for cell in row) + " |")
    return "\n".join(lines)


__all__ = ["block_markdown", "escaped", "fenced", "markdown", "section_markdown"]
