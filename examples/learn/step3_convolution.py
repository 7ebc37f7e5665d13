"""Step 3: a convolution is one formula with three factors.

A *filter* is a small window of weights. It slides over an image. At every position the pixels under it are multiplied
by its weights and added up; this is the filter's *answer* there. An image has several *channels*, such as red, green
and blue. A filter has a *slice* of weights for each channel, and its answer adds up over all channels.

Run it: `python examples/learn/step3_convolution.py`
"""

import numpy as np
from step2_arrays import Tensor, draw, grad, primitive


# Think of one axis first. The window stands at position p, and k is a place in the window. Which pixel i is there? If
# the window moves by `stride` pixels, on an image with `padding` zeros at each end, it is pixel i = stride·p + k -
# padding.
#
# `meeting` writes this as a table: 1 where pixel i, position p and place k meet, else 0. This table is all that has to
# be known about windows.
def meeting(size, window, stride=1, padding=0):
    """A table (I, P, K): 1 where place k of the window at position p is pixel i of the image, else 0."""
    i, p, k = np.ogrid[:size, : (size + 2 * padding - window) // stride + 1, :window]
    return (i == stride * p + k - padding).astype(float)


# Now take images x[n,c,i,j]: image n of the batch, channel c, row i, column j. Take filters w[o,c,k,l]: filter o, its
# slice for channel c, row k and column l of the window. And take any numbers y[n,o,p,q], one for each answer: image n,
# filter o, the window at row p and column q. One formula joins the three:
#
# S = Σ x[n,c,i,j] · w[o,c,k,l] · y[n,o,p,q] · rows[i,p,k] · columns[j,q,l]
#
# The sum runs over all letters. `rows` and `columns` are tables of `meeting`, so only terms remain where the window
# lies over the pixel.
#
# Leave out the factor y, and sum over all letters but those of y: n, o, p and q. What is left are the answers, so this
# is the convolution. Note that it sums over c.
#
# How does S change with x? S is linear in x: each pixel has a number that it is multiplied by. To find it, leave out x,
# and sum over all letters but those of x. That is the gradient with respect to x. It is the rule that we need, if y is
# what has arrived at the answers. And leaving out w gives the rule for w.
#
# So there are three operations, and the rules of each are the other two. `einsum` takes such a formula literally: the
# letters of each factor, an arrow, and the letters that stay.
@primitive(x=lambda g, w, how: convolution_input(g, w, how), w=lambda g, x, how: convolution_weight(g, x, how))
def convolution(x, w, how):
    return np.einsum("ncij,ockl,ipk,jql->nopq", x, w, *how, optimize=("optimal", 1e9))


@primitive(y=lambda g, w, how: convolution(g, w, how), w=lambda g, y, how: convolution_weight(y, g, how))
def convolution_input(y, w, how):
    return np.einsum("nopq,ockl,ipk,jql->ncij", y, w, *how, optimize=("optimal", 1e9))


@primitive(y=lambda g, x, how: convolution(x, g, how), x=lambda g, y, how: convolution_input(y, g, how))
def convolution_weight(y, x, how):
    return np.einsum("nopq,ncij,ipk,jql->ockl", y, x, *how, optimize=("optimal", 1e9))


def conv2d(x, w, stride=1, padding=0):
    """Images (N, C, I, J), filters (O, C, K, L) -> answers (N, O, P, Q)."""
    return convolution(x, w, [meeting(*s, stride, padding) for s in zip(x.shape[2:], w.shape[2:], strict=True)])


# Here is the case that this project is about. The image is one row of 8 pixels. An edge rises in red, nothing happens
# in green, and the edge falls in blue. The first filter looks for rising edges, with the weights -1 0 1 in every slice.
# The second has these weights in red, zeros in green, and 1 0 -1 in blue.
#
# Drawn below is what each slice of the first filter answers by itself, and then the sum. Red and blue cancel in the
# sum, and nothing is left. Is the information lost? The second filter gives the strongest answer that there is.
if __name__ == "__main__":
    x = Tensor(np.outer([1, 0, -1], np.clip(np.arange(8) - 3.5, -1, 1)).reshape(1, 3, 1, 8))
    w = Tensor(np.outer([1, 1, 1, 1, 0, -1], [-1, 0, 1]).reshape(2, 3, 1, 3))
    answers = conv2d(x, w)
    slices = [conv2d(x.array[:, [c]], w.array[:1, [c]]).array[0, 0] for c in range(3)]
    for name, answer in zip(["red", "green", "blue", "sum", "second"], [*slices, *answers.array[0]], strict=True):
        print(f"{name:7} {draw(answer)}")

    # Last, S itself. As y we take the answers, to have some numbers. Each of the three operations leaves one factor
    # out. Multiply what is left by that factor, and add up: it must be the same S three times.
    dx, dw = grad(answers * answers.array, [x, w])
    print("S =", *[(factor * rest).array.sum() for factor, rest in ((answers, answers), (x, dx), (w, dw))])
