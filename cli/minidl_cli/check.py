"""minidl check: proof that the gradients are right."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.options import (
    TABLE_FORMATS,
    Debug,
    Format,
    Output,
    Overrides,
    format_for,
    format_option,
)
from minidl_cli.output import show_text


def check(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Whose network is checked.")],
    overrides: Overrides = None,
    samples: Annotated[
        int, typer.Option(min=2, metavar="N", help="How many samples of the training data to use.")
    ] = 4,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Draws the samples and the compared entries.")
    ] = 0,
    format: Annotated[Format | None, format_option(*TABLE_FORMATS)] = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Prove that the gradients are right.

    Those of every layer and of the loss, on the config's own data, against central differences and
    PyTorch's autograd, in float64; and that the compiled training step gives the same numbers. Ends
    with 3, and names the layer, where one is off. Of a sweep's config it takes the first run with
    each kind of network, loss and optimizer.

    \b
    Example:
      minidl check configs/relu_mse_sgd.yaml loss=bce_with_logits
    """
    from minidl.spec import load_sweep  # here, so that --help needn't wait for it

    written_as = format_for(format, output, TABLE_FORMATS)
    loaded = load_sweep(config, overrides or ())

    from minidl.report.tables.sheet import as_text
    from minidl.sweep.work import networks
    from minidl.verify import check as checked
    from minidl.verify import raise_if_off
    from minidl.verify.sheet import notes_of, sheet_of

    several = len(loaded.members) > 1
    with _shown_layers() as watch:
        found = [
            replace(
                checked(member.spec, samples=samples, seed=seed, watch=watch),
                run=member.name if several else "",
            )
            for member in (networks(loaded.members) if several else loaded.members)
        ]
    sheet, notes = sheet_of(found), notes_of(found)
    if several:
        of = f"Of {len(loaded.members):,} runs, {len(found):,}"
        notes.insert(-1, f"{of}: the first with each kind of network, loss and optimizer.")
    show_text(lambda width, bold: as_text([sheet], notes, written_as, width, bold=bold), output)
    raise_if_off(found)


@contextlib.contextmanager
def _shown_layers() -> Iterator[Callable[[str], None]]:
    """On a terminal, the layer that is being checked, for as long as it is."""
    if not sys.stderr.isatty():
        yield lambda place: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("reading") as status:
        yield lambda place: status.update(Text(f"checking {place}"))
