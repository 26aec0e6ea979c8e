"""Executions -> a document: which sections, in which order, of how many executions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from asw_nb.errors import UsageError, did_you_mean
from asw_nb.history.redact import redact
from asw_nb.reports import compared, drawn, told
from asw_nb.reports.blocks import Again, Block, Document, Drawing, Fold, Limits, Part, Prose, Section, name, text
from asw_nb.reports.material import Material
from asw_nb.views import View

Make = Callable[[Material, Limits], Section | None]

SECTIONS: dict[str, Make | None] = {
    "verdict": told.verdict, "errors": told.errors, "parameters": told.parameters, "graph": drawn.graph, "timeline": drawn.timeline, "states": drawn.states,
    "time": drawn.time, "metrics": drawn.metrics, "last": None, "compare": None, "logs": told.logs, "definition": told.definition,
    "functions": told.functions, "provenance": told.provenance,
}  # fmt: skip
"""The sections, in their order; those without a maker are made of several executions."""


def chosen(sections: Sequence[str] | None, code: bool) -> list[str]:
    """The sections that are asked for, in the order of the report; the functions' source is shown only when asked for.

    Raises
    ------
    UsageError
        There is no such section.
    """
    if sections is None:
        return [key for key in SECTIONS if code or key != "functions"]
    if isinstance(sections, str):
        sections = [sections]
    for key in sections:
        if key not in SECTIONS:
            raise UsageError(f'there is no section "{key}".{did_you_mean(str(key), SECTIONS)} Sections: {", ".join(SECTIONS)}.')
    return [key for key in SECTIONS if key in sections or (code and key == "functions")]


def document(
    materials: Sequence[Material], title: str | None, sections: Sequence[str], limits: Limits, last: int, folder: Path | None = None, code: bool = False
) -> Document:
    """The report of one execution, or of several."""
    if len(materials) == 1:
        (material,) = materials
        part = _part(material, sections, limits, last)
        heading = title or f"{material.record.workflow} · {material.record.name}"
        return with_pictures(Document(text(heading, 200), [part], _again(material, folder, limits, code), limits))
    workflows = sorted({m.record.workflow for m in materials})
    heading = title or f"{', '.join(workflows[:3])}{' …' if len(workflows) > 3 else ''} · {len(materials):,} executions"
    told_of = [s for s in compared.overview(materials, limits) if s.key in sections]
    worst = next((m.record.status for m in materials if m.record.status not in ("SUCCEEDED", "RUNNING")), materials[0].record.status)
    parts = [Part("Overview", worst, told_of)]
    # those that went wrong first, when there are too many to be told one by one
    order = sorted(range(len(materials)), key=lambda i: materials[i].record.status == "SUCCEEDED")
    shown = sorted(order[: limits.runs])
    each = [key for key in sections if key not in ("last", "compare")]
    parts += [_part(materials[i], each, limits, 0) for i in shown]
    if len(shown) < len(materials):
        parts[0].sections[0].blocks.append(Prose(f"{len(shown):,} of {len(materials):,} executions are told one by one below, those that did not succeed first."))
    return with_pictures(Document(text(heading, 200), parts, None, limits))


def with_pictures(document: Document) -> Document:
    """The document with as many drawings as its limits allow, the first ones."""
    left = document.limits.pictures

    def shown(blocks: list[Block]) -> list[Block]:
        nonlocal left
        out: list[Block] = []
        for block in blocks:
            if isinstance(block, Fold):
                block = replace(block, blocks=shown(block.blocks))
            elif isinstance(block, Drawing):
                left -= 1
                block = block if left >= 0 else block.instead
            out.append(block)
        return out

    parts = [replace(part, sections=[replace(section, blocks=shown(section.blocks)) for section in part.sections]) for part in document.parts]
    return replace(document, parts=parts)


def _part(material: Material, sections: Sequence[str], limits: Limits, last: int) -> Part:
    made: list[Section] = []
    for key in sections:
        make = SECTIONS[key]
        section = compared.last_runs(material, limits, last) if key == "last" else make(material, limits) if make is not None else None
        if section is not None:
            made.append(section)
    return Part(name(f"{material.record.workflow} · {material.record.name}"), material.record.status, made)


def _again(material: Material, folder: Path | None, limits: Limits, code: bool) -> Again | None:
    """What a notebook needs to find the execution again, and to run its workflow with another input."""
    workspace, document = material.workspace, material.definition
    if workspace is None or document is None:
        return None
    try:
        history = Path(os.path.relpath(workspace.path, folder if folder is not None else Path.cwd())).as_posix()
    except ValueError:  # another drive
        history = workspace.path.as_posix()
    shown = json.dumps(redact(document), ensure_ascii=False, indent=2, default=str)
    sources: dict[str, str] = material.view.function_sources(50) if code else {}  # type: ignore[attr-defined]
    return Again(
        material.record.name, material.record.workflow, history, shown if len(shown) <= limits.source else "",
        {key: text(source, limits.source) for key, source in sources.items()}, material.record.dialect,
    )  # fmt: skip


def materials(runs: Sequence[View]) -> list[Material]:
    """What is known of each execution."""
    return [Material(view) for view in runs]


__all__ = ["SECTIONS", "chosen", "document", "materials", "with_pictures"]
