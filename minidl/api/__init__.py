"""What `import minidl` offers beside layers and optimizers: training, sweeps, and what they left.

Start reading at training.py, then run.py, which is a run once it is there, and table.py.
"""

from minidl.api.run import Run, load
from minidl.api.table import runs
from minidl.api.training import sweep, train

__all__ = ["Run", "load", "runs", "sweep", "train"]
