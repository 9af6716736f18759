"""Configs, run folders, names and links that mean harm: none runs, waits or leaves its place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hostile_files import PICKLE, refused, saved
from study_cases import curves, resolved, write_run
from trainings import minidl

from minidl.report.figures.plots import draw_run
from minidl.spec import load_sweep

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
# name → content, and what is said of it.
CONFIGS: dict[str, tuple[bytes, str]] = {
    "a billion laughs": (LAUGHS.encode(), "anchors (&a) aren't used"),
    "laughs by merge keys": (
        LAUGHS.replace("[x, x]", "{x: 1}").replace("[*", "{<<: [*").replace("]", "]}").encode(),
        "c.yaml:",
    ),
    "1 MB of brackets": (b"[" * 10**6, "nested more than 32 levels"),
    "1 MB of dashes": (b"- " * 5 * 10**5, "nested more than 32 levels"),
    "1 MB of keys": (b"".join(b"k%d: 1\n" % i for i in range(10**5)), "too many for a config"),
    "UTF-16": ("data: disk".encode("utf-16"), "isn't UTF-8 text (but UTF-16): save the file as"),
    "UTF-16 without a mark": (
        "data: disk".encode("utf-16-le"),
        "1:2: isn't valid YAML: holds the co",
    ),
    "a bell": ("# é\nname: é\a\n".encode(), "c.yaml:2:8: isn't valid YAML: holds the control"),
    "9,000 layers": (
        b"data: disk\nmodel: {mlp: [" + b"1," * 9000 + b"]}\n",
        "model.hidden: has 9,000 layers, more than the 1,000 allowed",
    ),
    "1 MB of spaces": (b" " * 10**6, "is empty"),
    "1 MB of one key": (b"? " + b"x" * (10**6 - 10), "c.yaml"),
    "1 MB in a number": (b"seed: " + b"9" * 999_000, "the integer"),
    "1 MB of quotes": (b'"' * 999_999, "isn't valid YAML"),
    "a constructor": (b"name: !!python/object/apply:os.abort []\n", "tags ("),
    "gzip": (b"\x1f\x8b\x08" + bytes(range(256)), "isn't UTF-8 text"),
    "NUL": (b"name: a\0b\n", "isn't valid YAML"),
}
RUN: dict[str, tuple[str, bytes, str]] = {
    "a deep record": ("run.json", b'{"a":' * 10**5, "nested too deeply"),
    "a huge number": ("run.json", b'{"status": "done", "epochs": ' + b"9" * 9999, "run.json"),
    "a record of a record": (
        "run.json",
        b'{"status": {"status": "done"}}',
        "status is not what minidl writes",
    ),
    "names that are none": (
        "run.json",
        b'{"status": "done", "class_names": 5}',
        "class_names is not what minidl writes",
    ),
    "versions that are none": (
        "run.json",
        b'{"status": "done", "versions": ["torch"]}',
        "versions is not what minidl writes",
    ),
    "laughs in config.yaml": ("config.yaml", LAUGHS.encode(), "anchors"),
    "an aliased loss": ("config.yaml", b"loss: &a {type: mse}\nmodel: *a\n", "anchors"),
    "words in metrics.csv": ("metrics.csv", b"epoch,test_loss\n1,=cmd()\n", "is damaged"),
    "a pickle in predictions.npz": ("predictions.npz", saved(test_output=PICKLE), "is damaged"),
    "text in predictions.npz": (
        "predictions.npz",
        saved(test_output=np.array(["x"] * 4), test_target=np.arange(4)),
        "test_output",
    ),
    "arrays that don't fit": (
        "predictions.npz",
        saved(test_output=np.zeros((4, 1)), test_target=np.zeros(3, dtype=np.int64)),
        "test_target",
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config(name: str) -> None:
    content, message = CONFIGS[name]
    Path("c.yaml").write_bytes(content)
    refused(("validate", "c.yaml"), "c.yaml", message)
    refused(("sweep", "c.yaml", "--dry-run"), "c.yaml", "c.yaml")


@pytest.mark.parametrize("name", RUN)
def test_a_file_of_a_run_folder(name: str, folder: Path) -> None:
    file, content, message = RUN[name]
    run = write_run(folder / "runs" / "x", resolved(), curves(3))
    write_run(folder / "runs" / "y", resolved(), curves(3))
    (run.path / file).write_bytes(content)
    for command in ("report", "list"):
        target = (run.path.parent,) if command == "report" else ()
        assert minidl(command, *target).code == 0
    for words in (("predict", run.path, "t.csv"), ("resume", run.path), ("compare", run.path)):
        finished = minidl(*words)
        assert finished.code == 2
        assert all(line.startswith("minidl: ") for line in finished.err.splitlines())
        assert "unexpected" not in finished.err
    from minidl.errors import MinidlError

    try:
        said = minidl("compare", "runs/x", "runs/y", "--no-plot").err
        draw_run(run)
    except MinidlError as error:
        said += str(error)
    assert message in said
    assert not Path("pickle-was-run").exists()


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "metrics.csv"])
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "a hole of 1 TiB"])
def test_no_file_of_a_run_folder_is_waited_for_or_read_for_ever(
    kind: str, name: str, folder: Path
) -> None:
    run = write_run(folder / "runs" / "x", resolved(), curves(3), status="interrupted")
    path = run.path / name
    path.unlink()
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    assert minidl("list").code == minidl("report", "runs").code == 0
    commands = [("predict", run.path, "t.csv"), ("compare", run.path)]
    if name != "metrics.csv":  # without a checkpoint, its run begins anew
        commands.append(("resume", run.path))
    for command in commands:
        finished = minidl(*command)
        assert finished.code in (1, 2)
        assert all(line.startswith("minidl: ") for line in finished.err.splitlines())
        assert "unexpected" not in finished.err


LINKS = ["run.json", "metrics.csv", "checkpoints", "plots", "checkpoints/last.safetensors"]


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_through_a_link_in_a_run_folder(name: str, folder: Path) -> None:
    run = write_run(folder / "runs" / "x", resolved(), curves(3), status="interrupted")
    outside = folder / "outside"
    target = outside / name
    target.parent.mkdir(parents=True)
    link = run.path / name
    link.parent.mkdir(exist_ok=True)
    if name in ("checkpoints", "plots"):
        target.mkdir()
    else:
        target.write_bytes(link.read_bytes() if link.exists() else b"precious")
        link.unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    link.symlink_to(target)
    finished = minidl("resume", run.path)
    assert finished.code == 2
    assert f"{name}: is a symbolic link" in finished.err
    assert before == {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}


@pytest.mark.parametrize("where", ["sweep", "member"])
def test_nothing_is_written_through_a_link_of_a_sweep(where: str, folder: Path) -> None:
    Path("c.yaml").write_text("data: {type: disk, train: 20, test: 20}\nmodel: {mlp: [2]}\n")
    command = ("sweep", "c.yaml", "optimizer.lr=0.1,0.2", "training.epochs=1", "--name", "s")
    listed = minidl(*command, "--dry-run").out.split()
    outside = folder / "outside"
    outside.mkdir()
    link = folder / "runs" / "s"
    if where == "member":
        link.mkdir(parents=True)
        (link / "sweep.yaml").write_text("x: 1\n")
        link = link / listed[0]
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    finished = minidl(*command)
    assert finished.code == 2
    assert "is a symbolic link" in finished.err
    assert not list(outside.iterdir())


NAMES = ["../x", "/tmp/x", "a/b", "a\\b", "C:x", "nul", "x" * 300, "x.", ".", "..", "-x", "a\nb"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_no_name_leaves_the_runs_folder(name: str, folder: Path) -> None:
    Path("c.yaml").write_text("data: {type: disk, train: 20, test: 20}\nmodel: {mlp: [2]}\n")
    for command in (("train", "c.yaml"), ("sweep", "c.yaml", "seed=1,2")):
        finished = minidl(*command, f"--name={name}")
        assert (finished.code, finished.out) == (2, "")
        assert "run name" in finished.err
        finished = minidl(*command, f"name={json.dumps(name)}")
        assert finished.code == 2
        assert "name: must" in finished.err or "name: is a device" in finished.err
    assert [path.name for path in folder.iterdir()] == ["c.yaml"]


def test_members_of_a_sweep_are_named_inside_its_folder() -> None:
    values = '"../../x","/etc/passwd","nul","..","\\e[31m"'
    Path("c.yaml").write_text(
        "data: {type: csv, path: t.csv, target: y}\nmodel: mlp\n"
        f"sweep: {{grid: {{data.target: [{values}]}}}}\n"
    )
    names = [member.name for member in load_sweep("c.yaml").members]
    assert len(names) == 5
    assert not [name for name in names if {*name} & {*"/\\:\x1b"} or name.startswith(".")]


@pytest.mark.parametrize("output", ["folder", "absent/x.csv", "x" * 300, "/dev/null/x"])
def test_an_output_that_cannot_be_written_is_named(output: str, folder: Path) -> None:
    Path("folder").mkdir()
    write_run(folder / "runs" / "x", resolved(), curves(3))
    finished = minidl("report", "runs", "--output", output)
    assert finished.code in (1, 2)
    (line,) = finished.err.splitlines()
    assert line.startswith("minidl: ")
    assert "unexpected" not in line
