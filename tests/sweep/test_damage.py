"""Damaged files of a sweep that was killed, and what keeps others from going on with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sweep.helpers import Killed, assert_same, carried_out, kill_after, members, planned, sweep
from trainings import SMALL, minidl

from minidl.errors import DamageWarning
from minidl.store.locks import locked
from minidl.sweep.run import run

pytestmark = [
    pytest.mark.usefixtures("progress_at_each_epoch", "kept_programs"),
    pytest.mark.filterwarnings("ignore:.*before the first checkpoint"),
]


def flip(path: Path, place: float) -> None:
    """Change one byte somewhere in a file."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)


STOPPED = ["seed=0,1,2", "optimizer=adam", "training.epochs=6", "training.checkpoint_every=1"]


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A sweep that was killed after its fourth epoch, beside a whole one."""
    (tmp_path / "whole").mkdir()
    carried_out(tmp_path / "whole", *STOPPED)
    with pytest.raises(Killed):
        run(planned(tmp_path, *STOPPED, jobs=1), watch=kill_after(4))
    return tmp_path / "runs" / "small"


@pytest.mark.parametrize("place", [0.0, 0.2, 0.5, 0.999])
def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(
    place: float, killed: Path, tmp_path: Path
) -> None:
    flip(members(tmp_path)[1].checkpoint_path("last"), place)
    with pytest.warns(DamageWarning, match=r"damaged.* goes on from the previous .* epoch 3"):
        carried_out(tmp_path, *STOPPED)
    assert_same(tmp_path, tmp_path / "whole")


def test_without_a_sound_checkpoint_a_member_starts_again(killed: Path, tmp_path: Path) -> None:
    for path in members(tmp_path)[0].checkpoint_path("last").parent.iterdir():
        flip(path, 0.5)
    with pytest.warns(DamageWarning, match="starts again from the beginning"):
        carried_out(tmp_path, *STOPPED)
    assert_same(tmp_path, tmp_path / "whole")


def test_a_member_whose_rows_are_damaged_starts_again(killed: Path, tmp_path: Path) -> None:
    flip(members(tmp_path)[0].metrics_path, 0.05)
    with pytest.warns(DamageWarning, match=r"metrics\.csv: is damaged.*starts again"):
        carried_out(tmp_path, *STOPPED)
    assert_same(tmp_path, tmp_path / "whole")


@pytest.mark.parametrize("content", [b"", b"seed: 9\n"])
def test_a_damaged_config_is_written_anew(content: bytes, killed: Path, tmp_path: Path) -> None:
    members(tmp_path)[0].config_path.write_bytes(content)
    carried_out(tmp_path, *STOPPED)
    assert_same(tmp_path, tmp_path / "whole")


def test_a_damaged_record_is_made_anew(killed: Path, tmp_path: Path) -> None:
    members(tmp_path)[0].record_path.write_bytes(b"{")
    carried_out(tmp_path, *STOPPED)
    assert_same(tmp_path, tmp_path / "whole")


def test_other_versions_are_refused_unless_forced(killed: Path, tmp_path: Path) -> None:
    for one in members(tmp_path):
        record = one.read_record()
        one.write_record(replace(record, versions={**record.versions, "torch": "1.0"}))
    refused = sweep(tmp_path, *STOPPED)
    assert refused.code == 2
    assert "began with torch 1.0, now" in refused.err
    assert "--force" in refused.err
    assert minidl("resume", killed).code == 2
    assert minidl("resume", killed, "--force").code == 0
    assert all("torch 1.0" in one.read_record().forced[0] for one in members(tmp_path))


def test_one_of_its_runs_can_be_resumed_alone(killed: Path, tmp_path: Path) -> None:
    first, *others = members(tmp_path)
    assert minidl("resume", first.path).code == 0
    assert first.status == "done"
    assert {one.status for one in others} == {"running"}
    carried_out(tmp_path, *STOPPED)
    assert_same(tmp_path, tmp_path / "whole")


def test_one_of_its_runs_is_not_resumed_beside_the_sweep(killed: Path, tmp_path: Path) -> None:
    with locked(killed):
        refused = minidl("resume", members(tmp_path)[0].path)
    assert refused.code == 2
    assert f"{killed}: is in use by process {os.getpid()}" in refused.err


def test_two_at_a_time_are_refused(killed: Path, tmp_path: Path) -> None:
    with locked(killed):
        for refused in (sweep(tmp_path, *STOPPED), minidl("resume", killed)):
            assert refused.code == 2
            assert f"{killed}: is in use by process {os.getpid()}" in refused.err
    assert sweep(tmp_path, *STOPPED).code == 0


# What a power cut may do to sweep.yaml, were it not on the disk before anything relies on it.

CUT = {"is empty": [b"", b"\0" * 300, b"\n"], "is cut short": [b"---\nname: small\n"]}


@pytest.mark.filterwarnings("always:.*made anew")
@pytest.mark.parametrize(
    ("content", "wrong"), [(one, wrong) for wrong, cut in CUT.items() for one in cut]
)
def test_the_same_command_mends_a_sweep_whose_file_is_damaged(
    content: bytes, wrong: str, tmp_path: Path
) -> None:
    """Its runs stay as they are; all other commands say how it is mended."""
    assert sweep(tmp_path, "seed=1,2").code == 0
    file = tmp_path / "runs" / "small" / "sweep.yaml"
    whole = file.read_bytes()
    ended = [run.read_record().ended for run in members(tmp_path)]
    file.write_bytes(content)
    for command, code in (("resume", 2), ("report", 0)):
        said = minidl(command, file.parent)
        assert said.code == code
        way_out = "the sweep's own command repairs it: `minidl sweep "
        assert f"{file}: {wrong}; {way_out}" in said.err + said.out
    mended = sweep(tmp_path, "seed=1,2,3")
    assert mended.code == 0
    assert f"{file}: {wrong}: it is made anew" in mended.err
    assert [run.read_record().ended for run in members(tmp_path)][:2] == ended
    assert sweep(tmp_path, "seed=1,2").code == 2
    file.write_bytes(content)
    refused = sweep(tmp_path, "seed=1,2")
    assert refused.code == 2
    assert "holds another sweep, with 1 run that this one lacks" in refused.err
    assert whole.endswith(b"\n...\n")


def test_each_place_where_sweep_yaml_is_cut_is_told(tmp_path: Path) -> None:
    """Also where what is left would be a sweep of fewer runs."""
    folder = planned(tmp_path, "seed=1,2", "optimizer.lr=0.1,0.2").folder
    whole = folder.config_path.read_bytes()
    assert folder.damage == ""
    for length in [0, *range(4, len(whole))]:
        folder.config_path.write_bytes(whole[:length])
        assert folder.damage, whole[:length]


def test_a_sweep_whose_file_is_damaged_goes_on_with_its_own_data_alone(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b,class\n" + "1,2,x\n2,1,y\n" * 20)
    text = SMALL.replace(
        "{type: disk, train: 40, test: 24}", f"{{type: csv, path: {table}, target: class}}"
    )
    assert sweep(tmp_path, "seed=1,2", text=text).code == 0
    file = tmp_path / "runs" / "small" / "sweep.yaml"
    file.write_bytes(b"")
    table.write_text(table.read_text() + "1,1,x\n")
    refused = sweep(tmp_path, "seed=1,2,3", text=text)
    assert refused.code == 2
    assert f"{table}: has changed since the sweep in " in refused.err
    assert file.read_bytes() == b""
