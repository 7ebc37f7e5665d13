"""Saving and loading: the same value back, atomically, and no harm from any file."""

import io
import json
import math
import os
import re
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import saving

CHECKPOINT = {
    "model": {"conv.weight": mg.ones(2, 3), "steps": mg.tensor(7)},
    "optimizer": {"state": {0: {"exp_avg": np.arange(4.0), "step": 3}}, "betas": (0.9, 0.999)},
    "epoch": 12,
}


def same(a, b):
    """Equal in value, type, dtype and, for tensors, in requires_grad; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, mg.Tensor):
        return a.requires_grad == b.requires_grad and same(a.array, b.array)
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.npz"


# ------------------------------------------------------------------------------------------------ there and back

VALUES = {
    "None, booleans, numbers and strings": [None, True, -3, 2**200, 0.1, "ü\n", ""],
    "floats that are no finite numbers": [math.inf, -math.inf, math.nan, -0.0],
    "empty containers": [{}, [], (), {"a": {}}],
    "keys of all kinds": {"a": 1, 2: 3, None: 4, True: 5, 1.5: 6, "": 7, "a/b": 8, "__proto__": 9},
    "lists in tuples in lists": [(1, [2, (3,)]), ()],
    "arrays without dimensions or elements": [np.array(3.0), np.zeros((0, 4)), np.float32(2), np.bool_(True)],
    "arrays of every dtype": [np.arange(3).astype(t) for t in ("?", "i1", "u2", "i4", "i8", "f2", "f4", "f8")],
    "tensors": [mg.tensor([1.0, 2.0]), mg.zeros(2, 0, requires_grad=True), mg.tensor(True)],
    "arrays under names that are no file names": {"../x": np.ones(1), "structure": np.ones(1), "a b": np.ones(1)},
    "arrays under names that collide": {"a": {"b": np.ones(1)}, "a.b": np.zeros(1), "array-0": np.ones(2)},
    "a checkpoint": CHECKPOINT,
    "an array alone": np.arange(6).reshape(2, 3),
    "a number alone": 5,
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_saved_comes_back(name, path):
    mg.save(VALUES[name], path)
    assert same(mg.load(path), VALUES[name])


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
arrays = st.builds(
    lambda shape, dtype: np.arange(math.prod(shape)).astype(dtype).reshape(shape),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.sampled_from(["f4", "f8", "i8", "?"]),
)
nested = st.recursive(
    scalars | arrays | arrays.map(mg.tensor),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(nested)
@settings(max_examples=60, deadline=None)
def test_any_nesting_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any.npz"
    mg.save(value, path)
    assert same(mg.load(path), value)


def test_arrays_that_are_views_or_in_other_byte_orders_come_back_by_value(path):
    mg.save([np.arange(12).reshape(3, 4)[::2, ::-1], np.asfortranarray(np.eye(2)), np.arange(3, dtype=">f8")], path)
    view, fortran, big = mg.load(path)
    np.testing.assert_array_equal(view, [[3, 2, 1, 0], [11, 10, 9, 8]])
    np.testing.assert_array_equal(fortran, np.eye(2))
    assert big.tolist() == [0, 1, 2] and big.dtype == np.dtype("f8")


def test_what_is_loaded_can_be_changed(path):
    mg.save([np.ones(2), mg.ones(2)], path)
    array, tensor = mg.load(path)
    array += 1
    tensor += 1
    assert array.tolist() == tensor.tolist() == [2, 2]


def test_numpy_reads_the_file_and_without_pickle(path):
    mg.save(CHECKPOINT["model"], path)
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive) == {"conv.weight", "steps", "structure"}
        np.testing.assert_array_equal(archive["conv.weight"], np.ones((2, 3)))


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_archives_of_numpy_are_dictionaries_of_arrays(write, path):
    write(path, w=np.eye(2), f=np.asfortranarray(np.arange(6).reshape(2, 3)))
    loaded = mg.load(path)
    assert list(loaded) == ["w", "f"]
    np.testing.assert_array_equal(loaded["f"], np.arange(6).reshape(2, 3))


def test_the_same_value_is_the_same_bytes(path, tmp_path):
    mg.save(CHECKPOINT, path)
    mg.save(CHECKPOINT, tmp_path / "other.npz")
    assert path.read_bytes() == (tmp_path / "other.npz").read_bytes()


# ------------------------------------------------------------------------------------------------ whole or not at all


@pytest.mark.parametrize("stage", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(stage, error, path, monkeypatch):
    mg.save("old", path)

    def fail(*args, **kwargs):
        raise error

    if stage == "write":
        monkeypatch.setattr(saving.npy, "write_array", fail)
    else:
        monkeypatch.setattr(os, stage, fail)
    with pytest.raises(type(error)):
        mg.save(CHECKPOINT, path)
    monkeypatch.undo()
    assert mg.load(path) == "old" and os.listdir(path.parent) == [path.name]


def test_a_save_that_fails_says_why_once_even_if_it_cannot_clean_up(path, monkeypatch):
    def fail(error):
        def failing(*args, **kwargs):
            raise error

        return failing

    monkeypatch.setattr(os, "fsync", fail(OSError(28, "no space")))
    monkeypatch.setattr(os, "unlink", fail(OSError(30, "read-only")))
    with pytest.raises(OSError, match=rf"\[Errno 28\] save: cannot write {re.escape(str(path))}: no space") as raised:
        mg.save(CHECKPOINT, path)
    assert raised.value.__suppress_context__ and raised.value.errno == 28


def test_the_file_is_on_the_disk_before_it_has_its_name(path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    mg.save(1, path)
    assert calls[:2] == ["fsync", "replace"]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_a_link_stays_a_link(path, tmp_path):
    (tmp_path / "link.npz").symlink_to(path)
    mg.save("new", tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink() and mg.load(path) == "new"


LOOP: list = []
LOOP.append({"again": LOOP})
DEEP: list = []
for _ in range(200):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ({"a": [1, {2}]}, TypeError, r"the object\['a'\]\[1\] is a set; it must be a dict, list"),
        ({"f": print}, TypeError, r"the object\['f'\] is a builtin_function_or_method"),
        ({"b": b"bytes"}, TypeError, r"\['b'\] is a bytes"),
        ({(1, 2): 3}, TypeError, "has a key of type tuple"),
        ([np.array([object()])], TypeError, r"the object\[0\] has dtype object"),
        ([np.array(["text"])], TypeError, "has dtype <U4"),
        ([np.array([1j])], TypeError, "has dtype complex128"),
        (LOOP, ValueError, r"the object\[0\]\['again'\] contains itself"),
        (DEEP, ValueError, "nests more than 100 deep"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(value, error, words, path):
    with pytest.raises(error, match=words):
        mg.save(value, path)
    assert not os.listdir(path.parent)


# ------------------------------------------------------------------------------------------------ files that lie


def member(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array))
    return file.getvalue()


def header(shape, dtype="<f8", data=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue() + data


def structure(node):
    return member(np.frombuffer(json.dumps(node).encode(), np.uint8))


def archive(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in members:
            file.writestr(name, data)


ONE = member(np.ones(1))
LIES = {
    "no zip": (None, "not a zip file"),
    "a member that is no .npy": ([("readme.txt", b"hello")], "'readme.txt', which is no .npy file or carries a path"),
    "a path upwards": ([("../../x.npy", ONE)], "carries a path"),
    "an absolute path": ([("/etc/x.npy", ONE)], "carries a path"),
    "a drive": ([("c:x.npy", ONE)], "carries a path"),
    "a folder": ([("a/x.npy", ONE)], "carries a path"),
    "an array far larger than its member": ([("x.npy", header((10**12,)))], "does not fit"),
    "a shape that overflows": ([("x.npy", header((2**62, 2**62)))], "does not fit"),
    "a negative length": ([("x.npy", header((-1,), data=b"12345678"))], "does not fit|damaged"),
    "an array shorter than its member": ([("x.npy", header((1,), data=b"x" * 9))], "does not fit"),
    "a pickle": ([("x.npy", header((1,), "|O", b"cos\nsystem\n"))], "dtype object"),
    "text": ([("x.npy", header((1,), "<U1", b"abcd"))], "dtype <U1"),
    "no array at all": ([("x.npy", b"garbage")], "damaged or no checkpoint"),
    "a future version": ([("x.npy", b"\x93NUMPY\x09\x00" + ONE[8:])], "version"),
    "a structure that is no JSON": ([("structure.npy", member(np.frombuffer(b"{", np.uint8)))], "damaged"),
    "a structure without its member": ([("structure.npy", structure({"tensor": "w", "requires_grad": False}))], "'w'"),
    "a member without its structure": ([("w.npy", ONE), ("structure.npy", structure([1]))], "does not mention: w"),
    "a member used twice": ([("w.npy", ONE), ("structure.npy", structure([{"array": "w"}] * 2))], "used before"),
    "an unknown kind": ([("structure.npy", structure({"module": "os"}))], "which says nothing"),
    "a kind and more": ([("structure.npy", structure({"tuple": [], "array": "w"}))], "which says nothing"),
    "a dictionary with a list as key": ([("structure.npy", structure({"dict": [[[], 1]]}))], "has a key"),
    "a dictionary without pairs": ([("structure.npy", structure({"dict": [1]}))], "damaged"),
    "a gradient for integers": (
        [("w.npy", member(np.arange(2))), ("structure.npy", structure({"tensor": "w", "requires_grad": True}))],
        "only floating dtypes",
    ),
    "a structure too deep": ([("structure.npy", member(np.frombuffer(b"[" * 10**5, np.uint8)))], "damaged"),
    "a structure deeper than is saved": ([("structure.npy", structure(DEEP))], "more than 100 deep"),
}


@pytest.mark.parametrize("name", LIES)
def test_archives_that_lie_are_refused(name, path):
    members, words = LIES[name]
    if members is None:
        path.write_bytes(b"PK no")
    else:
        archive(path, members)
    with pytest.raises(ValueError, match=words) as error:
        mg.load(path)
    assert repr(os.fspath(path)) in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(path):
    archive(path, [("x.npy", ONE), ("x.npy", ONE)])
    with pytest.raises(ValueError, match="same name"):
        mg.load(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_compression_is_refused(method, path):
    archive(path, [("x.npy", ONE)], compression=method)
    with pytest.raises(ValueError, match="compressed by method"):
        mg.load(path)


def test_a_small_file_that_unpacks_to_much_is_refused_unless_asked_for(path):
    np.savez_compressed(path, x=np.zeros(200_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match="unpack to 1600128, more than max_bytes=1000000"):
        mg.load(path, max_bytes=1_000_000)
    assert mg.load(path)["x"].shape == (200_000,)


def test_a_large_file_is_no_bomb(path):
    mg.save(np.zeros(10_000), path)
    assert mg.load(path, max_bytes=10).shape == (10_000,)


def test_a_member_that_is_longer_than_the_directory_says_is_refused(path):
    archive(path, [("x.npy", member(np.zeros(1000)))], compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 24  # the uncompressed size in the central directory
    data[place : place + 4] = len(member(np.zeros(10))).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        mg.load(path)


def test_truncated_anywhere_it_is_refused(path):
    mg.save(CHECKPOINT, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged or no checkpoint"):
            mg.load(path)


def test_a_flipped_bit_anywhere_is_an_error_or_harmless(path):
    mg.save(CHECKPOINT, path)
    whole = path.read_bytes()
    refused = 0
    source = np.random.default_rng(0)
    for bit in source.choice(8 * len(whole), 1000, replace=False):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(data)
        try:
            loaded = mg.load(path)
        except ValueError:
            refused += 1
        else:
            assert same(loaded, CHECKPOINT)  # the bit was in a date or another field that nothing depends on
    assert refused > 700


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        mg.load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError):
        mg.save(1, tmp_path / "no folder" / "state.npz")


def test_pytorchs_options_of_load_are_accepted_and_another_device_is_refused(path):
    mg.save({"w": mg.ones(2)}, path)
    for location in (None, "cpu", mg.device("cpu"), {"cuda:0": "cpu"}, lambda storage, _: storage):
        assert mg.load(path, map_location=location, weights_only=False)["w"].tolist() == [1, 1]
    assert mg.load(path, "cpu", weights_only=True)["w"].tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="load: there is one device, the CPU; got device 'cuda:0'"):
        mg.load(path, map_location="cuda:0")


def test_an_open_file_is_saved_to_and_loaded_from():
    file = io.BytesIO()
    mg.save(CHECKPOINT, file)
    file.seek(0)
    assert same(mg.load(file), CHECKPOINT)
    with pytest.raises(ValueError, match="load: the file is damaged or no checkpoint"):
        mg.load(io.BytesIO(b"no"))


@pytest.mark.parametrize("old", [False, True])
def test_a_file_of_pytorchs_says_how_to_convert_it(path, old):
    if old:
        path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    else:
        archive(path, [("state/data.pkl", b"\x80\x02}q\x00."), ("state/data/0", b"1234"), ("state/version", b"3\n")])
    with pytest.raises(ValueError, match=r"written by PyTorch or .* write there numpy\.savez\(.* and load that"):
        mg.load(path)


def test_a_file_of_another_reader_names_it(path):
    from safetensors.numpy import save_file

    headers = set()
    for length in range(1, 200, 7):  # a header of 128 bytes begins as a pickle does
        save_file({"w" * length: np.ones(2)}, path)
        headers.add(path.read_bytes()[0])
        with pytest.raises(ValueError, match=r"no checkpoint: it is of safetensors.*safetensors\.numpy\.load_file"):
            mg.load(path)
    assert 0x80 in headers
    with path.open("wb") as file:
        np.save(file, np.ones(2))
    with pytest.raises(ValueError, match=r"no checkpoint: it holds one array of NumPy, which numpy\.load"):
        mg.load(path)


def test_an_archive_whose_directory_was_lost_is_not_taken_for_an_empty_one(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path)
    assert mg.load(path) == {}
    mg.save({"x": mg.ones(3)}, path)
    content = bytearray(path.read_bytes())
    content[-14:-6] = bytes(8)  # how many members there are, twice, and how long their directory is
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or no checkpoint: its directory is empty, and the file has"):
        mg.load(path)
