"""What a figure is to a front end: an interactive form, a static twin, and one line of text.

A plotly figure alone vanishes where there is no plotly extension (nbconvert, GitHub), and a script is not run in a
notebook that the reader has not trusted. `Figure` therefore always answers with all three forms, and each front end
takes the best that it can show. The static form must stand alone: tables with inline colours and pictures as data
URIs, since a bare ``<svg>``, a ``<style>`` block and a ``<script>`` are each removed somewhere.
"""

from __future__ import annotations

import base64
import html as _html
import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    import plotly.graph_objects as go

PLOTLY_MIME = "application/vnd.plotly.v1+json"

# Characters that XML 1.0 forbids even when escaped; one of them makes a browser refuse the whole picture.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Marks that turn the order of what follows them: a name that holds one would write over its neighbours. They are shown as what they are.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def html_text(value: object) -> str:
    """`value` as text for HTML or SVG, within an element or a quoted attribute.

    Examples
    --------
    >>> html_text('<b a="1">')
    '&lt;b a=&quot;1&quot;&gt;'
    """
    text = _TURNING.sub(lambda mark: f"\\u{ord(mark[0]):04x}", _NOT_XML.sub("\ufffd", str(value)))
    return _html.escape(text)


def plotly_text(value: object) -> str:
    """`value` as text for plotly, which reads tags, entities and ``$TeX$`` in every label.

    Examples
    --------
    >>> plotly_text("<b>$x$</b>")
    '&lt;b&gt;&#36;x&#36;&lt;/b&gt;'
    """
    text = _NOT_XML.sub("\ufffd", str(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\s+", " ", text).replace("$", "&#36;")


def svg_img(svg: str, alt: str, max_width_px: int = 960) -> str:
    """An ``<img>`` holding the whole SVG, which shows even where a bare ``<svg>`` is removed.

    Examples
    --------
    >>> svg_img("<svg/>", "a graph")[:45]
    '<img alt="a graph" style="width:100%;max-widt'
    """
    style = f"width:100%;max-width:{max_width_px}px;height:auto"
    return f'<img alt="{html_text(alt)}" style="{style}" src="{svg_data_uri(svg)}">'


def svg_data_uri(svg: str) -> str:
    """The whole SVG as the address of a picture.

    Examples
    --------
    >>> svg_data_uri("<svg/>")
    'data:image/svg+xml;base64,PHN2Zy8+'
    """
    clean = _NOT_XML.sub("\ufffd", svg)
    return "data:image/svg+xml;base64," + base64.b64encode(clean.encode("utf-8")).decode("ascii")


def _chosen(bundle: dict[str, Any], include: Collection[str] | None, exclude: Collection[str] | None) -> dict[str, Any]:
    return {k: v for k, v in bundle.items() if (not include or k in include) and (not exclude or k not in exclude)}


def _show(thing: Html | Figure) -> None:
    # IPython belongs to the notebook layer: it is used when the caller already runs in it, never imported from here.
    ipython, display = sys.modules.get("IPython"), sys.modules.get("IPython.display")
    if ipython is not None and display is not None and ipython.get_ipython() is not None:
        display.display(thing)
    else:
        print(thing.text)


class Html:
    """A thing to look at in any front end: HTML that stands alone, and one line of text.

    Examples
    --------
    >>> Html("<p>ok</p>", "ok")
    ok
    """

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return _chosen({"text/html": self.html, "text/plain": self.text}, include, exclude)

    def show(self) -> None:
        """Display it in a notebook; print the text elsewhere."""
        _show(self)


class Figure:
    """A plotly figure that can also be seen without plotly.

    Parameters
    ----------
    plotly_figure : plotly.graph_objects.Figure
        Kept as `.plotly`, to change or to draw on.
    static_html : str
        The same content as HTML without scripts.
    text : str
        The same content in one line.
    """

    def __init__(self, plotly_figure: go.Figure, static_html: str, text: str) -> None:
        self.plotly = plotly_figure
        self.static_html = static_html
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/html": self.static_html, "text/plain": self.text}
        if (not include or PLOTLY_MIME in include) and PLOTLY_MIME not in (exclude or ()):
            bundle[PLOTLY_MIME] = json.loads(self.plotly.to_json())
        return _chosen(bundle, include, exclude)

    def show(self) -> None:
        """Display it in a notebook; print the text elsewhere."""
        _show(self)

    def to_html(self, **options: Any) -> str:
        """The interactive form as HTML; `options` are those of ``plotly.graph_objects.Figure.to_html``."""
        return self.plotly.to_html(**options)

    def write_html(self, path: Any, **options: Any) -> None:
        """Write the interactive form to a file, with plotly.js inside unless `options` say otherwise."""
        self.plotly.write_html(path, **options)
