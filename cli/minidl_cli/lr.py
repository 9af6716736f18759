"""minidl lr: which learning rate suits a config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl_cli.options import RUNS, Debug, Format, Jobs, Overrides, Quiet, TextFormat, runs_option
from minidl_cli.output import say, show, show_json

if TYPE_CHECKING:
    from minidl.report.members.rates import Rates


def lr(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Without a sweep: block.")],
    overrides: Overrides = None,
    low: Annotated[float, typer.Option(min=0, help="The lowest rate.")] = 1e-6,
    high: Annotated[float, typer.Option(min=0, help="The highest rate.")] = 10.0,
    count: Annotated[int, typer.Option(min=5, help="How many rates to try.")] = 100,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 5,
    runs_dir: Annotated[Path, runs_option("Where the folder is made.")] = RUNS,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The folder's name; NAME-lr if left out."),
    ] = None,
    jobs: Jobs = None,
    format: TextFormat = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find a learning rate: train a hundred of them side by side for a few epochs.

    Rates are constant, and judged by the training loss: the test part isn't looked at. The figure
    shows which one suits, and where training diverges.

    \b
    Examples:
      minidl lr configs/relu_mse_sgd.yaml
      minidl lr configs/digits_conv.yaml --epochs 2 --low 1e-4 --high 1
    """
    from minidl.spec import load_spec, load_sweep

    if not 0 < low < high:
        raise typer.BadParameter(f"expected 0 < low < high, but got {low:g} and {high:g}")
    spec = load_spec(config, overrides or ())  # a config for one run
    fixed = ["schedule=constant", "training.early_stopping=null", "training.stop_at=null"]
    fixed += [f"training.epochs={epochs}", f"training.eval_every={epochs}"]
    rates = f"optimizer.lr=log({low:g},{high:g},{count})"
    loaded = load_sweep(config, [*(overrides or ()), *fixed, rates])

    from minidl.report.figures import style
    from minidl.report.figures.rates import draw_rates
    from minidl.report.members.collect import collect
    from minidl.report.members.rates import Rates
    from minidl.store import files, folders
    from minidl_cli.sweep import train_all

    outcome = train_all(loaded, runs_dir, name or f"{spec.name}-lr", jobs=jobs, quiet=quiet)
    path = outcome.folder.path
    found = Rates.of(collect([path]).members)
    plot = None
    if figure := draw_rates(spec.name, found, epochs):
        plot = path / "plots" / "lr.png"
        folders.make(plot.parent)
        files.write_atomic(plot, style.to_png(figure))
        say(f"drew {plot}")
    if not outcome.exit_code:
        _tell(found, spec.optimizer.lr)
    if format is Format.json:
        tried = zip(found.rates.tolist(), found.losses.tolist(), strict=True)
        show_json(
            {
                "path": path,
                "suggested": found.suggested,
                "diverges_from": found.diverges_from,
                "config": spec.optimizer.lr,
                "rates": [{"lr": lr, "train_loss": loss} for lr, loss in tried],
                "figure": plot,
            }
        )
    elif not outcome.exit_code:
        show(path)
    raise typer.Exit(outcome.exit_code)


def _tell(found: Rates, now: float) -> None:
    """What the figure shows, in a sentence."""
    if found.suggested is None:
        say("every training diverged: try lower rates, with --low")
        return
    lost = f"; training diverges from {found.diverges_from:g}" if found.diverges_from else ""
    say(f"optimizer.lr={found.suggested:g} suits (the config has {now:g}){lost}")
