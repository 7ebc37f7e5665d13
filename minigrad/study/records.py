"""What the study measured, on disk: one JSON object a line, appended as results come.

The function that makes a record states its fields; `plan.KINDS` says which function that is.

A line is flushed to disk before its job counts as done, so a kill at any moment costs the jobs under
way and at most a torn last line, which the next reader passes over and the next writer cuts off.
"""

from __future__ import annotations

import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Record: TypeAlias = dict[str, Any]


def plain(value: Any, digits: int = 5) -> Any:
    """Lists and numbers of `digits` significant digits for arrays; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(name): plain(entry, digits) for name, entry in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), digits)
    if isinstance(value, list | tuple):
        return [plain(entry, digits) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item(), digits)
    if isinstance(value, float):
        if not np.isfinite(value):
            return None
        short = float(f"{value:.{digits}g}")
        return int(short) if short.is_integer() and abs(short) < 1e6 else short
    return value


def line(record: Record) -> str:
    """A record as one line of text that carries its own checksum."""
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{text}\t{zlib.crc32(text.encode()):08x}\n"


def parse(text: str) -> Record | None:
    """The record of one line; None if the line is torn or was changed."""
    body, tab, checksum = text.rstrip("\n").rpartition("\t")
    if not tab or f"{zlib.crc32(body.encode()):08x}" != checksum:
        return None
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    named = isinstance(record, dict) and all(isinstance(record.get(name), str) for name in ("kind", "key"))
    return record if named else None


def read(path: Path) -> Iterator[Record]:
    """The sound records of a file in the order of writing; a warning names each damaged line left out."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith("\n"):
                return  # a last line without its end is a kill's usual trace: no warning
            record = parse(text)
            if record is not None:
                yield record
            else:
                warnings.warn(f"{path}, line {number}: damaged record left out; its run repeats", stacklevel=2)


class Store:
    """The records file of one study, open for appending by one process at a time.

    Raises BlockingIOError where another process has the same study open.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, "a+b")  # noqa: SIM115  (open as long as the store is)
        try:
            _lock(self.file.fileno())
        except OSError as error:
            self.file.close()
            raise BlockingIOError(f"{path}: another study is writing here; choose another --out") from error
        self._cut_torn_line()
        self.done = {record["key"]: record for record in read(path)}

    def _cut_torn_line(self) -> None:
        self.file.seek(0)
        content = self.file.read()
        self.file.truncate(content.rfind(b"\n") + 1)

    def add(self, record: Record) -> None:
        """Append one record; when this returns, it is on disk."""
        self.file.write(line(record).encode())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.done[record["key"]] = record

    def close(self) -> None:
        """Release the file."""
        self.file.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _lock(descriptor: int) -> None:
    """An exclusive lock that the system drops when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such lock on this system: two writers at once are the user's to avoid
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Results:
    """All records of one study, for those who judge and draw; of several with one key the newest counts."""

    def __init__(self, records: Iterable[Record]):
        self.records: list[Record] = list({record["key"]: record for record in records}.values())

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read a records file; FileNotFoundError says which command writes one."""
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"{path}: no records there; `python -m minigrad.study` makes them")
        return cls(read(path))

    def where(self, kind: str, **fields: Any) -> list[Record]:
        """The records of a kind whose fields have these values, in the order of their writing.

        A callable in place of a value is a test: `where("run", F=8, arm=lambda arm: arm != "sum")`.
        """
        return [
            record
            for record in self.records
            if record["kind"] == kind and all(_matches(record.get(k), v) for k, v in fields.items())
        ]

    def one(self, kind: str, **fields: Any) -> Record | None:
        """The only record that matches, None if there is none; ValueError if there are several."""
        found = self.where(kind, **fields)
        if len(found) > 1:
            raise ValueError(f"one({kind!r}, {fields}): {len(found)} records match, expected at most one")
        return found[0] if found else None

    def values(self, kind: str, field: str) -> list[Any]:
        """The different values of a field among the records of a kind, in order of first appearance."""
        return list(dict.fromkeys(record[field] for record in self.where(kind) if field in record))

    def __len__(self) -> int:
        return len(self.records)


def _matches(value: Any, wanted: Any | Callable[[Any], bool]) -> bool:
    return bool(wanted(value)) if callable(wanted) else bool(value == wanted)
