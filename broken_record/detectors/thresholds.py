"""Thresholds: the detectors' keyword arguments, and what a file puts in their place (JSON: kind ->
name -> number).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from broken_record.data import LARGEST, is_amount
from broken_record.detectors.registry import KINDS, detector_of
from broken_record.errors import ConfigError, nearest

COUNTED = {
    "empty_response": ("in_a_row", "several"),
    "intra_turn_repetition": ("copies",),
    "leading_whitespace": ("shortest_trend",),
    "single_turn_loop": ("copies",),
    "multi_turn_loop": ("least_period",),
    "prefix_repetition": ("short_turns",),
    "suffix_repetition": ("short_turns",),
    "semantic_repetition": ("spent_turns", "over_turns", "meaning_turns"),
}
"""Kind -> the thresholds that count what must be there: nothing at all is no finding."""


def check_kinds(kinds: Collection[str]) -> None:
    """ConfigError names the kinds that do not exist, with the nearest that do."""
    if problems := [
        f"unknown kind {kind}{suggestion(kind, KINDS)}" for kind in kinds if kind not in KINDS
    ]:
        raise ConfigError(problems)


def suggestion(name: str, known: Collection[str]) -> str:
    """`; did you mean ...?` with the nearest known name, else all of them."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else f"; there are {', '.join(known)}"


def default_thresholds() -> dict[str, dict[str, Any]]:
    """The one table of thresholds: kind -> name -> value, from the detectors' keyword arguments.

    >>> default_thresholds()["prefix_repetition"]["words"]
    6
    """
    return {
        kind: {
            parameter.name: parameter.default
            for parameter in inspect.signature(detector_of(kind)).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        for kind in KINDS
    }


def load_thresholds(path: Path | None) -> dict[str, dict[str, Any]]:
    """All thresholds, those of a JSON file in place of the defaults; ConfigError lists what is
    wrong.
    """
    if path is None:
        return default_thresholds()
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not JSON: {error}"]) from error
    return change_thresholds(given, str(path))


def change_thresholds(given: object, where: str) -> dict[str, dict[str, Any]]:
    """All thresholds, those given in place of the defaults; ConfigError lists what is wrong.

    A whole number stays one: 3 copies cannot become 2.5.

    >>> change_thresholds({"word_soup": {"runaways": 4}}, "thresholds")["word_soup"]["runaways"]
    4
    """
    thresholds = default_thresholds()
    problems: list[str] = []
    if not isinstance(given, Mapping):
        raise ConfigError([f'{where}: expected an object like {{"word_soup": {{"runaways": 3}}}}'])
    for kind, values in given.items():
        if kind not in thresholds:
            problems.append(f"{where}: unknown kind {kind}{suggestion(kind, KINDS)}")
            continue
        if not isinstance(values, Mapping):
            problems.append(f"{where}: {kind}: expected an object of names and numbers")
            continue
        for name, value in values.items():
            default = thresholds[kind].get(name)
            if default is None:
                problems.append(
                    f"{where}: {kind}: unknown {name}{suggestion(name, thresholds[kind])}"
                )
            elif isinstance(value, bool) or not isinstance(value, (int, type(default))):
                wanted = "a whole number" if isinstance(default, int) else "a number"
                problems.append(f"{where}: {kind}.{name}: expected {wanted}, found {value!r}")
            elif value < 0:
                problems.append(
                    f"{where}: {kind}.{name}: expected no negative number, found {value}"
                )
            elif not is_amount(value):
                problems.append(
                    f"{where}: {kind}.{name}: expected a number up to {LARGEST:,}, found another"
                )
            elif value == 0 and name in COUNTED.get(kind, ()):
                problems.append(f"{where}: {kind}.{name}: expected a number above 0, found 0")
            elif value > 1 and (kind, name) == ("single_turn_loop", "near"):
                problems.append(f"{where}: {kind}.{name}: expected a share, found {value}")
            else:
                thresholds[kind][name] = value
    if problems:
        raise ConfigError(problems)
    return thresholds
