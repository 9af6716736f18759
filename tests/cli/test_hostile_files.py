"""Files that mean harm: each is refused in one line that names it, in little memory and time."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from study_cases import curves, resolved, write_run
from trainings import minidl

from minidl.data.imagefile import read_image
from minidl.errors import DataError
from minidl.report.plots import draw_run
from minidl.spec import load_sweep

MEBIBYTE = 2**20


def npy(shape: tuple[int, ...], descr: object = "<f8", content: bytes = b"") -> bytes:
    """An array's file whose header says whatever it likes."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def saved(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def safetensors(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def lying(content: bytes, size: int) -> bytes:
    """A zip file whose directory declares another size for its first member."""
    changed, place = bytearray(content), content.rindex(b"PK\x01\x02")
    changed[place + 24 : place + 28] = struct.pack("<I", size)
    return bytes(changed)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("pickle-was-run"),)  # type: ignore[return-value]


def torch_file(stored: object) -> bytes:
    stream = io.BytesIO()
    torch.save(stored, stream)
    return stream.getvalue()


def png(width: int, height: int, pixels: bytes = b"", depth: int = 8, *before: bytes) -> bytes:
    """A grey PNG that declares a size; `before` are chunks ahead of its pixels."""
    size = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    rest = (*before, chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + size + b"".join(rest)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (8, 8)).save(stream, kind, **options)
    return stream.getvalue()


def sparse(size: int) -> torch.Tensor:
    indices = torch.arange(size).expand(2, -1)
    return torch.sparse_coo_tensor(indices, torch.ones(size), check_invariants=True)


GOOD = b"a,b,label\n" + b"1,2,yes\n3,4,no\n" * 5
TARGET = ("target.npy", npy((4,), "<f8", bytes(32)))
LABELS = torch.arange(4)
PICKLE = np.array([Bomb()] * 4, dtype=object)
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

# name → content, and what is said of it.
DATA: dict[str, tuple[str, bytes, str]] = {
    "ragged rows": ("x.csv", GOOD + b"1,2\n1,2,3,4\n", "row 12 has 2 cells"),
    "latin-1": ("x.csv", GOOD + "1,2,n\u00e9\n".encode("latin-1"), "line 12: not UTF-8"),
    "utf-16": ("x.csv", GOOD.decode().encode("utf-16"), "line 1: not UTF-8"),
    "NUL": ("x.csv", GOOD + b"1,\0,no\n", "line 12: holds a NUL byte"),
    "1e5 columns": ("x.csv", b",".join(b"c%d" % i for i in range(10**5)), "has 100,000 columns"),
    "1e6 commas in a row": ("x.csv", GOOD + b"," * 10**6 + b"x", "row 12 has 1,000,001 cells"),
    "mixed types": ("x.csv", GOOD + b"one,two,yes\n", "row 12, column 'a': expected a number"),
    "an open quote": ("x.csv", GOOD + b'"' + b"1,2,yes\n" * 5, "a quote is opened, but never"),
    "a cell of 1 MB": ("x.csv", GOOD + b"x" * MEBIBYTE, "field larger than field limit"),
    "a formula": ("x.csv", GOOD + b"=cmd(),1,yes\n", "expected a number, but got '=cmd()'"),
    "escapes": ("x.csv", GOOD + b"\x1b[2J\x1b]0;t\x07,1,yes\n", r"got '\x1b[2J\x1b]0;t\x07'"),
    "a thousand classes": (
        "x.csv",
        b"a,label\n" + b"".join(b"1,c%d\n" % i for i in range(2000)),
        "target 'label' holds 2000 different classes",
    ),
    "infinity": ("x.csv", GOOD + b"1e999,1,yes\n", "infinite value '1e999'"),
    "sums that overflow": (
        "x.csv",
        GOOD + b"1e308,1,yes\n" * 20 + b"-1e308,1,no\n" * 20,
        "column 'a': the values are too large",
    ),
    "a million commas": ("x.csv", b"," * 2 * 10**6, "holds more than 1,000,000 ','"),
    "a million blank rows": ("x.csv", b"a,label\n" + b"\n" * 10**6 * 2, "so many rows are blank"),
    "a million ragged rows": ("x.csv", GOOD + b"1\n" * 10**6, "and 9,950 more problems"),
    "many categories": (
        "x.csv",
        b",".join(b"c%d" % i for i in range(90))
        + b",label\n"
        + b"".join(b",".join([b"w%d" % (i % 900)] * 90) + b",%d\n" % (i % 2) for i in range(3000)),
        "rows of 81,000 inputs, one per category of a text, fill 1 GiB",
    ),
    "a zip as CSV": ("x.csv", zipped(("x.csv", GOOD)), "is a zip or Excel file"),
    "blank lines": ("x.csv", b"\n" * 10**5, "holds blank rows only"),
    "a pickle in .npz": ("x.npz", saved(input=PICKLE, target=PICKLE), "holds Python objects"),
    "a pickle as .npz": ("x.npz", pickle.dumps(Bomb()), "can't be read as .npz"),
    "a pickle in a zip": (
        "x.npz",
        zipped(("input.npy", pickle.dumps(Bomb())), TARGET),
        "can't be read",
    ),
    "a .npz bomb": (
        "x.npz",
        zipped(("input.npy", npy((2**24,), "|u1", bytes(2**24)))),
        "there is no array 'target'",
    ),
    "a .npz that lies about its size": (
        "x.npz",
        lying(zipped(("input.npy", npy((2**27,), "|u1", bytes(2**20)))), 100),
        "can't be read as .npz",
    ),
    "a .npz that declares 4 GiB": (
        "x.npz",
        lying(zipped(("input.npy", b"x")), 2**32 - 2),
        "unpacks to 4,096 MiB",
    ),
    "an array of 2**60": ("x.npz", zipped(("input.npy", npy((2**60,)))), "can't be read as .npz"),
    "an array of -1": ("x.npz", zipped(("input.npy", npy((-1, 4)))), "can't be read as .npz"),
    "a header of 10 MB": (
        "x.npz",
        zipped(("input.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 10**7) + b"(" * 10**7)),
        "can't be read as .npz",
    ),
    "a header that is code": (
        "x.npz",
        zipped(("input.npy", b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').abort()".ljust(32))),
        "can't be read as .npz",
    ),
    "a .npz in a .npz": (
        "x.npz",
        zipped(("input.npy", saved(a=1)), TARGET),
        "can't be read|'input' has",
    ),
    "2,000 members": (
        "x.npz",
        zipped(*((f"a{i}.npy", b"") for i in range(2000))),
        "'a0' is no array",
    ),
    "records for numbers": (
        "x.npz",
        saved(input=np.zeros(4, dtype=[("a", "f8"), ("b", "O")][:1]), target=np.arange(4)),
        "'input' has dtype",
    ),
    "dates for numbers": (
        "x.npz",
        saved(input=np.zeros((4, 2), dtype="M8[s]"), target=np.arange(4)),
        "'input' has dtype datetime64",
    ),
    "a pickle as .pt": ("x.pt", pickle.dumps(Bomb()), "can't be read as a file of torch.save"),
    "a pickle in a .pt": ("x.pt", torch_file((Bomb(), LABELS)), "can't be read as a file of torch"),
    "a .pt that declares 4 GiB": (
        "x.pt",
        lying(torch_file((torch.zeros(4), LABELS)), 2**32 - 2),
        "unpacks to 4,096 MiB",
    ),
    "a .pt cut short": ("x.pt", torch_file((torch.zeros(4), LABELS))[:500], "can't be read as a f"),
    "a tensor that repeats one number": (
        "x.pt",
        torch_file((torch.zeros(1).expand(10**6, 10**6), LABELS)),
        "unpacks to 3,814,697 MiB",
    ),
    "a list of tensors that repeat": (
        "x.pth",
        torch_file(([torch.zeros(1).expand(1000, 1000)] * 4000, LABELS)),
        "unpacks to 15,259 MiB",
    ),
    "a sparse tensor": (
        "x.pt",
        torch_file((sparse(4), LABELS)),
        "'input' can't be read",
    ),
    "a tensor without memory": (
        "x.pkl",
        torch_file((torch.empty(2**50, device="meta"), LABELS)),
        "unpacks to",
    ),
    "three tensors": ("x.pt", torch_file((LABELS, LABELS, LABELS)), "but got tuple of 3"),
    "a header of 2**60 bytes": (
        "x.safetensors",
        safetensors({}, length=2**60),
        "can't be read as .safetensors",
    ),
    "a header longer than the file": (
        "x.safetensors",
        safetensors({}, length=10**6),
        "can't be read as .safetensors",
    ),
    "overlapping tensors": (
        "x.safetensors",
        safetensors({"input": tensor(0, 16, [4]), "target": tensor(8, 24, [4])}, bytes(24)),
        "can't be read as .safetensors",
    ),
    "offsets outside the file": (
        "x.safetensors",
        safetensors({"input": tensor(0, 2**40, [2**38])}, bytes(16)),
        "can't be read as .safetensors",
    ),
    "a shape that overflows": (
        "x.safetensors",
        safetensors({"input": tensor(0, 16, [2**63, 2**63])}, bytes(16)),
        "can't be read as .safetensors",
    ),
    "a deep header": ("x.safetensors", safetensors(b'{"a":' * 10**5), "can't be read as .safet"),
    "an unknown dtype": (
        "x.safetensors",
        safetensors({"input": tensor(0, 16, [4], "F8_E5M2")}, bytes(16)),
        "can't be read as .safetensors",
    ),
    "a header that isn't UTF-8": (
        "x.safetensors",
        safetensors(b'{"\xff": 1}'),
        "can't be read as .safetensors",
    ),
}
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


IMAGES: dict[str, tuple[bytes, str]] = {
    "10**10 pixels": (png(10**5, 10**5), "has too many pixels; at most 16,777,216"),
    "2**62 pixels": (png(2**31 - 1, 2**31 - 1), "has too many pixels; at most 16,777,216"),
    "25 million pixels in 25 KB": (
        png(5000, 5000, bytes(5001 * 5000)),
        "has too many pixels; at most 16,777,216",
    ),
    "no pixel": (png(0, 0), "is no image that can be read"),
    "cut short": (picture("PNG", compress_level=0)[:120], "is damaged"),
    "text that unpacks to 8 MiB": (
        png(8, 8, bytes(72), 8, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**23), 9))),
        "is damaged",
    ),
    "16 bits": (png(8, 8, bytes(8 * 17), 16), "has pixels of more than 8 bits"),
    "an animation": (
        picture("GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")]),
        "holds several images",
    ),
    "PostScript, which runs": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no image"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>", "is no image"),
    "a pickle": (pickle.dumps(Bomb()), "is no image"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(command: tuple[object, ...], file: str, message: str) -> None:
    """The command ends with exit code 2 and lines that name the file, in 64 MiB."""
    tracemalloc.start()
    try:
        finished = minidl(*command)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert finished.code == 2, finished.err
    first, *others = finished.err.splitlines()
    assert f"{file}:" in first
    assert any(part in line for part in message.split("|") for line in (first, *others)), first
    assert all(len(line) < 1000 and line.startswith("minidl: ") for line in (first, *others))
    assert not finished.out
    assert peak < 64 * MEBIBYTE
    assert not Path("pickle-was-run").exists()


@pytest.mark.parametrize("name", DATA)
def test_a_data_file(name: str) -> None:
    file, content, message = DATA[name]
    Path(file).write_bytes(content)
    data = f"{{type: csv, path: {file}, target: label}}"
    if not file.endswith(".csv"):
        data = f"{{type: arrays, path: {file}}}"
    Path("c.yaml").write_text(f"data: {data}\nmodel: mlp\nloss: cross_entropy\n")
    refused(("validate", "c.yaml", "--data"), file, message)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image(name: str) -> None:
    content, message = IMAGES[name]
    Path("x.png").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=f"^x.png: .*{re.escape(message)}"):
            read_image(Path("x.png"), 3)
        assert tracemalloc.get_traced_memory()[1] < 64 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert not Path("pickle-was-run").exists()


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right edge
    Image.new("RGB", (4, 8)).save("x.jpg", exif=exif)
    assert read_image(Path("x.jpg"), 3).shape == (3, 4, 8)


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
    for command in (("predict", run.path, "t.csv"), ("resume", run.path), ("compare", run.path)):
        finished = minidl(*command)
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


def test_there_are_forty_files_at_least() -> None:
    assert len(DATA) + len(CONFIGS) + len(RUN) + len(IMAGES) >= 40


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
        link = link / listed[2]
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
