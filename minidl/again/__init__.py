"""What is seen of runs by training them again: of each sample, of the loss around their paths.

Nothing here writes into a run folder.
"""
