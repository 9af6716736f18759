"""What lies in a run folder comes back as it went in, or is refused by name."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from minidl.errors import RunError
from minidl.store import records
from minidl.store.find import find_runs
from minidl.store.names import clean_name, fault
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord


def create(runs_dir: Path, name: str | None = "run", **options: Any) -> RunFolder:
    return RunFolder.create(runs_dir, stem="disk", config_text="seed: 0\n", name=name, **options)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create(tmp_path)


# The folder


def test_a_new_folder_is_called_by_stem_date_time_and_hash_and_holds_the_config(
    tmp_path: Path,
) -> None:
    first, second = create(tmp_path / "runs", None), create(tmp_path / "runs", None)
    assert re.fullmatch(r"disk-\d{8}-\d{6}-[0-9a-f]{8}", first.path.name)
    assert first.path != second.path
    assert first.config_path.read_text() == "seed: 0\n"


HOSTILE_NAMES = [
    *("", ".", "..", "../x", "/tmp/x", "a/b", "a\\b", "x.", "x ", ".x", "-x", " x"),
    *("x" * 201, "é" * 101, "a\0", "a\nb", "a\u202eb", "a\ud800", "\x1b[31m", "a\u2028b"),
    *("C:x", "a:b", "a*", "a?", "<a>", '"a"', "a|b", "nul", "CON", "com1.txt", "Aux .x"),
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_no_name_leaves_the_runs_folder_or_disturbs_a_terminal(name: str, tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    with pytest.raises(RunError, match="name"):
        create(runs_dir, name)
    with pytest.raises(RunError, match="name"):
        RunFolder.create(runs_dir, stem=name, config_text="")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_any_text_becomes_a_safe_name(name: str) -> None:
    for longest in (100, 200):
        assert fault(clean_name(name, longest), longest) is None


@pytest.mark.parametrize("name", ["nulls", "x" * 199, "ein Lauf", "Ω, take 2", "0"])
def test_ordinary_names_are_taken_as_they_are(name: str, tmp_path: Path) -> None:
    assert create(tmp_path, name).path == tmp_path / name
    assert clean_name(name) == name


def test_a_name_has_200_bytes_at_most(tmp_path: Path) -> None:
    assert create(tmp_path, "x" * 200).path == tmp_path / ("x" * 200)


def test_an_existing_name_is_refused_and_overwrite_starts_afresh(run: RunFolder) -> None:
    run.write_record(RunRecord(status="done"))
    with pytest.raises(RunError, match=r"exists already.*--overwrite"):
        create(run.path.parent)
    fresh = create(run.path.parent, overwrite=True)
    assert [entry.name for entry in fresh.path.iterdir()] == ["config.yaml"]


def test_overwrite_leaves_other_folders_files_and_links_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(create(tmp_path, "real").path)
    for name in ("photos", "file", "link"):
        with pytest.raises(RunError, match=f"{name}: is"):
            create(tmp_path, name, overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"
    assert (tmp_path / "real" / "config.yaml").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file") as caught:
        create(tmp_path / "file")
    assert caught.value.exit_code == 2


def test_open_says_why_a_path_is_no_run(tmp_path: Path, run: RunFolder) -> None:
    assert RunFolder.open(run.path).path == run.path
    (tmp_path / "empty").mkdir()
    for path, problem in {
        "empty": "not a run folder",
        "absent": "no such folder",
        "run/config.yaml": "isn't a folder",
        "nul\0": "no such folder",
    }.items():
        with pytest.raises(RunError, match=problem):
            RunFolder.open(tmp_path / path)


# run.json


def test_a_record_comes_back_in_its_own_order_and_is_strict_json(run: RunFolder) -> None:
    other = {"b": [1, 0.1], "a": {"ü": "\ud800"}, "n": None}  # of another version
    record = RunRecord(status="done", epochs=3, name="x", other=other)
    run.write_record(record)
    assert run.read_record() == record
    written = json.loads(run.record_path.read_bytes())
    assert list(written) == ["name", "status", "epochs", "b", "a", "n", "checksum"]
    odd = {"loss": math.nan, "best": -math.inf, "n": np.float32(0.5), "v": (np.arange(2),)}
    run.write_record(RunRecord(final=odd))
    assert run.read_record().final == {"loss": None, "best": None, "n": 0.5, "v": [[0, 1]]}
    assert "NaN" not in run.record_path.read_text()


def test_what_a_run_has_none_of_is_null_once_it_began_and_what_is_to_come_absent(
    run: RunFolder,
) -> None:
    run.write_record(RunRecord(status="running", started="2026-01-01T10:00:00+00:00"))
    began = json.loads(run.record_path.read_bytes())
    assert began["class_names"] == []
    assert [began[key] for key in ("decision", "target_scale", "git_commit")] == [None] * 3
    assert not began.keys() & {"sweep", "final", "best", "reason", "ended", "forced", "drawing"}
    run.write_record(replace(run.read_record(), status="done", ended="2026-01-01T10:00:01+00:00"))
    ended = json.loads(run.record_path.read_bytes())
    assert (ended["reason"], ended["final"]) == (None, {})
    run.write_record(RunRecord(status="failed"))
    assert json.loads(run.record_path.read_bytes()).keys() == {"status", "checksum"}


@pytest.mark.parametrize("one", [one.name for one in fields(RunRecord) if one.name != "other"])
def test_a_key_with_what_minidl_never_writes_is_damage(one: str, run: RunFolder) -> None:
    run.record_path.write_text(json.dumps({one: None}))
    assert run.read_record() == RunRecord()
    odds: list[Any] = [[{}], True, ["x", 1]]
    for odd in odds:
        run.record_path.write_text(json.dumps({one: odd}))
        with pytest.raises(RunError, match=f"is damaged: {one} is not what minidl writes there"):
            run.read_record()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": NaN}', "\xff", "[" * 100_000])
def test_a_broken_record_is_named_and_its_status_is_broken(text: str, run: RunFolder) -> None:
    run.record_path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"run\.json: is damaged"):
        run.read_record()
    assert run.status == "broken"


def test_the_status_is_that_of_the_record(run: RunFolder) -> None:
    assert run.status == "broken"  # no record yet
    for status in ("running", "done", "failed", "diverged", "interrupted"):
        run.write_record(RunRecord(status=status))
        assert run.status == status
    for unknown in ("finished", None):
        run.write_record(RunRecord(status=unknown))
        assert run.status == "broken"


# metrics.csv


def test_metrics_come_back_to_the_bit(run: RunFolder) -> None:
    run.append_metrics({"epoch": 1, "test_loss": 0.1 + 0.2, "test_accuracy": None})
    run.append_metrics({"epoch": 2, "test_loss": math.nan, "test_accuracy": math.inf})
    run.append_metrics({"epoch": 3, "test_loss": np.float32(0.1), "test_accuracy": 1e-300})  # type: ignore[dict-item]
    assert run.metrics_path.read_bytes() == (
        b"epoch,test_loss,test_accuracy\n"
        b"1,0.30000000000000004,\n2,nan,inf\n3,0.10000000149011612,1e-300\n"
    )
    columns = run.read_columns()
    assert columns["epoch"] == [1, 2, 3]
    assert columns["test_loss"][0] == 0.1 + 0.2
    assert math.isnan(columns["test_accuracy"][0])


def test_a_reopened_run_goes_on_under_the_same_header(run: RunFolder) -> None:
    run.append_metrics({"epoch": 1, "loss": 0.5})
    again = RunFolder.open(run.path)
    again.append_metrics({"epoch": 2, "loss": 0.25})
    assert again.read_columns() == {"epoch": [1, 2], "loss": [0.5, 0.25]}
    with pytest.raises(ValueError, match="must have the columns"):
        again.append_metrics({"epoch": 3, "accuracy": 1.0})


def test_a_line_cut_off_by_a_kill_is_left_out_and_a_damaged_one_is_named(run: RunFolder) -> None:
    run.metrics_path.write_text("epoch,loss\n1,0.5\n2,0.2")
    assert run.read_columns() == {"epoch": [1], "loss": [0.5]}
    for line in ("2", "2,0.1,3", "2,low"):
        run.metrics_path.write_text(f"epoch,loss\n1,0.5\n{line}\n")
        with pytest.raises(RunError, match=r"metrics\.csv: is damaged: line 3"):
            run.read_columns()


@pytest.mark.parametrize("rows", ["", "1,0.5\n", "1,0.5\n2,\n", "1,0.5\n2,nan\n3,0.2"])
def test_the_last_row_is_that_of_the_columns(rows: str, run: RunFolder) -> None:
    run.metrics_path.write_text(f"epoch,loss\n{rows}")
    columns = run.read_columns(RunRecord())
    last = {name: cells[-1] for name, cells in columns.items() if cells}
    np.testing.assert_equal(run.read_last_row(RunRecord()), last)


def test_of_metrics_that_fit_their_checksum_only_the_last_row_is_decoded(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.append_metrics(*({"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 9)))
    marked, unmarked = RunRecord(metrics=run.metrics.mark()), RunRecord()
    number = Mock(wraps=records._number)
    monkeypatch.setattr(records, "_number", number)
    assert run.read_last_row(marked) == {"epoch": 8, "loss": 0.125}
    assert [one.args for one in number.call_args_list] == [("8",), ("0.125",)]
    run.metrics_path.write_text(run.metrics_path.read_text().replace("\n4,", "\nx,"))
    for record, message in ((marked, "checksum"), (unmarked, "line 5")):
        with pytest.raises(RunError, match=rf"metrics\.csv: is damaged: .*{message}"):
            run.read_last_row(record)


def test_missing_metrics_are_an_error(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"metrics\.csv: no such file"):
        run.read_columns()


# checkpoints/

STATE = {"epoch": 3, "best": math.inf, "rng": 2**127, "name": 'a "sha256":"' + "0" * 64 + '"'}


def tensors() -> dict[str, torch.Tensor]:
    flat = torch.arange(12, dtype=torch.float64)
    return {"flat": flat, "view": flat[2:8].view(2, 3).T, "steps": torch.tensor(7)}


def test_a_checkpoint_holds_tensors_and_state_exactly(run: RunFolder) -> None:
    assert not run.has_checkpoint("last")
    run.save_checkpoint("last", tensors(), STATE)
    assert run.has_checkpoint("last")
    loaded, state = run.load_checkpoint("last")
    assert state == STATE
    assert loaded.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert torch.equal(loaded[name], tensor)
        assert loaded[name].dtype == tensor.dtype


def test_a_checkpoint_damaged_anywhere_is_never_loaded(run: RunFolder) -> None:
    run.save_checkpoint("best", tensors(), STATE)
    path = run.checkpoint_path("best")
    whole = path.read_bytes()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        for content in (bytes(flipped), whole[:position]):
            path.write_bytes(content)
            with pytest.raises(RunError, match=r"best\.safetensors: "):
                run.load_checkpoint("best")


def test_a_missing_checkpoint_is_named(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"last\.safetensors: no such file"):
        run.load_checkpoint("last")


# predictions.npz


def test_predictions_come_back_exactly(run: RunFolder) -> None:
    arrays = {
        "test_output": np.random.default_rng(0).normal(size=(5, 2)),
        "test_target": np.ones(5),
    }
    run.write_predictions(arrays)
    read = run.read_predictions()
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[name], arrays[name]) for name in arrays)


def test_damaged_predictions_are_named_and_pickles_are_refused(run: RunFolder) -> None:
    np.savez(run.predictions_path, a=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(RunError, match=r"predictions\.npz: is damaged"):
        run.read_predictions()
    run.write_predictions({"a": np.arange(100)})
    whole = run.predictions_path.read_bytes()
    for length in range(0, len(whole), 7):
        run.predictions_path.write_bytes(whole[:length])
        with pytest.raises(RunError, match=r"predictions\.npz: is damaged"):
            run.read_predictions()


# find_runs


def name_of(run: RunFolder, _: object) -> str:
    return run.path.name


def test_runs_are_found_newest_first_each_once_sweeps_included(tmp_path: Path) -> None:
    for day, name in [(3, "runs/b"), (1, "runs/sweep/m1"), (2, "runs/sweep/m2")]:
        run = create(tmp_path / Path(name).parent, Path(name).name)
        run.write_record(RunRecord(status="done", started=f"2026-01-0{day}T10:00:00+00:00"))
    (tmp_path / "runs" / "link").symlink_to("b")
    (tmp_path / "runs" / ".hidden").mkdir()
    (tmp_path / "runs" / ".hidden" / "config.yaml").write_text("")
    (tmp_path / "runs" / "b" / "plots").mkdir()
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("{")
    (tmp_path / "again").symlink_to("runs")
    paths = [tmp_path / "runs", tmp_path / "runs" / "b", tmp_path / "again"]
    found = find_runs(paths, name_of, name_of)
    assert found == ["broken", "b", "m2", "m1"]  # the broken one by its folder's own time: now
    with pytest.raises(RunError, match="no such folder"):
        find_runs([tmp_path / "absent"], name_of, name_of)


def test_what_is_written_is_what_other_programs_read(run: RunFolder) -> None:
    from safetensors import safe_open

    run.save_checkpoint("last", tensors(), {"epoch": 3})
    with safe_open(run.checkpoint_path("last"), framework="np") as file:
        assert json.loads(file.metadata()["state"]) == {"epoch": 3}
        assert np.array_equal(file.get_tensor("flat"), np.arange(12.0))
