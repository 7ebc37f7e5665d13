"""The calls of the stored sample: every public function, module, optimizer and schedule, at its edges.

A row is a `Call` of calls.py: the dotted name that PyTorch and minigrad share, the arguments, the options. A file here
is a room of rows, and a new file is found by itself. generate.py runs the rows through PyTorch and stores what comes
out; tests/test_reference.py runs them through minigrad; compare.py runs them through both, in more dtypes and memory
layouts. A new row needs a line in pending.txt until `python tests/reference/generate.py` has run.
"""

from importlib import import_module
from pkgutil import iter_modules

from ..calls import Call, Room

ROOMS: dict[str, Room] = {m.name: import_module(f"{__name__}.{m.name}").ROOM for m in iter_modules(__path__)}
CALLS: list[Call] = [call for room in ROOMS.values() for call in room.calls]
