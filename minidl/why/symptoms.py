"""Symptoms: what goes wrong in a run, told from its evidence, causes before what follows from them.

The thresholds lie between what healthy runs show and what planted faults do; benchmarks/symptoms.py
measures how often that tells them apart, and prints what each of its runs showed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from minidl.why.evidence import Evidence, Vector
from minidl.why.labels import contradicted


@dataclass(frozen=True)
class Symptom:
    """What is wrong, where, and the figure that says so beside what a healthy run would have."""

    name: str
    where: str
    figure: float
    usual: str
    says: str


# A standardized input is at most some 5; a pixel from 0 to 255, or a price, is far beyond this.
LARGE_INPUT = 10.0
# Neighbours agree on another class for 0 to 3 % of clean labels, for 6 to 10 % where classes
# overlap much (moons with noise 0.4), and for 11 to 18 % where a fifth is wrong.
WRONG_LABELS = 0.1
# A step by the weights that it started from: healthy 0.001 to 0.1, with a rate × 100 from 0.6 on.
LARGE_STEP = 0.4
# Half of a narrow layer's ReLUs may be dead from the start and the network learn; of those with a
# bias of −5 it is 75 % and more.
DEAD = 0.7
SATURATED = 0.5
# The first layer's gradient by the last one's in the first epoch: healthy 0.09 to 1, behind six
# sigmoids 2e-6 to 2e-3.
VANISHING, EXPLODING = 0.01, 100.0
# The layers' median update by weight in the first epoch: healthy 0.003 to 0.04, with a rate ÷ 1000
# at most 5e-5. A rate is too low only where it shows: of the loss, a quarter or more must be left.
SMALL_STEP, LEFT = 2e-4, 0.25
# Of a class, by what it would have if all were alike.
RARE = 0.1
# For a third of its epochs the loss stays within 5 % of the first, and then falls to a half.
PLATEAU, STAYED = 1 / 3, 0.05
# The loss rose again by half of what it had fallen since the first epoch, and by a quarter of what
# it was there: of healthy runs by 0.3 and 0.23 at most, though it may double where it is all but 0.
LOST, RISEN = 0.5, 0.25
# Of what lies between guessing and perfect.
UNDERFITTING = 0.5


def symptoms(evidence: Evidence) -> list[Symptom]:
    """All that a run shows, the most telling first.

    What learns little for a reason that was found isn't called too small or too short as well.
    """
    found = [symptom for find in FINDERS for symptom in find(evidence)]
    return found or list(underfitting(evidence))


def unscaled_inputs(evidence: Evidence) -> Iterator[Symptom]:
    inputs = evidence.data.train.inputs
    size = np.abs(inputs.reshape(len(inputs), -1)).astype(float)
    features = np.sqrt((size * size).mean(0))
    worst = int(features.argmax())
    if features[worst] > LARGE_INPUT:
        names = evidence.data.feature_names
        where = names[worst] if worst < len(names) and len(names) == len(features) else "inputs"
        says = "inputs are far from the size that first weights are made for"
        yield Symptom("unscaled inputs", where, float(features[worst]), "about 1", says)


def alike_units(evidence: Evidence) -> Iterator[Symptom]:
    if evidence.alike:
        says = "all units of a layer start alike, get the same gradient, and so stay alike"
        count = float(len(evidence.alike))
        yield Symptom("units start alike", _listed(evidence.alike), count, "0 layers", says)


def wrong_labels(evidence: Evidence) -> Iterator[Symptom]:
    share = contradicted(evidence.data)
    if share > WRONG_LABELS:
        says = "of so many training samples nearly all neighbours have another class"
        yield Symptom("wrong labels", "training part", share, "≤ 0.03", says)


def high_rate(evidence: Evidence) -> Iterator[Symptom]:
    if evidence.diverged:
        epoch = float(len(evidence.metrics["epoch"]))
        says = "the numbers turned to NaN or infinity in this epoch"
        yield Symptom("rate too high", "diverged", epoch, "never", says)
        return
    weights, ratios = evidence.layers("weight_norm"), evidence.layers("update_ratio")
    steps = {
        name: ratios[name][0] * weights[name][0] / start
        for name, start in evidence.start.items()
        if start > 0 and name in ratios and name in weights
    }
    name, step = _largest(steps)
    if step > LARGE_STEP:
        says = "a step of the first epoch by the weights that it started from"
        yield Symptom("rate too high", name, step, "0.001 to 0.1", says)


def dead_units(evidence: Evidence) -> Iterator[Symptom]:
    shares = {name: _most(values[:5]) for name, values in evidence.layers("dead").items()}
    name, share = _largest(shares)
    if share >= DEAD:
        says = "of a layer's ReLUs give 0 for every sample, and get no gradient"
        yield Symptom("dead units", name, share, "< 0.5", says)


def vanishing_gradients(evidence: Evidence) -> Iterator[Symptom]:
    name, ratio = _first_by_last(evidence)
    if ratio < VANISHING:
        says = "the first layer's gradient by the last one's, in the first epoch"
        yield Symptom("vanishing gradients", name, ratio, "0.1 to 1", says)


def exploding_gradients(evidence: Evidence) -> Iterator[Symptom]:
    name, ratio = _first_by_last(evidence)
    if ratio > EXPLODING:
        says = "the first layer's gradient by the last one's, in the first epoch"
        yield Symptom("exploding gradients", name, ratio, "0.1 to 1", says)


def saturated_units(evidence: Evidence) -> Iterator[Symptom]:
    layers = evidence.layers("saturated")
    if evidence.spec.model.type == "mlp" and getattr(
        evidence.spec.model, "output_activation", None
    ):
        layers = dict(list(layers.items())[:-1])  # of a sure answer an output is saturated
    name, share = _largest({name: _most(values) for name, values in layers.items()})
    if share >= SATURATED:
        says = "of a layer's units are at the flat ends of their function"
        yield Symptom("saturated units", name, share, "< 0.2", says)


def low_rate(evidence: Evidence) -> Iterator[Symptom]:
    # A frozen layer takes no steps.
    ratios = [values[0] for values in evidence.layers("update_ratio").values() if values[0]]
    loss = evidence.curve("train_loss")
    if not ratios or len(loss) < 2 or not np.isfinite(ratios).any():
        return
    step = float(np.nanmedian(ratios))
    if 0 < step < SMALL_STEP and loss[-1] > LEFT * loss[0]:
        says = "a step of the first epoch by the weights, the layers' median"
        yield Symptom("rate too low", "all layers", step, "0.001 to 0.1", says)


def class_imbalance(evidence: Evidence) -> Iterator[Symptom]:
    data = evidence.data
    if data.task != "classification" or data.classes < 2:
        return
    shares = np.bincount(data.train.targets, minlength=data.classes) / len(data.train)
    rarest = int(shares.argmin())
    if shares[rarest] * data.classes < RARE:
        usual = f"about {1 / data.classes:.2g}"
        says = "the rarest class's share of the training part"
        name = data.class_names[rarest]
        yield Symptom("class imbalance", name, float(shares[rarest]), usual, says)


def late_plateau(evidence: Evidence) -> Iterator[Symptom]:
    loss = evidence.curve("train_loss")
    if len(loss) < 6 or not loss[0]:
        return
    left = np.flatnonzero(np.abs(loss / loss[0] - 1) > STAYED)
    share = (left[0] if left.size else len(loss)) / len(loss)
    if share >= PLATEAU and loss[-1] < loss[0] / 2:
        says = "of all epochs passed before the training loss left its first value"
        yield Symptom("plateau left late", "train_loss", float(share), "< 0.2", says)


def overfitting(evidence: Evidence) -> Iterator[Symptom]:
    part = evidence.spec.data.selection_part
    loss, train = evidence.curve(f"{part}_loss"), evidence.curve("train_loss")
    if len(loss) < 2 or len(loss) != len(train) or evidence.diverged:
        return
    best = int(loss.argmin())
    fallen, risen = loss[0] - loss[best], loss[-1] - loss[best]
    if risen > LOST * fallen and risen > RISEN * abs(loss[0]) and train[-1] < train[best]:
        ratio = float(loss[-1] / loss[best]) if loss[best] else math.inf
        says = f"the loss at the end by its least, in epoch {best + 1}; the training loss fell on"
        yield Symptom("overfitting", f"{part}_loss", ratio, "about 1", says)


def underfitting(evidence: Evidence) -> Iterator[Symptom]:
    metric = "train_accuracy" if evidence.data.task == "classification" else "train_r2"
    score = evidence.curve(metric)
    if not score.size:
        return
    guessed = 0.0
    if metric == "train_accuracy":
        counts = np.bincount(evidence.data.train.targets)
        guessed = float(counts.max() / counts.sum())
    gained = float((score[-1] - guessed) / (1 - guessed)) if guessed < 1 else 1.0
    if gained < UNDERFITTING:
        says = "of the way from guessing to perfect on the training part"
        yield Symptom("underfitting", metric, gained, "> 0.5", says)


# Causes first: unscaled inputs may kill units, and dead units let nothing be learned.
FINDERS: tuple[Callable[[Evidence], Iterator[Symptom]], ...] = (
    unscaled_inputs,
    alike_units,
    wrong_labels,
    high_rate,
    dead_units,
    vanishing_gradients,
    exploding_gradients,
    saturated_units,
    low_rate,
    class_imbalance,
    late_plateau,
    overfitting,
)


def _first_by_last(evidence: Evidence) -> tuple[str, float]:
    """The first layer, and its gradient's norm by the last one's; NaN where neither has one."""
    norms = list(evidence.layers("gradient_norm").items())
    if len(norms) < 2 or not norms[-1][1][0] > 0:
        return "", math.nan
    # No gradient at all is no vanishing one: it is that of dead units, or of units alike.
    return norms[0][0], float(norms[0][1][0] / norms[-1][1][0]) or math.nan


def _largest(figures: Mapping[str, float]) -> tuple[str, float]:
    """The layer with the largest figure; NaN where none has one."""
    known = {name: float(value) for name, value in figures.items() if math.isfinite(value)}
    name = max(known, key=lambda key: known[key], default="")
    return name, known.get(name, math.nan)


def _most(values: Vector) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else math.nan


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
