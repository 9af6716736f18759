"""minidl components: what a config may hold.

The schema and rich are imported where they are used, so that --help needn't wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from minidl.errors import ConfigError, Problem
from minidl_cli.options import Debug, Format, TextFormat
from minidl_cli.output import show_json

if TYPE_CHECKING:
    from rich.console import Group

    from minidl.spec.reference import ComponentHelp, GroupHelp

PLAIN_WIDTH = 120


def components(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Only this group (optimizer) or component (adam).",
            autocompletion=lambda: _names(),
        ),
    ] = None,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """List what configs are made of.

    Every component with its options, their defaults and what they do.

    \b
    Examples:
      minidl components optimizer
      minidl components adam
    """
    from rich.console import Console, Group

    chosen = _chosen(name)
    if format is Format.json:
        show_json([_plain(group) for group in chosen])
        return
    text = Group(*(_described(group) for group in chosen))
    console = Console(markup=False, highlight=False)
    if console.is_terminal:
        console.print(text)
        return
    console.width = PLAIN_WIDTH
    with console.capture() as captured:
        console.print(text)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _plain(value: Any) -> Any:
    """Named tuples as mappings."""
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        items = map(_plain, value)
        return dict(zip(fields, items, strict=True)) if fields else list(items)
    return value


def _names() -> list[str]:
    """The groups and all their components, for a shell that completes them."""
    from minidl.spec import component_groups

    groups = component_groups()
    return [name for g in groups for name in (g.name, *(c.name for c in g.components))]


def _chosen(name: str | None) -> list[GroupHelp]:
    """The groups with that name, or else with the components of that name alone."""
    from minidl.spec import component_groups
    from minidl.spec.problems import did_you_mean

    groups = component_groups()
    if name is None:
        return groups
    chosen = [group for group in groups if group.name == name]
    for group in groups if not chosen else ():
        same = tuple(c for c in group.components if name in (c.name, *c.aliases))
        chosen += [group._replace(components=same)] if same else []
    if not chosen:
        known = [group.name for group in groups]
        hint = did_you_mean(name, [*known, *(c.name for g in groups for c in g.components)])
        message = f"there is no group or component {name!r}; the groups are {', '.join(known)}"
        raise ConfigError([Problem(message + hint)])
    return chosen


def _described(group: GroupHelp) -> Group:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    title = Text(group.name, "bold cyan") + Text(f"  {group.description}", "default not bold")
    parts = (Padding(_component(part), (0, 0, 0, 2)) for part in group.components)
    return Group(title, *parts, Text())


def _component(part: ComponentHelp) -> Group:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    names = ", ".join([part.name, *part.aliases])
    title = Text(names, "bold") + Text(f"  {part.description}", "default not bold")
    if part.short:
        title += Text(f"   short: {{{part.name}: {part.short}}}", "dim not bold")
    table = Table.grid(padding=(0, 2))
    table.add_column(
        no_wrap=True, min_width=max((len(o.name) for o in part.options), default=0) + 4
    )
    for option in part.options:
        default = "required" if option.default is None else f"= {option.default}"
        table.add_row(
            Text(f"    {option.name}", "green"),
            Text(default, "yellow" if option.default is None else ""),
            Text(f"{option.description} ({option.expected})"),
        )
    return Group(title, table) if part.options else Group(title)
