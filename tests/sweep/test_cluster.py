"""A sweep on a Dask cluster comes out as at home, whatever becomes of its workers."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dask_processes import Dask
from sweep.helpers import (
    assert_same,
    assert_same_run,
    carried_out,
    planned,
    runs_of,
    statuses,
    sweep,
)
from sweep.leased import take_and_train, train_by
from trainings import SMALL

from minidl.errors import MinidlWarning, RunError
from minidl.runs.restart import Restart
from minidl.store import leases
from minidl.store.leases import Lease
from minidl.sweep import cluster as module
from minidl.sweep.cluster import Cluster, connected, other_version, versions
from minidl.sweep.processes import Job
from minidl.sweep.remote import Sent
from minidl.sweep.run import SweepOutcome, run
from minidl.sweep.worker import News

pytestmark = [
    # While they start, and between two of them.
    pytest.mark.filterwarnings("ignore:the cluster has no workers"),
    pytest.mark.timeout(400),  # on a busy machine workers take long to start
]

Watch = Callable[[Sequence[News]], None]
LONG = ("training.epochs=1500", "training.eval_every=500", "training.checkpoint_every=250")


@pytest.fixture
def dask(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Dask]:
    pytest.importorskip("distributed")
    made = Dask(tmp_path, workers=2, patience=getattr(request, "param", "5 minutes"))
    yield made
    made.end()


def trained(
    dask: Dask, folder: Path, *overrides: str, watch: Watch = lambda news: None
) -> SweepOutcome:
    """A sweep of the cluster, or what is left of it."""
    with connected(dask.address, pytest.fail) as cluster:
        return run(planned(folder, *overrides, jobs=2), cluster=cluster, watch=watch)


class Once:
    """Watches a sweep, and does something to it each time that so many epochs more are done."""

    def __init__(self, do: Callable[[], object], times: int = 1) -> None:
        self.do, self.times, self.told = do, times, 0

    def __call__(self, news: Sequence[News]) -> None:
        self.told += any(one.status == "running" and one.epoch > 250 for one in news)
        if self.told and self.times:
            self.told, self.times = 0, self.times - 1
            self.do()


@pytest.mark.slow
def test_a_cluster_of_its_own_listens_on_this_machine_alone() -> None:
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("distributed")
    with connected("local:1", pytest.fail):
        own = psutil.Process()
        found = [
            one.laddr.ip
            for process in (own, *own.children(recursive=True))
            for one in process.net_connections(kind="tcp")
            if one.status == psutil.CONN_LISTEN
        ]
    assert {*found} == {"127.0.0.1"}


@pytest.mark.slow
def test_workers_that_are_killed_cost_nothing_but_time(dask: Dask, tmp_path: Path) -> None:
    grid = (f"seed={','.join(map(str, range(16)))}", *LONG, "training.epochs=12000")
    watch = Once(lambda: dask.replace(0), times=2)
    assert trained(dask, tmp_path, *grid, watch=watch).counts == {"done": 16}
    assert not watch.times
    whole = tmp_path / "whole"
    whole.mkdir()
    carried_out(whole, *grid)
    assert_same(tmp_path, whole)
    assert not list((tmp_path / "runs/small/.leases").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("dask", ["3s"], indirect=True)
def test_a_worker_that_was_thought_dead_comes_back_and_writes_nothing(
    dask: Dask, tmp_path: Path
) -> None:
    """It was stopped, and the other one has gone on with its members."""
    stopped = dask.workers[0]
    for other in dask.workers[1:]:
        other.kill()  # so that it is this one that gets the members

    def stop() -> None:
        stopped.send_signal(signal.SIGSTOP)
        dask.add_worker()

    watch, grid = Once(stop), ("seed=1,2", *LONG, "training.epochs=4000")
    ended: list[str] = []

    def see(news: Sequence[News]) -> None:
        watch(news)
        if not watch.times and not ended and any(one.epoch > 1000 for one in news):
            ended.append("")
            stopped.send_signal(signal.SIGCONT)

    assert trained(dask, tmp_path, *grid, watch=see).counts == {"done": 2}
    assert ended
    whole = tmp_path / "whole"
    whole.mkdir()
    carried_out(whole, *grid)
    assert_same(tmp_path, whole)


@pytest.mark.slow
def test_who_comes_back_when_its_members_are_another_s_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = ("seed=1,2", *LONG, "training.epochs=6000")
    todo = planned(tmp_path, *grid, stack=2, jobs=1)
    job = Job(tuple(todo.members), 2, todo.folder.path.absolute(), ())
    path = leases.grant(job.folder)
    stopped = multiprocessing.get_context("spawn").Process(target=take_and_train, args=(job, path))
    stopped.start()
    assert stopped.pid
    while not list(job.folder.glob("*/checkpoints/last.safetensors")):
        assert stopped.is_alive()
        time.sleep(0.01)
    monkeypatch.setattr(leases, "PATIENCE", 0.1)
    while True:  # until it isn't amid a write
        os.kill(stopped.pid, signal.SIGSTOP)
        with contextlib.suppress(RunError):
            lease = Lease(path)
            break
        os.kill(stopped.pid, signal.SIGCONT)
    with lease.fencing():
        train_by(lease, job)
    os.kill(stopped.pid, signal.SIGCONT)
    stopped.join(30)
    assert stopped.exitcode is not None
    leases.revoke(path)
    whole = tmp_path / "whole"
    whole.mkdir()
    carried_out(whole, *grid)
    assert_same(tmp_path, whole)


@pytest.mark.slow
def test_without_its_scheduler_a_sweep_ends_and_goes_on_elsewhere(
    dask: Dask, tmp_path: Path
) -> None:
    grid = ("seed=1,2,3,4", *LONG, "training.epochs=60000")
    with pytest.raises(RunError, match="scheduler is gone: the same command goes on"):
        trained(dask, tmp_path, *grid, watch=Once(dask.scheduler.kill))
    assert set(statuses(tmp_path)) <= {"running", "interrupted"}
    carried_out(tmp_path, *grid)
    whole = tmp_path / "whole"
    whole.mkdir()
    carried_out(whole, *grid)
    assert_same(tmp_path, whole)


@pytest.mark.slow
def test_ctrl_c_ends_all_workers_with_checkpoints(dask: Dask, tmp_path: Path) -> None:
    grid = ("seed=1,2,3,4", *LONG, "training.epochs=60000", "training.checkpoint_every=60000")
    stop = Once(lambda: os.kill(os.getpid(), signal.SIGINT))
    outcome = trained(dask, tmp_path, *grid, watch=stop)
    assert outcome.exit_code == 130
    assert set(statuses(tmp_path)) == {"interrupted"}
    checkpoints = list((tmp_path / "runs/small").glob("*/checkpoints/last.safetensors"))
    assert len(checkpoints) == 4


SPACE = "space: {optimizer.lr: {log_uniform: [1.0e-3, 1]}, model.hidden: {choice: [[8], [9]]}}"
SEARCHES = {
    "random": f"{{search: {{type: random, trials: 6}}, {SPACE}, repeats: 2}}",
    "halving": "{search: {type: halving, reduction: 2, min_epochs: 1}, repeats: 2,"
    " grid: {optimizer.lr: [1.0e+30, 0.1, 0.05, 0.02]}}",
    "tpe": f"{{search: {{type: tpe, trials: 6, parallel: 3}}, {SPACE}}}",
}


@pytest.mark.slow
@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_and_its_confirmation_come_out_as_at_home(
    search: str, dask: Dask, tmp_path: Path
) -> None:
    if search == "tpe":
        pytest.importorskip("optuna")
    text = f"{SMALL}sweep: {SEARCHES[search]}\n".replace("test: 24", "test: 24, validation: 24")
    text = text.replace("epochs: 3", "epochs: 8")
    (there := tmp_path / "there").mkdir()
    (here := tmp_path / "here").mkdir()
    on_cluster = ("--cluster", dask.address, "--confirm", 2)
    found = sweep(there, text=text, options=on_cluster)
    expected = sweep(here, text=text, options=("--confirm", 2))
    assert (found.code, expected.code) == (0, 0), found.err
    assert found.out.replace("/there/", "/here/") == expected.out
    (confirmed,) = (here / "runs").glob("small-confirmed-*")
    for name in ("small", confirmed.name):
        mine, theirs = (runs_of(folder / "runs" / name) for folder in (there, here))
        assert [run.path.name for run in mine] == [run.path.name for run in theirs]
        for one, other in zip(mine, theirs, strict=True):
            assert_same_run(one, other)


class KilledWorker(Exception):  # noqa: N818, as Dask calls it
    """A task has lost too many workers."""


@dataclass
class Lost:
    """The future of a task whose workers die."""

    key: str
    status: str = "error"

    def exception(self) -> Exception:
        return KilledWorker()

    def cancel(self) -> None:
        pass

    def add_done_callback(self, callback: Callable[[Lost], None]) -> None:
        callback(self)


class Deadly:
    """A client of a cluster on which every worker dies."""

    status = "running"

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.sent: list[int] = []

    def nthreads(self) -> dict[str, int]:
        return {"tcp://a:1": self.workers} if self.workers else {}

    def submit(self, function: object, sent: Sent, *, key: str, pure: bool) -> Lost:
        self.sent.append(len(sent.job.members))
        return Lost(key)

    def subscribe_topic(self, topic: str, handler: object) -> None: ...

    def unsubscribe_topic(self, topic: str) -> None: ...


def test_who_loses_workers_is_sent_again_three_times_then_alone_then_fails(tmp_path: Path) -> None:
    client = Deadly(workers=1)
    todo = planned(tmp_path, "seed=1,2", stack=2, jobs=1)
    outcome = run(todo, cluster=Cluster(client))
    assert sorted(client.sent) == [1] * 8 + [2] * 4
    assert outcome.counts == {"failed": 2}
    assert outcome.exit_code == 1
    errors = [path.read_text() for path in (tmp_path / "runs/small").glob("*/error.txt")]
    assert errors == ["the workers that trained this run were lost"] * 2


def test_who_comes_further_before_each_loss_does_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = iter([*range(1, 31), *[30] * 100])
    monkeypatch.setattr("minidl.sweep.tasks.is_run", lambda path: True)
    monkeypatch.setattr(Restart, "find", lambda folder: Restart(state={"finished": next(epochs)}))
    client = Deadly(workers=1)
    outcome = run(planned(tmp_path, "seed=1", jobs=1), cluster=Cluster(client))
    assert outcome.counts == {"failed": 1}  # in the end, at an epoch that it doesn't leave
    assert len(client.sent) == 30 + 4


def test_a_cluster_without_workers_is_waited_for_aloud(tmp_path: Path) -> None:
    todo = planned(tmp_path, "seed=1", jobs=1)
    with pytest.warns(MinidlWarning, match="has no workers: the sweep waits for some"):
        run(todo, cluster=Cluster(Deadly(workers=0)))


def test_an_address_is_checked_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    bad = ["host:8786", "local", "local:0", "local:x", "ssh://a", "tcp:host:1", "tcp://:8786"]
    bad += [
        "tcp://host",
        "tcp://host:",
        "tls://host:x",
        "tcp://host:0",
        "tcp://host:99999",
        "tcp://a:1/b",
    ]
    for address in bad:
        with (
            pytest.raises(RunError, match="expected tcp://HOST:PORT, tls://HOST:PORT or local:N"),
            connected(address, pytest.fail),
        ):
            pass


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.CONNECT_SECONDS == 10
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)

    class Deaf:
        def Client(self, address: str, timeout: float) -> Any:  # noqa: N802
            assert timeout == 0.2
            raise OSError("Timed out trying to connect")

    monkeypatch.setattr(module, "_dask", Deaf)
    for address in ("tcp://127.0.0.1:1", "tcp://localhost:1", "tls://10.1.2.3:1"):
        with (
            pytest.raises(RunError, match=r"no scheduler of Dask answers within 0.2 seconds$"),
            connected(address, pytest.fail),
        ):
            pass


@pytest.mark.parametrize(("where", "warned"), [("127.0.0.1", False), ("10.1.2.3", True)])
def test_where_a_scheduler_listens_without_tls_is_said(
    where: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the address is called here."""

    class Client(contextlib.nullcontext[Any]):
        def __init__(self, address: str, timeout: float) -> None:
            super().__init__(self)

        def scheduler_info(self) -> dict[str, str]:
            return {"address": f"tcp://{where}:8786"}

        def get_versions(self, packages: list[str]) -> dict[str, Any]:
            return {"workers": {}}

    monkeypatch.setattr(module, "_dask", lambda: SimpleNamespace(Client=Client))
    said: list[str] = []
    with connected("tcp://localhost:8786", said.append):
        pass
    assert [one.endswith("(docs/cluster.md)") for one in said] == [True] * warned


def test_a_worker_with_other_versions_is_refused_by_its_name() -> None:
    here = versions()
    assert other_version(here, dict(here)) == ""
    assert other_version({"torch": "2.13.0+cpu"}, {"torch": "2.13.0"}) == ""
    workers = {"tcp://10.0.0.7:4000": {"packages": {**here, "minidl": "0.1.0"}}}
    with pytest.raises(
        RunError, match=r"the worker tcp://10.0.0.7:4000 has minidl 0.1.0, and here"
    ):
        module._check_versions(workers)


def test_without_the_package_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(RunError, match=r'pip install "minidl\[cluster\]"'),
        connected("local:1", pytest.fail),
    ):
        pass
