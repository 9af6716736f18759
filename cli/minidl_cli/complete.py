"""What a shell completes: configs, keys and values of overrides, runs, columns.

`minidl --install-completion` asks typer to set it up. What a parameter takes its metavar says, so
commands needn't say it again. Nothing here fails: what can't be read completes to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from minidl.errors import MinidlError

if TYPE_CHECKING:
    from minidl.spec.resolved import Resolved
    from minidl.spec.shape import Shape

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Candidate:
    """What typer's shells read of a completion."""

    value: str
    help: str | None = None
    type: str = "plain"


def attach(parameter: Any) -> None:
    """Let a parameter of a command complete what its metavar promises."""
    complete = _BY_NAME.get(parameter.name) or _BY_METAVAR.get(parameter.metavar or "")
    if complete is None:
        return

    def completed(context: Any, incomplete: str) -> list[Candidate]:
        try:
            return [Candidate(text) for text in complete(context.params, incomplete)]
        except (MinidlError, OSError, ValueError):
            return []

    parameter.shell_complete = completed


def configs(given: dict[str, Any], incomplete: str) -> list[str]:
    """YAML files, and the folders on the way; a folder that is alone with what is in it."""
    from minidl.store import files

    base, slash, start = incomplete.rpartition("/")
    folder = base + slash
    found = [
        f"{folder}{path.name}{'/' if files.is_folder(path) else ''}"
        for path in files.entries(folder or ".")
        if path.name.startswith(start) and (start or not path.name.startswith("."))
        if path.suffix in _ENDINGS or files.is_folder(path)
    ]
    return configs(given, found[0]) if len(found) == 1 and found[0].endswith("/") else found


def runs(given: dict[str, Any], incomplete: str) -> list[str]:
    """Runs and sweeps by their names in the folder of runs, and by their paths."""
    from minidl_cli.options import runs_folder

    named = _runs_in(given.get("runs_dir") or runs_folder(), incomplete, on_the_way=False)
    return list(dict.fromkeys([*named, *_runs_in(Path(), incomplete, on_the_way=True)]))


def overrides(given: dict[str, Any], incomplete: str) -> list[str]:
    """Keys of the config, or the values of one: `optimizer.lr=`, `optimizer=adam`."""
    words = list(_joined(given.get("overrides") or ()))
    # bash ends a word at `=`: then the key stands before, and the value alone is completed.
    split = bool(words) and ("=" not in words[-1] or words[-1].endswith("="))
    key, equals, value = incomplete.partition("=")
    if split:
        key, value = words.pop().removesuffix("="), incomplete
    resolved = _resolved(given.get("config"), words)
    if split or equals:
        before = "" if split else f"{key}="
        return [f"{before}{one}" for one in _values(resolved, key) if one.startswith(value)]
    keys = [one for one in _keys(resolved) if one.startswith(key)]
    if len(keys) == 1 and (values := _values(resolved, keys[0])):
        return [f"{keys[0]}={one}" for one in values]
    return [f"{one}=" for one in keys]


def conditions(given: dict[str, Any], incomplete: str) -> list[str]:
    """What --where takes: KEY=VALUE, of a few keys also the values."""
    from minidl.store.run_record import STATUSES

    values = [f"status={status}" for status in (*STATUSES, "broken")]
    known = [*values, "name=", "sweep=", "tag=", *(f"{key}=" for key in _keys(None))]
    return [one for one in known if one.startswith(incomplete)]


def columns(given: dict[str, Any], incomplete: str) -> list[str]:
    """Names in a list with commas: the last one is completed."""
    from minidl_cli.listed import FIELDS

    before, comma, start = incomplete.rpartition(",")
    known = [*FIELDS, *_keys(None)]
    return [f"{before}{comma}{one}" for one in known if one.startswith(start)]


def _one_of(*names: str) -> Completer:
    return lambda given, incomplete: [one for one in names if one.startswith(incomplete)]


def _configs_and_runs(given: dict[str, Any], incomplete: str) -> list[str]:
    return [*configs(given, incomplete), *runs(given, incomplete)]


def _runs_in(folder: Path, incomplete: str, *, on_the_way: bool) -> Iterator[str]:
    from minidl.store import files
    from minidl.store.run_folder import is_run, is_sweep

    base, slash, start = incomplete.rpartition("/")
    inside = folder / (base + slash)
    for name in files.folders_in(inside) if files.is_folder(inside) else ():
        if name.startswith(start) and not name.startswith("."):
            if is_run(inside / name) or is_sweep(inside / name):
                yield base + slash + name
            elif on_the_way:
                yield f"{base}{slash}{name}/"


def _joined(words: Sequence[str]) -> Iterator[str]:
    """`optimizer`, `=`, `adam`, as bash splits it, as one word again."""
    text = "\n".join(words).replace("\n=\n", "=").replace("\n=", "=")
    return (word for word in text.split("\n") if word)


def _resolved(config: Path | None, changes: Sequence[str]) -> Resolved | None:
    """The config as far as it is typed; None where it isn't one yet."""
    from minidl.spec.resolved import resolve

    if config is None:
        return None
    for some in (changes, ()):
        try:
            return resolve(config, some)
        except MinidlError:
            continue
    return None


def _keys(resolved: Resolved | None) -> list[str]:
    """Those that the config has, its components' first; without one, all that there are."""
    from minidl.spec.keys import all_keys
    from minidl.spec.nodes import format_key

    if resolved is None:
        return list(all_keys())
    keys = (leaf.key for leaf in resolved.leaves() if leaf.key[0] not in ("sweep", "report"))
    return [format_key(key[:-1] if key[-1] == "type" else key) for key in keys]


def _values(resolved: Resolved | None, key: str) -> list[str]:
    """What a key takes, where that can be listed; else the value that it has."""
    from minidl.spec.dump import one_line
    from minidl.spec.keys import shapes_of
    from minidl.spec.nodes import parse_key

    parsed = parse_key(key)
    if parsed is None:
        return []
    for shape in shapes_of(parsed):
        if choices := _choices(shape):
            return [*choices, *(["null"] if shape.optional else [])]
    now = (leaf.value for leaf in resolved.leaves() if leaf.key == parsed) if resolved else ()
    shown = (one_line(value).replace(", ", ",") for value in now)
    return list(dict.fromkeys(shown))


def _choices(shape: Shape) -> Iterable[str]:
    """The few words that there are for it, if it takes some of a few."""
    if shape.group:
        return list(shape.group.components)
    if get_origin(shape.type) is Literal:
        return list(map(str, get_args(shape.type)))
    return ["true", "false"] if shape.type is bool else []


Completer = Callable[[dict[str, Any], str], list[str]]
# What several parameters call alike, `--where KEY=VALUE`, goes by their names.
_BY_NAME: dict[str, Completer] = {
    "where": conditions,
    "columns": columns,
    "sort_by": columns,
}
_BY_METAVAR: dict[str, Completer] = {
    "CONFIG": configs,
    "RUN": runs,
    "RUN… NAME": runs,
    "FOLDER": runs,
    "CONFIG|RUN": _configs_and_runs,
    "KEY=VALUE": overrides,
    "KEY=A,B": overrides,
    "DEVICE": _one_of("auto", "cpu", "cuda"),
}
