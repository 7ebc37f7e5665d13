"""What speed and memory rest on, counted and not timed: calls, allocations, and the bytes that the graph keeps.

Each number here has a reason. If a change raises one, either it costs time or memory, or the reason has changed.
"""

import gc
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd, nn, optim
from minigrad.kernels import convolution, input_gradient, memory, pooling, products, threads, windows
from minigrad.nn import functional as F


@pytest.fixture
def calls(monkeypatch):
    """Counts the calls of kernels by name."""
    counted = {}

    def count(module, name):
        kernel = getattr(module, name)

        def counting(*args, **kwargs):
            counted[name] = counted.get(name, 0) + 1
            return kernel(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    for name in ("conv2d", "conv2d_weight"):
        count(convolution, name)
    count(input_gradient, "conv2d_input")
    for name in ("max_pool2d", "max_pool2d_input"):
        count(pooling, name)
    count(products, "matmul")
    return counted


def network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 4, 10),
    )  # fmt: skip


def batch():
    rng = np.random.default_rng(0)
    return mg.tensor(rng.standard_normal((16, 3, 8, 8), np.float32)), mg.tensor(rng.integers(0, 10, 16))


def test_a_training_step_makes_each_contraction_once_and_no_gradient_of_its_input(calls):
    x, y = batch()
    F.cross_entropy(network()(x), y).backward()
    assert calls["conv2d"] <= 2 + 1  # two layers, and the second's input gradient, which is a convolution
    assert calls["conv2d_weight"] == 2
    assert calls["conv2d_input"] == 1  # the first layer's is nobody's
    assert (calls["max_pool2d"], calls["max_pool2d_input"]) == (2, 2)
    assert calls["matmul"] == 3


def test_a_training_step_calls_so_many_primitives():
    model, (x, y), names = network(), batch(), []
    with autograd.observe(on_forward=lambda node, name, args, out: names.append(name)):
        loss = F.cross_entropy(model(x), y)
    # seven layers that compute, Flatten, log_softmax, picking, sum, division
    assert len(names) <= 12, names
    names.clear()
    with autograd.observe(on_forward=lambda node, name, args, out: names.append(name)):
        loss.backward()
    assert len(names) <= 30, names


def kept(tensor):
    """Bytes of the distinct arrays that the graph of a tensor keeps for backward."""
    arrays, todo, seen = {}, [tensor.node], set()
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        for value in (node.saved or {}).values():
            array = value.array if isinstance(value, mg.Tensor) else value
            if isinstance(array, np.ndarray):
                while isinstance(array.base, np.ndarray):
                    array = array.base
                arrays[id(array)] = array
        todo += [parent for _, parent in node.edges]
    return sum(array.nbytes for array in arrays.values())


@pytest.mark.parametrize(
    "operation, count",
    [
        (lambda x: x + 1, 0),
        (lambda x: x * 2, 0),
        (lambda x: x.sum(), 0),
        (lambda x: x.reshape(-1), 0),
        (lambda x: x.exp(), 1),  # its result
        (lambda x: x.log(), 1),  # its argument
        (lambda x: x * x, 1),
        (lambda x: F.relu(x), 1),
        (lambda x: F.relu(x + 1), 1),  # the sum itself is not kept
        (lambda x: F.softmax(x, -1), 1),
        (lambda x: F.max_pool2d(x, 2), (1 / 2 + 1 / 4) / 4),  # a mask of bytes an axis, in place of x and its maxima
        (lambda x: F.avg_pool2d(x, 2), 0),
    ],
)
def test_the_graph_keeps_no_array_that_no_rule_asked_for(operation, count):
    x = mg.rand(4, 4, 8, 8)
    x.requires_grad_()
    assert kept(operation(x)) == count * x.array.nbytes


def test_batch_norm_keeps_its_argument_and_three_numbers_a_channel():
    x = mg.rand(4, 4, 8, 8, requires_grad=True)
    assert kept(nn.BatchNorm2d(4)(x)) <= x.array.nbytes + 3 * 4 * 4


def test_convolution_keeps_its_argument_and_weights_and_no_columns():
    x, layer = mg.rand(4, 4, 8, 8, requires_grad=True), nn.Conv2d(4, 8, 3, padding=1)
    assert kept(layer(x)) == x.array.nbytes + layer.weight.array.nbytes


def test_backward_frees_what_it_has_spent():
    x, y = batch()
    model = network()
    loss = F.cross_entropy(model(x), y)
    assert kept(loss) > 0
    loss.backward()
    assert kept(loss) == 0


def peak(function):
    """Bytes allocated at the highest while a function runs, above what there was before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = function()
        return tracemalloc.get_traced_memory()[1] - before, result
    finally:
        tracemalloc.stop()


@pytest.fixture
def one_thread():
    """One thread, so that what several of them hold at once is not counted."""
    before = threads.get_num_threads()
    threads.set_num_threads(1)
    yield
    threads.set_num_threads(before)


def test_convolution_holds_a_chunk_of_columns_whatever_the_size_of_the_batch(one_thread):
    w, how = np.ones((8, 8, 3, 3), np.float32), windows.Window((3, 3), padding=(1, 1))
    vars(memory.local).clear()  # what other convolutions have borrowed
    for n in (64, 512):
        x = np.ones((16, 8, 16, n), np.float32).transpose(3, 1, 0, 2)
        convolution.conv2d(x, w, None, how)  # the buffers that live on
        used, out = peak(lambda x=x: convolution.conv2d(x, w, None, how))
        assert used < out.nbytes + 50_000  # nothing but the result
        used, _ = peak(lambda x=x, out=out: convolution.conv2d_weight(out, x, how))
        assert used < windows.COLUMNS
    columns = memory.local.columns.nbytes
    assert columns < 2 * windows.COLUMNS < 9 * x.nbytes


def test_a_graph_is_freed_by_reference_counting_alone():
    x, y = batch()
    model = network()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            F.cross_entropy(model(x), y).backward()
        used, _ = peak(lambda: [F.cross_entropy(model(x), y).backward() for _ in range(20)])
        one, _ = peak(lambda: F.cross_entropy(model(x), y).backward())
        assert used < 1.5 * one + 50_000  # not twenty times
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_an_optimizer_allocates_blocks_and_no_parameters_after_its_first_steps(kind, one_thread):
    parameters = [mg.rand(500, 500, requires_grad=True) for _ in range(3)]
    for p in parameters:
        p.grad = mg.rand(500, 500)
    optimizer = kind(parameters, lr=1e-3)
    for _ in range(2):
        optimizer.step()
    places = [p.array.ctypes.data for p in parameters]
    used, _ = peak(lambda: [optimizer.step() for _ in range(5)])
    assert used < parameters[0].array.nbytes / 2
    assert places == [p.array.ctypes.data for p in parameters]


@pytest.mark.parametrize("length", [100, 1000])
def test_backward_along_a_chain_runs_each_rule_once(length):
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(length):
        y = y + y
        y = y * 0.5
    seen = []
    with autograd.observe(on_contribution=lambda node, name, parent, g: seen.append(node)):
        y.backward()
    assert len(seen) == 3 * length  # the sum's two, the product's one


FAULTS = """
import resource
from minigrad import nn, optim, rand, randint, set_num_threads
set_num_threads(1)
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 196, 10))
x, y, loss = rand(64, 1, 28, 28), randint(0, 10, (64,)), nn.CrossEntropyLoss()
def step():
    loss(model(x), y).backward()
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what is kept is glibc's")
def test_a_training_step_touches_no_fresh_memory_once_it_is_warm():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 50  # pages; some 700 if the arrays of each step were mapped anew


def test_import_loads_nothing_that_is_used_only_sometimes():
    code = "import sys, minigrad; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    unwanted = {"matplotlib", "sklearn", "scipy", "graphviz", "threadpoolctl", "tqdm", "multiprocessing", "asyncio"}
    assert not unwanted & set(loaded)
