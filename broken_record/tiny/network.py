"""A small llama-architecture network as plain functions over a dict of tensors; torch is imported
where it is used.

Tensors carry their GGUF names, so that export is a loop. Rotary embeddings turn neighbouring pairs
of a head's dimensions (the layout of llama.cpp, not Hugging Face's half rotation), so nothing is
permuted on export. Positions are an argument: training leaves gaps in them to reach contexts longer
than its windows (PoSE, arXiv 2309.10400).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the network; every row length is a multiple of 32, as q8_0 needs."""

    vocabulary: int = 2048
    width: int = 192
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    head_width: int = 32
    feed_forward: int = 512
    rope_theta: float = 10_000.0
    epsilon: float = 1e-5
    context: int = 16_384


def weight_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor; the embedding is the output head too (tied)."""
    sizes: dict[str, tuple[int, ...]] = {"token_embd.weight": (shape.vocabulary, shape.width)}
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        sizes[block + "attn_norm.weight"] = (shape.width,)
        sizes[block + "attn_q.weight"] = (shape.heads * shape.head_width, shape.width)
        sizes[block + "attn_k.weight"] = (shape.kv_heads * shape.head_width, shape.width)
        sizes[block + "attn_v.weight"] = (shape.kv_heads * shape.head_width, shape.width)
        sizes[block + "attn_output.weight"] = (shape.width, shape.heads * shape.head_width)
        sizes[block + "ffn_norm.weight"] = (shape.width,)
        sizes[block + "ffn_gate.weight"] = (shape.feed_forward, shape.width)
        sizes[block + "ffn_up.weight"] = (shape.feed_forward, shape.width)
        sizes[block + "ffn_down.weight"] = (shape.width, shape.feed_forward)
    sizes["output_norm.weight"] = (shape.width,)
    return sizes


def initial_weights(shape: Shape, seed: int) -> dict[str, Tensor]:
    """Norms at one, matrices normal with deviation 0.02, those that write to the residual scaled by
    depth.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, size in weight_shapes(shape).items():
        if len(size) == 1:
            weights[name] = torch.ones(size)
        else:
            writes = name.endswith(("attn_output.weight", "ffn_down.weight"))
            deviation = 0.02 / math.sqrt(2 * shape.layers) if writes else 0.02
            weights[name] = torch.randn(size, generator=generator) * deviation
    return weights


def logits(shape: Shape, weights: dict[str, Tensor], tokens: Tensor, positions: Tensor) -> Tensor:
    """Next-token logits (rows, length, vocabulary) for tokens and positions (rows, length)."""
    import torch
    from torch.nn import functional as F

    def norm(x: Tensor, name: str) -> Tensor:
        return F.rms_norm(x, (shape.width,), weights[name], shape.epsilon)

    frequencies = shape.rope_theta ** (-torch.arange(0, shape.head_width, 2) / shape.head_width)
    angles = positions[:, None, :, None].float() * frequencies
    cosine, sine = angles.cos(), angles.sin()

    def rotate(x: Tensor) -> Tensor:
        even, odd = x[..., 0::2].float(), x[..., 1::2].float()
        turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
        return turned.flatten(-2).to(x.dtype)

    rows, length = tokens.shape
    x = F.embedding(tokens, weights["token_embd.weight"])
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        seen = norm(x, block + "attn_norm.weight")
        queries, keys, values = (
            F.linear(seen, weights[f"{block}attn_{part}.weight"])
            .view(rows, length, -1, shape.head_width)
            .transpose(1, 2)
            for part in "qkv"
        )
        shared = shape.heads // shape.kv_heads
        attended = F.scaled_dot_product_attention(
            rotate(queries),
            rotate(keys).repeat_interleave(shared, dim=1),
            values.repeat_interleave(shared, dim=1),
            is_causal=True,
        )
        attended = attended.transpose(1, 2).reshape(rows, length, -1)
        x = x + F.linear(attended, weights[block + "attn_output.weight"])
        seen = norm(x, block + "ffn_norm.weight")
        gate = F.silu(F.linear(seen, weights[block + "ffn_gate.weight"]))
        up = F.linear(seen, weights[block + "ffn_up.weight"])
        x = x + F.linear(gate * up, weights[block + "ffn_down.weight"])
    return F.linear(norm(x, "output_norm.weight"), weights["token_embd.weight"])
