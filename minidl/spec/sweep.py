"""A config with a `sweep:` block, and overrides with commas, → the specs of a sweep's members."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, Problem
from minidl.spec.load import full_form, validated
from minidl.spec.loader import MAX_INTEGER, load, read_text
from minidl.spec.nodes import Key, Mapping, Node, Place, Scalar, child, clone, parse_key, plain
from minidl.spec.overrides import COMMAND_LINE, apply, assign, shape_of, swept_values
from minidl.spec.problems import in_order
from minidl.spec.shape import Shape
from minidl.spec.spec import Spec
from minidl.spec.study import read_report
from minidl.spec.sweep_block import Assignment, Drawn, SweepBlock

# A typing mistake in a range shouldn't fill the disk.
MAX_MEMBERS = 100_000
MAX_BROKEN = 20  # members whose problems are collected before giving up
MAX_SLUG_BYTES = 80  # of a member's name, which its folder has too


@dataclass(frozen=True)
class Member:
    """One run of a sweep. `values` are those of the swept keys, `seed` among them if repeated."""

    name: str
    spec: Spec
    values: dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """All members; `base` is the config without its `sweep` and `report` blocks, plain values.

    `repeated` counts the points whose run is another point's too: it is trained once.
    """

    name: str
    base: dict[str, Any]
    block: dict[str, Any]
    report: Any
    members: tuple[Member, ...]
    repeated: int = 0


def load_sweep(
    path: str | Path,
    overrides: Sequence[str] = (),
    repeats: int | None = None,
    watch: Callable[[int, int], None] = lambda read, count: None,
) -> Sweep:
    """The sweep that a config file describes, with changes from the command line.

    An override with a comma outside brackets and quotes is a list of values to sweep over; it
    replaces the same key of the block, and so does `repeats`. `watch` is told now and then how many
    members are read, and of how many. Raises ConfigError with every problem.
    """
    path, problems = Path(path), list[Problem]()
    shape = Shape(Spec)
    root = full_form(read_text(path), Place(str(path), folder=path.parent), shape, problems)
    blocks = {name: root.items.pop(name, None) for name in Spec.blocks}
    block = SweepBlock(blocks["sweep"], problems)
    read_report(blocks["report"], problems)  # its mistakes should show before the training
    for override in overrides:
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
            root = full_form(root, root.place, shape, problems)
    if repeats is not None:
        block.repeats = repeats
    if problems:
        raise ConfigError(in_order(problems))
    return _plan(path, root, block, blocks["report"], shape, watch)


def count_members(path: Path) -> int:
    """How many members the file's sweep has at most: one that comes twice is counted twice."""
    problems: list[Problem] = []
    root = load(read_text(path), Place(str(path), folder=path.parent), problems)
    return SweepBlock(child(root, "sweep") if root else None, problems).count()


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
) -> Sweep:
    if block.count() > MAX_MEMBERS:
        message = f"has {block.count():,} members, more than the {MAX_MEMBERS:,} that one may have"
        raise ConfigError([Problem(message, "sweep", str(path))])
    members: dict[str, Member] = {}
    full: dict[int, Node] = {}  # of the block's nodes
    problems: list[Problem] = []
    broken = repeated = 0
    for assignment in block.assignments():
        try:
            spec, swept = _member_spec(path, root, assignment, shape)
        except ConfigError as error:
            problems += error.problems
            broken += 1
            if broken >= MAX_BROKEN:
                break
            continue
        if spec.seed + block.repeats - 1 > MAX_INTEGER:
            message = f"with {block.repeats:,} repeats goes beyond {MAX_INTEGER}"
            raise ConfigError([spec.problem("seed", message)])
        for key, node in assignment:
            full[id(node)] = swept[key]
        for repeat in range(block.repeats):
            member = _member(spec, swept, repeat, block.repeats)
            repeated += member.name in members
            members.setdefault(member.name, member)
        watch(len(members) + repeated, block.count())
    if problems:
        raise ConfigError(in_order(problems))
    name = next(iter(members.values())).spec.name
    base = {"name": name, **plain(root)}
    drawing = plain(report) if report else None
    return Sweep(name, base, block.plain(full), drawing, (*members.values(),), repeated)


def _member_spec(
    path: Path, root: Mapping, assignment: Assignment, shape: Shape
) -> tuple[Spec, dict[str, Node]]:
    """The base with each value put under its key, checked like a config of its own.

    Also the values in full form, as they stand there.
    """
    node, problems = clone(root), list[Problem]()
    assert isinstance(node, Mapping)
    full: dict[str, Node] = {}
    # A whole component goes before the keys deep in it, whichever is written first.
    for key, value in sorted(assignment, key=lambda pair: len(parse_key(pair[0]) or ())):
        parsed = parse_key(key)
        if parsed is None or not isinstance(parsed[0], str):
            raise ConfigError([value.place.problem("expected a key such as optimizer.lr", key)])
        if message := assign(node, parsed, clone(value), shape):
            raise ConfigError([value.place.problem(message, key)])
        if isinstance(value, Drawn) and (at := shape_of(node, parsed, shape)) and at.type is int:
            assign(node, parsed, value.rounded(), shape)
        node = full_form(node, node.place, shape, problems)
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


def _member(spec: Spec, swept: dict[str, Node], repeat: int, repeats: int) -> Member:
    spec = spec.model_copy(update={"seed": spec.seed + repeat})
    values = {key: _shown(plain(node)) for key, node in swept.items()}
    short = {key.split(".")[-1]: _shown(_brief(plain(node))) for key, node in swept.items()}
    names = short if len(short) == len(values) else dict(values)
    # The seed is named even where it doesn't vary, so that more repeats leave the first as it is.
    names["seed"] = spec.seed
    if repeats > 1:
        values["seed"] = spec.seed
    slug = ",".join(f"{key}={value}" for key, value in names.items())
    slug = re.sub(r"[^\w.,=+-]+", "_", slug).encode()[:MAX_SLUG_BYTES].decode("utf-8", "ignore")
    # The hash tells members apart, also where `A` and `a` are one name, and finds a member again
    # whatever the rest of the grid is.
    unswept = {"name"} - values.keys()
    digest = hashlib.sha256(spec.model_dump_json(exclude=unswept).encode()).hexdigest()[:8]
    return Member(f"{slug.strip('._-,')}-{digest}", spec, values)


def _brief(value: Any) -> Any:
    """A file by its name alone."""
    if isinstance(value, dict):
        return {key: _brief(inner) for key, inner in value.items()}
    return value.name if isinstance(value, Path) else value


def _shown(value: Any) -> Any:
    """A swept value as a table shows it: `relu`, `[tanh, relu]`, `sgd(lr=0.1, momentum=0.9)`."""
    if isinstance(value, dict):
        options = [f"{key}={_shown(inner)}" for key, inner in value.items() if key != "type"]
        return str(value.get("type", "")) + (f"({', '.join(options)})" if options else "")
    if isinstance(value, tuple):
        return "[" + ", ".join(str(_shown(inner)) for inner in value) + "]"
    return str(value) if isinstance(value, Path) else value
