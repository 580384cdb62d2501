"""converse(): the one loop that alternates two engines until it is over.

It knows engines only as base.Engine, messages only as prompts.py arranges them, and of the two
modes, chat.py and goals.py, only what Mode says. What fails and may be tried again is tried again;
what fails for good raises EngineError out of the loop: a failed request is never a turn.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from broken_record.config.schema import Config
from broken_record.conversation.chat import Chat
from broken_record.conversation.context import WAYS_OUT, check_whole, fits, trim
from broken_record.conversation.goals import Goal
from broken_record.conversation.prompts import put_behind, render, reply_gap, role_markers
from broken_record.conversation.thoughts import Thoughts
from broken_record.data import (
    Attempt,
    Chunk,
    End,
    EndReason,
    EngineInfo,
    FinishReason,
    Flaw,
    Message,
    Role,
    Turn,
    Usage,
)
from broken_record.engines.base import Engine, Template
from broken_record.engines.retry import Patience, patience_of
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.errors import BrokenStream, ContextFull, EngineBusy, EngineUnreachable


@dataclass(frozen=True, slots=True)
class Side:
    """One speaker: who generates, and how its prompt ends: the instructions behind all that was
    said, and the prefix that begins the reply; in the prompt, `lead_in`, behind the white space
    that its template puts there.
    """

    role: Role
    engine: Engine
    info: EngineInfo
    template: Template
    prefix: str
    lead_in: str
    sampler: Mapping[str, Any]
    post_history: str = ""


def take_sides(config: Config, assistant: Engine, user: Engine) -> tuple[Side, Side]:
    """The two speakers of a config, each with the chat template of its tokenizer or else of its
    server.
    """
    return take_side(config, "assistant", assistant), take_side(config, "user", user)


def take_side(config: Config, role: Role, engine: Engine) -> Side:
    """One speaker of a config; TemplateRefused where its tokenizer cannot be loaded."""
    tokenizer, prefix, sampler, last = (
        (config.tokenizer, config.agent_prefix, config.sampler, config.post_history)
        if role == "assistant"
        else (
            config.user_tokenizer, config.user_prefix, config.user_sampler,
            config.user_post_history,
        )
    )  # fmt: skip
    if config.reproducible:
        sampler = {**sampler, "cache_prompt": False}
    caching = sampler.get("cache_prompt") is not False
    info = replace(engine.info(), ignored=engine.ignored(sampler), caching=caching)
    template: Template = engine.template
    if tokenizer is not None:
        loaded = load_tokenizer_template(tokenizer, adds_bos=engine.adds_bos())
        template = loaded.render
        digest = hashlib.sha256(loaded.source.encode()).hexdigest()
        info = replace(info, template=f"tokenizer {tokenizer}", template_sha256=digest)
    lead_in = reply_gap(template) + prefix if prefix else ""
    return Side(role, engine, info, template, prefix, lead_in, sampler, last)


def turn_seed(seed: int, turn: int, attempt: int = 0) -> int:
    """The seed of one request: the first 31 bits of SHA-256 of `seed:turn:attempt`.

    Neighbouring dialogues (seeds 7 and 8) thus share no turn's seed.

    >>> turn_seed(7, 3) == turn_seed(8, 2)
    False
    """
    digest = hashlib.sha256(f"{seed}:{turn}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


RETRIED = (EngineUnreachable, EngineBusy, BrokenStream)


class Mode(Protocol):
    """What differs between chat and goal; everything follows from the turns so far."""

    def speaker(self, turns: Sequence[Turn]) -> Role:
        """Who speaks next."""

    def over(self, turns: Sequence[Turn]) -> EndReason | None:
        """Why nothing more is to be said, or None."""

    def messages(self, role: Role, turns: Sequence[Turn]) -> tuple[list[Message], int]:
        """(what a side would see with room enough, how many of the first are never left out)."""

    def window(self, role: Role, messages: Sequence[Message]) -> Sequence[Message]:
        """What a side sees of the messages that there is room for."""

    def take(self, turn: Turn) -> Turn:
        """A reply, as it counts."""

    def asks_again(self, turn: Turn, tried: int) -> Flaw | None:
        """Why a reply does not count and is asked for again, `tried` before it being rejected."""

    def sampler(self, sampler: Mapping[str, Any], tried: int, seed: int) -> Mapping[str, Any]:
        """The sampling parameters of a try."""


def mode_of(config: Config, assistant: Side, user: Side) -> Mode:
    """The rules that a config asks for."""
    if config.mode == "goal":
        return Goal(config, {
            "assistant": role_markers(assistant.template, "user"),
            "user": role_markers(user.template, "user"),
        })  # fmt: skip
    return Chat(config)


def prompt_of(mode: Mode, side: Side, messages: Sequence[Message]) -> str:
    """What a side is asked that has these messages behind it."""
    seen = put_behind(mode.window(side.role, messages), side.post_history)
    return render(side.template, seen) + side.lead_in


def converse(
    config: Config,
    assistant: Side,
    user: Side,
    *,
    seed: int,
    said: Sequence[Turn] = (),
    tried: Sequence[Attempt] = (),
    patience: Patience | None = None,
) -> Iterator[Chunk | Turn | Attempt | End]:
    """Chunks as they come (a turn's first is its prefix), and after the last chunk of each turn the
    Turn; after one that failed or is asked for again the Attempt; at last the End.

    Turns alternate until the config's mode says it is over; `said` and `tried` are the turns and
    attempts of a dialogue that is resumed: a reply that was rejected is not asked for once more.
    Ends early where the config's context is "stop" and the next prompt would not fit.
    """
    mode = mode_of(config, assistant, user)
    sides = {"assistant": assistant, "user": user}
    patience = patience or patience_of(config)
    turns = list(said)
    reason = mode.over(turns)
    while reason is None:
        side = sides[mode.speaker(turns)]
        index = len(config.conversation) + len(turns)
        rejected = sum(attempt.flaw is not None and attempt.index == index for attempt in tried)
        while reason is None:
            reply = yield from speak_patiently(config, mode, side, turns, rejected, seed, patience)
            if reply is None:
                reason = "context"
                break
            turn = mode.take(reply)
            flaw = mode.asks_again(turn, rejected)
            if flaw is None:
                turns.append(turn)
                yield turn
                reason = mode.over(turns)
                break
            yield Attempt(turn.index, turn.role, reply.content, f"asked again: {flaw}", rejected,
                          turn.elapsed_s or 0.0, flaw, turn.tokens, turn.seed)  # fmt: skip
            rejected += 1
    yield End(reason)


def speak_patiently(
    config: Config,
    mode: Mode,
    side: Side,
    turns: Sequence[Turn],
    tried: int,
    seed: int,
    patience: Patience,
) -> Generator[Chunk | Attempt, None, Turn | None]:
    """One reply of one side: its chunks, an Attempt for each request that failed and may be tried
    again; returns the Turn, or None where the context is full and the config says to stop there.
    """
    index = len(config.conversation) + len(turns)
    request_seed = turn_seed(seed, index, tried)
    sampler = mode.sampler(side.sampler, tried, request_seed)
    tries = patience.begin()
    at_least = 0
    while True:
        shown: list[str] = []
        started = time.perf_counter()
        dropped = 0
        try:
            messages, dropped = fit_messages(config, mode, side, turns, at_least)
            if messages is None:
                return None
            for event in speak(
                side, messages, index, config.turn_max_tokens, sampler, request_seed
            ):
                if isinstance(event, Turn):
                    prompt = render(side.template, messages) + side.lead_in
                    check_whole(
                        side.engine, prompt, event, read_before(config, turns, event, dropped)
                    )
                    return replace(event, trimmed=dropped or None)
                shown.append(event.text)
                yield event
        except ContextFull as error:
            left = len(turns) - dropped
            if config.context is None or (config.context == "trim" and left <= 2):
                raise
            elapsed = round(time.perf_counter() - started, 6)
            yield Attempt(index, side.role, "".join(shown), str(error), tries.failed, elapsed)
            if config.context == "stop":
                return None
            at_least = dropped + max(2, left // 2 // 2 * 2)
        except RETRIED as error:
            elapsed = round(time.perf_counter() - started, 6)
            yield Attempt(index, side.role, "".join(shown), str(error), tries.failed, elapsed)
            if not tries.wait(error.retry_after_s):
                raise


def read_before(config: Config, turns: Sequence[Turn], turn: Turn, dropped: int) -> int | None:
    """The tokens of a prompt that the turn's goes on from: of a chat's assistant, who forgets
    nothing, its last one, unless messages were left out since.
    """
    own = [said for said in turns if said.role == turn.role]
    if config.mode == "goal" or turn.role == "user" or not own or (own[-1].trimmed or 0) < dropped:
        return None
    return own[-1].prompt_tokens


def fit_messages(
    config: Config, mode: Mode, side: Side, turns: Sequence[Turn], at_least: int = 0
) -> tuple[Sequence[Message] | None, int]:
    """(what the side sees, how many messages were left out for good, and `at_least`); None to end
    the dialogue.

    Counted where the config says what to do when the context is full, and on servers that would
    drop the head of a prompt without a word.
    """
    messages, opening = mode.messages(side.role, turns)
    own = (turn.trimmed for turn in reversed(turns) if turn.role == side.role and turn.trimmed)
    dropped = max(next(own, 0) or 0, at_least)

    def see(kept: Sequence[Message]) -> Sequence[Message]:
        return put_behind(mode.window(side.role, kept), side.post_history)

    def is_fitting(kept: Sequence[Message]) -> bool:
        prompt = render(side.template, see(kept)) + side.lead_in
        return fits(side.engine, prompt, config.turn_max_tokens, side.info.n_ctx)

    if config.context == "trim":
        messages, dropped = trim(opening, messages, dropped, is_fitting)
    elif (config.context == "stop" or side.info.engine == "koboldcpp") and not is_fitting(messages):
        if config.context == "stop":
            return None, dropped
        raise ContextFull(
            f"the {side.role}'s context of {side.info.n_ctx:,} tokens is full: {WAYS_OUT}"
        )
    return see(messages), dropped


def speak(
    side: Side,
    seen: Sequence[Message],
    index: int,
    max_tokens: int,
    sampler: Mapping[str, Any],
    seed: int,
) -> Iterator[Chunk | Turn]:
    """One reply of one side: its chunks, without what it thinks aloud, then the Turn."""
    yield Chunk(side.prefix, begins=side.role)
    started = time.perf_counter()
    prompt = render(side.template, seen) + side.lead_in
    asked = time.perf_counter()
    first: float | None = None
    thoughts, pieces = Thoughts(), list[str]()
    came = 0
    finish: FinishReason | None = None
    usage = Usage()
    for chunk in side.engine.stream(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed):
        if chunk.text:
            first = time.perf_counter() if first is None else first
            came += 1
        if chunk.finish_reason is not None:
            finish, usage = chunk.finish_reason, chunk.usage
        pieces.append(thoughts.speech(chunk.text, is_last=chunk.finish_reason is not None))
        if pieces[-1] or chunk.finish_reason is not None:
            yield replace(chunk, text=pieces[-1])
    ended = time.perf_counter()
    counted = came if usage.tokens is None else usage.tokens
    measured = {**asdict(usage), "tokens_from": usage.tokens_from or "chunks"}
    yield Turn(
        **{
            **measured,
            "index": index,
            "role": side.role,
            "content": side.prefix + "".join(pieces),
            "tokens": max(1, counted),  # an empty reply cost its end token: every dialogue ends
            "finish_reason": finish,
            "ttft_s": None if first is None else round(first - asked, 6),
            "elapsed_s": round(ended - started, 6),
            "seed": seed,
            "thought": thoughts.thought,
        }
    )
