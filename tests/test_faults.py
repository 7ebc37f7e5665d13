"""Disk full, permission denied, killed in the middle of a write, records damaged, memory gone: what was there before is
whole, the error names its cause, and the next run goes on."""

import _thread
import contextlib
import ctypes
import errno
import functools
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from study_tiny import TINY

import minigrad as mg
from minigrad import autograd, nn, optim
from minigrad.data import cifar10
from minigrad.kernels import threads
from minigrad.study import __main__ as command
from minigrad.study import executors, jobs, plan, records, report

FULL = os.environ.get("MINIGRAD_TESTS") == "full"
HERE = Path(__file__).parent
posix = pytest.mark.skipif(os.name != "posix", reason="limits, signals and permissions as POSIX has them")

# Every kind of write: a function of the path and of a number, 0 for the old contents and 1 for the new ones, and the
# path's name. Their contents are larger than the limits and buffers that they meet.


def save_checkpoint(path, n):
    mg.save({"n": n, "weights": mg.full((50_000,), float(n))}, path)


@functools.cache
def picture(n):
    x = mg.tensor(float(n), requires_grad=True)
    y = x
    for _ in range(60):
        y = y * 2 + x
    graph = mg.graph(y, layout="builtin", title=f"picture {n}")
    graph.layout  # noqa: B018 (what takes time is not the write)
    return graph


def save_picture(path, n):
    picture(n).save(path)


def save_page(path, n):
    with mock.patch.object(report, "page", lambda results: f"<!doctype html>{n}" * 10_000):
        report.write(records.Results([]), path)


def append_record(path, n):
    with records.Store(path) as store:
        store.add({"kind": "run", "key": f"run/{n}", "values": [float(n)] * 5_000})


WRITES = {
    "checkpoint.npz": save_checkpoint,
    "picture.svg": save_picture,
    "picture.html": save_picture,
    "picture.dot": save_picture,
    "page.html": save_page,
    "records.jsonl": append_record,
}


def contents(path):
    """What a reader finds: records one by one, else the bytes."""
    return list(records.read(path)) if path.suffix == ".jsonl" else path.read_bytes()


def both(name, folder):
    """The contents before and after the second write, when nothing goes wrong."""
    path = folder / name
    WRITES[name](path, 0)
    old = contents(path)
    WRITES[name](path, 1)
    new = contents(path)
    path.unlink()
    WRITES[name](path, 0)
    assert contents(path) == old != new
    return old, new


# ---------------------------------------------------------------------------------------------------- disk full

LIMITED = """
import json, resource, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_faults import WRITES

path, n, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    WRITES[path.name](path, n)
except OSError as error:
    print(json.dumps([error.errno, str(error)]))
"""


def in_a_process_of_its_own(source, *arguments):
    program = textwrap.dedent(source).replace("{here!r}", repr(str(HERE)))
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


@posix
@pytest.mark.parametrize("name", WRITES)
def test_a_disk_that_is_full_costs_nothing_that_was_there(name, tmp_path):
    """A limit on the size of files ends a write in the middle, as a full disk does, for root too."""
    old, new = both(name, tmp_path)
    size = (tmp_path / name).stat().st_size
    limit = size + 1000 if name == "records.jsonl" else size // 2
    done = in_a_process_of_its_own(LIMITED, tmp_path / name, 1, limit)
    assert done.returncode == 0, done.stderr
    number, told = json.loads(done.stdout)
    assert number == errno.EFBIG
    assert os.strerror(errno.EFBIG) in told
    assert contents(tmp_path / name) == old
    assert [p.name for p in tmp_path.iterdir()] == [name]
    WRITES[name](tmp_path / name, 1)  # room again: the same command does it
    assert contents(tmp_path / name) == new


@posix
def test_a_study_on_a_full_disk_says_so_and_goes_on_later(tmp_path, monkeypatch, capsys):
    def study(profile, store, launch, only, progress):
        for i in range(3):
            if f"run/{i}" not in store.done:
                store.add({"kind": "run", "key": f"run/{i}"})
        return {}

    real, left = os.fsync, [2]

    def fsync(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(command, "study", study)
    monkeypatch.setattr(command.report, "page", lambda results: "")
    monkeypatch.setattr(command.console, "table", lambda *_: "")
    monkeypatch.setattr(os, "fsync", fsync)
    assert command.main(["--out", str(tmp_path)]) == 2
    assert "minigrad.study: " in (told := capsys.readouterr().err)
    assert os.strerror(errno.ENOSPC) in told
    monkeypatch.setattr(os, "fsync", real)
    assert command.main(["--out", str(tmp_path)]) == 0
    keys = [r["key"] for r in records.read(tmp_path / "study-results" / "quick.jsonl")]
    assert keys == ["run/0", "run/1", "run/2"]


def archive_of_cifar(path):
    with tarfile.open(path, "w:gz") as tar:
        for name in (*cifar10.TRAIN, *cifar10.TEST):
            member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            member.size = 2 * cifar10.RECORD
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest()


@posix
def test_a_download_onto_a_full_disk_leaves_nothing(tmp_path):
    url, checksum = archive_of_cifar(tmp_path / "cifar.tar.gz")
    root = tmp_path / "root"
    limited = """
        import resource, sys
        from minigrad.data import cifar10
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            cifar10.fetch(*sys.argv[1:])
        except OSError as error:
            print(error)
        """
    done = in_a_process_of_its_own(limited, root, url, checksum)
    assert os.strerror(errno.EFBIG) in done.stdout, done.stderr
    assert not [p for p in root.rglob("*") if p.is_file()]
    cifar10.fetch(root, url, checksum)
    assert len(mg.data.CIFAR10(root)) == 10


# ---------------------------------------------------------------------------------------------------- permission


@contextlib.contextmanager
def unprivileged():
    """Nobody's rights on files: root may write anywhere, so on Linux this thread does as another user would."""
    if os.geteuid() != 0:
        yield
        return
    try:
        setfsuid = ctypes.CDLL(None).setfsuid
    except AttributeError:
        pytest.skip("root, and no setfsuid to be somebody else")
    setfsuid(65534)
    try:
        yield
    finally:
        setfsuid(0)


@posix
@pytest.mark.parametrize("name", WRITES)
def test_permission_denied_is_an_error_that_changes_nothing(name):
    with tempfile.TemporaryDirectory() as outer:  # not tmp_path, whose parents are closed to others
        folder = Path(outer) / "locked"
        folder.mkdir()
        old, new = both(name, folder)
        os.chmod(outer, 0o755)
        os.chmod(folder, 0o555)
        os.chmod(folder / name, 0o444)
        try:
            with unprivileged(), pytest.raises(PermissionError, match="locked"):
                WRITES[name](folder / name, 1)
            assert contents(folder / name) == old
            assert [p.name for p in folder.iterdir()] == [name]
        finally:
            os.chmod(folder, 0o755)
            os.chmod(folder / name, 0o644)
        WRITES[name](folder / name, 1)
        assert contents(folder / name) == new


@posix
def test_a_study_that_may_not_write_says_where(capsys):
    for package in command.NEEDED:
        pytest.importorskip(package)  # now: who may not write may not read the environment either
    with tempfile.TemporaryDirectory() as outer:
        os.chmod(outer, 0o555)
        with unprivileged():
            assert command.main(["--out", outer]) == 2
        assert f"--out {outer} cannot be written: Permission denied" in capsys.readouterr().err
        os.chmod(outer, 0o755)


# ---------------------------------------------------------------------------------------------------- killed

KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
from pathlib import Path
import minigrad
from test_faults import WRITES, both, contents

folder, name, most = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
old, new = both(name, folder)
path = folder / name
written = path.read_bytes()
WRITERS = {"minigrad/saving.py", "minigrad/viz/graph.py", "study/report.py", "study/records.py", "pathlib.py"}
WRITERS |= {"zipfile.py", "zipfile/__init__.py", "tempfile.py", "lib/_format_impl.py", "lib/format.py"}


def attempt(kill_at):
    '''Write, with a kill before the line that would be the kill_at-th to run; returns how many ran if none was.'''
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def trace(frame, event, argument):
            nonlocal count
            file = frame.f_code.co_filename
            if not any(file.endswith(writer) for writer in WRITERS):
                return None
            count += event == "line"
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        WRITES[name](path, 1)
        sys.settrace(None)
        os.write(write, str(count).encode())
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        return int(answer.read() or 0), os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


lines, _ = attempt(-1)
assert contents(path) == new
found = {"old": 0, "new": 0}
spread = {1 + i * lines // min(most, lines) for i in range(min(most, lines))}
for kill_at in sorted(spread | set(range(lines - 5, lines + 1))):  # the last ones are after the new file has its name
    path.write_bytes(written)
    _, killed = attempt(kill_at)
    assert killed, kill_at
    seen = contents(path)
    assert seen in (old, new), kill_at
    found["old" if seen == old else "new"] += 1
    if name.endswith(".jsonl"):  # what is torn is cut off, and the next record follows what was whole
        WRITES[name](path, 2)
        assert contents(path)[:-1] == seen
for leftover in folder.iterdir():
    assert leftover.name == name or leftover.name.endswith(".tmp") or leftover.name.startswith("." + name), leftover
path.write_bytes(written)
WRITES[name](path, 1)
assert contents(path) == new
print(lines, found["old"], found["new"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", WRITES)
def test_a_kill_before_any_line_of_a_write_leaves_the_old_or_the_new(name, tmp_path):
    """SIGKILL before lines spread over all that a write runs through; before every one of them in the full run."""
    done = in_a_process_of_its_own(KILLED, tmp_path, name, 10**9 if FULL else 20)
    assert done.returncode == 0, done.stderr
    lines, old, new = map(int, done.stdout.split())
    print(f"{name}: {lines} lines, killed {old + new} times, {old} times the old file stayed")
    assert old > 0
    assert new > 0


# ---------------------------------------------------------------------------------------------------- records


def study_again(path, monkeypatch):
    """Run or resume a study of eight quick jobs; the jobs that ran."""
    ran = []

    def watched(work, jobs):
        ran.extend(job.key for job in jobs)
        return executors.serial(work, jobs)

    arms = ["sum", "mean", "max", "min", "median", "product", "l2", "abs"]
    first = [jobs.Job("maps", {"arm": arm}) for arm in arms]
    monkeypatch.setattr(plan, "first_stage", lambda profile, only: first)
    monkeypatch.setattr(plan, "second_stage", lambda profile, only, done: [])
    before = threads.get_num_threads()
    try:
        with records.Store(path) as store:
            assert plan.study(TINY, store, watched) == {}
    finally:
        threads.set_num_threads(before)
    return ran


def numbers(path):
    return {r["key"]: {k: v for k, v in r.items() if k != "seconds"} for r in records.read(path)}


@pytest.mark.parametrize("damage", ["a byte", "half a line", "a line doubled", "zeros at the end", "a line of another"])
def test_a_study_resumed_on_a_corrupt_record_runs_that_job_again(tmp_path, damage, monkeypatch, recwarn):
    path = tmp_path / "tiny.jsonl"
    assert len(study_again(path, monkeypatch)) == 8
    whole = numbers(path)
    lines = path.read_bytes().splitlines(keepends=True)
    match damage:
        case "a byte":
            lines[4] = lines[4].replace(b":", b";", 1)
        case "half a line":
            lines[4] = lines[4][: len(lines[4]) // 2] + b"\n"
        case "a line doubled":
            lines.insert(4, lines[4])
        case "zeros at the end":  # as some file systems leave them after a power cut
            lines[-1] = bytes(len(lines[-1]))
        case "a line of another":
            lines[4] = b'{"kind": "run", "key": "of another program"}\n'
    path.write_bytes(b"".join(lines))
    assert len(study_again(path, monkeypatch)) == (0 if damage == "a line doubled" else 1)
    assert study_again(path, monkeypatch) == []
    assert numbers(path) == whole
    told = [str(w.message) for w in recwarn if f"{path}, line 5: damaged record left out" in str(w.message)]
    assert bool(told) == (damage in ("a byte", "half a line", "a line of another"))


# ---------------------------------------------------------------------------------------------------- memory


def training():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x = mg.randn(8, 2, 8, 8)
    y = mg.tensor([0, 1, 2, 0, 1, 2, 0, 1])

    def step():
        optimizer.zero_grad(set_to_none=False)
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return model, optimizer, step


def state_of(model, optimizer):
    moments = [v for state in optimizer.state.values() for v in state.values()]
    return [np.array(v) for v in (*[p.array for p in model.parameters()], *moments)]


@pytest.mark.parametrize("when", ["forward", "backward"])
def test_memory_that_runs_out_in_a_step_costs_that_step_only(when):
    """Out of memory at the n-th operation of a step, for every n; the training then equals one without the fault."""
    model, optimizer, step = training()
    reference, other, undisturbed = training()
    assert step() == undisturbed()
    n, faults = 0, 0
    while True:
        countdown = [n]

        def fail(*args, countdown=countdown):
            countdown[0] -= 1
            if countdown[0] < 0:
                raise MemoryError("Unable to allocate 1.00 TiB")

        before = state_of(model, optimizer)
        try:
            with autograd.observe(**{f"on_{'forward' if when == 'forward' else 'contribution'}": fail}):
                loss = step()
        except MemoryError:
            faults += 1
        else:
            break
        assert mg.is_grad_enabled()
        assert not autograd.state.observers
        assert all(not p.grad.array.any() for p in model.parameters())  # zeroed, and nothing added
        for a, b in zip(before, state_of(model, optimizer), strict=True):
            np.testing.assert_array_equal(a, b)
        n += 1
    assert faults > 5
    assert loss == undisturbed()
    for a, b in zip(state_of(model, optimizer), state_of(reference, other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited as Linux does it")
def test_a_batch_too_large_for_memory_is_an_error_and_a_smaller_one_works_after_it():
    """A real limit on the process, met in kernels, on worker threads, in forward and in backward."""
    done = in_a_process_of_its_own(
        """
        import json, os, resource
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        import numpy as np
        import minigrad as mg
        from minigrad import nn
        from minigrad.kernels import threads

        threads.set_num_threads(2)
        mg.manual_seed(0)
        conv, head = nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(16, 4, 1)

        def step(n):
            for p in (*conv.parameters(), *head.parameters()):
                p.grad = None
            x = mg.ones(n, 8, 64, 64)
            loss = (head(conv(x).relu()) ** 2).mean()
            loss.backward()
            return loss.item(), [p.grad.array.copy() for p in (*conv.parameters(), *head.parameters())]

        def address_space():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[0]) * resource.getpagesize()

        before = step(4)
        limit = address_space() + 200 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        failed, n = [], 4
        while len(failed) < 6:
            n = n * 3 // 2
            try:
                step(n)
            except MemoryError as error:
                failed.append(n)
                assert str(error)
        after = step(4)
        same = after[0] == before[0] and all(np.array_equal(a, b) for a, b in zip(after[1], before[1]))
        print(json.dumps([same, failed[0], mg.is_grad_enabled()]))
        """
    )
    assert done.returncode == 0, done.stderr
    same, largest, recording = json.loads(done.stdout)
    assert same
    assert largest > 4
    assert recording


def test_memory_that_runs_out_in_a_worker_reaches_the_caller_and_the_workers_go_on(pool):
    for _ in range(3):
        with pytest.raises(MemoryError, match="of a task"):
            threads.run(fail_at_three, range(8))
    done = []
    threads.run(done.append, range(8))
    assert sorted(done) == list(range(8))


def fail_at_three(n):
    if n == 3:
        raise MemoryError("of a task")


# ---------------------------------------------------------------------------------------------------- threads


@pytest.fixture
def pool():
    """Workers of this test's own, two threads in all."""
    before = threads.get_num_threads()
    threads.set_num_threads(1)
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, also where the shell that started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_leaves_nothing_running(pool, ctrl_c):
    """Interrupted while it waits for a worker, `run` comes back when the worker has stopped."""
    ended, main = [], threading.main_thread()
    both = threading.Barrier(2)

    def task(i):
        if i < 2:
            both.wait()  # each of the two threads has one
        if threading.current_thread() is not main:
            time.sleep(0.05)  # the caller has nothing left to do, and waits
            _thread.interrupt_main()
            time.sleep(0.3)
            ended.append(i)

    with pytest.raises(KeyboardInterrupt):
        threads.run(task, range(2))
    assert len(ended) == 1
    done = []
    threads.run(done.append, range(8))
    assert sorted(done) == list(range(8))


def test_where_no_thread_can_be_started_the_caller_does_all(pool, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = []
    threads.run(done.append, range(8))
    assert done == list(range(8))
