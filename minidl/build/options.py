"""What the builders of all components need."""

from __future__ import annotations

from typing import Any

from minidl.errors import ConfigError
from minidl.spec import Spec


def options(component: Any) -> dict[str, Any]:
    """A component's options as keyword arguments for its class."""
    names = [name for name in type(component).model_fields if name not in ("type", "name")]
    return {name: getattr(component, name) for name in names}


def problem(spec: Spec, key: str, message: str) -> ConfigError:
    """The error to raise for a key of the config."""
    return ConfigError([spec.problem(key, message)])
