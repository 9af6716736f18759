"""minidl schema --install: what it writes for editors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from minidl_cli.schema import schema

from minidl.errors import ConfigError, RunError
from minidl.spec import json_schema, load_spec

SETTINGS = Path(".vscode/settings.json")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/c.yaml").write_text("# mine\ndata: disk\nmodel: mlp\n")


def test_vs_code_finds_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema(install=True)
    assert json.loads(Path(".vscode/minidl.schema.json").read_text()) == json_schema()
    assert json.loads(SETTINGS.read_text()) == {
        "yaml.schemas": {"./.vscode/minidl.schema.json": ["configs/**/*.yaml"]}
    }
    assert capsys.readouterr().out == ""


def test_settings_that_are_there_stay_and_a_second_time_changes_nothing() -> None:
    SETTINGS.parent.mkdir()
    SETTINGS.write_text('{"editor.rulers": [100], "yaml.schemas": {"other.json": "*.yml"}}')
    schema(install=True, files=["*.yaml", "studies/*.yaml"])
    first = SETTINGS.read_text()
    found = json.loads(first)
    assert found["editor.rulers"] == [100]
    assert found["yaml.schemas"]["other.json"] == "*.yml"
    assert found["yaml.schemas"]["./.vscode/minidl.schema.json"] == ["*.yaml", "studies/*.yaml"]
    schema(install=True, files=["*.yaml", "studies/*.yaml"])
    assert SETTINGS.read_text() == first


@pytest.mark.parametrize("text", ['{\n  // mine\n  "a": 1,\n}', "[]", '{"yaml.schemas": 3}'])
def test_settings_that_cannot_be_read_are_left_alone(text: str) -> None:
    SETTINGS.parent.mkdir()
    SETTINGS.write_text(text)
    with pytest.raises(RunError, match=r'settings\.json: isn\'t .*"yaml\.schemas": \{'):
        schema(install=True)
    assert SETTINGS.read_text() == text
    assert not Path(".vscode/minidl.schema.json").exists()


def test_a_config_gets_the_comment_once() -> None:
    config = Path("configs/c.yaml")
    before = load_spec(config)
    for _ in range(2):
        schema([config], install=True)
        assert config.read_text() == (
            "# yaml-language-server: $schema=../.vscode/minidl.schema.json\n"
            "# mine\ndata: disk\nmodel: mlp\n"
        )
    assert load_spec(config) == before


def test_what_is_no_config_is_refused_before_anything_is_written() -> None:
    with pytest.raises(ConfigError, match="no such file"):
        schema([Path("nowhere.yaml")], install=True)
    assert not SETTINGS.exists()
    with pytest.raises(RunError, match="go with --install"):
        schema([Path("configs/c.yaml")])
