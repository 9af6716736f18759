"""Parts with files of their own, in all the ways that data may have files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from trainings import minidl, text_of_metrics

from minidl.store.run_folder import RunFolder

CONFIG = """\
data:
  type: csv
  path: [data/a.csv, data/b.csv]
  validation_path: VALIDATION
  target: side
  split: {type: group, column: who}
model: {type: mlp, hidden: [4]}
loss: cross_entropy
training: {epochs: 2, batch_size: 8}
device: cpu
"""
TABLE = pd.DataFrame(
    {
        "x": [i % 5 for i in range(80)],
        "y": [i % 7 for i in range(80)],
        "who": [f"p{i // 4}" for i in range(80)],
        "side": ["up" if i % 5 > i % 7 else "down" for i in range(80)],
    }
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two CSVs of 28 rows to train and test on, and 24 rows more to validate on."""
    (tmp_path / "project" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    TABLE[:28].to_csv("data/a.csv", index=False)
    TABLE[28:56].to_csv("data/b.csv", index=False)
    TABLE[56:70].to_csv("data/v-1.csv", index=False)
    TABLE[70:].to_csv("data/v-2.csv", index=False)
    return tmp_path / "project"


def trained(validation: str, name: str = "one") -> RunFolder:
    Path("c.yaml").write_text(CONFIG.replace("VALIDATION", validation))
    done = minidl("train", "c.yaml", "--name", name)
    assert done.code == 0, done.err
    return done.run


@pytest.mark.parametrize("validation", ['"data/v-*.csv"', "[data/v-1.csv, data/v-2.csv]"])
def test_each_part_says_of_which_file_its_rows_are(project: Path, validation: str) -> None:
    run = trained(validation)
    arrays = run.read_predictions()
    assert arrays["val_file"].tolist() == [0] * 14 + [1] * 10
    assert arrays["val_row"].tolist() == [*range(2, 16), *range(2, 12)]
    who = TABLE["who"].to_numpy()
    train, test = (28 * arrays[f"{p}_file"] + arrays[f"{p}_row"] - 2 for p in ("train", "test"))
    assert sorted([*train, *test]) == list(range(56))
    assert not {*who[train]} & {*who[test]}


@pytest.mark.parametrize(
    ("package", "file"), [("pyarrow", "data/v.parquet"), ("openpyxl", "data/v.xlsx")]
)
def test_the_validation_part_may_have_another_format(
    project: Path, package: str, file: str
) -> None:
    pytest.importorskip(package)
    write = TABLE[56:].to_parquet if package == "pyarrow" else TABLE[56:].to_excel
    write(file, index=False)
    assert text_of_metrics(trained(file)) == text_of_metrics(trained('"data/v-*.csv"', "two"))


def test_a_validation_file_with_a_group_of_the_others_is_named(project: Path) -> None:
    TABLE[50:70].to_csv("data/v-1.csv", index=False)
    Path("c.yaml").write_text(CONFIG.replace("VALIDATION", '"data/v-*.csv"'))
    done = minidl("train", "c.yaml")
    assert done.code != 0
    assert "row 2 of data/v-1.csv, column 'who': the group 'p12' stands in the first" in done.err
    assert "data.split: c.yaml:6" in done.err


def test_a_project_with_validation_files_moves_and_knows_them_by_their_hash(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained('"data/v-*.csv"')
    data = yaml.safe_load(run.config_path.read_text())["data"]
    assert data["validation_path"] == "../../data/v-*.csv"
    assert data["path"] == ["../../data/a.csv", "../../data/b.csv"]
    assert len(data["validation_sha256"]) == 64
    sweep = ("sweep", "c.yaml", "optimizer.lr=0.1,0.01", "--name", "sw")
    assert minidl(*sweep).code == 0

    monkeypatch.chdir(project.rename(project.with_name("moved")))
    again = minidl("train", "runs/one/config.yaml", "--name", "again")
    assert again.code == 0, again.err
    before = RunFolder.open(Path("runs/one"))
    assert text_of_metrics(again.run) == text_of_metrics(before)
    assert again.run.config_path.read_bytes() == before.config_path.read_bytes()
    assert "0 runs, 2 of 2 done before" in minidl(*sweep).err
    assert minidl("report", "sw", "one").code == 0

    TABLE[60:70].to_csv("data/v-1.csv", index=False)
    changed = minidl("train", "runs/one/config.yaml", "--name", "changed")
    assert changed.code == 2
    assert "data/v-*.csv: isn't the file that the config means" in changed.err


def test_two_parts_cant_both_read_standard_input(project: Path) -> None:
    Path("c.yaml").write_text(CONFIG.replace("VALIDATION", '"-"'))
    done = minidl("validate", "c.yaml", "data.path=-")
    assert done.code == 2
    assert "c.yaml:4:20: data.validation_path: standard input can be read but once" in done.err
    swept = minidl("sweep", "c.yaml", "seed=1,2")
    assert "data.validation_path: standard input can be read but once" in swept.err
