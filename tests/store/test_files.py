"""A file is complete or absent, whatever fails on the way."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from marks import mark_of_the_dead
from trainings import SMALL, minidl

from minidl.errors import RunError, WriteError
from minidl.store import files, folders, forcing, owner, system
from minidl.store.locks import locked


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


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is done on the disk, by name, and to which file."""
    done: list[tuple[str, str]] = []
    opened: dict[Any, str] = {}

    def disk(operation: Any, *arguments: Any, **options: Any) -> Any:
        result = operation(*arguments, **options)
        if operation is os.open:
            opened[result] = Path(arguments[0]).name
        elif operation in (os.fsync, os.replace, os.rename):
            file = arguments[0] if operation is os.fsync else Path(arguments[1]).name
            done.append((operation.__name__, str(opened.get(file, file))))
        return result

    monkeypatch.setattr(system, "disk", disk)
    return done


def test_what_is_forced_together_is_forced_once_and_folders_last(
    operations: list[tuple[str, str]], tmp_path: Path
) -> None:
    with forcing.forced_together():
        for number in range(40):
            folder = tmp_path / str(number)
            folder.mkdir()
            files.append(folder / f"{number}.csv", "1\n")
            forcing.force(folder / f"{number}.csv")
            for content in (b"a", b"b"):
                files.write_atomic(folder / f"{number}.json", content)
        files.write_atomic(tmp_path / "gone", b"")
        files.remove(tmp_path / "gone")
        assert not [name for name, _ in operations if name == "fsync"]
    forced = [name for operation, name in operations if operation == "fsync"]
    assert set(forced[:80]) == {f"{n}.{kind}" for n in range(40) for kind in ("csv", "json")}
    assert sorted(forced[80:]) == sorted([tmp_path.name, *map(str, range(40))])


def test_a_new_folder_is_on_the_disk_before_anything_relies_on_it(
    operations: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Its files, itself, its place, and each folder above that had to be made."""
    folders.new(tmp_path / "a" / "b" / "run", {"sweep.yaml": b"x"})
    forced = [name for name, _ in operations]
    assert forced == ["fsync"] * 4 + ["rename", "fsync"]
    (above, top, file, fresh, renamed, place) = (name for _, name in operations)
    assert {above, top} == {"a", tmp_path.name}
    assert (file, renamed, place) == ("sweep.yaml", "run", "b")
    assert fresh.startswith(".run.")


def test_new_folders_are_forced_together_where_that_is_asked_for(
    operations: list[tuple[str, str]], tmp_path: Path
) -> None:
    with forcing.forced_together():
        for name in "ab":
            folders.new(tmp_path / name, {"config.yaml": b"", "run.json": b""})
        assert [name for name, _ in operations] == ["rename"] * 2
    forced = [name for _, name in operations[2:]]
    assert sorted(forced[:4]) == ["config.yaml"] * 2 + ["run.json"] * 2
    assert sorted(forced[4:]) == sorted(["a", "b", tmp_path.name])


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_what_no_file_system_can_force_is_left_to_it(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", unable)
    files.write_atomic(tmp_path / "a", b"x")
    forcing.force_folder(tmp_path)
    with forcing.forced_together():
        files.write_atomic(tmp_path / "b", b"x")
    assert names(tmp_path) == ["a", "b"]


def test_what_another_process_has_open_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that renames over no open file answers EBUSY; but not forever."""
    replace, attempts = os.replace, list[Path]()

    def busy(source: Path, target: Path) -> None:
        attempts.append(target)
        if len(attempts) < most:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(files, "_PATIENCE", (0.0, 0.0))
    most = 3
    files.write_atomic(tmp_path / "a", b"x")
    most = 100
    with pytest.raises(WriteError, match="b: can't be written: device or resource busy"):
        files.write_atomic(tmp_path / "b", b"x")
    assert names(tmp_path) == ["a"]


def test_an_operation_that_is_interrupted_is_tried_again() -> None:
    left = [InterruptedError()] * 3

    def operation() -> str:
        if left:
            raise left.pop()
        return "done"

    assert system.disk(operation) == "done"


def test_what_is_closed_is_closed_once_even_if_that_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close, closed = os.close, []

    def interrupted(handle: int) -> None:
        close(handle)
        closed.append(handle)
        raise InterruptedError

    monkeypatch.setattr(os, "close", interrupted)
    files.append(tmp_path / "a", "1\n")
    assert len(closed) == 1


def test_a_folder_that_is_read_as_a_file_leaves_nothing_open(tmp_path: Path) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(5):
        with pytest.raises(OSError, match="not a regular file"):
            files.read(tmp_path)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.ESTALE, errno.EIO, errno.EROFS])
def test_what_the_disk_can_not_read_ends_with_1_and_a_wrong_name_with_2(number: int) -> None:
    assert system.as_failure(RunError(""), OSError(number, "")).exit_code == 1
    assert system.as_failure(RunError(""), OSError(errno.ENOTDIR, "")).exit_code == 2


def test_what_can_not_be_forced_is_named_and_what_failed_is_not_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, "fsync")
        with (
            pytest.raises(RunError, match="a: can't be written: no space"),
            forcing.forced_together(),
        ):
            files.write_atomic(tmp_path / "a", b"")
        with contextlib.suppress(ZeroDivisionError), forcing.forced_together():
            files.write_atomic(tmp_path / "b", b"")
            raise ZeroDivisionError
        with pytest.raises(RunError, match="c: can't be written"):
            files.write_atomic(tmp_path / "c", b"")
    assert names(tmp_path) == ["a", "b"]


def test_what_is_half_written_goes_when_a_signal_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signalled(*_: Any) -> None:
        assert len(names(tmp_path)) == 2
        files.abandon()
        assert names(tmp_path) == []

    with locked(tmp_path / "run"), monkeypatch.context() as patch:
        patch.setattr(os, "fsync", signalled)
        with pytest.raises(RunError):
            files.write_atomic(tmp_path / "a", b"")
    files.write_atomic(tmp_path / "a", b"")
    files.abandon()
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("renames", [1, 2, 3])
def test_a_folder_is_replaced_or_stays_whatever_fails(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it can't even be put back, it is not deleted."""
    run, rename, left = tmp_path / "run", os.rename, [renames]
    folders.new(run, {"config.yaml": b"old"})

    def failing(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] <= 0 and (renames == 2 or left[0] == 0):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        if renames == 3:  # there is no third
            folders.new(run, {"config.yaml": b"new"}, overwrite=True)
        else:
            with pytest.raises(RunError, match="run: can't make this folder"):
                folders.new(run, {"config.yaml": b"new"}, overwrite=True)
    (whole,) = tmp_path.iterdir()
    assert (whole == run) == (renames != 2)
    assert (whole / "config.yaml").read_bytes() == (b"new" if renames == 3 else b"old")


# What Python reports of itself (PEP 578): all that changes a disk, but for writes into open files.
CHANGES = {
    *("open", "os.mkdir", "os.rmdir", "os.rename", "os.remove", "os.truncate", "os.link"),
    *("os.symlink", "os.chmod", "os.utime", "shutil.rmtree", "os.listdir", "os.scandir"),
}
_watched: list[str] = []  # the folder below which each of these must be one of `system.disk`'s
_past: list[str] = []
_inside = threading.local()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event in CHANGES and not getattr(_inside, "disk", 0):
        path = arguments[0]
        if isinstance(path, str | os.PathLike) and str(path).startswith(_watched[0]):
            _past.append(f"{event} {arguments}")


def test_nothing_that_a_training_does_on_the_disk_passes_by_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run, a sweep, and both once more over what is there."""
    disk = system.disk

    def inside(*arguments: Any, **options: Any) -> Any:
        _inside.disk = getattr(_inside, "disk", 0) + 1
        try:
            return disk(*arguments, **options)
        finally:
            _inside.disk -= 1

    monkeypatch.setattr(system, "disk", inside)
    monkeypatch.setattr("minidl.report.figures.plots.draw_run", lambda folder: [])
    sys.addaudithook(_audit)  # for good: it can't be taken away
    (tmp_path / "small.yaml").write_text(SMALL)
    into = ("--runs-dir", tmp_path / "runs", "--device", "cpu")
    train = ("train", tmp_path / "small.yaml", "--name", "run", *into)
    sweep = ("sweep", tmp_path / "small.yaml", "training.checkpoint_every=1", *into)
    _watched.append(str(tmp_path / "runs"))
    try:
        for command in (
            train,
            (*train, "--overwrite"),
            (*sweep, "seed=1,2"),
            (*sweep, "seed=1,2,3"),
            ("report", tmp_path / "runs", "--output", tmp_path / "runs" / "t.md", "--no-plots"),
            ("list", *into[:2]),
        ):
            assert minidl(*command).code == 0
    finally:
        _watched.clear()
    assert _past == []


def test_only_what_processes_left_that_have_ended_is_cleared_away(tmp_path: Path) -> None:
    """Not what one that is alive writes, nor what nobody knows, nor of `run.1` beside `run`."""
    alive, dead = owner.mark(), mark_of_the_dead()
    elsewhere = f"00000000{dead[8:]}"
    kept = [f".run.{alive}-00000000.tmp", f".run.{elsewhere}-00000000.tmp"]
    kept += [f".{alive}-00000000.tmp", f".run.{'0' * 16}.tmp", "run.tmp"]
    others = [f".run.1.{dead}-00000000.tmp", f".{dead}-00000000.tmp"]
    for name in (*kept, *others, f".run.{dead}-00000000.tmp", f".run.{dead}-11111111.tmp"):
        (tmp_path / name).mkdir()
    folders.new(tmp_path / "run", {})
    assert names(tmp_path) == sorted([*kept, *others, "run"])
    folders.remove_temporaries(tmp_path)
    assert names(tmp_path) == sorted([*kept, "run"])
