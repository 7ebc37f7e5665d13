"""Tensor: an array, its place in the graph, and the operators. And the functions that make one from nothing.

A primitive is a plain function, so it becomes a method by standing in the class body. What is written out here is
what has no gradient of its own: arguments in a row (`x.reshape(2, 3)`), change in place, and the way to and from NumPy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad import notebook, random
from minigrad.autograd import Value, box, explained, state
from minigrad.device import CPU, check_device, read_target
from minigrad.device import device as Device
from minigrad.dtypes import as_dtype, read_type_name, type_name
from minigrad.instead import missing
from minigrad.ops import elementwise, indexing, linalg, reductions, shape


class Tensor(Value, results=True):
    """An n-dimensional array that remembers how it was computed. PyTorch's names, argument order and meaning.

    data: numbers, nested lists, an array or a Tensor; copied. Python floats become float32, an array keeps its dtype.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False):
        self.array = as_array(data, dtype)
        self.version = [0]
        if requires_grad:
            self.requires_grad = True

    # ---- operators -------------------------------------------------------------------------------

    __add__ = add = elementwise.add
    __sub__ = sub = subtract = elementwise.sub
    __mul__ = mul = multiply = elementwise.mul
    __truediv__ = div = divide = elementwise.div
    __floordiv__ = floor_divide = elementwise.floor_divide
    __mod__ = remainder = elementwise.remainder
    __pow__ = pow = elementwise.pow
    __matmul__ = matmul = mm = bmm = mv = dot = linalg.matmul
    __radd__ = elementwise.add
    __rmul__ = elementwise.mul
    __neg__ = neg = elementwise.neg
    __abs__ = abs = elementwise.abs
    __eq__ = eq = elementwise.eq  # type: ignore[assignment]
    __ne__ = ne = elementwise.ne  # type: ignore[assignment]
    __lt__ = lt = elementwise.lt
    __le__ = le = elementwise.le
    __gt__ = gt = elementwise.gt
    __ge__ = ge = elementwise.ge
    __and__ = __rand__ = elementwise.bitwise_and
    __or__ = __ror__ = elementwise.bitwise_or
    __xor__ = __rxor__ = elementwise.bitwise_xor
    __invert__ = elementwise.bitwise_not
    __hash__ = object.__hash__  # by identity, as == compares elements

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.sub(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.div(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Tensor:
        return elementwise.remainder(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return elementwise.pow(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linalg.matmul(other, self)

    def __pos__(self) -> Tensor:
        return self

    # ---- elementwise ---------------------------------------------------------------------------------

    sign = elementwise.sign
    exp, expm1, log, log1p = elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log1p
    sqrt, rsqrt, square, reciprocal = (
        elementwise.sqrt, elementwise.rsqrt, elementwise.square, elementwise.reciprocal
    )  # fmt: skip
    sin, cos, tan, tanh = elementwise.sin, elementwise.cos, elementwise.tan, elementwise.tanh
    sigmoid, relu, erf = elementwise.sigmoid, elementwise.relu, elementwise.erf
    maximum, minimum, clamp, clip = (
        elementwise.maximum, elementwise.minimum, elementwise.clamp, elementwise.clamp
    )  # fmt: skip
    floor, ceil, trunc, round = elementwise.floor, elementwise.ceil, elementwise.trunc, elementwise.round
    isnan, isinf, isfinite = elementwise.isnan, elementwise.isinf, elementwise.isfinite
    logical_and, logical_or, logical_xor, logical_not = (
        elementwise.logical_and, elementwise.logical_or, elementwise.logical_xor, elementwise.logical_not
    )  # fmt: skip
    clone = elementwise.clone

    def where(self, condition: Any, other: Any) -> Tensor:
        """This tensor where the condition holds, `other` elsewhere, all broadcasting."""
        return elementwise.where(condition, self, other)

    # ---- reductions ----------------------------------------------------------------------------------

    sum, mean, prod, cumsum = reductions.sum, reductions.mean, reductions.prod, reductions.cumsum
    amax, amin, max, min, median = (
        reductions.amax, reductions.amin, reductions.max, reductions.min, reductions.median
    )  # fmt: skip
    argmax, argmin, argsort, sort = (
        reductions.argmax, reductions.argmin, reductions.argsort, reductions.sort
    )  # fmt: skip
    var, std, norm, any, all = (
        reductions.var, reductions.std, reductions.norm, reductions.any, reductions.all
    )  # fmt: skip
    logsumexp, softmax, log_softmax = reductions.logsumexp, reductions.softmax, reductions.log_softmax

    def sum_to_size(self, *size: Any) -> Tensor:
        """The sum over the dimensions that broadcasting from `size` to this shape repeats."""
        return reductions.sum_to_size(self, row(size))

    # ---- shape -----------------------------------------------------------------------------------------

    transpose, movedim, flatten, unflatten = shape.transpose, shape.movedim, shape.flatten, shape.unflatten
    squeeze, unsqueeze, broadcast_to, roll = shape.squeeze, shape.unsqueeze, shape.broadcast_to, shape.roll
    split, chunk, unbind, unfold = shape.split, shape.chunk, shape.unbind, shape.unfold
    gather, take_along_dim, index_select = shape.gather, shape.take_along_dim, shape.index_select
    masked_fill, tril, triu, outer = shape.masked_fill, shape.tril, shape.triu, linalg.outer

    def reshape(self, *shape_: Any) -> Tensor:
        """The same elements in row-major order in another shape; one length may be -1."""
        return shape.reshape(self, row(shape_))

    view = reshape

    def view_as(self, other: Tensor) -> Tensor:
        """The same elements in the shape of `other`."""
        return shape.reshape(self, other.shape)

    reshape_as = view_as

    def permute(self, *dims: Any) -> Tensor:
        """The dimensions in another order: dimension i of the result is dimension dims[i] of this."""
        return shape.permute(self, row(dims))

    def expand(self, *sizes: Any) -> Tensor:
        """This repeated, without a copy, along dimensions of length 1 and new leading ones; -1 keeps a length."""
        return shape.expand(self, row(sizes))

    def expand_as(self, other: Tensor) -> Tensor:
        """This expanded to the shape of `other`."""
        return shape.expand(self, other.shape)

    def repeat(self, *sizes: Any) -> Tensor:
        """This tiled: sizes[i] copies along dimension i, counted from the last."""
        return shape.repeat(self, row(sizes))

    def tile(self, *dims: Any) -> Tensor:
        """This repeated dims[i] times along dimension i, missing ones taken as 1."""
        return shape.tile(self, row(dims))

    def flip(self, *dims: Any) -> Tensor:
        """The elements in reverse along `dims`."""
        return shape.flip(self, row(dims))

    def t(self) -> Tensor:
        """The transpose of a matrix; vectors and scalars stay as they are."""
        if self.ndim > 2:
            raise ValueError(f"t: expected at most 2 dimensions, got shape {self.shape}; use transpose or permute")
        return self.T

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return shape.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return linalg.matrix_transpose(self)

    def contiguous(self) -> Tensor:
        """This in row-major memory: itself if it is, a copy otherwise."""
        return self if self.array.flags.c_contiguous else elementwise.clone(self, "C")

    index_put = indexing.index_put

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.subscript(self, index)

    # ---- change in place ---------------------------------------------------------------------------

    def _change(self, name: str, write: Any) -> Tensor:
        """Carry out `write()`, which changes the memory, unless a recorded gradient would come out wrong."""
        if self.requires_grad and (state.recording or not self.is_leaf):
            kind = "a leaf that requires a gradient" if self.is_leaf else "part of a recorded graph"
            raise RuntimeError(
                f"{name}: a tensor that is {kind} cannot be changed in place; "
                "use an operation that makes a new tensor, or no_grad() on a leaf"
            )
        try:
            write()
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, name, (self,)) from error
        finally:
            self.bump_version()  # even then: what failed half way has changed something
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        refuse_gradient("setting elements", value)
        chosen = indexing.resolve(index, self, "setting elements")
        self._change("setting elements", lambda: indexing.write(self.array, chosen, plain(value)))

    def _ufunc(self, name: str, ufunc: np.ufunc, other: Any, alpha: float = 1) -> Tensor:
        refuse_gradient(name, other)
        value = plain(other) if alpha == 1 else np.multiply(plain(other), alpha)
        return self._change(name, lambda: ufunc(self.array, value, out=self.array, casting="same_kind"))

    def add_(self, other: Any, *, alpha: float = 1) -> Tensor:
        """Add alpha·other in place."""
        return self._ufunc("add_", np.add, other, alpha)

    def sub_(self, other: Any, *, alpha: float = 1) -> Tensor:
        """Subtract alpha·other in place."""
        return self._ufunc("sub_", np.subtract, other, alpha)

    def mul_(self, other: Any) -> Tensor:
        """Multiply in place."""
        return self._ufunc("mul_", np.multiply, other)

    def div_(self, other: Any) -> Tensor:
        """Divide in place."""
        return self._ufunc("div_", np.true_divide, other)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Hold the elements between min and max, in place."""
        return self._change("clamp_", lambda: np.clip(self.array, plain(min), plain(max), out=self.array))

    def fill_(self, value: float) -> Tensor:
        """Set all elements to one value."""
        return self._change("fill_", lambda: self.array.fill(plain(value)))

    def zero_(self) -> Tensor:
        """Set all elements to 0."""
        return self.fill_(0)

    def copy_(self, other: Any) -> Tensor:
        """Copy the elements of `other`, which broadcasts to this shape."""
        refuse_gradient("copy_", other)
        return self._change("copy_", lambda: np.copyto(self.array, plain(other), casting="same_kind"))

    def uniform_(self, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
        """Fill with draws from the uniform distribution on [a, b)."""
        return self.copy_(a + (b - a) * rand(*self.shape, dtype=self.dtype, generator=generator).array)

    def normal_(self, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
        """Fill with draws from a normal distribution."""
        return self.copy_(mean + std * randn(*self.shape, dtype=self.dtype, generator=generator).array)

    # In code that is recorded, `x += y` makes a new tensor and gives it the name x; elsewhere it changes x itself.

    def __iadd__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self + other if recorded(self, other) else self.add_(other)

    def __isub__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self - other if recorded(self, other) else self.sub_(other)

    def __imul__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self * other if recorded(self, other) else self.mul_(other)

    def __itruediv__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self / other if recorded(self, other) else self.div_(other)

    # ---- to and from NumPy and Python --------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        return self.array.shape if dim is None else self.array.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    def numpy(self) -> np.ndarray:
        """The array itself, sharing memory. A tensor that requires a gradient must be detached first."""
        if self.requires_grad:
            raise RuntimeError("numpy: the tensor requires a gradient, which NumPy would lose; use .detach().numpy()")
        return self.array

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.array.size != 1:
            raise ValueError(f"item: expected a tensor of one element, got shape {self.shape}")
        return self.array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self.array.tolist()

    def to(self, *args: Any, **options: Any) -> Tensor:
        """This in another dtype: to(dtype), to(device), to(device, dtype), to(other), each with non_blocking and copy.

        Itself if nothing changes, unless `copy`. The device is the CPU; the dtype that of `other`, if one is given.
        """
        dtype, copy = read_target("to", *args, **options)
        if dtype is None or as_dtype(dtype) == self.array.dtype:
            return self.clone() if copy else self
        return elementwise.cast(self, as_dtype(dtype))

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """What PyTorch calls this tensor, as "torch.FloatTensor"; with a dtype or such a name, this in that dtype."""
        if dtype is None:
            return type_name(self.array.dtype)
        return self.to(dtype=read_type_name(dtype) if isinstance(dtype, str) else as_dtype(dtype))

    @property
    def device(self) -> Device:
        """Where the elements are: on the CPU."""
        return CPU

    def cpu(self, memory_format: Any = None) -> Tensor:
        """This tensor: it is on the CPU."""
        return self

    def cuda(self, device: Any = "cuda", non_blocking: bool = False, memory_format: Any = None) -> Tensor:
        """Refused with a RuntimeError: there is one device, the CPU."""
        check_device("cuda" if device is None else device, "cuda")
        return self

    is_cuda = False

    def pin_memory(self, device: Any = None) -> Tensor:
        """This tensor: no other device waits for its memory."""
        return self

    def type_as(self, other: Tensor) -> Tensor:
        """This in the dtype of `other`."""
        return self.to(other.array.dtype)

    def float(self) -> Tensor:
        """This in float32."""
        return self.to(np.float32)

    def double(self) -> Tensor:
        """This in float64."""
        return self.to(np.float64)

    def long(self) -> Tensor:
        """This in int64."""
        return self.to(np.int64)

    def int(self) -> Tensor:
        """This in int32."""
        return self.to(np.int32)

    def bool(self) -> Tensor:
        """Whether each element is not 0."""
        return self.to(np.bool_)

    def half(self) -> Tensor:
        """This in float16."""
        return self.to(np.float16)

    def short(self) -> Tensor:
        """This in int16."""
        return self.to(np.int16)

    def char(self) -> Tensor:
        """This in int8."""
        return self.to(np.int8)

    def byte(self) -> Tensor:
        """This in uint8."""
        return self.to(np.uint8)

    def __len__(self) -> Any:
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self))])

    def __bool__(self) -> Any:
        if self.array.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous; use .any() or .all()")
        return bool(self.array.item())

    def __float__(self) -> Any:
        return float(self.item())

    def __int__(self) -> Any:
        return int(self.item())

    def __index__(self) -> Any:
        return self.array.__index__()

    def __contains__(self, element: Any) -> Any:
        return bool((self.array == plain(element)).any())

    def __format__(self, specification: str) -> str:
        return format(self.item() if self.array.ndim == 0 else self, specification) if specification else str(self)

    if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

        def __getattr__(self, name: str) -> Any:  # asked only when there is no such attribute
            raise missing("'Tensor' object", name, INSTEAD, self)

    def __repr__(self) -> str:
        body = np.array2string(self.array, separator=", ", prefix="tensor(", precision=4, floatmode="maxprec")
        if not self.array.size:
            body = f"[], shape={self.shape}"
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        place = f", grad_fn={self.node}" if not self.is_leaf else ", requires_grad=True" if self.node else ""
        return f"tensor({body}{dtype}{place})"

    def _repr_html_(self) -> str:
        place = "" if self.node is None else ", asks for a gradient" if self.is_leaf else f" from {self.node.name}"
        return notebook.array(self.array, f"{type(self).__name__}{place}")

    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("deepcopy: only leaves can be copied with their graph; detach the tensor first")
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        copied.array, copied.version = self.array.copy(), [0]
        copied.grad = None if self.grad is None else self.grad.detach().clone()
        copied.requires_grad = self.requires_grad
        return copied

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise RuntimeError("a tensor with a graph cannot be sent elsewhere; detach it first")
        return type(self), (self.array, None, self.requires_grad)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """`np.exp(tensor)` is the primitive of that name; a ufunc without one raises rather than lose the gradient."""
        function = DISPATCH.get(ufunc.__name__)
        if function is None or method != "__call__" or kwargs:
            raise TypeError(
                f"np.{ufunc.__name__} (method {method}, options {list(kwargs)}) has no rule for tensors; "
                "use a function of minigrad, or .detach().numpy()"
            )
        return function(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """`np.sum(tensor, axis=0)` is the primitive of that name; a function without one raises."""
        ours = DISPATCH.get(function.__name__)
        if ours is None:
            raise TypeError(
                f"{function.__module__}.{function.__name__} has no rule for tensors; use a function of minigrad, "
                "or .detach().numpy()"
            )
        renamed = {{"axis": "dim", "keepdims": "keepdim", "ddof": "correction"}.get(k, k): v for k, v in kwargs.items()}
        if function in (np.var, np.std):
            renamed.setdefault("correction", 0)
        return ours(*args, **renamed)


INSTEAD = {
    **dict.fromkeys(["gelu", "silu", "elu", "leaky_relu", "softplus", "pad"], "it is in nn.functional"),
    **dict.fromkeys(["nonzero", "unique", "allclose", "histc"], "use NumPy's on x.detach().numpy()"),
    "bfloat16": "use x.to(dtype)",
    **dict.fromkeys(["scatter", "scatter_", "index_put_", "masked_fill_"], "use x[index] = values"),
    **dict.fromkeys(["relu_", "exp_", "sqrt_", "sigmoid_", "tanh_", "round_", "abs_", "neg_"], "use x.copy_(x.relu())"),
    **dict.fromkeys(["unsqueeze_", "squeeze_", "t_", "transpose_"], "use the name without the underscore"),
    **dict.fromkeys(["is_contiguous", "stride", "data_ptr", "itemsize", "nbytes"], "ask the array, x.numpy()"),
    **dict.fromkeys(["new_zeros", "new_ones", "new_full", "new_tensor"], "use zeros(size, dtype=x.dtype) and so on"),
    **dict.fromkeys(["swapaxes", "swapdims"], "use transpose"),
    "addmm": "use x + a @ b",
    "astype": "use x.to(dtype)",
    "copy": "use x.clone()",
    "masked_select": "use x[mask]",
    "nelement": "use x.numel()",
    "ravel": "use x.flatten()",
    "scatter_add": "indexing's gradient does it; or np.add.at(x.numpy(), index, values)",
    "bernoulli": "use rand(size) < p",
    "equal": "use (x == y).all()",
    "topk": "use sort(descending=True)",
}
"""Names that users of PyTorch reach for, and what there is instead."""


DISPATCH = {
    **{name: getattr(elementwise, name) for name in (
        "add", "subtract", "multiply", "divide", "negative", "absolute", "sign", "exp", "expm1", "log", "log1p",
        "sqrt", "square", "reciprocal", "sin", "cos", "tan", "tanh", "maximum", "minimum", "floor", "ceil", "trunc",
        "isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and",
        "bitwise_or", "bitwise_xor", "floor_divide", "remainder", "round", "where", "clip",
    )},
    "power": elementwise.pow, "equal": elementwise.eq, "not_equal": elementwise.ne, "less": elementwise.lt,
    "less_equal": elementwise.le, "greater": elementwise.gt, "greater_equal": elementwise.ge,
    "invert": elementwise.bitwise_not, "matmul": linalg.matmul, "outer": linalg.outer, "einsum": linalg.einsum,
    **{name: getattr(reductions, name) for name in (
        "sum", "mean", "prod", "amax", "amin", "var", "std", "argmax", "argmin", "any", "all"
    )},
    "cumsum": lambda x, dim=None: reductions.cumsum(shape.flatten(x) if dim is None else x, dim or 0),
    "max": reductions.amax, "min": reductions.amin,
    **{name: getattr(shape, name) for name in ("reshape", "broadcast_to", "stack", "tril", "triu")},
    "flip": lambda x, dim=None: shape.flip(x, tuple(range(x.ndim)) if dim is None else dim),
    "roll": lambda x, shift, dim=None: shape.roll(x, shift, dim),
    "tile": lambda x, reps: shape.tile(x, (reps,) if isinstance(reps, int) else reps),
    "concatenate": lambda parts, dim=0: (
        shape.cat([shape.flatten(p) for p in parts]) if dim is None else shape.cat(parts, dim)
    ),
    "squeeze": shape.squeeze, "expand_dims": shape.unsqueeze,
    "swapaxes": shape.transpose, "moveaxis": shape.movedim,
    "transpose": lambda x, axes=None: shape.permute(x, tuple(axes) if axes else tuple(range(x.ndim))[::-1]),
}  # fmt: skip
"""NumPy's names, and the function here that does the same to tensors with the same positional arguments."""


def row(values: tuple[Any, ...]) -> tuple[int, ...]:
    """The numbers of `f(2, 3)`, `f((2, 3))` and `f([2, 3])` alike."""
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = tuple(values[0])
    try:
        return tuple(map(operator.index, values))
    except TypeError:
        raise TypeError(f"expected whole numbers, as f(2, 3) or f((2, 3)), got {values}") from None


def plain(value: Any) -> Any:
    """A value with arrays in place of Tensors and of lists."""
    if isinstance(value, Value):
        return value.array
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, list):
        return np.asarray([plain(v) for v in value]) if value else np.zeros(0, np.int64)
    return value


def recorded(tensor: Tensor, other: Any) -> bool:
    """Whether an operation on both would be recorded and can be: a leaf is left to raise its error."""
    if not state.recording or (tensor.requires_grad and tensor.is_leaf):
        return False
    return tensor.requires_grad or (isinstance(other, Value) and other.requires_grad)


def refuse_gradient(name: str, other: Any) -> None:
    if state.recording and isinstance(other, Value) and other.requires_grad:
        raise RuntimeError(
            f"{name}: in place, the gradient of the other operand would be lost; "
            "build the tensor with where, cat or stack, or detach the operand"
        )


def as_array(data: Any, dtype: Any = None) -> np.ndarray:
    """A new array with the elements of `data`; float32 for Python floats unless a dtype is given."""
    if isinstance(data, Value):
        data = data.array
    elif isinstance(data, list | tuple):
        data = [as_array(d) if isinstance(d, Value) else d for d in data]
    try:
        array = np.array(data, None if dtype is None else as_dtype(dtype))
    except ValueError as error:
        raise ValueError(f"tensor: expected numbers or nested lists of equal lengths: {error}") from None
    if dtype is None and array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic):
        array = array.astype(as_dtype(None))
    as_dtype(array.dtype)
    return array


# ---------------------------------------------------------------------------------------------------- creation


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A Tensor with the elements of numbers, nested lists, an array or a Tensor; always a copy.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    check_device(device, "tensor")
    return Tensor(data, dtype, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor: itself if it is one of that dtype, sharing the memory of an array of that dtype."""
    check_device(device, "as_tensor")
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == as_dtype(dtype)):
        return from_numpy(data)
    return Tensor(data, dtype)


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shares the array's memory."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected an array, got {type(array).__name__}")
    as_dtype(array.dtype)
    return box(array)


def finished(array: np.ndarray, requires_grad: bool) -> Tensor:
    return box(array).requires_grad_(requires_grad)


def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Zeros of a shape."""
    check_device(device, "zeros")
    return finished(np.zeros(row(size), as_dtype(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones of a shape."""
    check_device(device, "ones")
    return finished(np.ones(row(size), as_dtype(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A tensor of a shape with arbitrary elements."""
    check_device(device, "empty")
    return finished(np.empty(row(size), as_dtype(dtype)), requires_grad)


def full(
    size: Sequence[int], fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """A tensor of a shape with one value everywhere; its dtype is the value's unless given."""
    check_device(device, "full")
    value = as_array(fill_value, dtype)
    return finished(np.full(tuple(size), value, value.dtype), requires_grad)


def arange(
    start: Any, end: Any = None, step: Any = 1, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """start, start + step, … up to but not including end; from 0 with one argument. Integers unless one is a float."""
    check_device(device, "arange")
    start, end = (0, start) if end is None else (start, end)
    kind = None if any(isinstance(v, float) for v in (start, end, step)) else np.int64
    if step == 0:
        raise ValueError(f"arange: from {start} to {end} in steps of 0 never arrives")
    values = start + step * np.arange(max(0, math.ceil((end - start) / step)))
    return finished(values.astype(as_dtype(kind if dtype is None else dtype)), requires_grad)


def linspace(
    start: float, end: float, steps: int, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """`steps` numbers at equal distances, from start to end, both included."""
    check_device(device, "linspace")
    return finished(np.linspace(start, end, steps).astype(as_dtype(dtype)), requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; m = n unless given."""
    check_device(device, "eye")
    return finished(np.eye(n, m, dtype=as_dtype(dtype)), requires_grad)


Source: TypeAlias = "np.random.Generator | None"  # None: the default generator


def rand(
    *size: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Draws from the uniform distribution on [0, 1)."""
    check_device(device, "rand")
    return finished(draw("random", row(size), dtype, generator), requires_grad)


def randn(
    *size: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Draws from the standard normal distribution."""
    check_device(device, "randn")
    return finished(draw("standard_normal", row(size), dtype, generator), requires_grad)


def draw(name: str, size: tuple[int, ...], dtype: Any, generator: Source) -> np.ndarray:
    source = random.default_generator if generator is None else generator
    dtype = as_dtype(dtype)
    native = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float32)
    return np.asarray(getattr(source, name)(size, dtype=native)).astype(dtype, copy=False)


def randint(
    low: int, high: Any = None, size: Any = None, dtype: Any = np.int64, generator: Source = None, device: Any = None
) -> Tensor:
    """Whole numbers from low up to but not including high, each as likely: randint(low, high, size) or (high, size)."""
    check_device(device, "randint")
    if size is None:
        low, high, size = 0, low, high
    source = random.default_generator if generator is None else generator
    return box(np.asarray(source.integers(low, high, tuple(size))).astype(as_dtype(dtype)))


def randperm(n: int, generator: Source = None, device: Any = None) -> Tensor:
    """The numbers 0 … n - 1 in random order."""
    check_device(device, "randperm")
    source = random.default_generator if generator is None else generator
    return box(source.permutation(n))


def zeros_like(input: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of another tensor."""
    check_device(device, "zeros_like")
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(input: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of another tensor."""
    check_device(device, "ones_like")
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def empty_like(input: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Arbitrary elements in the shape and dtype of another tensor."""
    check_device(device, "empty_like")
    return empty(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def full_like(
    input: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """One value everywhere, in the shape and dtype of another tensor."""
    check_device(device, "full_like")
    return full(input.shape, fill_value, dtype or input.dtype, requires_grad)


def rand_like(
    input: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Uniform draws from [0, 1) in the shape and dtype of another tensor."""
    check_device(device, "rand_like")
    return rand(input.shape, dtype=dtype or input.dtype, generator=generator, requires_grad=requires_grad)


def randn_like(
    input: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Standard normal draws in the shape and dtype of another tensor."""
    check_device(device, "randn_like")
    return randn(input.shape, dtype=dtype or input.dtype, generator=generator, requires_grad=requires_grad)


def randint_like(
    input: Any, low: int, high: int | None = None, dtype: Any = None, generator: Source = None, device: Any = None
) -> Tensor:
    """Whole numbers from low (or 0) up to but not including high (or low), in another tensor's shape and dtype."""
    check_device(device, "randint_like")
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, dtype or input.dtype, generator)
