"""How much a page may ask for: it comes from a browser, and each of its wishes takes memory."""

from __future__ import annotations

from minidl.errors import RunError
from minidl.spec import MlpModel, Spec

# Toy tasks in the plane.
TASKS = ("disk", "annulus", "xor", "checkerboard", "spirals", "moons", "circles", "blobs")
MAX_POINTS, MAX_CLASSES = 5000, 12  # in all parts together
MAX_LAYERS, MAX_UNITS = 8, 64


def check(spec: Spec, given: Spec, *, own_table: bool = False) -> None:
    """Raise RunError where a page asks for more than is sensible.

    `given`, which the command line named, may have any data and network. own_table: the data are a
    file of the page's own, which was bounded as it came.
    """
    if spec.data != given.data and not own_table:
        _check_data(spec)
    if spec.model != given.model:
        _check_network(spec)


def _check_data(spec: Spec) -> None:
    data = spec.data
    if data.type not in TASKS:
        raise RunError(f"data: a page draws {', '.join(TASKS)}, or what play was given")
    if (points := getattr(data, "samples", 0)) > MAX_POINTS:
        raise RunError(f"data: a page draws at most {MAX_POINTS:,} points, but got {points:,}")
    if (classes := getattr(data, "classes", 2)) > MAX_CLASSES:
        raise RunError(f"data.classes: a page draws at most {MAX_CLASSES}, but got {classes}")


def _check_network(spec: Spec) -> None:
    model = spec.model
    if not isinstance(model, MlpModel):
        raise RunError("model: a page makes networks of type mlp, or the one that play was given")
    if len(model.hidden) > MAX_LAYERS:
        raise RunError(
            f"model.hidden: a page makes at most {MAX_LAYERS} layers, but got {len(model.hidden)}"
        )
    widest = max(model.hidden, default=0)
    if widest > MAX_UNITS or (model.outputs or 0) > MAX_UNITS:
        most = max(widest, model.outputs or 0)
        raise RunError(f"model: a page makes layers of at most {MAX_UNITS} units, but got {most}")
