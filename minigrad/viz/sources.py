"""The source of the rules that backward runs, and what they give with numbers put into them."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import math
import operator
import re
import textwrap
from collections.abc import Callable
from types import CodeType

from minigrad.autograd import Rule
from minigrad.viz.words import digits


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
