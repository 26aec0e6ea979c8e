"""Writes docs/conformance.md: which rules of the language the project's own cases hold, operator by operator, function by function.

    python tools/conformance_doc.py            # write the page
    python tools/conformance_doc.py --check    # exit code 1 when the page is stale
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "conformance.md"

sys.path.insert(0, str(ROOT))

from asw_nb.language.choices import OPERATORS  # noqa: E402
from asw_nb.language.intrinsics import FUNCTIONS  # noqa: E402


def cases() -> list[tuple[str, dict[str, Any]]]:
    """(topic, case) of every file in tests/conformance."""
    return [
        (path.stem, case)
        for path in sorted((ROOT / "tests" / "conformance").glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


def _using(word: str, found: list[tuple[str, dict[str, Any]]]) -> str:
    names = [f"{topic}/{case['name']}" for topic, case in found if word in json.dumps(case["definition"])]
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    return f"{len(names)} | {shown}"


def page() -> str:
    """The page's text."""
    found = cases()
    topics = sorted({topic for topic, _ in found})
    lines = [
        "# Conformance cases",
        "",
        f"The project's own cases, written from the States Language specification and the services' documents: {len(found)} in "
        f"{len(topics)} files below `tests/conformance`. Each is data (a rule in one sentence, a definition, an input, the answers of its tasks, the "
        "expected output, error, cause and path); `make test` runs all of them. This page is made by `tools/conformance_doc.py`.",
        "",
        "| topic | cases |",
        "|---|---|",
        *(f"| {topic} | {sum(t == topic for t, _ in found)} |" for topic in topics),
        "",
        "## Intrinsic functions",
        "",
        "| function | cases | such as |",
        "|---|---|---|",
        *(f"| `States.{name}` | {_using(f'States.{name}(', found)} |" for name in sorted(FUNCTIONS)),
        "",
        "## Choice operators",
        "",
        "| operator | cases | such as |",
        "|---|---|---|",
        *(f"| `{name}` | {_using(json.dumps(name) + ':', found)} |" for name in sorted([*OPERATORS, "And", "Or", "Not"])),
        "",
        "## Rules",
        "",
        *(f"* `{topic}/{case['name']}`: {case['rule']}" for topic, case in found),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(cases())} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
