"""A run folder on disk: N dialogues of one config, each with files of its own.

parrot_<YYYYmmdd>_<HHMMSS>/ begins with run.json: {"version", "n", "base_seed", "config" (the
effective one), "config_file", "arguments", "goals" ([objective, persona] ...)}, so that it can be
finished later. Dialogue i (from 1) has the seed base_seed + i - 1 and the files FOLDER_i.log (what
stdout showed), .jsonl (the record) and, where something went wrong, .err. In goal mode there are n
dialogues per objective and persona, OBJECTIVE_PERSONA_REPLICA.jsonl, each with a seed that depends
on base_seed and its name alone. Nothing is started here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, zip_longest
from pathlib import Path
from typing import Any

from broken_record.config.load import Loaded, load, parse
from broken_record.config.schema import Config
from broken_record.errors import ConfigError, LogError
from broken_record.record_writer import is_written
from broken_record.runlog import parse_record

VERSION = 1
FINISHED = ("done", "looped")


def load_with(config_file: str, arguments: Sequence[str]) -> tuple[Loaded, int | None]:
    """(the effective config, the seed that the arguments name), as parrot.py would read them;
    ConfigError for arguments of another kind.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--seed", type=int)
    options, unknown = parser.parse_known_args(list(arguments))
    if options.seed is not None and options.seed < 0:
        raise ConfigError([f"--seed: expected a whole number of at least 0, found {options.seed}"])
    if unknown:
        raise ConfigError(
            [f"{unknown[0]}: behind -- stands --set KEY=VALUE, which may be repeated, or --seed N"]
        )
    return load(Path(config_file), options.settings), options.seed


def make_folder(n: int, config_file: str, arguments: list[str], now: datetime) -> Path:
    """A new run folder with its run.json."""
    loaded, seed = load_with(config_file, arguments)
    base_seed = next(s for s in (seed, loaded.config.seed, secrets.randbits(31)) if s is not None)
    folder = new_folder(now.strftime("parrot_%Y%m%d_%H%M%S"))
    fill_folder(folder, n, base_seed, loaded, config_file, arguments)
    return folder


def new_folder(stem: str) -> Path:
    """A folder that was not there, `stem` or `stem`_2 ..."""
    folder, copy = Path(stem), 1
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            copy += 1
            folder = Path(f"{stem}_{copy}")


def fill_folder(
    folder: Path, n: int, base_seed: int, loaded: Loaded, config_file: str, arguments: Sequence[str]
) -> None:
    """Write a run folder's run.json."""
    run = {
        "version": VERSION, "n": n, "base_seed": base_seed, "config": dict(loaded.values),
        "config_file": config_file, "arguments": list(arguments),
        "goals": goals_of(loaded.config),
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run folder was made for; `config` holds the effective config's values."""

    n: int
    base_seed: int
    config: Mapping[str, Any]
    goals: tuple[tuple[str, str], ...] = ()


def read_run(folder: Path) -> Run:
    """What run.json says; LogError where it is no run folder."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        goals = tuple((str(objective), str(persona)) for objective, persona in run.get("goals", ()))
        return Run(int(run["n"]), int(run["base_seed"]), run["config"], goals)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogError(f"{folder}: no run folder (its run.json cannot be read: {error})") from error


def config_of_run(folder: Path) -> Config:
    """The config that a run folder was made with."""
    return parse(json.dumps(read_run(folder).config), str(folder / "run.json")).config


@dataclass(frozen=True, slots=True)
class Job:
    """One dialogue to run: the stem of its files, and parrot.py's arguments."""

    stem: Path
    arguments: tuple[str, ...]

    def file(self, suffix: str) -> Path:
        """One of its files; the stem's name may hold points."""
        return self.stem.with_name(self.stem.name + suffix)


@dataclass(frozen=True, slots=True)
class Planned:
    """One dialogue of a run folder, done or not: its folder and name, its seed, and what is set for
    it alone.
    """

    folder: Path
    name: str
    seed: int
    settings: tuple[str, ...]

    @property
    def record(self) -> Path:
        """Where it is recorded."""
        return self.folder / f"{self.name}.jsonl"


def plan_of(folders: Sequence[Path]) -> list[Planned]:
    """Every dialogue of run folders, always in one order: the first of each, then the second of
    each, so that what is cut off can be compared. LogError where one is no run folder.
    """
    runs = [
        [Planned(folder, *dialogue) for dialogue in dialogues_of(read_run(folder), folder.name)]
        for folder in folders
    ]
    return [planned for ones in zip_longest(*runs) for planned in ones if planned is not None]


def jobs_of(folders: Sequence[Path], scratch: Path) -> Iterator[Job]:
    """The dialogues of run folders that are not done; their configs are written into `scratch`."""
    files = {folder: scratch / f"config{k}.json" for k, folder in enumerate(folders)}
    for folder, file in files.items():
        file.write_text(json.dumps(read_run(folder).config), encoding="utf-8")
    for planned in plan_of(folders):
        if job := job_of(planned, files[planned.folder]):
            yield job


def job_of(planned: Planned, config_file: Path) -> Job | None:
    """What is left to do of a dialogue; None of one that is done, or held by another process."""
    stem, record = planned.folder / planned.name, str(planned.record)
    if is_written(planned.record):
        return None
    status = status_of(planned.record)
    if status is None:
        seed = str(planned.seed)
        return Job(stem, (str(config_file), "--seed", seed, "--record", record, *planned.settings))
    return None if status in FINISHED else Job(stem, ("--resume", record))


def goals_of(config: Config) -> list[tuple[str, str]]:
    """Every objective with every persona, or those that the config chooses; none of a chat."""
    return [
        (objective.id, persona.id)
        for objective in config.objectives
        for persona in config.personas
        if config.objective in (None, objective.id) and config.persona in (None, persona.id)
    ]


def dialogues_of(run: Run, folder: str) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """(name, seed, settings) of every dialogue of a run."""
    width = len(str(run.n))
    if not run.goals:
        for i in range(1, run.n + 1):
            yield f"{folder}_{i:0{width}}", run.base_seed + i - 1, ()
        return
    for objective, persona in run.goals:
        for replica in range(1, run.n + 1):
            name = f"{objective}_{persona}_{replica}"
            chosen = {"objective": objective, "persona": persona, "replica": replica}
            settings = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
            words = tuple(word for setting in settings for word in ("--set", setting))
            yield name, seed_of(run.base_seed, objective, persona, replica), words


def seed_of(base_seed: int, objective: str, persona: str, replica: int) -> int:
    """The seed of one goal dialogue, whatever else its run holds: 31 bits of SHA-256."""
    text = f"{base_seed}:{objective}:{persona}:{replica}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def read_status(record: Path) -> str:
    """How a record ended."""
    return parse_record(record.read_text(encoding="utf-8").split("\n"), record.name).status


def status_of(record: Path) -> str | None:
    """How a record ended; None where there is none, or none that has begun, of which not even the
    first line is whole (it is set aside). LogError where one cannot be read.
    """
    try:
        return read_status(record)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise LogError(f"{record}: is not UTF-8 text") from error
    except OSError as error:
        raise LogError(f"{record}: cannot be read: {error.strerror}") from error
    except LogError:
        if b"\n" in record.read_bytes():
            raise
        names = (record.with_name(f"{record.name}.torn{k or ''}") for k in count())
        record.rename(next(path for path in names if not path.exists()))
        return None


def is_done(record: Path) -> bool:
    """True where nothing is left to do; whoever is writing the record is not disturbed."""
    try:
        return read_status(record) in FINISHED
    except (FileNotFoundError, LogError, UnicodeDecodeError):
        return False
