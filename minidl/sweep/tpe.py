"""Trials proposed by those before them, through Optuna."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from minidl.errors import RunError
from minidl.scores import higher_is_better
from minidl.spec.search import TpeSearch
from minidl.spec.space import Distribution, Space
from minidl.sweep.halving import Round, Value


def tpe(search: TpeSearch, space: Space, value: Value) -> Iterator[Round]:
    """So many trials at a time as are asked for; `value` is asked once they have trained.

    The same values bring about the same trials, so a search that was killed proposes them again.
    A trial without a value is a failure to Optuna. Raises RunError where Optuna is missing.
    """
    optuna = _optuna()
    upwards = higher_is_better(search.metric or "")
    study = optuna.create_study(
        direction="maximize" if upwards else "minimize",
        sampler=optuna.samplers.TPESampler(seed=search.seed, constant_liar=True),
    )
    distributions = {key: _distribution(optuna, one) for key, one in space.distributions.items()}
    for first in range(0, search.trials, search.parallel):
        count = min(search.parallel, search.trials - first)
        asked = [study.ask(distributions) for _ in range(count)]
        proposed = [space.members(one.params, one.number) for one in asked]
        name = f"trials {first + 1} to {first + count} of {search.trials}"
        yield Round(name, [member for members in proposed for member in members])
        for one, members in zip(asked, proposed, strict=True):
            mean = sum(map(value, members)) / len(members)
            if math.isfinite(mean):
                study.tell(one, mean)
            else:
                study.tell(one, state=optuna.trial.TrialState.FAIL)


def _distribution(optuna: Any, one: Distribution) -> Any:
    """As Optuna knows it: a choice by its index, since a value may be a whole component."""
    if one.kind == "choice":
        return optuna.distributions.CategoricalDistribution(range(len(one.nodes)))
    low, high = one.ends
    if one.kind == "int":
        return optuna.distributions.IntDistribution(int(low), int(high))
    return optuna.distributions.FloatDistribution(low, high, log=one.kind == "log_uniform")


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise RunError('TPE needs the package optuna: pip install "minidl[search]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
