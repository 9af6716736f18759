"""minidl explain: a network, or a step of its training, laid open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.errors import RunError
from minidl_cli.options import Debug, Format, Output, Overrides, format_for, format_option, in_runs
from minidl_cli.output import show_text

if TYPE_CHECKING:
    from minidl.explain.page import Page
    from minidl.runs.replay import Replay
    from minidl.spec import Spec

FORMATS = (Format.table, Format.md, Format.latex, Format.json)


def explain(
    path: Annotated[
        Path, typer.Argument(metavar="CONFIG|RUN", help="A config, a run's folder, or its name.")
    ],
    overrides: Overrides = None,
    step: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="Show this step, from 1, in numbers.", show_default=False
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="I",
            help="For this sample of the step's batch, from 0; the first if left out.",
            show_default=False,
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER[I,J]",
            help="The chain from the loss to this weight, such as fc_2[3,1]; of step 1 if no "
            "--step is given.",
            show_default=False,
        ),
    ] = None,
    code: Annotated[
        bool, typer.Option("--code", help="The layers' Python, and the C that a step becomes.")
    ] = False,
    format: Annotated[Format | None, format_option(*FORMATS)] = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Show what a network computes.

    As a table of its layers with their formulas and costs, as code, or in the numbers of one step
    of its training, which is repeated up to there. Nothing is written. Indices count from 0, as
    PyTorch's, steps from 1. Of a sweep's config it takes the first run.

    \b
    Examples:
      minidl explain configs/relu_mse_sgd.yaml
      minidl explain configs/iris.yaml --step 3
      minidl explain runs/spirals --step 100 --weight 'fc_2[3,1]'
      minidl explain configs/iris.yaml --code
    """
    written_as = format_for(format, output, FORMATS)
    path = in_runs(path)
    in_numbers = any(option is not None for option in (step, sample, weight))
    if code and in_numbers:
        raise RunError("--code shows the network's code: leave out --step, --sample and --weight")
    if sample is not None and weight is not None:
        raise RunError("--weight adds up all samples of the batch: leave out --sample")
    if in_numbers:
        page = _step(path, overrides or [], step or 1, sample, weight)
        _show(page, written_as, output)
        return
    spec, notes = spec_of(path, overrides or [])

    from minidl.build import outline

    data, experiment = outline(spec)
    if code:
        from minidl.explain.code import code_page

        _show(code_page(experiment.trainer, f"{spec.name}: its code"), written_as, output)
        return
    from minidl.explain.network import layer_rows, network_sheets, notes_of
    from minidl.report.tables.sheet import as_text

    rows = layer_rows(experiment, data.input_shape)
    sheets = network_sheets(spec, experiment, rows, data.input_shape)
    notes = [*notes_of(experiment, rows), *notes]
    show_text(lambda width, bold: as_text(sheets, notes, written_as, width, bold=bold), output)


def replay_of(path: Path, overrides: list[str]) -> Replay:
    """The training of a config, or of a run's folder, to be repeated."""
    from minidl.store.run_folder import is_run

    if not is_run(path):
        spec, _ = spec_of(path, overrides)

        from minidl.runs.replay import Replay

        return Replay(spec)
    if overrides:
        raise RunError(f"{path}: is a run, which repeats as it was: leave out {overrides[0]!r}")
    from minidl.runs.replay import Replay

    return Replay.of_run(path)


def _step(
    path: Path, overrides: list[str], step: int, sample: int | None, weight: str | None
) -> Page:
    """A step in numbers, or the chain of one weight in it."""
    replay = replay_of(path, overrides)
    replay.place(step)  # a step that isn't there shows before the training is repeated

    from minidl.explain.chain import find_weight
    from minidl.explain.numbers import step_page
    from minidl.explain.observed import observe
    from minidl.explain.weight import slope_of, weight_page

    trainer = replay.trainer
    wanted = None if weight is None else find_weight(trainer, weight)
    place = replay.before(step)
    rows = replay.rows.tolist()
    if sample is not None and sample >= len(rows):
        last = len(rows) - 1
        raise RunError(f"--sample: step {step} has no sample {sample}: the last is {last}")
    seen = observe(trainer, replay.rows, done=place.index)
    title = f"Step {step} of {replay.name}: step {place.index + 1} of epoch {place.epoch}"
    if wanted is not None:
        slope = slope_of(replay.in_double(), replay.rows, wanted)
        title = f"{wanted} in {title[0].lower()}{title[1:]}"
        return weight_page(trainer, seen, wanted, slope, title)
    chosen = sample or 0
    title += f", sample {chosen} of {len(rows)}: number {rows[chosen]} of the training part"
    return step_page(trainer, seen, chosen, title)


def _show(page: Page, format: Format, output: Path | None) -> None:
    from minidl.explain.page import as_text

    show_text(lambda width, bold: as_text(page, format, width, bold=bold), output)


def spec_of(path: Path, overrides: list[str]) -> tuple[Spec, list[str]]:
    """The spec of a config or a run, and a note where a sweep has others besides."""
    from minidl.spec import load_sweep
    from minidl.store.run_folder import RunFolder, is_run, is_sweep

    if is_sweep(path):
        raise RunError(f"{path}: is a sweep: name one of its runs, or its config")
    if is_run(path):
        path = RunFolder(path).config_path
    loaded = load_sweep(path, overrides)
    first, count = loaded.members[0], len(loaded.members)
    return first.spec, [f"Of {count:,} runs, the first: {first.name}."] if count > 1 else []
