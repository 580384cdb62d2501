"""What can go wrong, as one small tree.

    ParrotError
    ├── ConfigError               the request was wrong: every problem of a config at once (exit 2)
    ├── EngineError               a server could not do its part (exit 1)
    │   ├── EngineUnreachable     nobody answers, or the server could not be started
    │   ├── RequestRefused        an HTTP error, or an error sent in place of a reply
    │   │   ├── EngineBusy        overloaded, loading, failed itself: worth another try
    │   │   └── ContextFull       the prompt outgrew the context
    │   ├── TemplateRefused       the chat template does not take these messages
    │   └── BrokenStream          the reply ended without saying how
    └── LogError                  a record, a log or a report cannot be read or written

A message says what was expected, what was found, where, and what to do. It never says a key:
servers like to repeat the one that they refuse, and every error's words are cleared of it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

SECRETS: set[str] = set()  # the keys that were read from the environment
BLANK = "***"
LEAST = 8  # characters by which the beginning of a key is known; a server's words are cut somewhere


def keep_secret(secret: str) -> None:
    """Let no error say this from now on."""
    SECRETS.add(secret)


def blank(text: str, secrets: Iterable[str]) -> str:
    """A text without these secrets, nor a beginning of one that tells something.

    >>> blank("Incorrect API key provided: sk-1234567890. (sk-1234567...)", ["sk-1234567890"])
    'Incorrect API key provided: ***. (***...)'
    """
    for secret in secrets:
        start = 0
        while (place := text.find(secret[:LEAST], start)) >= 0:
            pairs = zip(secret, text[place:], strict=False)
            length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            text = text[:place] + BLANK + text[place + length :]
            start = place + len(BLANK)
    return text


class ParrotError(Exception):
    """The root of the tree; scripts turn it into one line and an exit code."""

    def __init__(self, message: str) -> None:
        super().__init__(blank(message, SECRETS))


class ConfigError(ParrotError):
    """All problems of a config, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = [blank(problem, SECRETS) for problem in problems]


class EngineError(ParrotError):
    """A server could not do its part; never a turn. `retry_after_s` is how long it asked to be left
    alone, if it said so.
    """

    retry_after_s: float | None = None


class EngineUnreachable(EngineError):
    """Nobody answers at the address, or the server could not be started."""


class RequestRefused(EngineError):
    """The server answered with an error; `status` is that of HTTP, where it has one."""

    status: int | None = None


class EngineBusy(RequestRefused):
    """The server is overloaded, still loading, has failed itself, or wants fewer requests: worth
    another try.
    """


class ContextFull(RequestRefused):
    """The prompt outgrew the context."""


class TemplateRefused(EngineError):
    """The chat template does not take these messages; prompts.py tries another arrangement."""


class BrokenStream(EngineError):
    """A reply ended without a finish reason, or in a form that is no stream."""


class LogError(ParrotError):
    """A record, a log or a report cannot be read or written."""


def nearest(name: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """What was probably meant by a name that is not known, for `did you mean ...?`; None where
    nothing is as much like it as `alike`, a ratio of difflib's, and nothing begins with it.

    >>> nearest("refusals", ["refusal", "word_soup"]), nearest("x", ["refusal"])
    ('refusal', None)
    >>> nearest("temp", ["temperature", "temperature_last", "top_k"])
    'temperature'
    """
    from difflib import get_close_matches  # needed where something is wrong alone

    small, names = name.lower(), {one.lower(): one for one in known}
    if near := get_close_matches(small, names, n=1, cutoff=alike):
        return names[near[0]]
    begun = [one for one in names if one.startswith(small)] if len(small) > 2 else []
    return names[min(begun, key=len)] if begun else None


TEMPLATE_FAULTS = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
    MemoryError, SyntaxError,
)  # fmt: skip
"""What an untrusted chat template may raise, beside jinja2's own errors."""
