"""`save` and `load`, which keep nested dictionaries and lists of tensors in a file, and `Check` of what was kept.

A module, an optimizer or a schedule takes over a saved state through `Check`: whole, or not at all.

The file is an .npz without pickle: a zip archive of .npy members, as NumPy writes it and `np.load` reads it. There is
one member for each array, named after its place ("model.conv.weight"), and "structure", the bytes of a JSON text that
says how they nest. In it, null, booleans, numbers, strings and lists stand for themselves; all else is an object with
one of these keys:

    {"dict": [[key, value], ...]}   {"tuple": [value, ...]}   {"array": member}   {"scalar": member}
    {"tensor": member, "requires_grad": boolean}

Nothing that a file says is believed: names, sizes, dtypes and checksums are compared with what is there before any
memory is asked for, and an archive that is not what `save` writes is refused with a ValueError.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from minigrad.device import check_device, device
from minigrad.tensor import Tensor, tensor

if TYPE_CHECKING:
    import zipfile  # imported where it is used: it costs a tenth of `import minigrad`

__all__ = [
    "load", "save",
]  # fmt: skip

Array = NDArray[Any]
Path = str | os.PathLike[str]

STRUCTURE = "structure"
KINDS = "fiub"  # of dtypes: those that tensors have
LIMIT = 1 << 28  # bytes that a smaller file may unpack to
DEPTH = 100  # of nesting: far beyond any use, and before Python's own limit
EMPTY = 22  # bytes of a zip file without members


# ------------------------------------------------------------------------------------------------- checking


class Check:
    """All that is wrong with a saved state, raised as one error at the end of a `with` block, before anything changes.

    >>> with Check("load") as check:
    ...     weight = check.array("weight", [1.0, 2.0], np.zeros(3))
    Traceback (most recent call last):
    ValueError: load, nothing changed:
      size mismatch for weight: (2,) given, expected (3,)
    """

    def __init__(self, title: str, error: type[Exception] = ValueError):
        self.title = title
        self.error = error
        self.problems: list[str] = []

    def array(self, name: str, value: Any, like: Array) -> Array:
        """A copy of `value`, a tensor or an array, which must have the shape and the kind of dtype of `like`."""
        try:
            array = value.array if isinstance(value, Tensor) else np.asarray(value)
            if array.shape != like.shape:
                self.problems.append(f"size mismatch for {name}: {array.shape} given, expected {like.shape}")
            elif array.dtype.kind != like.dtype.kind:
                self.problems.append(f"dtype mismatch for {name}: {array.dtype} given, expected {like.dtype}")
            else:
                with np.errstate(over="raise"):
                    return array.astype(like.dtype)
        except FloatingPointError:
            self.problems.append(f"values beyond {like.dtype} for {name}")
        except (RuntimeError, TypeError, ValueError) as error:
            self.problems.append(f"no array for {name}: {error}")
        return like

    def option(self, name: str, value: Any, like: Any) -> Any:
        """`value` in Python's own types, which must be alike: a number for a number, a row for a row of its length."""
        if is_alike(plain := copy_plain(value), like):
            return plain
        self.problems.append(f"{name} is {plain!r}, not like {like!r}")
        return like

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, AttributeError | IndexError | KeyError | OverflowError | TypeError):
            self.problems.append(f"it is not what state_dict returned ({type(error).__name__}: {error})")
        elif error is not None:
            return
        if self.problems:
            raise self.error(f"{self.title}, nothing changed:\n  " + "\n  ".join(self.problems)) from error


def copy_plain(value: Any) -> Any:
    """A copy of lists, tuples and dictionaries; in it, arrays' numbers are Python's, which do not overflow."""
    if type(value) in (float, int, bool, str, type(None)):
        return value
    if isinstance(value, dict):
        return {copy_plain(key): copy_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(copy_plain, value))
    return value.item() if getattr(value, "ndim", None) == 0 else value  # of minigrad, NumPy or PyTorch


def is_alike(value: Any, like: Any) -> bool:
    """Whether `value` can stand where `like` stands. Where None stands, any simple value can."""
    if isinstance(like, list | tuple):
        return isinstance(value, list | tuple) and len(value) == len(like) and all(map(is_alike, value, like))
    if isinstance(like, float) or type(like) is int:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(like) or (like is None and isinstance(value, bool | int | float | str))


# ------------------------------------------------------------------------------------------------- saving


def save(obj: Any, f: Path | IO[bytes]) -> None:
    """Write `obj` to a path or an open file. A path has its old file until the new one is complete, whatever happens.

    `obj` may consist of dictionaries (their keys strings, numbers or None), lists, tuples, None, booleans, numbers,
    strings, arrays and tensors; anything else is a TypeError that says where it stands. The same object gives the same
    bytes. Tensors that a module or optimizer shares with its `state_dict` are copied by being written. Beside
    the arrays the file holds their structure; weights that PyTorch shall read are written with `numpy.savez`.

    >>> import io
    >>> import minigrad as mg
    >>> file = io.BytesIO()
    >>> save({"epoch": 3, "weight": mg.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> mg.load(file)
    {'epoch': 3, 'weight': tensor([1., 1.])}
    """
    import zipfile

    arrays: dict[str, Array] = {}
    structure = _packed(obj, (), arrays, ())
    text = json.dumps(structure, separators=(",", ":")).encode()
    # The structure goes first: a damaged directory may lose the members at its end without saying so.
    arrays = {STRUCTURE: np.frombuffer(text, np.uint8), **arrays}
    target = _replacing(os.path.realpath(f)) if isinstance(f, str | os.PathLike) else contextlib.nullcontext(f)
    with target as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # A ZipInfo has a fixed date, so that the same contents are the same bytes.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place once it is written and on the disk, and is removed on any error."""
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # such as that of a disk without a right to write: the first says more
            os.unlink(temporary)
        if isinstance(error, OSError) and error.strerror:
            raise OSError(error.errno, f"save: cannot write {path}: {error.strerror}") from None
        raise
    if hasattr(os, "O_DIRECTORY"):  # the new name, too, must survive a crash
        directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _packed(value: Any, place: tuple[Any, ...], arrays: dict[str, Array], holders: tuple[Any, ...]) -> Any:
    """`value` in JSON's terms; the arrays in it go to `arrays`."""
    if value is None or isinstance(value, bool | str) or (isinstance(value, int | float) and not _is_array(value)):
        return value
    if _is_array(value):
        array = value.array if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in KINDS:
            raise TypeError(f"save: {_shown(place)} has dtype {array.dtype}; there are floats, integers and booleans")
        name = _member_name(place, arrays)
        arrays[name] = array
        if isinstance(value, Tensor):
            return {"tensor": name, "requires_grad": value.requires_grad}
        return {"scalar" if isinstance(value, np.generic) else "array": name}
    if not isinstance(value, dict | list | tuple):
        hint = "; save its state_dict()" if hasattr(value, "state_dict") else ""
        raise TypeError(
            f"save: {_shown(place)} is a {type(value).__name__}{hint}; it must be a dict, list, tuple, None, bool, "
            "number, string, array or tensor"
        )
    if any(value is holder for holder in holders):
        raise ValueError(f"save: {_shown(place)} contains itself")
    if len(holders) >= DEPTH:
        raise ValueError(f"save: {_shown(place[:4])} nests more than {DEPTH} deep")
    holders = (*holders, value)
    if isinstance(value, dict):
        for key in value:
            if not (key is None or type(key) in (str, bool, int, float)):
                raise TypeError(f"save: {_shown(place)} has a key of type {type(key).__name__}; it must be a string")
        return {"dict": [[key, _packed(v, (*place, key), arrays, holders)] for key, v in value.items()]}
    items = [_packed(v, (*place, i), arrays, holders) for i, v in enumerate(value)]
    return items if isinstance(value, list) else {"tuple": items}


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray | np.generic)


def _shown(place: tuple[Any, ...]) -> str:
    return "the object" + "".join(f"[{key!r}]" for key in place)


def _member_name(place: tuple[Any, ...], taken: dict[str, Array]) -> str:
    """A name for people who look into the file, where it is safe in any file system; a number elsewhere."""
    name = ".".join(map(str, place))
    if re.fullmatch(r"\w[\w.-]{0,199}", name, re.ASCII) and ".." not in name and name not in (*taken, STRUCTURE):
        return name
    return next(n for i in range(len(taken), 2 * len(taken) + 1) if (n := f"array-{i}") not in taken)


# ------------------------------------------------------------------------------------------------- loading


def load(f: Path | IO[bytes], map_location: Any = None, *, weights_only: bool = True, max_bytes: int = LIMIT) -> Any:
    """What `save` wrote to a path or an open file; of an archive that NumPy wrote, a dictionary of its arrays.

    A file that is damaged or made to do harm is a ValueError. A compressed archive may not unpack to more than
    `max_bytes`, unless the file itself is larger. There is one device to map to, and there are no objects but weights,
    numbers and containers of them to load, whatever `weights_only` says.
    """
    if isinstance(map_location, str | device):
        check_device(map_location, "load")
    with open(f, "rb") if isinstance(f, str | os.PathLike) else contextlib.nullcontext(f) as file:
        try:
            return _loaded(file, max_bytes)
        except MemoryError:
            raise  # says nothing about the file
        except Exception as error:  # whatever a reader of zip, .npy or JSON may stumble on
            cause = str(error) or type(error).__name__  # zipfile's EOFError says nothing
            name = repr(os.fspath(f)) if isinstance(f, str | os.PathLike) else "the file"
            raise ValueError(f"load: {name} is damaged or no checkpoint: {cause}") from None


PYTORCH = (
    "it was written by PyTorch or by pickle; write there numpy.savez(path, **{k: v.numpy() for k, v in "
    "module.state_dict().items()}), or of a saved state_dict its items, and load that"
)
SAFETENSORS = "it is of safetensors, whose own safetensors.numpy.load_file(path) gives what load_state_dict takes"
NPY = "it holds one array of NumPy, which numpy.load(path) reads"


def _loaded(file: IO[bytes], max_bytes: int) -> Any:
    import zipfile

    start = file.tell()
    first = file.read(9)
    size = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    if first[8:] == b"{" and int.from_bytes(first[:8], "little") < size:  # the length of a header in JSON, and it
        raise ValueError(SAFETENSORS)
    if first.startswith(b"\x80"):  # a pickle, such as PyTorch wrote before 1.6
        raise ValueError(PYTORCH)
    if first.startswith(b"\x93NUMPY"):
        raise ValueError(NPY)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.filename.endswith("/data.pkl") for member in members):
            raise ValueError(PYTORCH)
        if not members and size > EMPTY:
            raise ValueError(f"its directory is empty, and the file has {size} bytes")
        for member in members:
            _check_member(member)
        if len({member.filename for member in members}) < len(members):
            raise ValueError("two members have the same name")
        if (total := sum(member.file_size for member in members)) > max(max_bytes, size):
            raise ValueError(f"{size} bytes unpack to {total}, more than max_bytes={max_bytes}")
        arrays = {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    if STRUCTURE not in arrays:
        return arrays
    structure = json.loads(arrays.pop(STRUCTURE).tobytes())
    value = _unpacked(structure, arrays, 0)
    if arrays:
        raise ValueError(f"members that the structure does not mention: {', '.join(sorted(arrays))}")
    return value


def _check_member(member: zipfile.ZipInfo) -> None:
    import zipfile

    name = member.filename
    if not name.endswith(".npy") or re.search(r"[/\\:\x00]|^\.", name):
        raise ValueError(f"a member {name!r}, which is no .npy file or carries a path")
    if member.flag_bits & 1:
        raise ValueError(f"member {name!r} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"member {name!r} is compressed by method {member.compress_type}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """The member's array. Its header must agree with the member's size before memory is asked for."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        readers: dict[tuple[int, int], Callable[..., Any]] = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"member {member.filename!r} is of .npy version {version}")
        shape, fortran, dtype = readers[version](file)
        if dtype.kind not in KINDS or dtype.hasobject:
            raise ValueError(f"member {member.filename!r} has dtype {dtype}; there are floats, integers and booleans")
        count = math.prod(shape)
        if any(length < 0 for length in shape) or file.tell() + count * dtype.itemsize != member.file_size:
            raise ValueError(
                f"member {member.filename!r} says {dtype}{list(shape)} in {member.file_size} bytes, which does not fit"
            )
        data = file.read(count * dtype.itemsize)
        if len(data) < count * dtype.itemsize or file.read(1):  # the last read makes zipfile compare the checksum
            raise ValueError(f"member {member.filename!r} is not as long as it says")
    array = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))  # a copy: the bytes cannot be written to
    return array.reshape(shape[::-1]).transpose() if fortran else array.reshape(shape)


def _unpacked(node: Any, arrays: dict[str, Array], depth: int) -> Any:
    """The value that `_packed` described; takes its arrays out of `arrays`."""
    if depth > DEPTH:
        raise ValueError(f"it nests more than {DEPTH} deep")
    if not isinstance(node, dict | list):
        return node
    if isinstance(node, list):
        return [_unpacked(item, arrays, depth + 1) for item in node]
    match node:
        case {"tensor": str(name), "requires_grad": bool(recorded), **rest} if not rest:
            return tensor(_taken(name, arrays), requires_grad=recorded)
        case {"array": str(name), **rest} if not rest:
            return _taken(name, arrays)
        case {"scalar": str(name), **rest} if not rest:
            return _taken(name, arrays)[()]
        case {"tuple": list(items), **rest} if not rest:
            return tuple(_unpacked(item, arrays, depth + 1) for item in items)
        case {"dict": list(pairs), **rest} if not rest:
            return {_key(key): _unpacked(value, arrays, depth + 1) for key, value in pairs}
    raise ValueError(f"its structure has {str(node)[:60]!r}, which says nothing")


def _taken(name: str, arrays: dict[str, Array]) -> Array:
    if name not in arrays:
        raise ValueError(f"its structure asks for a member {name!r}, which is not there or was used before")
    return arrays.pop(name)


def _key(key: Any) -> Any:
    if isinstance(key, dict | list):
        raise ValueError(f"its structure has a key {str(key)[:60]!r}")
    return key
