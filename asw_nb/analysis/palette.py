"""One colour per status, the same in the graph, the timeline and the tables, on white and on black.

Notebooks are read in light and in dark themes, and a stored picture cannot ask which: every status colour keeps a
contrast of at least 2.7 against white and 3.1 against #111111. The eight statuses stay apart for readers without red
or green cones (CIELAB distance 10 or more under simulated protanopia and deuteranopia; the tests compute both).
Colour is still never the only mark: failures also carry a glyph, waiting is also hatched.
"""

from __future__ import annotations

STATUS_COLOURS = {
    "RUNNING": "#2468B4",
    "SUCCEEDED": "#1FA971",
    "FAILED": "#C23B14",
    "CAUGHT": "#DB5FB8",
    "ABORTED": "#82898F",
    "TIMED_OUT": "#8434D8",
    "WAITING": "#1C8C9E",
    "RETRYING": "#C79220",
}

# Text and lines lie on the page itself, whose colour is unknown: a grey half way between the two themes.
TEXT_COLOUR = "#70777F"
LINE_COLOUR = "#8A919A"
QUEUE_COLOUR = "#A3B1C2"

# Lines and points of charts, in this order; after the sixth they begin again with another dash or symbol. Held to the same
# tests as the statuses.
SERIES_COLOURS = ("#2468B4", "#E5731C", "#1FA38B", "#C8358F", "#62A0D8", "#8C6D1F")
SERIES_DASHES = ("solid", "dash", "dot", "dashdot")
SERIES_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x")


def series_style(number: int) -> tuple[str, str, str]:
    """Colour, dash and symbol of the series of that number; no two of the first 24 are alike."""
    n = len(SERIES_COLOURS)
    return SERIES_COLOURS[number % n], SERIES_DASHES[number // n % len(SERIES_DASHES)], SERIES_SYMBOLS[number % len(SERIES_SYMBOLS)]
