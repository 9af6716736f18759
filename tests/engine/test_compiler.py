"""The compiler: found, cached, and never worse than a CompilerError."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from minidl.engine import compiler as module
from minidl.engine import libraries, processor
from minidl.engine.compiler import Compiler, compile, find_compiler
from minidl.engine.processor import lanes_for
from minidl.errors import CompilerError

THREE = "int three(void) { return 3; }"
WITH_VECTORS = """
#define REAL float
#define W 4
#include "vectors.h"
float two(void) { return (splat4(1) + splat4(1))[0]; }
"""


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and none of the variables that change what is done."""
    for name in ("MINIDL_LANES", "MINIDL_CFLAGS", "MINIDL_COMPILE_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "minidl"


@pytest.fixture
def found() -> Compiler:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("there is no C compiler")
    return compiler


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Compiler]:
    """A compiler that is a shell script; it adds a line to the file `calls` first."""

    def write(text: str) -> Compiler:
        path = tmp_path / "compiler"
        path.write_text(f"#!/bin/sh\necho >> '{tmp_path}/calls'\n{text}\n")
        path.chmod(0o755)
        return Compiler((str(path),), "a script", "a script 1.0")

    return write


def calls(tmp_path: Path) -> int:
    path = tmp_path / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def objects(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.so"))


def left_over(folder: Path) -> list[Path]:
    return sorted(folder.glob(".partial-*"))


def test_a_source_becomes_functions(found: Compiler, cache_folder: Path) -> None:
    assert compile(THREE, found).three() == 3
    two = compile(WITH_VECTORS, found).two
    two.restype = ctypes.c_float
    assert two() == 2
    assert len(objects(cache_folder)) == 2
    assert not left_over(cache_folder)


def test_a_source_is_compiled_once(
    found: Compiler, script: Callable[[str], Compiler], tmp_path: Path
) -> None:
    counted = script(f'exec {" ".join(found.command)} "$@"')
    for _ in range(3):
        assert compile(THREE, counted).three() == 3
    assert calls(tmp_path) == 1


def test_another_source_compiler_version_or_flag_is_another_object(
    found: Compiler, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile(THREE, found)
    compile(THREE.replace("3", "4"), found)
    compile(THREE, Compiler(found.command, found.name, "another version"))
    monkeypatch.setenv("MINIDL_CFLAGS", "-DNDEBUG '-DTWO=1 + 1'")
    assert compile("int two(void) { return TWO; }", found).two() == 2
    compile(THREE, found)
    assert len({path.name.partition("-")[0] for path in objects(cache_folder)}) == 5


def test_another_header_is_another_object(
    found: Compiler, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile(THREE, found)
    header = tmp_path / "vectors.h"
    header.write_text("")
    monkeypatch.setattr(module, "HEADER", header)
    compile(THREE, found)
    assert len(objects(cache_folder)) == 2


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_a_damaged_object_is_made_again(found: Compiler, cache_folder: Path, damage: str) -> None:
    compile(THREE, found)
    (path,) = objects(cache_folder)
    content = path.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.unlink()  # what is loaded may not change: another file of that name
    path.write_bytes({"truncated": content[:middle], "changed": changed, "empty": b""}[damage])
    assert compile(THREE, found).three() == 3
    assert [one.read_bytes() for one in objects(cache_folder)] == [content]


def run_elsewhere(**environment: str) -> str:
    """What another process says that compiles `three`."""
    return start_elsewhere(**environment).communicate(timeout=60)[0].strip()


def start_elsewhere(**environment: str) -> subprocess.Popen[str]:
    code = (
        "from minidl.engine.compiler import compile, find_compiler\n"
        f"print(compile({THREE!r}, find_compiler()).three())"
    )
    command = [sys.executable, "-c", code]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


@pytest.mark.usefixtures("found")
def test_two_processes_compile_the_same_at_once(cache_folder: Path) -> None:
    processes = [start_elsewhere() for _ in range(2)]
    assert [one.communicate(timeout=60)[0].strip() for one in processes] == ["3", "3"]
    assert 1 <= len(objects(cache_folder)) <= 2
    assert not left_over(cache_folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo 'step.c:1: error: no such thing' >&2; exit 1", "failed with status 1.*no such"),
        ("exit 4", "failed with status 4: no message"),
        ("kill -SEGV $$", "ended by signal 11"),
        ("exit 0", "can't be loaded"),
        ('while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"', "can't be loaded"),
    ],
    ids=["says why", "silent", "crashes", "writes nothing", "writes nonsense"],
)
def test_a_compiler_that_fails(
    script: Callable[[str], Compiler], cache_folder: Path, text: str, message: str
) -> None:
    with pytest.raises(CompilerError, match=message) as failure:
        compile(THREE, script(text))
    assert "\n" not in str(failure.value)
    assert not objects(cache_folder)
    assert not left_over(cache_folder)


def test_a_wrong_source_says_what_is_wrong(found: Compiler) -> None:
    with pytest.raises(CompilerError, match="error"):
        compile("int three(void) { return }", found)


def test_a_compiler_that_is_gone() -> None:
    with pytest.raises(CompilerError, match="can't be run"):
        compile(THREE, Compiler(("/nowhere/cc",), "gone", "gone"))


def test_a_compiler_that_hangs_is_killed_with_all_it_started(
    script: Callable[[str], Compiler],
    cache_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINIDL_COMPILE_TIMEOUT", "0.5")
    hanging = script(f"sleep 600 & echo $! > '{tmp_path}/child'; wait")
    before = time.monotonic()
    with pytest.raises(CompilerError, match=r"didn't end within 0\.5 seconds"):
        compile(THREE, hanging)
    assert time.monotonic() - before < 10
    assert calls(tmp_path) == 1
    assert not left_over(cache_folder)
    assert ended(int((tmp_path / "child").read_text()))


def ended(process: int) -> bool:
    """Whether it has gone within a few seconds; a dead one that nobody fetched has gone."""
    for _ in range(50):
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.1)
    return False


def test_interrupted_it_leaves_nothing(
    script: Callable[[str], Compiler], cache_folder: Path, tmp_path: Path
) -> None:
    hanging = script(f"echo $$ > '{tmp_path}/child'; exec sleep 600")
    code = (
        "import sys; from minidl.engine.compiler import Compiler, compile\n"
        f"try: compile({THREE!r}, Compiler(({hanging.command[0]!r},), 'a', 'a'))\n"
        "except KeyboardInterrupt: sys.exit(7)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    child = tmp_path / "child"
    while not (child.exists() and child.read_text().strip()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 7
    assert ended(int(child.read_text()))
    assert not left_over(cache_folder)


@pytest.mark.parametrize("home", ["/dev/null", "/proc"])
def test_a_home_that_cannot_be_written(
    found: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert compile(THREE, found).three() == 3
    assert run_elsewhere() == "3"
    assert not list(tmp_path.glob("minidl-*")), "the other process left its folder"


def test_a_full_cache_disk(
    found: Compiler, cache_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The compiler can write nothing there, but in the temporary folder."""
    full = tmp_path / "full"
    full.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{cache_folder}*) echo "error: No space left on device"; exit 1;; esac\n'
        f'exec {" ".join(found.command)} "$@"\n'
    )
    full.chmod(0o755)
    monkeypatch.setattr(libraries, "temporary_folder", lambda: tmp_path)
    assert compile(THREE, Compiler((str(full),), "full", "full")).three() == 3
    assert not objects(cache_folder)
    assert not left_over(cache_folder)


def test_all_disks_are_full(found: Compiler, cache_folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(CompilerError) as failure:
            compile(THREE, found)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in str(failure.value)
    assert not left_over(cache_folder)


def test_no_folder_at_all(found: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "cache_folder", lambda: None)
    monkeypatch.setattr(libraries, "temporary_folder", lambda: None)
    with pytest.raises(CompilerError, match="no folder"):
        compile(THREE, found)


def test_only_the_newest_objects_are_kept(
    found: Compiler, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "KEPT", 3)
    abandoned = cache_folder / ".partial-old"
    abandoned.mkdir(parents=True)
    os.utime(abandoned, (0, 0))
    for number in range(5):
        compile(f"int number(void) {{ return {number}; }}", found)
    assert len(objects(cache_folder)) == 3
    assert not abandoned.exists()


def test_the_compiler_of_cc_comes_with_its_options(
    found: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", f"{found.command[0]} -DNUMBER='40 + 2'")
    compiler = find_compiler()
    assert compiler is not None
    assert compiler.command == (found.command[0], "-DNUMBER=40 + 2")
    assert compiler.name == found.name
    assert compile("int number(void) { return NUMBER; }", compiler).number() == 42


@pytest.mark.parametrize("command", ["/nowhere/cc", "false", "'half a quote", "sh -c 'exit 0'"])
def test_a_cc_that_is_none(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("CC", command)
    assert find_compiler() is None


def test_no_compiler_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert find_compiler() is None


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("cc (Debian 12.2.0-14+deb12u1) 12.2.0\n© Free Software Foundation, Inc.", "gcc 12.2"),
        ("gcc (GCC) 14.1.1 20240522 (Red Hat 14.1.1-4)\nFree Software Foundation", "gcc 14.1"),
        ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu", "clang 14.0"),
        ("Apple clang version 15.0.0 (clang-1500.3.9.4)", "clang 15.0"),
        ("tcc version 0.9.27 (x86_64 Linux)", "compiler 0.9"),
        ("a compiler of my own", "compiler"),
    ],
)
def test_a_compiler_is_called_by_its_kind_and_version(
    script: Callable[[str], Compiler], monkeypatch: pytest.MonkeyPatch, version: str, name: str
) -> None:
    path = script(f"cat <<'END'\n{version}\nEND").command[0]
    monkeypatch.setenv("CC", path + " " + "-q" * len(version))  # asked anew
    compiler = find_compiler()
    assert compiler is not None
    assert compiler.name == str(compiler) == name


@pytest.mark.parametrize(
    ("flags", "floats"),
    [("fma avx avx2 avx512f", 16), ("fma avx avx2", 8), ("sse2", 4), ("asimd", 4)],
)
def test_lanes_fill_the_processors_vectors(
    monkeypatch: pytest.MonkeyPatch, flags: str, floats: int
) -> None:
    monkeypatch.setattr(processor, "processor", lambda: f"x86_64 {flags}")
    assert lanes_for(torch.float32) == floats
    assert lanes_for(torch.float64) == floats // 2


def test_lanes_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_LANES", "1")
    assert lanes_for(torch.float32) == lanes_for(torch.float64) == 1
    monkeypatch.setenv("MINIDL_LANES", "3")
    with pytest.raises(CompilerError, match="MINIDL_LANES must be 1, 2, 4, 8 or 16, but got '3'"):
        lanes_for(torch.float32)
