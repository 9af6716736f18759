"""The server's life: it listens, opens the page, and ends with the first signal."""

from __future__ import annotations

import contextlib
import secrets
import socket
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from minidl.errors import RunError
from minidl.signals import orderly_end
from minidl.store.system import reason
from minidl.web.guard import is_loopback

PATIENCE = 2  # seconds that open pages have when the server ends

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Where:
    """Where a page is served. `show` gets its address, `say` all else."""

    host: str
    port: int
    browser: bool
    show: Tell
    say: Tell


def serve(make: Callable[[str], ASGIApp], where: Where, max_message: int) -> int:
    """Serve what `make` makes of a token until a signal comes; returns the exit code.

    A page's messages have at most `max_message` bytes. Raises RunError where the address can't be
    had.
    """
    token, host = secrets.token_urlsafe(24), where.host
    with _listening(host, where.port) as listener:
        server = _Server(
            uvicorn.Config(
                make(token),
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                ws="websockets-sansio",
                ws_max_size=max_message,
                timeout_graceful_shutdown=PATIENCE,
            )
        )
        name = host if ":" not in host else f"[{host}]"
        address = f"http://{name}:{listener.getsockname()[1]}/{token}/"
        where.show(address)
        if not is_loopback(host):
            where.say(f"warning: {host} may be reached from other machines, by plain HTTP")
        if where.browser and not _open(address):
            where.say("no browser found here: open the address in one")
        where.say("Ctrl-C ends it")
        with orderly_end(server.end) as received:
            server.run(sockets=[listener])
        return received.exit_code


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    def end(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there; a port of 0 is any that is free. Raises RunError."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[
            0
        ]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise RunError(f"--host: {host}: {reason(error)}") from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen()
        except OSError as error:
            message = f"--port: can't listen at {host}, port {port}: {reason(error)}"
            raise RunError(f"{message}; without --port a free one is taken") from error
        yield listener


def _open(address: str) -> bool:
    """Open a browser; False where there is none but in a terminal, which it would take."""
    try:
        controller = webbrowser.get()
    except webbrowser.Error:
        return False
    if type(controller) is webbrowser.GenericBrowser:
        return False
    return controller.open(address)
