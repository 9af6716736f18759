"""Columns of words: categories, an input for each, and free text as a bag of words."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from minidl.data.cells import Fault, Notation, number_advice, places, too_many_kinds
from minidl.data.dataset import Floats, Integers
from minidl.data.messages import listed, quoted
from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.data.cells import Cells
    from minidl.data.plan import Plan

OTHER, MISSING = "other", "missing"
MOST_WORDS = 10_000
_WORD = re.compile(r"\w+")


class IndicatorColumn:
    """Inputs that are 0 or 1, which need no scale."""

    def to_inputs(self, raw: Floats) -> Floats:
        return raw

    def to_raw(self, inputs: Floats) -> Floats:
        return inputs


@dataclass(frozen=True)
class CategoricalColumn(IndicatorColumn):
    """One input per category: 1 for the cell's own, 0 for the others.

    others: the words that share the category `other`, which stands last but `missing`.
    unknown_fits, missing_fits: whether a word that isn't known, or none, isn't an error. It is
    `other` or `missing` where these are among the categories; else all inputs are 0.
    """

    kind: ClassVar[str] = "categorical"

    name: str
    categories: tuple[str, ...]
    others: bool = False
    unknown_fits: bool = False
    missing_fits: bool = False

    @classmethod
    def fit(cls, cells: Cells, plan: Plan, training: Integers, file: str) -> Self:
        """The words of all cells, sorted; which are rare, the `training` rows say."""
        words = sorted({str(cell) for cell in cells.dropna()})
        name = quoted(cells.name)
        if not words:
            raise DataError(f"{file}: column {name} holds no value: remove it (`drop`)")
        limited = plan.min_count > 1 or plan.max_categories is not None
        if not limited and too_many_kinds(len(words), len(cells)):
            raise DataError(
                f"{file}: column {name} holds {len(words)} different texts in {len(cells)} rows,"
                f" such as {quoted(words[0])}: too many for categories; leave the column out"
                " (`drop`), take its most frequent (`max_categories`), or make numbers of them"
                f"{number_advice(words[0])}"
            )
        kept = words
        if limited:
            counts = Counter(str(cell) for cell in cells.iloc[training].dropna())
            frequent = [w for w in words if counts[w] >= plan.min_count]
            frequent.sort(key=lambda word: -counts[word])
            kept = sorted(frequent[: plan.max_categories])
        others = len(kept) < len(words)
        missing = plan.missing == "category"
        own = [word for word in kept if not (others and word == OTHER)]
        own += [OTHER] if others else []
        if missing and cells.isna().any():
            own = [*(word for word in own if word != MISSING), MISSING]
        return cls(
            str(cells.name),
            tuple(own),
            others,
            unknown_fits=others or plan.unknown == "other",
            missing_fits=missing,
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, cells: Cells, notation: Notation, out: Floats) -> list[Fault]:
        """Cells (N,) into `out` (N, categories), of zeros; returns where that can't be done."""
        index = {category: i for i, category in enumerate(self.categories)}
        gaps = cells.isna().to_numpy()
        other = index[OTHER] if self.others else -1
        found = places(cells, lambda cell: index.get(str(cell), other))
        found[gaps] = index.get(MISSING, -1) if self.missing_fits else -1
        rows = np.flatnonzero(found >= 0)
        out[rows, found[rows]] = 1
        faults, known = [], listed(self.categories)
        if gaps.any() and not self.missing_fits:
            faults.append(Fault(gaps, lambda text: "missing value: a category is needed here"))
        unknown = (found < 0) & ~gaps
        if unknown.any() and not self.unknown_fits:
            faults.append(
                Fault(unknown, lambda text: f"unknown category {quoted(text)}; known are {known}")
            )
        return faults

    @classmethod
    def restored(cls, values: dict[str, Any]) -> Self:
        """From the values of a JSON file. Raises KeyError, TypeError and ValueError."""
        values["categories"] = tuple(str(category) for category in values["categories"])
        column = cls(**values)
        if column.others and OTHER not in column.categories:
            raise ValueError(f"column {quoted(column.name)} has no category {OTHER!r}")
        return column


@dataclass(frozen=True)
class TextColumn(IndicatorColumn):
    """A bag of words: 1 for each word of `vocabulary` that the text has.

    Without a vocabulary a word's CRC-32 modulo `hashed` says which input it sets.
    """

    kind: ClassVar[str] = "text"

    name: str
    vocabulary: tuple[str, ...] = ()
    hashed: int = 0
    missing_fits: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.hashed <= MOST_WORDS:
            raise ValueError(f"words share at most {MOST_WORDS} inputs")

    @classmethod
    def fit(cls, cells: Cells, plan: Plan, training: Integers, file: str) -> Self:
        """The words that the most of the `training` rows have."""
        fits = plan.missing == "category"
        if plan.hashed:
            return cls(str(cells.name), hashed=plan.words, missing_fits=fits)
        counts = Counter(
            word for cell in cells.iloc[training].dropna() for word in _words(str(cell))
        )
        frequent = sorted(counts, key=lambda word: (-counts[word], word))[: plan.words]
        if not frequent:
            raise DataError(
                f"{file}: column {quoted(cells.name)} holds no word: remove it (`drop`)"
            )
        return cls(str(cells.name), tuple(sorted(frequent)), missing_fits=fits)

    @property
    def feature_names(self) -> tuple[str, ...]:
        words: Iterable[object] = self.vocabulary or range(self.hashed)
        return tuple(f"{self.name}~{word}" for word in words)

    def encode(self, cells: Cells, notation: Notation, out: Floats) -> list[Fault]:
        """Cells (N,) into `out` (N, words), of zeros; returns where that can't be done."""
        index = {word: i for i, word in enumerate(self.vocabulary)}
        gaps = cells.isna().to_numpy()
        for row, cell in enumerate(cells):
            if gaps[row]:
                continue
            for word in _words(str(cell)):
                place = zlib.crc32(word.encode()) % self.hashed if self.hashed else index.get(word)
                if place is not None:
                    out[row, place] = 1
        if gaps.any() and not self.missing_fits:
            return [Fault(gaps, lambda text: "missing value: a text is needed here")]
        return []

    @classmethod
    def restored(cls, values: dict[str, Any]) -> Self:
        """From the values of a JSON file. Raises KeyError, TypeError and ValueError."""
        values["vocabulary"] = tuple(str(word) for word in values["vocabulary"])
        return cls(**values)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
