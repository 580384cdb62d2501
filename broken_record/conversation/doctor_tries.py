"""What the doctor tries: a few short generations that show whether a stop string can match, whether
a reply depends on what is asked beside it, and whether a repetition penalty works.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from broken_record.config.schema import Config
from broken_record.conversation.converse import Side
from broken_record.conversation.doctor_prompts import tokens_of
from broken_record.conversation.doctor_remarks import Remark, note, wrong
from broken_record.engines.completions import CompletionsServer

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
        yield Remark("two prompts at once are answered as each is alone")


def beginning(side: Side, prompt: str, sampler: Mapping[str, Any], seed: int) -> str:
    """The first words of a reply: what is written later may differ by how requests are batched."""
    chunks = side.engine.stream(prompt, max_tokens=FORCED_TOKENS, sampler=sampler, seed=seed)
    return "".join(chunk.text for chunk in chunks)


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
        return Remark(f"{found}") if own_penalty else wrong(f"{found}, and the config has one")
    return Remark("the repetition penalty has an effect")


def neutral_penalty(sampler: Mapping[str, Any]) -> bool:
    """Whether a sampler leaves the repetition penalty at 1 or out."""
    return all(sampler.get(name, 1) == 1 for name in PENALTIES)
