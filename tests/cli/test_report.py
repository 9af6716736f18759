"""minidl report and minidl compare, as people call them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from study_cases import curves, resolved, sweep, write_run
from trainings import Finished
from trainings import minidl as command

BLOCK = """
report:
  tables:
    - {name: rates, by: [optimizer.lr], metrics: [test_error]}
    - {title: By seed, by: [seed]}
  figures: [{curves: optimizer.lr}]
"""


def minidl(*arguments: str | Path, cwd: Path) -> Finished:
    with contextlib.chdir(cwd):
        return command(*arguments)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    sweep(folder / "runs" / "rates", {"optimizer.lr": [0.1, 0.2]}, report=BLOCK)
    bad = write_run(folder / "runs" / "bad", resolved(), curves(3))
    bad.record_path.write_text("{")
    write_run(folder / "runs" / "alone", resolved(loss="cross_entropy"), curves(3))
    return folder


def test_without_a_path_all_of_runs_is_reported(there: Path) -> None:
    result = minidl("report", cwd=there)
    assert result.code == 0, result.err
    head, *rows = result.out.split("\n")
    assert head.split()[:3] == ["loss", "lr", "n"]
    assert len(rows[:3]) == 3
    assert "bad/run.json: is damaged" in result.out
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_for_print(there: Path, format: str, start: bytes) -> None:
    drawn = minidl("report", "runs/rates", "--plot-format", format, cwd=there)
    assert drawn.err == f"drew runs/rates/plots/curves.{format}\n"
    assert (there / f"runs/rates/plots/curves.{format}").read_bytes().startswith(start)
    minidl("compare", "runs/rates", "--plot", f"c.{format}", cwd=there)
    assert (there / f"c.{format}").read_bytes().startswith(start)
    minidl("report", "runs/rates", "--variance", "--plot-format", format, cwd=there)
    assert (there / f"runs/rates/plots/variance.{format}").read_bytes().startswith(start)
    refused = minidl("compare", "runs/rates", "--plot", "c.jpg", cwd=there)
    assert (refused.code, refused.out) == (2, "")
    assert "c.jpg: a figure's name ends with .png, .svg or .pdf" in refused.err


def test_the_first_rows_alone_and_that_there_are_more(there: Path) -> None:
    whole = minidl("report", "runs/rates", "--by", "optimizer.lr", cwd=there).out
    first = minidl("report", "runs/rates", "--by", "optimizer.lr", "--top", "1", cwd=there).out
    assert first.split("\n")[:2] == whole.split("\n")[:2]
    assert first.split("\n")[2] == ""
    assert "the first 1 of 2 rows" in first
    assert "rows" not in minidl("report", "runs/rates", "--by", "lr", "--top", "2", cwd=there).out
    notes = json.loads(minidl("report", "runs/rates", "--top=1", "--format=json", cwd=there).out)
    assert notes["notes"] == ["the first 1 of 2 rows of rates", "the first 1 of 3 rows of By seed"]


def test_a_study_s_own_tables_and_figures(there: Path) -> None:
    result = minidl("report", "runs/rates", cwd=there)
    assert result.code == 0, result.err
    first, second, marks = result.out.strip().split("\n\n")
    assert marks.startswith("* the best mean")
    assert first.split("\n")[0].split() == ["lr", "n", "test", "error", "(%)"]
    assert second.startswith("By seed\nseed  n ")
    assert result.err == "drew runs/rates/plots/curves.png\n"
    assert (there / "runs/rates/plots/curves.png").is_file()


def test_one_table_of_a_study_as_csv(there: Path) -> None:
    result = minidl("report", "runs/rates", "--format", "csv", "--no-plots", cwd=there)
    assert result.code == 2
    assert "--table NAME among rates, table_2" in result.err
    arguments = ("report", "runs/rates", "--format", "csv", "--no-plots", "--table", "rates")
    result = minidl(*arguments, cwd=there)
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [row["optimizer.lr"] for row in rows] == ["0.1", "0.2"]
    assert set(rows[0]) == {"optimizer.lr", "n", "test_error_mean", "test_error_std"}


def test_options_replace_a_study_s_tables(there: Path) -> None:
    arguments = ["--metric", "test_loss", "--stats", "min,ci95", "--where", "optimizer.lr=1e-1"]
    arguments += ["--format", "json", "--no-plots", "--epoch", "best"]
    result = minidl("report", "runs/rates", *arguments, cwd=there)
    (table,) = json.loads(result.out)["tables"]
    (row,) = table["rows"]
    assert row["n"] == 3
    assert set(row["metrics"]["test_loss"]) == {"min", "ci95"}
    assert row["runs"] == ["lr=0.1-0", "lr=0.1-1", "lr=0.1-2"]


@pytest.mark.parametrize("kind", ["md", "latex", "html", "json", "csv", "table"])
def test_output_goes_into_a_file_with_figures_beside_it(there: Path, kind: str) -> None:
    target = there / kind / f"report.{kind}"
    target.parent.mkdir()
    result = minidl("report", "runs", "--format", kind, "--output", target, "--plots", cwd=there)
    assert result.code == 0, result.err
    assert result.out == ""
    assert f"wrote {target}" in result.err
    assert target.stat().st_size > 100
    assert len(list(target.parent.glob("*.png"))) >= 2
    if kind == "html":
        assert "data:image/png;base64," in target.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["empty"], "empty: holds no runs"),
        (["runs", "--metric", "test_acuracy"], "did you mean 'test_accuracy'?"),
        (["runs", "--stats", "mode"], "--stats: expected one of mean, std"),
        (["runs", "--by", "optimizer.rl"], "did you mean 'optimizer.lr'?"),
        (["runs", "--sort-by", "seed"], "can't sort by 'seed'"),
        (["runs", "--where", "loss"], "--where: expected KEY=VALUE"),
        (["runs", "--where", "loss=[", "--format", "csv"], "isn't valid YAML"),
        (["runs", "--where", "optimizer.lr=7"], "no run has the values optimizer.lr: 7"),
        (["runs", "--plots"], "--plots needs --output FILE"),
        (["runs", "--output", "no/folder/x.csv"], "no/folder/x.csv: can't be written"),
    ],
    ids=str,
)
def test_mistakes_are_one_clear_line(there: Path, arguments: list[str], words: str) -> None:
    (there / "empty").mkdir(exist_ok=True)
    result = minidl("report", *arguments, cwd=there)
    assert result.code == (1 if "no/folder" in words else 2)
    assert result.out == ""
    assert words in result.err
    assert result.err.count("\n") == 1


def test_before_the_first_run_it_says_how_to_make_one(tmp_path: Path) -> None:
    result = minidl("report", cwd=tmp_path)
    assert result.code == 2
    assert "`minidl train CONFIG` makes the first run" in result.err


def in_a_process(shell: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """What a shell's line with the command's place ends with."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **env}
    return subprocess.run(
        shell.format(f"{sys.executable} -m minidl_cli.main"),
        shell=True, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_terminal_without_unicode_gets_the_table_all_the_same(there: Path) -> None:
    result = in_a_process("{} report runs", cwd=there, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert result.returncode == 0, result.stderr
    assert "?" in result.stdout


def test_a_full_disk_at_stdout_is_said(there: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    result = in_a_process("{} report runs > /dev/full", cwd=there)
    assert result.returncode == 1
    assert "No space left" in result.stderr
    assert "Traceback" not in result.stderr


def test_compare_prints_the_differences_and_draws_the_curves(there: Path) -> None:
    result = minidl("compare", "runs/rates", "runs/alone", cwd=there)
    assert result.code == 0, result.err
    assert "loss" in result.out
    assert result.err == "drew runs/comparison-rates-alone.png\n"
    assert (there / "runs" / "comparison-rates-alone.png").read_bytes().startswith(b"\x89PNG")
    assert not (there / "comparison.png").exists()
    target = there / "c.json"
    result = minidl(
        "compare", "runs/rates", "runs/alone", "--format", "json", "-o", target, cwd=there
    )
    assert json.loads(target.read_text())["plot"] == str(there / "c.png")
    result = minidl("compare", "runs/alone", cwd=there)
    assert result.code == 2
    assert "two runs at least" in result.err
    result = minidl("compare", "runs/rates", "--plot", "c2.png", cwd=there)
    assert result.err == "drew c2.png\n"
    assert result.out.split("\n")[0].split() == ["lr=0.1", "lr=0.2", "difference"]
    result = minidl("compare", "runs/alone", "runs/rates/lr=0.1-0", cwd=there)
    assert result.err == "the runs lie in unlike folders: --plot FILE draws their curves\n"


@pytest.mark.parametrize(
    ("ending", "start"),
    [("txt", " lr"), ("csv", "optimizer.lr,n,"), ("md", "| lr |"), ("tex", "% needs"),
     ("json", "{"), ("HTML", "<!doctype html>"), ("", " lr")],
)  # fmt: skip
def test_a_file_s_ending_says_how_it_is_written(ending: str, start: str, tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.2]}, repeats=1, epochs=3)
    target = tmp_path / (f"table.{ending}" if ending else "table")
    assert command("report", folder, "-o", target).code == 0
    assert target.read_text().startswith(start)


@pytest.mark.parametrize(
    "words", [("report", "runs"), ("compare", "runs"), ("check", "c.yaml"), ("bench", "c.yaml")]
)
def test_an_unknown_ending_is_refused_before_anything_is_read(
    words: tuple[str, str], tmp_path: Path
) -> None:
    refused = command(*words, "-o", tmp_path / "table.dock")
    assert refused.code == 2
    assert "table.dock: ends with none of .txt, .csv, .md," in refused.err
    assert "say with --format how to write it" in refused.err


def test_keys_and_metrics_are_known_by_the_heads_of_their_columns(tmp_path: Path) -> None:
    folder = sweep(
        tmp_path / "s", {"optimizer.lr": [0.1, 0.2], "training.batch_size": [5, 50]}, 1, 3
    )
    metrics = ("--metric", "test accuracy (%),test_loss", "--sort-by", "lr")
    made = command("report", folder, "--by", "lr", "--where", "batch_size=5", *metrics)
    assert made.code == 0, made.err
    assert made.out.splitlines()[0].split()[:4] == ["lr", "n", "test", "accuracy"]
    assert [line.split()[:2] for line in made.out.splitlines()[1:]] == [["0.1", "1"], ["0.2", "1"]]
    assert command("report", folder, "--by", "seed").code == 0  # a whole key, and others' end
    refused = command("report", folder, "--by", "rate")
    assert "none of these runs has the key 'rate'" in refused.err


def test_runs_that_have_not_begun_are_counted(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.2]}, repeats=1, epochs=3)
    (folder / "sweep.yaml").write_text("data: disk\nmodel: mlp\nsweep: {grid: {seed: [1, 2, 3]}}\n")
    made = command("report", folder)
    assert f"{folder}: 3 of 3 runs have not begun: `minidl resume {folder}` goes on" in made.out
    (folder / "sweep.yaml").write_text("data: disk\nmodel: mlp\nsweep: {grid: {seed: [1, 2]}}\n")
    assert "not begun" not in command("report", folder).out


def test_what_a_star_finds_beside_the_runs_of_a_sweep_is_passed_over(there: Path) -> None:
    folder = there / "runs" / "rates"
    (folder / "results.csv").write_text("")
    minidl("report", "runs/rates", cwd=there)  # makes plots/
    paths = sorted(path.relative_to(there) for path in folder.iterdir())
    assert {path.name for path in paths} >= {"plots", "results.csv", "sweep.yaml"}
    result = minidl("compare", *paths, "--format", "json", cwd=there)
    assert result.err.startswith("drew runs/rates/plots/comparison-")
    content = json.loads(result.out)
    assert [side["members"] for side in content["runs"]] == [
        [p.name] for p in paths if "=" in p.name
    ]
    assert minidl("report", *paths, cwd=there).code == 0


def test_a_wide_report_fits_the_terminal_and_shows_no_hashes(tmp_path: Path) -> None:
    data = {"type": "csv", "target": "y", "test_fraction": 0.2}
    for name, digest in (("one", "ab"), ("two", "cd")):
        own = {**data, "path": f"/data/{name}.csv", "sha256": digest * 32}
        write_run(tmp_path / "runs" / name, {**resolved(), "data": own}, curves(3))
    write_run(tmp_path / "runs" / "toy", resolved(optimizer="adam"), curves(3))
    text = minidl("report", cwd=tmp_path).out
    assert "one.csv" in text
    assert "/data/" not in text
    assert "abab" not in text
    rows = list(csv.DictReader(io.StringIO(minidl("report", "--format", "csv", cwd=tmp_path).out)))
    assert {row["data.path"] for row in rows} == {"/data/one.csv", "/data/two.csv", ""}


def test_a_sweep_may_run_while_it_is_reported(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.2]}, look=lambda settings, seed: (
        {"status": "running"} if seed else {}
    ))  # fmt: skip
    (folder / "lr=0.2-0" / "run.json").unlink()  # about to be written
    (folder / "lr=0.1-1" / "metrics.csv").write_text("epoch,step\n1,2\n2")
    result = minidl("report", folder, cwd=tmp_path)
    assert result.code == 0
    lines = result.out.split("\n")
    assert [line.split()[:3] for line in lines[1:3]] == [["0.1", "1", "2"], ["0.2", "0", "2"]]
    assert "lr=0.2-0" in lines[4]


def test_where_all_runs_are_damaged_there_is_no_empty_table(tmp_path: Path) -> None:
    bad = write_run(tmp_path / "runs" / "bad", resolved(), curves(3))
    bad.record_path.write_text("{")
    result = minidl("report", cwd=tmp_path)
    assert result.out.startswith("damaged and left out: runs/bad/run.json: is damaged")


@pytest.mark.parametrize("words", ["report", "compare"])
@pytest.mark.parametrize("link", ["plots", "plots/{figure}.png"])
def test_no_figure_that_nobody_named_is_drawn_through_a_link(
    link: str, words: str, tmp_path: Path
) -> None:
    sweep(tmp_path / "rates", {"optimizer.lr": [0.1, 0.2]}, report=BLOCK)
    outside = tmp_path / "outside"
    (outside / "plots").mkdir(parents=True)
    figure = {"report": "curves", "compare": "comparison"}[words]
    link = link.format(figure=figure)
    (tmp_path / "rates" / link).parent.mkdir(exist_ok=True)
    (tmp_path / "rates" / link).symlink_to(outside / link)
    refused = command(words, tmp_path / "rates")
    assert refused.code == 2
    assert f"{link}: is a symbolic link: nothing is written through one" in refused.err
    assert not list((outside / "plots").iterdir())
