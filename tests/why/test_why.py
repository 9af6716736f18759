"""`minidl why`: of a run, as a table and as JSON, and proven."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trainings import minidl, spec, train

from minidl.spec import parse_spec
from minidl.why.prove import sweep_of
from minidl.why.remedies import Remedy, remedies
from minidl.why.symptoms import Symptom

pytestmark = pytest.mark.usefixtures("kept_programs")

FAST = "optimizer={type: adam, lr: 10}", "data={type: disk, train: 400, test: 100}"


def symptom(name: str) -> Symptom:
    return Symptom(name, "", 0.0, "", "")


def test_a_run_that_nobody_watched_is_judged_by_its_first_epochs_trained_again(
    tmp_path: Path,
) -> None:
    run = train(tmp_path, *FAST).run
    before = sorted(path.name for path in run.path.rglob("*"))
    told = minidl("why", run.path)
    assert told.code == 0
    assert "rate too high" in told.out.splitlines()[2]
    assert "optimizer.lr=1" in told.out
    assert "3 epochs were trained again" in told.out
    assert "a guess until --prove" in told.out
    assert sorted(path.name for path in run.path.rglob("*")) == before


def test_a_watched_run_is_judged_by_what_it_wrote(tmp_path: Path) -> None:
    run = train(tmp_path, *FAST, options=("--watch",)).run
    content = json.loads(minidl("why", run.path, "--format", "json").out)
    rows = {table["name"]: table["rows"] for table in content["tables"]}
    assert rows["symptoms"][0]["name"] == "rate too high"
    assert rows["symptoms"][0]["figure"] > 0.4
    assert ["optimizer.lr=1"] in [row["overrides"] for row in rows["remedies"]]
    assert "again" not in " ".join(content["notes"])


def test_what_helps_is_said_by_seeds_alone(tmp_path: Path) -> None:
    run = train(tmp_path, *FAST, "training.epochs=20", options=("--watch", "--name", "fast")).run
    told = minidl("why", run.path, "--prove", "--seeds", "8", "-q", "--format", "json")
    assert told.code == 0
    rows = {table["name"]: table["rows"] for table in json.loads(told.out)["tables"]}
    assert [row["seeds"] for row in rows["remedies"]] == [8] * len(rows["remedies"])
    slower = next(row for row in rows["remedies"] if row["overrides"] == ["optimizer.lr=0.1"])
    assert slower["helps"]
    assert slower["difference"] > 0
    assert "p = 0.0" in slower["verdict"]
    assert (run.path.parent / "fast-why" / "sweep.yaml").exists()
    again = minidl("why", run.path, "--prove", "--seeds", "8", "-q", "--format", "json")
    assert again.out == told.out  # nothing is trained twice


def test_a_healthy_run_is_left_alone_and_has_nothing_to_prove(tmp_path: Path) -> None:
    healthy = "optimizer={type: adam, lr: 0.01}", "data={type: disk, train: 400, test: 100}"
    run = train(tmp_path, *healthy, "training.epochs=20", options=("--watch",)).run
    assert "none of the symptoms" in minidl("why", run.path).out
    refused = minidl("why", run.path, "--prove")
    assert refused.code == 2
    assert "nothing to prove" in refused.err


@pytest.mark.parametrize("given", ["nowhere", "."])
def test_what_is_no_run_is_refused_in_a_line(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = minidl("why", given)
    assert refused.code != 0
    assert len(refused.err.splitlines()) == 1


def test_remedies_that_come_to_the_same_config_are_one(tmp_path: Path) -> None:
    own = spec("optimizer={type: adam, lr: 0.1}", "model.init=zeros")
    found = remedies(own, [symptom("rate too high"), symptom("plateau left late")])
    assert [(str(one), one.against) for one in found] == [
        ("optimizer.lr=0.01", ("rate too high", "plateau left late")),
        ("optimizer.lr=0.001", ("rate too high",)),
        ("model.init=he", ("plateau left late",)),
    ]


def test_a_config_that_a_remedy_has_no_key_in_isnt_offered_it() -> None:
    layers = "{model: {sequential: [{linear: 4}, relu, linear]}, data: disk}"
    found = remedies(parse_spec(layers, "x"), [symptom("dead units")])
    assert [str(one) for one in found] == ["optimizer.lr=0.001"]


def test_classes_that_are_rare_may_count_more_where_the_loss_can_weigh_them() -> None:
    rare = [symptom("class imbalance")]
    config = "{data: wine, model: mlp, loss: LOSS}"
    (found,) = remedies(parse_spec(config.replace("LOSS", "cross_entropy"), "x"), rare)
    assert found.overrides == ("loss.class_weights=balanced",)
    assert remedies(parse_spec(config.replace("LOSS", "mse"), "x"), rare) == []


def test_the_run_itself_and_each_remedy_get_the_same_seeds(tmp_path: Path) -> None:
    tried = [Remedy(("optimizer.lr=0.5",), ()), Remedy(("model.init=he", "loss=mse"), ())]
    sweep = sweep_of(spec("seed=4"), tried, 2, tmp_path)
    found = [
        (one.spec.seed, one.spec.optimizer.lr, one.spec.model.init.type) for one in sweep.members
    ]
    assert found == [
        *((seed, 0.1, "uniform") for seed in (4, 5)),
        *((seed, 0.5, "uniform") for seed in (4, 5)),
        *((seed, 0.1, "he_normal") for seed in (4, 5)),
    ]
