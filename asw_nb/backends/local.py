"""Tasks on threads of this process, and tasks inline on the engine's own thread.

`ThreadBackend` keeps one queue. A worker takes one order at a time, so an order that blocks holds up nothing but
itself. What follows the measured duration of each resource is only how many sleeping workers are woken: waking one
costs more (about 100 µs on two cores) than a trivial function, so for those a single worker goes through the queue;
functions that take long, and functions not yet known, get a worker for each order. `relieve` corrects a wrong guess
within milliseconds."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque

from asw_nb.engine.run import Order, Outcome, Run
from asw_nb.engine.runner import Runner
from asw_nb.engine.sprint import NOTEWORTHY_US, go
from asw_nb.language.plan import StatePlan

SHORT_S = 0.0002
"""A task this short is not worth a wake-up."""

AT_ONCE = 8
"""Workers that are woken together; two milliseconds later twice as many, and so on while orders wait. A hundred that begin together also
end together, again and again, and then wait for each other: this way they get out of step."""

TURN_EVERY_S = 0.001
"""Results of short tasks wait at most this long for the next turn."""

IDLE_S = 10.0
"""A worker that had nothing to do for this long ends."""

NOTEWORTHY_S = NOTEWORTHY_US / 1e6


class Costs(dict[str, float]):
    """What tasks take, in seconds, by what is called."""

    def learn(self, kind: str, seconds: float) -> None:
        """Keep a moving average. A single one that took long (it waited for the interpreter's lock) changes little; five in a row change it all."""
        old = self.get(kind)
        self[kind] = seconds if old is None else 0.7 * old + 0.3 * min(seconds, 4 * old)

    def learn_of(self, order: Order, seconds: float) -> StatePlan | None:
        """Learn from a task that was run; its state, when how long others of it take is no news."""
        kind = order.kind
        self.learn(kind, seconds)
        return order.state if self[kind] < NOTEWORTHY_S else None

    def is_short(self, kind: str) -> bool:
        """Whether these are known to take less time than it takes to write their result down."""
        return self.get(kind, 1.0) <= SHORT_S


class ThreadBackend:
    """A pool of daemon threads that grows to `max_workers`.

    Parameters
    ----------
    runner : Runner
    max_workers : int
        Most functions that run at the same time.
    """

    name = "local"

    def __init__(self, runner: Runner, max_workers: int = 128) -> None:
        self.runner, self.max_workers = runner, max_workers
        self._queue: deque[Order | Run] = deque()  # tasks, and executions that are done at one go
        self._idle: list[threading.Lock] = []
        self._lock = threading.Lock()
        self._threads: set[int] = set()
        self._numbers = itertools.count(1)
        self._costs = Costs()
        self.is_short = self._costs.is_short
        self._last_turn = 0.0
        self._relief = 1
        self._taken = self._seen = 0  # orders, roughly: workers count without a lock
        self._closed = False

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        """Queue orders and wake as many workers as they are worth."""
        is_short = self.is_short
        long = 0
        for order in orders:
            if not is_short(order.kind):
                long += 1
        if long > AT_ONCE:
            long = AT_ONCE
            self._relief = max(self._relief, AT_ONCE)
        self._queue.extend(orders)
        here = from_worker and threading.get_ident() in self._threads
        wanted = (long or 1) - (1 if here else 0)
        if wanted > 0:
            self._wake(wanted)

    def sprint(self, runs: list[Run], from_worker: bool) -> None:
        self._queue.extend(runs)
        if not (from_worker and threading.get_ident() in self._threads):
            self._wake(1)

    def relieve(self) -> bool:
        """Wake more workers when those that are awake make no headway: what they do takes longer than it used to."""
        if not self._queue or self._closed:
            self._relief = 1
            return False
        if not self._idle and len(self._threads) >= self.max_workers:
            return False  # whoever finishes takes the next
        taken, self._seen = self._taken - self._seen, self._taken
        if taken > len(self._threads) - len(self._idle):
            return True
        self._wake(min(self._relief, len(self._queue)))
        self._relief = min(self._relief * 2, self.max_workers)
        return True

    def close(self) -> None:
        self._closed = True
        self._queue.clear()
        with self._lock:
            for bell in self._idle:
                bell.release()
            self._idle.clear()

    def _wake(self, count: int) -> None:
        with self._lock:
            while count and self._idle:
                self._idle.pop().release()
                count -= 1
            while count and len(self._threads) < self.max_workers and not self._closed:
                number = next(self._numbers)
                thread = threading.Thread(
                    target=self._work, args=(f"t{number}",), name=f"asw-worker-{number}", daemon=True
                )
                thread.start()
                self._threads.add(thread.ident or 0)
                count -= 1

    def _sleep(self) -> bool:
        """Wait for work; False when the worker should end."""
        bell = threading.Lock()
        bell.acquire()
        with self._lock:
            if self._queue or self._closed:
                return not self._closed
            self._idle.append(bell)
        if bell.acquire(timeout=IDLE_S):
            return not self._closed
        with self._lock:
            if bell in self._idle:
                self._idle.remove(bell)
                self._threads.discard(threading.get_ident())
                return False
        return True

    def _work(self, label: str) -> None:
        queue, runner, costs, clock = self._queue, self.runner, self._costs, time.perf_counter
        known: StatePlan | None = None  # of whose tasks it is no news how long they take
        while True:
            try:
                order = queue.popleft()
            except IndexError:
                if not self._sleep():
                    return
                continue
            self._taken += 1
            begun = ended = clock()
            if isinstance(order, Run):
                if runner.sprints.in_hand.pop(order.key, None) is not None:  # the loop has not taken it back
                    runner.sprinted(order, go(order, runner.sprints.in_hand, costs.learn, label))
                    ended = clock()
            elif order.open:
                outcome = order.run.perform(order)
                ended = clock()
                outcome.worker = label
                if order.state is not known or ended - begun > NOTEWORTHY_S:
                    known = costs.learn_of(order, ended - begun)
                runner.answer(order, outcome, False)
            else:
                runner.answer(order, Outcome(unwanted=True), False)  # it only has to be counted
            if not queue or ended - begun > SHORT_S or ended - self._last_turn > TURN_EVERY_S:
                runner.drive(from_worker=True)
                self._last_turn = clock()


class InlineBackend:
    """Functions run on the thread that drives: no hand-over at all, and nothing else goes on while one of them runs.

    For many short functions. While a function runs here, timers, heartbeats, Stop and other executions wait for it.
    """

    name = "inline"

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._costs = Costs()
        self.is_short = self._costs.is_short

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        answer, clock, known = self.runner.answer, time.perf_counter, None
        begun = clock()
        for order in orders:
            outcome = order.run.perform(order)
            outcome.worker = self.name
            answer(order, outcome, False)
            ended = clock()
            if order.state is not known or ended - begun > NOTEWORTHY_S:
                known = self._costs.learn_of(order, ended - begun)
            begun = ended

    def sprint(self, runs: list[Run], from_worker: bool) -> None:
        runner, in_hand = self.runner, self.runner.sprints.in_hand
        for run in runs:
            in_hand.pop(run.key)
            runner.sprinted(run, go(run, in_hand, self._costs.learn, self.name))

    def relieve(self) -> bool:
        return False

    def close(self) -> None:
        pass


__all__ = ["InlineBackend", "ThreadBackend"]
