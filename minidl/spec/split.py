"""How a table's rows are divided into training, validation and test part."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.component import Component, Group, Text


class _Split(Component):
    @property
    def by(self) -> str | None:
        """The column that it looks at."""
        column: str | None = getattr(self, "column", None)
        return column


class RandomSplit(_Split):
    """Any row in any part."""

    type: Literal["random"] = "random"


class StratifiedSplit(_Split):
    """Each class, or each word of a column, in proportion."""

    short: ClassVar[str] = "column"

    type: Literal["stratified"] = "stratified"
    column: Text | None = Field(None, min_length=1, description="The target if left out.")


class GroupSplit(_Split):
    """Rows with the same word in a column, such as a patient, stay in one part."""

    short: ClassVar[str] = "column"

    type: Literal["group"] = "group"
    column: Text = Field(
        min_length=1, description="The column of the group; no input unless features lists it."
    )


class TimeSplit(_Split):
    """The last rows test, those before them validate."""

    short: ClassVar[str] = "column"

    type: Literal["time"] = "time"
    column: Text = Field(
        min_length=1,
        description="The column of the time, dates or numbers; no input unless features lists it.",
    )
    format: Text | None = Field(
        None, description='How dates are written, such as "%d.%m.%Y"; as 2025-01-31 if left out.'
    )


AnySplit = RandomSplit | StratifiedSplit | GroupSplit | TimeSplit
Split = Annotated[
    AnySplit,
    Field(discriminator="type"),
    Group("split", "a split", AnySplit, "How a table's rows are divided, under data.split."),
]
