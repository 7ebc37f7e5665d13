"""Runs a script as `python script.py` does, with minigrad in place of PyTorch."""

from __future__ import annotations

import os
import sys
import traceback
from types import ModuleType, TracebackType

from minigrad.torch.names import install


def run_script(path: str, arguments: list[str]) -> int:
    """Run the script with these arguments as `__main__`; 0, or 1 if it ended with an error, which is printed."""
    try:
        code = compile(read_source(path), path, "exec")
    except SyntaxError as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        return 1
    main = prepare(path, arguments)
    try:
        exec(code, main.__dict__)
    except Exception as error:
        place = find_place(error.__traceback__, os.path.dirname(path))
        if place is not None:
            error.__traceback__ = place[0]
            error.add_note(f"In {place[1]}, line {place[2]}; it runs with minigrad in place of PyTorch.")
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def read_source(path: str) -> bytes:
    """The script's bytes, from the standard input if it is "-"; an error that names it if there is none."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise SystemExit(f"minigrad.torch: cannot read the script {path!r}: {error.strerror}") from None


def prepare(path: str, arguments: list[str]) -> ModuleType:
    """What the script finds: PyTorch's names, its arguments, its own folder to import from, and itself as main."""
    install()
    sys.argv = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    return main


def find_place(trace: TracebackType | None, folder: str) -> tuple[TracebackType, str, int] | None:
    """The traceback from the script on, and the last file and line in it that are the user's own."""
    start, place = None, None
    own = os.path.abspath(folder)
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if os.path.abspath(file).startswith(own + os.sep) and not file.startswith("<"):
            start = start or trace
            place = start, os.path.basename(file), trace.tb_lineno
        trace = trace.tb_next
    return place


def describe(error: BaseException) -> str:
    """The error's own last line: its kind and what it says."""
    return "".join(traceback.format_exception_only(error)).strip()
