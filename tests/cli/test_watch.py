"""`minidl watch`: how it begins, how it ends, and what it says in one line."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from trainings import minidl


def test_it_serves_until_a_signal_ends_it_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "minidl_cli.main", "watch", str(tmp_path), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    address = process.stdout.readline().strip()
    try:
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b'<table id="table">' in page.read()
    finally:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err) == ("", "Ctrl-C ends it\n")
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_isnt_there_is_said_in_one_line(tmp_path: Path) -> None:
    done = minidl("watch", tmp_path / "nowhere", "--no-browser")
    assert done.code == 2
    assert done.err == f"minidl: {tmp_path / 'nowhere'}: no such folder\n"


def test_without_plotly_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl.report.html.bundle.plotly", lambda: None)
    done = minidl("watch", tmp_path, "--no-browser")
    assert done.code == 2
    assert done.err == "minidl: minidl watch needs plotly: pip install 'minidl[html]'\n"
