"""The schema describes itself: to people (`minidl components`) and to editors (JSON Schema)."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from minidl.spec import component_groups, json_schema, parse_spec

SCHEMA = json_schema()
GROUPS = component_groups()


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """As much of JSON Schema as ours uses."""
    if "$ref" in schema:
        target: Any = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return accepts(target, value)
    for word, combine in (("anyOf", any), ("oneOf", lambda found: sum(found) == 1)):
        if word in schema and not combine([accepts(side, value) for side in schema[word]]):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    types = schema.get("type", [])
    kinds = [types] if isinstance(types, str) else types
    if kinds and not any(_is_a(kind, value) for kind in kinds):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        closed = schema.get("additionalProperties") is False
        return (
            all(key in value for key in schema.get("required", []))
            and not (closed and set(value) - set(known))
            and all(accepts(known[key], value[key]) for key in value if key in known)
        )
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            return False
        prefix = schema.get("prefixItems", [])
        rest = [schema["items"]] * len(value) if "items" in schema else []
        return all(accepts(s, v) for s, v in zip(prefix or rest, value, strict=False))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            value >= schema.get("minimum", value)
            and value <= schema.get("maximum", value)
            and not value <= schema.get("exclusiveMinimum", value - 1)
            and not value >= schema.get("exclusiveMaximum", value + 1)
        )
    return not isinstance(value, str) or bool(re.search(schema.get("pattern", ""), value))


def _is_a(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}
    return value is None if kind == "null" else isinstance(value, types.get(kind, ()))  # type: ignore[arg-type]


def config(**sections: Any) -> dict[str, Any]:
    return {"data": "disk", "model": "mlp", **sections}


@pytest.mark.parametrize(
    "valid",
    [
        config(),
        config(optimizer="adam", loss="cross_entropy", schedule="cosine"),
        config(optimizer={"type": "sgd", "lr": 0.1, "momentum": 0.9}),
        config(optimizer={"sgd": 0.1}),
        config(model={"sequential": [{"linear": 25}, "relu", {"dropout": 0.1}, "linear"]}),
        config(
            model={"type": "mlp", "hidden": [3, 3], "activation": ["relu", {"leaky_relu": 0.2}]}
        ),
        config(model={"type": "mlp", "init": {"type": "xavier", "gain": 2}, "hidden": []}),
        config(model={"type": "mlp", "init": "he"}),
        config(schedule={"multistep": [[100, 0.03], [175, 0.01]]}),
        config(schedule={"type": "multistep", "milestones": [1, 2], "factor": 0.1}),
        config(data={"type": "csv", "path": "a.csv", "target": 2020}, name=7),
        config(training={"early_stopping": {"patience": 3}, "clip_norm": None}),
        config(sweep={"grid": {"optimizer.lr": [1, 2]}}, report={}),
        config(report={"tables": [{"by": ["optimizer.lr"]}], "figures": ["activations"]}),
        config(report={"figures": [{"curves": "optimizer.lr"}, {"type": "activations"}]}),
    ],
    ids=str,
)
def test_an_editor_accepts_what_minidl_accepts(valid: dict[str, Any]) -> None:
    assert accepts(SCHEMA, valid)
    parse_spec(json.dumps({k: v for k, v in valid.items() if k != "sweep"}))


@pytest.mark.parametrize(
    "invalid",
    [
        {"data": "disk"},
        config(epochs=3),
        config(data="csv"),
        config(optimizer="addam"),
        config(optimizer={"lr": 0.1}),
        config(optimizer={"type": "sgd", "lr": 0}),
        config(optimizer={"sgd": 0.1, "momentum": 0.9}),
        config(model={"sequential": []}),
        config(model={"sequential": [{"dropout": 1}]}),
        config(schedule={"multistep": [[100]]}),
        config(training={"batch_size": "5"}),
        config(device="gpu"),
        config(report={"tables": [{"by": "optimizer.lr"}]}),
        config(report={"figures": ["curves"]}),
    ],
    ids=str,
)
def test_an_editor_marks_what_minidl_refuses(invalid: dict[str, Any], problems: Any) -> None:
    assert not accepts(SCHEMA, invalid)
    assert problems(json.dumps(invalid))


def test_every_option_says_what_it_takes_and_does() -> None:
    for group in GROUPS:
        assert group.description.endswith(".")
        for component in group.components:
            assert component.description, component.name
            for option in component.options:
                where = f"{component.name}.{option.name}"
                assert option.description.endswith("."), where
                assert option.expected, where


def test_every_group_is_listed_once() -> None:
    names = [group.name for group in GROUPS]
    assert names == [
        "data",
        "noise",
        "column",
        "split",
        "model",
        "activation",
        "init",
        "layer",
        "loss",
        "optimizer",
        "schedule",
        "training",
        "search",
        "report",
        "figure",
    ]


def test_a_bare_name_is_a_component_with_the_defaults_that_are_listed() -> None:
    for group in GROUPS:
        if group.name not in ("data", "loss", "optimizer", "schedule"):
            continue
        for component in group.components:
            if all(option.default is not None for option in component.options):
                full = {o.name: o.default for o in component.options}
                options = "".join(f", {name}: {value}" for name, value in full.items())
                base = {"data": "disk", "model": "mlp"}
                bare = {**base, group.name: component.name}
                spelled = {**base, group.name: f"{{type: {component.name}{options}}}"}
                texts = ["\n".join(f"{k}: {v}" for k, v in c.items()) for c in (bare, spelled)]
                assert parse_spec(texts[0]) == parse_spec(texts[1])


def test_a_config_is_checked_without_the_heavy_libraries() -> None:
    program = (
        "import sys\n"
        "from minidl.spec import parse_spec, json_schema, component_groups\n"
        "parse_spec('data: disk\\nmodel: mlp'); json_schema(); component_groups()\n"
        "heavy = {'torch', 'numpy', 'pandas', 'sklearn', 'matplotlib', 'rich', 'typer'}\n"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
