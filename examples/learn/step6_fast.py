"""Step 6: the same convolution, fast.

`einsum` in step 3 says what a convolution is. But a processor is fastest at the product of two large matrices. So we
lay the pixels out in memory in such a way that a convolution becomes a few such products. The library does it in this
way, too. (It is imported for the comparison at the end.)

Run it: `python examples/learn/step6_fast.py`
"""

import time
import timeit

import numpy as np
from step2_arrays import Tensor, grad, primitive
from step3_convolution import conv2d

import minigrad as mg


# An answer is a sum of K·C·L products: over the rows and columns of the window, K and L, and over the C channels. Write
# the pixels that one window sees as a column of K·C·L numbers. Put the columns of many windows beside each other: this
# is one matrix. Write the weights of each filter as a row: this is the other. Their product holds the answers of all
# filters at all these windows. (This is known as *im2col*, image to columns.)
#
# Windows overlap, so a pixel stands in many columns, up to K·L times. To copy it as often would take long. The trick is
# in the order of the axes in memory. We put the rows of the image first and the N images of the batch last: (I, C, J,
# N) stands for rows, channels, columns and images. Then we copy this array L times, shifted by 0, 1, … pixels along the
# row, and put the copies beside each other: (I, C, L, Q, N), where Q is the number of windows in a row.
#
# Now take all windows in row p. They see rows p, p + 1, … of the image, K of them. In our array these lie one after the
# other, in one piece, and that piece *is* the matrix of K·C·L rows. The windows in row p + 1 see the piece that begins
# one row later. Nothing has to be copied again. So each pixel is copied L times, and not K·L times.
def gather_columns(x, k, l):
    """For each row of windows a matrix (K·C·L, Q·N) of what these windows see; x is (N, C, I, J)."""
    n, c, i, j = x.shape
    rows = np.ascontiguousarray(x.transpose(2, 1, 3, 0))  # (I, C, J, N)
    q = j - l + 1
    copies = np.stack([rows[:, :, shift : shift + q] for shift in range(l)], axis=2)  # (I, C, L, Q, N)
    return [copies[p : p + k].reshape(k * c * l, q * n) for p in range(i - k + 1)]  # no further copy is made


# The three operations of step 3 again, for windows that move by one pixel, without padding. The rules are the same as
# there: those of each are the other two.
@primitive(x=lambda g, w: convolution_input(g, w), w=lambda g, x: convolution_weight(g, x))
def convolution(x, w):
    o, c, k, l = w.shape
    filters = w.transpose(0, 2, 1, 3).reshape(o, k * c * l)
    answers = np.stack([filters @ matrix for matrix in gather_columns(x, k, l)])  # (P, O, Q·N): here is the sum over c
    return answers.reshape(len(answers), o, -1, len(x)).transpose(3, 1, 0, 2)  # (N, O, P, Q)


# For the weights, the gradient at the answers is multiplied by the same columns, transposed.
@primitive(y=lambda g, x: convolution(x, g), x=lambda g, y: convolution_input(y, g))
def convolution_weight(y, x):
    (n, o, p, q), (_, c, i, j) = y.shape, x.shape
    k, l = i - p + 1, j - q + 1
    gradients = y.transpose(2, 1, 3, 0).reshape(p, o, q * n)
    total = sum(g @ matrix.T for g, matrix in zip(gradients, gather_columns(x, k, l), strict=True))  # (O, K·C·L)
    return total.reshape(o, k, c, l).transpose(0, 2, 1, 3)


# For the pixels, turn the question round: which answers did a pixel go into? Those of the windows from K - 1 before it
# up to itself. In the first it lay at the window's end, in the last at its beginning. So we convolve the gradient with
# the window turned round, after putting K - 1 zeros on either side.
@primitive(y=lambda g, w: convolution(g, w), w=lambda g, y: convolution_weight(y, g))
def convolution_input(y, w):
    k, l = w.shape[2:]
    padded = np.pad(y, ((0, 0), (0, 0), (k - 1, k - 1), (l - 1, l - 1)))
    return convolution(padded, w[:, :, ::-1, ::-1].swapaxes(0, 1)).array


# Is it the same? And is it fast? We check and time a convolution with both its gradients, for 32 images of 32×32 pixels
# in 16 channels, and 32 filters. What counts is the time that the processor works for this program, so that other
# programs do not disturb.
#
# With one thread, step 6 takes up to about half as long again as the library. The library can do more: any stride,
# padding and number of groups. It cuts the work into pieces that fit into the processor's cache, and shares them over
# threads. That is in `minigrad/kernels`.
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
        seconds[name] = min(timeit.repeat(run, number=1, repeat=5, timer=time.process_time))
    for name, s in seconds.items():
        ratio = s / seconds["library"]
        print(f"{name:8} {1000 * s:6.0f} ms, {ratio:5.1f} times the library's  {'#' * round(5 * ratio)}")
