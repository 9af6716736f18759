"""What the tests of configs share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from spec.helpers import SWEPT

from minidl.errors import ConfigError
from minidl.spec import Sweep, load_sweep, parse_spec


@pytest.fixture
def problems() -> Callable[..., list[str]]:
    """Reads a config and gives its problems, as a user reads them."""

    def read(text: str, *overrides: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            parse_spec(text, "c.yaml", overrides)
        assert caught.value.exit_code == 2
        return str(caught.value).splitlines()

    return read


@pytest.fixture
def problem(problems: Callable[..., list[str]]) -> Callable[..., str]:
    """The same for a config with one thing wrong, which must give one line."""

    def read(text: str, *overrides: str) -> str:
        lines = problems(text, *overrides)
        assert len(lines) == 1, lines
        return lines[0]

    return read


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sweep]:
    """Loads c.yaml: the base and a block, with overrides."""
    monkeypatch.chdir(tmp_path)

    def loaded(
        block: str = "", *overrides: str, repeats: int | None = None, base: str = SWEPT
    ) -> Sweep:
        Path("c.yaml").write_text(base + block + "\n")
        return load_sweep("c.yaml", overrides, repeats)

    return loaded


@pytest.fixture
def refusal(load: Callable[..., Sweep]) -> Callable[..., list[str]]:
    """What a user reads where a sweep is refused."""

    def read(block: str, *overrides: str, base: str = SWEPT) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(block, *overrides, base=base)
        assert caught.value.exit_code == 2
        return str(caught.value).splitlines()

    return read
