"""config.yaml → settings, a thousand a second.

The members of a sweep differ in a line or two, so each section of the files (a key at the margin
with what is indented below it) is parsed once. A file that isn't made of such sections is parsed as
a whole; both ways give the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, Problem, RunError
from minidl.report.members.settings import Settings, flatten
from minidl.spec.loader import load, read_text
from minidl.spec.nodes import Place, plain
from minidl.spec.paths import HASHES, path_in

SECTION = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)
_MOST_SECTIONS = 50  # a config has nine


def read_settings(path: Path) -> Settings:
    """All settings of a run's config. Raises ConfigError and RunError where it is damaged."""
    return settings_of(read_text(path), path)


def settings_of(text: str, path: Path) -> Settings:
    """The same of a config that has been read from `path`."""
    sections = [_section(part) for part in SECTION.split(text, _MOST_SECTIONS) if part]
    settings: Settings = {}
    tops: set[str] = set()
    for section in sections:
        if section is None or section[0] in tops:
            return _placed(flatten(_whole(text, path)), path)
        tops.add(section[0])
        settings.update(section[1])
    if not sections:
        raise RunError(f"{path}: is damaged: it is empty")
    return _placed(settings, path)


def _placed(settings: Settings, path: Path) -> Settings:
    """Files by their whole paths: from other folders the same one has another relative path."""
    for key in HASHES:
        file = settings.get(key)
        if isinstance(file, str) and not file.startswith("["):  # those of a list have a hash alone
            settings[key] = str(path_in(path.parent, file))
    return settings


@lru_cache(maxsize=4096)
def _section(text: str) -> tuple[str, Settings] | None:
    """One key of the config and its settings; None where the text is anything else."""
    problems: list[Problem] = []
    try:
        node = load(text, Place(""), problems)
    except ConfigError:
        return None
    config = plain(node) if node is not None else None
    if problems or not isinstance(config, Mapping) or len(config) != 1:
        return None
    return next(iter(config)), flatten(config)


def _whole(text: str, path: Path) -> dict[str, Any]:
    problems: list[Problem] = []
    node = load(text, Place(str(path)), problems)
    if problems:
        raise ConfigError(problems)
    config = plain(node) if node is not None else None
    if not isinstance(config, dict):
        raise RunError(f"{path}: is damaged: it must hold a mapping")
    return config
