"""Derivatives of functions: products with the Jacobian from either side, the Jacobian itself, and second order.

Signatures and meaning as in PyTorch's `autograd.functional`. `inputs` is a Tensor or a tuple of them, each
detached before use, so no `.grad` is touched; a result has the structure of what it belongs to.
"""

from collections.abc import Callable, Sequence
from typing import Any

from minigrad.autograd import enable_grad, grad
from minigrad.ops.reductions import sum
from minigrad.ops.shape import reshape, stack
from minigrad.tensor import Tensor, ones_like, zeros_like

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vjp"]


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """(outputs, vᵀJ): the gradient of func's outputs weighted by v, of the outputs' shapes; 1 for a scalar.

    >>> import minigrad as mg
    >>> vjp(lambda x: x**2, mg.tensor([1.0, 2.0]), mg.tensor([1.0, 1.0]))[1]
    tensor([2., 4.])
    """
    with enable_grad():
        points, outputs = evaluated("vjp", func, inputs, create_graph)
        weights = default_weights("vjp", outputs, v)
        gradients = gradients_or_zeros(outputs, points, weights, create_graph)
    return like(outputs, finished(outputs, create_graph)), like(inputs, gradients)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """(outputs, J·v): the derivative of func's outputs in direction v, of the inputs' shapes; 1 for a scalar.

    Taken as the gradient by u of uᵀJ·v, which is linear in u: reverse mode twice.
    """
    with enable_grad():
        points, outputs = evaluated("jvp", func, inputs, create_graph)
        directions = default_weights("jvp", points, v)
        probes = tuple(zeros_like(o, requires_grad=True) for o in outputs)
        pulled = gradients_or_zeros(outputs, points, probes, create_graph=True)
        live = [(p, d) for p, d in zip(pulled, directions, strict=True) if p.requires_grad]
        if live:
            pushed = gradients_or_zeros(tuple(p for p, _ in live), probes, tuple(d for _, d in live), create_graph)
        else:
            pushed = tuple(zeros_like(o) for o in outputs)
    return like(outputs, finished(outputs, create_graph)), like(outputs, pushed)


def jacobian(func: Callable[..., Any], inputs: Any, create_graph: bool = False) -> Any:
    """All first derivatives: for an output of shape S and an input of shape T, a tensor of shape (*S, *T).

    A tuple for each output that is one of a tuple, and in it one for each input that is.
    """
    with enable_grad():
        points, outputs = evaluated("jacobian", func, inputs, create_graph)
        blocks = []
        for output in outputs:
            rows = []
            for i in range(output.numel()):
                unit = zeros_like(output)
                unit.array.reshape(-1)[i] = 1
                rows.append(gradients_or_zeros((output,), points, (unit,), create_graph, retain_graph=True))
            blocks.append(
                tuple(
                    reshape(stack([row[k] for row in rows]), (*output.shape, *point.shape))
                    if rows
                    else zeros_like(point).reshape(-1)[:0].reshape(*output.shape, *point.shape)
                    for k, point in enumerate(points)
                )
            )
    return like(outputs, tuple(like(inputs, block) for block in blocks))


def hessian(func: Callable[..., Any], inputs: Any, create_graph: bool = False) -> Any:
    """All second derivatives of a function of one scalar: for inputs of shapes S and T, a tensor of shape (*S, *T).

    >>> import minigrad as mg
    >>> hessian(lambda x: (x**3).sum(), mg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def slope(*points: Tensor) -> Any:
        output = scalar("hessian", func(*points))
        return like(inputs, gradients_or_zeros((output,), points, None, create_graph=True))

    return jacobian(slope, inputs, create_graph)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """(output, H·v): the Hessian of a function of one scalar times v, of the inputs' shapes, without the Hessian."""
    with enable_grad():
        points, outputs = evaluated("hvp", func, inputs, create_graph)
        output = scalar("hvp", outputs[0])
        directions = default_weights("hvp", points, v)
        slopes = gradients_or_zeros((output,), points, None, create_graph=True)
        product = sum(slopes[0] * directions[0])
        for slope, direction in zip(slopes[1:], directions[1:], strict=True):
            product = product + sum(slope * direction)
        if product.requires_grad:
            curved = gradients_or_zeros((product,), points, None, create_graph)
        else:
            curved = tuple(zeros_like(p) for p in points)
    return finished((output,), create_graph)[0], like(inputs, curved)


# ---------------------------------------------------------------------------------------------------- shared


def evaluated(name: str, func: Callable[..., Any], inputs: Any, create_graph: bool) -> tuple[tuple[Tensor, ...], Any]:
    """The inputs as points to differentiate at, and func's outputs there as a tuple."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: expected Tensors as inputs, input {i} is {type(x).__name__}")
    points = tuple(x * 1 if create_graph and x.requires_grad else x.detach().requires_grad_() for x in given)
    outputs = func(*points)
    outputs = outputs if isinstance(outputs, tuple) else Single((outputs,))
    for i, y in enumerate(outputs):
        if not isinstance(y, Tensor):
            raise TypeError(f"{name}: expected Tensors from the function, output {i} is {type(y).__name__}")
    return points, outputs


class Single(tuple[Tensor, ...]):
    """The one output of a function that returned a bare Tensor."""


def like(structure: Any, values: Sequence[Any]) -> Any:
    """`values` as a tuple if the structure is one, else the only one."""
    return tuple(values) if isinstance(structure, tuple) and not isinstance(structure, Single) else values[0]


def finished(outputs: Sequence[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    return tuple(outputs) if create_graph else tuple(o.detach() for o in outputs)


def scalar(name: str, output: Any) -> Tensor:
    if not isinstance(output, Tensor) or output.numel() != 1:
        raise ValueError(f"{name}: expected a function of one scalar, got {getattr(output, 'shape', output)}")
    return output


def default_weights(name: str, tensors: Sequence[Tensor], v: Any) -> tuple[Tensor, ...]:
    """v as a tuple that fits the tensors; ones where they are scalars and v is None."""
    if v is None:
        if any_not_scalar := [t.shape for t in tensors if t.numel() != 1]:
            raise ValueError(f"{name}: v may be left out for scalars only, here are shapes {any_not_scalar}")
        return tuple(ones_like(t) for t in tensors)
    weights = v if isinstance(v, tuple) else (v,)
    if [tuple(w.shape) for w in weights] != [tuple(t.shape) for t in tensors]:
        raise ValueError(
            f"{name}: v has shapes {[tuple(w.shape) for w in weights]}, expected {[tuple(t.shape) for t in tensors]}"
        )
    return weights


def gradients_or_zeros(
    outputs: Sequence[Tensor],
    points: Sequence[Tensor],
    weights: Sequence[Tensor] | None,
    create_graph: bool,
    retain_graph: bool | None = None,
) -> tuple[Tensor, ...]:
    """The gradients by the points; zeros for a point that the outputs do not depend on."""
    chosen = [i for i, o in enumerate(outputs) if o.requires_grad]
    if not chosen:
        return tuple(zeros_like(p) for p in points)
    found = grad(
        [outputs[i] for i in chosen],
        list(points),
        None if weights is None else [weights[i] for i in chosen],
        retain_graph,
        create_graph,
        allow_unused=True,
    )
    return tuple(zeros_like(p) if g is None else g for p, g in zip(points, found, strict=True))
