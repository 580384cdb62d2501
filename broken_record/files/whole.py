"""Files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from broken_record.errors import LogError


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file under a temporary name that gets its own when all is written, and goes when not;
    LogError names what cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
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
