"""What the tests of sweeps share: small sweeps as commands, and stacks beside single runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainings import SMALL, Finished, minidl

from minidl import folders
from minidl.execute import execute
from minidl.executors import Job
from minidl.runs import RunFolder, is_run
from minidl.spec import Member, Spec, Sweep, load_sweep
from minidl.sweep.folder import SweepFolder
from minidl.sweep.run import SweepPlan, plan
from minidl.sweep.stack_run import StackRun


def sweep(
    folder: Path, *overrides: str, text: str = SMALL, options: Sequence[object] = ()
) -> Finished:
    """`minidl sweep` of a config in `folder`, into `folder`/runs/small."""
    config = folder / "small.yaml"
    config.write_text(text)
    return minidl(
        "sweep", config, *overrides, "--runs-dir", folder / "runs", "--device", "cpu", *options
    )


def loaded(folder: Path, *overrides: str, text: str = SMALL) -> Sweep:
    """The same as a library call makes it."""
    config = folder / "small.yaml"
    config.write_text(text)
    return load_sweep(config, [*overrides, "device=cpu"])


def planned(folder: Path, *overrides: str, text: str = SMALL, **options: int) -> SweepPlan:
    """What such a sweep has to do."""
    one = loaded(folder, *overrides, text=text)
    return plan(one, SweepFolder.create(folder / "runs", one), **options)


def members(folder: Path) -> list[RunFolder]:
    """The members' run folders, by name."""
    inside = (folder / "runs" / "small").iterdir()
    return [RunFolder.open(path) for path in sorted(inside) if is_run(path)]


def statuses(folder: Path) -> list[str]:
    """How the members stand, in their names' order."""
    return [run.status for run in members(folder)]


def as_stack(specs: Sequence[Spec], folder: Path) -> list[RunFolder]:
    """The specs trained as one stack."""
    folders.make(folder)
    members = tuple(Member(f"member-{i}", spec, {}) for i, spec in enumerate(specs))
    job = Job("0", members, folder, ())
    stack = StackRun(job, SweepFolder(folder), lambda progress: None)
    assert stack.train() == "done"
    return [RunFolder(folder / one.name) for one in members]


def alone(spec: Spec, folder: Path) -> RunFolder:
    """A spec trained by itself."""
    return execute(spec, runs_dir=folder).run.folder
