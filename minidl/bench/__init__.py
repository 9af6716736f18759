"""minidl beside PyTorch: every module's results and times, and whole trainings.

Start reading at training.py (a config in both) and pairs.py (each module beside its counterpart).
"""

from minidl.bench.modules import Measured, measure_modules
from minidl.bench.training import Comparison, compare_trainings

__all__ = ["Comparison", "Measured", "compare_trainings", "measure_modules"]
