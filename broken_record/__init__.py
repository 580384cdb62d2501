"""Two language models in a long dialogue, and where it loops or breaks: the library's door.

    from broken_record import analyze, read_run

    analyze([{"role": "user", "content": "Hi."}, ...]).findings     of any conversation
    pandas.DataFrame(read_run("parrot_20260131_201500").findings())     of a run on disk

Each name is loaded when it is first asked for: `import broken_record` alone costs nothing. What
cannot be done is raised as an error of broken_record.errors.
"""

from __future__ import annotations

__version__ = "1.0.0"
TYPE_CHECKING = False  # as typing has it, whose import would cost more than all of this

if TYPE_CHECKING:
    from broken_record.analysis.library import analyze, read_dialogue, read_run
    from broken_record.data import Dialogue, Finding, Turn
else:
    PLACES = {
        **dict.fromkeys(("analyze", "read_dialogue", "read_run"), "broken_record.analysis.library"),
        **dict.fromkeys(("Dialogue", "Finding", "Turn"), "broken_record.data"),
    }

    def __getattr__(name):
        """What the door offers, loaded when it is asked for (PEP 562)."""
        if name not in PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(PLACES[name]), name)

    def __dir__():
        """The names that are loaded late too."""
        return sorted({*globals(), *__all__})


__all__ = ["Dialogue", "Finding", "Turn", "analyze", "read_dialogue", "read_run"]
