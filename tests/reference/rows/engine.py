"""The engine, change in place, creation, initialisers and what else there is no table for."""

from __future__ import annotations

from typing import Any

from ..calls import Name, Room, index, mask, positive, to_numpy, x

ROOM = Room("engine")
add = ROOM.add


def accumulate(library: Any, a: Any, b: Any) -> Any:
    """Two backward passes add up; a use of an intermediate in both is counted once each."""
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    hidden = a * b
    (hidden * hidden).sum().backward(retain_graph=True)
    (hidden * a).sum().backward()
    return a.grad, b.grad


def backward_with_gradient(library: Any, a: Any, g: Any) -> Any:
    """`backward(gradient)` of an output that is no scalar, with retain_grad and a hook that doubles."""
    a = a.detach().requires_grad_(True)
    hidden = a * 3
    hidden.retain_grad()
    hidden.register_hook(lambda g: g * 2)
    (hidden * hidden).backward(g.detach())
    return a.grad, hidden.grad


def third_derivative(library: Any, a: Any) -> Any:
    """Derivatives of tanh to the third order, through create_graph."""
    a = a.detach().requires_grad_(True)
    y = library.tanh(a)
    for _ in range(3):
        (y,) = library.autograd.grad(y.sum(), [a], create_graph=True)
    return y.detach()


def clip_norm(library: Any, a: Any, b: Any, max_norm: float, norm_type: float = 2.0) -> Any:
    """clip_grad_norm_ over two parameters: the norm it returns and the gradients it leaves."""
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    ((a * a).sum() + (b * b * b).sum()).backward()
    return library.nn.utils.clip_grad_norm_([a, b], max_norm, norm_type), a.grad, b.grad


def clip_value(library: Any, a: Any, value: float) -> Any:
    a = a.detach().requires_grad_(True)
    (a * a).sum().backward()
    library.nn.utils.clip_grad_value_([a], value)
    return a.grad


def gain(library: Any, *args: Any) -> float:
    return float(library.nn.init.calculate_gain(*args))


def created(library: Any, path: str, *args: Any, **options: Any) -> Any:
    """A creation function: values and dtype."""
    return getattr(library, path)(*args, **options)


def in_place(library: Any, a: Any, b: Any, name: str, *args: Any, **options: Any) -> Any:
    """A change in place of a tensor without gradient, and what the method returns."""
    a = a.detach().clone()
    operands = [b.detach()] if name in ("add_", "sub_", "mul_", "div_", "copy_") else []
    return getattr(a, name)(*operands, *args, **options), a


def assigned(library: Any, a: Any, b: Any, key: Any) -> Any:
    """`a[key] = b`, without gradient."""
    a = a.detach().clone()
    a[key] = b.detach() if getattr(b, "requires_grad", False) else b
    return a


def functional(library: Any) -> Any:
    """minigrad.func has the functions of torch.autograd.functional."""
    return getattr(library.autograd, "functional", None) or library.func


def derivatives(library: Any, a: Any, b: Any, name: str) -> Any:
    """jacobian, hessian, vjp, jvp or hvp of a function of two tensors."""
    several = lambda a, b: ((a[:, None] * b).tanh(), (a * a).sum() * b)
    single = lambda a, b: (library.exp(a).sum() * b * b).sum()
    a, b = a.detach(), b.detach()
    if name == "jacobian":
        return functional(library).jacobian(several, (a, b))
    if name == "hessian":
        return functional(library).hessian(single, (a, b))
    if name == "hvp":
        return functional(library).hvp(single, (a, b), (a, b * 2))
    directions = tuple(2 * y for y in several(a, b)) if name == "vjp" else (a, b * 2)
    return getattr(functional(library), name)(several, (a, b), directions)


def initialised(library: Any, name: str, *args: Any) -> Any:
    """An initialiser without chance in it."""
    return getattr(library.nn.init, name)(library.zeros(2, 3), *args)


def packed(library: Any, a: Any, b: Any) -> Any:
    """Parameters into one vector, and another vector back into the parameters."""
    vector = library.nn.utils.parameters_to_vector([a, b])
    a, b = (t.detach().clone().requires_grad_(True) for t in (a, b))
    library.nn.utils.vector_to_parameters(vector.detach() * 2, [a, b])
    return vector, a.detach(), b.detach()


def python_values(library: Any, a: Any) -> Any:
    """`item`, `tolist`, `numpy`, `len` and iteration."""
    plain = a.detach()
    return [
        library.tensor(plain.numpy()),
        library.tensor(plain.tolist()),
        a.sum().item(),
        len(a),
        *(2 * row for row in a),
    ]


def from_arrays(library: Any, a: Any) -> Any:
    """`as_tensor` and `from_numpy`."""
    array = to_numpy(a)
    return library.as_tensor(array), library.from_numpy(array), library.as_tensor([1, 2])


for name in ("add_", "sub_", "mul_", "div_", "copy_", "zero_"):
    add(in_place, x(2, 3), positive(3), name)
add(in_place, x(2, 3), x(), "fill_", 2.5)
add(in_place, x(2, 3), x(), "clamp_", -0.5, max=0.5)
for key in (0, (slice(None), 1), slice(None, None, 2), (..., -1)):
    add(assigned, x(4, 4), x(), key)
add(assigned, x(4, 3), 1.5, index(4, 2))
add(assigned, x(4, 3), x(3), mask(4))
for name in ("jacobian", "hessian", "vjp", "jvp", "hvp"):
    add(derivatives, x(3), x(2), name)
for name in ("zeros_", "ones_", "eye_"):
    add(initialised, name)
add(initialised, "constant_", 0.5)
add(packed, x(2, 3), x(2))
add(python_values, x(2, 3))
add(from_arrays, x(2, 3))
add(accumulate, x(3), x(3))
add(backward_with_gradient, x(3), x(3))
add(third_derivative, x(5))
for norm_type in (1.0, 2.0, float("inf")):
    for max_norm in (1.0, 100.0):
        add(clip_norm, x(3), x(2, 2), max_norm, norm_type)
add(clip_value, x(5), 0.75)
for args in (
    ("linear",),
    ("conv2d",),
    ("sigmoid",),
    ("tanh",),
    ("relu",),
    ("leaky_relu",),
    ("leaky_relu", 0.2),
):
    add(gain, *args)
for path, args, options in (
    ("zeros", (2, 3), {}),
    ("ones", ((2, 3),), {}),
    ("full", ((2, 2), 1.5), {}),
    ("full", ((2,), 3), {}),
    ("arange", (5,), {}),
    ("arange", (1, 7, 2), {}),
    ("arange", (0.0, 1.0, 0.25), {}),
    ("linspace", (0, 1, 5), {}),
    ("eye", (3,), {}),
    ("eye", (2, 3), {}),
    ("tensor", ([[1, 2], [3, 4]],), {}),
    ("tensor", ([1.5, 2],), {}),
    ("tensor", (True,), {}),
    ("tensor", (2.5,), {}),
    ("zeros", (2,), {"dtype": Name("int64")}),
):
    add(created, path, *args, **options)
for name in ("zeros_like", "ones_like"):
    add(name, x(2, 3))
add("full_like", x(2, 3), 0.5)
for name in (
    *("BoolTensor", "ByteTensor", "CharTensor", "ShortTensor", "IntTensor", "LongTensor"),
    *("HalfTensor", "FloatTensor", "DoubleTensor"),
):
    add(created, name, [1, 2])
