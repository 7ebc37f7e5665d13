"""Step 5: what the sum does to a gradient.

A convolution adds up what its channels answer. Why add? Why not take the mean, or the largest? To see the difference,
we look at what comes *back*. Three answers were made into one, and now a gradient arrives at that one. What does each
of the three get of it?

Run it: `python examples/learn/step5_why_sum.py`
"""

import numpy as np
from step2_arrays import Tensor, grad, primitive
from step3_convolution import conv2d
from step4_train import loss


# First a new operation, the larger of two. If the smaller one changes a little, nothing happens. So the gradient goes
# to the larger one alone.
#
# Then three ways to make one answer out of those of red, green and blue.
@primitive(x=lambda g, x, y: g * (x.array >= y.array), y=lambda g, x, y: g * (y.array > x.array))
def maximum(x, y):
    return np.maximum(x, y)


REDUCTIONS = {
    "sum": lambda red, green, blue: red + green + blue,
    "mean": lambda red, green, blue: (red + green + blue) * (1 / 3),
    "max": lambda red, green, blue: maximum(maximum(red, green), blue),
}


# `explain` takes a convolution apart. The channels of the images are Tensors of their own, and so are the slices of the
# weights. Each channel is convolved with its slice alone. Then the three answers are combined as told, and `loss` makes
# of them what is to be differentiated. So we can ask what arrives at each answer, each slice and each channel.
def explain(x, w, combine, loss):
    """The answers of the channels; the gradients of the loss at the answers, the slices and the channels."""
    channels, slices = ([Tensor(a[:, [c]]) for c in range(3)] for a in (x, w))
    answers = [conv2d(*pair) for pair in zip(channels, slices, strict=True)]
    return answers, *(grad(loss(combine(*answers)), inputs) for inputs in (answers, slices, channels))


# The smallest image that has an edge is a *patch* of one row and three pixels. Our patches have a label: +1 where the
# edge rises in red and falls in blue, -1 where it is the other way round. With `common` above 0, the channels also have
# something in common: an edge of that height is added to all three. It rises in half of the patches and falls in the
# other half, and it has nothing to do with the label.
def make_patches(common):
    """Eight patches (8, 3, 1, 3) and their labels (8, 1, 1, 1)."""
    label, shared = np.tile([1, -1], 4), np.tile([1, 1, -1, -1], 2)
    heights = np.outer(label, [1, 0, -1]) + common * shared[:, None]  # (8, 3)
    return np.multiply.outer(heights, [[-1, 0, 1]]), label.reshape(8, 1, 1, 1)


# Now send one unit of gradient back, for two patches: in the first the edge rises in red, in the second it falls. The
# filter is the one from step 3 that cancels them. Printed for red, green and blue: the answer, and what it gets.
#
# Under the sum everybody gets the whole unit, whatever the answers are. Under the mean everybody gets a third, whatever
# the answers are: the mean is the sum in other units. Under the maximum the winner gets all. The others learn nothing
# from this patch, and who wins depends on the patch.
if __name__ == "__main__":
    x, label = make_patches(common=0)
    for name, combine in REDUCTIONS.items():
        answers, back, *_ = explain(x[:2], np.tile([-1, 0, 1], (1, 3, 1, 1)), combine, lambda out: out)
        for i, edge in enumerate(["rises", "falls"]):
            pairs = [(a.array[i].item(), g.array[i].item()) for a, g in zip(answers, back, strict=True)]
            print(f"{name:5} red {edge}:", *[f"{a:4.0f} gets {g:.2f} {'#' * round(3 * g):3}" for a, g in pairs])

    # What does a step of training do to a channel's answer? The slice moves against its gradient. The gradient is a sum
    # over all patches s of the training: g(s), the gradient that arrived at the answer to s, times the channel's pixels
    # in s. (This is the rule for w of step 3, for a window as large as the patch.) So the channel's answer to one patch
    # x changes by
    #
    #     -rate · Σ g(s) · (pixels of s · pixels of x)
    #
    # where the last product is added up over the pixels of the channel. One term of the sum is the patch's *own*: s is
    # x. Its pixels are squared, so they cannot be negative. So the own terms of all channels have the same sign: they
    # move all answers the way in which the loss wants their sum to go. Only the *other* patches can move one channel up
    # and another one down.
    #
    # We begin with weights of zero and take one step with rate 1. The tables are about the first patch. Its label is
    # +1, so the sum should rise. Without a common edge all patches agree: red goes up by 1, blue by 1, the sum by 2.
    #
    # With a common edge of 2 this patch rises in all three channels: 3 in red, 2 in green, 1 in blue. So its own terms
    # say: more of all three. But the others bring green back to 0 and push blue below 0. The sum goes up by 3 + 0 - 1,
    # which is 2 as before. What is common to the channels has cancelled, and what the label needs is kept. So it is the
    # *other* patches that teach a filter to cancel, and they teach it to cancel what does not matter.
    for common in (0, 2):
        x, label = make_patches(common)
        _, back, slopes, _ = explain(x, np.zeros((1, 3, 1, 3)), REDUCTIONS["sum"], lambda out, y=label: loss(out, y))
        print(f"common edge {common}: own + others = together; measured")
        for c, name in enumerate(["red", "green", "blue"]):
            terms = -back[c].array.ravel() * (x[:, c] * x[0, c]).sum((1, 2))  # one for each patch s
            moved = conv2d(x[:1, [c]], -1 * slopes[c]).array.item()
            print(f"{name:5} {terms[0]:6.3f} {terms[1:].sum():+6.3f} = {terms.sum():6.3f}; {moved:6.3f}")
