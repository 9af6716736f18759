"""What becomes of a stack that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from minidl.executors import Job, Update
from minidl.spec import Member
from minidl.sweep.cut import halves
from minidl.sweep.folder import SweepFolder


class Failures:
    """Answers each failure of a sweep's stacks: tried again, cut into halves, or left as it is."""

    def __init__(self, folder: SweepFolder) -> None:
        self.folder = folder
        self._tried: dict[str, int] = {}  # stacks that were tried again, after which epoch

    def answer(self, update: Update, left: Sequence[Member]) -> Update:
        """What a failure comes to; `left` are the job's members that have no result."""
        if update.died:
            if not left:
                return replace(update, kind="done", error="")
            if self._may_try_again(update.job.stack):
                return replace(update, kind="split", parts=(self._again(update.job, left),))
        if len(update.job.members) == 1 or not left or update.everywhere:
            return update
        return replace(update, kind="split", parts=self._halves(update.job, left))

    def _may_try_again(self, stack: str) -> bool:
        """Whether its process may have died by chance: once, and after each new checkpoint."""
        state = self.folder.load_stack(stack)
        epoch = state.finished if state else 0
        if epoch <= self._tried.get(stack, -1):
            return False
        self._tried[stack] = epoch
        return True

    def _again(self, job: Job, left: Sequence[Member]) -> Job:
        """The stack from its checkpoint, as a sweep that is resumed has it: to the same bits."""
        state = self.folder.load_stack(job.stack)
        members = {member.name: member for member in job.members}
        names = [one for one in (state.networks if state else members) if one in members]
        ghosts = frozenset(names) - {member.name for member in left}
        return replace(job, members=tuple(members[one] for one in names), ghosts=ghosts)

    def _halves(self, job: Job, left: Sequence[Member]) -> tuple[Job, ...]:
        """Smaller stacks, until the member that fails is alone."""
        by_name = {member.name: member for member in left}
        parts = halves(job.stack, list(by_name))
        cut = self.folder.read_cut()
        cut.pop(job.stack, None)
        self.folder.write_cut({**cut, **parts})
        return tuple(
            replace(job, stack=stack, members=tuple(by_name[n] for n in names), ghosts=frozenset())
            for stack, names in parts.items()
        )
