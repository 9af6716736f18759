"""A trained network for use without minidl: as PyTorch, ONNX, safetensors, NumPy or C.

Start reading at model.py (what is exported, the same for all), then operations.py (the network as
a list of operations), and one file per format. Each takes numbers in the units of the data and
gives what `minidl predict` does.
"""

from minidl.export.model import Model
from minidl.export.write import FORMATS, export

__all__ = ["FORMATS", "Model", "export"]
