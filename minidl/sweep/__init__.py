"""Many runs at once: the members of a grid train side by side, in lanes and on all cores.

Start reading at run.py (members → queue → workers → results), then queue.py and worker.py. What
happens to a single member is told in runs/ and train/; nothing here repeats it.
"""
