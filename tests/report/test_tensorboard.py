"""What TensorBoard is shown is what run folders hold."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import sweep
from tensorboardX.proto.event_pb2 import Event
from trainings import Finished, minidl, train

from minidl.report.trackers.tensorboard import TensorBoardLog
from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")

Scalars = dict[str, dict[int, float]]


def values(folder: Path) -> Iterator[tuple[int, Any]]:
    """Each value of the one event file in a folder, with its step."""
    (file,) = folder.glob("events.*")
    content, at = file.read_bytes(), 0
    while at < len(content):  # a record is its length, 8 bytes, with a checksum; and 4 at its end
        (size,) = struct.unpack_from("<Q", content, at)
        event = Event.FromString(content[at + 12 : at + 12 + size])
        yield from ((event.step, value) for value in event.summary.value)
        at += 16 + size


def scalars(folder: Path) -> Scalars:
    found: Scalars = {}
    for step, value in values(folder):
        if value.HasField("simple_value") and not value.tag.startswith("_"):
            found.setdefault(value.tag, {})[step] = value.simple_value
    return found


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained(*overrides: str, options: tuple[str, ...] = ()) -> Finished:
    return train(Path.cwd(), *overrides, options=("--name", "one", *options))


def test_each_column_is_a_curve_over_epochs() -> None:
    run = trained("training.watch=[weights]").run
    assert minidl("export-log", "one").code == 0
    shown, columns = scalars(Path("tensorboard/one")), run.read_columns()
    assert set(shown) == {
        *("lr", "loss/train", "loss/test", "accuracy/train", "accuracy/test"),
        *("weight_norm/fc_1", "weight_norm/fc_2"),
        *(f"final/{name}" for name in run.read_record().final if "_" in name),
    }
    # float32, as TensorBoard has it, rounds to 6e-8.
    assert [*shown["loss/test"].values()] == pytest.approx(columns["test_loss"], rel=1e-6)
    assert [*shown["loss/test"]] == [1, 2, 3]
    norms = run.dynamics.read()["fc_2.weight_norm"]
    assert [*shown["weight_norm/fc_2"].values()] == pytest.approx(norms, rel=1e-6)


def test_the_config_and_its_settings_are_there() -> None:
    run = trained().run
    minidl("export-log", "one")
    found = {value.tag: value for _, value in values(Path("tensorboard/one"))}
    text = found["config.yaml/text_summary"].tensor.string_val[0].decode()
    assert "optimizer:" in text
    assert run.config_path.read_text().split() == text.split()
    start = found["_hparams_/session_start_info"].metadata.plugin_data.content
    assert b"optimizer.lr" in start


def test_tracked_while_it_trains_it_shows_the_same() -> None:
    trained(options=("--track", "tensorboard"))
    live = scalars(Path("tensorboard/one"))
    minidl("export-log", "one", "-o", "later")
    assert live == scalars(Path("later/one"))


def test_the_runs_of_a_sweep_lie_together_and_nothing_is_written_beside_them() -> None:
    sweep(Path.cwd(), "optimizer.lr=0.1,0.2")
    before = sorted(Path("runs").rglob("*"))
    assert minidl("export-log", "runs/small").out == "tensorboard\n"
    names = {path.name for path in Path("runs/small").iterdir() if path.is_dir()}
    assert {path.name for path in Path("tensorboard/small").iterdir()} == names
    assert sorted(Path("runs").rglob("*")) == before


def test_sent_again_it_takes_its_own_place_alone() -> None:
    run = trained().run
    for _ in range(2):
        TensorBoardLog.export(run, run.read_record())
    Path("tensorboard/one/events.out.tfevents.1.of_others").touch()
    TensorBoardLog.export(run, run.read_record())
    names = [path.name for path in Path("tensorboard/one").iterdir()]
    assert sorted(name.rpartition(".")[2] for name in names) == ["minidl", "of_others", "txt"]


def test_runs_of_one_name_from_elsewhere_do_not_take_each_others_place() -> None:
    trained()
    train(Path.cwd(), options=("--name", "one", "--runs-dir", "others"))
    again = minidl("export-log", "runs/one", "others/one")
    assert again.code == 1
    assert "another run" in again.err
    assert "choose another folder by --output" in again.err
    Path("others/one").rename("others/two")
    assert minidl("export-log", "runs/one").code == 0


def test_a_run_that_is_still_going_is_sent_as_far_as_it_has_come(tmp_path: Path) -> None:
    config = trained().run.config_path.read_text()
    run = RunFolder.create(tmp_path / "runs", stem="x", config_text=config, name="going")
    record = RunFolder.open("runs/one").read_record()
    record.status, record.metrics, record.final = "running", None, {}
    run.write_record(record)
    assert minidl("export-log", "going").code == 0
    assert scalars(Path("tensorboard/going")) == {}
    run.append_metrics({"epoch": 1, "step": 3, "lr": 0.1, "train_loss": math.nan, "test_loss": 2.0})
    minidl("export-log", "going")
    assert scalars(Path("tensorboard/going"))["loss/test"] == {1: 2.0}
    assert "loss/train" not in scalars(Path("tensorboard/going"))


def test_a_tracker_that_is_unknown_or_not_installed_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained()
    unknown = minidl("export-log", "one", "--to", "tensorbord")
    assert unknown.code == 2
    assert (
        "'tensorbord' is not one of 'tensorboard', 'mlflow'; did you mean 'tensorboard'?"
        in unknown.err
    )
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    for command in (["export-log", "one"], ["train", "small.yaml", "--track", "tensorboard"]):
        missing = minidl(*command)
        assert missing.code == 2
        assert len(missing.err.splitlines()) == 1
        assert 'pip install "minidl[tensorboard]"' in missing.err


def test_a_damaged_run_is_left_out_with_its_name() -> None:
    trained()
    Path("runs/one/run.json").write_text("?")
    done = minidl("export-log", "one")
    assert done.code == 1
    assert "left out: runs/one/run.json: is damaged" in done.err
