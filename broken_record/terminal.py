"""Text of strangers made harmless: for a terminal, for a table's row, for a shell's command line,
and for formats without lone surrogates.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePath

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
ASCII_CONTROLS = bytes(point for point in range(128) if CONTROLS.match(chr(point)))


def escape_controls(text: str) -> str:
    r"""Control characters (newline and tab excepted) and lone surrogates, escaped as in a Python
    string.

    Model text must not drive a terminal.

    >>> escape_controls("a\x1b[2Jb\n")
    'a\\x1b[2Jb\n'
    """
    if text.isascii() and len(text.encode().translate(None, ASCII_CONTROLS)) == len(text):
        return text  # which takes a fifth of the time of looking for them
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def without_surrogates(text: str) -> str:
    r"""The text with U+FFFD for every surrogate that has no partner.

    >>> without_surrogates("a\ud800b")
    'a\ufffdb'
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def one_line(text: str) -> str:
    """A text that stays in its row."""
    return escape_controls(text).replace("\n", " ").replace("\t", " ")


def words_to_paste(words: Iterable[str | PurePath]) -> str:
    r"""Words of a command as a shell takes them: a name is one word and runs nothing, a path is no
    option, and control characters are spelt as bash, zsh and ksh read them.

    >>> print(words_to_paste(["--resume", "a b", "$(x)", PurePath("-y"), "a\x1b[2J'b"]))
    --resume 'a b' '$(x)' ./-y $'a\x1b[2J\x27b'
    """
    return " ".join(map(word_to_paste, words))


def word_to_paste(word: str | PurePath) -> str:
    """One word of them."""
    text = str(word)
    if isinstance(word, PurePath) and text.startswith("-"):
        text = f"./{text}"
    if not CONTROLS.search(text) and "\n" not in text and "\t" not in text:
        return shlex.quote(text)
    plain = (
        chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in os.fsencode(text)
    )
    return f"$'{''.join(plain)}'"


def align(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    first_gap: int = 3,
) -> Iterator[str]:
    r"""A table as lines, every column as wide as its widest cell; those in `left` begin, all others
    end alike. The head may take several lines; a row that ends early ends with a remark, which may
    be as long as it likes.

    >>> rows = [["a", "2", "40%"], ["bc", "cannot be told"]]
    >>> for line in align(["kind", "in\ndialogues", "share"], rows):
    ...     print(line)
                  in
    kind   dialogues   share
    a              2     40%
    bc     cannot be told
    """
    stacked = [cell.split("\n") for cell in head]
    highest = max(map(len, stacked))
    heads = zip(*([""] * (highest - len(cell)) + cell for cell in stacked), strict=True)
    lines = [[one_line(cell) for cell in row] for row in (*heads, *rows)]
    whole = [line for line in lines if len(line) == len(head)]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    for line in lines:
        cells = [
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=False))
        ]
        if len(line) < len(head):
            cells[-1] = line[-1]
        yield f"{cells[0]}{' ' * first_gap}{'   '.join(cells[1:])}".rstrip()


COMMANDS = {
    "parrot.py": ("python parrot.py", "parrot"),
    "parrot.sh": ("./parrot.sh", "parrot-batch"),
    "analyze.py": ("python analyze.py", "parrot-analyze"),
    "view.py": ("python view.py", "parrot-view"),
}
"""How each is called from a checkout, and the command of a wheel."""


def command_of(script: str) -> str:
    """How a message tells people to call a script.

    >>> command_of("view.py")
    'python view.py'
    """
    return COMMANDS[script][(Path(__file__).parent / "_scripts").exists()]
