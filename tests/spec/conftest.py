"""What the tests of configs share."""

from collections.abc import Callable

import pytest

from minidl.errors import ConfigError
from minidl.spec import parse_spec


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
