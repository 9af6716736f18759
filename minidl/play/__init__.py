"""A page that trains live: `minidl play`.

Start reading at session.py: one page's training, which goes step by step, epoch by epoch and back
(past.py). plane.py says what the network answers there, controls.py what the page may change,
bounds.py how far. beside.py has other seeds or optimizers, which train in step with it; table.py
the points and tables that a page brings. answers.py is all that a page can ask for, message.py the
bytes of an answer. app.py answers requests, for those whom web/ lets in. page/ is what the browser
gets: plain modules, a noun each, from main.js on.
"""
