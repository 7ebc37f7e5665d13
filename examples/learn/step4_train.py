"""Step 4: a network learns to see what one sum cancels.

This is a complete training, from nothing but steps 2 and 3. Each image shows an edge that rises in red where it falls
in blue, or the other way round. The network is to say which of the two. If a filter had the same weights for red and
blue, their answers would cancel in every sum, and it could not know.

Run it: `python examples/learn/step4_train.py`
"""

import numpy as np
from step2_arrays import Tensor, draw, exp, grad, log, relu, sum_to
from step3_convolution import conv2d

SIZE, FILTERS, STEPS, RATE = 8, 4, 100, 1.0


# First the data. `label` is +1 where the edge rises in red, and -1 where it falls. The edge stands at a random place,
# and there is some noise on every pixel.
def make_edges(n, rng):
    """Images (n, 3, SIZE, SIZE) and their labels (n, 1, 1, 1): +1 where red rises from left to right, else -1."""
    label = rng.choice([-1.0, 1.0], (n, 1, 1, 1))
    place = rng.uniform(2, SIZE - 3, (n, 1, 1, 1))
    edge = label * np.clip(np.arange(SIZE) - place, -0.5, 0.5)  # (n, 1, 1, SIZE)
    images = edge * np.array([1, 0, -1]).reshape(3, 1, 1)  # rises in red, flat in green, falls in blue
    return images + 0.1 * rng.normal(size=(n, 3, SIZE, SIZE)), label


# The network has three layers. The first is a convolution: each filter's answers. The second is `relu`, which keeps the
# positive answers; their mean over all positions says how much a filter has seen of its pattern. In the third, `v` has
# a weight for each filter, and the weighted sum is one *score* for each image. A positive score is to mean that red
# rises.
#
# `w` has a slice for each channel, (F, 3, 3, 3). It may also have one slice for all channels, (F, 1, 3, 3). Then
# multiplying by ones broadcasts it.
def score(images, w, v):
    """Images (n, 3, SIZE, SIZE), filters (F, 3 or 1, 3, 3) and weights (F, 1, 1) -> scores (n, 1, 1, 1)."""
    maps = relu(conv2d(images, w * np.ones((1, 3, 1, 1))))  # (n, F, P, Q)
    seen = sum_to(maps, (*maps.shape[:2], 1, 1)) * (1 / np.prod(maps.shape[2:]))  # (n, F, 1, 1)
    return sum_to(seen * v, (len(images), 1, 1, 1))


# The *loss* is one number that says how wrong the scores are. It is near 0 for an image if score and label have the
# same sign and the score is large. If they have different signs, it grows like the score.
def loss(scores, label):
    """The mean of log(1 + exp(-score·label))."""
    return sum_to(log(exp(scores * -label) + 1), ()) * (1 / len(label))


# Training: calculate the loss, ask for its gradient, and move every weight a little against it, so that the loss gets
# smaller. Again and again. That is all.
def train(w, v, images, label, steps=STEPS):
    """The weights after some steps of descent from `w` and `v`, and the loss before each step."""
    losses = []
    for _ in range(steps):
        now = loss(score(images, w, v), label)
        losses.append(float(now.array))
        w, v = [Tensor(p.array - RATE * g.array) for p, g in zip([w, v], grad(now, [w, v]), strict=True)]
    return w, v, losses


# We train three times on the same images. The first time, we start with random weights. The second time, each filter
# has one slice for all channels. The third time, there are three slices again, but they start out equal. So at first
# all edges cancel, but each slice can learn by itself.
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    images, label = make_edges(64, rng)
    unseen, truth = make_edges(500, rng)
    w, v = rng.normal(size=(FILTERS, 3, 3, 3)) / 5, rng.normal(size=(FILTERS, 1, 1)) / 2
    starts = {"random": w, "one for all": w[:, :1], "equal at first": w[:, :1] * np.ones((1, 3, 1, 1))}
    print("slices          first loss  last loss  right on unseen images")
    for name, start in starts.items():
        learned, weights, losses = train(Tensor(start), Tensor(v), images, label)
        right = np.mean(score(unseen, learned, weights).array * truth > 0)
        print(f"{name:15} {losses[0]:10.3f} {losses[-1]:10.3f} {right:12.1%}")

    # With one slice for all channels the network can only guess: about half of the images are right by chance. With
    # three slices it learns the task, even if they start out equal. So cancelling is not a dead end. The learned
    # weights of one filter are below: its slices for red, for green, and for blue. Blue has the opposite signs of red.
    # So what red and blue answer to these edges has the same sign now, and the sum keeps it.
    rows = draw(np.hstack(learned.array[np.abs(weights.array).argmax()])).splitlines()
    print("\n".join(f"{row[:3]}  {row[3:6]}  {row[6:]}" for row in rows))
