"""A sweep on disk: one config with some settings varied, a run folder per combination.

sweep_<YYYYmmdd>_<HHMMSS>/ begins with sweep.json, version 1:

    {"version": 1, "n": 10, "base_seed": 7, "config_file": "config.json", "arguments": [...],
     "axes": {PATH: [VALUE, ...]}, "zipped": [[PATH, PATH]],
     "runs": [{"name", "settings": {PATH: VALUE}, "config_sha256"}, ...], "own": NAME}

"axes" has every varied key by its dotted path; those of one list in "zipped" go hand in hand. Each
of "runs" is a combination, its run folder lies under its name, and dialogue i of every run has the
same seed (in goal mode also objective and persona). "own" is the run whose settings are the
config's own; null, or absent, where none is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.files.whole import read_json, reading

VERSION = 1
FILE = "sweep.json"


@dataclass(frozen=True, slots=True)
class SweptRun:
    """One combination: `settings` by dotted path; the run folder's name."""

    name: str
    settings: Mapping[str, Any]
    config_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep was made for: `n` dialogues a run (in goal mode per objective and persona)."""

    n: int
    base_seed: int
    axes: Mapping[str, tuple[Any, ...]]
    runs: tuple[SweptRun, ...]
    zipped: tuple[tuple[str, ...], ...] = ()
    own: str | None = None

    @property
    def factors(self) -> tuple[tuple[str, ...], ...]:
        """What varies independently: an axis alone, or those that are zipped."""
        together = {path: group for group in self.zipped for path in group}
        return tuple(dict.fromkeys(together.get(path, (path,)) for path in self.axes))


def is_sweep(folder: Path) -> bool:
    """Whether the folder is a sweep's, and not a run's."""
    return (folder / FILE).is_file()


def read_sweep(folder: Path) -> Sweep:
    """What sweep.json says; LogError where it cannot be read."""
    path = folder / FILE
    with reading(lambda error: f"{path}: cannot be read as a sweep ({error})"):
        value = read_json(path, VERSION)
        axes = {str(key): tuple(values) for key, values in value["axes"].items()}
        zipped = tuple(tuple(map(str, group)) for group in value.get("zipped", ()))
        runs = tuple(
            SweptRun(str(run["name"]), dict(run["settings"]), run.get("config_sha256"))
            for run in value["runs"]
        )
        check(axes, zipped, runs)
        own = value.get("own")
        return Sweep(int(value["n"]), int(value["base_seed"]), axes, runs, zipped, own)


def check(
    axes: Mapping[str, tuple[Any, ...]],
    zipped: tuple[tuple[str, ...], ...],
    runs: tuple[SweptRun, ...],
) -> None:
    """ValueError where the parts do not fit together, or a name leads out of the folder."""
    names = [run.name for run in runs]
    if not names:
        raise ValueError("no runs")
    if len(set(names)) < len(names):
        raise ValueError("two runs of one name")
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise ValueError(f"{name!r} cannot be the name of a run folder")
    for path in {path for group in zipped for path in group} - axes.keys():
        raise ValueError(f"zipped {path} is no axis")
    for run in runs:
        if run.settings.keys() != axes.keys():
            raise ValueError(f"the settings of {run.name!r} are not those of the axes")
