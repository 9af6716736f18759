"""Each remedy and the run itself on the same seeds, side by side: what helps, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minidl.report.members.collect import collect
from minidl.report.members.groups import Group
from minidl.report.members.paired import Difference, comparable, difference, holm
from minidl.report.tables.table import default_score
from minidl.report.tables.verdicts import verdict
from minidl.spec import Spec, Sweep, dump, load_sweep, parse_spec
from minidl.spec.dump import plain_values
from minidl.why.remedies import Remedy

ITSELF = "the run as it was"
UNSEEN = ("training.watch=[]", "training.record=null")


@dataclass(frozen=True)
class Proof:
    """What a remedy has over the run itself, over the seeds; p by Holm's method for all of them."""

    remedy: Remedy
    effect: Difference

    @property
    def helps(self) -> bool:
        """Whether the remedy is the better, beyond chance."""
        return self.effect.decided and self.effect.better

    def __str__(self) -> str:
        return verdict(self.effect, str(self.remedy), ITSELF)


def sweep_of(spec: Spec, tried: Sequence[Remedy], seeds: int, runs_dir: Path) -> Sweep:
    """The run itself and each remedy, in this order, with so many seeds each.

    A remedy may change what another leaves alone, so whole sections of the config are swept.
    """
    training = spec.training.model_copy(update={"watch": (), "record": None})
    base = plain_values(spec.model_copy(update={"training": training}))
    variants = [base]
    for remedy in tried:
        changed = parse_spec(dump(spec), spec.name, [*remedy.overrides, *UNSEEN])
        variants.append(plain_values(changed))
    changing = [key for key in base if any(one[key] != base[key] for one in variants)]
    block = {"zip": {key: [one[key] for one in variants] for key in changing}, "repeats": seeds}
    return load_sweep({**base, "sweep": block}, runs_dir=runs_dir)


def proofs(sweep: Sweep, folder: Path, tried: Sequence[Remedy]) -> list[Proof]:
    """What came out of such a sweep. Remedies whose scores mean something else are left out."""
    members = {member.name: member for member in collect([folder]).members}
    metric = default_score([*members.values()])
    seeds = len(sweep.members) // (1 + len(tried))
    groups = [
        Group({}, [members[one.name] for one in sweep.members[start : start + seeds]])
        for start in range(0, len(sweep.members), seeds)
    ]
    pairs = [
        (remedy, difference(group, groups[0], metric))
        for remedy, group in zip(tried, groups[1:], strict=True)
        if comparable([group, groups[0]], metric)
    ]
    adjusted = holm([one for _, one in pairs])
    return [Proof(remedy, one) for (remedy, _), one in zip(pairs, adjusted, strict=True)]
