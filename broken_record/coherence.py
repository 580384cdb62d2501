"""Groups of words that repeat on the spot: the goal mode's test of whether a reply makes sense.

An n-gram of words, n from 2 to max_n, that is said again r times or more, each time touching or
overlapping the time before. (LLM Roleplay 2.0.7 asks the same with r = 2.) Lists repeat for a
reason: code between fences and lines of tables are left out. The detectors judge loops; this rule
only decides whether a reply is asked for again.
"""

from __future__ import annotations

import re

FENCE = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
TABLE_LINE = re.compile(r"^ *\|.*$", re.MULTILINE)


def find_noncoherent(text: str, max_n: int, r: int) -> tuple[int, int] | None:
    """Start and end of the first run of words in `text` that repeats r times; None if none does.

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
