from __future__ import annotations

import pytest

from broken_record.conversation.prompts import render, user_view
from broken_record.data import Message
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.errors import TemplateRefused
from broken_record.tiny.tokenizer import FOLDER

SCENE = [
    Message("system", "S"),
    Message("assistant", "A1"),
    Message("user", "U1"),
    Message("assistant", "A2"),
]


def plain(messages):
    return "".join(f"<{message.role}>{message.content}" for message in messages) + "<assistant>"


def alternating(messages):
    """Like the templates of Mistral and Gemma: no system, user first, strictly in turns."""
    for index, message in enumerate(messages):
        if message.role != ("user", "assistant")[index % 2]:
            raise TemplateRefused("roles must alternate user/assistant")
    return plain(messages)


def dropping(messages):
    """A template that silently leaves system messages out."""
    return plain([message for message in messages if message.role != "system"])


def test_the_user_sees_the_last_messages_flipped_behind_its_own_system_text():
    assert user_view(SCENE, "Be Mark.", 2) == [
        Message("system", "Be Mark."),
        Message("assistant", "U1"),
        Message("user", "A2"),
    ]
    assert user_view(SCENE, "", 9) == [
        Message("user", "A1"),
        Message("assistant", "U1"),
        Message("user", "A2"),
    ]


@pytest.mark.parametrize(
    ("template", "messages", "prompt"),
    [
        (plain, SCENE, "<system>S<assistant>A1<user>U1<assistant>A2<assistant>"),
        (alternating, SCENE, "<user>S<assistant>A1<user>U1<assistant>A2<assistant>"),
        (alternating, SCENE[1:], "<user><assistant>A1<user>U1<assistant>A2<assistant>"),
        (alternating, [SCENE[0], SCENE[2]], "<user>S\n\nU1<assistant>"),
        (alternating, [SCENE[2], SCENE[2]], "<user>U1\nU1<assistant>"),
        (dropping, SCENE, "<user>S<assistant>A1<user>U1<assistant>A2<assistant>"),
    ],
)
def test_a_template_gets_an_arrangement_that_it_takes_and_that_loses_nothing(
    template, messages, prompt
):
    assert render(template, messages) == prompt


def test_a_template_that_takes_nothing_is_an_error_with_its_words():
    def never(messages):
        raise TemplateRefused("no tools given")

    with pytest.raises(TemplateRefused, match="no tools given"):
        render(never, SCENE)


def test_a_template_that_always_loses_something_is_used_as_it_is():
    assert render(lambda messages: "fixed", SCENE) == "fixed"


def test_a_tokenizer_folder_gives_its_template():
    template = load_tokenizer_template(str(FOLDER))
    assert template.render(SCENE[:2]) == "<|system|>S<|end|><|assistant|>A1<|end|><|assistant|>"
    assert "<|assistant|>" in template.source


def put_tokenizer(folder, instead_of_template):
    """The embedded models' tokenizer with other settings in place of `"chat_template": "`."""
    for file in FOLDER.iterdir():
        text = file.read_text(encoding="utf-8").replace('"chat_template": "', instead_of_template)
        (folder / file.name).write_text(text, encoding="utf-8")
    return str(folder)


def test_a_bos_that_the_template_writes_is_stripped_where_the_server_adds_it(tmp_path):
    folder = put_tokenizer(tmp_path, '"bos_token": "<|pad|>", "chat_template": "{{ bos_token }}')
    template = load_tokenizer_template(folder)
    assert template.render(SCENE[:1]) == "<|system|>S<|end|><|assistant|>"
    template = load_tokenizer_template(folder, adds_bos=False)
    assert template.render(SCENE[:1]) == "<|pad|><|system|>S<|end|><|assistant|>"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ raise_exception('not so') }}", "not so"),
        ("{{ 1 // 0 }}", "division"),
        ("{{ range(200000) }}", "Range too big"),
        ("{{ messages.x.y }}", "has no attribute"),
    ],
)
def test_a_template_that_raises_becomes_a_refusal(source, words, tmp_path):
    folder = put_tokenizer(tmp_path, f'"chat_template": "{source}')
    template = load_tokenizer_template(folder)
    with pytest.raises(TemplateRefused, match=words):
        template.render(SCENE)


def test_a_tokenizer_that_is_not_there_is_said_in_one_sentence(tmp_path):
    with pytest.raises(TemplateRefused, match=r"cannot be loaded.*holds tokenizer.json"):
        load_tokenizer_template(str(tmp_path / "absent"))


@pytest.mark.parametrize(("said", "seen"), [(4, 4), (5, 3), (6, 4), (7, 3), (8, 4)])
def test_the_user_forgets_a_step_at_a_time(said, seen):
    conversation = [Message(("assistant", "user")[i % 2], str(i)) for i in range(said)]
    window = user_view(conversation, "", 4, 2)
    assert [message.content for message in window] == [str(i) for i in range(said - seen, said)]
