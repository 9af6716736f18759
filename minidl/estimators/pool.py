"""Fits side by side: as many of one kind as the processor's vectors have lanes.

Whoever fits waits in a thread of its own; workers, one per core, take those that wait into lanes,
and give a lane to the next one when its network ends.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import joblib

from minidl.engine import PlainEngine
from minidl.engine.compiler import find_compiler
from minidl.engine.processor import lanes_for
from minidl.nn.threads import use_threads
from minidl.train.lanes import Lanes
from minidl.train.programs import Programs
from minidl.train.trainer import Epoch, Trainer

WatchEpoch = Callable[[Epoch], bool]

# A worker that has free lanes waits so long for more fits of the kind, in seconds.
LINGER = 0.005
# Fits in flight for each lane: while some train, others of their kind are prepared, or scored.
IN_FLIGHT = 4


@contextlib.contextmanager
def lanes(n_jobs: int | None = None) -> Iterator[None]:
    """Inside, fits that scikit-learn asks for at the same time train side by side in lanes.

    So a grid search, cross_val_score or an ensemble of MinidlClassifier or MinidlRegressor, alone
    or in pipelines, takes a fraction of the time, with the same results to the bit. What they fit
    must leave n_jobs at None. n_jobs: workers; one per core if left out. With 16 lanes each has 64
    fits in flight, which hold their own samples. Without a C compiler it changes nothing.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> import minidl
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"learning_rate_init": [0.001, 0.01, 0.1]}
    >>> model = minidl.MinidlClassifier(8, max_iter=500, random_state=0)
    >>> with minidl.lanes():
    ...     search = GridSearchCV(model, grid).fit(X, y)
    >>> float(search.best_score_) > 0.9
    True
    """
    import torch

    global _pool
    if find_compiler() is None or _pool is not None:
        yield
        return
    workers = n_jobs or int(joblib.cpu_count())
    width = lanes_for(torch.float32)
    _pool = _Pool(workers)
    try:
        threads = 1 + IN_FLIGHT * width * workers
        with use_threads(1), joblib.parallel_config(backend="threading", n_jobs=threads):
            yield
    finally:
        _pool.close()
        _pool = None


_pool: _Pool | None = None


def train_epochs(trainer: Trainer, watch: WatchEpoch) -> None:
    """Train until all epochs are done or `watch` says that one was the last.

    In lanes inside `lanes()`, else alone.
    """
    if _pool is not None:
        _pool.train(trainer, watch)
        return
    with use_threads(1):
        _train_alone(trainer, watch)


def _train_alone(trainer: Trainer, watch: WatchEpoch) -> None:
    for epoch in trainer:
        if watch(epoch):
            break


class _Fit:
    """A fit that waits, or trains."""

    def __init__(self, trainer: Trainer, watch: WatchEpoch) -> None:
        self.trainer, self.watch = trainer, watch
        self.done = threading.Event()
        self.error: BaseException | None = None

    def end(self, error: BaseException | None = None) -> None:
        self.error = error
        self.done.set()


class _Kind:
    """Fits of one kind that wait, and the code that trains them, made once."""

    def __init__(self) -> None:
        self.waiting: deque[_Fit] = deque()
        self._programs: Programs | None = None
        self._making = threading.Lock()

    def programs(self, like: Trainer) -> Programs:
        with self._making:
            if self._programs is None:
                self._programs = Programs.of(like, lanes_for(like.loss_sum.dtype))
            return self._programs


class _Pool:
    """The workers, and what waits for them."""

    def __init__(self, workers: int) -> None:
        self._kinds: dict[Hashable, _Kind] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._arrived = 0.0  # when the last fit did
        self._plain = threading.Lock()  # plain programs work on modules of one network
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def train(self, trainer: Trainer, watch: WatchEpoch) -> None:
        """Wait until it is trained. Raises what training raises."""
        fit = _Fit(trainer, watch)
        with self._changed:
            self._kinds.setdefault(kind_of(trainer), _Kind()).waiting.append(fit)
            self._arrived = time.perf_counter()
            self._changed.notify_all()
        fit.done.wait()
        if fit.error is not None:
            raise fit.error

    def close(self) -> None:
        """Let the workers go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (kind := self._next()) is not None:
            self._train(kind)

    def _next(self) -> _Kind | None:
        """The kind of which most wait; None at the end."""
        with self._changed:
            while not self._closed:
                kind = max(self._kinds.values(), key=lambda one: len(one.waiting), default=None)
                if kind is None or not kind.waiting:
                    self._changed.wait()
                elif (left := self._arrived + LINGER - time.perf_counter()) > 0:
                    self._changed.wait(left)
                else:
                    return kind
        return None

    def _take(self, kind: _Kind, count: int) -> list[_Fit]:
        with self._changed:
            return [kind.waiting.popleft() for _ in range(min(count, len(kind.waiting)))]

    def _train(self, kind: _Kind) -> None:
        """Train what waits of a kind, until nothing does."""
        running: dict[Trainer, _Fit] = {fit.trainer: fit for fit in self._take(kind, 1)}
        try:
            for first in running:
                programs = kind.programs(first)
                if isinstance(programs.engine, PlainEngine):
                    self._train_plainly(running)
                else:
                    self._train_in_lanes(kind, Lanes(first, programs=programs), running)
                return
        except BaseException as error:
            for fit in running.values():
                fit.end(error)

    def _train_in_lanes(self, kind: _Kind, lanes: Lanes, running: dict[Trainer, _Fit]) -> None:
        for trainer in running:
            lanes.put(trainer)
        while True:
            for fit in self._take(kind, lanes.free):
                lanes.put(fit.trainer)
                running[fit.trainer] = fit
            if not running:
                return
            for trainer, epoch in lanes.train_epoch():
                if running[trainer].watch(epoch) or trainer.finished == trainer.epochs:
                    lanes.remove(trainer)
                    running.pop(trainer).end()

    def _train_plainly(self, running: dict[Trainer, _Fit]) -> None:
        for trainer in [*running]:
            with self._plain:
                _train_alone(trainer, running[trainer].watch)
            running.pop(trainer).end()


def kind_of(trainer: Trainer) -> Hashable:
    """Equal for trainers that the same code trains: they may differ in numbers and in seeds.

    A number that is 0 isn't part of the code.
    """
    optimizer, batches = trainer.optimizer, trainer.batches
    numbers: dict[str, Any] = {**optimizer.hyperparameters}
    return (
        repr(trainer.network),
        repr(trainer.loss),
        type(optimizer).__name__,
        tuple((name, value == 0) for name, value in numbers.items()),
        tuple((name, value) for name, value in vars(optimizer).items() if isinstance(value, bool)),
        (batches.samples, batches.batch_size, batches.rest),
        tuple((x.shape, x.dtype) for part in trainer.parts.values() for x in part.tensors),
    )
