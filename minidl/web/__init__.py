"""Pages that a browser is shown by this process, to nobody but whom they are for.

guard.py lets in who has the token, from this server's own page; server.py is the server's life.
"""
