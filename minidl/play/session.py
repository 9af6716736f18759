"""The training of one page: step by step, epoch by epoch, and back."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path
from typing import Any

from minidl.build import build, read_data
from minidl.build.optimization import build_schedule
from minidl.errors import RunError
from minidl.nn.shape import times
from minidl.play.beside import Beside
from minidl.play.controls import changed, with_rate
from minidl.play.past import Past
from minidl.play.plane import Frame, Plane
from minidl.plural import plural
from minidl.spec import Spec, dump
from minidl.train.lanes import Lanes
from minidl.train.trainer import Epoch
from minidl.train.weights import set_weights

MAX_EPOCHS = 1_000_000  # of a page's training, which has no end of its own
FRAME_SECONDS = 0.5  # after which an answer comes, however many epochs were asked for

# A step is traced, and warnings are caught, by one session at a time.
BUILDING = threading.Lock()


class Session:
    """Trains a spec, which `endless` has prepared, from a thread of its own.

    rows: of each finished epoch its rate and metrics. notes: what is strange about the spec. plane:
    what the network answers, once `look` was called. Raises ConfigError, DataError and RunError
    where the spec can't train, or has no plane.
    """

    def __init__(self, spec: Spec) -> None:
        self._ended = False
        self.build(spec)

    def build(self, spec: Spec, frame: Frame | None = None, compare: str = "") -> None:
        """Start anew with a spec; where that fails, all stays as it was.

        frame: the plane, if not that around the points; compare: what trains beside (beside.py).
        """
        with BUILDING, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            data = read_data(spec)
            if data.input_shape != (2,) or data.task == "images":
                raise RunError(_no_plane(spec, data.input_shape))
            trainer = build(spec, data).trainer
            view = build(spec, data)
            lanes = Lanes(trainer, width=1)
            plane = Plane(view, data, spec.loss.type, frame)
            beside = Beside(spec, data, compare, frame) if compare else None
        self.beside, self.frame, self.compare = beside, frame, compare
        self.notes = list(dict.fromkeys(str(warning.message) for warning in caught))
        self.spec, self.data, self.trainer, self.lanes = spec, data, trainer, lanes
        self.plane, self._view = plane, view.trainer
        self._schedule = spec.schedule  # without what the page changes as it trains
        self.begun: int | None = None  # steps of the epoch that has begun, if one has
        self.diverged: str | None = None
        self.rows: list[list[float | None]] = []
        self.past = Past(trainer.state())
        lanes.put(trainer)
        if self._ended:
            self.end()

    def end(self) -> None:
        """Stop soon, and for good: the page was closed. May be called from any thread."""
        self._ended = True
        self.trainer.stop.patience = 0.0
        self.trainer.stop.request()
        if self.beside is not None:
            self.beside.end()

    # Forwards and backwards.

    def step(self) -> None:
        """Train one step. Raises RunError for one that has diverged."""
        self._refuse_if_diverged()
        done = self.begun or 0
        if done + 1 == self.steps:
            self._end_epoch()
        else:
            self.lanes.train_steps(done + 1, self.begun)
            self.begun = done + 1

    def epochs(self, count: int) -> None:
        """Train to the end of the epoch, then on, so many in all or as long as a frame may take."""
        self._refuse_if_diverged()
        started = time.perf_counter()
        for _ in range(count):
            self._end_epoch()
            if self.diverged or time.perf_counter() - started > FRAME_SECONDS:
                break

    def back(self) -> None:
        """Undo a step in the midst of an epoch, else an epoch: the state before, to the bit."""
        if self.begun:
            self.go(self.finished, self.begun - 1)
        else:
            self.go(max(self.finished - 1, 0))

    def go(self, epoch: int, step: int = 0) -> None:
        """Go back to the end of an epoch, and so many steps into the next."""
        self.lanes.remove(self.trainer)
        self.trainer.restore(*self.past.go_back(epoch))
        self.lanes.put(self.trainer)
        self.begun, self.diverged = None, None
        del self.rows[self.finished :]
        while self.finished < epoch:
            self._end_own_epoch()
        if self.beside is not None:
            self.beside.go(epoch)
        if step:
            self.lanes.train_steps(step)
            self.begun = step

    def restart(self) -> bool:
        """Go back to the beginning, with the rate of the moment; True where that took a new spec.

        Rates that were changed on the way no longer wait there.
        """
        if (spec := self.anew()) == self.spec:
            self.go(0)
            return False
        self.build(spec, self.frame, self.compare)
        return True

    def anew(self) -> Spec:
        """The spec from whose beginning on the rate is that of the moment."""
        if self.spec.schedule == self._schedule:
            return self.spec
        spec = self.spec.model_copy(update={"schedule": self._schedule})
        return changed(spec, {"lr": self.rate})

    def change_rate(self, lr: Any) -> None:
        """From the next epoch on: one that has begun keeps its rate."""
        self.spec = with_rate(self.spec, self.finished + bool(self.begun), lr)
        self.trainer.schedule = build_schedule(self.spec)
        if self.beside is not None and self.compare == "seeds":  # each optimizer has its own
            for other in self.beside.others:
                other.trainer.schedule = build_schedule(self.spec)

    # What can be said of it.

    @property
    def finished(self) -> int:
        """Epochs."""
        return self.trainer.finished

    @property
    def steps(self) -> int:
        """In an epoch."""
        return len(self.trainer.batches)

    @property
    def rate(self) -> float:
        """That of the next epoch."""
        trainer = self.trainer
        lr = trainer.first_lr if trainer.plateau is None else trainer.plateau.lr
        return trainer.schedule(self.finished + bool(self.begun), lr)

    @property
    def metrics(self) -> list[str]:
        """The names of the numbers in a row."""
        return ["lr", *self.trainer.columns]

    def look(self) -> Plane:
        """What the network answers as it is now."""
        set_weights(self._view.network, self._view.optimizer.flat, self.trainer.weights())
        return self.plane

    def yaml(self, folder: Path | None = None) -> str:
        """The config with which `minidl train` has the same weights at the last epoch's end.

        folder: where its file, if it has one, is to lie beside it.
        """
        epochs = {"epochs": max(self.finished, 1)}
        training = self.spec.training.model_copy(update=epochs)
        return dump(self.spec.model_copy(update={"training": training}), folder)

    # How.

    def _end_epoch(self) -> None:
        self._end_own_epoch()
        if self.beside is not None:
            self.beside.end_epoch()

    def _end_own_epoch(self) -> None:
        epochs = self.lanes.train_epoch(self.begun)
        if not epochs:
            raise RunError("the page was closed")
        ((_, epoch),) = epochs
        self.begun = None
        self.rows.append(_row(epoch))
        if not epoch.finite:
            self.diverged = (
                f"diverged: epoch {epoch.number} came to numbers that are infinite or none:"
                " go back, or start anew with a smaller rate"
            )
        elif self.past.due(epoch.number):
            self.past.keep(epoch.number, self.trainer.state())

    def _refuse_if_diverged(self) -> None:
        if self.diverged is not None:
            raise RunError(self.diverged)


def _row(epoch: Epoch) -> list[float | None]:
    row = epoch.row()
    return [row["lr"], *(row[name] for name in epoch.columns)]


def endless(spec: Spec) -> Spec:
    """The spec without an end of its own, on the CPU: the page says when it ends."""
    schedule, training = spec.schedule, spec.training
    if getattr(schedule, "epochs", 0) is None:
        schedule = schedule.model_copy(update={"epochs": training.epochs})
    ends = dict.fromkeys(("early_stopping", "stop_at", "checkpoint_every"))
    training = training.model_copy(update={"epochs": MAX_EPOCHS, **ends})
    return spec.model_copy(update={"training": training, "schedule": schedule, "device": "cpu"})


def _no_plane(spec: Spec, shape: tuple[int, ...]) -> str:
    what = plural(shape[0], "input") if len(shape) == 1 else f"inputs of shape {times(shape)}"
    return f"{spec.name}: has {what}: the page draws a plane, which takes two"
