"""What a search takes at most, before anything trains."""

from __future__ import annotations

from typing import Any

import pytest

from minidl.spec import load_sweep
from minidl.sweep.budget import budget

RATES = {"optimizer.lr": {"uniform": [0.1, 1]}}
SEEDS = {"seed": {"int": [0, 7]}, "model": {"choice": ["mlp", {"mlp": [5]}]}}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        # 9 for 1 epoch, 3 for 3, one for 9, two runs each
        ({"search": {"type": "halving", "min_epochs": 1},
          "grid": {"optimizer.lr": [0.1 * n for n in range(1, 10)]}, "repeats": 2},
         "at most 42 epochs, 26 % of the 162 of the whole grid"),
        ({"search": {"type": "halving", "min_epochs": 1, "trials": 9}, "space": RATES},
         "at most 21 epochs, 26 % of the 81 of all trials in full"),
        ({"search": {"type": "random", "trials": 5}, "space": RATES}, "at most 45 epochs"),
        ({"search": {"type": "tpe", "trials": 5}, "space": RATES, "repeats": 2},
         "at most 90 epochs"),
        ({"search": {"type": "tpe", "trials": 4}, "space": SEEDS},
         "at most 36 epochs, 25 % of the 144 of the whole grid"),
        ({"search": {"type": "tpe", "trials": 40}, "space": SEEDS},
         "at most 144 epochs, 100 % of the 144 of the whole grid"),
        ({"grid": {"seed": [1, 2]}}, ""),
    ],
)  # fmt: skip
def test_the_budget_is_said_in_epochs(block: dict[str, Any], said: str) -> None:
    config = {"data": "disk", "model": "mlp", "training": {"epochs": 9}, "sweep": block}
    assert budget(load_sweep(config)) == said
