r"""Somebody's words for the place where they end: terminal, CSV, LaTeX, Markdown.

HTML is escaped by Jinja2, figures by `style.literal`.
"""

from __future__ import annotations

import re
import unicodedata

from minidl.store.records import spreadsheet_safe

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "[": "{[}",  # after the \\\\ of the row before, [ and * would be its options
    "*": "{*}",
    "�": "?",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_WORDS = re.compile(r"(\s*)(`[^`]*`\S*|minidl [^`]*$|\S+)")
_MARKDOWN = re.compile(r"[\\`*\[\]<>&|$~#!]|(?<![^\W_])_|_(?![^\W_])|^[-+=]|^\d+(?=[.)](?:\s|$))")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def line(text: object) -> str:
    """Text as one line that moves no cursor and turns no writing direction."""
    text = str(text).replace("\n", " ")
    if text.isprintable():
        return text
    return "".join(
        "�" if unicodedata.category(character).startswith(("C", "Zl", "Zp")) else character
        for character in text
    )


def wrapped(text: str, width: int | None) -> str:
    """Lines no wider than `width`, broken between words; a command to be typed stays whole."""
    if width is None:
        return text
    lines: list[str] = []
    for given in text.split("\n"):
        made = ""
        for gap, word in _WORDS.findall(given):
            if made and columns(made + gap + word) > width:
                lines.append(made)
                made = word
            else:
                made += gap + word
        lines.append(made)
    return "\n".join(lines)


def csv_text(text: object) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe."""
    safe: str = spreadsheet_safe(line(text))
    return safe


def latex(text: object) -> str:
    """Text for the body of a LaTeX document; characters stand for themselves."""
    return "".join(_LATEX.get(character, character) for character in line(text))


def markdown(text: object) -> str:
    """Text for a cell or a paragraph of Markdown, without markup, HTML, mathematics or links."""

    def escaped(match: re.Match[str]) -> str:
        found = match[0]
        return _ENTITIES.get(found, f"{found}\\" if found.isdigit() else f"\\{found}")

    clean = _MARKDOWN.sub(escaped, line(text).strip())
    return re.sub(r"(?i)\b(https?|ftp)://|\bwww\.|(?<=\w)@(?=\w)|(?<!\w)@(?=\w)", _unlinked, clean)


def columns(text: str) -> int:
    """How wide a line is in a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _unlinked(match: re.Match[str]) -> str:
    """The start of an address that GitHub would link by itself, with its mark as an entity."""
    found = match[0]
    return found.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")
