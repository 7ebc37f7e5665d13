"""Step 6: the same convolution, fast.

`einsum` in step 3 says what a convolution is. A processor is fast at something else: the product of two large matrices.
So we lay the pixels out in memory such that a convolution becomes a few matrix products. This is how the library does
it.

Run it: `python examples/learn/step6_fast.py`
"""

import time
import timeit

import numpy as np
from step2_arrays import Tensor, grad, primitive
from step3_convolution import conv2d

import minigrad as mg


# An answer is a sum over the K rows of the window, the C channels and the L columns of the window. Write the pixels
# that one window sees as a column of K·C·L numbers. Put the columns of many windows beside each other, and the weights
# of each filter in a row: then the product of the two matrices holds all the answers. (This is known as *im2col*.)
#
# The columns need a copy of the image, and naively each pixel is copied K·L times. The trick is in the order of the
# axes. In memory we put rows first and images last: (I, C, J, N). Then shift the image by 0, 1, … L-1 pixels, and put
# these L copies beside each other: (I, C, L, Q, N). The columns for all windows of row p are rows p to p + K of this
# array. They lie in one piece, one after the other! The window below shares all but one of these rows. So each pixel is
# copied L times only.
def columns(x, k, l):
    """For each row of windows a matrix (K·C·L, Q·N) of what these windows see; x is (N, C, I, J)."""
    n, c, i, j = x.shape
    rows = np.ascontiguousarray(x.transpose(2, 1, 3, 0))  # (I, C, J, N)
    q = j - l + 1
    copies = np.stack([rows[:, :, shift : shift + q] for shift in range(l)], axis=2)  # (I, C, L, Q, N)
    return [copies[p : p + k].reshape(k * c * l, q * n) for p in range(i - k + 1)]  # no further copy is made


# The three operations of step 3 again, for windows that move by one pixel and without padding. The calculus is the
# same: the rules of each are the other two.
@primitive(x=lambda g, w: convolution_input(g, w), w=lambda g, x: convolution_weight(g, x))
def convolution(x, w):
    o, c, k, l = w.shape
    filters = w.transpose(0, 2, 1, 3).reshape(o, k * c * l)
    answers = np.stack([filters @ matrix for matrix in columns(x, k, l)])  # (P, O, Q·N): here is the sum over c
    return answers.reshape(len(answers), o, -1, len(x)).transpose(3, 1, 0, 2)  # (N, O, P, Q)


# For the weights, the two matrices that are multiplied are the gradient at the answers and the columns.
@primitive(y=lambda g, x: convolution(x, g), x=lambda g, y: convolution_input(y, g))
def convolution_weight(y, x):
    (n, o, p, q), (_, c, i, j) = y.shape, x.shape
    k, l = i - p + 1, j - q + 1
    gradients = y.transpose(2, 1, 3, 0).reshape(p, o, q * n)
    total = sum(g @ matrix.T for g, matrix in zip(gradients, columns(x, k, l), strict=True))  # (O, K·C·L)
    return total.reshape(o, k, c, l).transpose(0, 2, 1, 3)


# For the pixels: which windows see pixel i? Those that begin up to K - 1 pixels before it. The first of them has the
# pixel at its end, the last at its beginning. So this is a convolution with the window turned round, over the gradient
# with K - 1 zeros around it.
@primitive(y=lambda g, w: convolution(g, w), w=lambda g, y: convolution_weight(y, g))
def convolution_input(y, w):
    k, l = w.shape[2:]
    padded = np.pad(y, ((0, 0), (0, 0), (k - 1, k - 1), (l - 1, l - 1)))
    return convolution(padded, w[:, :, ::-1, ::-1].swapaxes(0, 1)).array


# Is it the same? And is it fast? We time a convolution and both its gradients, for 32 images of 32×32 pixels in 16
# channels, and 32 filters. It is the processor's time that counts, so other programs do not disturb.
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(32, 16, 32, 32)), rng.normal(size=(32, 16, 3, 3))]
    ours, theirs = [Tensor(a) for a in arrays], [mg.tensor(a, requires_grad=True) for a in arrays]
    contenders = {
        "step 3": lambda: grad(conv2d(*ours), ours),
        "step 6": lambda: grad(convolution(*ours), ours),
        "library": lambda: mg.grad(mg.nn.functional.conv2d(*theirs).sum(), theirs),
    }
    expected, seconds = contenders["step 3"](), {}
    for name, run in contenders.items():
        assert all(np.allclose(a.array, b.array, atol=1e-9) for a, b in zip(run(), expected, strict=True)), name
        seconds[name] = min(timeit.repeat(run, number=1, repeat=3, timer=time.process_time))
    for name in contenders:
        print(f"{name:8} {1000 * seconds[name]:6.0f} ms, {seconds[name] / seconds['library']:5.1f} times the library's")
