"""Much of everything: long graphs, long loops, many threads.

The figures of the full run (a million operations, 100,000 steps) need MINIGRAD_TESTS=full and some minutes; otherwise
the same is done on a smaller scale.
"""

import gc
import json
import os
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset

FULL = os.environ.get("MINIGRAD_TESTS") == "full"
OPERATIONS = 1_000_000 if FULL else 50_000
STEPS = 100_000 if FULL else 1_000


def chain(x, n):
    """Each operation on the result of the one before."""
    for i in range(n):
        x = -x if i % 2 else x + 1
    return x


def fan(x, n):
    """One tensor used by all operations, their results added in a tree."""
    terms = [x * (1 / n) for _ in range(n // 2)]
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) // 2 * 2 :]
    return terms[0]


def lattice(x, n):
    """Every result used twice: 2^(n/2) paths."""
    for _ in range(n // 2):
        x = x * 0.5 + x * 0.5
    return x


@pytest.mark.parametrize(
    ("graph", "slope"), [(chain, lambda n: (-1) ** (n // 2)), (fan, lambda n: 0.5), (lattice, lambda n: 1.0)]
)
def test_a_graph_of_very_many_operations_is_built_walked_and_freed(graph, slope):
    x = mg.tensor(1.0, dtype=mg.float64, requires_grad=True)
    y = graph(x, OPERATIONS)
    last = weakref.ref(y.node)
    y.backward()
    assert x.grad.item() == pytest.approx(slope(OPERATIONS), rel=1e-9)
    enabled = gc.isenabled()
    gc.disable()
    try:
        del y
        assert last() is None, "the graph waits for the collector"
    finally:
        if enabled:
            gc.enable()


def in_a_process_of_its_own(source, **values):
    """What the program prints last, as JSON."""
    program = textwrap.dedent(source)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, json.dumps(values)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read by the resource module")
def test_a_long_training_loop_keeps_memory_flat():
    """The collector is off until the end: what steps leave behind in cycles it finds then, and all else is counted."""
    grown = in_a_process_of_its_own(
        """
        import gc, json, resource, sys
        gc.disable()
        import numpy as np
        import minigrad as mg
        from minigrad import nn, optim
        from minigrad.data import DataLoader, TensorDataset

        steps = json.loads(sys.argv[1])["steps"]
        source = np.random.default_rng(0)
        x = source.standard_normal((64, 2, 8, 8)).astype(np.float32)
        y = source.integers(0, 3, 64)
        model = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
            nn.Flatten(), nn.Linear(64, 3),
        )
        optimizer = optim.Adam(model.parameters(), lr=1e-3)
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
        loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
        unit = 1 if sys.platform == "darwin" else 1024

        def measure():
            cyclic = gc.collect()  # which empties the interpreter's lists of spare tuples, too
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, sys.getallocatedblocks(), cyclic

        step, before = 0, None
        while step < steps:
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward(create_graph=step % 100 == 50)  # second-order graphs, too
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                step += 1
                if step % 100 == 51:
                    optimizer.zero_grad()
                if step == steps // 4:
                    before = measure()
            schedule.step()
        after = measure()
        print(json.dumps({"bytes": after[0] - before[0], "blocks": after[1] - before[1],
                          "cyclic": after[2], "loss": loss.item()}))
        """,
        steps=STEPS,
    )
    print(f"{STEPS} steps: {grown}")
    assert grown["bytes"] < 3e6
    assert grown["blocks"] < 500
    assert grown["cyclic"] == 0
    assert np.isfinite(grown["loss"])


def trained(seed, model, steps=30):
    """The parameters and losses of a small CNN after some steps; what is random is drawn from a source of its own."""
    source = mg.Generator(seed)
    x = source.standard_normal((64, 2, 12, 12)).astype(np.float32)
    y = source.integers(0, 3, 64)
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True, generator=source)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    while len(losses) < steps:
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with mg.no_grad():  # each thread has a mode of its own
                losses.append(nn.functional.cross_entropy(model(images), labels).item())
    return [p.array.copy() for p in model.parameters()], losses


def models(count):
    out = []
    for seed in range(count):
        mg.manual_seed(seed)
        out.append(
            nn.Sequential(
                nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 3),
            )
        )  # fmt: skip
    return out


def test_eight_threads_train_eight_models_as_if_each_were_alone():
    alone = [trained(seed, model) for seed, model in enumerate(models(8))]
    together = [None] * 8
    start = threading.Barrier(8)

    def work(seed, model):
        start.wait()
        together[seed] = trained(seed, model)

    workers = [threading.Thread(target=work, args=item) for item in enumerate(models(8))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for (parameters, losses), (expected, expected_losses) in zip(together, alone, strict=True):
        assert losses == expected_losses
        for ours, theirs in zip(parameters, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_eight_threads_walk_one_graph_at_once():
    """Of parameters that are shared, nothing is lost: `grad` touches none of them."""
    w = mg.tensor(np.linspace(-1, 1, 12).reshape(3, 4), requires_grad=True)
    x = mg.tensor(np.linspace(0, 1, 20).reshape(4, 5))
    y = ((w @ x).tanh() ** 2).sum()
    (expected,) = mg.grad(y, w, retain_graph=True)
    found = [None] * 8

    def work(i):
        for _ in range(50):
            (found[i],) = mg.grad(y, w, retain_graph=True)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for g in found:
        np.testing.assert_array_equal(g.array, expected.array)
    assert w.grad is None
