"""`minidl animate`: what networks answer, epoch after epoch, as a moving picture and as a strip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from trainings import minidl, spec, train

from minidl.again.film import film
from minidl.errors import RunError
from minidl.play.plane import Plane
from minidl.report.figures.film import Panel, colours_of, gif, strip
from minidl.report.figures.style import to_png
from minidl.runs.replay import Replay

pytestmark = pytest.mark.usefixtures("kept_programs")


def test_a_frame_is_what_the_network_answered_then() -> None:
    made = film([Replay(spec())], frames=4)
    assert made.epochs == [0, 1, 2, 3]
    other = Replay(spec())
    plane = Plane(other.experiment, other.data, "mse")
    (reel,) = made.reels
    np.testing.assert_array_equal(reel.answers[0], plane.output())
    for index, _ in enumerate(other.trainer, start=1):
        other.trainer.outputs("train")  # gives its network the weights that its lane has
        np.testing.assert_array_equal(reel.answers[index], plane.output())


def test_runs_go_in_step_and_one_that_ended_stays_as_it_was() -> None:
    long, short = film([Replay(spec(f"training.epochs={n}")) for n in (6, 2)], frames=7).reels
    assert len(long.answers) == len(short.answers) == 7
    np.testing.assert_array_equal(long.answers[:3], short.answers[:3])
    assert all((frame == short.answers[2]).all() for frame in short.answers[3:])


def test_a_run_gets_a_gif_and_a_strip(tmp_path: Path) -> None:
    run = train(tmp_path).run
    done = minidl("animate", run.path)
    assert done.code == 0
    with Image.open(run.path / "plots" / "film.gif") as moving:
        assert moving.n_frames == 4  # type: ignore[attr-defined]
    with Image.open(run.path / "plots" / "film.png") as still:
        assert still.width > still.height


def test_a_name_keeps_the_letters_of_its_ending(tmp_path: Path) -> None:
    run = train(tmp_path).run
    assert minidl("animate", run.path, "-o", tmp_path / "q.GIF").code == 0
    assert {"q.GIF", "q.png"} <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "q.gif").exists()


IMAGES = """\
data: {type: photo_patches, size: 8, train: 16, test: 3}
model: {type: sequential, layers: [{type: conv2d, out_channels: 3, kernel_size: 3, padding: 1}]}
training: {epochs: 1}
"""


def test_images_are_shown_two_by_two_even_where_there_are_fewer_than_four() -> None:
    (reel,) = film([Replay(spec(text=IMAGES))], frames=2).reels
    assert reel.extent is None
    assert reel.answers.shape == (2, 3, 16, 16)
    assert colours_of(reel.answers, reel.classes, plane=False).shape == (2, 16, 16, 3)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_every_kind_of_answer_has_colours_even_where_it_is_no_number(classes: int) -> None:
    answers = np.full((2, max(classes, 1), 5, 5), np.nan)
    colours = colours_of(answers, classes, plane=True)
    assert colours.shape == (2, 5, 5, 3)
    points = np.zeros((5, 3))
    panels = [Panel("n" * 200, colours, (0, 1, 0, 1), points, classes)] * 4
    assert gif([0, 9], panels).startswith(b"GIF89a")
    assert to_png(strip([0, 9], panels)).startswith(b"\x89PNG")


IRIS = "data=iris", "loss=cross_entropy"
PETALS = "petal length (cm)", "petal width (cm)"


def test_of_more_inputs_two_are_chosen_and_the_others_stay_at_their_mean() -> None:
    (reel,) = film([Replay(spec(*IRIS))], frames=2, axes=PETALS).reels
    other = Replay(spec(*IRIS))
    assert reel.extent is not None
    left, right, bottom, top = reel.extent
    inputs = other.data.train.inputs
    rows = np.tile(inputs.mean(0), (3, 1))
    rows[:, 2], rows[:, 3] = [left, right, left], [bottom, bottom, top]
    answers = np.exp(other.trainer.answers(torch.from_numpy(rows).float()))
    answers /= answers.sum(1, keepdims=True)
    first = reel.answers[0]
    np.testing.assert_allclose(first[:, 0, 0], answers[0], atol=1e-6)
    np.testing.assert_allclose(first[:, 0, -1], answers[1], atol=1e-6)
    np.testing.assert_allclose(first[:, -1, 0], answers[2], atol=1e-6)
    assert reel.points is not None
    np.testing.assert_array_equal(reel.points[0, :2], inputs[0, 2:])


@pytest.mark.parametrize(
    ("axes", "problem"),
    [
        (None, r"has 4 inputs, and a plane has two: choose two by --axes A,B, .* sepal width"),
        ((PETALS[0], "weight"), "there is no input 'weight'; there are sepal length"),
        ((PETALS[0], PETALS[0]), "needs two inputs, but got 'petal length .cm.' twice"),
    ],
)
def test_without_two_inputs_of_its_own_a_plane_is_refused(
    axes: tuple[str, str] | None, problem: str
) -> None:
    with pytest.raises(RunError, match=problem):
        film([Replay(spec(*IRIS))], frames=2, axes=axes)


def test_images_have_no_plane_of_features() -> None:
    with pytest.raises(RunError, match="its inputs are images"):
        film([Replay(spec(text=IMAGES))], frames=2, axes=("a", "b"))


def test_what_cannot_be_shown_is_refused_in_a_line(tmp_path: Path) -> None:
    run = train(tmp_path).run.path
    for arguments, problem in (
        ((run, "-o", tmp_path / "a.mp4"), "--output takes a .gif"),
        ((run, run), "several folders need --output"),
        ((run, "--axes", "x1"), "--axes: expected two inputs, such as A,B, but got 'x1'"),
        ((tmp_path / "nowhere",), "nowhere"),
    ):
        refused = minidl("animate", *arguments)
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert problem in refused.err
