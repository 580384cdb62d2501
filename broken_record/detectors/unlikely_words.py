"""Turns that their own model held for unlikely, where the record tells its log probabilities.

Salad whose grammar holds shows in no count of words. The model that wrote it knows: it is written
where the sampler takes again and again what the model itself gave little (a hot sampler, a penalty
on every word that was used). Surprisal is minus the mean log probability of the tokens, before
sampling where the engine says so.
"""

from __future__ import annotations

import numpy as np

from broken_record.text.transcript import Transcript


def find_unlikely(
    transcript: Transcript, own: list[int], nats: float, least: int
) -> dict[int, tuple[float, int]]:
    """Per place in `own`, a speaker's turns: the surprisal (nats a token) and the last place of the
    first stretch of turns that it is in, as short as has `least` tokens, and that has at least
    `nats`.

    >>> from broken_record.detectors.examples import transcript_of
    >>> from dataclasses import replace
    >>> spoken = transcript_of(["one", "two", "three", "four"])
    >>> spoken.said = tuple(
    ...     replace(one, tokens=40, logprob_mean=sure)
    ...     for one, sure in zip(spoken.said, (-0.5, -3.0, -2.8, -0.2), strict=True)
    ... )
    >>> find_unlikely(spoken, [0, 1, 2, 3], nats=2.7, least=60)
    {1: (2.9, 2), 2: (2.9, 2)}
    """
    said = [transcript.said[i] for i in own]
    counts = [one.tokens or 0 if one.logprob_mean is not None else 0 for one in said]
    tokens = np.cumsum([0, *counts])
    doubt = np.cumsum(
        [0.0, *(-n * (one.logprob_mean or 0) for n, one in zip(counts, said, strict=True))]
    )
    unlikely: dict[int, tuple[float, int]] = {}
    for last in np.flatnonzero(tokens[1:] >= least).tolist():
        first = int(np.searchsorted(tokens, tokens[last + 1] - least, side="right")) - 1
        surprisal = float(doubt[last + 1] - doubt[first]) / int(tokens[last + 1] - tokens[first])
        if surprisal >= nats:
            for k in range(first, last + 1):
                unlikely.setdefault(k, (surprisal, last))
    return unlikely
