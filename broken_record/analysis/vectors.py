"""The vectors of a run's sentences, kept beside it in embeddings.MODEL.npz, so that no sentence is
embedded twice: `keys`, (n, 16) bytes, the head of each sentence's SHA-256, and `vectors`, half
floats, (n, width). The order is that of making; the ruler's sentences (text/meaning.py) are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from broken_record.errors import ConfigError, LogError
from broken_record.files.read import read_dialogue
from broken_record.files.whole import reading, written_whole
from broken_record.text.meaning import RULER_SENTENCES, Meaning, measure_model, sentences_of
from broken_record.text.transcript import Transcript

KEY = 16  # bytes
BATCH = 32  # sentences that are embedded at once
LEAST_TURNS = 8
Embed = Callable[[Sequence[str]], npt.ArrayLike]


class Vectors:
    """Sentence -> vector. `model` is the name the file bears."""

    def __init__(self, path: Path, model: str) -> None:
        self.path, self.model = path, model
        self.places: dict[bytes, int] = {}
        self.rows: list[npt.NDArray[np.float16]] = []
        if path.is_file():
            with reading(lambda error: f"{path}: holds no vectors ({error}); delete it"):
                with np.load(path, allow_pickle=False) as kept:
                    keys, rows = kept["keys"], kept["vectors"]
                if keys.shape != (len(rows), KEY) or rows.ndim != 2 or keys.dtype != np.uint8:
                    raise ValueError("its arrays do not fit")
            self.places = {key.tobytes(): place for place, key in enumerate(keys)}
            self.rows = list(rows.astype(np.float16, copy=False))

    def get(self, sentence: str) -> npt.NDArray[np.float16] | None:
        """The vector of a sentence, None where it was not embedded."""
        place = self.places.get(key_of(sentence))
        return None if place is None else self.rows[place]

    def complete(self, sentences: Iterable[str], embed: Embed, done: Callable[[int], Any]) -> int:
        """Embed what is missing and write the file, also when cut off; how many were new. `done`
        hears of every batch how many there were.
        """
        missing = [*{key: s for s in sentences if (key := key_of(s)) not in self.places}.values()]
        missing.sort(key=len)  # those of one batch are padded to the longest
        try:
            for at in range(0, len(missing), BATCH):
                self.add(missing[at : at + BATCH], embed(missing[at : at + BATCH]))
                done(len(missing[at : at + BATCH]))
        finally:
            if missing and self.rows:
                self.write()
        return len(missing)

    def add(self, sentences: Sequence[str], vectors: npt.ArrayLike) -> None:
        """Take the vectors of some sentences; of length 1, that half floats hold any model's."""
        rows = np.asarray(vectors, dtype=np.float64)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        if self.rows and len(self.rows[0]) != rows.shape[1]:
            raise ConfigError(
                [f"{self.path}: holds vectors of {len(self.rows[0])} numbers, but {self.model} "
                 f"gives {rows.shape[1]} now; delete the file to embed all of it anew"]
            )  # fmt: skip
        for sentence, row in zip(sentences, rows.astype(np.float16), strict=True):
            self.places[key_of(sentence)] = len(self.rows)
            self.rows.append(row)

    def write(self) -> None:
        """Write the file whole."""
        keys = np.frombuffer(b"".join(self.places), dtype=np.uint8).reshape(-1, KEY)
        with written_whole(self.path) as file:
            np.savez(file, keys=keys, vectors=np.array(self.rows))

    def measure(self) -> Meaning:
        """The model's ruler; ConfigError where it cannot tell a paraphrase from anything else."""
        meaning = measure_model(self.model, self.get)
        if meaning is None:
            raise ConfigError(
                [f"{self.model}: its vectors do not tell paraphrases from other sentences; is it a "
                 "model of sentences?"]
            )  # fmt: skip
        return meaning


def key_of(sentence: str) -> bytes:
    """The head of a sentence's hash."""
    return sha256(sentence.encode("utf-8", "surrogatepass")).digest()[:KEY]


def vectors_file(folder: Path, model: str) -> Path:
    """Where a run's vectors by a model lie.

    >>> vectors_file(Path("run"), "all MiniLM.gguf").as_posix()
    'run/embeddings.all-MiniLM.gguf.npz'
    """
    return folder / f"embeddings.{re.sub(r'[^A-Za-z0-9_.-]+', '-', model).strip('.-')}.npz"


def embed_run(
    files: Sequence[Path], assistant: str | None, vectors: Vectors, embed: Embed,
    done: Callable[[int], Any],
) -> tuple[int, dict[str, int]]:  # fmt: skip
    """Make sure of the vectors of every sentence in the dialogues that the model's languages can
    tell of; (how many were new, language -> dialogues in those that it does not know).
    """
    new = vectors.complete(RULER_SENTENCES, embed, done)
    known = vectors.measure().floors
    unknown: dict[str, int] = {}
    sentences: dict[str, None] = {}
    for path in files:
        try:
            transcript = Transcript(read_dialogue(path, assistant)[0])
        except LogError:
            continue  # which the analysis reports
        if len(transcript) < LEAST_TURNS:
            continue
        if (language := transcript.language) in known:
            sentences |= dict.fromkeys(s for body in transcript.bodies for s in sentences_of(body))
        else:
            unknown[language or "not told"] = unknown.get(language or "not told", 0) + 1
    return new + vectors.complete(sentences, embed, done), dict(sorted(unknown.items()))


def meaning_by(embed: Embed, bodies: Sequence[str]) -> Meaning:
    """What a function that gives sentences their vectors, a row each, says of some turns; nothing
    is kept. ConfigError where it cannot tell a paraphrase from anything else.
    """
    said = (sentence for body in bodies for sentence in sentences_of(body))
    sentences = [*dict.fromkeys((*RULER_SENTENCES, *said))]
    rows = [
        row
        for at in range(0, len(sentences), BATCH)
        for row in np.asarray(embed(sentences[at : at + BATCH]), dtype=np.float64)
    ]
    vectors = dict(zip(sentences, rows, strict=True))
    meaning = measure_model("the vectors given", vectors.get)
    if meaning is None:
        raise ConfigError(["embed: its vectors do not tell paraphrases from other sentences"])
    return meaning


@lru_cache(maxsize=1)
def read_meaning(path: Path, model: str) -> Meaning:
    """What a file of vectors says; read once in every process."""
    return Vectors(path, model).measure()
