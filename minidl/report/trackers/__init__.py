"""What other tools show of runs: their own files, written from run folders, which stay the truth.

Start reading at log.py. A tracker writes beside the runs and never into them.
"""
