"""The formulas of a layer, a loss or an optimizer, as its docstring states them."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from minidl.nn import Loss, Module
from minidl.optim import Optimizer

_GAP = re.compile(r",?\s{3,}(?!where)|; ")
_FORWARD = re.compile(r"^(μ|yᵢ?|L)(\[[\w, ]+\])? *=")
_BACKWARD = re.compile(r"^d(W|V|b|xᵢ?|γ|β|L/d\w+)(\[[\w, ]+\])? *=")
_SOURCE = re.compile(r"\s+\([^()]*\d{4}\)\.?")  # (Nair & Hinton 2010)


@dataclass(frozen=True)
class Formula:
    """What goes forward, and what goes back; a line each."""

    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()


def formula_of(of: Module | Loss) -> Formula:
    """The formulas of a module or a loss: its class's own, or else of the class it builds on."""
    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    for kind in type(of).__mro__:
        clauses = list(_clauses(inspect.cleandoc(vars(kind).get("__doc__") or "")))
        first = next((i for i, text in enumerate(clauses) if _BACKWARD.match(text)), len(clauses))
        if not forward and any(map(_FORWARD.match, clauses[:first])):
            forward = tuple(clauses[:first])
        backward = backward or tuple(clauses[first:])
    return Formula(forward, backward)


def update_formulas(optimizer: Optimizer) -> list[str]:
    """The formulas of an optimizer's docstring that hold with its options, in their order."""
    known = {**vars(optimizer), **optimizer.hyperparameters, "decoupled": optimizer.decoupled}
    found: dict[str, str] = {}
    for kind in type(optimizer).__mro__[:-1]:
        for line in inspect.cleandoc(vars(kind).get("__doc__") or "").splitlines():
            formulas, *remarks = re.split(r"\s{4,}", line)
            named = [name for name in re.findall(r"\w+", " ".join(remarks)) if name in known]
            if "←" not in formulas or not all(known[name] for name in named):
                continue
            for formula in map(str.strip, formulas.split(";")):
                # A later variant of θ ← θ − … or v ← μ v + … takes the place of an earlier one.
                what = " ".join(formula.split()[: 5 if formula.startswith("g ") else 3])
                found.pop(what, None)
                if "←" in formula:
                    found[what] = formula.strip(" ,")
    if optimizer.decoupled:
        found.pop("g ← g + λ", None)
    return sorted(found.values(), key=lambda formula: " first" not in formula)


def _clauses(text: str) -> list[str]:
    """The equations that stand at the beginning of a line, and those beside them."""
    found: list[str] = []
    for line in text.splitlines():
        text = re.sub(r"\s+=", " =", _SOURCE.sub("", line.strip()))
        clauses = [clause.strip(" ,.") for clause in _GAP.split(text)]
        if _FORWARD.match(clauses[0]) or _BACKWARD.match(clauses[0]):
            found += filter(None, clauses)
    return found
