"""scikit-learn's small tables."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from minidl.data import Dataset, load_dataset
from minidl.data.blank import blank_dataset
from minidl.spec import parse_spec
from minidl.spec.data import AnyData, Data

SIZES = {  # rows, features, classes
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "digits": (1797, 64, 10),
    "diabetes": (442, 10, 0),
}


def load(kind: str, seed: int = 0, standardize: bool = True, **more: object) -> Dataset:
    values = {"type": kind, "test_fraction": 0.2, "standardize": standardize, **more}
    spec = TypeAdapter[AnyData](Data).validate_python(values)
    return load_dataset(spec, np.random.default_rng(seed))


@pytest.mark.parametrize(("kind", "size"), SIZES.items())
def test_each_has_all_its_rows_features_and_classes(kind: str, size: tuple[int, ...]) -> None:
    data = load(kind)
    assert (len(data.train) + len(data.test), *data.input_shape, data.classes) == size
    assert len(data.test) == round(0.2 * size[0])
    assert len(data.feature_names) == size[1]
    assert len(data.target_names) == 1
    assert data.task == ("regression" if kind == "diabetes" else "classification")


@pytest.mark.parametrize("kind", SIZES)
def test_training_inputs_are_standardized_by_themselves(kind: str) -> None:
    data = load(kind)
    varying = np.ptp(data.train.inputs, axis=0) > 0  # digits has pixels that are always empty
    np.testing.assert_allclose(data.train.inputs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.train.inputs.std(axis=0)[varying], 1, atol=1e-12)
    assert not np.allclose(data.test.inputs.mean(axis=0), 0, atol=1e-3)


def test_without_standardize_inputs_keep_their_units() -> None:
    diabetes = load("diabetes", standardize=False)
    age = np.concatenate([diabetes.train.inputs[:, 0], diabetes.test.inputs[:, 0]])
    assert diabetes.feature_names[0] == "age"
    assert (age.min(), age.max()) == (19, 79)


def test_a_regression_target_is_standardized_by_the_training_part_and_keeps_its_units() -> None:
    diabetes = load("diabetes")
    targets = diabetes.train.targets
    assert targets.mean() == pytest.approx(0, abs=1e-12)
    assert targets.std() == pytest.approx(1)
    raw = np.concatenate([diabetes.raw_targets(part) for part in (diabetes.train, diabetes.test)])
    assert raw.shape == (442, 1)
    assert (raw.min(), raw.max()) == pytest.approx((25, 346))
    as_they_are = load("diabetes", standardize=False)
    assert as_they_are.target_scale is None
    assert as_they_are.train.targets == pytest.approx(diabetes.raw_targets(diabetes.train))


def test_each_class_gives_its_share_of_test_rows() -> None:
    assert np.bincount(load("iris").test.targets).tolist() == [10, 10, 10]


def test_class_names_come_with_the_data() -> None:
    assert load("iris").class_names == ("setosa", "versicolor", "virginica")
    assert load("digits").class_names == tuple("0123456789")


def test_the_split_follows_the_generator() -> None:
    first, again, other = load("wine", seed=1), load("wine", seed=1), load("wine", seed=2)
    np.testing.assert_array_equal(first.test.inputs, again.test.inputs)
    assert not np.array_equal(first.test.inputs, other.test.inputs)


def test_digits_come_as_images_too() -> None:
    rows, images = load("digits"), load("digits", images=True)
    assert images.input_shape == (1, 8, 8)
    assert images.feature_names == ()
    assert np.array_equal(images.test.inputs.reshape(-1, 64), rows.test.inputs)
    assert np.array_equal(images.test.targets, rows.test.targets)


@pytest.mark.parametrize(
    "text",
    [
        *("iris", "wine", "breast_cancer", "digits", "{type: digits, images: true}", "diabetes"),
        "{type: photo_patches, train: 3, test: 2, size: 8}",
        "{type: photo_patches, train: 2, test: 2, size: 8, gray: true}",
    ],
)
def test_a_blank_data_set_has_the_shapes_of_the_loaded_one(text: str) -> None:
    spec = parse_spec(f"data: {text}\nmodel: mlp").data
    blank, loaded = blank_dataset(spec), load_dataset(spec, np.random.default_rng(0))
    assert blank is not None
    for mine, theirs in zip((blank.train, blank.test), (loaded.train, loaded.test), strict=True):
        assert (mine.inputs.shape, mine.inputs.dtype) == (theirs.inputs.shape, theirs.inputs.dtype)
        assert mine.targets.shape == theirs.targets.shape
        assert mine.targets.dtype == theirs.targets.dtype
    assert (blank.task, blank.classes) == (loaded.task, loaded.classes)
