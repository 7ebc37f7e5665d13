"""Operations in PyTorch's form: Function, its context, and what it refuses, held to difference quotients."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import Function


def leaf(*values):
    return mg.tensor(values, dtype=mg.float64, requires_grad=True)


class Clipped(Function):
    """max(x, 0), as tutorials write it: the gradient is changed in place."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        g = g.clone()
        g[x < 0] = 0
        return g


class ScaledProduct(Function):
    """x·y·scale and x + y: two results, an argument without a gradient."""

    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x * y * scale, x + y

    @staticmethod
    def backward(ctx, g_product, g_sum):
        x, y = ctx.saved_tensors
        ctx.asked = ctx.needs_input_grad
        return g_product * y * ctx.scale + g_sum, g_product * x * ctx.scale + g_sum, None


class Cube(Function):
    """The newer form: forward without a context, and setup_context."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x**2


def test_gradients_and_second_derivatives_agree_with_difference_quotients():
    x, y = leaf(1.0, -2.0), leaf(3.0, 0.5)
    assert mg.gradcheck(Clipped.apply, [leaf(-1.0, 2.0)])
    assert mg.gradcheck(lambda x, y: ScaledProduct.apply(x, y, 3.0), [x, y])
    assert mg.gradgradcheck(lambda x, y: ScaledProduct.apply(x, y, 3.0), [x, y])
    assert mg.gradcheck(Cube.apply, [x]) and mg.gradgradcheck(Cube.apply, [x])


def test_a_result_that_nothing_depends_on_counts_as_zero():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    product, total = ScaledProduct.apply(x, y, 2.0)
    total.sum().backward()
    assert x.grad.tolist() == [1, 1] and y.grad.tolist() == [1, 1] and product.requires_grad


def test_backward_is_asked_once_for_all_arguments():
    calls = []

    class Counted(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            calls.append(ctx.needs_input_grad)
            return g, g

    Counted.apply(leaf(1.0), leaf(2.0)).backward()
    Counted.apply(leaf(1.0), mg.ones(1, dtype=mg.float64)).backward()
    assert calls == [(True, True), (True, False)]


def test_nothing_is_recorded_in_forward_nor_where_recording_is_off():
    class Looks(Function):
        @staticmethod
        def forward(ctx, x):
            assert not (x * 2).requires_grad
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1.0)
    assert Looks.apply(x).requires_grad
    with mg.no_grad():
        assert not Looks.apply(x).requires_grad
    assert not Looks.apply(x.detach()).requires_grad


def test_results_marked_as_constant_and_integers_have_no_gradient():
    class Largest(Function):
        @staticmethod
        def forward(ctx, x):
            values, places = x.max(0)
            rounded = values.round()
            ctx.mark_non_differentiable(places, rounded)
            ctx.save_for_backward(places)
            ctx.size = len(x)
            return values, places, rounded

        @staticmethod
        def backward(ctx, g, *_):
            (places,) = ctx.saved_tensors
            out = mg.zeros(ctx.size, dtype=g.dtype)
            out[places] = g
            return out

    x = leaf(1.0, 3.0, 2.0)
    values, places, rounded = Largest.apply(x)
    assert values.requires_grad and not places.requires_grad and not rounded.requires_grad
    values.backward()
    assert x.grad.tolist() == [0, 1, 0] and places.item() == 1


def test_what_is_spent_or_changed_is_refused():
    x = leaf(1.0, 2.0)
    y = Clipped.apply(x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    z = leaf(1.0, 2.0) * 1
    y = Clipped.apply(z).sum()
    with mg.no_grad():
        z += 1
    with pytest.raises(RuntimeError, match=r"ClippedBackward: 'ctx' \(with 1 saved tensors\) was changed in place"):
        y.backward()


def test_misuse_is_named():
    class TooFew(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g

    class NoTensor(Function):
        @staticmethod
        def forward(ctx, x):
            return np.ones(2)

    with pytest.raises(RuntimeError, match=r"TooFew.backward: expected a gradient or None for each of 2 arguments"):
        TooFew.apply(leaf(1.0), leaf(1.0)).backward()
    with pytest.raises(TypeError, match=r"NoTensor.forward: expected a Tensor or a tuple of them, got float64\[2\]"):
        NoTensor.apply(leaf(1.0))
    with pytest.raises(RuntimeError, match=r"Clipped: a Function is not made but applied; call its apply"):
        Clipped()
