"""minidl why: what a run suffers from, what might help, and whether it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.errors import RunError
from minidl_cli.options import Debug, Format, Output, Quiet, format_for, format_option, in_runs
from minidl_cli.output import show_text

if TYPE_CHECKING:
    from minidl.spec import Spec
    from minidl.store.run_folder import RunFolder
    from minidl.why.prove import Proof
    from minidl.why.remedies import Remedy

FORMATS = (Format.table, Format.json)


def why(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    prove: Annotated[
        bool, typer.Option("--prove", help="Train each remedy beside the run, in RUN-why.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=2, metavar="N", help="Seeds for --prove.")] = 10,
    format: Annotated[Format | None, format_option(*FORMATS)] = None,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show what a run suffers from, each symptom with its figure, and what might help.

    Of a run that wasn't watched (training.watch) the first epochs are trained again, in memory.
    Nothing helps before --prove has trained it: each remedy and the run itself on the same seeds,
    side by side, and the effect paired by seed.

    \b
    Examples:
      minidl why runs/spirals
      minidl why runs/spirals --prove --seeds 20
    """
    written_as = format_for(format, output, FORMATS)
    run = in_runs(run)

    from minidl.store.run_folder import RunFolder, is_sweep

    if is_sweep(run):
        raise RunError(f"{run}: is a sweep: name one of its runs")
    folder = RunFolder.open(run)
    if folder.status == "running":
        raise RunError(f"{run}: still trains: ask when it has ended")

    from minidl.report.tables.sheet import as_text
    from minidl.why.evidence import Evidence
    from minidl.why.remedies import remedies
    from minidl.why.sheets import notes_of, remedy_sheet, symptom_sheet
    from minidl.why.symptoms import symptoms

    evidence = Evidence.of_run(folder)
    found = symptoms(evidence)
    tried = remedies(evidence.spec, found)
    proven = _proven(evidence.spec, folder, tried, seeds, quiet) if prove else None
    sheets = [symptom_sheet(run.name, found)] if found or written_as is Format.json else []
    sheets += [remedy_sheet(tried, proven)] if tried or written_as is Format.json else []
    notes = notes_of(evidence, tried, proven)
    if not found:
        notes.insert(0, f"{run.name} shows none of the symptoms that minidl knows.")
    show_text(lambda width, bold: as_text(sheets, notes, written_as, width, bold=bold), output)


def _proven(
    spec: Spec, folder: RunFolder, tried: list[Remedy], seeds: int, quiet: bool
) -> list[Proof]:
    """What each remedy comes to, trained beside the run itself."""
    from minidl.why.prove import proofs, sweep_of
    from minidl_cli.sweep import train_all

    if not tried:
        raise RunError(f"{folder.path}: there is nothing to prove: no remedy is known for it")
    runs_dir = (folder.sweep or folder.path).absolute().parent
    sweep = sweep_of(spec, tried, seeds, runs_dir)
    outcome = train_all(sweep, runs_dir, f"{folder.path.absolute().name}-why", quiet=quiet)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    return proofs(sweep, outcome.folder.path, tried)
