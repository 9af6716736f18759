"""Proof that the gradients are right: each layer's and the loss's, on a config's own data.

Start reading at check.py; probe.py says what is varied, compare.py what counts as equal. Nothing
here trains.
"""

from minidl.verify.check import Checked, check, raise_if_off
from minidl.verify.compare import AUTOGRAD, DIFFERENCES, Row

__all__ = ["AUTOGRAD", "DIFFERENCES", "Checked", "Row", "check", "raise_if_off"]
