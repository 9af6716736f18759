"""A trained network taken out of its run folder, for rows that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.build import build_network
from minidl.data import Preprocessing, TargetScale
from minidl.data.arrayfile import ARRAY_FILES
from minidl.data.arrays import read_inputs
from minidl.data.cells import NAN, Fault, without
from minidl.data.columns import NumericColumn
from minidl.data.dataset import Task
from minidl.data.encoding import Encoding
from minidl.data.imagefile import IMAGE_FILES, read_image
from minidl.data.messages import quoted
from minidl.data.plan import target_notation
from minidl.data.source import short
from minidl.data.target import Target
from minidl.errors import ConfigError, DataError, RunError
from minidl.nn import Sequential
from minidl.nn.shape import times
from minidl.probabilities import probabilities
from minidl.runs.meaning import damage, encoding_of
from minidl.runs.predicted import GivenRows, PredictedRows, read_rows
from minidl.spec import ArraysData, CsvData, Spec, load_spec
from minidl.store.run_folder import RunFolder, resume_command
from minidl.store.run_record import RunRecord
from minidl.train.evaluation import predict
from minidl.train.weights import set_weights

Array = NDArray[Any]

MOST_ROOM = 64  # pixels by which an image is continued, at most: more than any network's strides


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
        if wrong := damage(record):
            raise RunError(f"{folder.record_path}: is damaged: {wrong}")
        encoding, shape = encoding_of(record), tuple(record.input_shape)
        weights = str(record.weights)
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
        changes: Mapping[str, str] | None = None,
        *,
        strict: bool = False,
        inputs: bool = True,
    ) -> PredictedRows:
        """A row per row of a table or of arrays, or one for an image file.

        A classification gives the class and a column per class: `probability_…`, or `score_…` where
        the loss (mse) doesn't make the outputs probabilities. A regression gives its targets. A row
        that can't be predicted has a problem instead, which is an error if `strict`.
        inputs: whether the file's own cells are wanted, too, as they stand; changes: options of
            the config (delimiter, decimal, encoding) that are others in this file.
        Raises DataError where the file lacks a column, and where no row can be predicted.
        """
        given, encoded = self._read(path, changes or {}, inputs)
        outputs = self.outputs(encoded)
        finite = np.asarray(np.isfinite(outputs).all(axis=1))
        for row in given.table.index.to_numpy()[~finite].tolist():
            given.note(
                row,
                "output: no finite number; are the row's numbers far larger than those of the"
                " training?",
            )
        if given.problems and (strict or len(given.problems) >= len(given)):
            raise given.error(short(path))
        heads, cells = self._predictions(np.where(finite[:, None], outputs, 0.0))
        return PredictedRows(given, heads, cells, metrics=self._metrics(given, outputs))

    def _predictions(self, outputs: Array) -> tuple[list[str], list[list[Any]]]:
        """Heads and rows: the class and a number for each class, or the targets' values."""
        record = self.record
        if record.task == "regression":
            return list(record.target_names), self._values(outputs).tolist()
        names = record.class_names
        kind, scores = self._scores(outputs)
        target = (record.target_names or ["class"])[0]
        chosen = zip(self._classes(outputs), scores.tolist(), strict=True)
        heads = [target, *(f"{kind}_{name}" for name in names)]
        return heads, [[names[best], *row] for best, row in chosen]

    def _values(self, outputs: Array) -> Array:
        """A regression's outputs in the target's own units."""
        scale = self.record.target_scale
        return TargetScale(**scale).to_raw(outputs) if scale else outputs

    def _classes(self, outputs: Array) -> list[int]:
        """As the metrics have it, where two probabilities are the same."""
        return self.encoding.classes(torch.from_numpy(outputs)).tolist()

    def _metrics(self, given: GivenRows, outputs: Array) -> dict[str, float]:
        """How good the predictions are where the file has the target, and the baseline's."""
        names = self.record.target_names or [""]
        if names[0] not in given.table.columns or not isinstance(self.spec.data, CsvData):
            return {}
        data = self.spec.data
        markers = NAN if data.missing_values is None else data.missing_values
        cells = without(given.table[names[0]], markers)
        notation = replace(given.notation, strip=target_notation(data).strip)
        task: Task = "regression" if self.record.task == "regression" else "classification"
        target = Target(task, tuple(self.record.class_names), notation)
        encoded, faults = target.faults(cells)
        usable = cells.notna().to_numpy() & ~cells.index.isin(list(given.problems))
        for fault in faults:
            usable &= ~fault.where
        if not usable.any():
            return {}
        truth, outputs = encoded[usable], outputs[usable]
        if target.task == "classification":
            right = np.array(self._classes(outputs)) == truth
            most = float(np.bincount(truth).max() / len(truth))
            return {"rows": len(truth), "accuracy": float(right.mean()), "majority": most}
        error = self._values(outputs) - truth
        mean = float(((truth - truth.mean(0)) ** 2).mean())
        return {"rows": len(truth), "mse": float((error**2).mean()), "mean": mean}

    def predict_image(self, path: Path) -> Array:
        """What the network makes of an image file, (channels, height, width).

        The image may have another size than those of the training, if the network takes it: at the
        lower and right edge it is continued by as many pixels as the strides need, which are cut
        off again. Raises DataError where there is no such size, and for what isn't an image.
        """
        if not self.gives_images:
            raise DataError(f"{self.folder.path}: the network gives no images")
        image = self._image(path)
        rows, columns = _room(self.network, image.shape, self._enlarged)
        if rows is None or columns is None:
            raise DataError(
                f"{path}: the network can't take {times(image.shape)}; it was trained on"
                f" {times(self.input_shape)}"
            )
        around = np.pad(image, ((0, 0), (0, rows), (0, columns)), mode="edge")
        height, width = self._enlarged(image.shape)
        return self.outputs(around[None])[0, :, :height, :width]

    def _image(self, path: Path) -> Array:
        """An image file (channels, height, width), scaled as the images of the training were."""
        image = read_image(path, self.record.input_shape[0])
        low, high = self.record.input_range or (0.0, 1.0)
        if high <= 2:  # noise may go beyond 1
            return image
        if low < -1 or high > 255:
            raise DataError(
                f"{path}: can't be scaled: the run's images reach from {low:.4g} to {high:.4g},"
                " neither to 1 nor to 255"
            )
        return image * 255

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
        self, path: Path, changes: Mapping[str, str], inputs: bool
    ) -> tuple[GivenRows, Array]:
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
            image = self._image(path)
            if image.shape != shape:
                message = f"is an image of {times(image.shape)}, but the network takes"
                raise DataError(f"{path}: {message} {times(shape)}")
            return GivenRows(pd.DataFrame(index=[1])), image[None]
        preprocessing = Preprocessing.from_dict(self.record.preprocessing)
        numbers = {
            column.name
            for column in preprocessing.columns
            if type(column) is NumericColumn and not (inputs or column.strip)
        }
        given = read_rows(self.spec, path, changes, numbers)
        self._say_parts(given)

        def note(column: str, fault: Fault) -> None:
            cells = given.table[column]
            for row, cell in zip(
                cells.index[fault.where].tolist(), cells[fault.where], strict=True
            ):
                given.note(row, f"column {quoted(column)}: {fault.what(str(cell))}")

        encoded = preprocessing.encode(given.table, short(path), given.notation, note)
        return given, encoded.reshape(len(encoded), *shape)

    def _say_parts(self, given: GivenRows) -> None:
        """Which part each row belonged to, where the file is the one that was trained from."""
        data = self.spec.data
        if not isinstance(data, CsvData) or given.sha256 not in (data.sha256, data.test_sha256):
            return
        arrays: dict[str, Array] = {}
        with suppress(RunError):  # a run may have ended before it wrote them
            arrays = self.folder.read_predictions()
        parts = ("train", "test") if data.test_path is None else ("train",)
        parts = parts if given.sha256 == data.sha256 else ("test",)
        given.parts = {int(row): part for part in parts for row in arrays.get(f"{part}_row", ())}

    def _read_array(self, path: Path, shape: tuple[int, ...]) -> tuple[GivenRows, Array]:
        """Arrays as the training had them, each row of `input` known by its index."""
        import pandas as pd

        raw = read_inputs(path)
        if raw.shape[1:] != shape:
            message = f"rows of 'input' have shape {raw.shape[1:]}, but the network takes {shape}"
            raise DataError(f"{path}: {message}")
        if self.record.preprocessing is None:
            return GivenRows(pd.DataFrame(index=range(len(raw)))), raw
        preprocessing = Preprocessing.from_dict(self.record.preprocessing)
        table = pd.DataFrame(raw, columns=list(preprocessing.feature_names))
        return GivenRows(table), preprocessing.transform(table, str(path))

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
