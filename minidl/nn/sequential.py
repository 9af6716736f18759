"""Sequential: modules one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

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
        self._first = 0  # where the backward pass ends
        for given in modules:
            named = given.items() if isinstance(given, Mapping) else [(None, given)]
            for name, module in named:
                self._children[name or self._free_name(module)] = module
        if not self._children:
            raise ValueError("a Sequential needs at least one module")
        _refuse_repeated(self)
        self._grant_memory()

    def _free_name(self, module: Module) -> str:
        number = 1
        while f"{module.prefix}_{number}" in self._children:
            number += 1
        return f"{module.prefix}_{number}"

    def forward(self, x: Tensor) -> Tensor:
        for child in self._children.values():
            x = child.forward(x)
        return x

    def backward(self, grad_output: Tensor) -> Tensor:
        for child in reversed(self.children()[self._first :]):
            grad_output = child.backward(grad_output)
        return grad_output

    def children(self) -> Sequence[Module]:
        return list(self._children.values())

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        for child in self._children.values():
            input_shape = child.output_shape(input_shape)
        return input_shape

    def skip_input_gradient(self) -> None:
        """Stop at the first child that has parameters: those before it learn nothing."""
        super().skip_input_gradient()
        self._first = next((i for i, child in enumerate(self) if child.parameters()), 0)
        self[self._first].skip_input_gradient()

    def _links(self) -> Iterator[Module]:
        """The modules of the chain, those of a Sequential inside it instead of that Sequential.

        A module that passes its input on in another way (a Residual) is one link: what happens
        between its children is its own business.
        """
        for child in self.children():
            if isinstance(child, Sequential):
                yield from child._links()
            else:
                yield child

    def _grant_memory(self) -> None:
        """Let a child overwrite what its neighbour computed and nobody else will read.

        Its input is free if the module before it made that memory and doesn't read it in its own
        backward; its grad_output is free if the module behind it made it. A module that returns a
        view passes the question on to its other neighbour.
        """
        for module in self.modules():
            module.workspace = self
        chain = list(self._links())
        for index, leaf in enumerate(chain):
            before = next((m for m in reversed(chain[:index]) if not m.returns_view), None)
            views = chain[chain.index(before) + 1 : index] if before else []
            leaf.may_overwrite_input = (
                before is not None
                and not before.reads_output
                and not any(view.reads_output for view in views)
            )
            leaf.may_overwrite_grad = any(not m.returns_view for m in chain[index + 1 :])

    def __getitem__(self, key: str | int) -> Module:
        if isinstance(key, int):
            return self.children()[key]
        if key not in self._children:
            known = ", ".join(self._children)
            raise KeyError(f"no module named {key!r}; there are {known}")
        return self._children[key]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children.values())

    def __len__(self) -> int:
        return len(self._children)

    def named_children(self) -> list[tuple[str, Module]]:
        return list(self._children.items())

    def __repr__(self) -> str:
        lines = []
        for name, child in self._children.items():
            text = repr(child).replace("\n", "\n  ")
            lines.append(f"  {name}: {text}")
        stack = f"  # a stack of {self.networks}" if self.networks is not None else ""
        return "Sequential({}\n{}\n)".format(stack, "\n".join(lines))


def _refuse_repeated(network: Sequential) -> None:
    """One instance has one set of buffers: twice in a network it would overwrite its own."""
    seen: set[int] = set()
    for module in network.modules():
        if id(module) in seen:
            raise ValueError(f"{module!r} stands twice in the network; make a second instance")
        seen.add(id(module))
