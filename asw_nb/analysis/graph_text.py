"""How wide a text will be, without a font engine: a table of widths per class of character.

The reader's font is unknown, so the table holds the widths of a wide sans-serif (DejaVu Sans, which Linux browsers
fall back on); narrower fonts leave a little air. Being a few per cent too wide is invisible, being too narrow writes
over a neighbour.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ELLIPSIS = "…"
# A text this long is cut before it is measured: names come from users, and one may hold a megabyte.
_MEASURED_CHARS = 400

_EM = {
    **dict.fromkeys("iljI|.,:;'!`", 0.34),
    **dict.fromkeys(' ()[]{}ft"r/\\-', 0.42),
    **dict.fromkeys("szcxvykJ*_?", 0.56),
    **dict.fromkeys("abdeghnopquL$0123456789", 0.64),
    **dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZ&<>=+~^#", 0.76),
    **dict.fromkeys("mMwW%@…—", 1.02),
}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Marks that reorder the text around them would let a name disguise itself; what is left is drawn as it is.
_UNSEEN = re.compile("[\u200b-\u200f\u061c\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")


@lru_cache(maxsize=4096)
def _char_em(char: str) -> float:
    known = _EM.get(char)
    if known is not None:
        return known
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.3 if ord(char) > 0x1F000 else 1.02
    return 0.72 if ord(char) < 0x2000 else 1.05


def text_width(text: str, size_px: float, bold: bool = False) -> float:
    """The width in pixels that `text` needs at most, in any usual sans-serif.

    Examples
    --------
    >>> text_width("iiii", 10) < text_width("mmmm", 10) < text_width("数数数数数", 10)
    True
    """
    return sum(map(_char_em, text)) * size_px * (1.09 if bold else 1.0)


def shown(text: str) -> str:
    """`text` on one line, without invisible direction marks and with a sign in place of what XML forbids."""
    cut = text[: 2 * _MEASURED_CHARS]
    return " ".join(_NOT_XML.sub("\ufffd", _UNSEEN.sub("", cut)).split())


def fitted(text: str, size_px: float, room_px: float, bold: bool = False) -> str:
    """`text` as shown, cut with an ellipsis where it would be wider than `room_px`.

    Examples
    --------
    >>> fitted("Transform", 10, 40)
    'Tran…'
    """
    line = shown(text)
    if len(line) <= _MEASURED_CHARS and text_width(line, size_px, bold) <= room_px:
        return line
    room = room_px - text_width(ELLIPSIS, size_px, bold)
    kept, used = 0, 0.0
    for char in line[:_MEASURED_CHARS]:
        used += text_width(char, size_px, bold)
        if used > room:
            break
        kept += 1
    return line[:kept].rstrip() + ELLIPSIS


def escaped(text: str, limit: int = 1000) -> str:
    """`text` for an attribute or an element of an SVG; every character kept that XML can hold, up to `limit`.

    Examples
    --------
    >>> escaped('<b a="1">')
    '&lt;b a=&quot;1&quot;&gt;'
    """
    if len(text) > limit:
        text = text[: limit - 1] + ELLIPSIS
    clean = _NOT_XML.sub("\ufffd", text)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        clean = clean.replace(char, entity)
    return clean.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
