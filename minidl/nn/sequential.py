"""Sequential: modules one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from torch import Tensor

from minidl.nn.html import html_table
from minidl.nn.module import Module


class Sequential(Module):
    """y = f_k(… f₂(f₁(x)))        dx = the children's backward, last to first (the chain rule).

    Children are given one after the other and named by kind (`fc_1`, `act_1`, `fc_2`, …), or in a
    mapping from name to module; `network["fc_1"]` and `network[0]` find them.
    """

    prefix = "block"

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        self._children: dict[str, Module] = {}
        for given in modules:
            named = given.items() if isinstance(given, Mapping) else [(None, given)]
            for name, module in named:
                numbered = (f"{module.prefix}_{number}" for number in count(1))
                name = name or next(own for own in numbered if own not in self._children)
                if name in self._children:
                    raise ValueError(f"two modules are named {name!r}")
                self._children[name] = module
        if not self._children:
            raise ValueError("a Sequential needs at least one module")
        inside = self.modules()
        for module in inside:  # one instance keeps one forward pass: it would overwrite its own
            if inside.count(module) > 1:
                raise ValueError(f"{module!r} stands twice in the network; make a second instance")

    def forward(self, x: Tensor) -> Tensor:
        for child in self._children.values():
            x = child.forward(x)
        return x

    def backward(self, grad_output: Tensor) -> Tensor:
        for child in reversed(self._children.values()):
            grad_output = child.backward(grad_output)
        return grad_output

    def children(self) -> Sequence[Module]:
        return list(self._children.values())

    def named_children(self) -> list[tuple[str, Module]]:
        return list(self._children.items())

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        for child in self._children.values():
            input_shape = child.output_shape(input_shape)
        return input_shape

    def __getitem__(self, key: str | int) -> Module:
        if isinstance(key, int):
            return self.children()[key]
        if key not in self._children:
            raise KeyError(f"no module named {key!r}; there are {', '.join(self._children)}")
        return self._children[key]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children.values())

    def __len__(self) -> int:
        return len(self._children)

    def __repr__(self) -> str:
        lines = "".join(f"\n{name}: {child}" for name, child in self._children.items())
        return "Sequential({}\n)".format(lines.replace("\n", "\n  "))

    def _repr_html_(self) -> str:
        return html_table(self)


def named_layers(module: Module, prefix: str = "") -> Iterator[tuple[str, Module]]:
    """All layers inside, with the names that they have in the network; no Sequential."""
    for name, child in module.named_children():
        if child.children():
            yield from named_layers(child, f"{prefix}{name}.")
        if not isinstance(child, Sequential):
            yield f"{prefix}{name}", child
