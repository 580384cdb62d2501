"""The lines of a record: each read by itself, turns and attempts checked field by field or, where
nothing is wrong with any, a field of all turns at a time.

What the fields mean, and how lines make a dialogue, is record.py's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, make_dataclass, replace
from math import inf, isfinite
from types import NoneType
from typing import Any

from broken_record.data import (
    LARGEST,
    Attempt,
    Turn,
    is_amount,
    is_count,
    is_number,
    is_whole,
)
from broken_record.errors import LogError

TURN_FIELDS = {field.name for field in fields(Turn)}
CONFIDENCE = ("logprob_mean", "logprob_min", "entropy_mean")
IF_ANY = {"extract", "quoted", "self_reply", "noncoherent", "thought", *CONFIDENCE}  # else left out
ATTEMPT_FIELDS = {field.name for field in fields(Attempt)}
MOST_MESSAGES = 10_000_000  # an index makes tables as long as it is large
KINDS: dict[str, tuple[Callable[[object], bool], tuple[str, ...]]] = {  # of fields, null or so
    "whole number": (is_whole, ("seed",)),
    "whole number of at least 0": (
        is_count,
        ("tokens", "prompt_tokens", "cached_tokens", "trimmed", "quoted", "attempt"),
    ),
    "number of at least 0": (is_amount, ("ttft_s", "elapsed_s", "prompt_s", "generation_s")),
    "number": (is_number, CONFIDENCE),
    "text": (
        lambda value: isinstance(value, str),
        (
            "content",
            "error",
            "tokens_from",
            "finish_reason",
            "extract",
            "self_reply",
            "flaw",
            "thought",
        ),
    ),
}
FITS = {name: fits for fits, names in KINDS.values() for name in names}
SOUND: dict[str, tuple[set[type], float, float]] = {  # the types, the least and the most of each
    **dict.fromkeys(KINDS["text"][1], ({str, NoneType}, -inf, inf)),
    **dict.fromkeys(KINDS["whole number"][1], ({int, NoneType}, -inf, inf)),
    **dict.fromkeys(KINDS["whole number of at least 0"][1], ({int, NoneType}, 0, LARGEST)),
    **dict.fromkeys(KINDS["number of at least 0"][1], ({int, float, NoneType}, 0, LARGEST)),
    **dict.fromkeys(KINDS["number"][1], ({int, float, NoneType}, -LARGEST, LARGEST)),
    **dict.fromkeys(("role", "content"), ({str}, -inf, inf)),
    "index": ({int}, 0, MOST_MESSAGES - 1),
}
NEEDED = {"index", "role", "content"}
SPEAKERS = ("assistant", "user")
Draft = make_dataclass("Draft", [(one.name, Any, None) for one in fields(Turn)], slots=True)
"""A turn that is not frozen: setting its fields takes a third of the time, and where all are set it
is made a Turn, which has the same slots.
"""
WRITTEN = ("type", *(one.name for one in fields(Turn) if one.name not in IF_ANY))  # of most turns


def finite(text: str) -> float | None:
    """A number of a record; None, not measured, for one that no computer holds."""
    number = float(text)
    return number if isfinite(number) else None


decode = json.JSONDecoder(parse_float=finite, parse_constant=lambda name: None).decode
scan = json.JSONDecoder(parse_constant=lambda name: None).raw_decode
NO_LINE = (ValueError, TypeError, KeyError, RecursionError)
"""What read_line raises."""


def read_line(line: str) -> dict[str, Any]:
    """A record's line, an object with a type; NO_LINE where it is none.

    >>> read_line('{"type": "end", "elapsed_s": NaN}')
    {'type': 'end', 'elapsed_s': None}
    """
    value: dict[str, Any] = decode(line)
    value["type"]
    if not line.isascii():
        line.encode()  # no half characters, which is how read_record marks bytes that are no UTF-8
    return value


def known(value: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The fields of a JSON object that this version knows."""
    return {name: found for name, found in value.items() if name in names}


def scan_line(line: str) -> dict[str, Any]:
    """What read_line gives, sooner, but that numbers of a turn may be infinite."""
    try:
        value, end = scan(line)
        if end == len(line) and value["type"] == "turn" and line.isascii():
            return value  # type: ignore[no-any-return]
    except ValueError:
        pass
    return read_line(line)


class Drafts:
    """Turns that are made unchecked; `rows` are the values of their lines, by the names there."""

    def __init__(self) -> None:
        self.in_order: list[list[Any]] = []  # those that the writer wrote
        self.rows: dict[tuple[str, ...], list[list[Any]]] = {WRITTEN: self.in_order}

    def turn(self, value: dict[str, Any], file: str, number: int) -> Turn:
        """A turn's line."""
        if value.get("noncoherent") is not None:
            return read_turn(value, file, number)
        names, row = tuple(value), [*value.values()]
        rows = self.rows.get(names)
        if rows is None:
            rows = self.rows[names] = []
        rows.append(row)
        if rows is self.in_order:
            draft: Any = Draft(*row[1:])  # half the time that names take
        else:
            draft = Draft(**known(value, TURN_FIELDS))
        draft.__class__ = Turn
        return draft  # type: ignore[no-any-return]

    def are_sound(self) -> bool:
        """Whether read_turn would let all pass; asked of one field of all of them at a time."""
        return all(
            NEEDED.issubset(names) and all(map(is_sound, names, zip(*rows, strict=True)))
            for names, rows in self.rows.items()
        )


def is_sound(name: str, column: Sequence[Any]) -> bool:
    """Whether read_turn would let all values of a field pass."""
    if name not in SOUND:
        return True
    types, least, most = SOUND[name]
    if NoneType in types and column.count(None) == len(column):
        return True
    if not types.issuperset(map(type, column)):
        return False
    if name == "role":
        return {*column} <= {*SPEAKERS}
    if most == inf:
        return True
    measured = [number for number in column if number is not None]
    return bool(least <= min(measured) <= max(measured) <= most)


def read_turn(value: Mapping[str, Any], file: str, number: int) -> Turn:
    """A turn's line."""
    where = f"{file}: line {number}"
    fields = {**value}
    fields.pop("type", None)
    if not fields.keys() <= TURN_FIELDS:
        fields = known(fields, TURN_FIELDS)
    try:
        turn = Turn(**fields)
        if turn.noncoherent is not None:
            start, end = turn.noncoherent
            turn = replace(turn, noncoherent=(start, end))
    except (TypeError, ValueError) as error:
        raise LogError(f"{where}: a turn needs index, role and content") from error
    if not isinstance(turn.content, str) or not is_whole(turn.index):
        raise LogError(f"{where}: a turn needs a whole index and a text as content")
    if not 0 <= turn.index < MOST_MESSAGES:
        raise LogError(f"{where}: a turn's index is from 0 to below {MOST_MESSAGES:,}")
    if turn.noncoherent and not all(map(is_count, turn.noncoherent)):
        raise LogError(f"{where}: noncoherent is no pair of whole numbers")
    if turn.role not in SPEAKERS:
        raise LogError(f"{where}: a turn's role is assistant or user")
    check_types(fields, where)
    return turn


def check_types(value: Mapping[str, Any], where: str) -> None:
    """LogError where a number or text of a record's line is something else."""
    wrong = [name for name, found in value.items()
             if found is not None and name in FITS and not FITS[name](found)]  # fmt: skip
    for word, (_, names) in KINDS.items() if wrong else ():
        for name in names:
            if name in wrong:
                raise LogError(f"{where}: {name} is no {word}")


def read_attempt(value: Mapping[str, Any], where: str) -> Attempt:
    """A line of type attempt."""
    fields = known(value, ATTEMPT_FIELDS)
    try:
        attempt = Attempt(**fields)
    except TypeError as error:
        raise LogError(f"{where}: an attempt lacks a field") from error
    if not is_count(attempt.index) or attempt.content is None or attempt.error is None:
        raise LogError(f"{where}: an attempt needs a whole index and texts as content and error")
    if attempt.role not in SPEAKERS:
        raise LogError(f"{where}: an attempt's role is assistant or user")
    check_types(fields, where)
    return attempt
