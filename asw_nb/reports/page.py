"""A document as one HTML file that asks nobody for anything.

Its Content-Security-Policy names the two scripts that may run by their hashes, and lets nothing be fetched: whatever a payload holds, it is text. Data of charts
stands between the tags in letters that have no meaning there."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib import resources

from asw_nb.analysis.card import badge
from asw_nb.analysis.figure import html_text
from asw_nb.reports.blocks import Block, Document, Drawing, Fold, Part, Section
from asw_nb.reports.figures import chart_data, library, source_hash
from asw_nb.reports.inline import block_html, classed, style_sheet


@functools.cache
def asset(name: str) -> str:
    """A file of the front end."""
    return resources.files("asw_nb.reports").joinpath("static", name).read_text(encoding="utf-8")


def policy(*scripts: str) -> str:
    """The Content-Security-Policy of a page that runs these scripts, named by their hashes.

    Examples
    --------
    >>> policy()
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; script-src 'none'; base-uri 'none'; form-action 'none'"
    """
    run = " ".join(scripts) or "'none'"
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; script-src {run}; base-uri 'none'; form-action 'none'"


def page(document: Document) -> str:
    """The whole file."""
    writer = _Writer(document)
    body = "".join(writer.part(part, i) for i, part in enumerate(document.parts))
    script = asset("report.js")
    hashes, bundle = [source_hash(script)], ""
    if writer.live:
        source, hash_ = library()
        hashes.append(hash_)
        bundle = f'<script type="text/plain" id="plotly">{source}</script>\n'
    title = html_text(document.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy(*hashes)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n<style>\n{asset("report.css")}{style_sheet()}\n</style>\n</head>\n<body>\n'
        f"<header><h1>{title}</h1>\n<nav>{writer.contents()}</nav></header>\n<main>\n{body}</main>\n{bundle}<script>{script}</script>\n</body>\n</html>\n"
    )


class _Writer:
    """Writes parts, and counts the charts that can be zoomed."""

    def __init__(self, document: Document) -> None:
        self.document, self.live = document, 0

    def contents(self) -> str:
        """Links to the sections of the only part, or to the parts."""
        parts = self.document.parts
        links: Iterator[tuple[str, str]]
        if len(parts) == 1:
            links = ((f"0-{s.key}", s.title) for s in parts[0].sections)
        else:
            links = ((f"part-{i}", p.title) for i, p in enumerate(parts))
        return "".join(f'<a href="#{key}">{html_text(title)}</a>' for key, title in links)

    def part(self, part: Part, number: int) -> str:
        alone = len(self.document.parts) == 1
        level = 2 if alone or number == 0 else 3
        inner = "".join(self._section(section, number, level) for section in part.sections)
        if alone:
            return inner
        if number == 0:
            return f'<div id="part-0">{inner}</div>\n'
        return f'<details class="part" id="part-{number}"><summary>{html_text(part.title)} &nbsp;{badge(part.status)}</summary>\n{inner}</details>\n'

    def _section(self, section: Section, part: int, level: int) -> str:
        body = "".join(self._block(block) for block in section.blocks)
        return f'<section id="{part}-{section.key}"><h{level}>{html_text(section.title)}</h{level}>\n{body}</section>\n'

    def _block(self, block: Block) -> str:
        if isinstance(block, Fold):
            inner = "".join(map(self._block, block.blocks))
            return f"<details {classed('fold')}><summary {classed('summary')}>{html_text(block.title)}</summary>{inner}</details>\n"
        if isinstance(block, Drawing):
            return self._drawing(block)
        return block_html(block, classed) + "\n"

    def _drawing(self, drawing: Drawing) -> str:
        limits = self.document.limits
        if drawing.figure is None or self.live >= limits.live or not drawing.figure.plotly.data:
            return f'<figure><div class="still">{drawing.still}</div></figure>\n'
        self.live += 1
        data = chart_data(drawing.figure, limits.points)
        return f'<figure data-chart="{self.live}"><div class="still">{drawing.still}</div><script type="text/plain">{data}</script></figure>\n'


__all__ = ["asset", "page", "policy"]
