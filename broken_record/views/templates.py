"""The HTML of the pages: jinja2 templates that lie beside this file.

What is put into them is escaped, but where a template says "safe": there stands what Bokeh made, a
script or style of ours, or JSON that cannot end its script.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(template: str, **values: Any) -> str:
    """A template with these values."""
    return str(environment().get_template(template).render(values))


def part(macro: str, *values: Any) -> str:
    """A macro of parts.html with these values, as HTML that is not escaped again."""
    made: str = getattr(environment().get_template("parts.html").module, macro)(*values)
    return made


@cache
def environment() -> Environment:
    """Where templates find one another, and the scripts and styles by asset()."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["asset"] = asset
    return made


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return resources.files("broken_record.views").joinpath(name).read_text(encoding="utf-8")


def harmless(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
