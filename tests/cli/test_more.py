"""`minidl resume RUN --more N`: more epochs after the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainings import columns, minidl, train

from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")


@pytest.mark.parametrize("optimizer", ["adam", "{type: sgd, lr: 0.1, momentum: 0.9}"])
def test_it_is_the_training_that_was_longer_from_the_start(optimizer: str, tmp_path: Path) -> None:
    changes = (f"optimizer={optimizer}", "schedule={type: step, step_size: 2, factor: 0.5}")
    run = train(tmp_path, *changes, "training.epochs=3", options=("--name", "run")).run
    longer = train(tmp_path, *changes, "training.epochs=5", options=("--name", "longer")).run
    done = minidl("resume", run.path, "--more", 2)
    assert done.code == 0, done.err
    found = RunFolder.open(run.path.parent / "run-5")
    for name, values in columns(longer).items():
        if name != "seconds":
            assert columns(found)[name] == values
    weights = [one.load_checkpoint("last")[0]["parameters"] for one in (longer, found)]
    assert weights[0].equal(weights[1])
    assert len(columns(run)["epoch"]) == 3  # it is as it was


def test_a_schedule_that_ended_with_the_training_stays_there(tmp_path: Path) -> None:
    changes = ("schedule={type: cosine, final: 0.1}", "training.epochs=3")
    run = train(tmp_path, *changes, options=("--name", "run")).run
    done = minidl("resume", run.path, "--more", 2)
    assert "2 epochs more, after 3; the schedule stays where it ended" in done.err
    rates = columns(RunFolder.open(run.path.parent / "run-5"))["lr"]
    assert rates[3] == rates[4] == pytest.approx(0.1 * 0.1)


def test_what_has_no_end_to_go_on_from_is_refused(tmp_path: Path) -> None:
    lost = train(tmp_path, "optimizer.lr=1e30", options=("--name", "lost")).run
    done = minidl("resume", lost.path, "--more", 2)
    assert done.code == 2
    assert "--more goes on with a run that is done, but this is diverged" in done.err
    assert minidl("resume", lost.path, "--name", "other").code == 2
