"""From C to functions of this process: finds a compiler and runs it."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from minidl.engine import libraries
from minidl.engine.processor import processor
from minidl.errors import CompilerError

HEADER = Path(__file__).with_name("vectors.h")
# Contraction off: only what the source says is fused, so that every width rounds alike.
FLAGS = (
    *("-std=gnu11", "-O1", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi"),
    *("-fno-strict-aliasing", "-fwrapv"),  # scratch memory holds one type after another
    *("-shared", "-fPIC"),
)
# What takes gcc a fifth of its time for convolutions and makes nothing faster.
GCC_FLAGS = ("-fno-tree-ccp",)
ZIG = (sys.executable, "-m", "ziglang", "cc")


@dataclass(frozen=True)
class Compiler:
    """A C compiler: the command that runs it, "gcc 12.2", and what it says about its version."""

    command: tuple[str, ...]
    name: str
    version: str

    def __str__(self) -> str:
        return self.name


def find_compiler() -> Compiler | None:
    """$CC where it is set, else cc, gcc, clang, else that of the package ziglang; None without one.

    Asked once in a process, as long as $CC and $PATH stay.
    """
    return _find(os.environ.get("CC", ""), os.environ.get("PATH", ""))


@cache
def _find(given: str, path: str) -> Compiler | None:
    return next((found for command in _candidates(given) if (found := _ask(command))), None)


def _candidates(given: str) -> Iterator[tuple[str, ...]]:
    if given.strip():
        with contextlib.suppress(ValueError):  # a quote without its other half
            yield tuple(shlex.split(given))
        return
    yield from ((name,) for name in ("cc", "gcc", "clang"))
    if importlib.util.find_spec("ziglang"):
        yield ZIG


def _ask(command: tuple[str, ...]) -> Compiler | None:
    """The compiler behind a command, if it says its version."""
    try:
        with tempfile.TemporaryFile() as said:
            status = _run([*command, "--version"], said.fileno(), timeout=20)
            said.seek(0)
            version = said.read(10_000).decode(errors="replace").strip()
    except (OSError, ValueError, TimeoutError):
        return None
    if status != 0 or not version:
        return None
    return Compiler(command, _name(command, version), version.splitlines()[0])


def _name(command: tuple[str, ...], version: str) -> str:
    """ "gcc 12.2" of "cc (Debian 12.2.0-14+deb12u1) 12.2.0 …", "clang 14.0", "zig 0.15"."""
    known = {"clang": "clang", "Free Software Foundation": "gcc"}
    named = (kind for sign, kind in known.items() if sign in version)
    kind, said = next(named, Path(command[0]).name), version.splitlines()[0]
    if command == ZIG:
        with contextlib.suppress(metadata.PackageNotFoundError):
            kind, said = "zig", metadata.version("ziglang")
    number = re.search(r"\d+\.\d+", re.sub(r"\(.*?\)", "", said))
    return f"{kind} {number[0]}" if number else kind


def compile(source: str, compiler: Compiler) -> ctypes.CDLL:
    """The functions of a C source, which may include "vectors.h". Raises CompilerError."""
    flags = (*FLAGS, *(GCC_FLAGS if compiler.name.startswith("gcc") else ()), *_extra_flags())
    try:
        key = _key(source, compiler, flags)
    except OSError as error:
        raise CompilerError(f"{HEADER} can't be read: {error.strerror or error}") from None
    folder = libraries.cache_folder()
    if folder and (library := libraries.kept(folder, key)):
        return library
    failure = CompilerError("no folder to compile in can be written")
    # If the cache's disk is full, another one may do.
    for place in (folder, libraries.temporary_folder()):
        if place is None:
            continue
        try:
            return _compiled(source, compiler, flags, place, key)
        except _HangError:
            raise
        except CompilerError as error:
            failure = error
        except OSError as error:
            failure = CompilerError(f"{place} can't be written: {error.strerror or error}")
    raise failure


class _HangError(CompilerError):
    """The compiler hung: another folder won't help."""


def _compiled(
    source: str, compiler: Compiler, flags: tuple[str, ...], folder: Path, key: str
) -> ctypes.CDLL:
    partial = Path(tempfile.mkdtemp(prefix=libraries.PARTIAL, dir=folder))
    try:
        made = partial / "step.so"
        (partial / "step.c").write_text(source, encoding="utf-8")
        command = [*compiler.command, *flags, f"-I{HEADER.parent}"]
        command += ["-o", str(made), str(partial / "step.c"), "-lm"]
        _check(command, partial / "messages", _environment(folder, partial))
        library = libraries.load(made)
        libraries.keep(made, folder, key)
        return library
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(command: list[str], messages: Path, environment: dict[str, str]) -> None:
    """Run the compiler; CompilerError says in one line why it failed."""
    seconds = _timeout()
    name = Path(command[0]).name
    try:
        with messages.open("wb") as file:
            status = _run(command, file.fileno(), seconds, environment)
    except TimeoutError:
        raise _HangError(f"{name} didn't end within {seconds:g} seconds") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CompilerError(f"{name} can't be run: {reason}") from None
    if status != 0:
        said = [line.strip() for line in messages.read_text(errors="replace").splitlines()]
        telling = [line for line in said if "error" in line.lower()] or list(filter(None, said))
        ended = f"ended by signal {-status}" if status < 0 else f"failed with status {status}"
        raise CompilerError(f"{name} {ended}: " + ("; ".join(telling[:2])[:500] or "no message"))


def _run(
    command: list[str], output: int, timeout: float, environment: dict[str, str] | None = None
) -> int:
    """Its exit status. Raises TimeoutError, when all that it started has been killed.

    In a session of its own it doesn't hear Ctrl-C: who started it does, and ends it.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)


def _environment(folder: Path, partial: Path) -> dict[str, str]:
    """Intermediate files in the same folder, zig's own cache too; messages in English."""
    zig = {"ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"), "ZIG_LOCAL_CACHE_DIR": str(partial / "zig")}
    return {**os.environ, **zig, "TMPDIR": str(partial), "LC_ALL": "C"}


def _key(source: str, compiler: Compiler, flags: tuple[str, ...]) -> str:
    parts = (
        source,
        HEADER.read_text(encoding="utf-8"),
        compiler.version,
        *compiler.command,
        *flags,
        processor(),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def _extra_flags() -> tuple[str, ...]:
    """$MINIDL_CFLAGS, such as -fsanitize=undefined in tests."""
    try:
        return tuple(shlex.split(os.environ.get("MINIDL_CFLAGS", "")))
    except ValueError as error:
        raise CompilerError(f"MINIDL_CFLAGS can't be split: {error}") from None


def _timeout() -> float:
    try:
        return float(os.environ.get("MINIDL_COMPILE_TIMEOUT", "60"))
    except ValueError:
        return 60.0
