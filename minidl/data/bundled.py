"""Real data that comes with scikit-learn: small tables, nothing to download."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.data.dataset import Dataset, Split
from minidl.data.plan import Plan
from minidl.data.preprocessing import Preprocessing
from minidl.data.split import Shuffled, parts_of

TARGETS = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "digits": "digit",
    "diabetes": "progression",
}


def load_bundled(spec: Any, rng: np.random.Generator) -> Dataset:
    """Loads `spec.type`, splits it (classes in proportion), standardizes it by its training part.

    digits comes as 64 pixel columns of an 8 × 8 image, or (`images`) as images (1, 8, 8).
    """
    from sklearn import datasets

    is_regression = spec.type == "diabetes"
    # diabetes comes scaled unless told otherwise; here the columns keep their units (years, …)
    options = {"scaled": False} if is_regression else {}
    bunch = getattr(datasets, f"load_{spec.type}")(as_frame=True, **options)
    table, target = bunch.data, bunch.target.to_numpy()
    labels = None if is_regression else target.astype(np.int64)
    names = () if labels is None else tuple(str(name) for name in bunch.target_names)
    way = Shuffled(labels, spec.type, names)
    fractions = {"val": spec.validation_fraction, "test": spec.test_fraction}
    rows = parts_of(len(table), way, rng, **fractions, fold=spec.chosen_fold)
    targets = target.astype(np.float64)[:, None] if labels is None else labels
    plan = Plan("number", scale="standard" if spec.standardize else "none")
    preprocessing = Preprocessing.fit(
        table, dict.fromkeys(map(str, table.columns), plan), training=rows["train"]
    )
    inputs = preprocessing.transform(table, file=spec.type)
    images = getattr(spec, "images", False)
    inputs = inputs.reshape(-1, 1, 8, 8) if images else inputs
    numbers = None if spec.folds is None else np.arange(len(table))
    every_row = Split(inputs, targets, rows=numbers)
    parts = {part: every_row.take(own) for part, own in rows.items()}
    return Dataset(
        parts["train"],
        parts["test"],
        "regression" if is_regression else "classification",
        feature_names=() if images else preprocessing.feature_names,
        class_names=names,
        target_names=(TARGETS[spec.type],),
        preprocessing=preprocessing,
        validation=parts.get("val"),
    )
