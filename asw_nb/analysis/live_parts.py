"""Pieces of the live card that look into the frames: Maps with their items, what waits until when, nested executions.

Each costs the same for ten items as for a hundred thousand. A Map starts its items in order, so of an item that is neither alive nor among the
failed only one number has to be known: how far the Map has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asw_nb.analysis.figure import html_text
from asw_nb.analysis.palette import STATUS_COLOURS
from asw_nb.analysis.status import containers, item_status
from asw_nb.analysis.words import duration_text, readable_cause
from asw_nb.engine.frames import TIMER, Children, Frame
from asw_nb.engine.run import Run
from asw_nb.history.fold import Fold, map_items
from asw_nb.history.redact import redact_text
from asw_nb.language.plan import WAIT, Plan

CELLS = 60
MOST_MAPS = 4
MOST_FAILURES = 3
MOST_FALLEN = 1000
MOST_LINES = 3
LINE_PX = 18
MAP_PX = 44
TRACK = "#e4e7eb"
COLOURS = {
    "": TRACK,
    "RUNNING": STATUS_COLOURS["RUNNING"],
    "SUCCEEDED": STATUS_COLOURS["SUCCEEDED"],
    "FAILED": STATUS_COLOURS["FAILED"],
}
GREY = "color:#57606a"
LINE = f"height:{LINE_PX}px;line-height:{LINE_PX}px;white-space:pre;overflow:hidden;text-overflow:ellipsis"


# --------------------------------------------------------------------------- Maps


def strip_cells(children: Children, running: Iterable[int]) -> list[str]:
    """The status of each cell of a Map's strip: an item, or a run of neighbouring items with the worst that is among them.

    Parameters
    ----------
    running : iterable of int
        Indexes of items that are alive.
    """
    length, count = children.length, min(children.length, CELLS)
    cells = [""] * count
    for cell in range(count):
        first, after = -(-cell * length // count), -(-(cell + 1) * length // count)
        if after <= children.next:
            cells[cell] = "SUCCEEDED"
        elif first < children.next:
            cells[cell] = "RUNNING"  # some of its items have begun, the others have not
    for index in running:
        cells[min(index * count // length, count - 1)] = "RUNNING"
    for fallen in children.fallen[:MOST_FALLEN]:
        cells[min(fallen.index * count // length, count - 1)] = "FAILED"
    return cells


def strip_html(cells: Sequence[str]) -> str:
    """The cells as coloured pieces of one bar, neighbours of one colour as one piece."""
    parts, start = [], 0
    for at in range(1, len(cells) + 1):
        if at == len(cells) or cells[at] != cells[start]:
            share = 100 * (at - start) / len(cells)
            colour = COLOURS.get(cells[start], TRACK)
            parts.append(f'<div style="float:left;height:8px;width:{share:.2f}%;background:{colour}"></div>')
            start = at
    return f'<div style="background:{TRACK};border-radius:4px;height:8px;margin-top:2px;overflow:hidden">{"".join(parts)}</div>'


def counts_text(done: int, failed: int, running: int, length: int) -> str:
    """How many items have ended, and how the others stand.

    Examples
    --------
    >>> counts_text(90, 2, 4, 100)
    '92 of 100 items · 2 failed · 4 running'
    """
    words = [f"{done + failed:,} of {length:,} item{'s' if length != 1 else ''}"]
    words += [f"{count:,} {word}" for count, word in ((failed, "failed"), (running, "running")) if count]
    return " · ".join(words)


def running_maps(frames: Iterable[Frame]) -> list[Frame]:
    """The Maps that run: outer ones first, the first few of them."""
    return [one for one in containers(frames) if one.state.map is not None][:MOST_MAPS]


def maps_html(frames: Sequence[Frame]) -> list[str]:
    """One block per running Map: counts by status, the strip of its items, and the failures first."""
    blocks = []
    for owner in running_maps(frames):
        children = owner.children
        if children is None:  # it ended while we looked
            continue
        alive: set[int] = set()
        for frame in frames:
            one: Frame | None = frame
            while one is not None and one.parent is not owner:
                one = one.parent
            if one is not None:
                alive.add(one.index)
        words = counts_text(children.done, children.failed, children.running, children.length)
        head = f'<b>{html_text(_cut(owner.path, 60))}</b> &nbsp;<span style="{GREY}">{words}</span>'
        failures = "".join(
            _line(f"✗ {_failure(one)}", STATUS_COLOURS["FAILED"]) for one in children.fallen[:MOST_FAILURES]
        )
        blocks.append(
            f'<div style="margin-top:10px;min-height:{MAP_PX - 10}px">{head}{strip_html(strip_cells(children, alive))}{failures}</div>'
        )
    return blocks


def _failure(frame: Frame) -> str:
    error, cause = frame.error or (None, None)
    message = redact_text(_message(cause), 400)[:400]
    return f"item {frame.index:,}: {redact_text(error or 'failed', 400)}{': ' + message if message else ''}"


def _message(cause: str | None) -> str:
    return readable_cause(cause).partition(": ")[2] or (cause or "")


# --------------------------------------------------------------------------- what waits


def waiting_lines(run: Run, frames: Iterable[Frame], now_us: int) -> list[str]:
    """Retries and Wait states that count down, those that are due first.

    Parameters
    ----------
    now_us : int
        Microseconds since the execution's start.
    """
    timers = sorted((f.due, f.id, f) for f in frames if f.phase == TIMER)[:MOST_LINES]
    lines = []
    for due, _, frame in timers:
        left = duration_text(round(max(0, due - now_us) / 1e6, 1)) if due - now_us >= 50_000 else "now"
        when = f"in {left}" if left != "now" else "now"
        if frame.error is not None:
            lines.append(
                f"↻ {frame.path}: attempt {frame.attempt + 1} {when}, after {redact_text(str(frame.error[0]), 400)}"
            )
        else:
            lines.append(f"‖ {frame.path}: goes on {when}")
    return lines


def nested_lines(run: Run) -> list[str]:
    """The executions that tasks of this one have started and wait for, the first few."""
    children = getattr(run.special.get("workflow"), "children", None) or {}
    lines = []
    for (frame, _), (record, child) in list(children.items())[:MOST_LINES]:
        owner = run.state.frames.get(frame)
        state = child.state
        done = sum(state.exited) + sum(state.failed)
        where = owner.path if owner is not None else "a task"
        standing = next(iter(list(state.frames.values())), None)
        at = f" at {standing.path}" if standing is not None and len(state.frames) == 1 else ""
        lines.append(f"↳ {where}: {record.workflow} {state.status}{at}, {done:,} states done")
    if len(children) > MOST_LINES:
        lines.append(f"↳ and {len(children) - MOST_LINES:,} more")
    return lines


def side_lines(run: Run, plan: Plan, frames: Sequence[Frame], now_us: int) -> str:
    """Countdowns and nested executions, in a room that is kept from the first frame on where the definition has any."""
    timers = any(s.kind == WAIT or s.retriers for s in plan.states)
    nested = any(s.resource is not None and s.resource.kind == "workflow" for s in plan.states)
    if not timers and not nested:
        return ""
    lines = [*waiting_lines(run, frames, now_us), *nested_lines(run)][: MOST_LINES + 1]
    room = LINE_PX * (2 if timers != nested else 3)
    return f'<div style="{GREY};min-height:{room}px;margin-top:6px">{"".join(_line(line) for line in lines)}</div>'


def _line(text: str, colour: str = "") -> str:
    style = f"{LINE};color:{colour}" if colour else LINE
    return f'<div style="{style}">{html_text(_cut(" ".join(text.split()), 120))}</div>'


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# --------------------------------------------------------------------------- afterwards


def ended_maps_html(fold: Fold) -> str:
    """The Maps of an execution that has ended: how many items ended how, the strip, and the failures first."""
    by_map: dict[int, list[tuple[int, str, str]]] = {}
    owners = {}
    for owner, index, visits in map_items(fold):
        last, status = visits[-1], item_status(visits)
        bad = status not in ("SUCCEEDED", "RUNNING")
        owners[owner.number] = owner
        by_map.setdefault(owner.number, []).append(
            (index, "FAILED" if bad else status, (last.error or status) if bad else "")
        )
    blocks = []
    for number, items in list(by_map.items())[:MOST_MAPS]:
        items.sort()
        length = max(items[-1][0] + 1, len(items))
        cells = [""] * min(length, CELLS)
        for status in ("SUCCEEDED", "RUNNING", "FAILED"):
            for index, one, _ in items:
                if one == status:
                    cells[min(index * len(cells) // length, len(cells) - 1)] = status
        tally = {status: sum(one == status for _, one, _ in items) for status in COLOURS}
        words = counts_text(tally["SUCCEEDED"], tally["FAILED"], tally["RUNNING"], length)
        failed = [(index, error) for index, one, error in items if one == "FAILED"]
        lines = [
            _line(f"✗ item {index:,}: {redact_text(error, 400)}", STATUS_COLOURS["FAILED"])
            for index, error in failed[:MOST_FAILURES]
        ]
        if len(failed) > MOST_FAILURES:
            lines.append(_line(f"and {len(failed) - MOST_FAILURES:,} more: run.map_items()", "#57606a"))
        head = f'<b>{html_text(_cut(owners[number].path, 60))}</b> &nbsp;<span style="{GREY}">{words}</span>'
        blocks.append(f'<div style="margin:0 0 10px;max-width:520px">{head}{strip_html(cells)}{"".join(lines)}</div>')
    return "".join(blocks)


__all__ = [
    "MAP_PX", "counts_text", "ended_maps_html", "maps_html", "nested_lines", "running_maps", "side_lines", "strip_cells", "strip_html",
    "waiting_lines",
]  # fmt: skip
