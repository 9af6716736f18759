"""A config file → a Spec, or every problem in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from minidl.errors import ConfigError, Problem
from minidl.spec.expand import expand
from minidl.spec.loader import load, read_text
from minidl.spec.nodes import Mapping, Node, Place, Scalar, plain, show_node
from minidl.spec.overrides import apply
from minidl.spec.problems import in_order, problems_of
from minidl.spec.shape import Shape
from minidl.spec.spec import MAX_NAME_BYTES, Spec
from minidl.spec.study import read_report
from minidl.store.names import clean_name


def load_spec(path: str | Path, overrides: Sequence[str] = ()) -> Spec:
    """Reads a config file.

    `overrides` are changes such as "optimizer.lr=0.01". Relative paths in the file start in its
    folder, those in overrides in the current one. Raises ConfigError with every problem found; a
    `sweep:` block is one.
    """
    path = Path(path)
    return parse_spec(read_text(path), str(path), overrides, path.parent)


def parse_spec(
    text: str,
    file: str = "config",
    overrides: Sequence[str] = (),
    folder: Path | None = None,
) -> Spec:
    """Reads a config from a text, which messages call `file`; its paths start in `folder`."""
    problems: list[Problem] = []
    shape = Shape(Spec)
    root = full_form(text, Place(file, folder=folder or Path()), shape, problems)
    for override in outermost_first(overrides):
        apply(root, override, shape, problems)
        root = full_form(root, root.place, shape, problems)
    _take_out_other_blocks(root, problems)
    return validated(root, Path(file), problems)


def outermost_first(overrides: Sequence[str]) -> list[str]:
    """Whole components before the keys in them: `optimizer.lr=1 optimizer=adam` means both."""
    return sorted(overrides, key=lambda override: override.partition("=")[0].count("."))


def full_form(given: str | Mapping, start: Place, shape: Shape, problems: list[Problem]) -> Mapping:
    """A config's text, or nodes that were changed, with every short form written out."""
    root = given
    if isinstance(root, str):
        root = _root(load(root, start, problems), start, problems)
    node = expand(root, shape)
    assert isinstance(node, Mapping)
    return node


def validated(root: Mapping, file: Path, problems: list[Problem]) -> Spec:
    """The Spec of nodes in full form. Raises ConfigError with what was found before and here."""
    if "name" not in root.items:
        name = clean_name(file.stem, MAX_NAME_BYTES)
        root.items["name"] = Scalar(name, name, root.place)
    try:
        spec = Spec.model_validate(plain(root))
    except ValidationError as error:
        problems.extend(problems_of(error, root, Spec))
    if problems:
        raise ConfigError(in_order(problems))
    spec._source = root
    return spec


def _root(node: Node | None, start: Place, problems: list[Problem]) -> Mapping:
    """The document, which must be a mapping."""
    if isinstance(node, Mapping):
        return node
    if node is None:
        raise ConfigError(
            [*problems, start.problem("is empty; `minidl new` writes a config to start from")]
        )
    message = f"expected a mapping of keys such as data and model, but got {show_node(node)}"
    raise ConfigError([*problems, node.place.problem(message)])


def _take_out_other_blocks(root: Mapping, problems: list[Problem]) -> None:
    """`report` doesn't concern a run, but must be right; `sweep` makes it a sweep."""
    read_report(root.items.pop("report", None), problems)
    if root.items.pop("sweep", None) is not None:
        message = "describes many runs, but this command does one; use `minidl sweep CONFIG`"
        problems.append(root.keys["sweep"].problem(message, "sweep"))
