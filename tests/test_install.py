"""What an installation is told by pyproject.toml."""

import tomllib
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_an_extra_asks_an_older_python_for_nothing(extra):
    # without the markers an old Python's pip resolves for minutes before it says that this Python is too old
    oldest = PROJECT["requires-python"].removeprefix(">=")
    for item in PROJECT["optional-dependencies"][extra]:
        assert item.endswith(f"; python_version >= '{oldest}'"), item
