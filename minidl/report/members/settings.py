"""A config as flat settings: dotted keys with short values, so that runs can be compared.

optimizer: {type: sgd, lr: 0.1}        → optimizer = sgd, optimizer.lr = 0.1
model.activation: [tanh, sigmoid]      → model.activation = "[tanh, sigmoid]"
model.layers: [{linear: 5}, relu]      → model.layers = "[linear, relu]",
                                         model.layers[0].out_features = 5
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from minidl.seeds import KEYS
from minidl.spec.paths import HASHES

Value = str | int | float | bool | None
Settings = dict[str, Value]

_HASH = re.compile("[0-9a-f]{64}")
SEEDS = ("seed", *KEYS.values())
FOLD, FOLDS = "data.fold", "data.folds"
# What two runs may differ in and still be the same experiment.
IGNORED = frozenset((*SEEDS, FOLD, "name", "device", "training.watch", "training.record"))


def flatten(config: Mapping[str, Any]) -> Settings:
    """All settings of a config in full form."""
    settings: Settings = {}
    for key, value in config.items():
        settings.update(_flat(value, key))
    return settings


def varying(many: Sequence[Settings]) -> list[str]:
    """The keys that tell the given settings apart, in the configs' order.

    A key that only some have counts where nothing else tells them apart: adam's beta1 is no news
    beside `optimizer`. A file's hash counts where not even its path does, and a path doesn't count
    where all files have the same hash: it is one file, copied or moved.
    """
    keys = dict.fromkeys(key for settings in many for key in settings if key not in IGNORED)
    for path, digest in HASHES.items():
        if len({s.get(digest) or s[path] for s in many if path in s}) == 1:
            keys.pop(path, None)
    seen = {key: {value_id(s[key]) for s in many if key in s} for key in keys}
    hashes = [key for key in keys if key.endswith("sha256")]
    chosen = [key for key in keys if len(seen[key]) > 1 and key not in hashes]
    plain = [key for key in keys if key not in hashes]
    absent = {key for key in keys if any(key not in s for s in many)}  # from some
    for known in (plain, keys):
        telling = [key for key in known if len(seen[key]) > 1 or key in absent]
        if len({identity(s, chosen) for s in many}) < len({identity(s, telling) for s in many}):
            partial = [key for key in known if key in absent]
            more = [key for key in known if key in hashes and len(seen[key]) > 1]
            wanted = {*chosen, *partial, *more}
            chosen = [key for key in known if key in wanted]
    return chosen


def identity(settings: Settings, keys: Iterable[str]) -> tuple[Any, ...]:
    """What is equal for runs with equal values under these keys."""
    return tuple(value_id(settings[key]) if key in settings else () for key in keys)


def value_id(value: Value) -> Any:
    """Equal for equal values; 1 and 1.0 are, 1 and true are not."""
    return ("bool", value) if isinstance(value, bool) else value


def matches(settings: Settings, where: Mapping[str, Any]) -> bool:
    """Whether the settings have these values; a list also means any of its items."""
    for key, wanted in where.items():
        if key not in settings:
            return False
        options = [wanted, *wanted] if isinstance(wanted, (list, tuple)) else [wanted]
        known = {value_id(_short(option)) for option in options}
        if value_id(settings[key]) not in known:
            return False
    return True


def show(value: Value) -> str:
    """A value the way people write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    if isinstance(value, float):
        return number(value)
    return str(value)


def labels(values: Sequence[Value]) -> list[str]:
    """A key's values as people read them, each as short as they stay unlike.

    Drawn numbers lose digits that nobody reads, paths the folder that they share, hashes most.
    """
    texts = [value for value in dict.fromkeys(values) if isinstance(value, str)]
    floats = [value for value in dict.fromkeys(values) if isinstance(value, float)]
    folder = os.path.commonpath(map(os.path.dirname, texts)) if _paths(texts) else ""
    hashes = bool(texts) and all(map(_HASH.fullmatch, texts))
    digits = next(d for d in range(4, 18) if len({_rounded(v, d) for v in floats}) == len(floats))

    def label(value: Value) -> str:
        if isinstance(value, str) and (folder or hashes):
            return os.path.relpath(value, folder) if folder else value[:8]
        return show(_rounded(value, digits) if isinstance(value, float) else value)

    return list(map(label, values))


def _rounded(value: float, digits: int) -> float:
    """To so many digits, unless somebody may have written them all."""
    return float(f"{value:.{digits - 1}e}") if float(f"{value:.5e}") != value else value


def _paths(texts: Sequence[str]) -> bool:
    return bool(texts) and all(PurePath(text).is_absolute() for text in texts)


def number(value: float) -> str:
    """All digits that a float has, the way people write them: 1e-5, 0.1, 250."""
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if e else mantissa.removesuffix(".0")


def sort_key(value: Value) -> tuple[int, float, str]:
    """Numbers by size, then texts, then what isn't there."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, (int, float)):
        return 0, float(value), ""
    return 1, 0.0, value


def heads(keys: Sequence[str]) -> list[str]:
    """Keys as short as they stay unlike: optimizer.lr → lr, model.init.gain → init.gain."""
    parts = [key.split(".") for key in keys]
    short = [parts_of[-1] for parts_of in parts]
    length = 1
    while len(set(short)) < len(short) and length < max(map(len, parts)):
        length += 1
        counts = Counter(short)
        short = [
            ".".join(all_parts[-length:]) if counts[now] > 1 else now
            for all_parts, now in zip(parts, short, strict=True)
        ]
    return short


def point(settings: Settings, keys: Sequence[str]) -> str:
    """`lr=0.1, activation=relu`: those of the keys that the settings have."""
    named = zip(heads(keys), keys, strict=True)
    return ", ".join(f"{head}={show(settings[key])}" for head, key in named if key in settings)


def _flat(value: Any, key: str) -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("type"), str):
            yield key, value["type"]
        elif "." in key:
            yield key, "given"  # beside runs where it is null
        for name, inner in value.items():
            if name != "type":
                yield from _flat(inner, f"{key}.{name}")
        return
    yield key, _short(value)
    if isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            place = f"{key}[{index}]"
            yield from ((inner, v) for inner, v in _flat(item, place) if inner != place)


def _short(value: Any) -> Value:
    """A value as one word: a component's type, a list in brackets."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        return kind if isinstance(kind, str) else "{…}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(show(_short(item)) for item in value)}]"
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
