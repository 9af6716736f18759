"""`minidl play`: how it begins, how it ends, and what it says in one line."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from trainings import SMALL, minidl

COMMAND = [sys.executable, "-m", "minidl_cli.main", "play", "--no-browser"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="SIGINT"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_it_serves_until_a_signal_ends_it(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    process = subprocess.Popen(
        [*COMMAND, config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    address = process.stdout.readline().strip()
    try:
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"minidl <span>play" in page.read()
    finally:
        process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert (out, err) == ("", "Ctrl-C ends it\n")
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]  # nothing is written


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = minidl("play", "--no-browser", "--port", port)
    assert done.code == 2
    assert done.err == (
        f"minidl: --port: can't listen at 127.0.0.1, port {port}: address already in use;"
        " without --port a free one is taken\n"
    )


def test_a_host_that_isnt_there_is_said_in_one_line() -> None:
    done = minidl("play", "--no-browser", "--host", "nowhere.invalid")
    assert done.code == 2
    assert done.err.startswith("minidl: --host: nowhere.invalid: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["data=iris", "loss=cross_entropy"],
            "has 4 inputs: the page draws a plane, which takes two",
        ),
        (["data=noisy_sine"], "has 1 input: the page draws a plane, which takes two"),
        (["optimizer.lr=0"], "optimizer.lr: expected a number > 0, but got 0"),
    ],
)
def test_what_cant_be_shown_is_said_in_one_line(
    overrides: list[str], message: str, tmp_path: Path
) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    done = minidl("play", config, "--no-browser", *overrides)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("uvicorn", "starlette")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in ("minidl.play.serve", "minidl.web.server"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    done = minidl("play")
    assert done.code == 2
    assert done.err == "minidl: minidl play needs uvicorn: pip install 'minidl[play]'\n"
