"""Maps whose items come from outside, go in batches, or whose results are written: through the public interface, on files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import asw_nb as asw
from asw_nb.engine import events as ev


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bucket").mkdir()
    return tmp_path


def definition(**fields: object) -> dict:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Same",
        "States": {"Same": {"Type": "Pass", "End": True}},
    }
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}}


def reader(kind: str, **config: object) -> dict:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": kind, **config},
        "Parameters": {"Bucket": "bucket", "Key.$": "$.file"},
    }


def run(document: dict, given: object = None, **options: object) -> asw.Execution:
    return asw.run(document, {} if given is None else given, type="EXPRESS", **options)


CSV = 'name,size\nred,1\n"dark, blue",2\n,\nshort\nlong,3,4\n'


@pytest.mark.parametrize(
    ("name", "text", "how", "items"),
    [
        (
            "a.csv",
            CSV,
            reader("CSV", CSVHeaderLocation="FIRST_ROW"),
            [
                {"name": "red", "size": "1"},
                {"name": "dark, blue", "size": "2"},
                {"name": "", "size": ""},
                {"name": "short", "size": ""},
                {"name": "long", "size": "3"},
            ],
        ),
        (
            "b.csv",
            "1|2\n",
            reader("CSV", CSVHeaderLocation="GIVEN", CSVHeaders=["x"], CSVDelimiter="PIPE"),
            [{"x": "1"}],
        ),
        ("c.json", "[1, {}, null]", reader("JSON"), [1, {}, None]),
        ("d.jsonl", '{"a": 1}\n\n2\n', reader("JSONL"), [{"a": 1}, 2]),
        ("e.json", "[1, 2, 3, 4]", reader("JSON", MaxItems=2), [1, 2]),
        ("p.json", '{"a/b": [{"c": [1, 2]}]}', reader("JSON", ItemsPointer="/a~1b/0/c"), [1, 2]),
        ("f.json", "[]", reader("JSON"), []),
    ],
)
def test_items_are_read_from_a_file(name: str, text: str, how: dict, items: list) -> None:
    Path("bucket", name).write_text(text)
    done = run(definition(ItemReader=how), {"file": name})
    assert (done.status, done.output) == ("SUCCEEDED", items)
    assert [e["type"] for e in done.history()] == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        (
            "none.json",
            None,
            'the file "bucket/none.json" that ItemReader names does not exist, and no handler for '
            "arn:aws:states:::s3:getObject is registered",
        ),
        ("object.json", '{"a": 1}', "Attempting to map over non-iterable node."),
        ("broken.json", "[1,", "the file is no valid JSON: Expecting value: line 1 column 4 (char 3)"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_map(name: str, text: str | None, cause: str) -> None:
    if text is not None:
        Path("bucket", name).write_text(text)
    done = run(definition(ItemReader=reader("JSON")), {"file": name})
    assert (done.status, done.error, done.cause) == ("FAILED", "States.ItemReaderFailed", cause)
    assert [e["type"] for e in done.history()][-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_a_registered_handler_reads_in_place_of_the_file() -> None:
    asked = []

    def get(event: dict) -> list[int]:
        asked.append(event)
        return [7, 8]

    done = run(definition(ItemReader=reader("JSON")), {"file": "x"}, functions={"s3:getObject": get})
    assert done.output == [7, 8]
    assert asked == [{"Bucket": "bucket", "Key": "x"}]


def test_a_folder_is_listed() -> None:
    Path("bucket", "a.txt").write_text("abc")
    Path("bucket", "sub").mkdir()
    Path("bucket", "sub", "b.txt").write_text("")
    how = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "bucket", "Prefix": "sub"}}
    done = run(definition(ItemReader=how))
    assert [(i["Key"], i["Size"]) for i in done.output] == [("sub/b.txt", 0)]


def test_items_go_in_batches() -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"table.$": "$.table"}}
    done = run(definition(ItemsPath="$.rows", ItemBatcher=batcher), {"rows": [1, 2, 3], "table": "t"})
    assert done.output == [
        {"BatchInput": {"table": "t"}, "Items": [1, 2]},
        {"BatchInput": {"table": "t"}, "Items": [3]},
    ]


def test_batches_keep_to_their_size_in_bytes() -> None:
    done = run(definition(ItemBatcher={"MaxInputBytesPerBatch": 12}), ["aaaa", "b", "cccccccccccccc", "d"])
    assert [batch["Items"] for batch in done.output] == [["aaaa", "b"], ["cccccccccccccc"], ["d"]]


def test_results_are_written_to_a_folder() -> None:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "run"}}
    done = run(definition(ResultWriter=writer), [1, 2])
    details = done.output["ResultWriterDetails"]
    assert set(done.output) == {"MapRunArn", "ResultWriterDetails"}
    assert details["Bucket"] == "out"
    manifest = Path("out", details["Key"])
    assert json.loads(manifest.read_text())["Results"] == 2
    assert json.loads(manifest.with_name("SUCCEEDED_0.json").read_text()) == [1, 2]


def test_reading_is_no_attempt_and_its_events_are_in_the_log() -> None:
    Path("bucket", "a.json").write_text("[1]")
    done = run(definition(ItemReader=reader("JSON")), {"file": "a.json"})
    assert done.attempts().empty
    kinds = [ev.NAMES[e[0]] for e in done._events()]
    assert kinds == [
        "STARTED",
        "MAP_STARTED",
        "MAP_RUN_STARTED",
        "ITEMS_ORDERED",
        "ITEMS_KNOWN",
        "ITEM_STARTED",
        "MOVED",
        "JOINED",
        "MOVED_RESULT",
    ]
