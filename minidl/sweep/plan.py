"""What a sweep has to do: the members that have no result, by kinds, for how many workers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from minidl.build import build, choose_device, read_data
from minidl.engine.compiler import find_compiler
from minidl.engine.processor import lanes_for
from minidl.errors import DamagedError, DamageWarning, RestartWarning
from minidl.plural import plural
from minidl.runs.begin import pinned
from minidl.runs.record import provenance, refuse_another_origin
from minidl.runs.restart import Restart
from minidl.spec import Member, Sweep
from minidl.store.run_record import ENDED, RunRecord
from minidl.sweep.folder import SweepFolder
from minidl.sweep.kinds import kind_of
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.work import Works, measure, memory_for_networks
from minidl.train.programs import Programs

_AMID = ("running", "interrupted")  # its training
# Networks that train side by side on a GPU: from there on nothing is left to share.
GPU_LANES = 100


@dataclass(frozen=True)
class SweepPlan:
    """What there is to do: the members that have no result.

    kinds: those of each kind, and how many of them a worker trains side by side at most; turns:
    what the workers are going to do, as far as is known; seconds: what each member takes, roughly.
    """

    folder: SweepFolder
    members: tuple[Member, ...]
    kinds: tuple[tuple[tuple[Member, ...], int], ...]
    seconds: Mapping[str, float]
    turns: tuple[tuple[Member, ...], ...]
    workers: int
    command: tuple[str, ...]
    part: str = ""  # of a search: which of its rounds this is

    @property
    def missing(self) -> int:
        """Members still to be trained."""
        return len(self.seconds)

    def queue(self) -> Queue:
        """All that waits."""
        return _queue(self.kinds, self.seconds)


def default_jobs(device: str = "cpu") -> int:
    """One per core that this process may use; one alone on a GPU, which it fills.

    What it may use is up to its affinity and to the quota of its container.
    """
    if device != "cpu":
        return 1
    import joblib  # here, since it takes a moment

    return int(joblib.cpu_count())


def plan(
    sweep: Sweep,
    folder: SweepFolder,
    works: Works | None = None,
    *,
    command: Sequence[str] = (),
    stack: int | None = None,
    jobs: int | None = None,
    force: bool = False,
) -> SweepPlan:
    """What is left to do; `works` is what `measure` says of the members.

    `stack` is the most that train side by side in one of `jobs` workers. Clears away what killed
    processes left: nobody may be at work. Warns where files are damaged. Raises RunError, without
    `force` also where a member would go on under other versions or on another device.
    """
    works = works or measure(sweep.members)
    missing = [one for one in sweep.members if folder.status(one) not in ENDED]
    how: dict[str, Any] = {"command": command, "stack": stack, "jobs": jobs}
    return cleared(folder, sweep.members, missing, works, force=force, **how)


def cleared(
    folder: SweepFolder,
    members: Sequence[Member],
    missing: Sequence[Member],
    works: Works,
    *,
    force: bool = False,
    **how: Any,
) -> SweepPlan:
    """How the missing members go on (see `plan`), or begin (see `planned`)."""
    folder.clear_away()
    missing = [_pinned(one, works) for one in missing]
    begun = sum([_begins_anew(folder, member, force) for member in missing])
    if begun:
        runs = f"{plural(begun, 'run')} {'was' if begun == 1 else 'were'}"
        what = "stopped before the first checkpoint: training starts from the beginning"
        _warn(f"{folder.path}: {runs} {what}", RestartWarning)
    return planned(folder, members, missing, works, **how)


def planned(
    folder: SweepFolder,
    members: Sequence[Member],
    missing: Sequence[Member],
    works: Works,
    *,
    command: Sequence[str] = (),
    stack: int | None = None,
    jobs: int | None = None,
    part: str = "",
) -> SweepPlan:
    """How the missing members are trained."""
    alike: dict[str, list[Member]] = {}
    for member in missing:
        alike.setdefault(kind_of(member.spec), []).append(member)
    devices = {key: choose_device(own[0].spec) for key, own in alike.items()}
    jobs = jobs or min((default_jobs(device.type) for device in devices.values()), default=1)
    kinds: list[tuple[tuple[Member, ...], int]] = []
    seconds: dict[str, float] = {}
    for key, own in alike.items():
        work, device = works.kinds[key], devices[key]
        fitting = memory_for_networks(device) // jobs // work.memory
        lanes = min(_lanes(own[0], device), stack or GPU_LANES, max(1, fitting))
        kinds.append((tuple(own), lanes))
        seconds |= {member.name: work.seconds(member) for member in own}
    turns = tuple(tuple(turn.members) for turn in _queue(kinds, seconds).turns())
    workers = min(jobs, len(turns))
    return SweepPlan(
        folder, tuple(members), tuple(kinds), seconds, turns, workers, tuple(command), part
    )


def _lanes(member: Member, device: torch.device) -> int:
    """How many networks of its kind train side by side in a worker, unless they are too large."""
    if device.type != "cpu":
        return GPU_LANES
    return lanes_for(getattr(torch, member.spec.training.dtype)) if find_compiler() else 1


def _queue(kinds: Iterable[tuple[Sequence[Member], int]], seconds: Mapping[str, float]) -> Queue:
    return Queue(Kind(members, lanes, seconds) for members, lanes in kinds)


def _begins_anew(folder: SweepFolder, member: Member, force: bool) -> bool:
    """Whether a member was stopped before its first checkpoint. Warns of what is damaged."""
    status = folder.status(member)
    if status == "missing":
        return False
    restart = Restart.find(folder.run(member))
    if restart.damage:
        _warn(str(restart), DamageWarning)
    elif not restart.checkpoint:
        return status in _AMID
    if restart.checkpoint and not force:
        _refuse_other_machine(folder, member)
    return False


def _refuse_other_machine(folder: SweepFolder, member: Member) -> None:
    """RunError if a member would go on where results come out in other last bits."""
    try:
        before = folder.run(member).read_record()
    except DamagedError:
        return  # a damaged record says nothing; it is made anew
    here = provenance(choose_device(member.spec), _engine(member, before))
    here.threads = 1
    refuse_another_origin(folder.path, before, here, what="a sweep", way_on="--force")


def _engine(member: Member, before: RunRecord) -> str:
    """What would train a member that goes on."""
    usual = "compiled" if choose_device(member.spec).type == "cpu" and find_compiler() else "plain"
    if usual == "plain" or str(before.engine).startswith(usual):
        return usual
    # It may be of those that can't be compiled.
    experiment = build(member.spec, read_data(member.spec))
    return Programs.of(experiment.trainer).engine.description


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(message, category, stacklevel=4)


def _pinned(member: Member, works: Works) -> Member:
    """The member with its data files' hashes, so that no other files are read later on."""
    return replace(member, spec=pinned(member.spec, works.files))
