"""The `search:` block of a sweep: which trials there are, and how long each trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from minidl.errors import ConfigError, Problem
from minidl.spec.component import Component, Group, Part
from minidl.spec.expand import expand
from minidl.spec.nodes import Mapping, Node, format_key, place_of, plain
from minidl.spec.problems import problems_of
from minidl.spec.shape import Shape
from minidl.spec.training import Metric

if TYPE_CHECKING:
    from minidl.spec.spec import Spec

RUNGS_BELOW = 3  # the one at training.epochs, where nothing else is said


class _Search(Component):
    """What all searches have."""

    metric: Metric | None = Field(
        None,
        description="What says which trial is best; val_loss if left out, without a validation part"
        " test_loss.",
    )
    seed: int = Field(0, ge=0, description="Draws the trials.")

    _source: Mapping | None = PrivateAttr(None)

    def problem(self, key: str, message: str) -> Problem:
        """A problem with one of its keys, with its place."""
        assert self._source is not None
        full = ("sweep", "search", key)
        return place_of(self._source, full).problem(message, format_key(full))

    def __eq__(self, other: object) -> bool:
        """Equal if all options are; where they were written doesn't matter."""
        return isinstance(other, _Search) and self.__dict__ == other.__dict__


class RandomSearch(_Search):
    """Trials drawn at random, each trained in full (Bergstra & Bengio 2012)."""

    type: Literal["random"] = "random"
    trials: int = Field(ge=1, description="How many are drawn from sweep.space.")


class Halving(_Search):
    """Trials that are stopped early; `rungs` are the epochs at which that is decided."""

    trials: int | None = Field(
        None, ge=1, description="How many are drawn from sweep.space; a grid is tried as a whole."
    )
    min_epochs: int | None = Field(
        None,
        ge=1,
        description="Epochs before the first trials stop; if left out, there are four rungs.",
    )
    reduction: int = Field(
        3, ge=2, description="Of so many trials the best one trains on, so many times as long."
    )

    def rungs(self, epochs: int) -> list[int]:
        """Up to `epochs`, the last one, where whoever is left ends. The search is settled."""
        assert self.min_epochs is not None
        found = [self.min_epochs]
        while found[-1] < epochs:
            found.append(found[-1] * self.reduction)
        return [*found[:-1], epochs]

    def brackets(self, trials: int, rungs: int) -> list[int]:
        """How many of the trials begin at each of the rungs."""
        return [trials]


class HalvingSearch(Halving):
    """All train a little, the best third thrice as long, and so on (Jamieson & Talwalkar 2016)."""

    type: Literal["halving"] = "halving"


class HyperbandSearch(Halving):
    """Halving in brackets: each begins a rung later, with fewer trials (Li et al. 2018)."""

    type: Literal["hyperband"] = "hyperband"

    def brackets(self, trials: int, rungs: int) -> list[int]:
        """So that all brackets train about as many epochs."""
        shares = [self.reduction ** (left - 1) / left for left in range(rungs, 0, -1)]
        ends = [round(trials * sum(shares[: n + 1]) / sum(shares)) for n in range(rungs)]
        return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


class TpeSearch(_Search):
    """Each trial is proposed by those before it, by Optuna (Bergstra et al. 2011)."""

    type: Literal["tpe"] = "tpe"
    trials: int = Field(ge=1, description="How many are proposed in all.")
    parallel: int = Field(
        16, ge=1, description="How many are proposed at once, and train side by side."
    )


AnySearch = RandomSearch | HalvingSearch | HyperbandSearch | TpeSearch
Search = Annotated[
    AnySearch,
    Field(discriminator="type"),
    Group("search", "a search", AnySearch, "How a sweep searches, under sweep.search."),
]


class SweepSearch(Part):
    """A `sweep:` block as far as searches go."""

    search: Search = Field(description="How the sweep searches.")


class _Config(Part):
    sweep: SweepSearch


def read_search(block: Node, problems: list[Problem]) -> AnySearch | None:
    """The block as it stands in `sweep:`; what is wrong with it joins `problems`."""
    inner = Mapping({"search": block}, {"search": block.place}, block.place)
    whole = Mapping({"sweep": inner}, {"sweep": block.place}, block.place)
    expanded = expand(whole, Shape(_Config))
    assert isinstance(expanded, Mapping)
    try:
        search = _Config.model_validate(plain(expanded)).sweep.search
    except ValidationError as error:
        problems.extend(problems_of(error, expanded, _Config))
        return None
    search._source = expanded
    return search


def settled(search: AnySearch, specs: Sequence[Spec], keys: Iterable[str]) -> AnySearch:
    """With the metric, where it is left open, and the first rung; `keys` are what varies.

    Raises ConfigError where the search doesn't suit these members.
    """
    metric = search.metric or f"{specs[0].data.selection_part}_loss"
    if metric.endswith("_loss") and any(key.partition(".")[0] == "loss" for key in keys):
        message = f"{metric} can't compare losses that differ in kind: name another, such as "
        message += metric.replace("_loss", "_accuracy")
        raise ConfigError([search.problem("metric", message)])
    changes: dict[str, Any] = {"metric": metric}
    if isinstance(search, Halving):
        epochs = max(spec.training.epochs for spec in specs)
        first = search.min_epochs or max(1, epochs // search.reduction**RUNGS_BELOW)
        if search.min_epochs and first >= epochs:
            message = f"expected fewer than training.epochs, {epochs}, but got {first}"
            raise ConfigError([search.problem("min_epochs", message)])
        changes["min_epochs"] = first
    return search.model_copy(update=changes)
