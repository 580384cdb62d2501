"""What the doctor says, a remark a line, and in which order: whether something is wrong, what, what
else is odd, and only then what the servers were asked and what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal


@dataclass(frozen=True, slots=True)
class Remark:
    """One line for people: of whom the next ones are (`title`), what is so, what is odd and may
    well be meant (`note`), or what will spoil the dialogue.
    """

    text: str
    level: Literal["title", "fact", "note", "wrong"] = "fact"

    @property
    def is_wrong(self) -> bool:
        """Whether it will spoil the dialogue."""
        return self.level == "wrong"


def wrong(text: str) -> Remark:
    """What will spoil the dialogue."""
    return Remark(text, "wrong")


def note(text: str) -> Remark:
    """What is odd and may well be meant."""
    return Remark(text, "note")


def title(text: str) -> Remark:
    """Of whom the next remarks are: `WHO: more`."""
    return Remark(text, "title")


def put_in_order(remarks: Sequence[Remark], width: int) -> Iterator[str]:
    r"""The lines, the answer first, sentences no wider than `width`.

    >>> told = [title("user: m at u"), Remark("a request"), note("odd"), wrong("bad")]
    >>> print(*put_in_order(told, 80), sep="\n")
    1 thing is wrong:
      user: bad
    1 note:
      user: odd
    <BLANKLINE>
    user: m at u
      a request
    """
    bad, odd = ([*sentences(remarks, level)] for level in ("wrong", "note"))
    if bad:
        yield f"{len(bad)} thing{' is' if len(bad) == 1 else 's are'} wrong:"
    else:
        yield "nothing wrong was found"
    yield from indented(bad, width)
    if odd:
        yield f"{len(odd)} note{'' if len(odd) == 1 else 's'}:"
        yield from indented(odd, width)
    heads: list[str] = [""]
    for remark in remarks:
        if remark.level == "title":
            heads.append(remark.text)
        elif remark.level == "fact":
            yield from heads
            heads.clear()
            yield f"  {remark.text}"


def sentences(remarks: Sequence[Remark], level: str) -> Iterator[str]:
    """What is said at a level, each with whose it is."""
    who = ""
    for remark in remarks:
        if remark.level == "title":
            who = remark.text.partition(":")[0] + ": "
        elif remark.level == level:
            yield who + remark.text


def indented(sentences: Sequence[str], width: int) -> Iterator[str]:
    """Each on lines of its own."""
    for sentence in sentences:
        yield from wrap(
            sentence, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False,
            break_long_words=False,
        )  # fmt: skip
