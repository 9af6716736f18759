"""MkDocs hook: pages of the site that are made of files elsewhere, so that nothing stands twice.

README is its home; each config in configs/ has its place in the gallery.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[2]
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "license.md": "LICENSE",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them to those of docs/."""
    from mkdocs.structure.files import File

    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=moved((ROOT / source).read_text())))
    files.append(File.generated(config, "gallery.md", content="\n".join(gallery())))
    return files


def moved(text: str) -> str:
    """A page of the top folder as one of docs/: its links lead to the same places."""
    text = re.sub(r"\]\(docs/", "](", text)
    for name, source in PAGES.items():
        text = text.replace(f"]({source})", f"]({name})")
    return text


def gallery() -> Iterator[str]:
    """Each config, with what its run draws and the lines that it consists of."""
    yield from ("# Gallery", "", "All configs that come with minidl, and what they draw.", "")
    for heading, folder in (("Runs", "configs"), ("Sweeps", "configs/studies")):
        yield from (f"## {heading}", "")
        for config in sorted((ROOT / folder).glob("*.yaml")):
            yield from entry(config)


def entry(config: Path) -> Iterator[str]:
    """What it is for, the commands, its picture if there is one, and the config itself."""
    lines = config.read_text().splitlines()
    count = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    comment = [line.removeprefix("# ") for line in lines[:count]]
    says = [line for line in comment if not line.startswith(("  ", "Change first"))]
    yield from (f"### {config.stem}", "", *says, "", "```sh")
    yield from (line.strip() for line in comment if line.startswith("  minidl "))
    yield from ("```", "")
    for picture in (f"gallery/{config.stem}.png", f"{config.stem}.png"):
        if (ROOT / "docs/images" / picture).is_file():
            yield from (f"![What {config.stem} draws](images/{picture})", "")
            break
    yield from ("```yaml", *lines[count:], "```", "")
