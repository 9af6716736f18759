"""The report's page, live: `minidl watch`.

feed.py says what changed in the folders, tail.py reads what was added to a file of rows, app.py
sends it to the pages, whose code is that of report/html/browser/.
"""
