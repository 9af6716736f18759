"""minidl check: proof that the gradients are right."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.report import show_text


class Format(StrEnum):
    table = "table"
    csv = "csv"
    md = "md"
    latex = "latex"
    json = "json"


def check(
    config: Annotated[Path, typer.Argument(help="The config whose network is checked.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes, such as loss=cross_entropy."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=2, help="How many samples of the training data are used.")
    ] = 4,
    seed: Annotated[
        int, typer.Option(min=0, help="Draws the samples and the entries that are compared.")
    ] = 0,
    format: Annotated[Format, typer.Option(help="How the table is written.")] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; stdout if left out.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Prove the gradients of every layer and of the loss, on the config's own data.

    Against central differences and against PyTorch's autograd, in float64, for one network and for
    a stack. Ends with 3, and names the layer, where one is off.
    """
    from minidl.spec import load_spec  # here, so that --help needn't wait for it

    spec = load_spec(config, overrides or ())

    from minidl.report.sheet import as_text
    from minidl.verify import check as checked
    from minidl.verify.sheet import notes_of, sheet_of

    found = checked(spec, samples=samples, seed=seed)
    sheet, notes = sheet_of(found), notes_of(found)
    show_text(lambda width, bold: as_text([sheet], notes, format.value, width, bold=bold), output)
    found.raise_if_off()
