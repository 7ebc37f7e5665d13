"""Derivatives of functions: products with the Jacobian from either side, the Jacobian itself, and second order.

Signatures and meaning are those of PyTorch's `autograd.functional`, by which name this is found, too. `inputs` is a
Tensor or a tuple of them, each detached before use, so no `.grad` is touched; a result has the structure of what it
belongs to. With `strict`, an output that does not depend on an input is a RuntimeError, in place of zeros.
"""

from collections.abc import Callable, Sequence
from typing import Any

from minigrad.autograd import enable_grad, grad
from minigrad.ops.reductions import sum
from minigrad.ops.shape import reshape, stack
from minigrad.tensor import Tensor, ones_like, zeros_like

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

__dir__ = __all__.copy  # what completion offers

Function = Callable[..., Any]


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, vᵀJ): the gradient of func's outputs weighted by v, of the outputs' shapes; 1 for a scalar.

    >>> import minigrad as mg
    >>> vjp(lambda x: x**2, mg.tensor([1.0, 2.0]), mg.tensor([1.0, 1.0]))[1]
    tensor([2., 4.])
    """
    with enable_grad():
        points, outputs = evaluate("vjp", func, inputs, create_graph)
        weights = choose_weights("vjp", outputs, v)
        gradients = find_gradients("vjp", outputs, points, weights, create_graph, strict)
    return arrange(outputs, finish(outputs, create_graph)), arrange(inputs, gradients)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, J·v): the derivative of func's outputs in direction v, of the inputs' shapes; 1 for a scalar.

    Taken as the gradient by u of uᵀJ·v, which is linear in u: reverse mode twice.
    """
    with enable_grad():
        points, outputs = evaluate("jvp", func, inputs, create_graph)
        directions = choose_weights("jvp", points, v)
        probes = tuple(zeros_like(o, requires_grad=True) for o in outputs)
        pulled = find_gradients("jvp", outputs, points, probes, True, strict)
        live = [(p, d) for p, d in zip(pulled, directions, strict=True) if p.requires_grad]
        if live:
            slopes, along = tuple(p for p, _ in live), tuple(d for _, d in live)
            pushed = find_gradients("jvp", slopes, probes, along, create_graph)
        else:
            pushed = tuple(zeros_like(o) for o in outputs)
    return arrange(outputs, finish(outputs, create_graph)), arrange(outputs, pushed)


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All first derivatives: for an output of shape S and an input of shape T, a tensor of shape (*S, *T).

    A tuple for each output that is one of a tuple, and in it one for each input that is. `vectorize` and `strategy`
    choose among PyTorch's ways to the same numbers, and change nothing here.
    """
    with enable_grad():
        points, outputs = evaluate("jacobian", func, inputs, create_graph)
        blocks = []
        for output in outputs:
            rows = []
            for i in range(output.numel()):
                unit = zeros_like(output)
                unit.array.reshape(-1)[i] = 1
                rows.append(find_gradients("jacobian", (output,), points, (unit,), create_graph, strict, True))
            blocks.append(
                tuple(
                    reshape(stack([row[k] for row in rows]), (*output.shape, *point.shape))
                    if rows
                    else zeros_like(point).reshape(-1)[:0].reshape(*output.shape, *point.shape)
                    for k, point in enumerate(points)
                )
            )
    return arrange(outputs, tuple(arrange(inputs, block) for block in blocks))


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function of one scalar: for inputs of shapes S and T, a tensor of shape (*S, *T).

    >>> import minigrad as mg
    >>> hessian(lambda x: (x**3).sum(), mg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def slope(*points: Tensor) -> Any:
        output = check_scalar("hessian", func(*points))
        return arrange(inputs, find_gradients("hessian", (output,), points, None, True))

    return jacobian(slope, inputs, create_graph, strict)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, H·v): the Hessian of a function of one scalar times v, of the inputs' shapes, without the Hessian."""
    return multiply_hessian("hvp", func, inputs, v, create_graph, strict)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, vᵀH), which is the same as H·v, for the Hessian is symmetric."""
    return multiply_hessian("vhp", func, inputs, v, create_graph, strict)


def multiply_hessian(
    name: str, func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        points, outputs = evaluate(name, func, inputs, create_graph)
        output = check_scalar(name, outputs[0])
        directions = choose_weights(name, points, v)
        slopes = find_gradients(name, (output,), points, None, True, strict)
        product = sum(slopes[0] * directions[0])
        for slope, direction in zip(slopes[1:], directions[1:], strict=True):
            product = product + sum(slope * direction)
        if product.requires_grad:
            curved = find_gradients(name, (product,), points, None, create_graph, strict)
        else:
            curved = tuple(zeros_like(p) for p in points)
    return finish((output,), create_graph)[0], arrange(inputs, curved)


# ---------------------------------------------------------------------------------------------------- shared


def evaluate(name: str, func: Function, inputs: Any, create_graph: bool) -> tuple[tuple[Tensor, ...], Any]:
    """The inputs as points to differentiate at, and func's outputs there as a tuple."""
    if not callable(func):
        raise TypeError(f"{name}: expected a function first, got {type(func).__name__}")
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


def arrange(structure: Any, values: Sequence[Any]) -> Any:
    """`values` as a tuple if the structure is one, else the only one."""
    return tuple(values) if isinstance(structure, tuple) and not isinstance(structure, Single) else values[0]


def finish(outputs: Sequence[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    return tuple(outputs) if create_graph else tuple(o.detach() for o in outputs)


def check_scalar(name: str, output: Any) -> Tensor:
    if not isinstance(output, Tensor) or output.numel() != 1:
        raise ValueError(f"{name}: expected a function of one scalar, got {getattr(output, 'shape', output)}")
    return output


def choose_weights(name: str, tensors: Sequence[Tensor], v: Any) -> tuple[Tensor, ...]:
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


def find_gradients(
    name: str,
    outputs: Sequence[Tensor],
    points: Sequence[Tensor],
    weights: Sequence[Tensor] | None,
    create_graph: bool,
    strict: bool = False,
    retain_graph: bool | None = None,
) -> tuple[Tensor, ...]:
    """The gradients by the points. Where nothing depends on a point, they are zeros, or with `strict` an error."""
    chosen = [i for i, o in enumerate(outputs) if o.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(points)
    if chosen:
        picked = None if weights is None else [weights[i] for i in chosen]
        found = grad([outputs[i] for i in chosen], list(points), picked, retain_graph, create_graph, allow_unused=True)
    for i, g in enumerate(found):
        if strict and (g is None or (create_graph and not g.requires_grad)):
            what = "The output" if g is None else "The derivative"
            raise RuntimeError(f"{name}: {what} of the function is independent of input {i}, which strict forbids")
    return tuple(zeros_like(p) if g is None else g for p, g in zip(points, found, strict=True))
