"""The backward replay as one page that loads nothing, and the source of the rule that ran."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import linecache
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.autograd import Rule
from minigrad.viz.svg import escape

MOST_RULES = 6  # of a collapsed module, so many are shown
Part = tuple[int, str, np.ndarray | None]  # an edge's number, what arrives along it, and a small picture of that


@dataclass
class Step:
    """One step of backward: the vertex whose gradient is complete, what arrived, and what its rules send on."""

    vertex: int
    title: str
    text: str = ""
    thumbnail: np.ndarray | None = None
    arriving: list[Part] = field(default_factory=list)
    leaving: list[Part] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def page(title: str, svg: str, steps: list[Step]) -> str:
    """A page with the picture and, if there are steps, the controls that play them."""
    here = Path(__file__)
    template = here.with_name("replay.html").read_text(encoding="utf-8")
    data = json.dumps([as_json(step) for step in steps], ensure_ascii=False, separators=(",", ":"))
    parts = {
        "TITLE": escape(title),
        "STYLE": here.with_name("replay.css").read_text(encoding="utf-8"),
        "SVG": svg,
        # What could end the script element, or start a comment in it, is spelled as JSON escapes.
        "STEPS": data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        "SCRIPT": here.with_name("replay.js").read_text(encoding="utf-8") if steps else "",
        "HIDDEN": "" if steps else "hidden",
    }
    pieces = template.split("%%")  # text, name, text, name, …: one pass, so that no user text is taken for a name
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def as_json(step: Step) -> dict[str, Any]:
    """A step as the page's script reads it."""

    def parts(of: list[Part]) -> list[dict[str, Any]]:
        return [{"edge": edge, "text": text, "image": image(values)} for edge, text, values in of]

    return {
        "vertex": step.vertex, "title": step.title, "text": step.text, "image": image(step.thumbnail),
        "arriving": parts(step.arriving), "leaving": parts(step.leaving), "rules": step.rules,
    }  # fmt: skip


def image(values: np.ndarray | None) -> list[list[float]] | None:
    """A small matrix with three digits; not finite: 0."""
    if values is None:
        return None
    return [[float(f"{v:.3g}") for v in row] for row in np.nan_to_num(values, posinf=0.0, neginf=0.0).tolist()]


@functools.lru_cache(maxsize=64)
def parsed(filename: str) -> tuple[str, ast.Module | None]:
    """The text of a source file and its syntax tree; None where there is none."""
    text = "".join(linecache.getlines(filename))
    try:
        return text, ast.parse(text) if text else None
    except SyntaxError:
        return text, None


def rule_source(rule: Rule) -> str:
    """The source of a rule as it stands beside its forward: `x=lambda g, y: g * y`."""
    code = getattr(inspect.unwrap(rule.function), "__code__", None)
    text, tree = parsed(code.co_filename) if code else ("", None)
    if code is not None and tree is not None:
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == rule.argument and isinstance(node.value, ast.Lambda):
                if node.value.lineno == code.co_firstlineno:
                    return tidy(text, node)
            elif isinstance(node, ast.FunctionDef) and node.name == code.co_name:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if first == code.co_firstlineno:
                    return f"{rule.argument}={node.name}\n{tidy(text, node)}"
    return f"{rule.argument}: its source is not at hand"


def tidy(text: str, node: ast.expr | ast.stmt | ast.keyword) -> str:
    """The source of a piece of syntax, its further lines indented by no more than needed."""
    source = ast.get_source_segment(text, node) or ""
    first, _, rest = source.partition("\n")
    return f"{first}\n{textwrap.indent(textwrap.dedent(rest), '    ')}" if rest else first
