"""minidl sweep: what it prints where, and what it shows while it trains."""

from __future__ import annotations

import contextlib
import io
import re
import signal
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import pytest
from minidl_cli import sweep_progress
from minidl_cli.sweep_progress import SweepBar, SweepLines, sweep_progress_for
from trainings import SMALL, Finished, minidl

from minidl.signals import Stopped, orderly_end
from minidl.spec import Member, load_sweep
from minidl.sweep.folder import SweepFolder
from minidl.sweep.plan import SweepPlan, plan
from minidl.sweep.run import SweepOutcome
from minidl.sweep.worker import News


def sweep(folder: Path, *arguments: object, text: str = SMALL) -> Finished:
    config = folder / "small.yaml"
    config.write_text(text)
    return minidl("sweep", config, "--runs-dir", folder / "runs", *arguments)


def test_the_folder_is_printed_on_stdout_and_the_rest_on_stderr(tmp_path: Path) -> None:
    done = sweep(tmp_path, "optimizer.lr=0.1,0.2", "--repeats", 3)
    assert done.code == 0
    assert done.out == f"{tmp_path / 'runs' / 'small'}\n"
    first, last = done.err.splitlines()
    assert first == "small: 6 runs"
    assert re.fullmatch(r"6 done in \d+\.\d s", last)


def test_quiet_prints_the_folder_alone(tmp_path: Path) -> None:
    done = sweep(tmp_path, "seed=1,2", "--quiet")
    assert (done.out, done.err) == (f"{tmp_path / 'runs' / 'small'}\n", "")


def test_a_dry_run_lists_the_runs_and_writes_nothing(tmp_path: Path) -> None:
    arguments = ["optimizer.lr=0.1,0.2", "loss=mse,bce_with_logits", "--stack", 1]
    dry = sweep(tmp_path, *arguments, "--dry-run")
    assert dry.code == 0
    assert not (tmp_path / "runs").exists()
    assert dry.err == "4 runs, in 4 lots side by side, the longest first\n"
    sweep(tmp_path, *arguments)
    folders = {path.name for path in (tmp_path / "runs" / "small").iterdir() if path.is_dir()}
    assert set(dry.out.split()) == folders


def test_a_dry_run_lists_the_longest_first_and_else_the_order_of_the_grid(
    tmp_path: Path,
) -> None:
    """Longer, since there are more epochs; the rates stand as they were given."""
    rates = "optimizer.lr=0.3,0.1,0.2"
    dry = sweep(tmp_path, "training.epochs=2,4,3", rates, "--dry-run", "--jobs", 1)
    names = [line.rpartition("-")[0] for line in dry.out.splitlines()]
    expected = [f"epochs={e},lr={r},seed=0" for e in (4, 3, 2) for r in ("0.3", "0.1", "0.2")]
    assert names == expected


def test_a_dry_run_tells_what_can_not_train_and_whose_fault_it_is(tmp_path: Path) -> None:
    refused = sweep(tmp_path, "loss=mse,bce", "seed=1,2", "--dry-run")
    assert (refused.code, refused.out) == (2, "")
    assert "loss: bce needs probabilities" in refused.err
    assert len(refused.err.splitlines()) == 1  # of both seeds
    assert re.search(r"\(in the run loss=bce,seed=1-\w+ and 1 more run\)", refused.err)
    assert not (tmp_path / "runs").exists()


def test_points_that_repeat_another_are_told(tmp_path: Path) -> None:
    done = sweep(tmp_path, "optimizer.lr=0.1,1e-1,0.2", "--repeats", 2)
    told = "6 runs asked for, 2 of them the same as another: each is trained once"
    assert done.err.splitlines()[0] == told
    assert "4 done" in done.err
    assert sweep(tmp_path, "optimizer.lr=0.1,1e-1,0.2", "--repeats", 2, "--quiet").err == ""


def test_a_name_and_a_block_and_repeats_from_the_command_line(tmp_path: Path) -> None:
    text = SMALL + "sweep: {grid: {optimizer.lr: [0.1, 0.2, 0.3]}, repeats: 5}\n"
    done = sweep(tmp_path, "--name", "mine", "--repeats", 1, text=text)
    assert done.out == f"{tmp_path / 'runs' / 'mine'}\n"
    assert "3 done" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["optimzer.lr=1,2"], "did you mean 'optimizer'?"),
        (["optimizer.lr=1,-2"], "command line: optimizer.lr: expected a number > 0, but got -2"),
        (["optimizer.lr=1,,2"], "has an empty value between commas"),
        (["--repeats", "0"], "--repeats"),
        (["--jobs", "0"], "--jobs"),
        (["--stack", "x"], "--stack"),
        (["seed=1,2", "--device", "tpu"], "device: expected auto, cpu, cuda or cuda:N"),
        (["loss=mse,bce"], "loss: bce needs probabilities"),
    ],
)
def test_a_mistake_exits_with_2_before_anything_is_written(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    refused = sweep(tmp_path, *arguments)
    assert refused.code == 2
    assert message in refused.err
    assert refused.out == ""
    assert "Traceback" not in refused.err
    assert not (tmp_path / "runs").exists()


def test_train_points_to_sweep(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(SMALL + "sweep: {grid: {seed: [1]}}\n")
    refused = minidl("train", config, "--runs-dir", tmp_path / "runs")
    assert refused.code == 2
    assert "use `minidl sweep CONFIG`" in refused.err


# The displays.


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def todo(tmp_path: Path) -> SweepPlan:
    """Six runs, two each of 30, 20 and 10 epochs; nothing trained yet."""
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    sweep = load_sweep(config, ["seed=1,2", "training.epochs=10,20,30"])
    return plan(sweep, SweepFolder.create(tmp_path / "runs", sweep), jobs=1)


def pair(todo: SweepPlan, number: int) -> list[Member]:
    """Those of 30 epochs, of 20 or of 10."""
    return [one for one in todo.members if one.spec.training.epochs == (30, 20, 10)[number]]


def progress(
    todo: SweepPlan,
    number: int,
    epoch: int,
    *statuses: str,
    metric: str = "test_loss",
    best: tuple[float, ...] = (),
) -> list[News]:
    """News of a pair whose members stand like that."""
    return [
        News(one.name, status, epoch, one.spec.training.epochs, metric, value)
        for one, status, value in zip_longest(pair(todo, number), statuses, best)
    ]


def drawn(terminal: io.StringIO) -> list[str]:
    """The bars, one after the other, without colours."""
    lines = re.split(r"\x1b\[2K|[\r\n]+", terminal.getvalue())
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in lines]
    return [line for line in plain if re.match(r"\d/6", line)]


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_a_terminal_shows_ended_running_diverged_best_and_time_left(
    columns: int, todo: SweepPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(SweepBar, "remaining", lambda bar: 9.0)
    monkeypatch.setattr(sweep_progress, "duration", lambda seconds: f"{seconds:.0f} s")
    bar = sweep_progress_for(todo, quiet=False)
    assert isinstance(bar, SweepBar)
    with contextlib.closing(bar):
        bar(progress(todo, 0, 15, "running", "diverged", best=(0.25, 0.5)))
        bar(progress(todo, 1, 5, "running", "running", best=(0.125,)))
        bar(progress(todo, 2, 0, "failed", "failed"))
    last = re.sub(r"[━╸╺]+ ", "", drawn(terminal)[-1])
    name = pair(todo, 1)[0].name.rpartition("-")[0]
    parts = ["3/6 9 s left", "3 running, 1 diverged, 2 failed", f"best test_loss 0.125 ({name})"]
    bar_width = 25 if columns >= 60 else 0
    fitting = [n for n in (1, 2, 3) if len("  ".join(parts[:n])) + bar_width <= columns]
    assert last.strip() == "  ".join(parts[: fitting[-1]])  # as much as there is room, uncut
    assert all(len(line) <= columns for line in drawn(terminal))
    assert ("━" in drawn(terminal)[-1]) == (columns >= 60)


def test_from_a_signal_on_the_bar_says_that_it_stops(
    todo: SweepPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with contextlib.closing(sweep_progress_for(todo, quiet=False)) as bar:
        bar(progress(todo, 0, 15, "running", "running"))
        with orderly_end(lambda: None):
            signal.raise_signal(signal.SIGTERM)
            bar(progress(todo, 0, 16, "running", "running"))
            bar.close()
    assert re.fullmatch(r"0/6 \S+ stopping", drawn(terminal)[-1].strip())


def test_no_color_means_no_color(todo: SweepPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for no_color, colored in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        terminal.truncate(0)
        with contextlib.closing(SweepBar(todo)) as bar:
            bar(progress(todo, 0, 15, "running", "running"))
        colors = re.findall(r"\x1b\[[0-9;]*(?:[39][0-7]|38;[0-9;]+)m", terminal.getvalue())
        assert bool(colors) == colored


def test_without_a_terminal_there_is_a_line_now_and_then(
    todo: SweepPlan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = sweep_progress_for(todo, quiet=False)
    assert type(lines) is SweepLines
    update = progress(todo, 0, 15, "running", "diverged", best=(0.25, 0.5))
    lines(update)
    assert capsys.readouterr().err == "small: 6 runs\n"  # it is too early for more
    monkeypatch.setattr(sweep_progress, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(sweep_progress, "MEANINGFUL_SECONDS", 0.0)
    lines(update)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"1/6 ended, 1 running, 1 diverged, best test_loss 0.25 \(.*\), about .* left",
        line,
    )
    assert "\x1b" not in line


def test_quiet_shows_nothing(todo: SweepPlan, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(sweep_progress_for(todo, quiet=True)) as quiet:
        quiet(progress(todo, 0, 15, "running", "diverged", best=(0.25, 0.5)))
        quiet.ended(SweepOutcome(todo.folder))
    assert capsys.readouterr().err == ""


def test_quiet_says_in_one_line_why_runs_failed(
    todo: SweepPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    counts, errors = Counter(done=3, failed=3), ["Traceback …\nout of memory\n", "no data"]
    with contextlib.closing(sweep_progress_for(todo, quiet=True)) as quiet:
        quiet.ended(SweepOutcome(todo.folder, counts, errors))
    reason = "out of memory (see error.txt in the run's folder)"
    said = f"minidl: {todo.folder.path}: 3 done, 3 failed: {reason}\n"
    assert capsys.readouterr().err == said


def test_the_best_is_the_largest_accuracy_or_the_smallest_loss(todo: SweepPlan) -> None:
    for metric, value in (("test_loss", "0.25"), ("test_accuracy", "75.0 %"), ("test_mse", "0.25")):
        quiet = sweep_progress_for(todo, quiet=True)
        quiet(progress(todo, 0, 15, "running", "running", metric=metric, best=(0.75, 0.25)))
        assert quiet.best().startswith(f"best {metric} {value} (")


def test_stopped_at_once_it_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("minidl.sweep.run.run", stopped)
    done = sweep(tmp_path, "seed=1,2")
    assert done.code == 143
    assert f"to go on: minidl resume {tmp_path}/runs/small\n" in done.err


def test_the_best_is_none_that_diverged(todo: SweepPlan) -> None:
    quiet = sweep_progress_for(todo, quiet=True)
    quiet(progress(todo, 0, 15, "running", "running", best=(0.75, 0.25)))
    assert quiet.best().startswith("best test_loss 0.25")
    quiet(progress(todo, 0, 16, "running", "diverged", best=(0.75, 0.25)))
    assert quiet.best().startswith("best test_loss 0.75")


def test_the_best_is_found_without_asking_all_that_have_ended(
    todo: SweepPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(metric: str) -> bool:
        asked.append(metric)
        return False

    quiet = sweep_progress_for(todo, quiet=True)
    quiet(progress(todo, 0, 15, "done", "done", best=(0.5, 0.25)))
    quiet(progress(todo, 1, 15, "done", "running", best=(0.5, 0.75)))
    monkeypatch.setattr(sweep_progress, "higher_is_better", counted)
    assert quiet.best().startswith("best test_loss 0.25")
    assert len(asked) == 1  # the one that is running


def test_of_a_large_sweep_it_is_said_how_many_configs_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep_progress, "READING_SECONDS", -1.0)
    for quiet in (False, True):
        reading = sweep_progress.Reading(quiet)
        reading(1, 100_000)
        reading(1000, 100_000)  # soon after that
    assert capsys.readouterr().err == "1 of 100,000 configs read\n"


def test_the_time_left_follows_the_work_not_the_count(
    todo: SweepPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = sweep_progress_for(todo, quiet=True)
    assert quiet.remaining() is None
    now = quiet._started + 30.0
    monkeypatch.setattr("minidl_cli.sweep_progress.time.monotonic", lambda: now)
    assert quiet.remaining() is None  # nothing is done that it could follow from
    quiet(progress(todo, 0, 30, "done", "done"))  # 60 of 120 epochs
    assert quiet.remaining() == pytest.approx(30.0)
    quiet(progress(todo, 1, 10, "running", "running"))
    assert quiet.remaining() == pytest.approx(15.0)
    quiet(progress(todo, 1, 10, "done", "diverged"))
    assert quiet.remaining() == pytest.approx(6.0)


def test_a_failure_is_told_in_one_line_without_its_traceback(
    todo: SweepPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = SweepLines(todo)
    error = "Traceback (most recent call last):\n  File …\nValueError: a bug\n"
    lines.ended(SweepOutcome(todo.folder, errors=[error, error]))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "failed: ValueError: a bug (see error.txt in the run's folder)",
        "nothing to do in 0.0 s",
    ]
