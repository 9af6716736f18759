"""A config with a `sweep:` block, and overrides with commas, → the specs of a sweep's members."""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, Problem
from minidl.spec.base import document
from minidl.spec.folds import first_of, without_folds
from minidl.spec.given import Overrides, given_overrides, given_text
from minidl.spec.loader import MAX_INTEGER, load, read_text
from minidl.spec.member import Member, member_of
from minidl.spec.nodes import (
    Key,
    Mapping,
    Node,
    Place,
    Scalar,
    child,
    clone,
    parse_key,
    plain,
)
from minidl.spec.overrides import COMMAND_LINE, apply, assign, shape_of, swept_values
from minidl.spec.parse import full_form, validated
from minidl.spec.problems import in_order
from minidl.spec.search import AnySearch, TpeSearch, settled
from minidl.spec.shape import Shape
from minidl.spec.space import Drawn, Space
from minidl.spec.spec import Spec
from minidl.spec.study import read_report
from minidl.spec.sweep_block import Assignment, SweepBlock

# A typing mistake in a range shouldn't fill the disk.
MAX_MEMBERS = 100_000
MAX_BROKEN = 20  # members whose problems are collected before giving up


@dataclass(frozen=True)
class Sweep:
    """All members; `base` is the config without its `sweep` and `report` blocks, plain values.

    `repeated` counts the points whose run is another point's too: it is trained once. `search` has
    the metric that it looks at, and `space` what it draws from. Where it `proposes` its trials by
    results, `members` are examples, by which the space was checked.
    """

    name: str
    base: dict[str, Any]
    block: dict[str, Any]
    report: Any
    members: tuple[Member, ...]
    repeated: int = 0
    search: AnySearch | None = None
    space: Space | None = None

    @property
    def proposes(self) -> bool:
        """Whether its members aren't known before others have trained."""
        return isinstance(self.search, TpeSearch)


def load_sweep(
    config: str | PathLike[str] | abc.Mapping[str, Any],
    overrides: Overrides = (),
    repeats: int | None = None,
    watch: Callable[[int, int], None] = lambda read, count: None,
    runs_dir: Path | None = None,
    folds: int | None = None,
) -> Sweep:
    """The sweep that a config describes, a file or a dict, with changes from the command line.

    An override with a comma outside brackets and quotes is a list of values to sweep over; it
    replaces the same key of the block, and so do `repeats` and `folds`. `watch` is told now and
    then how many members are read, and of how many. `runs_dir` is where the sweep's folder lies:
    members are named after where their files are as seen from it, so that all can move together.
    Raises ConfigError with every problem.
    """
    (text, path), problems = given_text(config), list[Problem]()
    shape = Shape(Spec)
    root = document(text, Place(str(path), folder=path.parent), shape, problems)
    blocks = {name: root.items.pop(name, None) for name in Spec.blocks}
    block = SweepBlock(blocks["sweep"], problems)
    read_report(blocks["report"], problems)  # its mistakes should show before the training
    for override in given_overrides(overrides):
        key, equals, text = override.partition("=")
        block.forget(key.strip())
        place = Place(COMMAND_LINE, folder=Path.cwd(), override=override)
        try:
            values = swept_values(text) if equals else None
        except ValueError as error:
            problems.append(place.problem(str(error), key.strip()))
            continue
        if values is not None:
            block.grid[key.strip()] = _nodes(values, place, problems)
        else:
            apply(root, override, shape, problems)
            root = full_form(root, shape)
    if repeats is not None:
        block.repeats = repeats
    if folds is not None:
        block.folds = Scalar(folds, str(folds), Place(COMMAND_LINE, override=f"--folds {folds}"))
    block.check()
    if problems:
        raise ConfigError(in_order(problems))
    return _plan(path, root, block, blocks["report"], shape, watch, runs_dir)


def count_members(path: Path) -> int:
    """How many members the file's sweep has at most: one that comes twice is counted twice."""
    problems: list[Problem] = []
    root = document(read_text(path), Place(str(path), folder=path.parent), Shape(Spec), problems)
    return SweepBlock(root.items.get("sweep"), problems).count()


def _nodes(pieces: Sequence[str], place: Place, problems: list[Problem]) -> list[Node]:
    if any(not piece.strip() for piece in pieces):
        problems.append(place.problem("has an empty value between commas"))
        return []
    return [load(piece, place, problems) or Scalar(None, "", place) for piece in pieces]


def _plan(
    path: Path,
    root: Mapping,
    block: SweepBlock,
    report: Node | None,
    shape: Shape,
    watch: Callable[[int, int], None],
    runs_dir: Path | None,
) -> Sweep:
    if block.count() > MAX_MEMBERS:
        message = f"has {block.count():,} members, more than the {MAX_MEMBERS:,} that one may have"
        raise ConfigError([Problem(message, "sweep", str(path))])
    members: dict[str, Member] = {}
    trials: dict[str, int] = {}
    full: dict[int, Node] = {}  # of the block's nodes
    problems: list[Problem] = []
    broken = repeated = read = 0

    def made(assignment: Assignment) -> list[Member]:
        spec, swept = _member_spec(path, root, assignment, shape, block.folds)
        if spec.seed + block.repeats - 1 > MAX_INTEGER:
            message = f"with {block.repeats:,} repeats goes beyond {MAX_INTEGER}"
            raise ConfigError([spec.problem("seed", message)])
        for key, node in assignment:
            full[id(node)] = swept[key]
        return [
            member_of(spec, swept, (repeat, block.repeats), fold, runs_dir)
            for repeat, fold in block.runs()
        ]

    for assignment in block.assignments():
        try:
            found = made(assignment)
        except ConfigError as error:
            problems += error.problems
            broken += 1
            if broken >= MAX_BROKEN:
                break
            continue
        for member in found:
            if block.search:
                point = {k: v for k, v in member.values.items() if k not in ("seed", "data.fold")}
                member = replace(member, trial=trials.setdefault(repr(point), len(trials)))
            read += 1
            repeated += member.name in members
            members.setdefault(member.name, member)
        watch(read, max(read, block.count()))
    if problems:
        raise ConfigError(in_order(problems))
    specs = [member.spec for member in members.values()]
    search = block.search and settled(block.search, specs, block.keys)
    base = {"name": specs[0].name, **plain(root)}
    drawing = plain(report) if report else None
    whole = block.plain(full)
    space = Space(block.random, made) if search and block.random else None
    if isinstance(search, TpeSearch):
        repeated = 0
    return Sweep(base["name"], base, whole, drawing, (*members.values(),), repeated, search, space)


def _member_spec(
    path: Path, root: Mapping, assignment: Assignment, shape: Shape, folds: Scalar | None
) -> tuple[Spec, dict[str, Node]]:
    """The base with each value put under its key, checked like a config of its own.

    With folds it is the first of them. Also the values in full form, as they stand there.
    """
    node, problems = clone(root), list[Problem]()
    assert isinstance(node, Mapping)
    full: dict[str, Node] = {}
    # A whole component goes before the keys deep in it, whichever is written first.
    values = sorted([*first_of(folds), *assignment], key=lambda pair: len(parse_key(pair[0]) or ()))
    for key, value in values:
        parsed = parse_key(key)
        if parsed is None or not isinstance(parsed[0], str):
            raise ConfigError([value.place.problem("expected a key such as optimizer.lr", key)])
        if value is folds and (message := without_folds(node, shape)):
            raise ConfigError([value.place.problem(message, "sweep.folds")])
        if message := assign(node, parsed, clone(value), shape):
            raise ConfigError([value.place.problem(message, key)])
        if isinstance(value, Drawn) and (at := shape_of(node, parsed, shape)) and at.type is int:
            assign(node, parsed, value.rounded(), shape)
        node = full_form(node, shape)
        full[key] = clone(_at(node, parsed))
    spec = validated(node, path, problems)
    _refuse_fixed_rates(spec, full)
    return spec, {key: full[key] for key, _ in assignment}


def _refuse_fixed_rates(spec: Spec, swept: Iterable[str]) -> None:
    """Milestones that name rates would make the members of a swept lr alike."""
    if "optimizer.lr" not in swept or any(key.startswith("schedule") for key in swept):
        return
    pairs = [m for m in getattr(spec.schedule, "milestones", ()) if isinstance(m, tuple)]
    if pairs:
        epochs, rates = zip(*pairs, strict=True)
        factor = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1)) if len(rates) > 1 else 0.1
        message = (
            "name rates, whatever the swept optimizer.lr is: add schedule=constant, or "
            f"'schedule={{type: multistep, milestones: {[*epochs]}, factor: {factor:.2g}}}'"
        )
        raise ConfigError([spec.problem("schedule.milestones", message)])


def _at(node: Node, key: Key) -> Node:
    for part in key:
        inner = child(node, part)
        assert inner is not None
        node = inner
    return node
