"""From a spec to objects that train: the one place where a name in a config becomes an object."""

from minidl.build.device import choose_device
from minidl.build.experiment import Experiment, build
from minidl.build.network import build_network
from minidl.build.seeds import seed_of

__all__ = ["Experiment", "build", "build_network", "choose_device", "seed_of"]
