"""Image files: pixels of 8 bits in, pixels of 8 bits out."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np

from minidl.data.dataset import Images
from minidl.data.source import MEBIBYTE, read_source
from minidl.errors import DataError

IMAGE_FILES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MOST_BYTES = 256 * MEBIBYTE
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_image(path: Path, channels: int) -> Images:
    """(channels, height, width) from 0 to 1; gray and colours are turned into what is asked for.

    Raises DataError for a file that is no image, and for pixels of more than 8 bits.
    """
    from PIL import Image, UnidentifiedImageError

    source = read_source(path, MOST_BYTES)
    if channels not in _MODES:
        raise DataError(f"{source.file}: no image has the {channels} channels that the run needs")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source.content)) as image:
                if image.mode.startswith(("I", "F")):
                    raise DataError(f"{source.file}: has pixels of more than 8 bits; expected 8")
                pixels = np.asarray(image.convert(_MODES[channels]))
    except UnidentifiedImageError as error:  # its own text names an object in memory
        raise DataError(f"{source.file}: is no image that can be read") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{source.file}: has too many pixels: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what decoders raise
        raise DataError(f"{source.file}: is damaged: {error}") from error
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


def png(image: Images) -> bytes:
    """A PNG of (1, 3 or 4 channels, height, width); what lies outside 0 to 1 is cut off."""
    from PIL import Image

    pixels = (np.clip(np.nan_to_num(image), 0, 1) * 255).round().astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(
        content, format="PNG"
    )
    return content.getvalue()
