"""The data that a spec names, checked against the hashes that it holds."""

from __future__ import annotations

from minidl.build.experiment import Experiment, build
from minidl.build.seeds import seed_of
from minidl.data import Dataset, load_dataset
from minidl.data.blank import blank_dataset
from minidl.data.source import digest_of, named
from minidl.errors import DataError
from minidl.seeds import generator
from minidl.spec import ArraysData, CsvData, Spec


def prepare(spec: Spec, *, goes_on: bool = False) -> tuple[Dataset, Experiment]:
    """Read the data and build everything; goes_on: see `build`.

    Raises ConfigError and DataError; writes nothing.
    """
    data = read_data(spec)
    return data, build(spec, data, goes_on=goes_on)


def outline(spec: Spec) -> tuple[Dataset, Experiment]:
    """The same for those who look at shapes alone: numbers that take long to load may be 0."""
    data = blank_dataset(spec.data)
    return prepare(spec) if data is None else (data, build(spec, data))


def read_data(spec: Spec) -> Dataset:
    """The spec's data; DataError if a file is not the one whose hash the spec holds."""
    try:
        rng = generator(seed_of(spec, "data"), "data")
        data = load_dataset(spec.data, rng, single=spec.training.dtype == "float32")
    except DataError as error:
        raise _placed(error, spec) from error
    if isinstance(spec.data, CsvData | ArraysData):
        for key, path in spec.data.files.items():
            digest = getattr(spec.data, spec.data.hash_key(key))
            if digest is not None and digest_of(path, data.source_hashes) != digest:
                raise DataError(
                    f"{named(path)}: isn't the file that the config means: its SHA-256 differs"
                )
    return data


def _placed(error: DataError, spec: Spec) -> DataError:
    """The error with the place in the config that names the file."""
    first = error.problems[0]
    if "(`folds`)" in first:
        return error.placed(f"data.folds: {spec.problem('data.folds', '').place}")
    if not isinstance(spec.data, CsvData | ArraysData):
        return error
    about = [key for key, path in spec.data.files.items() if first.startswith(f"{named(path)}:")]
    key = "split" if "(`split`" in first else about[-1] if about else "path"
    return error.placed(f"data.{key}: {spec.problem(f'data.{key}', '').place}")
