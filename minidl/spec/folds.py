"""What `folds` of a sweep puts into the configs of its members."""

from __future__ import annotations

from minidl.spec.nodes import Node, Scalar, child
from minidl.spec.overrides import shape_of
from minidl.spec.shape import Shape
from minidl.spec.sweep_block import Assignment


def first_of(folds: Scalar | None) -> Assignment:
    """What makes a run the first of so many folds, which test instead of a fraction."""
    if folds is None:
        return ()
    first, none = Scalar(1, "1", folds.place), Scalar(None, "", folds.place)
    return (("data.test_fraction", none), ("data.folds", folds), ("data.fold", first))


def without_folds(root: Node, shape: Shape) -> str | None:
    """What to say of a config whose data can't be divided into folds; None where they can."""
    takes = {key: shape_of(root, ("data", key), shape) for key in ("seed", "folds")}
    data = child(root, "data")
    kind = None if data is None else child(data, "type")
    if takes["folds"] or not takes["seed"] or not isinstance(kind, Scalar):
        return None  # data that nobody knows are a problem of their own
    return f"{kind.value} is drawn anew for each run, so it has no folds: use repeats"
