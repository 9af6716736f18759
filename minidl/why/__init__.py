"""Why a run trains as it does: symptoms, each with its figure, and what might help.

Start reading at evidence.py (what is known of a run), then symptoms.py (what is told from it, by
which thresholds) and remedies.py. prove.py trains each remedy beside the run itself on the same
seeds: what helps is said by that alone.
"""
