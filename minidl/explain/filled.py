"""Formulas with the numbers put in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_POWERS = {"⁻ˣ": "^(−x)", "²ˣ": "^(2 · x)", "eˣ": "e^x"}
_SYMBOL = "dy[ᵢⱼ]?|ηλ|ηₜ|x̂|m̂|v̂|σ²|[cwxyztpmnvsugθημτλαβγεᵤ][₁₂ᵢⱼ]?"
_TOKEN = re.compile(rf"(?<![\w\u0302])({_SYMBOL})(?!(?!²)[\w\u0302(ₜ])")


def filled(formula: str, values: Mapping[str, float]) -> str:
    """The formula with numbers in place of the symbols that are known."""
    for power, written in _POWERS.items():
        formula = formula.replace(power, written)

    def put(match: re.Match[str]) -> str:
        if match[0] not in values:
            return match[0]
        text = shown(values[match[0]])
        before, after = formula[: match.start()], formula[match.end() :]
        bare = before.endswith(("(", "[", "|", ", ")) and not re.match(" ?[²·]", after)
        if text.startswith("−") and before and not bare:
            text = f"({text})"
        # Symbols beside each other are a product.
        text = f"· {text}" if before.endswith(") ") else text
        return f"{text} ·" if re.match(r" [\wΦφσ(θ√]", after) and before[-2:] != "Σ " else text

    return _TOKEN.sub(put, formula)


def shown(value: float) -> str:
    """A number with four digits."""
    text = f"{value:.4g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return ("0" if text == "-0" else text).replace("-", "−")


def product(*factors: float) -> str:
    """Numbers, multiplied."""
    first, *others = map(shown, factors)
    return " · ".join([first, *(f"({x})" if x.startswith("−") else x for x in others)])


def total(terms: Sequence[tuple[str, float]], most: int) -> str:
    """A sum, in full or by its `most` largest terms; each with what it comes to."""
    chosen = range(len(terms))
    if len(terms) > most:
        largest = sorted(chosen, key=lambda i: -abs(terms[i][1]))[: most // 2]
        chosen = sorted(largest)  # type: ignore[assignment]
    text = " + ".join(terms[i][0] for i in chosen) or "0"
    text = text.replace("+ −", "− ")
    if rest := len(terms) - len(chosen):
        value = sum(value for i, (_, value) in enumerate(terms) if i not in set(chosen))
        text += f" + {rest} more: {shown(value)}"
    return text
