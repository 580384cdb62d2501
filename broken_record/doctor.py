"""parrot.py --doctor: contacts both servers, and says in sentences what they are and do.

Two short generations per server, one with a strong repetition penalty and one without, show whether
the server takes the penalty at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from broken_record.chat import Chat
from broken_record.config import Config
from broken_record.context import forecast
from broken_record.dialogue import Side, take_sides
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect
from broken_record.errors import EngineError
from broken_record.goals import Goal
from broken_record.prompts import render
from broken_record.records import Message, Role

TRIED_TOKENS = 48
REPEATING = "one two one two one two one two one two one two"


def examine_servers(config: Config, seed: int) -> Iterator[str]:
    """The findings, line by line."""
    with connect(config) as engines:
        sides = take_sides(config, *engines)
        for side, url in zip(sides, (config.api_url, config.user_api_url), strict=True):
            yield from examine_side(config, side, url, seed)
        if config.mode == "goal":
            return
        assistant = sides[0]
        expected = forecast(
            config, assistant.engine, assistant.template, assistant.prefix, assistant.info.n_ctx
        )
        yield (
            expected.sentence() if expected else "The assistant's context holds the whole dialogue."
        )


def examine_side(config: Config, side: Side, url: str, seed: int) -> Iterator[str]:
    """One server."""
    info = side.info
    build = f" {info.build}" if info.build else ""
    yield f"{side.role}: {info.engine}{build} at {url}"
    yield f"  model {info.model or 'unknown'}, context {info.n_ctx or 'unknown'} tokens"
    yield f"  chat template of the {info.template or 'server: none'}"
    yield f"  not honoured: {', '.join(info.ignored) or 'nothing that is known'}"
    messages = first_messages(config, side.role)
    if config.mode == "goal":
        for message in messages:
            yield f"  the {side.role} is told ({message.role}): {message.content}"
    prompt = render(side.template, messages) + side.prefix
    if isinstance(side.engine, CompletionsServer):
        body = side.engine.request_body(
            prompt, max_tokens=config.turn_max_tokens, sampler=side.sampler, seed=seed
        )
        yield f"  request: {json.dumps(body, ensure_ascii=False)}"
    yield f"  {penalty_sentence(side, prompt, seed)}"


def first_messages(config: Config, role: Role) -> list[Message]:
    """What a side sees before its first turn; of a goal's assistant, who speaks second, with the
    goal in place of what the user will ask.
    """
    if config.mode != "goal":
        mode = Chat(config)
        return list(mode.window(role, mode.messages(role, ())[0]))
    goal = Goal(config)
    asked = [Message("user", goal.objective.text)] if role == "assistant" else []
    return [*goal.messages(role, ())[0], *asked]


def penalty_sentence(side: Side, prompt: str, seed: int) -> str:
    """Whether the repetition penalty changes what the server says."""
    said = []
    for penalty in (1.0, 1.9):
        sampler = {"temperature": 0, "repeat_penalty": penalty, "repeat_last_n": 256}
        try:
            chunks = side.engine.stream(
                f"{prompt} {REPEATING}", max_tokens=TRIED_TOKENS, sampler=sampler, seed=seed
            )
            said.append("".join(chunk.text for chunk in chunks))
        except EngineError as error:
            return f"a short reply failed: {error}"
    if said[0] == said[1]:
        return f"the repetition penalty has no effect: both tries said {said[0][:60]!r}"
    return "the repetition penalty has an effect"
