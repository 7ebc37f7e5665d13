"""Step 5: what the sum does to a gradient.

A convolution adds up its channels. Why add? Why not take the mean, or the largest? We look at what comes *back*. Each
channel has answered, and one answer was made from theirs. Now a gradient arrives at that one answer. What does each
channel get of it?

Run it: `python examples/learn/step5_why_sum.py`
"""

import numpy as np
from step2_arrays import Tensor, grad, primitive
from step3_convolution import conv2d
from step4_train import loss


# First a new operation, the larger of two. A small change of the smaller one changes nothing, so the gradient goes to
# the larger one alone. Then three ways to make one answer from those of red, green and blue.
@primitive(x=lambda g, x, y: g * (x.array >= y.array), y=lambda g, x, y: g * (y.array > x.array))
def maximum(x, y):
    return np.maximum(x, y)


REDUCTIONS = {
    "sum": lambda r, g, b: r + g + b,
    "mean": lambda r, g, b: (r + g + b) * (1 / 3),
    "max": lambda r, g, b: maximum(maximum(r, g), b),
}


# `explain` takes a convolution apart. Each channel is convolved with its own slice of weights, and the answers are
# combined as told. Channels and slices are Tensors of their own, so we can ask what arrives at each.
def explain(x, w, combine, loss):
    """Each channel's answer; the gradient of `loss(combine(*answers))` at each answer, each slice and each channel."""
    channels, slices = ([Tensor(a[:, [c]]) for c in range(3)] for a in (x, w))
    answers = [conv2d(*pair) for pair in zip(channels, slices, strict=True)]
    return answers, *(grad(loss(combine(*answers)), inputs) for inputs in (answers, slices, channels))


# The smallest image that has an edge is a patch of one row and three pixels. In ours, red and blue differ by the label:
# it is +1 where the edge rises in red and falls in blue, and -1 where it is the other way round. With `common` above 0
# they also have something in common: an edge of that height is added to all three channels. It rises in half of the
# patches and falls in the other half, whatever the label.
def patches(common):
    """Eight patches (8, 3, 1, 3) and their labels (8, 1, 1, 1)."""
    label, shared = np.tile([1, -1], 4), np.tile([1, 1, -1, -1], 2)
    heights = np.outer(label, [1, 0, -1]) + common * shared[:, None]  # (8, 3)
    return np.multiply.outer(heights, [[-1, 0, 1]]), label.reshape(8, 1, 1, 1)


# Now send one unit of gradient back, for two patches: in the first the edge rises in red, in the second it falls. Under
# the sum each channel gets the whole unit, whatever the answers are. Under the mean each gets a third, also whatever
# they are: the mean is the sum in other units. Under the maximum the winner gets all, and the others learn nothing
# here.
if __name__ == "__main__":
    x, label = patches(common=0)
    for name, combine in REDUCTIONS.items():
        answers, back, *_ = explain(x[:2], np.tile([-1, 0, 1], (1, 3, 1, 1)), combine, lambda out: out)
        for i, edge in enumerate(["rises", "falls"]):
            pairs = [(a.array[i].item(), g.array[i].item()) for a, g in zip(answers, back, strict=True)]
            print(f"{name:5} red {edge}:", *[f"{answer:2.0f} gets {g:.2f}" for answer, g in pairs], sep="   ")

    # So what does a step of training do to a channel's answer? The slice moves against its gradient. That is a sum over
    # all training patches s: of g_s, the gradient that arrived at the sum, times the channel's pixels in s. So the
    # answer to a patch x moves by
    #
    # -rate · Σ g_s · (pixels of s times pixels of x, added up over the channel)
    #
    # One term of this sum is the patch's own, s = x. There the pixels are squared, so the term has the sign of -g_x in
    # *all* channels. It moves all answers the same way: the way the loss wants the sum to go. Only the other patches
    # can move one channel up and another down.
    for common in (0, 2):
        x, label = patches(common)
        _, back, slopes, _ = explain(x, np.zeros((1, 3, 1, 3)), REDUCTIONS["sum"], lambda out, y=label: loss(out, y))
        print(f"common edge {common}: own + others = together; measured")
        for c, name in enumerate(["red", "green", "blue"]):
            terms = -back[c].array.ravel() * (x[:, c] * x[0, c]).sum((1, 2))  # one for each patch; the rate is 1
            moved = conv2d(x[:1, [c]], -1 * slopes[c]).array.item()
            print(f"{name:5} {terms[0]:6.3f} {terms[1:].sum():+6.3f} = {terms.sum():6.3f}; {moved:6.3f}")
