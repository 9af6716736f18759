"""A trained network taken out of its run folder, for rows that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.build.trained import load_network
from minidl.data import Preprocessing
from minidl.data.arrayfile import ARRAY_FILES
from minidl.data.arrays import read_inputs
from minidl.data.cells import Fault
from minidl.data.columns import NumericColumn
from minidl.data.encoding import Encoding
from minidl.data.formats import cells_of_frame
from minidl.data.imagefile import IMAGE_FILES, read_image
from minidl.data.messages import listed, quoted
from minidl.data.source import named
from minidl.errors import DataError, RunError
from minidl.nn import Sequential
from minidl.nn.shape import times
from minidl.runs.enlarging import room
from minidl.runs.meaning import Meaning
from minidl.runs.predicted import GivenRows, PredictedRows, notation_of, read_rows
from minidl.runs.quality import quality
from minidl.spec import ArraysData, CsvData, Spec
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord
from minidl.train.evaluation import predict

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]


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
        found = load_network(path)
        shape = tuple(found.record.input_shape)
        return cls(found.folder, found.spec, found.record, found.encoding, shape, found.network)

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
        given, encoded = self.read(path, changes or {}, inputs)
        return self._predicted(given, encoded, named(path), strict=strict)

    def predict_table(self, table: pd.DataFrame, *, strict: bool = False) -> PredictedRows:
        """The same of a table in memory, such as a part of the file that was trained from.

        Cells may be numbers, texts, booleans and dates, missing ones None or NaN. Rows are known by
        their positions, counted from 0.
        """
        preprocessing = self.preprocessing
        if preprocessing is None:
            raise DataError(f"{self.folder.path}: was trained on arrays, not on rows of a table")
        numbers = _numbers(preprocessing)
        cells = cells_of_frame(table, "table", lambda name: name not in numbers)
        given = GivenRows(cells, notation=notation_of(self.spec))
        encoded = self._encoded(given, preprocessing, "table")
        return self._predicted(given, encoded, "table", strict=strict)

    def predict_array(self, raw: Array) -> PredictedRows:
        """The same of an array (N, ...) as the training had them, in the file's units."""
        given, encoded = self._given_array(raw, "array")
        return self._predicted(given, encoded, "array")

    def _predicted(
        self, given: GivenRows, encoded: Array, file: str, *, strict: bool = False
    ) -> PredictedRows:
        outputs = self.outputs_of(given, encoded)
        if given.problems and (strict or len(given.problems) >= len(given)):
            raise given.error(file)
        says, found = self.meaning.says(outputs), self.meaning.decided(outputs)
        return PredictedRows(given, says, quality(self.spec, self.record, given, found))

    def outputs_of(self, given: GivenRows, encoded: Array) -> Array:
        """The outputs for a file's rows; one that isn't finite is noted, and 0 stands for it."""
        outputs = self.outputs(encoded)
        finite = np.asarray(np.isfinite(outputs).all(axis=1))
        for row in given.table.index.to_numpy()[~finite].tolist():
            given.note(
                row,
                "output: no finite number; are the row's numbers far larger than those of the"
                " training?",
            )
        return np.where(finite[:, None], outputs, 0.0)

    @property
    def meaning(self) -> Meaning:
        """What the outputs say."""
        return Meaning(self.record, self.encoding, self.spec.loss.type)

    def predict_image(self, path: Path) -> Array:
        """What the network makes of an image file, (channels, height, width).

        The image may have another size than those of the training, if the network takes it: at the
        lower and right edge it is continued by as many pixels as the strides need, which are cut
        off again. Raises DataError where there is no such size, and for what isn't an image.
        """
        if not self.gives_images:
            raise DataError(f"{self.folder.path}: the network gives no images")
        image = self._image(path)
        rows, columns = room(self.network, image.shape, self._enlarged)
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

    def read(self, path: Path, changes: Mapping[str, str], inputs: bool) -> tuple[GivenRows, Array]:
        """A table, and its rows as the network gets them; an image is a row without columns."""
        import pandas as pd

        shape = self.input_shape
        if path.suffix.lower() in ARRAY_FILES and isinstance(self.spec.data, ArraysData):
            return self._given_array(read_inputs(path), str(path))
        preprocessing = self.preprocessing
        if preprocessing is None:
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
        given = read_rows(self.spec, path, changes, set() if inputs else _numbers(preprocessing))
        self._say_parts(given)
        return given, self._encoded(given, preprocessing, named(path))

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What turns rows into inputs; None for arrays of more than one axis."""
        stored = self.record.preprocessing
        return None if stored is None else Preprocessing.from_dict(stored)

    def _encoded(self, given: GivenRows, preprocessing: Preprocessing, file: str) -> Array:
        """The rows as the network gets them; what keeps one from that is noted.

        Raises DataError where a column is lacking.
        """

        def note(column: str, fault: Fault) -> None:
            cells = given.table[column]
            for row, cell in zip(
                cells.index[fault.where].tolist(), cells[fault.where], strict=True
            ):
                given.note(row, f"column {quoted(column)}: {fault.what(str(cell))}")

        single = self.network.parameters()[0].data.dtype == torch.float32
        encoded = preprocessing.encode(given.table, file, given.notation, note, single=single)
        return encoded.reshape(len(encoded), *self.input_shape)

    def _say_parts(self, given: GivenRows) -> None:
        """Which part each row belonged to, where the file is the one that was trained from."""
        data = self.spec.data
        if not isinstance(data, CsvData):
            return
        own = {"val": data.validation_sha256, "test": data.test_sha256}
        parts = tuple(part for part, digest in own.items() if digest == given.sha256)
        if given.sha256 == data.sha256:
            parts = ("train", *(part for part, digest in own.items() if digest is None))
        if not parts:
            return
        arrays: dict[str, Array] = {}
        with suppress(RunError):  # a run may have ended before it wrote them
            arrays = self.folder.read_predictions()
        given.parts = {int(row): part for part in parts for row in arrays.get(f"{part}_row", ())}

    def _given_array(self, raw: Array, file: str) -> tuple[GivenRows, Array]:
        """Arrays as the training had them, each row of `input` known by its index."""
        import pandas as pd

        shape, preprocessing = self.input_shape, self.preprocessing
        flat = preprocessing is not None and raw.shape[1:] == (math.prod(shape),)
        if raw.shape[1:] != shape and not flat:
            message = f"rows of 'input' have shape {raw.shape[1:]}, but the network takes {shape}"
            raise DataError(f"{file}: {message}")
        if preprocessing is None:
            return GivenRows(pd.DataFrame(index=range(len(raw)))), raw
        names = tuple(column.name for column in preprocessing.columns)
        if preprocessing.feature_names != names:
            raise DataError(f"{file}: has no names: give a table with the columns {listed(names)}")
        table = pd.DataFrame(raw.reshape(len(raw), -1), columns=list(names))
        return GivenRows(table), preprocessing.transform(table, file).reshape(len(raw), *shape)


def _numbers(preprocessing: Preprocessing) -> set[str]:
    """The columns whose cells may come as numbers."""
    columns = preprocessing.columns
    return {one.name for one in columns if type(one) is NumericColumn and not one.strip}
