"""Tables as a new user meets them: `minidl new --from`, then training, and how good that is.

    pip install "minidl[benchmarks]"
    python benchmarks/tables.py [--seeds 5] [--only NAME] [--json]

Each table of scikit-learn, palmerpenguins, vega_datasets and statsmodels that has a target is
written as CSV. What `minidl new` makes of it is trained as it stands, once for each seed, which
splits the rows, too. Beside the scores stand those of a linear model (LogisticRegression or Ridge)
and an MLP of scikit-learn on the same rows, in the pipeline that its guide shows: medians for
missing numbers, scaled; a column for each frequent word.
"""

from __future__ import annotations

import csv
import importlib
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from minidl.build import read_data
from minidl.data import Dataset
from minidl.spec import load_spec

# The column to predict of each table.
SKLEARN = {
    **dict.fromkeys(("iris", "wine", "breast_cancer", "diabetes", "digits"), "target"),
    "linnerud": "Weight",
}
PENGUINS = {"penguins": "species", "penguins_raw": "Species"}
VEGA = """
    airports state, anscombe Y, barley yield, burtin Gram_Staining, cars Miles_per_Gallon, driving
    gas, iowa-electricity net_generation, iris species, la-riots type, ohlc ret, seattle-temps
    temp, seattle-weather weather, sf-temps temp, stocks price, us-employment nonfarm, wheat wheat
"""
STATSMODELS = """
    anes96 vote, cancer cancer, ccard AVGEXP, co2 co2, committee BILLS104, copper
    WORLDCONSUMPTION, cpunish EXECUTIONS, engel foodexp, fair affairs, grunfeld invest, heart
    survival, interest_inflation R, longley TOTEMP, macrodata infl, modechoice choice, nile
    volume, randhie mdvis, scotland YES, spector GRADE, stackloss STACKLOSS, star98 NABOVE,
    statecrime murder, strikes duration, sunspots SUNACTIVITY
"""


def tables() -> Iterator[tuple[str, Callable[[], pd.DataFrame], str]]:
    """Name, the table, and its target."""
    from sklearn import datasets

    for name, target in SKLEARN.items():
        yield f"sklearn {name}", partial(_of_sklearn, getattr(datasets, f"load_{name}")), target
    penguins = importlib.import_module("palmerpenguins")
    for name, target in PENGUINS.items():
        yield f"palmerpenguins {name}", getattr(penguins, f"load_{name}"), target
    vega = importlib.import_module("vega_datasets")
    for name, target in _pairs(VEGA):
        yield f"vega {name}", getattr(vega.local_data, name.replace("-", "_")), target
    for name, target in _pairs(STATSMODELS):
        module = importlib.import_module(f"statsmodels.datasets.{name}")
        yield f"statsmodels {name}", partial(_of_statsmodels, module), target


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, target = pair.split()
        yield name, target


def _of_sklearn(load: Callable[..., Any]) -> pd.DataFrame:
    table: pd.DataFrame = load(as_frame=True).frame
    return table


def _of_statsmodels(module: Any) -> pd.DataFrame:
    table: pd.DataFrame = module.load_pandas().data
    # Dates and names of states lie in the index.
    return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()


@dataclass
class Result:
    """A table's outcome; scores by seed are accuracies, or R² of a regression."""

    name: str
    rows: int
    task: str = ""
    right: bool = False
    said: str = ""  # where it went wrong
    minidl: tuple[float, ...] = ()
    linear: tuple[float, ...] = ()
    mlp: tuple[float, ...] = ()
    baseline: tuple[float, ...] = ()

    @property
    def level(self) -> bool:
        """Whether it is at most a standard error below the better of scikit-learn's."""
        best = max(self.linear, self.mlp, key=float_mean)
        error = max(np.std(x, ddof=1) / np.sqrt(len(x)) for x in (best, self.minidl))
        return bool(float_mean(self.minidl) >= float_mean(best) - error)


def float_mean(values: tuple[float, ...]) -> float:
    return float(np.mean(values))


def measure(name: str, table: pd.DataFrame, target: str, seeds: int, folder: Path) -> Result:
    """Trains on a table in a folder of its own."""
    path, config = folder / "table.csv", folder / "table.yaml"
    table.to_csv(path, index=False)
    result = Result(name, len(table))
    new = minidl("new", config, "--from", path, "--target", target)
    if new.returncode:
        result.said = new.stderr.strip()
        return result
    runs = folder / "runs"
    trained = minidl("sweep", config, "--repeats", seeds, "--runs-dir", runs, "--name", "s", "-q")
    if trained.returncode:
        result.said = trained.stderr.strip()
        return result
    with (runs / "s" / "results.csv").open(newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: int(row["seed"]))
    result.right = all(row["status"] == "done" for row in found)
    table = pd.read_csv(path)
    scores: list[tuple[float, ...]] = []
    for seed, row in enumerate(found):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rows that are left out
            data = read_data(load_spec(config, [f"seed={seed}"]))
        result.task = data.task
        metric = "test_accuracy" if data.classes else "test_r2"
        scores.append((float(row[metric] or "nan"), *peers(data, table, target, seed)))
    result.minidl, result.linear, result.mlp, result.baseline = zip(*scores, strict=True)
    return result


def minidl(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minidl_cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def peers(data: Dataset, table: pd.DataFrame, target: str, seed: int) -> tuple[float, ...]:
    """Scores of the linear model, of the MLP, and of the same guess for each row."""
    assert data.preprocessing is not None
    names = [column.name for column in data.preprocessing.columns]
    parts = [rows(table, split.rows) for split in (data.train, data.test)]
    truth = [data.raw_targets(split).ravel() for split in (data.train, data.test)]
    linear: Any = LogisticRegression(max_iter=2000) if data.classes else Ridge()
    network: Any = MLPClassifier if data.classes else MLPRegressor
    scores = []
    for model in (linear, network(max_iter=500, random_state=seed)):
        pipeline = make_pipeline(columns(), model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence
            pipeline.fit(parts[0][names], truth[0])
            scores.append(float(pipeline.score(parts[1][names], truth[1])))
    if data.classes:
        return *scores, data.baseline()["test_accuracy"]
    return *scores, 1 - data.baseline()["test_mse"] / float(np.var(truth[1]))


def rows(table: pd.DataFrame, numbers: NDArray[Any] | None) -> pd.DataFrame:
    assert numbers is not None
    return table.iloc[numbers - 2]  # the header is row 1


def columns() -> Any:
    """Numbers and words as the guide of scikit-learn has them."""
    words = make_column_selector(dtype_exclude="number")
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)
    return make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), encoder), words),
    )


def main(
    seeds: Annotated[int, typer.Option(help="Splits, and first weights.")] = 5,
    only: Annotated[str, typer.Option(help="Tables whose names have this.")] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print a row for each table."""
    results = []
    for name, load, target in tables():
        if only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = measure(name, load(), target, seeds, Path(folder))
        results.append(result)
        print(name, "right" if result.right else result.said[:300], file=sys.stderr)
    if as_json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    shown = Table(box=SIMPLE_HEAD)
    for head in (
        "table",
        "rows",
        "task",
        "first time",
        "minidl",
        "linear",
        "MLP",
        "guess",
        "level",
    ):
        shown.add_column(head, justify="left" if head in ("table", "task") else "right")
    for one in results:
        means = [
            f"{float_mean(scores):.3f}" if scores else ""
            for scores in (one.minidl, one.linear, one.mlp, one.baseline)
        ]
        level = ("yes" if one.level else "no") if one.right else ""
        right = "yes" if one.right else "no"
        shown.add_row(one.name, f"{one.rows:,}", one.task, right, *means, level)
    Console(width=120).print(shown)
    trained = [one for one in results if one.right]
    count = sum(one.level for one in trained)
    print(f"{len(trained)} of {len(results)} right the first time; {count} level or better")


if __name__ == "__main__":
    typer.run(main)
