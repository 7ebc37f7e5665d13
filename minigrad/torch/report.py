"""Lists what would stop a script: by reading its source, and by running it on, with stand-ins for what is missing."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from typing import Any

from minigrad.tensor import Tensor
from minigrad.torch.names import STANDS_FOR, Borrowed, describe_missing
from minigrad.torch.run import describe, find_place, prepare, read_source


class StandIn:
    """What a name that is missing gives while a report is made: it takes whatever is done with it, and does nothing."""

    __path__ = ()  # a missing module may have modules in it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return ()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __call__


Findings = dict[tuple[int, str], str]
"""What would stop the script, by line and words, and whether it was met at run time or in the source."""


def report(path: str, arguments: list[str]) -> int:
    """Run the script on past what stops it, and print all of that; 1 if there is any."""
    tree = ast.parse(read_source(path), path)
    main = prepare(path, arguments)
    found: Findings = {}
    for line, words in read_missing(tree):
        found[line, words] = "in the source"
    with Watch(path, found):
        run_statements(tree, path, main.__dict__, found)
    print_findings(path, found)
    return 1 if found else 0


def read_missing(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line of each name of PyTorch's in the source that minigrad lacks, reached or not, and the words for it."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                known[item.asname or item.name.partition(".")[0]] = (
                    item.name if item.asname else item.name.partition(".")[0]
                )
                yield from check_path(item.name, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                known[item.asname or item.name] = f"{node.module}.{item.name}"
                if item.name != "*":
                    yield from check_path(f"{node.module}.{item.name}", node.lineno)
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (path := read_path(node)):
            root, _, rest = path.partition(".")
            if root in known and root not in stored:
                yield from check_path(f"{known[root]}.{rest}", node.lineno)


def read_path(node: ast.expr) -> str | None:
    """`torch.nn.Linear` of the expression that says so; None of any other."""
    if isinstance(node, ast.Name):
        return node.id
    parent = read_path(node.value) if isinstance(node, ast.Attribute) else None
    return f"{parent}.{node.attr}" if parent and isinstance(node, ast.Attribute) else None


def check_path(path: str, line: int) -> Iterator[tuple[int, str]]:
    """Nothing if PyTorch's name `path` is there (or is none of PyTorch's); the line and the words if it is not."""
    root, *names = path.split(".")
    if root not in STANDS_FOR:
        return
    here, owner = sys.modules[root], root
    for name in names:
        try:
            here = getattr(here, name)
        except AttributeError as error:
            yield line, describe_missing(owner, name, str(error).partition("; ")[2])
            return
        owner = f"{owner}.{name}"


class Watch:
    """While it is entered, a name that is missing is noted and gives a stand-in."""

    def __init__(self, path: str, found: Findings):
        self.path, self.found = path, found

    def note(self, words: str) -> Any:
        """Note `words` for the line of the script that is being run."""
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_code.co_filename != self.path:
            frame = frame.f_back
        self.found[frame.f_lineno, words] = "met"
        return StandIn()

    def __enter__(self) -> None:
        method = Tensor.__getattr__  # type: ignore[attr-defined]

        def handle_method(tensor: Tensor, name: str) -> Any:
            try:
                return method(tensor, name)
            except AttributeError as error:
                if name.startswith("_"):
                    raise
                return self.note(str(error))

        self.method = method
        Tensor.__getattr__ = handle_method  # type: ignore[attr-defined]
        Borrowed.handle_missing = lambda module, name, hint: self.note(describe_missing(module, name, hint))

    def __exit__(self, *error: object) -> None:
        Tensor.__getattr__ = self.method  # type: ignore[attr-defined]
        Borrowed.handle_missing = None


def run_statements(tree: ast.Module, path: str, space: dict[str, Any], found: Findings) -> None:
    """Run the script statement by statement: one that fails is noted, and what it would have defined is a stand-in."""
    for statement in tree.body:
        try:
            exec(compile(ast.Module([statement], []), path, "exec"), space)
        except SystemExit:
            return
        except Exception as error:
            place = find_place(error.__traceback__, os.path.dirname(path))
            found[place[2] if place else statement.lineno, describe(error)] = "met"
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    space.setdefault(node.id, StandIn())


def print_findings(path: str, found: Findings) -> None:
    """Print what would stop the script, in the order of its lines."""
    name = os.path.basename(path)
    if not found:
        print(f"minigrad.torch: nothing would stop {name}")
        return
    print(f"minigrad.torch: {len(found)} {'thing' if len(found) == 1 else 'things'} would stop {name}")
    for (line, words), how in sorted(found.items()):
        print(f"  line {line}: {words}" + (" (in the source)" if how != "met" else ""))
