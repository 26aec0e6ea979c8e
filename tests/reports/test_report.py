"""What a report tells, and what it leaves out: the same document, whatever form it is written in."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import mistune
import nbformat
import pytest

import asw_nb as asw
from asw_nb.reports.blocks import Code, Drawing, Facts, Fold, Limits, Prose, Table, Verdict
from asw_nb.reports.make import Report
from tests.reports.samples import SECRETS, hostile, nightly, secretive, unpacked, written

SUFFIXES = (".html", ".md", ".ipynb")


def sections(made: Report) -> dict[str, list]:
    (part,) = made.document.parts
    return {section.key: section.blocks for section in part.sections}


def flat(blocks: list) -> list:
    out = []
    for block in blocks:
        out += [block, *flat(block.blocks)] if isinstance(block, Fold) else [block]
    return out


def only(blocks: list, kind: type) -> list:
    return [block for block in flat(blocks) if isinstance(block, kind)]


def test_the_sections_of_an_execution_stand_in_their_order():
    nightly(name="before")
    assert list(sections(asw.report(nightly(fail=True)))) == [
        "verdict", "errors", "parameters", "graph", "timeline", "states", "time", "metrics", "last", "logs", "definition", "provenance",
    ]  # fmt: skip


def test_the_verdict_says_how_it_ended_in_a_sentence():
    (verdict,) = only(sections(nightly().report())["verdict"], Verdict)
    assert (verdict.status, verdict.text) == ("SUCCEEDED", "Succeeded in 1.0 s: 5 of 6 states entered, 27 events, 5 attempts, 1 retry, 1 caught error.")
    (verdict,) = only(sections(nightly(fail=True).report())["verdict"], Verdict)
    assert verdict.text == "Failed at Broken after 1.0 s: NotEnough: too few rows. 5 of 6 states entered, 28 events, 5 attempts, 1 retry, 1 caught error."


def test_errors_tell_what_followed_and_keep_the_users_traceback():
    blocks = sections(nightly(fail=True).report())["errors"]
    assert isinstance(blocks[0], Verdict) and blocks[0].text == "NotEnough at Broken"
    (table,) = only(blocks, Table)
    assert [(row[0], row[1], row[3], row[4], row[5]) for row in table.rows] == [
        ("Each[2]/Load", "1", "LookupError", "no such table", "caught, on to Skipped"),
        ("Each[3]/Load", "1", "Busy", "lock timeout", "retried"),
        ("Broken", "", "NotEnough", "too few rows", "failed"),
    ]
    folded = {block.title: block.blocks[0].text for block in only(blocks, Fold)}
    assert list(folded) == ["Traceback of LookupError at Each[2]/Load", "Traceback of Busy at Each[3]/Load"]
    trace = folded["Traceback of LookupError at Each[2]/Load"]
    assert 'raise LookupError("no such table")' in trace and "samples.py" in trace
    assert "asw_nb/engine" not in trace and "asw_nb/backends" not in trace


def test_failures_stand_in_the_order_of_time_and_are_counted_by_what_followed():
    def work(event, context):
        if context.attempt == 1 and event["n"]:
            raise asw.TaskError("Busy", f"item {event['n']}")
        if event["n"] == 0:
            raise asw.TaskError("Lost")

    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]
    first = {"Type": "Wait", "SecondsPath": "$.n", "Next": "T"}
    task = {"Type": "Task", "Resource": "work", "Retry": retry, "Catch": [{"ErrorEquals": ["Lost"], "Next": "P"}], "End": True}
    inner = {"StartAt": "W", "States": {"W": first, "T": task, "P": {"Type": "Pass", "End": True}}}
    flow = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    run = asw.run(flow, [{"n": n} for n in (3, 1, 0, 2)], workflow="order", functions={"work": work}, clock=asw.VirtualClock())
    blocks = sections(run.report())["errors"]
    assert only(blocks, Prose)[0].text == "4 failures, in the order of time: 3 retried, 1 caught."
    assert [(row[0], row[2], row[4]) for row in only(blocks, Table)[0].rows] == [
        ("M[2]/T", "0 µs", ""), ("M[1]/T", "1.0 s", "item 1"), ("M[3]/T", "2.0 s", "item 2"), ("M[0]/T", "3.0 s", "item 3"),
    ]  # fmt: skip


def test_the_only_failure_is_told_once():
    def boom(event, context):
        raise ValueError("no table\nat all.")

    run = asw.run({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "boom", "End": True}}}, workflow="boom", functions={"boom": boom})
    made = sections(run.report())
    assert only(made["verdict"], Verdict)[0].text.partition(" after ")[0] == "Failed at T"
    assert only(made["verdict"], Verdict)[0].text.partition(": ")[2] == "ValueError: no table at all. 1 of 1 state entered, 4 events, 1 attempt."
    assert [type(block) for block in made["errors"]] == [Verdict, Code, Prose, Code]
    assert [block.text for block in only(made["errors"], Prose)] == ["Traceback"]


def test_small_parts_of_the_critical_path_are_summed_up():
    wait = {f"W{i}": {"Type": "Wait", "Seconds": s, "Next": f"W{i + 1}"} for i, s in enumerate((1000, 500, 2, 1, 1))}
    run = asw.run({"StartAt": "W0", "States": {**wait, "W5": {"Type": "Succeed"}}}, workflow="waits", clock=asw.VirtualClock())
    (table,) = only(sections(run.report())["time"], Table)
    assert table.rows == [("W0", "wait", "16 min 40 s", "66%"), ("W1", "wait", "8 min 20 s", "33%"), ("(3 smaller parts)", "", "4.0 s", "<1%")]


def test_single_values_of_metrics_are_a_column_each():
    def count(event, context):
        context.metric(rows=event, **({"bad": 1} if event == 20 else {}))

    inner = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "count", "End": True}}}
    run = asw.run({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}, [10, 20], workflow="count", functions={"count": count})
    table = only(sections(run.report())["metrics"], Table)[0]
    assert (table.heads, table.rows) == (("state", "rows", "bad"), [("M[0]/T", "10", ""), ("M[1]/T", "20", "1")])


def test_of_very_many_states_those_that_went_wrong_are_kept():
    steps = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(250)} | {"S250": {"Type": "Fail", "Error": "Last"}}
    run = asw.run({"StartAt": "S0", "States": steps}, workflow="steps")
    table = only(sections(run.report())["states"], Table)[0]
    assert table.note == "200 of 251 states are shown, those that went wrong first."
    assert [row[0] for row in table.rows[-2:]] == ["S198", "S250"]


def test_who_started_it_is_told():
    import getpass
    import os

    facts = dict(only(sections(nightly().report())["provenance"], Facts)[0].rows)
    assert facts["started by"] == f"{getpass.getuser()}, process {os.getpid()} on {os.uname().nodename}"


def test_an_execution_without_errors_has_no_section_of_errors():
    assert "errors" not in sections(nightly(tables=["orders"]).report())


def test_parameters_are_listed_value_by_value():
    (table,) = only(sections(nightly(tables=["orders"], tags={"team": "etl"}).report())["parameters"], Table)
    assert table.rows == [("$.tables[0].table", "orders"), ("$.tables[0].rate", "1"), ("$.fail", "false")]
    facts = only(sections(nightly(tables=["orders"], tags={"team": "etl"}).report())["parameters"], Facts)
    assert facts[0].rows == [("team", "etl")]


def test_the_best_trial_is_named():
    blocks = sections(nightly(tables=["orders", "users"]).report())["metrics"]
    said = [block.text for block in only(blocks, Prose)]
    assert said == ["Best trial of 2: item 1 with table = users, rate = 2; loss_best 0.1667."]
    values, _ = only(blocks, Table)
    assert values.rows == [
        ("loss", "Each[0]/Load", "3", "1", "0.3333", "0.3333 at step 2", "1 at step 0"),
        ("loss", "Each[1]/Load", "3", "0.5", "0.1667", "0.1667 at step 2", "0.5 at step 0"),
    ]


def test_earlier_runs_are_compared_and_later_ones_are_not_known():
    first, second = nightly(name="first"), nightly(fail=True, name="second")
    assert "last" not in sections(first.report())
    table, differences = only(sections(second.report())["last"], Table)
    assert [row[1:3] for row in table.rows] == [("first", "SUCCEEDED"), ("second", "FAILED")]
    assert ("input", "$.fail", "false", "true", "") in differences.rows
    assert "last" not in sections(second.report(last=0))


def test_the_source_of_functions_is_shown_only_when_asked_for():
    assert "functions" not in sections(nightly().report())
    (code,) = only(sections(nightly().report(code=True))["functions"], Code)
    assert code.text.startswith("def load(event: Any, context: Any)")


def test_a_picture_of_each_chart_has_words_for_places_that_show_none():
    drawings = [drawing for blocks in sections(nightly().report()).values() for drawing in only(blocks, Drawing)]
    assert len(drawings) == 3
    assert all("<img" in drawing.still for drawing in drawings)
    assert isinstance(drawings[0].instead, Code) and drawings[0].instead.language == "mermaid"


def test_one_section_alone():
    made = nightly().report(sections=["graph", "verdict"])
    assert list(sections(made)) == ["verdict", "graph"]


def test_wrong_calls_say_what_is_right(tmp_path):
    run = nightly()
    with pytest.raises(asw.UsageError) as wrong:
        run.report(sections=["grph"])
    assert str(wrong.value) == (
        'there is no section "grph". Did you mean "graph"? Sections: verdict, errors, parameters, graph, timeline, states, time, metrics, last, compare, logs, '
        "definition, functions, provenance."
    )
    with pytest.raises(asw.UsageError) as wrong:
        run.report(tmp_path / "run.mdd")
    assert str(wrong.value) == 'the report "run.mdd" must end in .html, .md or .ipynb. Did you mean ".md"?'
    (tmp_path / "file").write_text("")
    with pytest.raises(asw.UsageError) as wrong:
        run.report(tmp_path / "file" / "run.html")
    assert str(wrong.value) == f'the report "{tmp_path}/file/run.html" cannot be written: File exists.'
    with pytest.raises(asw.UsageError) as wrong:
        asw.report([])
    assert str(wrong.value) == "there is no execution to report on."
    with pytest.raises(asw.UsageError) as wrong:
        run.report("run.html", max_bytes=0)
    assert str(wrong.value) == "max_bytes=0 must be a number of bytes."


def test_a_report_is_written_where_it_is_told_and_without_a_path_is_shown(tmp_path):
    run = nightly()
    path = run.report(str(tmp_path / "new" / "run.html"))
    assert path == tmp_path / "new" / "run.html" and path.exists()
    bundle = run.report()._repr_mimebundle_()
    assert sorted(bundle) == ["text/html", "text/plain"]
    assert bundle["text/plain"] == f"asw report nightly · {run.name} | 11 sections"
    assert "<script" not in bundle["text/html"] and "<style" not in bundle["text/html"]


def test_several_executions_have_an_overview_and_a_part_each():
    made = asw.report([nightly(name="good"), nightly(fail=True, name="bad")], title="the week")
    assert made.document.title == "the week"
    assert [(part.title, part.status) for part in made.document.parts] == [
        ("Overview", "FAILED"), ("nightly · good", "SUCCEEDED"), ("nightly · bad", "FAILED"),
    ]  # fmt: skip
    overview = {section.key: section.blocks for section in made.document.parts[0].sections}
    assert only(overview["verdict"], Verdict)[0].text == "2 executions: 1 SUCCEEDED, 1 FAILED."
    assert only(overview["errors"], Table)[0].rows == [("bad", "FAILED", "Broken", "NotEnough")]
    assert only(overview["compare"], Prose)[0].text.startswith("First difference: bad entered Broken")


def test_of_many_executions_those_that_failed_are_told_first():
    runs = [nightly(tables=[], name=f"n{i}", fail=i == 24) for i in range(25)]
    made = asw.report(runs)
    assert len(made.document.parts) == 21
    assert made.document.parts[-1].title == "nightly · n24"
    told = only(made.document.parts[0].sections[0].blocks, Prose)[-1].text
    assert told == "20 of 25 executions are told one by one below, those that did not succeed first."


def test_executions_are_found_by_name_and_by_table():
    nightly(tables=[], name="one")
    assert asw.report("one").document.title == "nightly · one"
    assert asw.report(asw.executions()).document.title == "nightly · one"
    with pytest.raises(asw.UnknownExecution):
        asw.report("two")


def test_a_history_that_was_loaded_has_a_report_without_what_it_does_not_know(tmp_path):
    run = nightly(tables=["orders"])
    loaded = asw.load_history(run.history(), workflow="theirs", name="it", definition=run.definition)
    assert list(sections(loaded.report())) == ["verdict", "parameters", "graph", "timeline", "states", "definition", "provenance"]
    for suffix in SUFFIXES:
        assert "theirs" in written(loaded, tmp_path, suffix)


def test_an_execution_that_runs_is_told_as_far_as_it_came():
    flow = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    run = asw.workflow(flow, "waits").start()
    (verdict,) = only(sections(run.report())["verdict"], Verdict)
    run.stop()
    assert verdict.status == "RUNNING" and verdict.text.startswith("Still running when this was made, after ")


def test_an_empty_execution_has_a_report(tmp_path):
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, None, workflow="empty", type="EXPRESS")
    for suffix in SUFFIXES:
        assert "empty" in written(run, tmp_path, suffix)


@pytest.fixture
def elsewhere(asw_home):
    """The same history file, opened by somebody who has run nothing."""
    with asw.Workspace(asw_home / "history.db") as workspace:
        yield workspace


def test_an_express_execution_is_told_by_what_is_left_of_it(tmp_path, elsewhere):
    nightly(name="gone", type="EXPRESS")
    made = sections(elsewhere.execution("gone").report())
    assert list(made) == ["verdict", "parameters", "graph", "states", "definition", "provenance"]
    assert only(made["states"], Prose)[0].text == "No state was entered, or the history was kept in memory only and is gone."
    for suffix in SUFFIXES:
        assert "gone" in written(elsewhere.execution("gone"), tmp_path, suffix)


def test_a_history_too_long_to_be_folded_is_told_by_its_tallies(tmp_path, monkeypatch, elsewhere):
    monkeypatch.setattr("asw_nb.reports.material.MOST_EVENTS", 20_000)
    definition = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "End": True}}}
    asw.run(definition, list(range(12_000)), workflow="long", name="it")
    made = sections(elsewhere.execution("it").report())
    assert list(made) == ["verdict", "parameters", "graph", "states", "definition", "provenance"]
    (table,) = only(made["states"], Table)
    assert table.rows == [("M", "Map", "1", "1 SUCCEEDED"), ("M/A", "Pass", "12,000", "12,000 SUCCEEDED")]
    assert only(made["states"], Prose)[0].text == "The history of 24,004 events is too long to be told visit by visit; run.states() has all."
    for suffix in SUFFIXES:
        assert "24,004 events" in written(elsewhere.execution("it"), tmp_path, suffix)


# --------------------------------------------------------------------------- the same bytes, and not too many


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_run_gives_the_same_bytes(tmp_path, suffix):
    nightly(name="before")
    run = nightly(fail=True)
    first = written(run, tmp_path, suffix)
    assert written(asw.execution(run.name), tmp_path, suffix) == first
    nightly(name="after")
    assert written(run, tmp_path, suffix) == first


def test_what_is_left_out_is_counted():
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, {"n": list(range(1000)), "text": "x" * 20_000}, workflow="wide")
    made = sections(run.report())
    assert only(made["parameters"], Table)[0].note == "200 of 1,001 parameters are shown."
    assert only(made["parameters"], Code)[0].text.endswith(" more characters)")


def test_a_report_stays_within_its_budget_and_says_so(tmp_path):
    run = asw.run(
        {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "End": True}}},
        [{"n": i} for i in range(3000)], workflow="long",
    )  # fmt: skip
    full, small = len(written(run, tmp_path, ".md")), written(run, tmp_path, ".md", max_bytes=10_000)
    assert full > 25_000 and len(small.encode()) <= 10_000
    assert "of 3,001 visits are shown, those that went wrong first." in small


def test_a_small_page_keeps_its_tables_and_gives_up_zooming(tmp_path):
    run = nightly(fail=True)
    text = written(run, tmp_path, ".html", max_bytes=300_000)
    assert len(text.encode()) <= 300_000
    assert "<figure data-chart" not in text and text.count("<figure>") == 3
    assert "Each[3]/Load" in text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_made_small_enough_is_refused_with_the_least_size(tmp_path, suffix):
    run = nightly()
    with pytest.raises(asw.UsageError) as wrong:
        written(run, tmp_path, suffix, max_bytes=500)
    least = int(str(wrong.value).rpartition(" ")[2].replace(",", "").rstrip("."))
    assert str(wrong.value) == f"the report does not fit in 500 bytes: the shortest one has {least:,}."
    assert len(written(run, tmp_path, suffix, max_bytes=least).encode()) == least


@pytest.mark.slow
def test_other_processes_write_the_same_bytes(tmp_path, asw_home):
    nightly(name="before")
    nightly(fail=True, name="it")
    source = "import sys, asw_nb as asw\nfor s in ('html', 'md', 'ipynb'): asw.execution('it').report(sys.argv[1] + '/it.' + s, code=True)"
    seen = []
    for seed, zone, place in (("1", "UTC", "C"), ("2", "Asia/Shanghai", "C.UTF-8")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": place, "PYTHONPATH": str(Path(asw.__file__).parents[1])}
        subprocess.run([sys.executable, "-c", source, str(tmp_path)], env=environment, check=True, timeout=120)
        seen.append([(tmp_path / f"it{suffix}").read_bytes() for suffix in SUFFIXES])
    assert seen[0] == seen[1]


def test_limits_are_halved_down_to_one():
    limits = Limits()
    for _ in range(40):
        limits = limits.halved()
    assert limits == Limits(rows=1, lines=1, text=1, source=1, points=1, live=0, pictures=0, runs=1)


# --------------------------------------------------------------------------- hostile texts, and secrets


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_secret_stands_in_any_form(tmp_path, suffix):
    text = unpacked(written(secretive(), tmp_path, suffix, code=True))
    assert [secret for secret in SECRETS if secret in text] == []
    assert "•••" in text or "\\u2022\\u2022\\u2022" in text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_metrics_and_tags_are_masked_as_well(tmp_path, suffix):
    def work(event, context):
        for step in range(2):
            context.metric(step=step, **{"password=hunter2xyz": 1.0 + step})

    flow = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "work", "End": True}}}
    for name in ("one", "two"):
        run = asw.run(flow, workflow="names", functions={"work": work}, tags={f"token={name}-s3cr3t": 1}, name=name)
    text = unpacked(written(run, tmp_path, suffix))
    assert "hunter2xyz" not in text and "s3cr3t" not in text


class Tags(HTMLParser):
    """The tags of a page and its attributes that could run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.dangerous: list[tuple[str, str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        for name, value in attrs:
            outside = name in ("src", "href", "srcset", "action") and not (value or "").startswith(("#", "data:image/"))
            if name.startswith("on") or name == "srcdoc" or outside:
                self.dangerous.append((tag, name, value))


PAGE_TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "figure", "details", "summary", "h1", "h2", "h3", "a", "p", "b", "div",
    "span", "pre", "code", "img", "table", "thead", "tbody", "tr", "th", "td", "script", "br",
}  # fmt: skip


def test_a_page_of_hostile_texts_has_only_its_own_tags(tmp_path):
    text = written(hostile(), tmp_path, ".html", code=True)
    tags = Tags(text)
    assert tags.names <= PAGE_TAGS
    assert tags.dangerous == []
    assert "window.hit" in text


def test_a_notebook_of_hostile_texts_has_no_scripts_in_its_outputs(tmp_path):
    notebook = nbformat.reads(written(hostile(), tmp_path, ".ipynb", code=True), as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            tags = Tags(output.data["text/html"])
            assert tags.names <= PAGE_TAGS - {"script", "style"}
            assert tags.dangerous == []


def test_markdown_of_hostile_texts_renders_to_text(tmp_path):
    text = written(hostile(), tmp_path, ".md", code=True)
    tags = Tags(str(mistune.create_markdown(escape=False, plugins=["table"])(text)))
    assert tags.names <= {"h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "details", "summary"}
    assert tags.dangerous == []


def test_a_million_characters_take_no_more_room_than_is_shown(tmp_path):
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, {"x": "ü" * 1_000_000}, workflow="fat", payload_limit_bytes=None)
    for suffix in (".md", ".ipynb"):
        assert len(written(run, tmp_path, suffix)) < 100_000


