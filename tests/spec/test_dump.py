"""What a run records of its config loads back to the same spec."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from minidl.errors import ConfigError
from minidl.spec import Spec, dump, load_spec, parse_spec
from minidl.spec.component import Component
from minidl.spec.shape import Shape
from minidl.store.names import clean_name

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12
) | st.sampled_from(
    [
        "007",
        "1e-3",
        "null",
        "~",
        "yes",
        "true",
        "2024-01-01",
        "a: b",
        "# x",
        "<<",
        "=",
        "- a",
        "é\t",
    ]
)


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of any key, drawn from its annotation alone: a new option is covered at once."""
    strategy = _values(shape)
    return st.none() | strategy if shape.optional else strategy


def _values(shape: Shape) -> st.SearchStrategy[Any]:
    if shape.sides:
        return st.one_of([values(side) for side in shape.sides.values()])
    if shape.group:
        return st.sampled_from([*shape.group.components.values()]).flatmap(
            lambda component: values(Shape(component))
        )
    if shape.part:
        fields = {name: Shape.of(field) for name, field in shape.part.model_fields.items()}
        needed = {k: values(s) for k, s in fields.items() if s.required or k == "type"}
        free = {k: values(s) for k, s in fields.items() if k not in needed}
        return st.fixed_dictionaries(needed, optional=free)
    if shape.item:
        return st.lists(values(shape.item), min_size=1, max_size=3).map(tuple)
    if get_origin(shape.type) is tuple:
        return st.tuples(*(values(Shape.of(item)) for item in get_args(shape.type)))
    if get_origin(shape.type) is dict:
        return st.dictionaries(TEXTS, values(Shape.of(get_args(shape.type)[1])), max_size=2)
    if get_origin(shape.type) is Literal:
        return st.sampled_from(get_args(shape.type))
    low = next((b for b in (shape.bound("ge"), shape.bound("gt")) if b is not None), None)
    high = next((b for b in (shape.bound("le"), shape.bound("lt")) if b is not None), None)
    patterns = {
        r"^[A-Za-z_][A-Za-z0-9_]*$": st.from_regex(r"\A[a-z]{1,8}\Z"),
        r'^[^"\r\n\x00]$': st.sampled_from([";", "|", "#", "'"]),
        r'^([^"\r\n\x00]|whitespace)$': st.sampled_from([",", "\t", " ", "whitespace"]),
        r"^[A-Za-z0-9_.:-]{1,40}$": st.sampled_from(["utf-8", "latin-1"]),
    }
    return {
        int: st.integers(low, high if high is not None else 2**63 - 1),
        float: st.floats(
            low,
            high,
            exclude_min=shape.bound("gt") is not None,
            exclude_max=shape.bound("lt") is not None,
            allow_nan=False,
            allow_infinity=False,
        ),
        bool: st.booleans(),
        str: patterns.get(
            shape.bound("pattern"),
            st.sampled_from(["auto", "cpu", "cuda", "cuda:1"]) if shape.bound("pattern") else TEXTS,
        ),
        Path: TEXTS.filter(lambda text: "\0" not in text).map(lambda t: Path("/data") / f"{t}.npz"),
    }[shape.type]


def specs() -> st.SearchStrategy[Spec]:
    def build(given: dict[str, Any]) -> Spec:
        given = {**given, "name": clean_name(given["name"], 100)}
        try:
            return Spec.model_validate(given).settled()
        except ValidationError:  # options that exclude each other
            assume(False)
            raise

    return values(Shape(Spec)).map(build)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(specs())
def test_a_dumped_spec_loads_back_equal(spec: Spec) -> None:
    assert parse_spec(dump(spec)) == spec


@settings(max_examples=150)
@given(st.binary(max_size=200) | TEXTS.map(str.encode))
def test_any_bytes_give_a_spec_or_a_config_error(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(b"data: disk\nmodel: mlp\n" + content)
    with suppress(ConfigError):
        load_spec(path)


@settings(max_examples=200)
@given(st.data())
def test_any_change_of_a_config_gives_a_spec_or_a_config_error(data: st.DataObject) -> None:
    text = (
        "data: {type: csv, path: a.csv, target: y}\n"
        "model: {sequential: [{linear: 5}, relu, {type: dropout, p: 0.5}, linear]}\n"
        "optimizer:\n  type: adam\n  betas: [0.9, 0.99]\n"
        "schedule: {multistep: [[3, 0.1]]}\n"
    )
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    piece = data.draw(st.text("{}[]:,#&*!|>'\"%@`-\n a1.~", max_size=8))
    override = data.draw(st.text(max_size=9))
    with suppress(ConfigError):
        parse_spec(text[:start] + piece + text[end:], overrides=[override])


def test_a_dump_is_the_full_form() -> None:
    text = dump(parse_spec("data: disk\nmodel: {mlp: [5]}\nloss: mse", "first.yaml"))
    assert text.startswith("name: first\nseed: 0\ndevice: auto\n")
    assert "data: {type: disk, train: 1000, test: 1000, validation: 0, seed: null}\n" in text
    assert "loss: {type: mse, reduction: mean}\n" in text


def test_specs_are_equal_wherever_they_were_written() -> None:
    one = parse_spec("data: disk\nmodel: mlp", "a.yaml", ["name=x"])
    other = parse_spec("name: x\n\nmodel: {type: mlp}\ndata: {type: disk}", "b.yaml")
    assert one == other
    assert hash(one) == hash(other)
    assert one != parse_spec("data: disk\nmodel: mlp\nname: x\nseed: 1")


def test_the_name_is_the_files_and_always_usable() -> None:
    text = "data: disk\nmodel: mlp"
    assert parse_spec(text, "a/first try.yaml").name == "first try"
    assert parse_spec(text, "a/...yaml").name == "config"
    assert len(parse_spec(text, "é" * 120 + ".yaml").name.encode()) <= 100


def components() -> list[Any]:
    """Every component that a spec may hold."""
    found: dict[type, None] = {}
    waiting = [Shape(Spec)]
    while waiting:
        shape = waiting.pop()
        waiting += [*shape.sides.values(), *([shape.item] if shape.item else [])]
        parts = [*shape.group.components.values()] if shape.group else [shape.part]
        for part in parts:
            if part is not None and part not in found:
                found[part] = None
                waiting += map(Shape.of, part.model_fields.values())
    return [part for part in found if issubclass(part, Component)]


# Where a component of each group stands in a config.
PLACES: dict[str, Any] = {
    "data": lambda one: {"data": one},
    "split": lambda one: {
        "data": {"type": "csv", "path": Path("/data/t.csv"), "target": "y", "split": one}
    },
    "noise": lambda one: {"data": {"type": "photo_patches", "noise": one}},
    "model": lambda one: {"model": one},
    "layer": lambda one: {"model": {"type": "sequential", "layers": (one, {"type": "linear"})}},
    "activation": lambda one: {"model": {"type": "mlp", "hidden": (3,), "activation": one}},
    "init": lambda one: {"model": {"type": "mlp", "init": one}},
    "loss": lambda one: {"loss": one},
    "optimizer": lambda one: {"optimizer": one},
    "schedule": lambda one: {"schedule": one},
}


def group_of(component: type[Component]) -> str:
    name = component.__name__.lower()
    return next(group for group in PLACES if name.endswith(group))


@pytest.mark.parametrize("component", components(), ids=lambda part: part.__name__)
def test_every_component_with_any_options_loads_back_equal(component: type[Component]) -> None:
    tried = 0

    @settings(max_examples=12, database=None, suppress_health_check=[*HealthCheck])
    @given(values(Shape(component)), TEXTS)
    def check(options: dict[str, Any], name: str) -> None:
        nonlocal tried
        base = {"name": clean_name(name, 100), "data": {"type": "disk"}, "model": {"type": "mlp"}}
        try:
            spec = Spec.model_validate({**base, **PLACES[group_of(component)](options)}).settled()
        except ValidationError:  # options that exclude each other
            assume(False)
            raise
        tried += 1
        assert parse_spec(dump(spec)) == spec

    check()
    assert tried
