"""Every error that minidl raises on purpose, and every warning.

    MinidlError
    ├── ConfigError     a config or an override is wrong: carries every problem, with positions
    ├── DataError       a data file is missing, unreadable or holds what it must not
    ├── RunError        a run folder exists, is missing, or can't be read or written
    │   ├── DamagedError    a file in it is missing or isn't what was written
    │   └── WriteError      the disk failed half-way
    ├── TraceError      a step can't be held as a graph
    ├── CompileError    a step can't be compiled: it runs plainly instead
    │   ├── LoweringError   it makes a call that the compiled engine doesn't know
    │   └── CompilerError   the C compiler is gone, fails or hangs, or the disk does
    └── CheckError      a gradient isn't that of its function: carries a problem per layer

    MinidlWarning   what can be meant, but rarely is
    └── RestartWarning  what has to be trained again
        └── DamageWarning   a file of a run folder is damaged

`exit_code` is what the command line exits with: 2 for what the user can fix before anything ran,
1 for what failed while running, 3 for a check that failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class MinidlError(Exception):
    """The base class: catch this one to catch them all."""

    exit_code = 1


class MinidlWarning(UserWarning):
    """What can be meant, but rarely is: the message is shown, and the work goes on."""


class RestartWarning(MinidlWarning):
    """What has to be trained again, and why."""


class DamageWarning(RestartWarning):
    """A file of a run folder is damaged, and what is done about it."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a config, and where.

    `line` and `column` count from 1; an override of the command line has `file` "command line" and
    neither. `key` is the dotted path (`optimizer.lr`, `model.layers[2].p`), empty for the document.
    """

    message: str
    key: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """`file:line:column`, as far as they are known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.message) if part)


class ConfigError(MinidlError):
    """A config that can't be used; `problems` lists all that was found, in the file's order."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(MinidlError):
    """Data that can't be read or used; messages name the file, and row and column if they can.

    `problems` lists all that was found, a line each.
    """

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))

    def placed(self, place: str) -> DataError:
        """The same error, which also says where the file was named."""
        first, *others = self.problems
        error = DataError(f"{first} ({place})", *others)
        error.exit_code = self.exit_code
        return error


class RunError(MinidlError):
    """A run folder that exists, is missing, or can't be read or written; the message names it."""

    exit_code = 2


class DamagedError(RunError):
    """A file of a run folder that is missing or isn't what was written; the message names it.

    Never the disk's failure (WriteError): what can't be read may be sound.
    """


class WriteError(RunError):
    """The disk failed half-way through the work (full, I/O error, permission lost)."""

    exit_code = 1


class TraceError(MinidlError):
    """A step that can't be held as a graph."""


class CompileError(MinidlError):
    """An engine can't run a function; the plain one runs them all."""


class LoweringError(CompileError):
    """A call that the compiled engine doesn't know."""


class CompilerError(CompileError):
    """There is no function: the compiler is gone, fails or hangs, or the disk does."""


class CheckError(MinidlError):
    """Gradients that are wrong; `problems` names each layer, with its place in the config."""

    exit_code = 3

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
