"""What the tests of sweeps share."""

from __future__ import annotations

from collections.abc import Callable

from minidl.spec import Sweep

SWEPT = """\
data: disk
model: mlp
optimizer: {type: sgd, lr: 0.5}
"""  # a block that follows stands in line 4


def names(sweep: Sweep) -> list[str]:
    return [member.name for member in sweep.members]


Problem = Callable[..., str]
Problems = Callable[..., list[str]]
Load = Callable[..., Sweep]
Refusal = Callable[..., list[str]]
