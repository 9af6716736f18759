"""A trained network taken out of its run folder, for rows that it has not seen."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.build import Members, build_network
from minidl.data import Preprocessing, TargetScale, read_table
from minidl.data.encoding import Encoding
from minidl.errors import ConfigError, DataError, RunError
from minidl.evaluation import predict
from minidl.nn import Sequential
from minidl.records import spreadsheet_safe
from minidl.runs import RunFolder
from minidl.spec import CsvData, Spec, load_spec
from minidl.weights import set_weights

Array = NDArray[Any]


@dataclass
class TrainedRun:
    """The network of a run with its weights, and what its inputs and outputs mean."""

    folder: RunFolder
    spec: Spec
    record: dict[str, Any]
    network: Sequential

    @classmethod
    def load(cls, path: Path) -> TrainedRun:
        """Raises RunError where the folder isn't a run, or has no (sound) weights."""
        folder = RunFolder.open(path)
        spec = load_spec(folder.config_path, ["device=cpu"])
        record = folder.read_record()
        try:
            encoding = Encoding(_form(record), record["outputs"])
            shape = tuple(record["input_shape"])
            weights = record["weights"]
        except (KeyError, TypeError) as error:
            raise RunError(f"{folder.record_path}: is damaged: no {error}") from error
        if not folder.has_checkpoint(weights):
            raise RunError(f"{path}: has no trained weights (status: {folder.status})")
        tensors, _ = folder.load_checkpoint(weights)
        try:
            network = build_network(Members(spec), shape, encoding, torch.device("cpu"))
            set_weights(network, network.flatten(), tensors)
        except (ConfigError, KeyError, RuntimeError, TypeError, ValueError) as error:
            message = "the weights don't fit the network that config.yaml and run.json describe"
            raise RunError(f"{path}: is damaged: {message}") from error
        return cls(folder, spec, record, network.eval())

    def outputs(self, inputs: Array) -> Array:
        """The network's outputs (N, K) for preprocessed inputs (N, *input_shape)."""
        dtype = self.network.parameters()[0].data.dtype
        x = torch.from_numpy(np.ascontiguousarray(inputs)).to(dtype)
        return predict(self.network, x).double().numpy()

    def predict_file(
        self, path: Path, delimiter: str | None = None, *, inputs: bool = False
    ) -> str:
        """CSV text with one row per row of a CSV file.

        First comes the number of the row in the file, whose header is row 1, as messages count;
        then with `inputs` all columns of the file. A classification gives the class and a column
        per class: `probability_…`, or `score_…` where the loss (mse) doesn't make the outputs
        probabilities. A regression gives its targets.
        Raises DataError where the file lacks a column or holds what the training didn't know.
        """
        if self.record.get("preprocessing") is None:
            raise DataError(
                f"{self.folder.path}: was trained on arrays, not on the rows of a table"
            )
        preprocessing = Preprocessing.from_dict(self.record["preprocessing"])
        if delimiter is None:
            delimiter = self.spec.data.delimiter if isinstance(self.spec.data, CsvData) else ","
        table = read_table(path, delimiter)
        encoded = preprocessing.transform(table, file=str(path))
        outputs = self.outputs(encoded.reshape(len(encoded), *self.record["input_shape"]))
        heads, rows = self._predictions(outputs)
        given = table if inputs else table.iloc[:, :0]
        taken = {str(name) for name in given.columns}
        heads = [f"predicted_{head}" if head in taken else head for head in heads]
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        writer.writerow(map(spreadsheet_safe, ["row", *given.columns, *heads]))
        cells = given.astype(object).where(given.notna(), "").to_numpy()
        for number, known, predicted in zip(table.index, cells, rows, strict=True):
            writer.writerow(map(spreadsheet_safe, [number, *known, *predicted]))
        return content.getvalue()

    def _predictions(self, outputs: Array) -> tuple[list[str], list[list[Any]]]:
        """Heads and rows: the class and a number for each class, or the targets' values."""
        if self.record["task"] == "regression":
            scale = self.record.get("target_scale")
            values = TargetScale(**scale).to_raw(outputs) if scale else outputs
            return list(self.record["target_names"]), values.tolist()
        names = self.record["class_names"]
        kind, scores = self._scores(outputs)
        target = (self.record.get("target_names") or ["class"])[0]
        chosen = zip(scores.argmax(1), scores.tolist(), strict=True)
        heads = [target, *(f"{kind}_{name}" for name in names)]
        return heads, [[names[best], *row] for best, row in chosen]

    def _scores(self, outputs: Array) -> tuple[str, Array]:
        """What the outputs are, and one column per class, the largest for the predicted one."""
        if self.spec.loss.type == "cross_entropy":
            return "probability", torch.from_numpy(outputs).softmax(1).numpy()
        if outputs.shape[1] > 1:
            return "score", outputs
        if self.spec.loss.type == "bce_with_logits":
            outputs = torch.from_numpy(outputs).sigmoid().numpy()
        kind = "score" if self.spec.loss.type == "mse" else "probability"
        return kind, np.concatenate([1 - outputs, outputs], axis=1)


def _form(record: dict[str, Any]) -> Any:
    decision = record["decision"]
    if decision is None:
        return "values"
    return "column" if decision["kind"] == "threshold" else "index"
