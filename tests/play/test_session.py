"""A page's training goes step by step, epoch by epoch and back, and is that of `minidl train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from trainings import train

from minidl.build import prepare
from minidl.errors import ConfigError, RunError
from minidl.play.past import Past
from minidl.play.plane import CELLS, EVERY
from minidl.play.session import Session, endless
from minidl.spec import parse_spec
from minidl.store import checkpoint
from minidl.train.evaluation import predict

pytestmark = pytest.mark.usefixtures("kept_programs")

# Five steps an epoch, the last of them short.
TEXT = """\
data: {type: moons, train: 45, test: 20}
model: {type: mlp, hidden: [6, 5], activation: tanh}
loss: bce_with_logits
optimizer: {type: adam, lr: 0.02}
training: {epochs: 3, batch_size: 10}
"""


def session(*overrides: str, text: str = TEXT) -> Session:
    return Session(endless(parse_spec(text, "config.yaml", overrides)))


def state(one: Session) -> dict[str, Tensor]:
    """Weights and all that the optimizer remembers."""
    return one.trainer.state()[0]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(x, other[name]) for name, x in one.items())


def straight_on(one: Session) -> None:
    one.epochs(4)


def by_steps(one: Session) -> None:
    for _ in range(13):
        one.step()
    one.epochs(2)  # the rest of the third, and the fourth


def there_and_back(one: Session) -> None:
    one.epochs(5)
    for _ in range(3):
        one.step()
    for _ in range(7):  # three steps, then four epochs
        one.back()
    one.step()
    one.epochs(3)


def with_other_rates(one: Session) -> None:
    one.epochs(1)
    one.step()
    one.change_rate(0.1)  # from the third epoch on
    one.epochs(2)
    one.change_rate(0.003)
    one.back()
    one.change_rate(0.05)
    one.epochs(2)


@pytest.mark.parametrize("way", [straight_on, by_steps, there_and_back, with_other_rates])
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("model.dropout=0.2", "optimizer={type: sgd, lr: 0.1, momentum: 0.9}"),
        ("training.early_stopping={patience: 1}", "training.stop_at={metric: test_loss, value: 9}"),
    ],
    ids=["adam", "dropout", "stops"],
)
def test_its_weights_are_those_of_train_with_its_yaml(
    way: Callable[[Session], None], overrides: tuple[str, ...], tmp_path: Path
) -> None:
    one = session(*overrides)
    way(one)
    assert (one.finished, bool(one.begun)) == (4, False)
    run = train(tmp_path, text=one.yaml()).run
    tensors, _ = checkpoint.decode(run.checkpoint_path("last").read_bytes())
    assert same(state(one), tensors)
    rows = [[row[name] for name in one.metrics] for row in _rows(run.read_columns())]
    assert one.rows == rows


def _rows(columns: dict[str, list[float]]) -> list[dict[str, float]]:
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def test_a_schedule_that_falls_over_the_epochs_keeps_its_length(tmp_path: Path) -> None:
    one = session("schedule=cosine")
    one.epochs(2)
    run = train(tmp_path, text=one.yaml()).run
    assert [row[0] for row in one.rows] == run.read_columns()["lr"]
    assert one.rows[1][0] == pytest.approx(0.02 * 0.75)  # of three epochs, as in the config


def test_back_is_the_state_before_to_the_bit() -> None:
    one = session("model.dropout=0.3")
    seen = [state(one)]
    for _ in range(12):
        one.step()
        seen.append(state(one))
    for before in reversed(seen[10:-1]):  # the steps of the third epoch
        one.back()
        assert same(state(one), before)
    one.back()
    assert same(state(one), seen[5])
    assert len(one.rows) == 1
    for _ in range(3):
        one.back()
    assert same(state(one), seen[0])


def test_states_that_were_dropped_are_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.play.past.BUDGET", 40_000)
    one = session()
    seen = [state(one)]
    for _ in range(20):
        one.epochs(1)
        seen.append(state(one))
    assert len(one.past) < 10
    rows = list(one.rows)
    for epoch in (17, 11, 10, 1):
        one.go(epoch)
        assert same(state(one), seen[epoch])
        assert one.rows == rows[:epoch]


def test_the_past_keeps_its_first_state_whatever_goes() -> None:
    past = Past(({"x": torch.zeros(2**21)}, {"finished": 0}))  # 8 MiB: eight of them
    for epoch in range(1, 100):
        if past.due(epoch):
            past.keep(epoch, ({}, {"finished": epoch}))
    assert len(past) <= 9
    assert past.go_back(7)[1]["finished"] in range(8)
    assert past.go_back(0)[1]["finished"] == 0


def test_one_that_diverges_says_so_and_can_go_back() -> None:
    one = session("optimizer={type: sgd, lr: 1e30}", "loss=mse")
    one.epochs(10)
    assert one.diverged is not None
    epoch = one.finished
    assert f"epoch {epoch} " in one.diverged
    with pytest.raises(RunError, match="diverged"):
        one.step()
    one.back()
    assert one.finished == epoch - 1
    one.go(0)  # and what it was before still trains


def test_a_new_start_takes_the_rate_of_the_moment_and_leaves_no_other() -> None:
    one = session()
    one.epochs(2)
    one.change_rate(0.5)
    one.epochs(1)
    assert one.restart()
    assert (one.rate, one.finished) == (0.5, 0)
    assert one.spec.schedule.type == "constant"
    one.epochs(3)
    assert [row[0] for row in one.rows] == [0.5, 0.5, 0.5]
    assert not one.restart()


def test_a_schedule_that_sets_each_rate_lets_nobody_else() -> None:
    one = session("schedule={exponential: 0.9}")
    one.epochs(1)
    with pytest.raises(RunError, match="exponential sets the rate of each epoch"):
        one.change_rate(0.1)


def test_a_rate_that_is_none_changes_nothing() -> None:
    one = session()
    one.epochs(1)
    with pytest.raises(ConfigError, match=r"optimizer\.lr: expected a number > 0"):
        one.change_rate(-1)
    one.epochs(1)
    assert [row[0] for row in one.rows] == [0.02, 0.02]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: iris\nmodel: {mlp: [3]}\nloss: cross_entropy\n", "4 inputs"),
        (
            "data: {type: shapes, train: 9, test: 9}\n"
            "model: {type: sequential, layers: [flatten, linear]}\nloss: cross_entropy\n",
            "inputs of shape 1×16×16",
        ),
    ],
)
def test_what_has_no_plane_is_refused(text: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        session(text=text)


@pytest.mark.parametrize("loss", ["bce_with_logits", "mse", "cross_entropy"])
def test_the_plane_shows_what_the_network_answers(loss: str) -> None:
    one = session(f"loss={loss}")
    one.epochs(3)
    plane = one.look()
    arrays = plane.arrays()
    copy = prepare(one.spec)[1]
    copy.trainer.optimizer.flat.data.copy_(state(one)["parameters"])
    network = copy.network
    x, y = (np.linspace(plane.low[i], plane.high[i], CELLS) for i in (0, 1))
    row, column = 20, 6  # from below, from the left
    point = torch.tensor([[x[column], y[row]]], dtype=torch.float32)
    output = predict(network, point)
    if loss == "cross_entropy":
        share = output.softmax(1)[0, 1]
    else:
        share = output[0, 0].sigmoid() if loss == "bce_with_logits" else output[0, 0].clamp(0, 1)
    # Rounding: one point alone may be added up in another order than many.
    assert arrays["output"][0, row, column] == pytest.approx(float(share), rel=1e-4, abs=1e-6)
    for index, layers in ((1, 2), (2, 4), (3, 5)):
        answers = point
        for child in network.children()[:layers]:
            answers = child.forward(answers)
        seen = arrays[f"units{index}"][:, row // EVERY, column // EVERY]
        assert seen == pytest.approx(answers[0].numpy(), rel=1e-4, abs=1e-6)
    assert np.array_equal(arrays["weights2"], network.parameters()[2].data.numpy())
