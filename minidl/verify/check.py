"""`minidl check`: every gradient of a config's network, and its compiled step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from minidl.build import read_data
from minidl.errors import CheckError, Problem
from minidl.spec import Spec
from minidl.verify.compare import DIFFERENCES, Row, compare
from minidl.verify.compiled import Compiled, compare_compiled
from minidl.verify.probe import Probe


@dataclass(frozen=True)
class Checked:
    """The rows of the table: gradients, layer by layer, and what was compiled.

    run: the name of the sweep's member that was checked.
    """

    spec: Spec
    rows: Sequence[Row]
    compiled: Sequence[Compiled] = ()
    run: str = ""

    def problems(self) -> list[Problem]:
        """A problem for every layer that is off, with its place in the config, and for wrong code.

        Only causes are named: no residual whose inside is off, and the model only if all else is
        right.
        """
        off: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            if not row.ok:
                off.setdefault((row.key, row.name), []).append(row)
        causes = [place for place in off if place != ("model", "")] or list(off)
        gradients = [
            self.spec.problem(key, _message(off[key, name]))
            for key, name in causes
            if not any(other.startswith(f"{key}.layers[") for other, _ in causes)
        ]
        code = [self.spec.problem("model", _wrong(row)) for row in self.compiled if not row.ok]
        named = f" (in the run {self.run})" if self.run else ""
        return [replace(one, message=one.message + named) for one in gradients + code]


def raise_if_off(checked: Sequence[Checked]) -> None:
    """Raise CheckError, naming the layers, if a gradient or the code is wrong."""
    if problems := [problem for one in checked for problem in one.problems()]:
        raise CheckError(problems)


def check(
    spec: Spec,
    *,
    samples: int = 4,
    seed: int = 0,
    compiled: bool = True,
    watch: Callable[[str], None] = lambda place: None,
) -> Checked:
    """Compare every gradient of the spec's network with differences and with autograd.

    On `samples` random rows of its training data, in float64 on the CPU. Then, if `compiled`, the
    compiled training step with the plain one, on whole batches. `seed` draws rows, noise and
    entries; `watch` is told what is next. Raises ConfigError and DataError.
    """
    spec_here = spec.model_copy(update={"device": "cpu"})
    data = read_data(spec_here)
    training = spec.training.model_copy(update={"dtype": "float64"})
    generator = torch.Generator().manual_seed(seed)
    probe = Probe(spec_here.model_copy(update={"training": training}), data, samples, generator)
    rows: list[Row] = []
    for subject in probe.subjects():
        watch(f"{subject.key} ({subject.layer})")
        rows += compare(subject, generator)
    if not compiled:
        return Checked(spec, rows)
    watch("the compiled step")
    return Checked(spec, rows, list(compare_compiled(spec_here, data, generator)))


def _message(rows: Sequence[Row]) -> str:
    """What is off in one layer."""
    first = rows[0]
    quantities = " and ".join(dict.fromkeys(row.quantity for row in rows))
    name = f" ({first.name})" if first.name else ""
    where = " in evaluation" if all(row.mode == "eval" for row in rows) else ""
    worst = max(rows, key=lambda row: row.error)
    against, error, tolerance = "autograd", worst.autograd, worst.tolerance
    if (worst.differences or 0.0) > DIFFERENCES:
        against, error, tolerance = "differences", worst.differences or 0.0, DIFFERENCES
    return (
        f"{first.layer}{name}: the gradient of its {quantities} is off{where}: by {error:.1e} of "
        f"the largest entry against {against}, more than {tolerance:.0e}"
    )


def _wrong(row: Compiled) -> str:
    """What compiled code gets wrong."""
    return (
        f"{row.layer}: its compiled step ({row.code}) differs from the plain one: by "
        f"{row.error:.1e} of the largest entry of {row.where}, more than {row.tolerance:.0e}"
    )
