"""Tasks on threads of this process, and tasks inline on the engine's own thread.

`ThreadBackend` keeps one queue. A worker takes one order at a time, so an order that blocks holds up nothing but
itself. What follows the measured duration of each resource is only how many sleeping workers are woken: waking one
costs more (about 100 µs on two cores) than a trivial function, so for those a single worker goes through the queue;
functions that take long, and functions not yet known, get a worker for each order. `relieve` corrects a wrong guess
within milliseconds."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections import deque

from asw_nb.engine.run import Order, Outcome, Run
from asw_nb.engine.runner import Runner
from asw_nb.engine.sprint import go
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


NOTEWORTHY_S = 0.00005
"""Of tasks that are known to take less than this, only one that takes more is news."""


def learn(costs: dict[str, float], kind: str, seconds: float) -> None:
    """Keep a moving average of what orders of a kind take. A single one that took long (it waited for the interpreter's lock) changes
    little; five in a row change it all."""
    old = costs.get(kind)
    costs[kind] = seconds if old is None else 0.7 * old + 0.3 * min(seconds, 4 * old)


def learn_of(costs: dict[str, float], order: Order, seconds: float) -> StatePlan | None:
    """Learn from a task that was run; its state, when how long others of it take is no news."""
    kind = order.kind
    learn(costs, kind, seconds)
    return order.state if costs[kind] < NOTEWORTHY_S else None


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
        self._cost: dict[str, float] = {}
        self._learn = functools.partial(learn, self._cost)
        self._last_turn = 0.0
        self._relief = 1
        self._taken = self._seen = 0  # orders, roughly: workers count without a lock
        self._closed = False

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        """Queue orders and wake as many workers as they are worth."""
        cost = self._cost
        long = 0
        for order in orders:
            if cost.get(order.kind, 1.0) > SHORT_S:
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

    def is_short(self, kind: str) -> bool:
        return self._cost.get(kind, 1.0) <= SHORT_S

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
        queue, answer, clock = self._queue, self.runner.answer, time.perf_counter
        known: StatePlan | None = None  # of whose tasks it is no news how long they take
        while True:
            try:
                order = queue.popleft()
            except IndexError:
                if not self._sleep():
                    return
                continue
            self._taken += 1
            if isinstance(order, Run):
                self._sprint(order, label)
                continue
            if not order.open:
                answer(order, Outcome(unwanted=True))  # it only has to be counted
                continue
            begun = clock()
            outcome = order.run.perform(order)
            ended = clock()
            outcome.worker = label
            if order.state is not known or ended - begun > NOTEWORTHY_S:
                known = learn_of(self._cost, order, ended - begun)
            drive = not queue or ended - begun > SHORT_S or ended - self._last_turn > TURN_EVERY_S
            answer(order, outcome, drive)
            if drive:
                self._last_turn = clock()

    def _sprint(self, run: Run, label: str) -> None:
        """Run an execution at one go, unless the loop has taken it back."""
        runner, begun = self.runner, time.perf_counter()
        if runner.sprints.in_hand.pop(run.key, None) is not None:
            runner.tell(run, go(run, runner.sprints.in_hand, self._learn, label))
        ended = time.perf_counter()
        if not self._queue or ended - begun > SHORT_S or ended - self._last_turn > TURN_EVERY_S:
            runner.drive(from_worker=True)
            self._last_turn = time.perf_counter()


class InlineBackend:
    """Functions run on the thread that drives: no hand-over at all, and nothing else goes on while one of them runs.

    For many short functions. While a function runs here, timers, heartbeats, Stop and other executions wait for it.
    """

    name = "inline"

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._cost: dict[str, float] = {}
        self._learn = functools.partial(learn, self._cost)

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        answer, clock, known = self.runner.answer, time.perf_counter, None
        begun = clock()
        for order in orders:
            outcome = order.run.perform(order)
            outcome.worker = "inline"
            answer(order, outcome, False)
            ended = clock()
            if order.state is not known or ended - begun > NOTEWORTHY_S:
                known = learn_of(self._cost, order, ended - begun)
            begun = ended

    def sprint(self, runs: list[Run], from_worker: bool) -> None:
        runner = self.runner
        for run in runs:
            runner.sprints.in_hand.pop(run.key)
            runner.tell(run, go(run, runner.sprints.in_hand, self._learn, self.name))

    def is_short(self, kind: str) -> bool:
        return self._cost.get(kind, 1.0) <= SHORT_S

    def relieve(self) -> bool:
        return False

    def close(self) -> None:
        pass


__all__ = ["InlineBackend", "ThreadBackend"]
