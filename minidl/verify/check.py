"""`minidl check`: every gradient of a config's network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from minidl.errors import CheckError, Problem
from minidl.execute import read_data
from minidl.spec import Spec
from minidl.verify.compare import DIFFERENCES, Row, compare
from minidl.verify.probe import Probe

# Of the stack that is checked beside the single network.
NETWORKS = 3


@dataclass(frozen=True)
class Checked:
    """The rows of the table: one network's, then those of a stack; in each layer by layer."""

    spec: Spec
    rows: Sequence[Row]

    def problems(self) -> list[Problem]:
        """A problem for every layer that is off, with its place in the config.

        Only causes are named: no residual whose inside is off, and the model only if all else is
        right.
        """
        off: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            if not row.ok:
                off.setdefault((row.key, row.name), []).append(row)
        causes = [place for place in off if place != ("model", "")] or list(off)
        return [
            self.spec.problem(key, _message(off[key, name]))
            for key, name in causes
            if not any(other.startswith(f"{key}.layers[") for other, _ in causes)
        ]

    def raise_if_off(self) -> None:
        """Raise CheckError, naming the layers, if a gradient is wrong."""
        if problems := self.problems():
            raise CheckError(problems)


def check(
    spec: Spec,
    *,
    samples: int = 4,
    seed: int = 0,
    watch: Callable[[str], None] = lambda place: None,
) -> Checked:
    """Compare every gradient of the spec's network with differences and with autograd.

    On `samples` random rows of its training data, in float64 on the CPU, for one network and for a
    stack of those with the next seeds. `seed` draws rows, noise and entries; `watch` is told which
    layer is next. Raises ConfigError and DataError.
    """
    training = spec.training.model_copy(update={"dtype": "float64"})
    changes = {"training": training, "device": "cpu"}
    members = [spec.model_copy(update={**changes, "seed": spec.seed + i}) for i in range(NETWORKS)]
    data = [read_data(member) for member in members]
    rows: list[Row] = []
    for specs, datasets in ((members[0], data[0]), (members, data)):
        generator = torch.Generator().manual_seed(seed)
        probe = Probe(specs, datasets, samples, generator)
        for subject in probe.subjects():
            stack = "" if probe.networks is None else f", in a stack of {probe.networks}"
            watch(f"{subject.key} ({subject.layer}{stack})")
            rows += compare(subject, probe.networks, generator)
    return Checked(spec, rows)


def _message(rows: Sequence[Row]) -> str:
    """What is off in one layer."""
    first = rows[0]
    quantities = " and ".join(dict.fromkeys(row.quantity for row in rows))
    name = f" ({first.name})" if first.name else ""
    where = "" if first.networks is None else f" in a stack of {first.networks}"
    if all(row.mode == "eval" for row in rows):
        where += " in evaluation"
    worst = max(rows, key=lambda row: row.error)
    against, error, tolerance = "autograd", worst.autograd, worst.tolerance
    if (worst.differences or 0.0) > DIFFERENCES:
        against, error, tolerance = "differences", worst.differences or 0.0, DIFFERENCES
    return (
        f"{first.layer}{name}: the gradient of its {quantities} is off{where}: by {error:.1e} of "
        f"the largest entry against {against}, more than {tolerance:.0e}"
    )
