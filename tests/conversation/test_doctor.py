"""The doctor on servers that are well, and on servers and configs that are not: a sentence each."""

from __future__ import annotations

import json
import os
import socket

import pytest

from broken_record.config.load import parse
from broken_record.conversation.doctor import examine_servers
from broken_record.conversation.doctor_remarks import put_in_order
from broken_record.conversation.doctor_tries import FORCED_TOKENS
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.tiny.tokenizer import FOLDER
from tests.conversation.test_prompts import put_tokenizer
from tests.engines.test_exchanges import served_by
from tests.replay import http_json, replay, reply
from tests.test_parrot import ROOT, SCENE, parrot, put_config

BOS, USER = 1, 2  # the ids that the fake tokenizer gives <s> and <|user|>


def ids_of(text):
    """A token a character, but for the two special ones."""
    special = {"<s>": BOS, "<|user|>": USER}
    for name, number in special.items():
        if name in text:
            before, _, after = text.partition(name)
            return [*ids_of(before), number, *ids_of(after)]
    return [ord(character) for character in text]


def llama(model="m", n_ctx=4096, written_bos="", shown=(), penalty=True, adds_bos=True, **more):
    """A llama-server that adds a BOS, with a template that writes `written_bos`."""

    def complete(body):
        request = json.loads(body)
        forced = [int(token) for token in dict(request.get("logit_bias", {}))]
        if forced:
            return reply("", 3, "length" if {*forced} - {*shown} else "stop")
        asked = request.get("repeat_penalty") or request.get("repetition_penalty")
        return reply(" two" if penalty and asked > 1 else " one")

    def tokenize(body):
        return http_json({"tokens": [BOS] * adds_bos + ids_of(json.loads(body)["content"])})

    def render(body):
        messages = json.loads(body)["messages"]
        spoken = "".join(f"[{m['role']}]{m['content']}" for m in messages)
        return http_json({"prompt": f"{written_bos}{spoken}[assistant]"})

    props = {"default_generation_settings": {"n_ctx": n_ctx}, "chat_template": "...", **more}
    return {
        "/v1/models": http_json({"data": [{"id": model}]}),
        "/props": http_json(props),
        "/tokenize": tokenize,
        "/apply-template": render,
        "/v1/completions": complete,
    }


def doctor(assistant, user=None, **config):
    """(the lines, how many say that something is wrong) of two servers and a config."""
    with replay(assistant) as (url, _), replay(user or llama("other")) as (user_url, _):
        values = {**SCENE, "api_url": url, "user_api_url": user_url, **config}
        remarks = list(examine_servers(parse(json.dumps(values), "c").config, seed=1))
    marks = {"wrong": "WRONG: ", "note": "note: "}
    lines = [marks.get(remark.level, "") + remark.text for remark in remarks]
    return lines, sum(remark.is_wrong for remark in remarks)


def one(lines, words):
    """The one line with the words."""
    (found,) = [line for line in lines if words in line]
    return found


def test_of_two_servers_that_are_well_nothing_is_wrong():
    lines, wrong = doctor(llama())
    assert wrong == 0 and not any("note" in line for line in lines)
    assert one(lines, "assistant: llama-server at http://127.0.0.1:")
    assert "model m, context 4096 tokens" in lines[1]
    assert one(lines, "the context holds the whole dialogue")
    assert sum("the repetition penalty has an effect" in line for line in lines) == 2
    request = json.loads(one(lines, "[user]Mark: hi[assistant]Skye:").partition("request: ")[2])
    assert request["stream"] is True
    # the user's first prompt answers something that the assistant has said
    assert one(lines, "[assistant]Mark: hi[user]Skye: Hello.[assistant]Mark:")


def test_a_penalty_without_effect_is_said():
    lines, wrong = doctor(llama(penalty=False))
    assert one(lines, "has no effect: both tries said ' one'") and wrong == 0
    lines, wrong = doctor(llama(penalty=False), sampler={"rep_pen": 1.1}, user_sampler={})
    assert wrong == 1 and one(lines, "WRONG: the repetition penalty has no effect")


def leaking(from_reply):
    """A llama-server that begins to answer otherwise from some reply on."""
    well, count = llama(), [0]

    def complete(body):
        count[0] += json.loads(body)["max_tokens"] == FORCED_TOKENS
        return well["/v1/completions"](body) if count[0] < from_reply else reply(f" {count[0]}")

    return {**well, "/v1/completions": complete}


def test_answers_that_change_with_what_is_asked_at_the_same_time_are_wrong():
    assert one(doctor(llama())[0][:9], "two prompts at once are answered as each is alone")
    lines, _ = doctor(leaking(from_reply=6))  # four alone, then the pairs
    said = one(lines, "WRONG: what is asked at the same time changes the answer (3 of 3 pairs")
    assert "--cache-ram 0" in said and "-np" in said
    lines, _ = doctor(leaking(from_reply=3))
    assert one(lines, "note: alone, too, it answers one prompt in two ways")


def test_a_slot_that_the_sampler_names_is_wrong_unless_no_prompt_is_kept():
    lines, wrong = doctor(llama(), sampler={"id_slot": 0}, user_sampler={})
    assert wrong == 1 and one(lines, 'WRONG: "id_slot" in the sampler')
    assert doctor(llama(), sampler={"id_slot": 0, "cache_prompt": False}, user_sampler={})[1] == 0


def test_one_slot_for_both_sides_is_noted():
    with replay(llama(total_slots=1)) as (url, _):
        lines, _ = doctor({}, api_url=url, user_api_url=url)
    assert one(lines, "note: the server has one slot for both sides") and one(lines, "two prompts")


def test_both_servers_that_do_not_answer_are_named():
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ports.append(listener.getsockname()[1])
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    values = {**SCENE, "api_url": urls[0], "user_api_url": urls[1]}
    remarks = list(examine_servers(parse(json.dumps(values), "c").config, seed=1))
    assert [remark.is_wrong for remark in remarks] == [True, True]
    for remark, url in zip(remarks, urls, strict=True):
        assert remark.text.startswith(f"{url}: no answer")


def test_of_one_server_that_does_not_answer_the_other_is_introduced():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines, wrong = doctor(llama(), user_api_url=url)
    assert wrong == 1 and one(lines, f"WRONG: {url}") and one(lines, "assistant: llama-server")


def test_a_server_without_a_template_is_told_to_name_a_tokenizer_and_the_other_is_examined():
    plain = {"/v1/models": http_json({"data": [{"id": "x", "owned_by": "someone"}]})}
    lines, wrong = doctor(plain)
    assert wrong == 1 and 'name one with the key "tokenizer"' in one(lines, "WRONG")
    assert one(lines, "the repetition penalty has an effect")


def test_a_template_that_refuses_is_wrong():
    refusing = {**llama(), "/apply-template": http_json({"error": "no system"}, "400 Bad Request")}
    lines, wrong = doctor(refusing)
    assert wrong == 1 and "HTTP 400: no system" in one(lines, "WRONG")


def test_a_template_that_loses_a_message_is_wrong():
    deaf = {**llama(), "/apply-template": http_json({"prompt": "[assistant]"})}
    lines, wrong = doctor(deaf)
    assert wrong == 1 and "leaves out some of the messages" in one(lines, "WRONG")


def test_a_reply_that_fails_is_wrong():
    dead = http_json({"error": {"message": "out of memory"}}, "500 Internal Server Error")
    lines, wrong = doctor({**llama(), "/v1/completions": dead})
    assert wrong == 1 and "HTTP 500: out of memory" in one(lines, "WRONG")


def test_a_prompt_with_two_bos_tokens_is_wrong():
    lines, wrong = doctor(llama(written_bos="<s>"))
    said = one(lines, "WRONG")
    assert wrong == 1 and "begins with two BOS tokens (id 1)" in said
    assert "'<s>[user]Mark: hi" in said and "tokenizer.ggml.add_bos_token=bool:false" in said


@pytest.mark.parametrize(
    "server",
    [llama(), llama(written_bos="<s>", bos_token="<s>"), llama(written_bos="<s>", adds_bos=False)],
    ids=["the server adds it", "parrot strips it", "the template alone writes it"],
)
def test_one_bos_token_is_right(server):
    assert doctor(server)[1] == 0


def vllm(ids):
    models = http_json({"data": [{"id": "v", "owned_by": "vllm", "max_model_len": 4096}]})
    return {
        **llama(),
        "/props": http_json({}, "404 Not Found"),
        "/v1/models": models,
        "/tokenize": lambda body: http_json({"tokens": ids(json.loads(body)["prompt"])}),
    }


def test_vllm_is_asked_for_two_bos_tokens_unless_the_sampler_keeps_it_from_adding_one(tmp_path):
    written = '"bos_token": null, "chat_template": "<s>'
    config = {"tokenizer": put_tokenizer(tmp_path, written), "user_tokenizer": str(FOLDER)}
    server = vllm(lambda text: [BOS, *[BOS] * text.startswith("<s>"), *own_ids(text)])
    lines, wrong = doctor(server, server, **config)
    assert wrong == 1 and '"add_special_tokens": false' in one(lines, "two BOS tokens")
    assert doctor(server, server, sampler={"add_special_tokens": False}, **config)[1] == 0


def own_ids(text):
    """As many ids as the embedded models' tokenizer makes of a text, a leading <s> left out."""
    return [7] * load_tokenizer_template(str(FOLDER)).count(text.removeprefix("<s>"))


def test_a_tokenizer_that_counts_otherwise_than_the_server_is_wrong():
    config = {"tokenizer": str(FOLDER)}
    assert doctor(vllm(own_ids), vllm(own_ids), **config)[1] == 0
    two_more = vllm(lambda text: own_ids(text) + [7, 7] * ("Mark" in text))
    assert doctor(two_more, vllm(own_ids), **config)[1] == 0
    lines, wrong = doctor(vllm(ids_of), vllm(own_ids), **config)
    # "<|user|>Mark: hi<|end|><|assistant|>": three markers, "Mark", ":" and " hi"; for the server
    # 1 and 7 and 13 tokens for the markers, and 8 letters
    said = one(lines, "is not the tokenizer of the server's model")
    assert wrong == 2 and "it makes 6 tokens, the server 29" in said
    said = one(lines, "WRONG: the server reads <|end|>, <|assistant|> as text")
    assert "means one token each" in said


def test_a_tokenizers_template_that_renders_otherwise_than_the_servers_is_wrong():
    other = {"tokenizer": str(FOLDER)}
    lines, wrong = doctor(llama(), vllm(own_ids), **other)
    said = one(lines, "is not that of the server's model")
    assert "behind 0 characters the prompt goes on with '<|user|>" in said
    assert "the server's own with '[user]Mark" in said and "leave the tokenizer out" in said
    assert wrong == 2  # the fake server knows no <|end|> either


def test_role_markers_that_the_server_reads_as_text_are_noted_where_no_tokenizer_tells():
    def render(body):
        spoken = "".join(f"<|{m['role']}|>{m['content']}" for m in json.loads(body)["messages"])
        return http_json({"prompt": f"{spoken}<|assistant|>"})

    lines, wrong = doctor({**llama(), "/apply-template": render})
    said = one(lines, "note: the server reads <|assistant|> as text, not as tokens")
    assert wrong == 0 and "Zephyr" in said


@pytest.mark.parametrize("told", ["owner", "version"])
def test_an_ollama_puts_its_own_template_around_a_prompt_which_is_wrong(told):
    owner = "library" if told == "owner" else "someone"
    ollama = {
        **vllm(own_ids),
        "/v1/models": http_json({"data": [{"id": "llama3:8b", "owned_by": owner}]}),
        "/v1/completions": reply(" a"),
    }
    if told == "version":
        ollama["/api/version"] = http_json({"version": "0.9.0"})
    lines, wrong = doctor(ollama, vllm(own_ids), tokenizer=str(FOLDER))
    said = one(lines, "WRONG: Ollama puts a chat template of its own around every prompt")
    assert wrong == 1 and "llama-server" in said


def test_what_a_koboldcpp_was_to_be_started_with_is_noted():
    with replay(served_by("koboldcpp-1.111", reply(" a"))) as (url, _):
        lines, _ = doctor({}, api_url=url, user_api_url=url)
        assert one(lines, "note: both sides share a koboldcpp") and "--smartcache" in one(
            lines, "share a koboldcpp"
        )
        lines, _ = doctor({}, api_url=url, user_api_url=url, reproducible=True)
        assert sum("--nofastforward" in line for line in lines) == 2


def test_a_context_beyond_what_the_model_was_trained_for_is_noted():
    def trained_for(tokens):
        listed = {"data": [{"id": "m", "meta": {"n_ctx_train": tokens}}]}
        return {**llama(), "/v1/models": http_json(listed)}

    lines, wrong = doctor(trained_for(2048))
    assert wrong == 0 and one(lines, "note: the model was trained for 2,048 tokens of context")
    assert not any("note" in line for line in doctor(trained_for(4096))[0])


def test_the_prompt_of_the_doctor_ends_with_the_instructions_of_the_config():
    lines, _ = doctor(llama(), post_history="Be brief.")
    assert one(lines, "[user]Mark: hi[system]Be brief.[assistant]Skye:")


def test_a_stop_string_that_is_a_token_without_text_is_wrong():
    lines, wrong = doctor(llama(), sampler={"stop": ["<|user|>"]}, user_sampler={})
    said = one(lines, "WRONG")
    assert wrong == 1 and "'<|user|>' can never match: it is the token 2" in said
    assert '"preserved_tokens"' in said and "--special" in said


def test_a_stop_string_that_ends_replies_when_its_token_is_said_is_right():
    shown = llama(shown=(USER, ord("\n")))
    lines, wrong = doctor(shown, sampler={"stop": ["<|user|>", "\n"]}, user_sampler={})
    assert wrong == 0 and not any("stop string" in line for line in lines)


def test_stop_strings_that_are_empty_or_hold_another_are_noted():
    shown = llama(shown=[ord("\n")])
    lines, wrong = doctor(shown, sampler={"stop": ["\n", "\nMark:", ""]}, user_sampler={})
    assert wrong == 0
    assert one(lines, "the stop string '\\nMark:' can never match: '\\n' in it comes first")
    assert one(lines, "an empty stop string can never match; it is left out of the request")


def test_a_stop_string_longer_than_a_reply_is_wrong():
    lines, wrong = doctor(llama(), sampler={"stop": "the end"}, user_sampler={}, turn_max_tokens=6)
    assert wrong == 1 and "it has 7 tokens, a reply at most 6" in one(lines, "WRONG")
    assert doctor(llama(), sampler={"stop": "the end"}, user_sampler={}, turn_max_tokens=7)[1] == 0


# "[user]Mark: hi[assistant]Skye:" and the BOS are 31 tokens. An answer of each side, "Skye: a" and
# "Mark: a" with their roles, are 31 more, 4 of which " a a" has, so 13.5 markers a turn; the
# opening says 8 a turn. 31 + 100 + 100 / 8 * 13.5 tokens in all, of which 60 are reached in
# (60 - 31) / 21.5 turns.
FULL = (
    "the assistant's context of 60 tokens will be full at about turn 1; "
    "the whole dialogue needs about 300"
)


def test_a_context_that_will_be_full_is_wrong_where_the_config_does_not_say_what_then():
    lines, wrong = doctor(llama(n_ctx=60), total_tokens=100)
    assert wrong == 1 and FULL in one(lines, "WRONG")
    for way in ("stop", "trim"):
        lines, wrong = doctor(llama(n_ctx=60), total_tokens=100, context=way)
        assert wrong == 0 and one(lines, f"{FULL}; then it will {way}")


def test_a_context_that_short_turns_alone_would_fill_is_noted():
    # 31 + 100 tokens fit; 300 is a guess
    lines, wrong = doctor(llama(n_ctx=140), total_tokens=100)
    assert wrong == 0 and one(lines, "if turns are as long as the opening's: give the server more")


def test_a_context_that_is_not_told_is_unknown():
    lines, wrong = doctor(llama(n_ctx=None))
    assert wrong == 0 and one(lines, "note: how much context the server has is unknown")
    assert not any("holds the whole dialogue" in line for line in lines)


def test_a_context_too_small_for_the_users_memory_is_wrong():
    # 16 tokens for "[system]Be kind.", 19 for each "[assistant]Mark: hi", 17 for the rest: 204, 71
    lines, wrong = doctor(llama(), llama("other", n_ctx=90), user_system="Be kind.")
    assert wrong == 1 and "9 messages like the opening's take 204: give" in one(lines, "WRONG")
    assert doctor(llama(), llama("other", n_ctx=90), user_system="Be kind.", user_memory=2)[1] == 0


def test_one_model_for_both_sides_is_noted():
    lines, wrong = doctor(llama("same"), llama("same"))
    assert wrong == 0 and "genders flipped" in one(lines, "note: they are the same model")
    with replay(llama()) as (url, _):
        lines, _ = doctor({}, api_url=url, user_api_url=url)
    assert one(lines, "note: they are the same model")


class Gated(dict[str, bytes]):
    """A hub on which every file is gated."""

    def get(self, path, default=None):
        head = "HTTP/1.1 401 Unauthorized\r\nX-Error-Code: GatedRepo\r\nContent-Length: 0\r\n"
        return (head + "Connection: close\r\n\r\n").encode()


def test_the_answer_comes_first_with_whose_it_is_and_no_line_is_too_wide():
    with replay(llama(n_ctx=60)) as (url, _), replay(llama(n_ctx=60)) as (user_url, _):
        values = {**SCENE, "api_url": url, "user_api_url": user_url, "total_tokens": 100}
        remarks = list(examine_servers(parse(json.dumps(values), "c").config, seed=1))
    lines = list(put_in_order(remarks, 72))
    assert lines[0] == "2 things are wrong:"
    answer = lines[: lines.index("")]
    assert [line[:13] for line in answer if not line.startswith("    ")] == [
        "2 things are ",
        "  assistant: ",
        "  user: the u",
        "1 note:",
        "  both sides:",
    ]
    assert max(map(len, answer)) <= 72
    rest = lines[len(answer) + 1 :]
    heads = [line.partition(" at ")[0] for line in rest if line[:1] != " "]
    assert heads == ["assistant: llama-server", "user: llama-server"]


def test_a_gated_tokenizer_is_wrong_and_the_ways_around_it_are_said(tmp_path):
    with replay(Gated()) as (hub, _), replay(llama()) as (url, _):
        environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_TOKEN": ""}
        config = put_config(tmp_path, url, tokenizer="some/model", user_tokenizer=str(FOLDER))
        done = parrot("--doctor", config, env=environment)
    said = " ".join(done.stdout.decode().split())
    assert "things are wrong: assistant: tokenizer" in said
    assert done.returncode == 1 and '"some/model" is gated' in said
    for way in ("https://huggingface.co/some/model", "HF_TOKEN", "a folder on disk", "leave the"):
        assert way in said


def test_a_goal_dialogue_is_examined_without_a_conversation():
    goal = {"mode": "goal", "personas": ["a nurse"], "objectives": ["Learn to juggle."]}
    lines, wrong = doctor(llama(n_ctx=100), conversation=[], **goal)
    assert wrong == 0 and one(lines, "[user]Learn to juggle.[assistant]Skye:")
    assert one(lines, "is told (user): You are a nurse.")


def test_the_doctor_of_the_embedded_models_ends_with_0():
    done = parrot("--doctor", "--set", "sampler.top_a=0.1", cwd=ROOT)
    text = done.stdout.decode()
    assert done.returncode == 0
    for words in ("assistant: embedded:skye", "user: embedded:mark", "context 16384 tokens",
                  "not honoured: top_a", '"stream": true', "repetition penalty has an effect",
                  "holds the whole dialogue"):  # fmt: skip
        assert words in text
    assert text.startswith("nothing wrong was found\n")


def test_an_embedded_model_does_not_show_its_role_markers_unless_they_are_preserved():
    stop = ["--set", 'sampler.stop=["<|user|>", "<|end|>"]']
    done = parrot("--doctor", *stop, cwd=ROOT)
    assert done.returncode == 1  # <|end|> ends replies anyway
    assert done.stdout.startswith(b"2 things are wrong:\n")
    assert done.stdout.count(b"'<|user|>' can never match") == 2
    preserved = ["--set", 'sampler.preserved_tokens=["<|user|>"]']
    assert parrot("--doctor", *stop, *preserved, cwd=ROOT).returncode == 0
