"""stacks.json: which members train together, written down once.

The last bits of a training depend on the size of its stack. So a sweep that was stopped goes on
with the stacks that it began with, whatever has ended meanwhile, however many processes there are
now. A stack is called by a number; one that failed is cut into halves, called `3-1` and `3-2`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Sequence
from itertools import chain
from pathlib import Path

from minidl import files
from minidl.errors import RunError
from minidl.metrics import read_file

Cut = dict[str, list[str]]
_STACK = re.compile(r"[0-9]{1,9}(-[0-9]{1,9}){0,20}")


def read_cut(path: Path, known: Container[str] | None = None) -> Cut:
    """The names of the members of each stack that has work left.

    Raises RunError where the file is damaged, or has members in it that aren't `known`.
    """
    if not files.is_file(path):
        return {}
    try:
        found = json.loads(read_file(path))
        cut = {str(stack): [str(name) for name in names] for stack, names in found.items()}
        if odd := [stack for stack in cut if not _STACK.fullmatch(stack)]:
            raise ValueError(f"{odd[0]!a} is no stack's name")
        for name in chain.from_iterable(cut.values()):
            if known is not None and name not in known:
                raise ValueError(f"{name!a} is no member")
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise RunError(
            f"{path}: is damaged: {error} (without this file, what hasn't ended is cut into new "
            "stacks and trained from its beginning)"
        ) from error
    return cut


def write_cut(path: Path, cut: Cut) -> None:
    """Replaces the file, or removes it where no stack is left."""
    if cut:
        files.write_atomic(path, encode_cut(cut))
    else:
        files.remove(path)


def encode_cut(cut: Cut) -> bytes:
    """What the file holds."""
    return (json.dumps(cut, indent=1) + "\n").encode()


def fresh_names(cut: Iterable[str], count: int) -> list[str]:
    """Names for so many stacks more."""
    first = max((int(name.split("-")[0]) for name in cut), default=-1) + 1
    return [str(first + i) for i in range(count)]


def halves(stack: str, names: Sequence[str]) -> Cut:
    """The parts of a stack that failed; one that is alone becomes a stack by itself."""
    middle = (len(names) + 1) // 2
    parts = [list(names[:middle]), list(names[middle:])]
    return {f"{stack}-{number}": part for number, part in enumerate(parts, 1) if part}


def ancestors(stack: str) -> list[str]:
    """The stack and those that it was cut out of: `3-1-2`, `3-1`, `3`."""
    parts = stack.split("-")
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
