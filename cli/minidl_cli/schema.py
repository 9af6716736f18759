"""minidl schema: the JSON Schema of configs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from minidl.errors import RunError
from minidl_cli.options import Debug
from minidl_cli.output import say, show

SCHEMA, SETTINGS = Path(".vscode/minidl.schema.json"), Path(".vscode/settings.json")
_COMMENT = "# yaml-language-server: $schema="
_MOST_BYTES = 1_000_000


def schema(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG",
            help="With --install: configs that are to name it.",
            show_default=False,
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Set up VS Code, in this folder, instead.")
    ] = False,
    files: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Which files are configs for VS Code: configs/**/*.yaml; can be repeated.",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Print the JSON Schema of configs, or set up editors by it.

    By it an editor completes and checks configs. --install names it in .vscode/settings.json; a
    config that is given gets a first line that any editor with yaml-language-server understands:

    \b
      # yaml-language-server: $schema=.vscode/minidl.schema.json

    \b
    Examples:
      minidl schema > schema.json
      minidl schema --install first.yaml
    """
    from minidl.spec import json_schema  # here, so that --help needn't wait for it

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    if not install:
        if configs or files:
            raise RunError("CONFIG and --files go with --install")
        print(text)
        return
    _install(text, files or ["configs/**/*.yaml"], configs or [])


def _install(text: str, patterns: list[str], configs: list[Path]) -> None:
    """Writes nothing where something that is there can't be read."""
    from minidl.store.files import write_atomic
    from minidl.store.folders import make

    settings = _settings()
    commented = {config: _commented(config) for config in configs}
    make(SCHEMA.parent)
    write_atomic(SCHEMA, f"{text}\n".encode())
    # From the folder that is open in VS Code, as it reads such paths.
    schemas = settings.setdefault("yaml.schemas", {})
    schemas[f"./{SCHEMA.as_posix()}"] = patterns
    made = json.dumps(settings, indent=2, ensure_ascii=False)
    write_atomic(SETTINGS, f"{made}\n".encode())
    say(f"wrote {SCHEMA}, and named it in {SETTINGS} for {', '.join(patterns)}")
    for config, content in commented.items():
        write_atomic(config, content)
        show(config)


def _settings() -> dict[str, Any]:
    """What is in settings.json. Raises RunError where that isn't JSON, but JSON with comments."""
    from minidl.store import files

    if not files.is_file(SETTINGS):
        return {}
    place = f'"yaml.schemas": {{"./{SCHEMA.as_posix()}": "configs/**/*.yaml"}}'
    try:
        found = json.loads(files.read_sound(SETTINGS, _MOST_BYTES) or b"{}")
    except (ValueError, RecursionError) as error:
        message = f"isn't plain JSON, so it is left alone ({error}): put {place} into it yourself"
        raise RunError(f"{SETTINGS}: {message}") from error
    if not isinstance(found, dict) or not isinstance(found.get("yaml.schemas", {}), dict):
        raise RunError(f"{SETTINGS}: isn't a mapping of settings: expected {place} in one")
    return found


def _commented(config: Path) -> bytes:
    """A config with the comment as its first line, instead of one that it has."""
    from minidl.spec.loader import read_text

    above, text = os.path.relpath(SCHEMA, config.parent), read_text(config)
    first, _, rest = text.partition("\n")
    text = rest if first.startswith(_COMMENT) else text
    return f"{_COMMENT}{Path(above).as_posix()}\n{text}".encode()
