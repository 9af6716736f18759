"""Whatever run.json lacks or says, a command ends with 0, 1 or 2: it may be another's."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attempts import Part, in_parts
from trainings import minidl, plainly

CONFIG = """\
data: {type: csv, path: t.csv, target: c, test_fraction: 0.25, standardize: true}
model: {type: mlp, hidden: [3]}
loss: cross_entropy
training: {epochs: 2, batch_size: 8, early_stopping: {metric: test_loss, patience: 5}}
"""
LACKING = object()
WRONG = [LACKING, None, [], {}, "x", "", -1, 0, 1.5, True, 10**15, 1e308, ["x"], [[1]], {"x": 1}]
Path_ = tuple[str | int, ...]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a table with a column of words and one of numbers."""
    folder = tmp_path_factory.mktemp("run")
    rows = [f"{n},{'uv'[n % 2]},{'pqr'[n % 3]}" for n in range(24)]
    (folder / "t.csv").write_text("\n".join(["a,b,c", *rows]) + "\n")
    (folder / "c.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minidl.engine.choose.find_compiler", lambda: None)
        patch.setattr("minidl.report.figures.plots.draw_run", lambda folder: [])
        assert minidl("train", folder / "c.yaml", "--runs-dir", folder, "--name", "r").code == 0
    return folder / "r"


def paths(value: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Where each value of a record stands, of lists the first alone."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from paths(inside, (*at, key))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*at, 0))


def changed(record: Any, path: Path_, value: object) -> Any:
    """A copy with another value there, or without it."""
    record = copy.deepcopy(record)
    place = record
    for key in path[:-1]:
        place = place[key]
    if value is LACKING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return record


@in_parts(20, sample=6, every=4)
@pytest.mark.timeout(600)
@plainly
def test_any_record(part: Part, run: Path, tmp_path: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    record.pop("checksum")  # whoever changes a record on purpose leaves it out
    attempts = [(path, value) for path in paths(record) for value in WRONG]
    table, wrong = run.parent / "t.csv", []
    for path, value in part.of(attempts):
        other = tmp_path / "r"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(run, other)
        (other / "run.json").write_text(json.dumps(changed(record, path, value)))
        for command in (
            ["list", "--runs-dir", tmp_path],
            ["report", other, "--format", "json"],
            ["report", other, "--plots"],
            ["compare", other, run],
            ["predict", other, table],
            ["resume", other],
        ):
            finished = minidl(*command)
            if finished.code not in (0, 1, 2) or "Traceback" in finished.err:
                wrong.append(f"{command[0]}: {path} = {value!r}: {finished.err}")
    assert not wrong, "\n".join(wrong)
