"""Train small neural networks from a YAML file, on backpropagation that you can read and prove.

`minidl.compile(step)` makes a training step of your own fast. It imports torch when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl.engine import compile as compile

    __version__: str
else:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return _version()
        if name != "compile":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from minidl.engine import compile

        return compile


def _version() -> str:
    """As pyproject.toml has it, by way of what is installed."""
    from importlib import metadata

    try:
        return metadata.version("minidl")
    except metadata.PackageNotFoundError:
        return "unknown, as it isn't installed"


__all__ = ["__version__", "compile"]
