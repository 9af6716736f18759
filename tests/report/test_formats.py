"""Every format, read back by a parser, with words that would like to be code."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import FORBIDDEN, HOSTILE, check_csv, check_html, check_latex, check_markdown
from study_cases import batch_size_by_lr, curves, resolved, sweep, write_run

from minidl.report.html.page import as_html
from minidl.report.members.collect import Broken, collect
from minidl.report.members.groups import Statistics
from minidl.report.tables.document import Document, Drawn
from minidl.report.tables.escape import columns, csv_text, latex, line, markdown
from minidl.report.tables.formats import as_csv, as_json, as_latex, as_markdown, as_table
from minidl.report.tables.grid import grid
from minidl.report.tables.numbers import mean_and_std
from minidl.report.tables.table import COUNTS, Table, make_table
from minidl.spec import ReportTable
from minidl.store.locks import locked


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """A table whose values, key and title are hostile, and a hostile broken folder."""
    folder = tmp_path_factory.mktemp("hostile")
    members = []
    for index, words in enumerate(HOSTILE):
        run = write_run(folder / str(index), resolved(), curves(3, seed=index))
        (member,) = collect([run.path]).members
        settings = {**member.settings, "model.<b>|$k^2$\x1b[1m": words}
        members.append(replace(member, settings=settings))
    table = make_table(members, ReportTable(title="T <svg onload=x> $y_1$ \\input{z} \x1b[2J|"))
    broken = [Broken(Path("x"), words) for words in HOSTILE]
    figure = Drawn("f", HOSTILE[7], b"\x89PNG")
    return Document(HOSTILE[6], [table], [figure], broken, ["note <b> | $ \x1b[1m"])


def test_html_holds_hostile_words_as_words(hostile: Document) -> None:
    text = as_html(hostile)
    page = check_html(text)
    shown = {page.cells[i] for i in range(0, len(page.cells), len(page.heads))}
    assert shown == {line(words) for words in HOSTILE}
    assert not FORBIDDEN.search(text)
    assert "http:" not in re.sub(r"<td>.*?</td>|<li>.*?</li>", "", text)  # nothing is fetched


def test_a_table_s_rows_are_gone_through_as_often_for_many_rows_as_for_few(
    study: Table,
) -> None:
    class Counted(list[Any]):
        times = 0

        def __iter__(self) -> Iterator[Any]:
            self.times += 1
            return super().__iter__()

    times = []
    for count in (3, len(study.rows)):
        rows = Counted(study.rows[:count])
        grid(replace(study, rows=rows))
        times.append(rows.times)
    assert len(study.rows) > 3
    assert times[0] == times[1]


def test_csv_holds_no_formulas_and_every_digit(hostile: Document) -> None:
    text = as_csv(hostile.tables[0])
    assert len(check_csv(text)) == 1 + len(HOSTILE)
    rows = list(csv.DictReader(io.StringIO(text)))
    key = next(iter(rows[0]))
    assert {row[key] for row in rows} == {csv_text(words) for words in HOSTILE}
    for row, of in zip(rows, hostile.tables[0].rows, strict=True):
        assert float(row["test_loss_mean"]) == of.statistics["test_loss"].mean
        assert row["test_loss_std"] == ""
        assert row["n"] == "1"
    assert not FORBIDDEN.search(text)


def test_json_holds_the_words_themselves(hostile: Document) -> None:
    text = as_json(hostile)
    content = json.loads(text)
    rows = content["tables"][0]["rows"]
    assert {next(iter(row["settings"].values())) for row in rows} == set(HOSTILE)
    assert text.isascii()  # so no terminal is moved
    assert not FORBIDDEN.search(text)
    assert rows[0]["metrics"]["test_loss"]["std"] is None
    assert len(content["broken"]) == len(HOSTILE)


def test_markdown_rows_keep_their_cells(hostile: Document) -> None:
    text = as_markdown(hostile)
    rows = check_markdown(text)
    assert len(rows) == 2 + len(HOSTILE)
    assert len(rows[0]) == 4
    assert not FORBIDDEN.search(text)


def test_latex_calls_no_command_of_theirs(hostile: Document) -> None:
    text = as_latex(hostile)
    assert len(check_latex(text)) == 1 + len(HOSTILE)
    assert not FORBIDDEN.search(text)


def test_the_terminal_gets_aligned_lines_and_no_escapes(hostile: Document) -> None:
    text = as_table(hostile)
    assert not FORBIDDEN.search(text)
    _, head, *rows = text.split("\n")[: 2 + len(HOSTILE)]
    end = columns(head)
    assert all(columns(row) <= end for row in rows)
    assert len({columns(row) for row in rows if row.endswith(tuple("0123456789"))}) == 1


@pytest.mark.parametrize("words", HOSTILE)
def test_escaping_leaves_one_line(words: str) -> None:
    for escaped in (line(words), csv_text(words), latex(words), markdown(words)):
        assert "\n" not in escaped
        assert not FORBIDDEN.search(escaped)
        escaped.encode()


# Layout and numbers


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder = batch_size_by_lr(tmp_path_factory.mktemp("study") / "s", repeats=2, epochs=4)
    query = ReportTable(metrics=("train_loss", "test_loss", "train_accuracy", "test_accuracy"))
    return make_table(collect([folder]).members, query)


@pytest.mark.parametrize("width", [50, 60, 80, 100, 200])
def test_a_narrow_terminal_gets_the_table_in_parts(study: Table, width: int) -> None:
    text = as_table(Document("", [study]), width)
    assert max(map(columns, text.split("\n"))) <= width
    *parts, marks = text.strip().split("\n\n")
    assert marks.startswith("* the best mean")
    assert (len(parts) == 1) == (width == 200)
    words = " ".join(text.split())
    for row in study.rows:
        assert mean_and_std(row.statistics["test_accuracy"], "test_accuracy") in words
    for part in parts:  # each begins with the keys, or with the rows' numbers
        assert "activ" in part or part.split("\n")[-1].split()[0] == str(len(study.rows))
        assert len(part.split("\n")) >= len(study.rows)


@pytest.mark.parametrize(
    ("values", "metric", "words"),
    [
        ([0.0189, 0.0236, 0.0142], "test_loss", "0.0189 ± 0.0047"),
        ([0.978, 0.972], "test_accuracy", "97.50 ± 0.42"),
        ([0.5, 0.5], "test_loss", "0.5 ± 0"),
        ([0.123456], "test_loss", "0.1235"),
        ([1e-9, 3e-9], "test_loss", "(2.0 ± 1.4)e-9"),
        ([1401, 1401], "parameters", "1,401"),
        ([], "test_loss", "–"),
        ([100.0, 300.0], "train_seconds", "200 ± 141"),
        ([0.045, 0.045], "train_seconds", "0.045"),
    ],
)
def test_means_have_the_digits_that_their_spread_leaves(
    values: list[float], metric: str, words: str
) -> None:
    assert mean_and_std(Statistics.of(values), metric) == words


@pytest.mark.parametrize(("held", "status"), [(True, "running"), (False, "interrupted")])
def test_runs_without_a_result_are_counted_as_list_says_and_no_metric_is_last(
    held: bool, status: str, tmp_path: Path
) -> None:
    def look(settings: dict[str, object], seed: int) -> dict[str, object]:
        if settings["loss"] == "mse":
            return {"status": "diverged"}
        return {"status": "failed" if seed == 0 else "running" if seed == 1 else "done"}

    sweep(tmp_path / "s", {"loss": ["mse", "cross_entropy"]}, repeats=4, look=look)
    with locked(tmp_path / "s") if held else contextlib.nullcontext():
        table = make_table(collect([tmp_path]).members, ReportTable())
    assert list(table.counts) == ["diverged", "failed", status]
    first, last = table.rows
    none = dict.fromkeys(COUNTS, 0)
    assert (first.n, dict(first.counts)) == (2, {**none, "failed": 1, status: 1})
    assert (last.n, dict(last.counts)) == (0, {**none, "diverged": 4})
    assert as_table(Document("", [table])).split("\n")[2].split() == ["mse", "0", "4", "–", "–"]


def test_yaml_of_a_run_can_be_anything_that_loads(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", resolved(), curves(3))
    config = yaml.safe_load(run.config_path.read_text())
    run.config_path.write_text(yaml.safe_dump({**config, "<b>": {"=x": "\x1b[1m"}}))
    table = make_table(collect([tmp_path]).members, ReportTable())
    assert table.rows[0].n == 1
