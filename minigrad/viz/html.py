"""One page to explore a picture, which loads nothing: the replay, and the source of the rules that ran."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import linecache
import math
import operator
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from minigrad.autograd import Rule
from minigrad.viz.picture import OVALS, Picture, Vertex
from minigrad.viz.svg import ILLEGAL, escape
from minigrad.viz.words import digits

MOST_RULES = 6  # of a collapsed module, so many are shown


@dataclass
class Part:
    """An edge's number, what arrives along it in words, its role, a small picture of it, its cosine with the total."""

    edge: int
    text: str
    role: str = ""
    thumbnail: np.ndarray | None = None
    cosine: float = 1.0


@dataclass
class Ruling:
    """A rule that runs: for which argument, its source, and with numbers in it where they are single numbers."""

    argument: str
    source: str
    numbers: str = ""


@dataclass
class Step:
    """One step of backward: the vertex whose gradient is complete, what arrived, and what its rules send on."""

    vertex: int
    title: str
    text: str = ""
    thumbnail: np.ndarray | None = None
    arriving: list[Part] = field(default_factory=list)
    leaving: list[Part] = field(default_factory=list)
    rules: list[Ruling] = field(default_factory=list)
    forward: bool = False


@functools.cache
def read_beside(name: str) -> str:
    """The text of a file that stands beside this one; it is read once."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def page(picture: Picture, svg: str, steps: list[Step]) -> str:
    """A page to explore the picture, with the controls of a replay if there are steps."""
    template = read_beside("explore.html")
    places = {vertex.key: i for i, vertex in enumerate(picture.vertices)}
    data = json.dumps(
        {
            "vertices": [describe_vertex(vertex) for vertex in picture.vertices],
            "edges": [[places[e.tail], places[e.head], int(e.back)] for e in picture.edges],
            "steps": [as_json(step) for step in steps],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    parts = {
        "TITLE": escape(picture.title),
        "STYLE": read_beside("explore.css"),
        "SVG": svg,
        # What could end the script element, or start a comment in it, is spelled as JSON escapes.
        "DATA": ILLEGAL.sub("�", data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        "SCRIPT": read_beside("explore.js"),
        "HIDDEN": "" if steps else "hidden",
    }
    pieces = template.split("%%")  # text, name, text, name, …: one pass, so that no user text is taken for a name
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def describe_vertex(vertex: Vertex) -> dict[str, Any]:
    """What the page shows of a vertex when it is clicked."""
    facts = ({"name": vertex.tip} if vertex.tip and vertex.kind in OVALS else {}) | vertex.facts
    return {
        "title": vertex.lines[0],
        "kind": vertex.kind,
        "facts": facts,
        "rules": [source() for source in vertex.rules],
    }


def forward_steps(picture: Picture) -> list[Step]:
    """Forward, vertex by vertex: what comes in and what it becomes."""
    arriving: dict[str, list[Part]] = {}
    titles = {vertex.key: vertex.lines[0] for vertex in picture.vertices}
    for number, edge in enumerate(picture.edges):
        if not edge.back:
            arriving.setdefault(edge.head, []).append(Part(number, f"from {titles[edge.tail]}", edge.label))
    steps = []
    for place, vertex in enumerate(picture.vertices):
        said = vertex.lines[1 : vertex.late] if vertex.late else vertex.lines[1:]
        steps.append(Step(place, vertex.lines[0], "  ".join(said), arriving=arriving.get(vertex.key, []), forward=True))
    return steps


def as_json(step: Step) -> dict[str, Any]:
    """A step as the page's script reads it."""

    def parts(of: list[Part]) -> list[dict[str, Any]]:
        return [
            {"edge": p.edge, "text": p.text, "role": p.role, "image": image(p.thumbnail), "cosine": round(p.cosine, 3)}
            for p in of
        ]

    return {
        "vertex": step.vertex, "title": step.title, "text": step.text, "image": image(step.thumbnail),
        "arriving": parts(step.arriving), "leaving": parts(step.leaving),
        "rules": [vars(rule) for rule in step.rules], "forward": step.forward,
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
    return find_source(rule.argument, getattr(inspect.unwrap(rule.function), "__code__", None))


@functools.lru_cache(maxsize=1024)
def find_source(argument: str, code: CodeType | None) -> str:
    """The source of the rule for an argument, by its code. It is searched in the whole file, so once for all."""
    text, tree = parsed(code.co_filename) if code else ("", None)
    if code is not None and tree is not None:
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == argument and isinstance(node.value, ast.Lambda):
                if node.value.lineno == code.co_firstlineno:
                    return tidy(text, node)
            elif isinstance(node, ast.FunctionDef) and node.name == code.co_name:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if first == code.co_firstlineno:
                    return f"{argument}={node.name}\n{tidy(text, node)}"
    return f"{argument}: its source is not at hand"


def tidy(text: str, node: ast.expr | ast.stmt | ast.keyword) -> str:
    """The source of a piece of syntax, its further lines indented by no more than needed."""
    source = ast.get_source_segment(text, node) or ""
    first, _, rest = source.partition("\n")
    return f"{first}\n{textwrap.indent(textwrap.dedent(rest), '    ')}" if rest else first


ARITHMETIC: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[float], float]] = {"cos": math.cos, "sin": math.sin, "exp": math.exp}


def put_in(rule: Rule, numbers: dict[str, float | None]) -> str:
    """The body of a rule that is a lambda, with numbers for its names, and what it gives: `0.0833 · (−6) = −0.5`."""
    tree = lambda_of(rule)
    if tree is None:
        return ""
    try:
        value = evaluate(tree.body, numbers)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return ""  # it is more than arithmetic, or one of its numbers is not known
    words = ast.unparse(tree.body)
    for name in sorted(numbers, key=len, reverse=True):
        if (known := numbers[name]) is not None:
            number = digits(known)
            words = re.sub(rf"\b{name}\b", f"({number})" if number[0] == "−" else number, words)
    return f"{words.replace(' * ', ' · ').replace('-', '−')} = {digits(value)}"


def evaluate(tree: ast.AST, numbers: dict[str, float | None]) -> float:
    """The value of a formula of numbers. Raises KeyError or TypeError for what is not arithmetic."""
    match tree:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            number = numbers[name]
            if number is None:
                raise KeyError(name)
            return number
        case ast.UnaryOp(op=operation, operand=operand):
            return ARITHMETIC[type(operation)](evaluate(operand, numbers))
        case ast.BinOp(left=left, op=operation, right=right):
            return ARITHMETIC[type(operation)](evaluate(left, numbers), evaluate(right, numbers))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]):
            return FUNCTIONS[name](evaluate(argument, numbers))
    raise TypeError("no arithmetic")


def lambda_of(rule: Rule) -> ast.Lambda | None:
    """The syntax tree of a rule that is a lambda beside its forward."""
    return find_lambda(rule.argument, getattr(inspect.unwrap(rule.function), "__code__", None))


@functools.lru_cache(maxsize=1024)
def find_lambda(argument: str, code: CodeType | None) -> ast.Lambda | None:
    """The syntax tree of the lambda for an argument, by its code."""
    _, tree = parsed(code.co_filename) if code else ("", None)
    for node in ast.walk(tree) if code is not None and tree is not None else ():
        named = isinstance(node, ast.keyword) and node.arg == argument
        if named and isinstance(node.value, ast.Lambda) and node.value.lineno == code.co_firstlineno:  # type: ignore
            return node.value  # type: ignore[attr-defined]
    return None
