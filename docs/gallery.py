"""Draw the pictures of the gallery again: `python docs/gallery.py`, some minutes.

Trains each config in configs/, and keeps the figure that shows best what was learned.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from minidl import train

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs/images/gallery"
# The first of these that a run has.
BEST = ("decision_boundary", "fit", "images", "predicted_vs_true", "confusion_matrix", "loss")


def main() -> None:
    """One for each config, of few colours, as they are many."""
    PICTURES.mkdir(exist_ok=True)
    for config in sorted((ROOT / "configs").glob("*.yaml")):
        with tempfile.TemporaryDirectory() as folder:
            run = train(config, runs_dir=folder)
            drawn = {path.stem: path for path in (run.path / "plots").glob("*.png")}
            print(config.stem, *sorted(drawn))
            with Image.open(next(drawn[one] for one in BEST if one in drawn)) as picture:
                few = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
            few.save(PICTURES / f"{config.stem}.png", optimize=True)


if __name__ == "__main__":
    main()
