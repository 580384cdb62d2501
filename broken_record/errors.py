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

A message says what was expected, what was found, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class ParrotError(Exception):
    """The root of the tree; scripts turn it into one line and an exit code."""


class ConfigError(ParrotError):
    """All problems of a config, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


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
    nothing is as much like it as `alike`, a ratio of difflib's.

    >>> nearest("refusals", ["refusal", "word_soup"]), nearest("x", ["refusal"])
    ('refusal', None)
    """
    from difflib import get_close_matches  # needed where something is wrong alone

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=alike)), None)


TEMPLATE_FAULTS = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
    MemoryError, SyntaxError,
)  # fmt: skip
"""What an untrusted chat template may raise, beside jinja2's own errors."""
