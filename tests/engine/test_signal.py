"""A signal is set once, and lets everybody through, whenever they come."""

from __future__ import annotations

import threading

from asw_nb.engine.signal import Signal


def test_whoever_waits_or_comes_later_goes_through() -> None:
    signal, through = Signal(), []
    threads = [threading.Thread(target=lambda: through.append(signal.wait(30))) for _ in range(8)]
    for thread in threads:
        thread.start()
    signal.set()
    signal.set()
    for thread in threads:
        thread.join(30)
    assert (through, signal.wait(), signal.is_set()) == ([True] * 8, True, True)


def test_a_wait_that_is_over_is_no_signal() -> None:
    signal = Signal()
    assert (signal.wait(0), signal.wait(0.001), signal.wait(-1), signal.is_set()) == (False, False, False, False)


def test_setting_and_waiting_at_the_same_moment() -> None:
    """Whoever makes the lock while another sets the flag must not wait for ever."""
    for _ in range(3000):
        signal, gate = Signal(), threading.Barrier(2)

        def wait(signal: Signal = signal, gate: threading.Barrier = gate, found: list[bool] = (found := [])) -> None:
            gate.wait()
            found.append(signal.wait(30))

        thread = threading.Thread(target=wait)
        thread.start()
        gate.wait()
        signal.set()
        thread.join(30)
        assert found == [True]
