"""What a word is, decided once, with offsets back into the raw text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
WORD = re.compile(rf"\w+(?:['{CURLY}]\w+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A word in lower case with straight apostrophes; `start` and `end` are offsets in the raw
    text.
    """

    text: str
    start: int
    end: int


def find_words(text: str) -> Iterator[Word]:
    r"""The words of a text, compared without regard to case and kind of apostrophe.

    >>> [word.text for word in find_words("Don\u2019t stop, *don't*!")]
    ["don't", 'stop', "don't"]
    """
    for match in WORD.finditer(text):
        yield Word(match[0].casefold().replace(CURLY, "'"), match.start(), match.end())


def body_of(content: str, prefix: str) -> str:
    """What a message says: its content without the speaker's prefix, white space kept.

    >>> body_of("Skye:  hi", "Skye:")
    '  hi'
    """
    return content.removeprefix(prefix)
