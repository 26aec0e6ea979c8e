"""The collector of cycles stands still while somebody is inside, and goes on afterwards."""

from __future__ import annotations

import gc
import threading

import pytest

from asw_nb.language.calm import calm


def test_it_stands_still_until_the_last_has_left():
    assert gc.isenabled()
    with calm():
        assert not gc.isenabled()
        with calm():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_failure_lets_it_go_on():
    with pytest.raises(ValueError), calm():
        raise ValueError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with calm():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_threads_that_overlap():
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with calm():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(10)
    with calm():
        leave.set()
        thread.join()
        assert not gc.isenabled()
    assert gc.isenabled()
