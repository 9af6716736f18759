"""Which members train together, and in which order the stacks go."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from trainings import spec

from minidl.spec import Member, Spec
from minidl.sweep.run import default_jobs
from minidl.sweep.stacks import MAX_SAMPLES, MAX_STACK, cost, make_stacks

SEQUENTIAL = "model={sequential: [{linear: 8}, relu, {dropout: 0.1}, linear]}"


def of(specs: Iterable[Spec]) -> list[Member]:
    return [Member(f"m{i}", one, {}) for i, one in enumerate(specs)]


def seeds(count: int, *overrides: str) -> list[Spec]:
    base = spec(*overrides)
    return [base.model_copy(update={"seed": seed}) for seed in range(count)]


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
    assert sizes(make_stacks(of([spec(), spec(override)]))) == [2]


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
    assert sizes(make_stacks(of([spec(base), spec(base, override)]))) == [2]


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
    assert sizes(make_stacks(of([spec(), spec(override)]))) == [1, 1]


def test_plateaus_that_differ_split() -> None:
    plateaus = [spec(f"schedule={{type: plateau, patience: {n}}}") for n in (1, 1, 2)]
    assert sorted(sizes(make_stacks(of(plateaus)))) == [1, 2]


def test_members_that_have_trained_for_unlike_times_split() -> None:
    members = of(seeds(4))
    epochs = {"m0": 0, "m1": 2, "m2": 2, "m3": 0}
    stacks = make_stacks(members, finished=lambda member: epochs[member.name])
    assert sorted([member.name for member in stack] for stack in stacks) == [
        ["m0", "m3"],
        ["m1", "m2"],
    ]


def test_every_member_is_in_one_stack() -> None:
    members = of([*seeds(300), *seeds(7, "loss=bce_with_logits"), *seeds(1, "optimizer=adam")])
    for size, jobs in [(None, 1), (None, 4), (7, 1), (1000, 3)]:
        placed = [
            member for stack in make_stacks(members, size=size, jobs=jobs) for member in stack
        ]
        assert sorted(m.name for m in placed) == sorted(m.name for m in members)


def test_a_stack_has_a_largest_size_and_even_shares() -> None:
    assert sizes(make_stacks(of(seeds(MAX_STACK)))) == [MAX_STACK]
    count, third = 2 * MAX_STACK + 1, (2 * MAX_STACK + 1) // 3
    shares = sizes(make_stacks(of(seeds(count))))
    assert sum(shares) == count
    assert set(shares) <= {third, third + 1}


def test_a_step_of_a_stack_takes_few_samples_in_all() -> None:
    batch = MAX_SAMPLES // 20
    big = ["data.train=1000", f"training.batch_size={batch}"]
    assert sizes(make_stacks(of(seeds(40, *big)))) == [20, 20]
    assert sizes(make_stacks(of(seeds(2, "data.train=1000000", "training.batch_size=900000")))) == [
        1,
        1,
    ]


def test_the_size_can_be_given() -> None:
    assert sizes(make_stacks(of(seeds(10)), size=4)) == [4, 3, 3]
    assert sizes(make_stacks(of(seeds(10)), size=1)) == [1] * 10
    assert sizes(make_stacks(of(seeds(300)), size=300, jobs=2)) == [300]


def test_all_processes_get_work() -> None:
    assert sizes(make_stacks(of(seeds(10)), jobs=2)) == [5, 5]
    assert sizes(make_stacks(of(seeds(10)), jobs=3)) == [4, 3, 3]
    two_kinds = [*seeds(10), *seeds(10, "loss=bce_with_logits")]
    assert sizes(make_stacks(of(two_kinds), jobs=2)) == [10, 10]


def test_the_longest_work_goes_first() -> None:
    works = [
        seeds(1),
        seeds(3, "training.epochs=100"),
        seeds(2, "training.epochs=100", "model.hidden=[300, 300]"),
        seeds(3, "training.epochs=100", "training.batch_size=1"),
        seeds(3, "training.epochs=100", "data.train=2000"),
    ]
    stacks = make_stacks(of(one for work in works for one in work))
    costs = [cost(stack) for stack in stacks]
    assert costs == sorted(costs, reverse=True)
    assert stacks[-1][0].spec.training.epochs == 3
    assert stacks[0][0].spec.model.hidden == (300, 300)


def test_a_gpu_is_one_worker_and_each_core_another() -> None:
    assert default_jobs("cuda") == 1
    assert default_jobs() >= 1
