"""minidl validate: checks a config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.errors import ConfigError, DataError, Problem
from minidl.plural import plural
from minidl_cli.options import Debug, Format, Overrides, TextFormat
from minidl_cli.output import show, show_json, sizes

if TYPE_CHECKING:
    from minidl.build import Experiment
    from minidl.data import Dataset
    from minidl.spec import Member

MOST_WORDS = 10  # columns of words that are listed
KINDS = {  # but words, whose categories are listed
    "numeric": "numbers",
    "cyclic": "numbers on a circle",
    "boolean": "yes or no",
    "ordinal": "ranks",
    "date": "dates",
    "text": "texts",
}


def validate(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The config to check.")],
    overrides: Overrides = None,
    data: Annotated[
        bool, typer.Option("--data", help="Also read the data and build the network.")
    ] = False,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Check a config.

    All problems are said at once, each with its place; those of every run, if it describes a sweep.

    \b
    Examples:
      minidl validate first.yaml --data
      minidl validate configs/studies/dropout.yaml
    """
    from minidl.spec import load_sweep  # here, so that --help needn't wait for it

    try:
        members = load_sweep(config, overrides or ()).members
        lines = list(_data(members)) if data else []
    except (ConfigError, DataError) as error:
        if format is not Format.json:
            raise
        problems = [
            vars(one) if isinstance(one, Problem) else {"message": one} for one in error.problems
        ]
        show_json({"config": config, "valid": False, "problems": problems})
        raise typer.Exit(error.exit_code) from error
    notes = list(dict.fromkeys(filter(None, (member.spec.optimism() for member in members))))
    if format is Format.json:
        found = {"runs": len(members), "data": lines, "notes": notes}
        show_json({"config": config, "valid": True, **found})
        return
    for line in (*lines, *(f"note: {note}" for note in notes)):
        show(line)
    count = len(members)
    show(f"{config}: ok" + (f", {plural(count, 'run')}" if count > 1 else ""))


def _data(members: Sequence[Member]) -> Iterator[str]:
    """What the data was taken for, and the networks."""
    if len(members) > 1:
        yield from _kinds(members)
        return
    from minidl.build import prepare

    spec = members[0].spec
    dataset, experiment = prepare(spec)
    yield _summary(dataset, experiment)
    yield from _columns(dataset) if spec.data.type == "csv" else ()
    yield from _remarks(dataset) if dataset.source_hashes else ()


def _kinds(members: Sequence[Member]) -> list[str]:
    """What the data of a sweep's members was taken for, and their networks: each once."""
    from minidl.sweep.work import measure

    found: dict[str, None] = {}

    def note(member: Member, data: Dataset, built: Experiment) -> None:
        found.setdefault(_summary(data, built))
        if member.spec.data.type == "csv":
            found.update(dict.fromkeys(_columns(data)))

    measure(members, note)
    return list(found)


def _summary(data: Dataset, experiment: Experiment) -> str:
    """What the data was taken for, so that a wrong guess is seen."""
    task = plural(data.classes, "class") if data.task == "classification" else data.task
    shape = data.input_shape
    inputs = plural(shape[0], "input") if len(shape) == 1 else f"{'×'.join(map(str, shape))} inputs"
    parameters = experiment.trainer.optimizer.flat.described()
    samples = sizes({name: len(part) for name, part in data.parts.items()})
    return f"{task}, {inputs}, {samples}, {parameters}"


def _remarks(data: Dataset) -> Iterator[str]:
    """Classes with their rows, the baseline, and what a colleague would notice."""
    from minidl.data.remarks import class_counts, remarks
    from minidl_cli.output import measured

    if data.classes:
        counts = [f"{name!r} {count:,}" for name, count in class_counts(data).items()]
        more = f" and {len(counts) - MOST_WORDS} more" if len(counts) > MOST_WORDS else ""
        yield f"rows of each class: {', '.join(counts[:MOST_WORDS])}{more}"
    how = "the majority" if data.classes else "the mean"
    for name, value in data.baseline().items():
        yield f"baseline: {name.replace('_', ' ')} {measured(name, value)}, by {how}"
    yield from (f"note: {remark}" for remark in remarks(data))


def _columns(data: Dataset) -> Iterator[str]:
    """The columns of a table, by what each was taken for."""
    from minidl.data.categories import CategoricalColumn
    from minidl.data.messages import listed, quoted

    assert data.preprocessing is not None
    columns = data.preprocessing.columns
    classes = f", of {listed(data.class_names)}" if data.classes else ", a number"
    yield f"to predict: {quoted(data.target_names[0])}{classes}"
    for kind, plural_name in KINDS.items():
        names = tuple(column.name for column in columns if column.kind == kind)
        if names:
            yield f"{plural_name}: {listed(names)}"
    words = [column for column in columns if isinstance(column, CategoricalColumn)]
    for column in words[:MOST_WORDS]:
        yield f"words: {quoted(column.name)}, of {listed(column.categories, 5)}"
    if len(words) > MOST_WORDS:
        yield f"and {len(words) - MOST_WORDS} more columns of words"
