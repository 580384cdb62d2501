"""Files read whole, and written whole or not at all: every text, JSON object and version that
stands in a file of ours is read here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from broken_record.data import is_whole
from broken_record.errors import LogError


def check_regular(path: Path) -> None:
    """OSError where there is something that is no file: a pipe would be waited for, for ever."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(EINVAL, "it is a pipe or a device, and no file")


def read_text(
    path: Path, name: str | None = None, *, newline: str | None = None, errors: str = "strict"
) -> str:
    r"""The text of a UTF-8 file without its byte order mark, \r and \r\n read as \n (with `newline`
    "" kept as they are); `errors` is open()'s.

    LogError says of `name`, else of the path, why it cannot be read.
    """
    try:
        check_regular(path)
        with path.open(encoding="utf-8-sig", newline=newline, errors=errors) as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise LogError(f"{name or path}: is not UTF-8 text") from error
    except OSError as error:
        raise LogError(f"{name or path}: cannot be read: {error.strerror}") from error


def read_json(path: Path, version: int) -> dict[str, Any]:
    """The JSON object in a file of ours; OSError, and ValueError where it holds none, or one of a
    version above `version` (without any it is of this one).
    """
    check_regular(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    found = value.get("version", version)
    if not is_whole(found) or found > version:
        raise ValueError(f"version {found} is newer than this program reads")
    return value


@contextmanager
def reading(say: Callable[[Exception], str]) -> Iterator[None]:
    """Whatever a file does not hold as it should becomes a LogError that says what `say` makes of
    it.
    """
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise LogError(say(error)) from error


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file under a temporary name of its own that gets the right one when all is written, and
    goes when not; LogError names what cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise LogError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, content: Iterable[bytes]) -> None:
    """Write a file whole or not at all."""
    with written_whole(path) as file:
        file.writelines(content)
