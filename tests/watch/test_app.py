"""The server of the live page: its policy, its guard, and what it sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from study_cases import curves, resolved, write_run

from minidl.watch import app
from minidl.watch.feed import Feed

TOKEN, HOST = "secret", "127.0.0.1:8700"
OWN = {"host": HOST, "origin": f"http://{HOST}"}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(app, "PERIOD", 0.01)
    write_run(tmp_path / "a", resolved(), curves(3))
    made = app.make_app(Feed("<b>runs</b>", [tmp_path]), "var Plotly;", TOKEN, "127.0.0.1")
    with TestClient(made, base_url=f"http://{HOST}") as found:
        yield found


@pytest.mark.parametrize("name", ["", "main.js", "style.css", "plotly.js"])
def test_scripts_are_its_own_alone(client: TestClient, name: str) -> None:
    answer = client.get(f"/{TOKEN}/{name}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy
    assert "//" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_the_folders_name_is_no_markup(client: TestClient) -> None:
    page = client.get(f"/{TOKEN}/").text
    assert "&lt;b&gt;runs" in page
    assert "<b>" not in page


@pytest.mark.parametrize("path", ["/", "/main.js", "/secre/socket"])
def test_who_lacks_the_token_gets_nothing(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"host": HOST}, {**OWN, "origin": "http://example.org"}, {**OWN, "host": "a.b"}]
)
def test_other_pages_get_no_socket(client: TestClient, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"/{TOKEN}/socket", headers=headers),
    ):
        pass


def test_two_pages_are_told_what_changed(client: TestClient, tmp_path: Path) -> None:
    address = f"/{TOKEN}/socket"
    with (
        client.websocket_connect(address, headers=OWN) as one,
        client.websocket_connect(address, headers=OWN) as other,
    ):
        assert [json.loads(page.receive_text())["kind"] for page in (one, other)] == ["all", "all"]
        write_run(tmp_path / "b", resolved(**{"optimizer.lr": 0.3}), curves(3))
        for page in (one, other):
            while len(json.loads(page.receive_text())["runs"]) < 2:
                pass  # of a run that is half written


def test_a_page_that_asks_for_something_is_shown_out(client: TestClient) -> None:
    with client.websocket_connect(f"/{TOKEN}/socket", headers=OWN) as page:
        page.receive_text()
        page.send_text("{}")
        with pytest.raises(WebSocketDisconnect) as ended:
            page.receive_text()
        assert ended.value.code == 1008
