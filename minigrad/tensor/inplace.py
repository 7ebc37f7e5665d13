"""Change in place: the memory changes, and in recorded code the history is written anew.

`x.mul_(y)` computes `x * y`, puts it into the memory of x, and gives x the new node. If x is a view, its source gets a
node that says which part of it was replaced; other views of that memory follow when they are next used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Leaf, Node, Value, box, guards, state
from minigrad.autograd.hooks import KEEP
from minigrad.autograd.strangers import describe_kind
from minigrad.ops import arithmetic, arrangement, elementwise, indexing, scans, selection, shape
from minigrad.ops.views import read_view, write_view
from minigrad.tensor.convert import plain, row
from minigrad.tensor.draws import Source, draw

if TYPE_CHECKING:
    from minigrad.tensor.tensor import Tensor


def in_place(operation: Callable[..., Any], name: str = "") -> Callable[..., Tensor]:
    """The method that puts the result of `operation(x, …)` into the memory of x and returns x."""
    name = name or f"{operation.__name__}_"

    def method(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        return change(self, name, operation, *args, **kwargs)

    functools.update_wrapper(method, operation)
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In place: {operation.__doc__}"
    return method


def change(x: Tensor, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """Put the result of `operation(x, …)` into the memory of x. If that fails, nothing has changed."""
    if not isinstance(x, Value):
        raise TypeError(f"{name}: expected a Tensor, got {describe_kind(x)}")
    recorded = is_recorded(x, (*args, *kwargs.values()))
    before: Tensor = x
    if recorded:
        refuse_leaf(x, name)
        before = box(x.array.copy(), x.node)  # what the rules of the operation may need
        args = tuple(before if a is x else a for a in args)
    result = operation(before, *args, **kwargs)
    if recorded and result.node is None:  # a constant, as after floor: the gradient that goes on to x is 0
        result = overwrite(before, result)
    replace(x, name, result, recorded)
    return x


def in_shape(operation: Callable[..., Any]) -> Callable[..., Tensor]:
    """The method that gives x the shape of `operation(x, …)`, which is a view of it, and returns x."""
    name = f"{operation.__name__}_"

    def method(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        if is_recorded(self, ()):
            refuse_leaf(self, name)
        before = box(self.array, self.node)
        before.version, before.view_of, before.followed = self.version, self.view_of, self.followed
        before.stage, before.former = self.stage, self.former
        result = operation(before, *args, **kwargs)
        self.array, self.view_of, self.followed = result.array, result.view_of, result.followed
        place_at(self, result.node)
        self.stage, self.former = self.stage + 1, before  # views that were made before go on with what stands for it
        if isinstance(before.node, Leaf):
            self.node, self.view_of = Leaf(self), None
        return self  # type: ignore[no-any-return]

    functools.update_wrapper(method, operation)
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In place: {operation.__doc__}"
    return method


def is_recorded(x: Value, others: tuple[Any, ...]) -> bool:
    return state.recording and any(isinstance(v, Value) and v.requires_grad for v in (x, *others))


def refuse_leaf(x: Value, name: str) -> None:
    """Raise a RuntimeError if a change of x would change a leaf that asks for a gradient."""
    what, tensor = "a leaf", x
    while True:
        if tensor.requires_grad and tensor.is_leaf:
            raise RuntimeError(
                f"{name}: {what} that requires a gradient cannot be changed in place while operations are recorded; "
                "do it under no_grad(), or use an operation that makes a new tensor"
            )
        if tensor.view_of is None:
            return
        if not tensor.view_of.recorded and tensor.view_of.source.requires_grad:
            raise RuntimeError(
                f"{name}: a view that was made under no_grad() cannot be changed in place where operations are "
                "recorded; make the view where they are"
            )
        what, tensor = "a view of a leaf", tensor.view_of.source


def replace(x: Tensor, name: str, result: Tensor, recorded: bool) -> None:
    """Write `result` into the memory of x and, if that is recorded, into its history."""
    given = f"{name}({guards.describe(x)})"
    if result.array.shape != x.array.shape:
        raise ValueError(f"{given}: the result has shape {result.array.shape} and does not fit into the tensor")
    if not np.can_cast(result.array.dtype, x.array.dtype, "same_kind"):
        raise TypeError(f"{given}: the result is {result.array.dtype}, which the tensor cannot hold")
    if not x.array.flags.writeable:
        raise RuntimeError(f"{given}: several elements share one place in memory, as after expand; use a clone()")
    if recorded:
        rewrite_history(x, result.to(x.array.dtype))
    np.copyto(x.array, result.array, casting="same_kind")
    x.bump_version()


def rewrite_history(x: Tensor, result: Tensor) -> None:
    """Give x the node of `result`; or if x is a view, give its source a node that says what was replaced.

    Views follow their source when they are next asked for their place.
    """
    if x.view_of is None:
        place_at(x, result.node)
    else:
        source = x.view_of.source
        before = box(source.array, source.node if source.requires_grad else None)
        rewrite_history(source, write_view(before, result, x.view_of))


def place_at(x: Tensor, node: Node | None) -> None:
    """Give x another place in the graph. The gradient that it retains is the one of its new value."""
    before, x.node = x.node, node
    if node is not None and before is not None and before.hooks and KEEP in before.hooks and node is not before:
        node.hooks = {**(node.hooks or {}), KEEP: before.hooks.pop(KEEP)}


def follow(x: Tensor) -> None:
    """Bring the node of a view up to date with changes of the memory that it looks at."""
    if x.followed != x.version[0] and x.view_of is not None:
        x.followed = x.version[0]
        if x.view_of.recorded and not isinstance(x.node, Leaf):
            source = x.view_of.source
            place_at(x, read_view(box(source.array, source.node), x.view_of).node if source.requires_grad else None)


def overwrite(x: Any, value: Any) -> Any:
    """`value` everywhere in a tensor of the shape of x; the gradient of x is 0."""
    return elementwise.where(True, value if isinstance(value, Value) else plain(value), x)


def set_elements(x: Tensor, index: Any, value: Any) -> None:
    """`x[index] = value`, recorded where a gradient is asked for."""
    chosen = indexing.resolve(index, x, "setting elements")
    if is_recorded(x, (value,)):
        refuse_leaf(x, "setting elements")
        replace(x, "setting elements", indexing.put(box(x.array, x.node), value, chosen, False), True)
    else:
        write(x, "setting elements", lambda: indexing.write(x.array, chosen, plain(value)))


def assign(x: Any, name: str, value: Any) -> Tensor:
    """Give every element of x the value, which broadcasts, in the dtype of x, recorded if need be."""
    if is_recorded(x, (value,)):
        return change(x, name, overwrite, value)
    write(x, name, lambda: np.copyto(x.array, plain(value), casting="unsafe"))
    return x  # type: ignore[no-any-return]


def write(x: Tensor, name: str, change_memory: Callable[[], None]) -> None:
    """Change the memory of x where nothing is recorded."""
    try:
        change_memory()
    except guards.MISTAKES as error:
        raise guards.explain(error, name, (x,)) from None
    finally:
        x.bump_version()  # even then: what failed half way has changed something


def scaled(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with the second operand multiplied by `alpha`."""

    def function(x: Any, other: Any, *, alpha: float = 1) -> Any:
        return operation(x, other if alpha == 1 else elementwise.mul(other, alpha))

    return functools.wraps(operation)(function)


class InPlace(Value):
    """The methods of a Tensor that change its memory, and end in an underscore."""

    add_ = __iadd__ = in_place(scaled(elementwise.add))
    sub_ = subtract_ = __isub__ = in_place(scaled(elementwise.sub))
    mul_ = multiply_ = __imul__ = in_place(elementwise.mul)
    div_ = divide_ = true_divide_ = __itruediv__ = in_place(arithmetic.div)
    floor_divide_ = __ifloordiv__ = in_place(elementwise.floor_divide)
    remainder_ = __imod__ = in_place(elementwise.remainder)
    pow_ = __ipow__ = in_place(elementwise.pow)
    __iand__ = in_place(elementwise.bitwise_and)
    __ior__ = in_place(elementwise.bitwise_or)
    __ixor__ = in_place(elementwise.bitwise_xor)
    clamp_ = clip_ = in_place(elementwise.clamp)
    exp_, log_, sqrt_, rsqrt_ = map(
        in_place, (elementwise.exp, elementwise.log, elementwise.sqrt, elementwise.rsqrt)
    )  # fmt: skip
    sin_, cos_, tan_, tanh_ = map(in_place, (elementwise.sin, elementwise.cos, elementwise.tan, elementwise.tanh))
    sigmoid_, relu_, abs_, neg_ = map(
        in_place, (elementwise.sigmoid, elementwise.relu, elementwise.abs, elementwise.neg)
    )  # fmt: skip
    round_, floor_, ceil_, trunc_ = map(
        in_place, (elementwise.round, elementwise.floor, elementwise.ceil, elementwise.trunc)
    )  # fmt: skip
    square_, reciprocal_, sign_, erf_ = map(
        in_place, (elementwise.square, elementwise.reciprocal, elementwise.sign, elementwise.erf)
    )  # fmt: skip
    tril_, triu_, masked_fill_ = in_place(shape.tril), in_place(shape.triu), in_place(selection.masked_fill)
    scatter_, scatter_add_ = in_place(selection.scatter), in_place(selection.scatter_add)
    index_add_, index_copy_ = in_place(selection.index_add), in_place(selection.index_copy)
    index_fill_, index_put_ = in_place(selection.index_fill), in_place(indexing.index_put)
    fill_diagonal_ = in_place(arrangement.fill_diagonal)
    cumsum_, cumprod_ = in_place(scans.cumsum), in_place(scans.cumprod)
    lerp_ = in_place(arithmetic.lerp)
    addcmul_, addcdiv_ = in_place(arithmetic.addcmul), in_place(arithmetic.addcdiv)
    squeeze_, unsqueeze_ = in_shape(shape.squeeze), in_shape(shape.unsqueeze)
    transpose_ = in_shape(shape.transpose)

    def fill_(self, value: Any) -> Tensor:
        """Set all elements to one value, in this dtype."""
        return assign(self, "fill_", value)

    def copy_(self, src: Any, non_blocking: bool = False) -> Tensor:
        """Copy the elements of `src`, which broadcasts to this shape, in this dtype."""
        return assign(self, "copy_", src)

    def bernoulli_(self, p: Any = 0.5, generator: Source = None) -> Tensor:
        """Fill with draws of 1, with probability p (a number, or a tensor that broadcasts), and of 0."""
        return self.copy_(draw("random", self.array.shape, np.dtype(np.float64), generator) < plain(p))

    def random_(self, from_: int = 0, to: int | None = None, generator: Source = None) -> Tensor:
        """Fill with whole numbers from 0 (or `from_`) up to but not including `to`: random_(to), random_(from, to)."""
        low, high = (0, from_) if to is None and from_ else (from_, 1 << 24 if to is None else to)
        share = draw("random", self.array.shape, np.dtype(np.float64), generator)
        return self.copy_(np.floor(low + (high - low) * share).astype(self.array.dtype))

    def uniform_(self, a: float = 0.0, b: float = 1.0, generator: Source = None) -> Tensor:
        """Fill with draws from the uniform distribution on [a, b)."""
        if a > b:
            raise ValueError(f"uniform_: expected a range from the smaller to the larger number, got {a} and {b}")
        return self.copy_(a + (b - a) * draw("random", self.array.shape, self.array.dtype, generator))

    def normal_(self, mean: float = 0.0, std: float = 1.0, generator: Source = None) -> Tensor:
        """Fill with draws from a normal distribution."""
        if std < 0:
            raise ValueError(f"normal_: expected std ≥ 0, got {std}")
        return self.copy_(mean + std * draw("standard_normal", self.array.shape, self.array.dtype, generator))

    def t_(self) -> Tensor:
        """In place: the transpose of a matrix."""
        if self.array.ndim > 2:
            raise ValueError(f"t_: expected at most 2 dimensions, got shape {self.shape}; use transpose_")
        return self.transpose_(*((0, 1) if self.array.ndim > 1 else (0, 0)))

    def detach_(self) -> Tensor:
        """Take this tensor itself out of the graph. A view with a gradient is a RuntimeError: its source would stay."""
        if self.view_of is not None and self.requires_grad:
            raise RuntimeError("detach_: a view cannot be detached from its source in place; use detach()")
        self.node = None
        return self  # type: ignore[return-value]

    def resize_(self, *size: Any, **named: Any) -> Tensor:
        """Take another shape in memory of its own: the first elements stay, and what is new is 0.

        Views keep the old memory. A tensor that requires a gradient is a RuntimeError.
        """
        if self.requires_grad:
            raise RuntimeError("resize_: a tensor that requires a gradient cannot be resized")
        array = np.zeros(row(size, "size", named), self.array.dtype)
        kept = min(array.size, self.array.size)
        array.reshape(-1)[:kept] = self.array.reshape(-1)[:kept]
        self.array, self.version, self.view_of = array, [0], None
        return self  # type: ignore[return-value]

    def resize_as_(self, other: Value) -> Tensor:
        """`resize_` to the shape of another tensor."""
        return self.resize_(other.array.shape)

    def zero_(self) -> Tensor:
        """Set all elements to 0."""
        return self.fill_(0)

    follow = follow
