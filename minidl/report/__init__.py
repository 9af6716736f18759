"""Figures of a run, drawn from its folder alone; tables and figures of many runs."""

from minidl.report.decision import class_of
from minidl.report.plots import draw_run

__all__ = ["class_of", "draw_run"]
