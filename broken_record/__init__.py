"""The parts behind parrot.py, analyze.py and view.py."""

from importlib.util import find_spec

for name in ("requests", "rapidfuzz", "bokeh"):
    if find_spec(name) is None:
        raise ModuleNotFoundError(
            f"{name} of requirements.txt is not installed here; run: make .venv, and in every new "
            "terminal: . .venv/bin/activate"
        )
