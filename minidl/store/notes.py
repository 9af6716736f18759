"""What people say of a run, in a file of its own: minidl itself writes nothing else there.

So it may be changed while the run trains, and neither `resume` nor a check minds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from minidl.errors import DamagedError
from minidl.store import files

_NAME = "notes.json"
MOST_BYTES = 100_000


@dataclass(frozen=True)
class Notes:
    """Tags in the order in which they were given, and a text."""

    tags: tuple[str, ...] = ()
    note: str = ""


def read_notes(run: Path) -> Notes:
    """Those of a run folder. Raises DamagedError and WriteError."""
    path = f"{run}/{_NAME}"  # a Path takes longer to make than the disk to answer
    if not files.is_file(path):
        return Notes()
    content = files.read_sound(Path(path), MOST_BYTES)
    try:
        given = json.loads(content)
        tags, note = given.get("tags", []), given.get("note", "")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{path}: is damaged: {error}") from error
    if not isinstance(tags, list) or not all(isinstance(one, str) for one in (*tags, note)):
        raise DamagedError(f"{path}: is damaged: tags must be a list of texts, note a text")
    return Notes(tuple(tags), note)


def write_notes(run: Path, notes: Notes) -> None:
    """Replaces those of a run folder; the file goes where there are none. Raises WriteError."""
    if notes == Notes():
        files.remove(run / _NAME)
    else:
        text = json.dumps(asdict(notes), ensure_ascii=False, indent=1)
        files.write_atomic(run / _NAME, f"{text}\n".encode())
