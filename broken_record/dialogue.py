"""converse(): the one loop that alternates two engines until the tokens are spent.

It knows engines only as base.Engine and messages only as prompts.py arranges them. What fails
raises EngineError out of the loop: a failed request is never a turn.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from broken_record.config import Config
from broken_record.engines.base import Engine
from broken_record.prompts import Template, load_tokenizer_template, render, user_view
from broken_record.records import Chunk, EngineInfo, FinishReason, Message, Role, Turn, Usage


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
        info = engine.info()
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


def converse(config: Config, assistant: Side, user: Side, *, seed: int) -> Iterator[Chunk | Turn]:
    """Chunks as they come (a turn's first is its prefix), and after the last chunk of each turn the
    Turn.

    Turns alternate, assistant first, while initial_tokens and the tokens of all turns are below
    total_tokens.
    """
    conversation = list(config.conversation)
    tokens = config.initial_tokens
    side = assistant
    while tokens < config.total_tokens:
        seen = (
            conversation
            if side is assistant
            else user_view(conversation, config.user_system, config.user_memory)
        )
        turn = yield from speak(side, seen, len(conversation), config.turn_max_tokens, seed)
        yield turn
        conversation.append(Message(turn.role, turn.content))
        tokens += turn.tokens or 0
        side = user if side is assistant else assistant


def speak(
    side: Side, seen: Sequence[Message], index: int, max_tokens: int, seed: int
) -> Generator[Chunk, None, Turn]:
    """One turn of one side; the generator's return value is the Turn."""
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
    return Turn(
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
