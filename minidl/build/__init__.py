"""From a spec to data and objects that train: the one place where a name becomes an object.

Start reading at experiment.py, which calls the others. What needs the data or the shapes to be
checked is checked here, in the words and with the places of `spec`. Nothing here trains or writes.
"""

from minidl.build.data import outline, prepare, read_data
from minidl.build.device import choose_device
from minidl.build.experiment import Experiment, build
from minidl.build.network import build_network
from minidl.build.seeds import seed_of

__all__ = [
    "Experiment",
    "build",
    "build_network",
    "choose_device",
    "outline",
    "prepare",
    "read_data",
    "seed_of",
]
