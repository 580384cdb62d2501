"""Trains an embedded model from scratch on the grammar's scenes (needs torch, tokenizers; one
thread, well under an hour).

`skye` and `mark` differ by seed and by stress: skye mostly plays Skye over a whole conversation, as
the assistant side sees it; mark mostly plays Mark over the last few messages, as the user side
does. Each learns both, and both characters. Contexts longer than the training rows come from PoSE
(arXiv 2309.10400): most rows get an offset and one gap in their positions, so that all positions up
to the served context are seen; a few true long rows follow.

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
class Recipe:
    """How one model is trained; `plays` and `whole` are its stress, as shares of the rows."""

    seed: int
    favourite: str
    plays_favourite: float = 0.7
    whole: float = 0.6
    rows: int = 8
    length: int = 1024
    steps: int = 800
    long_stages: tuple[tuple[int, int], ...] = ((8192, 10), (24_576, 3))
    peak_rate: float = 2.5e-3
    weight_decay: float = 0.05


RECIPES = {
    "skye": Recipe(seed=1, favourite="Skye", whole=0.7),
    "mark": Recipe(seed=2, favourite="Mark", whole=0.4),
}
HELD_OUT_SEED = 990_000


def token_rows(recipe: Recipe, seed: int, length: int) -> Iterator[list[int]]:
    """Endless rows of `length` tokens: one long conversation each, or many windows of 1-11
    messages.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    writer = scene_writer(seed)
    rng = random.Random(seed + 1)
    other = "Mark" if recipe.favourite == "Skye" else "Skye"
    while True:
        plays = recipe.favourite if rng.random() < recipe.plays_favourite else other
        whole = rng.random() < recipe.whole
        row: list[int] = []
        while len(row) < length:
            turns = length // 12 if whole else rng.randint(1, 12)
            scene = writer.scene(turns, from_start=whole or rng.random() < 0.15)
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


def train(recipe: Recipe, shape: Shape) -> dict[str, Tensor]:
    """All steps of the recipe; logs the loss."""
    import torch

    torch.set_num_threads(1)
    weights = initial_weights(shape, recipe.seed)
    for tensor in weights.values():
        tensor.requires_grad_()
    matrices = [tensor for tensor in weights.values() if tensor.dim() == 2]
    norms = [tensor for tensor in weights.values() if tensor.dim() == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": norms, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
    )
    rng = random.Random(recipe.seed)
    long_steps = sum(steps for _, steps in recipe.long_stages)
    stages = [(recipe.length, recipe.rows, recipe.steps)]
    stages += [(length, 1, steps) for length, steps in recipe.long_stages]
    step = 0
    started = time.perf_counter()
    for length, rows, steps in stages:
        stream = token_rows(recipe, seed=recipe.seed * 100_000 + length, length=length)
        for _ in range(steps):
            tokens = torch.tensor([next(stream) for _ in range(rows)])
            positions = torch.tensor(
                [positions_with_gap(length, shape.context + 512, rng) for _ in range(rows)]
            )
            warm = min(1.0, (step + 1) / 60)
            progress = step / (recipe.steps + long_steps)
            rate = recipe.peak_rate * warm * (0.04 + 0.96 * (1 + math.cos(math.pi * progress)) / 2)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = loss_of(shape, weights, tokens, positions).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step % 20 == 0 or length > recipe.length:
                elapsed = time.perf_counter() - started
                log.info("step %d  %d x %d  loss %.3f  %.0f s", step, rows, length, loss, elapsed)
    return {name: tensor.detach() for name, tensor in weights.items()}


def held_out_loss(recipe: Recipe, shape: Shape, weights: dict[str, Tensor]) -> dict[str, float]:
    """Nats per token by position, on whole conversations as long as the context that no training
    row came from.
    """
    import torch

    borders = [0, 128, 1024, 4096, 8192, 12_288, 16_384, shape.context - 1]
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
    import torch

    parser = argparse.ArgumentParser(description="train an embedded model")
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe, shape = RECIPES[arguments.name], Shape()
    started = time.perf_counter()
    weights = train(recipe, shape)
    figures: dict[str, Any] = {
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "training_tokens": recipe.rows * recipe.length * recipe.steps
        + sum(length * steps for length, steps in recipe.long_stages),
        "training_minutes": round((time.perf_counter() - started) / 60, 1),
        "held_out_loss": held_out_loss(recipe, shape, weights),
        "recipe": asdict(recipe),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(weights, arguments.out)
    arguments.out.with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
    log.info("%s", json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
