"""minidl train: what it prints where, how it ends, and which folders it makes."""

from __future__ import annotations

import contextlib
import io
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from minidl_cli.output import say
from minidl_cli.progress import Bar
from trainings import SMALL, columns, minidl, spec, train

from minidl.report.members.run_view import RunView
from minidl.runs.execute import execute
from minidl.store.run_folder import RunFolder
from minidl.train.stopping import Row
from minidl.train.trainer import Trainer


def test_the_folder_goes_to_stdout_and_all_else_to_stderr(tmp_path: Path) -> None:
    finished = train(tmp_path, "training.epochs=20")
    assert finished.code == 0
    assert Path(finished.out.strip()).parent == tmp_path / "runs"
    first, *epochs, last = finished.err.splitlines()
    name = Path(finished.out.strip()).name
    assert first == f"{name}: 33 parameters, 40 training and 24 test samples, cpu"
    assert [line.split()[1] for line in epochs] == [f"{n}/20" for n in range(2, 21, 2)]
    assert re.fullmatch(
        r"epoch 20/20  train loss \S+  train accuracy [\d.]+ %  "
        r"test loss \S+  test accuracy [\d.]+ %  lr 0.1",
        epochs[-1],
    )
    assert re.fullmatch(
        r"done after 20 epochs: test loss \S+  test accuracy [\d.]+ % \(majority [\d.]+ %\), "
        r"\d+\.\d\d s training, \d+\.\d\d s in all",
        last,
    )


def test_a_resumed_training_begins_with_its_header_and_shows_new_epochs_alone(
    tmp_path: Path,
) -> None:
    class PowerError(Exception):
        """The plug is pulled."""

    def fails(row: Row) -> None:
        if row["epoch"] == 4:
            raise PowerError

    one = spec("training.epochs=8", "training.checkpoint_every=1", "device=cpu")
    with pytest.raises(PowerError):
        execute(one, runs_dir=tmp_path, name="run", observers=[fails])
    run = RunFolder.open(tmp_path / "run")
    first, second, *epochs, last = minidl("resume", run.path).err.splitlines()
    assert first.startswith(f"{run.path.name}: 33 parameters")
    assert second == "goes on after epoch 3"
    assert [line.split()[1] for line in epochs] == [f"{n}/8" for n in range(4, 9)]
    assert last.startswith("done after 8 epochs")


@pytest.mark.parametrize(
    ("overrides", "advice"),
    [
        ((), r"small\.yaml:3:28: optimizer\.lr: 1e\+30 .* such as optimizer\.lr=1e\+29"),
        (
            ("optimizer.lr=0.1", "schedule={type: multistep, milestones: [[2, 1e30]]}"),
            r"command line: schedule: the rate was 1e\+30: try a lower one",
        ),
    ],
    ids=["lr", "schedule"],
)
def test_divergence_says_which_rate_to_lower(
    overrides: tuple[str, ...], advice: str, tmp_path: Path
) -> None:
    finished = train(tmp_path, *overrides, text=SMALL.replace("lr: 0.1", "lr: 1e30"))
    assert finished.code == 1
    assert re.search(advice, finished.err.splitlines()[-1])


def test_the_figures_of_a_diverged_run_know_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def draw(folder: RunFolder) -> list[Path]:
        seen.append((RunView.read(folder).status, folder.status))
        return []

    monkeypatch.setattr("minidl.report.figures.plots.draw_run", draw)
    diverged = train(tmp_path, text=SMALL.replace("lr: 0.1", "lr: 1e30"))
    done = train(tmp_path)
    # Until they are drawn, the run itself counts as running: resume draws them.
    assert seen == [("diverged", "running"), ("done", "running")]
    assert [run.run.read_record().status for run in (diverged, done)] == ["diverged", "done"]
    assert diverged.run.read_record().drawing is None


def test_quiet_prints_the_folder_alone(tmp_path: Path) -> None:
    finished = train(tmp_path, options=("--quiet",))
    assert finished.err == ""
    assert finished.out == f"{finished.run.path}\n"
    assert finished.run.status == "done"


def test_quiet_says_in_one_line_why_a_run_diverged(tmp_path: Path) -> None:
    finished = train(tmp_path, "optimizer.lr=1e30", options=("--quiet",))
    assert finished.code == 1
    how = r"diverged \(NaN or infinity in epoch 1\) after 1 epoch"
    pattern = rf"minidl: {finished.run.path}: {how}: .* try .*1e\+29.*\n"
    assert re.fullmatch(pattern, finished.err)


def test_quiet_says_in_one_line_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a signal in the first epoch of what each command trains."""
    steps_done = Trainer.steps_done

    def send(trainer: Trainer, seconds: float) -> None:
        signal.raise_signal(signal.SIGTERM)
        steps_done(trainer, seconds)

    monkeypatch.setattr(Trainer, "steps_done", send)
    (tmp_path / "small.yaml").write_text(SMALL)
    into = ("--runs-dir", tmp_path / "the runs", "--quiet")
    for arguments in (
        ("train", tmp_path / "small.yaml", "--name", "run", *into),
        ("resume", tmp_path / "the runs" / "run", "--quiet"),
        ("sweep", tmp_path / "small.yaml", "seed=1,2", "--jobs", 1, *into),
        ("resume", tmp_path / "the runs" / "small", "--jobs", 1, "--quiet"),
    ):
        finished = minidl(*arguments)
        folder = finished.out.strip()
        assert finished.code == 143
        where = rf"minidl: {folder}: interrupted \(by SIGTERM\)( after \d epochs?)?"
        assert re.fullmatch(rf"{where}: to go on: minidl resume '{folder}'\n", finished.err)


def test_without_a_terminal_there_are_plain_lines(tmp_path: Path) -> None:
    finished = train(tmp_path)
    assert not {"\x1b", "\r"} & set(finished.out + finished.err)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", [False, True])
def test_on_a_terminal_a_bar_is_drawn_in_colour_unless_no_color_is_set(
    no_color: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    runs = ("--runs-dir", tmp_path / "runs")
    shown = minidl("train", config, "training.epochs=300", *runs, stderr=Terminal()).err
    colours = re.findall(r"\x1b\[[\d;]*3[1-7][\d;]*m|\x1b\[38", shown)
    assert bool(colours) is not no_color
    assert "300" in shown
    assert re.search(r"done after 300 epochs: .* in all\n$", shown)


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160])
def test_a_bar_shows_whole_metrics_and_the_time_left_in_any_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("minidl_cli.progress.REDRAW_SECONDS", 0)
    metrics = ["train loss 0.1235", "train accuracy 91.2 %", "test loss 0.2346"]
    values = {"train_loss": 0.12345, "train_accuracy": 0.912, "test_loss": 0.23456}
    with contextlib.closing(Bar(1000)) as bar:
        bar._bar.start()
        for epoch in (1, 2):
            bar({"epoch": epoch, "step": 10 * epoch, "lr": 0.01, "seconds": None, **values})
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue().split("\x1b[2K")[-2]).strip()
    assert len(last) <= columns
    assert re.match(r"2/1000 .*(\d+:\d\d|--:--)$", last)
    shown = [metric for metric in metrics if metric in last]
    assert "…" not in last
    assert shown[-1:] == metrics[-1:]  # the test part stays longest
    assert len(shown) == {40: 1, 60: 1}.get(columns, 2 if columns == 80 else 3)
    rest = re.sub("|".join(map(re.escape, [*metrics, "lr 0.01"])), "", last)
    assert not re.search(r"loss|accuracy|lr", rest)


def test_long_messages_wrap_at_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    say("minidl: a run: was stopped before its end: `minidl resume runs/a-long-name` goes on")
    say("to go on: minidl resume 'runs/with a blank'")
    assert terminal.getvalue().splitlines() == [
        "minidl: a run: was stopped",
        "before its end:",
        "`minidl resume runs/a-long-name`",  # whole, so that it can be copied
        "goes on",
        "to go on:",
        "minidl resume 'runs/with a blank'",
    ]


def test_from_a_signal_on_the_bar_says_that_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    saved = RunFolder.save_last

    def slowly(*arguments: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.3)  # the bar is drawn ten times a second
        saved(*arguments)

    monkeypatch.setattr(RunFolder, "save_last", slowly)
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    runs = ("--runs-dir", tmp_path / "runs", "training.checkpoint_every=2")
    finished = minidl("train", config, "training.epochs=300", *runs, stderr=Terminal())
    assert finished.code == 143
    assert " stopping " in finished.err


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_on_a_narrow_terminal_the_epochs_are_never_cut(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    runs = ("--runs-dir", tmp_path / "runs")
    shown = minidl("train", config, "training.epochs=300", *runs, stderr=Terminal()).err
    assert "300/300 " in shown


def test_samples_of_images_are_counted_as_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", input=np.zeros((20, 5, 6)), target=np.arange(20) % 2)
    finished = train(tmp_path, f"data={{type: arrays, path: {tmp_path / 'images.npz'}}}")
    assert "16 training and 4 test samples" in finished.err


# Names.


def test_a_folder_is_named_after_the_config_date_time_and_a_hash(tmp_path: Path) -> None:
    one, two = (train(tmp_path).run.path.name for _ in range(2))
    assert re.fullmatch(r"small-\d{8}-\d{6}-[0-9a-f]{8}", one)
    assert one != two
    assert train(tmp_path, "name=other").run.path.name.startswith("other-")


def test_a_name_is_taken_only_once(tmp_path: Path) -> None:
    first = train(tmp_path, options=("--name", "mine"))
    assert first.run.path == tmp_path / "runs" / "mine"
    before = {path: path.read_bytes() for path in first.run.path.rglob("*") if path.is_file()}
    again = train(tmp_path, "seed=1", options=("--name", "mine"))
    assert (again.code, again.out) == (2, "")
    assert again.err == (
        f"minidl: {tmp_path}/runs/mine: exists already (choose another --name, or --overwrite)\n"
    )
    assert {path: path.read_bytes() for path in before} == before
    replaced = train(tmp_path, "seed=1", options=("--name", "mine", "--overwrite"))
    assert replaced.code == 0
    assert replaced.run.read_record().seed == 1


def test_overwrite_leaves_alone_what_is_no_run(tmp_path: Path) -> None:
    kept = tmp_path / "runs" / "thesis" / "chapter.tex"
    kept.parent.mkdir(parents=True)
    kept.write_text("a year of work")
    finished = train(tmp_path, options=("--name", "thesis", "--overwrite"))
    assert finished.code == 2
    assert "isn't a run folder, so --overwrite leaves it alone" in finished.err
    assert kept.read_text() == "a year of work"


def test_overwrite_deletes_nothing_when_the_config_is_wrong(tmp_path: Path) -> None:
    run = train(tmp_path, options=("--name", "mine")).run
    wrong = ["optimizer.lr=-1", "loss=bce", "data={type: csv, path: absent.csv, target: y}"]
    for override in wrong:
        assert train(tmp_path, override, options=("--name", "mine", "--overwrite")).code == 2
    assert run.status == "done"


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "-x", "", "tab\t", "a\\b", "x" * 300])
def test_unsafe_names_are_refused(name: str, tmp_path: Path) -> None:
    finished = train(tmp_path, options=(f"--name={name}",))
    assert finished.code == 2
    assert finished.err.startswith("minidl: ")
    assert "name" in finished.err
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())


# Places.


def test_a_file_in_the_way_of_the_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    finished = train(tmp_path)
    assert (finished.code, finished.out) == (2, "")
    assert len(finished.err.splitlines()) == 1
    assert "can't make this folder" in finished.err


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    with mock.patch("pathlib.Path.mkdir", side_effect=PermissionError(13, "Permission denied")):
        finished = minidl("train", config, "--runs-dir", locked)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err.startswith(f"minidl: {locked}")
    assert finished.err.endswith(": can't make this folder: permission denied\n")


def test_runs_go_to_the_folder_runs_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(SMALL)
    finished = minidl("train", "c.yaml")
    assert finished.out.startswith("runs/c-")
    assert RunFolder.open(finished.out.strip()).status == "done"


def test_paths_in_a_config_start_in_its_folder_those_in_overrides_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    for folder, rows in [("there", 10), ("here", 20)]:
        lines = [f"{i},{i % 2}" for i in range(rows)]
        (tmp_path / folder / "t.csv").write_text("\n".join(["a,b", *lines]) + "\n")
    config = tmp_path / "there" / "c.yaml"
    config.write_text("data: {type: csv, path: t.csv, target: b}\nmodel: mlp\n")
    monkeypatch.chdir(tmp_path / "here")
    few = ("training.epochs=1", "--runs-dir", tmp_path / "runs")
    assert "8 training and 2 test samples" in minidl("train", config, *few).err
    assert "16 training and 4 test samples" in minidl("train", config, "data.path=t.csv", *few).err


# Devices and debugging.


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    finished = minidl("train", config, "--device", "cuda", "--runs-dir", tmp_path / "runs")
    assert (finished.code, finished.out) == (2, "")
    assert len(finished.err.splitlines()) == 1
    assert "torch finds no CUDA device here: use cpu or auto" in finished.err
    assert not (tmp_path / "runs").exists()


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    finished = minidl("train", config, "--device", "tpu")
    assert finished.code == 2
    assert "expected auto, cpu, cuda or cuda:N, but got the text 'tpu'" in finished.err


def test_debug_shows_a_traceback_and_the_message(tmp_path: Path) -> None:
    finished = train(tmp_path, "loss=bce", options=("--debug",))
    assert finished.code == 2
    assert "Traceback" in finished.err
    assert "bce needs probabilities" in finished.err.splitlines()[-1]


def test_a_mistake_in_minidl_says_so_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("minidl.build.data.load_dataset", broken)
    finished = train(tmp_path)
    assert finished.code == 70
    assert "unexpected ZeroDivisionError: oh\nThis is a mistake in minidl" in finished.err
    assert "Traceback" not in finished.err


def test_an_interrupt_before_training_begins_ends_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("minidl.build.data.load_dataset", interrupted)
    finished = train(tmp_path)
    assert finished.code == 130
    assert "Traceback" not in finished.err
    assert not (tmp_path / "runs").exists()


def test_overrides_are_what_trains(tmp_path: Path) -> None:
    plain, faster = train(tmp_path).run, train(tmp_path, "optimizer.lr=0.5").run
    assert columns(plain)["lr"] == [0.1] * 3
    assert columns(faster)["lr"] == [0.5] * 3
    assert columns(plain)["train_loss"] != columns(faster)["train_loss"]
