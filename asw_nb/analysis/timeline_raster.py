"""Very many spans as one picture: each row's spans painted into pixels, which a browser scales without drawing them again.

A hundred thousand bars take a browser seconds at every zoom, as elements of the page and as WebGL lines alike (4 s on two cores
without a graphics card, of which plotly's own clock sees nothing). A picture of `COLUMNS` columns is scaled in milliseconds; below a pixel
of it nothing can be told apart, and the points that answer the mouse are exact."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

from asw_nb.analysis.timeline_spans import CONTAINER, KINDS, STEP_KINDS

if TYPE_CHECKING:
    import numpy as np

    from asw_nb.analysis.timeline_rows import Layout
    from asw_nb.analysis.timeline_spans import Spans

COLUMNS = 12_000
PIXELS = 6_000_000
LINES_PER_SLOT = 2
STRIPE = 6
"""Columns of a stripe of the kinds that are hatched elsewhere."""


def paint(spans: Spans, layout: Layout, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, float, float, int]:
    """The kinds of all spans as pixels.

    Returns
    -------
    pixels : ndarray of uint8, shape (lines, columns)
        0: nothing; 1 + kind; with `len(KINDS)` added where a stripe is pale.
    low, step : float
        Where the first column begins and how wide one is, in units of the axis.
    per_slot : int
        Lines of a slot; fewer slots share one line where there are too many.
    """
    import numpy as np

    lines = max(1, min(layout.slots * LINES_PER_SLOT, 4_000))
    columns = int(min(COLUMNS, max(2_000, PIXELS // lines)))
    low, high = float(start.min()), float(end.max())
    step = ((high - low) or 1.0) / columns
    first = np.clip(((start - low) / step).astype("int64"), 0, columns - 1)
    # what lasted less than a pixel is seen all the same
    last = np.clip(np.ceil((end - low) / step).astype("int64"), first + 1, columns)
    scale = lines / layout.slots
    top = np.clip(np.floor((layout.y - layout.thickness / 2) * scale).astype("int64"), 0, lines - 1)
    bottom = np.clip(np.ceil((layout.y + layout.thickness / 2) * scale).astype("int64"), top + 1, lines)
    pixels = np.zeros((lines, columns), dtype="uint8")
    stripes = (np.arange(columns) // STRIPE % 2).astype("uint8")
    for kind, style in enumerate(KINDS):
        at = np.flatnonzero(spans.kind == kind)
        if not len(at) or kind in STEP_KINDS:
            continue
        edges = np.zeros((lines, columns + 1), dtype="int32")
        for offset in range(int((bottom - top)[at].max())):
            some = at[top[at] + offset < bottom[at]]
            np.add.at(edges, (top[some] + offset, first[some]), 1)
            np.add.at(edges, (top[some] + offset, last[some]), -1)
        covered = np.cumsum(edges[:, :-1], axis=1) > 0
        pale = stripes * np.uint8(len(KINDS) if style.hatch else 0)
        pixels = np.where(covered, (1 + kind + pale).astype("uint8"), pixels)
    return pixels, low, step, lines


def png(pixels: np.ndarray) -> str:
    """The pixels as a PNG with a palette, in a data URI."""
    colours, opacity = bytearray(3), bytearray(1)
    for pale in (False, True):
        for kind, style in enumerate(KINDS):
            colours += bytes(int(style.colour[i : i + 2], 16) for i in (1, 3, 5))
            opacity.append(70 if kind == CONTAINER else 110 if pale else 255)
    lines, columns = pixels.shape
    # each line begins with the number of its filter: none
    raw = b"".join(b"\0" + line.tobytes() for line in pixels)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", columns, lines, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(colours)),
        (b"tRNS", bytes(opacity)),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


__all__ = ["COLUMNS", "paint", "png"]
