"""How sure a model was of its reply, as its server tells it: the log probability of every token and
of the likeliest few in its place.

Servers send them in one of two forms: llama-server and koboldcpp an object a token under "content",
vLLM and aphrodite-engine a list a field (OpenAI's old form). Whether they are of the model's own
distribution or of what sampling left of it is the server's to say (docs/engines.md). Natural
logarithms, so everything is in nats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import exp, isfinite, log
from typing import Any

from broken_record.data import Usage

TOP = 5  # what OpenAI's form allows everywhere
LEAST = -1000.0  # what stands for minus infinity lies below


@dataclass(slots=True)
class Confidence:
    """The tokens of one reply so far: log probability of each, and entropy where it can be told."""

    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)

    def take(self, told: Any) -> None:
        """What a server says of the next tokens, in either form; anything else says nothing."""
        for logprob, top in read_tokens(told):
            self.logprobs.append(logprob)
            if top:
                self.entropies.append(entropy(top))

    def put(self, usage: Usage) -> Usage:
        """What the server counted, with what it told here."""
        if self.logprobs:
            mean = sum(self.logprobs) / len(self.logprobs)
            least = min(self.logprobs)
            usage = replace(usage, logprob_mean=round(mean, 5), logprob_min=round(least, 5))
        if self.entropies:
            mean = sum(self.entropies) / len(self.entropies)
            usage = replace(usage, entropy_mean=round(mean, 5))
        return usage


def read_tokens(told: Any) -> Iterator[tuple[float, list[float]]]:
    """(log probability, those of the likeliest in its place) of each token of either form.

    >>> list(read_tokens({"content": [{"logprob": -0.5, "top_logprobs": [{"logprob": -0.5}]}]}))
    [(-0.5, [-0.5])]
    >>> list(read_tokens({"token_logprobs": [-1.0, None], "top_logprobs": [{"a": -0.5}, None]}))
    [(-1.0, [-0.5])]
    """
    if not isinstance(told, Mapping):
        return
    tokens: list[tuple[Any, Any]] = []
    if isinstance(content := told.get("content"), list):
        tokens = [(one.get("logprob"), one.get("top_logprobs"))
                  for one in content if isinstance(one, Mapping)]  # fmt: skip
    elif isinstance(chosen := told.get("token_logprobs"), list):
        tops = told.get("top_logprobs")
        tops = tops if isinstance(tops, list) and len(tops) == len(chosen) else [None] * len(chosen)
        tokens = list(zip(chosen, tops, strict=True))
    for logprob, top in tokens:
        if is_logprob(logprob):
            yield float(logprob), likeliest(top)


def likeliest(top: Any) -> list[float]:
    """The log probabilities of the likeliest tokens."""
    values: Iterable[Any] = ()
    if isinstance(top, Mapping):
        values = top.values()
    elif isinstance(top, list):
        values = (one.get("logprob") if isinstance(one, Mapping) else None for one in top)
    return sorted((float(value) for value in values if is_logprob(value)), reverse=True)[:TOP]


def is_logprob(value: Any) -> bool:
    """Whether a value is the log of a probability above 0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and isfinite(value) and LEAST < value <= 1e-3


def entropy(top: list[float]) -> float:
    """Entropy in nats of a distribution of which the likeliest are known, all others taken as one:
    it is at least that.

    >>> round(entropy([log(0.5), log(0.25)]), 4)  # .5, .25 and the rest of .25
    1.0397
    """
    known = [exp(value) for value in top]
    parts = [*known, 1.0 - sum(known)]
    return -sum(part * log(part) for part in parts if part > 1e-12)
