"""Every problem comes at once, with its place, what was expected, what was got, and a guess."""

import pytest
from spec.helpers import Problem as ReadProblem
from spec.helpers import Problems

from minidl.errors import Problem
from minidl.spec import component_groups, parse_spec

BASE = "data: disk\nmodel: mlp\n"


def test_unknown_key_names_the_file_the_line_and_the_alternatives(problem: ReadProblem) -> None:
    assert problem(BASE + "optimizer: {type: adam, weight_decai: 0.1}") == (
        "c.yaml:3:25: optimizer.weight_decai: unknown key; the keys here are type, lr, betas, eps, "
        "amsgrad, weight_decay, l1, weight_decay_on, lr_factors; did you mean 'weight_decay'?"
    )


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    lines = problems(
        "seed: -1\n"
        "data: {type: disk, train: 0}\n"
        "model: {type: sequential, layers: [{linear: 0}, rellu, {dropout: 1.0}]}\n"
        "optimizer: {type: sgd, lr: -1}\n"
        "training: {batch_size: 0, epochs: 2, epochs: 3}\n"
        "extra: 1\n"
    )
    assert [line.split(": ", 2)[1] if "twice" not in line else "twice" for line in lines] == [
        "seed",
        "data.train",
        "model.layers[0].out_features",
        "model.layers[1]",
        "model.layers[2].p",
        "optimizer.lr",
        "training.batch_size",
        "twice",
        "extra",
    ]


@pytest.mark.parametrize(
    ("metrics", "place", "said"),
    [
        ("[f1, recal]", "[1]", "expected one of precision, recall, f1, "),
        ("[f1, ece, f1]", "[2]", "f1 is given twice"),
        ("[roc_auc], evaluate_in: train", "[0]", "roc_auc is measured in eval mode: set"),
        ("f1", "", "expected a list of any of precision, recall, f1, "),
    ],
)
def test_metrics_to_measure(metrics: str, place: str, said: str, problem: ReadProblem) -> None:
    line = problem(BASE + f"training: {{metrics: {metrics}}}")
    assert line.startswith("c.yaml:3:")
    assert f": training.metrics{place}: {said}" in line


WHERE = {
    "data": "data: {}\nmodel: mlp",
    "noise": "data: {{type: photo_patches, noise: {}}}\nmodel: mlp",
    "model": "data: disk\nmodel: {}",
    "activation": "data: disk\nmodel: {{type: mlp, activation: [relu, {}, relu]}}",
    "init": "data: disk\nmodel: {{type: mlp, init: {}}}",
    "layer": "data: disk\nmodel: {{sequential: [{}, linear]}}",
    "loss": BASE + "loss: {}",
    "optimizer": BASE + "optimizer: {}",
    "schedule": BASE + "schedule: {}",
}


@pytest.mark.parametrize("group", WHERE)
@pytest.mark.parametrize("form", ["{}", "{{{}: 1}}", "{{type: {}}}"])
def test_a_misspelt_component_of_any_kind_is_guessed(
    group: str, form: str, problem: ReadProblem
) -> None:
    (components,) = (each.components for each in component_groups() if each.name == group)
    for name in (component.name for component in components):
        misspelt = form.format(name[1] + name[0] + name[2:])
        line = problem(WHERE[group].format(misspelt))
        assert line.endswith(f"; did you mean {name!r}?"), line
        assert line.startswith(("c.yaml:1:", "c.yaml:2:", "c.yaml:3:"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer: addam", "c.yaml:3:12: optimizer: expected an optimizer (sgd, rmsprop, adam, "
         "adamw, nadam, radam, adamax, adagrad), but got the text 'addam'; did you mean 'adam'?"),
        ("optimizer: {type: addam}", "c.yaml:3:19: optimizer.type: expected an optimizer"),
        ("optimizer: {addam: 0.1}", "has no type: expected an optimizer"),
        ("optimizer: amad", "but got the text 'amad'; did you mean 'adam'?"),
        ("optimizer: {lr: 0.1}", "adagrad); write {type: sgd, lr: …}, say"),
        ("optimizer: {sgd: 0.1, momentum: 0.9}",
         "optimizer: 'sgd' can't be a key here; write {type: sgd, lr: …, momentum: …}"),
        ("optimizer: {sgd: {lr: 0.1, momentum: 0.9}}",
         "but got a mapping; write {type: sgd, lr: …, momentum: …}"),
        ("schedule: {step: {step_size: 3}}",
         "'step' can't be a key here; write {type: step, step_size: …}"),
        ("optimizer: {type: sgd, lr:0.1}", "did you mean 'lr: 0.1', with a space after the colon?"),
        ("optimizer: {type: sgd, learning_rate: 1}", "did you mean 'lr'?"),
        ("training: {early_stopping: {metric: validation_loss}}", "did you mean 'val_loss'?"),
        ("optimizer: {type: sgd, lr: '0.1'}", "but got the text '0.1'; did you mean 0.1 without "
         "quotes?"),
        ("optimizer: {type: sgd, lr: true}", "expected a number > 0, but got true"),
        ("optimizer: {type: adam, betas: [0.9]}", "optimizer.betas: expected a pair of numbers "
         "≥ 0 and < 1, but got a list of 1"),
        ("optimizer: {type: adam, betas: [0.9, 1.0]}", "optimizer.betas[1]: expected a number"),
        ("optimizer: {type: sgd, nesterov: true}", "c.yaml:3:34: optimizer.nesterov: needs "
         "momentum > 0 and dampening 0, but momentum is 0 and dampening 0"),
        ("optimizer: 3", "c.yaml:3:12: optimizer: expected an optimizer (sgd"),
        ("seed: 012", "expected an integer ≥ 0, but got the text '012'; did you mean 12?"),
        ("seed: 1e3", "expected an integer ≥ 0, but got 1e3; did you mean 1000?"),
        ("training: {drop_last: yes}", "expected true or false, but got the text 'yes'; "
         "did you mean true?"),
        ("training: {dtype: float23}", "training.dtype: expected one of float32, float64, but got "
         "the text 'float23'; did you mean 'float32'?"),
        ("training: {stop_at: {metric: test_loss}}", "c.yaml:3:21: training.stop_at.value: "
         "is missing: expected a number"),
        ("training: {early_stopping: {metric: test_acc}}", "did you mean 'test_accuracy'?"),
        ("training: 5", "c.yaml:3:11: training: expected a mapping (epochs, batch_size, drop_last"),
        ("epochs: 5", "c.yaml:3:1: epochs: unknown key; the keys here are name, seed, device, "
         "data, model, loss, optimizer, schedule, training; did you mean 'training.epochs'?"),
        ("training: {early: true}", "did you mean 'early_stopping'?"),
        ("swep: {repeats: 2}", "schedule, training; did you mean 'sweep'?"),
        ("lr: 5", "did you mean 'optimizer.lr'?"),
        ("device: cuda:x", "device: expected auto, cpu, cuda or cuda:N, but got the text 'cuda:x'"),
        ("name: ../x", "c.yaml:3:7: name: must not hold / or \\ (the run's folder gets"),
        ("sweep: {grid: {optimizer.lr: [1, 2]}}", "c.yaml:3:1: sweep: describes many runs, but "
         "this command does one; use `minidl sweep CONFIG`"),
        ("loss: {type: mse, reduction: [mean]}", "expected one of mean, sum, batchmean, but got a "
         "list of 1"),
        ("schedule: step", "c.yaml:3:11: schedule.step_size: is missing: expected an integer ≥ 1"),
        ("schedule: {multistep: [10, [20, 0.1]]}", "schedule.milestones: mixes [epoch, rate] pairs "
         "with bare epochs; use one form"),
        ("schedule: {multistep: [[20, 0.1], [10, 0.2]]}", "schedule.milestones[1]: epochs must "
         "increase strictly, but 10 comes after 20"),
        ("schedule: {multistep: [[20]]}", "schedule.milestones[0]: expected a pair [epoch, rate]"),
        ("schedule: {type: cosine, epochs: 5, warmup: 5}", "schedule.epochs: the fall must end "
         "after the warmup of 5"),
        ("schedule: {multistep: [10]}", "schedule.factor: is missing: milestones that are bare"),
        ("schedule: {type: multistep, milestones: [[9, 0.1]], factor: 2.0}", "schedule.factor: "
         "excludes [epoch, rate] milestones"),
        ("schedule: {multistep: []}", "expected a list of [epoch, rate] pairs, or of epochs"),
    ],
)  # fmt: skip
def test_a_wrong_value_says_what_was_expected(
    text: str, expected: str, problem: ReadProblem
) -> None:
    assert expected in problem(BASE + text)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("{type: mlp, hidden: 25}", "model.hidden: expected a list of integers ≥ 1 and ≤ 100000, "
         "but got 25; did you mean [25]?"),
        ("{type: mlp, hidden: [5], activation: [relu, tanh]}", "model.activation: expected one "
         "activation per hidden layer, that is 1, but got 2"),
        ("{type: mlp, hidden: [5], activation: [tanhh]}", "model.activation[0]: expected an"),
        ("{type: mlp, dropout: 1}", "model.dropout: expected a number ≥ 0 and < 1, but got 1"),
        ("{type: mlp, activation: {type: relu, name: a}}", "model.activation.name: only the layers "
         "of a sequential model have names"),
        ("{type: mlp, init: constant}", "model.init.value: is missing: expected a number"),
        ("sequential", "model.layers: is missing: expected a nonempty list of layers"),
        ("{sequential: []}", "c.yaml:2:21: model.layers: expected a nonempty list of layers, but "
         "got an empty list"),
        ("{sequential: [{relu: 3}, linear]}", "model.layers[0]: 'relu' takes no value; write relu"),
        ("{sequential: [linear, linear]}", "model.layers[0].out_features: is missing: expected an "
         "integer ≥ 1 (only the last linear layer's can be inferred)"),
        ("{sequential: [{type: relu, name: a}, {type: linear, name: a}]}", "model.layers[1].name: "
         "a layer before has the name 'a' already"),
        ("{sequential: [{type: relu, name: a.b}]}", "model.layers[0].name: expected a name of "
         "letters, digits and _"),
        ("{sequential: [{linear: {out_features: 5}}]}", "model.layers[0].out_features: expected an "
         "integer ≥ 1 and ≤ 100000, or null, but got a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_model_says_where(model: str, expected: str, problem: ReadProblem) -> None:
    assert expected in problem(f"data: disk\nmodel: {model}")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("path: a.csv", "data.target: is missing: expected nonempty text"),
        ("path: '', target: y", "expected a path, or a list of paths, but got the text ''"),
        ("path: , target: y", "data.path: expected a path, or a list of paths, but got nothing"),
        ("path: a.csv, target: y, delimiter: ab", "expected one character, not a quote"),
        ("path: a.csv, target: y, features: [x, y]", "data.features[1]: the target 'y' can't be"),
        ("path: a.csv, target: y, features: [x, x]", "data.features[1]: the feature 'x' is given"),
        ("path: a.csv, target: y, test_path: b.csv, test_fraction: 0.5", "data.test_path: excludes "
         "test_fraction; keep one of the two"),
        ("path: a.csv, target: y, test_fraction: null", "data.test_fraction: expected a number > 0 "
         "and < 1, or a test_path instead"),
    ],
)  # fmt: skip
def test_a_wrong_table_says_what_is_missing(
    options: str, expected: str, problem: ReadProblem
) -> None:
    assert expected in problem(f"data: {{type: csv, {options}}}\nmodel: mlp")


def test_what_a_user_wrote_is_quoted_so_that_a_terminal_obeys_none_of_it(
    problem: ReadProblem,
) -> None:
    line = problem(BASE + '"\\e[31mred\\n\\u202e": 1')
    assert line.isprintable()


def test_a_missing_section_says_what_to_write(problems: Problems) -> None:
    data, model = problems("seed: 3")
    assert data.startswith("c.yaml:1:1: data: is missing: expected data (disk, annulus, xor, ")
    assert model == "c.yaml:1:1: model: is missing: expected a model (mlp, sequential)"


@pytest.mark.parametrize(
    ("key", "line", "column"),
    [
        ("model.layers[1].p", 4, 26),
        ("model.layers[0]", 3, 16),
        ("model.layers[0].bias", 3, 16),  # defaulted: its layer's place
        ("optimizer.lr", 1, 1),  # a defaulted section: the document's place
    ],
)
def test_later_stages_find_the_place_of_a_key(key: str, line: int, column: int) -> None:
    text = "data: disk\nmodel:\n  sequential: [linear,\n               {dropout: 0.5}]\n"
    spec = parse_spec(text, "c.yaml")
    found = spec.problem(key, "is odd")
    assert isinstance(found, Problem)
    assert (found.key, found.file, found.message) == (key, "c.yaml", "is odd")
    assert (found.line, found.column) == (line, column)
