"""The JSON Schema of a config, by which editors complete and check it as it is typed."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema

from minidl.spec.component import Component, Part
from minidl.spec.report import Report
from minidl.spec.spec import Spec

# Blocks that other commands read; `train` leaves them alone.
OTHER_BLOCKS = {
    "sweep": "Values to combine: a grid, or a search, and a number of repeats. See `minidl sweep`.",
}

BASE = "Another config, as seen from this one; what stands here goes over what stands there."


class _Study(Spec):
    __doc__ = Spec.__doc__

    report: Report | None = Field(
        None, description="The tables and figures of a study. See `minidl report`."
    )


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a key is its own title


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config, short forms included."""
    schema = _Study.model_json_schema(schema_generator=_Generator) | {"title": "Spec"}
    needed = [name for name in schema.pop("required") if name != "name"]
    schema["anyOf"] = [{"required": needed}, {"required": ["base"]}]
    for name, description in OTHER_BLOCKS.items():
        schema["properties"][name] = {"type": "object", "description": description}
    schema["properties"]["base"] = {"type": "string", "description": BASE}
    components = {part.__name__: part for part in _all_components(Component)}
    for name, definition in schema["$defs"].items():
        if name in components:
            _require_the_type(definition, components[name])
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    complete: dict[str, Any] = _with_short_forms(described, components)
    return complete


def _all_components(parent: type[Part]) -> list[type[Component]]:
    below = [part for child in parent.__subclasses__() for part in _all_components(child)]
    return [*([parent] if issubclass(parent, Component) else []), *below]


def _require_the_type(definition: dict[str, Any], part: type[Component]) -> None:
    """In the full form the type must be written, though Python code may leave it out."""
    definition["properties"]["type"] = {"enum": [part.type_name(), *part.aliases]}
    definition["required"] = ["type", *definition.get("required", [])]


def _with_short_forms(node: Any, components: dict[str, type[Component]]) -> Any:
    """Lets every union of components take a bare name and `{name: value}` as well."""
    if isinstance(node, list):
        return [_with_short_forms(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    rebuilt = {key: _with_short_forms(value, components) for key, value in node.items()}
    mapping = rebuilt.pop("discriminator", {}).get("mapping")
    if mapping is None:
        return rebuilt
    names, short = [], []
    for reference in mapping.values():
        part = components[reference.rsplit("/", 1)[-1]]
        own_names = [part.type_name(), *part.aliases]
        names += own_names if part.is_complete() else []
        if part.short:
            value = {"$ref": f"{reference}/properties/{part.short}"}
            short += [_mapping_of_one(name, value) for name in own_names]
    full = rebuilt.pop("oneOf")
    return {**rebuilt, "anyOf": [{"enum": names}, *short, *full]}


def _mapping_of_one(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: value},
        "required": [name],
        "additionalProperties": False,
    }
