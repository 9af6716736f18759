"""The server: who gets in, what a page's closing ends, and that sessions don't meet."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from minidl.play import app
from minidl.play.controls import first_spec
from minidl.play.message import decode
from minidl.play.session import Session
from minidl.web.guard import is_loopback

TOKEN, HOST = "secret", "127.0.0.1:8700"

pytestmark = pytest.mark.usefixtures("kept_programs")


def client(host: str = "127.0.0.1") -> TestClient:
    return TestClient(app.make_app(first_spec(), TOKEN, host), base_url=f"http://{HOST}")


@contextmanager
def page(client: TestClient) -> Iterator[WebSocketTestSession]:
    with client.websocket_connect(f"/{TOKEN}/socket", headers=OWN) as socket:
        yield socket


OWN = {"host": HOST, "origin": f"http://{HOST}"}


def ask(socket: WebSocketTestSession, do: str, **options: Any) -> dict[str, Any]:
    socket.send_text(json.dumps({"do": do, **options}))
    return decode(socket.receive_bytes())[0]


@pytest.mark.parametrize("name", ["", "main.js", "socket.js", "style.css"])
def test_the_pages_files_come_with_a_strict_policy(name: str) -> None:
    answer = client().get(f"/{TOKEN}/{name}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy  # nothing from elsewhere
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/", "/main.js", "/secre/", "/secret2/", "/SECRET/", "//secret/", "/é/"]
)
def test_who_lacks_the_token_gets_nothing(path: str) -> None:
    assert client().get(path).status_code == 403


@pytest.mark.parametrize("path", ["/secret/../app.py", "/secret/%2e%2e/app.py", "/secret/none"])
def test_nothing_else_lies_there(path: str) -> None:
    assert client().get(path).status_code in (403, 404)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HOST, 200),
        ("localhost:9", 200),  # a forwarded port
        ("[::1]:8700", 200),
        ("evil.example:8700", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("10.0.0.1:8700", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_a_name_that_others_own_leads_nowhere(host: str, status: int) -> None:
    assert client().get(f"/{TOKEN}/", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("host", "status"), [("10.0.0.1:8700", 200), ("lab:1", 200), ("evil.example", 421)]
)
def test_where_others_may_come_addresses_and_the_given_name_count(host: str, status: int) -> None:
    assert client("lab").get(f"/{TOKEN}/", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"host": HOST},
        {"host": HOST, "origin": "http://evil.example"},
        {"host": HOST, "origin": "null"},
        {"host": HOST, "origin": "http://127.0.0.1:1"},
        {"host": HOST, "origin": f"https://{HOST}"},
        {"host": "evil.example", "origin": "http://evil.example"},
    ],
)
def test_another_pages_websocket_stays_shut(headers: dict[str, str]) -> None:
    shut = client()
    with (
        pytest.raises(WebSocketDisconnect),
        shut.websocket_connect(f"/{TOKEN}/socket", headers=headers),
    ):
        pass
    with pytest.raises(WebSocketDisconnect), shut.websocket_connect("/no/socket", headers=OWN):
        pass


def test_another_page_may_not_read_the_files() -> None:
    headers = {"origin": "http://evil.example"}
    assert client().get(f"/{TOKEN}/main.js", headers=headers).status_code == 403


def test_two_pages_train_apart_and_ones_mistake_is_its_own() -> None:
    with client() as both, page(both) as one, page(both) as other:
        assert ask(one, "begin")["kind"] == "frame"
        assert ask(other, "epochs", count=2)["epoch"] == 2
        assert ask(one, "use", text="[")["kind"] == "mistake"
        assert ask(one, "change", changes={"lr": 1e30, "loss": "mse"})["kind"] == "frame"
        assert ask(one, "epochs", count=9)["diverged"]
        assert ask(other, "epochs", count=2)["epoch"] == 4
        assert ask(one, "back")["diverged"] is None


@pytest.mark.parametrize("text", ["{", "3", "[" * 5000, '"' + "x" * 70_000 + '"'])
def test_what_is_no_request_closes_its_page_alone(text: str) -> None:
    with client() as both, page(both) as other:
        with page(both) as one:
            one.send_text(text)
            with pytest.raises(WebSocketDisconnect):
                one.receive_bytes()
        assert ask(other, "step")["kind"] == "frame"


def test_a_page_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_SESSIONS", 1)
    with client() as both:
        with page(both) as one:
            ask(one, "begin")
            with page(both) as other:
                assert "close one of them" in decode(other.receive_bytes())[0]["lines"][0]
        with page(both) as later:
            assert ask(later, "begin")["kind"] == "frame"


def test_closing_the_page_ends_its_training(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Session] = []
    init = Session.__init__

    def noted(self: Session, *arguments: Any) -> None:
        made.append(self)
        init(self, *arguments)

    monkeypatch.setattr(Session, "__init__", noted)
    monkeypatch.setattr("minidl.play.session.FRAME_SECONDS", 1000)
    with client() as one, page(one) as socket:
        ask(socket, "begin")
        for _ in range(50):  # for minutes
            socket.send_text(json.dumps({"do": "epochs", "count": 1000}))
        while not made[0].finished:
            time.sleep(0.01)
    before = None
    while before != made[0].finished:  # it ends the epoch that it is in
        before = made[0].finished
        time.sleep(0.2)
    assert made[0].finished < 50_000


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("lab", False)],
)
def test_what_only_this_machine_reaches_is_known(host: str, own: bool) -> None:
    assert is_loopback(host) is own
