"""Writes trained weights as GGUF for llama.cpp: matrices q8_0, norms f32 (needs torch and the
package gguf).

    python -m broken_record.tiny.export build/skye.pt broken_record/tiny/skye.gguf

Key names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from broken_record.tiny.network import Shape
from broken_record.tiny.tokenizer import CHAT_TEMPLATE, END, FOLDER, PAD, SPECIALS

if TYPE_CHECKING:
    from torch import Tensor


def read_vocabulary() -> tuple[list[str], list[str]]:
    """(tokens by id, merges as `a b`), from the tokenizer folder."""
    model = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tokens, [" ".join(merge) for merge in model["merges"]]


def export(weights: dict[str, Tensor], name: str, shape: Shape, path: Path) -> None:
    """Write one model; the tokenizer, its template and the served context go into the same file."""
    import gguf

    tokens, merges = read_vocabulary()
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(name)
    writer.add_license("MIT")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control if token in SPECIALS else normal for token in tokens])
    writer.add_token_merges(merges)
    end = tokens.index(END)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_eot_token_id(end)
    writer.add_pad_token_id(tokens.index(PAD))
    writer.add_add_bos_token(False)  # llama-bpe would add one
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for tensor_name, tensor in weights.items():
        data = tensor.float().numpy()
        if tensor.dim() == 1:
            writer.add_tensor(tensor_name, data)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(tensor_name, gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Export one file of weights."""
    import torch

    parser = argparse.ArgumentParser(description="export trained weights as GGUF")
    parser.add_argument("weights", type=Path)
    parser.add_argument("gguf", type=Path)
    arguments = parser.parse_args()
    weights = torch.load(arguments.weights, weights_only=True)
    export(weights, arguments.gguf.stem, Shape(), arguments.gguf)


if __name__ == "__main__":
    main()
