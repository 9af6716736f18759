"""The server's answers: the page, and a websocket that says what changed."""

from __future__ import annotations

import asyncio
import contextlib
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from minidl.errors import MinidlError
from minidl.report.html.bundle import BROWSER, live_page
from minidl.watch.feed import Feed
from minidl.web.guard import POLICY, Guard

PERIOD = 1.0  # seconds between two looks into the folders
REST = 4.0  # times as long as a look took, nobody looks: trainings need the processor
MOST_PAGES = 16
PATIENCE = 10.0  # seconds that a page has to take a message
# Plotly styles what it draws, and makes pictures of it.
_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self' data:", "img-src 'self' data: blob:"
)


def make_app(feed: Feed, script: str, token: str, host: str) -> ASGIApp:
    """The application: all below /TOKEN/, for those whom `Guard` lets in; `script` is Plotly's."""
    page = live_page(feed.title)

    async def index(request: Request) -> Response:
        return HTMLResponse(page)

    async def plotly(request: Request) -> Response:
        return Response(script, media_type="text/javascript")

    inside = [
        Route("/", index),
        Route("/plotly.js", plotly),
        WebSocketRoute("/socket", _Pages(feed).serve),
        Mount("/", StaticFiles(directory=BROWSER)),
    ]
    return Guard(Starlette(routes=[Mount(f"/{token}", routes=inside)]), token, host, _POLICY)


class _Pages:
    """All open pages; while there are any, the folders are looked into."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.open: set[WebSocket] = set()
        self.turn = asyncio.Lock()  # no page may miss what changes while it gets all there is
        self.looking: asyncio.Task[None] | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Tell one page, until it closes."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            try:
                async with self.turn:
                    if len(self.open) >= MOST_PAGES:
                        await socket.close(1013)
                        return
                    await socket.send_text(await asyncio.to_thread(self.feed.whole))
                    self.open.add(socket)
                if self.looking is None or self.looking.done():
                    self.looking = asyncio.create_task(self._look())
                await socket.receive_text()  # a page has nothing to ask for
                await socket.close(1008)
            finally:
                self.open.discard(socket)

    async def _look(self) -> None:
        """Look for what changed, and tell all pages, as long as there are any."""
        took = 0.0
        while self.open:
            await asyncio.sleep(max(PERIOD, REST * took))
            async with self.turn:
                began = time.perf_counter()
                text = None
                with contextlib.suppress(MinidlError):  # a folder may have gone
                    text = await asyncio.to_thread(self.feed.poll)
                took = time.perf_counter() - began
                if text is not None:
                    await asyncio.gather(*(self._tell(socket, text) for socket in [*self.open]))

    async def _tell(self, socket: WebSocket, text: str) -> None:
        try:
            await asyncio.wait_for(socket.send_text(text), PATIENCE)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            self.open.discard(socket)
