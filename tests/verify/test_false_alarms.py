"""Right gradients are called right: of 2,000 configs drawn from the schema none is off."""

from __future__ import annotations

import json
from random import Random

import pytest
from attempts import TIMES, Part, in_parts
from random_configs import Schema

from minidl.errors import MinidlError
from minidl.spec import parse_spec
from minidl.verify import check

CONFIGS = 2000


@in_parts(100)
@pytest.mark.timeout(600 * TIMES)
@pytest.mark.filterwarnings("ignore::minidl.errors.MinidlWarning")
def test_nothing_is_off(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.verify.compare.ENTRIES", 12)  # the command takes 200
    schema, random, checked = Schema(), Random(part.number), 0
    while checked < CONFIGS // part.count * TIMES:
        text = json.dumps({"name": "drawn", **schema.usual(random)})
        try:
            found = check(parse_spec(text), compiled=False)
        except MinidlError:  # its parts don't fit together, or an output isn't finite
            continue
        checked += 1
        assert not found.problems(), text
