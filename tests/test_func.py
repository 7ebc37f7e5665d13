"""Derivatives of functions: against closed forms, against each other, of any structure."""

import numpy as np
import pytest
from helpers import draw

import minigrad as mg
from minigrad.func import hessian, hvp, jacobian, jvp, vhp, vjp

X, Y = draw((2, 3)), draw((3,), key="y")


def tensors(*arrays):
    return tuple(mg.tensor(a) for a in arrays)


def f(x, y):
    """(2, 3), (3) -> (2), (3)."""
    return (x * y).sum(1).sin(), x.exp().sum(0) * y


def closed():
    """The Jacobian of f: for each output a block for each input."""
    c = np.cos((X * Y).sum(1))
    first_x = np.zeros((2, 2, 3))
    second_x = np.zeros((3, 2, 3))
    for i in range(2):
        first_x[i, i] = c[i] * Y
        for j in range(3):
            second_x[j, i, j] = np.exp(X[i, j]) * Y[j]
    return ((first_x, c[:, None] * X), (second_x, np.diag(np.exp(X).sum(0))))


def test_jacobian_of_several_outputs_by_several_inputs():
    found = jacobian(f, tensors(X, Y))
    for row, expected in zip(found, closed(), strict=True):
        for block, value in zip(row, expected, strict=True):
            np.testing.assert_allclose(block.array, value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_products_with_the_jacobian_from_either_side(seed):
    u = tensors(draw((2, 3), key=f"u{seed}"), draw((3,), key=f"u{seed}"))
    v = tensors(draw((2,), key=f"v{seed}"), draw((3,), key=f"v{seed}"))
    outputs, pulled = vjp(f, tensors(X, Y), v)
    also, pushed = jvp(f, tensors(X, Y), u)
    for a, b, c in zip(outputs, also, f(*tensors(X, Y)), strict=True):
        assert a.tolist() == b.tolist() == c.tolist() and not a.requires_grad
    blocks = closed()
    for k in range(2):
        np.testing.assert_allclose(
            pulled[k].array, sum(np.tensordot(v[o].array, blocks[o][k], 1) for o in range(2)), rtol=1e-12
        )
        np.testing.assert_allclose(
            pushed[k].array,
            np.tensordot(blocks[k][0], u[0].array, 2) + np.tensordot(blocks[k][1], u[1].array, 1),
            rtol=1e-12,
        )


def cubic(x):
    return (x**3).sum() + x[0] * x[1] * x[2]


def test_hessian_and_its_product():
    x = draw((3,))
    H = np.diag(6 * x)
    for i, j, k in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
        H[i, j] = H[j, i] = x[k]
    np.testing.assert_allclose(hessian(cubic, mg.tensor(x)).array, H, rtol=1e-12)
    v = draw((3,), key="v")
    value, product = hvp(cubic, mg.tensor(x), mg.tensor(v))
    np.testing.assert_allclose(product.array, H @ v, rtol=1e-12)
    assert value.item() == pytest.approx(cubic(x))


def test_hessian_by_several_inputs_has_a_block_for_each_pair():
    x, y = tensors(draw((2,)), draw((3,)))
    g = lambda x, y: (x.sum() ** 2) * (y**2).sum()
    blocks = hessian(g, (x, y))
    s, t = x.array.sum(), (y.array**2).sum()
    np.testing.assert_allclose(blocks[0][0].array, np.full((2, 2), 2 * t))
    np.testing.assert_allclose(blocks[0][1].array, np.outer(np.ones(2), 4 * s * y.array))
    np.testing.assert_allclose(blocks[1][0].array, blocks[0][1].array.T)
    np.testing.assert_allclose(blocks[1][1].array, 2 * s * s * np.eye(3))
    _, products = hvp(g, (x, y), (mg.ones_like(x), mg.ones_like(y)))
    for k in range(2):
        np.testing.assert_allclose(products[k].array, blocks[k][0].array.sum(1) + blocks[k][1].array.sum(1))


STRUCTURES = {
    "a tensor": (lambda x: x * 2, False),
    "a tuple of one": (lambda x: (x * 2,), True),
}


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("as_tuple", [False, True])
def test_a_result_has_the_structure_of_what_it_belongs_to(name, as_tuple):
    function, outputs_are_tuple = STRUCTURES[name]
    x = mg.ones(2)
    inputs = (x,) if as_tuple else x
    v = (x,) if outputs_are_tuple else x
    u = (x,) if as_tuple else x
    outputs, pulled = vjp(function, inputs, v)
    assert isinstance(outputs, tuple) == outputs_are_tuple and isinstance(pulled, tuple) == as_tuple
    outputs, pushed = jvp(function, inputs, u)
    assert isinstance(outputs, tuple) == isinstance(pushed, tuple) == outputs_are_tuple
    J = jacobian(function, inputs)
    row = J[0] if outputs_are_tuple else J
    assert (row[0] if as_tuple else row).tolist() == [[2, 0], [0, 2]]


def test_of_scalars_v_may_be_left_out():
    x = mg.tensor(2.0)
    assert vjp(lambda x: x**3, x)[1].item() == 12
    assert jvp(lambda x: x**3, x)[1].item() == 12
    assert hvp(lambda x: x**3, x)[1].item() == 12
    assert jacobian(lambda x: x**3, x).item() == 12 and hessian(lambda x: x**3, x).item() == 12


def test_what_an_input_has_no_part_in_is_zero():
    x, y = mg.ones(2), mg.ones(3)
    assert [t.tolist() for t in vjp(lambda x, y: x.sum(), (x, y))[1]] == [[1, 1], [0, 0, 0]]
    assert jvp(lambda x, y: x * 1, (x, y), (mg.zeros(2), y))[1].tolist() == [0, 0]
    assert jacobian(lambda x: mg.ones(2), x).tolist() == [[0, 0], [0, 0]]
    assert hessian(lambda x: x.sum(), x).tolist() == [[0, 0], [0, 0]]
    assert hvp(lambda x: x.sum(), x, x)[1].tolist() == [0, 0]
    assert jvp(lambda x: mg.ones(3), x, x)[1].tolist() == [0, 0, 0]


def test_of_nothing():
    assert jacobian(lambda x: x[:0], mg.ones(2)).shape == (0, 2)
    assert jacobian(lambda x: x * 2, mg.ones(0)).shape == (0, 0)


@pytest.mark.parametrize("function", [vjp, jvp, hvp])
def test_results_can_be_differentiated_if_asked_for(function):
    x = mg.tensor(2.0, dtype=mg.float64, requires_grad=True)
    value, derivative = function(lambda x: x**4, x, create_graph=True)
    assert value.requires_grad and derivative.requires_grad
    (slope,) = mg.grad(derivative, x)
    assert slope.item() == pytest.approx({vjp: 12 * 4, jvp: 12 * 4, hvp: 24 * 2}[function])
    value, derivative = function(lambda x: x**4, x)
    assert not value.requires_grad and not derivative.requires_grad


def test_jacobian_and_hessian_can_be_differentiated_if_asked_for():
    x = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    for function, expected in ((jacobian, [2, 2]), (hessian, [0, 0])):
        derivative = function(lambda x: (x**2).sum(), x, create_graph=True)
        found = mg.grad(derivative.sum(), x, allow_unused=True)[0] if derivative.requires_grad else mg.zeros(2)
        assert (found.tolist() if found is not None else [0, 0]) == expected
        assert not function(lambda x: (x**2).sum(), x).requires_grad


def test_no_grad_of_inputs_nor_the_mode_is_touched():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * 1.0).sum().backward()
    with mg.no_grad():
        assert jacobian(lambda x: x * x, x).tolist() == [[2, 0], [0, 4]]
        assert hvp(lambda x: (x**3).sum(), x, mg.ones(2))[1].tolist() == [6, 12]
        assert not mg.is_grad_enabled()
    assert x.grad.tolist() == [1, 1] and x.requires_grad


def test_the_same_is_found_by_pytorchs_path_with_its_options():
    assert mg.autograd.functional is mg.func
    x, v = mg.tensor(draw((3,))), mg.tensor(draw((3,), key="v"))
    assert vhp(cubic, x, v)[1].tolist() == hvp(cubic, x, v)[1].tolist()
    assert jacobian(cubic, x, vectorize=True, strategy="reverse-mode").tolist() == jacobian(cubic, x).tolist()
    assert hessian(cubic, x, False, True, vectorize=True).tolist() == hessian(cubic, x).tolist()


STRICT = {
    "vjp": lambda f, x, **options: vjp(f, x, mg.tensor(1.0), **options),
    "jvp": lambda f, x, **options: jvp(f, x, (mg.ones(2), mg.ones(2)), **options),
    "jacobian": jacobian,
    "hessian": hessian,
    "hvp": lambda f, x, **options: hvp(f, x, (mg.ones(2), mg.ones(2)), **options),
    "vhp": lambda f, x, **options: vhp(f, x, (mg.ones(2), mg.ones(2)), **options),
}


@pytest.mark.parametrize("name", STRICT)
def test_strict_refuses_an_input_that_has_no_part(name):
    call, x = STRICT[name], (mg.ones(2), mg.ones(2))
    call(lambda a, b: (a**3).sum(), x)
    with pytest.raises(RuntimeError, match=f"{name if name != 'hessian' else 'jacobian'}: The output .* input 1"):
        call(lambda a, b: (a**3).sum(), x, strict=True)
    call(lambda a, b: ((a * b) ** 3).sum(), x, strict=True)


def test_strict_refuses_a_constant_derivative_if_it_is_to_be_differentiated():
    x = mg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="The derivative of the function is independent of input 0"):
        jacobian(lambda x: (x * 2).sum(), x, create_graph=True, strict=True)


REFUSED = {
    "inputs": (lambda: vjp(lambda x: x, 3.0), TypeError, "vjp: expected Tensors as inputs, input 0 is float"),
    "outputs": (lambda: jacobian(lambda x: 3.0, mg.ones(2)), TypeError, "jacobian: expected Tensors from the function"),
    "integers": (lambda: jacobian(lambda x: x, mg.arange(2)), TypeError, "only floating dtypes have gradients"),
    "v left out": (
        lambda: vjp(lambda x: x, mg.ones(2)),
        ValueError,
        r"vjp: v may be left out for scalars only.*\(2,\)",
    ),
    "u left out": (lambda: jvp(lambda x: x, mg.ones(2)), ValueError, "jvp: v may be left out for scalars only"),
    "v's shape": (
        lambda: vjp(lambda x: x, mg.ones(2), mg.ones(3)),
        ValueError,
        r"has shapes \[\(3,\)\], expected \[\(2,",
    ),
    "no scalar": (lambda: hessian(lambda x: x, mg.ones(2)), ValueError, r"hessian: expected a function of one scalar"),
    "hvp, no scalar": (lambda: hvp(lambda x: x, mg.ones(2), mg.ones(2)), ValueError, "hvp: expected a function of one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()
    assert mg.is_grad_enabled()
