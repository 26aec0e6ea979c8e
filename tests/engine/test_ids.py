"""Ids differ, whoever makes them and however fast; ordered ones stand in the order of their making."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from asw_nb.engine.ids import ordered_id, random_id

FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([47])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_ids_have_the_form_of_uuids() -> None:
    for made, version in ((ordered_id(), "7"), (random_id(), "4")):
        found = FORM.fullmatch(made)
        assert found is not None and found[1] == version


def test_an_ordered_id_begins_with_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = ordered_id()
    assert before <= int(made[:8] + made[9:13], 16) <= time.time_ns() // 1_000_000


def test_ids_of_one_millisecond_stand_in_the_order_of_their_making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_790_000_000_123_456_789)
    made = [ordered_id() for _ in range(5000)]
    assert made == sorted(made) and len({*made}) == 5000
    assert {one[:13] for one in made} == {f"{1_790_000_000_123 >> 16:08x}-{1_790_000_000_123 & 0xFFFF:04x}"}


def test_threads_make_no_id_twice() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [one for part in pool.map(lambda _: [ordered_id() for _ in range(5000)], range(8)) for one in part]
    assert len({*made}) == 40_000


def test_a_forked_process_makes_other_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_790_000_000_123_456_789)
    ordered_id()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, ordered_id().encode())
        os._exit(0)
    os.close(write)
    theirs = os.read(read, 36).decode()
    os.close(read)
    os.waitpid(child, 0)
    assert FORM.fullmatch(theirs) and theirs != ordered_id()
