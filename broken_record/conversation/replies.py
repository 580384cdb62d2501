"""What of a reply reaches the other side: quoted prompts, the stop token, what was said for the
other; and whether it repeats on the spot.

Everything here is linear in the length of the reply. Nothing knows a model: which markers end a
speaker's own words comes from the chat template and the prefixes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from broken_record.config.goal_keys import AROUND, QUOTES, StopWhen

Policy = Literal["first", "last", "longest", "whole"]
BEFORE = "([{:,;*_-\u2013\u2014`=>|/"
INSIDE = "([{:="
FENCE = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
TABLE_LINE = re.compile(r"^ *\|.*$", re.MULTILINE)
NO_SPACES = "\u2e80"  # from here on scripts that put none between words, and their punctuation


@dataclass(frozen=True, slots=True)
class Extract:
    """What the other side gets to see (None: nothing), and out of how many candidates."""

    text: str | None
    candidates: int


def extract(reply: str, policy: Policy, quotes: Sequence[str] = QUOTES) -> Extract:
    r"""The quoted part of a reply that the policy takes; `whole` takes the reply as it is.

    A quotation of white space is none. A quote character inside a word (5" by 7") opens nothing,
    `\"` is text, and a quotation inside a quotation belongs to it.

    >>> extract('I ask: "Who said "no" to that?" and wait.', "first")
    Extract(text='Who said "no" to that?', candidates=1)
    """
    if policy == "whole":
        text = reply.strip()
        return Extract(text or None, 1 if text else 0)
    found = [text for text in (part.strip() for part in quotations(reply, quotes)) if text]
    if not found:
        return Extract(None, 0)
    chosen = {"first": found[0], "last": found[-1], "longest": max(found, key=len)}[policy]
    return Extract(chosen.replace('\\"', '"'), len(found))


def quotations(text: str, quotes: Sequence[str]) -> list[str]:
    """The outermost quotations, in order. One that never closes ends at the last mark inside it
    that could close one; with none it is no quotation.
    """
    closing = {pair[0]: pair[1] for pair in quotes}
    pattern = "|".join(map(re.escape, sorted({*"".join(quotes)})))
    marks = [
        m.start() for m in re.finditer(pattern, text) if text[m.start() - 1 : m.start()] != "\\"
    ]
    found: list[str] = []
    start, depth, last_close, opener = 0, 0, -1, ""
    for at, following in pairwise([*marks, -1]):
        character = text[at]
        if depth == 0:
            if character in closing and may_open(text, at, character == closing[character]):
                opener, start, depth, last_close = character, at + 1, 1, -1
            continue
        alike = opener == closing[opener]
        if character == opener and (not alike or opens_inside(text, at)):
            depth += 1
        elif character == closing[opener] and (not alike or may_close(text, at, following)):
            depth, last_close = depth - 1, at
            if depth == 0:
                found.append(text[start:at])
    if depth and last_close >= 0:
        found.append(text[start:last_close])
    return found


def may_open(text: str, at: int, alike: bool) -> bool:
    """Whether a mark at a place can open a quotation; where opening and closing marks are alike,
    only before a text, and at the beginning, behind white space, or behind what may touch it.
    """
    if not alike:
        return True
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    free = not before or before.isspace() or before in BEFORE or before >= NO_SPACES
    return free and bool(after) and not after.isspace()


def opens_inside(text: str, at: int) -> bool:
    """Whether a mark that could close the quotation around it opens another one inside it."""
    before = text[at - 1]
    return may_open(text, at, True) and (before.isspace() or before in INSIDE)


def may_close(text: str, at: int, following: int) -> bool:
    """Whether a mark at a place, alike in both ways, can close a quotation: no letter or digit
    behind it, and it does not stand for inches: behind a digit, with a mark following (-1: none)
    that cannot open the next quotation.
    """
    if text[at + 1 : at + 2].isalnum() and text[at + 1] < NO_SPACES:
        return False
    inches = text[at - 1].isdigit() and following >= 0 and text[following] == text[at]
    return not inches or may_open(text, following, True)


def says_stop(reply: str, token: str, when: StopWhen) -> bool:
    r"""Whether a reply says the stop token: as the whole of it or its last line, or anywhere.

    >>> says_stop("FINISH the poem with a rhyme", "FINISH", "last_line")
    False
    >>> says_stop("Thank you!\n**FINISH**.", "FINISH", "last_line")
    True
    """
    if when == "anywhere":
        return token in reply
    lines = [line for line in reply.splitlines() if line.strip(AROUND)]
    return bool(lines) and token.strip(AROUND) == lines[-1].strip(AROUND)


def cut_self_reply(reply: str, markers: Sequence[str], prefix: str = "") -> tuple[str, str | None]:
    r"""(the speaker's own words, what was said behind them in the other's name or again in one's
    own).

    A marker counts at the beginning of a line; one in brackets, like <|user|>, anywhere.
    `prefix` is the speaker's own, which may open the reply.

    >>> cut_self_reply("Try this.\nUser: Thanks!", ["User:"])
    ('Try this.', '\nUser: Thanks!')
    """
    start = len(prefix) if prefix and reply.startswith(prefix) else 0
    patterns = [
        (r"" if marker[0] in "<[" else r"(?:\r?\n|\A)[ \t]*") + re.escape(marker)
        for marker in (*markers, prefix)
        if marker.strip()
    ]
    if not patterns:
        return reply, None
    match = re.compile("|".join(patterns)).search(reply, start)
    if match is None:
        return reply, None
    return reply[: match.start()].rstrip(), reply[match.start() :]


def find_noncoherent(text: str, max_n: int, r: int) -> tuple[int, int] | None:
    """Start and end of the first run of words in `text` that repeats r times; None if none does.

    An n-gram of words, n from 2 to max_n, said again r times or more, each time touching or
    overlapping the time before (LLM Roleplay 2.0.7 asks the same with r = 2). Lists repeat for a
    reason: code between fences and lines of tables are left out. The detectors judge loops; this
    rule only decides whether a reply is asked for again.

    >>> find_noncoherent("a b a b a b", 4, 2), find_noncoherent("a b a b", 4, 2)
    ((0, 11), None)
    """
    from broken_record.text.words import WORD  # brings numpy along, which a chat does without

    plain = FENCE.sub(lambda match: " " * len(match[0]), text)
    plain = TABLE_LINE.sub(lambda match: " " * len(match[0]), plain)
    words = [(match[0].lower(), match.start(), match.end()) for match in WORD.finditer(plain)]
    found: list[tuple[int, int]] = []
    for n in range(2, max_n + 1):
        last: dict[tuple[str, ...], tuple[int, int, int]] = {}  # -> place, first place, repeats
        for place in range(len(words) - n + 1):
            gram = tuple(word for word, _, _ in words[place : place + n])
            before, first, repeats = last.get(gram, (-n - 1, place, 0))
            first, repeats = (first, repeats + 1) if place - before <= n else (place, 0)
            last[gram] = (place, first, repeats)
            if repeats >= r:
                found.append((words[first][1], words[place + n - 1][2]))
                break
    return min(found, default=None)
