"""The data that a spec names, checked against the hashes that it holds."""

from __future__ import annotations

from minidl.build.experiment import Experiment, build
from minidl.build.seeds import seed_of
from minidl.data import Dataset, load_dataset
from minidl.data.source import short
from minidl.errors import DataError
from minidl.seeds import generator
from minidl.spec import ArraysData, CsvData, Spec


def prepare(spec: Spec) -> tuple[Dataset, Experiment]:
    """Read the data and build everything. Raises ConfigError and DataError; writes nothing."""
    data = read_data(spec)
    return data, build(spec, data)


def read_data(spec: Spec) -> Dataset:
    """The spec's data; DataError if a file is not the one whose hash the spec holds."""
    try:
        data = load_dataset(spec.data, generator(seed_of(spec, "data"), "data"))
    except DataError as error:
        raise _placed(error, spec) from error
    if isinstance(spec.data, CsvData | ArraysData):
        wanted = {spec.data.path: spec.data.sha256, spec.data.test_path: spec.data.test_sha256}
        for path, digest in wanted.items():
            if digest is not None and data.source_hashes[str(path)] != digest:
                raise DataError(
                    f"{path}: isn't the file that the config means: its SHA-256 differs"
                )
    return data


def _placed(error: DataError, spec: Spec) -> DataError:
    """The error with the place in the config that names the file."""
    if not isinstance(spec.data, CsvData | ArraysData):
        return error
    of_test = spec.data.test_path and error.problems[0].startswith(f"{short(spec.data.test_path)}:")
    key = "data.test_path" if of_test else "data.path"
    return error.placed(f"{key}: {spec.problem(key, '').place}")
