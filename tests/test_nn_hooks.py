"""Hooks of modules: what they see and replace, in which order, forward and backward."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


class Scale(nn.Module):
    def forward(self, x, by=2.0):
        return x * by


def test_hooks_see_and_replace_what_goes_in_and_comes_out():
    layer, seen = nn.Identity(), []
    before = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    seeing = layer.register_forward_hook(lambda module, args, out: seen.append((module, args[0].item(), out.item())))
    after = layer.register_forward_hook(lambda module, args, out: out * 10)
    assert layer(mg.tensor(1.0)).item() == 20 and seen == [(layer, 2.0, 2.0)]
    for handle in (before, seeing, after):
        handle.remove()
    assert layer(mg.tensor(1.0)).item() == 1 and len(seen) == 1
    assert not nn.Identity()._hooks  # hooks are the module's own


def test_hooks_run_in_order_and_a_prepended_one_first():
    layer, order = nn.Identity(), []
    for name, prepend in (("a", False), ("b", False), ("c", True), ("d", True)):
        layer.register_forward_hook(lambda m, args, out, name=name: order.append(name), prepend=prepend)
        layer.register_forward_pre_hook(lambda m, args, name=name: order.append(name.upper()), prepend=prepend)
    layer(mg.ones(1))
    assert "".join(order) == "DCABdcab"


def test_hooks_may_see_and_replace_keyword_arguments():
    layer, seen = Scale(), []
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {**kwargs, "by": 3.0}), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    assert layer(mg.ones(1)).item() == 3 and seen == [{"by": 3.0}]


def test_a_hook_may_be_called_even_where_forward_fails():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, out: seen.append("usual"))
    layer.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="linear"):
        layer(mg.ones(3))
    assert seen == [None]


def test_a_backward_hook_sees_the_gradients_of_inputs_and_outputs():
    layer, seen = nn.Linear(2, 3), []
    handle = layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((m, grad_in, grad_out)))
    x = mg.randn(4, 2, requires_grad=True)
    (layer(x) * 2).sum().backward()
    ((module, grad_in, grad_out),) = seen
    assert module is layer and len(grad_in) == len(grad_out) == 1
    np.testing.assert_array_equal(grad_out[0].array, np.full((4, 3), 2, np.float32))
    np.testing.assert_allclose(grad_in[0].array, x.grad.array)
    np.testing.assert_allclose(x.grad.array, np.full((4, 3), 2) @ layer.weight.array, rtol=1e-6)
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1


def test_a_backward_hook_is_called_where_no_input_asks_for_a_gradient():
    layer, seen = nn.Linear(2, 3), []
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append(grad_in))
    layer(mg.randn(4, 2)).sum().backward()
    assert seen == [(None,)] and layer.weight.grad is not None


def test_backward_hooks_replace_gradients_of_the_input_alone_or_of_all_that_is_before():
    x = mg.ones(1, 2, requires_grad=True)
    after, before = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    after.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] * 10,))
    after(x).sum().backward()
    np.testing.assert_allclose(x.grad.array, 10 * after.weight.array)
    np.testing.assert_array_equal(after.weight.grad.array, [[1, 1]])
    x.grad = None
    before.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 10,))
    before(x).sum().backward()
    np.testing.assert_allclose(x.grad.array, 10 * before.weight.array)
    np.testing.assert_array_equal(before.weight.grad.array, [[10, 10]])


def test_a_backward_hook_waits_for_all_inputs_and_replaces_none_of_several():
    class Add(nn.Module):
        def forward(self, x, y, label):
            return x + y, x * y

    layer, seen = Add(), []
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, grad_out)))
    x, y = mg.tensor(2.0, requires_grad=True), mg.tensor(3.0, requires_grad=True)
    total, product = layer(x, y, "label")
    (total + 10 * product).backward()
    (grad_in, grad_out) = seen[0]
    assert [g if g is None else g.item() for g in grad_in] == [31, 21, None] and [g.item() for g in grad_out] == [1, 10]
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: grad_in)
    with pytest.raises(NotImplementedError, match="only a gradient of one input"):
        layer(x, y, "label")[0].backward()
