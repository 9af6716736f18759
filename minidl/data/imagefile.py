"""Image files: pixels of 8 bits in, pixels of 8 bits out."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minidl.data.dataset import Images
from minidl.data.source import MEBIBYTE, read_source
from minidl.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

# Told to Pillow, which would try others too: it hands EPS to Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
IMAGE_FILES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MOST_BYTES = 256 * MEBIBYTE
MOST_PIXELS = 2**24  # a few bytes can declare many; a network takes about 200 bytes for each
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_image(path: Path, channels: int) -> Images:
    """(channels, height, width) from 0 to 1; gray and colours are turned into what is asked for.

    A photograph is turned as its camera says. Raises DataError for a file that isn't an image,
    holds several, or more than 16 million pixels, or pixels of more than 8 bits.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    source = read_source(path, MOST_BYTES)
    if channels not in _MODES:
        raise DataError(f"{source.file}: no image has the {channels} channels that the run needs")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source.content), formats=_FORMATS) as image:
                _check(image, source.file)
                turned = ImageOps.exif_transpose(image)
                pixels = np.asarray(turned.convert(_MODES[channels]))
    except UnidentifiedImageError as error:  # its own text names an object in memory
        raise DataError(f"{source.file}: isn't an image that can be read") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(source.file) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what decoders raise
        raise DataError(f"{source.file}: is damaged: {error}") from error
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


def _check(image: Image.Image, file: str) -> None:
    """Before its pixels are read."""
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels(file)
    if getattr(image, "is_animated", False):
        raise DataError(f"{file}: holds several images; expected one")
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{file}: has pixels of more than 8 bits; expected 8")


def _too_many_pixels(file: str) -> DataError:
    return DataError(
        f"{file}: has too many pixels; at most {MOST_PIXELS:,} are read: scale it down"
    )


def png(image: Images) -> bytes:
    """A PNG of (1, 3 or 4 channels, height, width); what lies outside 0 to 1 is cut off."""
    from PIL import Image

    pixels = (np.clip(np.nan_to_num(image), 0, 1) * 255).round().astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(
        content, format="PNG"
    )
    return content.getvalue()
