"""The page that trains live, served until a signal ends it."""

from __future__ import annotations

from minidl.play.app import MAX_REQUEST, make_app
from minidl.play.session import Session, endless
from minidl.spec import Spec
from minidl.web import server


def serve(spec: Spec, where: server.Where) -> int:
    """Serve the page; returns the exit code.

    Raises ConfigError, DataError and RunError where the spec can't train or has no plane, and where
    the address can't be had.
    """
    Session(endless(spec))  # what is wrong with it shows here, and its code is compiled
    return server.serve(lambda token: make_app(spec, token, where.host), where, 4 * MAX_REQUEST)
