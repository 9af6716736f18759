"""What a page asks for, and what it gets; its mistakes stay its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import minidl

from minidl.play.answers import Answers
from minidl.play.controls import changed, controls_of, first_spec
from minidl.play.message import decode, encode
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
