"""Tensor: an array, its place in the graph, and the operators. And the functions that make one from nothing.

A primitive is a plain function, so it becomes a method by standing in the class body. What is written out here is
what has no gradient of its own: arguments in a row (`x.reshape(2, 3)`), change in place, and the way to and from NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import notebook
from minigrad.autograd import tape
from minigrad.autograd.tape import box
from minigrad.device import CPU, check_device, read_target
from minigrad.device import device as Device
from minigrad.dtypes import as_dtype, read_type_name, type_name
from minigrad.instead import hide, missing_name
from minigrad.ops import (
    arithmetic,
    arrangement,
    counting,
    elementwise,
    exponentials,
    extremes,
    indexing,
    linalg,
    reductions,
    scans,
    selection,
    shape,
)
from minigrad.tensor import distributions, inplace
from minigrad.tensor.convert import as_array, plain, row
from minigrad.tensor.names import DISPATCH


@hide("bump_version follow followed former node place stage version view_of")
class Tensor(inplace.InPlace, results=True):
    """An n-dimensional array that remembers how it was computed. PyTorch's names, argument order and meaning.

    `Tensor(data)` copies a sequence, an array or a tensor into the default dtype, float32. `Tensor(2, 3)` has that
    shape and arbitrary elements. `minigrad.tensor(data)` keeps integers and the dtype of an array.

    >>> x = Tensor([1.0, 2.0]).requires_grad_()
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, *data: Any, device: Any = None):
        check_device(device, "Tensor")
        sizes = all(isinstance(length, int | np.integer) and not isinstance(length, bool) for length in data)
        if not sizes and (len(data) > 1 or np.isscalar(data[0])):
            raise TypeError(f"Tensor: expected sizes, or one sequence of elements, got {data}; use tensor(number)")
        self.array = np.empty(data or (0,), as_dtype(None)) if sizes else as_array(data[0], as_dtype(None))
        self.version = [0]

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add ∂self/∂leaf, weighted by `gradient` (this tensor's shape; 1 for a scalar), to each leaf's `.grad`."""
        tape.backward([self], [gradient], retain_graph, create_graph, inputs)

    # ---- operators -------------------------------------------------------------------------------

    __add__, add = elementwise.add, arithmetic.add
    __sub__, sub, subtract = elementwise.sub, arithmetic.sub, arithmetic.sub
    __mul__ = mul = multiply = elementwise.mul
    __truediv__, div, divide = elementwise.div, arithmetic.div, arithmetic.div
    true_divide = arithmetic.div
    __floordiv__ = floor_divide = elementwise.floor_divide
    __mod__ = remainder = elementwise.remainder
    __pow__ = pow = elementwise.pow
    __matmul__ = matmul = linalg.matmul
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

    sign, logaddexp = elementwise.sign, elementwise.logaddexp
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
    log2, log10, exp2, frac = elementwise.log2, elementwise.log10, elementwise.exp2, arithmetic.frac
    sinh, cosh, asinh, acosh, atanh = (
        elementwise.sinh, elementwise.cosh, elementwise.asinh, elementwise.acosh, elementwise.atanh
    )  # fmt: skip
    asin, acos, atan, atan2 = elementwise.asin, elementwise.acos, elementwise.atan, elementwise.atan2
    arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
    hypot, fmod, nan_to_num, lerp = elementwise.hypot, elementwise.fmod, arithmetic.nan_to_num, arithmetic.lerp
    addcmul, addcdiv = arithmetic.addcmul, arithmetic.addcdiv
    isclose, allclose, equal = arithmetic.isclose, arithmetic.allclose, arithmetic.equal
    is_floating_point, signbit = arithmetic.is_floating_point, elementwise.signbit
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
        elementwise.bitwise_and, elementwise.bitwise_or, elementwise.bitwise_xor, elementwise.bitwise_not
    )  # fmt: skip
    bitwise_left_shift = __lshift__ = elementwise.bitwise_left_shift
    bitwise_right_shift = __rshift__ = elementwise.bitwise_right_shift
    greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
    negative, absolute, arcsinh, arccosh, arctanh = neg, abs, asinh, acosh, atanh

    multinomial, bernoulli = distributions.multinomial, distributions.bernoulli

    def where(self, condition: Any, other: Any) -> Tensor:
        """This tensor where the condition holds, `other` elsewhere, all broadcasting."""
        return elementwise.where(condition, self, other)

    # ---- reductions ----------------------------------------------------------------------------------

    sum, mean, prod = reductions.sum, reductions.mean, reductions.prod
    var, std, norm, any, all = (
        reductions.var, reductions.std, reductions.norm, reductions.any, reductions.all
    )  # fmt: skip
    nansum, nanmean, count_nonzero = reductions.nansum, reductions.nanmean, reductions.count_nonzero
    cumsum, cumprod, cummax, cummin, logcumsumexp = (
        scans.cumsum, scans.cumprod, scans.cummax, scans.cummin, scans.logcumsumexp
    )  # fmt: skip
    amax, amin, aminmax, max, min, median = (
        extremes.amax, extremes.amin, extremes.aminmax, extremes.max, extremes.min, extremes.median
    )  # fmt: skip
    argmax, argmin, argsort, sort, topk, kthvalue = (
        extremes.argmax, extremes.argmin, extremes.argsort, extremes.sort, extremes.topk, extremes.kthvalue
    )  # fmt: skip
    logsumexp, softmax, log_softmax = exponentials.logsumexp, exponentials.softmax, exponentials.log_softmax

    def sum_to_size(self, *size: Any) -> Tensor:
        """The sum over the dimensions that broadcasting from `size` to this shape repeats; itself if none."""
        size = row(size)
        return self if size == self.array.shape else reductions.sum_to_size(self, size)

    # ---- shape -----------------------------------------------------------------------------------------

    transpose, movedim, flatten, unflatten = shape.transpose, shape.movedim, shape.flatten, shape.unflatten
    squeeze, unsqueeze, broadcast_to, roll = shape.squeeze, shape.unsqueeze, shape.broadcast_to, shape.roll
    split, chunk, unbind, unfold = shape.split, shape.chunk, shape.unbind, shape.unfold
    tril, triu, t, outer = shape.tril, shape.triu, shape.t, linalg.outer

    mm, bmm, mv, dot = linalg.mm, linalg.bmm, linalg.mv, linalg.dot
    addmm, addmv, baddbmm = linalg.addmm, linalg.addmv, linalg.baddbmm
    trace, cross, kron = linalg.trace, linalg.cross, linalg.kron
    ravel, flipud, fliplr, rot90 = arrangement.ravel, arrangement.flipud, arrangement.fliplr, arrangement.rot90
    diag, diagonal, diag_embed, diff = arrangement.diag, arrangement.diagonal, arrangement.diag_embed, arrangement.diff
    swapaxes, swapdims, moveaxis = shape.transpose, shape.transpose, shape.movedim
    nonzero, argwhere, unique = counting.nonzero, counting.argwhere, counting.unique
    bincount, histc = counting.bincount, counting.histc

    gather, take_along_dim, take = selection.gather, selection.take_along_dim, selection.take
    index_select, index_add, index_copy, index_fill = (
        selection.index_select, selection.index_add, selection.index_copy, selection.index_fill
    )  # fmt: skip
    select, narrow, repeat_interleave = selection.select, selection.narrow, selection.repeat_interleave
    masked_fill, masked_select = selection.masked_fill, selection.masked_select
    scatter, scatter_add, scatter_reduce = selection.scatter, selection.scatter_add, selection.scatter_reduce

    def reshape(self, *shape_: Any, **named: Any) -> Tensor:
        """The same elements in row-major order in another `shape`; one length may be -1."""
        return shape.reshape(self, row(shape_, "shape", named))

    def view(self, *size: Any, **named: Any) -> Tensor:
        """As `reshape`, with PyTorch's name `size`."""
        return shape.reshape(self, row(size, "size", named))

    def view_as(self, other: Tensor) -> Tensor:
        """The same elements in the shape of `other`."""
        return shape.reshape(self, other.shape)

    reshape_as = view_as

    def permute(self, *dims: Any, **named: Any) -> Tensor:
        """The dimensions in another order: dimension i of the result is dimension dims[i] of this."""
        return shape.permute(self, row(dims, "dims", named))

    def expand(self, *sizes: Any, **named: Any) -> Tensor:
        """This repeated, without a copy, along dimensions of length 1 and new leading ones; -1 keeps a length."""
        return shape.expand(self, row(sizes, "size", named))

    def expand_as(self, other: Tensor) -> Tensor:
        """This expanded to the shape of `other`."""
        return shape.expand(self, other.shape)

    def repeat(self, *sizes: Any, **named: Any) -> Tensor:
        """This tiled: sizes[i] copies along dimension i, counted from the last."""
        return shape.repeat(self, row(sizes, "repeats", named))

    def tile(self, *dims: Any, **named: Any) -> Tensor:
        """This repeated dims[i] times along dimension i, missing ones taken as 1."""
        return shape.tile(self, row(dims, "dims", named))

    def flip(self, *dims: Any, **named: Any) -> Tensor:
        """The elements in reverse along `dims`."""
        return shape.flip(self, row(dims, "dims", named))

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

    def __setitem__(self, index: Any, value: Any) -> None:
        inplace.set_elements(self, index, value)

    def __delitem__(self, index: Any) -> None:
        raise TypeError("the elements of a tensor cannot be deleted; select the others, as x[keep]")

    # ---- to and from NumPy and Python --------------------------------------------------------------

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        try:
            return self.array.shape if dim is None else self.array.shape[dim]
        except IndexError:
            raise IndexError(f"size: there is no dimension {dim} in a tensor of shape {self.shape}") from None

    def dim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    # A new tensor of this dtype, unless another is asked for.

    def new_tensor(self, data: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
        """A tensor with the elements of `data`."""
        check_device(device, "new_tensor")
        return box(as_array(data, self.array.dtype if dtype is None else dtype)).requires_grad_(requires_grad)

    def new(self, *data: Any, device: Any = None) -> Tensor:
        """PyTorch's older name: what `Tensor(*data)` makes of sizes or of a sequence, in this dtype."""
        return Tensor(*data, device=device).to(self.array.dtype)

    def new_full(
        self, size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None
    ) -> Tensor:
        """A tensor of a shape with one value everywhere."""
        check_device(device, "new_full")
        kind = self.array.dtype if dtype is None else as_dtype(dtype)
        return box(np.full(row((size,)), plain(fill_value), kind)).requires_grad_(requires_grad)

    def new_zeros(self, *size: Any, **options: Any) -> Tensor:
        """Zeros of a shape; dtype, requires_grad and device as in new_full."""
        return self.new_full(options.pop("size", None) or row(size), 0, **options)

    def new_ones(self, *size: Any, **options: Any) -> Tensor:
        """Ones of a shape; dtype, requires_grad and device as in new_full."""
        return self.new_full(options.pop("size", None) or row(size), 1, **options)

    new_empty = new_zeros

    def numpy(self) -> np.ndarray:
        """The array itself, sharing memory; a RuntimeError where a gradient is required: detach the tensor first."""
        if self.requires_grad:
            raise RuntimeError("numpy: the tensor requires a gradient, which NumPy would lose; use .detach().numpy()")
        return self.array

    def item(self) -> Any:
        """The only element, as a Python number. Raises ValueError if there are several."""
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
        if not specification:
            return str(self)
        if self.array.ndim:
            raise TypeError(
                f"a tensor of shape {self.shape} has no format {specification!r}; use x.item() of one element, or "
                "x.tolist()"
            )
        return format(self.item(), specification)

    if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

        def __getattr__(self, name: str) -> Any:  # asked only when there is no such attribute
            raise missing_name("Tensor", name, self)

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

    def __copy__(self) -> Tensor:
        copied = object.__new__(type(self))
        copied.array, copied.version = self.array, self.version
        copied.requires_grad = self.requires_grad
        return copied

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
        return rebuild, (self.array, self.requires_grad)

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


def rebuild(array: np.ndarray, requires_grad: bool) -> Tensor:
    """A leaf from what `Tensor.__reduce__` sent."""
    return box(array).requires_grad_(requires_grad)
