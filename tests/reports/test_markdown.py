"""Markdown: what is escaped, and the timeline in letters."""

from __future__ import annotations

import mistune
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.reports.blocks import Code, Facts, Fold, Table, Verdict
from asw_nb.reports.markdown import block_markdown, escaped, fenced
from tests.reports.samples import nightly, written

render = mistune.create_markdown(escape=False, plugins=["table"], renderer="html")


def test_blocks_as_markdown():
    assert block_markdown(Verdict("FAILED", "at A")) == "**✗ FAILED** at A"
    assert block_markdown(Facts([("name", "x|y")])) == "|  |  |\n|---|---|\n| name | x\\|y |"
    table = Table(("a", "b", "empty"), [("1", "x", ""), ("2", "y", "")], frozenset({0}), note="2 of 9 rows are shown.")
    assert block_markdown(table) == "| a | b |\n|---:|---|\n| 1 | x |\n| 2 | y |\n\n2 of 9 rows are shown."
    assert block_markdown(Fold("<more>", [Code("1", "json")])) == "<details>\n<summary>&lt;more&gt;</summary>\n\n```json\n1\n```\n\n</details>"


def test_an_empty_line_in_a_title_ends_no_markup():
    text = block_markdown(Fold("a\n\n![x](https://example.invalid/i.png)\r\rb", []))
    assert text.splitlines()[1] == "<summary>a ![x](https://example.invalid/i.png) b</summary>"
    assert "<img" not in render(text)


def test_what_begins_a_line_is_no_list_heading_or_rule():
    assert [escaped(t) for t in ("- a", "1. a", "---", "+ b", "# c", "> d", "a - b", "1.5", "-5")] == [
        "\\- a", "1\\. a", "--\\-", "\\+ b", "\\# c", "&gt; d", "a - b", "1.5", "-5",
    ]  # fmt: skip


@given(st.text(max_size=60))
def test_escaped_text_renders_to_itself(text):
    import html

    shown = render(escaped(text))
    assert shown == "" or (shown.startswith("<p>") and shown.endswith("</p>\n"))
    inner = shown.removeprefix("<p>").removesuffix("</p>\n")
    assert "<" not in inner
    assert " ".join(html.unescape(inner).split()) == " ".join(html.unescape(html.escape(_clean(text))).split())


def _clean(text: str) -> str:
    from asw_nb.reports.markdown import _UNSEEN

    return " ".join(_UNSEEN.sub("\ufffd", text).split())


@given(st.text(alphabet="`~a\n <>", max_size=80))
def test_a_fence_is_never_closed_by_what_it_holds(text):
    shown = render(fenced(text) + "\n\nafter")
    assert shown.count("<pre>") == 1
    assert shown.endswith("<p>after</p>\n")


def test_the_timeline_in_letters(tmp_path):
    text = written(nightly(), tmp_path, ".md", sections=["timeline"])
    assert text.split("```")[1].split("\n", 1)[1] == (
        "          |0                                                      1.0 s|\n"
        "Each/Load |×░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░█| 0 µs\n"
        "           █ ran   ░ waited   × failed\n"
    )
