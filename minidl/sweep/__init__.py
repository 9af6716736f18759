"""Many runs at once: the members of a grid train side by side, in lanes and on all cores.

Start reading at plan.py and run.py (members → queue → workers → results), then queue.py and
worker.py; search.py has what trains in rounds. What happens to a single member is told in runs/ and
train/; nothing here repeats it.
"""
