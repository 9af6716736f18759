"""A study's config → its `report:` block, or every problem in it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from minidl.errors import ConfigError, Problem
from minidl.spec.base import document
from minidl.spec.component import Part
from minidl.spec.expand import expand
from minidl.spec.loader import read_text
from minidl.spec.nodes import Mapping, Node, Place, Scalar, plain
from minidl.spec.problems import in_order, problems_of
from minidl.spec.report import Report
from minidl.spec.search import AnySearch, read_search
from minidl.spec.shape import Shape
from minidl.spec.spec import Spec


class _Study(Part):
    report: Report = Field(description="The tables and figures of the study.")


def load_report(path: str | Path) -> Report | None:
    """The `report:` block of a config, None where it has none; the other blocks are not checked.

    Raises ConfigError with every problem of the block.
    """
    problems: list[Problem] = []
    root = _document(Path(path), problems)
    report = read_report(root.items.get("report"), problems)
    if problems:
        raise ConfigError(in_order(problems))
    return report


def load_search(path: str | Path) -> AnySearch | None:
    """The `search:` block of a sweep's config, None where it has none."""
    problems: list[Problem] = []
    sweep = _document(Path(path), problems).items.get("sweep")
    block = sweep.items.get("search") if isinstance(sweep, Mapping) else None
    search = read_search(block, problems) if block else None
    if problems:
        raise ConfigError(in_order(problems))
    return search


def _document(path: Path, problems: list[Problem]) -> Mapping:
    return document(read_text(path), Place(str(path), folder=path.parent), Shape(Spec), problems)


def read_report(block: Node | None, problems: list[Problem]) -> Report | None:
    """The block as it was taken out of a config; what is wrong with it joins `problems`."""
    if block is None or (isinstance(block, Scalar) and block.value is None):
        return None
    whole = Mapping({"report": block}, {"report": block.place}, block.place)
    expanded = expand(whole, Shape(_Study))
    assert isinstance(expanded, Mapping)
    try:
        report = _Study.model_validate(plain(expanded)).report
    except ValidationError as error:
        problems.extend(problems_of(error, expanded, _Study))
        return None
    report._source = expanded
    return report
