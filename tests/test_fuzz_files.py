"""Random garbage to everything that reads: `load`, state dictionaries, CIFAR-10's files, the study's records, command
lines. It is what was written, or an error that names its cause, and then nothing has changed.

MINIGRAD_TESTS=full tries a hundred times as much, different each time.
"""

import contextlib
import copy
import io
import math
import os
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from study_sample import sample

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import CIFAR10
from minigrad.data.cifar10 import FOLDER, RECORD, TEST
from minigrad.study import __main__ as command
from minigrad.study import records

FULL = os.environ.get("MINIGRAD_TESTS") == "full"


def fuzz(examples):
    return settings(
        max_examples=examples * (100 if FULL else 1),
        derandomize=not FULL,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def damaged(draw, content):
    """`content` with bytes changed, cut, doubled, moved or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        if not data:
            break
        i = draw(st.integers(0, len(data) - 1))
        j = min(len(data), i + draw(st.integers(1, 64)))
        match draw(st.sampled_from(["flip", "cut", "end", "double", "insert", "zero"])):
            case "flip":
                data[i] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[i:j]
            case "end":
                del data[i:]
            case "double":
                data[i:i] = data[i:j]
            case "insert":
                data[i:i] = draw(st.binary(min_size=1, max_size=16))
            case "zero":
                data[i:j] = bytes(j - i)
    return bytes(data)


def same(a, b):
    """Whether two nested objects have the same types and, bit for bit, the same numbers."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, mg.Tensor):
        return a.requires_grad == b.requires_grad and same(a.array, b.array)
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


# ---------------------------------------------------------------------------------------------------- load

CHECKPOINT = {
    "model": {"conv.weight": mg.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True), "bias": mg.ones(3)},
    "optimizer": {"state": {0: {"step": 3, "exp_avg": np.ones(3, np.float32)}}, "param_groups": [{"lr": 0.1}]},
    "generator": np.arange(8, dtype=np.uint8),
    "history": [1.5, float("nan"), None, True, "text", (np.float32(2), np.arange(0.0))],
}


def written(tmp_path):
    mg.save(CHECKPOINT, tmp_path / "whole.npz")
    return (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize("kind", ["damaged", "garbage"])
def test_load_gives_what_was_saved_or_says_that_the_file_is_damaged(tmp_path, kind):
    whole = written(tmp_path)
    path = tmp_path / "damaged.npz"
    contents = damaged(whole) if kind == "damaged" else st.binary(max_size=300).map(lambda b: b"PK\x03\x04" + b)

    @fuzz(300)
    @given(contents)
    def check(content):
        path.write_bytes(content)
        try:
            found = mg.load(path)
        except ValueError as error:
            assert str(error).startswith(f"load: {str(path)!r} is damaged or no checkpoint: ")
            assert not str(error).endswith(": ")
        else:
            assert same(found, CHECKPOINT)  # the damage was in what carries no meaning, a date for instance

    check()


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([np.float32(1.5), np.int8(-3), np.bool_(True)]),
    st.builds(
        lambda shape, dtype, order: np.ones(shape, dtype, order=order),
        st.lists(st.integers(0, 3), max_size=3).map(tuple),
        st.sampled_from(["f2", "f4", "f8", "i1", "i8", "u2", "?", ">f4"]),
        st.sampled_from("CF"),
    ),
    st.builds(lambda wants: mg.tensor([1.0, -2.0], requires_grad=wants), st.booleans()),
)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=6), st.integers(), st.none()), inner, max_size=3),
    ),
    max_leaves=12,
)


@fuzz(200)
@given(nested)
@example({"a": {"b": 1}, "a.b": np.ones(1)})
@example({"structure": np.ones(1), "array-0": np.zeros(1), "..": np.zeros(2), "a/b": np.ones(2), "": np.ones(3)})
def test_what_is_saved_is_loaded(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "nested.npz"
    mg.save(value, path)

    def native(v):  # another byte order is the one thing that is not kept
        if isinstance(v, dict):
            return {k: native(x) for k, x in v.items()}
        if isinstance(v, list | tuple):
            return type(v)(map(native, v))
        return v.astype(v.dtype.newbyteorder("=")) if isinstance(v, np.ndarray) else v

    assert same(mg.load(path), native(value))


@fuzz(200)
@given(nested, st.sampled_from([object(), {1, 2}, 1j, np.array("text"), np.array([1j]), {(1,): 2}, lambda: 0]))
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(tmp_path_factory, value, alien):
    path = tmp_path_factory.getbasetemp() / "kept.npz"
    mg.save("old", path)
    with pytest.raises(TypeError, match=r"^save: the object\['there'\]\[1\]\[0\]"):
        mg.save({"here": value, "there": [value, (alien,)]}, path)
    assert mg.load(path) == "old"


# ------------------------------------------------------------------------------------------- state dictionaries


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))


@st.composite
def mangled(draw, state):
    """A nested state with something in it replaced, removed or added."""
    state = copy.deepcopy(state)
    for _ in range(draw(st.integers(1, 2))):
        place, node = None, state
        for _ in range(draw(st.integers(1, 4))):
            keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
            if not keys:
                break
            place = (node, draw(st.sampled_from(keys)))
            node = node[place[1]]
        if place is None:
            return draw(nested)
        container, key = place
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                container[key] = draw(nested)
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(st.text(max_size=5))] = draw(nested)
            case _:
                container.append(draw(nested))
    return state


def snapshot(value):
    if isinstance(value, nn.Module):
        return {name: t.array.copy() for name, t in value.state_dict().items()}
    return copy.deepcopy(value.state_dict())


@pytest.mark.parametrize("kind", ["module", "SGD", "Adam", "StepLR", "OneCycleLR", "ReduceLROnPlateau"])
def test_a_state_that_is_not_ones_own_is_refused_whole(kind):
    """And what is accepted, works: the next step is taken, with finite numbers."""
    model = network()
    maker = {"SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9)}.get(kind, lambda p: optim.Adam(p, lr=0.1))
    optimizer = maker(model.parameters())
    schedule = {
        "StepLR": lambda: optim.lr_scheduler.StepLR(optimizer, 3),
        "OneCycleLR": lambda: optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10_000),
        "ReduceLROnPlateau": lambda: optim.lr_scheduler.ReduceLROnPlateau(optimizer),
    }.get(kind, lambda: None)()
    subject = model if kind == "module" else schedule if kind.endswith(("LR", "Plateau")) else optimizer
    x = mg.tensor(np.random.default_rng(0).standard_normal((4, 1, 4, 4)), mg.float32)

    def step():
        loss = nn.functional.cross_entropy(model(x), mg.tensor([0, 1, 0, 1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step(*([0.5] if kind == "ReduceLROnPlateau" else []))

    step()
    state = snapshot(subject)

    @fuzz(150)
    @given(mangled(state))
    def check(other):
        subject.load_state_dict(state)
        before = snapshot(subject)
        try:
            subject.load_state_dict(other)
        except (RuntimeError, ValueError, TypeError) as error:
            assert "load_state_dict" in str(error) or "loading state_dict" in str(error), error
            assert same(snapshot(subject), before)
        else:
            with np.errstate(all="ignore"), contextlib.suppress(FloatingPointError):
                try:
                    step()
                except ValueError as error:
                    assert "of a cycle of" in str(error)  # the state was that of a finished one

    check()


@fuzz(200)
@given(st.one_of(nested, damaged(mg.Generator(3).get_state().tobytes()).map(lambda b: np.frombuffer(b, np.uint8))))
def test_a_state_of_a_generator_is_taken_or_refused(state):
    generator = mg.Generator(3)
    before = generator.get_state()
    try:
        generator.set_state(state)
    except ValueError as error:
        assert str(error).startswith("set_state: expected what get_state gave")
        np.testing.assert_array_equal(generator.get_state(), before)
    assert 0 <= generator.random() < 1


# ---------------------------------------------------------------------------------------------------- CIFAR-10


@fuzz(100)
@given(
    st.one_of(
        st.binary(max_size=100),
        st.integers(0, 3 * RECORD + 1).map(bytes),
        st.integers(0, 255).map(lambda label: bytes([label]) * RECORD),
        damaged(np.tile(np.arange(RECORD) % 10, 3).astype(np.uint8).tobytes()),
    )
)
def test_cifar_10_is_read_or_its_file_is_named(tmp_path_factory, content):
    root = tmp_path_factory.getbasetemp() / "cifar"
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    path = root / FOLDER / TEST[0]
    path.write_bytes(content)
    try:
        data = CIFAR10(root, train=False)
    except ValueError as error:
        assert str(path) in str(error)
        assert len(content) % RECORD or not content or max(content[::RECORD]) > 9
    else:
        assert len(data) == len(content) // RECORD
        image, label = data[len(data) - 1]
        assert image.shape == (3, 32, 32)
        assert label == content[-RECORD]
        np.testing.assert_array_equal(image.array.reshape(-1) * 255, np.frombuffer(content[1 - RECORD :], np.uint8))


# ---------------------------------------------------------------------------------------------------- records

RECORDS = [{"kind": "run", "key": f"run/{i}", "accuracy": [0.5, i / 7], "note": "ΣΔ\u2028"} for i in range(6)]
CLEAN = "".join(records.line(r) for r in RECORDS).encode()


def sealed(body):
    """A line whose checksum is right, whatever it says."""
    return body + f"\t{zlib.crc32(body):08x}\n".encode()


@fuzz(300)
@given(
    st.one_of(
        damaged(CLEAN),
        st.binary(max_size=200),
        st.lists(st.one_of(st.text(max_size=30).map(lambda s: sealed(s.encode())), st.just(CLEAN))).map(b"".join),
    )
)
@example(sealed(b""))
@example(sealed(b"[" * 100_000))
@example(sealed(b'{"kind":"run","key":[]}'))
@example(sealed(b'{"kind":"run","key":NaN}'))
@example(sealed(b'{"kind":1,"key":"a"}'))
@example(CLEAN + b"\r\n\r")
@example(b"\xff\xfe" + CLEAN)
def test_of_records_the_sound_ones_are_read_and_the_next_is_appended(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "records.jsonl"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(records.read(path))
        assert all(r in RECORDS for r in found)
        with records.Store(path) as store:
            assert all(r in RECORDS for r in store.done.values())
            store.add({"kind": "run", "key": "new"})
        assert list(records.read(path))[: len(found)] == found
        assert list(records.read(path))[-1] == {"kind": "run", "key": "new"}


# ---------------------------------------------------------------------------------------------------- command lines

OPTIONS = ["--full", "--only", "--seeds", "--out", "--jobs", "--executor", "--report-only", "--help", "-h", "--see"]
VALUES = ["polarity", "digits", "0", "-1", "3", "1e3", "nan", "processes", "serial", "mpi", "dask://", "dask://no:1"]
WORDS = st.one_of(st.sampled_from(OPTIONS), st.sampled_from(VALUES), st.text("a0-=/.é \n", max_size=6))


@fuzz(150)
@given(st.lists(WORDS, max_size=5))
@example(["--seeds", "9" * 5000])
@example(["--only"])
@example(["--executor", "dask://"])
@example(["--report-only", "--out", "/dev/null/x"])
def test_the_study_s_command_runs_or_says_what_is_wrong(tmp_path_factory, line):
    """The study itself is left out: of what it was asked for, only that."""
    folder = tmp_path_factory.getbasetemp() / "command"
    folder.mkdir(exist_ok=True)
    (folder / "study-results").mkdir(exist_ok=True)
    asked = []

    def study(profile, store, launch, only, progress):
        asked.append(profile)
        return {}

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(command, "study", study)
        patch.setattr(command.report, "page", lambda results: "")
        try:
            status = command.main(line)
        except SystemExit as stop:
            status = stop.code
    if status == 0:
        assert asked or "usage:" in out.getvalue() or "--report-only" in "".join(line) or "--r" in "".join(line)
    else:
        assert status in (1, 2)
        assert "error:" in err.getvalue() or "minigrad.study: " in err.getvalue()
        assert "Traceback" not in err.getvalue()


@fuzz(40)
@given(st.integers(0, 2**32 - 1))
def test_records_in_which_anything_is_missing_or_strange_are_shown_or_refused(tmp_path_factory, seed):
    """Sound lines of another version of the study, or of somebody's own. The page itself takes too long to be made of
    each: only the full run does that."""
    source = np.random.default_rng(seed)
    some = copy.deepcopy(SAMPLE)
    for record in source.choice(np.array(some, object), 3):
        field = source.choice([k for k in record if k not in ("kind", "key")])
        record[field] = [None, "?", [], {}, -1, 1e300, [None] * 3][source.integers(7)]
        if source.random() < 0.3:
            del record[field]
    kept = [some[i] for i in np.flatnonzero(source.random(len(some)) < source.choice([0.2, 0.9, 1]))]
    folder = tmp_path_factory.getbasetemp() / "strange"
    (folder / "study-results").mkdir(parents=True, exist_ok=True)
    (folder / "study-results" / "full.jsonl").write_text("".join(map(records.line, kept)), encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if not FULL:
            patch.setattr(command.report, "page", lambda results: "")
        status = command.main(["--report-only", "--out", str(folder)])
    told = " ".join(err.getvalue().split())
    assert status == 0 or (status == 2 and "holds records that this version cannot read" in told)


SAMPLE = sample(arms=["sum", "mean", "max"], tasks=["polarity", "common"], seeds=2)
