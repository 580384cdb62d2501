"""Turns that their own model held for unlikely, where the record tells its log probabilities.

Salad whose grammar holds shows in no count of words. The model that wrote it knows: it is written
where the sampler takes again and again what the model itself gave little (a hot sampler, a penalty
on every word that was used); a turn that never ends need be less unlikely to have lost the thread.
Surprisal is minus the mean log probability of the tokens, before sampling where the engine says so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from broken_record.text.transcript import Transcript


class Unlikely(NamedTuple):
    """Surprisal, in nats a token, of a stretch of turns, and the place at which it ends."""

    nats: float
    last: int


def find_unlikely(
    transcript: Transcript, own: list[int], nats: float, least: int, *, cut: bool = False
) -> dict[int, Unlikely]:
    """Per place in `own`, a speaker's turns: the first stretch of turns that it is in, as short as
    has `least` tokens, whose surprisal is at least `nats`. With `cut` only turns that ran into
    their limit are looked at.

    >>> from broken_record.detectors.examples import transcript_of
    >>> from dataclasses import replace
    >>> spoken = transcript_of(["one", "two", "three", "four"])
    >>> spoken.said = tuple(
    ...     replace(one, tokens=40, logprob_mean=sure)
    ...     for one, sure in zip(spoken.said, (-0.5, -3.0, -2.8, -0.2), strict=True)
    ... )
    >>> find_unlikely(spoken, [0, 1, 2, 3], nats=2.7, least=60)
    {1: Unlikely(nats=2.9, last=2), 2: Unlikely(nats=2.9, last=2)}
    """
    said = [transcript.said[i] for i in own]
    counts = [
        one.tokens or 0
        if one.logprob_mean is not None and (not cut or transcript.was_cut(i)) else 0
        for i, one in zip(own, said, strict=True)
    ]  # fmt: skip
    tokens = np.cumsum([0, *counts])
    doubt = np.cumsum(
        [0.0, *(-n * (one.logprob_mean or 0) for n, one in zip(counts, said, strict=True))]
    )
    unlikely: dict[int, Unlikely] = {}
    for last in np.flatnonzero(tokens[1:] >= least).tolist():
        first = int(np.searchsorted(tokens, tokens[last + 1] - least, side="right")) - 1
        surprisal = float(doubt[last + 1] - doubt[first]) / int(tokens[last + 1] - tokens[first])
        if surprisal >= nats:
            for k in range(first, last + 1):
                if counts[k]:
                    unlikely.setdefault(k, Unlikely(surprisal, last))
    return unlikely
