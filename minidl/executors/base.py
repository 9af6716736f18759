"""What an executor takes and gives: jobs in, updates out."""

from __future__ import annotations

import errno
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from minidl.errors import MinidlError, MinidlWarning
from minidl.signals import orderly_end
from minidl.spec import Member
from minidl.sweep.progress import Progress

# Of torch, for a stack: two processes beat two threads on one stack (see docs/performance.md).
THREADS = 1
# What strikes whatever is written, wherever.
_DISK_FAILED = {errno.ENOSPC, errno.EIO, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True)
class Job:
    """A stack to train: the unit of work. Its results are its members' folders.

    `ghosts` names members that have ended, and whose networks train along for the others' sake.
    """

    stack: str
    members: tuple[Member, ...]
    folder: Path
    command: tuple[str, ...]
    ghosts: frozenset[str] = frozenset()

    @property
    def missing(self) -> tuple[Member, ...]:
        """The members that are to get their results."""
        return tuple(member for member in self.members if member.name not in self.ghosts)


@dataclass(frozen=True)
class Update:
    """News of a job; `error` says why it failed, and whether smaller stacks might not.

    `died`: with its process, whoever killed that. One that failed and was cut into `parts` is
    "split"; its only part is itself where it is tried again.
    """

    job: Job
    kind: Literal["progress", "done", "interrupted", "failed", "split"]
    progress: Progress | None = None
    error: str = ""
    everywhere: bool = False
    died: bool = False
    parts: tuple[Job, ...] = ()


Watch = Callable[[Update], None]


class Executor(Protocol):
    """Runs jobs."""

    def run(self, jobs: Sequence[Job], watch: Watch) -> None:
        """Run all jobs, telling `watch` what happens; returns when all have ended, or `stop`ped."""

    def add(self, jobs: Sequence[Job]) -> None:
        """More work, to do first; only `watch` may call it."""

    def stop(self) -> None:
        """End in an orderly way, soon; safe to call from a signal handler."""


def run_job(job: Job, watch: Watch) -> None:
    """Train a job's stack in this process; a failure is an update like any other."""
    # Here, so that a process that only hands out jobs needn't load torch.
    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.stack_run import StackRun
    from minidl.threads import use_threads

    def report(progress: Progress) -> None:
        watch(Update(job, "progress", progress))

    try:
        # A signal while the stack is being built is not lost: `train` is told as it begins.
        with use_threads(THREADS), orderly_end(lambda: None), warnings.catch_warnings():
            warnings.simplefilter("ignore", MinidlWarning)  # said when the sweep was measured
            update = Update(job, StackRun(job, SweepFolder(job.folder), report).train())
    except MinidlError as error:
        cause = getattr(error.__cause__, "errno", None)
        update = Update(job, "failed", error=str(error), everywhere=cause in _DISK_FAILED)
    except Exception:
        update = Update(job, "failed", error=traceback.format_exc())
    watch(update)
