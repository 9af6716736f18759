"""Hostile words from every file of a run, in every format of every command, read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hostile import (
    FORBIDDEN,
    HOSTILE,
    check_csv,
    check_latex,
    check_markdown,
    check_page,
    runs_a_formula,
)
from study_cases import curves, resolved, write_run
from trainings import Finished, minidl

from minidl.data.cells import NAN, SUSPECTS


def file_name(index: int, words: str) -> str:
    """As much of the words as a file system takes."""
    kept = words.replace("/", "∕").replace("\0", "").replace("\ud800", "").lstrip(".")
    return f"{kept.encode()[:180].decode(errors='ignore')} {index}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each of the words a run that has them everywhere, and one that failed with them."""
    folder = tmp_path_factory.mktemp("hostile") / "runs"
    for index, words in enumerate(HOSTILE):
        config = resolved()
        kept = words.replace("\ud800", "half")
        config = {**config, "name": kept, "model": {**config["model"], "<b>$note": kept}}
        names: dict[str, Any] = {"class_names": [words, "b"], "feature_names": [words, "y"]}
        run = write_run(folder / file_name(index, words), config, curves(3, seed=index), **names)
        if kept != words:
            config_text = run.config_path.read_text()
            run.config_path.write_text(config_text.replace("half", '"\\ud800"'))
        failed = folder / file_name(index, f"failed {words}")
        failed.mkdir()
        (failed / "run.json").write_text(json.dumps({"status": "failed", "name": words}))
        (failed / "error.txt").write_text(f"{words}\nmore", errors="replace", newline="")
    return folder


def check_json(text: str) -> Any:
    assert text.isascii()  # so no terminal is moved
    return json.loads(text)


CHECKS: dict[str, Callable[[str], Any]] = {
    "table": lambda text: text,
    "csv": check_csv,
    "md": check_markdown,
    "latex": check_latex,
    "json": check_json,
    "html": check_page,
}


def printed(*arguments: object) -> Any:
    """What a command prints, read by the format's own parser."""
    finished = minidl(*arguments)
    assert finished.code == 0, finished.err[:2000]
    assert not FORBIDDEN.search(finished.out)
    assert not FORBIDDEN.search(finished.err)
    return finished.out


@pytest.mark.parametrize("format", CHECKS)
def test_report(format: str, runs: Path) -> None:
    text = printed("report", runs, "--format", format, "--no-plots", "--by", "model.<b>$note")
    made = CHECKS[format](text)
    if format == "json":
        shown = {row["settings"]["model.<b>$note"] for row in made["tables"][0]["rows"]}
        assert shown == {words for words in HOSTILE if words != "\ud800"}  # which no YAML holds
        assert len(made["broken"]) == len(HOSTILE) + 1
    if format == "csv":
        assert len(made) == len(HOSTILE)


@pytest.mark.parametrize("format", ["table", "csv", "json"])
def test_list(format: str, runs: Path) -> None:
    made = CHECKS[format](printed("list", "--runs-dir", runs, "--format", format))
    if format == "json":
        assert {row["name"] for row in made} == {path.name for path in runs.iterdir()}
    if format == "csv":
        assert len(made) == 1 + 2 * len(HOSTILE)


@pytest.mark.parametrize("format", ["table", "csv", "md", "json"])
def test_compare(format: str, runs: Path) -> None:
    sound = [
        (runs / file_name(index, words), words)
        for index, words in enumerate(HOSTILE)
        if words != "\ud800"
    ]
    for some in (
        sound[start : start + 12] for start in range(0, len(sound), 12)
    ):  # the most that are shown side by side
        paths = [path for path, _ in some]
        made = CHECKS[format](printed("compare", *paths, "--format", format, "--no-plot"))
        if format == "json":
            assert [side["name"] for side in made["runs"]] == [path.name for path in paths]
            values = [value for (value,) in made["settings"]["model.<b>$note"]]
            assert values == [words for _, words in some]


def test_figures_are_drawn_whatever_the_words_are(runs: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    some = [runs / file_name(index, words) for index, words in enumerate(HOSTILE)][20:32]
    by = ("--by", "model.<b>$note", "--plots")
    printed("report", *some, "--format", "html", "--output", output, *by)
    assert "<img" in output.read_text()
    check_page(output.read_text())
    minidl("compare", *some, "-o", tmp_path / "x.txt")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_classes_and_columns_of_a_table_come_back_from_predict(plots: None, tmp_path: Path) -> None:
    words = sorted({words.strip() for words in HOSTILE if "\0" not in words})
    words = [
        w
        for w in words
        if w and w not in NAN and w.lower() not in SUSPECTS and w != "\ud800" and len(w) < 200
    ]
    table = tmp_path / "t.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["=feature$", "<svg onload=x>", "\\input{target}"])
        writer.writerows([i % 7, words[-i % 5], words[i % len(words)]] for i in range(200))
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {type: csv, path: t.csv, target: '\\input{target}'}\nmodel: {mlp: [4]}\n"
        "loss: cross_entropy\ntraining: {epochs: 1, batch_size: 50}\n"
    )
    trained = minidl("train", config, "--runs-dir", tmp_path / "runs")
    assert trained.code == 0, trained.err
    names = trained.run.read_record().class_names
    assert set(names) == {"-1" if w == "-1" else w for w in words}
    rows = check_csv(minidl("predict", trained.run.path, table, "--for-spreadsheet").out)
    assert len(rows) == 201
    assert {cell for row in rows[1:] for cell in row} & {*names, *(f"'{n}" for n in names)}
    confusion = trained.run.plot_path("confusion_matrix")
    assert confusion.read_bytes().startswith(b"\x89PNG")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(*arguments: object) -> Finished:
    """A command whose output goes to a terminal without colours."""

    with mock.patch("trainings.io.StringIO", Terminal):
        return minidl(*arguments)


def test_a_terminal_is_never_moved(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    config = tmp_path / "\x1b[31mred\u202e.yaml"
    config.write_text("data: disk\nmodel: mlp\n")
    for arguments in (
        ("validate", config),
        ("new", tmp_path / "\x1b]0;new\x07.yaml"),
        ("list", "--runs-dir", runs),
        ("list", "--runs-dir", runs, "--format", "csv"),
        ("report", runs, "--by", "model.<b>$note"),
        ("sweep", config, "optimizer.lr=0.1,0.2", "--dry-run"),
    ):
        finished = on_a_terminal(*arguments)
        assert finished.code == 0, finished.err
        assert finished.out
        assert not FORBIDDEN.search(finished.out + finished.err), arguments[0]


def test_a_script_gets_a_path_to_the_byte(tmp_path: Path) -> None:
    config = tmp_path / "\x1b[31mred.yaml"
    config.write_text("data: disk\nmodel: mlp\n")
    assert minidl("validate", config).out == f"{config}: ok\n"


def test_a_number_is_no_formula() -> None:
    assert not runs_a_formula("-1e-3")
    assert runs_a_formula("-1e-3+cmd()")
