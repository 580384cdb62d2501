"""Strings of which one stands in whatever a regular expression finds; and one that finds any of
many strings.

With these a text is proved to hold nothing that many patterns look for, before each is tried. Of
regular expressions it knows what the tables of wordings use; it does not know what they are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

MOST_STRINGS = 200  # that stand for a part of a pattern

TOKEN = re.compile(r"\(\?:|\(\?<?[!=]|\[[^\]]*\]|\\.|[*+?]\??|\{\d+,\d+\}\??|[\s\S]")
ANY = re.compile(r"\[.*|\\[wWsSdD]|\.")
BORDERS = ("^", "$", r"\b")


def one_of(strings: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds one of the strings."""
    return re.compile(branches(sorted(set(strings))))


def branches(strings: list[str]) -> str:
    """Strings in order as alternatives that part where they differ: far sooner tried.

    >>> branches(["abc", "abd", "x"])
    'a(?:b(?:c|d))|x'
    """
    if not strings[0]:
        return ""
    found = []
    for first, group in groupby(strings, key=lambda string: string[0]):
        behind = [string[1:] for string in group]
        many = len(behind) > 1
        found.append(
            re.escape(first) + (f"(?:{branches(behind)})" if many else re.escape(behind[0]))
        )
    return "|".join(found)


class Part(NamedTuple):
    """A part of a pattern: all strings that match it (None of too many), and some of which there is
    one in whatever matches.
    """

    matches: frozenset[str] | None
    held: frozenset[str]


EMPTY = frozenset({""})


def strings_in(pattern: str) -> frozenset[str]:
    r"""Strings of which one stands in whatever a pattern finds, as telling as there are any; the
    empty one where there are none.

    >>> sorted(strings_in(r"(?:help|aid) (?:\S+ ){0,3}?with(?! me) th(?:is|at)"))
    ['with that', 'with this']
    """
    return read_alternatives(TOKEN.findall(pattern)[::-1]).held


def read_alternatives(tokens: list[str]) -> Part:
    """What stands before the next parenthesis that closes nothing; the next token is the last."""
    rows: list[Part] = []
    parts: list[Part] = []
    token = ""
    while token != ")":
        token = tokens.pop() if tokens else ")"
        if token in ("|", ")"):
            rows.append(in_a_row(parts))
            parts = []
        elif token == "(?:":
            parts.append(read_alternatives(tokens))
        elif token.startswith("(?"):
            read_alternatives(tokens)  # it looks ahead or behind
        elif token[0] in "*?{":
            last = parts.pop().matches
            parts.append(Part(last | EMPTY if last and token[0] == "?" else None, EMPTY))
        elif token[0] == "+":
            parts.append(Part(None, parts.pop().held))
        elif ANY.fullmatch(token):
            parts.append(Part(None, EMPTY))
        elif token not in BORDERS:
            literal = frozenset({token[-1]})
            parts.append(Part(literal, literal))
    matches: frozenset[str] | None = frozenset()
    for row in rows:
        matches = None if matches is None or row.matches is None else matches | row.matches
    return Part(matches, frozenset().union(*(row.held for row in rows)))


def in_a_row(parts: list[Part]) -> Part:
    """Parts right behind one another as one."""
    so_far = EMPTY
    is_whole = True
    choices = []
    for part in parts:
        if part.matches is not None and len(so_far) * len(part.matches) <= MOST_STRINGS:
            so_far = frozenset(one + other for one in so_far for other in part.matches)
        else:
            is_whole = False
            choices += [so_far, part.held]
            so_far = part.matches or EMPTY
    return Part(so_far if is_whole else None, max([*choices, so_far], key=how_telling))


def how_telling(strings: frozenset[str]) -> tuple[int, int]:
    """How rare it is that one of some strings stands in a text: long ones are, few of them are."""
    return min(len(longest_word(string)) for string in strings), -len(strings)


def longest_word(string: str) -> str:
    """The longest run of letters."""
    return max(re.findall(r"[^\W_]+", string), key=len, default="")
