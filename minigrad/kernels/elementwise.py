"""Elementwise work: block by block, so that what is between its steps stays in cache, and shared where it is much.

A step is called as `step(*arrays, out)`, as NumPy's own functions can be, and writes its result into `out`. Results
lie in memory as the first argument does, or where the arguments differ as convolutions want it. Where a value depends
on a condition, nothing branches: the condition becomes a mask of bits, and numbers are chosen by bitwise operations.
That is exact for infinities and NaN, too, and takes a tenth of the time of `np.where`, which waits wherever the
processor guesses a condition wrongly (measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.kernels.memory import Array, copy_like, flatten_alike, integers_like
from minigrad.kernels.threads import BLOCK, WORTH, share_slices

SMALL = BLOCK // 8  # elements up to which one call of NumPy is faster than several
COSTLY, COSTLIEST = WORTH // 2, WORTH // 4  # elements from which a step with one exponential is worth sharing, or two


def by_blocks(step: Callable[..., object], *arrays: Array, worth: int = COSTLY) -> Array:
    """A new array like the first, filled by `step(*arrays, out)`, which works element by element.

    Large arrays are taken block by block, over the threads from `worth` elements on. float16 is computed in float32.
    """
    x = arrays[0]
    if x.dtype == np.float16:
        wide = [a.astype(np.float32) if a.dtype == np.float16 else a for a in arrays]
        return by_blocks(step, *wide, worth=worth).astype(np.float16)
    out = np.empty_like(x)
    lines = flatten_alike(*arrays, out) if x.size > SMALL else None
    if lines is None and x.size > SMALL and all(a.shape == x.shape for a in arrays):
        arrays = lay_alike(arrays)
        out = np.empty_like(arrays[0])
        lines = flatten_alike(*arrays, out)
    if x.ndim == 0:  # of which NumPy makes scalars, which have no memory
        step(*[a.reshape(1) for a in (*arrays, out)])
    elif lines is None:
        step(*arrays, out)
    else:
        share_slices(lambda part: step(*[line[part] for line in lines]), x.size, BLOCK, worth)
    return out


def lay_alike(arrays: Sequence[Array]) -> tuple[Array, ...]:
    """The arrays, copied where they do not lie in memory like that which does as convolutions want it, if one does.

    A mean's gradient is one number seen many times. If what is made of it lay like that, all steps before would copy.
    """
    dense = [a for a in arrays if flatten_alike(a)]
    pattern = next((a for a in dense if a.ndim > 2 and a.strides[0] == a.itemsize), (dense or arrays)[0])
    return tuple(a if flatten_alike(pattern, a) else copy_like(a, pattern.strides) for a in arrays)


# ------------------------------------------------------------------------------------------------------ choices


def make_mask(condition: Array, bits: np.dtype[Any]) -> Array:
    """Integers with all bits set where the condition holds, and none elsewhere."""
    mask: Array = condition.astype(bits)
    np.negative(mask, out=mask)
    return mask


def choose(condition: Array, x: Any, y: Any) -> Any:
    """`np.where`, and without a branch for many elements of one floating dtype; x or y may be a number."""
    numbers = [a for a in (x, y) if type(a) in (int, float)]
    kinds = {(a.shape, a.dtype) for a in (x, y) if isinstance(a, np.ndarray)}
    if len(kinds) != 1 or len(numbers) > 1 or np.size(condition) <= SMALL or np.asarray(condition).dtype != bool:
        return np.where(condition, x, y)
    ((shape, dtype),) = kinds
    if shape != condition.shape or dtype.kind != "f":
        return np.where(condition, x, y)
    if not numbers:
        return by_blocks(swap_bits, x, condition, y, worth=WORTH)
    if x is numbers[0]:
        x, y, condition = y, x, np.logical_not(condition)
    if y == 0:
        return by_blocks(keep_bits, x, condition, worth=WORTH)
    return by_blocks(lambda x, condition, out: swap_bits(x, condition, np.asarray(y, x.dtype), out), x, condition)


def swap_bits(x: Array, condition: Array, y: Array, out: Array) -> None:
    """x where the condition holds, y elsewhere: y, changed there by the bits in which they differ."""
    bits = integers_like(x.dtype)
    change = np.bitwise_xor(x.view(bits), y.view(bits), out=out.view(bits))
    change &= make_mask(condition, bits)
    change ^= y.view(bits)


def keep_bits(x: Array, condition: Array, out: Array) -> None:
    """x where the condition holds, 0 elsewhere."""
    bits = integers_like(x.dtype)
    np.bitwise_and(x.view(bits), make_mask(condition, bits), out=out.view(bits))


def relu(x: Array) -> Array:
    """The maximum of x and 0."""
    if x.dtype.kind == "f" and x.size > SMALL:
        return np.clip(x, 0, np.inf)  # vectorised, which NumPy's maximum with a number is not (measured 3x)
    return np.maximum(x, 0, out=np.empty_like(x))


def gate(x: Array, y: Array) -> Array:
    """x where y is above 0 or NaN, and 0 elsewhere: the gradient of `relu` with y its result."""
    if x.size > 1024 and x.dtype == y.dtype and x.dtype.kind == "f":
        return by_blocks(multiply_bits, x, y, worth=WORTH)
    return np.where(np.less_equal(y, 0), x.dtype.type(0), x)


def multiply_bits(x: Array, y: Array, out: Array) -> None:
    """`gate` as a product of bits with 0 or 1, which takes one step less than a mask does."""
    bits = integers_like(x.dtype)
    closed = np.less_equal(y, 0)
    np.multiply(x.view(bits), np.logical_not(closed, out=closed), out=out.view(bits))


def leaky_relu(x: Array, slope: float) -> Array:
    """x where it is positive, slope · x elsewhere: for the usual slopes the larger of the two."""
    if not 0 < slope <= 1:
        return leak(x, np.greater(x, 0), slope)
    return by_blocks(lambda x, out: np.maximum(np.multiply(x, slope, out=out), x, out=out), x)


def leak(x: Array, passes: Array, slope: float) -> Array:
    """x where the condition `passes` holds, slope · x elsewhere.

    The factors 1 and `slope` are chosen as bits: 0 or 1 times the distance between the two, added to the second.
    """

    def fill(x: Array, passes: Array, out: Array) -> None:
        bits = np.dtype(f"u{x.itemsize}")  # unsigned, so that the distance may be negative: it wraps around
        one, low = (np.asarray(value, x.dtype).view(bits) for value in (1, slope))
        factor = passes.astype(bits)
        factor *= one - low
        factor += low
        np.multiply(x, factor.view(x.dtype), out=out)

    return by_blocks(fill, x, passes, worth=WORTH)


# -------------------------------------------------------------------------------------------------- exponentials


def logistic(x: Array, out: Array) -> None:
    """1 / (1 + e⁻ˣ). Where the exponential overflows, the result is 0, as it should be."""
    np.negative(x, out=out)
    with np.errstate(over="ignore"):
        np.exp(out, out=out)
    out += 1
    np.divide(1, out, out=out)


def multiply_by_slope_of_logistic(x: Array, y: Array, out: Array) -> None:
    """x · y · (1 - y), where y is the result of `logistic`."""
    np.subtract(1, y, out=out)
    out *= y
    out *= x


def multiply_by_slope_of_tanh(x: Array, y: Array, out: Array) -> None:
    """x · (1 - y²), where y is a hyperbolic tangent."""
    np.square(y, out=out)
    np.subtract(1, out, out=out)
    out *= x


def weigh_by_logistic(x: Array, out: Array) -> None:
    """x / (1 + e⁻ˣ), and 0 at -∞."""
    logistic(x, out)
    out *= x


def slope_of_silu(x: Array, out: Array) -> None:
    """The slope of x·s with s the logistic function of x: s + s·x·(1 - s)."""
    logistic(x, out)
    rest = np.subtract(1, out)
    rest *= x
    rest += 1
    out *= rest


def log_of_sum(x: Array, out: Array) -> None:
    """log(1 + eˣ) = max(x, 0) + log(1 + exp(-|x|)), whose exponential does not overflow."""
    np.negative(np.abs(x, out=out), out=out)
    np.log1p(np.exp(out, out=out), out=out)
    out += np.clip(x, 0, np.inf)


def elu(x: Array, alpha: float, scale: float) -> Array:
    """scale · x where x is positive, scale · alpha · (eˣ - 1) elsewhere: a sum of two parts, one of which is 0."""

    def fill(x: Array, out: Array) -> None:
        np.expm1(np.clip(x, -np.inf, 0, out=out), out=out)
        out *= scale * alpha
        positive = np.clip(x, 0, np.inf)
        if scale != 1:
            positive *= scale
        out += positive

    return by_blocks(fill, x)


def multiply_by_slope_of_elu(g: Array, x: Array, alpha: float, scale: float) -> Array:
    """g times the slope of `elu` at x."""

    def fill(g: Array, x: Array, out: Array) -> None:
        np.exp(np.fmin(x, np.zeros_like(x), out=out), out=out)  # 1 where x is positive or not a number
        out *= g
        if scale != 1:
            out *= scale

    out = by_blocks(fill, g, x)
    return out if alpha == 1 else leak(out, ~np.less_equal(x, 0), alpha)


# ------------------------------------------------------------------------------------------- normal distribution


def slope_of_gaussian_unit(x: Array, share: Array, out: Array) -> None:
    """Φ(x) + x·φ(x), with φ the normal density and Φ(x) known: the slope of x·Φ(x)."""
    np.square(x, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= 1 / math.sqrt(2 * math.pi)
    out *= x
    out += share


def multiply_by_slope_of_gaussian_unit(x: Array, share: Array, g: Array, out: Array) -> None:
    """g times `slope_of_gaussian_unit`."""
    slope_of_gaussian_unit(x, share, out)
    out *= g


# -------------------------------------------------------------------------------------------------------- powers

MULTIPLIED = 8  # the highest whole power that is taken by multiplication


def power(x: Array, y: Any) -> Array:
    """xʸ. Small whole powers are products: NumPy takes a logarithm, which is 200 times as slow for negative x."""
    if isinstance(y, int | float) and 2 < abs(y) <= MULTIPLIED and y == math.floor(y) and x.dtype.kind == "f":
        out = by_blocks(lambda x, out: multiply_out(x, int(abs(y)), out), x)
        return out if y > 0 else np.divide(1, out, out=out)
    return np.asarray(x**y)


def multiply_out(x: Array, n: int, out: Array) -> None:
    """xⁿ by squares, for n ≥ 2."""
    for i, bit in enumerate(f"{n:b}"[1:]):
        np.square(out if i else x, out=out)
        if bit == "1":
            out *= x
