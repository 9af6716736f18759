"""Data: toy tasks, scikit-learn's small tables, and the user's own files, as arrays of NumPy.

Start reading at dataset.py (what all of them become) and load.py (which spec is read by whom).
Errors name file, row and column. Nothing here knows a network.
"""

from minidl.data.csvfile import read_table
from minidl.data.dataset import Dataset, Split, TargetScale
from minidl.data.load import load_dataset
from minidl.data.preprocessing import Preprocessing
from minidl.data.remarks import remarks
from minidl.data.toy import true_classes

__all__ = [
    "Dataset",
    "Preprocessing",
    "Split",
    "TargetScale",
    "load_dataset",
    "read_table",
    "remarks",
    "true_classes",
]
