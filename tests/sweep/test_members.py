"""Each member of a sweep leaves behind what it would leave alone, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from sweep.helpers import alone, assert_same_run, members, planned, sweep
from trainings import SMALL, columns, train

from minidl.engine import compiler
from minidl.runs.drive import Ending
from minidl.spec import Member, Spec, load_spec, parse_spec
from minidl.store.run_folder import RunFolder
from minidl.sweep.folder import SweepFolder
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.run import run
from minidl.sweep.work import Datasets
from minidl.sweep.worker import News, Worker

DIVERGING = "optimizer.lr=1e200"


@dataclass(frozen=True)
class Together:
    """What members of one kind share, what each has for itself, how each ends."""

    shared: list[str]
    own: list[list[str]]
    statuses: list[str]

    def specs(self) -> list[Spec]:
        return [
            parse_spec(
                SMALL, "small.yaml", ["training.epochs=12", "device=cpu", *self.shared, *one]
            )
            for one in self.own
        ]


TOGETHER = {
    "sgd with rate, start, schedule and seed of its own": Together(
        ["loss=bce_with_logits", "training.clip_norm=1", "training.dtype=float64"],
        [
            ["optimizer.lr=0.3", "model.init=he", "schedule={type: cosine, warmup: 3}"],
            ["seed=1", "schedule={type: step, step_size: 5}"],
            ["model.init={constant: 0.1}", "training.epochs=5"],
            ["model.init=xavier", "schedule.warmup=5", "training.eval_every=5"],
        ],
        ["done"] * 4,
    ),
    "adam with betas, eps and dropout of its own": Together(
        ["loss=cross_entropy", "optimizer={type: adam, lr: 0.01}", "model.dropout=0.2"],
        [
            ["optimizer.betas=[0.5, 0.9]", "model.dropout=0.5"],
            ["optimizer.eps=0.1", "training.dropout_seed=5"],
            ["training.seed=6"],
        ],
        ["done"] * 3,
    ),
    "early stopping with the best weights, each at an epoch of its own": Together(
        ["optimizer={type: adam, lr: 0.02}"],
        [
            [f"seed={n}", f"training.early_stopping={{metric: test_accuracy, patience: {1 + n}}}"]
            for n in range(6)
        ],
        ["done"] * 6,
    ),
    "early stopping and a plateau by a validation part": Together(
        [
            "optimizer={type: adam, lr: 0.05}",
            "data.validation=13",
            "schedule={type: plateau, patience: 0}",
        ],
        [[f"seed={n}", f"training.early_stopping={{patience: {1 + n}}}"] for n in range(4)],
        ["done"] * 4,
    ),
    "plateaus, evaluated every third epoch, beside two that diverge": Together(
        ["training.eval_every=3"],
        [
            ["schedule={type: plateau, metric: test_loss, patience: 0, factor: 0.7, warmup: 2}"],
            [DIVERGING],
            ["optimizer.lr=0.5", "schedule={type: multistep, milestones: [[4, 1e200]]}"],
            ["schedule={type: plateau, metric: train_loss, patience: 1}", "seed=4"],
        ],
        ["done", "diverged", "diverged", "done"],
    ),
}


def trained(specs: Sequence[Spec], folder: Path, lanes: int) -> list[RunFolder]:
    """All in one worker with so many lanes."""
    folder.mkdir()
    named = [Member(f"member-{number}", one, {}) for number, one in enumerate(specs)]
    told: list[News] = []
    queue = Queue([Kind(named, lanes)])
    Worker(folder, (), queue, Datasets(), Ending(), told.extend).run()
    assert {one.name for one in told if one.has_ended} == {one.name for one in named}
    return [SweepFolder(folder).run(one) for one in named]


@pytest.fixture(params=["compiled", "plain"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With a compiler, and as if there were none."""
    if request.param == "plain":
        monkeypatch.setenv("CC", "no-such-compiler")
    elif compiler.find_compiler() is None:
        pytest.skip("needs a C compiler")
    return str(request.param)


@pytest.mark.filterwarnings("ignore:trains by plain")
@pytest.mark.parametrize("name", TOGETHER)
def test_side_by_side_each_leaves_what_it_would_leave_alone(
    name: str, engine: str, tmp_path: Path
) -> None:
    """In lanes of which some are idle, and in fewer than there are members."""
    together = TOGETHER[name]
    specs = together.specs()
    singles = [alone(one, tmp_path / "alone", f"{n}") for n, one in enumerate(specs)]
    for lanes in (2, 8):
        runs = trained(specs, tmp_path / str(lanes), lanes)
        assert [run.status for run in runs] == together.statuses
        for single, member in zip(singles, runs, strict=True):
            assert str(member.read_record().engine).startswith(engine)
            assert_same_run(member, single)


def test_workers_that_share_a_queue_leave_the_same(tmp_path: Path) -> None:
    """Whatever --jobs and --stack say."""
    grid = ["optimizer.lr=0.1,0.01,1e30", "seed=0,1,2,3", "loss=mse,cross_entropy"]
    for jobs, stack in ((1, 8), (3, 8), (2, 3)):
        (tmp_path / f"{jobs} {stack}").mkdir()
        todo = planned(tmp_path / f"{jobs} {stack}", *grid, jobs=jobs, stack=stack)
        assert dict(run(todo).counts) == {"done": 16, "diverged": 8}
    first, *others = ([*members(path)] for path in sorted(tmp_path.iterdir()))
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            assert_same_run(mine, theirs)


def test_a_run_with_a_members_seed_is_that_member(tmp_path: Path) -> None:
    """`minidl sweep … --repeats 3` and `minidl train … seed=2`."""
    done = sweep(tmp_path, "optimizer.lr=0.1,0.3", options=["--repeats", 3])
    assert done.code == 0
    single = train(tmp_path, "optimizer.lr=0.3", "seed=2").run
    (member,) = [run for run in members(tmp_path) if run.path.name.startswith("lr=0.3,seed=2-")]
    assert load_spec(member.config_path) == load_spec(single.config_path)
    assert_same_run(member, single)
    others = [run for run in members(tmp_path) if run.path != member.path]
    assert all(columns(run) != columns(member) for run in others)


def test_a_members_folder_is_made_when_its_lane_begins(tmp_path: Path) -> None:
    seen: list[int] = []

    def watch(news: Sequence[News]) -> None:
        if any(one.has_ended for one in news):
            seen.append(len(members(tmp_path)))

    run(planned(tmp_path, "seed=0,1,2,3,4,5", jobs=1, stack=1), watch=watch)
    assert seen == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("overrides", "metric"),
    [
        (["loss=mse,cross_entropy"], "test_accuracy"),
        (["data=noisy_sine,friedman1"], "test_mse"),
        (["loss=mse,cross_entropy", "data.validation=20"], "val_accuracy"),
    ],
)
def test_the_best_so_far_is_told_by_a_metric_that_all_losses_share(
    overrides: list[str], metric: str, tmp_path: Path
) -> None:
    told: dict[str, float] = {}

    def watch(news: Sequence[News]) -> None:
        for one in news:
            assert one.metric == metric
            if one.best is not None:
                told[one.name] = one.best

    run(planned(tmp_path, *overrides, "training.epochs=5", jobs=1), watch=watch)
    choose = max if metric.endswith("accuracy") else min
    for one in members(tmp_path):
        assert told[one.path.name] == choose(columns(one)[metric])


def test_one_thread_is_what_torch_computes_on_in_workers(tmp_path: Path) -> None:
    """PyTorch's sums depend on how many there are."""
    run(planned(tmp_path, "seed=0,1", "loss=mse,cross_entropy", jobs=2))
    assert {one.read_record().threads for one in members(tmp_path)} == {1}


@pytest.mark.parametrize("column", ["text", "{type: category, rare: {min_count: 3}}"])
@pytest.mark.parametrize("seeds", [3, 12])
def test_words_that_follow_from_the_seed_make_networks_of_other_sizes(
    seeds: int, column: str, tmp_path: Path
) -> None:
    random = Random(0)
    rows = [
        " ".join(f"w{min(random.randrange(40), random.randrange(40))}" for _ in range(4))
        for _ in range(60)
    ]
    words = rows if column == "text" else [row.split()[0] for row in rows]
    table = "comment,x,y\n" + "".join(
        f"{word},{n % 7},{('no', 'yes')[n % 2]}\n" for n, word in enumerate(words)
    )
    (tmp_path / "t.csv").write_text(table)
    text = SMALL.replace(
        "{type: disk, train: 40, test: 24}",
        f"{{type: csv, path: {tmp_path / 't.csv'}, target: y, columns: {{comment: {column}}}}}",
    )
    specs = [parse_spec(text, "small.yaml", [f"seed={n}", "device=cpu"]) for n in range(seeds)]
    runs = trained(specs, tmp_path / "together", 8)
    assert [run.status for run in runs] == ["done"] * seeds
    for one, member in zip(specs, runs, strict=True):
        assert_same_run(member, alone(one, tmp_path / "alone", f"{one.seed}"))
