"""Step 4: a network learns to see what one sum cancels.

This is a complete training, from nothing but steps 2 and 3. The images show an edge that rises in red where it falls in
blue, or the other way round. The network is to say which. It is the questioner's case: if all channels had the same
weights, red and blue would cancel in every sum.

Run it: `python examples/learn/step4_train.py`
"""

import numpy as np
from step2_arrays import Tensor, draw, exp, grad, log, relu, sum_to
from step3_convolution import conv2d

SIZE, FILTERS, STEPS, RATE = 8, 4, 100, 1.0


# The data: `label` is +1 where red rises and -1 where red falls. The edge stands at a random place, and there is noise
# on every pixel.
def opponent_edges(n, rng):
    """Images (n, 3, SIZE, SIZE) and their labels (n, 1, 1, 1): +1 where red rises from left to right, else -1."""
    label = rng.choice([-1.0, 1.0], (n, 1, 1, 1))
    place = rng.uniform(2, SIZE - 3, (n, 1, 1, 1))
    edge = label * np.clip(np.arange(SIZE) - place, -0.5, 0.5)  # (n, 1, 1, SIZE)
    images = edge * np.array([1, 0, -1]).reshape(3, 1, 1)  # rises in red, flat in green, falls in blue
    return images + 0.1 * rng.normal(size=(n, 3, SIZE, SIZE)), label


# The network has three layers. A convolution gives each filter's answers. `relu` keeps the positive ones, and their
# mean over all positions says how much a filter has seen of its pattern. Last, `v` weighs the filters against each
# other, and the sum is one score for each image. A positive score is to mean that red rises.
#
# `w` may have one slice for all channels, (F, 1, 3, 3), instead of one for each, (F, 3, 3, 3). Then the multiplication
# by ones broadcasts it.
def network(images, w, v):
    """Images (n, 3, SIZE, SIZE), filters (F, 3 or 1, 3, 3) and weights (F, 1, 1) -> scores (n, 1, 1, 1)."""
    maps = relu(conv2d(images, w * np.ones((1, 3, 1, 1))))  # (n, F, P, Q)
    seen = sum_to(maps, (*maps.shape[:2], 1, 1)) * (1 / np.prod(maps.shape[2:]))  # (n, F, 1, 1)
    return sum_to(seen * v, (len(images), 1, 1, 1))


# The loss is near 0 where score and label agree in sign and the score is large. Where they differ in sign, it grows
# like the score.
def loss(scores, label):
    """The mean of log(1 + exp(-score·label))."""
    return sum_to(log(exp(scores * -label) + 1), ()) * (1 / len(label))


# Training: calculate the loss, ask for its gradient, and move every weight a little against it. That is all.
def train(w, v, images, label, steps=STEPS):
    """The weights after some steps of descent from `w` and `v`, and the loss before each step."""
    losses = []
    for _ in range(steps):
        now = loss(network(images, w, v), label)
        losses.append(float(now.array))
        w, v = [Tensor(p.array - RATE * g.array) for p, g in zip([w, v], grad(now, [w, v]), strict=True)]
    return w, v, losses


# We train three times on the same images. First from random weights. Then with one slice for all channels, as the
# questioner has it. Last, we begin with three equal slices, so that all edges cancel, but each slice may learn by
# itself.
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    images, label = opponent_edges(64, rng)
    unseen, truth = opponent_edges(500, rng)
    w, v = rng.normal(size=(FILTERS, 3, 3, 3)) / 5, rng.normal(size=(FILTERS, 1, 1)) / 2
    starts = {"random": w, "one for all": w[:, :1], "equal at first": w[:, :1] * np.ones((1, 3, 1, 1))}
    print("slices          first loss  last loss  right on unseen images")
    for name, start in starts.items():
        learned, weights, losses = train(Tensor(start), Tensor(v), images, label)
        right = np.mean(network(unseen, learned, weights).array * truth > 0)
        print(f"{name:15} {losses[0]:10.3f} {losses[-1]:10.3f} {right:12.1%}")

    # What has the last one learned?
    best = np.abs(weights.array).argmax()
    print(draw(np.hstack(learned.array[best])))
