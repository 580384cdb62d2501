"""A run folder on disk: N dialogues of one config, each with files of its own.

parrot_<YYYYmmdd>_<HHMMSS>/ begins with run.json: {"version", "n", "base_seed", "config" (the
effective one), "config_file", "arguments"}, so that it can be finished later. Dialogue i (from 1)
has the seed base_seed + i - 1 and the files FOLDER_i.log (what stdout showed), .jsonl (the record)
and, where something went wrong, .err. Nothing is started here.
"""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from broken_record.config import Config, Loaded, load, parse
from broken_record.errors import LogError
from broken_record.runlog import parse_record

VERSION = 1


def load_with(config_file: str, arguments: list[str]) -> tuple[Loaded, int | None]:
    """(the effective config, the seed that the arguments name), as parrot.py would read them."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--seed", type=int)
    options, _ = parser.parse_known_args(arguments)
    return load(Path(config_file), options.settings), options.seed


def make_folder(n: int, config_file: str, arguments: list[str], now: datetime) -> Path:
    """A new run folder with its run.json."""
    loaded, seed = load_with(config_file, arguments)
    base_seed = next(s for s in (seed, loaded.config.seed, secrets.randbits(31)) if s is not None)
    stem = now.strftime("parrot_%Y%m%d_%H%M%S")
    folder, copy = Path(stem), 1
    while True:
        try:
            folder.mkdir()
            break
        except FileExistsError:
            copy += 1
            folder = Path(f"{stem}_{copy}")
    run = {
        "version": VERSION, "n": n, "base_seed": base_seed, "config": dict(loaded.values),
        "config_file": config_file, "arguments": arguments,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Run:
    """What a run folder was made for; `config` holds the effective config's values."""

    n: int
    base_seed: int
    config: Mapping[str, Any]


def read_run(folder: Path) -> Run:
    """What run.json says; LogError where it is no run folder."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return Run(int(run["n"]), int(run["base_seed"]), run["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LogError(f"{folder}: no run folder (its run.json cannot be read: {error})") from error


def config_of_run(folder: Path) -> Config:
    """The config that a run folder was made with."""
    return parse(json.dumps(read_run(folder).config), str(folder / "run.json")).config


@dataclass(frozen=True, slots=True)
class Job:
    """One dialogue to run: the stem of its files, and parrot.py's arguments."""

    stem: Path
    arguments: tuple[str, ...]


def jobs_of(folder: Path, config_file: Path) -> Iterator[Job]:
    """The dialogues of a run folder that are not done; LogError where it is no run folder."""
    run = read_run(folder)
    config_file.write_text(json.dumps(run.config), encoding="utf-8")
    for i in range(1, run.n + 1):
        stem = folder / f"{folder.name}_{i:0{len(str(run.n))}}"
        record = stem.with_suffix(".jsonl")
        status = status_of(record)
        if status is None:
            new = (str(config_file), "--seed", str(run.base_seed + i - 1), "--record", str(record))
            yield Job(stem, new)
        elif status not in ("done", "looped"):
            yield Job(stem, ("--resume", str(record)))


def status_of(record: Path) -> str | None:
    """How a record ended; None where there is none, or none that has begun (which is set aside)."""
    try:
        return parse_record(record.read_text(encoding="utf-8").split("\n"), record.name).status
    except FileNotFoundError:
        return None
    except (LogError, UnicodeDecodeError):
        record.rename(record.with_name(record.name + ".torn"))
        return None
