"""What data from a file has in common: the path, and which rows test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from minidl.spec.component import Component, Expect, Seed

TestFraction = Annotated[float, Field(gt=0, lt=1)]
Task = Literal["auto", "classification", "regression"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), Expect("64 hexadecimal digits")]


class AnyOrigin(Component):
    """The base of all data."""

    seed: Seed = Field(None, description="Draws or splits the data; by the run's if left out.")


class FileData(AnyOrigin):
    path: Annotated[Path, Expect("a path")] = Field(
        description="The file; relative paths start in the config's folder."
    )
    test_fraction: TestFraction | None = Field(
        0.2, description="The share of rows kept for testing; not beside test_path."
    )
    test_path: Annotated[Path, Expect("a path")] | None = Field(
        None, description="A file of its own for testing."
    )
    task: Task = Field("auto", description="What to learn; auto: by the target's values.")
    sha256: Digest | None = Field(None, description="The hash of the file that is meant.")
    test_sha256: Digest | None = Field(None, description="The hash of the file for testing.")

    @model_validator(mode="before")
    @classmethod
    def _test_path_replaces_the_default_fraction(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("test_path") and "test_fraction" not in given:
            return {**given, "test_fraction": None}
        return given

    def rules(self) -> Iterator[tuple[str, str]]:
        for key, path in (("path", self.path), ("test_path", self.test_path)):
            if any("\ud800" <= character <= "\udfff" for character in str(path)):
                yield key, "its name, or that of a folder above it, isn't UTF-8: rename it"
        if self.test_path is not None and self.test_fraction is not None:
            yield "test_path", "excludes test_fraction; keep one of the two"
        if self.test_path is None and self.test_fraction is None:
            yield "test_fraction", "expected a number > 0 and < 1, or a test_path instead"
        if self.test_sha256 is not None and self.test_path is None:
            yield "test_sha256", "needs test_path, the file whose hash it is"
