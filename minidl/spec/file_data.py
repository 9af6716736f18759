"""What data from a file has in common: the path, and which rows validate and test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from minidl.spec.component import Component, Expect, Seed, one_or_list
from minidl.spec.paths import STDIN

TestFraction = Annotated[float, Field(gt=0, lt=1)]
Task = Literal["auto", "classification", "regression"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), Expect("64 hexadecimal digits")]


_PATHS = Expect("a path, or a list of paths")
Paths = Annotated[
    Annotated[Path, _PATHS, Tag("one")]
    | Annotated[
        tuple[Annotated[Path, Expect("a path", "paths")], ...],
        Field(min_length=1),
        _PATHS,
        Tag("list"),
    ],
    Discriminator(one_or_list),
    _PATHS,
]


def each(paths: Path | tuple[Path, ...] | None) -> tuple[Path, ...]:
    """What a config names, as a list."""
    return paths if isinstance(paths, tuple) else () if paths is None else (paths,)


class AnyOrigin(Component):
    """The base of all data."""

    seed: Seed = Field(None, description="Draws or splits the data; by the run's if left out.")

    @property
    def validation_key(self) -> str | None:
        """The option that sets a validation part apart; None where none is."""
        keys = ("validation", "validation_fraction", "validation_path")
        return next((key for key in keys if getattr(self, key, None)), None)

    @property
    def selection_part(self) -> str:
        """The part that choices look at: the validation part, or the test part where none is."""
        return "val" if self.validation_key else "test"


class Divided(AnyOrigin):
    """The base of data with a fixed number of rows, of which some are kept for testing."""

    folds: int | None = Field(
        None, ge=2, description="Divides the rows into so many folds, each of which tests once."
    )
    fold: int | None = Field(
        None, ge=1, description="Which of the folds tests, from 1; `minidl sweep` trains them all."
    )

    @property
    def chosen_fold(self) -> tuple[int, int] | None:
        """The fold that tests, and of how many."""
        return None if self.folds is None or self.fold is None else (self.fold, self.folds)

    @model_validator(mode="before")
    @classmethod
    def _other_test_rows_replace_the_default_fraction(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "test_fraction" in given:
            return given
        replaced = given.get("test_path") or given.get("folds")
        return {**given, "test_fraction": None} if replaced else given

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.folds is None:
            if self.fold is not None:
                yield "fold", "needs folds, how many there are"
            return
        for key in ("test_fraction", "test_path"):
            if getattr(self, key, None) is not None:
                yield "folds", f"excludes {key}: each fold tests in its turn"
        if self.fold is None:
            yield (
                "folds",
                f"needs fold, which tests; `minidl sweep --folds {self.folds}` trains all",
            )
        elif self.fold > self.folds:
            yield "fold", f"expected a number from 1 to {self.folds}, but got {self.fold}"


class FileData(Divided):
    path: Paths = Field(
        description="The file, from the config's folder; several, a pattern, or - (standard input)."
    )
    test_fraction: TestFraction | None = Field(
        0.2, description="The share of rows kept for testing; not beside test_path or folds."
    )
    test_path: Paths | None = Field(None, description="A file of its own for testing.")
    validation_fraction: TestFraction | None = Field(
        None, description="The share of the rows that don't test kept for validation."
    )
    validation_path: Paths | None = Field(None, description="A file of its own for validation.")
    task: Task = Field("auto", description="What to learn; auto: by the target's values.")
    sha256: Digest | None = Field(None, description="The hash of the file that is meant.")
    test_sha256: Digest | None = Field(None, description="The hash of the file for testing.")
    validation_sha256: Digest | None = Field(
        None, description="The hash of the file for validation."
    )

    @property
    def files(self) -> dict[str, Paths]:
        """The files that are given, by their keys."""
        keys = ("path", "validation_path", "test_path")
        return {key: paths for key in keys if (paths := getattr(self, key)) is not None}

    @staticmethod
    def hash_key(key: str) -> str:
        """The key of the hash that belongs to one of `files`."""
        return key.replace("path", "sha256")

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from super().rules()
        for key, paths in self.files.items():
            if any(
                "\ud800" <= character <= "\udfff" for path in each(paths) for character in str(path)
            ):
                yield key, "its name, or that of a folder above it, isn't UTF-8: rename it"
        piped = [key for key, paths in self.files.items() for one in each(paths) if one == STDIN]
        if len(piped) > 1:
            yield piped[-1], "standard input can be read but once: save a file"
        if self.test_path is not None and self.test_fraction is not None:
            yield "test_path", "excludes test_fraction; keep one of the two"
        if self.test_path is None and self.test_fraction is None and self.folds is None:
            yield "test_fraction", "expected a number > 0 and < 1, or a test_path instead"
        if self.validation_path is not None and self.validation_fraction is not None:
            yield "validation_path", "excludes validation_fraction; keep one of the two"
        for part in ("test", "validation"):
            if getattr(self, f"{part}_sha256") is not None and f"{part}_path" not in self.files:
                yield f"{part}_sha256", f"needs {part}_path, the file whose hash it is"
