"""Image arrays of one's own, and the pair file of report 004's course."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidl.data import Dataset, load_dataset
from minidl.errors import DataError
from minidl.spec.data import ArraysData

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 3, 8, 8), dtype=np.uint8)
OTHERS = 255 - PIXELS
PAIR = (torch.from_numpy(PIXELS), torch.from_numpy(OTHERS))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(path: str, **options: Any) -> Dataset:
    return load_dataset(ArraysData(path=Path(path), **options), np.random.default_rng(0))


def arrays(inputs: Any, targets: Any, **options: Any) -> Dataset:
    np.savez("x.npz", input=inputs, target=targets)
    return load("x.npz", **options)


def complaint(path: str = "x.npz", **options: Any) -> str:
    with pytest.raises(DataError) as error:
        load(path, **options)
    return str(error.value)


def all_of(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of both parts, in an order that doesn't depend on the split."""
    inputs = np.concatenate([data.train.inputs, data.test.inputs])
    targets = np.concatenate([data.train.targets, data.test.targets])
    order = np.lexsort(inputs.reshape(len(inputs), -1).T)
    return inputs[order], targets[order]


def save(path: str) -> None:
    from safetensors.numpy import save_file

    if path.endswith(".npz"):
        np.savez(path, input=PIXELS, target=OTHERS)
    elif path.endswith(".safetensors"):
        save_file({"input": PIXELS, "target": OTHERS}, path)
    else:
        torch.save(PAIR, path)


@pytest.mark.parametrize("path", ["x.npz", "x.safetensors", "train_data.pkl", "x.pt", "x.PTH"])
def test_every_format_gives_the_same_images(path: str) -> None:
    save(path)
    data = load(path, test_fraction=0.3)
    assert (data.task, len(data.train), len(data.test)) == ("images", 7, 3)
    assert data.input_shape == (3, 8, 8)
    assert (data.feature_names, data.target_names) == ((), ("target",))
    inputs, targets = all_of(data)
    assert inputs.dtype == targets.dtype == np.float32
    np.testing.assert_allclose(inputs + targets, 1, atol=1e-6)  # OTHERS are the negatives
    assert (inputs.min(), inputs.max()) == (0, 1)


def test_the_old_format_of_torch_and_lists_of_images() -> None:
    torch.save(PAIR, "old.pt", _use_new_zipfile_serialization=False)
    torch.save([list(part) for part in PAIR], "lists.pt")
    save("x.pt")
    wanted = all_of(load("x.pt"))
    for path in ("old.pt", "lists.pt"):
        np.testing.assert_array_equal(all_of(load(path))[0], wanted[0])


def test_floats_stay_as_they_are_and_gray_images_get_their_channel() -> None:
    images = np.linspace(-3, 7, 10 * 4 * 5).reshape(10, 4, 5)
    data = arrays(images, images[:, None] * 2)
    assert data.input_shape == (1, 4, 5)
    inputs, targets = all_of(data)
    np.testing.assert_allclose(np.sort(inputs.ravel()), images.ravel())
    np.testing.assert_allclose(targets, inputs * 2)


def test_a_target_may_have_another_size_and_a_test_file_its_own_format() -> None:
    save("test.pt")
    np.savez("x.npz", input=PIXELS[:, :, ::2, ::2], target=PIXELS)
    data = load("x.npz")
    assert (data.input_shape, data.train.targets.shape[1:]) == ((3, 4, 4), (3, 8, 8))
    np.savez("y.npz", input=PIXELS, target=OTHERS)
    both = load("y.npz", test_path=Path("test.pt"))
    assert (len(both.train), len(both.test)) == (10, 10)
    assert set(both.source_hashes) == {"y.npz", "test.pt"}


# What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [
        (PIXELS, OTHERS[:9], "'input' has 10 rows, but 'target' has 9"),
        (PIXELS.reshape(10, -1), OTHERS, "images, but 'input' has shape (10, 192)"),
        (PIXELS[..., None], OTHERS, "but 'input' has shape (10, 3, 8, 8, 1)"),
        (PIXELS, OTHERS[..., None], "'target' has shape (10, 3, 8, 8, 1); expected (N,), or"),
        (
            PIXELS.transpose(0, 2, 3, 1),
            OTHERS,
            "'input' has shape (10, 8, 8, 3), with its channels",
        ),
        (
            PIXELS,
            OTHERS.transpose(0, 2, 3, 1) / 255,
            "'target' has shape (10, 8, 8, 3), with its channels",
        ),
    ],
)
def test_images_that_make_no_pairs(inputs: Any, targets: Any, said: str) -> None:
    np.savez("x.npz", input=inputs, target=targets)
    assert said in complaint()
    assert complaint().startswith("x.npz: ")


def test_images_of_unequal_size() -> None:
    images = [torch.zeros(3, 8, 8), torch.zeros(3, 8, 8), torch.zeros(3, 6, 8)]
    torch.save((images, images), "x.pt")
    assert complaint("x.pt") == (
        "x.pt: input[2] has shape (3, 6, 8), but input[0] (3, 8, 8): all images must have one size"
    )
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.zeros((8, 8)), np.zeros((6, 8))]
    np.savez("x.npz", input=ragged, target=ragged, allow_pickle=True)
    assert "images of unequal size?" in complaint()
    np.savez("x.npz", input=PIXELS, target=OTHERS)
    np.savez("test.npz", input=PIXELS[:, :, :6], target=OTHERS)
    assert complaint(test_path=Path("test.npz")) == (
        "test.npz: rows of 'input' have shape (3, 6, 8), but (3, 8, 8) in the training file"
    )


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (PAIR[0], "expected a pair of tensors, but got Tensor of 10; known are .npz"),
        ((*PAIR, PAIR[0]), "expected a pair of tensors, but got tuple of 3"),
        ({"input": PAIR[0], "target": PAIR[1]}, "expected a pair of tensors, but got dict of 2"),
        ((PAIR[0], "noise"), "'target' is a str, not a tensor"),
        ((PAIR[0].bfloat16(), PAIR[1]), "'input' can't be read"),
        ((PAIR[0].to_sparse(), PAIR[1]), "'input' can't be read"),
        (3, "expected a pair of tensors, but got int; known"),
    ],
)
def test_what_torch_saved_that_is_no_pair(stored: Any, said: str) -> None:
    torch.save(stored, "x.pt")
    assert complaint("x.pt").startswith(f"x.pt: {said}")


class _Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("harmed"),)


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_pickle_is_never_run(by_torch: bool) -> None:
    if by_torch:
        torch.save((_Evil(), PAIR[1]), "x.pkl")
    else:
        Path("x.pkl").write_bytes(pickle.dumps((_Evil(), 0)))
    assert complaint("x.pkl").startswith("x.pkl: can't be read as a file of torch.save; known are")
    assert not Path("harmed").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_damaged_byte_ends_in_data_or_in_a_data_error(place: int, byte: int) -> None:
    save("x.pt")
    content = bytearray(Path("x.pt").read_bytes())
    content[place % len(content)] = byte
    Path("x.pt").write_bytes(content)
    with contextlib.suppress(DataError):
        load("x.pt")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_task_that_image_targets_are_not(task: str) -> None:
    np.savez("x.npz", input=PIXELS, target=OTHERS)
    assert "'target'" in complaint(task=task)


def test_images_are_not_standardized() -> None:
    np.savez("x.npz", input=PIXELS, target=OTHERS)
    assert "`standardize` works column by column" in complaint(standardize=True)
