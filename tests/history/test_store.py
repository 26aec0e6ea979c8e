"""The file: what goes in comes out, by anybody who opens it, and what cannot be used says why."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.engine.run import Outcome, Write
from asw_nb.history.store import MIGRATIONS, Record, Store

DOCUMENT = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def record(store: Store, name: str = "run", **fields: Any) -> Record:
    definition = store.definition_id("0123456789abcdef", "asl", DOCUMENT)
    made = Record(store.new_key(), "flow", name, "STANDARD", 1_000_000, {"n": 1}, definition, "asl", "0123456789abcdef")
    return replace(made, **fields)


def turn(key: int, committed: int, events: list[Any], outputs: Any = (), end: Any = None, record: Any = None) -> Write:
    """A turn of the engine's loop, as the store sees it."""
    state = end or SimpleNamespace(status="RUNNING")
    run: Any = SimpleNamespace(key=key, committed=committed, state=state, finished_us=9_000_000)
    return Write(run, events, list(outputs), end is not None, record)


def test_an_executions_row_comes_back_as_it_was(store: Store) -> None:
    made = record(store, tags={"team": ["é"]}, timeout_s=2.5, backend="inline")
    store.create(made)
    assert store.get(made.key) == made
    assert store.find("run") == store.find("run", "flow") == made
    assert store.rows() == store.rows("flow", "RUNNING", 5) == [made]
    assert store.rows("other") == store.rows(status="FAILED") == []


def test_ids_have_the_form_of_the_dialect(store: Store) -> None:
    asl = record(store)
    tcsl = replace(asl, dialect="tcsl")
    assert (asl.id, asl.machine_id, asl.role) == (
        "arn:aws:states:local:000000000000:execution:flow:run",
        "arn:aws:states:local:000000000000:stateMachine:flow",
        "arn:aws:iam::000000000000:role/local",
    )
    assert (tcsl.id, tcsl.machine_id, tcsl.role) == (
        "qrn:qcs:asw:local:0:execution:flow:run",
        "qrn:qcs:asw:local:0:http:json:flowmachine:flow",
        "qcs::cam::uin/0:roleName/local",
    )


def test_turns_are_one_log(store: Store) -> None:
    made = record(store)
    store.commit([turn(made.key, 0, [(0, 0, 0), (1, 5, 0, 2)], record=made)])
    store.commit([turn(made.key, 2, [(2, 6, 0, -1)])])
    assert list(store.events(made.key)) == [[0, 0, 0], [1, 5, 0, 2], [2, 6, 0, -1]]
    assert [list(store.events(made.key, after)) for after in (1, 2, 3)] == [
        [[1, 5, 0, 2], [2, 6, 0, -1]],
        [[2, 6, 0, -1]],
        [],
    ]


def test_an_end_is_written_with_the_last_turn(store: Store) -> None:
    made = record(store)
    store.create(made)
    end = SimpleNamespace(status="FAILED", output=[1], error="E", cause="half \ud800", failed_path="M[0]/X", count=1)
    store.commit([turn(made.key, 0, [(20, 1, 0, "FAILED", "E", None)], end=end)])
    assert store.get(made.key) == replace(
        made, status="FAILED", finished_us=9_000_000, error="E", cause="half \\ud800", failed_path="M[0]/X"
    )
    end = SimpleNamespace(status="SUCCEEDED", output=[2**70, "\ud800"], error=None, cause=None, failed_path=None, count=20_000, tallies=lambda: [{"SUCCEEDED": 3}])
    store.commit([turn(made.key, 1, [], end=end)])
    assert store.get(made.key) == replace(made, status="SUCCEEDED", finished_us=9_000_000, output=[2**70, "\ud800"])
    assert store.summary(made.key) == (20_000, [{"SUCCEEDED": 3}])
    assert store.reopen(made.key, "SUCCEEDED")
    assert store.summary(made.key) is None


def test_outputs_are_kept_by_frame_and_token(store: Store) -> None:
    made = record(store)
    lines, metrics = [(1, "stdout", "half \ud800")], [(1, None, "loss", 0.5)]
    outputs = [(0, 1, Outcome(lines=lines)), (3, 2, Outcome(metrics=metrics, traceback="Trace \ud800"))]
    store.commit([turn(made.key, 0, [], outputs, record=made)])
    assert store.outputs(made.key) == {
        (0, 1): ([[1, "stdout", "half \ud800"]], [], None),
        (3, 2): ([], [[1, None, "loss", 0.5]], "Trace \\ud800"),
    }


def test_a_turn_is_written_whole_or_not_at_all(store: Store) -> None:
    one, two = record(store, "one"), record(store, "two")
    store.create(one)
    with pytest.raises(TypeError):
        store.commit([turn(one.key, 0, [(0, 0, 0)]), turn(two.key, 0, [(0, 0, object())], record=two)])
    assert list(store.events(one.key)) == []
    assert store.rows() == [one]
    store.commit([turn(one.key, 0, [(0, 0, 0)])])
    assert list(store.events(one.key)) == [[0, 0, 0]]


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | st.text(st.characters(exclude_categories=())),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=())), v, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.lists(values, min_size=1, max_size=3), min_size=1, max_size=4))
def test_payloads_survive_the_store(turns: list[list[Any]]) -> None:
    made = Store(Path(":memory:"))
    made._readers.connection = made._writer
    run = record(made, input=turns[0][0], output=None)
    made.create(run)
    count = 0
    for payloads in turns:
        made.commit([turn(run.key, count, [(3, 1, 0, -1, payload) for payload in payloads])])
        count += len(payloads)
    flat = [payload for payloads in turns for payload in payloads]
    assert [event[4] for event in made.events(run.key)] == flat
    assert [[event[4] for event in made.events(run.key, n)] for n in range(count)] == [flat[n:] for n in range(count)]
    assert made.get(run.key).input == turns[0][0]
    made.close()


# ------------------------------------------------------------------------------------------ names, keys


def test_names_are_unique_per_workflow(store: Store) -> None:
    store.create(record(store))
    store.create(record(store, workflow="other"))
    with pytest.raises(asw.UsageError) as refused:
        store.create(record(store))
    assert str(refused.value) == (
        'workflow "flow" already has an execution named "run". Names are unique per workflow: leave name= out, or choose another.'
    )


def test_an_unknown_name_is_told_with_the_nearest(store: Store, path: Path) -> None:
    store.create(record(store, "order-17"))
    with pytest.raises(asw.UnknownExecution) as unknown:
        store.find("order-71")
    assert str(unknown.value) == (
        f'there is no execution "order-71" in "{path}". Did you mean "order-17"? asw_nb.executions() lists them.'
    )
    with pytest.raises(asw.UnknownExecution) as unknown:
        store.get(5)
    assert str(unknown.value) == f'there is no execution 5 in "{path}".'


def test_keys_grow_and_are_never_given_twice(store: Store) -> None:
    keys: list[int] = []

    def take() -> None:
        keys.extend(store.new_key() for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 800
    assert store.new_key() > max(keys)


def test_a_definition_has_one_row_per_dialect(store: Store, path: Path) -> None:
    first = store.definition_id("d", "asl", DOCUMENT)
    other = Store(path)
    assert other.definition_id("d", "asl", DOCUMENT) == store.definition_id("d", "asl", DOCUMENT) == first
    assert other.definition_id("d", "tcsl", DOCUMENT) != first
    assert other.document(first) == DOCUMENT
    other.close()


# --------------------------------------------------------------------------------------------- the file


def test_another_opens_what_one_wrote(store: Store, path: Path) -> None:
    made = record(store)
    store.commit([turn(made.key, 0, [(0, 0, 0)], record=made)])
    other = Store(path)
    assert (other.rows(), list(other.events(made.key))) == ([made], [[0, 0, 0]])
    store.commit([turn(made.key, 1, [(1, 5, 0, 2)])])
    assert list(other.events(made.key, 1)) == [[1, 5, 0, 2]]
    other.close()


def test_a_reader_that_is_under_way_keeps_nobody_from_writing(store: Store) -> None:
    made = record(store)
    store.commit([turn(made.key, 0, [(0, 0, 0)], record=made)])
    reading = store.events(made.key)
    assert next(reading) == [0, 0, 0]
    store.commit([turn(made.key, 1, [(1, 5, 0, 2)])])
    assert list(reading) == []
    assert len(list(store.events(made.key))) == 2


def test_a_file_of_a_newer_version_is_not_touched(path: Path) -> None:
    Store(path).close()
    newer = sqlite3.connect(path)
    newer.execute("INSERT INTO migrations VALUES('9999 wonders', 0)")
    newer.commit()
    with pytest.raises(asw.StoreError) as refused:
        Store(path)
    assert str(refused.value) == (
        f'the history file "{path}" was written by a newer asw_nb (it has "9999 wonders"). '
        "Upgrade asw_nb, or choose another file with asw_nb.Workspace(path)."
    )
    assert newer.execute("SELECT count(*) FROM migrations").fetchone() == (len(MIGRATIONS) + 1,)
    newer.close()


@pytest.mark.parametrize("what", ["text", "folder"])
def test_what_is_no_history_file_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "thing.db"
    if what == "text":
        path.write_text("this is no database, but it is long enough to be looked at as one" * 50)
        reason = "it is no history file (and no SQLite database). Move it away or put a backup in its place"
    else:
        path.mkdir()
        reason = "it is a folder. Name a file in it"
    with pytest.raises(asw.StoreError) as refused:
        Store(path)
    assert str(refused.value) == (
        f'the history file "{path}" cannot be opened: {reason}, or choose another '
        "file with asw_nb.Workspace(path) or the environment variable ASW_NB_HOME."
    )


def test_a_closed_store_says_so(store: Store, path: Path) -> None:
    store.rows()
    store.close()
    store.close()
    with pytest.raises(asw.StoreError) as closed:
        store.rows()
    assert str(closed.value) == f'the history file "{path}" is closed: open it again with asw_nb.Workspace(path).'


def test_every_migration_is_recorded(store: Store) -> None:
    assert [name for (name,) in store.reader.execute("SELECT name FROM migrations ORDER BY name")] == [
        name for name, _ in MIGRATIONS
    ]
