"""What values a key may be drawn from: a range, whole numbers, or a list."""

from __future__ import annotations

import math
import random
from collections import abc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from minidl.spec.loader import MAX_INTEGER
from minidl.spec.nodes import Mapping, Node, Scalar
from minidl.spec.nodes import Sequence as ListNode

if TYPE_CHECKING:
    from minidl.spec.member import Member
    from minidl.spec.sweep_block import Assignment

DISTRIBUTIONS = ("uniform", "log_uniform", "int", "choice")
EXPECTED = (
    "expected {uniform: [low, high]}, {log_uniform: [low, high]} with 0 < low, "
    "{int: [low, high]}, or {choice: [value, …]}"
)


@dataclass
class Drawn(Scalar):
    """A number drawn from a range: whole where its key takes an integer."""

    def rounded(self) -> Scalar:
        """The nearest integer that a config can hold."""
        assert isinstance(self.value, float)
        whole = max(-MAX_INTEGER, min(round(self.value), MAX_INTEGER))
        return Scalar(whole, str(whole), self.place)


@dataclass(frozen=True)
class Distribution:
    """Of a key's values: `nodes` are both ends, of `choice` the values."""

    kind: str
    nodes: list[Node]

    @classmethod
    def of(cls, node: Node) -> Distribution | None:
        """What {log_uniform: [1e-4, 1]} says; None where it isn't a distribution."""
        if not isinstance(node, Mapping) or len(node.items) != 1:
            return None
        ((kind, values),) = node.items.items()
        numbers = values.items if isinstance(values, ListNode) else []
        if kind == "choice":
            return cls(kind, list(numbers)) if numbers else None
        ends = [n.value for n in numbers if isinstance(n, Scalar)]
        sound = kind in DISTRIBUTIONS and len(ends) == 2 == len(numbers) and _rising(ends)
        if kind == "log_uniform":
            sound = sound and ends[0] > 0  # type: ignore[operator]
        if kind == "int":
            sound = sound and all(isinstance(end, int) for end in ends)
        return cls(kind, list(numbers)) if sound else None

    @property
    def ends(self) -> tuple[float, float]:
        """Of a range; of `int` both are among the values."""
        low, high = (node.value for node in self.nodes if isinstance(node, Scalar))
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        return low, high

    @property
    def size(self) -> float:
        """How many values there are."""
        if self.kind == "choice":
            return len(self.nodes)
        return self.ends[1] - self.ends[0] + 1 if self.kind == "int" else math.inf

    @property
    def examples(self) -> list[Node]:
        """Each value of `choice`, both ends of a range."""
        return self.nodes if self.kind == "choice" else [self.node(end) for end in self.ends]

    def draw(self, dice: random.Random) -> Node:
        """A value at random."""
        if self.kind == "choice":
            return dice.choice(self.nodes)
        low, high = self.ends
        if self.kind == "int":
            return self.node(dice.randint(int(low), int(high)))
        if self.kind == "uniform":
            return self.node(dice.uniform(low, high))
        return self.node(math.exp(dice.uniform(math.log(low), math.log(high))))

    def node(self, value: float) -> Node:
        """A value of the range as a config holds it; of `choice` that with this index."""
        if self.kind == "choice":
            return self.nodes[int(value)]
        if self.kind == "int":
            return Scalar(int(value), str(int(value)), self.nodes[0].place)
        return Drawn(float(value), repr(float(value)), self.nodes[0].place)


@dataclass(frozen=True)
class Space:
    """What a search proposes values from; `make` gives the members of what is under which key."""

    distributions: abc.Mapping[str, Distribution]
    make: Callable[[Assignment], list[Member]] = field(repr=False)

    @property
    def size(self) -> float:
        """How many points it has, infinitely many where a key takes any number of a range."""
        return math.prod(one.size for one in self.distributions.values())

    def members(self, values: abc.Mapping[str, float], trial: int) -> list[Member]:
        """A trial: a member for each repeat, with these values, of a choice its index.

        Raises ConfigError where no config can have them together.
        """
        nodes = [(key, one.node(values[key])) for key, one in self.distributions.items()]
        return [replace(member, trial=trial) for member in self.make(tuple(nodes))]


def _rising(ends: list[Any]) -> bool:
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    # Finite, and so is the length: what is drawn would be infinite else.
    return numbers and ends[0] < ends[1] and math.isfinite(ends[1] - ends[0])
