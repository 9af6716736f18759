"""Figures of a run, drawn from its folder alone; tables and figures of many runs."""
