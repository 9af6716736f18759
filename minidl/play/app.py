"""The server's answers: the page's files, and a websocket for each page's training."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from minidl.errors import MinidlError
from minidl.play.answers import Answers, mistake
from minidl.spec import Spec
from minidl.web.guard import Guard

PAGE = Path(__file__).parent / "page"
MOST_SESSIONS = 8  # pages that train at once
MOST_WAITING = 64  # requests of a page; one that sends more is none of ours
MAX_REQUEST = 2**18  # characters: a table of 5,000 points and more


def make_app(spec: Spec, token: str, host: str) -> ASGIApp:
    """The application: all below /TOKEN/, for those whom `Guard` lets in."""
    sessions = _Sessions(spec)
    inside = [
        WebSocketRoute("/socket", sessions.serve),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    return Guard(Starlette(routes=[Mount(f"/{token}", routes=inside)]), token, host)


class _Sessions:
    """The trainings of all open pages, each in a thread of its own."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.open = 0

    async def serve(self, socket: WebSocket) -> None:
        """Answer one page, request by request, until it closes."""
        await socket.accept()
        if self.open >= MOST_SESSIONS:
            line = f"{MOST_SESSIONS} pages train already: close one of them, then load this again"
            await socket.send_bytes(mistake(line))
            await socket.close()
            return
        self.open += 1
        # Small steps on several threads wait for each other.
        thread = ThreadPoolExecutor(1, "play", partial(torch.set_num_threads, 1))
        try:
            await _Talk(socket, thread).hold(self.spec)
        finally:
            self.open -= 1
            thread.shutdown(wait=False, cancel_futures=True)


class _Talk:
    """One page, and what answers it."""

    def __init__(self, socket: WebSocket, thread: ThreadPoolExecutor) -> None:
        self.socket, self.thread = socket, thread
        self.requests: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(MOST_WAITING)
        self.answers: Answers | None = None
        self.closed = False

    async def hold(self, spec: Spec) -> None:
        """Until the page closes, which ends its training at once."""
        answering = asyncio.create_task(self._answer(spec))
        try:
            await self._listen()
        finally:
            self.closed = True
            if self.answers is not None:
                self.answers.session.end()
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await answering
            if self.answers is not None:
                await asyncio.get_running_loop().run_in_executor(self.thread, self.answers.close)

    async def _listen(self) -> None:
        """Take requests, until there are no more, or they are none."""
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                text = await self.socket.receive_text()
                try:
                    request = json.loads(text) if len(text) <= MAX_REQUEST else None
                except (ValueError, RecursionError):
                    request = None
                if not isinstance(request, dict) or self.requests.full():
                    await self.socket.close(1008)
                    return
                self.requests.put_nowait(request)

    async def _answer(self, spec: Spec) -> None:
        """Answer one request after the other, in the session's thread."""
        loop = asyncio.get_running_loop()
        try:
            self.answers = await loop.run_in_executor(self.thread, Answers, spec)
        except MinidlError as error:  # a file that play was started with may have gone
            await self.socket.send_bytes(mistake(error))
            return
        while not self.closed:
            request = await self.requests.get()
            answer = await loop.run_in_executor(self.thread, self.answers.answer, request)
            await self.socket.send_bytes(answer)
