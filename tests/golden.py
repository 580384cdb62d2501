"""The prompts that parrot makes of public chat templates, worked by hand: the table of
docs/engines.md.

A template is written here after its model's public definition; what a prompt is to look like stands
as a literal beside it. One conversation for all: the assistant's prompt behind four messages, and
the user's behind its first, with the roles flipped and its own system text.

python -m tests.golden            prints the table
python -m tests.golden --write    puts it into the page
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from broken_record.data import Message

PAGE = Path(__file__).parents[1] / "docs" / "engines.md"
SAID = [
    Message("system", "Be Skye."),
    Message("user", "Mark: Hi."),
    Message("assistant", "Skye: Hey."),
    Message("user", "Mark: Well?"),
]
"""What the assistant sees; its reply begins with Skye:, the user's with Mark:."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A chat template, and the two prompts that are to come of it. `source` is where its model
    defines it; `adds_bos`, whether a server puts the model's BOS in front of a prompt itself.
    """

    name: str
    source: str
    template: str
    bos: str
    eos: str
    adds_bos: bool
    assistant: str
    user: str


IN_TURNS = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
)
SYSTEM_APART = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}"
    "{% set spoken = messages[1:] %}{% else %}{% set spoken = messages %}{% endif %}"
)
CHATML = (
    r"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
    r"+ message['content'] + '<|im_end|>\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_OF_ASSISTANT = (
    "<|im_start|>system\nBe Skye.<|im_end|>\n<|im_start|>user\nMark: Hi.<|im_end|>\n"
    "<|im_start|>assistant\nSkye: Hey.<|im_end|>\n<|im_start|>user\nMark: Well?<|im_end|>\n"
    "<|im_start|>assistant\n"
)
CHATML_OF_USER = (
    "<|im_start|>system\nBe Mark.<|im_end|>\n<|im_start|>assistant\nMark: Hi.<|im_end|>\n"
    "<|im_start|>user\nSkye: Hey.<|im_end|>\n<|im_start|>assistant\n"
)
MISTRAL_V3 = (
    "{{ bos_token }}"
    + SYSTEM_APART
    + "{% for message in spoken %}"
    + IN_TURNS
    + r"{% if message['role'] == 'user' %}{% if loop.last and system is defined %}"
    r"{{ '[INST]SPACE' + system + '\n\n' + message['content'] + '[/INST]' }}{% else %}"
    r"{{ '[INST]SPACE' + message['content'] + '[/INST]' }}{% endif %}{% else %}"
    r"{{ 'SPACE' + message['content'] | trim + eos_token }}{% endif %}{% endfor %}"
)

GOLDENS = (
    Golden(
        "ChatML", "OpenAI's chatml.md; OpenHermes 2.5", CHATML, "<s>", "<|im_end|>", True,
        CHATML_OF_ASSISTANT + "Skye:", CHATML_OF_USER + "Mark:",
    ),
    Golden(
        "Llama 2", "Meta's llama repository, generation.py",
        SYSTEM_APART
        + "{% for message in spoken %}"
        + IN_TURNS
        + r"{% if message['role'] == 'user' %}{% if loop.first and system is defined %}"
        r"{% set content = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + message['content'] %}"
        r"{% else %}{% set content = message['content'] %}{% endif %}"
        r"{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}{% else %}"
        r"{{ ' ' + message['content'] | trim + ' ' + eos_token }}{% endif %}{% endfor %}",
        "<s>", "</s>", True,
        "[INST] <<SYS>>\nBe Skye.\n<</SYS>>\n\nMark: Hi. [/INST] Skye: Hey. </s>"
        "<s>[INST] Mark: Well? [/INST] Skye:",
        "[INST] <<SYS>>\nBe Mark.\n<</SYS>> [/INST] Mark: Hi. </s>"
        "<s>[INST] Skye: Hey. [/INST] Mark:",
    ),
    Golden(
        "Llama 3", "Meta's llama3 repository, tokenizer.py",
        r"{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] "
        r"+ '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
        r"{% if add_generation_prompt %}"
        r"{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        "<|begin_of_text|>", "<|eot_id|>", True,
        "<|start_header_id|>system<|end_header_id|>\n\nBe Skye.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nMark: Hi.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nSkye: Hey.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nMark: Well?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nSkye:",
        "<|start_header_id|>system<|end_header_id|>\n\nBe Mark.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nMark: Hi.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nSkye: Hey.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nMark:",
    ),
    Golden(
        "Mistral v1", "mistral-common, instruct tokenizer v1",
        "{{ bos_token }}"
        + SYSTEM_APART
        + "{% for message in spoken %}"
        + IN_TURNS
        + r"{% if message['role'] == 'user' %}{% if loop.first and system is defined %}"
        r"{{ ' [INST] ' + system + '\n\n' + message['content'] + ' [/INST]' }}{% else %}"
        r"{{ ' [INST] ' + message['content'] + ' [/INST]' }}{% endif %}{% else %}"
        r"{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}",
        "<s>", "</s>", True,
        " [INST] Be Skye.\n\nMark: Hi. [/INST] Skye: Hey.</s> [INST] Mark: Well? [/INST] Skye:",
        " [INST] Be Mark.\n\n [/INST] Mark: Hi.</s> [INST] Skye: Hey. [/INST] Mark:",
    ),
    # of its own it moves the system text to the last message, where it would be read anew each
    # turn, and holds_all finds it out of order: it is folded into the first
    Golden(
        "Mistral v3", "mistral-common, instruct tokenizer v3", MISTRAL_V3.replace("SPACE", " "),
        "<s>", "</s>", True,
        "[INST] Be Skye.\n\nMark: Hi.[/INST] Skye: Hey.</s>[INST] Mark: Well?[/INST] Skye:",
        "[INST] Be Mark.[/INST] Mark: Hi.</s>[INST] Skye: Hey.[/INST] Mark:",
    ),
    Golden(
        "Mistral v3-tekken", "mistral-common, instruct tokenizer v3 with tekken",
        MISTRAL_V3.replace("SPACE", ""), "<s>", "</s>", True,
        "[INST]Be Skye.\n\nMark: Hi.[/INST]Skye: Hey.</s>[INST]Mark: Well?[/INST]Skye:",
        "[INST]Be Mark.[/INST]Mark: Hi.</s>[INST]Skye: Hey.[/INST]Mark:",
    ),
    Golden(
        "Gemma", "Google's formatting page of Gemma (it refuses a system message)",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}"
        + IN_TURNS
        + r"{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
        r"{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
        r"{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
        "<bos>", "<eos>", True,
        "<start_of_turn>user\nBe Skye.\n\nMark: Hi.<end_of_turn>\n"
        "<start_of_turn>model\nSkye: Hey.<end_of_turn>\n"
        "<start_of_turn>user\nMark: Well?<end_of_turn>\n<start_of_turn>model\nSkye:",
        "<start_of_turn>user\nBe Mark.<end_of_turn>\n<start_of_turn>model\nMark: Hi.<end_of_turn>\n"
        "<start_of_turn>user\nSkye: Hey.<end_of_turn>\n<start_of_turn>model\nMark:",
    ),
    Golden(
        "Phi-3", "model card of Phi-3-mini-4k-instruct",
        r"{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] "
        r"+ '<|end|>\n' }}{% endfor %}"
        r"{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
        "<s>", "<|endoftext|>", False,
        "<|system|>\nBe Skye.<|end|>\n<|user|>\nMark: Hi.<|end|>\n"
        "<|assistant|>\nSkye: Hey.<|end|>\n<|user|>\nMark: Well?<|end|>\n<|assistant|>\nSkye:",
        "<|system|>\nBe Mark.<|end|>\n<|assistant|>\nMark: Hi.<|end|>\n"
        "<|user|>\nSkye: Hey.<|end|>\n<|assistant|>\nMark:",
    ),
    Golden(
        "Zephyr", "model card of zephyr-7b-beta (lines behind blocks are to vanish)",
        "{% for message in messages %}\n{{ '<|' + message['role'] + '|>' }}\n"
        "{{ message['content'] + eos_token }}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
        "{% endfor %}",
        "<s>", "</s>", True,
        "<|system|>\nBe Skye.</s>\n<|user|>\nMark: Hi.</s>\n<|assistant|>\nSkye: Hey.</s>\n"
        "<|user|>\nMark: Well?</s>\n<|assistant|>\nSkye:",
        "<|system|>\nBe Mark.</s>\n<|assistant|>\nMark: Hi.</s>\n<|user|>\nSkye: Hey.</s>\n"
        "<|assistant|>\nMark:",
    ),
    Golden(
        "Command-R", "Cohere's prompting page of Command R",
        "{{ bos_token }}"
        + SYSTEM_APART
        + "{% if system is defined %}"
        "{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + system + '<|END_OF_TURN_TOKEN|>' }}"
        "{% endif %}{% for message in spoken %}"
        + IN_TURNS
        + "{% set who = 'USER' if message['role'] == 'user' else 'CHATBOT' %}"
        "{{ '<|START_OF_TURN_TOKEN|><|' + who + '_TOKEN|>' + message['content'] | trim "
        "+ '<|END_OF_TURN_TOKEN|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}",
        "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", True,
        "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be Skye.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Mark: Hi.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Skye: Hey.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Mark: Well?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Skye:",
        "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be Mark.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|><|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Mark: Hi.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Skye: Hey.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Mark:",
    ),
    Golden(
        "DeepSeek", "DeepSeek-V3's encoding of messages",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
        "{{ message['content'] }}{% elif message['role'] == 'user' %}"
        "{{ '<\uff5cUser\uff5c>' + message['content'] }}{% else %}"
        "{{ '<\uff5cAssistant\uff5c>' + message['content'] + eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<\uff5cAssistant\uff5c>' }}{% endif %}",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>",
        True,
        "Be Skye.<\uff5cUser\uff5c>Mark: Hi.<\uff5cAssistant\uff5c>Skye: Hey."
        "<\uff5cend\u2581of\u2581sentence\uff5c><\uff5cUser\uff5c>Mark: Well?"
        "<\uff5cAssistant\uff5c>Skye:",
        "Be Mark.<\uff5cAssistant\uff5c>Mark: Hi.<\uff5cend\u2581of\u2581sentence\uff5c>"
        "<\uff5cUser\uff5c>Skye: Hey.<\uff5cAssistant\uff5c>Mark:",
    ),
    Golden(
        "Qwen3, thinking off", "model card of Qwen3 (enable_thinking)",
        r"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
        r"+ message['content'].split('</think>')[-1].lstrip('\n') + '<|im_end|>\n' }}{% endfor %}"
        r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
        r"{% if enable_thinking is defined and enable_thinking is false %}"
        r"{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}",
        "", "<|im_end|>", False,
        CHATML_OF_ASSISTANT + "<think>\n\n</think>\n\nSkye:",
        CHATML_OF_USER + "<think>\n\n</think>\n\nMark:",
    ),
    Golden(
        "SmolLM2", "model card of SmolLM2-135M-Instruct (its BOS is its role marker)",
        r"{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI "
        r"assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}" + CHATML,
        "<|im_start|>", "<|im_end|>", False,
        CHATML_OF_ASSISTANT + "Skye:", CHATML_OF_USER + "Mark:",
    ),
    Golden(
        "Alpaca", "Stanford's alpaca repository; turns as in vLLM's template_alpaca.jinja",
        r"{% for message in messages %}{% if message['role'] == 'user' %}"
        r"{{ '### Instruction:\n' }}{% elif message['role'] == 'assistant' %}"
        r"{{ '### Response:\n' }}{% endif %}{{ message['content'] | trim + '\n\n' }}{% endfor %}"
        r"{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}",
        "<s>", "</s>", True,
        "Be Skye.\n\n### Instruction:\nMark: Hi.\n\n### Response:\nSkye: Hey.\n\n"
        "### Instruction:\nMark: Well?\n\n### Response:\nSkye:",
        "Be Mark.\n\n### Response:\nMark: Hi.\n\n### Instruction:\nSkye: Hey.\n\n"
        "### Response:\nMark:",
    ),
    Golden(
        "Vicuna", "FastChat's conversation.py, vicuna_v1.1",
        "{% for message in messages %}{% if message['role'] == 'system' %}"
        "{{ message['content'] + ' ' }}{% elif message['role'] == 'user' %}"
        "{{ 'USER: ' + message['content'] + ' ' }}{% else %}"
        "{{ 'ASSISTANT: ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
        "<s>", "</s>", True,
        "Be Skye. USER: Mark: Hi. ASSISTANT: Skye: Hey.</s>USER: Mark: Well? ASSISTANT: Skye:",
        "Be Mark. ASSISTANT: Mark: Hi.</s>USER: Skye: Hey. ASSISTANT: Mark:",
    ),
    Golden(
        "Metharme", "model card of pygmalion-2-7b",
        "{% for message in messages %}"
        "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
        "{{ '<|' + role + '|>' + message['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|model|>' }}{% endif %}",
        "<s>", "</s>", True,
        "<|system|>Be Skye.<|user|>Mark: Hi.<|model|>Skye: Hey.<|user|>Mark: Well?<|model|>Skye:",
        "<|system|>Be Mark.<|model|>Mark: Hi.<|user|>Skye: Hey.<|model|>Mark:",
    ),
    Golden(
        "GLM-4", "model card of GLM-4-9B-0414",
        r"{{ '[gMASK]<sop>' }}{% for message in messages %}"
        r"{{ '<|' + message['role'] + '|>\n' + message['content'] }}{% endfor %}"
        r"{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
        "", "<|endoftext|>", False,
        "[gMASK]<sop><|system|>\nBe Skye.<|user|>\nMark: Hi.<|assistant|>\nSkye: Hey."
        "<|user|>\nMark: Well?<|assistant|>\nSkye:",
        "[gMASK]<sop><|system|>\nBe Mark.<|assistant|>\nMark: Hi.<|user|>\nSkye: Hey."
        "<|assistant|>\nMark:",
    ),
)  # fmt: skip


def shown(prompt: str) -> str:
    """A prompt in one line, as code in a table."""
    return "`" + prompt.replace("\n", "\\n").replace("|", "\\|") + "`"


def table() -> str:
    rows = [
        f"| {one.name} | {one.source} | {'the server' if one.adds_bos else 'nobody'} "
        f"| {shown(one.assistant)} |"
        for one in GOLDENS
    ]
    head = ["| template | after | BOS added by | the assistant's prompt |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def renewed(page: str) -> str:
    """The page with today's table."""
    made = f"<!-- golden -->\n\n{table()}\n<!-- /golden -->"
    return re.sub(r"<!-- golden -->.*<!-- /golden -->", lambda match: made, page, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description="the table of prompts in docs/engines.md")
    parser.add_argument("--write", action="store_true", help="put it into the page")
    if parser.parse_args().write:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
