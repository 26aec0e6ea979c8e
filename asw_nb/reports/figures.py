"""Charts that can be zoomed in a page without a network: their data, and plotly.js itself, packed into the page.

plotly.js is 4.8 MB of text, 2.0 MB packed; a page holds it once, and only when it has a chart. Its WebGL parts compile code at run time, which the page's
policy forbids, so that their points become ordinary ones, of which there may only be some thousands."""

from __future__ import annotations

import base64
import functools
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asw_nb.analysis.figure import Figure


def packed(text: str) -> str:
    """Text as letters that need no escaping; a browser unpacks it with `DecompressionStream`.

    Examples
    --------
    >>> zlib.decompress(base64.b64decode(packed("</script>"))).decode()
    '</script>'
    """
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode("ascii")


def source_hash(text: str) -> str:
    """The name of a script in a Content-Security-Policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@functools.lru_cache(maxsize=1)
def library() -> tuple[str, str]:
    """The installed plotly.js, packed, and its hash."""
    from plotly.offline import get_plotlyjs

    source = get_plotlyjs()
    return packed(source), source_hash(source)


def chart_data(figure: Figure, points: int) -> str:
    """Data and layout of a figure, packed.

    Parameters
    ----------
    points : int
        Most points of a very long timeline that answer the mouse; failures first, then what took longest.
    """
    from plotly.io.json import to_json_plotly

    spec = figure.plotly.to_plotly_json()
    data = [dict(trace) for trace in spec["data"]]
    webgl = [i for i, trace in enumerate(data) if trace["type"] == "scattergl"]
    for i in webgl:
        data[i]["type"] = "scatter"
    _thin({i: figure.plotly.data[i] for i in webgl}, data, points)
    return packed(to_json_plotly({"data": data, "layout": spec["layout"]}, engine="json"))


def _thin(traces: dict[int, Any], data: list[dict[str, Any]], points: int) -> None:
    """Keep the points that say most, in `data`, of what the traces hold."""
    import numpy as np

    if sum(len(trace.x) for trace in traces.values()) <= points:
        return
    # those that can be seen first, then by the time that they tell of
    number = np.concatenate([np.full(len(trace.x), i) for i, trace in traces.items()])
    at = np.concatenate([np.arange(len(trace.x)) for trace in traces.values()])
    length = np.concatenate([np.asarray(trace.customdata, dtype="float64") for trace in traces.values()])
    hidden = np.concatenate([np.full(len(trace.x), trace.marker.opacity == 0) for trace in traces.values()])
    kept = np.lexsort((at, number, -length, hidden))[:points]
    for i, trace in traces.items():
        index = np.sort(at[kept[number[kept] == i]])
        data[i] |= {column: np.asarray(trace[column])[index].tolist() for column in ("x", "y", "customdata", "text")}


__all__ = ["chart_data", "library", "packed", "source_hash"]
