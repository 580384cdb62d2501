from __future__ import annotations

import os
from pathlib import Path

import pytest

from broken_record.analysis.workers import BATCH, work_through
from broken_record.errors import LogError

HERE = os.getpid()


def look(path: Path) -> tuple[str, bool]:
    """Its name, and whether it is looked at in the tests' own process."""
    return path.name, os.getpid() == HERE


def die(path: Path) -> None:
    os._exit(9)


def make_files(folder: Path, size: int) -> list[Path]:
    files = [folder / f"{k}.jsonl" for k in range(4)]
    for path in files:
        path.write_bytes(b" " * size)
    return files


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_much_is_worked_through_by_other_processes_in_order(tmp_path):
    files = make_files(tmp_path, BATCH)
    expected = [(path.name, False) for path in files]
    assert list(work_through(look, files, files)) == expected


def test_little_is_worked_through_here(tmp_path):
    files = [*make_files(tmp_path, 10), tmp_path / "gone"]
    assert list(work_through(look, files, files)) == [(path.name, True) for path in files]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_a_process_that_is_killed_is_an_error(tmp_path):
    files = make_files(tmp_path, BATCH)
    with pytest.raises(LogError, match="was killed"):
        list(work_through(die, files, files))
