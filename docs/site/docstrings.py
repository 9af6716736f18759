"""Griffe extension: examples in docstrings are code, not quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)


class Examples(griffe.Extension):
    """Fences each block of a docstring that begins with >>>."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """As soon as it is read."""
        if obj.docstring:
            fenced = EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
            obj.docstring.value = fenced
