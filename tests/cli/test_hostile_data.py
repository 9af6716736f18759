"""Data that mean harm: each file is refused in a line that names it, in little memory and time."""

from __future__ import annotations

import gzip
import pickle
import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_files import (
    MEBIBYTE,
    PICKLE,
    Bomb,
    chunk,
    lying,
    npy,
    picture,
    png,
    refused,
    safetensors,
    saved,
    sparse,
    tensor,
    torch_file,
    zipped,
)
from PIL import Image
from trainings import minidl

from minidl.data import csvfile, preprocessing
from minidl.data.imagefile import read_image
from minidl.errors import DataError

GOOD = b"a,b,label\n" + b"1,2,yes\n3,4,no\n" * 5
TARGET = ("target.npy", npy((4,), "<f8", bytes(32)))
LABELS = torch.arange(4)

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
    "a zip of two": ("x.csv", zipped(("x.csv", GOOD), ("y.csv", GOOD)), "is a zip of 2 files"),
    "a zip of nothing": ("x.csv", zipped(("x.csv", b"")), "is empty inside"),
    "a gzip bomb": ("x.csv", gzip.compress(bytes(2**22)) * 65, "unpacks to more than the 256 MiB"),
    "a gzip cut short": ("x.csv", gzip.compress(GOOD)[:-9], "is cut short"),
    "no gzip": ("x.csv", b"\x1f\x8b" + GOOD, "can't be read as gzip"),
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
        "'a0' isn't an array",
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
IMAGES: dict[str, tuple[bytes, str]] = {
    "10**10 pixels": (png(10**5, 10**5), "has too many pixels; at most 16,777,216"),
    "2**62 pixels": (png(2**31 - 1, 2**31 - 1), "has too many pixels; at most 16,777,216"),
    "25 million pixels in 25 KB": (
        png(5000, 5000, bytes(5001 * 5000)),
        "has too many pixels; at most 16,777,216",
    ),
    "no pixel": (png(0, 0), "isn't an image that can be read"),
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
    "PostScript, which runs": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "isn't an image",
    ),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>", "isn't an image"),
    "a pickle": (pickle.dumps(Bomb()), "isn't an image"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Those that take seconds to get to a limit; a lower one is tried at once.
LONG = ("a million blank rows", "a million ragged rows", "many categories")


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.slow] if one in LONG else []) for one in DATA],
)
def test_a_data_file(name: str) -> None:
    check_refused(*DATA[name])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
        for name, (file, *_) in DATA.items()
        if file.endswith(".csv")
    ],
)
def test_a_table_that_is_looked_at(name: str) -> None:
    """`new --from` writes a config or refuses it in a line; what it looks at is bounded."""
    Path("x.csv").write_bytes(DATA[name][1])
    finished = minidl("new", "c.yaml", "--from", "x.csv")
    assert finished.code in (0, 2), finished.err
    assert all(line.startswith(("minidl: x.csv: ", "target: ", "minidl: and ")) for line in
               finished.err.splitlines())  # fmt: skip
    assert len(finished.err.splitlines()) <= 51
    assert Path("c.yaml").exists() == (finished.code == 0)


def test_too_many_blank_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "MOST_BLANK", 1000)
    check_refused("x.csv", b"a,label\n" + b"\n" * 1001, "row 1002: so many rows are blank")


def test_too_many_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is an input: 40 texts in each of two columns; of 40 rows, 32 are trained on."""
    monkeypatch.setattr(preprocessing, "MOST_NUMBERS", 32 * 80 - 1)
    rows = b"".join(b"v%d,w%d,%d\n" % (i, i, i % 2) for i in range(40))
    check_refused(
        "x.csv", b"a,b,label\n" + rows, "32 rows of 80 inputs, one per category of a text"
    )


def check_refused(file: str, content: bytes, message: str) -> None:
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


def test_there_are_forty_files_at_least() -> None:
    assert len(DATA) + len(IMAGES) >= 40
