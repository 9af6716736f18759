"""Folders: complete or absent, like files; cleared away; never written through a link."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
import shutil
from pathlib import Path

from minidl.errors import RunError, WriteError
from minidl.store import files, forcing, owner, system

# What `files.temporary_name` gives, perhaps after the name of what it becomes.
_TEMPORARY = re.compile(rf"(?P<name>\..+)?\.(?P<owner>{owner.PATTERN})-[0-9a-f]{{8}}\.tmp")


def make(path: str | os.PathLike[str]) -> None:
    """Creates a folder and its parents, if it isn't there. Raises RunError, which names it."""
    folder = Path(path)
    if files.is_folder(folder):
        return
    new = [folder]
    while not files.is_folder(new[-1].parent) and new[-1].parent != new[-1]:
        new.append(new[-1].parent)
    try:
        system.disk(folder.mkdir, parents=True, exist_ok=True)
        for one in new:
            forcing.force_folder(one.parent)
    except FileExistsError as error:
        message = "can't make this folder: a file of that name is in the way"
        raise RunError(f"{folder}: {message}") from error
    except NotADirectoryError as error:
        raise RunError(f"{folder}: can't make this folder: {system.reason(error)}") from error
    except OSError as error:
        message = f"can't make this folder: {system.reason(error)}"
        raise WriteError(f"{folder}: {message}") from error


def new(
    path: Path, contents: dict[str, bytes], *, overwrite: bool = False, tidy: bool = True
) -> None:
    """Makes a folder that holds these files: complete or absent, even if the process is killed.

    With `overwrite` it takes the place of what is there, which is deleted. What killed processes
    that made the same left behind is cleared away, if it is to be `tidy`. Raises RunError where the
    path is taken, WriteError where the disk fails.
    """
    make(path.parent)
    if tidy:
        remove_temporaries(path.parent, path.name)
    fresh, old = (path.with_name(f".{path.name}{files.temporary_name()}") for _ in range(2))
    moved = done = False
    try:
        system.disk(fresh.mkdir)
        for name, content in contents.items():
            files.write_new(fresh / name, content)
        if not forcing.forced_later():
            forcing.force_folder(fresh)
        if overwrite and system.stat_of(path) is not None:
            system.disk(os.rename, path, old)
            moved = True
        system.disk(os.rename, fresh, path)
        done = True
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise RunError(f"{path}: exists already") from error
        raise WriteError(f"{path}: can't make this folder: {system.reason(error)}") from error
    finally:
        if moved and not done:
            with contextlib.suppress(OSError):
                system.disk(os.rename, old, path)  # where it was
        if not done:
            with contextlib.suppress(OSError):
                system.disk(shutil.rmtree, fresh)
    if forcing.forced_later():
        for name in contents:
            forcing.force(path / name)
        forcing.force_folder(path)
    forcing.force_folder(path.parent)
    with contextlib.suppress(WriteError):  # the next one clears it away
        if moved:
            remove(old)


def remove(path: str | os.PathLike[str]) -> None:
    """Deletes a folder with all it holds; links inside are deleted, never followed.

    One operation for tests that fail or kill: what it leaves half-done, the next one ends.
    """
    try:
        system.disk(shutil.rmtree, path)
    except OSError as error:
        message = f"can't be removed: {system.reason(error)}"
        raise WriteError(f"{os.fspath(path)}: {message}") from error


def closest(path: Path) -> Path | None:
    """What lies where `path` doesn't, under the name most like it. Raises WriteError.

    Endings don't make names alike: nearly all files beside a config have its own.
    """
    names = [entry.name for entry in files.entries(path.parent)]
    stems = difflib.get_close_matches(path.stem, [Path(name).stem for name in names], n=10)
    near = [name for name in names if Path(name).stem in stems]
    close = difflib.get_close_matches(path.name, near, n=1, cutoff=0)
    return path.with_name(close[0]) if close else None


def remove_temporaries(folder: str | os.PathLike[str], name: str | None = None) -> None:
    """Deletes what processes that have ended were writing in a folder; only as `name`, if given.

    What somebody may still be writing stays, and so does what nobody can say of whose it is.
    """
    for path in files.entries(folder) if files.is_folder(folder) else ():
        found = _TEMPORARY.fullmatch(path.name)
        if found and name in (None, (found["name"] or "")[1:]) and owner.has_ended(found["owner"]):
            (remove if files.is_folder(path) else files.remove)(path)


def refuse_link(path: Path) -> None:
    """Raises RunError where a link is: who writes there, unasked, might write elsewhere."""
    if files.is_link(path):
        raise RunError(f"{path}: is a symbolic link: nothing is written through one")


def refuse_links(folder: Path) -> None:
    """The same for all that lies in a folder."""
    for entry in files.entries(folder):
        refuse_link(entry)
        if files.is_folder(entry):
            refuse_links(entry)
