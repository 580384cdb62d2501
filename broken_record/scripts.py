"""The scripts as seen from the package: where they lie, what starts them, what signals do to them,
where their messages go, and which packages one needs before it begins.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import NoReturn

from broken_record import __version__
from broken_record.errors import ConfigError
from broken_record.terminal import escape_controls


def path_of(script: str) -> Path:
    """Where a script lies: inside the package that a wheel installs, beside it in a checkout.

    >>> path_of("parrot.py").name
    'parrot.py'
    """
    package = Path(__file__).parent
    inside = package / "_scripts" / script
    return inside if inside.exists() else package.parent / script


def open_stdout() -> None:
    """Make stdout take every text, as UTF-8; ConfigError where it is closed, and the first file
    that is opened would take its place.
    """
    if sys.stdout is None:
        raise ConfigError(["stdout is closed; what should show nothing is called with >/dev/null"])
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def run(script: str) -> int:
    """Run a script, which reads the command line; its exit code."""
    spec = spec_from_file_location(Path(script).stem, path_of(script))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    code: int = module.main()
    return code


def parrot() -> int:
    """The command `parrot`."""
    return run("parrot.py")


def analyze() -> int:
    """The command `parrot-analyze`."""
    return run("analyze.py")


def view() -> int:
    """The command `parrot-view`."""
    return run("view.py")


def stop_on_signals() -> list[int]:
    """Make SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt; the list says which came.

    An exception that a handler raises is lost when it strikes in a finaliser, so whoever loops
    looks at the list too.
    """
    came: list[int] = []

    def stop(number: int, frame: object) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt

    handle_signals(stop)
    return came


def handle_signals(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let a handler take the signals that end a script; one that is ignored, as nohup has it, stays
    ignored.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def add_version(parser: argparse.ArgumentParser) -> None:
    """Let a script say which parrot it is."""
    said = f"%(prog)s {__version__}"
    parser.add_argument("--version", action="version", version=said, help="say the version")


class Harmless(logging.Formatter):
    """A message as it is, the control characters of whatever names it holds escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return escape_controls(super().format(record))


def log_to_stderr() -> None:
    """Let every message of the program and its libraries be a harmless line on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(Harmless("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def tell(text: str) -> None:
    """The same of a text as it is, at once."""
    sys.stderr.write(escape_controls(text))
    sys.stderr.flush()


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
