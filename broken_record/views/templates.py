"""The HTML of the pages: jinja2 templates that lie beside this file.

What is put into them is escaped, but where a template says "safe": there stands what Bokeh made, a
script or style of ours, or JSON that cannot end its script.
"""

from __future__ import annotations

import json
import re
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
    made.filters["whole"] = whole
    return made


def whole(value: object) -> tuple[list[str], list[str]]:
    """A cell's text in parts: those of a name may break after each comma, then an interval and a p,
    which stay whole, as every number does.

    >>> whole("33% (12% - 65%)"), whole("a=1.0,b")
    ((['33%'], ['(12% - 65%)']), (['a=1.0,', 'b'], []))
    """
    first, *more = re.split(r" (?=\(|p [\d<])", str(value))
    return re.split(r"(?<=,)(?=\S)", first) if "=" in first else [first], more


def bokeh_itself(*, cdn: bool) -> str:
    """Bokeh's script, from the network or whole; its widgets, tables and formulas are not used."""
    from bokeh.resources import Resources

    return str(Resources(mode="cdn" if cdn else "inline", components=["bokeh"]).render())


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return resources.files("broken_record.views").joinpath(name).read_text(encoding="utf-8")


def harmless(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
