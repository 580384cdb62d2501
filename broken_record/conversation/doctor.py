"""parrot.py --doctor: contacts both servers, and says in sentences what they are, what they do, and
what is wrong.

Wrong is what will spoil the dialogue: a server that does not answer, a prompt that is not the
model's (doctor_prompts.py), a stop string that can never match, a context that is too small. What
is only a matter of taste, or harmless, is a note. Everything is asked of the servers: their own
tokenizers count, and a few short generations show whether a repetition penalty works and whether a
stop string that is one token ends a reply.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from broken_record.config.schema import Config
from broken_record.conversation.context import (
    IF_SHORT,
    NO_FAST_FORWARD,
    OLLAMA,
    OWN_TEMPLATE,
    WAYS_OUT,
    count,
    forecast,
)
from broken_record.conversation.converse import Mode, Side, mode_of, take_side
from broken_record.conversation.doctor_prompts import (
    Remark,
    examine_bos,
    examine_template,
    note,
    tokens_of,
    wrong,
)
from broken_record.conversation.goals import Goal
from broken_record.conversation.prompts import holds_all, put_behind, render
from broken_record.data import Role, Turn
from broken_record.engines.base import Engine
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect
from broken_record.errors import EngineError

TRIED_TOKENS = 48
FORCED_TOKENS = 3
FORCED_BIAS = 100  # the most that vLLM takes
CUTS = ("top_k", "top_p", "min_p", "typical_p")  # of the config's sampler, kept when trying
REPEATING = "one two one two one two one two one two one two"
OTHER_PROMPT = "The keeper of the lighthouse counts the ships: one, two, three,"
ROUNDS = 3
PENALTIES = ("repeat_penalty", "repetition_penalty", "rep_pen")  # one parameter's names
ISOLATED = {
    "llama-server": "start it with --cache-ram 0, and with -np twice the dialogues in flight",
    "koboldcpp": "start it without --smartcache and --multiuser, or one server for each side",
    "completions": "start it so that one request never cuts another one off (llama-cpp-python: "
    "--interrupt_requests false), or hold one dialogue at a time",
}
SHOWN_TOKEN = {
    "llama-server": 'name it in "preserved_tokens" of the sampler, or start the server with '
    "--special",
    "vllm": 'say "skip_special_tokens": false in the sampler, or "stop_token_ids": [{token}]',
    "aphrodite-engine": 'say "skip_special_tokens": false in the sampler, or "stop_token_ids": '
    "[{token}]",
}


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
    yield Remark(f"{role}: {info.engine}{build} at {url}")
    yield Remark(f"  model {info.model or 'unknown'}, context {info.n_ctx or 'unknown'} tokens")


def examine_side(config: Config, side: Side, seed: int) -> Iterator[Remark]:
    """One side: its template, its request, and what of its config will not work."""
    info = side.info
    yield Remark(f"  chat template of the {info.template or 'server: none'}")
    yield Remark(f"  not honoured: {', '.join(info.ignored) or 'nothing that is known'}")
    mode = mode_of(config, side, side)
    seen = mode.window(side.role, mode.messages(side.role, said_before(config, side, mode))[0])
    messages = put_behind(seen, side.post_history)
    if config.mode == "goal":
        for message in messages:
            yield Remark(f"  the {side.role} is told ({message.role}): {message.content}")
    prompt = render(side.template, messages)
    if not holds_all(prompt, messages):
        yield wrong("the chat template leaves out some of the messages, however arranged")
    prompt += side.lead_in
    if isinstance(side.engine, CompletionsServer):
        body = side.engine.request_body(
            prompt, max_tokens=config.turn_max_tokens, sampler=side.sampler, seed=seed
        )
        yield Remark(f"  request: {json.dumps(body, ensure_ascii=False)}")
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


def examine_stops(
    side: Side, engine: CompletionsServer, prompt: str, most_tokens: int, seed: int
) -> Iterator[Remark]:
    """The stop strings that can never match: empty ones; those that hold another one, which ends
    the reply before; those that are longer than a reply may be; and, tried with the token forced,
    those that are a token which the server does not write as text.
    """
    listed = side.sampler.get("stop") or []
    stops = [listed] if isinstance(listed, str) else list(listed)
    bos = tokens_of(engine, "") or []
    for stop in stops:
        within = next((other for other in stops if other and other != stop and other in stop), None)
        tokens = tokens_of(engine, stop) or []
        tokens = tokens[len(bos) :] if tokens[: len(bos)] == bos else tokens
        if not stop:
            yield note("an empty stop string can never match; it is left out of the request")
        elif within is not None:
            yield note(f"the stop string {stop!r} can never match: {within!r} in it comes first")
        elif len(tokens) > most_tokens:
            yield wrong(
                f"the stop string {stop!r} can never match: it has {len(tokens)} tokens, a reply "
                f"at most {most_tokens} (turn_max_tokens)"
            )
        elif len(tokens) == 1 and not ends_at(side, stop, tokens[0], prompt, seed):
            way = SHOWN_TOKEN.get(engine.dialect, "use another one")
            yield wrong(
                f"the stop string {stop!r} can never match: it is the token {tokens[0]}, which the "
                f"server does not write as text ({FORCED_TOKENS} of them in a row did not end a "
                f"reply); {way.format(token=tokens[0])}"
            )


def examine_isolation(
    config: Config, side: Side, engine: CompletionsServer, prompt: str, seed: int
) -> Iterator[Remark]:
    """Whether a reply depends on what is asked beside it: the side's prompt and another one at
    once, a few times, against each of them alone. Of one server for both sides it is asked once.
    """
    if side.role == "user" and config.api_url == config.user_api_url:
        return
    if (side.info.slots or 2) < 2 and config.api_url == config.user_api_url:
        yield note(
            "the server has one slot for both sides: every turn may be read anew; start it with "
            "-np twice the dialogues in flight, and -c as many times the context"
        )
    if "id_slot" in side.sampler and side.info.caching:
        yield wrong(
            '"id_slot" in the sampler: where two requests want one slot, the server swaps its '
            'cache under the reply being written; leave it out, or say "cache_prompt": false'
        )
    greedy = {**side.sampler, "temperature": 0}
    prompts = (prompt, OTHER_PROMPT)

    def first_words(asked: str) -> str:
        return beginning(side, asked, greedy, seed)

    alone = [first_words(asked) for asked in prompts]
    if alone != [first_words(asked) for asked in prompts]:
        yield note("alone, too, it answers one prompt in two ways at temperature 0")
        return
    with ThreadPoolExecutor(len(prompts)) as pool:
        beside = [list(pool.map(first_words, prompts)) for _ in range(ROUNDS)]
    if wanting := [got for got in beside if got != alone]:
        way = ISOLATED.get(engine.dialect, ISOLATED["completions"])
        yield wrong(
            f"what is asked at the same time changes the answer ({len(wanting)} of {ROUNDS} pairs "
            f"of replies began otherwise than alone, with {wanting[0]} for {alone}): {way}"
        )
    else:
        yield Remark("  two prompts at once are answered as each is alone")


def beginning(side: Side, prompt: str, sampler: Mapping[str, Any], seed: int) -> str:
    """The first words of a reply: what is written later may differ by how requests are batched."""
    chunks = side.engine.stream(prompt, max_tokens=FORCED_TOKENS, sampler=sampler, seed=seed)
    return "".join(chunk.text for chunk in chunks)


def ends_at(side: Side, stop: str, token: int, prompt: str, seed: int) -> bool:
    """Whether a reply ends when the model is made to say a token, over and over."""
    told = side.engine.dialect if isinstance(side.engine, CompletionsServer) else ""
    forced: Any = {str(token): FORCED_BIAS}
    if told == "llama-server":
        forced = [[token, FORCED_BIAS]]  # older ones pass over the object without a word
    bias = {"temperature": 0, "logit_bias": forced, "stop": [stop]}
    chunks = side.engine.stream(
        prompt, max_tokens=FORCED_TOKENS, sampler={**side.sampler, **bias}, seed=seed
    )
    return any(chunk.finish_reason == "stop" for chunk in chunks)


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
            yield Remark("  the context holds the whole dialogue, as far as it can be counted")
        elif config.context is None and not expected.is_sure:
            yield note(f"{expected.sentence()}, {IF_SHORT}: {WAYS_OUT}")
        elif config.context is None:
            yield wrong(f"{expected.sentence()}: {WAYS_OUT}")
        else:
            yield Remark(f"  {expected.sentence()}; then it will {config.context}")
        return
    spoken = [message for message in config.conversation if message.role != "system"]
    if not spoken or n_ctx is None:
        return
    remembered = [spoken[k % len(spoken)] for k in range(config.user_memory)]
    prompt = render(side.template, mode.window("user", remembered)) + side.lead_in
    needed = count(side.engine, prompt)
    if needed is not None and needed >= n_ctx:
        full = f"the user's context of {n_ctx:,} tokens is too small for its memory"
        yield wrong(f"{full}: {config.user_memory} messages like the opening's take {needed:,}")


def penalty_remark(side: Side, prompt: str, seed: int) -> Remark:
    """Whether the repetition penalty changes what the server says; wrong where the config has one
    and it does not.
    """
    said = []
    own = {name: value for name, value in side.sampler.items() if name in CUTS}
    for penalty in (1.0, 1.9):
        sampler = {**own, "temperature": 0, "repeat_penalty": penalty, "repeat_last_n": 256}
        chunks = side.engine.stream(
            f"{prompt} {REPEATING}", max_tokens=TRIED_TOKENS, sampler=sampler, seed=seed
        )
        said.append("".join(chunk.text for chunk in chunks))
    if said[0] == said[1]:
        found = f"the repetition penalty has no effect: both tries said {said[0][:60]!r}"
        own_penalty = neutral_penalty(side.sampler)
        return Remark(f"  {found}") if own_penalty else wrong(f"{found}, and the config has one")
    return Remark("  the repetition penalty has an effect")


def neutral_penalty(sampler: Mapping[str, Any]) -> bool:
    """Whether a sampler leaves the repetition penalty at 1 or out."""
    return all(sampler.get(name, 1) == 1 for name in PENALTIES)


def compare_sides(config: Config, assistant: Side, user: Side) -> Iterator[Remark]:
    """Whether one model plays both."""
    one, other = assistant.info, user.info
    same = (one.model, one.template_sha256) == (other.model, other.template_sha256)
    if config.api_url == config.user_api_url or (one.model is not None and same):
        yield Remark("both sides:")
        yield note(
            "they are the same model. One model for both is known to make both say the same with "
            'genders flipped (README, "How it became what it is"); a second one for the user helps'
        )
