"""minidl predict for images: a PNG for a PNG, or a class."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from trainings import minidl, train

from minidl.runs.inference import TrainedRun
from minidl.store.run_folder import RunFolder

DENOISER = """\
data: {type: photo_patches, train: 24, test: 6, size: 8GRAY}
model:
  type: sequential
  layers:
    - {type: conv2d, out_channels: 4, stride: 2, padding: 1}
    - relu
    - {upsampling: CHANNELS}
    - sigmoid
training: {epochs: 2, batch_size: 8}
"""


def denoiser(folder: Path, gray: bool = False) -> RunFolder:
    text = DENOISER.replace("GRAY", ", gray: true" if gray else "")
    finished = train(folder, text=text.replace("CHANNELS", "1" if gray else "3"))
    assert finished.code == 0, finished.err
    return finished.run


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (13, 30)])
def test_an_image_of_any_size_comes_out_as_a_png_of_that_size(
    gray: bool, size: tuple[int, int], tmp_path: Path
) -> None:
    """Inside, where no border matters, it is what the network gives for the image's own numbers."""
    from PIL import Image

    run, picture, made = denoiser(tmp_path, gray), tmp_path / "a.png", tmp_path / "b.png"
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    finished = minidl("predict", run.path, picture, "--output", made)
    assert (finished.code, finished.out) == (0, "")
    got = np.asarray(Image.open(made))
    assert got.shape == (size if gray else (*size, 3))
    source = np.asarray(Image.open(picture).convert("L" if gray else "RGB")).reshape(*size, -1)
    inputs = source[: size[0] // 2 * 2, : size[1] // 2 * 2].transpose(2, 0, 1)[None] / 255
    wanted = TrainedRun.load(run.path).outputs(inputs)[0].transpose(1, 2, 0)
    inner = (slice(0, size[0] // 2 * 2 - 4), slice(0, size[1] // 2 * 2 - 4))
    distance = got.reshape(*size, -1)[inner] / 255 - wanted[inner]
    assert abs(distance).max() <= 0.5 / 255 + 1e-6


def test_what_is_no_image_to_predict_from(tmp_path: Path) -> None:
    from PIL import Image

    run, out = denoiser(tmp_path), tmp_path / "b.png"
    picture, damaged, deep, text = (
        tmp_path / name for name in ("a.png", "c.png", "d.png", "e.png")
    )
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    damaged.write_bytes(picture.read_bytes()[:2000])
    Image.fromarray(np.zeros((8, 8), dtype=np.uint16)).save(deep)
    text.write_text("size,colour\n")
    for path, said in [
        (damaged, "c.png: is damaged"),
        (deep, "d.png: has pixels of more than 8 bits; expected 8"),
        (text, "e.png: isn't an image that can be read"),
        (tmp_path / "f.png", "f.png: there is no such file"),
    ]:
        finished = minidl("predict", run.path, path, "--output", out)
        assert finished.code == 2
        assert said in finished.err
        assert len(finished.err.splitlines()) == 1
        assert "object at" not in finished.err
    finished = minidl("predict", run.path, picture, "--output", tmp_path / "b.csv")
    assert finished.code == 2
    assert "b.csv: a PNG is written; choose a name that ends with .png" in finished.err
    assert not (tmp_path / "b.csv").exists()
    finished = minidl("predict", run.path, picture)
    assert finished.code == 2
    assert "gives images: say with --output FILE where to write the PNG" in finished.err
    assert not out.exists()


def test_a_network_that_needs_its_own_size_says_so(tmp_path: Path) -> None:
    """A layer norm over whole images takes images of one size alone."""
    from PIL import Image

    text = DENOISER.replace("GRAY", "").replace("CHANNELS", "3")
    text = text.replace("    - relu\n", "    - relu\n    - layer_norm\n")
    run, picture = train(tmp_path, text=text).run, tmp_path / "a.png"
    Image.fromarray(np.zeros((9, 16, 3), dtype=np.uint8)).save(picture)
    finished = minidl("predict", run.path, picture, "--output", tmp_path / "b.png")
    assert finished.code == 2
    assert "the network can't take 3×9×16; it was trained on 3×8×8" in finished.err


def test_classes_are_predicted_from_images_too(tmp_path: Path) -> None:
    from PIL import Image

    text = """\
data: {type: shapes, train: 40, test: 10, size: 8, classes: 2}
model: {type: sequential, layers: [{conv2d: 2}, global_avg_pool2d, linear]}
loss: cross_entropy
training: {epochs: 1}
"""
    run, picture = train(tmp_path, text=text).run, tmp_path / "a.png"
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(picture)
    finished = minidl("predict", run.path, picture)
    (row,) = csv.DictReader(io.StringIO(finished.out))
    assert list(row) == ["row", "shape", "probability_disk", "probability_square"]
    Image.fromarray(np.zeros((8, 9), dtype=np.uint8)).save(picture)
    finished = minidl("predict", run.path, picture)
    assert (finished.code, finished.out) == (2, "")
    assert "a.png: is an image of 1×8×9, but the network takes 1×8×8" in finished.err
