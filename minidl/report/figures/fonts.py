"""Fonts for names in scripts that matplotlib's own font lacks."""

from __future__ import annotations

import functools

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text


def use_fonts_that_have_all(artist: Artist) -> bool:
    """Let other fonts of this machine step in for the letters that the usual one lacks.

    Returns whether there are fonts for all of them.
    """
    found = True
    usual = _letters(findfont(FontProperties()))
    for text in artist.findobj(Text):
        if lacking := frozenset(map(ord, text.get_text())) - usual - {ord("\n")}:
            families, all_found = _families(lacking)
            text.set_fontfamily([*mpl.rcParams["font.family"], *families])
            found = found and all_found
    return found


@functools.lru_cache(1000)
def _families(lacking: frozenset[int]) -> tuple[list[str], bool]:
    """The fewest fonts with these letters, each the one that has most; whether that is all."""
    families = []
    while lacking:
        font = max(_plain_fonts(), key=lambda font: len(lacking & _letters(font.fname)))
        if not lacking & _letters(font.fname):
            break
        families.append(font.name)
        lacking -= _letters(font.fname)
    return families, not lacking


def _plain_fonts() -> list[FontEntry]:
    """Upright, neither light nor bold; without those that draw boxes, or signs of their own."""
    return [
        font
        for font in fontManager.ttflist
        if font.style == "normal"
        and font.weight in (400, "normal", "regular", "book")
        and not font.name.startswith(("Last Resort", "STIXNonUnicode", "STIXSize", "cm"))
    ]


@functools.cache
def _letters(path: str) -> frozenset[int]:
    """The code points that a font has; of one that can't be read none."""
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
