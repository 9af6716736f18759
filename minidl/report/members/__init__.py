"""What a report knows of each run, read once, and the groups of runs that differ by seed alone.

Start reading at collect.py (folders → members), then groups.py (members → statistics). How anything
looks is up to tables/ and figures/.
"""
