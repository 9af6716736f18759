"""What growth.py measures: a command each, and the input that grows with n."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from command import run_minidl

CONFIG = """\
name: grown
data: {type: moons, train: 20, test: 10}
model: {type: mlp, hidden: [4]}
loss: cross_entropy
training: {epochs: 2, batch_size: 10}
"""
CSV = """\
name: grown
data: {type: csv, path: table.csv, target: y, missing: drop}
model: {type: mlp, hidden: [4]}
loss: cross_entropy
training: {epochs: 1, batch_size: 1000}
"""


@dataclass(frozen=True)
class Case:
    """`make` writes what a command needs for n into a folder, and returns its arguments.

    at: n at 1×; code: how the command ends; least: the n that is subtracted, which ends so, too;
    seconds: what it may take at 16×.
    """

    at: int
    make: Callable[[Path, int], list[str]]
    code: int = 0
    least: int = 1
    seconds: float = math.inf


def write_config(folder: Path, text: str = CONFIG) -> str:
    (folder / "c.yaml").write_text(text)
    return "c.yaml"


@cache
def finished_run() -> tuple[str, str, str]:
    """Its config.yaml, metrics.csv and run.json."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_minidl(["train", write_config(folder), "--runs-dir", ".", "--name", "run"], folder)
        files = (folder / "run" / file for file in ("config.yaml", "metrics.csv", "run.json"))
        config, metrics, record = (file.read_text() for file in files)
    return config, metrics, record


def write_runs(folder: Path, names: Iterable[str], change: Callable[[str, int], str]) -> None:
    """Copies of one finished run, each with a config that is changed by its number."""
    from minidl.store import records

    config, metrics, text = finished_run()
    record = json.loads(text)
    del record["checksum"]
    for index, name in enumerate(names):
        run = folder / name
        run.mkdir(parents=True)
        own = change(config, index)
        record |= {
            "config_sha256": hashlib.sha256(own.encode()).hexdigest(),
            "started": f"2026-01-01T{index // 3600 % 24:02}:{index // 60 % 60:02}:{index % 60:02}Z",
        }
        (run / "config.yaml").write_text(own)
        (run / "metrics.csv").write_text(metrics)
        (run / "run.json").write_bytes(records.encode(record))


def seeds(config: str, index: int) -> str:
    return config.replace("seed: 0\n", f"seed: {index}\n", 1)


def rates(config: str, index: int) -> str:
    return re.sub(r"lr: [^,}]*", f"lr: {1 / (index + 3)!r}", config, count=1)


def write_members(folder: Path, n: int, begun: int) -> None:
    """A sweep of n members, the first of which have ended."""
    from minidl.spec import load_sweep

    config = f"{CONFIG}sweep: {{repeats: {n}}}\n"
    names = [member.name for member in load_sweep(folder / write_config(folder, config)).members]
    (folder / "runs" / "grown").mkdir(parents=True)
    (folder / "runs" / "grown" / "sweep.yaml").write_text(config)
    write_runs(folder, (f"runs/grown/{name}" for name in names[:begun]), seeds)


def runs(folder: Path, n: int) -> None:
    write_runs(folder, (f"runs/{index:06}" for index in range(n)), seeds)


def list_runs(folder: Path, n: int) -> list[str]:
    runs(folder, n)
    return ["list"]


def list_sweep(folder: Path, n: int) -> list[str]:
    write_members(folder, n, n)
    return ["list"]


def list_half_a_sweep(folder: Path, n: int) -> list[str]:
    write_members(folder, n, -(-n // 2))
    return ["list", "--members"]


def report_seeds(folder: Path, n: int) -> list[str]:
    runs(folder, n)
    return ["report"]


def report_settings(folder: Path, n: int) -> list[str]:
    """Each run is a row of its own."""
    write_runs(folder, (f"runs/{index:06}" for index in range(n)), rates)
    return ["report"]


def report_figures(folder: Path, n: int) -> list[str]:
    report_settings(folder, n)
    return ["report", "-o", "page.html"]


def compare_sweep(folder: Path, n: int) -> list[str]:
    write_members(folder, n, n)
    return ["compare", "runs/grown"]


def plan_sweep(folder: Path, n: int) -> list[str]:
    return ["sweep", write_config(folder), "--repeats", str(n), "--dry-run"]


def plan_grid(folder: Path, n: int) -> list[str]:
    block = f"sweep: {{random: {{samples: {n}, optimizer.lr: {{log_uniform: [1e-4, 1]}}}}}}\n"
    return ["sweep", write_config(folder, CONFIG + block), "--dry-run"]


def train_sweep(folder: Path, n: int) -> list[str]:
    return ["sweep", write_config(folder), "--repeats", str(n), "-q"]


def resume_sweep(folder: Path, n: int) -> list[str]:
    """All members have ended: nothing is left to do."""
    write_members(folder, n, n)
    return ["resume", "runs/grown"]


def train_epochs(folder: Path, n: int) -> list[str]:
    return ["train", write_config(folder), f"training.epochs={n}", "-q"]


def classes(folder: Path, n: int) -> list[str]:
    """In the plane, with all figures."""
    data = f"data: {{type: blobs, classes: {n + 1}, train: {4 * n + 40}, test: {2 * n + 20}}}"
    config = CONFIG.replace("data: {type: moons, train: 20, test: 10}", data)
    return ["train", write_config(folder, config), "training.batch_size=500", "-q"]


def table(folder: Path, header: str, rows: Iterator[str]) -> list[str]:
    with (folder / "table.csv").open("w") as file:
        file.write(f"{header}\n")
        file.writelines(f"{row}\n" for row in rows)
    return ["train", write_config(folder, CSV), "-q"]


def table_rows(folder: Path, n: int) -> list[str]:
    return table(
        folder, "a,b,y", (f"{i % 97}.5,{i % 89},{'no' if i % 3 else 'yes'}" for i in range(n + 20))
    )


def table_columns(folder: Path, n: int) -> list[str]:
    header = ",".join(f"x{column}" for column in range(n))
    rows = (",".join(str(row * column % 7) for column in range(n)) for row in range(40))
    return table(folder, f"{header},y", (f"{row},{i % 2}" for i, row in enumerate(rows)))


def table_words(folder: Path, n: int) -> list[str]:
    """A column of text in which each row has its own: it is refused, or would be as many inputs."""
    return table(folder, "a,b,y", (f"word{i},{i % 89},{i % 2}" for i in range(n + 20)))


def table_categories(folder: Path, n: int) -> list[str]:
    """Words that come again, as many inputs."""
    return table(folder, "a,y", (f"word{i % (n + 1)},{i % 2}" for i in range(4000)))


def table_mistakes(folder: Path, n: int) -> list[str]:
    """Cells that are no numbers."""
    return table(
        folder, "a,b,y", (f"{i},{'x' if i % 3 == 0 else i},{i % 2}" for i in range(n + 20))
    )


def table_classes(folder: Path, n: int) -> list[str]:
    return table(
        folder, "a,b,c,y", (f"{i % 97},{i % 89},{i % 7},c{i % (n + 2)}" for i in range(8000))
    )


def predict_rows(folder: Path, n: int) -> list[str]:
    run_minidl([*table_rows(folder, 1000), "--name", "made"], folder)
    with (folder / "new.csv").open("w") as file:
        file.write("a,b\n")
        file.writelines(f"{i % 97}.5,{i % 89}\n" for i in range(n))
    return ["predict", "made", "new.csv", "-o", "out.csv"]


def layers(folder: Path, n: int) -> str:
    stack = "\n".join("    - {type: linear, out_features: 4}\n    - tanh" for _ in range(n))
    model = (
        f"model:\n  type: sequential\n  layers:\n{stack}\n    - {{type: linear, out_features: 2}}\n"
    )
    return write_config(folder, CONFIG.replace("model: {type: mlp, hidden: [4]}\n", model))


def validate_layers(folder: Path, n: int) -> list[str]:
    return ["validate", layers(folder, n)]


def train_layers(folder: Path, n: int) -> list[str]:
    return ["train", layers(folder, n), "-q"]


def config_mistakes(folder: Path, n: int) -> list[str]:
    wrong = "".join(f"wrong{index}: 1\n" for index in range(n))
    return ["validate", write_config(folder, CONFIG + wrong)]


def overrides(folder: Path, n: int) -> list[str]:
    return ["validate", write_config(folder), *(f"seed={index}" for index in range(n))]


CASES = {
    "list, runs": Case(625, list_runs, seconds=3.0),
    "list, a sweep's members": Case(625, list_sweep, seconds=3.0),
    "list, a sweep half begun": Case(625, list_half_a_sweep),
    "report, seeds": Case(625, report_seeds, seconds=10.0),
    "report, settings": Case(625, report_settings, seconds=10.0),
    "report as a page, settings": Case(100, report_figures),
    "compare, a sweep's members": Case(250, compare_sweep),
    "sweep --dry-run, repeats": Case(6250, plan_sweep),
    "sweep --dry-run, points": Case(250, plan_grid),
    "sweep, members": Case(50, train_sweep),
    "resume, members that ended": Case(250, resume_sweep),
    "train, epochs": Case(1000, train_epochs),
    "train, classes in the plane": Case(60, classes),
    "train, rows": Case(20_000, table_rows),
    "train, columns": Case(500, table_columns),
    "train, words in a column": Case(60_000, table_words, code=2, least=2000),
    "train, categories": Case(60, table_categories),
    "train, classes of a table": Case(60, table_classes),
    "train, mistakes in a table": Case(20_000, table_mistakes, code=2),
    "predict, rows": Case(20_000, predict_rows),
    "validate, layers": Case(30, validate_layers),
    "train, layers": Case(8, train_layers),
    "validate, mistakes": Case(100, config_mistakes, code=2),
    "validate, overrides": Case(50, overrides),
}
