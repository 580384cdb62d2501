"""Chat templates of strangers, rendered in bounded time and room.

A template comes from a server or from a repository of models. jinja2's sandbox keeps it from the
process's secrets; it does not keep it from computing for ever or filling the memory.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from broken_record.engines.limits import POWER, TEMPLATE_S
from broken_record.errors import TEMPLATE_FAULTS, TemplateRefused

PlainMessages = list[dict[str, str]]

THINKING_OFF = {"enable_thinking": False}
"""What templates of reasoning models are told (Qwen3, GLM-4.5, SmolLM3): a reply is speech at once,
and others do not look at it.
"""


@contextmanager
def in_time(seconds: float = TEMPLATE_S.value) -> Iterator[None]:
    """TemplateRefused where the block takes longer.

    By SIGALRM, which reaches loops and long multiplications alike; where there is none (Windows,
    threads beside the main one) the block takes its time.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TemplateRefused(f"the chat template computes for more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    # again and again, since jinja2 swallows what is raised while it folds constants
    signal.setitimer(signal.ITIMER_REAL, seconds, max(seconds / 10, 0.05))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def chat_environment() -> Any:
    """The environment that Hugging Face's chat templates are written for, in a sandbox in which *
    and ** make nothing that fills the memory.
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    class Bounded(ImmutableSandboxedEnvironment):  # type: ignore[misc]
        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if size_of(operator, left, right) > POWER.value:
                raise jinja2.TemplateError(f"a {operator} of more than {POWER}")
            return super().call_binop(context, operator, left, right)

    environment = Bounded(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    return environment


def size_of(operator: str, left: Any, right: Any) -> float:
    """About how many characters, elements or digits a product or power will have.

    >>> size_of("*", "ab", 3), size_of("*", 3, [1, 2]), size_of("**", 9, 100), size_of("*", 2.5, 2)
    (6, 6, 120.0, 0)
    """
    if operator == "**":
        whole = isinstance(left, int) and isinstance(right, int)
        return left.bit_length() * abs(right) * 0.3 if whole else 0
    for long, times in ((left, right), (right, left)):
        if isinstance(long, str | bytes | list | tuple) and isinstance(times, int):
            return len(long) * max(times, 0)
    return 0


def compile_template(source: str, names: Mapping[str, str]) -> Callable[[PlainMessages], str]:
    """A chat template that a server told, as a function of messages; `names` are its bos_token and
    eos_token. Compiling and rendering raise TemplateRefused.
    """
    import jinja2

    try:
        with in_time():
            template = chat_environment().from_string(source)
    except (jinja2.TemplateError, *TEMPLATE_FAULTS) as error:
        raise TemplateRefused(f"the server's chat template is none: {error}") from error

    def render(messages: PlainMessages) -> str:
        told: dict[str, Any] = {**names, **THINKING_OFF}
        try:
            with in_time():
                return str(template.render(messages=messages, add_generation_prompt=True, **told))
        except (jinja2.TemplateError, *TEMPLATE_FAULTS) as error:
            raise TemplateRefused(f"the server's chat template refuses: {error}") from error

    return render
