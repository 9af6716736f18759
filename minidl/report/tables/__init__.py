"""Tables of groups, of comparisons and of records, in every format that a terminal or a file takes.

Start reading at table.py (groups → rows, numbers still whole), then grid.py (rows → words) and
formats.py. Nothing here draws.
"""
