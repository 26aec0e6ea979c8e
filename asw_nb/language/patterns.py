"""How large a regular expression becomes when it is compiled.

The package `regex`, whose searches can be stopped, writes out what must repeat: ``((a{99}){99}){99}`` takes a gigabyte, and one more pair of
brackets ends the kernel. So a pattern is measured before it is compiled.
"""

from __future__ import annotations

import re

EXPANDED_LIMIT = 5_000
"""Characters, classes and groups of a pattern whose repetitions are written out."""

_PART = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]++|\\.)*+\]?|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)


def expanded_size(pattern: str) -> int:
    """The parts of a pattern, each as often as it must repeat.

    Examples
    --------
    >>> expanded_size("(ab{3}){10}c*")
    51
    """
    groups: list[int] = []
    size = last = 0
    for match in _PART.finditer(pattern):
        part, count = match.group(), match.group(1)
        if count is not None:
            times = int(count) if len(count) < 10 else 10**10
            size += last * (times - 1) if times > 1 else 0
            last *= max(times, 1)
            continue
        if part == "(":
            groups.append(size + 1)
            size = last = 0
        elif part == ")" and groups:
            last = size + 1
            size += groups.pop()
        elif part not in "*+?":
            last = 1
            size += 1
        if size > 10**12:
            break
    return size + sum(groups)


__all__ = ["EXPANDED_LIMIT", "expanded_size"]
