"""YAML text → nodes: the part of YAML that people mean, read the way they mean it.

A plain scalar is a number only if it looks like one (`1e-3` does; `012` and `1:30` don't), a
boolean only if it is `true` or `false`, nothing if it is empty, `~` or `null`, and text otherwise:
no dates, no `yes` and `no`. Anchors, aliases, tags, merge keys, several documents, duplicate keys
and keys that aren't text are problems, as are more than 1 MB, 32 levels or 10,000 values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from minidl.errors import ConfigError, Problem, RunError
from minidl.spec.nodes import Broken, Mapping, Node, Place, Scalar, Sequence, show
from minidl.store import files, folders, system

MAX_BYTES = 1_000_000
MAX_LEVELS = 32
MAX_VALUES = 10_000
MAX_INTEGER = 2**63 - 1
MAX_PROBLEMS = 100
MORE_PROBLEMS = Problem(f"and more: only {MAX_PROBLEMS} problems are listed")

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
SPECIAL = {".nan": "nan", ".inf": "inf", "+.inf": "inf", "-.inf": "-inf"}
CONSTANTS = {"true": True, "false": False, "": None, "~": None, "null": None}
SURROGATE = re.compile("[\ud800-\udfff]")
UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ufffd\U00010000-\U0010ffff]")  # not in YAML

Event = Any  # the stubs of PyYAML know neither the events' attributes
Mark = Any  # nor that libyaml's marks are marks

# libyaml's parser is much faster; without it the same events come from PyYAML's own.
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: Path) -> str:
    """The text of a config file; ConfigError where it can't be had."""
    try:
        if not system.disk(path.exists):
            if system.disk(path.is_symlink):
                raise _unreadable(path, "is a link to a file that isn't there")
            raise _unreadable(path, f"no such file{_alternative(path)}")
        if not system.disk(path.is_file):
            is_folder = system.disk(path.is_dir)
            reason = "isn't a regular file"
            if is_folder:
                has_config = system.disk((path / "config.yaml").is_file)
                hint = f"; did you mean {str(path / 'config.yaml')!r}?" if has_config else ""
                reason = f"is a directory{hint}"
            raise _unreadable(path, reason)
        content = files.read(path, MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise system.as_failure(
            _unreadable(path, reason[:1].lower() + reason[1:]), error
        ) from error
    return decode(content, path)


def decode(content: bytes, path: Path) -> str:
    """The text of a config file that has been read; ConfigError where it isn't text."""
    if len(content) > MAX_BYTES:
        raise _unreadable(path, "is larger than 1 MB, too large for a config")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x}"
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            found = "but UTF-16"
        message = f"isn't UTF-8 text ({found}): save the file as UTF-8"
        raise ConfigError([Problem(message, file=str(path), line=line)]) from error


def load(text: str, start: Place, problems: list[Problem]) -> Node | None:
    """The one document in `text`, None if there is none.

    `start` gives the file and folder of all places. What is wrong but leaves the rest readable is
    added to `problems`; what isn't raises ConfigError.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ConfigError([start.problem("is larger than 1 MB, too large for a config")])
    if SURROGATE.search(text):
        raise ConfigError([start.problem("holds half of a surrogate pair, which isn't text")])
    if found := UNPRINTABLE.search(text):
        raise ConfigError([_control_character(found, start)])
    try:
        return _Reader(text, start, problems).document()
    except yaml.YAMLError as error:
        raise ConfigError([*problems, _syntax_problem(error, text, start)]) from error


class _Reader:
    """Composes nodes from the parser's events, one event at a time, so that depth stays bounded."""

    def __init__(self, text: str, start: Place, problems: list[Problem]) -> None:
        self.events: Iterator[Event] = yaml.parse(text, Loader=_LOADER)
        self.start = start
        self.problems = problems
        self.values = 0

    def place(self, mark: Mark) -> Place:
        if self.start.override:
            return self.start
        return Place(self.start.file, mark.line + 1, mark.column + 1, self.start.folder)

    def report(self, event: Event, message: str) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            raise ConfigError([*self.problems, MORE_PROBLEMS])
        self.problems.append(self.place(event.start_mark).problem(message))

    def fatal(self, event: Event, message: str) -> ConfigError:
        self.report(event, message)
        return ConfigError(self.problems)

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    message = "a second document starts here, but a config is one document"
                    raise self.fatal(event, message)
                if event.version or event.tags:
                    self.report(event, "YAML directives (%YAML, %TAG) aren't used in a config")
            elif isinstance(event, yaml.NodeEvent):
                root = self.node(event, level=1)
        return root

    def node(self, event: Event, level: int) -> Node:
        place = self.place(event.start_mark)
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.fatal(event, f"more than {MAX_VALUES:,} values, too many for a config")
        if level > MAX_LEVELS:
            raise self.fatal(event, f"nested more than {MAX_LEVELS} levels deep")
        if isinstance(event, yaml.AliasEvent):
            self.report(event, f"aliases (*{event.anchor}) aren't used in a config: write it out")
            return Broken(place)
        if event.anchor is not None:
            self.report(event, f"anchors (&{event.anchor}) aren't used in a config: write it out")
        if getattr(event, "tag", None) is not None:
            self.report(event, f"tags ({show(event.tag)}) aren't used in a config")
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(list(self.sequence(level)), place)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(place, level)
        return self.scalar(event)

    def sequence(self, level: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.node(event, level + 1)

    def mapping(self, place: Place, level: int) -> Mapping:
        mapping = Mapping({}, {}, place)
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, level)
            value = self.node(next(self.events), level + 1)
            if key is None:
                continue
            if key in mapping.keys:
                first = mapping.keys[key].line
                where = f" (first in line {first})" if first else ""
                self.report(event, f"the key {show(key)} is given twice{where}")
                continue
            mapping.items[key] = value
            mapping.keys[key] = self.place(event.start_mark)
        return mapping

    def key(self, event: Event, level: int) -> str | None:
        known = len(self.problems)
        node = self.node(event, level + 1)
        if len(self.problems) > known:
            return None
        if isinstance(node, Scalar) and isinstance(node.value, str):
            if node.value == "<<" and event.implicit[0]:
                self.report(event, "merge keys (<<) aren't used in a config: write it out")
                return None
            return node.value
        got = show(node.text) if isinstance(node, Scalar) else "a list or a mapping"
        number = isinstance(node, Scalar) and isinstance(node.value, int | float)
        hint = "; a list stands in [ ], and a decimal number has a point" if number else ""
        self.report(event, f"a key must be text, but got {got}{hint}")
        return None

    def scalar(self, event: Event) -> Scalar | Broken:
        text = event.value
        place = self.place(event.start_mark)
        if SURROGATE.search(text):
            self.report(event, "holds half of a surrogate pair, which isn't text")
            return Broken(place)
        value = resolve(text) if event.implicit[0] else text  # implicit: neither quoted nor tagged
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            self.report(event, f"the integer {show(text)} is too large")
            return Broken(place)
        return Scalar(value, text, place)


def resolve(text: str) -> str | int | float | bool | None:
    """What a plain scalar means."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text in SPECIAL:
        return float(SPECIAL[text])
    if INTEGER.fullmatch(text):
        # int() itself refuses more than 4,300 digits; far fewer are too many here.
        return int(text) if len(text) <= 100 else MAX_INTEGER + 1
    return float(text) + 0.0 if FLOAT.fullmatch(text) else text  # -0.0 + 0.0 = 0.0


def _unreadable(path: Path, reason: str) -> ConfigError:
    return ConfigError([Problem(reason, file=str(path))])


def _alternative(path: Path) -> str:
    """Where a file may lie that isn't at `path`."""
    if "=" in path.name:
        return "; the config comes first, then KEY=VALUE"
    with suppress(RunError):
        if close := folders.closest(path):
            return f"; did you mean {str(close)!r}?"
    return ""


def _control_character(found: re.Match[str], start: Place) -> Problem:
    before = found.string[: found.start()].split("\n")
    place = start if start.override else Place(start.file, len(before), len(before[-1]) + 1)
    hint = "; is it UTF-16? Save it as UTF-8" if found[0] == "\0" else ""
    return place.problem(f"isn't valid YAML: holds the control character {found[0]!r}{hint}")


def _syntax_problem(error: yaml.YAMLError, text: str, start: Place) -> Problem:
    """The parser's complaint as one line, with a hint where the cause is a common one."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return start.problem(f"isn't valid YAML: {' '.join(str(error).split())}")
    mark = error.problem_mark
    context = error.context
    begins = error.context_mark.line if error.context_mark else mark.line
    if context and begins < mark.line and not start.override:
        context += f" that starts in line {begins + 1}"
    message = ", ".join(part for part in (context, error.problem) if part)
    lines = text.splitlines()
    if mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        message += "; YAML is indented with spaces, not with tabs"
    elif error.problem == "could not find expected ':'":
        message += "; write 'key: value', with a space after the colon"
    place = start if start.override else Place(start.file, mark.line + 1, mark.column + 1)
    return place.problem(f"isn't valid YAML: {message}")
