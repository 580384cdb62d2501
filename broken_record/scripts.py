"""What the scripts share: which packages one needs before it begins."""

from __future__ import annotations

from importlib.util import find_spec

from broken_record.errors import ConfigError


def check_installed(*packages: str) -> None:
    """ConfigError names the first of these packages that is missing, and how to install it.

    >>> check_installed("json")
    """
    for name in packages:
        if find_spec(name) is None:
            raise ConfigError(
                [f"{name} of requirements.txt is not installed here; run: make .venv, and in every "
                 "new terminal: . .venv/bin/activate"]
            )  # fmt: skip
