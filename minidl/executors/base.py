"""What an executor takes and gives: jobs in, updates out."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Job:
    """A stack to train: the unit of work. Its results are its members' folders."""

    number: int
    members: tuple[Member, ...]
    folder: Path
    command: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """News of a job; `error` says why it failed."""

    job: Job
    kind: Literal["progress", "done", "interrupted", "failed"]
    progress: Progress | None = None
    error: str = ""


Watch = Callable[[Update], None]


class Executor(Protocol):
    """Runs jobs."""

    def run(self, jobs: Sequence[Job], watch: Watch) -> None:
        """Run all jobs, telling `watch` what happens; returns when all have ended, or `stop`ped."""

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
        with use_threads(1), orderly_end(lambda: None), warnings.catch_warnings():
            warnings.simplefilter("ignore", MinidlWarning)  # said when the sweep was checked
            stack = StackRun(job.members, SweepFolder(job.folder), job.command, report)
            watch(Update(job, stack.train()))
    except MinidlError as error:
        watch(Update(job, "failed", error=str(error)))
    except Exception:
        watch(Update(job, "failed", error=traceback.format_exc()))
