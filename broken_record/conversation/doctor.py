"""parrot.py --doctor: contacts both servers, and says in sentences what they are, what they do, and
what is wrong (doctor_remarks.py puts it in order).

Wrong is what will spoil the dialogue: a server that does not answer, a prompt that is not the
model's (doctor_prompts.py), a stop string that can never match (doctor_tries.py), a context that is
too small. What is only a matter of taste, or harmless, is a note. Everything is asked of the
servers: their own tokenizers count, and short generations show what they do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from broken_record.config.schema import Config
from broken_record.conversation.context import (
    IF_SHORT,
    NO_FAST_FORWARD,
    OLLAMA,
    OWN_TEMPLATE,
    WAYS_OUT,
    find_user_limits,
    forecast,
)
from broken_record.conversation.converse import Mode, Side, mode_of, prompt_of, take_side
from broken_record.conversation.doctor_prompts import examine_bos, examine_template
from broken_record.conversation.doctor_remarks import Remark, note, title, wrong
from broken_record.conversation.doctor_tries import (
    examine_isolation,
    examine_stops,
    penalty_remark,
)
from broken_record.conversation.goals import Goal
from broken_record.conversation.prompts import holds_all, put_behind, render
from broken_record.data import Role, Turn
from broken_record.engines.base import Engine
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect
from broken_record.errors import ContextFull, EngineError


def examine_servers(config: Config, seed: int) -> Iterator[Remark]:
    """What there is to say, line by line."""
    with ExitStack() as stack:
        try:
            engines = stack.enter_context(connect(config))
        except EngineError as error:
            yield wrong(str(error))
            yield from who_else_fails(config, str(error))
            return
        sides = []
        urls = (config.api_url, config.user_api_url)
        roles: tuple[Role, Role] = ("assistant", "user")
        for role, engine, url in zip(roles, engines, urls, strict=True):
            yield from introduce(role, engine, url)
            try:
                side = take_side(config, role, engine)
                sides.append(side)
                yield from examine_side(config, side, seed)
            except EngineError as error:
                yield wrong(str(error))
        if len(sides) == 2:
            yield from compare_sides(config, *sides)


def who_else_fails(config: Config, said: str) -> Iterator[Remark]:
    """Each side alone, after connecting to both has failed for a reason that was said already."""
    for role in ("assistant", "user"):
        alone = config
        if role == "assistant":
            alone = replace(config, user_api_url=config.api_url, user_engine=config.engine,
                            user_api_key_env=config.api_key_env)  # fmt: skip
        else:
            alone = replace(config, api_url=config.user_api_url, engine=config.user_engine,
                            api_key_env=config.user_api_key_env)  # fmt: skip
        try:
            with connect(alone) as (engine, _):
                yield from introduce(role, engine, alone.api_url)
        except EngineError as error:
            if str(error) != said:
                yield wrong(str(error))


def introduce(role: str, engine: Engine, url: str) -> Iterator[Remark]:
    """Who answers at an address."""
    info = engine.info()
    build = f" {info.build}" if info.build else ""
    yield title(f"{role}: {info.engine}{build} at {url}")
    yield Remark(f"model {info.model or 'unknown'}, context {info.n_ctx or 'unknown'} tokens")


def examine_side(config: Config, side: Side, seed: int) -> Iterator[Remark]:
    """One side: its template, its request, and what of its config will not work."""
    info = side.info
    yield Remark(f"chat template of the {info.template or 'server: none'}")
    yield Remark(f"not honoured: {', '.join(info.ignored) or 'nothing that is known'}")
    mode = mode_of(config, side, side)
    seen = mode.window(side.role, mode.messages(side.role, said_before(config, side, mode))[0])
    messages = put_behind(seen, side.post_history)
    if config.mode == "goal":
        for message in messages:
            yield Remark(f"the {side.role} is told ({message.role}): {message.content}")
    prompt = render(side.template, messages)
    if not holds_all(prompt, messages):
        yield wrong("the chat template leaves out some of the messages, however arranged")
    prompt += side.lead_in
    if isinstance(side.engine, CompletionsServer):
        body = side.engine.request_body(
            prompt, max_tokens=config.turn_max_tokens, sampler=side.sampler, seed=seed
        )
        yield Remark(f"request: {json.dumps(body, ensure_ascii=False)}")
        yield from examine_server(config, side, side.engine)
        yield from examine_template(config, side, side.engine, messages)
        yield from examine_bos(side, side.engine, prompt)
        yield from examine_stops(side, side.engine, prompt, config.turn_max_tokens, seed)
        yield from examine_isolation(config, side, side.engine, prompt, seed)
    yield from examine_context(config, side, mode)
    yield penalty_remark(side, prompt, seed)


def examine_server(config: Config, side: Side, engine: CompletionsServer) -> Iterator[Remark]:
    """What a kind of server, or the way in which it was started, does to a dialogue."""
    asked = engine.wire.probe("/api/version") if engine.dialect == "completions" else None
    if side.info.engine == OLLAMA or (asked or {}).get("version"):
        yield wrong(OWN_TEMPLATE)
    if side.info.engine == "koboldcpp":
        if config.reproducible:
            yield note(NO_FAST_FORWARD)
        elif config.api_url == config.user_api_url and side.role == "assistant":
            yield note(
                "both sides share a koboldcpp: unless it was started with --smartcache 4, every "
                "turn is read anew"
            )
    trained, n_ctx = (engine.model.get("meta") or {}).get("n_ctx_train"), side.info.n_ctx
    if isinstance(trained, int) and n_ctx is not None and n_ctx > trained:
        yield note(
            f"the model was trained for {trained:,} tokens of context, and the server gives it "
            f"{n_ctx:,}: behind the first it may write noise, unless it was started with RoPE "
            "scaling for that (-c sets the context of all slots together)"
        )


def said_before(config: Config, side: Side, mode: Mode) -> list[Turn]:
    """A greeting of the other side, if it is the other one that speaks first; of a goal dialogue's
    user, the goal in place of what it will ask.
    """
    other = mode.speaker([])
    if other == side.role:
        return []
    prefix = config.agent_prefix if other == "assistant" else config.user_prefix
    words = mode.objective.text if isinstance(mode, Goal) else "Hello."
    said = f"{prefix} {words}".strip()
    return [Turn(len(config.conversation), other, said, extract=words)]


def examine_context(config: Config, side: Side, mode: Mode) -> Iterator[Remark]:
    """When the context will be full: the assistant's as its dialogue grows, the user's with the
    messages that it remembers, if they are as long as the opening's.
    """
    n_ctx = side.info.n_ctx
    if config.mode == "goal":
        return  # how many turns there will be, nobody knows
    if side.role == "assistant":
        expected = forecast(config, side.engine, side.template, side.prefix, n_ctx)
        if n_ctx is None:
            yield note("how much context the server has is unknown: whether it is enough, too")
        elif expected is None:
            yield Remark("the context holds the whole dialogue, as far as it can be counted")
        elif config.context is None and not expected.is_sure:
            yield note(f"{expected.sentence()}, {IF_SHORT}: {WAYS_OUT}")
        elif config.context is None:
            yield wrong(f"{expected.sentence()}: {WAYS_OUT}")
        else:
            yield Remark(f"{expected.sentence()}; then it will {config.context}")
        return
    try:
        for sentence in find_user_limits(
            config, side.engine, n_ctx, partial(prompt_of, mode, side)
        ):
            yield wrong(sentence)
    except ContextFull as error:
        yield wrong(str(error))


def compare_sides(config: Config, assistant: Side, user: Side) -> Iterator[Remark]:
    """Whether one model plays both."""
    one, other = assistant.info, user.info
    same = (one.model, one.template_sha256) == (other.model, other.template_sha256)
    if config.api_url == config.user_api_url or (one.model is not None and same):
        yield title("both sides:")
        yield note(
            "they are the same model. One model for both is known to make both say the same with "
            "genders flipped (docs/history.md); a second one for the user helps"
        )
