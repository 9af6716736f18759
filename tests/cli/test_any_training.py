"""Any config that can be drawn from the schema trains, or says in a line why it doesn't.

Half of them are sound as far as the schema goes; in the others a value or a key is wrong. Both end
with exit code 0, 1 (it diverged) or 2, soon: their networks and data are small.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attempts import TIMES, Part, in_parts
from random_configs import Node, Schema
from trainings import minidl, plainly

CONFIGS = 10_000
MOST_SECONDS = 20  # of a processor
WRONG: list[Any] = [None, -1, 0, 1e308, "", "relu", "é" * 300, True, [], {}, [[1, 2]], {"type": 1}]


def spoilt(config: Node, random: Random) -> Node:
    """A config with a wrong value, a word misspelt, or a key too many or too few."""
    config = json.loads(json.dumps(config))
    inside = random.choice([*objects(config)])
    key = random.choice([*inside]) if inside else "a key"
    kind = random.randrange(4)
    if kind == 0:
        inside[key] = random.choice(WRONG)
    elif kind == 1:
        inside[key + "s"] = inside.pop(key, 1)
    elif kind == 2:
        inside["a_key_of_others"] = 1
    else:
        inside.pop(key, None)
    return config


def objects(node: Any) -> list[Node]:
    """All mappings in a config."""
    if isinstance(node, list):
        return [one for part in node for one in objects(part)]
    if isinstance(node, dict):
        return [node, *(one for part in node.values() for one in objects(part))]
    return []


@in_parts(200, sample=4, every=20)
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore::minidl.errors.MinidlWarning")
@plainly
def test_any_config_trains_or_says_why_not(part: Part, tmp_path: Path) -> None:
    schema, random, wrong = Schema(), Random(part.number), []
    for number in range(CONFIGS // part.count * TIMES):
        config = schema.usual(random)
        if number % 2:
            config = spoilt(config, random)
        config.setdefault("training", {})
        if isinstance(config["training"], dict):
            config["training"].setdefault("epochs", 2)
        path = tmp_path / "c.yaml"
        path.write_text(json.dumps({"name": "drawn", **config}))
        started = time.process_time()
        finished = minidl("train", path, "--runs-dir", tmp_path, "--name", number)
        seconds = time.process_time() - started
        last = finished.err.splitlines()[-1:]
        if finished.code not in (0, 1, 2) or "Traceback" in finished.err or seconds > MOST_SECONDS:
            wrong.append(f"{json.dumps(config)}: {finished.code} after {seconds:.0f} s: {last}")
    assert not wrong, "\n".join(wrong)
