"""A table of one's own: how its file is written, and what its columns become."""

import codecs
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.column import Column, Missing, Rare, Scale, Texts, Types, Unknown
from minidl.spec.component import Expect, Text, one_or_list
from minidl.spec.file_data import FileData
from minidl.spec.split import Split

_HEADER = Expect("true, false, or a list of names")
Header = Annotated[
    Annotated[bool, _HEADER, Tag("one")]
    | Annotated[tuple[Text, ...], Field(min_length=1), _HEADER, Tag("list")],
    Discriminator(one_or_list),
    _HEADER,
]
_ONE_CHARACTER = "one character, not a quote or a line end"


class CsvData(FileData):
    """A table of one's own: columns of numbers, words, dates …, and one to predict."""

    type: Literal["csv"] = "csv"
    target: Text = Field(min_length=1, description="The column to predict.")
    features: Texts | None = Field(
        None,
        min_length=1,
        description='The input columns, also patterns ("x_*"); all but the target if left out.',
    )
    drop: Texts = Field((), description='Columns that are left out, also patterns ("x_*").')
    columns: Annotated[dict[Text, Column], Expect("a mapping of columns to their kinds")] = Field(
        {}, description="What columns are, by their names or by patterns; else by their cells."
    )
    types: Types = Field(Types(), description="Columns by their kind: {category: [zip], …}.")
    split: Split | None = Field(
        None,
        description="How rows are divided; stratified by the class, else random if left out.",
    )
    standardize: bool = Field(
        True, description="Scale columns of numbers, the target too, to mean 0 and std 1."
    )
    scale: Scale | None = Field(
        None, description="How columns of numbers are scaled; null: by `standardize`."
    )
    missing_values: Texts | None = Field(
        None, description="Cells that stand for a missing value, beside the empty; null: NaN."
    )
    missing: Missing = Field(
        "error", description="A missing value: an error, its row dropped, or what stands in for it."
    )
    indicator: bool = Field(
        False, description="Another input for each column of numbers with gaps: 1 in these."
    )
    unknown: Unknown = Field("error", description="A word that the training never saw.")
    rare: Rare | None = Field(None, description="Rare words become the category other.")
    max_categories: int | None = Field(
        None, ge=1, description="The most frequent words of a column; the rest is other."
    )
    delimiter: Annotated[str, Expect(f"{_ONE_CHARACTER}, or whitespace")] = Field(
        ",",
        pattern=r'^([^"\r\n\x00]|whitespace)$',
        description="What separates the columns; whitespace: any number of blanks or tabs.",
    )
    decimal: Annotated[Literal[".", ","], Expect('"." or ","')] = Field(
        ".", description="What stands before a number's fraction."
    )
    thousands: (
        Annotated[Literal[",", ".", "'", " ", "_"], Expect('",", ".", "\'", " " or "_"')] | None
    ) = Field(None, description="What stands between a number's groups of three digits.")
    encoding: Text = Field(
        "utf-8",
        pattern=r"^[A-Za-z0-9_.:-]{1,40}$",
        description="How its text is written, such as latin-1 or utf-16.",
    )
    header: Header = Field(True, description="Whether its first row has the names; or the names.")
    skip_rows: int = Field(0, ge=0, le=1_000_000, description="Lines before the table.")
    comment: Annotated[str, Expect(_ONE_CHARACTER)] | None = Field(
        None, pattern=r'^[^"\r\n\x00]$', description="Lines that begin with it are no rows."
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from super().rules()
        for index, feature in enumerate(self.features or ()):
            if feature == self.target:
                yield f"features[{index}]", f"the target {feature!r} can't be a feature too"
            elif feature in (self.features or ())[:index]:
                yield f"features[{index}]", f"the feature {feature!r} is given twice"
        if self.target in self.drop:
            yield f"drop[{self.drop.index(self.target)}]", f"the target {self.target!r} is needed"
        if self.target in self.columns and self.columns[self.target].type != "number":
            yield "columns", f"of the target {self.target!r} `task` says what it is, or number"
        shares = (self.test_fraction, self.validation_fraction, self.folds)
        if self.split is not None and not any(shares):
            yield "split", "divides nothing: set test_fraction or validation_fraction"
        if self.thousands == self.decimal:
            yield "thousands", f"is the decimal sign, too: {self.decimal!r}"
        if not is_encoding(self.encoding):
            yield "encoding", f"there is no text encoding {self.encoding!r}"
        if not self.standardize and self.scale not in (None, "none"):
            yield "scale", "scales, but `standardize: false` says not to; keep one of the two"


def is_encoding(name: str) -> bool:
    """Whether Python knows a text encoding of that name."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return bool(getattr(found, "_is_text_encoding", True)) and name.lower() != "idna"
