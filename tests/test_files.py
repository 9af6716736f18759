"""A file is complete or absent, whatever fails on the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from minidl import files, folders
from minidl.errors import RunError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fail_at(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, operation, fail)


def test_a_file_holds_exactly_what_was_written_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    for content in (b"first", b"", b"second\r\n\x00"):
        files.write_atomic(tmp_path / "a", content)
        assert (tmp_path / "a").read_bytes() == content
        assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("operation", ["open", "write", "fsync", "close", "replace"])
def test_a_failed_write_leaves_the_old_file_names_it_and_tidies_up(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "run.json"
    target.write_bytes(b"old")
    with monkeypatch.context() as patch:
        fail_at(patch, operation)
        with pytest.raises(RunError, match=r"run\.json: can't be written: no space left") as caught:
            files.write_atomic(target, b"new")
    assert caught.value.exit_code == 1
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["run.json"]


def test_a_system_that_takes_one_byte_at_a_time_gets_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, content[:1]))
    files.write_atomic(tmp_path / "a", b"whole")
    files.append(tmp_path / "a", " thing")
    assert (tmp_path / "a").read_bytes() == b"whole thing"


def test_a_link_is_followed_and_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to("real")
    files.write_atomic(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"
    with pytest.raises(RunError, match="not a regular file"):
        files.write_atomic(os.devnull, b"x")
    assert not Path(os.devnull).is_file()


def test_an_append_that_fails_half_way_takes_its_half_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "metrics.csv"
    files.append(log, "1,2\n")
    write = os.write

    def half_then_full(handle: int, content: memoryview) -> int:
        if len(content) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, content[:2])

    monkeypatch.setattr(os, "write", half_then_full)
    with pytest.raises(RunError, match=r"metrics\.csv: can't be written"):
        files.append(log, "3,4\n")
    assert log.read_text() == "1,2\n"


def test_a_folder_in_the_way_or_under_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folders.make(tmp_path / "a" / "b")
    folders.make(tmp_path / "a" / "b")
    with pytest.raises(RunError, match="file: can't make this folder: a file of that name"):
        folders.make(tmp_path / "file")
    with pytest.raises(RunError, match="can't make this folder") as caught:
        folders.make(tmp_path / "file" / "c")
    assert caught.value.exit_code == 2
