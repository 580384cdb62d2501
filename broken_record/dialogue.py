"""converse(): the one loop that alternates two engines until the tokens are spent.

It knows engines only as base.Engine and messages only as prompts.py arranges them. What fails
may be tried again is tried again; what fails for good raises EngineError out of the loop: a failed
request is never a turn.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from broken_record.config import Config
from broken_record.context import WAYS_OUT, fits, trim
from broken_record.engines.base import Engine
from broken_record.errors import BrokenStream, ContextFull, EngineBusy, EngineUnreachable
from broken_record.prompts import Template, load_tokenizer_template, render, user_view
from broken_record.records import (
    Attempt,
    Chunk,
    EngineInfo,
    FinishReason,
    Message,
    Role,
    Turn,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Side:
    """One speaker: who generates, and how its prompt begins the reply."""

    role: Role
    engine: Engine
    info: EngineInfo
    template: Template
    prefix: str
    sampler: Mapping[str, Any]


def take_sides(config: Config, assistant: Engine, user: Engine) -> tuple[Side, Side]:
    """The two speakers of a config, each with the chat template of its tokenizer or else of its
    server.
    """
    sides = []
    for role, engine, tokenizer, prefix, sampler in (
        ("assistant", assistant, config.tokenizer, config.agent_prefix, config.sampler),
        ("user", user, config.user_tokenizer, config.user_prefix, config.user_sampler),
    ):
        if config.reproducible:
            sampler = {**sampler, "cache_prompt": False}
        info = replace(engine.info(), ignored=engine.ignored(sampler))
        template: Template = engine.template
        if tokenizer is not None:
            template, source = load_tokenizer_template(tokenizer)
            digest = hashlib.sha256(source.encode()).hexdigest()
            info = replace(info, template=f"tokenizer {tokenizer}", template_sha256=digest)
        sides.append(Side(role, engine, info, template, prefix, sampler))  # type: ignore[arg-type]
    return sides[0], sides[1]


def turn_seed(seed: int, turn: int, attempt: int = 0) -> int:
    """The seed of one request: the first 31 bits of SHA-256 of `seed:turn:attempt`.

    Neighbouring dialogues (seeds 7 and 8) thus share no turn's seed.

    >>> turn_seed(7, 3) == turn_seed(8, 2)
    False
    """
    digest = hashlib.sha256(f"{seed}:{turn}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a failed request is tried again: `tries` within `seconds` of the first failure, or,
    with tries None, as long as that. Waits grow from half a second to ten, with jitter.
    """

    tries: int | None = 3
    seconds: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, attempt: int, failed_at: float) -> bool:
        """Wait before the next try; False when patience is at its end."""
        pause = min(10.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)
        spent = self.clock() - failed_at
        if (self.tries is not None and attempt + 1 >= self.tries) or spent + pause > self.seconds:
            return False
        self.sleep(pause)
        return True


def patience_of(config: Config) -> Patience:
    """Three tries within 20 s, or what the config's retry_for_s allows (0: none)."""
    if config.retry_for_s is None:
        return Patience()
    return Patience(tries=None, seconds=config.retry_for_s)


RETRIED = (EngineUnreachable, EngineBusy, BrokenStream)


def converse(
    config: Config,
    assistant: Side,
    user: Side,
    *,
    seed: int,
    said: Sequence[Turn] = (),
    patience: Patience | None = None,
) -> Iterator[Chunk | Turn | Attempt]:
    """Chunks as they come (a turn's first is its prefix), and after the last chunk of each turn the
    Turn; after one that failed the Attempt.

    Turns alternate, assistant first unless it has said the last message, while initial_tokens and
    the tokens of all turns are below total_tokens; `said` are the turns of a dialogue that is
    resumed. Ends early where the config's context is "stop" and the next prompt would not fit.
    """
    conversation = [*config.conversation, *(Message(turn.role, turn.content) for turn in said)]
    opening = len(config.conversation)
    tokens = config.initial_tokens + sum(turn.tokens or 0 for turn in said)
    last = next((each.role for each in reversed(conversation) if each.role != "system"), "user")
    side = user if last == "assistant" else assistant
    dropped = next((turn.trimmed for turn in reversed(said) if turn.trimmed), 0) or 0
    patience = patience or patience_of(config)
    while tokens < config.total_tokens:
        attempt, failed_at = 0, 0.0
        while True:
            shown: list[str] = []
            started = time.perf_counter()
            try:
                view = config_view(config, side, user)
                messages, dropped = fit_messages(config, side, conversation, opening, dropped, view)
                if messages is None:
                    return
                for event in speak(side, messages, len(conversation), config.turn_max_tokens, seed):
                    if isinstance(event, Chunk):
                        shown.append(event.text)
                    else:
                        left_out = dropped if side is assistant and dropped else None
                        event = replace(event, trimmed=left_out)
                        turn = event
                    yield event
                break
            except RETRIED as error:
                elapsed = round(time.perf_counter() - started, 6)
                spoken = "".join(shown)
                yield Attempt(len(conversation), side.role, spoken, str(error), attempt, elapsed)
                failed_at = failed_at if attempt else patience.clock()
                if not patience.wait(attempt, failed_at):
                    raise
                attempt += 1
        conversation.append(Message(turn.role, turn.content))
        tokens += turn.tokens or 0
        side = user if side is assistant else assistant


def config_view(
    config: Config, side: Side, user: Side
) -> Callable[[Sequence[Message]], Sequence[Message]]:
    """What of a conversation a side sees."""
    if side is not user:
        return lambda messages: messages
    return lambda messages: user_view(
        messages, config.user_system, config.user_memory, config.user_memory_step
    )


def fit_messages(
    config: Config,
    side: Side,
    conversation: Sequence[Message],
    opening: int,
    dropped: int,
    view: Callable[[Sequence[Message]], Sequence[Message]],
) -> tuple[Sequence[Message] | None, int]:
    """(what the side sees, how many messages were left out for good); None to end the dialogue.

    Counted where the config says what to do when the context is full, and on servers that would
    drop the head of a prompt without a word.
    """

    def is_fitting(messages: Sequence[Message]) -> bool:
        prompt = render(side.template, view(messages)) + side.prefix
        return fits(side.engine, prompt, config.turn_max_tokens, side.info.n_ctx)

    if config.context == "trim":
        kept, dropped = trim(opening, conversation, dropped, is_fitting)
        return view(kept), dropped
    counts = config.context == "stop" or side.info.engine == "koboldcpp"
    if counts and not is_fitting(conversation):
        if config.context == "stop":
            return None, dropped
        raise ContextFull(
            f"the {side.role}'s context of {side.info.n_ctx:,} tokens is full: {WAYS_OUT}"
        )
    return view(conversation), dropped


def speak(
    side: Side, seen: Sequence[Message], index: int, max_tokens: int, seed: int
) -> Iterator[Chunk | Turn]:
    """One turn of one side: its chunks, then the Turn."""
    yield Chunk(side.prefix, begins=side.role)
    request_seed = turn_seed(seed, index)
    started = time.perf_counter()
    prompt = render(side.template, seen) + side.prefix
    asked = time.perf_counter()
    first: float | None = None
    pieces: list[str] = []
    finish: FinishReason | None = None
    usage = Usage()
    for chunk in side.engine.stream(
        prompt, max_tokens=max_tokens, sampler=side.sampler, seed=request_seed
    ):
        if chunk.text:
            first = time.perf_counter() if first is None else first
            pieces.append(chunk.text)
        if chunk.finish_reason is not None:
            finish, usage = chunk.finish_reason, chunk.usage
        yield chunk
    ended = time.perf_counter()
    counted = len(pieces) if usage.tokens is None else usage.tokens
    measured = {**asdict(usage), "tokens_from": usage.tokens_from or "chunks"}
    yield Turn(
        **{
            **measured,
            "index": index,
            "role": side.role,
            "content": side.prefix + "".join(pieces),
            "tokens": max(
                1, counted
            ),  # an empty reply still cost its end token, so every dialogue ends
            "finish_reason": finish,
            "ttft_s": None if first is None else round(first - asked, 6),
            "elapsed_s": round(ended - started, 6),
            "seed": request_seed,
        }
    )
