"""The embedded models' tokenizer: byte-level BPE that Hugging Face and llama.cpp read alike, and
its chat template.

The split is Llama 3's regular expression and merges are ignored for whole words (`ignore_merges`),
because that is what llama.cpp does for the pre-tokenizer `llama-bpe`. The folder written here is
all that `AutoTokenizer.from_pretrained` needs, offline and without torch.

    python -m broken_record.tiny.tokenizer        # trains it anew on scenes of the grammar
"""

from __future__ import annotations

import json
from pathlib import Path

from broken_record.tiny.corpus import scene_writer

FOLDER = Path(__file__).with_name("tokenizer")
PAD, SYSTEM, USER, ASSISTANT, END = SPECIALS = (
    "<|pad|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
LLAMA_3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(vocabulary: int, context: int, scenes: int = 3000) -> None:
    """Learn the merges from scenes of the grammar and write FOLDER."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    writer = scene_writer(seed=20_000)
    lines = (f"{name}: {said}" for _ in range(scenes) for name, said in writer.scene(40))
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    FOLDER.mkdir(exist_ok=True)
    tokenizer.save(str(FOLDER / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": PAD,
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "tokenizer_config.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    from broken_record.tiny.network import Shape

    train_tokenizer(Shape().vocabulary, Shape().context)
