"""Which members train together, and in which order the stacks go."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from trainings import spec

from minidl.build import build
from minidl.execute import read_data
from minidl.spec import Member, Spec
from minidl.sweep.run import default_jobs
from minidl.sweep.stacks import MAX_STACK, STEP_BYTES, Work, fastest_size, make_stacks
from minidl.sweep.work import measure

SEQUENTIAL = "model={sequential: [{linear: 8}, relu, {dropout: 0.1}, linear]}"


def of(specs: Iterable[Spec]) -> list[Member]:
    return [Member(f"m{i}", one, {}) for i, one in enumerate(specs)]


def seeds(count: int, *overrides: str) -> list[Spec]:
    base = spec(*overrides)
    return [base.model_copy(update={"seed": seed}) for seed in range(count)]


def cut(members: Sequence[Member], **options: Any) -> list[list[Member]]:
    return make_stacks(members, measure(members).kinds, **options)


def sizes(stacks: list[list[Member]]) -> list[int]:
    return [len(stack) for stack in stacks]


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "data.seed=1",
        "model.seed=1",
        "training.seed=1",
        "training.dropout_seed=1",
        "optimizer.lr=0.2",
        "optimizer.momentum=0.9",
        "optimizer.weight_decay=0.1",
        "model.init=he",
        "model.init={constant: 0.5}",
        "model.dropout=0.5",
        "schedule=cosine",
        "schedule={type: multistep, milestones: [[2, 0.01]], warmup: 1}",
        "name=other",
    ],
)
def test_what_the_core_takes_per_network_shares_a_stack(override: str) -> None:
    assert sizes(cut(of([spec(), spec(override)]))) == [2]


@pytest.mark.parametrize(
    ("base", "override"),
    [
        ("optimizer=adam", "optimizer.betas=[0.5, 0.5]"),
        ("optimizer=adam", "optimizer.eps=0.1"),
        ("optimizer=rmsprop", "optimizer.alpha=0.5"),
        ("optimizer=adagrad", "optimizer.lr_decay=0.5"),
        ("optimizer.momentum=0.9", "optimizer.dampening=0.5"),
        (SEQUENTIAL, "model.layers[2].p=0.5"),
        (SEQUENTIAL, "model.layers[0].init={he: 0.5}"),
    ],
)
def test_so_do_the_numbers_of_other_components(base: str, override: str) -> None:
    assert sizes(cut(of([spec(base), spec(base, override)]))) == [2]


@pytest.mark.parametrize(
    "override",
    [
        "model.hidden=[9]",
        "model.activation=tanh",
        "model.bias=false",
        "model.output_activation=sigmoid",
        "data.train=41",
        "data.test=25",
        "data=xor",
        "loss=bce_with_logits",
        "loss.reduction=sum",
        "optimizer=adam",
        "optimizer={type: sgd, lr: 0.1, momentum: 0.9, nesterov: true}",
        "training.epochs=4",
        "training.batch_size=5",
        "training.dtype=float64",
        "training.clip_norm=1",
        "training.eval_every=2",
        "training.early_stopping={}",
        "schedule=plateau",
        SEQUENTIAL,
    ],
)
def test_everything_else_splits(override: str) -> None:
    assert sizes(cut(of([spec(), spec(override)]))) == [1, 1]


def test_plateaus_that_differ_split() -> None:
    plateaus = [spec(f"schedule={{type: plateau, patience: {n}}}") for n in (1, 1, 2)]
    assert sorted(sizes(cut(of(plateaus)))) == [1, 2]


def test_every_member_is_in_one_stack() -> None:
    members = of([*seeds(300), *seeds(7, "loss=bce_with_logits"), *seeds(1, "optimizer=adam")])
    for size, jobs in [(None, 1), (None, 4), (7, 1), (1000, 3)]:
        placed = [member for stack in cut(members, size=size, jobs=jobs) for member in stack]
        assert sorted(m.name for m in placed) == sorted(m.name for m in members)


def test_a_stack_has_a_largest_size_and_even_shares() -> None:
    assert sizes(cut(of(seeds(MAX_STACK)))) == [MAX_STACK]
    count, third = 2 * MAX_STACK + 1, (2 * MAX_STACK + 1) // 3
    shares = sizes(cut(of(seeds(count))))
    assert sum(shares) == count
    assert set(shares) <= {third, third + 1}


def test_what_a_step_works_on_stays_in_the_cache() -> None:
    assert fastest_size(Work(1.0, 1, STEP_BYTES // 20), 2**40) == 20
    assert fastest_size(Work(1.0, 1, 2 * STEP_BYTES), 2**40) == 1
    wide = seeds(4, "model.hidden=[512, 512]", "data.train=50", "training.batch_size=50")
    assert sizes(cut(of(wide))) == [1, 1, 1, 1]  # two would not fit


def test_the_stacks_of_all_processes_fit_into_the_memory() -> None:
    """A large data set of the members' own, or a large test part, makes the stacks smaller."""
    for part in ("train", "test"):
        members = of(seeds(40, f"data.{part}=100000"))
        one = measure(members)[members[0].spec].memory
        assert one > 100_000 * 3 * 8 * 2  # two coordinates and a target; the data set and its copy
        stacks = cut(members, jobs=2, memory=20 * one)
        assert sizes(stacks) == [10, 10, 10, 10]
        assert max(map(len, stacks)) * one <= 20 * one / 2


def test_what_is_measured_grows_as_the_memory_does() -> None:
    """An estimate beside what the tensors of a trained stack of 20 really take."""
    for overrides in (["model.hidden=[64, 64]"], ["data.train=20000", "optimizer=adam"]):
        specs = seeds(20, *overrides)
        work = measure(of(specs))[specs[0]]
        data = [read_data(one) for one in specs]
        trainer = build(specs, data).trainer
        next(iter(trainer))
        memories = [*trainer.network.modules(), trainer.loss, trainer.optimizer.flat]
        buffers = sum(memory.buffer_bytes() for memory in memories)
        flat = trainer.optimizer.flat
        tensors = [flat.data, flat.grad, *trainer.optimizer.vectors.values()]
        for part in trainer.parts.values():
            tensors += [part.inputs, part.inputs, part.targets, part.targets, part.labels]
        arrays = [a for one in data for split in (one.train, one.test) for a in split.arrays]
        real = buffers + sum(x.numel() * x.element_size() for x in tensors)
        real += sum(array.nbytes for array in arrays)
        # Over-estimated by the copies of the test part, and by a recording's inputs.
        assert 0.8 < 20 * work.memory / real < 1.6


def test_the_size_can_be_given() -> None:
    assert sizes(cut(of(seeds(10)), size=4)) == [4, 3, 3]
    assert sizes(cut(of(seeds(10)), size=1)) == [1] * 10
    assert sizes(cut(of(seeds(300)), size=300, jobs=2)) == [300]


def test_all_processes_get_work() -> None:
    assert sizes(cut(of(seeds(10)), jobs=2)) == [5, 5]
    assert sizes(cut(of(seeds(10)), jobs=3)) == [4, 3, 3]
    two_kinds = [*seeds(10), *seeds(10, "loss=bce_with_logits")]
    assert sizes(cut(of(two_kinds), jobs=2)) == [10, 10]


def test_the_longest_work_goes_first(tmp_path: Path) -> None:
    """What is long follows from the real data and from every layer's products."""
    rows = "\n".join(f"{i},{i % 3},{i % 2}" for i in range(5000))
    (tmp_path / "long.csv").write_text("a,b,y\n" + rows)
    table = f"data={{type: csv, path: {tmp_path}/long.csv, target: y}}"
    images = "data={type: digits, images: true, test_fraction: 0.5}"
    layers = "{conv2d: 8}, relu, {conv2d: 8}, relu, flatten, linear"
    works = {
        "the shortest": seeds(1, "training.epochs=2"),
        "more members": seeds(9),
        "smaller batches": seeds(9, "training.epochs=9", "training.batch_size=1"),
        "wider": seeds(9, "training.epochs=9", "model.hidden=[200, 200]"),
        "a longer table": seeds(9, "training.epochs=9", table),
        "convolutions": seeds(
            9,
            "training.epochs=9",
            images,
            "loss=cross_entropy",
            f"model={{sequential: [{layers}]}}",
        ),
    }
    members = [Member(what, one, {}) for what, specs in works.items() for one in specs]
    order = [stack[0].name for stack in cut(members, size=100)]
    assert order == [
        "convolutions", "a longer table", "wider", "smaller batches", "more members", "the shortest"
    ]  # fmt: skip


def test_a_gpu_is_one_worker() -> None:
    assert default_jobs("cuda") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="affinity and cgroups are Linux's")
@pytest.mark.parametrize(("quota", "count"), [("max 100000", 3), ("200000 100000", 2)])
def test_each_core_that_may_be_used_is_a_worker(
    quota: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its affinity, and by its container's quota."""
    import joblib  # before files are others

    assert joblib.cpu_count() >= 1
    file, exists = "/sys/fs/cgroup/cpu.max", os.path.exists
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 5, 7})
    monkeypatch.setattr(os.path, "exists", lambda path: path == file or exists(path))
    with mock.patch("builtins.open", mock.mock_open(read_data=f"{quota}\n")) as opened:
        assert default_jobs() == count
    opened.assert_called_once_with(file)
