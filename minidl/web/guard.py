"""Who may come in: those with the token in the address, from this server's own page."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing from elsewhere, nothing inline, in nobody's frame; no other page learns the address.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """Passes on requests below /TOKEN/ whose Host and Origin are this server's own.

    Host: a name that a stranger owns may lead here (DNS rebinding), so only `localhost`, the
    `host` that was given, and addresses count. Origin: a browser sends it with each websocket,
    and must. The token is compared in constant time.
    """

    app: ASGIApp
    token: str
    host: str
    policy: str = POLICY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, self.with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it opens: 403
        else:
            status, text = refusal
            await PlainTextResponse(text, status)(scope, receive, self.with_headers(send))

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason; None for a request that may pass."""
        headers = Headers(scope=scope)
        host, origin = headers.getlist("host"), headers.getlist("origin")
        if len(host) != 1 or not self.is_own(host[0]):
            return 421, "this isn't the host that minidl serves\n"
        wanted = [f"http://{host[0]}"]
        if origin != wanted and (origin or scope["type"] == "websocket"):
            return 403, "only minidl's own page may ask\n"
        first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not hmac.compare_digest(first.encode(), self.token.encode()):
            return 403, "the address lacks the token that minidl printed\n"
        return None

    def with_headers(self, send: Send) -> Send:
        """Adds HEADERS and the policy to a response."""
        headers = {**HEADERS, "content-security-policy": self.policy}
        more = [(name.encode(), value.encode()) for name, value in headers.items()]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        return sent

    def is_own(self, host: str) -> bool:
        """Whether a Host header names this server."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name in ("localhost", "127.0.0.1", "::1", self.host.lower()):
            return True
        if is_loopback(self.host) or name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
