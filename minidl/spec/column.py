"""The columns of a table: what each is taken for, and how it becomes numbers."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.component import Component, Expect, Group, Part, Text, one_or_mapping

Scale = Literal["standard", "robust", "minmax", "quantile", "log", "none"]
FillNumber = Literal["error", "drop", "mean", "median", "zero"]
FillCategory = Literal["error", "drop", "category"]
Unknown = Literal["error", "other"]
Kind = Literal["number", "category", "ordinal", "boolean", "date", "text", "cyclic"]
DatePart = Literal["year", "month", "day", "weekday", "hour", "days"]
Texts = tuple[Text, ...]


class MissingByKind(Part):
    """What becomes of missing values, for numbers, for words and in the target."""

    number: FillNumber = Field("error", description="Of numbers, dates and what has an order.")
    category: FillCategory = Field("error", description="Of words: category makes them one.")
    target: Literal["error", "drop"] = Field("error", description="Of the column to predict.")


_MISSING = Expect(
    "error, drop, mean, median, zero or category, or {number: …, category: …, target: …}"
)
Missing = Annotated[
    Annotated[Literal["error", "drop", "mean", "median", "zero", "category"], _MISSING, Tag("one")]
    | Annotated[MissingByKind, Tag("mapping")],
    Discriminator(one_or_mapping),
    _MISSING,
]


class Rare(Part):
    """Words that are too rare to learn from: they become the category `other`."""

    min_count: int = Field(ge=2, description="The fewest rows of the training part for its own.")


class _Column(Component):
    missing_values: Texts | None = Field(
        None, description="Cells that stand for a missing value, beside the table's."
    )


class _Ordered(_Column):
    missing: FillNumber | None = Field(None, description="As the table's `missing`.")
    indicator: bool | None = Field(None, description="An input more: 1 where it was missing.")


class NumberColumn(_Ordered):
    """Numbers, scaled."""

    type: Literal["number"] = "number"
    scale: Scale | None = Field(None, description="How it is scaled; as the table if left out.")
    strip: Texts = Field((), description='Texts that are no part of the number, such as "$".')


class CyclicColumn(_Ordered):
    """Numbers on a circle, such as hours or degrees: two inputs, cosine and sine."""

    short: ClassVar[str] = "period"

    type: Literal["cyclic"] = "cyclic"
    period: float = Field(gt=0, description="After how much it begins anew, such as 24 or 360.")
    strip: Texts = Field((), description='Texts that are no part of the number, such as "°".')


class BooleanColumn(_Ordered):
    """Yes or no, true or false, 1 or 0: one input, 1 or 0."""

    type: Literal["boolean"] = "boolean"


class OrdinalColumn(_Ordered):
    """Words with an order: one input, their rank."""

    short: ClassVar[str] = "order"

    type: Literal["ordinal"] = "ordinal"
    order: Texts = Field(min_length=2, description="All words, from the lowest to the highest.")
    scale: Scale | None = Field(None, description="How it is scaled; as the table if left out.")

    def rules(self) -> Iterator[tuple[str, str]]:
        for index, word in enumerate(self.order):
            if word in self.order[:index]:
                yield f"order[{index}]", f"{word!r} is given twice"


class DateColumn(_Ordered):
    """Dates, as parts; those that come again (month, day, weekday, hour) on a circle."""

    short: ClassVar[str] = "format"

    type: Literal["date"] = "date"
    format: Text | None = Field(
        None, description='Such as "%d.%m.%Y %H:%M" (strptime); ISO 8601 if left out.'
    )
    parts: tuple[DatePart, ...] = Field(
        ("days", "month", "weekday"),
        min_length=1,
        description="What is taken from it; days: since the first of the training part.",
    )


class CategoryColumn(_Column):
    """Words, or numbers that are names: an input for each."""

    type: Literal["category"] = "category"
    missing: FillCategory | None = Field(None, description="As the table's `missing`.")
    rare: Rare | None = Field(None, description="As the table's `rare`.")
    max_categories: int | None = Field(None, ge=1, description="As the table's `max_categories`.")
    unknown: Unknown | None = Field(None, description="As the table's `unknown`.")


class TextColumn(_Column):
    """Free text as a bag of words: an input for each word, 1 where the text has it."""

    type: Literal["text"] = "text"
    missing: FillCategory | None = Field(None, description="category: no words.")
    words: int = Field(200, ge=1, le=10_000, description="The most frequent words that count.")
    hashed: bool = Field(False, description="Words share `words` inputs by a hash.")


AnyColumn = (
    NumberColumn
    | CategoryColumn
    | OrdinalColumn
    | BooleanColumn
    | DateColumn
    | TextColumn
    | CyclicColumn
)
Column = Annotated[
    AnyColumn,
    Field(discriminator="type"),
    Group("column", "a kind of column", AnyColumn, "What a column of a table is taken for."),
]


class Types(Part):
    """Columns by their kind, each with the kind's own defaults; names or patterns."""

    number: Texts = Field((), description="Columns of numbers.")
    category: Texts = Field((), description="Columns of words, or of numbers that are names.")
    boolean: Texts = Field((), description="Columns of yes and no.")
    date: Texts = Field((), description="Columns of dates.")
    text: Texts = Field((), description="Columns of free text.")
