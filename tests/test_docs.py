"""What the documents promise: their links lead somewhere, their pictures are there, their pages are fresh, and the
README's examples run in the order in which a reader meets them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tools import cli_doc, magics_doc

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LARGEST_PICTURE = 150_000


def prose(page: Path) -> str:
    """The page without its code."""
    return re.sub(r"`[^`\n]*`(?!\])", "", FENCE.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> list[tuple[bool, str]]:
    """(is it a picture, target) of every link that stays in this repository."""
    found = [(bang == "!", target) for bang, target in LINK.findall(prose(page))]
    return [(picture, target) for picture, target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-")) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    lost = []
    for _, target in links(page):
        path, _, anchor = target.partition("#")
        file = page if not path else page.parent / path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)
    assert lost == []


def test_links_are_found():
    assert (True, "docs/images/quickstart-lab.png") in links(ROOT / "README.md")
    assert (False, "docs/magics.md") in links(ROOT / "README.md")
    assert (False, "#asw-run") in links(ROOT / "docs" / "magics.md")


def test_every_picture_is_a_small_png_and_is_shown_somewhere():
    shown = {(page.parent / target).resolve() for page in PAGES for picture, target in links(page) if picture}
    kept = set((ROOT / "docs" / "images").iterdir())
    assert shown == kept
    for picture in kept:
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        assert len(content) < LARGEST_PICTURE, picture.name


def test_the_page_of_the_magics_is_fresh():
    done = subprocess.run([sys.executable, ROOT / "tools" / "magics_doc.py", "--check"], timeout=60)
    assert done.returncode == 0, "run: python tools/magics_doc.py"


def test_the_page_of_the_command_line_is_fresh():
    done = subprocess.run([sys.executable, ROOT / "tools" / "cli_doc.py", "--check"], timeout=60)
    assert done.returncode == 0, "run: python tools/cli_doc.py"


def test_the_page_of_the_command_line_has_every_exit_code():
    assert [int(row.split("|")[1]) for row in cli_doc.page().splitlines() if re.match(r"\| \d+ \|", row)] == [0, 1, 2, 3, 4, 70, 130]


def test_the_page_of_the_magics_has_every_command_and_option():
    text = magics_doc.page()
    for command in (magics_doc.ASW_CELL, magics_doc.FUNCTION_CELL, *magics_doc.COMMANDS.values()):
        section = text.partition(f"### {command.name}\n")[2].partition("\n### ")[0]
        assert command.summary in section
        for option in command.options:
            assert all(f"`{name}`" in section for name in option.names if name.startswith("-"))


@pytest.mark.slow
def test_the_examples_of_the_readme_run_one_after_the_other(tmp_path, monkeypatch):
    blocks = FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    sources = [code for language, code in blocks if language == "python" or code.startswith("%%")]
    assert len(sources) >= 5
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("ASW_NB_HOME")
    # the README says of the first execution that its output is 15, and shows the second one's
    first = next(i for i, source in enumerate(sources) if source.startswith("run.output"))
    sources.insert(first, "assert run.output == 15")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert ast.literal_eval(notebook.cells[-1].outputs[-1].data["text/plain"]) == (
        "SUCCEEDED",
        [{"table": "orders", "rows": 98_000}, {"table": "users", "rows": 98_000}],
    )
