"""docs/conformance.md says what the cases are, and every operator and function has one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import conformance_doc

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_is_what_its_tool_writes() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "conformance_doc.py", "--check"], timeout=60)
    assert done.returncode == 0, "run: python tools/conformance_doc.py"


def test_every_operator_and_function_has_a_case() -> None:
    rows = [line for line in conformance_doc.page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if "| 0 |" in row] == []
    assert len(rows) == len(conformance_doc.FUNCTIONS) + len(conformance_doc.OPERATORS) + 3


def test_there_are_at_least_300_cases_with_names_of_their_own() -> None:
    names = [f"{topic}/{case['name']}" for topic, case in conformance_doc.cases()]
    assert len(names) >= 300
    assert len(set(names)) == len(names)
