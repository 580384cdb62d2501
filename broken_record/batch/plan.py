"""What a batch is to do: the run folders it makes, and of every dialogue in them its name, its
seed and what is left of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from broken_record.config.load import Loaded, load
from broken_record.config.schema import Config
from broken_record.engines.registry import check_engines
from broken_record.engines.weights import check_weights
from broken_record.errors import ConfigError, LogError
from broken_record.files.record import is_written
from broken_record.files.run_folder import (
    FINISHED,
    Run,
    fill_folder,
    new_folder,
    read_run,
    read_status,
)


def parse_arguments(arguments: Sequence[str]) -> tuple[list[str], int | None]:
    """(settings, seed) that stand behind `--`; ConfigError for arguments of another kind."""
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
    return options.settings, options.seed


def load_with(config_file: str, arguments: Sequence[str]) -> tuple[Loaded, int | None]:
    """(the effective config, the seed that the arguments name), as parrot.py would read them;
    ConfigError for arguments of another kind.
    """
    settings, seed = parse_arguments(arguments)
    loaded = load(Path(config_file), settings)
    check_engines(loaded.config, str(Path(config_file)))
    return loaded, seed


def check_needs(configs: Sequence[Config]) -> None:
    """ConfigError where a config needs what is missing here: track's package, or the weights of an
    embedded model.
    """
    check_weights(configs)
    if any(config.track for config in configs):
        from broken_record.conversation.aim import check_track

        check_track("aim")


def make_folder(n: int, config_file: str, arguments: list[str], now: datetime) -> Path:
    """A new run folder with its run.json."""
    loaded, seed = load_with(config_file, arguments)
    base_seed = next(s for s in (seed, loaded.config.seed, secrets.randbits(31)) if s is not None)
    folder = new_folder(now.strftime("parrot_%Y%m%d_%H%M%S"))
    fill_folder(folder, n, base_seed, loaded, config_file, arguments)
    return folder


@dataclass(frozen=True, slots=True)
class Job:
    """One dialogue to run: the stem of its files, and parrot.py's arguments; or why its record
    cannot be gone on with.
    """

    stem: Path
    arguments: tuple[str, ...]
    unreadable: str | None = None

    def file(self, suffix: str) -> Path:
        """One of its files; the stem's name may hold points."""
        return self.stem.with_name(self.stem.name + suffix)


@dataclass(frozen=True, slots=True)
class Planned:
    """One dialogue of a run folder, done or not: its folder and name, its seed, and what is set for
    it alone. The record of a branch lies there from the beginning, and holds these.
    """

    folder: Path
    name: str
    seed: int
    settings: tuple[str, ...]
    is_branch: bool = False

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
    """The dialogues of run folders that are not done, and those that cannot be; their configs are
    written into `scratch`.
    """
    files = {folder: scratch / f"config{k}.json" for k, folder in enumerate(folders)}
    for folder, file in files.items():
        file.write_text(json.dumps(read_run(folder).config), encoding="utf-8")
    for planned in plan_of(folders):
        try:
            job = job_of(planned, files[planned.folder])
        except LogError as error:
            job = Job(planned.folder / planned.name, (), str(error))
        if job:
            yield job


def job_of(planned: Planned, config_file: Path) -> Job | None:
    """What is left to do of a dialogue; None of one that is done, or held by another process."""
    stem, record = planned.folder / planned.name, str(planned.record)
    if is_written(planned.record):
        return None
    status = read_status(planned.record)
    if status is None and planned.is_branch:
        raise LogError(f"{planned.record}: is gone, and with it where this branch began")
    if status is None:
        seed = str(planned.seed)
        words = (f"--record={record}", *planned.settings)  # a folder's name may begin with a hyphen
        return Job(stem, (str(config_file), "--seed", seed, *words))
    return None if status in FINISHED else Job(stem, (f"--resume={record}",))


def dialogues_of(
    run: Run, folder: str
) -> Iterator[tuple[str, int, tuple[str, ...]] | tuple[str, int, tuple[str, ...], bool]]:
    """The fields of Planned behind the folder, of every dialogue of a run."""
    if run.branches:
        yield from ((name, run.base_seed, (), True) for name in run.branches)
        return
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
