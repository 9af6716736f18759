"""The loop on built objects: a network's steps, its evaluations, and when it stops.

Start reading at trainer.py: its `step` is the algorithm. lanes.py runs it, for one network or for
several side by side, on what programs.py had engine/ make of it. Nothing here knows a path, YAML
or a run folder.
"""
