"""A trained network taken out of its run folder, for rows that it has not seen."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.build import build_network
from minidl.data import Preprocessing, TargetScale, read_table
from minidl.data.arrayfile import ARRAY_FILES
from minidl.data.arrays import read_inputs
from minidl.data.encoding import Encoding
from minidl.data.imagefile import IMAGE_FILES, read_image
from minidl.data.messages import Problems
from minidl.errors import ConfigError, DataError, RunError
from minidl.nn import Sequential
from minidl.nn.shape import times
from minidl.probabilities import probabilities
from minidl.spec import ArraysData, CsvData, Spec, load_spec
from minidl.store.records import spreadsheet_safe
from minidl.store.run_folder import RunFolder, resume_command
from minidl.store.run_record import RunRecord
from minidl.train.evaluation import predict
from minidl.train.weights import set_weights

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]

# What the record of each task must say besides what all must.
_NEEDED = {
    "classification": ("class_names", "decision"),
    "regression": ("target_names",),
    "images": ("output_shape",),
}
MOST_ROOM = 64  # pixels by which an image is continued, at most: more than any network's strides


@dataclass(frozen=True)
class Table:
    """CSV text, and how many rows it has below its header."""

    text: str
    rows: int


@dataclass
class TrainedRun:
    """The network of a run with its weights, and what its inputs and outputs mean."""

    folder: RunFolder
    spec: Spec
    record: RunRecord
    encoding: Encoding
    input_shape: tuple[int, ...]
    network: Sequential

    @classmethod
    def load(cls, path: Path) -> TrainedRun:
        """Raises RunError where the folder isn't a run, or has no (sound) weights."""
        folder = RunFolder.open(path)
        spec = load_spec(folder.config_path, ["device=cpu"])
        record = folder.read_record()
        for key in (
            "task",
            "input_shape",
            "outputs",
            "weights",
            *_NEEDED.get(record.task or "", ()),
        ):
            if not getattr(record, key):
                raise RunError(f"{folder.record_path}: is damaged: no '{key}'")
        encoding, shape = _encoding(record), tuple(record.input_shape)
        weights = str(record.weights)
        if misfit := _misfit(record):
            raise RunError(f"{folder.record_path}: is damaged: {misfit} fits nothing else in it")
        if not folder.has_checkpoint(weights):
            status = folder.status_now(record)
            going = status in ("interrupted", "failed")
            hint = f": `{resume_command(path)}` goes on with it" if going else ""
            raise RunError(f"{path}: has no trained weights (status: {status}){hint}")
        tensors, _ = folder.load_checkpoint(weights)
        try:
            network = build_network(spec, shape, encoding, torch.device("cpu"))
            set_weights(network, network.flatten(), tensors)
        except (ConfigError, KeyError, RuntimeError, TypeError, ValueError) as error:
            message = "the weights don't fit the network that config.yaml and run.json describe"
            raise RunError(f"{path}: is damaged: {message}") from error
        return cls(folder, spec, record, encoding, shape, network.eval())

    def outputs(self, inputs: Array) -> Array:
        """The network's outputs (N, K), or images, for preprocessed inputs (N, *input_shape)."""
        dtype = self.network.parameters()[0].data.dtype
        x = torch.from_numpy(np.ascontiguousarray(inputs)).to(dtype)
        return predict(self.network, x).double().numpy()

    def predict_file(
        self,
        path: Path,
        delimiter: str | None = None,
        decimal: str | None = None,
        *,
        inputs: bool = False,
    ) -> Table:
        """CSV text with one row per row of a CSV file or of arrays, or with one for an image file.

        First comes the number of the row in the file, whose header is row 1, as messages count (of
        arrays the index); then with `inputs` all columns of the file. A classification gives the
        class and a column per class: `probability_…`, or `score_…` where the loss (mse) doesn't
        make the outputs probabilities. A regression gives its targets.
        Raises DataError where the file lacks a column or holds what the training didn't know.
        """
        table, encoded = self._read(path, delimiter, decimal)
        outputs = self.outputs(encoded)
        lost = table.index[np.flatnonzero(~np.isfinite(outputs).all(1))]
        if len(lost):
            raise DataError(
                f"{path}: row {lost[0]}: the network's output is no finite number; are the row's"
                " numbers far larger than those of the training?"
            )
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
        return Table(content.getvalue(), len(rows))

    def _predictions(self, outputs: Array) -> tuple[list[str], list[list[Any]]]:
        """Heads and rows: the class and a number for each class, or the targets' values."""
        record = self.record
        if record.task == "regression":
            scale = record.target_scale
            values = TargetScale(**scale).to_raw(outputs) if scale else outputs
            return list(record.target_names), values.tolist()
        names = record.class_names
        kind, scores = self._scores(outputs)
        target = (record.target_names or ["class"])[0]
        # As the metrics have it, where two probabilities are the same.
        classes = self.encoding.classes(torch.from_numpy(outputs)).tolist()
        chosen = zip(classes, scores.tolist(), strict=True)
        heads = [target, *(f"{kind}_{name}" for name in names)]
        return heads, [[names[best], *row] for best, row in chosen]

    def predict_image(self, path: Path) -> Array:
        """What the network makes of an image file, (channels, height, width).

        The image may have another size than those of the training, if the network takes it: at the
        lower and right edge it is continued by as many pixels as the strides need, which are cut
        off again. Raises DataError where there is no such size, and for what is no image.
        """
        if not self.gives_images:
            raise DataError(f"{self.folder.path}: the network gives no images")
        image = read_image(path, self.input_shape[0])
        rows, columns = _room(self.network, image.shape, self._enlarged)
        if rows is None or columns is None:
            raise DataError(
                f"{path}: the network can't take {times(image.shape)}; it was trained on"
                f" {times(self.input_shape)}"
            )
        around = np.pad(image, ((0, 0), (0, rows), (0, columns)), mode="edge")
        height, width = self._enlarged(image.shape)
        return self.outputs(around[None])[0, :, :height, :width]

    @property
    def gives_images(self) -> bool:
        """Whether its outputs are images."""
        return self.record.task == "images"

    def _enlarged(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of the output for an input (channels, height, width)."""
        before, after = self.input_shape[1:], self.encoding.output_shape[1:]
        height, width = (n * b // a for n, a, b in zip(shape[1:], before, after, strict=True))
        return height, width

    def _read(
        self, path: Path, delimiter: str | None, decimal: str | None
    ) -> tuple[pd.DataFrame, Array]:
        """A table, and its rows as the network gets them; an image is a row without columns."""
        import pandas as pd

        shape = self.input_shape
        if path.suffix.lower() in ARRAY_FILES and isinstance(self.spec.data, ArraysData):
            return self._read_array(path, shape)
        if self.record.preprocessing is None:
            if len(shape) != 3 or path.suffix.lower() not in IMAGE_FILES:
                known = ", ".join(ARRAY_FILES)
                raise DataError(
                    f"{self.folder.path}: was trained on arrays, not on the rows of a table: it"
                    f" takes a file of them ({known}) with the array 'input'"
                )
            image = read_image(path, shape[0])
            if image.shape != shape:
                message = f"is an image of {times(image.shape)}, but the network takes"
                raise DataError(f"{path}: {message} {times(shape)}")
            return pd.DataFrame(index=[1]), image[None]
        preprocessing = Preprocessing.from_dict(self.record.preprocessing)
        data = self.spec.data
        own = (data.delimiter, data.decimal) if isinstance(data, CsvData) else (",", ".")
        problems = Problems()
        table = read_table(path, own[0] if delimiter is None else delimiter, problems)
        encoded = np.empty(0)
        with problems.noted():
            encoded = preprocessing.transform(table, str(path), decimal or own[1])
        problems.check()
        return table, encoded.reshape(len(encoded), *shape)

    def _read_array(self, path: Path, shape: tuple[int, ...]) -> tuple[pd.DataFrame, Array]:
        """Arrays as the training had them, each row of `input` known by its index."""
        import pandas as pd

        raw = read_inputs(path)
        if raw.shape[1:] != shape:
            message = f"rows of 'input' have shape {raw.shape[1:]}, but the network takes {shape}"
            raise DataError(f"{path}: {message}")
        if self.record.preprocessing is None:
            return pd.DataFrame(index=range(len(raw))), raw
        preprocessing = Preprocessing.from_dict(self.record.preprocessing)
        table = pd.DataFrame(raw, columns=list(preprocessing.feature_names))
        return table, preprocessing.transform(table, str(path))

    def _scores(self, outputs: Array) -> tuple[str, Array]:
        """What the outputs are, and one column per class."""
        shares = probabilities(outputs, self.spec.loss.type)
        if shares is not None:
            return "probability", shares
        if outputs.shape[1] == 1:
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        return "score", outputs


def _room(
    network: Sequential, shape: Sequence[int], enlarged: Callable[[Sequence[int]], Sequence[int]]
) -> list[int | None]:
    """The least number of further rows, and of columns, with which the output has its due size.

    None where no number will do.
    """
    channels, *sizes = shape
    found: list[int | None] = [None, None]
    for extra in range(MOST_ROOM):
        tried = (channels, sizes[0] + extra, sizes[1] + extra)
        with suppress(ValueError):
            output = network.output_shape(tried)
            for axis, (got, wanted) in enumerate(zip(output[1:], enlarged(tried), strict=True)):
                if found[axis] is None and got == wanted:
                    found[axis] = extra
    return found


def _misfit(record: RunRecord) -> str | None:
    """A key of a run's record that doesn't fit its input shape and its number of outputs."""
    if record.weights not in ("last", "best"):
        return "weights"
    if record.preprocessing is not None:
        inputs = Preprocessing.from_dict(record.preprocessing).feature_names
        if len(inputs) != math.prod(record.input_shape):
            return "preprocessing"
    if record.task == "images":
        return None
    outputs = record.outputs or 0
    if record.decision is not None:
        return None if len(record.class_names) == max(2, outputs) else "class_names"
    scale = record.target_scale or {}
    if any(len(values) != outputs for values in scale.values()):
        return "target_scale"
    return None if len(record.target_names) == outputs else "target_names"


def _encoding(record: RunRecord) -> Encoding:
    """The one that the network was trained with; one-hot targets say no more than indices."""
    outputs, decision = record.outputs or 0, record.decision or {}
    if record.task == "images":
        return Encoding.of_images(tuple(record.output_shape))
    if record.task == "regression":
        return Encoding("values", outputs)
    if decision.get("kind") == "threshold":
        return Encoding("column", outputs, threshold=decision["at"])
    return Encoding("index", outputs)
