"""Trains an embedded model from scratch on the grammar's scenes (needs torch and tokenizers).

`skye` and `mark` differ by seed and by stress: skye mostly plays Skye over a whole conversation, as
the assistant side sees it; mark mostly plays Mark over the last few messages, as the user side
does. Each learns both, and both characters.

Two things make it work at this size. A curriculum: with the whole grammar from the start the models
learn lines but not which answer fits which question (800 steps of AdamW: chance level); with 4
topics they see it within 100 steps, and it carries over as topics are added. And PoSE (arXiv
2309.10400): most rows get an offset and one gap in their positions, so that short rows see all
positions up to the served context; a few true long rows follow. Matrices are trained by Muon
(https://kellerjordan.github.io/posts/muon/), the rest by AdamW.

    python -m broken_record.tiny.train skye --out build/skye.pt
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broken_record.tiny.corpus import as_messages, scene_writer
from broken_record.tiny.network import Shape, initial_weights, logits
from broken_record.tiny.tokenizer import END, FOLDER

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """`steps` steps of `rows` rows of `length` tokens, over the grammar's first `topics`."""

    steps: int
    rows: int
    length: int
    topics: int | None = None


STAGES = (
    Stage(140, 16, 256, topics=4),
    Stage(100, 16, 256, topics=7),
    Stage(140, 16, 256, topics=11),
    Stage(180, 16, 256, topics=17),
    Stage(900, 16, 256),
    Stage(250, 4, 1024),
    Stage(40, 1, 4096),
    Stage(5, 1, 16_384),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What sets one model apart; the shares are of the training rows."""

    seed: int
    favourite: str
    plays_favourite: float = 0.7
    whole: float = 0.6


RECIPES = {
    "skye": Recipe(seed=1, favourite="Skye", whole=0.7),
    "mark": Recipe(seed=2, favourite="Mark", whole=0.4),
}
MUON_RATE, ADAMW_RATE, LAST_RATE = 1e-2, 2.5e-3, 0.08
HELD_OUT_SEED = 990_000


def token_rows(
    recipe: Recipe, seed: int, length: int, topics: int | None = None
) -> Iterator[list[int]]:
    """Endless rows of `length` tokens: one long stretch of talk, or windows of 1-12 messages."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    writer = scene_writer(seed, topics)
    rng = random.Random(seed + 1)
    other = "Mark" if recipe.favourite == "Skye" else "Skye"
    while True:
        plays = recipe.favourite if rng.random() < recipe.plays_favourite else other
        whole = rng.random() < recipe.whole
        row: list[int] = []
        while len(row) < length:
            turns = length // 12 if whole else rng.randint(1, 12)
            scene = writer.scene(turns, from_start=rng.random() < (0.3 if whole else 0.15))
            messages = as_messages(scene, plays, rng)
            text = "".join(f"<|{message.role}|>{message.content}{END}" for message in messages)
            row += tokenizer.encode(text).ids
        yield row[:length]


def positions_with_gap(length: int, context: int, rng: random.Random) -> list[int]:
    """Consecutive positions, in 60 % of the rows with an offset and one gap that stay below the
    context.

    >>> positions_with_gap(4, 4, random.Random(0))
    [0, 1, 2, 3]
    """
    room = context - length
    if room <= 0 or rng.random() < 0.4:
        return list(range(length))
    offset = rng.randint(0, room)
    gap = rng.randint(0, room - offset)
    cut = rng.randint(1, length - 1)
    return [offset + i + (gap if i >= cut else 0) for i in range(length)]


def loss_of(shape: Shape, weights: dict[str, Tensor], tokens: Tensor, positions: Tensor) -> Tensor:
    """Cross-entropy in nats, one float32 per predicted token, shape (rows, length - 1)."""
    import torch
    from torch.nn import functional as F

    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = logits(shape, weights, tokens[:, :-1], positions[:, :-1])
    targets = tokens[:, 1:]
    flat = F.cross_entropy(scores.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return flat.view(targets.shape)


def train(recipe: Recipe, shape: Shape, out: Path) -> dict[str, Tensor]:
    """All stages; logs the loss and saves the weights after each stage.

    The rate falls along a cosine, over the steps of all stages.
    """
    import torch

    torch.set_num_threads(1)
    weights = initial_weights(shape, recipe.seed)
    for tensor in weights.values():
        tensor.requires_grad_()
    inner = [t for name, t in weights.items() if name.startswith("blk.") and t.dim() == 2]
    outer = [t for t in weights.values() if not any(t is other for other in inner)]
    optimizers = (
        (torch.optim.Muon(inner, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"), MUON_RATE),
        (torch.optim.AdamW(outer, betas=(0.9, 0.95), weight_decay=0.0), ADAMW_RATE),
    )
    rng = random.Random(recipe.seed)
    step, all_steps = 0, sum(stage.steps for stage in STAGES)
    started = time.perf_counter()
    for number, stage in enumerate(STAGES):
        stream = token_rows(recipe, recipe.seed * 100_000 + number, stage.length, stage.topics)
        for _ in range(stage.steps):
            tokens = torch.tensor([next(stream) for _ in range(stage.rows)])
            positions = torch.tensor(
                [positions_with_gap(stage.length, shape.context, rng) for _ in range(stage.rows)]
            )
            loss = loss_of(shape, weights, tokens, positions).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
            cosine = (1 + math.cos(math.pi * step / all_steps)) / 2
            rate = min(1.0, (step + 1) / 40) * (LAST_RATE + (1 - LAST_RATE) * cosine)
            for optimizer, peak in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = peak * rate
                optimizer.step()
                optimizer.zero_grad()
            step += 1
            if step % 20 == 0 or stage.rows == 1:
                log.info(
                    "step %d of %d  %d x %d  loss %.3f  %.0f s",
                    *(step, all_steps, stage.rows, stage.length),
                    *(loss.item(), time.perf_counter() - started),
                )
        torch.save({name: tensor.detach() for name, tensor in weights.items()}, out)
    return {name: tensor.detach() for name, tensor in weights.items()}


def held_out_loss(recipe: Recipe, shape: Shape, weights: dict[str, Tensor]) -> dict[str, float]:
    """Nats per token by position, on whole conversations as long as the context that no training
    row came from.
    """
    import torch

    borders = [0, 128, 1024, 4096, 8192, 12_288, shape.context - 1]
    whole = Recipe(seed=0, favourite=recipe.favourite, plays_favourite=1.0, whole=1.0)
    stream = token_rows(whole, seed=HELD_OUT_SEED, length=shape.context)
    with torch.no_grad():
        losses = torch.cat([
            loss_of(shape, weights, torch.tensor([next(stream)]), torch.arange(shape.context)[None])
            for _ in range(2)
        ])  # fmt: skip
    by_position = {
        f"{start}-{end}": round(losses[:, start:end].mean().item(), 4)
        for start, end in pairwise(borders)
    }
    return {"all": round(losses.mean().item(), 4), **by_position}


def main() -> None:
    """Train one model, measure its held-out loss, and save weights and figures."""
    parser = argparse.ArgumentParser(description="train an embedded model")
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe, shape = RECIPES[arguments.name], Shape()
    started = time.perf_counter()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    weights = train(recipe, shape, arguments.out)
    figures: dict[str, Any] = {
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "training_tokens": sum(stage.steps * stage.rows * stage.length for stage in STAGES),
        "training_minutes": round((time.perf_counter() - started) / 60, 1),
        "held_out_loss": held_out_loss(recipe, shape, weights),
        "recipe": asdict(recipe),
        "stages": [asdict(stage) for stage in STAGES],
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
    log.info("%s", json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
