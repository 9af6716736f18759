"""Train small neural networks from a YAML file, on backpropagation that you can read and prove.

    load_spec(path, overrides)     a config, typed and checked
    train(spec, overrides)         train it; returns the Run that it leaves
    sweep(config, overrides)       train a grid of runs; returns them as a table
    load(run)                      a Run from its folder: its network, predictions, metrics
    runs(folder)                   all runs in a folder, as a table
    compile(step)                  make a training step of your own fast
    MinidlClassifier, MinidlRegressor, lanes
                                   for scikit-learn: estimators, and fits side by side
    __version__

`import minidl` loads nothing else; each name loads what it needs when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl.api import Run, load, runs, sweep, train
    from minidl.engine import compile
    from minidl.estimators import MinidlClassifier, MinidlRegressor, lanes
    from minidl.spec import load_spec

    __version__: str
else:
    import sys
    from types import ModuleType

    # The module that has each name.
    _PLACES = {
        **dict.fromkeys(("Run", "load", "runs", "sweep", "train"), "minidl.api"),
        **dict.fromkeys(("MinidlClassifier", "MinidlRegressor", "lanes"), "minidl.estimators"),
        "compile": "minidl.engine",
        "load_spec": "minidl.spec",
    }
    # These are packages, too: `minidl.train` is one that can be called.
    _PACKAGES = ("runs", "sweep", "train")

    def _found(name: str) -> Any:
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)

    class _Function(ModuleType):
        @property
        def __wrapped__(self) -> Any:
            return _found(self.__name__.rpartition(".")[2])

        def __call__(self, *args: Any, **options: Any) -> Any:
            return self.__wrapped__(*args, **options)

    class _Package(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            if name in _PACKAGES:
                value.__class__ = _Function
            super().__setattr__(name, value)

    sys.modules[__name__].__class__ = _Package

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return _version()
        if name in _PACKAGES:
            from importlib import import_module

            return import_module(f"minidl.{name}")
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = _found(name)
        return found

    def __dir__() -> list[str]:
        return __all__


def _version() -> str:
    """As pyproject.toml has it, by way of what is installed."""
    from importlib import metadata

    try:
        return metadata.version("minidl")
    except metadata.PackageNotFoundError:
        return "unknown, as it isn't installed"


__all__ = [
    "MinidlClassifier",
    "MinidlRegressor",
    "Run",
    "__version__",
    "compile",
    "lanes",
    "load",
    "load_spec",
    "runs",
    "sweep",
    "train",
]
