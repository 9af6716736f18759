"""Whose the variance of a metric is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from study_cases import curves, resolved, write_run
from trainings import minidl

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.report.members.shares import Shares, variance_shares
from minidl.report.members.variance import components

Array = NDArray[np.float64]


def effect(rng: np.random.Generator, *shape: int, variance: float) -> Array:
    """What keys do: it sums to 0 along each axis and has exactly this variance."""
    made: Array = rng.normal(size=shape)
    for axis, levels in enumerate(shape):
        if levels > 1:
            made -= made.mean(axis=axis, keepdims=True)
    made *= np.sqrt(variance / np.square(made).mean())
    return made


def noise(rng: np.random.Generator, *shape: int, variance: float) -> Array:
    """What seeds do: drawn."""
    return rng.normal(0.0, np.sqrt(variance), shape)


def test_planted_shares_are_found_whether_seeds_do_the_same_to_all_or_not() -> None:
    rng = np.random.default_rng(0)
    planted = [0.3, 0.2, 0.1, 0.4]
    found = []
    for _ in range(100):
        table = effect(rng, 4, 1, 1, variance=0.3) + effect(rng, 1, 3, 1, variance=0.2)
        table = table + effect(rng, 4, 3, 1, variance=0.1)
        table = table + noise(rng, 1, 1, 30, variance=0.15) + noise(rng, 4, 3, 30, variance=0.25)
        parts = components(table, 2)
        of = [*(parts.keys[axes] for axes in ((0,), (1,), (0, 1))), parts.seeds[2,]]
        found.append(np.array(of) / parts.total)
    assert np.mean(found, axis=0) == pytest.approx(planted, abs=0.01)
    assert np.std(found, axis=0).max() < 0.04


def test_planted_shares_of_streams_are_found() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        table = effect(rng, 4, 1, 1, 1, variance=0.3) + noise(rng, 1, 9, 1, 1, variance=0.1)
        table = table + noise(rng, 4, 9, 1, 1, variance=0.2) + noise(rng, 4, 1, 9, 1, variance=0.15)
        table = table + noise(rng, 4, 9, 9, 1, variance=0.1) + noise(rng, 4, 9, 9, 9, variance=0.15)
        parts = components(table, 1)
        of = [parts.keys[0,], *(parts.seeds[axes] for axes in ((1,), (2,), (3,), (1, 2), ()))]
        found.append(np.array(of) / parts.total)
    assert np.mean(found, axis=0) == pytest.approx([0.3, 0.3, 0.15, 0, 0.1, 0.15], abs=0.02)


def test_noise_alone_is_no_share_of_keys() -> None:
    """The plain ratio of sums of squares would give these keys 11 of 36 degrees of freedom."""
    rng = np.random.default_rng(2)
    tables = [components(noise(rng, 4, 3, 3, variance=1.0), 2) for _ in range(200)]
    assert np.mean([sum(parts.keys.values()) / parts.total for parts in tables]) < 0.16


def runs(
    folder: Path,
    accuracy: Callable[[float, str, int], float | None],
    lrs: tuple[float, ...] = (0.1, 0.2, 0.3),
    seeds: int = 2,
) -> list[Member]:
    """Of a grid of rates, activations and seeds; None diverged."""
    made = []
    for lr, activation, seed in itertools.product(lrs, ("relu", "tanh"), range(seeds)):
        config = resolved(**{"optimizer.lr": lr, "model.activation": activation}) | {"seed": seed}
        value = accuracy(lr, activation, seed)
        status = "done" if value is not None else "diverged"
        run = write_run(folder / f"{lr}{activation}{seed}", config, curves(3), status=status)
        record = run.read_record()
        record.final = {"test_accuracy": value}
        run.write_record(record)
        made.append(Member.read(run, record))
    return made


def by_name(found: Shares) -> dict[str, float]:
    return {one.of: one.share for one in found.shares}


def test_shares_add_up_to_one_whatever_the_unit(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    drawn = {key: float(rng.normal()) for key in itertools.product((0.1, 0.2, 0.3), "rt", range(2))}
    for number, unit in enumerate((1e-200, 1e250)):
        made = runs(tmp_path / str(number), lambda lr, a, s, u=unit: u * drawn[lr, a[0], s])  # type: ignore[misc]
        found = variance_shares(made, "test_accuracy")
        assert sum(one.share for one in found.shares) == pytest.approx(1, abs=1e-12)
        assert found.runs == 12
        assert {one.of for one in found.shares} == {"lr", "activation", "activation × lr", "seed"}


def test_what_one_key_decides_alone_is_its_own(tmp_path: Path) -> None:
    found = variance_shares(runs(tmp_path, lambda lr, a, s: lr), "test_accuracy")
    assert by_name(found)["lr"] == pytest.approx(1)
    assert found.shares[0].std == pytest.approx(np.std([0.1, 0.2, 0.3]))


def test_keys_that_nobody_asked_for_count_as_chance(tmp_path: Path) -> None:
    made = runs(tmp_path, lambda lr, a, s: lr + len(a) + s / 100)
    assert {one.of for one in variance_shares(made, "test_accuracy", ["optimizer.lr"]).shares} == {
        "lr", "seed and activation",
    }  # fmt: skip


def test_a_seed_that_lacks_a_result_is_left_out_and_said(tmp_path: Path) -> None:
    lost = (0.1, "tanh", 2)
    made = runs(tmp_path, lambda *at: None if at == lost else at[0] + at[2] / 9, seeds=3)
    found = variance_shares(made, "test_accuracy")
    assert found.runs == 12
    assert found.notes == ["1 seed left out, for which a run has no result"]


def test_what_has_no_shares_says_why(tmp_path: Path) -> None:
    lost = runs(tmp_path / "lost", lambda lr, a, s: None if lr == 0.3 and a == "tanh" else lr)
    with pytest.raises(RunError, match=r"lr=0.3 lacks them: choose runs with --where"):
        variance_shares(lost, "test_accuracy")
    same = runs(tmp_path / "same", lambda lr, a, s: 0.5)
    with pytest.raises(RunError, match=r"all 12 runs have the same test accuracy: nothing varies"):
        variance_shares(same, "test_accuracy")
    with pytest.raises(RunError, match=r"no finished run has test R²"):
        variance_shares(same, "test_r2")


def test_one_seed_alone_is_said(tmp_path: Path) -> None:
    found = variance_shares(runs(tmp_path, lambda lr, a, s: lr + len(a), seeds=1), "test_accuracy")
    assert "each point was trained once" in found.notes[0]


def test_the_command_prints_and_draws_them(tmp_path: Path) -> None:
    runs(tmp_path / "made", lambda lr, a, s: lr + s / 100)
    done = minidl("report", tmp_path / "made", "--variance", "-o", tmp_path / "shares.json")
    assert done.code == 0, done.err
    (table,) = json.loads((tmp_path / "shares.json").read_text())["tables"]
    assert table["rows"][0]["of"] == "lr"
    assert (tmp_path / "shares.png").read_bytes()[:4] == b"\x89PNG"
    refused = minidl("report", tmp_path / "made", "--variance", "--format", "html")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
