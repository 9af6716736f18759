"""A member of a sweep: a spec, and the name by which it is found again in a larger grid."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.spec.file_data import FileData, each
from minidl.spec.init import FromInit
from minidl.spec.nodes import Node, plain
from minidl.spec.paths import seen_from
from minidl.spec.spec import Spec

_LATER = {"affine", "elementwise_affine", "groups"}  # options of layers that were there before them
MAX_SLUG_BYTES = 80  # of a member's name, which its folder has too


@dataclass(frozen=True)
class Member:
    """One run of a sweep. `values` are those of the swept keys, `seed` among them if repeated.

    trial: the number of the search's trial that it belongs to; until: the epoch at which the search
    stops it, its rung.
    """

    name: str
    spec: Spec
    values: dict[str, Any]
    trial: int | None = None
    until: int | None = None

    @property
    def epochs(self) -> int:
        """How many it trains at most."""
        return min(self.spec.training.epochs, self.until or self.spec.training.epochs)


def member_of(
    spec: Spec,
    swept: dict[str, Node],
    repeated: tuple[int, int],
    fold: int | None,
    runs_dir: Path | None,
) -> Member:
    """One of the runs of a point; repeated: which repeat, and of how many."""
    repeat, repeats = repeated
    changes: dict[str, Any] = {"seed": spec.seed + repeat}
    if fold is not None:
        changes["data"] = spec.data.model_copy(update={"fold": fold})
    spec = spec.model_copy(update=changes)
    values = {key: _shown(plain(node)) for key, node in swept.items()}
    short = {key.split(".")[-1]: _shown(_brief(plain(node))) for key, node in swept.items()}
    names = short if len(short) == len(values) else dict(values)
    # The seed is named even where it doesn't vary, so that more repeats leave the first as it is.
    names["seed"] = spec.seed
    if repeats > 1:
        values["seed"] = spec.seed
    if fold is not None:
        names["fold"] = values["data.fold"] = fold
    slug = ",".join(f"{key}={value}" for key, value in names.items())
    slug = re.sub(r"[^\w.,=+-]+", "_", slug).encode()[:MAX_SLUG_BYTES].decode("utf-8", "ignore")
    # The hash tells members apart, also where `A` and `a` are one name, and finds a member again
    # whatever the rest of the grid is.
    unswept: dict[str, Any] = {} if "name" in values else {"name": True}
    # As members were named before there was this:
    if fold is None:
        unswept["data"] = {"folds", "fold"}
    new = ("metrics", "watch", "record")
    unswept["training"] = {key for key in new if not getattr(spec.training, key)}
    weights = ("class_weights", "pos_weight")
    unswept["loss"] = {key for key in weights if getattr(spec.loss, key, None) is None}
    unswept["model"] = {"layers": _later_options(getattr(spec.model, "layers", ()))}
    if not spec.model.freeze:
        unswept["model"]["freeze"] = True
    unswept["optimizer"] = {key for key in ("lr_factors", "l1") if not getattr(spec.optimizer, key)}
    if spec.optimizer.weight_decay_on == "all":
        unswept["optimizer"].add("weight_decay_on")
    text = _moved(spec, runs_dir).model_dump_json(exclude=unswept)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Member(f"{slug.strip('._-,')}-{digest}", spec, values)


def _later_options(layers: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """For each layer its options that came later and have their default."""
    found: dict[int, dict[str, Any]] = {}
    for index, layer in enumerate(layers):
        fields = type(layer).model_fields
        later = _LATER & fields.keys()
        found[index] = {key: True for key in later if getattr(layer, key) == fields[key].default}
        if layer.type == "residual":
            found[index]["layers"] = _later_options(layer.layers)
    return found


def _moved(spec: Spec, folder: Path | None) -> Spec:
    """The spec with its files as seen from a folder."""
    changes: dict[str, Any] = {}
    if isinstance(spec.data, FileData):
        paths: dict[str, Any] = {}
        for key, named in spec.data.files.items():
            seen = tuple(Path(seen_from(path, folder)) for path in each(named))
            paths[key] = seen if isinstance(named, tuple) else seen[0]
        changes["data"] = spec.data.model_copy(update=paths)
    if isinstance(init := spec.model.init, FromInit):
        init = init.model_copy(update={"path": Path(seen_from(init.path, folder))})
        changes["model"] = spec.model.model_copy(update={"init": init})
    return spec.model_copy(update=changes)


def _brief(value: Any) -> Any:
    """A file by its name alone."""
    if isinstance(value, dict):
        return {key: _brief(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_brief, value))
    return value.name if isinstance(value, Path) else value


def _shown(value: Any) -> Any:
    """A swept value as a table shows it: `relu`, `[tanh, relu]`, `sgd(lr=0.1, momentum=0.9)`."""
    if isinstance(value, dict):
        options = [f"{key}={_shown(inner)}" for key, inner in value.items() if key != "type"]
        return str(value.get("type", "")) + (f"({', '.join(options)})" if options else "")
    if isinstance(value, tuple):
        return "[" + ", ".join(str(_shown(inner)) for inner in value) + "]"
    return str(value) if isinstance(value, Path) else value
