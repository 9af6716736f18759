"""The validation part: what it holds, and that it changes neither the test nor the training."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import Dataset, load_dataset
from minidl.data.shares import split_rows
from minidl.data.split import Grouped, Ordered, Shuffled, parts_of, way_of
from minidl.errors import DataError
from minidl.spec import CsvData, parse_spec
from minidl.spec.data import AnyData

DRAWN = [one.type_name() for one in get_args(AnyData) if "validation" in one.model_fields]
BUNDLED = ["iris", "wine", "breast_cancer", "digits", "diabetes"]


def load(written: str) -> Dataset:
    spec = parse_spec(f"data: {{{written}}}\nmodel: mlp")
    return load_dataset(spec.data, np.random.default_rng(0))


def table(folder: Path, rows: list[str], name: str = "t.csv", head: str = "x,y,who,day") -> Path:
    path = folder / name
    path.write_text("\n".join([head, *rows, ""]))
    return path


def load_table(path: Path, **options: Any) -> Dataset:
    options = {"target": "y", "validation_fraction": 0.25, **options}
    return load_dataset(CsvData.model_validate({"path": path, **options}), np.random.default_rng(0))


# What is drawn.


@pytest.mark.parametrize("kind", [kind for kind in DRAWN if kind != "photo_patches"])
def test_drawn_points_are_the_same_with_a_validation_part_and_without(kind: str) -> None:
    without = load(f"type: {kind}, train: 30, test: 20")
    data = load(f"type: {kind}, train: 30, test: 20, validation: 10")
    assert without.validation is None
    assert [len(part) for part in data.parts.values()] == [30, 10, 20]
    for name, part in without.parts.items():
        np.testing.assert_array_equal(data.parts[name].inputs, part.inputs)
        np.testing.assert_array_equal(data.parts[name].targets, part.targets)
    seen = {row.tobytes() for name in without.parts for row in data.parts[name].inputs}
    assert data.validation is not None
    assert not any(row.tobytes() in seen for row in data.validation.inputs)


def test_patches_for_validation_are_from_a_region_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = np.broadcast_to(np.arange(640.0)[None, :, None], (427, 640, 3))
    monkeypatch.setattr("minidl.data.photos._photos", lambda: [columns, columns])
    drawn = "type: photo_patches, train: 300, test: 300, validation: 300, size: 8"
    ends = [(part.truth.min(), part.truth.max()) for part in load(drawn).parts.values()]
    bounds = [(0, 383), (384, 511), (512, 639)]
    for (low, high), (first, last) in zip(ends, bounds, strict=True):
        assert first <= low < high <= last


# What is split.


@pytest.mark.parametrize("kind", BUNDLED)
def test_the_test_rows_are_the_same_with_a_validation_fraction_and_without(kind: str) -> None:
    without = load(f"type: {kind}, standardize: false")
    data = load(f"type: {kind}, validation_fraction: 0.25, standardize: false")
    np.testing.assert_array_equal(data.test.inputs, without.test.inputs)
    assert data.validation is not None
    assert len(data.validation) == round(0.25 * len(without.train))
    both = np.concatenate([data.train.inputs, data.validation.inputs])
    assert sorted(map(bytes, both)) == sorted(map(bytes, without.train.inputs))


def test_numbers_are_scaled_by_the_training_part_alone() -> None:
    data = load("type: diabetes, validation_fraction: 0.5")
    assert data.validation is not None
    np.testing.assert_allclose(data.train.inputs.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(data.train.targets.std(0), 1)
    assert abs(data.validation.inputs.mean(0)).max() > 0.01
    assert abs(data.validation.targets.mean()) > 1e-4


@given(
    labels=st.lists(st.integers(0, 3), min_size=8, max_size=60),
    fraction=st.floats(0.05, 0.6),
    seed=st.integers(0, 3),
)
def test_each_row_is_in_one_part_and_classes_with_rows_enough_in_all(
    labels: list[int], fraction: float, seed: int
) -> None:
    classes = np.array(labels, dtype=np.int64)
    _, drawn = split_rows(
        len(labels), fraction, np.random.default_rng(seed), labels=classes, part="val"
    )
    several = [label for label in set(labels) if labels.count(label) > 1]
    if len(drawn) >= len(several):
        assert set(classes[drawn]) == set(several)
    rows = parts_of(
        len(labels), Shuffled(classes), np.random.default_rng(seed), val=fraction, test=None
    )
    assert sorted(np.concatenate([*rows.values()])) == list(range(len(labels)))


@given(
    groups=st.lists(st.integers(0, 9), min_size=3, max_size=60),
    val=st.floats(0.01, 0.99),
    test=st.floats(0.01, 0.99),
)
def test_rows_of_a_group_are_never_in_two_parts(groups: list[int], val: float, test: float) -> None:
    way = Grouped(np.array(groups), "who")
    if len(set(groups)) < 3:
        with pytest.raises(DataError, match="3 parts need one each"):
            parts_of(len(groups), way, np.random.default_rng(0), val=val, test=test)
        return
    rows = parts_of(len(groups), way, np.random.default_rng(0), val=val, test=test)
    held = [{groups[row] for row in own} for own in rows.values()]
    assert all(held)
    assert sum(map(len, held)) == len(set(groups))


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=40), st.floats(0.01, 0.99))
def test_by_time_the_last_rows_test_and_those_before_validate(
    times: list[float], fraction: float
) -> None:
    way = Ordered(np.array(times))
    rows = parts_of(len(times), way, np.random.default_rng(0), val=fraction, test=fraction)
    held = [sorted(times[row] for row in own) for own in rows.values()]
    assert all(held)
    assert [time for own in held for time in own] == sorted(times)


# Tables.

ROWS = [f"{i},{'ab'[i % 2]},{'uvwxyz'[i // 4]},2025-01-{24 - i:02}" for i in range(24)]


def test_the_column_of_a_group_or_a_time_is_no_input_unless_it_is_listed(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS)
    by_group = {"type": "group", "column": "who"}
    assert "who=u" not in load_table(path, split=by_group).feature_names
    listed = load_table(path, split=by_group, features=("x", "who"))
    assert "who=u" in listed.feature_names
    data = load_table(path, split={"type": "time", "column": "day"}, drop=("who",))
    assert data.feature_names == ("x",)


def test_dates_and_numbers_are_times(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS)
    for column, first in (("day", 2), ("x", 25)):
        data = load_table(path, split={"type": "time", "column": column}, features=("who",))
        rows = data.test.rows
        assert rows is not None
        assert sorted(rows)[0 if first == 2 else -1] == first  # the header is row 1


def test_words_of_any_column_can_be_kept_in_proportion(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS)
    data = load_table(
        path, split={"type": "stratified", "column": "who"}, test_fraction=0.25, drop=("day",)
    )
    of_groups = data.test.inputs[:, [name.startswith("who=") for name in data.feature_names]]
    assert (of_groups != 0).any(1).all()
    assert of_groups.sum(0).tolist() == [1] * 6


def test_files_of_their_own(tmp_path: Path) -> None:
    paths = [table(tmp_path, ROWS[i : i + 8], f"{i}.csv") for i in (0, 8, 16)]
    data = load_table(
        paths[0],
        validation_path=paths[1],
        validation_fraction=None,
        test_path=paths[2],
        test_fraction=None,
        features=("x",),
        standardize=False,
    )
    assert [part.inputs[0, 0] for part in data.parts.values()] == [0, 8, 16]
    assert set(data.source_hashes) == set(map(str, paths))
    for i, path in enumerate(paths):
        np.savez(path.with_suffix(".npz"), input=np.full((8, 2), i), target=np.arange(8) % 2)
    names = ("path", "validation_path", "test_path")
    given_ = (
        f"{name}: {path.with_suffix('.npz')}" for name, path in zip(names, paths, strict=True)
    )
    data = load(f"type: arrays, {', '.join(given_)}")
    assert [part.inputs[0, 0] for part in data.parts.values()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("split", "rows", "what"),
    [
        ({"type": "time", "column": "who"}, ROWS, "row 2, column 'who': expected a date"),
        ({"type": "time", "column": "day", "format": "%d.%m.%Y"}, ROWS, "expected a date as %d"),
        ({"type": "time", "column": "day"}, [*ROWS, "1,a,u,"], "row 26, column 'day': missing"),
        ({"type": "group", "column": "hwo"}, ROWS, "no column 'hwo'.*did you mean 'who'"),
        ({"type": "group", "column": "y"}, ROWS, "column 'y' has 2 groups, but 3 parts need one"),
        ({"type": "group", "column": "who"}, [*ROWS, "1,a,,2025-01-01"], "row 26, column 'who'"),
        ({"type": "time", "column": "x"}, [*ROWS, "1e999,a,u,2025-01-01"], "row 26, column 'x'"),
    ],
)
def test_a_column_that_cant_be_split_by(
    split: dict[str, str], rows: list[str], what: str, tmp_path: Path
) -> None:
    path = table(tmp_path, rows)
    with pytest.raises(DataError, match=what) as caught:
        load_table(path, split=split)
    assert len(caught.value.problems) == 1


def test_a_number_has_no_classes_to_stratify_by(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS)
    with pytest.raises(DataError, match="a number can't be stratified by"):
        load_table(path, split={"type": "stratified"}, target="x", drop=("day",))


def test_a_file_for_testing_may_not_have_a_group_of_the_first(tmp_path: Path) -> None:
    first, other = table(tmp_path, ROWS), table(tmp_path, [ROWS[-1], "1,a,new,"], "test.csv")
    with pytest.raises(DataError, match="row 2, column 'who': the group 'z' stands in the first"):
        load_table(
            first,
            split={"type": "group", "column": "who"},
            test_path=other,
            test_fraction=None,
            features=("x",),
        )


def test_no_split_is_stratified_by_the_class() -> None:
    labels = np.array([0, 1])
    assert way_of(None, labels, None, "t.csv") == Shuffled(labels, "t.csv")
