"""Greedy continuations by PyTorch, recorded for the test that llama.cpp repeats them.

The weights are read back from the GGUF file, so that both sides compute with the same numbers
(needs torch and the package gguf; the test that reads the record needs neither).

    python -m broken_record.tiny.evaluate skye mark > tests/data/tiny_greedy.json
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from broken_record.tiny.corpus import as_messages, scene_writer
from broken_record.tiny.network import Shape, logits
from broken_record.tiny.tokenizer import ASSISTANT, END, FOLDER

if TYPE_CHECKING:
    from torch import Tensor

PROMPTS, TOKENS = 3, 40


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a GGUF file, dequantised to float32."""
    import gguf
    import torch

    weights = {}
    for tensor in gguf.GGUFReader(str(path)).tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        weights[tensor.name] = torch.tensor(values)
    return weights


def draw_prompts(name: str) -> list[str]:
    """Prompts as both sides see them: a scene of a few turns, then the next speaker's prefix."""
    prompts = []
    for seed in range(PROMPTS):
        plays = name.capitalize() if seed % 2 == 0 else "Skye"
        scene = scene_writer(500 + seed).scene(9)
        scene = scene[:-1] if scene[-1][0] == plays else scene
        messages = as_messages(scene, plays, random.Random(seed))
        text = "".join(f"<|{message.role}|>{message.content}{END}" for message in messages)
        prompts.append(f"{text}{ASSISTANT}{plays}:")
    return prompts


def continue_greedily(weights: dict[str, Tensor], prompt: Sequence[int], end: int) -> list[int]:
    """At most TOKENS most likely tokens, up to the end token and without it."""
    import torch

    tokens = list(prompt)
    with torch.no_grad():
        while len(tokens) < len(prompt) + TOKENS:
            positions = torch.arange(len(tokens))[None]
            scores = logits(Shape(), weights, torch.tensor([tokens]), positions)
            best = int(scores[0, -1].argmax())
            if best == end:
                break
            tokens.append(best)
    return tokens[len(prompt) :]


def main() -> None:
    """Print the record of the named models."""
    from tokenizers import Tokenizer

    parser = argparse.ArgumentParser(description="record greedy continuations")
    parser.add_argument("names", nargs="+")
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    [end] = tokenizer.encode(END).ids
    record = {}
    for name in parser.parse_args().names:
        weights = read_weights(Path(__file__).with_name(f"{name}.gguf"))
        record[name] = [
            {
                "prompt": prompt,
                "tokens": continue_greedily(weights, tokenizer.encode(prompt).ids, end),
            }
            for prompt in draw_prompts(name)
        ]
    json.dump(record, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
