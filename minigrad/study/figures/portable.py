"""A picture of the page as a file of its own: colours and sizes as attributes, for viewers that know no stylesheet.

The names of classes stay, and a short style gives them their dark values where a browser shows a dark page.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files

COLOURS = {  # by class: the attribute that it colours, and which colour of page.css
    "plus": ("fill", "plus"), "minus": ("fill", "minus"), "frame": ("stroke", "rule"), "note": ("fill", "soft"),
    "red": ("fill", "red"), "green": ("fill", "green"), "blue": ("fill", "blue"), "ink": ("fill", "ink"),
    "paper": ("fill", "paper"),
}  # fmt: skip
SHAPES = {
    "frame": 'fill="none"', "note": 'font-size="11"', "mid": 'text-anchor="middle"', "end": 'text-anchor="end"',
    "strong": 'font-weight="700"', "big": 'font-size="14"',
}  # fmt: skip
FONT = "Helvetica, Arial, Liberation Sans, sans-serif"


@functools.cache
def palette() -> dict[str, tuple[str, str]]:
    """The page's colours by name: on a light page, on a dark one."""
    style = files("minigrad.study").joinpath("page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    by_day: dict[str, str] = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", light))
    by_night: dict[str, str] = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", dark))
    return {name: (colour, by_night.get(name, colour)) for name, colour in by_day.items()}


def spell_out(body: str) -> str:
    """SVG with the attributes that its classes stand for. Text without a colour of its own is ink."""

    def attributes(match: re.Match[str]) -> str:
        tag, before, classes = match.group(1), match.group(2), match.group(3).split()
        if tag == "text" and not {"paint", "note"} & set(classes):
            classes.append("ink")
        found = [SHAPES[name] for name in classes if name in SHAPES]
        for way, colour in (COLOURS[name] for name in classes if name in COLOURS):
            found.append(f'{way}="{palette()[colour][0]}"')
        return f'<{tag}{before} class="{" ".join(classes)}" {" ".join(found)}'

    return re.sub(r'<(\w+)([^<>]*?) class="([^"]*)"', attributes, body)


def document(body: str, width: int, height: int, label: str) -> str:
    """The body as a whole SVG file, on paper."""
    rules = "".join(
        f".{name}{{{way}:light-dark({','.join(palette()[colour])})}}" for name, (way, colour) in COLOURS.items()
    )
    style = f"@supports (color:light-dark(#000,#fff)){{svg:root{{color-scheme:light dark}}{rules}}}"
    paper = f'<rect class="paper" x="0" y="0" width="{width}" height="{height}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONT}" font-size="12" role="img" aria-label="{label}"><style>{style}</style>'
        f"{spell_out(paper + body)}</svg>\n"
    )
