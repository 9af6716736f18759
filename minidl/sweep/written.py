"""sweep.yaml: the config of a sweep as it was run, and what of another one differs from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, Problem, RunError
from minidl.spec import Sweep
from minidl.spec.dump import plain_values, to_yaml
from minidl.spec.loader import load, read_text
from minidl.spec.nodes import Place, plain
from minidl.spec.paths import HASHES, path_in, seen_from
from minidl.store import files

# Around a YAML document: a file with the first and without the second was cut short.
_BEGIN, _END = "---\n", "...\n"


def as_yaml(sweep: Sweep, files_read: Mapping[str, str], folder: Path) -> str:
    """The config with its `sweep:` and `report:` blocks, and the SHA-256 of each data file.

    Paths are those that a file in `folder` gives (see `seen_from`).
    """
    found = {seen_from(Path(file), folder): digest for file, digest in files_read.items()}
    block = {**sweep.block, "files": found} if found else sweep.block
    config = {**sweep.base, "sweep": block}
    if sweep.report is not None:
        config["report"] = sweep.report
    return f"{_BEGIN}{to_yaml(plain_values(config, folder))}{_END}"


def damage(path: Path) -> str:
    """What a power cut did to the file: "is empty", say; nothing where it is whole."""
    content = files.read_sound(path)
    if not content.strip(b"\0 \r\n"):
        return "is empty"
    cut = content.startswith(_BEGIN.encode()) and not content.endswith(f"\n{_END}".encode())
    return "is cut short" if cut else ""


def differences(path: Path, sweep: Sweep) -> list[str]:
    """What a sweep has other than the one in the file: "  seed: 1 → 2"; reports don't matter."""
    old = _flat(_read(read_text(path), str(path)))
    new = _flat(_read(as_yaml(sweep, {}, path.parent), "this sweep"))
    return [
        f"  {key}: {old.get(key, '(not given)')} → {new.get(key, '(not given)')}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key) and not key.startswith(("report", "sweep.files"))
    ]


def files_of_sweep(path: Path, files_read: Iterable[str]) -> dict[str, str]:
    """The SHA-256 that data files had when the sweep in the file began."""
    before = _flat(_read(read_text(path), str(path)))
    keys = {file: f"sweep.files.{seen_from(Path(file), path.parent)}" for file in files_read}
    return {file: before[key] for file, key in keys.items() if key in before}


def files_of_run(path: Path) -> dict[str, str]:
    """The same as the config.yaml of one of its runs has it; nothing from one that is damaged."""
    try:
        config = _flat(_read(read_text(path), str(path)))
    except (ConfigError, RunError):
        return {}
    found = [(config.get(file), config.get(digest)) for file, digest in HASHES.items()]
    return {
        str(path_in(path.parent, file)): digest
        for file, digest in found
        if isinstance(file, str) and digest
    }


def _read(text: str, file: str) -> dict[str, Any]:
    problems: list[Problem] = []
    node = load(text, Place(file), problems)
    if problems:
        raise ConfigError(problems)
    found = plain_values(plain(node)) if node is not None else None
    if not isinstance(found, dict):
        raise RunError(f"{file}: is damaged: it holds no config")
    return found


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested mappings by dotted keys."""
    if isinstance(value, dict) and value:
        inner = [_flat(v, f"{key}.{k}" if key else str(k)) for k, v in value.items()]
        return {k: v for part in inner for k, v in part.items()}
    return {key: value}
