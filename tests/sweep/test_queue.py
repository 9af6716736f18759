"""Which members are of one kind, and who trains next, beside whom."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import pytest
from sweep.helpers import planned
from trainings import spec

from minidl.spec import Member, Spec
from minidl.sweep.folder import SweepFolder
from minidl.sweep.kinds import kind_of
from minidl.sweep.plan import default_jobs
from minidl.sweep.plan import planned as plan_of
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.work import measure

RATES = "optimizer.lr_factors={fc_1: 0.1}"
SEQUENTIAL = "model={sequential: [{linear: 8}, relu, {dropout: 0.1}, linear]}"
ADAM = "optimizer={type: adam, weight_decay: 0.1}"
MOMENTUM = "optimizer={type: sgd, momentum: 0.9, dampening: 0.1, weight_decay: 0.1}"


@pytest.mark.parametrize(
    ("base", "override"),
    [
        ("name=one", "name=other"),
        ("seed=0", "seed=1"),
        ("seed=0", "data.seed=1"),
        ("seed=0", "model.seed=1"),
        ("seed=0", "training.seed=1"),
        ("seed=0", "training.dropout_seed=1"),
        ("seed=0", "optimizer.lr=0.2"),
        ("seed=0", "model.init=he"),
        ("seed=0", "model.init={constant: 0.5}"),
        ("seed=0", "schedule=cosine"),
        ("seed=0", "schedule=plateau"),
        ("seed=0", "schedule={type: multistep, milestones: [[2, 0.01]], warmup: 1}"),
        ("seed=0", "training.epochs=4"),
        ("seed=0", "training.eval_every=2"),
        ("seed=0", "training.early_stopping={}"),
        ("seed=0", "training.checkpoint_every=3"),
        ("model.dropout=0.1", "model.dropout=0.5"),
        (MOMENTUM, "optimizer.momentum=0.8"),
        (MOMENTUM, "optimizer.dampening=0.5"),
        (MOMENTUM, "optimizer.weight_decay=0.5"),
        (ADAM, "optimizer.betas=[0.5, 0.5]"),
        (ADAM, "optimizer.eps=0.1"),
        ("optimizer=rmsprop", "optimizer.alpha=0.5"),
        ("optimizer={type: adagrad, lr_decay: 0.1}", "optimizer.lr_decay=0.5"),
        (RATES, "optimizer.lr_factors.fc_1=3"),
        (SEQUENTIAL, "model.layers[2].p=0.5"),
        (SEQUENTIAL, "model.layers[0].init={he: 0.5}"),
    ],
)
def test_numbers_seeds_and_what_happens_between_epochs_make_no_other_kind(
    base: str, override: str
) -> None:
    assert kind_of(spec(base)) == kind_of(spec(base, override))


@pytest.mark.parametrize(
    ("base", "override"),
    [
        ("seed=0", "model.hidden=[9]"),
        ("seed=0", "model.activation=tanh"),
        ("seed=0", "model.bias=false"),
        ("seed=0", "model.output_activation=sigmoid"),
        ("seed=0", "model.dropout=0.5"),
        ("seed=0", "data.train=41"),
        ("seed=0", "data.test=25"),
        ("seed=0", "data=xor"),
        ("seed=0", "loss=bce_with_logits"),
        ("seed=0", "loss.reduction=sum"),
        ("seed=0", "optimizer=adam"),
        ("seed=0", "optimizer.momentum=0.9"),
        ("seed=0", "optimizer.weight_decay=0.1"),
        ("seed=0", "optimizer.l1=0.1"),
        ("seed=0", "optimizer.weight_decay_on=weights"),
        (MOMENTUM, "optimizer.dampening=0"),
        ("optimizer=adagrad", "optimizer.lr_decay=0.5"),
        ("optimizer={type: sgd, momentum: 0.9}", "optimizer.nesterov=true"),
        ("seed=0", "training.batch_size=5"),
        ("seed=0", "training.dtype=float64"),
        ("seed=0", "training.clip_norm=1"),
        ("seed=0", "training.evaluate_in=train"),
        ("seed=0", RATES),
        (RATES, "optimizer.lr_factors.fc_2=0.1"),
        ("seed=0", "model.freeze=[fc_1]"),
        ("seed=0", SEQUENTIAL),
        (SEQUENTIAL, "model.layers[2].p=0"),
    ],
)
def test_everything_else_does(base: str, override: str) -> None:
    assert kind_of(spec(base)) != kind_of(spec(base, override))


def of(specs: Iterable[Spec]) -> list[Member]:
    return [Member(f"m{i}", one, {}) for i, one in enumerate(specs)]


def turns(*kinds: tuple[int, float], lanes: int = 8) -> list[int]:
    """The sizes of the turns of kinds with so many members, which take so many seconds each."""
    made = []
    for count, seconds in kinds:
        members = of([spec()] * count)
        made.append(Kind(members, lanes, {one.name: seconds for one in members}))
    return [len(turn.members) for turn in Queue(made).turns()]


def test_lanes_are_filled_and_a_small_rest_trains_one_by_one() -> None:
    assert turns((16, 1.0)) == [8, 8]
    assert turns((17, 1.0)) == [8, 8, 1]
    assert turns((18, 1.0)) == [8, 8, 1, 1]
    assert turns((19, 1.0)) == [8, 8, 3]
    assert turns((2, 1.0)) == [1, 1]
    assert turns((3, 1.0), lanes=16) == [1, 1, 1]
    assert turns((5, 1.0), lanes=16) == [5]
    assert turns((3, 1.0), lanes=1) == [1, 1, 1]


def test_of_no_kind_is_code_for_one_network_made_to_save_less_than_that_takes() -> None:
    kind = Kind(of([spec()] * 17), 8, {f"m{i}": 0.01 for i in range(17)})
    queue = Queue([kind])
    assert len(queue.next().members) == 8  # type: ignore[union-attr]
    kind._made[False, ()] = mock.Mock()
    assert [(len(one.members), one.single) for one in queue.turns()] == [(8, False), (1, False)]


def test_the_longest_turn_goes_first() -> None:
    """One of 8 lanes takes about as long as three that train one by one."""
    assert turns((1, 1.0), (9, 3.0), (9, 2.0)) == [8, 8, 1, 1, 1]
    assert turns((4, 1.0), (1, 5.0), (1, 3.0)) == [1, 4, 1]


def test_the_longest_training_of_a_kind_goes_first() -> None:
    specs = [spec(f"training.epochs={epochs}") for epochs in (2, 9, 5, 9)]
    members = of(specs)
    kind = Kind(members, 8, {one.name: one.spec.training.epochs for one in members})
    assert [one.name for one in Queue([kind]).turns()[0].members] == ["m1", "m3", "m2", "m0"]


def test_lanes_that_get_free_are_filled_and_what_finds_none_goes_back() -> None:
    kind = Kind(of([spec()] * 12), 8)
    queue = Queue([kind])
    turn = queue.next()
    assert turn is not None
    assert queue.more(kind).name == "m8"  # type: ignore[union-attr]
    queue.give_back(kind, turn.members[6:])
    assert [one.name for one in kind.waiting] == ["m6", "m7", "m9", "m10", "m11"]
    queue.again(kind, turn.members[:1])
    assert [(one.members[0].name, one.single) for one in queue.turns()] == [
        ("m0", True), ("m6", False)
    ]  # fmt: skip


def test_what_is_long_follows_from_the_real_data_and_from_every_layers_products(
    tmp_path: Path,
) -> None:
    rows = "\n".join(f"{i},{i % 3},{i % 2}" for i in range(5000))
    (tmp_path / "long.csv").write_text("a,b,y\n" + rows)
    table = f"data={{type: csv, path: {tmp_path}/long.csv, target: y}}"
    images = "data={type: digits, images: true, test_fraction: 0.5}"
    layers = "{conv2d: 8}, relu, {conv2d: 8}, relu, flatten, linear"
    specs = {
        "the shortest": spec("training.epochs=2"),
        "longer": spec(),
        "smaller batches": spec("training.epochs=9", "training.batch_size=1"),
        "wider": spec("training.epochs=9", "model.hidden=[100, 100]"),
        "a longer table": spec("training.epochs=9", table),
        "convolutions": spec(
            "training.epochs=9", images, "loss=cross_entropy", f"model={{sequential: [{layers}]}}"
        ),
    }
    members = [Member(name, one, {}) for name, one in specs.items()]
    plan = plan_of(SweepFolder(tmp_path), members, members, measure(members))
    order = [member.name for turn in plan.turns for member in turn]
    assert order == [
        "convolutions", "a longer table", "wider", "smaller batches", "longer", "the shortest"
    ]  # fmt: skip


def test_the_members_in_all_lanes_fit_into_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large data set of the members' own, or a large test part, makes them fewer."""
    for part in ("train", "test"):
        members = of([spec(f"data.{part}=100000", f"seed={seed}") for seed in range(24)])
        works = measure(members)
        (work,) = works.kinds.values()
        assert work.memory > 100_000 * 3 * 4 * 2  # two coordinates and a target, in two copies
        memory = 12 * work.memory
        monkeypatch.setattr("minidl.sweep.plan.memory_for_networks", lambda _, m=memory: m)
        monkeypatch.setattr("minidl.sweep.plan._lanes", lambda *_: 8)
        plan = plan_of(SweepFolder(tmp_path), members, members, works, jobs=2)
        assert {len(turn) for turn in plan.turns} == {6}


def test_there_are_as_many_workers_as_have_work(tmp_path: Path) -> None:
    grid = ["loss=mse,cross_entropy", "seed=0,1"]
    assert planned(tmp_path, *grid, jobs=1).workers == 1
    assert planned(tmp_path, *grid, jobs=3).workers == 3
    assert planned(tmp_path, *grid, jobs=9).workers == 4
    assert planned(tmp_path, *grid, "seed=0,1,2,3,4,5", jobs=9).workers == 2


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
