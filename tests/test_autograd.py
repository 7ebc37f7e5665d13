"""The engine: what is recorded, how it is walked, what it keeps and lets go, and what it refuses."""

import gc
import re
import sys
import threading
import weakref

import numpy as np
import pytest
from helpers import read_only

import minigrad as mg
from minigrad.autograd import Leaf, Node, observe, primitive


def leaf(*values, dtype=mg.float64):
    return mg.tensor(values[0] if len(values) == 1 else values, dtype=dtype, requires_grad=True)


# ---------------------------------------------------------------------------------------------------- a gradient


def test_a_gradient_accumulates_over_uses_and_over_backwards():
    x = leaf(3.0)
    (x * x + x).backward()
    assert x.grad.item() == 7
    (2 * x).backward()
    assert x.grad.item() == 9


def test_the_gradient_of_a_scalar_used_twice_is_an_array_of_full_precision():
    x = leaf(1 / 3)
    y = x * 1.1
    (y * y * y).backward()
    assert isinstance(x.grad.array, np.ndarray)  # and no scalar of NumPy, which the engine would take for a number
    assert x.grad.item() == pytest.approx(3 * 1.1**3 / 9, rel=1e-15)


def test_backward_twice_counts_each_intermediate_once():
    x = leaf(3.0)
    y = 2 * (x * x * x)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 108  # a peer said 162


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1e-5
    y.backward()
    assert x.grad.item() == 1
    assert y.item() == pytest.approx(2)
    last = weakref.ref(y.node)
    del y  # and is freed without recursion
    assert last() is None


def test_a_diamond_of_60_doublings_takes_60_steps():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    contributions = []
    with observe(on_contribution=lambda *a: contributions.append(a)):
        y.backward()
    assert x.grad.item() == 2.0**60
    assert len(contributions) == 120


def test_what_does_not_ask_for_a_gradient_costs_none():
    ran = []

    @primitive(x=lambda g: ran.append("x") or g, y=lambda g: ran.append("y") or g)
    def plus(x, y):
        return x + y

    x, y = leaf(1.0), mg.tensor(1.0, dtype=mg.float64)
    z = plus(x, y)
    assert [rule.argument for rule, _ in z.node.edges] == ["x"]
    z.backward()
    assert ran == ["x"]


def test_broadcasting_is_undone():
    x, y = leaf([[1.0], [2.0]]), leaf(1.0, 2.0, 3.0)
    (x * y).sum().backward()
    assert x.grad.tolist() == [[6], [6]]
    assert y.grad.tolist() == [3, 3, 3]


def test_an_upstream_gradient_may_be_an_array_a_number_or_a_tensor_of_another_dtype():
    for gradient in (np.array([2.0, 3.0]), [2, 3], mg.tensor([2, 3]), mg.tensor([2.0, 3.0], dtype=mg.float64)):
        x = mg.ones(2, requires_grad=True)
        (x * 2).backward(gradient)
        assert x.grad.tolist() == [4, 6] and x.grad.dtype == np.float32
        y = mg.ones(2, requires_grad=True)
        y.backward(gradient)
        assert y.grad.tolist() == [2, 3] and y.grad.dtype == np.float32


def test_several_outputs_at_once():
    x = leaf(1.0, 2.0)
    y, z = x * x, x.sum()
    mg.autograd.backward([y, z, z], [mg.ones(2, dtype=mg.float64), None, None])
    assert x.grad.tolist() == [4, 6]


# ------------------------------------------------------------------------------------------ .grad is nobody else's


def test_no_two_tensors_share_a_grad_nor_with_what_was_given_or_seen():
    a, b, c = leaf(1.0, 2.0), leaf(1.0, 2.0), leaf(1.0, 2.0)
    given = mg.ones(2, dtype=mg.float64)
    seen = []
    total = a + b
    total.register_hook(lambda g: seen.append(g))
    total.retain_grad()
    (total + c).backward(given)
    arrays = [given.array, seen[0].array] + [t.grad.array for t in (total, a, b, c)]
    for i in range(2, 6):
        assert not any(np.shares_memory(arrays[i], other) for other in arrays[:i])
    for tensor in (a, b, c, total):
        tensor.grad.mul_(5)
    assert given.tolist() == seen[0].tolist() == [1, 1]


@pytest.mark.parametrize("op", [lambda x: x + 0, lambda x: x.sum(), lambda x: x.reshape(-1), lambda x: x.expand(3, 2)])
def test_a_grad_can_be_changed_and_changes_nothing_else(op):
    x = leaf(1.0, 2.0)
    y = op(x)
    upstream = read_only(np.ones(y.shape))
    y.backward(mg.from_numpy(upstream))
    x.grad.mul_(0)
    assert (upstream == 1).all()


def test_a_grad_keeps_its_identity_while_gradients_are_added():
    x = leaf(1.0)
    (2 * x).backward()
    before = x.grad
    (3 * x).backward()
    assert x.grad is before and before.item() == 5


def test_arguments_and_upstream_gradients_are_never_written_to():
    x, y = (mg.from_numpy(read_only(np.array([1.0, -2.0]))).requires_grad_() for _ in range(2))
    z = (x * y).relu() + x.exp() * y - (x / y).abs()
    z.backward(mg.from_numpy(read_only(np.ones(2))))
    z = x + y
    z.backward(mg.from_numpy(read_only(np.ones(2))))


# ------------------------------------------------------------------------------------------ graph kept, graph freed


def test_a_second_backward_is_refused_and_changes_nothing():
    x, w = leaf(2.0), leaf(5.0)
    shared = x.exp()
    (shared * 2).backward()
    before = x.grad.item()
    with pytest.raises(RuntimeError, match=r"second time through exp.*retain_graph=True"):
        (shared * w).backward()
    assert w.grad is None and x.grad.item() == before


def test_a_second_backward_through_operations_that_saved_nothing_is_fine():
    x = leaf(2.0)
    y = x + 1
    y.backward()
    y.backward()
    assert x.grad.item() == 2


def test_a_second_backward_where_no_tensor_was_saved_is_fine():
    x = leaf(1.0, 2.0)
    y = (x * 2).reshape(2, 1).sum()  # the rules need a number and shapes only
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4, 4]


def test_retain_graph_keeps_and_its_default_is_create_graph():
    x = leaf(2.0)
    y = x.exp()
    y.backward(retain_graph=True)
    y.backward(create_graph=True)
    y.backward(retain_graph=False)
    assert y.node.saved is None
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_backward_lets_go_of_what_was_saved():
    x = mg.ones(4, requires_grad=True)
    big = mg.ones(4) * 2
    y = x * big
    array = weakref.ref(big.array)
    del big
    assert array() is not None
    y.sum().backward()
    assert array() is None


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("walk", ["never", "backward", "create_graph", "hooks", "anomaly"])
def test_the_graph_is_freed_without_the_collector(no_collector, walk):
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.retain_grad()
    z = (y * y.tanh()).softmax(0).sum()
    if walk == "hooks":
        y.register_hook(lambda g: g * 2)
    if walk in ("backward", "hooks"):
        z.backward()
    elif walk == "create_graph":
        (g,) = mg.grad(z, x, create_graph=True)
        (g * g).sum().backward()
        del g
    elif walk == "anomaly":
        with mg.detect_anomaly():
            (y * 2).sum().backward()
    found = [weakref.ref(o) for o in (x, y, z, x.node, y.node, z.node, y.array, z.array)]
    del x, y, z
    assert [r() for r in found] == [None] * len(found)


def test_a_leaf_that_is_gone_is_no_obstacle():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    del x
    z.backward()
    assert y.grad.item() == 2


def test_only_what_rules_ask_for_is_kept():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    kept = lambda out: sorted(out.node.saved)
    assert kept(x + y) == []
    assert kept(x * y) == ["x", "y"]
    assert kept(x * 2.0) == ["y"]
    assert kept(x.exp()) == ["out"]
    assert kept(x.sum()) == ["dim", "x_shape"]
    assert kept(mg.relu(x)) == ["out"]


# ---------------------------------------------------------------------------------------------------- modes


def test_no_grad_records_nothing_and_enable_grad_records_again():
    x = leaf(1.0)
    with mg.no_grad():
        assert not mg.is_grad_enabled()
        y = x * 2
        with mg.enable_grad():
            z = x * 2
    assert mg.is_grad_enabled()
    assert (y.requires_grad, y.grad_fn, z.requires_grad) == (False, None, True)


def test_modes_are_decorators_and_survive_exceptions_and_recursion():
    @mg.no_grad()
    def depth(n):
        assert not mg.is_grad_enabled()
        return n and depth(n - 1)

    depth(3)
    assert mg.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        raise ZeroDivisionError
    assert mg.is_grad_enabled()


def test_set_grad_enabled_holds_at_once_or_for_a_block():
    mg.set_grad_enabled(False)
    assert not mg.is_grad_enabled()
    mg.set_grad_enabled(True)
    with mg.set_grad_enabled(False):
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()


def test_each_thread_has_its_own_mode_and_observers():
    x, ready, go, found = leaf(1.0), threading.Event(), threading.Event(), {}

    def other():
        ready.set()
        go.wait(10)
        found["recorded"] = (x * 2).requires_grad

    seen = []
    thread = threading.Thread(target=other)
    with mg.no_grad(), observe(on_forward=lambda *a: seen.append(a)):
        thread.start()
        ready.wait(10)
        go.set()
        thread.join()
        assert not (x * 2).requires_grad
    assert found == {"recorded": True}
    assert len(seen) == 1


def test_two_threads_differentiate_at_once():
    results = {}

    def work(k):
        total = 0.0
        for _ in range(50):
            x = leaf(float(k))
            y = x
            for _ in range(20):
                y = y * 1.01 + k
            y.backward()
            total += x.grad.item()
        results[k] = total

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results[0] == results[1] == pytest.approx(50 * 1.01**20)


def test_integers_and_comparisons_are_never_recorded():
    x = leaf(1.5)
    for y in (x > 0, x.int(), x.argmax(), x.isnan()):
        assert not y.requires_grad


# ---------------------------------------------------------------------------------------------------- grad()


def test_grad_touches_no_grad():
    x, y = leaf(2.0), leaf(3.0)
    gx, gy = mg.grad(x * y * y, [x, y])
    assert (gx.item(), gy.item()) == (9, 12)
    assert x.grad is None and y.grad is None


def test_grad_by_intermediates_and_by_the_output_itself():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gy, gx, gz = mg.grad(z, [y, x, z])
    assert (gy.item(), gx.item(), gz.item()) == (8, 32, 1)
    assert mg.grad(x, x)[0].item() == 1


def test_grad_walks_only_where_it_must():
    x, y = leaf(2.0), leaf(3.0)
    seen = []
    with observe(on_contribution=lambda node, *a: seen.append(node.name)):
        mg.grad(x.exp() + y.sin(), x)
    assert seen == ["add", "exp"]


def test_what_grad_did_not_need_can_still_be_walked():
    x, y = leaf(2.0), leaf(3.0)
    z = x.exp() * y.sin()
    mg.grad(z, x, retain_graph=True)
    z.backward()
    assert y.grad.item() == pytest.approx(np.exp(2) * np.cos(3))


def test_unused_inputs():
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(RuntimeError, match=r"do not depend on input 1 \(float64\[\]\); allow_unused=True"):
        mg.grad(x * 2, [x, y])
    gx, gy = mg.grad(x * 2, [x, y], allow_unused=True)
    assert gx.item() == 2 and gy is None


def test_backward_to_some_inputs_only():
    x, y = leaf(2.0), leaf(3.0)
    h = x * y
    (h * h).backward(inputs=[x, h])
    assert (x.grad.item(), h.grad.item(), y.grad) == (36, 12, None)
    (x * y).backward(inputs=y)
    assert (x.grad.item(), y.grad.item()) == (36, 2)


def test_an_input_that_is_named_twice_gets_its_gradient_once():
    x = leaf(1.0, 2.0)
    x.sum().backward(inputs=[x, x])
    assert x.grad.tolist() == [1, 1]


def test_derivatives_of_derivatives():
    x = leaf(0.5)
    y, polynomial = x.tanh(), np.polynomial.Polynomial([0, 1])
    for _ in range(6):
        (y,) = mg.grad(y, x, create_graph=True)
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([1, 0, -1])  # tanh' = 1 - tanh²
        assert y.item() == pytest.approx(polynomial(np.tanh(0.5)), rel=1e-12)


def test_backward_with_create_graph_gives_a_grad_that_has_a_graph():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = mg.grad(x.grad, x)
    assert second.item() == 18
    x.grad = None  # it holds the graph, which holds x's leaf


def test_backward_records_nothing_unless_asked():
    x = leaf(3.0)
    (x**3).backward()
    assert not x.grad.requires_grad and mg.is_grad_enabled()


# ---------------------------------------------------------------------------------------------------- hooks


def test_hooks_run_in_order_once_a_backward_on_the_complete_gradient():
    x = leaf(1.0)
    y = x * 2
    calls = []
    y.register_hook(lambda g: calls.append(("first", g.item())))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: calls.append(("third", g.item())))
    (y + y * 3).backward()
    assert calls == [("first", 4), ("third", 40)]
    assert x.grad.item() == 80


def test_hooks_on_leaves_and_on_the_output():
    x = leaf(1.0)
    x.register_hook(lambda g: -g)
    y = x * 3
    y.register_hook(lambda g: g * 2)
    y.backward()
    assert x.grad.item() == -6


def test_hooks_are_removed_by_handle_or_by_a_block():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 10)
    with x.register_hook(lambda g: g * 7):
        (x * 1.0).backward()
    assert x.grad.item() == 70
    handle.remove()
    handle.remove()
    (x * 1.0).backward()
    assert x.grad.item() == 71


@pytest.mark.parametrize("retained", ["a result", "a view", "its source"])
@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_retained_is_the_gradient_of_the_value_after_a_change_in_place(retained, recorded):
    """As in PyTorch 2.13, whose numbers these are."""
    x = mg.arange(1.0, 5.0).requires_grad_()
    source = x * 2
    view = source.view(2, 2)
    seen = {"a result": source, "a view": view, "its source": source}[retained]
    changed = source if retained == "a result" else view
    seen.retain_grad()
    with mg.set_grad_enabled(recorded):
        changed.mul_(3)
    (changed.flatten() * mg.arange(1.0, 5.0)).sum().backward()
    assert seen.grad.flatten().tolist() == [1.0, 2.0, 3.0, 4.0]
    assert x.grad.tolist() == ([6.0, 12.0, 18.0, 24.0] if recorded else [2.0, 4.0, 6.0, 8.0])


def test_retain_grad_keeps_what_the_hooks_leave():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    (y * y).backward()
    assert (y.grad.item(), x.grad.item()) == (60, 180)
    x.retain_grad()  # leaves do anyway


def test_hooks_run_for_grad_too():
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda g: g * 5)
    assert mg.grad(y, x)[0].item() == 15


@pytest.mark.parametrize(
    "wrong", [lambda g: g.array, lambda g: 3.0, lambda g: mg.ones(2)], ids=["array", "number", "shape"]
)
def test_a_hook_that_returns_something_else_is_refused(wrong):
    x = leaf(1.0)
    x.register_hook(wrong)
    with pytest.raises(RuntimeError, match=r"a hook returned .* in place of Tensor float64\[\]"):
        (x * 2).backward()
    assert x.grad is None and mg.is_grad_enabled()


def test_a_hook_cannot_change_the_dtype():
    x = mg.ones(2, requires_grad=True)
    x.register_hook(lambda g: g.double() * 2)
    x.sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [2, 2]


@pytest.mark.parametrize("method", ["register_hook", "retain_grad"])
def test_where_no_gradient_comes_a_hook_is_refused(method):
    x = mg.ones(2)
    with pytest.raises(RuntimeError, match=f"{method}: the tensor does not require a gradient"):
        getattr(x, method)(*[print] * (method == "register_hook"))


# ---------------------------------------------------------------------------------------------------- change in place


CHANGES = {
    "+=": lambda x: x.__iadd__(1),
    "-=": lambda x: x.__isub__(1),
    "*=": lambda x: x.__imul__(2),
    "/=": lambda x: x.__itruediv__(2),
    "x[0] = 1": lambda x: x.__setitem__(0, 7),
    "fill_": lambda x: x.fill_(7),
    "zero_": lambda x: x.zero_(),
    "copy_": lambda x: x.copy_(mg.ones(2)),
    "clamp_": lambda x: x.clamp_(0, 0),
    "of a view": lambda x: x[1:].add_(1),
    "of a view of a view": lambda x: x.reshape(2, 1)[0].mul_(3),
    "of what is detached": lambda x: x.detach().add_(1),
    "of the array, said": lambda x: (x.array.__iadd__(1), x.bump_version()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_backward_needs_is_detected_and_named(name):
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    with mg.no_grad():
        CHANGES[name](x)
    with pytest.raises(RuntimeError, match=r"backward through mul: 'x' \(float64\[2\]\) was changed in place"):
        y.sum().backward()
    assert x.grad is None and w.grad is None


def test_a_change_of_a_result_that_its_rule_needs_is_detected():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.detach().add_(1)
    with pytest.raises(RuntimeError, match="backward through exp: 'out'"):
        y.sum().backward()


def test_a_change_that_no_rule_minds_is_fine():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x + w
    with mg.no_grad():
        x += 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_a_leaf_that_asks_for_a_gradient_changes_only_outside_recording():
    x = leaf(1.0, 2.0)
    for name, change in CHANGES.items():
        if name.startswith(("of", "another")):
            continue
        with pytest.raises(RuntimeError, match="a leaf that requires a gradient cannot be changed in place"):
            change(x)
    assert x.tolist() == [1, 2] and x.version == [0]
    with mg.no_grad():
        x -= 1
    assert x.tolist() == [0, 1] and x.version == [1] and x.is_leaf


def test_a_recorded_tensor_changes_in_place_and_its_history_is_written_anew():
    x = leaf(1.0, 2.0)
    y = first = x * 2
    y += 1
    y *= x
    y -= 1
    y /= 2
    assert y is first and first.tolist() == [1, 4.5]
    y[0] = 7
    y[1:] *= x[1:]
    y.sum().backward()
    np.testing.assert_allclose(x.grad.array, [0, 4.5 + 2 * 4.5])


def test_an_operand_in_place_gets_its_gradient():
    x, buffer = leaf(1.0, 2.0), mg.zeros(2, dtype=mg.float64)
    buffer.add_(x)
    buffer.sub_(x, alpha=3)
    buffer.mul_(x)
    buffer[0] = x[1]
    assert buffer.tolist() == [2, -8] and not buffer.is_leaf
    buffer.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [0, -8 + 1]
    buffer.copy_(x)
    assert mg.grad(buffer.sum(), x)[0].tolist() == [1, 1]


def test_a_view_and_its_source_share_their_history():
    x, source = leaf(1.0, 2.0), mg.zeros(2, 2, dtype=mg.float64)
    row, flat = source[0], source.reshape(4)
    row += x  # the source and the other view follow
    assert source.requires_grad and flat.requires_grad and source.tolist() == [[1, 2], [0, 0]]
    flat.mul_(3)
    assert row.tolist() == [3, 6]
    (row * mg.tensor([1.0, 10.0], dtype=mg.float64)).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [3, 30]
    x.grad = None
    (source.sum() + flat.sum()).backward()
    assert x.grad.tolist() == [6, 6]


def test_a_product_with_itself_in_place_and_second_derivatives():
    x = leaf(1.0, 2.0)
    y = x * 1
    y *= y
    y[0] = y[1].clone() * x[0]
    (slope,) = mg.grad(y.sum(), x, create_graph=True)
    np.testing.assert_allclose(slope.array, [4, 2 * 2 + 2 * 2 * 1])
    (curvature,) = mg.grad(slope.sum(), x)
    np.testing.assert_allclose(curvature.array, [4, 4 + 2 + 2])


def test_what_cannot_be_recorded_in_place_is_refused():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="a view of a leaf that requires a gradient cannot be changed in place"):
        x[0].mul_(2)
    with mg.no_grad():
        view = (source := mg.zeros(2, dtype=mg.float64) + x)[0]
    source += x
    assert source.requires_grad
    with pytest.raises(RuntimeError, match="a view that was made under no_grad"):
        view += x[0]
    with pytest.raises(RuntimeError, match="several elements share one place"):
        mg.zeros(1, dtype=mg.float64).expand(2).add_(1)
    y = x.exp()
    y += 1
    with pytest.raises(RuntimeError, match="backward through exp: 'out'"):
        y.sum().backward()


def test_a_change_that_does_not_fit_changes_nothing():
    x = mg.arange(3)
    for change, kind in (
        (lambda: x.add_(1.5), TypeError),
        (lambda: x.div_(2), TypeError),
        (lambda: x.add_(mg.ones(2, dtype=mg.int64)), ValueError),
        (lambda: x.copy_(mg.ones(2, 3, dtype=mg.int64)), ValueError),
        (lambda: x.__setitem__(9, 1), IndexError),
        (lambda: x.__setitem__(slice(None), [1, 2]), ValueError),
    ):
        with pytest.raises(kind, match=r"\(int64\[3\][,)]"):
            change()
    assert x.tolist() == [0, 1, 2]


# ---------------------------------------------------------------------------------------------------- requires_grad


def test_requires_grad_is_for_leaves_of_floating_dtype():
    x = mg.ones(2)
    assert x.requires_grad_() is x and x.requires_grad and x.is_leaf
    assert not x.requires_grad_(False).requires_grad
    x.requires_grad = True
    y = x * 2
    y.requires_grad = True
    with pytest.raises(
        RuntimeError, match=r"computed by <mul float32\[2\]> always asks for a gradient; use .detach\(\)"
    ):
        y.requires_grad = False
    for bad in (lambda: mg.arange(3).requires_grad_(), lambda: mg.tensor([1, 2], requires_grad=True)):
        with pytest.raises(TypeError, match="only floating dtypes have gradients, got int64"):
            bad()


def test_a_leaf_that_no_longer_asks_gets_no_gradient():
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    x.requires_grad = False
    y.backward()
    assert x.grad is None and w.grad.item() == 2


REPLACED = {
    "shape": (lambda x: mg.ones(3, dtype=mg.float64), r"expected float64\[2\], as the tensor is, got float64\[3\]"),
    "dtype": (lambda x: mg.ones(2), r"grad: expected float64\[2\], as the tensor is, got float32\[2\]"),
    "type": (lambda x: "words", "grad: expected a Tensor or None, got str"),
    "itself": (lambda x: x, "grad: a tensor cannot be its own gradient"),
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_grad_that_is_none_is_refused_when_it_is_set(name):
    make, message = REPLACED[name]
    x = leaf(1.0, 2.0)
    with pytest.raises((RuntimeError, TypeError), match=message):
        x.grad = make(x)
    assert x.grad is None
    x.grad = mg.ones(2, dtype=mg.float64)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_data_shares_the_memory_outside_the_graph_and_its_changes_are_not_counted():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    assert type(x.data) is mg.Tensor and x.data.array is x.array and not x.data.requires_grad
    x.data += 10
    x.data[0] = 5
    assert x.tolist() == [5, 12]
    y.sum().backward()
    assert w.grad.tolist() == [5, 12]  # what stands there now, as in PyTorch
    x.grad.data.zero_()
    assert x.grad.tolist() == [0, 0]


def test_data_takes_another_tensor_of_another_shape_and_dtype():
    x = leaf(1.0, 2.0)
    x.data = mg.ones(3, 2, dtype=mg.float32)
    (x * 2).sum().backward()
    assert x.shape == x.grad.shape == (3, 2) and x.grad.dtype == mg.float32 and x.is_leaf and x.requires_grad
    with pytest.raises(TypeError, match="data: expected a Tensor, got ndarray"):
        x.data = np.ones(2)
    with pytest.raises(TypeError, match="a leaf with a gradient needs a floating dtype, got int64"):
        x.data = mg.tensor([1, 2])
    assert x.shape == (3, 2)


def test_detach_shares_memory_and_leaves_the_graph():
    x = leaf(1.0, 2.0)
    y = x.detach()
    assert y.array is x.array and not y.requires_grad and y.version is x.version
    z = (x * 2).detach()
    assert z.is_leaf and z.grad_fn is None


def test_what_a_node_says():
    x = leaf(1.0, 2.0)
    y = x.exp()
    assert isinstance(x.node, Leaf) and type(y.node) is Node
    assert x.grad_fn is None and y.grad_fn is y.node
    assert repr(y.node) == "<exp float64[2]>" and y.node.name == "exp" and x.node.name == "leaf"
    assert y.node.shape == (2,) and y.node.dtype == np.float64 and y.node.serial > x.node.serial
    assert y.node.primitive.forward(0.0) == 1


# ---------------------------------------------------------------------------------------------------- observers


def test_observers_see_every_operation_and_every_contribution():
    x, y = leaf(2.0), mg.tensor(3.0, dtype=mg.float64)
    forward, backward = [], []
    with observe(
        lambda node, name, args, out: forward.append((name, node is not None, len(args), out.item())),
        lambda node, argument, parent, g: backward.append((node.name, argument, parent.name, g.item())),
    ):
        z = x * y + x
        w = y * y
        z.backward()
    assert forward[:3] == [("mul", True, 2, 6), ("add", True, 2, 8), ("mul", False, 2, 9)]
    assert backward == [("add", "x", "mul", 1), ("add", "y", "leaf", 1), ("mul", "x", "leaf", 3)]
    assert w.item() == 9 and x.grad.item() == 4


def test_observers_nest_and_end_with_their_block():
    first, second = [], []
    with observe(lambda node, name, *a: first.append(name)):
        with observe(lambda node, name, *a: second.append(name)):
            mg.ones(2).exp()
        mg.ones(2).sin()
    mg.ones(2).cos()
    assert (first, second) == (["exp", "sin"], ["exp"])


# ---------------------------------------------------------------------------------------------------- own primitives


def test_an_operation_is_stated_once():
    @primitive(x=lambda g, x: g * 3 * x**2)
    def cube(x):
        """The cube."""
        return x**3

    assert cube.__name__ == "cube" and cube.__doc__ == "The cube." and cube.primitive.name == "cube"
    x = leaf(1.0, 2.0)
    assert mg.gradcheck(cube, x) and mg.gradgradcheck(cube, x)
    assert cube(np.float32(2)).item() == 8


def test_a_rule_names_what_it_needs():
    seen = {}

    @primitive(
        x=lambda g, out, x_shape, scale, offset_shape: seen.update(out=out, x=x_shape, s=scale, o=offset_shape) or g
    )
    def shifted(x, offset, scale=2.0):
        return x * scale + offset

    x = leaf(1.0, 2.0)
    shifted(x, [3.0, 4.0]).sum().backward()
    assert seen["out"].tolist() == [5, 8] and (seen["x"], seen["s"], seen["o"]) == ((2,), 2.0, (2,))
    shifted(x, offset=1.0, scale=4.0).sum().backward()
    assert seen["s"] == 4.0


def test_an_optional_array_may_be_none():
    @primitive(x=lambda g: g, bias=lambda g: g)
    def shifted(x, bias=None):
        return x if bias is None else x + bias

    x, b = leaf(1.0), leaf(2.0)
    shifted(x).backward()
    shifted(x, b).backward()
    assert (x.grad.item(), b.grad.item()) == (2, 1)


DEFINITIONS = {
    "a rule for no argument": (
        lambda: primitive(y=lambda g: g)(lambda x: x),
        r"a rule for 'y', which is not among \['x'\]",
    ),
    "a rule without g": (lambda: primitive(x=lambda x: x)(lambda x: x), r"the rule for 'x' must take g first"),
    "an unknown need": (lambda: primitive(x=lambda g, z: g)(lambda x: x), r"asks for 'z'; there are g, out, x and"),
    "a row of arguments": (lambda: primitive()(lambda *x: x), r"\*x is variadic positional; a forward takes named"),
    "more by name": (lambda: primitive()(lambda **x: x), r"\*\*x is variadic keyword; a forward takes named arguments"),
    "only by name": (lambda: primitive()(lambda x, *, y: x), "y is keyword-only; a forward takes named arguments"),
    "no brackets": (lambda: primitive(abs), r"write @primitive\(...\) with brackets, and a rule for each"),
    "a rule that is no function": (lambda: primitive(x=3)(lambda x: x), "the rule for 'x' is no function but 3"),
    "a taken name": (lambda: primitive()(lambda out: out), "an argument 'out', which means something else"),
    "an unknown shape": (lambda: primitive(x=lambda g, z_shape: g)(lambda x: x), r"asks for 'z_shape'"),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_wrong_definition_is_refused_when_it_is_made(name):
    define, message = DEFINITIONS[name]
    with pytest.raises(TypeError, match=message):
        define()


def test_a_rule_that_gives_the_wrong_shape_or_no_tensor_is_named():
    @primitive(x=lambda g, x: mg.ones(3))
    def misshapen(x):
        return x * 2

    with pytest.raises(RuntimeError, match=r"the rule of misshapen for 'x' gave a gradient of shape \(3,\)"):
        misshapen(leaf(1.0, 2.0)).sum().backward()
    missing, array = "None (is a return missing?)", "the NumPy array float64[2]"
    for wrong, words in ((None, missing), (3.0, "3.0"), (np.ones(2), array)):

        @primitive(x=lambda g, wrong=wrong: wrong)
        def empty(x, wrong=wrong):
            return x * 2

        with pytest.raises(TypeError, match=re.escape(f"rule of empty for 'x' returned {words}; expected a Tensor")):
            empty(leaf(1.0, 2.0)).sum().backward()


def test_a_forward_that_takes_its_arrays_for_tensors_is_told_so():
    @primitive(x=lambda g, out: g * out)
    def grow(x):
        return x.exp()

    with pytest.raises(AttributeError, match=r"grow\(float64\[2\]\).*'exp'; a forward works on NumPy's arrays"):
        grow(leaf(1.0, 2.0))


def test_a_forward_that_returns_its_argument_shares_its_memory_and_version():
    @primitive(x=lambda g: g)
    def same(x):
        return x

    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    same(y).mul_(5)
    assert y.tolist() == [5, 10]
    with pytest.raises(RuntimeError, match=r"backward through mul: '[xy]'"):
        z.sum().backward()


def test_a_forward_keeps_what_it_says_for_its_rules():
    @primitive(x=lambda g, mask: g * mask, keeps="mask")
    def positive(x):
        mask = (x > 0).astype(x.dtype)
        return x * mask, mask

    x = leaf(-1.0, 2.0)
    y = positive(x)
    assert list(y.node.saved) == ["mask"]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1]

    @primitive(x=lambda g, mask: g, keeps="mask")
    def forgetful(x):
        return x

    with pytest.raises(TypeError, match="expected the result and mask from"):
        forgetful(x)

    @primitive(x=lambda g: g)
    def two(x):
        return x, x

    with pytest.raises(TypeError, match=r"two\(float64\[2\]\): a forward returns one array; name what it keeps"):
        two(x)


# ---------------------------------------------------------------------------------------------------- refusals


x = leaf(1.0, 2.0)
REFUSED = {
    "no graph": (lambda: mg.ones(1).backward(), r"backward: the tensor \(float32\[1\]\) does not require a gradient"),
    "under no_grad": (lambda: mg.no_grad()(lambda: x * 2)().sum().backward(), "or it was made under no_grad"),
    "no upstream": (lambda: (x * 2).backward(), r"an upstream gradient is needed for a tensor of shape \(2,\)"),
    "upstream's shape": (lambda: (x * 2).backward(mg.ones(3)), r"upstream gradient of shape \(3,\) for .* \(2,\)"),
    "grad of no graph": (lambda: mg.grad(mg.ones(1), x), r"grad: the tensor \(float32\[1\]\) does not require"),
    "grad by no graph": (lambda: mg.grad(x.sum(), mg.ones(2)), r"grad: input 0 \(float32\[2\]\) does not require"),
    "backward to no graph": (lambda: x.sum().backward(inputs=mg.ones(2)), r"backward: input 0 \(float32\[2\]\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(RuntimeError, match=message):
        call()
    assert x.grad is None and mg.is_grad_enabled()


def test_wrong_types_and_counts():
    with pytest.raises(TypeError, match="grad: expected a Tensor, got float"):
        mg.grad(3.0, x)
    with pytest.raises(TypeError, match="grad: input 0 is no Tensor but ndarray"):
        mg.grad(x.sum(), np.ones(2))
    with pytest.raises(ValueError, match="grad: 1 outputs but 2 upstream gradients"):
        mg.grad([x * 2], x, [mg.ones(2), mg.ones(2)])


def test_a_node_is_small():
    y = leaf(1.0) + 1.0
    assert sys.getsizeof(y.node) < 200
