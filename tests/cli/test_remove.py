"""minidl tag, note, rm and prune: what people do with runs that are there."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import typer
from minidl_cli import remove
from minidl_cli.app import app
from typer.testing import CliRunner, Result

from minidl.errors import RunError
from minidl.store.find import find_runs
from minidl.store.locks import locked
from minidl.store.notes import Notes, read_notes
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord


def invoke(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code
    return result


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that is done, two that failed (one long ago), and a sweep of two."""
    monkeypatch.chdir(tmp_path)
    now = datetime.now().astimezone()
    kinds = [
        ("good", "done", 40),
        ("bad", "failed", 1),
        ("old", "failed", 50),
        ("s/one", "done", 60),
        ("s/two", "failed", 45),
    ]
    for name, status, days in kinds:
        folder, _, own = f"runs/{name}".rpartition("/")
        run = RunFolder.create(folder, stem="s", config_text="", name=own)
        started = (now - timedelta(days=days)).isoformat()
        run.write_record(RunRecord(status=status, started=started, weights="best"))
        run.checkpoint_path("last").parent.mkdir()
        for checkpoint in ("last", "previous", "best"):
            run.checkpoint_path(checkpoint).write_bytes(b"0" * 1000)
    Path("runs/s/sweep.yaml").write_text("data: disk\nmodel: mlp\nsweep: {grid: {seed: [1, 2]}}\n")
    return Path("runs")


def there() -> set[str]:
    """The runs that are left."""
    paths = find_runs(["runs"], lambda run, record: run.path, lambda run, error: run.path)
    return {path.relative_to("runs").as_posix() for path in paths}


def names(*options: str) -> list[str]:
    return [row["name"] for row in json.loads(invoke("list", "--format=json", *options).stdout)]


# tag and note


def test_a_tag_is_shown_and_chosen_by() -> None:
    invoke("tag", "good", "runs/bad", "for the paper")
    invoke("tag", "good", "second")
    invoke("tag", "good", "second")  # once is enough
    assert read_notes(Path("runs/good")).tags == ("for the paper", "second")
    assert names("--where", "tag=for the paper") == ["bad", "good"]
    assert "for the paper, second" in invoke("list").stdout
    invoke("tag", "good", "second", "--remove")
    assert names("--where", "tag=second") == []


def test_a_sweep_is_tagged_run_by_run() -> None:
    invoke("tag", "s", "wide")
    assert names("--where", "tag=wide") == ["two", "one"]
    (line,) = [line for line in invoke("list").stdout.splitlines() if line.startswith("s ")]
    assert line.rstrip().endswith("wide")


def test_a_note_is_kept_replaced_and_taken_away() -> None:
    invoke("note", "good", "first line\nη")
    assert invoke("note", "good").stdout == "first line\nη\n"
    assert "first line η" in invoke("list").stdout
    invoke("tag", "good", "a")
    invoke("note", "good", "")
    assert read_notes(Path("runs/good")) == Notes(tags=("a",))
    invoke("tag", "good", "a", "--remove")
    assert not Path("runs/good/notes.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tag", "alone"), "expected runs and a tag, such as `minidl tag RUN alone`"),
        (("tag", "good", "a,b"), "without commas, not 'a,b'"),
        (("tag", "good", "a\nb"), r"not 'a\\nb'"),
        (("tag", "nowhere", "a"), "nowhere: no such folder"),
        (("note", "good", "x" * 10_001), "up to 10,000 characters, not 10,001"),
    ],
)
def test_what_is_no_tag_or_note_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(RunError, match=message):
        invoke(*words)


@pytest.mark.parametrize("text", ["{", "[]", '{"tags": [1]}', '{"note": 3}', "[" * 10_000])
def test_a_damaged_note_breaks_no_run(text: str) -> None:
    Path("runs/good/notes.json").write_text(text)
    (row,) = json.loads(invoke("list", "--format=json", "--where", "name=good").stdout)
    assert row["status"] == "done"
    assert "notes.json: is damaged" in row["problem"]
    with pytest.raises(RunError, match="is damaged"):
        invoke("tag", "good", "a")


# rm


def test_rm_moves_runs_to_the_trash_from_where_they_can_be_moved_back() -> None:
    said = invoke("rm", "good", "s/two", "--yes").stderr
    assert "moved runs/good to runs/.trash/good" in said
    assert there() == {"bad", "old", "s/one"}
    Path("runs/.trash/good").rename("runs/good")
    Path("runs/.trash/s/two").rename("runs/s/two")
    assert there() == {"good", "bad", "old", "s/one", "s/two"}


def test_rm_takes_a_sweep_as_a_whole() -> None:
    invoke("rm", "s", "runs/s/one", "--yes")
    assert there() == {"good", "bad", "old"}
    assert Path("runs/.trash/s/one/run.json").is_file()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--failed",), {"good", "s/one", "s/two"}),
        (("--older", "30d"), {"bad"}),
        (("--older", "8w"), {"good", "bad", "old", "s/one", "s/two"}),
        (("--failed", "--older", "30d"), {"good", "bad", "s/one", "s/two"}),
        (("s", "--failed"), {"good", "bad", "old", "s/one"}),
    ],
)
def test_rm_chooses_by_failure_and_age(options: tuple[str, ...], left: set[str]) -> None:
    invoke("rm", *options, "--yes")
    assert there() == left


def test_rm_asks_and_where_nobody_can_answer_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"move runs/good to the trash\? Nobody is there to answer"):
        invoke("rm", "good")

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("minidl_cli.remove.sys.stdin", Terminal())
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    with pytest.raises(typer.Exit) as end:
        remove.rm(["good"])
    assert end.value.exit_code == 1
    assert "good" in there()
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    remove.rm(["good"])
    assert "good" not in there()


def test_rm_refuses_a_run_that_is_worked_on_before_it_moves_any() -> None:
    for name, held in [("bad", "runs/bad"), ("s/one", "runs/s")]:
        with locked(held), pytest.raises(RunError, match=f"{name}: is in use"):
            invoke("rm", "good", name, "--yes")
    assert there() == {"good", "bad", "old", "s/one", "s/two"}


def test_rm_refuses_a_sweep_one_of_whose_runs_is_worked_on() -> None:
    with locked("runs/s/one"), pytest.raises(RunError, match="runs/s: is in use"):
        invoke("rm", "s", "--yes")


def test_a_name_that_the_trash_has_is_told_apart() -> None:
    invoke("rm", "good", "--yes")
    RunFolder.create("runs", stem="s", config_text="", name="good")
    assert "runs/.trash/good-2" in invoke("rm", "good", "--yes").stderr


def test_only_runs_and_sweeps_are_removed(tmp_path: Path) -> None:
    Path("runs/mine").mkdir()
    Path("runs/link").symlink_to(tmp_path / "runs/good")
    for name, message in [
        ("mine", "isn't a run or a sweep"),
        ("nowhere", "no such run or sweep"),
        ("link", "is a symbolic link"),
    ]:
        with pytest.raises(RunError, match=message):
            invoke("rm", name, "--yes")
    for words, message in [
        ((), "which runs"),
        (("--older", "month"), "expected an age such as"),
        (("good", "--empty-trash"), "name no runs"),
    ]:
        with pytest.raises(RunError, match=message):
            invoke("rm", *words, "--yes")


def test_the_trash_is_emptied_for_good() -> None:
    invoke("rm", "good", "s", "--yes")
    assert invoke("rm", "--empty-trash", "--yes").stderr == "deleted 3 runs\n"
    assert not Path("runs/.trash").exists()
    assert there() == {"bad", "old"}


# prune


def test_prune_deletes_what_neither_predict_nor_resume_needs() -> None:
    kept = {path.name: path.read_bytes() for path in Path("runs/bad/checkpoints").iterdir()}
    dry = invoke("prune", "--dry-run")
    assert sorted(dry.stdout.split()) == [
        f"runs/{name}/checkpoints/{checkpoint}.safetensors"
        for name in ("good", "s/one")
        for checkpoint in ("last", "previous")
    ]
    assert dry.stderr == "would free 0.0 MB in 2 runs\n"
    assert len(list(Path("runs/good/checkpoints").iterdir())) == 3
    invoke("prune")
    assert [p.name for p in Path("runs/good/checkpoints").iterdir()] == ["best.safetensors"]
    assert {p.name: p.read_bytes() for p in Path("runs/bad/checkpoints").iterdir()} == kept


def test_prune_leaves_alone_what_is_worked_on_or_has_lost_its_weights() -> None:
    Path("runs/good/checkpoints/best.safetensors").unlink()
    with locked("runs/s"):
        assert invoke("prune").stderr == "freed 0.0 MB in 0 runs\n"
    assert len(list(Path("runs/good/checkpoints").iterdir())) == 2
