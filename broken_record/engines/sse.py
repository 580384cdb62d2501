r"""Server-sent events from bytes: lines end at \n, \r or \r\n only and are decoded after the split.

Text splitting would also break lines at U+2028 and U+0085, which llama-server sends raw inside its
JSON. Comments (`: keep-alive`) and fields other than `data` are passed over; `error: {...}`, which
llama.cpp of 2024 and 2025 sends in place of an event, is passed on under its own name. Format:
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LINE_END = re.compile(rb"\r\n|\n|\r")


def split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""The lines of a byte stream, however it was cut; the last one needs no line end.

    >>> list(split_lines([b"a\r", b"\nb\r\rc"]))
    [b'a', b'b', b'', b'c']
    """
    rest = b""
    for piece in pieces:
        rest += piece
        held = b""
        if rest.endswith(b"\r"):  # perhaps the first half of \r\n
            rest, held = rest[:-1], b"\r"
        *lines, rest = LINE_END.split(rest)
        yield from lines
        rest += held
    if rest:
        *lines, rest = LINE_END.split(rest)
        yield from lines
        if rest:
            yield rest


def read_events(pieces: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    r"""(field, value) of every data and error line.

    Every server of this family writes one data line an event, and some end without the blank line
    that closes it, so lines count, not blank lines.

    >>> list(read_events([b": ping\n\ndata: 1\n", b"\ndata: [DONE]"]))
    [('data', '1'), ('data', '[DONE]')]
    """
    for line in split_lines(pieces):
        field, colon, value = line.partition(b":")
        if colon and field in (b"data", b"error"):
            yield field.decode(), value.removeprefix(b" ").decode("utf-8", errors="replace")
