"""Functions that NumPy does not have, from published approximations: the error function and what is made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.kernels.memory import Array, borrow

# For float32: erf(x) = tanh(x · p(x²)), in half the steps of a quotient of polynomials. Highest power first. Our fit
# to atanh(erf(x)) / x by weighted least squares: within 1.6e-7 of the value, and within 4.3e-7 of its size.
P = (
    1.473387455e-07, -5.771062275e-06, 8.831459004e-05, -6.217436971e-04, -1.893303225e-04, 1.027678174e-01,
    1.128379436e00,
)  # fmt: skip
SHARE = tuple(c * 0.5 ** (len(P) - i - 0.5) for i, c in enumerate(P))  # the same for erf(x / √2)

# For float64: erf(x) = x · a(x²) / b(x²) near 0, and 1 - erf(x) = exp(-x²) · c(x) / d(x) from there on. Highest power
# first. W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), 631-637; his
# third range, from 4 on, is left to the second: what remains to 1 there is below 2e-8 and need not be as exact.
NEAR = 0.46875
A = (
    1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
    3.20937758913846947e3,
)  # fmt: skip
B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
C = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
    2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
    1.23033935479799725e3,
)  # fmt: skip
D = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
    1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
    1.23033935480374942e3,
)  # fmt: skip


def erf(x: Array, out: Array) -> None:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt: to 5e-16 of its value in float64, and to 5e-7 in float32."""
    if x.dtype == np.float64:
        out[...] = erf_of_doubles(x)
    else:
        take_tanh(P, x, out)


def take_tanh(coefficients: Sequence[float], x: Array, out: Array) -> None:
    """tanh(x · p(x²)): far out the highest power leads, and where it overflows the result is ±1, as it should be."""
    with np.errstate(over="ignore"):
        evaluate(coefficients, np.square(x, out=borrow("square", x.shape, x.dtype)), out)
        out *= x
    np.tanh(out, out=out)


def erf_of_doubles(x: Array) -> Array:
    size = np.minimum(np.abs(x), 6)  # where the rest to 1 is below the last digit
    square = size * size
    near = size * evaluate(A, square) / evaluate(B, square)
    far = 1 - np.exp(-square) * evaluate(C, size) / evaluate(D, size)
    return np.copysign(np.where(size < NEAR, near, far), x)


def evaluate(coefficients: Sequence[float], x: Array, out: Array | None = None) -> Array:
    """The polynomial with these coefficients, highest power first, by Horner's rule."""
    value = np.multiply(x, coefficients[0], out=out)
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value


def normal_share(x: Array, out: Array) -> None:
    """Φ(x), the share of a normal distribution below x: (1 + erf(x / √2)) / 2."""
    if x.dtype == np.float64:
        erf(x * math.sqrt(0.5), out)
    else:
        take_tanh(SHARE, x, out)
    out += 1
    out *= 0.5
