"""How much of a side's context its prompts take: the forecast before the first token, what to warn
of then, and what to do when it is full.

Only the server's own tokenizer counts. A prompt that cannot be counted, or a server that does not
say how much it holds, is let through: the server will refuse it in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from broken_record.config.schema import Config
from broken_record.conversation.prompts import put_behind, render
from broken_record.data import EngineInfo, Message, Turn
from broken_record.engines.base import Engine, Template
from broken_record.errors import ContextFull, EngineBusy, RequestRefused

WAYS_OUT = (
    'give the server more context, lower "total_tokens", or say "context": "stop" to end there or '
    '"context": "trim" to leave out the oldest turns'
)
USER_WAYS_OUT = 'give its server more context, or lower "user_memory"'
IF_SHORT = "if turns are as long as the opening's"
OLLAMA = "library"  # what it calls the owner of its models
NO_FAST_FORWARD = (
    '"reproducible" needs koboldcpp started with --nofastforward, and without --smartcache: what '
    "it has read before changes the numbers"
)
OWN_TEMPLATE = (
    "Ollama puts a chat template of its own around every prompt, so that the model reads two of "
    "them and a reply cannot be begun with a prefix: serve the same GGUF file with llama-server"
)
CHARACTERS_A_TOKEN = 6  # more than texts have, in any tokenizer that is used for them
LEAST_SAID = 8  # tokens a turn has at least, however short the opening's lines are
BOTH_BOS = 2  # what servers count otherwise than their tokenizers


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where a dialogue's context will be full: the generated turn, from 1. It is sure to be where
    the opening and total_tokens alone are too much; else it depends on how long turns are.
    """

    n_ctx: int
    needed: int
    turn: int
    is_sure: bool

    def sentence(self) -> str:
        """For people."""
        return (
            f"the assistant's context of {self.n_ctx:,} tokens will be full at about turn "
            f"{self.turn:,}; the whole dialogue needs about {self.needed:,}"
        )


def forecast(
    config: Config, engine: Engine, template: Template, prefix: str, n_ctx: int | None
) -> Forecast | None:
    """Whether total_tokens outgrow the assistant's context; None if not, or if nothing tells.

    A turn costs what it says, and its share of role markers and prefix, measured on the template;
    how much a turn says is taken from the opening messages, at most turn_max_tokens. A few
    words of an opening do not make the whole dialogue one of short turns.
    """
    opening = list(config.conversation)
    last = config.post_history
    begun = count(engine, render(template, put_behind(opening, last)) + prefix)
    if n_ctx is None or begun is None:
        return None
    spoken = [message.content for message in opening if message.role != "system"]
    pair = [Message("assistant", f"{prefix} a"), Message("user", f"{config.user_prefix} a")]
    longer = count(engine, render(template, put_behind([*opening, *pair], last)) + prefix)
    nothing, pair_said, all_said = (count(engine, text) for text in ("", " a a", " ".join(spoken)))
    if longer is None or nothing is None or pair_said is None or all_said is None:
        return None
    markers = max(0.0, (longer - begun - (pair_said - nothing)) / 2)
    usual = (all_said - nothing) / len(spoken) if spoken else config.turn_max_tokens
    said = min(max(1.0, usual), config.turn_max_tokens)
    to_say = config.total_tokens - config.initial_tokens
    least = min(LEAST_SAID, config.turn_max_tokens)
    needed = begun + to_say + to_say / max(said, least) * markers
    if needed <= n_ctx:
        return None
    turn = max(1, round((n_ctx - begun) / (said + markers)))
    return Forecast(n_ctx, round(needed), turn, begun + to_say > n_ctx)


def find_limits(
    config: Config,
    engine: Engine,
    template: Template,
    prefix: str,
    infos: tuple[EngineInfo, EngineInfo],
) -> Iterator[str]:
    """What to warn of before the first token, a sentence each: the names of a sampler that a server
    ignores, an Ollama, what "reproducible" needs, and an assistant's context that will be full.

    Engine, template and prefix are the assistant's, `infos` the assistant's and the user's.
    ContextFull where the context is sure to be full and the config does not say what to do then.
    """
    for role, info in zip(("assistant", "user"), infos, strict=True):
        if info.ignored:
            yield f"{role}: {info.engine} does not honour {', '.join(info.ignored)}"
        if info.engine == OLLAMA:
            yield f"{role}: {OWN_TEMPLATE}"
        if config.reproducible and info.engine == "koboldcpp":
            yield f"{role}: {NO_FAST_FORWARD}"
    if config.mode == "goal":
        return  # how many turns there will be, nobody knows
    try:
        expected = forecast(config, engine, template, prefix, infos[0].n_ctx)
    except EngineBusy:
        return  # the first turn will ask again
    if expected is None:
        return
    if config.context is not None:
        yield f"{expected.sentence()}; then it will {config.context}"
    elif expected.is_sure:
        raise ContextFull(f"{expected.sentence()}: {WAYS_OUT}")
    else:
        yield f"{expected.sentence()}, {IF_SHORT}: {WAYS_OUT}"


def find_user_limits(
    config: Config, engine: Engine, n_ctx: int | None, prompt_of: Callable[[Sequence[Message]], str]
) -> Iterator[str]:
    """What to warn of before the first token where the user's context is too small for the messages
    that it remembers, if they are as long as the opening's.

    `prompt_of` makes the user's prompt of messages. ContextFull where the context is too small for
    the opening alone and the config does not say what to do then.
    """
    spoken = [message for message in config.conversation if message.role != "system"]
    if n_ctx is None or config.mode == "goal" or not spoken:
        return
    remembered = [spoken[k % len(spoken)] for k in range(config.user_memory)]
    try:
        first, needed = (count(engine, prompt_of(seen)) for seen in (spoken, remembered))
    except EngineBusy:
        return  # the first turn will ask again
    full = f"the user's context of {n_ctx:,} tokens is too small for its"
    if first is not None and first >= n_ctx and config.context is None:
        raise ContextFull(f"{full} first prompt, which takes {first:,}: {USER_WAYS_OUT}")
    if needed is not None and needed >= n_ctx:
        memory = f"{config.user_memory} messages like the opening's take {needed:,}"
        yield f"{full} memory: {memory}: {USER_WAYS_OUT}"


def check_whole(engine: Engine, prompt: str, turn: Turn, before: int | None) -> None:
    """ContextFull where the server read fewer tokens than the prompt has: it cut it without a word.

    Asked where that may be: the prompt has fewer tokens than the one `before` it, which it goes on
    from, or few for its length. Where nobody counts, the first is proof.
    """
    read = turn.prompt_tokens
    if not read:
        return
    has_shrunk = before is not None and read < before
    if not has_shrunk and len(prompt) <= read * CHARACTERS_A_TOKEN:
        return
    counted = count(engine, prompt)
    if has_shrunk if counted is None else counted - read > BOTH_BOS:
        had = f"at least {before:,}" if counted is None else f"{counted:,}"
        raise ContextFull(
            f"the server cut the {turn.role}'s prompt without a word: it read {read:,} of {had} "
            f"tokens: {WAYS_OUT}"
        )


def count(engine: Engine, prompt: str) -> int | None:
    """The tokens of a prompt; None where the engine has no tokenizer to ask. Raises EngineBusy."""
    try:
        return engine.count_tokens(prompt)
    except EngineBusy:
        raise
    except RequestRefused:
        return None


def fits(engine: Engine, prompt: str, max_tokens: int, n_ctx: int | None) -> bool:
    """Whether prompt and reply stay within the context; a prompt with fewer bytes than there are
    tokens left does, without asking.
    """
    if n_ctx is None or len(prompt.encode("utf-8", "surrogatepass")) + max_tokens < n_ctx:
        return True
    counted = count(engine, prompt)
    return counted is None or counted + max_tokens < n_ctx


def trim(
    opening: int,
    messages: Sequence[Message],
    dropped: int,
    is_fitting: Callable[[Sequence[Message]], bool],
) -> tuple[list[Message], int]:
    """(what is left, how many messages behind the opening were left out): the opening stays.

    Half of what is left goes at a time, in whole exchanges, so that the beginning of the prompt
    stays the same for many turns and the server's cache survives.

    >>> said = [Message("user", str(i)) for i in range(9)]
    >>> [len(kept) for kept in [trim(1, said, 0, lambda kept: len(kept) < 6)[0]]]
    [5]
    """
    while True:
        kept = [*messages[:opening], *messages[opening + dropped :]]
        left = len(messages) - opening - dropped
        if left <= 2 or is_fitting(kept):
            return kept, dropped
        dropped += max(2, left // 2 // 2 * 2)
