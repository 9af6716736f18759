"""`minidl report --landscape`: the loss on a plane through the weights, and the paths of runs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import minidl, spec, train

from minidl.again.landscape import _random, landscape
from minidl.errors import RunError
from minidl.report.figures.landscape import draw_landscape
from minidl.report.figures.style import to_png
from minidl.runs.replay import Replay
from minidl.train.lanes import Lanes

pytestmark = pytest.mark.usefixtures("kept_programs")


@pytest.mark.parametrize("change", ["seed=3", "optimizer=adam", "training.dtype=float64"])
def test_the_loss_at_a_runs_own_point_is_the_recorded_one(change: str, tmp_path: Path) -> None:
    run = train(tmp_path, change).run
    found = landscape([Replay.of_run(run.path)])
    (path,) = found.paths
    assert path.loss == path.recorded == run.read_columns()["train_loss"][-1]
    assert path.places[-1].tolist() == [0, 0]
    assert len(path.places) == 4  # three epochs, and where they began


def test_each_point_has_the_loss_of_the_network_with_those_weights(tmp_path: Path) -> None:
    replay = Replay(spec("training.dtype=float64"))
    found = landscape([replay])
    trainer = replay.trainer
    end = trainer.weights()["parameters"].clone()
    # The plane's directions, as the path itself has them: its first weights, and the next.
    other = Replay(spec("training.dtype=float64"))
    ways = [other.trainer.weights()["parameters"] - end]
    for _ in other.trainer:
        ways.append(other.trainer.weights()["parameters"] - end)
    places = torch.from_numpy(found.paths[0].places)
    plane = torch.linalg.lstsq(places, torch.stack(ways)).solution
    for i, j in ((0, 0), (40, 7), (20, 33)):
        point = end + found.x[i] * plane[0] + found.y[j] * plane[1]
        trainer.optimizer.flat.data.copy_(point)
        expected = trainer.evaluator(trainer.parts["train"])["loss"]
        # Three ways from four epochs lie in two directions but for the rest of the variance.
        assert found.loss[j, i] == pytest.approx(expected, rel=0.05)


def test_random_directions_have_each_filter_as_long_as_the_networks_own() -> None:
    replay = Replay(spec())
    list(replay.trainer)
    end = replay.trainer.weights()["parameters"].double().numpy()
    plane = _random(replay, end, seed=3)
    for direction in plane:  # of 2-8-1: a weight (8, 2), its bias, a weight (1, 8), its bias
        for rows, width in ((slice(0, 16), 2), (slice(24, 32), 8)):
            drawn, own = (
                np.linalg.norm(x[rows].reshape(-1, width), axis=1) for x in (direction, end)
            )
            np.testing.assert_allclose(drawn, own, rtol=1e-12)
        assert not direction[16:24].any()
        assert direction[32] == 0
    np.testing.assert_array_equal(plane, _random(replay, end, seed=3))
    assert (plane != _random(replay, end, seed=4)).any()


def test_around_random_directions_the_runs_own_point_is_the_recorded_one(tmp_path: Path) -> None:
    run = train(tmp_path).run
    replay = Replay.of_run(run.path)
    found = landscape([replay], seed=0)
    (path,) = found.paths
    assert path.loss == path.recorded
    np.testing.assert_allclose(path.places[-1], 0, atol=1e-12)
    assert (found.x[0], found.x[-1], found.y[0], found.y[-1]) == (-1, 1, -1, 1)
    assert found.loss[20, 20] == pytest.approx(path.loss, rel=1e-6)  # the middle of 41
    assert 0 < found.share < 1
    end = replay.trainer.weights()["parameters"].double().numpy()
    corner = end + _random(replay, end, seed=0).sum(0)
    replay.trainer.optimizer.flat.data.copy_(torch.from_numpy(corner))
    there = replay.trainer.evaluator(replay.trainer.parts["train"])["loss"]
    assert found.loss[-1, -1] == pytest.approx(there, rel=1e-5)


def test_random_directions_are_said_and_seeded(tmp_path: Path) -> None:
    run = train(tmp_path).run.path
    asked = "report", run, "--landscape", "--directions", "random"
    told = minidl(*asked, "--seed", 7)
    assert told.code == 0
    assert "filter-normalised" in told.out
    assert "seed 7" in told.out
    for options, problem in (
        (("--landscape", "--seed", 1), "--seed says nothing without --directions random"),
        (("--directions", "random"), "--directions says nothing without --landscape"),
    ):
        refused = minidl("report", run, *options)
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert problem in refused.err


def test_weights_that_are_0_have_no_random_plane() -> None:
    with pytest.raises(RunError, match="have no random plane"):
        landscape([Replay(spec("model.init={type: constant, value: 0}"))], seed=0)


def test_losses_side_by_side_are_those_alone() -> None:
    trainer = Replay(spec()).trainer
    points = torch.randn(5, trainer.optimizer.flat.size, generator=torch.manual_seed(0)).numpy()
    together = Lanes(trainer, width=8).losses(trainer, "test", points)
    alone = [Lanes(trainer).losses(trainer, "test", point[None])[0] for point in points]
    assert together.tolist() == alone


def test_the_plane_of_several_runs_holds_their_paths(tmp_path: Path) -> None:
    runs = [train(tmp_path, f"seed={seed}", "data.seed=0").run for seed in (0, 1, 2)]
    found = landscape([Replay.of_run(run.path) for run in runs])
    assert [path.loss for path in found.paths] == [path.recorded for path in found.paths]
    for path in found.paths:
        assert path.places[:, 0].min() > found.x[0]
        assert path.places[:, 1].max() < found.y[-1]
    assert 0.5 < found.share <= 1


def test_a_run_gets_a_table_and_a_map(tmp_path: Path) -> None:
    run = train(tmp_path).run
    told = minidl("report", run.path, "--landscape", "--format", "json")
    assert told.code == 0
    (row,) = json.loads(told.out)["tables"][0]["rows"]
    assert row["train_loss"] == row["recorded"]
    assert (run.path / "plots" / "landscape.png").stat().st_size > 5000


def test_optimizers_are_followed_in_one_plane(tmp_path: Path) -> None:
    for kind in ("sgd", "adam"):
        train(tmp_path, f"optimizer={kind}", options=("--name", kind))
    told = minidl("report", tmp_path / "runs", "--landscape", "--no-plots", "--format", "csv")
    assert [line.split(",")[0] for line in told.out.splitlines()] == ["run", "adam", "sgd"]


def test_losses_beyond_all_numbers_are_left_blank() -> None:
    loss = np.full((5, 5), np.inf)
    loss[2, 2] = 1.0
    axis = np.linspace(-1, 1, 5)
    figure = draw_landscape("x" * 300, axis, axis, loss, [("n" * 200, np.zeros((3, 2)))] * 20)
    assert to_png(figure).startswith(b"\x89PNG")


def test_a_run_of_one_epoch_has_no_plane() -> None:
    with pytest.raises(RunError, match="has no plane: it needs two epochs at least"):
        landscape([Replay(spec("training.epochs=1"))])


def test_networks_of_other_sizes_have_no_plane_together() -> None:
    each = [Replay(spec(f"model.hidden=[{width}]")) for width in (4, 5)]
    with pytest.raises(RunError, match="one plane doesn't hold both"):
        landscape(each)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--format", "html"], "--landscape is no page"),
        (["--samples"], "--landscape says nothing beside --samples"),
        (["--top", "3"], "--top says nothing beside --landscape"),
    ],
)
def test_what_it_cannot_show_is_refused_in_a_line(
    options: list[str], problem: str, tmp_path: Path
) -> None:
    refused = minidl("report", train(tmp_path).run.path, "--landscape", *options)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert problem in refused.err


def test_the_map_never_replaces_the_table(tmp_path: Path) -> None:
    run, output = train(tmp_path).run.path, tmp_path / "t.png"
    asked = "report", run, "--landscape", "--format", "csv", "-o", output
    refused = minidl(*asked)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "t.png: is where the figure would be put, too: choose another ending" in refused.err
    assert minidl(*asked, "--no-plots").code == 0
    assert output.read_text().startswith("run,")


def test_on_a_terminal_it_shows_how_far_the_training_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("minidl_cli.again_progress.REDRAW_SECONDS", 0)
    run, terminal = train(tmp_path).run.path, Terminal()
    assert minidl("report", run, "--landscape", "--no-plots", stderr=terminal).code == 0
    assert "training again" in terminal.getvalue()
    assert "3 of 3 epochs" in terminal.getvalue()
    assert "training again" not in minidl("report", run, "--landscape", "--no-plots").err
