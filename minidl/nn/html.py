"""A network as a table, as notebooks show it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidl.nn.module import Module


def html_table(network: Module) -> str:
    """Each child with its name and how many parameters it has."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><pre>{escape(repr(child))}</pre></td>"
        f"<td>{sum(p.data.numel() for p in child.parameters()):,}</td></tr>"
        for name, child in network.named_children()
    )
    heads = "<tr><th>name</th><th>module</th><th>parameters</th></tr>"
    return f"<table><thead>{heads}</thead><tbody>{rows}</tbody></table>"
