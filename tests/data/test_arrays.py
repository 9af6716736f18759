"""Training data from arrays in a .npz or .safetensors file."""

import contextlib
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidl.data import Dataset, load_dataset
from minidl.errors import DataError
from minidl.spec.data import ArraysData

POINTS = np.arange(20.0).reshape(10, 2)
LABELS = np.arange(10) % 2


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(path: str = "x.npz", **options: Any) -> Dataset:
    return load_dataset(ArraysData(path=Path(path), **options), np.random.default_rng(0))


def saved(inputs: Any, targets: Any, **options: Any) -> Dataset:
    np.savez("x.npz", input=inputs, target=targets)
    return load(**options)


def complaint(**options: Any) -> str:
    with pytest.raises(DataError) as error:
        load(**options)
    return str(error.value)


# What is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["x.npz", "x.safetensors"])
def test_both_formats_give_the_same_data(path: str) -> None:
    from safetensors.numpy import save_file

    np.savez("x.npz", input=POINTS, target=LABELS)
    save_file({"input": POINTS, "target": LABELS}, "x.safetensors")
    data = load(path, test_fraction=0.2)
    assert data.task == "classification"
    assert data.class_names == ("0", "1")
    assert data.target_names == ("target",)
    assert data.feature_names == ("x1", "x2")
    assert (len(data.train), len(data.test)) == (8, 2)
    assert data.train.inputs.dtype == np.float64
    assert data.train.targets.dtype == np.int64
    np.testing.assert_array_equal(data.train.targets, data.train.inputs[:, 0] // 2 % 2)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert data.source_hashes == {path: digest}


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (np.array(["b", "a"] * 5), ("a", "b")),
        (np.array([True, False] * 5), ("0", "1")),
        (np.array([7, -3] * 5, dtype=np.int8), ("-3", "7")),
        (np.array([1.0, 2.0] * 5, dtype=np.float32), ("1", "2")),
        (np.array([[0], [1]] * 5), ("0", "1")),
    ],
    ids=["texts", "booleans", "integers", "whole floats", "column"],
)
def test_class_labels_come_in_many_forms(targets: Any, names: tuple[str, ...]) -> None:
    data = saved(POINTS, targets)
    assert data.class_names == names
    assert set(data.train.targets) == {0, 1}


@pytest.mark.parametrize("targets", [POINTS[:, 0] / 4, POINTS / 4, np.arange(10) * 1.5])
def test_other_numbers_are_a_regression_with_any_number_of_outputs(targets: Any) -> None:
    data = saved(POINTS, targets)
    outputs = 1 if targets.ndim == 1 else 2
    assert data.task == "regression"
    assert data.train.targets.shape == (8, outputs)
    assert data.train.targets.dtype == np.float64
    assert data.target_names == (("target",), ("target1", "target2"))[outputs - 1]


def test_each_class_gives_its_share_of_test_rows() -> None:
    rare = np.array([0] * 90 + [1] * 10)
    assert np.bincount(saved(np.arange(100), rare).test.targets).tolist() == [18, 2]


def test_a_line_of_inputs_is_one_feature() -> None:
    assert saved(np.arange(10), LABELS).input_shape == (1,)


def test_images_keep_their_shape() -> None:
    data = saved(np.full((10, 3, 4, 4), 51, dtype=np.uint8), LABELS)
    assert data.input_shape == (3, 4, 4)
    assert data.feature_names == ()
    assert data.preprocessing is None
    np.testing.assert_allclose(data.train.inputs, 0.2, rtol=1e-7)


def test_standardize_uses_the_training_part_alone() -> None:
    np.savez("test.npz", input=[[1e6, 0.0]], target=[1])
    data = saved(POINTS, LABELS, standardize=True, test_path=Path("test.npz"))
    np.testing.assert_allclose(data.train.inputs.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(data.train.inputs.std(axis=0), 1)
    np.testing.assert_allclose(data.test.inputs, ([[1e6, 0]] - POINTS.mean(0)) / POINTS.std(0))
    assert data.preprocessing is not None
    np.testing.assert_allclose(data.preprocessing.to_raw(data.train.inputs), POINTS, atol=1e-12)
    assert set(data.source_hashes) == {"x.npz", "test.npz"}


# What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "there is no array 'input'; it is empty"),
        ({"x": POINTS, "y": LABELS}, "there is no array 'input'; it holds 'x', 'y'"),
        ({"input": POINTS}, "there is no array 'target'; it holds 'input'"),
        ({"input": POINTS, "target": LABELS[:9]}, "'input' has 10 rows, but 'target' has 9"),
        ({"input": POINTS[:0], "target": LABELS[:0]}, "'input' has shape (0, 2): there are no"),
        ({"input": 3.0, "target": LABELS}, "'input' has shape (): there are no values in it"),
        (
            {"input": POINTS * 1j, "target": LABELS},
            "'input' has dtype complex128; expected numbers",
        ),
        ({"input": POINTS, "target": np.array([b"a"] * 10)}, "'target' has dtype |S1; expected"),
        ({"input": POINTS, "target": np.zeros((10, 2, 2))}, "'target' has shape (10, 2, 2)"),
        ({"input": POINTS, "target": LABELS * 0}, "target 'target': each row is of class '0'"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_arrays_that_are_no_data_set(arrays: dict[str, Any], message: str) -> None:
    np.savez("x.npz", **arrays)
    assert complaint().startswith(f"x.npz: {message}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_by_its_index(value: float) -> None:
    broken = POINTS.copy()
    broken[7, 1] = value
    np.savez("x.npz", input=broken, target=LABELS)
    assert complaint() == f"x.npz: input[7, 1] is {value}; only finite numbers will do"
    np.savez("x.npz", input=POINTS, target=broken[:, 1])
    assert complaint() == f"x.npz: target[7] is {value}; only finite numbers will do"


def test_one_hot_rows_are_no_class_labels() -> None:
    np.savez("x.npz", input=POINTS, target=np.eye(2)[LABELS])
    assert "one label per row, (N,)" in complaint(task="classification")


def test_images_are_not_standardized() -> None:
    np.savez("x.npz", input=np.zeros((10, 4, 4)), target=LABELS)
    assert "`standardize` works column by column" in complaint(standardize=True)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (POINTS[:, :1], LABELS, "rows of 'input' have shape (1,), but (2,) in the training file"),
        (POINTS, LABELS + 1, "row 1, column 'target': unknown class '2'; the training file has"),
        (POINTS, np.eye(2)[LABELS], "'target' has shape (10, 2), but (N,) in the training file"),
    ],
)
def test_a_test_file_unlike_the_training_file(inputs: Any, targets: Any, message: str) -> None:
    np.savez("x.npz", input=POINTS, target=LABELS)
    np.savez("test.npz", input=inputs, target=targets)
    assert complaint(test_path=Path("test.npz")).startswith(f"test.npz: {message}")


def test_python_objects_are_never_unpickled() -> None:
    np.savez("x.npz", input=np.array([{}] * 10, dtype=object), target=LABELS)
    assert complaint() == (
        "x.npz: can't be read as .npz: it holds Python objects (images of unequal size? All must"
        " have one shape)"
    )


@pytest.mark.parametrize("path", ["x.npz", "x.safetensors"])
@pytest.mark.parametrize("content", [b"x", b"input,target\n", b"PK\x03\x04" * 9, b"\xff" * 100])
def test_files_of_another_kind(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    assert complaint(path=path).startswith(f"{path}: can't be read as {path[1:]}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 600), byte=st.integers(0, 255))
def test_a_damaged_byte_ends_in_data_or_in_a_data_error(place: int, byte: int) -> None:
    np.savez_compressed("x.npz", input=POINTS, target=LABELS)
    content = bytearray(Path("x.npz").read_bytes())
    content[place % len(content)] = byte
    Path("x.npz").write_bytes(content)
    with contextlib.suppress(DataError):
        load()


def test_a_file_cut_short() -> None:
    np.savez("x.npz", input=POINTS, target=LABELS)
    Path("x.npz").write_bytes(Path("x.npz").read_bytes()[:-40])
    assert complaint().startswith("x.npz: can't be read as .npz: it is damaged")


def test_a_member_that_is_no_array() -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("input.npy", b"\x93NUMPY\x01\x00\xff\xff{")
        archive.writestr("target", b"text")
    assert complaint().startswith("x.npz: can't be read as .npz: it is damaged")


def test_a_header_that_lies_about_its_size() -> None:
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("input.npy", stream.getvalue())
    assert complaint().startswith("x.npz: can't be read as .npz: it is damaged")


def test_an_archive_that_would_unpack_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.data.arrayfile.MOST_BYTES", 2**20)
    np.savez_compressed("x.npz", input=np.zeros((10, 20_000)), target=LABELS)
    assert Path("x.npz").stat().st_size < 2**16
    assert complaint() == "x.npz: unpacks to 2 MiB; at most 1 are read"


def test_more_numbers_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.data.arrays.MOST_NUMBERS", 19)
    np.savez("x.npz", input=POINTS, target=LABELS)
    assert complaint() == "x.npz: 'input' holds 20 numbers; at most 19 are read"


def test_rows_of_bytes_take_half_the_memory_of_other_numbers() -> None:
    data = saved(np.arange(20, dtype=np.uint8).reshape(10, 2), LABELS)
    assert data.train.inputs.dtype == np.float32
    assert set(data.train.inputs.ravel()) <= set(range(20))  # as they are


def test_a_missing_file_and_an_empty_one() -> None:
    assert complaint() == "x.npz: there is no such file"
    Path("x.npz").symlink_to("nowhere")
    assert complaint() == "x.npz: is a link to a file that isn't there"
    Path("x.npz").unlink()
    Path("x.npz").touch()
    assert complaint() == "x.npz: is empty"
