"""From bytes to a run folder: files, locks, names, records, metrics.csv, checkpoints.

Start reading at run_folder.py, which alone knows what lies in a run folder, then files.py and
system.py, through which all that touches the disk goes. Nothing here knows what is trained, and
nothing imports torch before a checkpoint is read or written.
"""
