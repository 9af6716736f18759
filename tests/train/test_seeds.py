"""What a seed decides, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from trainings import built, columns, parameters, text_of_metrics, train

from minidl.nn import Dropout
from minidl.seeds import Stream, generator, torch_seed

STREAMS: tuple[Stream, ...] = ("data", "init", "order", "dropout")


def drawn(*overrides: str) -> dict[str, Tensor]:
    """What each of the four streams draws for a run."""
    experiment = built("model.dropout=0.5", *overrides)
    trainer = experiment.trainer
    # The order alone, whatever the data: by the places that the samples go to.
    batches = trainer.batches
    before = trainer.parts["train"].inputs
    order = torch.cat([x.clone() for x, _ in batches])
    places = (order[:, None] == before[None]).all(-1).int().argmax(1)
    (dropout, *_) = (layer for layer in experiment.network if isinstance(layer, Dropout))
    masks = dropout.train().forward(torch.ones(200, 8))
    return {
        "data": before,
        "init": parameters(experiment),
        "order": places,
        "dropout": masks.clone(),
    }


def changed(*overrides: str, start: tuple[str, ...] = ()) -> set[str]:
    before, after = drawn(*start), drawn(*start, *overrides)
    return {name for name in STREAMS if not torch.equal(before[name], after[name])}


def test_the_runs_seed_draws_all_four() -> None:
    assert changed("seed=1") == set(STREAMS)
    assert changed("seed=0") == set()


@pytest.mark.parametrize(
    ("key", "stream"),
    [
        ("data.seed", "data"),
        ("model.seed", "init"),
        ("training.seed", "order"),
        ("training.dropout_seed", "dropout"),
    ],
)
def test_each_stream_has_a_seed_of_its_own(key: str, stream: str) -> None:
    assert changed(f"{key}=1") == {stream}
    assert changed("seed=1", start=(f"{key}=5",)) == set(STREAMS) - {stream}
    # The same number means the same draws, wherever it is written.
    assert torch.equal(drawn(f"{key}=1")[stream], drawn("seed=1")[stream])


def test_a_stream_does_not_depend_on_what_the_others_draw() -> None:
    assert changed("data.test=7") == set()  # the training points are drawn first
    assert changed("model.activation=tanh") == set()
    assert changed("training.batch_size=7") == set()
    assert changed("model.hidden=[8, 3]") == {"init"}


def test_streams_of_one_seed_are_independent() -> None:
    """The same seed in two plain generators would correlate the data with the weights."""
    draws = np.stack([generator(0, stream).standard_normal(1000) for stream in STREAMS])
    correlations = np.corrcoef(draws) - np.eye(4)
    assert abs(correlations).max() < 0.12  # 4 standard errors of 1/√1000
    assert len({torch_seed(seed, stream) for seed in range(50) for stream in STREAMS}) == 200


def test_seeds_of_torch_fit_its_generators() -> None:
    for seed in (0, 2**31, 2**64, 10**30):
        assert 0 <= torch_seed(seed, "init") < 2**63


CONFIG = """\
data: {type: spirals, train: 60, test: 30}
model: {type: mlp, hidden: [16, 16], dropout: 0.2}
loss: cross_entropy
optimizer: {type: adam, lr: 0.01}
training: {epochs: 20, batch_size: 7}
"""


def test_the_same_config_gives_the_same_bytes(tmp_path: Path) -> None:
    first = train(tmp_path, text=CONFIG).run
    torch.manual_seed(123)  # which nothing reads
    second = train(tmp_path, text=CONFIG).run
    assert first.path != second.path
    assert text_of_metrics(first) == text_of_metrics(second)
    assert first.config_path.read_bytes() == second.config_path.read_bytes()
    assert first.predictions_path.read_bytes() == second.predictions_path.read_bytes()
    other = train(tmp_path, "seed=1", text=CONFIG).run
    assert columns(other) != columns(first)
