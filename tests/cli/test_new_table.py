"""What `minidl new --from` writes: a config that says what it found, whatever the table holds."""

from __future__ import annotations

import contextlib
import gzip
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minidl_cli.new_table import config_for
from trainings import minidl

from minidl.data import load_dataset
from minidl.data.csvfile import MOST_BYTES
from minidl.data.source import read_source
from minidl.data.survey import survey
from minidl.errors import DataError, MinidlWarning
from minidl.spec import load_spec

NAMES = st.sampled_from(
    ["a", "b", "x_1", "yes", "null", "a: b", "# c", "[d]", "*", "é", '"q', "'", "1e3", "", "%"]
)
CELLS = st.sampled_from(
    [*("1", "2", "2.5", "1e999", "007", "1,5", "1.200", "$3", "4 kg", "5%", "-", "+", "?", ""),
     *("NA", "none", "yes", "no", "a", "b", "2024-01-31", "31.1.2024", "10:30", "\t", "é", "0x1")]
)  # fmt: skip


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=150)
@given(
    names=st.lists(NAMES, min_size=2, max_size=4),
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=14),
    delimiter=st.sampled_from([",", ";", "\t", "|", "  "]),
    repeat=st.integers(1, 3),
)
def test_whatever_a_table_holds_the_config_loads_and_its_data_are_read_or_refused(
    names: list[str], rows: list[list[str]], delimiter: str, repeat: int, tmp_path: Path
) -> None:
    lines = [names, *(row[: len(names)] for row in rows * repeat)]
    path, config = tmp_path / "t.csv", tmp_path / "c.yaml"
    path.write_text("\n".join(map(delimiter.join, lines)) + "\n")
    with contextlib.suppress(DataError), warnings.catch_warnings():
        warnings.simplefilter("ignore", MinidlWarning)
        config.write_text(config_for(survey(read_source(path, MOST_BYTES), None), path, config))
        data = load_dataset(load_spec(config).data, np.random.default_rng(0))
        assert np.isfinite(data.train.inputs).all()


@pytest.mark.parametrize("target", ["", "b"])
def test_the_target_is_named_or_proposed_and_said(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = (f"{i},{i % 4},{i % 3},item {i}" for i in range(20))
    Path("t.csv").write_text("\n".join(["count,b,c,name", *lines]))
    made = minidl("new", "c.yaml", "--from", "t.csv", *(["--target", target] if target else []))
    assert load_spec("c.yaml").data.target == (target or "c")  # type: ignore[union-attr]
    assert ("--target" in made.err) == (not target)
    text = Path("c.yaml").read_text()
    assert re.search(r"- count +# numbers the rows", text)
    assert re.search(r"- name +# 20 different words in 20 rows", text)


def test_a_target_needs_a_table(tmp_path: Path) -> None:
    made = minidl("new", tmp_path / "c.yaml", "--target", "x")
    assert made.code == 2
    assert "--from" in made.err


def test_a_large_table_is_looked_at_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl.data.sniff.MOST_SAMPLED", 1000)
    lines = "".join(f"{i % 7},{'ab'[i % 2]}\n" for i in range(5000))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(f"x,y\n{lines}".encode()))
    minidl("new", tmp_path / "c.yaml", "--from", tmp_path / "t.csv.gz")
    assert "the first of the file: only these were looked at" in (tmp_path / "c.yaml").read_text()


def test_many_columns_are_listed_by_their_kinds(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(400))
    lines = [",".join(map(str, row)) for row in np.random.default_rng(0).normal(size=(12, 400))]
    (tmp_path / "t.csv").write_text("\n".join([names, *lines]))
    minidl("new", tmp_path / "c.yaml", "--from", tmp_path / "t.csv")
    data = load_spec(tmp_path / "c.yaml").data
    assert len(data.types.number) > 300  # type: ignore[union-attr]
    assert not data.columns  # type: ignore[union-attr]


def test_the_dates_of_a_series_are_no_ids_whatever_they_are_called(tmp_path: Path) -> None:
    days = np.datetime_as_string(np.datetime64("2020-01-31") + 7 * np.arange(30))
    lines = [f"{day},{i / 7}" for i, day in enumerate(days)]
    (tmp_path / "t.csv").write_text("\n".join(["index,value", *lines]))
    made = minidl("new", tmp_path / "c.yaml", "--from", tmp_path / "t.csv")
    assert made.code == 0, made.err
    data = load_spec(tmp_path / "c.yaml").data
    assert data.columns["index"].type == "date"  # type: ignore[union-attr]
