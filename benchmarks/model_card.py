"""Measures the embedded models in real dialogues and writes their card.

    python -m benchmarks.model_card build/skye.json build/mark.json

The JSON files are what training wrote (parameters, tokens, minutes, held-out loss). The dialogues
run here: 20 openings drawn from the grammar, 8,192 tokens each at the shipped sampler, 4,096 tokens
each greedy without penalty, two at a time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median

from broken_record.config.load import load
from broken_record.config.schema import Config
from broken_record.conversation.converse import converse, take_sides
from broken_record.data import Message, Turn
from broken_record.engines.connect import connect
from broken_record.engines.weights import find_weights
from broken_record.tiny.corpus import ACTIONS, CHOICE, NAMES, scene_writer

ROOT = Path(__file__).parents[1]
CARD = ROOT / "broken_record" / "tiny" / "MODEL_CARD.md"
SEEDS = range(20)
STUCK = 4  # turns: the first window of four turns that was said before, word for word


CARD_TEXT = """# skye and mark

Two models of the llama architecture, trained from nothing on dialogues that a grammar writes
(`grammar.txt`, `corpus.py`), so that parrot has something real to talk with on any machine. They
know a date between Skye and Mark and nothing else; each can play either. `skye` was trained mostly
as Skye over whole conversations, `mark` mostly as Mark over the last few messages, with other
seeds.

6 layers, width 192, 6 heads, 2 key-value heads, feed-forward 512, vocabulary 2,048 (byte-level
BPE), {context:,} tokens of context, q8_0. `make models` rebuilds them (only that needs torch).

{}

Measured by `python -m benchmarks.model_card build/skye.json build/mark.json`: dialogues of skye as
the assistant with mark as the user, {openings} openings each.

{}

{}
"""


def expand(template: str) -> set[str]:
    """Every text that a template of the grammar can give."""
    parts = CHOICE.split(template)
    options = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
    return {"".join(chosen) for chosen in itertools.product(*options)}


OWN = {name: set().union(*map(expand, ACTIONS[name])) for name in NAMES}


def plays_the_right_one(turn: Turn) -> bool | None:
    """Whether a stage direction is the speaker's own; None for turns without one that tells."""
    name, other = ("Skye", "Mark") if turn.content.startswith("Skye:") else ("Mark", "Skye")
    if f"{other}:" in turn.content or f"{name}," in turn.content:
        return False
    action = re.search(r"\*([^*]+)\*", turn.content)
    if action is None or (action[1] in OWN[name]) == (action[1] in OWN[other]):
        return None
    return action[1] in OWN[name]


def is_well_formed(turn: Turn) -> bool:
    """One quoted speech with at most one stage direction before or behind it."""
    body = turn.content.partition(":")[2]
    return bool(re.fullmatch(r' (\*[^*"]+\* )?"[^"]+"( \*[^*"]+\*)?', body))


def first_repeat(turns: Sequence[Turn]) -> int | None:
    """The number (from 1) of the turn that ends the first window of four said before."""
    seen = set()
    for i in range(len(turns) - STUCK + 1):
        window = tuple(turn.content for turn in turns[i : i + STUCK])
        if window in seen:
            return i + STUCK
        seen.add(window)
    return None


def run(config: Config, tokens: int, greedy: bool) -> list[list[Turn]]:
    """The turns of one dialogue per opening."""
    sampler = {**config.sampler, "stop": []}  # so that "stop" means the end token
    if greedy:
        sampler.update(temperature=0, repeat_penalty=1.0)
    config = replace(config, total_tokens=tokens, sampler=sampler, user_sampler=sampler)

    def one(seed: int) -> list[Turn]:
        scene = scene_writer(7_000 + seed).scene(3)
        roles = {"Skye": "assistant", "Mark": "user"}
        opening = tuple(Message(roles[name], f"{name}: {said}") for name, said in scene)  # type: ignore[arg-type]
        opening = opening if opening[-1].role == "user" else opening[:-1]
        own = replace(config, conversation=(config.conversation[0], *opening))
        with connect(own) as engines:
            sides = take_sides(own, *engines)
            return [e for e in converse(own, *sides, seed=seed) if isinstance(e, Turn)]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, SEEDS))


def share(values: Iterable[bool]) -> str:
    """`9 of 20`."""
    listed = list(values)
    return f"{sum(listed):,} of {len(listed):,}"


def write_card(files: Sequence[Path]) -> str:
    """The card's text; runs all dialogues."""
    config = load(ROOT / "config.json").config
    sane, greedy = run(config, 8192, greedy=False), run(config, 4096, greedy=True)
    turns = [turn for dialogue in sane for turn in dialogue]
    right = [verdict for turn in turns if (verdict := plays_the_right_one(turn)) is not None]
    stuck, cycles = [list(map(first_repeat, dialogues)) for dialogues in (sane, greedy)]
    at = sorted(turn for turn in cycles if turn is not None)
    seconds = sum(turn.generation_s or 0 for turn in turns)
    longest = max((t.prompt_tokens or 0) + (t.tokens or 0) for t in turns)
    trained = {path.stem: json.loads(path.read_text()) for path in files}
    spans = next(iter(trained.values()))["held_out_loss"]
    training = [["", *trained], ["---"] * (1 + len(trained))]
    for label, key in (
        ("parameters", "parameters"),
        ("training tokens", "training_tokens"),
        ("training time, minutes (one thread, the other core busy)", "training_minutes"),
    ):
        training.append([label, *(f"{figures[key]:,}" for figures in trained.values())])
    for span in spans:
        losses = [str(figures["held_out_loss"][span]) for figures in trained.values()]
        training.append([f"held-out loss, nats per token, positions {span}", *losses])
    speed = sum(turn.tokens or 0 for turn in turns) / seconds
    distinct = sum(len({turn.content for turn in dialogue}) for dialogue in sane)
    shipped = [
        ["shipped sampler, 8,192 tokens said", ""],
        ["---", "---"],
        ["turns that end with the end token", share(t.finish_reason == "stop" for t in turns)],
        ["turns with the right speaker, of those with a sign of it", share(right)],
        ["well-formed turns (one quoted speech, at most one stage direction)",
         share(map(is_well_formed, turns))],
        ["distinct turns", f"{distinct:,} of {len(turns):,}"],
        [f"dialogues without a window of {STUCK} turns said before",
         share(turn is None for turn in stuck)],
        ["longest context at the end of a dialogue, tokens", f"{longest:,}"],
        ["tokens per second while generating (two dialogues at once, two cores)", f"{speed:,.0f}"],
    ]  # fmt: skip
    looped = [
        ["temperature 0, repeat_penalty 1.0, 4,096 tokens said", ""],
        ["---", "---"],
        [f"dialogues with a window of {STUCK} turns said before",
         share(turn is not None for turn in cycles)],
        ["turn that ends the first such window: least, median, most",
         f"{at[0]}, {median(at):g}, {at[-1]}" if at else "none"],
    ]  # fmt: skip
    tables = ["\n".join(f"| {' | '.join(row)} |" for row in t) for t in (training, shipped, looped)]
    return CARD_TEXT.format(
        *tables, openings=len(SEEDS), context=find_weights("skye").header.trained_context
    )


def main() -> None:
    """Run, write the card, print it."""
    parser = argparse.ArgumentParser(description="measure the embedded models and write their card")
    parser.add_argument("files", nargs="+", type=Path, help="what training wrote, skye.json ...")
    text = write_card(parser.parse_args().files)
    CARD.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
