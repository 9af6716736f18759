"""Tables and figures of runs, from run folders alone: nothing here trains or builds anything.

members/ reads the folders, tables/ and figures/ show them, html/ puts both on a page. Start reading
at study.py, which follows a study's `report:` block through all of them.
"""
