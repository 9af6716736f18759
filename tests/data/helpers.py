"""What the tests of tables share: what loading a wrong one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minidl.data import load_dataset
from minidl.errors import DataError
from minidl.spec import CsvData


def complaint(content: str | bytes, test: str | None = None, **options: Any) -> str:
    """The one thing that loading a file.csv with this content says."""
    (problem,) = complaints(content, test, **options)
    return problem


def complaints(content: str | bytes, test: str | None = None, **options: Any) -> list[str]:
    """What loading a file.csv with this content says; it must fail."""
    Path("file.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    if test is not None:
        Path("test.csv").write_text(test)
        options["test_path"] = Path("test.csv")
    spec = CsvData(path=Path("file.csv"), **({"target": "kind"} | options))
    with pytest.raises(DataError) as error:
        load_dataset(spec, np.random.default_rng(0))
    assert all("\n" not in problem for problem in error.value.problems)
    return list(error.value.problems)


def rows(header: str, *lines: str) -> str:
    return "\n".join([header, *lines, ""])
