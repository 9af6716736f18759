"""From a component of a spec to its object."""

from __future__ import annotations

from typing import Any

from minidl import nn, optim
from minidl.errors import ConfigError
from minidl.spec import Spec
from minidl.spec.component import Component

_CLASSES: dict[str, Any] = {
    name.lower().removesuffix("loss"): getattr(package, name)
    for package in (nn, optim)
    for name in package.__all__
}


def class_of(component: Component | type[Component]) -> Any:
    """The class of `nn` or `optim` that has a component's name, or an alias of it.

    `leaky_relu` is LeakyReLU and `mse` MSELoss. A test sees that every component has one.
    """
    names = (name.replace("_", "") for name in (component.type_name(), *component.aliases))
    return _CLASSES[next(name for name in names if name in _CLASSES)]


def make(component: Component, *first: Any, **changes: Any) -> Any:
    """The object: its class takes the component's options, some of them changed, by their names."""
    return class_of(component)(*first, **{**options(component), **changes})


def options(component: Component) -> dict[str, Any]:
    """A component's options as keyword arguments; what is null is left to the class."""
    named = {name: getattr(component, name) for name in type(component).model_fields}
    return {
        name: make(value) if isinstance(value, Component) else value
        for name, value in named.items()
        if name not in ("type", "name") and value is not None
    }


def problem(spec: Spec, key: str, message: str) -> ConfigError:
    """The error to raise for a key of the config."""
    return ConfigError([spec.problem(key, message)])
