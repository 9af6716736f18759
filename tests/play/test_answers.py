"""What a page asks for, and what it gets; its mistakes stay its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trainings import minidl

from minidl.play.answers import Answers
from minidl.play.controls import changed, controls_of, first_spec
from minidl.play.message import decode, encode
from minidl.play.table import PREFIX
from minidl.spec import parse_spec

pytestmark = pytest.mark.usefixtures("kept_programs")


def ask(answers: Answers, do: str, **options: Any) -> dict[str, Any]:
    return decode(answers.answer({"do": do, **options}))[0]


@pytest.fixture
def answers() -> Answers:
    return Answers(first_spec())


def test_a_message_says_what_is_in_it() -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array([np.nan])}
    header, found = decode(encode({"é": [float("nan"), 1.5]}, arrays))
    assert header["é"] == [None, 1.5]  # JSON knows no NaN
    assert np.array_equal(found["a"], arrays["a"])
    assert np.isnan(found["b"]).all()
    assert (len(encode({}, {})) - 4) % 4 == 0


def test_a_frame_has_the_rows_that_the_page_lacks(answers: Answers) -> None:
    assert ask(answers, "begin")["setup"]["metrics"][:2] == ["lr", "train_loss"]
    page: list[Any] = []
    for do, options in (
        ("epochs", {"count": 3}),
        ("step", {}),
        ("epochs", {"count": 2}),
        ("back", {}),
        ("go", {"epoch": 2}),
        ("epochs", {"count": 2}),
        ("restart", {}),
        ("epochs", {"count": 1}),
    ):
        frame = ask(answers, do, **options)
        del page[frame["first_row"] :]
        page += frame["rows"]
        assert page == answers.session.rows
        assert frame["epoch"] == len(page)


@pytest.mark.parametrize(
    ("changes", "path", "value"),
    [
        ({"data": "xor"}, "data.type", "xor"),
        ({"train": 50}, "data.test", 50),
        ({"noise": 0.2}, "data.noise", 0.2),
        ({"hidden": "4, 3"}, "model.hidden", (4, 3)),
        ({"hidden": ""}, "model.hidden", ()),
        ({"activation": "relu"}, "model.activation.type", "relu"),
        ({"dropout": 0.5}, "model.dropout", 0.5),
        ({"loss": "mse"}, "loss.type", "mse"),
        ({"optimizer": "sgd"}, "optimizer.lr", 0.01),
        ({"lr": 0.3}, "optimizer.lr", 0.3),
        ({"weight_decay": 0.1}, "optimizer.weight_decay", 0.1),
        ({"batch_size": 7}, "training.batch_size", 7),
        ({"seed": 5}, "seed", 5),
        ({"data": "blobs"}, "loss.type", "cross_entropy"),
    ],
)
def test_each_control_changes_the_config(changes: dict[str, Any], path: str, value: Any) -> None:
    spec = changed(first_spec(), changes)
    found: Any = spec
    for key in path.split("."):
        found = getattr(found, key)
    assert found == value
    assert changes.items() <= controls_of(spec).items()


def test_the_rate_changes_on_the_way_and_all_else_starts_anew(answers: Answers) -> None:
    ask(answers, "epochs", count=2)
    frame = ask(answers, "change", changes={"lr": 0.5})
    assert (frame["epoch"], frame["lr"], "setup" in frame) == (2, 0.5, False)
    assert ask(answers, "change", changes={"seed": 1})["epoch"] == 0


MISTAKES = [
    ({"do": "fly"}, "can't ask for 'fly'"),
    ({}, "can't ask for 'None'"),
    ({"do": "change", "changes": 3}, "expected a mapping"),
    ({"do": "change", "changes": {"colour": 1}}, "no such control"),
    ({"do": "change", "changes": {"hidden": "a"}}, "expected widths such as 8, 8"),
    ({"do": "change", "changes": {"lr": 0}}, "optimizer.lr: expected a number > 0, but got 0"),
    ({"do": "change", "changes": {"lr": None}}, "optimizer.lr"),
    ({"do": "change", "changes": {"batch_size": 0}}, "batch_size"),
    ({"do": "change", "changes": {"train": 100_000}}, "at most 5,000 points"),
    ({"do": "change", "changes": {"hidden": "9, 65"}}, "at most 64 units"),
    ({"do": "change", "changes": {"hidden": ",".join("222222222")}}, "at most 8 layers"),
    ({"do": "change", "changes": {"data": "digits"}}, "data"),
    ({"do": "epochs", "count": 10**9}, "from 0 to 1,000"),
    ({"do": "epochs", "count": "many"}, "expected a whole number"),
    ({"do": "go", "epoch": 3}, "from 0 to 0"),
    ({"do": "go", "epoch": -1}, "from 0 to 0"),
    ({"do": "use", "text": "data: [xor"}, "page:2:1: isn't valid YAML"),
    ({"do": "use", "text": "data: {csv: /etc/passwd}\nmodel: {mlp: [3]}"}, "data"),
    ({"do": "use", "text": "base: /etc/passwd"}, "can't name files"),
    ({"do": "use", "text": "data: {type: spirals, classes: 13}\nmodel: {mlp: [3]}"}, "classes"),
    ({"do": "use", "text": "data: xor\nmodel: {mlp: [3]}\ndevice: cuda"}, None),
    (
        {
            "do": "use",
            "text": "data: xor\nmodel: {type: sequential, layers: [{linear: 9}, linear]}",
        },
        "type mlp",
    ),
    ({"do": "use", "text": "data: xor\nmodel: {type: mlp, hidden: [3], outputs: 99}"}, "64 units"),
]


@pytest.mark.parametrize(("request_", "message"), MISTAKES)
def test_a_mistake_is_said_and_changes_nothing(
    answers: Answers, request_: dict[str, Any], message: str | None
) -> None:
    ask(answers, "step")
    before = answers.session.yaml()
    header = decode(answers.answer(request_))[0]
    if message is None:  # a page trains on the CPU whatever it says
        assert header["kind"] == "frame"
        assert answers.session.spec.device == "cpu"
        return
    assert header["kind"] == "mistake"
    assert message in " ".join(header["lines"])
    assert answers.session.yaml() == before
    assert ask(answers, "step")["begun"] == 2


def test_the_config_that_play_was_given_may_be_larger_than_a_pages() -> None:
    given = parse_spec("data: {type: xor, train: 9000}\nmodel: {mlp: [99]}\n")
    answers = Answers(given)
    assert ask(answers, "change", changes={"seed": 2})["kind"] == "frame"
    assert ask(answers, "change", changes={"hidden": "98"})["kind"] == "mistake"


def test_its_own_yaml_can_be_used(answers: Answers) -> None:
    ask(answers, "epochs", count=3)
    text = ask(answers, "yaml")["text"]
    assert "epochs: 3" in text
    frame = ask(answers, "use", text=text)
    assert frame["epoch"] == 0
    ask(answers, "epochs", count=3)
    assert answers.session.yaml() == text


def test_what_is_strange_about_a_config_is_noted(answers: Answers) -> None:
    text = (
        "data: {type: xor, train: 20, test: 20}\nloss: bce_with_logits\n"
        "model: {type: mlp, hidden: [3], output_activation: relu}"
    )
    notes = ask(answers, "use", text=text)["setup"]["notes"]
    assert len(notes) == 1
    assert "ends with a relu" in notes[0]


def test_a_weight_is_explained_in_the_step_that_comes_next(
    answers: Answers, tmp_path: Path
) -> None:
    ask(answers, "epochs", count=2)
    ask(answers, "step")
    text = ask(answers, "weight", name="fc_2[3,1]")["text"]
    assert "fc_2.weight[3, 1] in step 2 of epoch 3" in text.splitlines()[0]
    config = tmp_path / "config.yaml"
    config.write_text(ask(answers, "yaml")["text"])
    options = ["--step", 42, "--weight", "fc_2[3,1]"]
    done = minidl("explain", config, "training.epochs=3", *options)
    assert done.code == 0, done.err

    def numbers(page: str) -> list[str]:
        return [word for line in page.splitlines()[1:] for word in line.split()]

    assert numbers(done.out) == numbers(text)
    assert ask(answers, "step")["begun"] == 2  # it goes on as if nothing had been
    assert "no [9,9]" in ask(answers, "weight", name="fc_2[9,9]")["lines"][0]


def test_a_mistake_of_ours_is_said_in_one_line(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers.session, "look", lambda: 1 / 0)
    assert ask(answers, "step")["lines"] == ["unexpected ZeroDivisionError: division by zero"]


# Side by side.


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("seeds", [f"seed {seed}" for seed in range(1, 6)]),
        ("optimizers", ["sgd, rate 0.1", "rmsprop, rate 0.003", "adamw, rate 0.01"]),
    ],
)
def test_others_train_in_step_beside_the_pages_own(
    answers: Answers, what: str, names: list[str]
) -> None:
    alone = ask(answers, "epochs", count=4)["rows"]
    assert ask(answers, "compare", what=what)["setup"]["controls"]["compare"] == what
    header, arrays = decode(answers.answer({"do": "epochs", "count": 4}))
    assert [name for name, *_ in header["beside"]][: len(names)] == names
    assert all(0 < score <= 1 for _, score, _ in header["beside"])
    assert arrays["beside0"].shape == arrays["output"].shape
    assert header["rows"] == alone  # nothing is changed by them
    there = header["beside"], arrays["beside0"]
    ask(answers, "epochs", count=3)
    header, arrays = decode(answers.answer({"do": "go", "epoch": 4}))
    assert header["beside"] == there[0]
    np.testing.assert_array_equal(arrays["beside0"], there[1])
    assert "beside" not in ask(answers, "alone")


def test_another_seed_beside_is_what_it_is_alone(answers: Answers) -> None:
    ask(answers, "compare", what="seeds")
    found = decode(answers.answer({"do": "epochs", "count": 3}))[1]["beside1"]
    text = ask(answers, "yaml")["text"].replace("seed: 0", "seed: 2", 1)
    ask(answers, "alone")
    # The data stay those of the page's own seed.
    ask(answers, "use", text=text.replace("noise: 0.03, seed: null", "noise: 0.03, seed: 0"))
    own = decode(answers.answer({"do": "epochs", "count": 3}))[1]["output"]
    np.testing.assert_array_equal(found, own)


def test_one_that_diverges_is_said_and_the_rest_go_on(answers: Answers) -> None:
    ask(answers, "change", changes={"loss": "mse", "optimizer": "sgd"})
    ask(answers, "compare", what="seeds")
    assert answers.session.beside
    bad = answers.session.beside.others[2].trainer
    ask(answers, "epochs", count=2)
    bad.first_lr = 1e30
    said = [diverged for *_, diverged in ask(answers, "epochs", count=3)["beside"]]
    assert said == [False, False, True, False, False]
    bad.first_lr = 0.01
    said = [diverged for *_, diverged in ask(answers, "go", epoch=1)["beside"]]
    assert not any(said)


# Points that are drawn, tables that are dropped.

POINTS = [[0.1 * i - 0.5, 0.3 * (-1) ** i, i % 2] for i in range(12)]
PLANE: dict[str, Any] = {"low": [-1, -1], "high": [1, 1]}
TABLE = "a,b,word,class\n" + "\n".join(f"{i % 7}.5,{i % 5},w{i},{'uvw'[i % 3]}" for i in range(60))


@pytest.fixture
def closed(answers: Answers) -> Iterator[Answers]:
    """One whose files go when the page does."""
    yield answers
    folder = answers.tables._folder
    answers.close()
    assert folder is None or not Path(folder.name).exists()


def test_drawn_points_are_trained_on_where_they_were_drawn(closed: Answers) -> None:
    header, arrays = decode(closed.answer({"do": "points", "points": POINTS, **PLANE}))
    setup = header["setup"]
    assert (setup["low"], setup["high"], setup["classes"]) == ([-1, -1], [1, 1], ["0", "1"])
    np.testing.assert_allclose(arrays["train"], POINTS, atol=1e-7)
    ask(closed, "epochs", count=30)
    assert ask(closed, "change", changes={"seed": 1})["setup"]["low"] == [-1, -1]
    more = [*POINTS, [0.5, 0.5, 2]]
    assert ask(closed, "points", points=more, **PLANE)["setup"]["controls"]["loss"] == (
        "cross_entropy"
    )
    assert ask(closed, "change", changes={"data": "xor"})["setup"]["controls"]["loss"] == (
        "bce_with_logits"
    )


def test_their_yaml_trains_the_same_weights_beside_their_file(
    closed: Answers, tmp_path: Path
) -> None:
    ask(closed, "points", points=POINTS, **PLANE)
    ask(closed, "epochs", count=7)
    said = ask(closed, "yaml")
    assert "path: points.csv" in said["text"]
    (tmp_path / said["file"]["name"]).write_text(said["file"]["text"])
    config = tmp_path / "drawn.yaml"
    config.write_text(said["text"])
    done = minidl("train", config, "--runs-dir", tmp_path, "--name", "run", "-q")
    assert done.code == 0, done.err
    trained = done.run.load_checkpoint("last")[0]["parameters"]
    assert torch.equal(trained, closed.session.trainer.weights()["parameters"])
    assert ask(closed, "use", text=said["text"])["kind"] == "frame"
    assert "fc_2.weight[1, 0]" in ask(closed, "weight", name="fc_2[1,0]")["text"]


def test_a_dropped_table_is_learned_by_its_first_two_columns_of_numbers(closed: Answers) -> None:
    header = ask(closed, "table", name="../my flowers.csv", text=TABLE)
    setup = header["setup"]
    assert (setup["features"], setup["classes"]) == (["a", "b"], ["u", "v", "w"])
    assert setup["notes"][0] == "___my_flowers.csv: 'class' by 'a' and 'b'"
    values = "x,y,z\n" + "\n".join(f"{i},{i * i},{0.37 * i}" for i in range(40))
    setup = ask(closed, "table", name="v.csv", text=values)["setup"]
    assert (setup["task"], setup["controls"]["loss"]) == ("regression", "mse")


NO_TABLES = [
    ({"points": POINTS[:1]}, "two classes at least"),
    ({"points": [[0, 0, 0], [1, 1, 12]]}, "a class from 0 to 11, but got 12"),
    ({"points": [[0, 0, 0.5]]}, "a class from 0 to 11, but got 0.5"),
    ({"points": [[0, 0]]}, "expected [x, y, class]"),
    ({"points": [[0, 1e300, 0]]}, "expected [x, y, class]"),
    ({"points": [[0, True, 0]]}, "expected [x, y, class]"),
    ({"points": POINTS * 100}, "a list of at most 1,000"),
    ({"points": "all"}, "a list of at most 1,000"),
    ({"points": POINTS, "low": [1, 1], "high": [1, 2]}, "whose low lies below its high"),
    ({"points": POINTS, "low": None, "high": [1, 2]}, "the plane's corners"),
    ({"text": ""}, "expected a header of 3 to 50 columns"),
    ({"text": "a,b,c\n"}, "and rows below it"),
    ({"text": "a,b,c\n1,2\n"}, "as many cells as the header, 3"),
    ({"text": 'a,b,c\n1,2,"3\n'}, "isn't valid CSV"),
    ({"text": "a,a,c\n1,2,3\n"}, "need names, each another"),
    ({"text": "a,b,c\nx,2,3\n"}, "needs two columns of numbers before the last, 'c'"),
    ({"text": "a,b,c\n1,nan,3\n"}, "needs two columns of numbers"),
    ({"text": "a,b,c\n" + "1,2,3\n" * 5001}, "at most 5,000 points"),
    ({"text": "a,b,c\n" + "".join(f"1,2,w{i}\n" for i in range(13))}, "'c' has 13 classes"),
    ({"text": "a,b,c\n1,2,u\n1,3,v\n", "name": "few.csv"}, "few.csv"),
]


@pytest.mark.parametrize(("given", "message"), NO_TABLES)
def test_what_is_no_table_is_said_and_changes_nothing(
    closed: Answers, given: dict[str, Any], message: str
) -> None:
    ask(closed, "points", points=POINTS, **PLANE)
    before = ask(closed, "yaml")
    do = "points" if "points" in given else "table"
    refused = ask(closed, do, **{**(PLANE if do == "points" else {"name": "t.csv"}), **given})
    assert refused["kind"] == "mistake"
    assert message in refused["lines"][0]
    assert PREFIX not in "".join(refused["lines"])  # where it lies is nobody's business
    assert ask(closed, "yaml") == before
    assert ask(closed, "epochs", count=1)["epoch"] == 1


@pytest.mark.parametrize(
    "other",
    ["other.csv", "/etc/passwd", "[points.csv, other.csv]", "'*.csv'", "sub/points.csv", "'-'"],
)
def test_a_page_names_no_file_but_its_own(closed: Answers, other: str) -> None:
    ask(closed, "points", points=POINTS, **PLANE)
    text = ask(closed, "yaml")["text"]
    for key in ("path", "test_path"):
        refused = ask(closed, "use", text=text.replace(f" {key}: points.csv", f" {key}: {other}"))
        assert refused["kind"] == "mistake", key
