"""Step 3: a convolution is one formula with three factors.

An image has several *channels*, such as red, green and blue: an array of pixels for each. A *filter* looks for a
pattern in it. It is a small window of weights, with a *slice* of weights for each channel. The window slides over the
image. At every position, each pixel under it is multiplied by the weight that lies over it, and all these products are
added up, over all channels. This sum is the filter's *answer* there. All the answers together are a *convolution*.

Run it: `python examples/learn/step3_convolution.py`
"""

import numpy as np
from step2_arrays import Tensor, draw, grad, primitive


# Think of one axis first. The window stands at position p, and k is a place in the window. Which pixel i lies there? If
# the window moves by `stride` pixels from position to position, and there are `padding` zeros before and after the
# image, it is pixel
#
#     i = stride·p + k - padding
#
# `mark_meetings` writes this as a table of ones and zeros with three axes: 1 where pixel i, position p and place k
# meet. For example, let a window of 2 move over 4 pixels. Then pixel 2 lies under place 1 of the window at position 1,
# and under place 0 of the window at position 2. So two ones belong to pixel 2. A place that lies over the padding meets
# no pixel, so it has no one. This table is all that has to be known about windows.
def mark_meetings(size, window, stride=1, padding=0):
    """A table (I, P, K): 1 where place k of the window at position p is pixel i of the image, else 0."""
    i, p, k = np.ogrid[:size, : (size + 2 * padding - window) // stride + 1, :window]
    return (i == stride * p + k - padding).astype(float)


# Now take images x[n,c,i,j]: image n, channel c, row i, column j. Take filters w[o,c,k,l]: filter o, its slice for
# channel c, row k and column l of the window. And take any numbers y[n,o,p,q], one for each answer: image n, filter o,
# the window at row p and column q. One formula joins the three:
#
#     S = Σ x[n,c,i,j] · w[o,c,k,l] · y[n,o,p,q]
#           · rows[i,p,k] · columns[j,q,l]
#
# The sum runs over all nine letters. `rows` and `columns` are tables of `mark_meetings`: they leave only terms in which
# pixel and weight meet.
#
# Leave out the factor y, and sum over all letters that y does not have. For each n, o, p and q, what is left is the
# filter's answer. So this is the convolution. Note that it sums over c, the channels.
#
# Now suppose that y is the gradient that has arrived at the answers. If the answers change a little, then the final
# result changes by Σ y · (change of the answer), and that is the change of S. So we can ask S in place of the result.
# How does S change with a pixel? S is a sum in which each pixel is multiplied by something. That something is the
# gradient. To find it, leave out the factor x, and sum over all letters that x does not have. This is the rule for x.
# In the same way, leaving out w gives the rule for w.
#
# So there are three operations, one for each factor left out, and the rules of each are the other two.
#
# `einsum` takes such a formula literally: the letters of each factor, an arrow, and the letters that stay.
# (`"ik,kj->ij"` would be the product of two matrices: it sums over k. `*how` stands for the two tables. `optimize` lets
# NumPy choose the order in which it multiplies, with up to 10⁹ numbers on the way.)
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
    return convolution(x, w, [mark_meetings(*s, stride, padding) for s in zip(x.shape[2:], w.shape[2:], strict=True)])


# Here is the case that this project is about. The image is one row of 8 pixels. An edge rises in red, nothing happens
# in green, and the edge falls in blue. The first filter looks for rising edges: it has the weights -1 0 1 in every
# slice. The second filter has them in red, zeros in green, and 1 0 -1 in blue.
#
# The program prints what each slice of the first filter answers by itself, and then the sum of the three, which is the
# first filter's answer. Red and blue cancel: nothing is left. Is the information lost? The last line is the second
# filter's answer. It is the largest of all.
if __name__ == "__main__":
    x = Tensor(np.outer([1, 0, -1], np.clip(np.arange(8) - 3.5, -1, 1)).reshape(1, 3, 1, 8))
    w = Tensor(np.outer([1, 1, 1, 1, 0, -1], [-1, 0, 1]).reshape(2, 3, 1, 3))
    answers = conv2d(x, w)
    slices = [conv2d(x.array[:, [c]], w.array[:1, [c]]).array[0, 0] for c in range(3)]
    for name, answer in zip(["red", "green", "blue", "sum", "second"], [*slices, *answers.array[0]], strict=True):
        print(f"{name:7} {draw(answer)}  {answer.ravel().tolist()}")

    # Last, S itself. For y we take the answers, to have some numbers. The sum of answers · y is S, so its gradients
    # come from the other two operations. Each of the three leaves one factor out. Multiply what it gives by that factor
    # and add up: it must be S again, each time.
    dx, dw = grad(answers * answers.array, [x, w])
    print("S =", *[(factor * rest).array.sum() for factor, rest in ((answers, answers), (x, dx), (w, dw))])
