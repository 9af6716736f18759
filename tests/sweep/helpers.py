"""What the tests of sweeps share: small sweeps, killed ones, and stacks beside single runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from trainings import SMALL, Finished, minidl, text_of_metrics

from minidl import folders
from minidl.execute import execute
from minidl.executors import Job, Update
from minidl.runs import RunFolder, is_run
from minidl.spec import Member, Spec, Sweep, load_sweep
from minidl.sweep.folder import SweepFolder
from minidl.sweep.run import SweepPlan, plan, run
from minidl.sweep.stack_run import StackRun

KINDS = "loss=mse,bce_with_logits,cross_entropy"  # three stacks


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


class Killed(BaseException):
    """What no code catches, as it can't catch SIGKILL."""


def kill_after(epoch: int) -> Callable[[Update], None]:
    """Watches a sweep and kills it after that epoch."""

    def watch(update: Update) -> None:
        if update.kind == "progress" and update.progress and update.progress.epoch == epoch:
            raise Killed

    return watch


def carried_out(folder: Path, *overrides: str, **options: int) -> SweepFolder:
    """A whole sweep, or what is left of it."""
    todo = planned(folder, *overrides, jobs=1, **options)
    assert run(todo).exit_code == 0
    return todo.folder


def assert_same(folder: Path, whole: Path) -> None:
    """The same members with the same files, all that tells the time aside."""
    mine, theirs = members(folder), members(whole)
    assert [run.path.name for run in mine] == [run.path.name for run in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert text_of_metrics(one) == text_of_metrics(other)
        assert one.config_path.read_bytes() == other.config_path.read_bytes()
        own, expected = one.read_record(), other.read_record()
        for key in ("status", "reason", "epochs", "steps", "final", "weights", "stack"):
            assert own.get(key) == expected.get(key), key
        for name in ("last", "best"):
            assert_same_checkpoint(one, other, name)
    assert not (folder / "runs" / "small" / "stacks.json").exists()
    assert not (folder / "runs" / "small" / "checkpoints").exists()


def assert_same_checkpoint(one: RunFolder, other: RunFolder, name: str) -> None:
    assert one.has_checkpoint(name) == other.has_checkpoint(name)
    if one.has_checkpoint(name):
        own, expected = one.load_checkpoint(name)[0], other.load_checkpoint(name)[0]
        assert own.keys() == expected.keys()
        assert all(torch.equal(own[key], expected[key]) for key in own)
