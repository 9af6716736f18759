"""The data: toy tasks, images, the sets that ship with scikit-learn, and one's own files."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from minidl.spec.component import Group
from minidl.spec.file_data import AnyOrigin, Divided, FileData, TestFraction
from minidl.spec.noise import GaussianNoise, Noise
from minidl.spec.table import CsvData

# A typing mistake shouldn't fill the memory.
MAX_POINTS, MAX_CLASSES, MAX_FEATURES = 10_000_000, 1000, 10_000
MAX_PIXELS = 2**27  # of all images together, a colour each, or of inputs: 1 GiB


class _Drawn(AnyOrigin):
    train: int
    test: int
    validation: int

    @property
    def samples(self) -> int:
        """In all parts together."""
        return self.train + self.validation + self.test


class _Toy(_Drawn):
    train: int = Field(1000, ge=1, le=MAX_POINTS, description="The number of training points.")
    test: int = Field(1000, ge=1, le=MAX_POINTS, description="The number of test points.")
    validation: int = Field(
        0, ge=0, le=MAX_POINTS, description="The number of validation points; 0: no such part."
    )


class DiskData(_Toy):
    """Points in the unit square; class 1 inside a disk of half its area."""

    type: Literal["disk"] = "disk"


class AnnulusData(_Toy):
    """Points in the unit square; class 0 in a ring around the corner (0, 0), else 1."""

    type: Literal["annulus"] = "annulus"


class XorData(_Toy):
    """Points in four quadrants; opposite quadrants share a class."""

    type: Literal["xor"] = "xor"
    noise: float = Field(0.0, ge=0, description="The std of the noise on the points.")


class SpiralsData(_Toy):
    """Spiral arms around one centre, a class each."""

    type: Literal["spirals"] = "spirals"
    classes: int = Field(2, ge=2, le=MAX_CLASSES, description="The number of arms.")
    turns: float = Field(1.0, gt=0, description="Turns of each arm around the centre.")
    noise: float = Field(0.02, ge=0, description="The std of the noise on the points.")


class CheckerboardData(_Toy):
    """Points on a checkerboard; the class is the colour."""

    type: Literal["checkerboard"] = "checkerboard"
    cells: int = Field(4, ge=2, description="Cells along each side.")


class MoonsData(_Toy):
    """Two half circles that interlock."""

    type: Literal["moons"] = "moons"
    noise: float = Field(0.1, ge=0, description="The std of the noise on the points.")


class CirclesData(_Toy):
    """A circle inside another."""

    type: Literal["circles"] = "circles"
    noise: float = Field(0.05, ge=0, description="The std of the noise on the points.")
    factor: float = Field(0.5, gt=0, lt=1, description="The inner radius over the outer.")


class BlobsData(_Toy):
    """Gaussian clouds, a class each."""

    type: Literal["blobs"] = "blobs"
    classes: int = Field(3, ge=2, le=MAX_CLASSES, description="The number of clouds.")
    std: float = Field(1.0, gt=0, description="The standard deviation of each cloud.")


class NoisySineData(_Toy):
    """Regression on one input: a sine with noise."""

    type: Literal["noisy_sine"] = "noisy_sine"
    train: int = Field(200, ge=1, le=MAX_POINTS, description="The number of training points.")
    test: int = Field(200, ge=1, le=MAX_POINTS, description="The number of test points.")
    noise: float = Field(0.1, ge=0, description="The std of the noise on the target.")


class Friedman1Data(_Toy):
    """Regression on five informative inputs and further idle ones  (Friedman 1991)."""

    type: Literal["friedman1"] = "friedman1"
    noise: float = Field(1.0, ge=0, description="The std of the noise on the target.")
    features: int = Field(10, ge=5, le=MAX_FEATURES, description="The number of inputs.")

    def rules(self) -> Iterator[tuple[str, str]]:
        numbers = self.samples * self.features
        if numbers > MAX_PIXELS:
            yield "train", f"so many points fill {8 * numbers / 2**30:.0f} GiB: take fewer"


class _Images(_Drawn):
    train: int = Field(2000, ge=1, le=MAX_POINTS, description="The number of training images.")
    test: int = Field(500, ge=1, le=MAX_POINTS, description="The number of test images.")
    validation: int = Field(
        0, ge=0, le=MAX_POINTS, description="The number of validation images; 0: no such part."
    )
    size: int = Field(32, ge=8, le=128, description="The height and width of an image.")

    def rules(self) -> Iterator[tuple[str, str]]:
        pixels = self.samples * self.size**2 * self.channels
        if pixels > MAX_PIXELS:
            side = f"{self.size}×{self.size}"
            yield "train", f"so many images of {side} fill {8 * pixels / 2**30:.0f} GiB: take fewer"

    @property
    def channels(self) -> int:
        return 1


class PhotoPatchesData(_Images):
    """Patches of two photographs with noise on them; the target is the patch without it."""

    type: Literal["photo_patches"] = "photo_patches"
    noise: Noise = Field(GaussianNoise(), description="What spoils the input.")
    target: Literal["clean", "noisy"] = Field(
        "clean", description="noisy: the same patch with other noise, as in noise-to-noise."
    )
    gray: bool = Field(False, description="One channel, the luminance, instead of three.")

    @property
    def channels(self) -> int:
        return 1 if self.gray else 3


class ShapesData(_Images):
    """Drawn shapes (disk, square, triangle, cross, ring, bar), a class each, in one channel."""

    type: Literal["shapes"] = "shapes"
    size: int = Field(16, ge=8, le=128, description="The height and width of an image.")
    classes: int = Field(4, ge=2, le=6, description="How many of the shapes, from the first.")
    noise: float = Field(0.1, ge=0, le=10, description="The std of the noise on the image.")


class _Bundled(Divided):
    test_fraction: TestFraction | None = Field(
        0.2, description="The share of rows kept for testing; not beside folds."
    )
    validation_fraction: TestFraction | None = Field(
        None, description="The share of the rows that don't test kept for validation."
    )
    standardize: bool = Field(
        True, description="Scale features, and a regression's target, to mean 0 and std 1."
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from super().rules()
        if self.test_fraction is None and self.folds is None:
            yield "test_fraction", "expected a number > 0 and < 1"


class IrisData(_Bundled):
    """150 irises of 3 species by 4 lengths."""

    type: Literal["iris"] = "iris"


class WineData(_Bundled):
    """178 wines of 3 growers by 13 measurements."""

    type: Literal["wine"] = "wine"


class BreastCancerData(_Bundled):
    """569 tumours, malignant or benign, by 30 measurements."""

    type: Literal["breast_cancer"] = "breast_cancer"


class DigitsData(_Bundled):
    """1,797 handwritten digits as 8×8 pixels."""

    type: Literal["digits"] = "digits"
    images: bool = Field(False, description="As images (1, 8, 8), for convolutions.")


class DiabetesData(_Bundled):
    """Regression: the disease's progress in 442 patients by 10 measurements."""

    type: Literal["diabetes"] = "diabetes"


ARRAY_FILES = (".npz", ".safetensors", ".pt", ".pth", ".pkl")  # the last three by torch.save


class ArraysData(FileData):
    """Arrays `input` and `target` of an .npz or .safetensors file, or a pair saved by torch."""

    type: Literal["arrays"] = "arrays"
    standardize: bool = Field(
        False, description="Scale features, and a regression's target, to mean 0 and std 1."
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from super().rules()
        for key, path in self.files.items():
            if isinstance(path, tuple):
                yield key, f"expected one file {', '.join(ARRAY_FILES)}, but got {len(path)}"
            elif path.suffix.lower() not in ARRAY_FILES:
                yield key, f"expected a file {', '.join(ARRAY_FILES)}, but got {path.name!r}"


AnyData = (
    DiskData
    | AnnulusData
    | XorData
    | SpiralsData
    | CheckerboardData
    | MoonsData
    | CirclesData
    | BlobsData
    | NoisySineData
    | Friedman1Data
    | PhotoPatchesData
    | ShapesData
    | IrisData
    | WineData
    | BreastCancerData
    | DigitsData
    | DiabetesData
    | CsvData
    | ArraysData
)
Data = Annotated[
    AnyData, Field(discriminator="type"), Group("data", "data", AnyData, "What to learn from.")
]
