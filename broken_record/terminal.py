"""Text of strangers made harmless: for a terminal, and for formats without lone surrogates."""

from __future__ import annotations

import re

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def escape_controls(text: str) -> str:
    r"""Control characters (newline and tab excepted) and lone surrogates, escaped as in a Python
    string.

    Model text must not drive a terminal.

    >>> escape_controls("a\x1b[2Jb\n")
    'a\\x1b[2Jb\n'
    """
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def without_surrogates(text: str) -> str:
    r"""The text with U+FFFD for every surrogate that has no partner.

    >>> without_surrogates("a\ud800b")
    'a\ufffdb'
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
