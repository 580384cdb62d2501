"""How far back the copy lies that a speaker repeats in a loop, in tokens of the speaker's prompt.

It knows no tokenizer. Where the server counted the prompts of both copies the distance is their
difference. Else it lies between the tokens said, which is less than what stands in the prompt (role
markers, prefixes), and MARKERS more a message; inside one reply a word is one token at least and a
byte one at most. What no penalty can use is said too: a copy that stood in no prompt, because the
user side sees a window of the talk only, or because it was trimmed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import inf

from broken_record.data import Dialogue, Finding, Role, Turn

MARKERS = 32  # tokens a message: more than role markers and a speaker's prefix take
OPENING_LAGS = (2, 4, 6)  # messages: prefix_repetition compares with the last 3 own turns
SHARED = 3  # words in a row that openings share at least
WINDOW = 4  # words that come again inside a turn, as seq-rep-4 counts
COMPARED = 300  # words of a text; comparing longer ones would take too long


@dataclass(frozen=True, slots=True)
class Texts:
    """What was said twice, without prefixes; `tokens` are the later text's, None if not counted."""

    earlier: str
    later: str
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """The nearest copy, at `least` and at `most` so many tokens back; `inside` the same reply.

    With `lost` no copy stood in the prompt: the nearest is so many messages back. `texts` are all
    copies of the loop that a prompt held.
    """

    least: float
    most: float
    inside: bool = False
    lost: int = 0
    texts: tuple[Texts, ...] = ()


def find_repeat(dialogue: Dialogue, loop: Finding, role: Role) -> Repeat | None:
    """The nearest copy of a speaker's in a loop; None where that speaker copied nothing."""
    turns = {turn.index: turn for turn in dialogue.turns}
    if loop.kind == "intra_turn_repetition":
        return repeat_inside(turns[loop.onset_turn])
    bodies = find_bodies(dialogue)
    looped = {span.turn for span in loop.spans}
    lags = OPENING_LAGS if loop.kind == "prefix_repetition" else (loop.period or 0,)
    pairs = [
        (i - lag, i)
        for i in sorted(looped & turns.keys())
        for lag in lags
        if turns[i].role == role and i - lag in looped
        if len(lags) == 1 or len(longest_run(bodies[i - lag], bodies[i])) >= SHARED
    ]
    if not pairs:
        return None
    seen = [(k, i) for k, i in pairs if k in find_prompt(dialogue, turns[i])]
    if not seen:
        return Repeat(0, inf, lost=min(i - k for k, i in pairs))
    least, most = min(bounds(dialogue, turns, k, i) for k, i in seen)
    texts = dict.fromkeys(Texts(bodies[k], bodies[i], counted(turns[i])) for k, i in seen)
    return Repeat(least, most, texts=tuple(texts))


def find_bodies(dialogue: Dialogue) -> dict[int, str]:
    """By message index: what was said, without the speaker's prefix."""
    prefixes = dialogue.prefixes
    return {
        message.index: message.content.removeprefix(prefixes.get(message.role, ""))
        for message in dialogue.messages
    }


def find_prompt(dialogue: Dialogue, turn: Turn) -> set[int]:
    """The messages that stood in a turn's prompt, system messages left out."""
    spoken = [i for i, message in enumerate(dialogue.opening) if message.role != "system"]
    before = [other.index for other in dialogue.turns if other.index < turn.index]
    spoken += before[turn.trimmed or 0 :]
    if turn.role == "assistant" or dialogue.config.get("mode") == "goal":
        return set(spoken)
    return set(dialogue.memory.window(spoken))


def bounds(dialogue: Dialogue, turns: Mapping[int, Turn], k: int, i: int) -> tuple[float, float]:
    """At least and at most so many tokens lie between the beginnings of message k and turn i in the
    prompt of turn i; (0, inf) where nothing tells.
    """
    later, earlier = turns[i], turns.get(k)
    goal = dialogue.config.get("mode") == "goal"
    whole = inf if later.prompt_tokens is None else later.prompt_tokens
    if earlier is not None and (later.role == "assistant" or goal):
        same = (earlier.role, earlier.trimmed) == (later.role, later.trimmed)
        if same and earlier.prompt_tokens is not None and earlier.prompt_tokens < whole < inf:
            return whole - earlier.prompt_tokens, whole - earlier.prompt_tokens
    between = [turns[j] for j in range(k, i) if j in turns]
    tokens = [turn.tokens for turn in between if turn.tokens is not None]
    if goal or len(tokens) < len(between):
        return 0, whole  # a goal's templates rewrite what is said
    most = sum(tokens) + MARKERS * len(between)
    if len(between) < i - k or None in map(counted, between):
        return sum(tokens), whole
    return sum(tokens), min(most, whole)


def counted(turn: Turn) -> int | None:
    """A turn's tokens; a chunk may hold several, so what counts chunks is no count."""
    return None if turn.tokens_from == "chunks" else turn.tokens


def repeat_inside(turn: Turn) -> Repeat:
    """The nearest words that come again inside a turn."""
    tokens = counted(turn)
    whole = inf if tokens is None else tokens
    words = list(re.finditer(r"\S+", turn.content))
    last: dict[tuple[str, ...], int] = {}
    found: list[tuple[int, int]] = []
    for at in range(len(words) - WINDOW + 1):
        window = tuple(word[0] for word in words[at : at + WINDOW])
        if window in last:
            found.append((at - last[window], at))
        last[window] = at
    if not found:
        return Repeat(1, whole, inside=True)
    gap, again = min(found)
    begins = words[again].start()
    copy = turn.content[words[again - gap].start() : begins]
    texts = (Texts(copy, turn.content[begins:], None),)
    return Repeat(gap, min(whole, len(utf8(copy))), inside=True, texts=texts)


def longest_run(earlier: str, later: str, breakers: Sequence[str] = ()) -> list[str]:
    """The most words in a row that stand in both texts, none of them over a breaker.

    >>> longest_run('*nods* "I see it all."', '*waves* "I see it all."', ['"', "*"])
    ['I', 'see', 'it', 'all.']
    """
    one, other = split(earlier, breakers, "\0"), split(later, breakers)
    match = SequenceMatcher(None, one, other, autojunk=False).find_longest_match()
    return one[match.a : match.a + match.size]


def split(text: str, breakers: Sequence[str], mark: str = "\1") -> list[str]:
    """The first words of a text, with a mark wherever a breaker stands."""
    for breaker in breakers:
        text = text.replace(breaker, f" {mark} ")
    return text.split()[:COMPARED]


@dataclass(frozen=True, slots=True)
class Run:
    """The longest run that copies share between breakers: at `least` and at `most` so many tokens,
    and its words.
    """

    least: int
    most: float
    words: int


def bound_run(repeat: Repeat, breakers: Sequence[str]) -> Run:
    """How long the longest run between breakers is.

    A word outside the run is a token at least, so the run has no more than the other tokens; a word
    at either end may be one token with its breaker, which is then cut off too.
    """
    least, most, longest = 0, 0.0, 0
    for texts in repeat.texts:
        run, later = longest_run(texts.earlier, texts.later, breakers), split(texts.later, breakers)
        words = sum(map(is_word, run))
        rest = inf if texts.tokens is None else texts.tokens - sum(map(is_word, later)) + words
        size = inf if len(later) == COMPARED else len(utf8(" ".join(run))) + 1
        least, most, longest = (
            max(least, words - 2),
            max(most, min(size, rest)),
            max(longest, words),
        )
    return Run(least, most, longest)


def is_word(piece: str) -> bool:
    """Whether a piece holds more than punctuation, which may be one token with a breaker."""
    return re.search(r"\w", piece) is not None


def utf8(text: str) -> bytes:
    """The bytes of a text, also of one with lone surrogates."""
    return text.encode("utf-8", "surrogatepass")
